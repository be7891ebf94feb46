# %% [markdown]
# # Exercises 03: the generator, from samples alone
#
# **56 minutes · level: core · device: CPU · prerequisites: [lesson 03](../notebooks/03_generator_spectra.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
from koopcourse import check, plotting, setup

profile = setup("03")

# %%
import math

import torch

import koopteach as kt

# The playground: 1,000 points of a double well, 15 Gaussian bumps, and a line to draw functions on.
well = kt.DoubleWell(2.0)
x = well.sample(1000, profile.generator(1))
bumps = kt.GaussianRBF(torch.linspace(-1.7, 1.7, 15, dtype=torch.float64)[:, None], 0.3)
line = torch.linspace(-1.7, 1.7, 120, dtype=torch.float64)[:, None]

# %% [markdown]
# ## L03-E1 The Dirichlet form
#
# *core, 8 minutes, importance 3 of 3.* From the gradients `slopes` `(n, m, d)` of $m$ features at $n$ points return $S$ `(m, m)`,
#
# $$S_{ij}=\mathbb E[\nabla\psi_i\cdot\nabla\psi_j],$$
#
# the mean over the points of the scalar product of gradient $i$ with gradient $j$.
#
# *Example.* Two points, two features, the plane. At the first point the gradients are $(1,0)$ and $(2,1)$, at the second $(0,2)$ and $(0,1)$. Then
# $S_{12}=\frac12(2+2)=2$, and `S = [[2.5, 2], [2, 3]]`.
#
# *It must hold that* turning the coordinate system changes nothing, and that a second copy of every point changes nothing.


# %%
def dirichlet_form(slopes):
    """S_ij = E[grad psi_i . grad psi_j], (m, m)."""
    ### BEGIN SOLUTION
    n = len(slopes)
    return torch.einsum("nid,njd->ij", slopes, slopes) / n
    ### END SOLUTION


# %% tags=["check"]
dirichlet_form = check("L03-E1", dirichlet_form)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Two sums: over the coordinates, which makes a scalar product, and over the points, which makes an average. Only one of them is divided by its number of terms.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $S_{ij}=\frac1n\sum_{p=1}^n\sum_{\delta=1}^d\partial_\delta\psi_i(x_p)\,\partial_\delta\psi_j(x_p)$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# n = len(slopes)
# return torch.einsum("___,___->ij", slopes, slopes) / ___
# ```
#
# </details>

# %% [markdown]
# See it work. The energy $c^{\mathsf T}Sc$ of a function $\psi\cdot c$ is its mean squared slope. Bumps a few places apart have negative entries: where one climbs, the other falls.
#
# *Go further.* Where in the picture do you see the barrier?

# %%
S, G = dirichlet_form(bumps.grad(x)), bumps(x).T.cov(correction=0)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.6)
for ax, matrix, title in zip(axes, (G, S), ("G, covariance", "S, Dirichlet form")):
    top = float(matrix.abs().max())
    picture = ax.imshow(matrix.numpy(), cmap="PuOr_r", vmin=-top, vmax=top)
    ax.set(
        title=title, xlabel="bump", ylabel="bump", xticks=range(0, 15, 2), yticks=range(0, 15, 2)
    )
    fig.colorbar(picture, ax=ax, shrink=0.8)
plotting.finish(
    fig,
    "Two matrices of 15 by 15 bumps. G: two positive blocks, the wells, negative to each "
    "other. S: a narrow band, positive near the diagonal and negative beside it, faint in the"
    " middle, where the barrier is.",
)
c = torch.linspace(-1, 1, 15, dtype=torch.float64)
assert torch.allclose(c @ S @ c, (bumps.grad(x)[:, :, 0] @ c).square().mean())

# %% [markdown]
# ## L03-E2 The rates, in the space that the data see
#
# *core, 10 minutes, importance 3 of 3.* Return the eigenvalues of $Sa=\lambda Ga$, ascending, from `stiffness` $=S$ and `gram` $=G$, each `(m, m)`, and `tol`. $G$ may be singular: only directions of $G$
# with eigenvalues above `tol` times the largest one count. Whiten with those, as in lesson 02, and take the eigenvalues of $W^{\mathsf T}SW$. The result has as many entries as there are such directions. `tol` is well above the rounding of the dtype, and works in any units.
#
# *Example.* `stiffness = diag(2, 12, 1e-9)`, `gram = diag(1, 4, 1e-12)`, `tol = 1e-8`: the third direction is below $4\cdot10^{-8}$ and is dropped, the rates are `[2, 3]`.
#
# *It must hold that* the unit of the features does not matter, and that $S=5G$ has no rate but 5.


# %%
def generator_rates(stiffness, gram, tol):
    """Rates of S a = rate G a, ascending, without the directions that the data do not see."""
    ### BEGIN SOLUTION
    values, vectors = torch.linalg.eigh(gram)
    seen = values > tol * values[-1]
    W = vectors[:, seen] / values[seen].sqrt()
    return torch.linalg.eigvalsh(W.T @ stiffness @ W)
    ### END SOLUTION


# %% tags=["check"]
generator_rates = check("L03-E2", generator_rates)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# In coordinates in which $G$ is the identity the problem is an ordinary symmetric one. Directions that $G$ hardly sees cannot be scaled to length 1, so they go first.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $G=UeU^{\mathsf T}$, $W=U_{\text{kept}}\,e_{\text{kept}}^{-1/2}$, then $W^{\mathsf T}GW=I$ and $\lambda$ are the eigenvalues of $W^{\mathsf T}SW$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# values, vectors = torch.linalg.eigh(___)
# seen = values > ___
# W = vectors[:, seen] ___ values[seen].sqrt()
# return torch.linalg.eigvalsh(___)
# ```
#
# </details>

# %% [markdown]
# See it work: the rates of the double well from 1,000 points, with wider and wider bumps. The Gram matrix loses direction after direction; the slow rates do not care.
#
# *Go further.* Add a ridge to $G$ in place of the truncation, and watch the slowest rate.

# %%
widths = [0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2]
rates = []
for width in widths:
    psi = kt.GaussianRBF(bumps.centers, width)
    gram = psi(x).T.cov(correction=0)
    rates.append(generator_rates(dirichlet_form(psi.grad(x)), gram, 1e-8)[:3])
rates = torch.stack(rates)

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.4)
for k, (color, dash, marker) in zip(range(3), plotting.SERIES):
    exact = float(well.exact_rates(3)[k])
    ax.axhline(
        exact, color=plotting.COLORS["reference"], linewidth=0.8, label=None if k else "exact"
    )
    ax.loglog(widths, rates[:, k], dash, marker=marker, color=color, label=f"mode {k + 1}")
ax.set(xlabel="width of the bumps", ylabel="rate", ylim=(0.2, 100))
ax.set_xticks([0.1, 0.2, 0.4, 0.8], ["0.1", "0.2", "0.4", "0.8"])
ax.minorticks_off()
ax.legend(ncols=2, fontsize=8)
plotting.finish(
    fig,
    "Three rates of the double well against the width of the bumps, beside the exact ones: "
    "too large for bumps of width 0.1, which leave holes, and right from 0.15 to 0.8, "
    "although wide bumps are nearly copies of each other.",
)
assert torch.allclose(rates[3], kt.GeneratorEDMD(bumps).fit(x).spectrum(3).rates, rtol=1e-6)

# %% [markdown]
# ## L03-E3 Both sides of Feynman-Kac
#
# *core, 10 minutes, importance 2 of 3.* Walkers have started at one point $x$ and moved for the time `t`. Given $\phi(x)$ as `phi_start` `(r,)`, the values $\phi(X_t)$ of $n\ge2$ walkers as `phi_end` `(n, r)`, and the
# `rates` `(r,)`, return three tensors `(claim, mean, error)`, each `(r,)`: of equation (6),
#
# $$e^{-\lambda_kt}\,\phi_k(x)=\mathbb E[\phi_k(X_t)\mid X_0=x],$$
#
# the left side, the walkers' average for its right side, and the **standard error** of that average, from the standard deviation with $n-1$.
#
# *Example.* One mode with `phi_start = [2]`, `rates = [0.6931]`, which is $\log2$, and `t = 1`: the claim is `[1]`. Four walkers at `phi_end = [[0], [1], [2], [1]]` have the mean `[1]`; their
# variance is $2/3$, so the error is $\sqrt{(2/3)/4}$ = `[0.4082]`.
#
# *It must hold that* the claim at $t=0$ is `phi_start`, that walkers who scatter little around a large value get the right error, and that for a process with known eigenfunctions the sides agree within a few errors.


# %%
def feynman_kac(phi_start, phi_end, rates, t):
    """Claim, mean over the walkers and its standard error, each (r,)."""
    ### BEGIN SOLUTION
    claim = torch.exp(-rates * t) * phi_start
    mean = phi_end.mean(dim=0)
    error = phi_end.std(dim=0) / math.sqrt(len(phi_end))
    return claim, mean, error
    ### END SOLUTION


# %% tags=["check"]
feynman_kac = check("L03-E3", feynman_kac)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The walkers have decayed by walking. Only the claim knows the rates; only the experiment knows the walkers.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $e^{-\lambda_kt}\phi_k(x)$, $\ \bar\phi=\frac1n\sum_i\phi_k(X^i_t)$, and the variance of a mean of $n$ independent values is $\frac1n$ of theirs.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# claim = torch.exp(___) * ___
# mean = phi_end.mean(dim=0)
# error = ___ / ___
# return claim, mean, error
# ```
#
# </details>

# %% [markdown]
# See it work: a spectrum from 1,000 points is tested by 2,000 walkers from each of nine starts. How far are both sides apart, in errors?
#
# *Go further.* Raise the number of walkers to 20,000. Which modes fail now, and whose fault is it, the walkers' or the fit's?

# %%
spectrum = kt.GeneratorEDMD(bumps).fit(x).spectrum(3)
starts, t = torch.linspace(-1.4, 1.4, 9, dtype=torch.float64)[:, None], 0.15
walkers = starts.repeat_interleave(2000, dim=0)
end = kt.langevin_trajectory(
    well, walkers, n_steps=75, dt=0.002, every=75, generator=profile.generator(2)
)[-1]
sides = [
    feynman_kac(*pair, spectrum.rates, t)
    for pair in zip(spectrum(starts), spectrum(end).reshape(9, 2000, 3))
]
claim, mean, error = (torch.stack(part) for part in zip(*sides))
sign, smooth = claim[-1].sign(), torch.exp(-t * spectrum.rates) * spectrum(line)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.1, sharey=True)
for k, ax in enumerate(axes):
    ax.plot(line[:, 0], sign[k] * smooth[:, k], color=plotting.COLORS["reference"], label="claim")
    style = {
        "fmt": "o",
        "color": plotting.COLORS["model"],
        "capsize": 3,
        "label": "mean ± 2 errors",
    }
    ax.errorbar(starts[:, 0], sign[k] * mean[:, k], 2 * error[:, k], **style)
    ax.set(xlabel="start x", title=f"mode {k + 1}, t = {t}", ylim=(-1.7, 1.7))
axes[0].set_ylabel(r"$\phi_k$ after the time t")
axes[0].legend(loc="upper left", fontsize=8)
plotting.finish(
    fig,
    "Claims and measured means against the start for three modes after the time 0.15. The "
    "means lie on the claims or near them; the slow mode is nearly as large as at the start, "
    "the third one has nearly gone.",
)
assert ((mean - claim) / error).abs().max() < 8

# %% [markdown]
# ## L03-E4 The rates of a diffusion map
#
# *core, 12 minutes, importance 2 of 3.* From points `x` `(n, d)` build the walk of equation (3) with $\alpha=\frac12$ for the given `eps`,
#
# $$k_{ij}=e^{-|x_i-x_j|^2/4\varepsilon},\qquad q_j=\sum_ik_{ij},\qquad P_{ij}=\frac{k_{ij}\,q_j^{-1/2}}{\sum_lk_{il}\,q_l^{-1/2}},$$
#
# and return its `count` slowest rates $(1-\mu)/\varepsilon$, ascending, `(count,)`, from the eigenvalues $\mu$ of $P$. Leave out one zero rate, that of the constant; islands without a bridge have more of them.
#
# *Example.* `x = [[0], [1], [3]]`, `eps = 0.5`, `count = 2` give `[0.298, 1.550]`.
#
# *It must hold that* doubling all lengths and taking `4 * eps` makes every rate a quarter, that the order of the points does not matter, and that moving all of them far away changes nothing.


# %%
def walk_rates(x, eps, count):
    """The slowest rates of a diffusion map, (count,)."""
    ### BEGIN SOLUTION
    square = ((x[:, None] - x) ** 2).sum(dim=2)
    k = torch.exp(-square / (4 * eps))
    k = k / k.sum(dim=1).sqrt()
    P = k / k.sum(dim=1, keepdim=True)
    mu = torch.linalg.eigvals(P).real.sort(descending=True).values
    return (1 - mu[1 : count + 1]) / eps
    ### END SOLUTION


# %% tags=["check"]
walk_rates = check("L03-E4", walk_rates)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Three steps: kernels between all points; divide column $j$ by the root of its density estimate; make rows sum to one. The eigenvalues of the result are real, as it is similar to a symmetric matrix.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# `x[:, None] - x` holds all differences, `(n, n, d)`. (`torch.cdist` is quicker, but loses digits far from the origin.) Column $j$ is divided by $\sqrt{q_j}$, then each row by its sum. The largest eigenvalue is 1.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# square = ((x[:, None] - x) ** 2).sum(dim=2)
# k = torch.exp(-square / (___))
# k = k / ___
# P = k / k.sum(dim=___, keepdim=True)
# mu = torch.linalg.eigvals(P).real.sort(descending=True).values
# return ___
# ```
#
# </details>

# %% [markdown]
# See it work, on 300 of the points, with kernels from too narrow to too wide. No rate can exceed the dashed line, $1/\varepsilon$.
#
# *Go further.* Replace $(1-\mu)/\varepsilon$ by $-\log(\mu)/\varepsilon$. Which is nearer to the truth for a fast mode, and why are both right in the limit?

# %%
few = x[:300]
lengths = [0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 0.8]
rates = torch.stack([walk_rates(few, b**2 / 2, 3) for b in lengths])

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.4)
for k, (color, dash, marker) in zip(range(3), plotting.SERIES):
    exact = float(well.exact_rates(3)[k])
    ax.axhline(
        exact, color=plotting.COLORS["reference"], linewidth=0.8, label=None if k else "exact"
    )
    ax.loglog(
        lengths,
        rates[:, k].clamp_min(0.03),
        dash,
        marker=marker,
        color=color,
        label=f"mode {k + 1}",
    )
ax.plot(
    lengths,
    [2 / b**2 for b in lengths],
    "--",
    color=plotting.COLORS["floor"],
    label=r"$1/\varepsilon$",
)
ax.set(xlabel=r"bandwidth, $\sqrt{2\varepsilon}$", ylabel="rate", ylim=(0.02, 100))
ax.set_xticks([0.03, 0.1, 0.3, 0.8], ["0.03", "0.1", "0.3", "0.8"])
ax.minorticks_off()
ax.legend(fontsize=8, loc="lower right", ncols=2)
plotting.finish(
    fig,
    "Rates of a diffusion map of 300 points against the bandwidth. Narrow kernels make "
    "islands, with rates far too small; in the middle the rates are near the exact ones; wide"
    " kernels cannot resolve fast modes, whose rates end below 1/eps.",
)
assert torch.allclose(rates[4], kt.DiffusionMaps(0.2).fit(few).spectrum(3).rates, rtol=1e-6)

# %% [markdown]
# ## L03-E5 Off the samples
#
# *core, 8 minutes, importance 2 of 3.* An eigenvector `psi` of the walk has one value a sample. Extend it to new points `u` `(p, d)` by equation (4),
#
# $$\phi(u)=\frac1\mu\sum_jp_j(u)\,\psi_j,\qquad p_j(u)\propto e^{-|u-x_j|^2/4\varepsilon}\,q_j^{-1/2},\qquad\sum_jp_j(u)=1,$$
#
# from the samples `x` `(n, d)`, their `q` `(n,)`, several eigenvectors `psi` `(n, r)` with eigenvalues `mu` `(r,)`, and `eps`. Return `(p, r)`.
#
# *Example.* One new point `u = [[0]]` midway between the samples `[[-1], [1]]` with `q = [1, 4]`: the weights are as $1:\frac12$, so $p=(\frac23,\frac13)$. With `psi = [[3], [0]]` and `mu = [0.5]` the value is
# $\frac1{0.5}\cdot\frac23\cdot3$ = `[[4]]`.
#
# *It must hold that* at the samples an eigenvector comes back, and that a constant with $\mu=1$ stays constant: also where $u$ is so far away that every kernel underflows, and where all points are far from the origin.


# %%
def extend(u, x, q, psi, mu, eps):
    """Eigenfunctions at new points, (p, r)."""
    ### BEGIN SOLUTION
    square = ((u[:, None] - x) ** 2).sum(dim=2)
    logs = -square / (4 * eps) - q.log() / 2
    return torch.softmax(logs, dim=1) @ psi / mu
    ### END SOLUTION


# %% tags=["check"]
extend = check("L03-E5", extend)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Let a walker make one jump from $u$ to the samples, with the probabilities of the walk. The expected $\psi$ is what the value at $u$ has decayed to in one jump.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Weights $w_j=e^{-|u-x_j|^2/4\varepsilon}/\sqrt{q_j}$, probabilities $p_j=w_j/\sum_lw_l$, value $\frac1\mu\sum_jp_j\psi_j$. `torch.softmax` makes $p$ from the logarithms $\log w_j$, and never divides zero by zero.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# square = ((u[:, None] - x) ** 2).sum(dim=2)
# logs = -square / (___) - ___
# return torch.softmax(logs, dim=___) @ ___
# ```
#
# </details>

# %% [markdown]
# See it work: eigenvectors on 300 samples, dots, and your extension, lines. Beyond the last sample the nearest ones decide.
#
# *Go further.* Forget the division by $\mu$. For which mode do lines and dots part most, and by which factor?

# %%
eps = 0.2**2 / 2
k = torch.exp(-(torch.cdist(few, few) ** 2) / (4 * eps))
q = k.sum(dim=1)
root = (k / q.sqrt() / q.sqrt()[:, None]).sum(dim=1).sqrt()  # makes the walk symmetric
mu, vectors = torch.linalg.eigh(k / torch.outer(q.sqrt() * root, q.sqrt() * root))
mu, psi = mu.flip(0)[1:4], (vectors / root[:, None]).flip(1)[:, 1:4]
psi = psi / psi.square().mean(0).sqrt() * psi[few[:, 0].argmax()].sign()
phi = extend(line, few, q, psi, mu, eps)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.0, sharey=True)
for k, ax in enumerate(axes):
    ax.plot(
        few[:, 0], psi[:, k], ".", color=plotting.COLORS["data"], markersize=4, label="eigenvector"
    )
    ax.plot(line[:, 0], phi[:, k], color=plotting.COLORS["model"], linewidth=1.2, label="extension")
    ax.set(xlabel="x", title=f"mode {k + 1}", ylim=(-4.2, 4.2))
axes[0].set_ylabel("value")
axes[0].legend(loc="lower right", fontsize=8)
plotting.finish(
    fig,
    "Three eigenvectors of a diffusion map as dots on the samples; the extension is a line "
    "through all of them.",
)
assert (extend(few, few, q, psi, mu, eps) - psi).abs().max() < 1e-6

# %% [markdown]
# ## L03-E6 The score of a density estimate
#
# *core, 8 minutes, importance 2 of 3.* Put a Gaussian of standard deviation $b$ on each datum. Return the gradient of the logarithm of their mean at points `u` `(p, d)`, from the data `x` `(n, d)` and `bandwidth` $=b$:
#
# $$s_b(u)=\frac{\sum_jp_j(u)\,x_j-u}{b^2},\qquad p_j(u)\propto e^{-|u-x_j|^2/2b^2},\qquad\sum_jp_j(u)=1.$$
#
# *Example.* Data `[[-1], [1]]`, `bandwidth = 1`. At `u = 0` both pull alike, the score is 0. At `u = 1` the weights are as $e^{-2}:1$, that is $0.119$ and $0.881$; their mean is $0.762$, the score $-0.238$.
#
# *It must hold that* a single point pulls straight and linearly, also from so far away that every kernel underflows, and that moving data and points together changes nothing, even a million bandwidths.


# %%
def score(u, x, bandwidth):
    """Gradient of the logarithm of the density estimate, (p, d)."""
    ### BEGIN SOLUTION
    square = ((u[:, None] - x) ** 2).sum(dim=2)
    p = torch.softmax(-square / (2 * bandwidth**2), dim=1)
    return (p @ x - u) / bandwidth**2
    ### END SOLUTION


# %% tags=["check"]
score = check("L03-E6", score)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Each datum pulls $u$ towards itself, and has a say in proportion to its kernel at $u$. `torch.softmax` makes such shares from exponents.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\nabla\log\sum_je^{-|u-x_j|^2/2b^2}=\sum_jp_j(u)\,\frac{x_j-u}{b^2}$, with $p$ the softmax of the exponents.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# square = ___
# p = torch.softmax(___ / (2 * bandwidth**2), dim=1)
# return (___) / ___
# ```
#
# </details>

# %% [markdown]
# See it work: your score of 1,000 points at three bandwidths beside the true one. Where it crosses zero upwards there is a barrier, and its slope there says how sharp.
#
# *Go further.* Make pairs with your score and fit `EDMD` with `reversible=True` and `False`. Which of them notices the bandwidth?

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.1, sharey=True)
error = {}
for ax, b in zip(axes, (0.05, 0.2, 0.6)):
    mine = score(line, x, b)
    ax.plot(line[:, 0], well.score(line)[:, 0], color=plotting.COLORS["reference"], label="exact")
    ax.plot(line[:, 0], mine[:, 0], "--", color=plotting.COLORS["model"], label="estimate")
    ax.set(xlabel="x", title=f"bandwidth {b}", ylim=(-18, 18))
    error[b] = float((score(x, x, b) - well.score(x)).square().mean().sqrt())
axes[0].set_ylabel("score")
axes[0].legend(loc="upper right", fontsize=8)
plotting.finish(
    fig,
    "The score of a density estimate of the double well at three bandwidths beside the exact "
    "one: jagged at 0.05, close at 0.2, far too flat at 0.6.",
)
assert torch.allclose(score(line, x, 0.2), kt.kde_score(x, 0.2)(line)) and error[0.2] < min(
    error[0.05], error[0.6]
)

# %% [markdown]
# # Exercises 02: the Koopman operator from snapshot pairs
#
# **45 minutes · level: core · device: CPU · prerequisites: [lesson 02](../notebooks/02_edmd.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
from koopcourse import check, plotting, setup

profile = setup("02")

# %%
import math

import torch

import koopteach as kt
import koopcourse as kc

# The playground: pairs of a double well, 0.1 apart, and 12 Gaussian bumps. The constant function
# is a feature, too.
well, lag = kt.DoubleWell(2.0), 0.1
x, y = kt.snapshot_pairs(well, 10_000, lag=lag, generator=profile.generator(1))
bumps = kt.GaussianRBF(torch.linspace(-1.6, 1.6, 12, dtype=torch.float64)[:, None], 0.3)


def with_constant(dictionary, x):
    return torch.cat([torch.ones_like(x), dictionary(x)], dim=1)


psi_x, psi_y = with_constant(bumps, x), with_constant(bumps, y)

# %% [markdown]
# ## L02-E1 The two matrices of EDMD
#
# *warm-up, 6 minutes, importance 3 of 3.* From the features `psi_x` and `psi_y`, each `(n, m)`, row $i$ for pair $i$, return the two matrices of equation (3),
#
# $$G=\frac1n\sum_i\psi(x_i)\,\psi(x_i)^{\mathsf T},\qquad A=\frac1n\sum_i\psi(x_i)\,\psi(y_i)^{\mathsf T},$$
#
# each `(m, m)`, as the pair `(G, A)`.
#
# *Example.* Two pairs, two features, the first of which is the constant: `psi_x = [[1, 0], [1, 2]]` and `psi_y = [[1, 1], [1, 3]]` give
# `G = [[1, 1], [1, 2]]` and `A = [[1, 2], [1, 3]]`.
#
# *It must hold that* $A=G$ where nothing moved, and that three times the features of `y` make three times $A$.


# %%
def gram_matrices(psi_x, psi_y):
    """The matrices G and A, each (m, m)."""
    ### BEGIN SOLUTION
    n = len(psi_x)
    return psi_x.T @ psi_x / n, psi_x.T @ psi_y / n
    ### END SOLUTION


# %% tags=["check"]
gram_matrices = check("L02-E1", gram_matrices)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Each entry compares two features, averaged over all pairs. The sum over the pairs is what a matrix product does.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With the features as rows of $\Psi_x$, $\Psi_y$: $G=\Psi_x^{\mathsf T}\Psi_x/n$ and $A=\Psi_x^{\mathsf T}\Psi_y/n$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# n = len(psi_x)
# return ___ / n, ___ / n
# ```
#
# </details>

# %% [markdown]
# See it work. $G$ shows which bumps overlap. In $A-G$ you see what moved during one lag: from the diagonal (purple, lost) to the neighbours (orange, gained).
#
# *Go further.* Where does the row of the constant feature in $A$ come from? What should it equal in equilibrium, and how far off is it here?

# %%
G, A = gram_matrices(psi_x, psi_y)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.6)
for ax, matrix, title in zip(axes, (G, A - G), ("G", "A - G")):
    top = float(matrix[1:, 1:].abs().max())
    picture = ax.imshow(matrix[1:, 1:].numpy(), cmap="PuOr_r", vmin=-top, vmax=top)
    ax.set(
        title=title,
        xlabel="bump of y" if title != "G" else "bump",
        ylabel="bump of x" if title != "G" else "bump",
    )
    fig.colorbar(picture, ax=ax, shrink=0.8)
plotting.finish(
    fig,
    "Two matrices of 12 by 12 bumps. G is a band with two bright blocks, the wells. A minus G"
    " is negative on the band within each well and positive beside it: mass spread from each "
    "bump to others.",
)
assert torch.allclose(A.sum(), (psi_x.sum(1) * psi_y.sum(1)).mean())

# %% [markdown]
# ## L02-E2 The Koopman matrix
#
# *core, 8 minutes, importance 3 of 3.* From `gram` $=G$ and `cross` $=A$, each `(m, m)`, return $\mathbf K=G^+A$, `(m, m)`. $G$ may be singular, because features may be redundant or zero on all the data: use the pseudo-inverse $G^+$, not the inverse. Every eigenvalue of $G$ is either above $10^{-10}$ times the largest, whatever the features' unit, or zero but for rounding, and then it counts as zero.
#
# *Example.* `gram = [[2, 0], [0, 4]]`, `cross = [[1, 2], [2, 2]]`: row 1 is divided by 2 and row 2 by 4, `K = [[0.5, 1], [0.5, 0.5]]`.
#
# *It must hold that* $G\mathbf K=A$ where $G$ is regular, that $\mathbf K$ is the identity matrix where nothing moved, and that its eigenvalues give the rates of `koopteach.EDMD(reversible=False)`.


# %%
def koopman_matrix(gram, cross):
    """K = G^+ A, (m, m)."""
    ### BEGIN SOLUTION
    inverse = torch.linalg.pinv(gram, rtol=1e-10, hermitian=True)
    return inverse @ cross
    ### END SOLUTION


# %% tags=["check"]
koopman_matrix = check("L02-E2", koopman_matrix)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# It is the normal equation of linear regression: column $j$ of $\mathbf K$ holds the coefficients that predict feature $j$ of tomorrow from the features of today.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $G\mathbf K=A$, hence $\mathbf K=G^+A$ with $G^+$ on the left. `torch.linalg.pinv` makes $G^+$; it leaves out directions whose eigenvalue is below `rtol` times the largest.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# inverse = torch.linalg.pinv(___, rtol=___, hermitian=True)
# return ___
# ```
#
# </details>

# %% [markdown]
# See it work. The eigenvalues of your matrix, beside $e^{-\lambda\tau}$ with the exact rates:
#
# *Go further.* Use each pair in both directions: give `gram_matrices` the features of `x` and `y` stacked, and of `y` and `x` stacked. Which property do the eigenvalues gain?

# %%
K = koopman_matrix(G, A)
mu, C = torch.linalg.eig(K)
order = mu.abs().argsort(descending=True)
mu, C = mu[order].real, C[:, order].real
exact = torch.exp(-lag * torch.cat([torch.zeros(1), well.exact_rates(3)]))
kc.show("eigenvalues", mu[:4], 2)
kc.show("exact      ", exact, 2)
line = torch.linspace(-1.6, 1.6, 120, dtype=torch.float64)[:, None]
phi = with_constant(bumps, line) @ C[:, 1:4]
phi = phi / (psi_x @ C[:, 1:4]).square().mean(0).sqrt()

# %% tags=["collapsed"]
plotting.curves(
    line[:, 0],
    {f"mu = {mu[k + 1]:.2f}": phi[:, k] * phi[-1, k].sign() for k in range(3)},
    xlabel="x",
    ylabel="eigenfunction",
    title="slow questions about a double well",
    alt="Three eigenfunctions of the double well from the Koopman matrix: a smooth step from the "
    "left to the right well, one with two and one with three changes of sign.",
)
assert (mu[:4] - exact).abs().max() < 0.05

# %% [markdown]
# ## L02-E3 From eigenvalues to rates
#
# *warm-up, 5 minutes, importance 3 of 3.* Return the rates that belong to the eigenvalues `mu` `(r,)`, $0<\mu\le1$ and however small, of pairs that are a time `lag` apart: a tensor `(r,)`.
#
# *Example.* With `lag = 0.1` and `mu = [1, 0.9, 0.5]` the rates are `[0, 1.05, 6.93]`.
#
# *It must hold that* $e^{-3\,\mathrm{lag}}$ has the rate 3, and that squared eigenvalues at twice the lag have the same rates.


# %%
def rates(mu, lag):
    """The rate of each eigenvalue, (r,)."""
    ### BEGIN SOLUTION
    return -torch.log(mu) / lag
    ### END SOLUTION


# %% tags=["check"]
rates = check("L02-E3", rates)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# An eigenfunction's expected value decays exponentially in time. After one lag it has fallen to the share $\mu$.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Solve $\mu=e^{-\lambda\tau}$ for $\lambda$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# return -___ / ___
# ```
#
# </details>

# %%
mine = rates(mu[1:4], lag)
package = kt.EDMD(bumps, lag=lag, reversible=False).fit(x, y).spectrum(3)
kc.show("your rates     ", mine, 2)
kc.show("koopteach.EDMD ", package.rates.real, 2)
kc.show("exact          ", well.exact_rates(3), 2)

# %% tags=["collapsed"]
# both columns are the same estimate
assert torch.allclose(mine, package.rates.real, rtol=0.02)

# %% [markdown]
# *Go further.* By how much does $(1-\mu)/\tau$ miss the third rate? At which lag would it miss by less than 1 %?

# %% [markdown]
# ## L02-E4 Relaxation times on two clocks
#
# *core, 8 minutes, importance 2 of 3.* A physicist simulates $dX=-\nabla V\,dt+\sqrt{2/\beta}\,dW$, records pairs that are `lag` apart **on their clock**, and finds the eigenvalues `mu` `(r,)`, $0<\mu<1$ and however small (that of the constant, 1, which never decays, is left out). Return the pair of tensors
# `(theirs, ours)`, each `(r,)`: the relaxation times on the physicist's clock, and those of the same system in the course's clock, $dX=-\beta\nabla V\,dt+\sqrt2\,dW$.
#
# *Example.* `mu = [0.3679, 0.1353]`, which is $[e^{-1},e^{-2}]$, `lag = 2` and `beta = 4` give `theirs = [2, 1]` and `ours = [0.5, 0.25]`.
#
# *It must hold that* the clocks agree at `beta = 1`, and that squared eigenvalues at twice the lag change nothing.


# %%
def relaxation_times(mu, lag, beta):
    """Relaxation times on the physicist's clock and on ours, each (r,)."""
    ### BEGIN SOLUTION
    theirs = -lag / torch.log(mu)
    return theirs, theirs / beta
    ### END SOLUTION


# %% tags=["check"]
relaxation_times = check("L02-E4", relaxation_times)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A relaxation time is one over a rate. Then compare the forces: on which clock do things happen faster, and by which factor?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# A step $h$ of the physicist is a step $h/\beta$ of ours: $h\,(-\nabla V)=\frac h\beta(-\beta\nabla V)$, and the noise agrees, $2h/\beta$. All times scale alike.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# theirs = ___
# return theirs, theirs ___ beta
# ```
#
# </details>

# %% [markdown]
# See it work. A physicist's double wells: simulated on their clock, 10,000 pairs for each $\beta$, beside their estimate $e^\beta/1.80$ and the exact time.
#
# *Go further.* A third person records one frame in a thousand and calls that a unit of time. What do they need to tell you before you can use their rates? What can you use without being told?


# %%
def physicist_pairs(beta, n=10_000, h=0.01, n_steps=100):
    """Pairs one unit of the physicist's time apart."""
    source, x = (
        profile.generator(10 + int(2 * beta)),
        kt.DoubleWell(beta).sample(n, profile.generator(int(2 * beta))),
    )
    z = x
    for _ in range(n_steps):
        noise = torch.randn(z.shape, generator=source, dtype=z.dtype)
        z = z - 4 * z * (z**2 - 1) * h + math.sqrt(2 * h / beta) * noise
    return x, z


betas = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
theirs, ours = [], []
for beta in betas:
    both = [with_constant(bumps, z) for z in physicist_pairs(beta)]
    G, A = gram_matrices(torch.cat(both), torch.cat(both[::-1]))
    slowest = torch.linalg.eigvals(koopman_matrix(G, A)).real.sort().values[-2:-1]
    for times, found in zip((theirs, ours), relaxation_times(slowest, 1.0, beta)):
        times.append(float(found[0]))
exact = torch.tensor([1 / float(kt.DoubleWell(beta).exact_rates(1)) for beta in betas])

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.4)
ax.plot(betas, exact * torch.tensor(betas), color=plotting.COLORS["reference"], label="exact")
ax.plot(betas, exact, color=plotting.COLORS["reference"])
ax.plot(
    betas,
    [math.exp(beta) / 1.80 for beta in betas],
    "--",
    color=plotting.COLORS["error"],
    label=r"$e^\beta/1.80$",
)
ax.plot(betas, theirs, "o", color=plotting.COLORS["model"], label="physicist's clock")
ax.plot(betas, ours, "s", color=plotting.COLORS["rival"], label="our clock")
ax.set(yscale="log", xlabel=r"$\beta$", ylabel="relaxation time", title="one system, two clocks")
ax.set_yticks([1, 3, 10, 30], ["1", "3", "10", "30"])
ax.minorticks_off()
ax.legend(loc="upper left")
plotting.finish(
    fig,
    "Relaxation time of the double well against beta on a logarithmic axis. Points on the "
    "physicist's clock follow their exact curve, which nears e to the beta over 1.80; points "
    "on our clock lie lower by the factor beta, on theirs.",
)
assert all(abs(a / (beta * float(b)) - 1) < 0.25 for a, b, beta in zip(theirs, exact, betas))

# %% [markdown]
# ## L02-E5 Decay and frequency
#
# *core, 8 minutes, importance 2 of 3.* Data that rotate have complex eigenvalues $\mu=e^{-\lambda\tau}$. Given `mu` `(r,)`, complex, and the `lag`, return the pair of real tensors `(decay, frequency)`, each `(r,)`: $|\mu|$ shrinks by $e^{-\text{decay}\cdot\tau}$ in one lag, and $\mu$ has turned by the angle $\text{frequency}\cdot\tau$, anticlockwise positive, between $-\pi$ and $\pi$; half a turn counts as $+\pi$ (where its imaginary part is $-0$, either sign will do).
#
# *Example.* `lag = 0.5` and `mu = [0.5i, 0.3679]`. The first shrinks to one half and makes a quarter turn: decay 1.386, frequency 3.142. The second is $e^{-1}$: decay 2, frequency 0.
#
# *It must hold that* conjugate eigenvalues decay alike and turn in opposite directions, and that decay and frequency give $\mu$ back.


# %%
def decay_and_frequency(mu, lag):
    """Decay rate and angular frequency of each complex eigenvalue, each (r,)."""
    ### BEGIN SOLUTION
    decay = -torch.log(mu.abs()) / lag
    frequency = torch.angle(mu) / lag
    return decay, frequency
    ### END SOLUTION


# %% tags=["check"]
decay_and_frequency = check("L02-E5", decay_and_frequency)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A complex number is a length and an angle. Multiplying by $\mu$ shrinks by the length and turns by the angle.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\mu=|\mu|\,e^{i\arg\mu}$, so the decay is $-\log|\mu|/\tau$ and the frequency $\arg(\mu)/\tau$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# decay = -torch.log(___) / lag
# frequency = ___ / lag
# return decay, frequency
# ```
#
# </details>

# %% [markdown]
# See it work, and see it fail. An Ornstein-Uhlenbeck process turns with $\omega=4$. We measure with one lag after the other, with the features 1, $x_1$, $x_2$:
#
# *Go further.* From lag 0.79 on the wheel seems to turn backwards. Two lags are available, 0.9 and 1.0. How do you find the true frequency?

# %%
omega = 4.0
turning = kt.OrnsteinUhlenbeck(2, rotation=omega)
lags = torch.linspace(0.05, 1.5, 30).tolist()
found = []
for tau in lags:
    a, b = kt.snapshot_pairs(turning, 10_000, lag=tau, generator=profile.generator(40))
    a, b = (torch.cat([torch.ones_like(z[:, :1]), z], dim=1) for z in (a, b))
    values = torch.linalg.eigvals(koopman_matrix(*gram_matrices(a, b)))
    upper = values[values.imag.argmax()][
        None
    ]  # of a conjugate pair, the one that turns anticlockwise
    found.append([float(part) for part in decay_and_frequency(upper, tau)])
decays, frequencies = torch.tensor(found).T
highest = [math.pi / tau for tau in lags]

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.4)
ax.plot(lags, frequencies, "o", color=plotting.COLORS["model"], label="frequency")
ax.plot(lags, decays, "s", color=plotting.COLORS["rival"], label="decay")
ax.plot(lags, highest, "--", color=plotting.COLORS["error"], label=r"$\pi$ / lag")
ax.hlines([omega, 1], 0, 1.5, color=plotting.COLORS["reference"], linewidth=0.8)
ax.set(xlabel="lag", ylabel="1/time", ylim=(0, 7), title="a wheel in a film")
ax.legend(loc="upper right", fontsize=8)
plotting.finish(
    fig,
    "Measured frequency and decay of a rotating process against the lag. Decay stays near 1. "
    "The frequency is 4 until pi over the lag falls below 4 at lag 0.79; then it is mirrored,"
    " and falls to nearly nothing at the end.",
)
assert all(abs(f - omega) < 0.3 for f, tau in zip(frequencies, lags) if tau < 0.7)

# %% [markdown]
# ## L02-E6 Whitening with truncation
#
# *challenge, 10 minutes, importance 3 of 3.* Let $G=U\,\mathrm{diag}(e)\,U^{\mathsf T}$, with eigenvalues `values` $=e$ `(m,)` and eigenvectors `vectors` $=U$ `(m, m)`, one a column, as `torch.linalg.eigh` returns them: ascending, the smallest perhaps below zero by rounding. **Whitening** makes new features,
# uncorrelated and of size one. Return the matrix $W=U e^{-1/2}$ `(m, q)`, built from the $q$ directions with $e_k>\mathrm{tol}\cdot e_{\max}$ alone, in their order.
#
# *Example.* `values = [0.02, 4, 100]`, `vectors = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]`, `tol = 1e-3`. The first direction is below $10^{-3}\cdot100$ and goes; the others are divided by 2 and 10: `W = [[0.5, 0], [0, 0.1], [0, 0]]`.
#
# *It must hold that* $W^{\mathsf T}GW$ is the identity matrix, and that features ten times as large make $W$ ten times smaller: a tolerance must not know the unit.


# %%
def whitening(values, vectors, tol):
    """W with W^T G W = 1 on the directions that are kept, (m, q)."""
    ### BEGIN SOLUTION
    keep = values > tol * values.max()
    return vectors[:, keep] / torch.sqrt(values[keep])
    ### END SOLUTION


# %% tags=["check"]
whitening = check("L02-E6", whitening)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Along eigenvector $k$ the features have the mean square $e_k$. Dividing by its root makes that one. Where $e_k$ is nothing but rounding, the division makes noise as large as everything else.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Column $k$ of $W$ is $U_{\cdot k}/\sqrt{e_k}$. Choose the columns by a mask, and let broadcasting divide each.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# keep = values > ___
# return vectors[:, keep] / ___
# ```
#
# </details>

# %% [markdown]
# See it work. Bumps so wide that $G$ is singular to rounding. With your $W$ the problem becomes an ordinary eigenproblem for $W^{\mathsf T}AW$. Without truncation, eigenvalues above 1 or complex ones are free to appear; with it, none does.
#
# *Go further.* Add $10^{-8}e_{\max}$ to every $e_k$ in place of dropping any: a ridge. Is it as good? Then compute the *Dirichlet energy* of each eigenfunction. Lesson 03 shows why a ridge on $G$ alone is a disaster there.

# %%
wide = kt.GaussianRBF(torch.linspace(-1.8, 1.8, 25, dtype=torch.float64)[:, None], 1.2)
G, A = gram_matrices(with_constant(wide, x), with_constant(wide, y))
values, vectors = torch.linalg.eigh(G)

# %% tags=["collapsed", "nbval-ignore-output"]
fig, axes = plotting.new_figure(2, height=3.6)
angle, found = torch.linspace(0, 2 * math.pi, 200), {}
exact = torch.exp(-lag * torch.cat([torch.zeros(1), well.exact_rates(3)]))
for ax, tol in zip(axes, (1e-18, 1e-8)):
    W = whitening(values, vectors, tol)
    found[tol] = torch.linalg.eigvals(W.T @ A @ W)
    ax.plot(angle.cos(), angle.sin(), color=plotting.COLORS["floor"], linewidth=1)
    ax.plot(
        exact, torch.zeros(4), "x", color=plotting.COLORS["reference"], markersize=8, label="exact"
    )
    ax.plot(
        found[tol].real,
        found[tol].imag,
        "o",
        color=plotting.COLORS["model"],
        label=f"{W.shape[1]} directions",
    )
    ax.set(
        xlim=(-2, 2),
        ylim=(-2, 2),
        aspect="equal",
        xlabel=r"Re $\mu$",
        ylabel=r"Im $\mu$",
        title=f"tol = {tol:g}",
    )
    # below: where rounding throws an eigenvalue is another place on another machine
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=2, fontsize=8)
plotting.finish(
    fig,
    "Eigenvalues of the whitened problem in the plane with the unit circle. With hardly any "
    "truncation some lie far from the exact ones; with tolerance 1e-8 they lie on the exact "
    "ones.",
)
assert found[1e-8].abs().max() < 1 + 1e-6
assert (found[1e-8].abs().sort(descending=True).values[:3] - exact[:3]).abs().max() < 0.05

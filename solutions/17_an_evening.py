# %% [markdown]
# # One evening: stuck, seen, moved, in one step
#
# **90 minutes · level: warm-up · device: CPU is enough · prerequisites: linear algebra, probability, some Python**
#
# Drawing samples from a distribution is slow, for two reasons. A random walk is **metastable** (stuck): it hardly ever leaves a mode. A flow from noise to data bends, and a solver has
# to follow each bend. Both have one cure: find the functions in which the motion is *linear*. Those are the eigenfunctions of an operator named after Koopman, and this evening is
# the shortest way to see them at work: four parts, in each a picture, an idea and one function for you to write.
#
# Write your answers where it says `YOUR CODE HERE`, run the cell and the check below it. A check says what is wrong, as often as you like. Until it passes,
# the notebook goes on with the course's answer, so nothing ever blocks you.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("17")

# %% [markdown]
# ## Part one: stuck
#
# The target, a density $\pi$, has eight narrow bumps on a ring, its *modes*. 400 walkers start in one of them and follow the **Langevin dynamics**: steps of size $h$ up the gradient of $\log\pi$, the **score**, plus noise,
#
# $$x\leftarrow x+h\,\nabla\log\pi(x)+\sqrt{2h}\,\xi,\qquad\xi\sim N(0,I). \tag{1}$$
#
# In the long run they sample $\pi$. Here they are after 2,000 steps, 20 units of time, beside exact samples.

# %%
import math

import torch

from koopcourse import check, plotting

ring = kt.GaussianMixture.ring(8, radius=3.0, std=0.25)
# profile.generator(1) is a seeded source of randomness: your pictures are ours.
start = ring.modes[0] + 0.3 * torch.randn(
    400, 2, dtype=torch.float64, generator=profile.generator(1)
)
walk = kt.run_particles(
    kt.ULA(ring, step_size=0.01),
    start,
    n_steps=2000,
    record_every=2000,
    generator=profile.generator(2),
).final
exact = ring.sample(400, profile.generator(3))

# %% tags=["collapsed"]
plotting.compare(
    {"start": start, "Langevin, 2,000 steps": walk},
    exact,
    (-4.4, 4.4),
    log_prob=ring.log_prob,
    alt="Left, all particles in one mode. Middle, after 2,000 Langevin steps: still there but for a"
    " handful in the two neighbours. Right, exact samples in eight modes.",
)
reached = (kt.mode_weights(walk, ring.modes) > 0.01).sum()
kc.show("modes that hold more than one walker in a hundred", int(reached))
assert reached < 4

# %% [markdown]
# The walkers know the score everywhere, and it tells them nothing about the other modes: in between lies a desert where the density is a twenty thousandth of its peak. The waiting time grows as the exponential of the **barrier**, the drop of $\log\pi$ on the way.

# %% [markdown]
# ## L17-E1 A Langevin chain, thinned
#
# *core, 10 minutes, importance 3 of 3.* Write down (1), for all walkers at once. You are given the function `score`, `(n, d) -> (n, d)`, the starts `x0` `(n, d)`, the step `h`, and the normal numbers
# $\xi$ of all steps, `noise` `(n_steps, n, d)`. Keep the start and then the state after each `every`-th step. Return `(n_steps // every + 1, n, d)`, and leave `x0` as it is.
#
# *Example.* One walker at 2 on the line, `score(x) = -4 x`, `h = 0.125`, so that $h$ times the score is $-x/2$ and $\sqrt{2h}=1/2$, and the noise is 0, -1, 2, 1. It visits 2, then $2-1+0=1$, then $1-\frac12-\frac12=0$,
# then 1, 1. With `every = 2` the answer is `[[[2]], [[0]], [[1]]]`.


# %%
def langevin_chain(score, x0, h, noise, every):
    """The start and every every-th state, (n_steps // every + 1, n, d)."""
    ### BEGIN SOLUTION
    x, kept = x0, [x0]
    for step, kick in enumerate(noise, start=1):
        x = x + h * score(x) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x)
    return torch.stack(kept)
    ### END SOLUTION


# %% tags=["check"]
langevin_chain = check("L17-E1", langevin_chain)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# One loop over the steps; all walkers move at once, because everything is a tensor.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# After step $k=1,2,\dots$ the state is kept if `k % every == 0`.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# x, kept = x0, [x0]
# for step, kick in enumerate(noise, start=1):
#     x = x + ___ + ___ * kick
#     if ___ == 0:
#         kept.append(x)
# return torch.stack(kept)
# ```
#
# </details>

# %% [markdown]
# Your chain in a tame double well, $\log\pi=-\beta(x^2-1)^2$ and a constant, with the barrier $\beta=3$ between -1 and 1: five walkers, and how rarely one of them changes sides.

# %%
well = kt.DoubleWell(3.0)
noise = torch.randn(4000, 5, 1, dtype=torch.float64, generator=profile.generator(4))
paths = langevin_chain(well.score, -torch.ones(5, 1, dtype=torch.float64), 0.01, noise, 10)[:, :, 0]

# %% tags=["collapsed"]
time = 0.1 * torch.arange(len(paths))
fig, axes = plotting.new_figure(1, height=0.6, rows=5, sharex=True, sharey=True)
for k, (ax, path) in enumerate(zip(axes, paths.T), start=1):
    ax.axhline(0, color=plotting.COLORS["floor"], linewidth=0.6)
    ax.plot(time, path, linewidth=0.7, color=plotting.COLORS["model"])
    ax.set(yticks=[-1, 1])
    ax.set_ylabel(f"walker {k}", rotation=0, ha="right", va="center", fontsize=8)
axes[0].set_title("x of five walkers, in wells at -1 and 1")
axes[-1].set_xlabel("time")
plotting.finish(
    fig,
    "Five rows, a walker's path against time in each. It rattles in one well for a long while and "
    "now and then jumps to the other.",
)
crossings = ((paths[1:] > 0) != (paths[:-1] > 0)).sum(0)
assert crossings.sum() < 200

# %% [markdown]
# ## Part two: seen
#
# How slow is slow? Take any function $f$ and its average a time $t$ after the walk was at $x$: $(K_tf)(x)=\mathbb E[f(X_t)\mid X_0=x]$. However nonlinear the walk, this is linear in $f$: $K_t$ is its **Koopman operator**. On its **eigenfunctions** it is a mere exponential,
# $K_t\phi_k=e^{-\lambda_kt}\phi_k$, with **rates** $\lambda_k>0$ unless $\phi_k$ is constant. (Its derivative at $t=0$, the *generator*, has the same eigenfunctions, hence names like `GeneratorEDMD`.) Small rates are the slow questions, "which mode?" above all.
#
# And here is the surprise on which half of this course rests. An integration by parts shows that rates and eigenfunctions $\phi=\sum_ia_i\psi_i+\text{const}$ solve
#
# $$Sa=\lambda Ga,\qquad S_{ij}=\mathbb E_\pi[\nabla\psi_i\cdot\nabla\psi_j],\qquad G_{ij}=\mathrm{Cov}_\pi(\psi_i,\psi_j), \tag{2}$$
#
# for any functions $\psi_i$ rich enough to combine to the $\phi_k$; ours are 120 Gaussian bumps. Look at what is *not* in (2): no density, no score, no time. Only averages over samples. Whoever has samples can see what a walk, which nobody ran, would take ages to forget. Here are $S$ and $G$ for the ring; the package solves (2), and in a moment so will you:

# %%
data = ring.sample(3000, profile.generator(5))
centers, width = data[:120], 0.7

bumps = torch.exp(-torch.cdist(data, centers).square() / (2 * width**2))  # psi, (n, m)
slopes = (centers - data[:, None]) / width**2 * bumps[:, :, None]  # their gradients, (n, m, d)
G = bumps.T.cov(correction=0)
S = torch.einsum("nid,njd->ij", slopes, slopes) / len(data)
solved = kt.GeneratorEDMD(kt.GaussianRBF(centers, width)).fit(data).spectrum()  # of the same S, G
rates, phi = solved.rates, solved(data)  # the eigenfunctions at the data, (n, r)
kc.show("the seven smallest rates", rates[:7], 1)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(4, height=2.5)
axes[0].semilogy(range(1, 16), rates[:15], "o", color=plotting.COLORS["model"])
axes[0].set(xlabel="eigenfunction", ylabel="rate", title="rates")
for ax, k in zip(axes[1:], (0, 1, 7)):
    most = phi[:, k].abs().quantile(0.98)
    image = ax.scatter(*data.T, c=phi[:, k], s=3, cmap="PuOr_r", vmin=-most, vmax=most)
    ax.set(title=f"eigenfunction {k + 1}", aspect="equal", xticks=[], yticks=[])
    ax.set_xlabel(f"full colour: ±{most:.2g}", fontsize=8)
bar = fig.colorbar(image, ax=axes[1:], ticks=[-most, 0, most], fraction=0.03)
bar.set_ticklabels(["−full", "0", "full"])
plotting.finish(
    fig,
    "Rates on a logarithmic axis: seven tiny ones, a gap, then fast ones. Then three "
    "eigenfunctions in colour on the data: the first two have one value in each mode and "
    "change slowly around the ring, the eighth varies inside a mode.",
)
assert rates[6] < 0.1 < 2 < rates[7]  # seven, then a gap

# %% [markdown]
# Seven tiny rates for eight modes, then a gap: seven independent questions of the kind "in which mode?", and the walk forgets them only after a time of $1/\lambda$. The rest relaxes at once. (Samples tell *that* a rate is tiny, not how tiny: the functions
# climb in the desert, and hardly any data lie there. Ours are too large: at 0.06 many of the walkers of part one would have left their mode.)

# %% [markdown]
# ## L17-E2 The rates, in the space that the data see
#
# *core, 10 minutes, importance 3 of 3.* Solve (2): return the eigenvalues of $Sa=\lambda Ga$, ascending, from `stiffness` $=S$ and `gram` $=G$, each `(m, m)`, and `tol`. $G$ may be singular: of $G=U\Sigma U^{\mathsf T}$ only the directions
# with eigenvalues above `tol` times the largest count. Divide these by the roots of their eigenvalues, $W=U_{\text{seen}}\Sigma_{\text{seen}}^{-1/2}$, and take the eigenvalues of $W^{\mathsf T}SW$. The result has as many entries as there are such directions. `tol` is well above the rounding of the dtype, and works in any units.
#
# *Example.* `stiffness = diag(2, 12, 1e-9)`, `gram = diag(1, 4, 1e-12)`, `tol = 1e-8`: the third direction is below $4\cdot10^{-8}$ and is dropped, the rates are `[2, 3]`.


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
generator_rates = check("L17-E2", generator_rates)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Choose coordinates in which $G$ is the identity; then it is an ordinary eigenproblem.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With $G=U\Sigma U^{\mathsf T}$: $W=U\Sigma^{-1/2}$ restricted to the large $\sigma$, and $W^{\mathsf T}GW=I$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# values, vectors = torch.linalg.eigh(___)
# seen = values > ___
# W = vectors[:, seen] / ___
# return torch.linalg.eigvalsh(___)
# ```
#
# </details>

# %% [markdown]
# First the ring, from the $S$ and $G$ above. Then the double well's slowest rate as the barrier $\beta$ grows, by your function from 4,000 samples each, and exactly: it falls as an exponential.

# %%
mine = generator_rates(S, G, 1e-8)[:7]
kc.show("the ring's seven smallest rates, by your function", mine, 1)
grid = torch.linspace(-1.8, 1.8, 20, dtype=torch.float64)
betas = [1.0, 2.0, 3.0, 4.0, 5.0]
found = []
for beta in betas:
    x = kt.DoubleWell(beta).sample(4000, profile.generator(6))
    psi = torch.exp(-((x - grid) ** 2) / (2 * 0.3**2))
    slope = (grid - x) / 0.3**2 * psi
    found.append(float(generator_rates(slope.T @ slope / 4000, psi.T.cov(correction=0), 1e-8)[0]))
true = [float(kt.DoubleWell(beta).exact_rates(1)[0]) for beta in betas]

# %% tags=["collapsed"]
plotting.curves(
    betas,
    {"from samples": found, "exact": true},
    xlabel="barrier",
    ylabel="slowest rate",
    logy=True,
    alt="The slowest rate against the barrier on a logarithmic axis: the estimate follows the "
    "exact curve, which falls from about 1 to below a tenth.",
)
assert torch.allclose(mine, rates[:7], rtol=0.2)  # the package drops directions in other units
assert all(0.7 < a / b < 1.4 for a, b in zip(found, true))

# %% [markdown]
# ## Part three: moved
#
# Now use the spectrum. Under $\pi$ each $\phi_k$ averages to zero, since its average decays and yet stays the same; and a law under which all do is $\pi$. So measure the **moments** $m_k=\frac1n\sum_j\phi_k(x_j)$ of the particles, and push them until all vanish:
#
# $$v(x)=-\sum_kw_k\nabla\phi_k(x). \tag{3}$$
#
# This changes the moments at the speed $\dot m=-Mw$, $M_{kl}$ the average of $\nabla\phi_k\cdot\nabla\phi_l$ over the particles; at the target $M=\mathrm{diag}(\lambda)$. A walk forgets $\phi_k$ at the rate $\lambda_k$, and waits for the slow ones. We are free to choose $w_k=m_k/\lambda_k$, which is
# **spectral preconditioning**: near the target all moments decay equally fast. That is KSWGD, *Koopman spectral Wasserstein gradient descent*. Far from the target, as in one mode of eight, it pushes far too hard in some directions and hardly at all in others. There one would solve $Mw=m$, so that all moments fall for *these* particles; but $M$ is nearly singular, and some of its value at the target has to be mixed in: a **regularised metric** (damping).

# %% [markdown]
# ## L17-E3 Damp the metric
#
# *core, 10 minutes, importance 3 of 3.* Return the weights
#
# $$w=(1+\varepsilon)\,(M+\varepsilon\,\mathrm{diag}(e))^{-1}m,\qquad M_{kl}=\frac1n\sum_j\nabla\phi_k(x_j)\cdot\nabla\phi_l(x_j),$$
#
# from the moments `m` `(r,)`, the `metric` $M$ `(r, r)`, symmetric and positive semi-definite, the positive `energies` $e$ `(r,)`, which are the rates, and the positive number `damping` $\varepsilon$. Return `(r,)`.
#
# *Example.* `m = [1, 1]`, `metric = [[1, 0], [0, 0]]`, `energies = [1, 2]`, `damping = 1`: the matrix is `diag(2, 2)`, so `w = 2 · [1/2, 1/2] = [1, 1]`.
#
# *It must hold that* $w=m/e$ at equilibrium, where $M=\mathrm{diag}(e)$; and a singular $M$ must do no harm.


# %%
def damped_weights(m, metric, energies, damping):
    """The weights of the eigenfunctions, (r,)."""
    ### BEGIN SOLUTION
    matrix = metric + damping * torch.diag(energies)
    return (1 + damping) * torch.linalg.solve(matrix, m)
    ### END SOLUTION


# %% tags=["check"]
damped_weights = check("L17-E3", damped_weights)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The weights solve a linear system. One call.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $(M+\varepsilon\,\mathrm{diag}(e))\,w=(1+\varepsilon)\,m$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# matrix = metric + ___
# return (1 + damping) * torch.linalg.solve(___, ___)
# ```
#
# </details>

# %% [markdown]
# The eight modes once more, from the same start as the walk, with your weights. The package's spectrum has kernels of three widths; a step moves nobody too far, and a little noise fades away.

# %%
functions = kt.MultiScale.from_data(data, (150, 40, 12), generator=profile.generator(7))
spectrum = kt.GeneratorEDMD(functions).fit(data).spectrum()
x, states, g = start, [start], profile.generator(8)
for step in range(60):
    slopes = spectrum.grad(x)
    M = torch.einsum("nkd,nld->kl", slopes, slopes) / len(x)
    w = damped_weights(spectrum(x).mean(0), M, spectrum.energies, 1.0)
    move = -torch.einsum("nkd,k->nd", slopes, w)
    move = move * (0.7 / move.norm(dim=1, keepdim=True)).clamp(max=1)
    x = x + move + 0.2 * max(0, 1 - step / 30) * torch.randn(x.shape, dtype=x.dtype, generator=g)
    states.append(x)

# %% tags=["collapsed"]
plotting.film_strip(
    torch.stack(states),
    [0, 5, 10, 20, 60],
    (-4.4, 4.4),
    log_prob=ring.log_prob,
    alt="Five moments: all particles in one mode, a spreading cloud along the ring, and after 60 "
    "steps all eight modes filled.",
)
shares = kt.mode_weights(x, ring.modes)
kc.show("least and largest share of a mode (exact 0.125)", [shares.min(), shares.max()], 2)
assert shares.min() > 0.08 and shares.max() < 0.17

# %% [markdown]
# Sixty steps where 2,000 did nothing, and the particles never saw the score: the samples were all they knew. What this does *not* do is make new information. The particles have the averages of the data, which makes them good points for integrals, and they know no more than the data do. Lessons 05 and 06 put
# every promise to the test; beyond ten dimensions it gets hard (lesson 15).
#
# ## Part four: in one step
#
# The other way to sample starts from noise $x_0$ and moves it along a velocity that a network has learned, $\dot x=v(x,t)$, to data at $t=1$, here two moons: **flow matching**. The paths bend, and a solver that evaluates the network too rarely misses the data.

# %%
teacher = kc.shipped("moons-teacher")
x0 = torch.randn(600, 2, dtype=torch.float64, generator=profile.generator(9))
ends = {steps: teacher.transport(x0, solver="euler", steps=steps) for steps in (1, 4)}
# A midpoint step is two evaluations of the network: 80 for the fine solution, 4 for the rough one.
fine = teacher.transport(x0, solver="midpoint", steps=40)
rough = teacher.transport(x0, solver="midpoint", steps=2)

# %% tags=["collapsed"]
path = teacher.trajectory(x0[:25], torch.linspace(0, 1, 41), solver="midpoint", steps=80)
fig, axes = plotting.new_figure(4, height=2.4, sharex=True, sharey=True)
axes[0].plot(path[:, :, 0], path[:, :, 1], color=plotting.COLORS["model"], linewidth=0.8)
axes[0].set(title="25 paths", xlim=(-2.8, 2.8), ylim=(-2.8, 2.8))
panels = {"1 Euler step": ends[1], "4 Euler steps": ends[4], "80 evaluations": fine}
for ax, (name, points), color in zip(axes[1:], panels.items(), ("error", "error", "data")):
    ax.scatter(*points.T, s=3, color=plotting.COLORS[color], alpha=0.6)
    ax.set(title=name)
for ax in axes:
    ax.set(aspect="equal", xticks=[], yticks=[])
plotting.finish(
    fig,
    "Curved paths from a round cloud to two moons. One Euler step leads to a blob, the mean of "
    "the data; four to moons with stray points between them; 80 evaluations to clean moons.",
)
assert ends[1].std(0).max() < 0.3 * fine.std(0).min()
assert (ends[4] - fine).norm() > 0.1 * fine.norm()

# %% [markdown]
# The curve is the shadow of something simple. Give each point a few more numbers, its **Koopman embedding** (lift) $z(x,t)$, such that all of them together move linearly, $\dot z=Lz$. Then one matrix exponential, $e^{tL}z$, knows the whole path. Here the lift has, for each coordinate, a point $p$ with a constant velocity
# $u$, and a pair $(a,b)$ that turns and grows like a complex number:
#
# $$\dot p=u,\qquad\dot u=0,\qquad\dot a=\alpha a+\beta b,\qquad\dot b=\alpha b-\beta a,\qquad x=p+a. \tag{4}$$

# %% [markdown]
# ## L17-E4 Any time in one step
#
# *core, 8 minutes, importance 3 of 3.* Solve (4): from `p`, `u`, `a`, `b`, each `(n, d)`, return the state $x=p+a$ after a time `tau`, `(n, d)`, in closed form. `alpha`, `beta` and `tau` are numbers of either sign, and the angle $\beta\tau$ may be hundreds of radians.
#
# *Example.* `p, u, a, b = 1, 2, 3, 4` (each `[[.]]`), `alpha = 0`, `beta = pi`, `tau = 0.5`: the pair has made a quarter of a turn, so $a$ has become 4, and $p$ has become 2. The state is `[[6]]`.
#
# *It must hold that* at `tau = 0` the state is $p+a$, and that it sets out with velocity $u+\alpha a+\beta b$.


# %%
def state(p, u, a, b, alpha, beta, tau):
    """The state after tau, (n, d)."""
    ### BEGIN SOLUTION
    grow, turn = math.exp(alpha * tau), beta * tau
    return p + tau * u + grow * (math.cos(turn) * a + math.sin(turn) * b)
    ### END SOLUTION


# %% tags=["check"]
state = check("L17-E4", state)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The straight part and the pair do not know of each other. The pair turns in its plane, and grows meanwhile.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $p(\tau)=p+\tau u$ and $a(\tau)=e^{\alpha\tau}(\cos(\beta\tau)\,a+\sin(\beta\tau)\,b)$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# grow, turn = math.exp(___), ___
# return p + ___ + grow * (___ * a + ___ * b)
# ```
#
# </details>

# %% [markdown]
# By **distillation** (teacher, student) a second network, the student, has learned such a lift from the paths of the first, the teacher. It looks at each noise point once; your formula does the rest, for any time.

# %%
student = kc.shipped("moons-one-pair")  # one turning pair, to be read; two follow the path better
lifting = student.lifting
parts = lifting.split(student.lift(x0, 0.0))
p, u, (a,), (b,) = (part if part.ndim == 2 else part.transpose(0, 1) for part in parts)
alpha, beta = lifting.growth.item(), lifting.frequency.item()
times = torch.linspace(0, 1, 5)
mine = torch.stack([state(p, u, a, b, alpha, beta, float(t)) for t in times])

# %% tags=["collapsed"]
taught = teacher.trajectory(x0, times, solver="midpoint", steps=40)
paths = {"teacher, 80 evaluations": taught, "one lift, your formula": mine}
plotting.films(
    paths,
    times,
    (-2.8, 2.8),
    hue=x0[:, 0],
    alt="Teacher above, one lift and the formula below, at five moments: both rows go from a "
    "round cloud to two moons.",
)
ways = {
    "1 evaluation, an Euler step": ends[1],
    "4 evaluations, Euler": ends[4],
    "4 evaluations, midpoint": rough,
    "1 evaluation, the lift": mine[-1],
}
off = {name: float((x - fine).norm() / fine.norm()) for name, x in ways.items()}
print("distance from the teacher's ends, relative")
for name, value in off.items():
    kc.show(f"{name:27}", value, 1 if value < 0.1 else 2)
assert 10 * off["1 evaluation, the lift"] < min(off[name] for name in list(ways)[:3])

# %% [markdown]
# ## Where to go on
#
# | you want | go to |
# |---|---|
# | the ground under parts one to three | [01](../notebooks/01_langevin.ipynb), [03](../notebooks/03_generator_spectra.ipynb), [04](../notebooks/04_gradient_flows.ipynb), [05](../notebooks/05_kswgd.ipynb) |
# | to know when it fails | [06](../notebooks/06_quadruple_well.ipynb) |
# | part four from the start, and plain rivals that do as well for samples alone | [08](../notebooks/08_flow_matching.ipynb), [10](../notebooks/10_koopman_cfm.ipynb) |
# | to make the paths straight instead | [09](../notebooks/09_curved_interpolants.ipynb) |
# | your own table or time series | [16](../notebooks/16_your_own_data.ipynb) |
#
# ## Key points
#
# - Langevin walks wait for the slowest eigenfunction, exponentially long in the barrier.
# - Rates and eigenfunctions come from averages over samples alone: $Sa=\lambda Ga$.
# - Particles pushed along eigenfunctions, weighted by $1/\lambda$, need not wait.
# - A flow that was lifted to where it is linear needs one evaluation and one matrix exponential.

# %% [markdown]
# # Exercises 05: KSWGD
#
# **39 minutes · level: core · device: CPU is enough · prerequisites: [lesson 05](../notebooks/05_kswgd.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("05")

# %% [markdown]
# The playground for all exercises: samples of a quadruple well, their spectrum, and particles in one corner.

# %%
import math

import torch

from koopcourse import check, plotting

well = kt.QuadrupleWell(beta=2.0).to(profile.device)
box = (-2.0, 2.0)
data = well.sample(3000, profile.generator(1))
dictionary = kt.MultiScale.from_data(data, (80, 25, 8), generator=profile.generator(2))
spectrum = kt.GeneratorEDMD(dictionary).fit(data).spectrum()
corner = kt.GaussianMixture(well.modes[:1], 0.2).sample(400, profile.generator(3))

# %% [markdown]
# ## L05-E1 The velocity of the paper
#
# *core, 10 minutes, importance 3 of 3.* Write equation (4) of the lesson,
#
# $$v(x_i) = -\sum_{k=1}^r \frac{m_k}{e_k}\,\nabla\phi_k(x_i),\qquad m_k=\frac1n\sum_j\phi_k(x_j),$$
#
# for eigenfunctions that are already evaluated at the particles: `phi` `(n, r)`, `grad_phi` `(n, r, d)` and
# `energies` `(r,)`, which are positive and may differ by many powers of ten. Return `(n, d)`.
#
# *Example.* Two particles on the line, two modes: `phi = [[1, 2], [3, 0]]` has the moments `[2, 1]`; with
# `energies = [1, 2]` the weights are `[2, 0.5]`. If the gradients are `[[1, 0], [0, 2]]` (particle by mode), the
# velocities are `[[-2], [-1]]`.
#
# *It must hold that* particles whose moments all vanish do not move, and that a second copy of every particle changes
# no velocity.


# %%
def velocity(phi, grad_phi, energies):
    """Velocity of every particle, (n, d)."""
    ### BEGIN SOLUTION
    m = phi.mean(dim=0)
    return -torch.einsum("k,nkd->nd", m / energies, grad_phi)
    ### END SOLUTION


# %% tags=["check"]
velocity = check("L05-E1", velocity)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A moment is one number a mode, the same for all particles. It says how hard everybody is pushed along that mode's slope.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With $w_k=m_k/e_k$ of shape `(r,)`, $v_{i\delta}=-\sum_k w_k\,(\nabla\phi_k(x_i))_\delta$: a sum over the axis `r`.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# m = phi.mean(dim=___)
# return -torch.einsum("k,nkd->___", ___, grad_phi)
# ```
#
# </details>

# %% [markdown]
# See it work: twelve short steps with your velocity, no limiter, no noise.

# %%
x = corner
film = [x]
for _ in range(12):
    x = x + 0.1 * velocity(spectrum(x), spectrum.grad(x), spectrum.energies)
    film.append(x)

# %% tags=["collapsed"]
plotting.film_strip(
    torch.stack(film),
    [0, 4, 8, 12],
    box,
    log_prob=well.log_prob,
    alt="Four moments of a flow on the quadruple well: particles leave the lower left corner for "
    "the neighbouring wells.",
)

# %% [markdown]
# *Go further.* Replace the mean in `m` by each particle's own value, run again, and explain what you see.

# %% [markdown]
# ## L05-E2 The energy that is left
#
# *warm-up, 5 minutes, importance 3 of 3.* Return $E=\frac12\sum_k m_k^2/e_k$ as one number, from `phi` `(n, r)` and `energies` `(r,)`,
# which are positive, in any units.
#
# *Example.* With the `phi` and `energies` above, the moments are `[2, 1]` and $E=\frac12(4/1+1/2)=2.25$.
#
# *It must hold that* doubling every `phi` makes $E$ four times as large.


# %%
def energy(phi, energies):
    """Half the sum of squared moments over energies, a number."""
    ### BEGIN SOLUTION
    m = phi.mean(dim=0)
    return 0.5 * (m**2 / energies).sum()
    ### END SOLUTION


# %% tags=["check"]
energy = check("L05-E2", energy)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First the mean over the particles, then the square: at equilibrium the means vanish, the squares do not.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $E = \frac12\sum_k \big(\frac1n\sum_j\phi_k(x_j)\big)^2/e_k$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# m = phi.mean(dim=0)
# return 0.5 * (___ / ___).sum()
# ```
#
# </details>

# %%
left = [float(energy(spectrum(x), spectrum.energies)) for x in film]

# %% tags=["collapsed"]
plotting.curves(
    range(13),
    {"energy": left},
    xlabel="step",
    ylabel="E",
    logy=True,
    alt="The energy of the flow above falls at every step, on a logarithmic axis.",
)
assert left == sorted(left, reverse=True)

# %% [markdown]
# *Go further.* Check by `torch.autograd` that your velocity is $-n\,\partial E/\partial x_i$.

# %% [markdown]
# ## L05-E3 A limiter that keeps the direction
#
# *core, 8 minutes, importance 2 of 3.* Given moves `(n, d)` and a `length` $>0$, shorten every row that is longer to exactly that length, and
# leave the others as they are, in any units. Return `(n, d)`.
#
# *Example.* `[[3, 4], [0.3, 0.4]]` with `length = 1` becomes `[[0.6, 0.8], [0.3, 0.4]]`.
#
# *It must hold that* limiting twice is limiting once; and a particle that does not move must not become NaN.


# %%
def limiter(move, length):
    """Each row of move, shortened to at most length."""
    ### BEGIN SOLUTION
    norm = move.norm(dim=1, keepdim=True)
    return move * (length / norm.clamp_min(length))
    ### END SOLUTION


# %% tags=["check"]
limiter = check("L05-E3", limiter)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Each particle gets one factor for all its coordinates, between 0 and 1.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $d_i \leftarrow d_i\,\min(1,\ \ell/|d_i|)$. Where $|d_i|=0$ the quotient needs care; the same number is
# $\ell/\max(|d_i|,\ell)$, which never divides by zero.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# norm = move.norm(dim=___, keepdim=True)
# return move * (length / ___.clamp_min(___))
# ```
#
# </details>

# %% [markdown]
# With your limiter a step of length 1 is safe. A dozen of them, each at most a quarter of the data's size:

# %%
x = corner
film = [x]
for _ in range(12):
    move = velocity(spectrum(x), spectrum.grad(x), spectrum.energies)
    x = x + limiter(1.0 * move, 0.25 * spectrum.scale)
    film.append(x)

# %% tags=["collapsed"]
plotting.film_strip(
    torch.stack(film),
    [0, 4, 8, 12],
    box,
    log_prob=well.log_prob,
    alt="Four moments of twelve limited steps: the particles reach all four wells of the "
    "quadruple well.",
)
assert kt.mode_weights(x, well.modes).min() > 0.1

# %% [markdown]
# *Go further.* Clip each coordinate instead. On which problems would you notice?

# %% [markdown]
# ## L05-E4 How fast the energy falls
#
# *core, 6 minutes, importance 2 of 3.* Near equilibrium a step of size $h$ multiplies every moment by $1-h$. The energy is `start` now. What
# is it after `n_steps` steps of `step_size` $=h$? There may be no step at all, and $h\ge0$ may be 1 and larger. Return a number.
#
# *Example.* `start = 8`, `step_size = 0.5`, `n_steps = 1`: each moment halves, so $E = 2$.
#
# *It must hold that* one step of size 1 removes everything, and that $n$ steps and again $n$ steps are $2n$ steps.


# %%
def energy_after(start, step_size, n_steps):
    """The energy after n_steps, a number."""
    ### BEGIN SOLUTION
    factor_of_a_moment = 1 - step_size
    return start * factor_of_a_moment ** (2 * n_steps)
    ### END SOLUTION


# %% tags=["check"]
energy_after = check("L05-E4", energy_after)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# $E$ is quadratic in the moments. What does halving every moment do to it?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $m\to(1-h)\,m$ in each step, hence $E\to(1-h)^2E$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# return start * (1 - ___) ** (___)
# ```
#
# </details>

# %% [markdown]
# Is it true? The data, stretched by one per mille, are near equilibrium. Six steps of size 0.3, measured and predicted:

# %%
method = kt.KSWGD(spectrum, damping=math.inf, step_size=0.3, noise=0.0)
run = kt.run_particles(method, 1.001 * data, n_steps=6, record_every=1)
predicted = energy_after(float(run.energy[0]), 0.3, 6)
kc.show("measured / predicted energy", float(run.energy[-1]) / predicted, digits=2)

# %% tags=["collapsed"]
# near equilibrium the promise holds, asserted
assert 0.8 < float(run.energy[-1]) / predicted < 1.25

# %% [markdown]
# *Go further.* At which step does the energy stop falling and grow? Which of the rates does that depend on?

# %% [markdown]
# ## L05-E5 Damp the metric
#
# *core, 10 minutes, importance 3 of 3.* Far from equilibrium, replace $m_k/e_k$ by the weights of equation (6),
#
# $$w = (1+\varepsilon)\,(M+\varepsilon\,\mathrm{diag}(e))^{-1}m,$$
#
# from the moments `m` `(r,)`, the `metric` `(r, r)`, symmetric and positive semi-definite, the positive `energies` `(r,)`
# and the positive number `damping`. Return `(r,)`.
#
# *Example.* `m = [1, 1]`, `metric = [[1, 0], [0, 0]]`, `energies = [1, 2]`, `damping = 1`: the matrix is
# `diag(2, 2)`, so `w = 2 · [1/2, 1/2] = [1, 1]`. The paper would take `[1, 0.5]`.
#
# *It must hold that* $w=m/e$ at equilibrium, where $M=\mathrm{diag}(e)$, for any damping; and a singular $M$ must do no
# harm.


# %%
def damped_weights(m, metric, energies, damping):
    """The weights of the damped flow, (r,)."""
    ### BEGIN SOLUTION
    matrix = metric + damping * torch.diag(energies)
    return (1 + damping) * torch.linalg.solve(matrix, m)
    ### END SOLUTION


# %% tags=["check"]
damped_weights = check("L05-E5", damped_weights)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The weights solve a linear system: how must I push so that the moments move the way I want?
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
# The test that matters: the ring of eight narrow modes, from a wide cloud around the origin, where the paper's metric stalls for
# most draws of the data with the lesson's dictionary. Your limiter and your weights, without noise:

# %%
ring = kt.GaussianMixture.ring(8, radius=3.0, std=0.3).to(profile.device)
ring_data = ring.sample(5000, profile.generator(4))
ring_psi = kt.MultiScale.from_data(ring_data, (150, 40, 12), generator=profile.generator(5))
ring_spectrum = kt.GeneratorEDMD(ring_psi).fit(ring_data).spectrum()


def flow(x, damping, steps=40):
    for _ in range(steps):
        slopes, m, e = ring_spectrum.grad(x), ring_spectrum(x).mean(0), ring_spectrum.energies
        metric = torch.einsum("nkd,nld->kl", slopes, slopes) / len(x)
        w = m / e if math.isinf(damping) else damped_weights(m, metric, e, damping)
        x = x + limiter(-torch.einsum("k,nkd->nd", w, slopes), 0.25 * ring_spectrum.scale)
    return x


start = kt.OrnsteinUhlenbeck(2, theta=0.25).sample(400, profile.generator(6))  # N(0, 4 I)
ends = {"paper": flow(start, math.inf), "damped": flow(start, 1.0)}
reference = ring.sample(10_000, profile.generator(7))

# %% tags=["collapsed"]
alt = """After 40 steps the paper's metric has left clumps and empty modes; the damped one fills
all eight modes like the exact sample beside it."""
plotting.compare(ends, reference, (-4.4, 4.4), log_prob=ring.log_prob, alt=alt)


# %% tags=["nbval-ignore-output"]
def kl(x):
    return kt.kl_histogram(x, ring.log_prob, -5, 5)


floor, spread = kt.noise_floor(kl, ring.sample, 400, generator=profile.generator(8))
for name, x in ends.items():
    kc.show(f"{name:6}", f"KL {kl(x):.2f}, floor {floor:.2f} ± {spread:.2f}")

# %% tags=["collapsed"]
# the damped flow is near the floor, the paper's is not, asserted
assert kl(ends["damped"]) < 2.5 * floor < kl(ends["paper"])

# %% [markdown]
# *Go further.* Which damping is best with 10 modes only? With 10 particles?

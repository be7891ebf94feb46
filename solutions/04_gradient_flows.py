# %% [markdown]
# # Exercises 04: Gradient flows of distributions
#
# **38 minutes · level: core · device: CPU · prerequisites: [lesson 04](../notebooks/04_gradient_flows.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("04")

# %% [markdown]
# The playground: a double well on the line with its eigenfunctions, found by integrating on a grid, and 300 particles
# with the right shape and the wrong weights, 70 to 30.

# %%
import numpy as np
import torch

from koopcourse import check, judges, plotting

well = kt.DoubleWell(beta=3.0).to(profile.device)
axis = torch.linspace(-2.2, 2.2, 2001, dtype=profile.dtype, device=profile.device)[:, None]
bumps = kt.GaussianRBF(axis[::50], 0.18)
pi = well.log_prob(axis).exp()
spectrum = kt.GeneratorEDMD(bumps, tol=1e-12).fit(axis, pi).spectrum(5)
F = ((pi.cumsum(0) - pi / 2) / pi.sum()).cpu()  # the target's cumulative distribution on the grid


def quantile(y):
    """The points x with F(x) = y."""
    return torch.from_numpy(np.interp(y, F, axis[:, 0].cpu())).to(profile.device)


u = (torch.arange(300, dtype=profile.dtype) + 0.5) / 300
tilted = quantile(torch.where(u < 0.7, u / 1.4, 0.5 + (u - 0.7) / 0.6))[:, None]

# %% [markdown]
# ## L04-E1 Chi-square from the moments
#
# *warm-up, 6 minutes, importance 3 of 3.* Given eigenfunctions evaluated at the particles, `phi` `(n, 1 + r)`, **with the constant function 1 in
# column 0**, return $\chi^2=\sum_{k\ge1}m_k^2$ as one number, equation (2) of the lesson. It should keep its digits where all moments are tiny.
#
# *Example.* `phi = [[1, 1, 2], [1, 3, 0]]`, two particles: behind the constant the moments are 2 and 1, so $\chi^2=5$.
#
# *It must hold that* $\chi^2=0$ where all moments but the constant's vanish, and that doubling the functions behind the constant makes it four times as large.


# %%
def chi_square(phi):
    """The sum of the squared moments, a number."""
    ### BEGIN SOLUTION
    m = phi[:, 1:].mean(dim=0)
    return (m**2).sum()
    ### END SOLUTION


# %% tags=["check"]
chi_square = check("L04-E1", chi_square)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The moment of the constant function is 1 for every law and says nothing. Of the others take the mean first, then the square.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\chi^2=\sum_{k=1}^{r}\big(\frac1n\sum_j\phi_k(x_j)\big)^2$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# m = phi[:, ___].mean(dim=___)
# return (___).sum()
# ```
#
# </details>

# %% [markdown]
# The tilted particles, and the noise floor: what 300 exact samples score.


# %%
def chi_square_at(x):
    return float(chi_square(torch.cat([torch.ones_like(x), spectrum(x)], dim=1)))


floor, spread = kt.noise_floor(
    chi_square_at, well.sample, 300, repeats=100, generator=profile.generator(1)
)
kc.show("chi-square of the tilted particles", chi_square_at(tilted), digits=2)
kc.show("floor, and 5 modes / 300 particles", [floor, 5 / 300], digits=1)

# %% tags=["collapsed"]
# exact samples score about r / n, tilted ones far more
assert 0.6 < floor / (5 / 300) < 1.6 and chi_square_at(tilted) > floor + 5 * spread

# %% [markdown]
# *Go further.* How many particles does it take to see a tilt of 51 to 49?

# %% [markdown]
# ## L04-E2 How fast a moment decays
#
# *warm-up, 5 minutes, importance 3 of 3.* In the flow $v=-\sum_k w_km_k\nabla\phi_k$, near equilibrium, each moment decays as $e^{-r_kt}$. Return the rates
# $r_k$ `(r,)` from the `weights` `(r,)` and the Dirichlet `energies` `(r,)`, none of them negative.
#
# *Example.* `weights = [1, 1, 0.1]`, `energies = [0.5, 10, 10]`: the rates are `[0.5, 10, 1]`.
#
# *It must hold that* the weights $1/e_k$ give the rate 1 for every mode, and weights 1 those of Langevin dynamics.


# %%
def decay_rates(weights, energies):
    """The decay rate of every moment, (r,)."""
    ### BEGIN SOLUTION
    slope_squared = energies  # of each mode, on average
    return weights * slope_squared
    ### END SOLUTION


# %% tags=["check"]
decay_rates = check("L04-E2", decay_rates)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Particles are pushed along the slope of $\phi_k$, so $\phi_k$ changes by slope times push. The mean squared slope is the energy.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\dot m_k=\mathbb E[\nabla\phi_k\cdot v]\approx-w_k\,\mathbb E_\pi|\nabla\phi_k|^2\,m_k$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# slope_squared = ___
# return ___ * slope_squared
# ```
#
# </details>

# %% [markdown]
# Does it hold? The slowest moment of the tilted particles, measured in short steps, against your rates.

# %%
e = spectrum.energies
x = {"w = 1": tilted, "w = 1/e": tilted}
weights = {"w = 1": torch.ones_like(e), "w = 1/e": 1 / e}
slowest = {name: [] for name in x}
for _ in range(1000):
    for name, w in weights.items():
        m = spectrum(x[name]).mean(0)
        slowest[name].append(abs(float(m[0])))
        x[name] = x[name] - 0.004 * spectrum.contract_grad(x[name], w * m)
time, found = 0.004 * torch.arange(1000), {}
for name, w in weights.items():
    measured = float(np.log(slowest[name][500] / slowest[name][-1]) / (499 * 0.004))
    found[name] = measured, float(decay_rates(w, e)[0])
    kc.show(f"{name}: measured and your rate", list(found[name]), digits=2)

# %% tags=["collapsed"]
plotting.curves(
    time,
    slowest,
    xlabel="time",
    ylabel="slowest moment",
    logy=True,
    alt="The slowest moment against time: with weights 1 it falls slowly, with weights 1/e by a "
    "factor e in each unit.",
)
assert all(abs(measured / rate - 1) < 0.1 for measured, rate in found.values())

# %% [markdown]
# *Go further.* Which weights would make the slow modes decay *faster* than the fast ones? What would you lose?

# %% [markdown]
# ## L04-E3 LAWGD on the line, with all modes
#
# *core, 10 minutes, importance 2 of 3.* Write equation (5) for particles on the line: $v(x_i)=(F_\mu(x_i)-F_\pi(x_i))/\pi(x_i)$. Given are the positions `x` `(n,)` **in any order**, no two alike, and
# the target's `cdf` and `density` at these positions, `(n,)` each. For the particles themselves take $F_\mu(x_i)=(\mathrm{rank}_i-\frac12)/n$, the leftmost particle having rank 1.
# Return `(n,)`.
#
# *Example.* `x = [0.3, -1]`, `cdf = [0.65, 0.15]`, `density = [0.5, 0.2]`: the ranks are 2 and 1, $F_\mu$ = `[0.75, 0.25]`, and `v = [0.2, 0.5]`.
#
# *It must hold that* particles at the target's quantiles rest, and that the order of the list does not matter.


# %%
def line_velocity(x, cdf, density):
    """Velocity of every particle, (n,)."""
    ### BEGIN SOLUTION
    rank = x.argsort().argsort()  # from 0
    own_cdf = (rank + 0.5) / len(x)
    return (own_cdf - cdf) / density
    ### END SOLUTION


# %% tags=["check"]
line_velocity = check("L04-E3", line_velocity)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Count the particles to the left. If there are more of them than the target has there, mass must flow to the right.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# `x.argsort()` lists who comes first, second, ...; its own `argsort` says at which place particle $i$ comes, from 0. Then $F_\mu=(\mathrm{place}+\frac12)/n$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# rank = x.argsort().___
# own_cdf = (___) / len(x)
# return (___) / ___
# ```
#
# </details>

# %% [markdown]
# A few dozen particles, all in the left well, with your velocity.

# %%
x = (-1 + 0.2 * torch.special.ndtri(u[4::8])).to(profile.device)[
    torch.randperm(37, generator=profile.generator(2))
]
lines = [x]

# %% tags=["collapsed"]
for _ in range(400):
    at_x = torch.from_numpy(np.interp(x.cpu(), axis[:, 0].cpu(), F)).to(x)
    x = x + 0.01 * line_velocity(x, at_x, well.log_prob(x[:, None]).exp())
    lines.append(x)
fig, (ax,) = plotting.new_figure(height=3.2)
ax.plot(
    0.01 * torch.arange(401),
    torch.stack(lines).cpu(),
    color=plotting.COLORS["model"],
    linewidth=0.8,
)
ax.set(xlabel="time", ylabel="x")
plotting.finish(
    fig,
    "Particles of the left well against time: half of them cross to the right well, and no "
    "two paths ever cross.",
)
assert 17 <= int((x > 0).sum()) <= 20

# %% [markdown]
# *Go further.* By equation (7) the whole run has a formula. Write it, and compare.

# %% [markdown]
# ## L04-E4 The velocity of SVGD
#
# *core, 10 minutes, importance 2 of 3.* Write equation (6),
#
# $$v(x_i)=\frac1n\sum_j k_{ij}\Big[s(x_j)+\frac{x_i-x_j}{b^2}\Big],\qquad k_{ij}=e^{-|x_i-x_j|^2/2b^2},$$
#
# from the particles `x` `(n, d)`, the `score` at them `(n, d)`, and the `width` $b$, a number. Return `(n, d)`.
#
# *Example.* `x = [[0], [2]]`, `score = [[1], [-1]]`, `width = 1`: $k_{12}=e^{-2}=0.135$, and $v(x_1)=\frac12\big(1+0.135\,(-1-2)\big)=0.297$, $v(x_2)=-0.297$.
#
# *It must hold that* a lone particle follows its own score, and that without a score the mean of the particles stays. No digits should be lost where the cloud is far from the origin, a million widths say.


# %%
def svgd_velocity(x, score, width):
    """Velocity of every particle, (n, d)."""
    ### BEGIN SOLUTION
    apart = x[:, None] - x  # (n, n, d)
    k = torch.exp(-(apart**2).sum(dim=2) / (2 * width**2))
    repel = torch.einsum("ij,ijd->id", k, apart) / width**2
    return (k @ score + repel) / len(x)
    ### END SOLUTION


# %% tags=["check"]
svgd_velocity = check("L04-E4", svgd_velocity)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Two sums over the neighbours $j$, with the same kernel: their scores, and the vectors that point from them to me.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# `x[:, None] - x` is $x_i-x_j$, `(n, n, d)`. Its squared length gives $k$ `(n, n)`. The first sum is the matrix product $k\,s$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# apart = x[:, None] - x
# k = torch.exp(___ / (2 * width**2))
# repel = torch.einsum("ij,ijd->___", k, ___) / ___
# return (___ + repel) / ___
# ```
#
# </details>

# %% [markdown]
# Your SVGD on three wells, with a middling width.

# %%
target = kt.GaussianMixture([[-1.2, 0.0], [1.2, 0.0], [0.0, 1.8]], 0.6).to(profile.device)
x = kt.GaussianMixture([[0.0, -2.5]], 0.3).to(profile.device).sample(200, profile.generator(3))
film = [x]
for _ in range(150):
    x = x + svgd_velocity(x, target.score(x), 0.5)
    film.append(x)
reference = target.sample(5000, profile.generator(4))
svgd = judges.verdict(
    lambda z: kt.sliced_wasserstein2(z, reference), x, target.sample, generator=profile.generator(5)
)
kc.show("your SVGD", svgd)
judges.Numbers({"your SVGD": svgd}).show()

# %% tags=["collapsed"]
plotting.film_strip(
    torch.stack(film),
    [0, 5, 20, 150],
    (-3.5, 3.5),
    log_prob=target.log_prob,
    alt="Four moments of SVGD: a cloud below rises into three overlapping wells and fills all of "
    "them evenly.",
)
assert svgd.even and svgd.whole < svgd.exact[0]

# %% [markdown]
# *Go further.* Move the wells apart until no particle finds the third. How does that distance depend on the width?

# %% [markdown]
# ## L04-E5 How fast KL falls
#
# *core, 7 minutes, importance 3 of 3.* Return $\frac{d}{dt}\mathrm{KL}$ along the flow $v=-\sum_kw_km_k\nabla\phi_k$, equation (4), from the moments `m`, the `energies` and the `weights`, all
# `(r,)`. One number. Mind the sign.
#
# *Example.* `m = [1, 2]`, `energies = [0.5, 3]`, `weights = [1, 1]`: $-(0.5\cdot1+3\cdot4)=-12.5$.
#
# *It must hold that* with the weights $1/e_k$ it is $-\chi^2$.


# %%
def kl_slope(m, energies, weights):
    """The time derivative of KL, a number."""
    ### BEGIN SOLUTION
    losses = weights * energies * m**2
    return -losses.sum()
    ### END SOLUTION


# %% tags=["check"]
kl_slope = check("L04-E5", kl_slope)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Multiply the slope of KL's first variation, $\nabla\log\rho$, with the velocity and average over the particles. The density ratio cancels the logarithm.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\mathbb E_\mu[\nabla\log\rho\cdot v]=\mathbb E_\pi[\nabla\rho\cdot v]$, with $\nabla\rho=\sum_km_k\nabla\phi_k$ and $\mathbb E_\pi[\nabla\phi_k\cdot\nabla\phi_l]=e_k\delta_{kl}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# losses = ___ * m**2
# return ___
# ```
#
# </details>

# %% [markdown]
# How much faster does LAWGD lose KL than the flow of chi-square, at the tilted particles, and how much of it is the slowest mode's doing?

# %%
m = spectrum(tilted).mean(0)
gain = kl_slope(m, e, 1 / e) / kl_slope(m, e, torch.ones_like(e))
gain_of_slowest = kl_slope(m[:1], e[:1], 1 / e[:1]) / kl_slope(m[:1], e[:1], torch.ones_like(e[:1]))
kc.show("all modes", gain, digits=2)
kc.show("slowest mode alone, 1/e_1", gain_of_slowest, digits=2)

# %% tags=["collapsed"]
assert torch.isclose(gain_of_slowest, 1 / e[0])

# %% [markdown]
# *Go further.* The two numbers differ because the step from 70 to 30 percent has fast moments, too. Let them decay first and look again.

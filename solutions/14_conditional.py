# %% [markdown]
# # Exercises 14: weigh, temper, kill
#
# **32 minutes · level: core · device: CPU is enough · prerequisites: [lesson 14](../notebooks/14_conditional.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("14")

# %% [markdown]
# The playground for all exercises: samples of the quadruple well, whose coordinates' sum is observed.

# %%
import math

import torch

from koopcourse import check, plotting

x = kt.QuadrupleWell(1.0).to(profile.device).sample(5000, profile.generator(1))


def log_likelihood(x, std):
    """The sum of the coordinates was seen to be one, with an error of std."""
    return -((x.sum(1) - 1) ** 2) / (2 * std**2)


# %% [markdown]
# ## L14-E1 How many samples are left
#
# *warm-up, 6 minutes, importance 3 of 3.* Weights $w_i$ are given by their logarithms `log_w` `(n,)`; `-inf` is a weight of zero. Return the
# effective sample size, a number:
#
# $$n_\mathrm{eff}=\frac{(\sum_iw_i)^2}{\sum_iw_i^2}.$$
#
# *Example.* `log_w = [0, log 3, -inf]`: the weights are 1, 3 and 0, so $4^2/10=1.6$.
#
# *It must hold that* a common factor of all weights changes nothing, even one of $e^{900}$ or $e^{-2000}$.


# %%
def effective_size(log_w):
    """(sum w)^2 / sum w^2, a number."""
    ### BEGIN SOLUTION
    w = torch.softmax(log_w, dim=0)
    return 1 / w.square().sum()
    ### END SOLUTION


# %% tags=["check"]
effective_size = check("L14-E1", effective_size)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Since a factor changes nothing, you may choose it: such that the largest weight is one, or such that they sum to one.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# For weights $p_i$ that sum to one, $n_\mathrm{eff}=1/\sum_ip_i^2$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# w = torch.___(log_w, dim=___)
# return 1 / ___
# ```
#
# </details>

# %%
stds = [2.0, 1.0, 0.4, 0.15, 0.05, 0.02]

# %% tags=["collapsed"]
plotting.curves(
    stds,
    {"of 5,000 samples": [float(effective_size(log_likelihood(x, std))) for std in stds]},
    xlabel="error of the observation",
    ylabel="effective samples",
    logx=True,
    logy=True,
    alt="Effective samples against the error of the observation, both on logarithmic axes: a "
    "straight line for small errors, because half the error keeps half the samples.",
)

# %% [markdown]
# *Go further.* In $d$ dimensions, all observed with the same small error: how does the number fall?

# %% [markdown]
# ## L14-E2 The two matrices of the conditioned law
#
# *core, 10 minutes, importance 3 of 3.* `psi` `(n, m)` are features of the prior's samples, `slopes` `(n, m, d)` their gradients, `w` `(n,)`
# weights of any scale, some of them perhaps zero; means may be far from zero. Return the pair `(S, G)`, both `(m, m)`, of the conditioned law, which is just
# these samples with the shares $w_i/\sum_jw_j$ (no correction for their number):
#
# $$S_{ij}=\mathbb E_w[\nabla\psi_i\cdot\nabla\psi_j],\qquad G_{ij}=\mathrm{Cov}_w(\psi_i,\psi_j).$$
#
# *Example.* `psi = [[0], [2]]`, `slopes = [[[1]], [[2]]]`, `w = [3, 1]`: the shares are 3/4 and 1/4, so `S = [[1.75]]`; the
# mean is 0.5, so `G = [[0.75]]`.
#
# *It must hold that* a sample of weight two is the same as two samples at its place.


# %%
def weighted_matrices(psi, slopes, w):
    """S and G under the weights, (m, m) each."""
    ### BEGIN SOLUTION
    p = w / w.sum()
    centred = psi - p @ psi
    G = centred.T @ (p[:, None] * centred)
    S = torch.einsum("n,nid,njd->ij", p, slopes, slopes)
    return S, G
    ### END SOLUTION


# %% tags=["check"]
weighted_matrices = check("L14-E2", weighted_matrices)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Every mean becomes a weighted mean, also the one that the covariance subtracts.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With $p=w/\sum w$ and $\bar\psi=\sum_np_n\psi_n$: $G=\sum_np_n(\psi_n-\bar\psi)(\psi_n-\bar\psi)^{\mathsf T}$ and
# $S_{ij}=\sum_np_n\sum_d\partial_d\psi_{ni}\,\partial_d\psi_{nj}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# p = ___ / ___
# centred = psi - ___
# G = centred.T @ (___ * centred)
# S = torch.einsum("n,nid,njd->ij", ___)
# return S, G
# ```
#
# </details>

# %% [markdown]
# See it work: with the features $x_1$ and $x_2$ alone, $S$ is the identity and the rates are one over the variances. The prior is
# equally wide everywhere; the observation makes one direction narrow, and therefore fast.

# %%
slopes = torch.eye(2, dtype=x.dtype, device=x.device).expand(len(x), 2, 2)
for name, w in (("prior", torch.ones_like(x[:, 0])), ("sum 1 ± 0.4", log_likelihood(x, 0.4).exp())):
    S, G = weighted_matrices(x, slopes, w)
    kc.show(
        f"{name:12} rates",
        torch.linalg.eigvals(torch.linalg.solve(G, S)).real.sort().values,
        digits=2,
    )

# %% [markdown]
# *Go further.* Which direction is the fast one? Look at the eigenvectors.

# %% [markdown]
# ## L14-E3 How much of the likelihood at once
#
# *core, 9 minutes, importance 2 of 3.* `log_likelihood` `(n,)` at the samples, and a number `least`. Return the largest $\tau\in(0,1]$ for which
# the weights $e^{\tau\log\ell}$ keep at least `least` effective samples; the number falls as $\tau$ grows. You may call
# `effective_size`. Six correct digits are enough, also where the number is as small as 0.00001. The likelihoods are finite
# and `least` is below `n`.
#
# *Example.* `log_likelihood = [0, -log(3) / 0.3]`, `least = 1.6`: the weights 1 and 1/3 have 1.6 effective samples, so 0.3.
#
# *It must hold that* `1.0` comes out where the whole likelihood keeps as many.


# %%
def first_exponent(log_likelihood, least):
    """The largest tau that keeps `least` effective samples, a number."""
    ### BEGIN SOLUTION
    if effective_size(log_likelihood) >= least:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if effective_size(middle * log_likelihood) >= least:
            low = middle
        else:
            high = middle
    return low
    ### END SOLUTION


# %% tags=["check"]
first_exponent = check("L14-E3", first_exponent)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First ask whether everything may come at once. If not, the answer lies between 0, where all samples count, and 1. Halve.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Keep $n_\mathrm{eff}(\tau_\mathrm{low})\ge n_\min>n_\mathrm{eff}(\tau_\mathrm{high})$ and replace one of them by the middle.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# if ___ >= least:
#     return 1.0
# low, high = ___
# for _ in range(50):
#     middle = ___
#     if effective_size(___) >= least:
#         ___ = middle
#     else:
#         ___ = middle
# return low
# ```
#
# </details>

# %%
stds = [1.0, 0.4, 0.15, 0.05, 0.02]

# %% tags=["collapsed"]
plotting.curves(
    stds,
    {
        "500 of 5,000 samples kept": [
            float(first_exponent(log_likelihood(x, std), 500)) for std in stds
        ]
    },
    xlabel="error of the observation",
    ylabel="exponent of the first level",
    logx=True,
    logy=True,
    alt="First exponent against the error of the observation: one for a wide observation, then "
    "falling with the square of the error.",
)

# %% [markdown]
# *Go further.* Show that for a narrow observation the exponent is proportional to the square of its error.

# %% [markdown]
# ## L14-E4 The weight of a path
#
# *core, 7 minutes, importance 2 of 3.* Walkers die at a rate that depends on where they are. `killing` `(k, n)` holds the rate along `n` paths at `k`
# times that are `dt` apart, `k` at least 2. Return `(n,)`, the **logarithm** of each path's chance to survive, $-\int V(X_t)\,dt$, by the
# trapezoid rule.
#
# *Example.* `killing = [[1, 0], [2, 0], [5, 4]]`, `dt = 0.5`: the first integral is $0.5\,(1.5+3.5)=2.5$, so `[-2.5, -1]`.
#
# *It must hold that* a path and its reverse survive with the same chance.


# %%
def survival(killing, dt):
    """Logarithm of the chance to survive, (n,)."""
    ### BEGIN SOLUTION
    return -dt * (killing[1:] + killing[:-1]).sum(dim=0) / 2
    ### END SOLUTION


# %% tags=["check"]
survival = check("L14-E4", survival)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# In a step of `dt` a walker survives with probability $e^{-V\,dt}$; over many steps the exponents add up.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $-\Delta t\sum_j\tfrac12\,(V_j+V_{j+1})$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# return -dt * (killing[___] + killing[___]).sum(dim=___) / ___
# ```
#
# </details>

# %% [markdown]
# See it work: walkers of $dX=-X\,dt+\sqrt2\,dW$ that die at the rate $2(x-1)^2$. In the long run the number of survivors falls at the
# rate 11/9; `1.2` should come out, up to the noise.

# %%
process = kt.OrnsteinUhlenbeck(1)
start = process.sample(20_000, profile.generator(2))
path = kt.langevin_trajectory(process, start, n_steps=150, dt=0.02, generator=profile.generator(3))[
    ..., 0
]
alive = [survival(2 * (path[: k + 1] - 1) ** 2, 0.02).exp().mean().item() for k in (100, 150)]
kc.show("rate at which survivors vanish", math.log(alive[0] / alive[1]), digits=2)

# %% tags=["collapsed"]
# the rate is 11/9, up to the noise
assert abs(math.log(alive[0] / alive[1]) - 11 / 9) < 0.1

# %% [markdown]
# *Go further.* Which rate do you expect if they die at the rate $2x^2$?

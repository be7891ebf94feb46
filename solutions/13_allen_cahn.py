# %% [markdown]
# # Exercises 13: a field that fluctuates
#
# **30 minutes · level: core · device: CPU is enough · prerequisites: [lesson 13](../notebooks/13_allen_cahn.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("13")

# %% [markdown]
# The playground for all exercises: the Allen-Cahn equation on 48 points, and exact samples of its invariant law.

# %%
import math

import torch

from koopcourse import check, plotting

model = kt.AllenCahn(48, temperature=0.04).to(profile.device)
fields = model.sample(2000, profile.generator(1))

# %% [markdown]
# ## L13-E1 One semi-implicit step
#
# *core, 10 minutes, importance 3 of 3.* A mode of a field obeys $\dot c=-a\,c+f+\sqrt{2T}\,\dot B$. Write the step of equation (4): the
# linear part at the mean of old and new, everything else at the old,
#
# $$\big(1+\tfrac{a\,\Delta t}2\big)\,c'=\big(1-\tfrac{a\,\Delta t}2\big)\,c+\Delta t\,f+\sqrt{2T\Delta t}\;\xi .$$
#
# `c`, `force` and `xi` are `(n, m)`, `a` is `(m,)`, `dt` and `temperature` are numbers. Return `(n, m)`.
#
# *Example.* `c = [[2]]`, `a = [2]`, `force = [[0.5]]`, `dt = 0.5`, `temperature = 1`, `xi = [[0.25]]`: the right side
# is $0.5\cdot2+0.25+0.25=1.5$, the factor on the left 1.5, so `[[1]]`.
#
# *It must hold that* without a force the variance $T/a$ stays what it is, at any `dt`.


# %%
def semi_implicit(c, a, force, dt, temperature, xi):
    """The modes one step later, (n, m)."""
    ### BEGIN SOLUTION
    half = a * dt / 2
    right = (1 - half) * c + dt * force + math.sqrt(2 * temperature * dt) * xi
    return right / (1 + half)
    ### END SOLUTION


# %% tags=["check"]
semi_implicit = check("L13-E1", semi_implicit)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Collect everything known on the right, then divide by the factor in front of the new value. The noise is divided, too.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $c'=\dfrac{(1-a\Delta t/2)\,c+\Delta t\,f+\sqrt{2T\Delta t}\,\xi}{1+a\Delta t/2}$, mode by mode.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# half = a * dt / 2
# right = (___) * c + ___ + math.sqrt(___) * xi
# return right / (___)
# ```
#
# </details>

# %% [markdown]
# See it work: the linear equation with steps so long that an explicit scheme explodes. Measured over exact variance of
# each mode, after 400 steps of size 0.1:

# %%
a = 1 + 0.01 * (math.pi * torch.arange(48, dtype=profile.dtype)) ** 2
c, noise = torch.zeros(2000, 48, dtype=profile.dtype), profile.generator(2)
for _ in range(400):
    c = semi_implicit(
        c, a, torch.zeros_like(c), 0.1, 0.04, torch.randn(c.shape, dtype=c.dtype, generator=noise)
    )
ratio = c.var(0) * a / 0.04

# %% tags=["collapsed"]
assert (ratio - 1).abs().max() < 0.2
plotting.curves(
    range(48),
    {"Crank-Nicolson, measured": ratio, "fully implicit, in theory": 1 / (1 + 0.1 * a / 2)},
    xlabel="mode",
    ylabel="variance / exact variance",
    alt="Variance of each mode over its exact value. Crank-Nicolson's stays near one for all 48 "
    "modes; the fully implicit step loses most of the high modes.",
)

# %% [markdown]
# *Go further.* How long does the highest mode remember its start under this scheme? Compare with $e^{-a\,\Delta t}$.

# %% [markdown]
# ## L13-E2 The two-point correlation
#
# *core, 8 minutes, importance 2 of 3.* Fields `u` `(n, m)` on an interval that is **not** periodic. Return `(m,)`: entry $r$ is the mean of
# $u_j\,u_{j+r}$ over all fields and all $m-r$ places $j$ where both points exist. Nothing is subtracted.
#
# *Example.* `[[1, 2, -1]]` gives `[2, 0, -1]`: at distance 1 the products are 2 and -2.
#
# *It must hold that* fields turned upside down, or mirrored left to right, have the same correlation.


# %%
def correlation(u):
    """Mean of u_j u_{j+r} for each distance r, (m,)."""
    ### BEGIN SOLUTION
    m = u.shape[1]
    return torch.stack([(u[:, : m - r] * u[:, r:]).mean() for r in range(m)])
    ### END SOLUTION


# %% tags=["check"]
correlation = check("L13-E2", correlation)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Lay a copy of the field over itself, shifted by $r$ places, and keep only where both overlap.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $C_r=\frac1{n\,(m-r)}\sum_{i=1}^n\sum_{j=1}^{m-r}u_{ij}\,u_{i,j+r}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# m = u.shape[1]
# return torch.stack([(u[:, :___] * u[:, ___:]).mean() for r in range(___)])
# ```
#
# </details>

# %%
hot = kt.AllenCahn(48, temperature=0.1).to(profile.device).sample(2000, profile.generator(3))

# %% tags=["collapsed"]
plotting.curves(
    torch.arange(48) / 48,
    {"temperature 0.04": correlation(fields).cpu(), "temperature 0.1": correlation(hot).cpu()},
    xlabel="distance",
    ylabel="correlation",
    alt="Correlation against distance at two temperatures: both fall, the hot one to nearly zero "
    "at one fifth of the interval, the cold one more slowly.",
)

# %% [markdown]
# *Go further.* Read the length over which the correlation falls to a third. How does it change with `kappa`?

# %% [markdown]
# ## L13-E3 How many walls
#
# *warm-up, 5 minutes, importance 2 of 3.* A wall stands where two neighbours have opposite signs. Return the mean number of walls of a field
# **per unit length**, from `u` `(n, m)`, in any units, none of whose values is zero, and the `length` of the interval.
#
# *Example.* `[[1, -1, -2, 3], [1, 2, 1, 1]]` with `length = 2`: two walls and none, one on average, so 0.5.
#
# *It must hold that* doubling the fields' values changes nothing, nor does turning them upside down.


# %%
def kink_density(u, length):
    """Mean number of sign changes of a field per unit length, a number."""
    ### BEGIN SOLUTION
    walls = u[:, 1:].sign() != u[:, :-1].sign()
    return walls.sum(dim=1).to(u.dtype).mean() / length
    ### END SOLUTION


# %% tags=["check"]
kink_density = check("L13-E3", kink_density)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Compare the signs of each two neighbours. The last point has no right neighbour.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\frac1{n\,\ell}\sum_i\#\{j<m:\ \operatorname{sign}u_{ij}\ne\operatorname{sign}u_{i,j+1}\}$, with $\ell$ the length.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# walls = u[:, ___].sign() != u[:, ___].sign()
# return walls.sum(dim=___).to(u.dtype).mean() / ___
# ```
#
# </details>

# %% [markdown]
# A wall costs an energy of $\frac{2\sqrt2}3\sqrt\kappa$, so their number should fall as it gets cold. Small ripples
# about zero count, too, which is why a finer grid sees more of them:

# %%
number = {}
for points in (24, 48, 96):
    number[points] = [
        float(
            kink_density(
                kt.AllenCahn(points, temperature=t).sample(1000, profile.generator(4)), 1.0
            )
        )
        for t in (0.02, 0.04, 0.08)
    ]
    kc.show(f"{points} points, walls at temperature 0.02, 0.04, 0.08", number[points], digits=1)

# %% tags=["collapsed"]
# fewer walls in the cold, on every grid
assert all(seen == sorted(seen) for seen in number.values())

# %% [markdown]
# *Go further.* Smooth the fields over the width of a wall before you count. Does the grid still matter?

# %% [markdown]
# ## L13-E4 When does it pay?
#
# *core, 7 minutes, importance 2 of 3.* Method A pays `data` and `fit` seconds once, then `transport` seconds for each batch of samples. Its
# rival pays `rival` seconds a batch and nothing else; `data + fit` is more than nothing. Return the smallest whole number of
# batches after which A has not spent more (where only rounding decides, either of the two will do); `math.inf` if that never
# happens.
#
# *Example.* `data = 10`, `fit = 2`, `transport = 1`, `rival = 4`: each batch saves 3 of the 12 seconds, so 4.
#
# *It must hold that* all four numbers in other units of time give the same answer.


# %%
def batches_to_pay(data, fit, transport, rival):
    """Smallest number of batches that pays for data and fit, a whole number or math.inf."""
    ### BEGIN SOLUTION
    saved = rival - transport
    return math.ceil((data + fit) / saved) if saved > 0 else math.inf
    ### END SOLUTION


# %% tags=["check"]
batches_to_pay = check("L13-E4", batches_to_pay)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# What does one batch save? How many such savings cover what was paid at the start? And if it saves nothing?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The smallest $n$ with $\text{data}+\text{fit}+n\cdot\text{transport}\le n\cdot\text{rival}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# saved = ___
# return math.ceil(___) if ___ else math.inf
# ```
#
# </details>

# %%
speeds = [1.25, 1.5, 2.0, 4.0, 8.0]
needed = [batches_to_pay(4.0, 0.4, 1.0, rival) for rival in speeds]

# %% tags=["collapsed"]
plotting.curves(
    speeds,
    {"data and fit cost 4.4 batches": needed},
    xlabel="seconds of the rival for one batch of ours",
    ylabel="batches until it pays",
    logy=True,
    alt="Batches until a method pays for its data and fit: 18 when the rival needs 1.25 times its"
    " seconds a batch, one when it needs eight times.",
)

# %% [markdown]
# *Go further.* What if the rival, too, can go on from its last batch instead of starting anew?

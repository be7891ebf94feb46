# %% [markdown]
# # Exercises 15: what machines tell each other, and what fits
#
# **40 minutes · level: core · device: CPU · prerequisites: [lesson 15](../notebooks/15_scaling_out.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("15")

# %% [markdown]
# The playground: a mixture whose rows lie on three machines, one of which saw one mode alone.

# %%
import torch

from koopcourse import check, plotting

mixture = kt.GaussianMixture(
    [[-2.0, 0.0], [2.0, 0.0], [0.0, 2.0]], stds=0.4, weights=[0.5, 0.3, 0.2]
)
rows = mixture.sample(1200, profile.generator(1))
first = rows[rows[:, 0] < -1]
second, third = rows[rows[:, 0] >= -1].tensor_split([150])
machines = [first, second, third]

# %% [markdown]
# ## L15-E1 Statistics that add
#
# *core, 10 minutes, importance 3 of 3.* Machine $k$ of several has seen points of total weight `weights[k]`, with mean `means[k]` and covariance `covs[k]` (of *its own* points
# about *its own* mean, sums divided by its weight): tensors `(k,)`, `(k, d)` and `(k, d, d)`. Return `(mean, cov)` of all points together, `(d,)` and `(d, d)`, sums divided by all the
# weight. A machine may have no weight. Columns may have any size, and may lie millions of spreads from zero, where no digit may be lost.
#
# *Example.* `weights = [3, 1]`, `means = [[2], [6]]`, `covs = [[[1]], [[0]]]`: the mean is $(3\cdot2+1\cdot6)/4=3$, and the covariance $(3\cdot1+1\cdot0)/4+(3\cdot1^2+1\cdot3^2)/4=3.75$.
#
# *It must hold that* the order of the machines does not matter, and that joining two of them first changes nothing.


# %%
def joined(weights, means, covs):
    """Mean (d,) and covariance (d, d) of all points."""
    ### BEGIN SOLUTION
    share = weights / weights.sum()
    mean = share @ means
    apart = means - mean
    within = (share[:, None, None] * covs).sum(dim=0)
    between = (apart * share[:, None]).T @ apart
    return mean, within + between
    ### END SOLUTION


# %% tags=["check"]
joined = check("L15-E1", joined)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A mean is a sum that was divided. Weigh each machine by its share of all the weight. The points scatter around their machine's mean, and the machines' means scatter around the joint one.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With shares $p_k=w_k/\sum_lw_l$: $m=\sum_kp_km_k$ and $C=\sum_kp_kC_k+\sum_kp_k(m_k-m)(m_k-m)^\top$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# share = weights / ___
# mean = share @ ___
# apart = ___
# within = (share[:, None, None] * ___).sum(dim=0)
# between = (apart * ___).T @ ___
# return mean, within + ___
# ```
#
# </details>

# %% [markdown]
# Three machines, three ellipses (two standard deviations), and the one that you joined: it is that of all rows, which no machine has seen.

# %%
parts = [(len(x), x.mean(0), x.T.cov(correction=0)) for x in machines]
weights, means, covs = (torch.stack([torch.as_tensor(part[k]) for part in parts]) for k in range(3))
mean, cov = joined(weights.double(), means, covs)


def ellipse(m, c):
    angle = torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)
    return m + 2 * torch.stack([angle.cos(), angle.sin()], 1) @ torch.linalg.cholesky(c).T


# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(1, height=3.2)
for k, name in enumerate(("data", "model", "rival")):
    _, m, c = parts[k]
    ax.scatter(*machines[k].T, s=4, alpha=0.4, color=plotting.COLORS[name])
    ax.plot(*ellipse(m, c).T, color=plotting.COLORS[name], linewidth=1.5, label=f"machine {k + 1}")
ax.plot(*ellipse(mean, cov).T, color="black", linewidth=2.5, label="joined")
ax.set(aspect="equal", xlabel="x", ylabel="y", xlim=(-4.5, 6.5))
ax.legend(fontsize=8, loc="lower right")
plotting.finish(
    fig,
    "Points of three machines in three colours, an ellipse around each, and a large black one"
    " around all.",
)
assert torch.allclose(mean, rows.mean(0)) and torch.allclose(cov, rows.T.cov(correction=0))

# %% [markdown]
# *Go further.* Which other statistics of lesson 16's judges add, and which do not? (A median does not. What would you send instead?)

# %% [markdown]
# ## L15-E2 One step, two machines
#
# *core, 12 minutes, importance 3 of 3.* The particles of KSWGD live on several machines. `shards` is a list with one pair for each: `phi` `(n_i, r)`, the eigenfunctions at its particles, and
# `slopes` `(n_i, r, d)`, their gradients there. Return the weights $w$ `(r,)` with which *every* machine then moves its own particles, for particles that are all of them together:
#
# $$w=(1+\varepsilon)\,(M+\varepsilon\Lambda)^{-1}m,\qquad m_k=\frac1n\sum_j\phi_k(x_j),\qquad M_{kl}=\frac1n\sum_j\nabla\phi_k(x_j)\cdot\nabla\phi_l(x_j),$$
#
# where the sums run over the $n$ particles of all machines, $\Lambda$ is the diagonal matrix of `energies` `(r,)` and $\varepsilon$ is `damping`, positive. Machines hold different numbers of particles.
#
# *Example.* Two machines with one particle each, one mode, one dimension: `phi` 1 and 2, `slopes` 1 and 3, `energies = [1]`, `damping = 1`. Then $m=1.5$, $M=(1+9)/2=5$ and $w=2\cdot1.5/(5+1)=0.5$.
#
# *It must hold that* it does not matter on which machine a particle lives.


# %%
def shared_weights(shards, energies, damping):
    """The weights of the modes (r,), the same on every machine."""
    ### BEGIN SOLUTION
    n = sum(len(phi) for phi, slopes in shards)
    m = sum(phi.sum(dim=0) for phi, slopes in shards) / n
    metric = sum(torch.einsum("nkd,nld->kl", slopes, slopes) for phi, slopes in shards) / n
    return (1 + damping) * torch.linalg.solve(metric + damping * torch.diag(energies), m)
    ### END SOLUTION


# %% tags=["check"]
shared_weights = check("L15-E2", shared_weights)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# What adds? The number of particles, the sums of $\phi$, and the sums of the products of slopes. The solution of a linear system does not. So: add three things, divide, solve once.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Machine $i$ sends $n_i$, $\sum_j\phi(x_j)$ and $\sum_{j}\sum_c\partial_c\phi_k\,\partial_c\phi_l$, the last by `einsum("nkd,nld->kl", slopes, slopes)`.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# n = sum(len(phi) for phi, slopes in shards)
# m = sum(___ for phi, slopes in shards) / n
# metric = sum(torch.einsum(___, slopes, slopes) for phi, slopes in shards) / ___
# return (1 + damping) * torch.linalg.solve(___, ___)
# ```
#
# </details>

# %% [markdown]
# Forty steps with your weights. Machine one has 300 particles and machine two has 100, all of them in the left mode at first; they never see each other's particles, and share the modes out between them all the same.

# %%
dictionary = kt.MultiScale.from_data(rows, (60, 20), generator=profile.generator(2))
spectrum = kt.GeneratorEDMD(dictionary).fit(rows).spectrum()
g = profile.generator(3)
start = torch.tensor([-2.0, 0.0]) + 0.3 * torch.randn(400, 2, dtype=torch.float64, generator=g)
homes = [start[:300], start[300:]]
for step in range(40):
    shards = [(spectrum(x), spectrum.grad(x)) for x in homes]
    w = shared_weights(shards, spectrum.energies, 1.0)
    moves = [-torch.einsum("nrd,r->nd", slopes, w) for phi, slopes in shards]
    moves = [v * (0.5 / v.norm(dim=1, keepdim=True)).clamp(max=1) for v in moves]  # no jumps
    noise = 0.15 * max(0, 1 - step / 20)  # each machine draws its own, and it fades
    homes = [
        x + v + noise * torch.randn(x.shape, dtype=x.dtype, generator=g)
        for x, v in zip(homes, moves)
    ]
share = kt.mode_weights(torch.cat(homes), mixture.modes)
kc.show("weights of the modes (0.5, 0.3, 0.2)", share, 1)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=2.6, sharex=True, sharey=True)
for ax, states, name in zip(
    axes, ([start[:300], start[300:]], homes), ("before", "after 40 steps")
):
    for x, label, color in zip(states, ("machine one", "machine two"), ("data", "model")):
        ax.scatter(x[:, 0], x[:, 1], s=7, alpha=0.7, color=plotting.COLORS[color], label=label)
    ax.set(title=name, xlabel="x", aspect="equal")
axes[0].set_ylabel("y")
axes[0].legend(fontsize=8)
plotting.finish(
    fig,
    "Particles of two machines, first all in the left mode, then spread over three modes, "
    "both colours in each.",
)
assert (share - torch.tensor([0.5, 0.3, 0.2])).abs().max() < 0.05

# %% [markdown]
# *Go further.* Let each machine solve with its own $M$ and $m$. Where do the 100 particles of machine two end, and why is that no catastrophe for the weights here, but one for two particles?

# %% [markdown]
# ## L15-E3 Who answered, and who did not
#
# *core, 8 minutes, importance 2 of 3.* The data were cut into `n_parts` parts, numbered from 0, and each part's sums were asked for. A machine died, its part was asked for again, and then its old answer came, too.
# Message `i` says that it is the answer of part `parts[i]`, a whole number, and holds the numbers `sums[i]`; `parts` is `(q,)` and `sums` `(q, m)`. A message with NaN or an infinity in it was torn on the way. Return
# `(total, missing)`: the sum `(m,)` of every part's first whole message, and the numbers `(p,)` of the parts that have none, in ascending order.
#
# *Example.* `parts = [0, 1, 0]`, `sums = [[3], [3], [3]]`, `n_parts = 3`: `total = [6]`, not 9, and `missing = [2]`. Parts 0 and 1 have equal sums, and are two parts.
#
# *It must hold that* a message that comes once more changes nothing.


# %%
def collected(parts, sums, n_parts):
    """The total (m,) and the numbers of the missing parts (p,)."""
    ### BEGIN SOLUTION
    first = {}
    for part, values in zip(parts.tolist(), sums):
        if values.isfinite().all():
            first.setdefault(part, values)
    total = sum(first.values(), torch.zeros_like(sums[0]))
    missing = [part for part in range(n_parts) if part not in first]
    return total, torch.tensor(missing, dtype=torch.long)
    ### END SOLUTION


# %% tags=["check"]
collected = check("L15-E3", collected)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Keep a list of who has answered. A message counts if it is whole and its part has not answered before. Whoever is not on the list at the end is missing.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# A dictionary from part to numbers, filled in the order of the messages by `setdefault`, which keeps what is there. `values.isfinite().all()` says whether a message is whole.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# first = {}
# for part, values in zip(parts.tolist(), sums):
#     if ___:
#         first.setdefault(___, ___)
# total = sum(first.values(), torch.zeros_like(sums[0]))
# missing = [___ for part in range(n_parts) if ___]
# return total, torch.tensor(missing, dtype=torch.long)
# ```
#
# </details>

# %% [markdown]
# Twelve parts of the rows, each telling its number of rows and their sum; three answers came twice. What does the mean become if nobody pays heed?

# %%
cut = rows[rows[:, 0].argsort()].tensor_split(12)  # sorted, as files often are: parts are not alike
numbers = torch.stack([torch.cat([torch.tensor([float(len(x))]), x.sum(0)]) for x in cut])
order = torch.tensor([0, 1, 2, 3, 0, 4, 5, 6, 1, 7, 8, 9, 10, 0, 11])
total, missing = collected(order, numbers[order], 12)
naive = numbers[order].sum(0)
kc.show(
    "mean of all rows, yours, and with every message",
    [rows[:, 0].mean(), total[1] / total[0], naive[1] / naive[0]],
    2,
)

# %% tags=["collapsed"]
# yours is that of all rows; with every message it is off by more than 0.2
assert torch.allclose(total[1:] / total[0], rows.mean(0)) and len(missing) == 0
assert (naive[1:] / naive[0] - rows.mean(0)).norm() > 0.2

# %% [markdown]
# *Go further.* A sum that is computed in place, `total += values`, is right as long as nobody asks twice. Why does Dask, which keeps what it was given and may run a task again, need `a + b` to leave both alone?

# %% [markdown]
# ## L15-E4 Will it fit, and will it warn
#
# *core, 10 minutes, importance 2 of 3.* How large is a fit in $d$ columns, before it is made? The default dictionary has
# at most `centres` kernels, 330 of them if nobody asks for others, and a tail of monomials: all of degree one and two,
#
# $$d+\tfrac{d(d+1)}{2},$$
#
# while these are **at most 1,500 and at most half of the `n` rows**, and else the $d$ columns alone. With $m$ features
# in all count six matrices of $m\times m$ numbers of eight bytes (the least that a fit needs: two sums, and an eigenproblem's; measured peaks are up to twice that). The report warns where there are **fewer than
# six rows a feature**.
#
# Given are the whole numbers `d`, `n` and `centres`. Return three things: `m`, the megabytes of the six matrices (a
# megabyte is $10^6$ bytes), and `True` or `False`: does the report warn?
#
# *Example.* `d = 10, n = 5000, centres = 330` gives 395 features (330 and 10 + 55), 7.49 MB, and no warning: twelve rows a feature.
#
# *It must hold that* a further kernel is a further feature, and that twice the features take four times the memory.


# %%
def fit_size(d, n, centres):
    """Features of the default dictionary, megabytes of a fit, and whether the report warns."""
    ### BEGIN SOLUTION
    quadratic = d + d * (d + 1) // 2
    tail = quadratic if quadratic <= min(1500, n / 2) else d
    m = centres + tail
    return m, 6 * 8 * m**2 / 1e6, n < 6 * m
    ### END SOLUTION


# %% tags=["check"]
fit_size = check("L15-E4", fit_size)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Count the tail first, then decide whether it is taken, then everything else follows from one number, $m$.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $x_1x_2$ and $x_2x_1$ are one monomial, $x_1^2$ is one, too: $d(d+1)/2$ of degree two. Memory: $6\cdot 8\,m^2$ bytes.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# quadratic = d + ___ // 2
# m = centres + (quadratic if quadratic <= min(___, ___) else ___)
# return m, ___ * m**2 / 1e6, ___ < 6 * m
# ```
#
# </details>

# %% [markdown]
# See it work, for 5,000 rows. **Predict first:** in which of these columns does the report warn? And is all well in a
# hundred columns, where it does not?

# %%
for d in (2, 10, 30, 31, 50, 53, 54, 100):
    m, megabytes, warns = fit_size(d, 5000, 330)
    kc.show(
        f"{d:3} columns",
        f"{m:5} features, {megabytes:6.1f} MB{', few rows: the report warns' * warns}",
    )

# %% tags=["collapsed"]
# where it begins to warn, and where it stops
assert [fit_size(d, 5000, 330)[2] for d in (30, 31, 53, 54)] == [False, True, True, False]

# %% [markdown]
# From 31 columns on it warns, and from 54 on it is silent again: the tail has become linear, there are rows enough for
# what is left, and what is left no longer sees how two columns vary together. A count tells what a fit *costs* and
# whether its numbers are steady, not whether the features are the right ones. Second moments inside $k$ modes take
# $k(1+d+d(d+1)/2)-1$ functions: with five modes 104 in 5 columns, 329 in 10 and 1,154 in 20, more than the default has
# from twelve columns on. There particles from afar come to the right modes with the wrong spread, and the
# sampler's report says so in its own words.

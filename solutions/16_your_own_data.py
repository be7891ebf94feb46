# %% [markdown]
# # Exercises 16: units, pairs, columns, copies
#
# **38 minutes · level: core · device: CPU · prerequisites: [lesson 16](../notebooks/16_your_own_data.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("16")

# %% [markdown]
# The playground: the three files of the lesson.

# %%
from importlib.resources import files

import numpy as np
import torch

from koopcourse import check, plotting

DATA = files("koopcourse") / "data"


def read(name):
    """The numbers of a file (n, d), NaN where a cell is empty."""
    with open(DATA / name, encoding="utf-8") as file:
        return torch.from_numpy(np.genfromtxt(file, delimiter=",", skip_header=1))


table, sensor, visits = (read(f"{name}.csv") for name in ("weather", "sensor", "visits"))
table[table == -999] = torch.nan  # a broken thermometer's way of saying "missing"

# %% [markdown]
# ## L16-E1 Columns in units of their spread
#
# *core, 8 minutes, importance 3 of 3.* From the rows of `train` `(n, d)` that have *all* their values (missing ones are NaN) take the mean of every column, its
# `center` `(d,)`, and its standard deviation, divided by the number of rows, its `spread` `(d,)`. A column whose whole rows all have one value gets the
# spread 1: compare its least and its largest value, since a deviation computed from rounding is not zero. Return `(center, spread, u)`, where `u` `(m, d)` is `x` `(m, d)` in these
# units. Columns may be of any size, of $10^{-7}$ or of $10^6$, and may hardly vary around a large value. `x` has no missing values.
#
# *Example.* `train = [[1, 17], [5, 17], [NaN, 17]]`, `x = [[3, 17], [7, 17]]`: two rows are whole, `center = [3, 17]`, `spread = [2, 1]`, `u = [[0, 0], [2, 0]]`.
#
# *It must hold that* `center + spread * u` is `x`, and that nothing of `x` has a say in center and spread.


# %%
def to_units(train, x):
    """Center (d,), spread (d,), and x in these units (m, d)."""
    ### BEGIN SOLUTION
    whole = train[train.isfinite().all(dim=1)]
    center = whole.mean(dim=0)
    spread = whole.std(dim=0, correction=0)
    constant = whole.amax(dim=0) == whole.amin(dim=0)
    spread = torch.where(constant, torch.ones_like(spread), spread)
    return center, spread, (x - center) / spread
    ### END SOLUTION


# %% tags=["check"]
to_units = check("L16-E1", to_units)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First throw out every row that lacks a value. Of the rest, mean and deviation by column. Then look for columns that do not vary, and only then divide.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $m_j=\frac1n\sum_ix_{ij}$, $s_j^2=\frac1n\sum_i(x_{ij}-m_j)^2$ over whole rows, and $s_j=1$ where $\max_ix_{ij}=\min_ix_{ij}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# whole = train[___.all(dim=1)]
# center = ___
# spread = whole.std(dim=0, correction=___)
# constant = ___ == ___
# spread = torch.where(constant, ___, spread)
# return center, spread, ___
# ```
#
# </details>

# %% [markdown]
# The weather, split into two halves: the first one decides on the units.

# %%
first, second = table[:800], table[800:]
second = second[second.isfinite().all(dim=1)]
center, spread, u = to_units(first, second)
kc.show("spreads of temperature, pressure, rain, cloud, station", spread, digits=2)
shift = u.mean(0).abs().max()
kc.show("most that a mean of the second half is off, in spreads of the first", shift, digits=1)

# %% tags=["collapsed"]
# the station has the spread 1, no mean moves by a fifth of a spread, and the package says the same
assert spread[4] == 1 and shift < 0.2
theirs = kt.Standardizer.of(first[first.isfinite().all(dim=1)])(second)
assert torch.allclose(theirs, u)

# %% [markdown]
# *Go further.* Replace one temperature by -999 again. By how many spreads do the others move?

# %% [markdown]
# ## L16-E2 Pairs across no gap and no border
#
# *core, 12 minutes, importance 3 of 3.* A file has a value `z` `(n,)` in every row (NaN where the sensor failed), the hour `time` `(n,)` and the number `visit` `(n,)` of the visit; hours
# and numbers are whole. Rows are in order, visit by visit, and hours increase within a visit; some rows are not there at all. Return `(x, y)`: all pairs of values of one visit whose hours are exactly
# `lag` apart, `y` the later one, both measured, in the order of `x`'s rows. Where there is no pair, both are empty.
#
# *Example.* `z = [1, 2, 3, NaN, 5, 6]`, `time = [0, 1, 3, 4, 0, 2]`, `visit = [7, 7, 7, 7, 8, 8]`, `lag = 2`: `x = [2, 5]`, `y = [3, 6]`. The 1 has no partner, as the row of
# hour 2 is not there, and neither has the 3.
#
# *It must hold that* the pairs of a file are those of its visits, one after the other, and that a clock that starts later changes nothing.


# %%
def pairs(z, time, visit, lag):
    """Values that are a lag apart, (x, y)."""
    ### BEGIN SOLUTION
    partners = (time[None, :] - time[:, None] == lag) & (visit[None, :] == visit[:, None])  # (n, n)
    measured = z.isfinite()
    i, j = (partners & measured[:, None] & measured).nonzero(as_tuple=True)
    return z[i], z[j]
    ### END SOLUTION


# %% tags=["check"]
pairs = check("L16-E2", pairs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Never count rows. Ask of every two rows three things: the same visit? the right number of hours apart? both measured?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# A table of true and false, `(n, n)`: rows $i,j$ are a pair if $v_i=v_j$ and $t_j-t_i=\tau$ and neither $z_i$ nor $z_j$ is NaN. `nonzero(as_tuple=True)` lists its true entries row by row.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# partners = (time[None, :] - time[:, None] == ___) & (___ == ___)
# measured = ___
# i, j = (partners & ___ & ___).nonzero(as_tuple=True)
# return z[i], z[j]
# ```
#
# </details>

# %% [markdown]
# The device of the lesson forgets within 11 hours. Its visits with your pairs, and with pairs that pay no heed to borders.

# %%
z, time, visit = visits[:, 2], visits[:, 1].long(), visits[:, 0].long()
bumps = kt.GaussianRBF(torch.linspace(450, 575, 8, dtype=torch.float64)[:, None], 15.0)


def timescale(x, y, lag):
    return float(
        kt.EDMD(bumps, lag=lag).fit(x[:, None], y[:, None]).spectrum(1).implied_timescales[0]
    )


lags = [1, 2, 4, 8, 12]
by_clock = [timescale(*pairs(z, time, visit, lag), float(lag)) for lag in lags]
joined = [timescale(z[:-lag], z[lag:], float(lag)) for lag in lags]

# %% tags=["collapsed"]
plotting.curves(
    lags,
    {"your pairs": by_clock, "joined by hand": joined, "exact": [11.0] * len(lags)},
    xlabel="lag, hours",
    ylabel="implied timescale, hours",
    alt="Implied timescale against the lag: with your pairs it rises towards the exact 11, "
    "joined by hand it stays near 7.",
)
assert joined[3] < 0.8 * by_clock[3] < 11

# %% [markdown]
# *Go further.* Every second visit starts in the left well. Which assumption of `reversible=True` does that break?

# %% [markdown]
# ## L16-E3 Calibrate a column
#
# *core, 10 minutes, importance 2 of 3.* A sampler's column `x` `(n,)`, no two alike, is nearly right. Give each number the quantile of the `data` `(m,)`, $m\ge2$, that its rank asks for: the $k$-th smallest
# of $n$ sits at the height $(k-\frac12)/n$; the $j$-th smallest datum sits at $(j-\frac12)/m$, between the data's heights the quantile is linear, and beyond the first and the
# last it is the least and the largest datum. Return `(n,)`, each value where its number of `x` was.
#
# *Example.* `x = [0.9, -0.2]`, `data = [6, 0, 2]`: `-0.2` is the first of two, at 1/4; the data 0, 2, 6 sit at 1/6, 1/2, 5/6, so that it becomes 0.5, and `0.9`, at 3/4, becomes 5. The answer is `[5, 0.5]`.
#
# *It must hold that* an increasing function of `x` changes nothing, and that with $n=m$ the answer holds just the data's values.


# %%
def calibrate(x, data):
    """The data's quantiles, by the ranks of x, (n,)."""
    ### BEGIN SOLUTION
    levels = data.sort().values
    height = (x.argsort().argsort().to(x) + 0.5) / len(x)
    place = (height * len(data) - 0.5).clamp(0, len(data) - 1)  # counted in data, from 0
    low = place.floor().long().clamp(max=len(data) - 2)
    return torch.lerp(levels[low], levels[low + 1], place - low)
    ### END SOLUTION


# %% tags=["check"]
calibrate = check("L16-E3", calibrate)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The value of $x$ is forgotten, its rank is all that counts. Turn ranks into heights between 0 and 1, and look up the data's quantiles there.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# `x.argsort().argsort()` is each number's rank from 0. At the height $h$ you stand at place $hm-\frac12$ of the sorted data, counted from 0: between two of them, interpolate.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# levels = data.sort().values
# height = (x.argsort().___.to(x) + ___) / ___
# place = (___ * len(data) - ___).clamp(___, ___)
# low = place.floor().long().clamp(max=___)
# return torch.lerp(levels[low], levels[___], ___)
# ```
#
# </details>

# %% [markdown]
# Rain, from a plain Gaussian of its mean and spread, before and after.

# %%
rain = table[:, 2][table[:, 2].isfinite()]
plain = rain.mean() + rain.std() * torch.randn(
    1531, dtype=torch.float64, generator=profile.generator(1)
)
mended = calibrate(plain, rain)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=2.5, sharey=True)
for ax, (name, column), color in zip(
    axes,
    {"the gauge": rain, "a Gaussian": plain, "calibrated": mended}.items(),
    ("data", "error", "model"),
):
    ax.hist(column, bins=torch.linspace(-25, 50, 60), color=plotting.COLORS[color])
    ax.set(title=name, xlabel="rain, mm", yscale="log")
axes[0].set_ylabel("rows")
plotting.finish(
    fig,
    "Histograms of rain. The gauge: many small values and a long tail. A Gaussian of the same"
    " mean and spread: a hump, a third of it below zero. Calibrated: as the gauge.",
)
assert mended.min() >= 0 and abs(mended.mean() - rain.mean()) < 0.05

# %% [markdown]
# *Go further.* A calibrated column is right by itself. Shuffle one column of the table: which judge of the lesson notices?

# %% [markdown]
# ## L16-E4 Copies, or new points
#
# *core, 8 minutes, importance 3 of 3.* Given a `sample` `(n, d)`, the rows `train` `(m, d)` that its sampler learned from and as many rows `kept` `(m, d)` that it never saw, return the share of the sample that is
# nearer to its nearest row of `train` than to its nearest row of `kept`, equation (4), a number. A sample that is as near to one as to the other counts half. No digits should be lost far from the origin.
#
# *Example.* On the line, `sample = [0, 1, 5, 9]`, `train = [0, 6]`, `kept = [2, 8]`: 0 is a copy, 1 is as near to 0 as to 2, 5 is nearer to 6, and 9 to 8. The share is $(1+\frac12+1+0)/4=0.625$.
#
# *It must hold that* copies of `train` give 1, and that $h$ becomes $1-h$ where the two change places.


# %%
def share_near(sample, train, kept):
    """Share of the sample that is nearer to train, a number."""
    ### BEGIN SOLUTION
    to_train, to_kept = (
        (sample[:, None] - rows).square().sum(dim=2).amin(dim=1) for rows in (train, kept)
    )
    return (0.5 + 0.5 * torch.sign(to_kept - to_train)).mean()
    ### END SOLUTION


# %% tags=["check"]
share_near = check("L16-E4", share_near)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# For every sample two numbers: how far to the nearest row that was learned from, how far to the nearest that was not. Then count.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# `sample[:, None] - train` is `(n, m, d)`; its squares summed over $d$ and the least over $m$ give `(n,)`. The sign of the difference is 1, 0 or -1, and $\frac12+\frac12\,\mathrm{sign}$ counts as it should.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# to_train, to_kept = ((sample[:, None] - rows).square().___.___ for rows in (train, kept))
# return (0.5 + 0.5 * torch.sign(___)).mean()
# ```
#
# </details>

# %% [markdown]
# Training rows that were shaken more and more: at which strength do they stop being copies?

# %%
whole = table[table.isfinite().all(dim=1)]
whole = to_units(whole, whole)[2][torch.randperm(len(whole), generator=profile.generator(2))]
train, kept = whole[:750], whole[750:1500]
strengths = [0.01, 0.03, 0.1, 0.3, 1.0]
again = train[torch.randint(750, (750,), generator=profile.generator(3))]
kick = torch.randn(again.shape, dtype=torch.float64, generator=profile.generator(4))
kick[:, 4] = 0  # the station stays
found = [float(share_near(again + strength * kick, train, kept)) for strength in strengths]

# %% tags=["collapsed"]
plotting.curves(
    strengths,
    {"shaken training rows": found, "new points": [0.5] * len(strengths)},
    xlabel="strength, in spreads",
    ylabel="share nearer to training rows",
    logx=True,
    alt="The share against the strength of the shaking, on a logarithmic axis: nearly 1 for weak "
    "shaking, falling to 0.5 where the strength is that of the data themselves.",
)
assert found[0] > 0.9 and abs(found[-1] - 0.5) < 0.08

# %% [markdown]
# *Go further.* Two columns of the table are enough to hide copies: with `[:, :2]` in place of all five the share falls sooner. Why?

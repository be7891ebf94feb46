# %% [markdown]
# # Capstone 2: Mixtures in 10, 20 and 50 dimensions
#
# **3 to 6 hours · level: advanced · device: CPU · prerequisites: lessons [05](../notebooks/05_kswgd.ipynb),
# [06](../notebooks/06_quadruple_well.ipynb) and [16](../notebooks/16_your_own_data.ipynb)**
#
# An open project: there is no check that turns green. You choose a mixture, ask until where it works, answer with numbers
# and pictures, and write a report of two pages.

# %% [markdown]
# ## The question
#
# KSWGD brings particles to the modes of a mixture; a second stage, a KSWGD within each cluster that slow eigenfunctions tell apart, then gives
# each mode its shape. **Until which dimension does that work, and what does the second stage do when the modes are of unequal weight?** You choose
# what is unequal: weight, width, distance, or the number of rows.

# %% [markdown]
# ## Why it is open
#
# `results/dimension.md` has five modes of one width in 2 to 50 columns, with 5,000 rows and weights from 5 % to 35 %. There everything is found. It does
# not say what happens to a mode that few rows have seen, nor whether the sampler *tells* when its second stage misses one. Lesson 16 reads a sampler's
# report; whether the report knows, nobody has asked.

# %% [markdown]
# ## What loads
#
# A mixture along axes, the sampler with a small dictionary (the default takes minutes in 50 columns), seeds (choose on `TUNED_ON`, report on `SEEDS`), and
# `table`, which prints medians over seeds with the least and the largest.

# %%
import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table, timed


def mixture(dim, weights, apart=6.0):
    """Modes of unit variance at this distance from each other, along as many axes."""
    middles = apart / 2**0.5 * torch.eye(dim, dtype=torch.float64)[: len(weights)]
    return kt.GaussianMixture(middles, 1.0, list(weights))


def functions(u, generator):
    return kt.MultiScale.from_data(u, (80, 25, 8), generator=generator)


# %% [markdown]
# ## A first run
#
# Three equal modes in ten columns, all particles in one of them, with the second stage.

# %%
target = mixture(10, (1 / 3, 1 / 3, 1 / 3))
data = target.sample(1500, stream(TUNED_ON, 0))
sampler = kt.KoopmanSampler(hold_out=0, dictionary=functions)
sampler, seconds = timed(lambda: sampler.fit(data, generator=stream(TUNED_ON, 1)))
start = target.modes[0] + torch.randn(300, 10, dtype=torch.float64, generator=stream(TUNED_ON, 2))
end = sampler.transport(start, stream(TUNED_ON, 3), by_cluster=True)
print(sampler.report)

fig, axes = plotting.new_figure(3, height=3.0)
panels = {"start": start, "two stages": end, "exact": target.sample(300, stream(0, 8))}
for ax, (name, x) in zip(axes, panels.items()):
    plotting.points(ax, x[:, :2], (-4.0, 8.0), title=f"{name}, two of ten columns")
plotting.finish(
    fig, "Three maps of two columns: particles in one mode, spread over three, and exact ones."
)
weights = kt.mode_weights(end, target.modes)
table({"share of each mode": {f"mode {k + 1}": [float(w)] for k, w in enumerate(weights)}})
assert bool(end.isfinite().all()) and len(sampler.clusters) >= 1

# %% [markdown]
# ## Milestones
#
# | step | minutes | done when |
# |---|---|---|
# | 1. Choose what is unequal | 20 | you can say which mode is at risk, and how many rows it has |
# | 2. Judge one mode at a time | 50 | its share and its spread for three seeds, beside those of exact samples |
# | 3. A grid | 60 | at least three dimensions and two degrees of inequality, and its CPU seconds |
# | 4. A rival | 50 | the best of three settings of something simpler, at the same rows |
# | 5. Find the edge | 40 | the cell of your grid where it fails, and a number that explains why |
# | 6. Write | 50 | a friend who knows lesson 05 understands the picture without you |

# %% [markdown]
# ## Three traps
#
# 1. *One distance for all.* In 50 columns no sliced distance sees that a mode of 2 % is missing. Look at each mode.
# 2. *The floor of a light mode.* Eight particles have no spread worth a digit. Compute what eight exact samples say.
# 3. *An even run.* Moved particles lie more evenly than exact samples. Where you compare laws, draw a random part of a run at least five times as large.

# %% [markdown]
# ## What is allowed
#
# Any mixture whose parts you can sample; any argument of `KoopmanSampler` and any dictionary; scikit-learn's mixtures as rivals; this course's
# pages, quoted. At most 90 CPU seconds for the whole notebook: reduce rows and particles, not seeds. Settings are chosen on
# `TUNED_ON` alone. Work with others if your teacher says so, but write alone, and name what an assistant wrote for you.

# %% [markdown]
# ## How it is marked
#
# | criterion | points |
# |---|---|
# | A question that can be answered | 3 |
# | A grid and a rival | 5 |
# | Mode by mode, floors, seeds | 5 |
# | A picture that speaks | 2 |
# | What went wrong | 3 |
# | How far it holds | 2 |
#
# Twenty points; what full, half and no marks look like stands in the rubric, `capstones/c2_dimension.md`.

# %% [markdown]
# ## Your report
#
# Keep these headings. Move what you tried and dropped to the end, or delete it.
#
# ### Question
#
# *Two sentences, and what you expected before you looked, so that you can be wrong.*
#
# ### Method
#
# *The mixture, the rows, the start, the sampler's settings, the rival and its settings, the judges and their floors.*
#
# ### Results
#
# *One table over three seeds, one or two pictures, one sentence in bold.*
#
# ### What failed
#
# *What you expected and did not see; what you tried and dropped.*
#
# ### Limits
#
# *For which mixtures does your sentence in bold hold, and what would you try next?*

# %% [markdown]
# # Capstone 3: An adaptive step against a metric
#
# **3 to 6 hours · level: advanced · device: CPU · prerequisites: lessons [04](../notebooks/04_gradient_flows.ipynb),
# [05](../notebooks/05_kswgd.ipynb) and [06](../notebooks/06_quadruple_well.ipynb)**
#
# An open project: there is no check that turns green. You choose laws, give all methods the same seconds, answer with numbers and
# pictures, and write a report of two pages.

# %% [markdown]
# ## The question
#
# SVGD is slow where a law is stiff, and practitioners give it an adaptive step, as in training networks. KSWGD preconditions: its metric comes from
# the law. **When is an adaptive step enough, and when does it take a metric? Compare both at equal CPU seconds, each at the best of three settings.** You choose the
# laws so that the answer is not the same for all of them.

# %% [markdown]
# ## Why it is open
#
# `results/adaptive.md` has a ring of eight, a ring of six and a well with four modes. On these the metric matters more than the step. All three look alike in every
# direction, and all have several modes. Stiffness without modes, modes without stiffness, or both in directions of your choice were not tried; nor
# was a step that adapts in another way than root mean squares.

# %% [markdown]
# ## What loads
#
# `within(seconds, make, x, generator)` moves particles until the CPU seconds are used up, with all that `make` fits on the clock; lost particles come back as
# NaN. SVGD with a fixed and an adaptive step and KSWGD are in the package. Choose settings on `TUNED_ON`, report on `SEEDS`.

# %%
import math

import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table, within
from koopcourse.judges import floors

SECONDS, N_DATA, N = 0.3, 2000, 300
LAW = kt.GaussianMixture.ring(6, radius=2.0, std=0.4)  # replace it by laws of your own
BOX = (-3.5, 3.5)


def kswgd(data, size):
    dictionary = kt.MultiScale.from_data(data, (60, 20, 6), generator=stream(0, 1))
    return kt.KSWGD(kt.GeneratorEDMD(dictionary).fit(data).spectrum(), step_size=size)


METHODS = {
    "SVGD": lambda data, size: kt.SVGD(kt.kde_score(data), step_size=size),
    "SVGD, adaptive": lambda data, size: kt.SVGD(kt.kde_score(data), step_size=size, adaptive=True),
    "KSWGD": kswgd,
}

# %% [markdown]
# ## A first run
#
# One law, one seed, one setting each. Which particles know what: here all three know the same 2,000 samples.

# %%
data = LAW.sample(N_DATA, stream(TUNED_ON, 0))
start = LAW.modes[0] + 0.3 * torch.randn(N, 2, dtype=torch.float64, generator=stream(TUNED_ON, 1))
ends, steps = {}, {}
for (name, make), size in zip(METHODS.items(), (0.3, 0.3, 1.0)):
    ends[name], steps[name] = within(
        SECONDS, lambda make=make, size=size: make(data, size), start, stream(TUNED_ON, 2)
    )
fig, axes = plotting.new_figure(3, height=3.0)
for ax, (name, x) in zip(axes, ends.items()):
    plotting.density(ax, LAW.log_prob, BOX)
    plotting.points(ax, x, BOX, title=f"{name}\nafter {SECONDS:g} CPU seconds")
plotting.finish(fig, "Three maps of a ring of six modes and of particles after equal CPU seconds.")

# %%
reference = LAW.sample(8000, stream(0, 8))


def distance(x):
    """Sliced W2; infinite for particles that are lost."""
    found = bool(x.isfinite().all())
    return kt.sliced_wasserstein2(x, reference, n_projections=50) if found else math.inf


floor = floors(distance, LAW.sample, N, repeats=10, even_repeats=2, generator=stream(0, 9))
numbers = {name: {"sliced W2": [distance(x)], "steps": [steps[name]]} for name, x in ends.items()}
numbers["floor, independent"] = {"sliced W2": [floor.law[0]]}
numbers["floor, even"] = {"sliced W2": [floor.even[0]]}
table(numbers)
assert 0 < floor.even[0] < floor.law[0] and min(steps.values()) > 0

# %% [markdown]
# ## Milestones
#
# | step | minutes | done when |
# |---|---|---|
# | 1. Choose two or three laws | 40 | you can say of each what makes it hard, with exact samples and a score |
# | 2. A fair race | 50 | best of three settings on a seed of its own, three other seeds reported |
# | 3. Equal information | 40 | every method's line says whether it knows data or the score |
# | 4. Something of your own | 60 | another step, kernel or metric, in a class with `init` and `step` |
# | 5. Why | 40 | a picture that shows the reason and not only the ranking |
# | 6. Write | 50 | a friend who knows lesson 05 understands the picture without you |

# %% [markdown]
# ## Three traps
#
# 1. *Steps for seconds.* A method whose step costs five times as much gets five times fewer of them. Count seconds, fits included.
# 2. *A setting at the edge.* If the best of three is the largest or the least, three were not enough: shift them, on `TUNED_ON`.
# 3. *Below the floor.* Moved particles lie more evenly than exact samples; below one floor is no better law. Print both floors.

# %% [markdown]
# ## What is allowed
#
# Any law in two to ten dimensions with exact samples and a score; any method, your own included; this course's pages, quoted. At most 90 CPU
# seconds for the whole notebook: reduce seconds and particles, not seeds. Settings are chosen on
# `TUNED_ON` alone. Work with others if your teacher says so, but write alone, and name what an assistant wrote for you.

# %% [markdown]
# ## How it is marked
#
# | criterion | points |
# |---|---|
# | A question that can be answered | 3 |
# | A fair race | 6 |
# | Floors and seeds | 3 |
# | A picture that shows why | 3 |
# | What went wrong | 3 |
# | How far it holds | 2 |
#
# Twenty points; what full, half and no marks look like stands in the rubric, `capstones/c3_adaptive.md`.

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
# *The laws, the methods, what each of them knows, their settings, the seconds, the judge and its floors.*
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
# *For which laws does your sentence in bold hold, and what would you try next?*

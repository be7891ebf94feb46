# %% [markdown]
# # Capstone 4: An observation of your own
#
# **3 to 6 hours · level: advanced · device: CPU · prerequisites: lessons [05](../notebooks/05_kswgd.ipynb) and
# [14](../notebooks/14_conditional.ipynb)**
#
# An open project: there is no check that turns green. You choose a prior and a measurement, compute the truth on a grid, compare, and write a
# report of two pages.

# %% [markdown]
# ## The question
#
# Samples of a prior, weighted by a likelihood, give a spectrum that carries particles to the posterior. **Take a measurement of your own whose forward map is nonlinear.
# How precise may it become before weighted spectra fail, does the effective sample size foretell it, and what do moved particles give that drawing the
# heavy samples again does not?**

# %% [markdown]
# ## Why it is open
#
# `results/conditional.md` observes a sum, a label and a tilt: what is left is an ellipse or one well, and fields and pictures in lesson 14 are linear in their codes. Of
# posteriors that are bent, closed or in several pieces it says nothing; nor about a quantity that somebody would *ask* of a posterior, which may be
# wrong where a distance looks right.

# %% [markdown]
# ## What loads
#
# A prior, a linear observation to begin with, the posterior on a grid with exact draws from it, and a small fit for `kt.condition`. Choose settings on
# `TUNED_ON`, report on `SEEDS`.

# %%
import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table, timed

PRIOR, N_PRIOR, N = kt.GaussianMixture([[0.0, 0.0]], 1.0), 3000, 400
BOX = (-4.0, 4.0)


def log_likelihood(x, sigma):
    """Replace it: here x1 + x2 / 2 was seen to be 1, which is linear."""
    return -((x[:, 0] + x[:, 1] / 2 - 1) ** 2) / (2 * sigma**2)


# %%
side = torch.linspace(*BOX, 401, dtype=torch.float64)
STEP = float(side[1] - side[0])
CELLS = torch.cartesian_prod(side[:-1] + STEP / 2, side[:-1] + STEP / 2)


def posterior(sigma):
    """A function that draws exact samples: cells by their weight, and a place in the cell."""
    weights = torch.softmax(PRIOR.log_prob(CELLS) + log_likelihood(CELLS, sigma), 0)

    def draw(n, generator=None):
        cells = CELLS[torch.multinomial(weights, n, True, generator=generator)]
        return cells + STEP * (torch.rand(n, 2, dtype=torch.float64, generator=generator) - 0.5)

    return draw


def fit(x, weights):
    """A small dictionary, where the weights are."""
    there = x[kt.systematic_resample(weights.log(), len(x), stream(0, 5))]
    dictionary = kt.MultiScale.from_data(there, (60, 20, 6), generator=stream(0, 6))
    return kt.GeneratorEDMD(dictionary, standardize=True).fit(x, weights).spectrum()


# %% [markdown]
# ## A first run
#
# One precision, one seed.

# %%
sigma, prior = 0.3, PRIOR.sample(N_PRIOR, stream(TUNED_ON, 0))
effective = kt.effective_sample_size(log_likelihood(prior, sigma))
found, seconds = timed(
    lambda: kt.condition(
        prior,
        lambda z: log_likelihood(z, sigma),
        n_particles=N,
        n_steps=40,
        fit=fit,
        generator=stream(TUNED_ON, 1),
    )
)
panels = {
    f"prior, {effective:.0f} effective": prior[:N],
    "moved": found.particles,
    "exact": posterior(sigma)(N, stream(0, 8)),
}
fig, axes = plotting.new_figure(3, height=3.0)
for ax, (name, x) in zip(axes, panels.items()):
    plotting.points(ax, x, (-3.5, 3.5), title=name)
plotting.finish(
    fig, "Three maps: samples of a round prior, particles moved to a band, and exact ones."
)
assert effective > 100 and bool(found.particles.isfinite().all())

# %% [markdown]
# ## Milestones
#
# | step | minutes | done when |
# |---|---|---|
# | 1. A forward map | 30 | one sentence says what is measured, and a grid shows the posterior |
# | 2. The truth | 40 | exact samples, their floor, and a halved grid that changes nothing |
# | 3. Precisions | 50 | at least four, three seeds each, effective sizes beside the error |
# | 4. Rivals | 60 | importance resampling, and one with the best of three settings at equal seconds |
# | 5. What somebody would ask | 30 | a probability or mean of the posterior, with its error and that of exact draws |
# | 6. Write | 50 | a friend who knows lesson 14 understands the picture without you |

# %% [markdown]
# ## Three traps
#
# 1. *A grid too coarse.* Cells wider than the error make a truth of their own. Halve them once and compare.
# 2. *Copies.* Resampling draws few points many times, and most distances hardly mind. Count different points.
# 3. *Hidden information.* A rival that needs the slope of the likelihood, or the prior's score, knows more. Say so in its name.

# %% [markdown]
# ## What is allowed
#
# Any prior in the plane of which you can draw; any likelihood that is not linear; tempering or none; this course's pages, quoted. At most 90 CPU
# seconds for the whole notebook: reduce samples and steps, not seeds. Settings are chosen on `TUNED_ON` alone. Work with others if your teacher says
# so, but write alone, and name what an assistant wrote for you.

# %% [markdown]
# ## How it is marked
#
# | criterion | points |
# |---|---|
# | A question that can be answered | 3 |
# | The truth on a grid | 4 |
# | Rivals, floors, seeds | 5 |
# | A picture that speaks | 3 |
# | What went wrong | 3 |
# | How far it holds | 2 |
#
# Twenty points; what full, half and no marks look like stands in the rubric, `capstones/c4_observation.md`.

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
# *The prior, the forward map and its error, the grid, the methods and what each knows, the judges and their floors.*
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
# *For which measurements does your sentence in bold hold, and what would you try next?*

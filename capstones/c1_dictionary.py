# %% [markdown]
# # Capstone 1: Which dictionary will give good samples?
#
# **3 to 6 hours · level: advanced · device: CPU · prerequisites: lessons [03](../notebooks/03_generator_spectra.ipynb),
# [05](../notebooks/05_kswgd.ipynb) and [06](../notebooks/06_quadruple_well.ipynb)**
#
# An open project: there is no check that turns green. You choose a law, ask one question of it, answer with numbers and
# pictures, and write a report of two pages.

# %% [markdown]
# ## The question
#
# A spectrum is fitted in a dictionary: kernels, polynomials, waves. Afterwards one sees whether the samples are good. **Which property of a
# dictionary, measured before a particle moves, tells how good its samples will be, on a law of your choice?** Is it the number of features, the
# held-out score by which `kt.select` chooses, or something that you think of yourself? Does choosing by it do better than taking the default?

# %% [markdown]
# ## Why it is open
#
# `results/dictionary.md` compares ten kinds on *one* law, the quadruple well, whose modes are alike and whose rates are known. It says that good
# rates promise no good samples, and that the kind hardly matters there. It does not say what does promise good samples, nor what holds where modes
# differ in width, where data are few, or where nobody knows a rate. Lesson 03 selects by a held-out score; whether that score cares about *samples*, no page
# has asked.

# %% [markdown]
# ## What loads
#
# Four dictionaries to begin with, seeds (choose on `TUNED_ON`, report on `SEEDS`), one stream of random numbers a use, and judges with floors.
# `table` prints medians over seeds with the least and the largest. `law` takes a random part of a large run, as a run that is judged whole
# is also judged by how evenly it lies.

# %%
import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table
from koopcourse.judges import law

LAW = kt.GaussianMixture.ring(8, radius=3.0, std=0.3)  # replace it by your own
BOX, N_DATA = (-4.5, 4.5), 2000


def small(x, generator):
    return kt.GaussianRBF.from_data(x, 15, generator)


def large(x, generator):
    return kt.GaussianRBF.from_data(x, 120, generator)


def polynomials(x, generator):
    units = kt.Standardizer.of(x)
    return kt.Hermite(x.shape[1], 6, units.center, units.spread)


def default(x, generator):
    return kt.MultiScale.from_data(x, generator=generator)


KINDS = {"15 kernels": small, "120 kernels": large, "degree 6": polynomials, "default": default}

# %% [markdown]
# ## A first run
#
# One seed, one start, one distance. What you see is a picture, no evidence.

# %%
data = LAW.sample(N_DATA, stream(TUNED_ON, 0))
start = kt.GaussianMixture(LAW.modes[:1], 0.3).sample(400, stream(TUNED_ON, 1))
ends = {}
for name, make in KINDS.items():
    spectrum = kt.GeneratorEDMD(make(data, stream(TUNED_ON, 2))).fit(data).spectrum()
    method = kt.KSWGD(spectrum)
    ends[name] = kt.run_particles(
        method, start, n_steps=40, generator=stream(TUNED_ON, 3), verbose=False
    ).final
fig, axes = plotting.new_figure(4, height=2.5)
for ax, (name, x) in zip(axes, ends.items()):
    plotting.density(ax, LAW.log_prob, BOX)
    plotting.points(ax, x, BOX, title=name)
plotting.finish(
    fig, "Four maps of a ring of eight modes and of particles that four dictionaries moved."
)

# %%
reference = LAW.sample(8000, stream(0, 8))


def distance(x):
    return kt.sliced_wasserstein2(x, reference, n_projections=50)


floor, spread = kt.noise_floor(distance, LAW.sample, 400, repeats=10, generator=stream(0, 9))
table({name: {"SW2 / floor": [distance(x) / floor]} for name, x in ends.items()})
assert floor > 0 and all(bool(x.isfinite().all()) for x in ends.values())

# %% [markdown]
# ## Milestones
#
# | step | minutes | done when |
# |---|---|---|
# | 1. Choose a law and a start | 30 | you can say in a sentence why its modes are hard, and draw exact samples |
# | 2. Judge one dictionary properly | 40 | law and floor for three seeds, in one line of a table |
# | 3. Ten dictionaries | 50 | a table of kinds and sizes, sorted by the error of their samples |
# | 4. Three properties of your own | 60 | functions of a spectrum and held-out rows, no run inside |
# | 5. Do they predict? | 40 | one number for each property and seed, beside what a random order would give |
# | 6. Write | 50 | a friend who knows lesson 05 understands the picture without you |

# %% [markdown]
# ## Three traps
#
# 1. *A property measured on the rows of the fit.* Functions that were made orthonormal on these rows look perfect there. Keep rows aside.
# 2. *One seed, many dictionaries.* The best of twelve on one seed is the luckiest. Rank on each seed, and say how far ranks move.
# 3. *A start among the data.* Particles that start inside the law never visit what a dictionary does outside. Say where yours start, and why.

# %% [markdown]
# ## What is allowed
#
# Any law in two to five dimensions of which you can draw exact samples; any dictionary of the package or of your own; scipy and
# scikit-learn; this course's pages, quoted. At most 90 CPU seconds for the whole notebook: reduce sizes, not seeds. Settings are chosen on
# `TUNED_ON` alone. Work with others if your teacher says so, but write alone, and name what an assistant wrote for you.

# %% [markdown]
# ## How it is marked
#
# | criterion | points |
# |---|---|
# | A question that can be answered | 3 |
# | Properties that are known before | 4 |
# | Law, floors, seeds | 5 |
# | A picture that speaks | 3 |
# | What went wrong | 3 |
# | How far it holds | 2 |
#
# Twenty points; what full, half and no marks look like stands in the rubric, `capstones/c1_dictionary.md`.

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
# *The law, the start, the dictionaries, the properties (with a formula each), the judge and its floor.*
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
# *For whom does your sentence in bold hold, and what would you try next?*

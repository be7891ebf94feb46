# %% [markdown]
# # A sample report: one distance was measured
#
# **a report on [capstone 4](../c4_observation.ipynb), as a good student might hand it in · about 40 CPU seconds**
#
# ## Question
#
# The observations of `results/conditional.md` are a sum, a label and a tilt: what they leave is an ellipse or one well. Mine is nonlinear.
# Somebody is in one of two villages, and a mast tells the *distance* to it, with an error. What is left is a ring that runs through
# both villages. How precise may the mast be before weighted spectra fail, and does whatever fails first show in the effective
# sample size? Does moving particles gain anything over drawing the heavy samples again?
#
# *Declared after a trial on other seeds, before the reported ones:* KSWGD is within 1.3 floors while 500 effective samples are left, and
# importance resampling is as good in law everywhere, for both know the same weighted samples. ULA, which `results/conditional.md` has
# behind with an estimated score, I expected to be behind.

# %% [markdown]
# ## Method
#
# **Prior.** Two Gaussians of spread 0.9 at (-1.5, 0) and (1.5, 0); 4,000 exact samples are all that methods know of it. **Forward map.**
# $h(x)=|x-b|$ with the mast $b=(0,-0.3)$; seen was $1.6\pm\sigma$, with $\sigma$ from 0.4 to 0.008.
#
# **Truth.** The posterior on a grid of 800 by 800 cells; exact samples are cells drawn by their weight, and a place within the cell.
#
# **Methods.** *KSWGD*: `condition` with a small dictionary at the weighted samples, 60 steps, never tempered. *Resampling*: prior samples as
# often as their weights say. *ULA*: a kernel density score of the prior samples plus the slope of the log likelihood, which KSWGD does not need, in
# KSWGD's CPU seconds, best of three steps (in units of $\sigma^2$) on seed 1.
#
# **Judges.** Sliced W2 of a random 300 of 1,500 particles to 8,000 exact samples (the law), over the floor of 300 exact ones; the share
# of different points; and the error of the one number that somebody would ask for: the chance that the person is in the eastern village, $P(x_1>0)$,
# where the mast sits in the middle and symmetry makes it one half.

# %%
import math
import warnings

import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table, timed, within
from koopcourse.judges import law

N_PRIOR, N_RUN, N = 4000, 1500, 300
PRIOR = kt.GaussianMixture([[-1.5, 0.0], [1.5, 0.0]], 0.9)
MAST, SEEN = torch.tensor([0.0, -0.3], dtype=torch.float64), 1.6
ERRORS = (0.4, 0.1, 0.03, 0.008)


def log_likelihood(x, sigma):
    return -(((x - MAST).norm(dim=1) - SEEN) ** 2) / (2 * sigma**2)


def slope(x, sigma):
    """Gradient of the log likelihood."""
    distance = (x - MAST).norm(dim=1, keepdim=True)
    return -(distance - SEEN) / sigma**2 * (x - MAST) / distance


# %%
side = torch.linspace(-5, 5, 801, dtype=torch.float64)
STEP = float(side[1] - side[0])
CELLS = torch.cartesian_prod(side[:-1] + STEP / 2, side[:-1] + STEP / 2)


def posterior(sigma):
    """A function that draws exact samples: cells by their weight, and a place in the cell."""
    weights = torch.softmax(PRIOR.log_prob(CELLS) + log_likelihood(CELLS, sigma), 0)

    def draw(n, generator=None):
        cells = CELLS[torch.multinomial(weights, n, True, generator=generator)]
        return cells + STEP * (torch.rand(n, 2, dtype=torch.float64, generator=generator) - 0.5)

    return draw


# %%
def fit(x, weights):
    there = x[kt.systematic_resample(weights.log(), len(x), stream(0, 5))]
    functions = kt.MultiScale.from_data(there, (80, 25, 8), generator=stream(0, 6))
    return kt.GeneratorEDMD(functions, standardize=True).fit(x, weights).spectrum()


def kswgd(x, sigma, seed):
    options = {"n_particles": N_RUN, "n_steps": 60, "least": 20, "temper": False, "fit": fit}
    found = kt.condition(
        x, lambda z: log_likelihood(z, sigma), generator=stream(seed, 1), **options
    )
    return found.particles


def ula(x, sigma, seed, seconds, size):
    score = kt.kde_score(x)
    method = kt.ULA(lambda z: score(z) + slope(z, sigma), step_size=size * sigma**2)
    return within(seconds, lambda: method, x[:N_RUN], stream(seed, 4))[0]


def resampled(x, sigma, seed):
    return x[kt.systematic_resample(log_likelihood(x, sigma), N_RUN, stream(seed, 3))]


# %%
def east(x):
    """How far the chance to be in the eastern half is from one half, in percent."""
    return 100 * abs(float((x[:, 0] > 0).double().mean()) - 0.5)


def ends_of(sigma, seed, size):
    """What each method ends with."""
    x = PRIOR.sample(N_PRIOR, stream(seed, 0))
    moved, seconds = timed(lambda: kswgd(x, sigma, seed))
    return {
        "KSWGD": moved,
        "resampling": resampled(x, sigma, seed),
        "ULA, score of the data": ula(x, sigma, seed, seconds, size),
    }


# %% [markdown]
# ## Results

# %% tags=["collapsed", "nbval-ignore-output"]
warnings.filterwarnings("ignore", message="condition: the whole likelihood leaves")  # it is printed
rows, ends, effective = {}, {}, {}
for sigma in ERRORS:
    draw = posterior(sigma)
    exact = draw(8000, stream(0, 8))

    def distance(x, exact=exact):
        lost = not bool(x.isfinite().all())
        return math.inf if lost else kt.sliced_wasserstein2(x, exact, n_projections=50)

    floor, _ = kt.noise_floor(distance, draw, N, repeats=20, generator=stream(0, 9))
    tuned = {
        h: distance(ends_of(sigma, TUNED_ON, h)["ULA, score of the data"]) for h in (0.1, 0.3, 1.0)
    }
    for seed in SEEDS:
        x = PRIOR.sample(N_PRIOR, stream(seed, 0))
        size = kt.effective_sample_size(log_likelihood(x, sigma))
        effective.setdefault(sigma, []).append(size)
        for name, end in ends_of(sigma, seed, min(tuned, key=tuned.get)).items():
            lost = not bool(end.isfinite().all())
            far = (
                math.inf if lost else law(distance, end, N, repeats=8, generator=stream(seed, 7))[0]
            )
            told = {
                "SW2 / floor": far / floor,
                "different, %": 100 * len(end.unique(dim=0)) / N_RUN,
            }
            told |= {"error of P(east), %": east(end), "effective": size}
            for column, value in told.items():
                rows.setdefault(f"{sigma}: {name}", {}).setdefault(column, []).append(value)
            ends.setdefault((name, sigma), end)
    chance = kt.noise_floor(east, draw, N_RUN, generator=stream(0, 9))[0]
    rows[f"{sigma}: floor"] = {"SW2 / floor": [1.0], "error of P(east), %": [chance]}
table(rows)

last = {name: rows[f"0.008: {name}"] for name in ("KSWGD", "resampling", "ULA, score of the data")}
assert max(rows["0.4: KSWGD"]["SW2 / floor"]) < 2 and max(effective[0.008]) < 150
assert max(last["ULA, score of the data"]["SW2 / floor"]) < min(last["KSWGD"]["SW2 / floor"])
assert max(last["resampling"]["different, %"]) < 20 < 99 < min(last["KSWGD"]["different, %"])

# %% tags=["collapsed", "nbval-ignore-output"]
BOX = (-2.6, 2.6)
fig, axes = plotting.new_figure(4, height=2.6)
shown = [("KSWGD", 0.4), ("KSWGD", 0.1), ("KSWGD", 0.008), ("resampling", 0.008)]
for ax, (name, sigma) in zip(axes, shown):
    exact, color = posterior(sigma)(600, stream(0, 7)), "model" if name == "KSWGD" else "rival"
    ax.scatter(*exact.T, s=5, color=plotting.COLORS["floor"], alpha=0.4)
    plotting.points(ax, ends[name, sigma][:300], BOX, color=color)
    ax.plot(*MAST, "k^", markersize=6)
    ax.set_title(f"{name}, ± {sigma:g}\n{effective[sigma][0]:.0f} of 4,000 effective")
alt = """Four maps of 300 particles over exact samples in grey; a triangle marks the mast. With
an error of 0.4 they fill a broad ring, with 0.1 a thin arc. With 0.008 KSWGD's
particles lie about the arc, some beside it; resampling has a few points on it, many
times each."""
plotting.finish(fig, alt)
assert len(ends["KSWGD", 0.4]) == N_RUN

# %% tags=["collapsed", "nbval-ignore-output"]
sizes = {sigma: sorted(values)[1] for sigma, values in effective.items()}
fig, axes = plotting.new_figure(2, height=3.0)
for ax, column in zip(axes, ("SW2 / floor", "error of P(east), %")):
    for name, color, marker in (
        ("KSWGD", "model", "o"),
        ("resampling", "rival", "^"),
        ("ULA, score of the data", "rival 2", "D"),
    ):
        middle = [sorted(rows[f"{sigma}: {name}"][column])[1] for sigma in ERRORS]
        style = {"color": plotting.COLORS[color], "marker": marker, "label": name}
        ax.plot(sizes.values(), middle, **style)
        for sigma in ERRORS:
            dots = rows[f"{sigma}: {name}"][column]
            ax.scatter([sizes[sigma]] * len(dots), dots, s=10, color=style["color"], alpha=0.5)
    level = [rows[f"{sigma}: floor"][column][0] for sigma in ERRORS]
    ax.plot(
        sizes.values(), level, color=plotting.COLORS["floor"], linewidth=1, label="exact samples"
    )
    ax.set(xscale="log", xlabel="effective samples of 4,000", ylim=(0, None))
axes[0].set(ylabel="distance to the law, in floors")
axes[1].set(ylabel="error of P(east), percent")
axes[0].legend(fontsize=8)
alt = """Two panels against the effective sample size. Left the distance to the law: KSWGD and
resampling rise as fewer samples are left, ULA stays near one. Right the error of a
probability: KSWGD and resampling are wrong by the same amount, ULA by less."""
plotting.finish(fig, alt)
assert len(sizes) == len(ERRORS)

# %% [markdown]
# **KSWGD is as good as the weighted samples are, no better and no worse.** With 2,300 and 670 of 4,000 samples left it is at 0.9 and 1.3 floors,
# with 57 at 1.8, and resampling beside it all the way; on each seed both are wrong about the eastern village by the same few percent,
# because the same samples happened to lie there. What moving gives is different points: all of them, where resampling has 6 %;
# but with 57 samples they still lie in clumps about the heavy ones, and a few are off the ring. The effective size
# foretells all of this, and costs one line.
#
# ## What failed
#
# - *I expected ULA to be behind*, as it is in `results/conditional.md` with an estimated score (1.7 to 5 floors). It stays at 0.9 to 1.0 however precise the
#   mast is. Two reasons that one could test: my prior is two broad Gaussians, which a kernel density hardly blurs, while the wells there are narrow;
#   and ULA is told the slope of the likelihood, which KSWGD never needs. Where the forward map has no derivative the order may turn.
# - *Half of my expectation about floors.* With 670 effective samples KSWGD was at 1.3 floors in the median, and at 1.6 on one seed.
# - *The number that I asked for was badly chosen.* By symmetry one half of the prior is in the east, too: ULA, which starts there, has it
#   for free. A mast that stands off the middle would have made it carry mass from one village to the other.
# - Three steps for ULA, in units of the squared error, were enough; in absolute units, which I had first, the precise masts lost all particles.
#
# ## Limits
#
# In the plane, where a grid knows the truth, and where 4,000 samples see every corner. I never tempered: `condition` would by itself, and in a
# trial with 130 effective samples that was at 1.0 floors on both of two seeds, against 1.1 and 1.4 at once. A prior of
# narrow modes, a mast off the middle, and a forward map without a slope are what I would try next.

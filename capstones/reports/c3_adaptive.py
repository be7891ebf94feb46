# %% [markdown]
# # A sample report: an adaptive step against a metric, in a valley that is turned
#
# **a report on [capstone 3](../c3_adaptive.ipynb), as a good student might hand it in · about 40 CPU seconds**
#
# ## Question
#
# An adaptive step divides each *coordinate* of the velocity by its running size. That is a metric, too: a diagonal one. So
# I expected it to be as good as KSWGD's metric where the difficulty lies along the axes, and to lose where the same
# difficulty is turned. `results/adaptive.md` cannot tell, as its three laws look alike in every direction.
#
# *Declared after a trial on other seeds, before the reported ones:* in a valley along the axes adaptive SVGD is within 1.5 times KSWGD's
# distance; turned, it is at least twice as far; with two valleys only KSWGD has both.

# %% [markdown]
# ## Method
#
# **Laws.** A valley is a Gaussian 1.5 long and 0.1 wide. `along`: it lies along the first axis. `turned`: the same, by 40
# degrees. `two, turned`: two of them side by side, each ten widths from the middle between them.
#
# **Methods.** All move the same 400 particles, which start beside the law, for 0.35 CPU seconds, with all that they fit. Each
# has the best of three step sizes, chosen on seed 1 for each law; seeds 11 to 13 are reported. KSWGD knows 2,000 exact
# samples. SVGD is run twice: with a kernel density score of the *same samples* (equal information), and with the *true*
# score, which is more than KSWGD knows. A rival of mine: SVGD in coordinates that the samples' covariance makes round, a
# metric that is full, but the same everywhere.
#
# **Judge.** Sliced W2 to 8,000 exact samples, of the particles as they are, beside both floors: 400 independent exact
# samples, and 400 that were herded from 4,000. Rows of the data that were herded are the rival that costs nothing.

# %%
import math

import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table, within
from koopcourse.judges import evenness, floors

SECONDS, N_DATA, N = 0.35, 2000, 400


# %%
class Valleys:
    """Gaussians of spread (1.5, 0.1) about (0, +-apart), turned by an angle."""

    def __init__(self, angle, apart=0.0):
        c, s = math.cos(angle), math.sin(angle)
        self.turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
        self.spread = torch.tensor([1.5, 0.1], dtype=torch.float64)
        middles = torch.tensor([[0.0, -apart], [0.0, apart]], dtype=torch.float64)[
            : 1 + (apart > 0)
        ]
        self.round = kt.GaussianMixture(middles / self.spread, 1.0)
        self.start = torch.tensor([-2.0, -1.0], dtype=torch.float64) @ self.turn.T

    def sample(self, n, generator=None):
        return (self.round.sample(n, generator) * self.spread) @ self.turn.T

    def score(self, x):
        return (self.round.score(x @ self.turn / self.spread) / self.spread) @ self.turn.T

    def particles(self, seed):
        z = torch.randn(N, 2, dtype=torch.float64, generator=stream(seed, 2))
        return self.start + 0.2 * z


# %%
class Whitened:
    """SVGD in coordinates z = (x - mean) A^-T of unit covariance, A A^T that of the data."""

    def __init__(self, score, data, step_size):
        self.mean, self.a = data.mean(0), torch.linalg.cholesky(torch.cov(data.T))
        self.inner = kt.SVGD(lambda z: score(self.back(z)) @ self.a, step_size=step_size)

    def back(self, z):
        return z @ self.a.T + self.mean

    def init(self, x):
        return None

    def step(self, x, state, *, progress, generator=None):
        z = torch.linalg.solve_triangular(self.a, (x - self.mean).T, upper=False).T
        z, state, info = self.inner.step(z, state, progress=progress)
        return self.back(z), state, info


# %%
def kswgd(law, data, size):
    functions = kt.MultiScale.from_data(data, (60, 20, 6), generator=stream(0, 1))
    return kt.KSWGD(kt.GeneratorEDMD(functions).fit(data).spectrum(), step_size=size)


METHODS = {
    "SVGD, fixed": (lambda law, x, h: kt.SVGD(law.score, step_size=h), (0.001, 0.003, 0.01)),
    "SVGD, adaptive": (
        lambda law, x, h: kt.SVGD(law.score, step_size=h, adaptive=True),
        (0.03, 0.1, 0.3),
    ),
    "SVGD, adaptive, score of the data": (
        lambda law, x, h: kt.SVGD(kt.kde_score(x), step_size=h, adaptive=True),
        (0.03, 0.1, 0.3),
    ),
    "SVGD, whitened": (lambda law, x, h: Whitened(law.score, x, h), (0.1, 0.3, 1.0)),
    "KSWGD, damped": (kswgd, (0.5, 1.0, 1.5)),
}
LAWS = {"along": Valleys(0.0), "turned": Valleys(0.7), "two, turned": Valleys(0.7, apart=1.0)}

# %% [markdown]
# ## Results

# %% tags=["collapsed", "nbval-ignore-output"]
ends, errors, chosen = {}, {}, {}
for where, law in LAWS.items():
    exact = law.sample(8000, stream(0, 8))

    def judge(x, exact=exact):
        lost = not bool(x.isfinite().all())
        return math.inf if lost else kt.sliced_wasserstein2(x, exact, n_projections=50)

    def run(make, seed, size, law=law):
        data = law.sample(N_DATA, stream(seed, 0))
        return within(SECONDS, lambda: make(law, data, size), law.particles(seed), stream(seed, 4))[
            0
        ]

    floor = floors(judge, law.sample, N, even_repeats=3, generator=stream(0, 9))
    unit = floor.law[0]
    for name, (make, sizes) in METHODS.items():
        size = min(sizes, key=lambda h: judge(run(make, TUNED_ON, h)))
        found = [run(make, seed, size) for seed in SEEDS]
        ends[name, where], chosen[name, where] = found[0], size
        errors.setdefault(name, {})[where] = [evenness(judge, x, N) / unit for x in found]
    herded = [x[kt.herd(x, N)] for x in (law.sample(N_DATA, stream(seed, 0)) for seed in SEEDS)]
    errors.setdefault("data herded", {})[where] = [judge(x) / unit for x in herded]
    errors.setdefault("floor, even", {})[where] = [floor.even[0] / unit]
    errors.setdefault("floor, independent", {})[where] = [1.0]
print("sliced W2 in floors of 400 independent exact samples: median [least, most] of three seeds")
table(errors)

assert all(max(errors["KSWGD, damped"][where]) < 2 for where in LAWS)
assert max(errors["SVGD, adaptive"]["along"]) < min(errors["SVGD, adaptive"]["turned"])
assert min(errors["SVGD, adaptive"]["turned"]) > 1.5 * max(errors["KSWGD, damped"]["turned"])
assert min(errors["SVGD, adaptive"]["two, turned"]) > 2

# %% tags=["collapsed", "nbval-ignore-output"]
shown = {"SVGD, adaptive": "rival", "SVGD, whitened": "rival 2", "KSWGD, damped": "model"}
fig, axes = plotting.new_figure(3, height=3.0, rows=3)
for i, (where, law) in enumerate(LAWS.items()):
    exact = law.sample(N, stream(0, 8))
    for ax, (name, color) in zip(axes[3 * i :], shown.items()):
        ax.scatter(*exact.T, s=5, color=plotting.COLORS["floor"], alpha=0.5)
        plotting.points(ax, ends[name, where], (-4.2, 4.2), color=color)
        value = errors[name][where][0]
        ax.set_title(f"{name}\n{where}: {value:.1f} floors")
alt = """Nine maps of 400 particles over exact samples in grey. Along the axes adaptive SVGD
fills the valley; turned, its particles lie beside its middle; with two valleys they
are at one of them alone. Whitened SVGD fills a turned valley, and misses one of two.
KSWGD fills all."""
plotting.finish(fig, alt)
assert all(bool(ends["KSWGD, damped", where].isfinite().all()) for where in LAWS)

# %% [markdown]
# All three expectations held. Along the axes the adaptive step is as good as the metric, at 0.6 to 0.7 floors; turned, the same
# step ends at 7 to 8 floors and the metric where it was; of two valleys SVGD finds one. **An adaptive step is a metric for axes; KSWGD's
# belongs to the law and turns with it.** KSWGD ends where herded rows are, which cost no run at all.
#
# ## What failed
#
# - *SVGD with a fixed step* got nowhere: it is at 16 and 17 floors with the best of its settings. The valley's width sets the largest step (0.03
#   lost all particles on seed 1, before I took smaller ones), and with it the length takes thousands of steps.
# - *My own rival* mends one turned valley (1.4 to 1.5 floors) and does hardly better than plain adaptive SVGD with two (8.4 and 9.9): the
#   covariance of two valleys is round where each is thin.
# - *The race at equal information is one of seconds.* A kernel density score of 2,000 rows is so dear that SVGD takes few steps.
#   How many decides where it ends, and goes by what else the processor does: along the axes it was at 1.7 floors on one seed
#   and at 5.8 on another, turned at 3.0 to 3.6. I conclude from this line only that it stays behind KSWGD when turned. I should have counted steps as well.
# - I first started the particles in the middle of the law, where all methods looked alike.
#
# ## Limits
#
# Two dimensions, one angle, one stiffness, one number of particles. The particles were judged as they are, which counts
# evenness as well as law: that KSWGD is below one floor is no better law. SVGD with the true score and KSWGD with data know
# different things; the fair line is the one with the score of the data. Seconds are those of one processor, and 0.35 of them
# favour whoever has cheap steps. I did not try a full adaptive matrix (Adagrad with all entries), which would turn with the law, too.

# %% [markdown]
# # A sample report: which modes the second stage sees
#
# **a report on [capstone 2](../c2_dimension.ipynb), as a good student might hand it in · about 50 CPU seconds**
#
# ## Question
#
# `results/dimension.md` moves particles to five modes in up to 50 columns, with 5,000 rows and a lightest mode of 5 %. There the second
# stage, a KSWGD within each cluster, always finds its clusters. I ask when it does not: with 2,000 rows, in 10, 20 and 50 columns, and
# with one mode of 10 % or of 2 %. If a mode is not seen, what happens to its particles?
#
# *Expected at first:* the code wants `max(20, 2d)` rows in a cluster, so a mode of 2 % (40 rows) is seen in 10 and 20 columns and not
# in 50, and a mode of 10 % (200 rows) everywhere. *Declared after a trial on other seeds, before the reported ones:* the mode of 2 % is
# seen nowhere, and in 50 columns no mode is.

# %% [markdown]
# ## Method
#
# **Law.** Four Gaussian modes of variance one, 6 apart from each other along four axes; one of weight *w*, the others share the rest
# as 2 : 3 : 5. **Data:** 2,000 exact rows. **Start:** 300 particles, all in the heaviest mode and half as wide as it.
#
# **Ours.** `KoopmanSampler(hold_out=0)` with one dictionary for all: kernels of three scales (80, 25, 8 centres) with the package's
# tail. `transport` with the second stage, and without.
#
# **Rival, at the same information.** The mixture that the sampler itself fits first (BIC over components and covariances): its family
# holds the truth, so it is the one to beat. It draws 4,000, without any particle moving.
#
# **Judges.** How many clusters were found (four are right); the share of particles in the wrong mode (TV); the variance of a
# coordinate *within the light mode* and within the three others, over what exact samples of the same number have. Their spread over 20
# draws of exact samples is the floor. No sliced W2: in 50 columns a mode of 2 % is invisible to it.

# %%
import statistics

import torch

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, stream, table, timed

N_DATA, N = 2000, 300
COLUMNS, WEIGHTS = (10, 20, 50), (0.1, 0.02)


def mixture(d, light):
    rest = [(1 - light) * share for share in (0.2, 0.3, 0.5)]
    middles = 6 / 2**0.5 * torch.eye(d, dtype=torch.float64)[:4]
    return kt.GaussianMixture(middles, 1.0, [light, *rest])


# %%
def variance(x, law, modes):
    """Mean variance of a coordinate within these modes; NaN where one has fewer than three."""
    which = torch.cdist(x, law.modes).argmin(dim=1)
    parts = [x[which == k] for k in modes]
    if min(map(len, parts)) < 3:
        return float("nan")
    return float(sum(part.var(dim=0).mean() for part in parts) / len(parts))


def read(x, law):
    weights = kt.mode_weights(x, law.modes)
    return {
        "TV, %": 100 * float(kt.total_variation(weights, law.mode_weights)),
        "variance, light": variance(x, law, [0]),
        "variance, others": variance(x, law, [1, 2, 3]),
    }


def fit(data, seed):
    def functions(u, generator):
        return kt.MultiScale.from_data(u, (80, 25, 8), generator=generator)

    sampler = kt.KoopmanSampler(hold_out=0, dictionary=functions)
    return sampler.fit(data, generator=stream(seed, 1))


# %%
def two_stages(law, seed, rows):
    """Fit, move and read; the numbers of each method are added to rows."""
    data = law.sample(N_DATA, stream(seed, 0))
    sampler, fitting = timed(lambda: fit(data, seed))
    z = torch.randn(N, law.dim, dtype=torch.float64, generator=stream(seed, 2))
    start = law.modes[3] + z / 2

    def moved(by_cluster):
        return sampler.transport(start, stream(seed, 3), by_cluster=by_cluster)

    end, moving = timed(lambda: moved(True))
    told = {"clusters": len(sampler.clusters), "unseen, %": round(100 * sampler.clusters.unseen)}
    found = {
        "two stages": told | read(end, law) | {"CPU s": fitting + moving},
        "one stage": read(moved(False), law),
        "its mixture": read(sampler.draw(4000, stream(seed, 4), moved=False), law),
    }
    for name, numbers in found.items():
        for column, value in numbers.items():
            rows.setdefault(name, {}).setdefault(column, []).append(value)


def floors(law):
    """Median, least and most of 20 exact sets; a mode of fewer than three is left out."""
    exact = [read(law.sample(N, stream(0, k)), law) for k in range(20)]
    columns = {name: [one[name] for one in exact if one[name] == one[name]] for name in exact[0]}
    return {name: [statistics.median(v), min(v), max(v)] for name, v in columns.items()}


# %% [markdown]
# ## Results

# %% tags=["nbval-ignore-output"]
found = {}
for d in COLUMNS:
    for light in WEIGHTS:
        target, cell = mixture(d, light), found.setdefault((d, light), {})
        for seed in SEEDS:
            two_stages(target, seed, cell)
        cell["floor, exact"] = floors(target)
print("median [least, most] of three seeds; of the floor, of 20 draws")
for light in WEIGHTS:
    print(f"\nthe light mode has {light:.0%}")
    table({f"{d} columns: {name}": row for d in COLUMNS for name, row in found[d, light].items()})

clusters = {key: cell["two stages"]["clusters"] for key, cell in found.items()}
assert max(clusters[10, 0.02]) < 4  # 40 rows are not seen, although 20 are enough by the rule
assert max(clusters[50, 0.1]) < 4  # nor 200, where 100 are
others, inside = "variance, others", "variance, light"
assert min(found[10, 0.02]["two stages"][inside]) > 1.25 > max(found[10, 0.1]["two stages"][inside])
assert min(found[10, 0.1]["one stage"][others]) > max(found[10, 0.1]["floor, exact"][others])

# %% tags=["collapsed", "nbval-ignore-output"]
fig, axes = plotting.new_figure(2, height=3.3, sharey=True)
METHODS = (
    ("one stage", "error", "s", -0.2),
    ("two stages", "model", "o", 0.0),
    ("its mixture", "rival", "^", 0.2),
)
for ax, light in zip(axes, WEIGHTS):
    for i, d in enumerate(COLUMNS):
        _, low, high = found[d, light]["floor, exact"]["variance, light"]
        label = "as many exact samples" if i == 0 else None
        color = plotting.COLORS["floor"]
        ax.fill_between([i - 0.35, i + 0.35], low, high, color=color, alpha=0.3, label=label)
        for name, color, marker, shift in METHODS:
            values = found[d, light][name]["variance, light"]
            style = {"color": plotting.COLORS[color], "marker": marker, "s": 34, "alpha": 0.8}
            style["label"] = name if i == 0 else None
            ax.scatter([i + shift] * len(values), values, **style)
        seen = ", ".join(f"{k:.0f}" for k in found[d, light]["two stages"]["clusters"])
        ax.annotate(f"clusters\n{seen}", (i, 0.03), xycoords=("data", "axes fraction"), ha="center")
    ax.set(xlabel="columns", title=f"the light mode has {light:.0%}", ylim=(0, 2.4))
    ax.set_xticks(range(len(COLUMNS)), [str(d) for d in COLUMNS])
axes[0].set_ylabel("variance within the light mode")
axes[0].legend(fontsize=8, loc="upper right")
alt = """Two panels, the light mode with a tenth and with a fiftieth of the weight, in 10, 20
and 50 columns: the variance within the light mode after one stage, after two, and of
the mixture, over a grey band of exact samples. Below stand the clusters that were
found on each seed; four are right."""
plotting.finish(fig, alt)
assert set(clusters) == {(d, light) for d in COLUMNS for light in WEIGHTS}

# %% [markdown]
# **The second stage gives its shape to every mode that it sees, and a mode of forty rows is not among them.** With 10 % all four modes are found in 10 and 20
# columns, and the variance of the light one falls from 1.6 and 1.3 to 1.0. With 2 % three clusters are found. The particles of the light mode are
# then dealt with as if they belonged to a neighbour: in 10 columns they end twice too wide, above all that exact samples do and no better than before, in
# 20 at the edge (1.4). Their *number* is right all the same, for a first stage knows weights without clusters. In 50 columns
# one cluster is found whatever the weight, and nothing is missing: variances are 1.0 to 1.1.
#
# Why: a cluster needs rows, and a gap among the rates after its eigenfunction. The light mode has the rows (40, where 20 and 40 are
# asked for), but not the gap. In the trial the rates in 10 columns were 0.42 and 0.44 for the other modes, then 0.86, 0.90, 0.92: forty
# rows make the light mode's own rate look as fast as what happens inside modes.
#
# ## What failed
#
# - *My first expectation*, rows alone: 2 % should have been seen in 10 columns, where 20 rows are enough. It was not, on any seed. And in 50 columns
#   200 rows, where 100 are enough, make no cluster: the rates lie too close together.
# - *I expected harm in 50 columns and found none.* There 140 functions, most of them kernels, see squared distances well (3 % of the squares are unseen, against 28 % in 10 columns), so that
#   one spectrum has the spread. More columns are not harder here, because the sum of squares is one function.
# - *The sampler did not beat its own mixture*, which has the right family: it finds the spread of all modes without moving anything, but for the
#   light one in 10 columns (1.3), which it lumps as well, less badly.
# - My first start had the modes' own spread. In 50 columns, most of which hold nothing but noise, that would have been right
#   without any method.
#
# ## Limits
#
# Round modes at one distance, 2,000 rows, one dictionary. The light mode has six particles of 300, whose spread is known to a third (the grey
# band); three seeds agree, and I would not quote a second digit. I did not bend the modes, where a mixture would lose its advantage, nor vary the rows:
# next I would look for how many make the gap, which should depend on the rate and hardly on the dimension. The report of the sampler tells that there are three
# clusters; whoever does not know that there should be four learns nothing from it.

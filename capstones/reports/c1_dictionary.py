# %% [markdown]
# # A sample report: what a dictionary does where there are no data
#
# **a report on [capstone 1](../c1_dictionary.ipynb), as a good student might hand it in · about 25 CPU seconds**
#
# ## Question
#
# Which number, known *before* particles move, tells how good the samples of a dictionary will be? `results/dictionary.md` shows on one law
# that good rates do not. I try five numbers on a law that is unlike it: one wide mode and two narrow ones, and particles that start far out.
#
# *Expected at first:* the held-out score, by which `select` chooses, follows the error of samples at a rank correlation of at least 0.6.
# *Declared after a trial on other seeds, before the reported ones:* it does not, but the pull on strays (below) does, at 0.5 or
# more; the number of kept modes tells less than that.

# %% [markdown]
# ## Method
#
# **Law.** Three Gaussians in the plane: spread 1 at (0, 0), spread 0.2 at (3, 1.5) and (3, -1.5), weights 0.5, 0.3, 0.2. 3,000 exact samples are
# the data, 3,000 more are held out. **Particles** start twice as wide as the law, so that some are where no data are: 2,000 of them, 60 steps
# of KSWGD with every default.
#
# **Dictionaries.** Twelve: kernels (20 or 80, half and double width), the same with the package's quadratic tail, waves, polynomials, and
# the package's three scales, small and large.
#
# **Numbers that might tell**, all without a run, each signed so that *more should be better*:
#
# - *held-out score*: the energy of the six slowest functions on held-out rows, as in `select` (less is better);
# - *modes*: how many the fit keeps;
# - *span*: how well the modes explain bumps of width 0.25 on held-out rows (the median $R^2$ of 60);
# - *whiteness*: how near to one the variances of the modes are on held-out rows;
# - *pull*: put 60 strays at twice the distance from the mean among 1,140 held-out rows, ask KSWGD for *one* velocity, and see which share
#   of its way home a stray would go in a step (at most all, at least minus one).
#
# **Judge.** KL of a histogram of a random 400 of the 2,000 (the law; the mean of 8 choices) over its floor for 400 exact samples. Then Spearman's rank
# correlation of each number with it over the twelve dictionaries, for each of three seeds. Its floor: a *random* order of twelve
# is beyond 0.5 in one of ten cases.

# %%
import matplotlib.pyplot as plt
import torch
from scipy.stats import spearmanr

import koopteach as kt
from koopcourse import plotting
from koopcourse.capstones import SEEDS, stream, table
from koopcourse.judges import law as of_the_law

N_DATA, N_RUN, N = 3000, 2000, 400
LAW = kt.GaussianMixture([[0.0, 0.0], [3.0, 1.5], [3.0, -1.5]], [1.0, 0.2, 0.2], [0.5, 0.3, 0.2])
BOX = (-4.0, 5.0)


# %%
def kernels(n, width):
    def make(x, generator):
        rule = kt.GaussianRBF.from_data(x, n, generator)
        return kt.GaussianRBF(rule.centers, width * rule.widths, rule.units)

    return make


def with_tail(make):
    def longer(x, generator):
        units = kt.Standardizer.of(x)
        tail = kt.Monomials(x.shape[1], 2, units.center, units.spread)
        return kt.MultiScale([make(x, generator), tail])

    return longer


# %%
def waves(x, generator):
    return kt.RandomFourierFeatures(x.shape[1], 100, 0.5, generator)


def polynomials(degree):
    def make(x, generator):
        units = kt.Standardizer.of(x)
        return kt.Hermite(x.shape[1], degree, units.center, units.spread)

    return make


def scales(*counts):
    return lambda x, generator: kt.MultiScale.from_data(x, counts, generator=generator)


# %% tags=["collapsed"]
PLAIN = {
    "20 kernels": kernels(20, 1.0),
    "80 kernels": kernels(80, 1.0),
    "80 kernels, half as wide": kernels(80, 0.5),
    "80 kernels, twice as wide": kernels(80, 2.0),
    "100 waves": waves,
}
OTHERS = {
    "polynomials of degree 6": polynomials(6),
    "three scales, 60": scales(60, 15, 5),
    "three scales, 150": scales(150, 40, 12),
}
KINDS = {
    **PLAIN,
    **{f"{name}, tail": with_tail(make) for name, make in PLAIN.items() if name != "100 waves"},
    **OTHERS,
}

# %%
MIDDLE = LAW.mode_weights @ LAW.modes


def span(spectrum, x, held):
    """Median share of the variance of bumps on held-out rows that modes fitted on x explain."""
    middles = held[:60]
    bump, phi = (lambda z: torch.exp(-(torch.cdist(z, middles) ** 2) / (2 * 0.25**2))), spectrum(x)
    mean = bump(x).mean(0)
    left = bump(held) - mean - spectrum(held) @ (phi.T @ (bump(x) - mean) / len(x))
    return float((1 - left.square().mean(0) / bump(held).var(0)).median())


def pull(spectrum, held):
    """Share of its way home that a stray goes in one step, the mean over 60 of them."""
    strays = MIDDLE + 2 * (held[:60] - MIDDLE)
    v, away = kt.KSWGD(spectrum).velocity(torch.cat([held[60:1200], strays]))[-60:], strays - MIDDLE
    return float((-(v * away).sum(1) / away.square().sum(1)).clamp(-1, 1).mean())


# %%
def held_out_energy(spectrum, held, count=6):
    """trace(G^-1 S) of slow functions on held-out rows: what select() scores, less is better."""
    slow = spectrum.truncate(count)
    gram, gradients = torch.cov(slow(held).T), slow.grad(held)
    return float(
        torch.linalg.solve(
            gram, torch.einsum("nkd,nld->kl", gradients, gradients) / len(held)
        ).trace()
    )


def told_before(spectrum, x, held):
    """The five numbers; of each more should be better."""
    return {
        "held-out score": -held_out_energy(spectrum, held),
        "modes": len(spectrum),
        "span": span(spectrum, x, held),
        "whiteness": -float((spectrum(held).var(0) - 1).abs().mean()),
        "pull": pull(spectrum, held),
    }


# %% [markdown]
# ## Results


# %% tags=["nbval-ignore-output"]
def kl(x):
    return kt.kl_histogram(x, LAW.log_prob, *BOX)


floor, floor_sd = kt.noise_floor(kl, LAW.sample, N, repeats=20, generator=stream(0, 9))
errors, before, ends = {}, {}, {}
for seed in SEEDS:
    x, held = LAW.sample(N_DATA, stream(seed, 0)), LAW.sample(N_DATA, stream(seed, 1))
    z = torch.randn(N_RUN, 2, dtype=torch.float64, generator=stream(seed, 3))
    start = MIDDLE + 2 * x.std(0) * z
    for name, make in KINDS.items():
        spectrum = kt.GeneratorEDMD(make(x, stream(seed, 2))).fit(x).spectrum()
        before.setdefault(name, []).append(told_before(spectrum, x, held))
        run = kt.run_particles(
            kt.KSWGD(spectrum), start, record_every=60, generator=stream(seed, 4), verbose=False
        )
        far = of_the_law(kl, run.final, N, repeats=8, generator=stream(seed, 5))[0]
        errors.setdefault(name, []).append(far / floor)
        ends.setdefault(name, run.final)
rows = {
    name: {"KL / floor": errors[name]}
    | {k: [one[k] for one in before[name]] for k in before[name][0]}
    for name in sorted(KINDS, key=lambda name: sorted(errors[name])[1])
}
rows["floor"] = {"KL / floor": [1.0]}
table(rows)
assert max(errors["three scales, 150"]) < 3 < min(errors["80 kernels, half as wide"])

# %% tags=["nbval-ignore-output"]
correlations, regret = {}, {}
for number in next(iter(before.values()))[0]:
    for k in range(len(SEEDS)):
        told = {name: before[name][k][number] for name in KINDS}
        rho = spearmanr(
            [told[name] for name in KINDS], [errors[name][k] for name in KINDS]
        ).statistic
        correlations.setdefault(number, []).append(-float(rho))
        regret.setdefault(number, []).append(errors[max(told, key=told.get)][k])
table(
    {
        n: {"rank correlation": correlations[n], "KL / floor, chosen by it": regret[n]}
        for n in regret
    }
)

middle = {number: sorted(values)[1] for number, values in correlations.items()}
assert min(correlations["pull"]) > 0.4
assert middle["pull"] > max(middle["modes"], middle["held-out score"], middle["span"])
assert max(regret["pull"]) < 2.5

# %% tags=["collapsed", "nbval-ignore-output"]
FAMILIES = {
    "kernels, nothing beyond": (
        "error",
        "s",
        lambda name: "tail" not in name and "kernels" in name,
    ),
    "with a tail": ("model", "o", lambda name: "tail" in name or "scales" in name),
    "waves, polynomials": ("rival", "^", lambda name: "waves" in name or "poly" in name),
}
SAID = {"80 kernels, half as wide": (8, -3), "80 kernels": (-7, -4), "three scales, 150": (-4, -15)}
fig, axes = plotting.new_figure(2, height=3.4, sharey=True)
for ax, number, sign in zip(axes, ("pull", "held-out score"), (1, -1)):
    for family, (color, marker, belongs) in FAMILIES.items():
        mine = [name for name in KINDS if belongs(name)]
        told = [[sign * one[number] for one in before[name]] for name in mine]
        style = {"color": plotting.COLORS[color], "marker": marker, "alpha": 0.7, "label": family}
        ax.scatter(told, [errors[name] for name in mine], s=26, **style)
    for name, shift in SAID.items():
        place = (sign * before[name][0][number], errors[name][0])
        left = "left" if shift[0] > 0 else "right"
        ax.annotate(name, place, shift, textcoords="offset points", fontsize=8, ha=left)
    ax.axhline(1, color=plotting.COLORS["floor"], linewidth=1)
    ax.set(yscale="log", ylim=(0.6, 20), yticks=[1, 2, 5, 10], yticklabels=["1", "2", "5", "10"])
    ax.yaxis.set_minor_locator(plt.NullLocator())
axes[0].set(
    xlabel="pull: share of its way home that a stray goes", ylabel="KL of the samples, in floors"
)
axes[1].set(xlabel="held-out energy of six slow modes, less is better", xscale="log")
axes[1].set_xticks([8, 10, 15, 25], ["8", "10", "15", "25"])
axes[1].xaxis.set_minor_locator(plt.NullLocator())
axes[1].invert_xaxis()  # better to the right, as in the other panel
axes[0].set_title("tells who will be good")
axes[1].set_title("does not")
axes[0].legend(fontsize=8, loc="upper right")
alt = """Error of samples, in floors, of twelve dictionaries on three seeds. Left against the
pull on strays: from 13 floors where there is none down to one where strays go a third
of the way. Right against the held-out score: no order; kernels without a tail have
good scores and bad samples."""
plotting.finish(fig, alt)
assert min(map(min, errors.values())) > 0.5

# %% [markdown]
# **Where strays are not pulled home samples are bad, however good the functions are on held-out rows.** The pull orders the twelve at
# about 0.8 on each seed, and the dictionary that it chooses is at 1.2 floors. The held-out score orders them at 0.2, within what a random order
# has: it looks where data are, and what spoils this law are particles elsewhere. Eighty kernels have nearly the best score (an energy of 7.4;
# the best has 7.1) and samples at 8 floors; with the tail it is 7.1, and 1.2 floors.
#
# ## What failed
#
# - *My first expectation.* The held-out score does not follow the error (0.2, on one seed 0.45). Even so the dictionary that *it* chooses is good on these
#   three seeds (1.3 floors), which is luck: on the three of the trial it chose dictionaries at 1.2, 5 and 8 floors.
# - *Pull alone is not enough.* Kernels twice as wide pull nearly as strongly without the tail as with it (0.26 and 0.28), and end at 4.5
#   floors instead of 1.6. One velocity, at one distance, does not see what is further out.
# - *Span* separates 20 kernels from 80, as it should (0.3 against 0.8 of the bumps), but does not follow the error over
#   all twelve (0.2). I had hoped that the smaller of both ranks, of span and pull, would; in the trial it ordered no better than the pull.
# - *Whiteness* finds what was fitted too closely, waves above all, and that is not what hurts most here.
#
# ## Limits
#
# One law, in the plane. The start is as wide as it is because I wanted strays; from within the law, in a trial, kernels of 80 without
# a tail were at 1.4 floors instead of 8, and there would be little to foretell. I picked the pull's
# distance (twice) once and did not tune it. Next: strays at several distances, which should find the wide kernels; and a law in five
# dimensions, where almost every start is outside the data.

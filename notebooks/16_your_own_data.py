# %% [markdown]
# # Your own data: from a file to a result that one may believe
#
# **75 minutes · level: core · device: CPU · prerequisites: lessons 02 (snapshot pairs) and 05 (KSWGD)**
#
# Its question: *somebody hands you a CSV. What do you do before, during and after the mathematics, so that you would bet
# money on the answer? And when should you use something else?*
#
# ## You will be able to
#
# - **standardise** columns in anybody's units, and undo it (L16-E1)
# - **pair** the rows of a time series across no gap and no border (L16-E2)
# - **calibrate** a column of samples to the values that the data have (L16-E3)
# - **detect** a sampler that copies its training rows (L16-E4)

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("16")

# %% [markdown]
# ## A picture first
#
# Three files lie beside this course, each with traps and with an answer that we know because we made them: `weather.csv`,
# a table; `sensor.csv`, one long time series; `visits.csv`, many short ones. Here is the table: temperature and pressure
# of a harbour, then what three samplers make of it. The first is lesson 05's KSWGD on the columns as they are.

# %%
import tempfile
import warnings
from importlib.resources import files

import numpy as np
import torch

from koopcourse import plotting
from koopcourse.judges import auc, halves, relative_sliced_w2

DATA, stream = files("koopcourse") / "data", profile.generator


def read(path):
    """Names of the columns, and the numbers (n, d): NaN where a cell is empty or holds text."""
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        return names, torch.from_numpy(np.genfromtxt(file, delimiter=",", comments=None, ndmin=2))


names, table = read(DATA / "weather.csv")
weather = table.clone()
weather[weather == -999] = torch.nan  # why, you will see in a minute
whole = weather[weather.isfinite().all(dim=1)]

# %% tags=["collapsed"]
plane = whole[:, :2]
start = plane.mean(0) + plane.std(0) * torch.randn(1500, 2, dtype=plane.dtype, generator=stream(2))


def moved(**units):
    functions = kt.MultiScale.from_data(plane, (60, 20), generator=stream(1))
    method = kt.KSWGD(kt.GeneratorEDMD(functions, **units).fit(plane).spectrum())
    return kt.run_particles(method, start, n_steps=60, generator=stream(3), verbose=False).final


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    panels = {"the file": plane, "KSWGD, raw": moved(), "standardize=True": moved(standardize=True)}
panels["KoopmanSampler"] = (
    kt.KoopmanSampler().fit(plane, generator=stream(4)).sample(1500, stream(5))
)
fig, axes = plotting.new_figure(4, height=2.6, sharey=True)
for ax, (name, x), color in zip(axes, panels.items(), ("data", "error", "model", "model")):
    ax.scatter(x[:, 0], x[:, 1] / 1000, s=3, color=plotting.COLORS[color], alpha=0.5)
    ax.set(title=name, xlabel="temperature, °C", xlim=(-15, 45), ylim=(97, 105))
axes[0].set_ylabel("pressure, kPa")
alt = """Temperature against pressure. In the file there are two groups, a cold one below and a
bent one above. KSWGD on raw columns smears both far to the left and right. Standardised, and by
KoopmanSampler, the two groups of the file are there."""
plotting.finish(fig, alt)
print(caught[0].message)

# %% [markdown]
# The pressure is counted in pascals and spreads over thousands of them, the temperature over a few degrees. KSWGD's noise has one
# length for all directions. The package says so, in one line that names the mend: `standardize=True`. The rest of this lesson is about
# the other traps, most of which no package can see.
#
# ## The idea without formulas
#
# Eight steps, in this order, and the mathematics is in only three of them. **Look** at every column. Choose **units** in
# which a step is a step in every direction. **Split**: what you judge by, nobody may have learned from. **Select** a
# dictionary by rows it has not seen. Read the **spectrum**. Draw **samples**. **Judge** them twice, each number beside its
# floor, and ask whether they are copies. **Decide** whether something simpler does as well.
#
# A judge without a floor says nothing: 0.2 may be perfect or a catastrophe. A floor is what the *data themselves* score
# against the rows that were kept aside.

# %% [markdown]
# ## The mathematics
#
# Five formulas. Columns in units of their spread, with mean $m$ and deviation $s$ of the *training* rows,
#
# $$u=(x-m)/s. \tag{1}$$
#
# A column with heavy tails gets **normal scores**: a value with $a$ of $n$ rows below it and $b$ equal to it goes to the normal quantile
# of its mid-rank,
#
# $$y=\Phi^{-1}\Big(\frac{a+b/2}{n}\Big). \tag{2}$$
#
# Both act on single columns and are undone exactly. Neither rotates, so nothing depends on anybody's units. A sample is then judged
# by its sliced distance to the rows kept aside, in floors of as many training rows,
#
# $$r=\frac{\mathrm{SW}_2(\text{sample},\text{kept})}{\mathrm{SW}_2(\text{training},\text{kept})}, \tag{3}$$
#
# by the area under the curve (AUC) of a classifier that tries to tell sample from kept rows, where 0.5 means that it cannot, and for
# memory by the **memorisation test** (halves),
#
# $$h=P\big(\text{a sample is nearer to the training rows than to as many kept rows}\big), \tag{4}$$
#
# which is 0.5 for new points and 1 for copies. Of a time series we want the implied timescale of lesson 02 at a lag $\tau$,
#
# $$t(\tau)=-\tau/\log\mu(\tau), \tag{5}$$
#
# with an error from resampled *blocks*, as neighbours in time are no independent rows.
#
# *The assumption that usually fails* is that rows are alike and independent: patients come with several rows, sensors drift, the
# future is not the past. No judge sees it, as the kept rows share the fault. Split by patient, or by time.
#
# ## Look
#
# **Guess first.** Below is what every column's numbers give away. Which three of the five columns would spoil the result
# if you fitted at once, and how?
#
# <details><summary>Answer, after you have decided</summary>
#
# The temperature's least value, -999, is a broken thermometer's way of saying "missing": the mean is off by 8 degrees. Rain has a maximum of some
# ninety times its median: in units of its spread nearly all rows lie in one spot. Cloud is counted in eighths, 0 to 8: any sampler
# of continuous numbers is found out at once. (The station is always 17, which is harmless, if nobody divides by its spread.)
#
# </details>


# %%
def look(names, x):
    """A line for every column."""
    print("column           missing different     least    median      most  kurtosis")
    for name, column in zip(names, x.T):
        seen = column[column.isfinite()]
        u = (seen - seen.mean()) / seen.std().clamp_min(1e-300)
        counts = f"{len(column) - len(seen):10d}{len(seen.unique()):10d}"
        least, median, most = (
            f"{value:10.6g}" for value in (seen.min(), seen.median(), seen.max())
        )
        print(f"{name:14}{counts}{least}{median}{most}{u.pow(4).mean():10.1f}")


look(names, table)

# %%
as_seen = kt.KoopmanSampler(hold_out=0).fit(whole, generator=stream(6)).columns(whole)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(4, height=2.2, rows=2)
for j in range(4):
    for ax, x in ((axes[j], whole[:, j]), (axes[4 + j], as_seen[:, j])):
        ax.hist(x, bins=40, color=plotting.COLORS["data" if ax is axes[j] else "model"])
        ax.set(yticks=[], xlabel="as it is" if ax is axes[j] else "in the sampler")
        ax.locator_params(axis="x", nbins=3)
    axes[j].set_title(names[j])
axes[0].set_ylabel("rows")
axes[4].set_ylabel("rows")
alt = """Histograms of four columns, above in the file's units, below as the sampler sees them.
Temperature, pressure and cloud keep their shapes. Rain, above one spike with a long tail, is a
bell below."""
plotting.finish(fig, alt)
# the traps that the text names
assert (table[:, 0] == -999).sum() == 12 and len(whole) == 1514
assert abs(table[:, 0].mean() - whole[:, 0].mean()) > 7
assert whole[:, 2].max() > 80 * whole[:, 2].median()

# %% [markdown]
# ## Split, and the judges
#
# Three fifths of the rows to learn from, the rest to judge by. Copies of training rows score well in the first two judges; that is what the third is for.

# %%
order = torch.randperm(len(whole), generator=stream(7))
train, kept = whole[order[:908]], whole[order[908:]]
mapped = (
    kt.KoopmanSampler(hold_out=0).fit(train, generator=stream(6)).columns
)  # units, and rain as a bell


def judged(x, learned=train, judges=kept, columns=mapped, seed=8):
    """Sliced W2 over its floor, AUC of a classifier, and halves, of as many rows as were kept."""
    g = stream(seed)
    x, learned, judges = columns(x[: len(judges)]), columns(learned), columns(judges)
    distance = relative_sliced_w2(x, learned, judges, generator=g)
    return [distance, auc(x, judges, generator=g), halves(x, learned, judges, generator=g)]


def thrice(x):
    """The mean of three verdicts, on random parts."""
    parts = (x[torch.randperm(len(x), generator=stream(40 + k))] for k in range(3))
    return [sum(verdicts) / 3 for verdicts in zip(*map(judged, parts))]


def tell(name, values):
    kc.show(f"{name:32}", "  ".join(f"{value:5.2f}" for value in values))


# %% [markdown]
# ## From scratch
#
# `KoopmanSampler` is four things of this course in a row: units, a mixture of Gaussians fitted by maximum likelihood as the start, the spectrum of
# the generator, and KSWGD without noise, which moves the draws of the mixture until their modes have the data's means. On temperature and pressure:

# %%
two = train[:, :2]
g, scale = stream(9), kt.Standardizer.of(two)
u = scale(two)
mixture = kt.FittedMixture.fit(u, generator=g)
spectrum = kt.GeneratorEDMD(kt.MultiScale.from_data(u, generator=g)).fit(u).spectrum()
begin = mixture.sample(2000, stream(11))
by_hand = kt.run_particles(kt.KSWGD(spectrum, noise=0.0), begin, n_steps=30, verbose=False).final

one_call = kt.KoopmanSampler(
    scores="none",
    calibrate=False,
    hold_out=0,
    dictionary=lambda u, g: kt.MultiScale.from_data(u, generator=g),
    pool=2000,
)
sample = scale(one_call.fit(two, generator=stream(9)).sample(1000, stream(11)))
assert torch.allclose(one_call.mixture.means, mixture.means, atol=1e-5)
apart = torch.cdist(sample, by_hand).amin(
    dim=1
)  # from each of the call's particles to the nearest of ours
assert apart.median() < 0.05

# %% [markdown]
# They agree: the same start, and the same particles but for a short cut in the metric that the call takes. What it adds: normal scores for heavy tails, and at the end a calibration, which
# replaces the $k$-th largest value of a column by the data's value of that rank, so that a discrete column has its levels again.
#
# ## What each stage buys
#
# **Predict, then run.** One stage at a time is taken away, and the sample is judged. Which one does the classifier miss most?
# And will the mixture alone be worse than the mixture that KSWGD has moved?
#
# <details><summary>KSWGD: without it we have a mixture, as everybody has</summary>
#
# A *good* mixture leaves little to repair, and by chance the moved one may even score worse. `fit` says so in its report, for it first keeps a fifth of the rows aside and compares both. Of one Gaussian KSWGD repairs nearly all.
#
# </details>
# <details><summary>calibration: without it the sample holds clouds of 3.2 eighths</summary>
#
# Right. No row has one, and a classifier needs a single such column. Of the start, the mixture carries most: one Gaussian is far off.
#
# </details>
# <details><summary>normal scores: rain is the strangest column</summary>
#
# Calibration repairs most of it afterwards, since it gives each column the data's quantiles.
#
# </details>

# %% tags=["nbval-ignore-output"]
stages = {
    "all stages": {},
    "without normal scores": {"scores": "none"},
    "without calibration": {"calibrate": False},
    "one Gaussian as the start": {"components": 1},
    "one Gaussian, not moved": {"components": 1, "n_steps": 0},
    "mixture, not moved": {"n_steps": 0},
}
print(f"{'':32}  SW2 / floor, AUC, halves")
results, drawn = {}, {}
for name, options in stages.items():
    fitted = kt.KoopmanSampler(hold_out=0, **options).fit(train, generator=stream(12))
    drawn[name] = fitted.sample(2000, generator=stream(13))  # a random half of 4,000 that run
    results[name] = thrice(drawn[name])
    tell(name, results[name])
tell("training rows: the floor", thrice(train))

# %% tags=["collapsed"]
fig, (a, b) = plotting.new_figure(2, height=3.0, sharey=True)
for ax, k, best, label in ((a, 0, 1.0, "sliced W2 / floor"), (b, 1, 0.5, "AUC")):
    ax.plot(
        [values[k] for values in results.values()],
        list(results),
        "o",
        color=plotting.COLORS["model"],
        markersize=8,
    )
    ax.grid(axis="y", color="#DDDDDD")
    ax.axvline(best, color=plotting.COLORS["floor"], linestyle="--", label="data themselves")
    ax.set(xlabel=label, xlim=(0.8 * best, None))
a.set_ylabel("version")
a.invert_yaxis()
b.legend(fontsize=8, loc="upper right")
alt = """Two verdicts for each of six versions of the sampler. By the sliced distance only the
unmoved Gaussian is far from what the data themselves score; the classifier also finds out the
version without calibration."""
plotting.finish(fig, alt)
# what the text says of them
every, single, unmoved = (
    results[name] for name in ("all stages", "one Gaussian as the start", "one Gaussian, not moved")
)
assert results["without calibration"][1] > every[1] + 0.2 and unmoved[1] > single[1] + 0.08
assert unmoved[0] > 1.8 and single[0] < 1.3
assert every[0] < 1.3 and every[1] < 0.62 and every[2] < 0.6

# %% [markdown]
# Two judges, two opinions: the sliced distance does not see at all that clouds come in eighths. KSWGD brings the one Gaussian from more than two floors
# to about one: that is what it is for. Look at the pairs of columns yourself.

# %% tags=["collapsed", "widget", "nbval-ignore-output"]
PAIRS = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]


def pair(columns, sampler):
    i, j = PAIRS[columns]
    fig, axes = plotting.new_figure(2, height=3.2, sharex=True, sharey=True)
    shown = {"kept rows": (kept, "data"), sampler: (drawn[sampler][:606], "model")}
    for ax, (name, (x, color)) in zip(axes, shown.items()):
        ax.scatter(x[:, i], x[:, j], s=5, color=plotting.COLORS[color], alpha=0.6)
        ax.set(xlabel=names[i], ylabel=names[j], title=name)
        ax.locator_params(axis="x", nbins=5)
    plotting.finish(fig, "Two columns against each other: rows that were kept aside, and samples.")


labels = [f"{names[i]}, {names[j]}" for i, j in PAIRS]
plotting.explore(
    pair,
    columns=plotting.choices(list(range(5)), 3, labels),
    sampler=plotting.choices(list(stages), "without calibration"),
)

# %% [markdown]
# ## Does it know what we know?
#
# We made the table: three days of ten are stormy, and within storms pressure and temperature are correlated by $0.6$, within calm
# days by $-0.55$. Storms are what lies below 100,900 Pa. All rows together have a correlation of $+0.64$, which is the difference of the two groups
# and is true of neither.


# %% tags=["nbval-ignore-output"]
def answers(x):
    storm = x[:, 1] < 100_900
    within = [float(torch.corrcoef(x[group, :2].T)[0, 1]) for group in (storm, ~storm)]
    return [float(storm.double().mean()), *within]


final = kt.KoopmanSampler(pool=5000).fit(train, generator=stream(12))
print(f"{'':32}  storms, correlation in storms, in calm")
tell("exact", [0.3, 0.6, -0.552])
told, rows = answers(final.sample(5000, stream(14))), answers(train)
tell("training rows", rows)
tell("5,000 samples", told)
print(final.report)

# %% tags=["collapsed"]
# the samples know what the rows do, and the two groups together have the correlation of the text
assert all(abs(a - b) < 0.12 for a, b in zip(told, rows))
assert abs(torch.corrcoef(whole[:, :2].T)[0, 1] - 0.64) < 0.01

# %% [markdown]
# The rows themselves miss the truth as far as the samples do: 908 rows know a share of 0.3 to within 0.015. No sampler adds knowledge. (The report
# counts columns from 0; for a DataFrame it names them.)
#
# ## Select, and read the spectrum
#
# Which dictionary? `kt.select` scores each candidate's slow modes on rows that its fit has not seen. In mapped coordinates, `sampler.columns(x)`,
# one width means the same in every direction.

# %%
v = final.columns(train)
centres = v[torch.randperm(len(v), generator=stream(15))[:120]]
candidates = {
    f"bumps of width {width:g}": kt.GeneratorEDMD(kt.GaussianRBF(centres, width))
    for width in (0.2, 0.5, 1.0, 2.0, 4.0)
}
candidates["several widths"] = kt.GeneratorEDMD(kt.MultiScale.from_data(v, generator=stream(15)))
chosen = kt.select(candidates, v, n_modes=3, generator=stream(16))

# %% tags=["collapsed", "nbval-ignore-output"]
alt = """Held-out energy of six dictionaries: bumps that are too narrow score far worse than wide
ones and than functions of several widths."""
plotting.selection(chosen, alt=alt)
assert chosen.name not in ("bumps of width 0.2", "bumps of width 0.5")

# %% tags=["collapsed", "nbval-ignore-output"]
spectrum = final.spectrum
phi = spectrum(v)[:, 0]
fig, (a, b) = plotting.new_figure(2, height=3.0)
a.semilogy(
    range(1, len(spectrum) + 1), spectrum.rates, "o", color=plotting.COLORS["model"], markersize=3
)
a.set(xlabel="mode", ylabel="rate", title="one slow mode, then a gap")
b.scatter(train[:, 1] / 1000, phi, s=5, color=plotting.COLORS["data"], alpha=0.6)
b.axvline(100.9, color=plotting.COLORS["reference"], linestyle=":", label="border of a storm")
b.set(
    xlabel="pressure, kPa", ylabel="first eigenfunction", title="it is the question: storm or calm?"
)
b.legend(fontsize=8)
alt = """Left, rates on a logarithmic axis: the first far below all others. Right, the first
eigenfunction of every row against its pressure: two levels, one on each side of the border between
storm and calm."""
plotting.finish(fig, alt)
storm = train[:, 1] < 100_900
agree = float(((phi > (phi.min() + phi.max()) / 2) == storm).double().mean())
assert max(agree, 1 - agree) > 0.97 and spectrum.rates[1] > 3 * spectrum.rates[0]

# %% [markdown]
# Nobody told the spectrum of two regimes. A slow mode is a question that splits the data, and reading it off is often worth more than samples.
#
# ## What else the fit can do
#
# `quadrature(n)` gives a few points that lie as *evenly* as possible: averages over 40 of them are the table's to a few thousandths of a spread.
# `condition` weighs by an observation, `transport` moves points of your own, `save` and `load` keep all in one file. The barometer
# says 99,000 Pa, give or take 100: the exact mean temperature then is $8.3$ °C.


# %% tags=["collapsed", "nbval-ignore-output"]
def miss(x):
    """Root mean square error of the means, in spreads."""
    return float(units(x)[:, :4].mean(0).square().mean().sqrt())


g, units = stream(17), kt.Standardizer.of(train)
random_rows = sum(miss(train[torch.randperm(908, generator=g)[:40]]) for _ in range(50)) / 50
kc.show(
    "error of 40 random rows, herded rows, quadrature",
    [random_rows, miss(train[kt.herd(v, 40)]), miss(final.quadrature(40))],
    2,
)
assert miss(final.quadrature(40)) < 0.01 < 0.1 < random_rows


def barometer(x):
    """The log likelihood of 99,000 Pa, give or take 100."""
    return -((x[:, 1] - 99_000) ** 2) / (2 * 100**2)


seen = final.condition(barometer, 400, prior=2000, generator=stream(18))[:, 0]
share = torch.softmax(barometer(train), dim=0)
mean = share @ train[:, 0]
kc.show("temperature at 99,000 Pa, mean and deviation: sampler", [seen.mean(), seen.std()], 2)
kc.show(
    "    weighted rows, and exact",
    [mean, (share @ (train[:, 0] - mean) ** 2).sqrt(), 8.31, 1.63],
    2,
)
assert abs(seen.mean() - 8.31) < 0.5
far = final.transport(train[storm][:200], generator=stream(19))
kc.show(
    "storms among 200 that started as storms, after transport",
    (far[:, 1] < 100_900).double().mean(),
    1,
)
with tempfile.TemporaryDirectory() as folder:
    final.save(f"{folder}/weather.safetensors")
    again = kt.KoopmanSampler.load(f"{folder}/weather.safetensors")
assert torch.equal(again.sample(50, stream(20)), final.sample(50, stream(20)))

# %% [markdown]
# ## A time series with gaps
#
# A bistable device, seen by a noisy sensor in millivolts, once an hour: three outages, and every fourth value lost. The truth: it forgets its
# state within $t=11.0$ hours.
#
# **Predict, then run.** Somebody drops the empty rows, as one does, and pairs each row with the eighth after it. Is the timescale too long, too short, or right?
#
# <details><summary>too short</summary>
#
# Right. Eight rows are nearly eleven hours by now, on average, and he writes eight. The more is missing, the faster his world. `kt.lagged_pairs` goes by the clock: rows are partners if their *times* are a lag apart and both have a value.
#
# </details>
# <details><summary>too long: with fewer rows everything looks slower</summary>
#
# The rows have moved closer together in the file, so what happens in eleven hours seems to happen in eight.
#
# </details>
# <details><summary>right, with a larger error: rows were lost at random</summary>
#
# Losing pairs at random does no harm. Making new ones of rows that are no partners does.
#
# </details>

# %%
_, rows = read(DATA / "sensor.csv")
hour, signal = rows[:, 0], rows[:, 1:]
pairs = kt.lagged_pairs(signal, lag=8.0, times=hour)
print(pairs.report)
dropped = signal[signal.isfinite().all(dim=1)]
bumps = kt.GaussianRBF(
    torch.linspace(450, 575, 8, dtype=torch.float64)[:, None], 15.0
)  # in millivolts
right, wrong = (
    float(kt.EDMD(bumps, lag=8.0).fit(x, y).spectrum(1).implied_timescales[0])
    for x, y in (pairs, (dropped[:-8], dropped[8:]))
)
kc.show("timescale in hours, by the clock and by counting rows (exact 11.0)", [right, wrong], 3)
lags = [1.0, 2.0, 4.0, 8.0, 12.0]


def scan(series, dictionary=bumps, times=None, lags=lags, **edmd):
    """Timescales at every lag, with errors from resampled blocks."""
    options = {"times": times, "n_modes": 1, "n_resamples": 30, "generator": stream(21)}
    return kt.scan_lags(lambda lag: kt.EDMD(dictionary, lag=lag, **edmd), series, lags, **options)


scans = {"by the clock": scan(signal, times=hour), "rows dropped first": scan(dropped)}

# %% tags=["collapsed"]
alt = """Implied timescale against the lag with 95 % intervals. By the clock it rises from 6 at lag
1 to 10, and its interval holds the exact 11 from lag 8 on. With rows dropped first it stays near
8, its intervals below 11."""
plotting.compare_timescales(scans, exact=11.0, unit="hours", alt=alt)
assert abs(right - 10.4) < 0.1 and abs(wrong - 8.2) < 0.1
assert scans["by the clock"].low[3, 0] < 11 < scans["by the clock"].high[3, 0]
assert (scans["rows dropped first"].high < 11).all()

# %% [markdown]
# An error bar alone does not save the wrong one: it is confidently wrong. And the right one needs a *long* lag. At short ones the sensor's noise, new in every row, looks like forgetting.
#
# ## Short series, borders, delays
#
# `visits.csv`: the same kind of device, 80 visits of 30 hours. **Predict, then run.** We put one below the other and pair as if it were one long
# series: of all pairs at lag 8, how many lead from one device to another, and what do they do to the timescale? And what could *delay coordinates*, the state together with the two
# before it, do against the noise?
#
# <details><summary>one pair of thirty; it hardly matters</summary>
#
# One *row* of thirty is a border. At lag 8 the last eight rows of each visit are paired with a stranger's.
#
# </details>
# <details><summary>a quarter of them, and the timescale falls by a little more than a quarter</summary>
#
# Right. Eight of each 30 pairs join strangers, who know nothing of each other. And delays let the fit average over three readings, so that short lags are right, too. But delay windows overlap, backwards and forwards differ, and
# detailed balance is lost: use `reversible=False`. With the default the fit takes for memory what two windows share, and nothing warns.
#
# </details>
# <details><summary>a quarter, but strangers are independent, so they only add noise</summary>
#
# Independent partners look like a world that has forgotten everything. That is no noise, it is a bias.
#
# </details>

# %%
_, rows = read(DATA / "visits.csv")
visit, volts = rows[:, 0], rows[:, 2:]
series = [volts[visit == k] for k in visit.unique()]
delayed = kt.delay_embedding([(z - 512) / 37 for z in series], delays=2)
cubic = kt.Monomials(3, 3)
believed = kt.EDMD(cubic, lag=1.0).fit(*kt.lagged_pairs(delayed, 1)).spectrum(1).implied_timescales

short = {
    "a list of visits": scan(series, lags=[1, 2, 4, 8]),
    "joined by hand": scan(volts, lags=[1, 2, 4, 8]),
    "two delays": scan(delayed, cubic, lags=[1, 2, 4, 8], reversible=False),
}
listed, joined, delays = (scan.timescales[:, 0].tolist() for scan in short.values())
kc.show("lag 8: a list, joined by hand (exact 11.0)", [listed[3], joined[3]])
kc.show("lag 1: two delays, and with reversible=True", [delays[0], float(believed[0])])

# %% tags=["collapsed"]
alt = """Implied timescale against the lag. A list of visits rises to 10. Joined by hand it ends at
7, its interval below the exact 11. With two delays it is about 10 at every lag, and its intervals
hold the exact value."""
plotting.compare_timescales(short, exact=11.0, unit="hours", alt=alt)
assert joined[3] < 0.75 * listed[3] and believed[0] > 20
assert short["joined by hand"].high[3, 0] < 11 < short["a list of visits"].high[3, 0]
assert short["two delays"].low[0, 0] < 11 < short["two delays"].high[0, 0]

# %% [markdown]
# A model is worth what it says of data that it has not seen. Fitted to the sensor, judged on the visits:

# %%
edmd = kt.EDMD(bumps, lag=8.0).fit(*pairs)
other = kt.lagged_pairs(series, 8)
kc.show(
    "eigenvalue, autocorrelation on the visits",
    [edmd.eigenvalues[0], edmd.score(*other, n_modes=1)],
    2,
)
start = torch.tensor([[560.0]], dtype=torch.float64)
forecast = [float(edmd.predict(start, k)[0, 0]) for k in (1, 2, 8)]
kc.show(
    "expected mV 8, 16 and 64 hours after 560, and the mean", [*forecast, float(dropped.mean())], 3
)

# %% tags=["collapsed"]
# it says something of the visits, and after a long time it forecasts the mean
assert edmd.score(*other, n_modes=1) > 0.3 and abs(forecast[2] - dropped.mean()) < 3

# %% [markdown]
# ## What goes wrong: copies pass
#
# Take training rows and shake each a little, as a kernel density estimate does. Both judges of the law are content, more than with our sampler. Only halves object.
# The last rival is honest work: a flow (lesson 08), trained here, which takes the cloud as its *class* and never meets a count as a number.

# %% tags=["collapsed", "nbval-ignore-output"]
w, cloud = mapped(train), train[:, 3].long()
net = kt.FourierNet(3, width=64, depth=2, n_labels=9, generator=stream(30))
flow = kt.FlowMatching(3, net=net)
flow.fit(
    w[:, :3], labels=cloud, n_steps=1000, batch=256, lr=4e-3, generator=stream(31), verbose=False
)
rows = torch.randint(len(w), (2000,), generator=stream(32))
flowed = torch.cat(
    [flow.sample(2000, labels=cloud[rows], generator=stream(33)), w[rows, 3:]], dim=1
)
kick = torch.randn(w.shape, generator=stream(22), dtype=w.dtype)
shaken = w + 0.1 * kick * torch.tensor([1, 1, 1, 0])  # not the cloud: that stays a count
rivals = {
    "training rows": train,
    "training rows, shaken": mapped.undo(shaken),
    "flow with classes": mapped.undo(flowed),
}
print(f"{'':32}  SW2 / floor, AUC, halves")
rivals = {name: thrice(x) for name, x in rivals.items()}
for name, verdicts in rivals.items():
    tell(name, verdicts)
assert max(rivals["training rows, shaken"][0], rivals["flow with classes"][0]) < 1.4
assert max(rivals["training rows, shaken"][1], rivals["flow with classes"][1]) < 0.65
assert (
    rivals["training rows, shaken"][2] > 0.65 > results["all stages"][2] + 0.05
    and rivals["flow with classes"][2] < 0.65
)
anybodys = kt.VelocityFlow(
    flow.given(3).velocity, dim=3
)  # a function of any library is a flow, too
assert torch.allclose(anybodys.transport(w[:5, :3]), flow.given(3).transport(w[:5, :3]))

# %% [markdown]
# ## Your own file
#
# Put a path here. Columns of text and half-empty ones are left out, and said. The same diagnosis is printed for any table; a time series
# goes into the cells of `sensor.csv` or `visits.csv` above.

# %%
PATH = DATA / "weather.csv"  # or "measured.csv", wherever yours is


def cleaned(names, x, missing=-999):
    """Whole rows of the columns that are mostly there."""
    x = torch.where(x == missing, torch.nan, x)
    there = x.isfinite().double().mean(dim=0) > 0.5
    print(
        "left out:", ", ".join(name for name, good in zip(names, there) if not good) or "no column"
    )
    return x[:, there][x[:, there].isfinite().all(dim=1)]


# %% tags=["nbval-ignore-output"]
def diagnose(path):
    """Print what this lesson would; returns the fitted sampler."""
    names, x = read(path)
    look(names, x)
    x = cleaned(names, x)
    order = torch.randperm(len(x), generator=stream(23))
    learned, judges = x[order[: round(0.6 * len(x))]], x[order[round(0.6 * len(x)) :]]
    sampler = kt.KoopmanSampler().fit(learned, generator=stream(24))
    print(sampler.report)
    print(f"{'':32}  SW2 / floor, AUC, halves")
    tell(
        "samples", judged(sampler.sample(len(judges), stream(25)), learned, judges, sampler.columns)
    )
    tell("training rows: the floor", judged(learned, learned, judges, sampler.columns))
    return sampler


mine = diagnose(PATH)

# %% tags=["collapsed"]
# enough rows were left for a fit that means something
assert len(mine.data) > 500

# %% [markdown]
# ## When not to use this package
#
# Measured on ten real tables, with costs: `docs/which_method.md`. In short:
#
# - The report says that the mixture is better: take the mixture, `n_steps=0`.
# - More than some twenty or thirty columns: expect no more than parity with a mixture; for pictures, a flow on codes (lesson 12). On the weather a flow of two seconds did as well as we.
# - Most columns are discrete: count, or use a model of categories.
# - Averages are all you need: `kt.herd` your rows. Fewer than a hundred rows: plot them.
# - One column is to be predicted from the others: regression.
# - A series of hundreds of coordinates: linear features first, as TICA has them (deeptime).
#
# ## Exercises
#
# | exercise | what you do | minutes |
# |---|---|---|
# | [L16-E1](../exercises/16_your_own_data.ipynb#L16-E1-Columns-in-units-of-their-spread) | standardise, with missing rows and a constant column | 8 |
# | [L16-E2](../exercises/16_your_own_data.ipynb#L16-E2-Pairs-across-no-gap-and-no-border) | pairs across no gap and no border | 12 |
# | [L16-E3](../exercises/16_your_own_data.ipynb#L16-E3-Calibrate-a-column) | give a column of samples the values of the data | 10 |
# | [L16-E4](../exercises/16_your_own_data.ipynb#L16-E4-Copies,-or-new-points) | halves: copies, or new points? | 8 |
#
# ## Key points
#
# - Look first: -999, constants, counts and tails are seen by eye and by no theorem.
# - Units, heavy tails and discrete columns are matters of single columns; map them, and undo the map.
# - Pairs go by the clock. Dropping rows or joining series shortens timescales, and error bars do not notice.
# - A noisy sensor needs a longer lag, or delays with `reversible=False`.
# - Two judges with floors, and one for memory. If a mixture does as well, use it.
#
# To keep, on a page: `docs/takeaways/own_data.md`.
#
# ## References
#
# - Lopez-Paz, Oquab (2017): *Revisiting classifier two-sample tests*, ICLR, arXiv 1610.06545. The second judge.
# - Swope, Pitera, Suits (2004): *Describing protein folding kinetics by molecular dynamics simulations*, J. Phys. Chem. B 108, 6571. Implied timescales.
# - Künsch (1989): *The jackknife and the bootstrap for general stationary observations*, Ann. Statist. 17, 1217. Blocks.
# - Hoffmann et al. (2022): *Deeptime: a Python library for machine learning dynamical models from time series data*, Mach. Learn.: Sci. Technol. 3, 015009.
# - Welling (2009): *Herding dynamical weights to learn*, ICML. Even points.

# %% [markdown]
# # Exercises 06: The quadruple well
#
# **42 minutes · level: core · device: CPU is enough · prerequisites: [lesson 06](../notebooks/06_quadruple_well.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("06")

# %%
# The playground for all exercises: a quadruple well, 3,000 samples, their spectrum, and particles
# in one corner.
import torch

from koopcourse import check, plotting

well = kt.QuadrupleWell(beta=4.0).to(profile.device)
box = (-1.9, 1.9)
data = well.sample(3000, profile.generator(1))
psi = kt.MultiScale.from_data(data, (100, 30, 10), generator=profile.generator(2))
spectrum = kt.GeneratorEDMD(psi).fit(data).spectrum()
corner = kt.GaussianMixture(well.modes[:1], 0.2).sample(400, profile.generator(3))
reference = well.sample(5000, profile.generator(4))

# %% [markdown]
# ## L06-E1 Rates add
#
# *core, 8 minutes, importance 2 of 3.* A coordinate has the positive rates `l` `(k,)`, ascending. A second one, independent of it, has the same. Return the `n` smallest positive rates
# of the two together, equation (1) of the lesson, ascending and with repetitions, `(n,)`. (Take it that `n` is small enough for `l` to suffice.)
#
# *Example.* `l = [1, 5]`, `n = 5`: each coordinate has the rates 0, 1 and 5, so the sums are 0, 1, 1, 2, 5, 5, 6, 6, 10. The 0 belongs to
# the constant, which is no mode: `[1, 1, 2, 5, 5]`.
#
# *It must hold that* the slowest rate occurs twice, and that another unit of time rescales all.


# %%
def product_rates(l, n):
    """The n smallest positive rates of two equal, independent coordinates, (n,)."""
    ### BEGIN SOLUTION
    with_zero = torch.cat([torch.zeros_like(l[:1]), l])
    sums = (with_zero[:, None] + with_zero).flatten()
    return sums.sort().values[1 : n + 1]
    ### END SOLUTION


# %% tags=["check"]
product_rates = check("L06-E1", product_rates)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A mode of the pair is a mode of the first coordinate times a mode of the second. One of the two may be the constant, whose rate is 0.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# All $l_i+l_j$ with $i,j\ge0$ and $l_0=0$, except $i=j=0$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# with_zero = torch.cat([torch.zeros_like(l[:1]), l])
# sums = (with_zero[:, None] + ___).flatten()
# return sums.sort().values[___]
# ```
#
# </details>

# %% [markdown]
# Your rates, from those of the double well on the line, against those of the quadruple well and against samples:
#
# *Go further, when it has run.* Three coordinates: how many slow modes, and how often does each rate occur?

# %%
line = kt.DoubleWell(well.beta).exact_rates(6)

# %% tags=["collapsed"]
plotting.curves(
    range(1, 9),
    {
        "your sums": product_rates(line, 8).tolist(),
        "well, exact": well.exact_rates(8).tolist(),
        "3,000 samples": spectrum.rates[:8].tolist(),
    },
    xlabel="mode",
    ylabel="rate",
    logy=True,
    alt="Eight rates: the sums lie on the exact ones, and those from samples close by. After "
    "three slow ones comes a gap.",
)
assert torch.allclose(product_rates(line, 8), well.exact_rates(8), rtol=1e-4)

# %% [markdown]
# ## L06-E2 Count the slow modes
#
# *core, 7 minutes, importance 2 of 3.* Given at least two `rates` `(r,)`, ascending and positive, find the widest gap, measured as the **ratio** of neighbours, and return how many rates lie before it, a whole number. Of gaps that are equally wide take the first.
#
# *Example.* `[0.1, 0.1, 0.2, 13, 40]`: the ratios are 1, 2, 65 and 3.1, so 3 rates are slow. (That makes 4 wells.)
#
# *It must hold that* another unit of time changes no count.


# %%
def slow_modes(rates):
    """How many rates lie before the widest gap, an int."""
    ### BEGIN SOLUTION
    ratios = rates[1:] / rates[:-1]
    return int(ratios.argmax()) + 1
    ### END SOLUTION


# %% tags=["check"]
slow_modes = check("L06-E2", slow_modes)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Slow and fast differ by a factor, not by an amount: on a logarithmic axis the gap is the longest jump.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The $k$ for which $\lambda_{k+1}/\lambda_k$ is largest, counted from 1.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# ratios = rates[1:] / ___
# return int(ratios.___()) + ___
# ```
#
# </details>

# %% [markdown]
# Does data tell how many wells there are? Rings of three to six modes, of which the computer sees 3,000 samples each:
#
# *Go further, when it has run.* Make the modes wider. At which width does the gap close, and is the count still a meaningful question?

# %%
counted = []
for k in (3, 4, 5, 6):
    ring = kt.GaussianMixture.ring(k, radius=2.0, std=0.35).to(profile.device)
    x = ring.sample(3000, profile.generator(5))
    ring_psi = kt.MultiScale.from_data(x, (100, 30, 10), generator=profile.generator(6))
    counted.append(1 + slow_modes(kt.GeneratorEDMD(ring_psi).fit(x).spectrum(12).rates))
    kc.show(f"a ring of {k} modes has as many as data say", counted[-1])

# %% tags=["collapsed"]
# data tell the number of modes, asserted
assert counted == [3, 4, 5, 6]

# %% [markdown]
# ## L06-E3 The wrong share
#
# *warm-up, 5 minutes, importance 2 of 3.* Given the shares `w` `(k,)` of the particles in $k$ wells and the `exact` ones `(k,)`, some perhaps zero, return the total variation, equation (3): one number between 0 and 1, the share of the particles that
# would have to change wells.
#
# *Example.* `w = [0.7, 0.2, 0.1, 0]` and four times a quarter: the differences are 0.45, -0.05, -0.15 and -0.25, and 45 % of the particles have to move: `0.45`.
#
# *It must hold that* right shares give 0, and everything in the wrong well gives 1.


# %%
def wrong_share(w, exact):
    """Total variation of two sets of shares, a number."""
    ### BEGIN SOLUTION
    misplaced = (w - exact).abs()
    return 0.5 * misplaced.sum()
    ### END SOLUTION


# %% tags=["check"]
wrong_share = check("L06-E3", wrong_share)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Whoever is missing in one well is too many in another one. Count each only once.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\frac12\sum_j|w_j-w_j^\pi|$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# misplaced = (w - exact).___
# return ___ * misplaced.sum()
# ```
#
# </details>

# %% [markdown]
# KSWGD brings particles to the data. Data with shares of 55, 15, 15 and 15 per cent give such particles, too:
#
# *Go further, when it has run.* `GeneratorEDMD.fit` takes weights. Mend the shares of the data with them.

# %%
uneven = torch.cat([data, data[(data < 0).all(1)], data[(data < 0).all(1)]])
uneven = torch.cat([uneven, data[(data < 0).all(1)][:250]])
uneven_psi = kt.MultiScale.from_data(uneven, (100, 30, 10), generator=profile.generator(7))
uneven_spectrum = kt.GeneratorEDMD(uneven_psi).fit(uneven).spectrum()
run = kt.run_particles(kt.KSWGD(uneven_spectrum), corner, generator=profile.generator(8))
wrong = {}
for name, x in {"data": uneven, "particles": run.final}.items():
    wrong[name] = float(wrong_share(kt.mode_weights(x, well.modes), well.mode_weights))
    kc.show(f"wrong share of the {name}", wrong[name], digits=1)

# %% tags=["collapsed"]
plotting.film_strip(
    run.particles,
    [0, 5, 10, 60],
    box,
    log_prob=well.log_prob,
    alt="Four moments: particles leave the lower left corner for all four wells, and more than "
    "half of them stay.",
)
assert all(0.2 < share < 0.4 for share in wrong.values())

# %% [markdown]
# ## L06-E4 A noise floor
#
# *core, 7 minutes, importance 3 of 3.* Given a `metric(sample, reference)`, which makes a `float`, fresh exact `draws` `(repeats, n, d)` and a `reference` `(N, d)`, return the pair (mean, standard deviation) of the metric over the draws, two numbers as in L01-E5
# (the deviation is that of one draw, with $\text{repeats}-1$ in the denominator, right also where the values are large and alike).
#
# *Example.* Three draws that score 1, 2 and 6: the mean is 3, the squared deviations add up to 14, and the standard deviation is $\sqrt{14/2}=2.65$.
#
# *It must hold that* a metric which always reads 2.5 has the floor 2.5 without spread, and that the order of the draws does not matter.


# %%
def floor(metric, draws, reference):
    """Mean and standard deviation of the metric over the draws, two numbers."""
    ### BEGIN SOLUTION
    values = torch.tensor([metric(x, reference) for x in draws], dtype=draws.dtype)
    return float(values.mean()), float(values.std())
    ### END SOLUTION


# %% tags=["check"]
floor = check("L06-E4", floor)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# What would a perfect sampler score? Draw as many points as you want to judge, score them, and repeat.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $a_j=d(X_j,R)$ for each draw $X_j$; then $\bar a$ and $\sqrt{\sum_j(a_j-\bar a)^2/(J-1)}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# values = torch.tensor([metric(___, reference) for x in ___], dtype=draws.dtype)
# return float(values.___()), float(values.___())
# ```
#
# </details>

# %% [markdown]
# How does the floor fall with the number of points? Sliced W2, eight draws each:
#
# *Go further, when it has run.* Which floor has the histogram KL, and which power of $n$ does it follow?

# %%
sizes = [100, 200, 400, 800, 1600]
floors = [
    floor(
        kt.sliced_wasserstein2,
        torch.stack([well.sample(n, profile.generator(100 + k)) for k in range(8)]),
        reference,
    )
    for n in sizes
]

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.2)
mean, sd = torch.tensor(floors).T
ax.errorbar(
    sizes,
    mean,
    sd,
    fmt="o",
    color=plotting.COLORS["model"],
    capsize=4,
    label="mean ± sd of 8 draws",
)
ax.plot(
    sizes,
    mean[0] * (100 / torch.tensor(sizes)) ** 0.5,
    "--",
    color=plotting.COLORS["floor"],
    label=r"$n^{-1/2}$",
)
ax.set(xscale="log", yscale="log", xlabel="points", ylabel="sliced W2 of exact samples")
ax.set_xticks(sizes, [str(n) for n in sizes])
ax.set_yticks([0.05, 0.1, 0.2], ["0.05", "0.1", "0.2"])
ax.minorticks_off()
ax.legend()
plotting.finish(
    fig,
    "The noise floor of sliced W2 with its spread falls with the number of points, a little more "
    "slowly than one over their root.",
)
assert mean[-1] < 0.5 * mean[0]

# %% [markdown]
# ## L06-E5 The smallest sufficient rank
#
# *core, 8 minutes, importance 1 of 3.* Somebody ran KSWGD with several `ranks` (a list, ascending) and measured two distances, `sw2` and `kl`, tensors of the same length, with the floors `sw2_floor` and `kl_floor`, two floats. Return the smallest rank for which **both** distances are
# at most 1.2 floors (just 1.2 will do, and a larger rank may fail again), a whole number; 0 if there is none.
#
# *Example.* `ranks = [10, 30, 60, 90]`, `sw2 = [0.13, 0.08, 0.06, 0.05]`, `kl = [1.2, 1.0, 0.15, 0.14]`, floors 0.07 and 0.13. The limits are 0.084 and 0.156. Rank 30 passes the first and fails the second: `60`.
#
# *It must hold that* other units of distance and floor change nothing.


# %%
def sufficient_rank(ranks, sw2, kl, sw2_floor, kl_floor):
    """The smallest rank whose two distances are at most 1.2 floors, an int; 0 if there is none."""
    ### BEGIN SOLUTION
    for rank, a, b in zip(ranks, sw2, kl):
        if a <= 1.2 * sw2_floor and b <= 1.2 * kl_floor:
            return rank
    return 0
    ### END SOLUTION


# %% tags=["check"]
sufficient_rank = check("L06-E5", sufficient_rank)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# One metric may be blind where the other sees. And within the floor a smaller distance is luck.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\min\{r : d_1(r)\le1.2f_1\ \text{and}\ d_2(r)\le1.2f_2\}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# for rank, a, b in zip(ranks, sw2, kl):
#     if a <= 1.2 * sw2_floor and ___:
#         return ___
# return 0
# ```
#
# </details>

# %% [markdown]
# Measure it on our well, and ask what sliced W2 alone would have said:
#
# *Go further, when it has run.* At $\beta=1$ fewer modes are enough. Why?

# %%
ranks = [3, 10, 20, 40, len(spectrum)]
metrics = {
    "sliced W2": lambda x: kt.sliced_wasserstein2(x, reference),
    "histogram KL": lambda x: kt.kl_histogram(x, well.log_prob, -2.2, 2.2),
}
levels = {
    name: kt.noise_floor(f, well.sample, 400, generator=profile.generator(9))
    for name, f in metrics.items()
}
found = {name: [] for name in metrics}
for rank in ranks:
    run = kt.run_particles(
        kt.KSWGD(spectrum.truncate(rank)), corner, generator=profile.generator(10)
    )
    for name, f in metrics.items():
        found[name].append(f(run.final) / levels[name][0])
sw2, kl = (torch.tensor(values) for values in found.values())
enough, blind = (
    sufficient_rank(ranks, sw2, kl, 1.0, 1.0),
    sufficient_rank(ranks, sw2, 0 * kl, 1.0, 1.0),
)
kc.show("smallest sufficient rank, by both and by sliced W2 alone", [enough, blind])

# %% tags=["collapsed"]
plotting.curves(
    ranks,
    found,
    xlabel="modes kept",
    ylabel="distance / its noise floor",
    logy=True,
    floor=(1.0, 0.2),
    alt="Two distances in units of their floors against the number of modes: sliced W2 is at the "
    "floor with fewer modes than histogram KL, which starts at more than ten floors.",
)
assert enough in ranks and enough > blind and enough >= 40

# %% [markdown]
# ## L06-E6 The error at equal seconds
#
# *core, 7 minutes, importance 1 of 3.* A run's record: `seconds` `(k,)` from 0 on, ascending, without the fit, and the `errors` `(k,)` at these moments. Before its first step the method spent `fit_seconds`. Return the error that it has
# reached when `budget` seconds are over, fit included: that of the last record at or before that moment; of two at the same second the later in the list. If not even the fit was done, it is the first error, that of the start.
#
# *Example.* `budget = 3`, `fit_seconds = 1`, `seconds = [0, 1, 1.9, 2.4]`, `errors = [9, 5, 4, 2]`: with the fit the records are at 1, 2, 2.9 and 3.4 seconds, so the answer is `4`.
#
# *It must hold that* a machine of twice the speed changes nothing.


# %%
def error_at(budget, fit_seconds, seconds, errors):
    """The error of the last record within the budget, fit included, a number."""
    ### BEGIN SOLUTION
    within = int((seconds + fit_seconds <= budget).sum())
    return errors[max(within - 1, 0)]
    ### END SOLUTION


# %% tags=["check"]
error_at = check("L06-E6", error_at)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The clock of a comparison starts when the data are handed out. A rival without a fit is running from then on.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\text{errors}[j]$ for the largest $j$ with $t_\text{fit}+t_j\le\text{budget}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# within = int((___ <= budget).sum())
# return errors[max(___, 0)]
# ```
#
# </details>

# %% [markdown]
# A race with your referee: KSWGD, which fits 3,000 samples, against ULA with the true score. The budget is what KSWGD needs in all. Seconds differ from machine to machine, so we only ask whether KSWGD has arrived.
#
# *Go further, when it has run.* Take $\beta=8$ and run again. Who is ahead, and after how many seconds does it change?

# %% tags=["nbval-ignore-output"]
from time import perf_counter

started = perf_counter()
fitted = kt.GeneratorEDMD(psi).fit(data).spectrum()
fit_seconds = perf_counter() - started
race = {}
for name, method, steps, fit in (
    ("KSWGD", kt.KSWGD(fitted), 60, fit_seconds),
    ("ULA, true score", kt.ULA(well.score, step_size=0.01), 3000, 0.0),
):
    run = kt.run_particles(
        method, corner, n_steps=steps, record_every=steps // 15, generator=profile.generator(11)
    )
    race[name] = fit, run.seconds, torch.tensor([metrics["sliced W2"](x) for x in run.particles])
budget = fit_seconds + float(race["KSWGD"][1][-1])
mean, sd = levels["sliced W2"]
for name, record in race.items():
    kc.show(
        f"{name:15} after equal seconds",
        f"SW2 {float(error_at(budget, *record)):.2f}, floor {mean:.2f} ± {sd:.2f}",
    )

# %% tags=["collapsed"]
# within its budget KSWGD has arrived, asserted
assert float(error_at(budget, *race["KSWGD"])) < mean + 2 * sd

# %% [markdown]
# # Why is sampling slow?
#
# 70 minutes, and 10 of a side road · level: core · device: CPU · prerequisites: lesson 00
#
# You know a density up to a constant and want points that are distributed like it. The oldest recipe lets a particle drift uphill in log
# density and shakes it all the time: after long enough, its position is a sample. What is *long enough*, and how would you notice that it was not? Below, the
# recipe runs three times for the same time. Only the height of the hill between two wells differs.

# %%
import torch

from koopteach import DoubleWell, langevin_trajectory
from koopcourse.plotting import COLORS, finish, new_figure

# %% tags=["collapsed"]
fig, axes = new_figure(2, height=1.25, rows=3, width_ratios=[6, 1], sharey=True)
grid = torch.linspace(-1.9, 1.9, 200, dtype=torch.float64)
bins = torch.linspace(-1.9, 1.9, 39)
for (left, right), barrier in zip(axes.reshape(3, 2), (1.0, 4.0, 8.0)):
    target, source = DoubleWell(barrier), torch.Generator().manual_seed(11)
    start = -torch.ones(1, 1, dtype=torch.float64)
    path = langevin_trajectory(target, start, n_steps=15_000, dt=0.004, every=5, generator=source)[
        :, 0, 0
    ]
    left.plot(torch.arange(len(path)) * 0.02, path, color=COLORS["model"], linewidth=0.6)
    left.set(
        ylim=(-1.9, 1.9),
        yticks=[-1, 1],
        ylabel="position",
        xlim=(0, 60),
        title=f"barrier {barrier:g}",
    )
    left.tick_params(labelbottom=barrier == 8)
    right.hist(path, bins, density=True, orientation="horizontal", color=COLORS["model"], alpha=0.5)
    right.plot(target.log_prob(grid[:, None]).exp(), grid, color=COLORS["reference"], linewidth=1.2)
    right.set(xticks=[])
axes[1].set_title("visited, exact")
axes[4].set_xlabel("time")
alt = """Three paths of 60 time units in a double well. With barrier 1 the particle hops all the
time and visits both wells as the exact density asks; with barrier 4 it hops a few times; with
barrier 8 it never leaves its well."""
finish(fig, alt)

# %% [markdown]
# ## You will be able to
#
# - **write** the score of a Gaussian mixture, and say what it does between two modes (L01-E1)
# - **run** Langevin dynamics with nothing but torch (L01-E2)
# - **apply** the generator of the dynamics to a function, and read off how fast its mean relaxes (L01-E3)
# - **foresee** the bias of a finite step, and the step at which everything flies apart (L01-E4)
# - **judge** a sample by three distances, each read beside its noise floor (L01-E5)

# %%
from koopcourse import setup, show

profile = setup("01")

# %% [markdown]
# ## The idea, without formulas
#
# Turn the log density upside down and you see a landscape: where the density is large there is a hollow, and
# where it is small there is a ridge. The **score** is the arrow that points down into the nearest hollow, the longer the
# steeper the ground.
#
# A ball that only follows the arrows comes to rest: that is optimisation. Kick it at every instant, and it wanders about its hollow; now and then a run of lucky kicks carries it over
# a ridge. With kicks of the right strength the share of time that it spends anywhere is the probability of that place.
#
# There are thus two very different clocks. To explore *one* hollow takes a short time. To find the *next* hollow takes luck,
# and the wait for luck grows exponentially with the height of the ridge. The arrows do not help: on the way out they point back.

# %%
from koopteach import GaussianMixture

trio = GaussianMixture(
    means=[[-2, 0], [2, 0], [0, 2.5]], stds=[0.6, 0.6, 0.4], weights=[0.5, 0.3, 0.2]
)
well = DoubleWell(2.0)

# %% tags=["collapsed"]
from koopcourse.plotting import density

fig, (a, b, c) = new_figure(3, height=2.9)
a.plot(grid, well.log_prob(grid[:, None]), color=COLORS["model"])
a.set(
    xlabel="$x$",
    ylabel=r"$\log\,\pi(x)$",
    title="log density of a double well",
    xlim=(-1.7, 1.7),
    ylim=(-7, 0.6),
)
b.plot(grid, well.score(grid[:, None])[:, 0], color=COLORS["model"])
b.axhline(0, color=COLORS["floor"], linewidth=1)
b.plot([-1, 1], [0, 0], "o", color=COLORS["model"], markersize=7)
b.plot([0], [0], "o", color=COLORS["error"], markersize=7, markerfacecolor="white")
b.set(xlabel="$x$", ylabel="score", title="its slope: the score", xlim=(-1.7, 1.7), ylim=(-11, 11))
side = torch.linspace(-3.6, 3.6, 13, dtype=torch.float64)
at = torch.cartesian_prod(side, side + 0.9)
arrow = trio.score(at)
arrow = arrow / arrow.norm(dim=1, keepdim=True).sqrt()  # drawn with the square root of its length
density(c, trio.log_prob, (-3.9, 4.7))
c.quiver(
    *at.T, *arrow.T, color=COLORS["model"], angles="xy", scale_units="xy", scale=5, width=0.007
)
c.set(
    xlim=(-3.9, 3.9),
    ylim=(-3.0, 4.8),
    xticks=[],
    yticks=[],
    aspect="equal",
    title="score of three modes",
)
alt = """Left, the log density of a double well, two humps of equal height with a dip between.
Middle, its slope: zero at the wells, filled dots, and at the barrier, open dot. Right, arrows of
the score of three Gaussian modes; each points to one mode, and they turn abruptly half-way between
modes."""
finish(fig, alt)

# %% [markdown]
# ## The mathematics
#
# Let $\pi$ be a density on $\mathbb R^d$, known up to a constant. Its **score** is
#
# $$ s(x) = \nabla \log \pi(x) . \tag{1} $$
#
# The unknown constant has dropped out. **Langevin dynamics** is
#
# $$ dX = s(X)\,dt + \sqrt 2\, dW , \tag{2} $$
#
# and $\pi$ is its invariant law: start with $X_0 \sim \pi$ and every $X_t \sim \pi$. On a computer time goes in steps of
# size $h$, with $\xi_k$ standard normal. This is the **unadjusted Langevin algorithm**, ULA:
#
# $$ X_{k+1} = X_k + h\, s(X_k) + \sqrt{2h}\;\xi_k . \tag{3} $$
#
# What does the dynamics do to a function $f$? Its mean changes by $\frac{d}{dt} \mathbb E f(X_t) = \mathbb E\, (Lf)(X_t)$
# with the **generator**
#
# $$ L f = s \cdot \nabla f + \Delta f . \tag{4} $$
#
# <details><summary>Where the formula comes from</summary>
#
# In a short time $h$ a particle at $x$ moves by $\Delta x = h\,s + \sqrt{2h}\,\xi$, as in (3). Expand $f(x+\Delta x) = f + \nabla f\cdot\Delta x + \frac12\Delta x^\top\nabla^2 f\,\Delta x + \dots$ and
# average over $\xi$, which has mean zero and the covariance $I$. The first term gives $h\,s\cdot\nabla f$, the second $h\,\mathbb E[\xi^\top\nabla^2 f\,\xi] = h\,\Delta f$, and what is left out is of order $h^2$.
# So the mean of $f$ changes by $h\,Lf(x)$ if the particle is at $x$, and by $h\,\mathbb E\,(Lf)(X_t)$ on average. Divide by $h$ and let it go to zero.
#
# </details>
#
# For the targets of this course $-L$ has eigenfunctions $\varphi_k$ with rates $0 = \lambda_0 < \lambda_1 \le \lambda_2 \le \dots$,
# orthonormal for $\langle f,g\rangle_\pi = \mathbb E_\pi[fg]$, $\mathbb E_\pi$ the mean over $\pi$, and $\varphi_0 = 1$. Each decays by itself, so that
#
# $$ \mathbb E\,[f(X_t) \mid X_0 = x] \;=\; \underbrace{\mathbb E_\pi f}_{k=0} \;+\; \sum_{k\ge 1} e^{-\lambda_k t}\, \langle f, \varphi_k\rangle_\pi\, \varphi_k(x) . \tag{5} $$
#
# So **whatever you measure, what remains of your start dies out like
# $e^{-\lambda_1 t}$.** The smallest positive rate $\lambda_1$ is called the **spectral gap**.
#
# For the double well $\log \pi = -\beta V$ with $V = (x^2-1)^2$ the barrier is $\beta$, and Kramers' formula of 1940 estimates
#
# $$ \lambda_1 \;\approx\; \frac{\beta}{\pi} \sqrt{V''(1)\,|V''(0)|}\; e^{-\beta} \;=\; 1.80\, \beta\, e^{-\beta} \qquad (\beta \gg 1;\ \pi = 3.14\ldots \text{ here}). \tag{6} $$
#
# **One clock.** Time in this course is that of (2): temperature enters through $\pi$ alone. Lesson 02 compares it with the physicists' clock.
#
# **The assumption that usually fails.** "After a burn-in, the chain is in equilibrium" means $t \gg 1/\lambda_1$. If $\log\pi$ is strongly
# concave, $-\nabla^2\log\pi \ge m$, then $\lambda_1 \ge m$ and all is well. Two modes are enough to break it, and nothing
# that you compute along the chain knows $\lambda_1$.

# %% [markdown]
# ## From scratch
#
# The score of the double well, and (3) in a loop. That is all of Langevin dynamics.

# %%
import math


def well_score(x, beta):
    """The derivative of -beta (x^2 - 1)^2."""
    return -4 * beta * x * (x**2 - 1)


def langevin(score, x, h, n_steps, generator):
    """Follow n walkers x (n, d) for n_steps steps of size h; all states, (n_steps + 1, n, d)."""
    path = [x]
    for _ in range(n_steps):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        path.append(path[-1] + h * score(path[-1]) + math.sqrt(2 * h) * noise)
    return torch.stack(path)


x0 = -torch.ones(500, 1, dtype=torch.float64)
mine = langevin(lambda x: well_score(x, 2.0), x0, 0.01, 200, profile.generator(1))
show("share that has crossed to the right well at time 2", float((mine[-1] > 0).double().mean()), 2)

# %% [markdown]
# The package has it twice: `langevin_trajectory` keeps a path, and `ULA` is a method for `run_particles`, the one loop that
# runs every sampler of the course. With the same random numbers all three agree, to the last bit.

# %%
from koopteach import ULA, run_particles

well = DoubleWell(2.0)
theirs = langevin_trajectory(well, x0, n_steps=200, dt=0.01, generator=profile.generator(1))
run = run_particles(
    ULA(well.score, step_size=0.01), x0, n_steps=200, record_every=1, generator=profile.generator(1)
)

assert torch.allclose(well_score(x0 + 0.3, 2.0), well.score(x0 + 0.3))
assert torch.equal(mine, theirs)
assert torch.equal(mine, run.particles)
print(run)

# %% [markdown]
# ## How good is a sample?
#
# Back to the three modes in the plane, which hold .5, .3 and .2 of the mass. We start 800 walkers in the left mode and give them 2,000 steps.
# Are they now a sample of $\pi$? No single number says so; we use three:
#
# - **sliced W2**: project both samples on many lines, compare the sorted projections, average. It is a *length*: how
#   far mass has to travel.
# - **histogram KL**: count the points in small boxes and compare with the exact probability of each box. It sees holes and clumps.
# - **mode weights**: the share of points nearest to each mode, compared by the total variation
#   $\frac12 \sum_k |p_k - q_k|$, the share of mass in the wrong place.
#
# A number alone means nothing: even 800 *exact* samples are not at distance zero. What they score is the **noise floor** (floor), as mean ± standard deviation
# of 20 fresh exact samples; a distance is read beside it.
#
# There is a second floor. Independent samples have lumps and holes by chance. Whoever picks 800 of
# 8,000 exact samples so that they lie evenly, **thinned by kernel herding** (herded), gets less than the noise floor, the **floor of herded samples** (even floor): the distribution is no
# better, but averages over these very points are. So ask two questions, and never mix them. **Distributional accuracy** (law): are points drawn from the right distribution? Judge a *random part* of many, beside
# independent samples. **Quadrature quality** (evenness): how right are averages over these points? Judge the points as they are, beside herded ones.
# Its last lines answer both: *as good*, an ordinary exact sample; *even*, lower than nineteen of twenty.

# %%
from koopteach import (
    herd,
    kl_histogram,
    mode_weights,
    noise_floor,
    sliced_wasserstein2,
    total_variation,
)
from koopcourse import judges

n = 800
reference = trio.sample(20_000, profile.generator(2))
exact_weights = mode_weights(reference, trio.modes)
metrics = {
    "sliced W2": lambda x: sliced_wasserstein2(x, reference, n_projections=30),
    "histogram KL": lambda x: kl_histogram(x, trio.log_prob, -4.5, 4.5),
    "weights off by": lambda x: total_variation(mode_weights(x, trio.modes), exact_weights),
}
floors, even_floors = {}, {}
for name, metric in metrics.items():
    both = judges.floors(metric, trio.sample, n, generator=profile.generator(3))
    floors[name], even_floors[name] = both.law, both.even


# %%
def report(x, floors=floors, called="floor"):
    """Each distance of x beside its floor."""
    for name, metric in metrics.items():
        mean, sd = floors[name]
        print(f"  {name:15s} {metric(x):6.2g}   {called} {mean:.2g} ± {sd:.1g}")


print("800 fresh exact samples")
report(trio.sample(n, profile.generator(14)))
many = trio.sample(10 * n, profile.generator(15))
even = many[herd(many, n)]
print("800 of 8,000 exact samples, herded")
report(even, even_floors, "even floor")
verdicts = {}
for name in ("sliced W2", "histogram KL"):
    known = {"large": many, "independent": floors[name], "generator": profile.generator(16)}
    verdicts[name] = judges.verdict(metrics[name], even, trio.sample, **known)
    show(f"  by {name}", verdicts[name])
judges.Numbers(verdicts).show()

# %% tags=["collapsed"]
# herded points score less than the noise floor, at the even floor, and their law is no better
for name, (mean, sd) in even_floors.items():
    assert mean < 0.6 * floors[name][0]
    assert metrics[name](even) < min(mean + 3 * sd, floors[name][0])
for name, found in verdicts.items():
    assert found.as_good and found.even and found.floors > 0.9
    assert found.whole < 0.7 * floors[name][0]

# %%
from koopcourse.plotting import compare

start = trio.modes[0] + 0.3 * torch.randn(n, 2, generator=profile.generator(5), dtype=torch.float64)


def ula(h, n_steps=2000):
    method = ULA(trio.score, step_size=h)
    return run_particles(
        method, start, n_steps=n_steps, record_every=n_steps, generator=profile.generator(6)
    ).final


samples = {h: ula(h) for h in (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3)}
distances = {name: [metric(x) for x in samples.values()] for name, metric in metrics.items()}
for h in (0.02, 0.07, 0.2):
    print(f"ULA, step {h}")
    report(samples[h])

# %% tags=["collapsed"]
compare(
    {f"ULA, step {h}": samples[h] for h in (0.02, 0.07, 0.2)},
    reference,
    (-4.2, 4.2),
    log_prob=trio.log_prob,
    notes={
        f"ULA, step {h}": f"sliced W2 {metrics['sliced W2'](samples[h]):.2f}"
        for h in (0.02, 0.07, 0.2)
    }
    | {"exact sample": "floor {:.2f} ± {:.2f}".format(*floors["sliced W2"])},
    alt="Four panels of 800 points on three modes. With step 0.02 the left mode, where all "
    "walkers began, still holds too many points; with step 0.07 the picture is like the exact"
    " sample on the right; with step 0.2 the modes are visibly too wide.",
)

# %% [markdown]
# **Predict, then run.** The picture shows two different failures. If the number of steps is fixed at 2,000, how will the distances depend on the step $h$?
#
# <details><summary>the smaller the step the better</summary>
#
# The time that the chain covers is $2000\,h$. With a small step that is too short to fill the other modes: the *chain* has not converged.
#
# </details>
# <details><summary>the larger the step the better</summary>
#
# The chain converges quickly then, but not to $\pi$: (3) has an invariant law of its own, which is too wide.
#
# </details>
# <details><summary>there is a best step in between</summary>
#
# Right. Each distance has a valley. At its bottom KL lies at the floor and sliced W2 little above it: the bias that is left there nearly hides in the noise of 800 points, and more points would show it. Smaller steps *and* more time cure both
# failures, and that is the whole price of sampling.
#
# </details>

# %% tags=["collapsed"]
fig, axes = new_figure(2, height=3.0)
steps = list(samples)
for ax, name, color, marker in zip(axes, metrics, (COLORS["model"], COLORS["rival"]), "o^"):
    mean, sd = floors[name]
    ax.axhspan(
        mean - sd, mean + sd, color=COLORS["floor"], alpha=0.3, label="noise floor, mean ± sd"
    )
    ax.axhline(mean, color=COLORS["floor"], linewidth=1)
    ax.plot(steps, distances[name], color=color, marker=marker, label="ULA after 2,000 steps")
    ax.set(xscale="log", ylim=(0, None), xlabel="step size $h$", ylabel=name, title=name)
    ax.set_xticks(steps[::2], [f"{h:g}" for h in steps[::2]])
    ax.minorticks_off()
    ax.legend(loc="upper center")
axes[0].annotate("too short", (0.0105, 0.3), color=COLORS["error"])
axes[0].annotate("too coarse", (0.155, 0.54), color=COLORS["error"])
alt = """Sliced W2 and histogram KL of ULA after 2,000 steps against the step size, each with its
noise floor as a grey band. Both curves are valleys: they fall from step 0.01, where the run is too
short, come down to the floor or near it at 0.07 and rise again where the step is too coarse."""
finish(fig, alt)
assert min(distances["sliced W2"]) < 0.5 * distances["sliced W2"][0]
assert min(distances["sliced W2"]) < 0.7 * distances["sliced W2"][-1]
assert min(distances["histogram KL"]) < 0.7 * distances["histogram KL"][-1]
for name, most in (("sliced W2", 2.5), ("histogram KL", 1.1)):  # at the bottom, in noise floors
    assert min(distances[name]) < most * floors[name][0]

# %% [markdown]
# ### Why not one distance?
#
# **Predict, then run.** Take 800 *exact* samples and move each to the nearest point of a square lattice of spacing 0.5. Nothing moves by more
# than 0.36, but only about a hundred different points remain, each occupied many times. Which of the three distances will complain?
#
# <details><summary>all three: a hundred points are no sample of a density</summary>
#
# Sliced W2 asks how far mass must travel, and it travels hardly at all; and hardly a point changes its mode.
#
# </details>
# <details><summary>histogram KL alone</summary>
#
# Right. It counts points in boxes, and most boxes have become empty. Sliced W2 sees lines that are mostly not along the lattice, and the weights count modes.
#
# </details>
# <details><summary>none: nothing moves far</summary>
#
# True of two of them. Which one does not ask how far?
#
# </details>

# %%
exact = trio.sample(n, profile.generator(14))
clumped = (exact / 0.5).round() * 0.5
report(clumped)
show("different points", len(torch.unique(clumped, dim=0)))

# %% tags=["collapsed"]
pair = {"moved to a lattice": clumped, "exact sample": exact}
notes = {
    name: f"sliced W2 {metrics['sliced W2'](x):.2f}, KL {metrics['histogram KL'](x):.2f}"
    for name, x in pair.items()
}
alt = """Left, 800 points that sit on the crossings of a coarse lattice, many on each; right, the
exact sample they were made from. By sliced W2 both lie at the floor; histogram KL is five times
larger on the left."""
compare(
    {"moved to a lattice": clumped},
    exact,
    (-4.2, 4.2),
    log_prob=trio.log_prob,
    notes=notes,
    alt=alt,
)
mean, sd = floors["sliced W2"]
assert metrics["sliced W2"](clumped) < mean + sd  # blind
assert metrics["histogram KL"](clumped) > 3 * floors["histogram KL"][0]  # not blind

# %% [markdown]
# ## How long until a particle escapes?
#
# Start many walkers in the left well, distributed as they should be *within* it. Only one thing is then out of
# equilibrium: the imbalance, the share of walkers on the left minus the share on the right. It begins at 1, and by (5) it must fall
# like $e^{-\lambda_1 t}$, after a moment in which the faster terms die. The slope of its logarithm measures the spectral gap.
#
# **Predict, then run.** You measure this rate for the barriers $\beta = 1, \dots, 5$. By which factor does the relaxation time grow from $\beta=4$ to $\beta=5$, and, without running it, from 5 to 20?
#
# <details><summary>by 5/4, and by 4: the barrier is so much higher</summary>
#
# A ball that rolls would feel the height. A ball that waits for luck feels its exponential.
#
# </details>
# <details><summary>by about 2.2, and by about 800,000</summary>
#
# Right. By (6) the time is $e^\beta/(1.80\,\beta)$: a factor $e\cdot4/5$, then $e^{15}/4$. What takes a second at $\beta=5$ takes nine days at 20, and proteins, glasses and posteriors of neural networks have larger barriers.
#
# </details>
# <details><summary>by $e$, and by $e^{15}$: three million</summary>
#
# Nearly. In front of the exponential stands a $\beta$: a deeper well also has steeper walls, and the ball tries more often.
#
# </details>


# %%
def imbalance(barrier, n=10_000, n_records=60):
    """Times and (share left) - (share right), from equilibrium within the left well, over 1.5
    relaxation times."""
    target, source = DoubleWell(barrier), profile.generator(10 + int(barrier))
    horizon, dt = 1.5 / float(target.exact_rates(1)), 0.02 / barrier
    every = math.ceil(horizon / dt / n_records)
    x0 = -target.sample(n, source).abs()
    path = langevin_trajectory(
        target, x0, n_steps=every * n_records, dt=dt, every=every, generator=source
    )
    return torch.arange(len(path), dtype=path.dtype) * every * dt, -path[..., 0].sign().mean(dim=1)


def decay_rate(t, y):
    """Slope of -log y by least squares."""
    t = t - t.mean()
    return float(-(t @ y.log()) / (t @ t))


barriers = [1.0, 2.0, 3.0, 4.0, 5.0]
decays = {barrier: imbalance(barrier) for barrier in barriers}
measured = [decay_rate(*decays[barrier]) for barrier in barriers]
exact_rate = [float(DoubleWell(barrier).exact_rates(1)) for barrier in barriers]
kramers = [math.sqrt(32) / math.pi * barrier * math.exp(-barrier) for barrier in barriers]
for barrier, *rates in zip(barriers, measured, exact_rate, kramers):
    print("barrier {:.0f}: measured {:.2g}, exact {:.2g}, Kramers {:.2g}".format(barrier, *rates))

# %% tags=["collapsed"]
fine = torch.linspace(1, 8, 29).tolist()
rates = torch.stack([DoubleWell(barrier).exact_rates(3) for barrier in fine])
fig, (a, b) = new_figure(2, height=3.4)
for (barrier, (t, y)), shade in zip(decays.items(), (0.25, 0.4, 0.55, 0.75, 1.0)):
    a.plot(t, y, "o", color=COLORS["model"], alpha=shade, markersize=3)
    a.plot(
        t,
        torch.exp(-float(DoubleWell(barrier).exact_rates(1)) * t),
        color=COLORS["reference"],
        linewidth=0.8,
    )
    a.annotate(f"β={barrier:g}", (t[-1], y[-1]), xytext=(4, -12), textcoords="offset points")
a.set(
    yscale="log",
    ylim=(0.1, 1.05),
    xlim=(0, 30),
    xlabel="time",
    ylabel="imbalance",
    title="imbalance of the wells",
)
a.set_yticks([0.2, 0.5, 1.0], ["0.2", "0.5", "1"])
a.minorticks_off()
b.plot(fine, rates[:, 1:], color=COLORS["floor"])
b.plot(fine, rates[:, 0], color=COLORS["reference"], label="exact rate 1")
estimate = [5.66 / math.pi * x * math.exp(-x) for x in fine]
b.plot(fine, estimate, "--", color=COLORS["error"], label="Kramers")
b.plot(barriers, measured, "o", color=COLORS["model"], markersize=7, label="measured")
b.annotate("rates 2 and 3: within a well", (1.1, 60), color="#666666")
b.annotate("", (7, 20), (7, 0.013), arrowprops={"arrowstyle": "<->", "color": COLORS["rival"]})
b.annotate("three decades\nof nothing", (6.85, 0.55), color=COLORS["rival"], ha="right")
b.set(
    yscale="log",
    ylim=(3e-3, 150),
    xlabel="barrier β",
    ylabel="rate, 1/time",
    title="the spectral gap closes",
)
b.legend(loc="lower left")
alt = """Left, the imbalance of the wells falls exponentially, the more slowly the higher the
barrier; points lie on exact lines. Right, the first rate falls exponentially with the barrier,
measured, exact and by Kramers; rates 2 and 3 grow."""
finish(fig, alt)
assert 8 * 8.0 / float(DoubleWell(8.0).exact_rates(1)) > 4000  # curvature of a well over the gap

# %% [markdown]
# The right-hand picture is the reason for this course. There are *two* families of rates. The upper ones say how
# quickly a particle explores its own well, and even grow with $\beta$. The lowest falls off a cliff. Between the two lies nothing.
#
# A step of ULA has to resolve the *fastest* rate, and the run has to wait for the *slowest*. The number of steps is their ratio, and for $\beta=8$ that is thousands already.
# So sampling is slow because **one step size serves all rates, and the rates are exponentially far apart.**
#
# ## Play with the barrier
#
# 2,000 walkers start in the left well. Move the barrier, then the time, and try to balance the wells at every barrier.


# %% tags=["collapsed"]
def watch(barrier, until=20.0, n_records=40):
    target, source, dt = DoubleWell(barrier), profile.generator(40 + int(barrier)), 0.02 / barrier
    every = round(until / n_records / dt)
    x0 = -target.sample(2000, source).abs()
    return langevin_trajectory(
        target, x0, n_steps=every * n_records, dt=dt, every=every, generator=source
    )[..., 0]


def well_panel(ax, x, target, title):
    """The exact density, and a histogram of positions where there are any."""
    if x is not None:
        ax.hist(x, bins, density=True, color=COLORS["model"], alpha=0.5, label="walkers")
    ax.plot(grid, target.log_prob(grid[:, None]).exp(), color=COLORS["reference"], label="exact")
    ax.set(xlabel="position", ylabel="density", title=title, xlim=(-1.9, 1.9))


watched = {float(barrier): watch(float(barrier)) for barrier in range(1, 9)}

# %% tags=["collapsed", "widget", "nbval-ignore-output"]
from koopcourse.plotting import explore, slider


def draw(barrier, time):
    path, k, target = watched[barrier], round(2 * time), DoubleWell(barrier)
    clock, rate, share = (
        torch.arange(41) / 2,
        float(target.exact_rates(1)),
        (path < 0).double().mean(dim=1),
    )
    fig, (a, b) = new_figure(2, height=2.9)
    well_panel(a, path[k], target, f"barrier {barrier:g}, time {time:g}")
    a.set_ylim(0, 2.9)
    a.legend(loc="upper right")
    b.axhline(0.5, color=COLORS["floor"], label="balance")
    b.plot(
        clock,
        0.5 + 0.5 * torch.exp(-rate * clock),
        color=COLORS["reference"],
        label=r"$(1 + e^{-\lambda_1 t})/2$",
    )
    b.plot(clock, share, color=COLORS["model"], linestyle=":", label="walkers on the left")
    b.plot([time], [share[k]], "o", color=COLORS["error"], markersize=9)
    title = f"relaxation time $1/\\lambda_1$ = {1 / rate:.3g}"
    b.set(xlabel="time", ylabel="share on the left", title=title, ylim=(0, 1.03))
    b.set_xticks([0, 5, 10, 15, 20])
    b.legend(loc="lower left")
    alt = f"""Histogram of 2,000 walkers at time {time:g} against the target with barrier
    {barrier:g}, beside the share of walkers in the left well against time."""
    finish(fig, alt)


explore(draw, barrier=slider(1.0, 8.0, 1.0, 4.0), time=slider(0.0, 20.0, 0.5, 5.0))

# %% [markdown]
# ## What goes wrong
#
# A chain that looks converged because it never left: everything looks fine. Six narrow modes on a ring; all walkers start in the one on the right. We run 600 small steps and do what a careful
# person does: check that the run did not diverge, look at the moments, and compare the walkers at the end with those halfway there.

# %%
ring = GaussianMixture.ring(6, radius=3.0, std=0.3)
one_mode = GaussianMixture(ring.modes[:1], 0.3)
begin = one_mode.sample(n, profile.generator(70))
stuck = run_particles(
    ULA(ring.score, step_size=0.005),
    begin,
    n_steps=600,
    record_every=300,
    generator=profile.generator(71),
)
halfway, end = stuck.particles[1], stuck.final
other = one_mode.sample(n, profile.generator(72))
floor = noise_floor(
    sliced_wasserstein2, one_mode.sample, n, reference=other, generator=profile.generator(73)
)
show("diverged", stuck.diverged)
show("mean, exact for this mode 3, 0", end.mean(dim=0).abs().round(decimals=2))
show("standard deviations, exact 0.3", end.std(dim=0), 2)
print(
    "sliced W2 halfway to end {:.3f}, floor {:.3f} ± {:.3f}".format(
        sliced_wasserstein2(halfway, end), *floor
    )
)
weights = mode_weights(end, ring.modes)
show("mode weights, exact 1/6 each", weights, 2)

# %% tags=["collapsed"]
notes = {
    "ULA, 600 steps": f"{float(weights[0]):.0%} in one mode",
    "exact sample": "the same number of points",
}
alt = (
    "Six modes on a ring. Left, all 800 walkers fill one mode and none of the others; right, "
    "exact samples fill all."
)
exact = ring.sample(n, profile.generator(74))
compare({"ULA, 600 steps": end}, exact, (-4.4, 4.4), log_prob=ring.log_prob, notes=notes, alt=alt)
assert sliced_wasserstein2(halfway, end) < floor[0] + 5 * floor[1]  # "it has converged"
assert weights[0] > 0.95  # it has not

# %% [markdown]
# Every test *along* the chain passes: it is stationary, within its mode. It is **metastable** (stuck): in (5) the fast modes have died out and the five slow ones have not moved, and a
# run that is short against $1/\lambda_1$ cannot tell "constant" from "very slow". What helps:
#
# | symptom | likely cause | what to do |
# |---|---|---|
# | `run.diverged` | step above 2 / (largest curvature), or steep walls | divide the step by 4 |
# | widths too large, KL above its floor | bias of the step | halve the step: if the answer changes, halve again |
# | moments perfect, weights wrong | stuck behind a barrier | start from *dispersed* points; if two starts disagree, neither is right |
# | sliced W2 at its floor, KL far above | clumps or holes | look at the picture; never trust one distance |
#
# Dispersed starts are a diagnosis and no cure: walkers that begin everywhere fill all modes with the weights of their *start*. To repair these, mass has to cross the barriers.

# %% [markdown]
# ## Side road: a step that is too large
#
# In the wells of $\beta = 4$ the curvature of $-\log\pi$ is $8\beta = 32$. Equation (3) shrinks a small distance from the bottom by $1 - 32h$ per
# step, which is below $-1$ from $h = 1/16$ on. Trouble comes earlier: the width is wrong long before, and the steep outer walls
# throw a particle that is far out even further out. `Run.diverged` is the field to look at; it is never hidden, and never an exception.

# %% tags=["collapsed"]
well = DoubleWell(4.0)
exact_well = well.sample(2000, profile.generator(60))
runs = {}
for h in (0.002, 0.02, 0.03, 0.08):
    source = profile.generator(61)
    runs[h] = run_particles(
        ULA(well.score, step_size=h), exact_well, n_steps=500, generator=source, verbose=False
    )
fig, axes = new_figure(4, height=2.5, sharey=True)
for ax, (h, run) in zip(axes, runs.items()):
    well_panel(ax, None if run.diverged else run.final[:, 0], well, f"step {h:g}")
    if run.diverged:
        ax.text(0, 1.2, "diverged", ha="center", color=COLORS["error"], fontsize=14)
    ax.set_ylim(0, 1.6)
    ax.label_outer()
alt = """Histograms of ULA in a double well with barrier 4, 500 steps from an exact sample. Step
0.002 fits the exact density; with 0.02 the peaks are too low and too wide, with 0.03 much more so;
with 0.08 the run diverged."""
finish(fig, alt)
exact_width = float(exact_well.abs().std())
wider = [float(run.final.abs().std()) / exact_width for run in runs.values() if not run.diverged]
show("width of a well / exact width, steps 0.002, 0.02, 0.03", wider, 2)
show("diverged", [run.diverged for run in runs.values()])
assert 0.9 < wider[0] < 1.1 < wider[2]
assert [run.diverged for run in runs.values()] == [False, False, False, True]

# %% [markdown]
# ## Exercises
#
# In [exercises/01_langevin.ipynb](../exercises/01_langevin.ipynb), about 50 minutes:
#
# - [L01-E1](../exercises/01_langevin.ipynb#L01-E1-The-score-of-a-Gaussian-mixture) The score of a Gaussian mixture (12 minutes)
# - [L01-E2](../exercises/01_langevin.ipynb#L01-E2-A-Langevin-chain,-thinned) A Langevin chain, thinned (10 minutes)
# - [L01-E3](../exercises/01_langevin.ipynb#L01-E3-The-generator-on-the-square-of-the-distance) The generator at work on the square of the distance (10 minutes)
# - [L01-E4](../exercises/01_langevin.ipynb#L01-E4-What-a-finite-step-does-to-the-variance) What a finite step does to the variance (10 minutes)
# - [L01-E5](../exercises/01_langevin.ipynb#L01-E5-The-noise-floor) The noise floor (8 minutes)

# %% [markdown]
# ## Key points
#
# - The score, the gradient of the log density, needs no normalising constant. Langevin dynamics follows it and adds noise; its invariant law is the target.
# - What a start leaves behind dies out like $e^{-\lambda_1 t}$. With a barrier $\beta$ the spectral gap $\lambda_1$ falls like $\beta e^{-\beta}$, while the other rates grow.
# - A finite step has a price too: the law that ULA converges to is too wide, and beyond a certain step there is none.
# - A distance means something beside its noise floor only, and one distance is not enough: sliced W2 does not see clumps, moments do not see missing modes.
# - A chain that is stuck passes every test that looks at the chain alone.
#
# **What comes next.** The sum (5) is more than an explanation. If we knew the functions $\varphi_k$ and the rates $\lambda_k$, we could move every mode of the error at the *same* speed: divide
# each by its rate. Lessons 02 and 03 learn $\varphi_k$ and $\lambda_k$ from samples, and lesson 05 divides.

# %% [markdown]
# ## References
#
# - H. A. Kramers (1940). Brownian motion in a field of force and the diffusion model of chemical reactions. *Physica* 7, 284-304.
# - G. O. Roberts and R. L. Tweedie (1996). Exponential convergence of Langevin distributions and their discrete approximations. *Bernoulli* 2, 341-363. (ULA, its bias, and when it diverges.)
# - M. Welling and Y. W. Teh (2011). Bayesian learning via stochastic gradient Langevin dynamics. *ICML*. (The same step with a noisy score.)
# - D. Bakry, I. Gentil and M. Ledoux (2014). *Analysis and Geometry of Markov Diffusion Operators*. Springer. (Generators, and the bound by the curvature.)
# - S. Chewi, T. Le Gouic, C. Lu, T. Maunu and P. Rigollet (2020). SVGD as a kernelized Wasserstein gradient flow of the chi-squared divergence. *NeurIPS*. (Where dividing by the rates was proposed.)
# - Y. Xu, F. Li, H. Fujisawa, Y. Marzouk and I. Ishikawa (2025). Generative modeling through spectral analysis of Koopman operator. arXiv:2512.18837, version 1. (The paper that part II of this course is about. Version 3 is called *Generative Modeling through Koopman Spectral Analysis: An Operator-Theoretic Perspective*.)

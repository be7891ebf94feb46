# %% [markdown]
# # Curved interpolants: bend the paths, straighten the flow
#
# **75 minutes, and 35 of side roads · level: core · device: CPU is enough · prerequisites: lesson 08 (flow matching)**
#
# Its question: *straight paths between noise and data make a curved flow, which needs many solver steps. Can one bend the
# paths so that the flow becomes straight, and one step does?*
#
# ## You will be able to
#
# - **compute** the best velocity of any family of paths without a network (L09-E1, L09-E2),
# - **measure** how much a velocity changes along its own flow, by one forward derivative (L09-E3),
# - **find** the paths that make a Gaussian's flow exactly straight (L09-E4),
# - **give** a trained flow another schedule without training (L09-E5),
# - **tell** a straight flow from one that only seems so, by the weights it rests on (L09-E6).

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("09")

# %% [markdown]
# ## A picture first
#
# Black noise, orange data, paired at random. Above: straight lines join the pairs, and flow matching learns their mean
# velocity; its flow (blue) turns, and one Euler step takes all noise to one dot. Below, well chosen bent paths join
# *the same pairs*; their flow runs almost straight, and one step nearly arrives.

# %%
import torch

from koopcourse import plotting

box = (-2.6, 2.6)
flows = {"straight": kc.shipped("moons-teacher"), "bent": kc.shipped("moons-convex")}
T = kc.shipped("moons-decoded").to_data
families = {"straight": kt.LinearInterpolant(2), "bent": kt.ConvexChart(T)}
noise = torch.randn(2000, 2, dtype=profile.dtype, generator=profile.generator(1))
data, times = (
    kt.moons.sample(4000, profile.generator(2)),
    torch.linspace(0, 1, 33, dtype=profile.dtype),
)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.1, rows=2)
for row, name in zip(axes.reshape(2, 3), flows):
    joined = torch.stack([families[name].value(noise[:16], data[:16], float(t)) for t in times])
    flown = flows[name].trajectory(noise[:16], times)
    titles = f"{name} paths of random pairs", "the flow that they make"
    for ax, curves, color, title in zip(row, (joined, flown), ("floor", "model"), titles):
        ax.plot(*curves.unbind(2), color=plotting.COLORS[color], linewidth=0.8)
        plotting.points(ax, curves[0], box, color="reference")
        plotting.points(ax, curves[-1], box, color="data", title=title)
    one = flows[name].transport(noise[:250], solver="euler", steps=1)
    plotting.points(row[2], data[:250], box, color="data")
    plotting.points(row[2], one, box, title="one Euler step of it, on the data")
alt = """Above: straight lines from noise to two moons, a thicket; their flow runs inwards and
turns; one Euler step gives a dot. Below: bent paths, a thicket, too; their flow is nearly
straight; one Euler step gives two moons, with a haze between them."""
plotting.finish(fig, alt)

# %% [markdown]
# ## The idea without formulas
#
# Lesson 08 had cars on straight roads from noise to data, and dust that drifts with the mean velocity of all cars that pass.
# Roads cross, so at first the dust is told "to the middle", and only later "to the left". Its way is bent *because* the
# roads are straight.
#
# One cure: choose pairs whose roads do not cross (optimal transport, reflow). Here is another. Leave the pairs
# random and **bend the roads**, so that at each crossing the *mean* of the traffic is what the dust did a moment ago.
#
# The mean velocity at a place can be computed without any network: ask every data point which noise would pass here on its
# way to it, and weigh these passers-by by how likely their noise is. So we can ask how much the flow of any roads turns.
#
# ## The mathematics
#
# An **interpolant** is a family of paths $x_t=I_t(x_0,x_1)$ with $I_0=x_0$ and $I_1=x_1$. With $u_t=\partial_tI_t$, all
# of lesson 08 stays true word for word: the law of $x_t$ is carried by
#
# $$v^*(x,t)=\mathbb E[\,u_t\mid x_t=x\,], \tag{1}$$
#
# whatever $I$ is. Now let $x_0\mapsto I_t(x_0,x_1)$ be invertible for $t<1$. Given $x_1$, the point $x_t$ has the density
# of its noise times a Jacobian. Bayes turns this round, and with data $x_1^{(j)}$ as a **pool**
#
# $$v^*(x,t)\approx\sum_jw_j\,u_t\big(x_0^{(j)},x_1^{(j)}\big),\qquad
# w_j\propto p_0\big(x_0^{(j)}\big)\,\Big|\det\frac{\partial x_0^{(j)}}{\partial x}\Big|,\qquad
# x_0^{(j)}=I_t^{-1}\big(x;x_1^{(j)}\big). \tag{2}$$
#
# That is the paper's Proposition 1. For a **schedule** $x_t=a\,x_0+b\,x_1$ the determinant $a^{-d}$ is the same for all
# data and drops out. If the paths of some data are squeezed more than others, it stays (a side road shows it).
#
# The velocity changes along its own flow by
#
# $$\mathcal Dv=\partial_tv+(\nabla_xv)\,v,\qquad x(1)-\big[x_0+v(x_0,0)\big]=\int_0^1(1-t)\,\mathcal Dv\,dt, \tag{3}$$
#
# so with $A=\mathbb E\int|\mathcal Dv|^2dt$ one Euler step errs by at most $\sqrt{A/3}$ in root mean square; $A=0$
# means that it is exact. The paper's plan: make $A$ small by choosing $I$, with (2) in the place of a network.
#
# *The assumption that usually fails* is in the $\approx$ of (2): that the weights rest on many data. Where they rest
# on one, $v$ is one car's velocity, and *straight roads look like a straight flow*.
#
# | symbol | code | meaning |
# |---|---|---|
# | $I_t,\ u_t$ | `family.value`, `.rate`, `.inverse` | path, its rate, the noise it came from with the log-determinant |
# | $v^*$, $\mathcal Dv$ | `kt.optimal_field`, `kt.acceleration` | (2), and (3) for it |
# | $1/\sum_jw_j^2$ | `field.ess` | effective sample size: how many data a mean rests on |
# | $S$ | `kt.straightness(flow, x0).deviation` | lesson 08: 0 for straight paths at constant speed |
#
# ## From scratch: the field without a network
#
# Equation (2) in six lines, checked against `kt.optimal_field`. For three Gaussians lesson 08 has the exact velocity: the
# error falls about as the root of the pool.


# %%
def field(family, x, t, pool, determinant=True):
    """Equation (2) for noise N(0, I): the mean rate (n, d) and the effective sample size (n,)."""
    x0, logdet = family.inverse(x[:, None], pool, t)  # (n, N, d) and (n, N)
    log_w = -0.5 * x0.square().sum(2) + determinant * logdet
    w = torch.softmax(log_w, dim=1)  # in log space: the densities themselves would underflow
    return (w[:, :, None] * family.rate(x0, pool, t)).sum(1), 1 / w.square().sum(1)


bells = kt.GaussianMixture([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]], [0.4, 0.3, 0.6], [0.5, 0.3, 0.2])
exact = kt.MixtureFlow(bells)
x = 0.5 * noise[:300] + 0.5 * bells.sample(300, profile.generator(3))
errors = {}
for n in (100, 1000, 10_000):
    pool = bells.sample(n, profile.generator(4))
    v, ess = field(kt.LinearInterpolant(2), x, 0.5, pool)
    errors[n] = (v - exact.velocity(x, 0.5)).norm() / exact.velocity(x, 0.5).norm()
    kc.show(f"pool of {n:6}: relative error, median ess", [errors[n], ess.median()], digits=2)
assert 5 < errors[100] / errors[10_000] < 20  # the root of 100 is 10
for family in (kt.LinearInterpolant(2), kt.TrigonometricInterpolant(2), kt.ConvexChart(T)):
    same = kt.optimal_field(family, x, 0.5, pool[:500])
    assert torch.allclose(field(family, x, 0.5, pool[:500])[0], same.velocity, atol=1e-6)

# %% [markdown]
# ## One Euler step, and a free lunch
#
# **Predict, then run.** At $t=0$ nothing is known about $x_1$: $v^*(x,0)=a'(0)\,x+b'(0)\,\mathbb E x_1$. These data have mean zero. Where does
# one Euler step take the noise for the linear schedule $(1-t,\ t)$, and where for the trigonometric one $(\cos\frac{\pi t}2,\ \sin\frac{\pi t}2)$?
#
# <details><summary>to the mean of the data, both: one step always lands there</summary>
#
# Linear: yes, all of it. But that is a matter of $a'(0)=-1$, and the trigonometric schedule has $a'(0)=0$.
#
# </details>
# <details><summary>linear: to the mean; trigonometric: nearer to the moons, since its flow is straighter</summary>
#
# It scores better, yet no point has moved. A one-step distance means nothing unless it is far below that of the noise itself.
#
# </details>
# <details><summary>linear: to the mean; trigonometric: nowhere</summary>
#
# Right. With $a'(0)=0$ the noise is moved by $\frac\pi2\mathbb E x_1=0$. **One step returns the noise**, which is as empty as a dot.
#
# </details>

# %%
reference = kt.moons.sample(20_000, profile.generator(6))


def distance(x):
    return kt.sliced_wasserstein2(x, reference, n_projections=64)


floor = kt.noise_floor(
    distance, kt.moons.sample, len(noise), repeats=10, generator=profile.generator(7)
)
kc.show("SW2 of the noise; of exact samples, mean and sd", [distance(noise), *floor], digits=2)
linear, trigonometric = kt.LinearInterpolant(2), kt.TrigonometricInterpolant(2)
first_steps = []
for family in (linear, trigonometric):
    one = noise + kt.optimal_field(family, noise, 0.0, data).velocity
    first_steps.append(one)
    kc.show(f"{type(family).__name__:24}, one step: SW2", distance(one), digits=2)

# %% [markdown]
# Between the ends schedules differ. Let $c=a+b$ and $\tau=b/c$. Then $a\,x_0+b\,x_1=
# c\,[(1-\tau)\,x_0+\tau\,x_1]$: every schedule is the linear one, *rescaled and run at another speed*. So are its flow lines,
# $X_t=c(t)\,X^{\rm lin}_{\tau(t)}$, and its velocity is
#
# $$v(x,t)=\frac{c'}{c}\,x+c\,\tau'\,v_{\rm lin}\Big(\frac xc,\,\tau\Big). \tag{4}$$
#
# Hence **all schedules induce the same map** from noise to data, and a network trained on straight lines knows
# the others. What changes is how well a solver with few steps follows.


# %%
class Rescheduled(kt.Flow):
    """The flow of any schedule a, b from that of the linear one, equation (4)."""

    def __init__(self, linear, schedule):
        self.dim, self.linear, self.schedule = 2, linear, schedule

    def _velocity(self, x, t):
        (a, b), (da, db) = self.schedule.coefficients(t), self.schedule.slopes(t)
        c, dc, dtau = a + b, da + db, (db * a - da * b) / (a + b) ** 2
        return dc / c * x + c * dtau * self.linear._velocity(x / c, b / c)


schedules = {"linear": linear, "trigonometric": trigonometric}
same_map = {name: Rescheduled(flows["straight"], schedule) for name, schedule in schedules.items()}
true_end = flows["straight"].transport(noise, solver="rk4", steps=50)

# %%
marks, budget = {}, (1, 2, 4, 8, 16)
for name, way in same_map.items():
    S = kt.straightness(way, noise[:300]).deviation
    steps = [distance(way.transport(noise, solver="euler", steps=k)) for k in budget]
    kc.show(f"{name:13} S; SW2 at 1, 2, 4, 8, 16 Euler steps", [S, *steps], digits=2)
    marks[name] = torch.tensor([S, *steps])
kc.show("their common end; the noise", [distance(true_end), distance(noise)], digits=2)
straight, cosine = marks["linear"], marks["trigonometric"]

# %% [markdown]
# $S$ falls to about a quarter, and four trigonometric steps do what sixteen linear ones do, with the same network. A quarter of
# the steps, for nothing? **Of Euler's steps.**
#
# **Predict, then run.** Now the midpoint method, two evaluations a step. Eight evaluations buy eight Euler steps or four midpoint ones. What is
# left of the trigonometric schedule's lead?
#
# <details><summary>it is as large as with Euler: it is a property of the flow</summary>
#
# The bend is; what it costs depends on the order. Euler's error comes from the first bend of a path, and midpoint takes that away.
#
# </details>
# <details><summary>nothing: with midpoint the linear schedule is as good</summary>
#
# Right. Nothing at eight evaluations. At four, where two midpoint steps are too long to see the bend, the trigonometric schedule is still ahead, and Euler's
# four steps of it are best of all.
#
# </details>
# <details><summary>it grows: midpoint profits most where the flow is smoothest</summary>
#
# Under both schedules four steps are short enough for the second order to pay. Then both errors are small.
#
# </details>

# %%
eight = {}
for name, way in same_map.items():
    for solver, cost in (("euler", 1), ("midpoint", 2)):
        for nfe in (4, 8):
            x = way.transport(noise, solver=solver, steps=nfe // cost)
            error = (x - true_end).square().sum(1).mean().sqrt()
            eight[name, solver, nfe] = torch.tensor([distance(x), error])
for name, solver, nfe in eight:
    told = eight[name, solver, nfe]
    kc.show(f"{name:13} {solver:8} {nfe} evaluations: SW2, error to the true end", told, digits=2)

# %% tags=["collapsed"]
# what the text says of one step, of one map, and of both solvers
for one, goal in zip(first_steps, (0 * noise, noise)):
    assert (one - goal).norm() < 0.02 * noise.norm()  # but for the mean of the data, nearly zero
for way in same_map.values():
    assert (way.transport(noise, solver="rk4", steps=50) - true_end).norm() < 0.02 * true_end.norm()
assert abs(cosine[3] - straight[5]) < floor[1] and 0.2 < cosine[0] / straight[0] < 0.3
assert 2.5 < straight[0] < 3.1
lin, trig = (eight[name, "midpoint", 8] for name in ("linear", "trigonometric"))
assert (lin < 0.4 * eight["linear", "euler", 8]).all()  # midpoint mends the linear flow ...
assert lin[1] < min(eight["trigonometric", "euler", 8][1], 1.1 * trig[1])  # ... and the lead
assert abs(lin[0] - trig[0]) < floor[1]
best = min(eight, key=lambda key: (key[2], float(eight[key][1])))
assert best == ("trigonometric", "euler", 4)  # with four evaluations
assert eight["trigonometric", "midpoint", 4][1] < eight["linear", "midpoint", 4][1]

# %% [markdown]
# Schedule and solver cure the same thing. Name the solver with a number of steps.
#
# Now the paper's procedure, live, with the schedule as what is learned. Draw $x_t$, compute (2) there on a pool of 512 and a little further
# along the flow, and take a step of Adam down the square of the rate of change (plus a tenth of $\mathbb E|v|^2$), a hundred times.

# %% tags=["nbval-ignore-output"]
schedules["learned"] = kt.LearnedSchedule(2)
descent = kt.straighten(
    schedules["learned"], data, n_steps=100, lr=5e-2, generator=profile.generator(9)
)
same_map["learned"] = way = Rescheduled(flows["straight"], schedules["learned"])
S = kt.straightness(way, noise[:300]).deviation
steps = [distance(way.transport(noise, solver="euler", steps=k)) for k in budget]
kc.show("learned S; SW2 at 1, 2, 4, 8, 16 Euler steps", [S, *steps], digits=2)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.1)
for ax, (name, way) in zip(axes, same_map.items()):
    ax.plot(
        *way.trajectory(noise[:16], times).unbind(2), color=plotting.COLORS["model"], linewidth=0.8
    )
    euler = way.trajectory(noise[:16], [0, 0.25, 0.5, 0.75, 1], solver="euler", steps=4)
    ax.plot(*euler.unbind(2), color=plotting.COLORS["error"], linewidth=0.7, linestyle="--")
    plotting.points(ax, noise[:16], box, color="reference")
    plotting.points(ax, true_end[:16], box, color="data", title=f"{name}: flow, 4 Euler steps")
alt = """Sixteen paths of one trained network under three schedules, from the same noise to the
same ends. Under the linear one they run inwards and four Euler steps, dashed, miss the ends; under
the other two they bend less and the steps come closer."""
plotting.finish(fig, alt)
assert 0.15 < S / straight[0] < 0.4
assert cosine[3] < steps[2] < 1.1 * straight[4]  # half of the linear steps

# %% [markdown]
# The descent works: about a quarter of the linear $S$, simulation-free. But its four Euler steps are
# worse than the trigonometric ones. (Its warning about variance is taken up below.)
#
# ## Make your own schedule
#
# $a=(1-t)\,e^{pt}$ and $b=t\,e^{q(1-t)}$: $p$ holds the noise up, $q$ brings the data in early. The middle panel is the field
# at time $t$. Can you beat the trigonometric $S$?

# %% tags=["collapsed", "widget", "nbval-ignore-output"]
grid = torch.cartesian_prod(*torch.linspace(-2.2, 2.2, 10, dtype=profile.dtype).expand(2, 10))


def play(schedule, p, q, t):
    mine = kt.LearnedSchedule(2, degree=1)
    mine.series.copy_(torch.tensor([[[p]], [[q]]]))
    way = Rescheduled(flows["straight"], schedules.get(schedule, mine))
    told, (fig, axes) = (
        kt.straightness(way, noise[:100], n_times=17),
        plotting.new_figure(3, height=3.1),
    )
    a, b = way.schedule.coefficients(times[:, None])
    axes[0].plot(times, a, color=plotting.COLORS["reference"], label="a: noise")
    axes[0].plot(times, b, "--", color=plotting.COLORS["data"], label="b: data")
    axes[0].axvline(t, color=plotting.COLORS["floor"], linewidth=1)
    axes[0].set(xlabel="t", ylabel="share", ylim=(-0.05, 2))
    axes[0].legend(loc="upper left")
    plotting.points(
        axes[1], way.transport(noise[:120], t=t), box, color="floor", title=f"field at t = {t:.2g}"
    )
    axes[1].quiver(
        *grid.T, *way.velocity(grid, t).T, color=plotting.COLORS["model"], scale=40, width=0.005
    )
    axes[2].plot(
        *way.trajectory(noise[:24], times).unbind(2), color=plotting.COLORS["model"], linewidth=0.8
    )
    plotting.points(axes[2], noise[:24], box, color="reference", title=f"S {told.deviation:.2f}")
    plotting.finish(
        fig,
        "Shares of noise and data over time, the field at one time over its points, and flow "
        "lines.",
    )


knob, clock = plotting.slider(0.0, 1.5, 0.25, 0.5), plotting.slider(0.0, 0.95, 0.05, 0.5)
plotting.explore(
    play, schedule=plotting.choices(["yours", *schedules], "yours"), p=knob, q=knob, t=clock
)

# %% [markdown]
# ## Why straight paths of random pairs cannot make a straight flow
#
# No schedule brought $S$ to zero. Is there a law? Differentiate $\mathbb E[u_t\cdot x_t]=\mathbb E[v^*(x_t,t)\cdot x_t]$ in time on both sides, on the
# left along the paths, on the right along the flow. What remains is
#
# $$\underbrace{\mathbb E[\mathcal Dv\cdot x_t]}_{\text{the flow bends}}=\underbrace{\mathbb E[\ddot x_t\cdot x_t]}_{\text{the paths bend}}+
# \underbrace{\mathbb E\,{\rm tr\,Cov}(u_t\mid x_t)}_{\text{the paths cross}}. \tag{5}$$
#
# The last term is never negative. With straight paths the middle one is zero. So a
# straight flow needs *no crossings at all* (a coupling by optimal transport, reflow), or **paths that bend inwards, just as much as they cross.**
#
# For a Gaussian it can be done exactly. Let the data be $N(0,s^2I)$. Then $x_t\sim N(0,\sigma^2I)$ with $\sigma^2=a^2+s^2b^2$ and
#
# $$v^*=\frac{\sigma'}\sigma\,x,\qquad\mathcal Dv=\frac{\sigma''}\sigma\,x. \tag{6}$$
#
# The flow is straight if and only if $\sigma=1-t+st$. Any $(a,b)$ on that ellipse will do, for instance
# $a=\sigma\cos\frac{\pi t}2$, $b=\frac\sigma s\sin\frac{\pi t}2$: *turn* from noise to data, and let the size grow evenly.

# %%
from math import pi

s, t = 0.3, torch.linspace(0, 1, 2001, dtype=profile.dtype)
turn, sigma = (pi / 2 * t).sin(), 1 - t + s * t
falling = (pi / 2 * (1 - t)).sin()
ways = {
    "linear": (1 - t, t),
    "trigonometric": (falling, turn),
    "optimal": (sigma * falling, sigma / s * turn),
}


def slope(y):
    return torch.gradient(y, spacing=(t,), edge_order=2)[0]


terms = {}
for name, (a, b) in ways.items():
    size = (a**2 + s**2 * b**2).sqrt()
    bend, cross = (
        a * slope(slope(a)) + s**2 * b * slope(slope(b)),
        slope(a) ** 2 + s**2 * slope(b) ** 2 - slope(size) ** 2,
    )
    terms[name] = {
        "the paths bend": bend,
        "the paths cross": cross,
        "the flow bends": size * slope(slope(size)),
    }

# %% tags=["collapsed"]
quantiles = torch.special.ndtri((torch.arange(6, dtype=profile.dtype) + 0.5) / 6)
partners = s * quantiles[torch.randperm(6, generator=profile.generator(10))]
fig, axes = plotting.new_figure(3, height=2.3, rows=2, sharey="row")
for above, below, (name, (a, b)) in zip(axes[:3], axes[3:], ways.items()):
    size = (a**2 + s**2 * b**2).sqrt()
    above.plot(
        t,
        a[:, None] * quantiles + b[:, None] * partners,
        color=plotting.COLORS["floor"],
        linewidth=0.8,
    )
    above.plot(t, size[:, None] * quantiles, color=plotting.COLORS["model"], linewidth=1.2)
    above.set(xlabel="t", title=f"{name}: grey paths, blue flow")
    for (label, y), color, dash in zip(
        terms[name].items(), ("rival", "error", "model"), ("-.", "--", "-")
    ):
        below.plot(t, y, dash, color=plotting.COLORS[color], label=label)
    below.set(xlabel="t", ylim=(-2.6, 2.6))
axes[0].set_ylabel("x")
axes[3].set_ylabel("the terms of equation (5)")
axes[3].legend(loc="lower left", fontsize=8)
plotting.finish(
    fig,
    "Noise on the line to a narrower Gaussian by three schedules. Above: grey random paths "
    "and the blue flow, bent for the linear and the trigonometric one, a fan of straight "
    "lines for the optimal one, whose paths bend. Below: the terms of the identity; in the "
    "optimal case bend and crossing cancel.",
)
for told in terms.values():  # equation (5)
    both = told["the paths bend"] + told["the paths cross"]
    assert torch.allclose(both, told["the flow bends"], atol=2e-3)
assert terms["optimal"]["the flow bends"].abs().max() < 1e-4

# %% [markdown]
# ## A straight flow is a Koopman model
#
# Put $z=(x,v)$. Along any flow $\dot z=Lz+(0,\mathcal Dv)$ with $L=\begin{pmatrix}0&1\\0&0\end{pmatrix}$, and $L^2=0$, so $e^L=1+L$.
# **$A$ is the squared residual of a Koopman model** whose generator nobody has to learn. If it is zero, one Euler step is one
# exact step of that model. Lesson 10 goes the other way: it leaves the flow curved and adds observables.

# %%
L = torch.kron(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.eye(2)).to(noise)
lifted = torch.cat([noise, (s - 1) * noise], dim=1)  # x and v of the optimal flow at t = 0
exactly = (lifted @ torch.matrix_exp(L).T)[:, :2]  # one step of that model, to t = 1
kc.show("x of three points by one step", exactly[:3, 0], digits=2)
kc.show("... and by the flow, s times their noise", s * noise[:3, 0], digits=2)

# %% tags=["collapsed"]
# one Euler step of the straight flow is exact
assert torch.allclose(exactly, s * noise)

# %% [markdown]
# ## Charts: the same turn, seen through a map
#
# Beyond Gaussians: let $T$ be an invertible map that carries $N(0,I)$ to the data, and $F_t=(1-t)\,{\rm id}+t\,T$. Do the turn in the *latent*
# plane, between the noise and $z_1=T^{-1}(x_1)$, and look at it through $F_t$:
#
# $$x_t=F_t(y_t),\qquad y_t=\cos\tfrac{\pi t}2\,x_0+\sin\tfrac{\pi t}2\,z_1. \tag{7}$$
#
# The ends are right and independent. If $T$ is exact then $z_1\sim N(0,I)$, so $y_t\sim N(0,I)$ at all times and
# $\mathbb E[\dot y_t\mid y_t]=0$. Hence $v^*=\partial_tF_t(y)=T(y)-y$, constant along $y={}$const: $\mathcal Dv=0$. If $T$ is the
# *gradient of a convex function*, $F_t$ stays invertible and the flow is the **optimal transport**, with random pairs.
#
# Pairing was done before, though: the course's $T$ (such a gradient, of 290 numbers) was fitted first to pairs of
# noise and data that lie near each other, then by likelihood.

# %%
latent = T.inverse(data)[0]
for name, way in flows.items():
    one = way.transport(noise, solver="euler", steps=1)
    marks[name] = kt.straightness(way, noise[:500]).deviation, distance(one)
    kc.show(f"{name:8} paths: S; SW2 after one Euler step of the flow", marks[name], digits=2)

# %% tags=["collapsed"]
panels = {
    "noise z": noise,
    "T(z): no flow at all": T(noise),
    "data": data[:2000],
    "their $z=T^{-1}(x)$": latent[:2000],
}
hues = [noise[:, 0], noise[:, 0], data[:2000, 1], data[:2000, 1]]
fig, axes = plotting.new_figure(4, height=2.5)
for ax, (name, x), hue in zip(axes, panels.items(), hues):
    plotting.cloud(ax, x[:250].detach(), hue[:250], (-3, 3))
    ax.set_title(name)
alt = """Round noise, coloured from left to right; the map takes it to two moons with some points
between them. Data, coloured by height; the inverse map takes them to a round cloud with a thin
cut."""
plotting.finish(fig, alt)
round_floor = kt.noise_floor(
    lambda x: kt.sliced_wasserstein2(x, noise),
    lambda n, generator: torch.randn(n, 2, dtype=profile.dtype, generator=generator),
    4000,
    repeats=5,
    generator=profile.generator(11),
)
kc.show("SW2 of T(z) to the moons; floor", [distance(T(noise)), floor[0]], digits=2)
kc.show(
    "SW2 of the data's z to N(0, I); floor",
    [kt.sliced_wasserstein2(latent, noise), round_floor[0]],
    digits=2,
)
assert marks["bent"][0] < marks["straight"][0] / 5 and marks["bent"][1] < marks["straight"][1] / 4

# %% [markdown]
# $S$ falls to about a seventh. Not to zero: $T$ is smooth and leaves a haze where it should tear the cloud in two; clearing it is left to the end.

# %% [markdown]
# ## What goes wrong: an objective of zero
#
# **Predict, then run.** Data $N(0,\frac14I)$ in $d$ dimensions, straight paths, $t=\frac34$. By (6) the truth is $\mathbb E|\mathcal
# Dv|^2=7.5\,d$. Now estimate it as the paper's training does, with a pool of 512 data among which
# are those that made the points $x_t$. What does the estimate, divided by $d$, do as $d$ grows from 2 to 64?
#
# <details><summary>it grows: in high dimension the few data under the weights make it noisy, and squared noise is positive</summary>
#
# On the way it does, most of all at $d=16$: there most points already rest on one datum, but the few that rest on two dominate the mean. It is not the end of it.
#
# </details>
# <details><summary>it stays near 7.5, with more spread: every coordinate is an estimate of its own</summary>
#
# The coordinates share one set of weights, and the weights fail for all of them at once.
#
# </details>
# <details><summary>it falls to zero</summary>
#
# Right. The weights in (2) are a kernel in $d$ dimensions, and the number of data under it shrinks like a $d$-th power. When a
# single one is left, it is the one that made the point. Then $v$ is that car's own velocity; a car on a straight road does not turn; **the
# objective reports a perfectly straight flow**.
#
# </details>

# %%
dims, half, told = (2, 4, 8, 16, 32, 64), 0.5, {}
for d in dims:
    stream = profile.generator(40 + d)
    pool = half * torch.randn(512, d, dtype=profile.dtype, generator=stream)
    x_t = 0.25 * torch.randn(128, d, dtype=profile.dtype, generator=stream) + 0.75 * pool[:128]
    told[d] = kt.acceleration(kt.LinearInterpolant(d), x_t, 0.75, pool)
objective = [told[d].acceleration.square().sum(1).mean().item() / d for d in dims]
ess = [told[d].ess.median().item() for d in dims]
truth = half**4 / (0.25**2 + half**2 * 0.75**2) ** 3  # sigma'' squared, from (6)
gaussian = kt.GaussianFlow(torch.zeros(64), torch.full((64,), half**2))
start = torch.randn(500, 64, generator=profile.generator(41))
kc.show("E|Dv|^2 / d: the truth", truth, digits=2)
kc.show("estimated, d = 2, 4, 8, 16, 32", objective[:5], digits=2)
kc.show(
    "the truth in d = 64: S; size after one Euler step",
    [
        kt.straightness(gaussian, start).deviation,
        gaussian.transport(start, solver="euler", steps=1).norm() / start.norm(),
    ],
    digits=2,
)
print(*told[64].report())

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=2.8)
axes[0].plot(dims, ess, "o-", color=plotting.COLORS["model"])
axes[0].axhspan(1, 20, color=plotting.COLORS["floor"], alpha=0.25)
axes[0].text(2, 1.3, "too few to trust", color=plotting.COLORS["reference"], fontsize=9)
axes[0].set(xlabel="dimension d", ylabel="effective sample size of 512", xscale="log", yscale="log")
axes[1].plot(dims, objective, "o-", color=plotting.COLORS["error"], label="estimated")
axes[1].axhline(truth, color=plotting.COLORS["reference"], linestyle="--", label="true")
axes[1].set(xlabel="dimension d", ylabel="E|Dv|² / d", xscale="log")
axes[1].legend()
for ax in axes:
    ax.set_xticks(dims, [str(d) for d in dims])
    ax.minorticks_off()
alt = """Left: the effective sample size falls from over a hundred in two dimensions to one from
sixteen on. Right: the objective per dimension, true value constant, is overestimated sevenfold in
sixteen dimensions and zero from thirty-two on."""
plotting.finish(fig, alt)
assert abs(truth - 7.5) < 0.05 and max(objective) == objective[3] > 2 * truth
assert objective[0] > 5 and objective[-1] < 0.01 and ess[0] > 50 and max(ess[3:]) < 1.1

# %% [markdown]
# So a small objective proves nothing; ask for the effective sample size, at least 20, and for $S$ of the fitted flow. `kt.straighten` prints both kinds of
# warning. It also warned above, of **variance**: squaring an estimate adds its variance, which the descent then minimises, too.
#
# **See the collapse in the plane.** For the three Gaussians of the beginning the exact field is known (black). Move the time towards 1 and shrink the pool: the
# arrows of (2) turn into those of single data. Which effective size goes with an error of a tenth?

# %% tags=["collapsed", "widget", "nbval-ignore-output"]
eyes, large = noise[:50], bells.sample(4096, profile.generator(51))


def estimate(pool_size, t):
    x = (1 - t) * eyes + t * large[-50:]
    told, right = (
        kt.optimal_field(kt.LinearInterpolant(2), x, t, large[:pool_size]),
        exact.velocity(x, t),
    )
    error = (told.velocity - right).norm() / right.norm()
    fig, (ax,) = plotting.new_figure(height=3.8)
    for v, color, width in ((right, "reference", 0.008), (told.velocity, "model", 0.004)):
        ax.quiver(*x.T, *v.T, color=plotting.COLORS[color], scale=22, width=width)
    plotting.points(ax, x, (-2.2, 2.2), color="floor")
    ax.set_title(
        f"pool {pool_size}, t = {t:g}: median ESS {told.ess.median():.0f}, error {error:.0%}"
    )
    plotting.finish(fig, "Exact velocities in black and estimated ones in blue at fifty points.")


pools = plotting.choices([2**k for k in range(4, 13)], 64)
plotting.explore(estimate, pool_size=pools, t=plotting.slider(0.05, 0.95, 0.05, 0.7))

# %% [markdown]
# ## The paper's claims, one by one
#
# | claim | here | verdict |
# |---|---|---|
# | straight paths of random pairs make a curved flow, slow to sample | $S$ near 3, one step lands on the mean; a law, (5) | **holds**, most of all for Euler |
# | Proposition 1 gives the optimal field without a network | error falls as the root of the pool; the determinant matters | **holds** |
# | curved interpolants make the flow straight | exactly for Gaussians; by a chart the field hardly turns until late, $S$ falls to a seventh | **holds** for Gaussians, **in part** elsewhere |
# | the inner problem is replaced, training is simulation-free | the descent lowers $S$; its objective is biased by variance, and collapses in high dimension | **with conditions** |
# | Glow-like maps keep inverse and determinant cheap | they do (side road); the weights fail first | **holds**, and is not what limits |
# | fewer steps than linear flow matching | Euler: half of them by descent, a quarter by a cosine without training; midpoint at 8 evaluations: no fewer | **holds for Euler** |
# | better quality and efficiency than existing methods | not by the paper's descent; a chart of our own with locally matched pairs is ahead at one step | **does not hold** here (side road); large images were not run |
# | limits: high dimension | one effective datum of 512 from $d=16$ on | **holds** |

# %% [markdown]
# ## Side road: the chart measured, and one trained live
#
# Equation (2) measures how much a field turns before any network is trained: $\mathbb E|\mathcal Dv|^2$ at four times with a pool of 800
# data, and the crossing $\mathbb E\,{\rm tr\,Cov}(u\mid x)$, which is what the regression has to average away. Then
# a map, a chart of it, and a flow matched to the chart's paths, from 4,000 data, with half the width and a
# seventh of the steps of the flow that came with the course.

# %% tags=["collapsed"]
pool, found = data[:800], {}
for name, family in {**schedules, "convex chart": families["bent"]}.items():
    rows = []
    for t in (0.2, 0.4, 0.6, 0.8):
        x_t = family.value(noise[:300], pool[:300], t)
        told = kt.acceleration(family, x_t, t, pool)
        u = family.rate(noise[:300], pool[:300], t)
        square = [y.square().sum(1).mean() for y in (told.acceleration, u - told.velocity)]
        rows.append(torch.stack([*square, told.ess.median()]))
    found[name] = torch.stack(rows).T  # A, crossing, effective size at each time
for name in ("linear", "trigonometric", "convex chart"):
    A, cross, ess = found[name]
    kc.show(
        f"{name:13} E|Dv|^2 to t = 0.6, at 0.8; crossing; ESS",
        [A[:3].mean(), A[3], cross.mean(), ess.min()],
        2,
    )

# %% tags=["nbval-ignore-output"]
own_map = kt.fit_convex_map(
    data, pair_steps=150, likelihood_steps=50, generator=profile.generator(12)
)
live = kt.CurvedInterpolant(
    kt.ConvexChart(own_map), net=kt.FourierNet(2, width=64, generator=profile.generator(13))
)
live.fit(data, n_steps=600, batch=256, generator=profile.generator(14))
for name, way in {"bent, live": live, "student of lesson 10": kc.shipped("moons-student")}.items():
    one = way.transport(noise, solver="euler", steps=1)
    marks[name] = kt.straightness(way, noise[:500]).deviation, distance(one)
for name in (*flows, "bent, live", "student of lesson 10"):
    kc.show(f"{name:20} S; SW2 after one Euler step", marks[name], digits=2)

# %% tags=["collapsed"]
# what the text says of the turn, of the crossing and of the flow trained live
A = {name: rows[0] for name, rows in found.items()}
assert A["convex chart"][:3].mean() < A["trigonometric"][:3].mean() / 10
assert min(rows[3] for rows in A.values()) > 10  # late, all fields turn
assert (
    found["convex chart"][1].mean() > found["trigonometric"][1].mean() > found["linear"][1].mean()
)
assert marks["bent, live"][0] < marks["bent"][0] < 0.6 and marks["bent, live"][1] > marks["bent"][1]

# %% [markdown]
# Up to $t=0.6$ the field of the bent paths hardly turns, more than ten times less than even that of the trigonometric schedule; late, all fields turn.
# There is a price: more crossing, that is, a noisier regression. The flow trained just now has the *smaller* $S$ and the worse samples: its small
# network does not resolve the late turn, and what it smooths over is the haze that the longer training clears. A small $S$ alone is no quality.

# %% [markdown]
# ## Side road: two samplers from one map, and a race
#
# If $T$ is so good, why turn away from it? Keep it at full strength at all times, and let the network do the
# small rest, on one side of $T$ or on the other:
#
# $$\text{decoded:}\quad x_t=T\big((1-t)\,x_0+t\,z_1\big),\quad z_1=T^{-1}(x_1);$$
#
# $$\text{pushed:}\quad x_t=(1-t)\,T(x_0)+t\,x_1. \tag{8}$$
#
# The decoded chart (`kt.DecodedFlow`) takes $k$ Euler steps in the latent plane, *then* $T$ once; the pushed chart (`kt.PushedFlow`) takes $T$ once, *then*
# $k$ steps among the points. Both are paired locally, $x_0$ with $z_1$ or $T(x_0)$ with $x_1$: 65,536 points are matched with as many once, before the training. (Where
# the noise is not normal, a second map $T_0$ leads to it, and $z_0=T_0^{-1}(x_0)$ stands in the place of $x_0$.)
#
# A latent error $e$ becomes $DT\,e$, and no number of steps takes it away. After $T$ nothing is magnified; but the haze must be torn apart
# by a velocity that jumps, and networks blur jumps. Which is worse, only a race tells.
#
# Neither is an interpolant in the sense of (1). **Their paths start at $T(x_0)$ and not at $x_0$.** As a sampler it does not
# matter; whoever needs the motion from the noise itself needs (7).

# %% tags=["collapsed"]
decoded, pushed = kc.shipped("moons-decoded"), kc.shipped("moons-pushed")
z, x, steps = noise.float(), pushed.to_data(noise.float()), 2
for k in range(steps):
    t = torch.full_like(z[:, :1], k / steps)
    z, x = z + decoded.between.net(z, t) / steps, x + pushed.between.net(x, t) / steps
for flow, by_hand in ((decoded, T(z.double())), (pushed, x.double())):
    assert torch.allclose(by_hand, flow.transport(noise, solver="euler", steps=steps), atol=1e-4)
    start = flow.trajectory(noise, [0.0, 1.0])[0]
    assert torch.allclose(start, flow.to_data(noise), atol=1e-4)  # and not the noise
kc.show(
    "the paths start at T(x0), away from x0 by, root mean square",
    (start - noise).square().sum(1).mean().sqrt(),
    digits=2,
)
steepest = torch.linalg.eigvalsh(T.derivatives(noise)[2])[:, -1].sort().values
kc.show(
    "slope of T at the noise points: median, exceeded by one in a hundred",
    steepest[[1000, 1980]],
    2,
)

# %% [markdown]
# Seven flows with the same network and data, on three problems. The rivals
# are strong: optimal transport in each batch (OT-CFM), reflow of that, and OT-CFM with locally matched pairs, such as the charts of (8) have. Each
# takes about as many seconds of training as these, or more, except for the plain linear flow (recorded on one busy thread; a twofold
# difference means something, a tenth does not). 10,000 points each, from one draw of noise that all share. **Structure** is the share of points that lie
# where exact ones do: within three standard deviations of the noise about a moon, or in a dark cell, or at most 0.05 outside of it. It says nothing about
# coverage: one dot in a dark cell scores well. Read it beside sliced $W_2$. The grey band is what exact samples of that size score, mean and spread over twelve draws.

# %%
from koopcourse.zoo import LAWS, quoted

kinds = {"linear": "teacher", "OT-CFM": "ot-teacher", "OT-CFM + reflow": "ot-reflow"}
kinds |= {"OT-CFM, local pairs": "local", "convex chart": "convex"}
kinds |= {"decoded chart": "decoded", "pushed chart": "pushed"}
toys = dict(zip(LAWS, (kt.moons, kt.checkerboard, kt.moons)))


def begin(law, draw):
    """10,000 points where the flows of this problem start."""
    stream = profile.generator(60 + draw)
    if law == "eight_to_moons":
        return kt.eight_gaussians.sample(10_000, stream).float()
    return torch.randn(10_000, 2, generator=stream)


starts = {law: begin(law, 0) for law in LAWS}
goals = {law: toy.sample(20_000, profile.generator(24)) for law, toy in toys.items()}


def judge(law, x):
    sw2 = kt.sliced_wasserstein2(x.double(), goals[law], n_projections=32)
    return sw2, toys[law].structure(x[:2000])


# %%
race, marks, floors = {}, {}, {}
for law, toy in toys.items():
    fresh = [judge(law, toy.sample(10_000, profile.generator(30 + k)))[0] for k in range(12)]
    floors[law] = torch.tensor(fresh).mean().item(), torch.tensor(fresh).std().item()
    for name, kind in kinds.items():
        way = race[law, name] = kc.shipped(f"{law}-{kind}")
        ends = [way.transport(starts[law], solver="euler", steps=k) for k in (1, 2, 4)]
        marks[law, name] = torch.tensor([judge(law, x) for x in ends]).T  # rows: SW2, structure

# %% tags=["collapsed"]
told = {
    name: [quoted(f"{law}-{kind}").get("seconds", 0) for law in LAWS]
    for name, kind in kinds.items()
}
seconds = {
    name: sum(row) / sum(value > 0 for value in row) for name, row in told.items()
}  # 0: nobody measured
seconds["OT-CFM + reflow"] += seconds["OT-CFM"]
for law in LAWS:
    print(
        f"{law}: exact samples {floors[law][0]:.3f} ± {floors[law][1]:.3f}. SW2, structure at 1, "
        f"2, 4 Euler steps:"
    )
    for name in kinds:
        cells = [f"{a:.3f} {b:4.0%}" for a, b in marks[law, name].T.tolist()]
        print(f"  {name:20} {seconds[name]:3.0f} s of training   " + "    ".join(cells))

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=2.9, sharey=True)
for ax, law in zip(axes, LAWS):
    for name, (color, dash, marker) in zip(kinds, reversed(plotting.SERIES)):
        if name != "linear":
            ax.plot(
                [1, 2, 4],
                marks[law, name][0],
                color=color,
                linestyle=dash,
                marker=marker,
                label=name,
            )
    ax.axhspan(
        floors[law][0] - floors[law][1], sum(floors[law]), color=plotting.COLORS["floor"], alpha=0.3
    )
    ax.set(
        xlabel="Euler steps",
        xscale="log",
        yscale="log",
        title=f"{law}, grey: exact samples",
        ylabel="sliced W2",
    )
    ax.set_xticks([1, 2, 4], ["1", "2", "4"])
    ax.set_yticks([0.01, 0.02, 0.05, 0.1], ["0.01", "0.02", "0.05", "0.1"])
    ax.minorticks_off()
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8)
alt = """Sliced W2 against one, two and four Euler steps on three problems. The pushed chart is
lowest at one step, the decoded one close by; with more steps the others come near, except for the
convex chart, which stays highest."""
plotting.finish(fig, alt)
for law in LAWS:
    ours = marks[law, "pushed chart"]
    assert ours[0, 0] < min(0.7 * marks[law, "OT-CFM"][0, 0], 0.1 * marks[law, "linear"][0, 0])
    assert all(ours[1, 0] >= marks[law, name][1, 0] for name in kinds)  # structure at one step

# %% tags=["collapsed"]
ones = {key: marks[key][:, 0] for key in marks}  # SW2 and structure at one step
for law in LAWS:
    ours, ot = ones[law, "pushed chart"], ones[law, "OT-CFM"]
    decoded_one, reflow = ones[law, "decoded chart"], ones[law, "OT-CFM + reflow"]
    assert ours[0] < min(0.75 * ot[0], 0.1 * ones[law, "linear"][0])
    assert 0.955 < ours[1] < 0.98 and 0.81 < ot[1] < 0.88 < reflow[1] < 0.93
    assert all(ours[1] >= ones[law, name][1] for name in kinds)
    assert 0.01 < ours[1] - decoded_one[1] < 0.05 and abs(ours[0] - decoded_one[0]) < floors[law][1]
    assert abs(reflow[0] - ours[0]) < 2.5 * floors[law][1]
    assert (marks[law, "convex chart"][0] > marks[law, "OT-CFM"][0]).all()
eight_ones = [
    ones["eight_to_moons", name][1] for name in ("OT-CFM", "OT-CFM, local pairs", "pushed chart")
]
assert 0.3 < (eight_ones[1] - eight_ones[0]) / (eight_ones[2] - eight_ones[0]) < 0.75

# %% tags=["collapsed"]
shown = [name for name in kinds if name not in ("linear", "convex chart", "decoded chart")]
fig, axes = plotting.new_figure(5, height=2.0, rows=3)
for row, law in zip(axes.reshape(3, 5), LAWS):
    flown = [race[law, name].transport(starts[law], solver="euler", steps=1) for name in shown]
    for ax, name, x in zip(row, [*shown, "exact sample"], [*flown, goals[law][:10_000].float()]):
        counts = torch.histogramdd(x, bins=[46, 46], range=[-2.3, 2.3, -2.3, 2.3]).hist.T.sqrt()
        ax.imshow(counts, cmap="Blues", origin="lower", interpolation="nearest")
        score = (
            f"SW2 {marks[law, name][0, 0]:.3f}" if name in kinds else f"SW2 {floors[law][0]:.3f}"
        )
        ax.set(xticks=[], yticks=[], title=(f"{name}\n" if law == LAWS[0] else "") + score)
    row[0].set_ylabel(law)
alt = """One Euler step of four flows on three problems, 10,000 samples each, and the exact sample.
OT-CFM leaves a haze between the moons and between the dark cells; after reflow and with local
pairs it is thinner, by the pushed chart thinnest; the exact sample has none."""
plotting.finish(fig, alt)

# %% [markdown]
# A flow low in the band, or below it? No law is better than the exact one. All flows share one draw of noise, and a draw that happens to lie evenly helps
# them all. So draw again, twelve times, for the moons at one step:

# %%
again = {
    "exact samples": [
        judge("moons", kt.moons.sample(10_000, profile.generator(30 + k)))[0] for k in range(12)
    ]
}
for name in ("pushed chart", "OT-CFM, local pairs", "OT-CFM"):
    flown = [
        race["moons", name].transport(begin("moons", k), solver="euler", steps=1)
        for k in range(1, 13)
    ]
    again[name] = [judge("moons", x)[0] for x in flown]
for name, scores in again.items():
    again[name] = torch.tensor(scores)
    kc.show(
        f"{name:20} SW2 at one step: mean, sd", [again[name].mean(), again[name].std()], digits=2
    )

# %% tags=["collapsed"]
# level with exact samples; then local pairs, then OT-CFM
exactly, ours, local, ot = (scores.mean() for scores in again.values())
assert (
    abs(ours - exactly) < again["exact samples"].std() / 2
    and ours < local < ot
    and ot > 2 * exactly
)

# %% [markdown]
# Over many draws the pushed chart's one step is on the moons as good as exact samples for sliced $W_2$, locally matched pairs come next, and OT-CFM scores more
# than twice as much.
#
# Read the table slowly. (i) **At one step the pushed chart is ahead of OT-CFM in sliced $W_2$, and no flow puts more points where they belong**: 96 to 97 % on
# every problem, OT-CFM 82 to 87 %, reflow about 90 %. (Over reflow its lead in sliced $W_2$ is about the spread of exact samples; the share of points tells them
# apart.) (ii) Locally matched pairs alone come near it in that share on the moons and the checkerboard, without a chart; from eight Gaussians they get about half of
# the way from OT-CFM.
# What $T$ adds is a steep, rough version of the jump between the modes; the network has only to clear its haze. (iii) The decoded chart has the same map
# and network, and pairs matched in front of the map instead of behind it. Its sliced $W_2$ is about the same; but it puts two to four points in a hundred more
# astray, as one expects if $T$ magnifies what its network does wrong near the cut. (iv) The convex chart, the only
# chart here that keeps both ends of (1), has random pairs, and is behind OT-CFM at every number of steps. (v) These are single trainings.
#
# The paired race of five seeds, with shorter trainings (`results/curved-interpolants.md`, made by `python -m experiments
# curved-interpolants`), agrees: at one step the pushed chart is ahead of OT-CFM, of its reflow and of local pairs on all three problems, with every
# seed, though each of them had more seconds; at two and four steps none of them is ahead by more than 0.001 in the median. With more than twice its
# seconds local pairs overtake it in sliced $W_2$. From eight Gaussians it pays when it samples: finding $z_0$ by Newton's method costs some ten network
# evaluations.

# %% [markdown]
# **Choose the steps yourself.** A problem, a flow and its Euler steps: left where the points start, then where they arrive, and an exact sample. From how many steps on
# can *you* no longer tell OT-CFM from the pushed chart?


# %% tags=["collapsed", "widget", "nbval-ignore-output"]
def run(law, flow, steps):
    x0, exact_sample = starts[law][:2000], goals[law][:2000]
    x = race[law, flow].transport(x0, solver="euler", steps=steps)
    sw2, share = judge(law, x)
    panels = {
        "start": x0,
        f"{flow}, {steps} steps: SW2 {sw2:.2f}, structure {share:.0%}": x,
        "exact sample": exact_sample,
    }
    fig, axes = plotting.new_figure(3, height=3.1)
    for ax, (title, points), color in zip(axes, panels.items(), ("floor", "model", "reference")):
        plotting.points(ax, points[:250], (-3, 3), color=color)
        ax.set_title(title, fontsize=8)
    plotting.finish(
        fig,
        "Start points, where so many Euler steps of the chosen flow take them, and an exact "
        "sample.",
    )


plotting.explore(
    run,
    law=plotting.choices(list(LAWS), "moons"),
    flow=plotting.choices(list(kinds), "pushed chart"),
    steps=plotting.choices([1, 2, 3, 4, 8, 16], 1),
)

# %% [markdown]
# ## Side road: the determinant, and the paper's maps
#
# Data on the line at $\pm1.5$, and a family that squeezes the paths to the left and widens those to the right. Count cars
# that pass each place at half time (dots), and compare with (2), with and without the determinant. A road that squeezes its cars has them denser; leave the
# determinant out and the left bundle is believed to be as thin as it would be without the squeeze.


# %%
class Squeezing(kt.Interpolant):
    """x_t = A x0 + t x1 with A = (1 - t) exp(3.6 t (1 - t) tanh x1)."""

    def scale(self, x1, t):
        return (1 - t) * (3.6 * t * (1 - t) * torch.tanh(x1)).exp()

    def _value(self, x0, x1, t):
        return self.scale(x1, t) * x0 + t * x1

    def _inverse(self, x, x1, t):
        A = self.scale(x1, t)
        return (x - t * x1) / A, -A.log().sum(-1)


squeezing, sides = Squeezing(1), torch.tensor([[-1.5], [1.5]], dtype=profile.dtype)
kt.check_interpolant(squeezing, noise[:60, :1], sides.repeat(30, 1))
cars, ends = (
    torch.randn(300_000, 1, dtype=profile.dtype, generator=profile.generator(5)),
    sides.repeat(150_000, 1),
)
here, rate = squeezing.value(cars, ends, 0.5)[:, 0], squeezing.rate(cars, ends, 0.5)[:, 0]
places = torch.linspace(-1.4, 1.8, 33, dtype=profile.dtype)
counted = torch.stack([rate[(here - place).abs() < 0.02].mean() for place in places])
told = {
    known: field(squeezing, places[:, None], 0.5, sides, determinant=known)[0][:, 0]
    for known in (True, False)
}

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.0)
bundle = torch.stack([squeezing.value(cars[:24], ends[:24], float(t))[:, 0] for t in times])
axes[0].plot(times, bundle, color=plotting.COLORS["floor"], linewidth=0.8)
axes[0].axvline(0.5, color=plotting.COLORS["reference"], linewidth=1, linestyle=":")
axes[0].set(xlabel="t", ylabel="x", title="paths to two data, one bundle squeezed")
axes[1].plot(
    places,
    counted,
    "o",
    color=plotting.COLORS["reference"],
    label="counted: mean rate of those who pass",
)
axes[1].plot(places, told[True], color=plotting.COLORS["model"], label="equation (2)")
axes[1].plot(
    places, told[False], "--", color=plotting.COLORS["error"], label="without the determinant"
)
axes[1].set(xlabel="x at t = 1/2", ylabel="velocity", title="the field on the dotted line")
axes[1].legend(fontsize=8)
plotting.finish(
    fig,
    "Left: two bundles of paths from noise to the data at plus and minus 1.5, the lower one "
    "squeezed at half time. Right: the counted mean rates lie on the curve of equation (2); "
    "the curve without the determinant misses them.",
)
assert (told[True] - counted).abs().max() < 0.15 < 0.8 < (told[False] - counted).abs().max()

# %% [markdown]
# Is it the determinant, then, that limits the paper's maps? No: they are steps of **Glow**, for pictures. Scale each channel, mix the channels of a pixel by two
# triangular matrices, then scale and shift half of them by a network that sees the other half, $x_1$ and $t$: that runs backwards as easily as forwards, and
# its log-determinant is a sum of numbers at hand. The cells check both on pictures of $4\times4$ pixels against a Jacobian by automatic differentiation. Then
# two more failures that the package names: a family whose determinant was forgotten, and a turning chart that is fed noise other than $N(0,I)$,
# the only law that a rotation leaves alone.

# %%
from koopteach.interpolants.diagnosis import source_report


glow, stream = (
    kt.GlowInterpolant(4, n_steps=2, width=8, generator=profile.generator(8)).double(),
    profile.generator(52),
)
for parameter in glow.parameters():
    parameter.normal_(std=0.3, generator=stream)  # a fresh one is the linear interpolant
grain, pictures = torch.randn(2, 3, 16, dtype=profile.dtype, generator=stream)
back, logdet = glow.inverse(halfway := glow.value(grain, pictures, 0.5), pictures, 0.5)
jacobian = torch.func.jacrev(lambda x: glow.inverse(x[None], pictures[:1], 0.5)[0][0])(halfway[0])
kc.show(
    "Glow: log-determinants for three pictures, that of straight paths",
    [*logdet, 16 * torch.tensor(2.0).log()],
    2,
)
kc.show("the first one by its Jacobian", jacobian.slogdet().logabsdet, 2)

# %% tags=["collapsed"]
# Glow runs backwards, and its log-determinant is that of its Jacobian
assert torch.allclose(back, grain) and torch.allclose(logdet[0], jacobian.slogdet().logabsdet)


# %%
class Forgetful(Squeezing):
    """Squeezing, with the determinant of the linear paths."""

    def _inverse(self, x, x1, t):
        return super()._inverse(x, x1, t)[0], -(1 - t[..., 0]).log() + 0 * x[..., 0]


try:
    kt.check_interpolant(Forgetful(1), noise[:60, :1], sides.repeat(30, 1))
except ValueError as error:
    print("check_interpolant:", error)
print(
    "fit:", *source_report(families["bent"], kt.eight_gaussians.sample(2000, profile.generator(50)))
)

# %% [markdown]
# ## Exercises
#
# Open [exercises/09_curved_interpolants.ipynb](../exercises/09_curved_interpolants.ipynb). Each checks your answer and says what is wrong.
#
# | id | you write | minutes |
# |---|---|---|
# | [L09-E1](../exercises/09_curved_interpolants.ipynb#L09-E1-The-field-of-any-schedule) | the field of any schedule, equation (2) in closed form | 12 |
# | [L09-E2](../exercises/09_curved_interpolants.ipynb#L09-E2-Weights-with-the-determinant) | weights with the determinant, equation (2) | 10 |
# | [L09-E3](../exercises/09_curved_interpolants.ipynb#L09-E3-How-a-velocity-changes-along-its-flow) | how a velocity changes along its flow, equation (3) | 8 |
# | [L09-E4](../exercises/09_curved_interpolants.ipynb#L09-E4-The-paths-of-a-straight-Gaussian-flow) | the paths that make a Gaussian's flow straight, equation (6) | 8 |
# | [L09-E5](../exercises/09_curved_interpolants.ipynb#L09-E5-Another-schedule-for-a-trained-flow) | another schedule for a trained flow, equation (4) | 10 |
# | [L09-E6](../exercises/09_curved_interpolants.ipynb#L09-E6-The-effective-sample-size) | the effective sample size, from log weights | 7 |
#
# ## Key points
#
# - The best velocity of any interpolant is a weighted mean over data: no network, but the Jacobian determinant stays where data differ in it.
# - Straight flows of independent pairs *need* bent paths, (5). For a Gaussian: turn, and let the size grow evenly.
# - All schedules induce one map. A trained linear flow gets any other for nothing. The trigonometric one needs a quarter of Euler's steps; with
#   midpoint and eight evaluations the linear one is as good.
# - A chart turns in latent coordinates, along a map that was fitted before. To sample in one step, apply that map first, then
#   flow on to the data.
# - Couplings straighten. Compare with them, at equal seconds, with more than one metric and solver.
# - An objective of zero may mean that the weights rest on one datum. Look at the effective sample size and at $S$.
#
# To keep: `docs/takeaways/flows.md`.
#
# ## References
#
# - Shankar, Geffner: *Learning Straight Flows by Learning Curved Interpolants*, arXiv 2503.20719.
# - Albergo, Boffi, Vanden-Eijnden: *Stochastic Interpolants: A Unifying Framework for Flows and Diffusions*, arXiv 2303.08797.
# - Liu, Gong, Liu: *Flow Straight and Fast*, arXiv 2209.03003. Reflow.
# - Shaul and others: *Bespoke Solvers for Generative Flow Models*, arXiv 2310.19075. Fit scale and time,
#   as in (4), to a trained flow and its solver.
# - Lee, Kim, Ye: *Minimizing Trajectory Curvature of ODE-based Generative Models*, arXiv 2301.12003. Learn the pairs.
# - Tong and others: *Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport*,
#   arXiv 2302.00482. OT-CFM.
# - Benamou, Brenier: *A computational fluid mechanics solution to the Monge-Kantorovich mass transfer problem*, Numer.
#   Math. 84, 2000. Energy and optimal transport.
# - Kingma, Dhariwal: *Glow: Generative Flow with Invertible 1x1 Convolutions*, arXiv 1807.03039. The paper's maps.

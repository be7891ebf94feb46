# %% [markdown]
# # Flow matching: learn a velocity that carries noise to data
#
# **75 minutes, and 10 of a side road · level: core · device: CPU is enough · prerequisites: lesson 01 (noise floors); lesson 04 (flows) helps**
#
# Its question: *a velocity field can carry noise to data. How is one learned by plain regression, and why are its paths
# so curved that a solver needs many steps?*
#
# ## You will be able to
#
# - **build** the regression problem of conditional flow matching (L08-E1),
# - **compute** the best velocity there is for given data, and say what a perfect fit would draw (L08-E2),
# - **spend** function evaluations on a solver that is worth them (L08-E3),
# - **pair** noise with data by optimal transport (L08-E4),
# - **measure** how straight the paths of a flow are (L08-E5).

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("08")

# %% [markdown]
# ## A picture first
#
# Noise at $t=0$, eight Gaussians at $t=1$, and one velocity field that moves every point by itself. Each point keeps its
# colour. Watch what the cloud does first: **it shrinks**, and only then it opens.

# %%
import torch

from koopcourse import plotting

toy = kt.eight_gaussians.to(profile.device)
flow = kt.MixtureFlow(toy)
noise = flow.source(2000, profile.generator(1))
box, times = (-3.0, 3.0), [0.0, 0.25, 0.5, 0.75, 1.0]
film = flow.trajectory(noise, times)

# %% tags=["collapsed"]
plotting.films(
    {"eight Gaussians": film[:, :1200]},
    times,
    box,
    hue=film[-1][:1200, 0],
    alt="Five moments of a flow. A round cloud of noise shrinks until half time, becomes a ring, "
    "and ends as eight Gaussians on a circle. Colours, given by the end, are sectors of the "
    "noise.",
)

# %% [markdown]
# ## The idea without formulas
#
# Draw a straight line from a point of noise to a point of the data, and let a car drive along it in unit time. Do
# that for millions of pairs at once. Seen from above there is traffic: at every place and time cars pass, in many
# directions, since lines cross.
#
# Now forget the single cars, and write down at each place and time only their **mean velocity**. Let dust drift with
# this mean. It follows no car. Yet at every moment *its density is that of the traffic*: what flows into a small square and
# out of it depends on the mean velocity alone. So the dust, too, arrives as the data.
#
# And a mean is what regression finds: guess the velocity of a random car from its place and time, by least squares. What it
# costs: the dust starts in the mean direction, which is towards the middle, and turns when it begins to see where it can
# go. **Crossing lines make curved paths.**

# %% [markdown]
# ## The mathematics
#
# Points that move with a velocity $v(x,t)$ carry their density $p_t$ along. No mass is made or lost: the **continuity
# equation**
#
# $$\partial_t p_t + \nabla\cdot(p_t\,v) = 0. \tag{1}$$
#
# We want $p_0=N(0,I)$, the noise, and $p_1$ the data's law. Draw a pair $(x_0,x_1)$ and a time, and set
#
# $$x_t=(1-t)\,x_0+t\,x_1,\qquad u=x_1-x_0=\dot x_t. \tag{2}$$
#
# Let $p_t$ be the law of $x_t$. It has the right ends. For any test function $f$,
# $\frac{d}{dt}\mathbb E f(x_t)=\mathbb E[\nabla f(x_t)\cdot u]=\mathbb E[\nabla f(x_t)\cdot\mathbb E[u\mid x_t]]$.
# That is (1) in weak form, with
#
# $$v^*(x,t)=\mathbb E[\,x_1-x_0\mid x_t=x\,]. \tag{3}$$
#
# A conditional mean is the solution of a least-squares problem: **conditional flow matching** (CFM)
#
# $$\min_v\ \mathbb E\,|v(x_t,t)-u|^2,\qquad \mathbb E|v-u|^2=\mathbb E|v-v^*|^2+\mathbb E|u-v^*|^2 . \tag{4}$$
#
# The last term does not depend on $v$. It is how much the lines cross; *the loss never goes to zero*, and its value says little.
#
# *The assumption that usually fails*: that what is learned is $v^*$, and that its paths are as straight as the lines. With
# independent pairs, $t=0$ tells nothing about $x_1$, and $t=1$ nothing about $x_0$, hence
#
# $$v^*(x,0)=\mathbb E[x_1]-x,\qquad v^*(x,1)=x. \tag{5}$$
#
# For a mixture of round Gaussians with means $m_k$ and standard deviation $s$ everything is explicit. Given its
# component, $x_t\sim N(t\,m_k,\sigma_t^2)$ with $\sigma_t^2=t^2s^2+(1-t)^2$, and with $p_k(x,t)$ the probability of
# component $k$ given $x_t=x$,
#
# $$v^*(x,t)=\sum_k p_k(x,t)\Big[m_k+\frac{t\,s^2-(1-t)}{\sigma_t^2}\,(x-t\,m_k)\Big]. \tag{6}$$
#
# | symbol | code | meaning |
# |---|---|---|
# | $x_0,\ x_1,\ x_t$ | `x0`, `x1`, `x_t` `(n, d)` | noise, data, the point between them |
# | $t$ | `t` `(n, 1)` | a time for each point, 0 at noise, 1 at data |
# | $u,\ v^*$ | `u`, `velocity` | velocity of a line; mean velocity |
# | NFE | `flow.nfe` | evaluations of the velocity for one sample |

# %% [markdown]
# ## From scratch: the exact velocity
#
# Equation (6) in five lines, and the same with the package: the flow of the first picture, without any training.


# %%
def velocity(x, t, means=toy.modes, s=0.1):
    """Equation (6), (n, d)."""
    variance = t**2 * s**2 + (1 - t) ** 2
    away = x[:, None] - t * means  # (n, k, d)
    p = torch.softmax(-away.square().sum(2) / (2 * variance), dim=1)  # whose line is it, probably?
    return (p[:, :, None] * (means + (t * s**2 - (1 - t)) / variance * away)).sum(1)


assert torch.allclose(velocity(noise, 0.4), flow.velocity(noise, 0.4))
assert torch.allclose(velocity(noise, 0.0), toy.modes.mean(0) - noise)  # equation (5)
assert torch.allclose(velocity(noise, 1.0), noise)

# %% [markdown]
# Is it the mean of (3)? Of 400,000 pairs keep those whose lines pass a small disc at half time. Below, forty of them,
# and the velocity (6) at its centre, which their mean meets but for chance.

# %%
spot = torch.tensor([0.35, 0.1], dtype=profile.dtype, device=profile.device)
x0, x1 = flow.source(400_000, profile.generator(2)), toy.sample(400_000, profile.generator(3))
passing = ((x0 + x1) / 2 - spot).norm(dim=1) < 0.06
mean_u = (x1 - x0)[passing].mean(0)
exact_v = velocity(spot[None], 0.5)[0]
kc.show("mean of all that pass, and equation (6)", [*mean_u.tolist(), *exact_v.tolist()], digits=2)
assert passing.sum() > 1000 and (mean_u - exact_v).norm() < 0.15

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=4.4)
for a, b in zip(x0[passing][:40].cpu(), x1[passing][:40].cpu()):
    ax.plot(*torch.stack([a, b]).T, color=plotting.COLORS["floor"], linewidth=0.6)
plotting.points(ax, x1[passing][:40], (-2.2, 2.2), color="data")
plotting.points(
    ax,
    x0[passing][:40],
    (-2.2, 2.2),
    color="reference",
    title="black: noise, orange: data, blue: velocity (6)",
)
arrow = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.012, "zorder": 4}
ax.quiver(*spot.cpu(), *exact_v.cpu(), color=plotting.COLORS["model"], **arrow)
plotting.finish(
    fig,
    "Forty grey lines from black noise to orange data, all through one spot at half time and "
    "in almost every direction, and the blue arrow of their mean velocity, which points to "
    "the right: it is none of theirs.",
)

# %% [markdown]
# ## From scratch: conditional flow matching
#
# With data in the place of a formula, (4) is a loop of ten lines. The loss falls a little and stays near 3, as it must. We
# shall look at the result further down.

# %% tags=["nbval-ignore-output"]
from torch import nn

from koopteach.progress_bar import progress

board = kt.checkerboard.to(profile.device)
data = board.sample(20_000, profile.generator(4)).float()
hidden = [layer for n in (3, 64, 64) for layer in (nn.Linear(n, 64), nn.SiLU())]
plain_net = nn.Sequential(*hidden, nn.Linear(64, 2)).to(data)
adam, source, losses = torch.optim.Adam(plain_net.parameters(), lr=2e-3), profile.generator(5), []
for _ in progress(range(2000), "CFM from scratch"):
    x1 = data[torch.randint(len(data), (256,), generator=source).to(data.device)]
    x0 = torch.randn(256, 2, generator=source).to(data)
    t = torch.rand(256, 1, generator=source).to(data)  # a time for each pair
    x_t, u = (1 - t) * x0 + t * x1, x1 - x0
    loss = (plain_net(torch.cat([x_t, t], dim=1)) - u).square().sum(1).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    losses.append(loss.item())
kc.show(
    "mean loss of the first and of the last hundred steps",
    [sum(losses[:100]) / 100, sum(losses[-100:]) / 100],
    2,
)

# %% tags=["collapsed"]
# points and targets are the package's, and the loss has fallen to near 3
same = kt.linear_path(x0, x1, t)
assert torch.allclose(same[0], x_t, atol=1e-6) and torch.allclose(same[1], u)
assert 2.5 < sum(losses[-100:]) / 100 < sum(losses[:100]) / 100

# %% [markdown]
# With the package it is `kt.FlowMatching(2).fit(data)`, whose network sees random Fourier features of the point, too, and
# which has a falling step size and averaged weights. The learned flows below come with the course, ready made.
#
# ## One step
#
# **Predict, then run.** Take the exact flow to the eight Gaussians and solve $\dot x=v^*(x,t)$ by a single Euler step,
# $x_0+1\cdot v^*(x_0,0)$. Where do 2,000 points of noise end?
#
# <details><summary>near the eight Gaussians, somewhat smeared: the velocity is exact</summary>
#
# It is exact at every place and time, and one step asks for it at $t=0$ alone. There it cannot know which Gaussian a point will see later.
#
# </details>
# <details><summary>all of them on one point</summary>
#
# Right. By (5) at $x_0+\mathbb E[x_1]-x_0=\mathbb E[x_1]$, the mean of the data, here the empty middle. It is no fault of
# Euler's: at $t=0$ the mean direction is all that there is to know.
#
# </details>
# <details><summary>in a round cloud, smaller than the noise</summary>
#
# So they would after half a step. A whole step at the first velocity goes on until the cloud has no size.
#
# </details>

# %%
fresh = toy.sample(10_000, profile.generator(6))


def sliced(x):
    return kt.sliced_wasserstein2(x, fresh, n_projections=60)


# what exact samples of this size score: mean and sd
floor = kt.noise_floor(sliced, toy.sample, 2000, generator=profile.generator(7))
steps_of = {"Euler, 1 step": 1, "Euler, 2 steps": 2, "Euler, 4 steps": 4, "Euler, 16 steps": 16}
ends = {name: flow.transport(noise, solver="euler", steps=n) for name, n in steps_of.items()}

# %% tags=["collapsed"]
assert torch.allclose(ends["Euler, 1 step"], toy.modes.mean(0).expand(2000, 2))
plotting.compare(
    ends,
    fresh,
    box,
    notes={name: f"SW2 {sliced(x):.2f}, floor {floor[0]:.2f}" for name, x in ends.items()},
    alt="Samples by Euler's method. One step: a single dot in the middle. Two steps: a disc. "
    "Four: a ring with eight corners. Sixteen: eight Gaussians like the exact sample beside "
    "them.",
)

# %% [markdown]
# ## Function evaluations against quality
#
# A sample costs evaluations of the velocity (NFE): one for an Euler step, two for a midpoint step, four for one of RK4.
# Three rulers: the **error**, root mean square distance from the path's true end; **sliced $W_2$** beside its noise floor,
# which is what 2,000 exact samples score; and the **structure**, the share of samples within 0.35 of a centre.

# %%
true_end = flow.transport(noise, solver="rk4", steps=64)
solvers = {
    "Euler": ("euler", (1, 2, 4, 8, 16, 32, 64)),
    "midpoint": ("midpoint", (1, 2, 4, 8, 16, 32)),
    "RK4": ("rk4", (1, 2, 4, 8, 16)),
}
runs = {}
for name, (solver, counts) in solvers.items():
    rows = []
    for n in counts:
        x = flow.transport(noise, solver=solver, steps=n)
        error = (x - true_end).square().sum(1).mean().sqrt().item()
        rows.append((flow.nfe, error, sliced(x), toy.structure(x)))
    runs[name] = torch.tensor(rows).T
for name, k in {"Euler": 3, "midpoint": 2}.items():
    kc.show(f"{name:8}, 8 evaluations: error, SW2, structure", runs[name][1:, k], digits=2)
    kc.show(f"{name:8}, 16 evaluations: error, SW2, structure", runs[name][1:, k + 1], digits=2)
kc.show("floor of SW2, mean and sd", floor, digits=2)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.3)
for ax, row, label in zip(
    axes, (1, 2, 3), ("error", "sliced W2", "structure: share near a centre")
):
    for (name, run), (color, dash, marker) in zip(runs.items(), plotting.SERIES):
        ax.plot(run[0], run[row], color=color, linestyle=dash, marker=marker, label=name)
    ax.set(xlabel="evaluations (NFE)", ylabel=label, xscale="log")
axes[0].set_yscale("log")
axes[1].set_yscale("log")
axes[1].axhspan(
    floor[0] - floor[1],
    floor[0] + floor[1],
    color=plotting.COLORS["floor"],
    alpha=0.3,
    label="exact samples",
)
axes[1].legend()
axes[2].axhline(toy.structure(fresh), color=plotting.COLORS["floor"], linewidth=1)
plotting.finish(
    fig,
    "Error, sliced W2 and structure against evaluations for Euler, midpoint and RK4. The "
    "error falls on and on, ever faster for the higher orders; sliced W2 sits on its floor "
    "from 8 to 16 evaluations on; structure saturates at 16.",
)
assert runs["midpoint"][1, 3] < runs["Euler"][1, 4] / 2.5
assert runs["Euler"][1, 3] < runs["midpoint"][1, 2]
assert 0.94 < runs["Euler"][3, 3] < 0.975 and runs["Euler"][2, 3] < floor[0] + 1.5 * floor[1]
assert all(run[3, run[0] >= 16].min() > 0.98 for run in runs.values())
flow.transport(noise, solver="dopri5", tolerance=1e-4)
assert 50 < flow.nfe < 150  # an adaptive solver spends more than anybody needs here

# %% [markdown]
# (i) **Sliced $W_2$ is all but done with 8 Euler steps, and 4 % of the samples are nowhere near a centre.** (ii) A
# higher order lowers the error only once the steps are short enough to see the bend: at 8 evaluations midpoint has the
# *larger* one, at 16 about a third of Euler's. (iii) Beyond 16 neither sliced $W_2$ nor structure improves visibly. Who says
# "one step instead of a hundred" compares with a solver that wastes 84.
#
# ## Which noise for which data? The coupling
#
# Crossing lines are to blame, and any coupling of noise and data has the right ends in (2). In each minibatch choose the
# pairing with the least sum of squared distances, **minibatch optimal transport** (OT). In the plane its lines cross far
# less, so the mean in (3) is nearly the velocity of each line.

# %%
ot_flow = kc.shipped("eight_gaussians-ot-teacher").to(profile.device)
x0, x1 = flow.source(64, profile.generator(8)), toy.sample(64, profile.generator(9))
pairings = {"independent pairs": (x1, flow), "OT pairs": (x1[kt.ot_permutation(x0, x1)], ot_flow)}

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(4, height=2.6)
for k, (name, (ends, way)) in enumerate(pairings.items()):
    lines, curves = axes[2 * k : 2 * k + 2]
    lines.plot(
        *torch.stack([x0, ends]).cpu().unbind(2), color=plotting.COLORS["floor"], linewidth=0.7
    )
    plotting.points(lines, x0, box, color="reference")
    plotting.points(lines, ends, box, color="data", title=name)
    paths = way.trajectory(x0, torch.linspace(0, 1, 33)).cpu()
    curves.plot(*paths.unbind(2), color=plotting.COLORS["model"], linewidth=0.7)
    plotting.points(curves, x0, box, color="reference")
    plotting.points(
        curves,
        paths[-1],
        box,
        color="model",
        title="paths of their flow" + (", learned" if k else ", exact"),
    )
plotting.finish(
    fig,
    "Sixty-four independent pairs, a thicket of crossing lines, and the paths of their flow, "
    "which run inwards, turn and run out again. Pairs by OT, short lines side by side, and "
    "the paths of their flow, almost straight.",
)

# %% [markdown]
# In a small batch each noise finds a worse partner; only for an infinite one is the mean squared length the squared
# Wasserstein distance of the two laws.


# %%
def mean_square(x0, x1):
    """Mean squared length of the best pairing."""
    return (x1[kt.ot_permutation(x0, x1)] - x0).square().sum(1).mean()


x0, x1 = flow.source(2048, profile.generator(10)), toy.sample(2048, profile.generator(11))
for n in (4, 16, 128, 1024):
    squares = [mean_square(a, b) for a, b in zip(x0.split(n), x1.split(n))]
    kc.show(f"batches of {n:4}: mean squared length", torch.stack(squares).mean(), digits=2)

# %% [markdown]
# **Predict, then run.** Noise $N(0,I)$ and data $N(0,I/4)$ in $d$ dimensions. The ideal pairing is $x_1=x_0/2$, and its mean
# squared length is a fifth of that of independent pairs, whatever $d$. What share do batches of 256 reach for $d=784$, the
# pixels of a small picture?
#
# <details><summary>about a fifth: 256 is a large batch</summary>
#
# In the plane it is. There somebody near you is always among 256.
#
# </details>
# <details><summary>a third, perhaps: it is harder in 784 dimensions, and the pairing is still the best one</summary>
#
# The best of a poor choice. Eight dimensions are enough for more than a third.
#
# </details>
# <details><summary>more than nine tenths: you might as well not pair</summary>
#
# Right. In $|x_0-x_1|^2=|x_0|^2+|x_1|^2-2\,x_0\cdot x_1$ the first two terms are of order $d$, whoever is the partner. Only
# the last depends on him, and it varies by $\sqrt d$. What choosing can win falls like $1/\sqrt d$.
#
# </details>

# %%
source, share = profile.generator(20), {}
for d in (2, 8, 64, 784):
    x0, x1 = torch.randn(2, 4, 256, d, generator=source, dtype=profile.dtype)  # four batches
    share[d] = torch.stack([mean_square(a, b / 2) for a, b in zip(x0, x1)]).mean() / (1.25 * d)
    kc.show(f"d = {d:3}: OT pairs over independent ones, ideal 0.2", share[d], digits=2)

# %% tags=["collapsed"]
# what choosing wins fades with the dimension
assert share[2] < 0.33 < share[8] < 0.5 < share[64] < 0.9 < share[784]

# %% [markdown]
# In many dimensions such pairs are nearly independent ones. If data vary in few directions only, pair in those (a code, say).
#
# ## Straightness, and reflow
#
# Let $D=x(1)-x(0)$ along a path. Its energy $\int_0^1|v|^2dt$ is at least $|D|^2$, and equal only for a straight line at
# constant speed:
#
# $$S=\frac{\mathbb E\int_0^1|v-D|^2\,dt}{\mathbb E|D|^2}=\frac{\mathbb E\int_0^1|v|^2\,dt}{\mathbb E|D|^2}-1\ \ge 0. \tag{7}$$
#
# Another way to straight paths is **reflow**: run a flow, take its own pairs (noise, its end) as a new coupling, and learn
# again. Two paths of one flow never meet, so their ends are a tidy coupling.
#
# **Predict, then run.** Data $N(m,\Sigma)$ have a flow in closed form: $x_t=t\,m+(t^2\Sigma+(1-t)^2I)^{1/2}\,x_0$. Reflow it
# once. Where does one Euler step of the new flow take the noise?
#
# <details><summary>exactly to its own end</summary>
#
# Right. The path ends at $m+\Sigma^{1/2}x_0$, so the new lines are $t\,m+((1-t)I+t\,\Sigma^{1/2})\,x_0$. That matrix is
# invertible for all $t$: through each point passes **one** line, and the mean over one line is its own velocity. (For
# Gaussians this is also the optimal transport.)
#
# </details>
# <details><summary>to the mean $m$, as before: at time 0 nothing is known</summary>
#
# That was so for independent pairs. Now each noise has one partner, and $x_0$ tells everything.
#
# </details>
# <details><summary>near its end: reflow makes paths straighter, not straight</summary>
#
# In general, yes, and its map is not the optimal one. Gaussians are a lucky case: look whether the new lines cross.
#
# </details>


# %%
m = toy.modes[1]
s = torch.tensor([2.0, 0.3], dtype=profile.dtype, device=profile.device)  # deviations by axis
gaussian = kt.GaussianFlow(m, s**2)


class Reflowed(kt.Flow):
    """The flow along the lines of the pairs (x0, m + s x0)."""

    dim = 2

    def _velocity(self, x, t):
        x0 = (x - t * m) / (1 - t + t * s)  # the one line through (x, t)
        return m + (s - 1) * x0


for name, way in {"curved": gaussian, "reflowed": Reflowed()}.items():
    one_step = way.transport(noise, solver="euler", steps=1)
    missed = (one_step - gaussian.exact(noise, [1.0])[0]).norm(dim=1).mean()
    bend = kt.straightness(way, noise[:500]).deviation
    kc.show(f"{name:8} S, mean distance by which one step misses", f"{abs(bend):.2f}, {missed:.2f}")

# %% [markdown]
# Now the eight Gaussians. Three networks of equal size, 3,000 steps each: independent pairs and OT pairs, drawn from 50,000
# data, and a reflow of the exact flow, on 12,000 pairs. The first row is the exact flow: it shows what learning costs.

# %%
contest = {
    "exact, independent": flow,
    "learned, independent": kc.shipped("eight_gaussians-teacher").to(profile.device),
    "learned, OT": ot_flow,
    "learned, reflow": kc.shipped("eight_gaussians-reflow").to(profile.device),
}
budget = (1, 2, 4, 8, 16)
quality, careful, ends_of = {}, {}, {}
for name, way in contest.items():
    ends = [way.transport(noise, solver="euler", steps=n) for n in budget]
    quality[name] = torch.tensor([(sliced(x), toy.structure(x)) for x in ends]).T
    ends_of[name] = x = way.transport(noise, steps=16)  # midpoint, 32 evaluations
    careful[name] = sliced(x), toy.structure(x)

# %% tags=["collapsed"]
from koopcourse import judges

print(f"{'':20} {'S':>5}   Euler 1     Euler 2     Euler 4     midpoint 16 (SW2, structure)")
for name, way in contest.items():
    S = kt.straightness(way, noise[:500]).deviation
    cells = [f"{a:.2f} {b:4.0%}" for a, b in (*quality[name].T.tolist()[:3], careful[name])]
    print(f"{name:20} {S:5.2g}   " + "   ".join(cells))
print(f"{'exact sample':20}         {floor[0]:.2f} {toy.structure(fresh):4.0%}")
print("folded: SW2 of the last column, by random parts of 10,000 samples, with its spread")
verdicts, many = {}, flow.source(10_000, profile.generator(21))
for name, way in contest.items():
    options = {"large": way.transport(many, steps=16), "generator": profile.generator(22)}
    verdicts[name] = judges.verdict(sliced, ends_of[name], toy.sample, independent=floor, **options)
judges.Numbers(verdicts).show()
assert missed < 1e-9  # one step to a Gaussian, reflowed
assert torch.allclose(gaussian.transport(noise, solver="euler", steps=1), m.expand(2000, 2))
assert quality["learned, OT"][0, 0] < 0.15 < 0.5 < quality["learned, independent"][0, 0]
assert careful["exact, independent"][1] > 0.985
assert 0.94 < careful["learned, independent"][1] < 0.98
for name in ("learned, OT", "learned, reflow"):
    assert 0.7 < quality[name][1, 0] < 0.83 and 0.9 < careful[name][1] < 0.94

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.4)
for (name, rows), (color, dash, marker) in zip(quality.items(), plotting.SERIES):
    for ax, row in zip(axes, rows):
        ax.plot(budget, row, color=color, linestyle=dash, marker=marker, label=name)
axes[0].axhspan(
    floor[0] - floor[1],
    floor[0] + floor[1],
    color=plotting.COLORS["floor"],
    alpha=0.3,
    label="exact samples",
)
axes[0].set(xlabel="Euler steps = NFE", ylabel="sliced W2", xscale="log", yscale="log")
axes[1].set(xlabel="Euler steps = NFE", ylabel="structure: share near a centre", xscale="log")
axes[0].legend(fontsize=8)
plotting.finish(
    fig,
    "Sliced W2 and structure against Euler steps for four flows. Straight flows are near the "
    "floor of sliced W2 with one step, where the independent ones fail; with 16 steps the "
    "exact flow has the best structure, the learned ones less.",
)

# %% [markdown]
# Straight flows do with one or two evaluations what curved ones do with sixteen, says sliced $W_2$. **The structure does not
# agree.** After one step a fifth to a quarter of the samples lie between the Gaussians. And however carefully they are solved
# (last column: 32 evaluations), learned flows leave some there: the curved one 4 %, the straight ones 8 %, the exact flow
# almost none. A network is smooth, and tears a cloud into eight pieces reluctantly. That the straight ones do worse may be
# because they must tear it at once, at $t=0$, while a curved flow has time until the end.
#
# ## Move the solver yourself
#
# Left the paths as the solver sees them, right where 1,000 samples end. When does the independent flow look right? Which flow
# forgives one step?

# %% tags=["collapsed", "widget", "nbval-ignore-output"]
starts = flow.source(1000, profile.generator(12))


def solve(flow_of, solver, steps):
    way = contest[flow_of]
    grid = torch.linspace(0, 1, steps + 1)
    paths = way.trajectory(starts, grid, solver=solver, steps=steps)
    fig, axes = plotting.new_figure(2, height=4.2)
    axes[0].plot(*paths[:, :60].cpu().unbind(2), color=plotting.COLORS["model"], linewidth=0.7)
    plotting.points(
        axes[0],
        starts[:60],
        box,
        color="floor",
        title=f"{flow_of}, {solver}, {steps} steps: 60 paths",
    )
    x = paths[-1]
    score = f"{way.nfe} evaluations, SW2 {sliced(x):.2f}, structure {toy.structure(x):.0%}"
    plotting.points(axes[1], x, box, title=score)
    plotting.finish(
        fig,
        "Left: sixty paths as the solver draws them, from grey noise. Right: the samples they"
        " end in.",
    )


plotting.explore(
    solve,
    flow_of=plotting.choices(list(contest), "exact, independent"),
    solver=plotting.choices(["euler", "midpoint", "rk4"], "euler"),
    steps=plotting.choices([1, 2, 3, 4, 6, 8, 16, 32], 4),
)

# %% [markdown]
# ## What goes wrong: numbers that lie
#
# Back to the checkerboard: the plain network, solved with care, against the package's flow, whose network sees Fourier
# features, and which is also solved badly.
# Structure is the share of samples in the dark cells; a board without any pattern would have about 60 %.

# %%
board_fresh = board.sample(10_000, profile.generator(13))


def board_distance(x):
    return kt.sliced_wasserstein2(x, board_fresh, n_projections=60)


def from_scratch(x, t):
    return plain_net(torch.cat([x, torch.full_like(x[:, :1], t)], dim=1)).detach()


good = kc.shipped("checkerboard-teacher").to(profile.device)
board_floor = kt.noise_floor(board_distance, board.sample, 2000, generator=profile.generator(14))
lost = kt.integrate(from_scratch, noise.float(), solver="midpoint", steps=16).states[-1].double()
boards = {
    "from scratch": lost,
    "Fourier features": good.transport(noise, steps=16),
    "same, Euler 12": good.transport(noise, solver="euler", steps=12),
    "same, Euler 1": good.transport(noise, solver="euler", steps=1),
}

# %% tags=["collapsed", "nbval-ignore-output"]
rulers = {name: (board_distance(x), board.structure(x)) for name, x in boards.items()}
notes = {name: f"SW2 {a:.2f}\nstructure {b:.0%}" for name, (a, b) in rulers.items()}
alt = """From scratch: a filled square with faint structure. Fourier features: a checkerboard with
soft edges, also with 12 Euler steps. One Euler step: a small dot in the middle."""
plotting.compare(boards, board_fresh, (-2.3, 2.3), notes=notes, alt=alt)
kc.show("floor of SW2, mean and sd", board_floor, digits=2)
assert rulers["from scratch"][1] < 0.75 < rulers["same, Euler 12"][1]
assert rulers["from scratch"][0] < 0.2 and rulers["same, Euler 1"][1] > 0.85

# %% [markdown]
# - **Sliced $W_2$** gives the lost board and the twelve Euler steps much the same mark. It sees that the latter's cells lie a
#   little too far in, and hardly sees that the former has no cells.
# - **The structure test** is fooled by one Euler step: all samples sit in the middle, where two dark cells touch.
# - **The loss** of the two differs by less than a tenth (next cell): most of it is the constant of (4).
#
# So look, and use two rulers that fail differently, one for the mass and one for the pattern.

# %% tags=["collapsed", "nbval-ignore-output"]
source = profile.generator(15)
x0, x1 = torch.randn(20_000, 2, generator=source).to(data), board.sample(20_000, source).float()
t = torch.rand(20_000, 1, generator=source).to(data)
x_t, u = kt.linear_path(x0, x1, t)
with torch.no_grad():
    guesses = {
        "from scratch": plain_net(torch.cat([x_t, t], dim=1)),
        "Fourier features": good.velocity(x_t, t),
    }
fresh_losses = {name: (guess - u).square().sum(1).mean().item() for name, guess in guesses.items()}
for name, value in fresh_losses.items():
    kc.show(f"loss on fresh pairs, {name:16}", value, digits=2)
assert fresh_losses["from scratch"] < 1.1 * fresh_losses["Fourier features"]

# %% [markdown]
# ## Side road: slips that everybody makes once
#
# None raises an error, and no network is needed to see where they lead, since each has an
# exact minimiser, too. **Swapped end points**, $x_t=t\,x_0+(1-t)\,x_1$ with the target $x_1-x_0$: the velocities
# come in the wrong order, $v^*(x,1-t)$, and the result is treacherous: eight clumps, like a model that wants more training. The
# target **$x_1-x_t$**, the way that is left: $(1-t)\,v^*$, and the paths creep and never arrive. The target **$x_0-x_1$**:
# away from the data.

# %%
slips = {
    "swapped end points": lambda x, t: flow.velocity(x, 1 - t),
    "target x1 - x_t": lambda x, t: (1 - t) * flow.velocity(x, t),
    "target x0 - x1": lambda x, t: -flow.velocity(x, t),
}
wrong = {
    name: kt.integrate(v, noise[:1000], solver="rk4", steps=32).states[-1]
    for name, v in slips.items()
}

# %% tags=["collapsed"]
alt = """Samples of three slips beside the exact sample. Swapped end points: eight clumps on too
small a circle. Target x1 - x_t: a broad ring that has not arrived. Target x0 - x1: rays that leave
the picture."""
plotting.compare(wrong, fresh, box, alt=alt)

# %% [markdown]
# Two more need no picture. **One $t$ for a batch** is right on average, but each batch has seen one moment of the film; the
# loss jumps several times as much. And in OT **the inverse permutation** gives each noise somebody else's partner, no better
# than independent pairs. The exercises know them all by name.

# %%
x0, x1 = flow.source(25_600, profile.generator(16)), toy.sample(25_600, profile.generator(17))
own = torch.rand(25_600, 1, dtype=profile.dtype, generator=profile.generator(18)).to(profile.device)
spread = {}
for name, t in {
    "a time for each pair": own,
    "one for each batch": own[::256].repeat_interleave(256, dim=0),
}.items():
    x_t, u = kt.linear_path(x0, x1, t)
    loss = (flow.velocity(x_t, t) - u).square().sum(1)
    spread[name] = loss.reshape(100, 256).mean(1).std()
    kc.show(f"spread of the loss of a batch of 256, {name}", spread[name], digits=1)

# %% tags=["collapsed"]
# several times as much
assert spread["one for each batch"] > 3 * spread["a time for each pair"]

# %% [markdown]
# ## Exercises
#
# Open [exercises/08_flow_matching.ipynb](../exercises/08_flow_matching.ipynb). Each exercise checks your answer and says what is wrong.
#
# | id | you write | minutes |
# |---|---|---|
# | [L08-E1](../exercises/08_flow_matching.ipynb#L08-E1-Point-and-target) | point and target of the regression, equation (2) | 7 |
# | [L08-E2](../exercises/08_flow_matching.ipynb#L08-E2-The-best-velocity-for-given-data) | the best velocity for given data, equation (3) | 12 |
# | [L08-E3](../exercises/08_flow_matching.ipynb#L08-E3-The-midpoint-method) | the midpoint method | 8 |
# | [L08-E4](../exercises/08_flow_matching.ipynb#L08-E4-Pairs-by-optimal-transport) | pairs by optimal transport | 8 |
# | [L08-E5](../exercises/08_flow_matching.ipynb#L08-E5-How-straight-is-a-flow?) | straightness, equation (7) | 8 |

# %% [markdown]
# ## Key points
#
# - The mean velocity of the lines through a point carries the law of $x_t$ along. Regression on $x_1-x_0$ finds it; training
#   needs no solver.
# - With independent pairs a flow first contracts to the data's mean, where one Euler step lands. Here sixteen evaluations
#   are plenty.
# - OT pairs and reflow straighten these paths; one or two evaluations reach the sliced $W_2$ of sixteen. Learned flows leave
#   bridges between modes, whatever the solver, the straight ones more of them.
# - Minibatch OT fades with the dimension: of four fifths of the mean squared length, batches of 256 saved two thirds or more
#   in the plane, less than a tenth in 784 dimensions.
# - Distances, structure tests and the loss have blind spots. Report two that fail differently, and look.

# %% [markdown]
# ## References
#
# - Lipman, Chen, Ben-Hamu, Nickel, Le: *Flow Matching for Generative Modeling*, arXiv 2210.02747.
# - Liu, Gong, Liu: *Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow*,
#   arXiv 2209.03003. Reflow.
# - Bertrand, Gagneux, Massias, Emonet: *On the Closed-Form of Flow Matching: Generalization Does Not Arise from Target
#   Stochasticity*, arXiv 2506.03719. The best velocity for given data (L08-E2). That $u$ is random
#   does not explain why networks do not just remember.
# - Albergo, Vanden-Eijnden: *Building Normalizing Flows with Stochastic Interpolants*, arXiv 2209.15571.
# - Tong, Fatras, Malkin, Huguet, Zhang, Rector-Brooks, Wolf, Bengio: *Improving and Generalizing Flow-Based Generative
#   Models with Minibatch Optimal Transport*, arXiv 2302.00482.
# - Albergo, Goldstein, Boffi, Ranganath, Vanden-Eijnden: *Stochastic Interpolants with Data-Dependent Couplings*,
#   arXiv 2310.03725. Pairs that belong together, as a picture and its blurred copy do.
# - Pooladian, Ben-Hamu, Domingo-Enrich, Amos, Lipman, Chen: *Multisample Flow Matching: Straightening Flows with Minibatch
#   Couplings*, arXiv 2304.14772. Couplings within a batch, optimal and cheaper ones.
# - Kornilov, Mokrov, Gasnikov, Korotin: *Optimal Flow Matching: Learning Straight Trajectories in Just One Step*,
#   arXiv 2403.13117. Optimal transport without pairing batches.
# - Boffi, Albergo, Vanden-Eijnden: *Flow Map Matching*, arXiv 2406.07507. Learn the solution from any time to any other,
#   instead of straightening.
# - Tancik and others: *Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains*,
#   arXiv 2006.10739.

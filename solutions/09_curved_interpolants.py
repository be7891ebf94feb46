# %% [markdown]
# # Exercises 09: curved interpolants
#
# **55 minutes · level: core · device: CPU is enough · prerequisites: [lesson 09](../notebooks/09_curved_interpolants.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("09")

# %% [markdown]
# The playground for all exercises: noise, the two moons, and a flow that was trained on straight lines.

# %%
import math

import torch

from koopcourse import check, plotting

noise = torch.randn(1000, 2, dtype=profile.dtype, generator=profile.generator(1))
data = kt.moons.sample(2000, profile.generator(2))
flow = kc.shipped("moons-teacher")
box = (-2.6, 2.6)

# %% [markdown]
# ## L09-E1 The field of any schedule
#
# *core, 12 minutes, importance 3 of 3.* The paths are $x_t=a\,x_0+b\,x_1$ with noise $x_0\sim N(0,I)$, and the data $x_1$ are the $N$ rows of
# `pool`, all equally likely. A datum that wants to be at $x$ needs the noise $x_0^{(j)}=(x-b\,x_1^{(j)})/a$. So by equation (2), where the determinant
# drops out,
#
# $$w_j\propto e^{-|x_0^{(j)}|^2/2},\qquad v^*=\sum_jw_j\big(a'x_0^{(j)}+b'x_1^{(j)}\big)=\frac{a'}ax+\Big(b'-\frac{a'b}a\Big)m,\qquad m=\sum_jw_jx_1^{(j)}.$$
#
# Return $v^*$ for points `x` `(n, d)`, `pool` `(N, d)` and the numbers `a` > 0, `b`, `da`, `db` (the slopes $a'$, $b'$) at one time.
# Shape `(n, d)`. In 64 dimensions, or far from the data, the densities $e^{-|x_0|^2/2}$ are zero to the computer, all of them; the
# weights are not.
#
# *Example.* On the line, `pool = [[-2], [2]]`, `a = b = 0.5`, `da = -1`, `db = 0`. At `x = 1` the two noises are 4 and 0, hence
# $m=2\tanh4=1.9987$ and $v=-2\cdot1+(0+1)\,m=-0.0013$; at `x = 0` it is 0.
#
# *It must hold that* a single datum gives the rate of its own path, and that a schedule that stands still gives zero.


# %%
def schedule_field(x, pool, a, b, da, db):
    """Equation (2) for x_t = a x0 + b x1, (n, d)."""
    ### BEGIN SOLUTION
    x0 = (x[:, None] - b * pool) / a
    w = torch.softmax(-x0.square().sum(dim=2) / 2, dim=1)
    return da / a * x + (db - da * b / a) * (w @ pool)
    ### END SOLUTION


# %% tags=["check"]
schedule_field = check("L09-E1", schedule_field)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Every datum tells which noise would pass at $x$ on its way. Weigh the data by how likely their noise is, and average.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The noises have shape `(n, N, d)`, the exponents $-|x_0^{(j)}|^2/2$ shape `(n, N)`; their softmax over the data is $w$, and $m$ is a product of matrices.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# x0 = (x[:, None] - ___) / a
# w = torch.softmax(___, dim=___)
# return da / a * x + ___ * (w @ pool)
# ```
#
# </details>

# %% [markdown]
# See it work: solve your field for 400 data by eight Euler steps, for two schedules.
#
# *Go further.* Draw the field at $t=0$ for both schedules. What would one Euler step do?

# %%
few, angle = data[:400], math.pi / 2
shares = {
    "linear": lambda t: (1 - t, t, -1.0, 1.0),
    "trigonometric": lambda t: (
        math.cos(angle * t),
        math.sin(angle * t),
        -angle * math.sin(angle * t),
        angle * math.cos(angle * t),
    ),
}

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=4.0)
for ax, (name, schedule) in zip(axes, shares.items()):
    x = noise
    for k in range(8):
        x = x + schedule_field(x, few, *schedule(k / 8)) / 8
    share = kt.moons.structure(x)
    plotting.points(ax, x, box, title=f"{name}, 8 Euler steps: {share:.0%} on the moons")
plotting.finish(
    fig, "Eight Euler steps of the field of 400 data under two schedules: two moons each."
)

# %% [markdown]
# ## L09-E2 Weights with the determinant
#
# *core, 10 minutes, importance 1 of 3.* Now each datum has paths of its own: $x=A_j\,x_0+M_j$ with $A_j$ a positive factor for each coordinate. Given `x` `(n, d)`,
# `scale` `(m, d)` with the rows $A_j$, and `shift` `(m, d)` with the rows $M_j$, return the weights of equation (2), `(n, m)`:
#
# $$w_j\propto p_0\big(x_0^{(j)}\big)\,\Big|\det\frac{\partial x_0^{(j)}}{\partial x}\Big|,\qquad x_0^{(j)}=\frac{x-M_j}{A_j},\qquad p_0=N(0,I).$$
#
# *Example.* On the line, two data with `scale = [[1], [3]]` and `shift = [[0], [0]]`. At `x = 0` both noises are 0, and the first bundle of paths is three times as dense:
# the weights are `[3/4, 1/4]`. At `x = 3` the noises are 3 and 1, so the weights stand as $3e^{-9/2}$ to $e^{-1/2}$, which is `[0.052, 0.948]`.
#
# *It must hold that* the weights of each point sum to one, also in a hundred dimensions with scales of $10^{-4}$, and that the
# determinant drops out if all paths have the same scale.


# %%
def path_weights(x, scale, shift):
    """Which path led to x? Probabilities, (n, m)."""
    ### BEGIN SOLUTION
    x0 = (x[:, None] - shift) / scale
    logs = -x0.square().sum(dim=2) / 2 - scale.log().sum(dim=1)
    return torch.softmax(logs, dim=1)
    ### END SOLUTION


# %% tags=["check"]
path_weights = check("L09-E2", path_weights)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Cars that are squeezed together are denser where they pass. By how much, a determinant says.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The inverse divides coordinate $i$ by $A_{ji}$, so its log-determinant is $-\sum_i\log A_{ji}$, one number for each datum. Add it to $-|x_0^{(j)}|^2/2$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# x0 = (x[:, None] - ___) / ___
# logs = -x0.square().sum(dim=2) / 2 - ___
# return torch.softmax(logs, dim=___)
# ```
#
# </details>

# %% [markdown]
# Count for yourself: 200,000 paths to two data, one bundle squeezed to a third. Who of those that pass a place belongs to the first?
#
# *Go further.* What happens to the dashed curve as the squeeze goes from a third to a thirtieth? And in ten dimensions?

# %%
scale, shift = torch.tensor([[0.4], [1.2]]).double(), torch.tensor([[-0.5], [0.5]]).double()
whose = torch.arange(200_000) % 2
passing = (
    scale[whose] * torch.randn(200_000, 1, dtype=profile.dtype, generator=profile.generator(3))
    + shift[whose]
)
places = torch.linspace(-2, 2, 33, dtype=profile.dtype)
near = (passing - places).abs() < 0.03
counted = (near & (whose == 0)[:, None]).sum(0) / near.sum(0)
yours = path_weights(places[:, None], scale, shift)[:, 0]
without = torch.softmax(-(((places[:, None] - shift[:, 0]) / scale[:, 0]) ** 2) / 2, dim=1)[:, 0]
misses = [(told - counted).abs().max() for told in (yours, without)]
kc.show("largest error of the share: your weights, no determinant", misses, digits=2)

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.2)
ax.plot(places, counted, "o", color=plotting.COLORS["reference"], label="counted")
ax.plot(places, yours, color=plotting.COLORS["model"], label="your weights")
ax.plot(places, without, "--", color=plotting.COLORS["error"], label="no determinant")
ax.set(xlabel="place x", ylabel="share of the first datum", ylim=(-0.05, 1.25))
ax.legend(ncols=3, fontsize=8, loc="upper center")
plotting.finish(
    fig,
    "The counted shares lie on the curve of the weights; the curve without determinant is far"
    " too low.",
)
assert misses[0] < 0.06 < 0.2 < misses[1]  # chance, and a mistake

# %% [markdown]
# ## L09-E3 How a velocity changes along its flow
#
# *core, 8 minutes, importance 3 of 3.* `v(x, t)` takes points `(n, d)` and times `(n, 1)` and returns velocities `(n, d)`, each
# from its own point and time; it may ignore one of the two. Return equation (3),
#
# $$\mathcal Dv=\partial_tv+(\nabla_xv)\,v,$$
#
# at the given `x` and `t`, `(n, d)`. One call does it: `value, change = torch.func.jvp(v, (x, t), (dx, dt))` differentiates `v` in the direction in which
# `x` moves by `dx` and `t` by `dt`.
#
# *Example.* $v=t\,x$ at $x=2$, $t=\frac12$: $\partial_tv=x=2$ and $(\nabla_xv)\,v=t\cdot tx=\frac12$, together 2.5.
#
# *It must hold that* $v=x/(1+t)$, whose flow runs along straight lines, has $\mathcal Dv=0$; and that $v=Mx$ has $\mathcal Dv=MMx$.


# %%
def bend(v, x, t):
    """dv/dt along the flow line, (n, d)."""
    ### BEGIN SOLUTION
    direction = v(x, t), torch.ones_like(t)
    return torch.func.jvp(v, (x, t), direction)[1]
    ### END SOLUTION


# %% tags=["check"]
bend = check("L09-E3", bend)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# You drift with the flow and watch your speedometer. In a second, how far do you move, and by how much does the clock go on?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\mathcal Dv$ is the derivative of $v$ in the direction $(v,1)$. No Jacobian has to be written down.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# direction = ___, ___
# return torch.func.jvp(v, (x, t), direction)[___]
# ```
#
# </details>

# %% [markdown]
# The bound of the lesson: one Euler step errs by at most $\sqrt{A/3}$. Measured on exact flows to three Gaussians that lie further and further apart.
#
# *Go further.* Use a backward pass in the place of `jvp`, `torch.func.vjp`. For which velocities does it give the same?

# %%
bounds = {}
for radius in (0.5, 1.0, 1.5):
    way = kt.MixtureFlow(kt.GaussianMixture.ring(3, radius, 0.6))
    times = torch.linspace(0, 1, 33, dtype=profile.dtype)
    states = way.trajectory(noise[:300], times, steps=64)
    columns = [torch.full_like(states[0, :, :1], float(t)) for t in times]
    A = torch.stack(
        [bend(way.velocity, x, t).square().sum(1).mean() for x, t in zip(states, columns)]
    )
    bound = (torch.trapezoid(A, times) / 3).sqrt()
    error = (
        (way.transport(noise[:300], solver="euler", steps=1) - states[-1])
        .square()
        .sum(1)
        .mean()
        .sqrt()
    )
    bounds[radius] = error, bound
    kc.show(f"radius {radius}: error of one step, bound", [error, bound], digits=2)

# %% tags=["collapsed"]
# no step errs by more than its bound
assert all(error < bound for error, bound in bounds.values())

# %% [markdown]
# ## L09-E4 The paths of a straight Gaussian flow
#
# *core, 8 minutes, importance 2 of 3.* Data $N(0,s^2I)$, noise $N(0,I)$, paths $a\,x_0+b\,x_1$. By equation (6) the flow is straight if and only if the spread $\sigma=\sqrt{a^2+s^2b^2}$ runs
# straight from 1 to $s$. Given the values `a` `(k,)` at the times `t` `(k,)` and the number `s` > 0, return the `b` `(k,)` that goes with
# them; it is not negative. `a` does not exceed the spread, unless by rounding: then $b=0$.
#
# *Example.* `s = 2` and `t = 0.5` ask for the spread 1.5. For `a = 0.5` that means $4b^2=1.5^2-0.5^2=2$, so $b=\sqrt{1/2}$; for `a = 0.9`, $4b^2=1.44$ and $b=0.6$.
#
# *It must hold that* $\sqrt{a^2+s^2b^2}=1-t+s\,t$.


# %%
def partner(a, t, s):
    """The b that makes the flow straight, (k,)."""
    ### BEGIN SOLUTION
    sigma = 1 - t + s * t
    return (sigma**2 - a**2).clamp_min(0).sqrt() / s
    ### END SOLUTION


# %% tags=["check"]
partner = check("L09-E4", partner)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Noise and data are independent: their variances add. Which variance is missing?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $s^2b^2=(1-t+st)^2-a^2$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# sigma = ___
# return (___ - ___).clamp_min(0).sqrt() / ___
# ```
#
# </details>

# %% [markdown]
# Your partner for the linear $a=1-t$, and what the flow $x_0\mapsto\sigma(t)\,x_0$ then does:
#
# *Go further.* At $t=0$ your $b$ starts with infinite slope. Find an $a$ with $a'(0)=s-1$ for which it does not.

# %% tags=["collapsed"]
t, s = torch.linspace(0, 1, 201, dtype=profile.dtype), 0.3
quantiles = torch.special.ndtri((torch.arange(11, dtype=profile.dtype) + 0.5) / 11)
fig, axes = plotting.new_figure(2, height=3.3, sharey=True)
for ax, (name, b) in zip(axes, {"b = t": t, "your b": partner(1 - t, t, s)}.items()):
    sigma = ((1 - t) ** 2 + s**2 * b**2).sqrt()
    ax.plot(
        t,
        (1 - t)[:, None] * quantiles + s * b[:, None] * quantiles.roll(4),
        color=plotting.COLORS["floor"],
    )
    ax.plot(t, sigma[:, None] * quantiles, color=plotting.COLORS["model"])
    ax.set(xlabel="t", ylabel="x", title=f"a = 1 - t, {name}: grey paths, blue flow")
plotting.finish(
    fig,
    "Left: straight grey paths and a blue flow that bends. Right: bent grey paths, and a blue"
    " fan of straight lines.",
)
assert (sigma - (1 - t + s * t)).abs().max() < 1e-6

# %% [markdown]
# ## L09-E5 Another schedule for a trained flow
#
# *challenge, 10 minutes, importance 2 of 3.* You have the velocity of the linear schedule, `linear(x, tau)` for points `(n, d)` and a
# number $\tau$ (a tensor without axes will do). With $c=a+b$ and $\tau=b/c$ the path of another
# schedule is $c$ times the linear path at time $\tau$, so by equation (4)
#
# $$v(x,t)=\frac{c'}c\,x+c\,\tau'\,v_{\rm lin}\Big(\frac xc,\tau\Big).$$
#
# Return it for points `x` `(n, d)` and the numbers `a`, `b` and their slopes `da`, `db` at one time. ($\tau'$ is the derivative of the quotient.)
#
# *Example.* `linear = lambda x, tau: x + tau`, `a = b = 1`, `da = -1`, `db = 1`: $c=2$, $c'=0$, $\tau=\frac12$, $\tau'=(1\cdot1+1\cdot1)/4=\frac12$. At `x = 4` the linear
# velocity is $2+\frac12$, and the result $2\cdot\frac12\cdot2.5=2.5$.
#
# *It must hold that* the linear schedule, $a=1-t$ and $b=t$, gives the linear velocity back.


# %%
def rescheduled(linear, x, a, b, da, db):
    """Equation (4), (n, d)."""
    ### BEGIN SOLUTION
    c, dc = a + b, da + db
    dtau = (db * c - b * dc) / c**2
    return dc / c * x + c * dtau * linear(x / c, b / c)
    ### END SOLUTION


# %% tags=["check"]
rescheduled = check("L09-E5", rescheduled)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The same film, zoomed by $c$ and run at another speed. Two things move a point: the zoom, and the film.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\tau'=(b'c-b\,c')/c^2$ with $c'=a'+b'$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# c, dc = a + b, ___
# dtau = ___ / c**2
# return ___ * x + c * dtau * linear(___, ___)
# ```
#
# </details>

# %% [markdown]
# The flow that lesson 08 trained on straight lines, by six Euler steps: as it is, and rescheduled by you. No training.
#
# *Go further.* Plug in the optimal schedule of a Gaussian with $s=1$. Which one is it?

# %%
reference = kt.moons.sample(10_000, profile.generator(4))

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=4.0)
scores = {}
for ax, (name, schedule) in zip(axes, shares.items()):
    x = noise
    for k in range(6):
        x = x + rescheduled(flow.velocity, x, *schedule(k / 6)) / 6
    scores[name] = kt.sliced_wasserstein2(x, reference)
    plotting.points(ax, x, box, title=f"{name}, 6 Euler steps: SW2 {scores[name]:.2f}")
plotting.finish(
    fig,
    "Left: linear, two moons that are too small. Right: trigonometric, two moons of the right"
    " size.",
)
assert scores["trigonometric"] < 0.6 * scores["linear"]

# %% [markdown]
# ## L09-E6 The effective sample size
#
# *warm-up, 7 minutes, importance 2 of 3.* A weighted mean over $N$ data rests on about $1/\sum_jw_j^2$ of them, if $\sum_jw_j=1$. Given the *logs* of weights that are not normalised, `log_w` `(n, N)`, one
# row for each point, return the effective sample sizes `(n,)`. Logs of densities in many dimensions may all be below $-1000$, and
# they may differ by thousands; some, but not all of a row, may be $-\infty$, a weight of zero.
#
# *Example.* Four equal logs give 4. The logs `[log 3, 0, -400, -400]` are the weights $\frac34,\frac14,0,0$, and $1/(\frac9{16}+\frac1{16})=1.6$.
#
# *It must hold that* a constant added to a row changes nothing, and that writing every datum down twice doubles the result.


# %%
def effective_size(log_w):
    """How many data each mean rests on, (n,)."""
    ### BEGIN SOLUTION
    w = torch.softmax(log_w, dim=1)
    return 1 / w.square().sum(dim=1)
    ### END SOLUTION


# %% tags=["check"]
effective_size = check("L09-E6", effective_size)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First make them weights, in a way that survives any logs; then measure how unequal they are.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $w_j=e^{\ell_j-\max\ell}/\sum_ke^{\ell_k-\max\ell}$, which torch has by name; then $1/\sum_jw_j^2$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# w = torch.___(log_w, dim=___)
# return ___ / w.square().sum(dim=___)
# ```
#
# </details>

# %% [markdown]
# Your measure for the moons and the linear schedule, as the time goes on: how many of the pool does the field rest on?
#
# *Go further.* The small pool goes below 20 at about two thirds of the time. How large must the pool be to stay above 20 up to $t=0.95$?
# (Draw a larger one, `kt.moons.sample(8000, profile.generator(5))`, and leave `data[-100:]` to make the points.)

# %%
grid = torch.linspace(0.05, 0.97, 24).tolist()
sizes = {}
for n in (100, 400, 1600):
    rows = []
    for t in grid:
        x = (1 - t) * noise[:100] + t * data[-100:]
        x0 = (x[:, None] - t * data[:n]) / (1 - t)
        rows.append(float(effective_size(-x0.square().sum(2) / 2).median()))
    sizes[f"pool of {n}"] = torch.tensor(rows)

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
for (name, y), (color, dash, marker) in zip(sizes.items(), plotting.SERIES):
    ax.plot(grid, y, color=color, linestyle=dash, marker=marker, markevery=2, label=name)
ax.axhline(20, color=plotting.COLORS["reference"], linewidth=1, linestyle=":")
ax.text(0.05, 23, "20, as few as one should trust", fontsize=9)
ax.set(xlabel="t", ylabel="median effective sample size", yscale="log")
ax.legend(loc="lower left")
plotting.finish(
    fig,
    "The effective sample size starts at the size of the pool and falls, ever faster, towards a "
    "few at the end.",
)
assert sizes["pool of 1600"][0] > 1000 and sizes["pool of 100"][-1] < 10

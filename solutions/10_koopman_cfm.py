# %% [markdown]
# # Exercises 10: Koopman-CFM
#
# **54 minutes · level: core · device: CPU is enough · prerequisites: [lesson 10](../notebooks/10_koopman_cfm.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("10")

# %% [markdown]
# The playground for all exercises: the flow to the two moons, two students of it, and noise that none of them has seen.

# %%
import math

import torch

from koopcourse import check, plotting

teacher, student = kc.shipped("moons-teacher"), kc.shipped("moons-one-pair")
consistent = kc.shipped("moons-consistency")
x0 = torch.randn(500, 2, dtype=profile.dtype, generator=profile.generator(1))
times = torch.linspace(0, 1, 5)
box = (-2.8, 2.8)

# %% [markdown]
# ## L10-E1 The residual of consistency
#
# *core, 10 minutes, importance 3 of 3.* Given a function `z(x, t)` that lifts points `(n, d)` and times `(n, 1)` to observables `(n, D)`, a
# matrix `L` `(D, D)` that acts on columns, and the velocity `v` `(n, d)` at the points, return
#
# $$r = \mathcal Lz-Lz,\qquad \mathcal Lz=\partial_tz+J_xz\,v,$$
#
# with shape `(n, D)`. `torch.func.jvp(f, inputs, tangents)` gives the value and the derivative in one direction.
#
# *Example.* `z(x, t) = [x, t]` on the line, `x = [[2]]`, `t = [[0.5]]`, `v = [[3]]`, `L = [[0, 1], [0, 0]]`: along the flow
# $x$ changes by 3 and $t$ by 1, and $Lz=(0.5, 0)$. The residual is `[[2.5, 1]]`.
#
# *It must hold that* a lift $e^{tL}c$, the same for all points, has residual zero; and that doubling the observables doubles
# the residual.


# %%
def residual(z, L, x, t, v):
    """Lie z - L z, (n, D)."""
    ### BEGIN SOLUTION
    value, rate = torch.func.jvp(z, (x, t), (v, torch.ones_like(t)))
    return rate - value @ L.T
    ### END SOLUTION


# %% tags=["check"]
residual = check("L10-E1", residual)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Along the flow two things move: the point, with velocity $v$, and the clock, with velocity one. An observable changes by its
# derivative in that direction.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\mathcal Lz=\frac{d}{d\epsilon}z(x+\epsilon v,\ t+\epsilon)\big|_{\epsilon=0}$; and with points as rows, $(Lz)^\top=z^\top
# L^\top$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# value, rate = torch.func.jvp(z, (x, t), (___, ___))
# return rate - value @ ___
# ```
#
# </details>

# %% [markdown]
# Where along a path is a student least linear? Your residual for the two students, at eleven times on the teacher's paths.
#
# *Go further.* Read the residual out: for a mode sum, $C\mathcal Lz$ is the teacher's velocity. Check it.

# %% tags=["collapsed"]
clock = torch.linspace(0, 1, 11)
states = teacher.trajectory(x0, clock).float()
sizes = {"by consistency": consistent.lifting, "by coefficients": student.lifting}
for name, lifting in sizes.items():
    along = []
    for x, t in zip(states, clock):
        t = torch.full_like(x[:, :1], float(t))
        r = residual(lifting.lift, lifting.generator(), x, t, teacher.velocity(x, t))
        along.append(float(r.square().sum(1).mean().sqrt()))
    sizes[name] = along
alt = """Residual over time, on a logarithmic axis. By consistency it is small all along; by
coefficients it is several times larger, and grows towards t = 1."""
plotting.curves(clock, sizes, xlabel="t", ylabel="residual", logy=True, alt=alt)

# %% [markdown]
# ## L10-E2 Any time in one step
#
# *core, 8 minutes, importance 3 of 3.* A lift with one pair has the parts `p`, `u`, `a`, `b`, each `(n, d)`, which move by
#
# $$\dot p=u,\quad\dot u=0,\quad\dot a=\alpha a+\beta b,\quad\dot b=\alpha b-\beta a.$$
#
# Return the state $x=p+a$ after a time `tau`, `(n, d)`, in closed form. `alpha`, `beta` and `tau` are numbers of either sign, and
# the angle $\beta\tau$ may be hundreds of radians.
#
# *Example.* `p, u, a, b = 1, 2, 3, 4` (each `[[.]]`), `alpha = 0`, `beta = pi`, `tau = 0.5`: the pair has made a quarter of a turn,
# so $a$ has become 4, and $p$ has become 2. The state is `[[6]]`.
#
# *It must hold that* at `tau = 0` the state is $p+a$, and that it sets out with velocity $u+\alpha a+\beta b$.


# %%
def state(p, u, a, b, alpha, beta, tau):
    """The state after tau, (n, d)."""
    ### BEGIN SOLUTION
    grow, turn = math.exp(alpha * tau), beta * tau
    return p + tau * u + grow * (math.cos(turn) * a + math.sin(turn) * b)
    ### END SOLUTION


# %% tags=["check"]
state = check("L10-E2", state)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# The straight part and the pair do not know of each other. The pair turns in its plane, and grows meanwhile.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $p(\tau)=p+\tau u$ and $a(\tau)=e^{\alpha\tau}(\cos(\beta\tau)\,a+\sin(\beta\tau)\,b)$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# grow, turn = math.exp(___), ___
# return p + ___ + grow * (___ * a + ___ * b)
# ```
#
# </details>

# %% [markdown]
# One lift of the student, and your formula for five moments:
#
# *Go further.* Let `tau` run on to 1.3. What does the student say about a time that nobody taught it?

# %% tags=["collapsed"]
lifting = student.lifting
p, u, (a,), (b,) = (
    part if part.ndim == 2 else part.transpose(0, 1)
    for part in lifting.split(student.lift(x0, 0.0))
)
alpha, beta = lifting.growth.item(), lifting.frequency.item()
mine = torch.stack([state(p, u, a, b, alpha, beta, float(t)) for t in times])
off = (mine[-1] - student.transport(x0)).abs().max()
kc.show("largest difference from the package at t = 1, to four places", f"{off:.4f}")
plotting.films(
    {"teacher": teacher.trajectory(x0, times), "your formula": mine},
    times,
    box,
    hue=x0[:, 0],
    alt="Teacher above, the formula below, at five moments: both rows go from a round cloud to "
    "two moons.",
)
assert torch.allclose(mine[-1], student.transport(x0), atol=1e-4)  # it is the package's

# %% [markdown]
# ## L10-E3 A straight flow is a Jordan block
#
# *core, 6 minutes, importance 2 of 3.* Along straight paths at constant speed $\dot x=v$ and $\dot v=0$. Write the generator `L` of the
# observables $z=(x_1..x_d,v_1..v_d)$, acting on columns: a matrix `(2d, 2d)` in the dtype of the points `x` `(n, d)`, from
# which you need only $d$. Up to the order of the observables it has one Jordan block for each coordinate.
#
# *Example.* For $d=2$ it is `[[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]`.
#
# *It must hold that* $L^2=0$, and that $e^L$ takes $(x,v)$ to $(x+v,v)$: one Euler step.


# %%
def straight_generator(x):
    """L of [x, v] for straight paths, (2d, 2d)."""
    ### BEGIN SOLUTION
    d = x.shape[1]
    return torch.diag(x.new_ones(d), diagonal=d)
    ### END SOLUTION


# %% tags=["check"]
straight_generator = check("L10-E3", straight_generator)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Row $i$ of $L$ says how observable $i$ changes. Which of them change at all, and by what?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $L=\begin{pmatrix}0&I\\0&0\end{pmatrix}$ in blocks of size $d$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# d = x.shape[1]
# return torch.diag(___, diagonal=___)
# ```
#
# </details>

# %% [markdown]
# Now sample with it: $z=(x_0,v(x_0,0))$, one exponential, read $x$. For the teacher with independent pairs and for one with pairs
# of optimal transport, whose paths are nearly straight:
#
# *Go further.* Add $\dot v$ as a third observable, with $\ddot v=0$. Which solver is that?

# %% tags=["collapsed"]
reference = kt.moons.sample(8000, profile.generator(2))
leap = torch.matrix_exp(straight_generator(x0))
samples = {}
for name, flow in {
    "independent": teacher,
    "optimal transport": kc.shipped("moons-ot-teacher"),
}.items():
    z = torch.cat([x0, flow.velocity(x0, 0.0)], dim=1)
    samples[name] = (z @ leap.T)[:, :2]
    assert torch.allclose(samples[name], flow.transport(x0, solver="euler", steps=1), atol=1e-6)
notes = {name: f"SW2 {kt.sliced_wasserstein2(x, reference):.2f}" for name, x in samples.items()}
alt = """One exponential of the nilpotent generator. With the independent teacher all samples are
one dot at the mean; with the optimal-transport teacher they draw two moons, with stray points
between them that the exact sample has not."""
plotting.compare(samples, reference, box, notes=notes, alt=alt)

# %% [markdown]
# ## L10-E4 Back to the noise
#
# *core, 8 minutes, importance 2 of 3.* A lift `z(x, t)` `(n, D)`, of points `(n, d)` and times `(n, 1)` as in E1, holds the state in its first $d$ observables and moves by `L` `(D, D)`, which acts on
# columns. Given points `x1` `(n, d)` at time 1, return the noise $x_0=C\,e^{-L}z(x_1,1)$, `(n, d)`.
#
# *Example.* The straight flow $x(t)=(1+t)\,x(0)$ has `z(x, t) = [x, x / (1 + t)]` and `L = [[0, 1], [0, 0]]`. From `x1 = [[4], [-1]]`:
# $z=(4,2)$ and $(-1,-0.5)$, and the noise is `[[2], [-0.5]]`.
#
# *It must hold that* this flow is undone for any start, and that with $L=0$ nothing moves.


# %%
def invert(z, L, x1):
    """The noise from which x1 came, (n, d)."""
    ### BEGIN SOLUTION
    lifted = z(x1, torch.ones_like(x1[:, :1]))
    return (lifted @ torch.matrix_exp(-L).T)[:, : x1.shape[1]]
    ### END SOLUTION


# %% tags=["check"]
invert = check("L10-E4", invert)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Lift where you stand, at the time your clock shows. Then let the linear motion run backwards.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $z(x_0,0)=e^{-L}z(x_1,1)$; with points as rows, multiply by $(e^{-L})^\top$. The state is the first $d$ columns.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# lifted = z(x1, ___)
# return (lifted @ ___)[:, : ___]
# ```
#
# </details>

# %% [markdown]
# The student's own lift, with its state put in front: observables $(x,u,a,b)$ with $x=p+a$, so $\dot x=u+\alpha a+\beta b$. Your
# inverse on real data:
#
# *Go further.* Move one data point off its arc and invert it. How far does its noise lie from the others?


# %% tags=["collapsed"]
def with_state_first(x, t):
    _, u, a, b = lifting.split(lifting.lift(x.float(), t.float()))
    return torch.cat([x, u, a[:, 0], b[:, 0]], dim=1).to(x)


rows = [[0, 1, alpha, beta], [0, 0, 0, 0], [0, 0, alpha, beta], [0, 0, -beta, alpha]]
L = torch.kron(torch.tensor(rows, dtype=profile.dtype), torch.eye(2, dtype=profile.dtype))
data = kt.moons.sample(500, profile.generator(3))
noise = invert(with_state_first, L, data)
kc.show(
    "error of the round trip", (student.transport(noise) - data).square().mean().sqrt(), digits=2
)
fig, axes = plotting.new_figure(3, height=3.2)
for ax, (name, x) in zip(
    axes, {"data": data, "your inverse": noise, "and forwards": student.transport(noise)}.items()
):
    plotting.cloud(ax, x, data[:, 1], box)
    ax.set_title(name)
alt = """Data on two moons, the round cloud of noise they came from, and the moons again."""
plotting.finish(fig, alt)

# %% [markdown]
# ## L10-E5 A residual that no scale can game
#
# *core, 6 minutes, importance 2 of 3.* From the rates `rate` `(n, D)` of observables `z` `(n, D)` along the flow, and `L` `(D, D)`, return
#
# $$\sqrt{\frac{\mathbb E|\mathcal Lz-Lz|^2}{\mathbb E|Lz|^2}},$$
#
# a number; the expectations are means over the points. $Lz$ is not zero at all points; it may be as small as $10^{-12}$ everywhere,
# or as large as $10^{12}$.
#
# *Example.* `rate = [[3, 0], [1, 0]]`, `z = [[0, 1], [0, 1]]`, `L = [[0, 1], [0, 0]]`: $Lz=(1,0)$ twice, the squared differences are 4
# and 0, so the result is $\sqrt{2/1}=1.41$.
#
# *It must hold that* observables a thousand times smaller (and their rates with them) have the same residual, and that it vanishes
# where the rate is $Lz$.


# %%
def relative_residual(rate, z, L):
    """Root of E|Lie z - L z|^2 over E|L z|^2, a number."""
    ### BEGIN SOLUTION
    lz = z @ L.T
    return ((rate - lz).square().sum(1).mean() / lz.square().sum(1).mean()).sqrt()
    ### END SOLUTION


# %% tags=["check"]
relative_residual = check("L10-E5", relative_residual)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A rate is large or small beside another rate. First both means, then their quotient.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With $q(y)=\frac1n\sum_i|y_i|^2$ the result is $\sqrt{q(\dot z-zL^\top)/q(zL^\top)}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# lz = ___
# return ((rate - lz).square().sum(___).mean() / ___).sqrt()
# ```
#
# </details>

# %% [markdown]
# Three models at the middle of their teacher's paths. Which one would you have chosen by its loss?
#
# *Go further.* Can a model game the *relative* residual, too? Think of an observable that is huge and easy.

# %%
x = states[5]
t = torch.full_like(x[:, :1], 0.5)
for name in ("moons-consistency", "moons-autoencoder", "moons-collapsed"):
    flow = kc.shipped(name)
    z, rate = flow.lifting.rate(x, t, teacher.velocity(x, t))
    L = flow.lifting.generator()
    free = slice(flow.lifting.n_clock, None)  # the clock is no achievement
    loss = (rate - z @ L.T).square().sum(1).mean() / 2
    kc.show(
        f"{name:17}: loss, relative residual",
        [loss, relative_residual(rate[:, free], z, L[free])],
        digits=1,
    )

# %% [markdown]
# ## L10-E6 Gains on the modes
#
# *core, 8 minutes, importance 2 of 3.* A path is $x(t)=p+t\,u+2\,\mathrm{Re}\sum_ke^{\lambda_kt}A_k$, with `position` $p$ and `drift` $u$
# `(n, d)`, complex `rates` $\lambda$ `(K,)` and complex `amplitudes` $A$ `(K, n, d)`. Return the state at `t` with each pair multiplied by its gain, from `gains` `(K,)`,
# real and of the dtype of `position`:
#
# $$x(t)=p+t\,u+2\,\mathrm{Re}\sum_k\gamma_k\,e^{\lambda_kt}A_k.$$
#
# *Example.* `position = [[1]]`, `drift = [[2]]`, one pair with rate $i\pi$ and amplitude $3-4i$, gain `0.5`, `t = 0.5`: $e^{i\pi/2}(3-4i)=4+3i$,
# so the state is $1+1+2\cdot0.5\cdot4=6$.
#
# *It must hold that* the state is linear in the gains, and that with all gains zero the paths are straight.


# %%
def edited(position, drift, rates, amplitudes, gains, t):
    """The state at t with gains on its modes, (n, d)."""
    ### BEGIN SOLUTION
    turn = gains * torch.exp(rates * t)
    return position + t * drift + 2 * torch.einsum("k,knd->nd", turn, amplitudes).real
    ### END SOLUTION


# %% tags=["check"]
edited = check("L10-E6", edited)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Each complex mode comes with its conjugate, so that the sum is real. Give both the same gain.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\gamma e^{\lambda t}A+\overline{\gamma e^{\lambda t}A}=2\gamma\,\mathrm{Re}(e^{\lambda t}A)$ for a real $\gamma$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# turn = gains * ___
# return position + ___ + 2 * torch.einsum("k,knd->nd", turn, ___).real
# ```
#
# </details>

# %% [markdown]
# Turn the pair of the student down, at the end of the path:
#
# *Go further.* Do the same with `moons-consistency-2`, the same teacher's student with another spectrum. Are "its modes" the same modes?

# %% tags=["collapsed"]
modes = student.modes(x0)
parts = (modes.position, modes.drift, modes.rates, modes.amplitudes)
gains = (1.0, 0.75, 0.5, 0.25, 0.0)
turned = [edited(*parts, torch.tensor([gain], dtype=profile.dtype), 1.0) for gain in gains]
off = (turned[0] - student.transport(x0)).abs().max()
kc.show("what a gain of one changes at most, to four places", f"{off:.4f}")
fig, axes = plotting.new_figure(5, height=2.0)
for ax, gain, x in zip(axes, gains, turned):
    plotting.cloud(ax, x, x0[:, 0], (-3.5, 3.5))
    ax.set_title(f"gain {gain:g}")
alt = """Samples with the pair's gain falling from one to zero: the moons shrink and curl up into a
small round cloud."""
plotting.finish(fig, alt)
assert torch.allclose(turned[0], student.transport(x0), atol=1e-4)  # a gain of one changes nothing

# %% [markdown]
# ## L10-E7 The target of MeanFlow
#
# *side-road, 8 minutes, importance 1 of 3.* `u(x, s, t)` `(n, d)` is a network's mean velocity from the times `s` to the times `t`, both `(n, 1)`,
# of the paths that pass through the points `x` `(n, d)` at `s`. Where these paths move with `v` `(n, d)`, the end $x+(t-s)\,u$ of the
# interval must not change along them. So the network should say
#
# $$v+(t-s)\,\frac{du}{ds},$$
#
# with the derivative of $u$ along the path: $x$ moves with $v$, $s$ with the clock, and $t$ stays. Return this target, `(n, d)`. It is a
# number to aim at, so **no gradient may pass through it**: its `requires_grad` is False, also where the network's weights
# have gradients. An interval may have no length, or run backwards.
#
# *Example.* `u(x, s, t) = s * x + t` on the line, `x = [[2]]`, `s = [[0.25]]`, `t = [[0.75]]`, `v = [[4]]`: along the path $u$ changes by
# $0.25\cdot4+2=3$, so the target is $4+0.5\cdot3=5.5$.
#
# *It must hold that* the mean velocity of a Gaussian flow, which is known in closed form, is its own target; and that the target of an interval without
# length is $v$.
#
# *Go further.* The folded cell below draws the pairs that pass through one point. Draw any pairs, and train a small network on such targets.


# %%
def meanflow_target(u, x, s, t, v):
    """What u(x, s, t) should be, (n, d); no gradient passes."""
    ### BEGIN SOLUTION
    still, runs = torch.zeros_like(t), torch.ones_like(s)
    _, du = torch.func.jvp(u, (x, s, t), (v, runs, still))
    return (v + (t - s) * du).detach()
    ### END SOLUTION


# %% tags=["check"]
meanflow_target = check("L10-E7", meanflow_target)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# It is the derivative of E1, of another function: two of its three arguments move. Which ones, and how fast?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\frac{du}{ds}=\frac{d}{d\epsilon}u(x+\epsilon v,\ s+\epsilon,\ t)\big|_{\epsilon=0}$. A tensor without its gradients is `.detach()`.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# still, runs = torch.zeros_like(t), ___
# _, du = torch.func.jvp(u, (x, s, t), (___, ___, still))
# return (v + ___ * du).___
# ```
#
# </details>

# %% tags=["collapsed"]
# A flow to one Gaussian, whose mean velocity is known. With its own velocity each target is u.
# A training without a teacher knows pairs alone, and takes x1 - x0 for v: single targets scatter,
# and their mean over the pairs that pass through a point is u again.
spread = 0.4
point, (s, t) = torch.tensor([[-0.9]], dtype=profile.dtype), (0.3, 0.8)


def width(t):
    return (t**2 * spread**2 + (1 - t) ** 2) ** 0.5


def exact(x, s, t):
    """The mean velocity of the flow from N(0, 1) to N(0, spread^2)."""
    return (width(t) / width(s) - 1) * x / (t - s)


n = 20_000  # pairs that pass through the point at time s: x1 given (1 - s) x0 + s x1
x = point.repeat(n, 1)
mean, sd = s * spread**2 / width(s) ** 2 * x, (1 - s) * spread / width(s)
x1 = mean + sd * torch.randn(n, 1, dtype=profile.dtype, generator=profile.generator(9))
pairs = (x1 - x) / (1 - s)  # x1 - x0
clocks = [torch.full_like(x, value) for value in (s, t)]
targets = meanflow_target(exact, x, *clocks, pairs)
u = exact(point, s, t).item()
own = kt.GaussianFlow([0.0], [[spread**2]]).velocity(point, s)
by_flow = meanflow_target(exact, point, *(clock[:1] for clock in clocks), own)
kc.show("u, its target with the flow's own velocity", [u, by_flow.item()], digits=3)
kc.show("targets of pairs: mean, standard deviation", [targets.mean(), targets.std()], digits=2)
# u is its own target, and the mean of the targets of pairs
assert abs(by_flow.item() - u) < 1e-6 and abs(targets.mean() - u) < 0.05

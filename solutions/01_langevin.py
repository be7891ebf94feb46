# %% [markdown]
# # Exercises 01: why is sampling slow?
#
# **50 minutes · level: core · device: CPU · prerequisites: [lesson 01](../notebooks/01_langevin.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, run the cell, then run the check below it, as often as you like. A check says what is
# wrong in words. Until it passes, the notebook goes on with the course's answer, so that nothing ever blocks you. Each exercise has three hints; open them one
# at a time, and only when you are stuck.
#
# Everything is in the clock of the course, $dX = s(X)\,dt + \sqrt2\,dW$ with the score $s=\nabla\log\pi$.

# %%
from koopcourse import check, plotting, setup

profile = setup("01")

# %%
import math

import torch

import koopteach as kt
import koopcourse as kc

trio = kt.GaussianMixture([[-2, 0], [2, 0], [0, 2.5]], [0.6, 0.6, 0.4], [0.5, 0.3, 0.2])
box = (-4.2, 4.2)

# %% [markdown]
# ## L01-E1 The score of a Gaussian mixture
#
# *core, 12 minutes, importance 3 of 3.* The mixture $\pi(x)=\sum_k w_k\,N(x;\mu_k,\sigma_k^2 I)$ in $\mathbb R^d$ has the parameters `means` `(k, d)`, `stds` `(k,)` and `weights` `(k,)`, positive and adding up to
# one. Return its score at the points `x` `(n, d)`: a tensor `(n, d)`.
#
# *Example.* In one dimension, `means = [[-1], [1]]`, `stds = [1, 1]`, `weights = [0.75, 0.25]`. Midway, at `x = 0`, both modes explain the point
# equally well, so the weights decide: $0.75\cdot(-1) + 0.25\cdot 1 = -0.5$. At `x = 1` the score is $-0.578$.
#
# *It must hold that* a mixture of one Gaussian has the score $(\mu-x)/\sigma^2$, and that your answer is the gradient of the log density. It should also be right in any units, far from the origin, and at
# points far from all modes, where every single Gaussian underflows to zero.


# %%
def mixture_score(x, means, stds, weights):
    """The gradient of the log density at each point, (n, d)."""
    ### BEGIN SOLUTION
    offset = means - x[:, None]  # (n, k, d)
    log_parts = weights.log() - x.shape[1] * stds.log() - (offset**2).sum(-1) / (2 * stds**2)
    shares = log_parts.softmax(dim=1)  # (n, k)
    return (shares[:, :, None] * offset / stds[:, None] ** 2).sum(dim=1)
    ### END SOLUTION


# %% tags=["check"]
mixture_score = check("L01-E1", mixture_score)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Each mode pulls towards its own mean, and alone it would pull with $(\mu_k-x)/\sigma_k^2$. At a given point the modes share the say:
# the share of a mode is the probability that this point came from it, which depends on the point.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $$s(x)=\sum_k p_k(x)\,\frac{\mu_k-x}{\sigma_k^2},\qquad p_k(x)=\frac{w_k N(x;\mu_k,\sigma_k^2I)}{\sum_l w_l N(x;\mu_l,\sigma_l^2I)} .$$
#
# The shares $p_k$ are a softmax of $\log w_k-d\log\sigma_k-|x-\mu_k|^2/2\sigma_k^2$, and softmax does not underflow.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# offset = means - x[:, None]  # (n, k, d)
# log_parts = ___ - x.shape[1] * stds.log() - (offset**2).sum(-1) / ___
# shares = log_parts.softmax(dim=___)
# return (shares[:, :, None] * ___).sum(dim=1)
# ```
#
# </details>

# %% [markdown]
# See it work. Follow your score uphill, *without* noise, from 400 points everywhere: the modes divide the plane among themselves.

# %%
start = 2.0 * torch.randn(400, 2, generator=profile.generator(1), dtype=torch.float64)
x = start
for _ in range(200):
    x = x + 0.05 * mixture_score(x, trio.modes, trio.stds[:, 0], trio.mode_weights)
owner = torch.cdist(x, trio.modes).argmin(dim=1)

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.4)
plotting.density(ax, trio.log_prob, box)
for k, (color, marker) in enumerate(zip(("model", "rival", "data"), "o^s")):
    mine = start[owner == k]
    ax.scatter(*mine.T, s=14, marker=marker, color=plotting.COLORS[color], linewidths=0)
ax.set(
    xlim=box,
    ylim=box,
    xticks=[],
    yticks=[],
    aspect="equal",
    title="where each point ends, by colour",
)
plotting.finish(
    fig,
    "Four hundred starting points in the plane, coloured by the mode that the score leads them to; "
    "each mode owns one connected region around itself.",
)

# %% [markdown]
# *Go further.* Let the stds differ in each coordinate, `stds` `(k, d)`. Which line changes, and what happens to the term with the logarithm?

# %% [markdown]
# ## L01-E2 A Langevin chain, thinned
#
# *core, 10 minutes, importance 3 of 3.* Run $x \leftarrow x + h\,s(x) + \sqrt{2h}\,\xi$ for all walkers at once. You are given the function `score`, `(n, d) -> (n, d)`, the starts `x0` `(n, d)`, the step
# `h`, and the normal numbers of all steps, `noise` `(n_steps, n, d)`, one slice for each step. Keep the start and then the state after each `every`-th step. Return `(n_steps // every + 1, n, d)`.
#
# *Example.* One walker at 2 on the line, `score(x) = -4x`, `h = 0.125`, so that $\sqrt{2h}=1/2$, and the noise is 0, -1, 2, 1. It visits 2, then $2-1+0=1$, then $1-0.5-0.5=0$, then $0+1=1$, then $1-0.5+0.5=1$. With `every = 2` the answer is `[[[2]], [[0]], [[1]]]`.
#
# *It must hold that* without noise, on the score $-x$, the last of $N$ kept steps is $(1-h)^N x_0$; and that with the same random numbers it is what `koopteach.langevin_trajectory` returns. The start must not be modified.


# %%
def langevin_chain(score, x0, h, noise, every):
    """The start and every every-th state of the chain, (n_steps // every + 1, n, d)."""
    ### BEGIN SOLUTION
    x, kept = x0, [x0]
    for step, kick in enumerate(noise, start=1):
        x = x + h * score(x) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x)
    return torch.stack(kept)
    ### END SOLUTION


# %% tags=["check"]
langevin_chain = check("L01-E2", langevin_chain)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A loop over the steps, none over the walkers: they move independently, and a tensor operation moves all of them. Two things go on in the loop, moving and, now and then, keeping.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $X_{j+1}=X_j+h\,s(X_j)+\sqrt{2h}\,\xi_j$ with $\xi_j$ = `noise[j]`, for $j=0,\dots,N-1$. Kept are $X_0, X_e, X_{2e},\dots$ with $e$ = `every`; `torch.stack` joins a list of tensors along a new first axis.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# x, kept = x0, [x0]
# for step, kick in enumerate(noise, start=1):
#     x = x + ___
#     if ___:
#         kept.append(x)
# return torch.stack(kept)
# ```
#
# </details>

# %% [markdown]
# See it work: your chain on your score, from the left mode.

# %%
start = trio.modes[0] + 0.3 * torch.randn(
    500, 2, generator=profile.generator(2), dtype=torch.float64
)
noise = torch.randn(1200, 500, 2, generator=profile.generator(3), dtype=torch.float64)
path = langevin_chain(
    lambda x: mixture_score(x, trio.modes, trio.stds[:, 0], trio.mode_weights),
    start,
    0.05,
    noise,
    100,
)
share = [float(kt.mode_weights(x, trio.modes)[0]) for x in path]
kc.show(
    "share in the left mode, steps 0, 200, 600, 1200, exact 0.5",
    [share[k] for k in (0, 2, 6, 12)],
    2,
)

# %% tags=["collapsed"]
steps = 100 * torch.arange(len(path))
alt = (
    "Four moments of a Langevin chain that starts in the left one of three modes and slowly fills"
    " the other two."
)
plotting.film_strip(path, [0, 200, 600, 1200], box, log_prob=trio.log_prob, records=steps, alt=alt)

# %% [markdown]
# *Go further.* A Metropolis test makes the chain exact at every step size: propose $y$ by your step, and accept it with probability
# $\min\!\big(1, \frac{\pi(y)\,q(x|y)}{\pi(x)\,q(y|x)}\big)$, where $q$ is the Gaussian of the proposal. The method is called MALA, `kt.MALA`. Which of the two failures of the lesson does it cure, the bias or the waiting?

# %% tags=["nbval-ignore-output"]
deep = kt.DoubleWell(4.0).to(profile.device)
left = -torch.ones(2000, 1, dtype=profile.dtype, device=profile.device)
shares = {}
for name, method in {
    "ULA": kt.ULA(deep.score, step_size=0.02),
    "MALA": kt.MALA(deep, step_size=0.02),
}.items():
    after = kt.run_particles(method, left, n_steps=250, generator=profile.generator(8)).final[:, 0]
    there, shares[name] = after[after < 0], (after > 0).double().mean()
    kc.show(
        f"{name:4} spread within the left well, share that has crossed",
        [there.std(), shares[name]],
        2,
    )

# %% tags=["collapsed"]
# neither method waits less: most walkers have not crossed
assert all(crossed < 0.3 for crossed in shares.values())

# %% [markdown]
# ## L01-E3 The generator on the square of the distance
#
# *core, 10 minutes, importance 3 of 3.* Take the Ornstein-Uhlenbeck process in $\mathbb R^d$, whose score is $s(x)=-\theta x$, and the function $f(x)=|x|^2$. Compute $Lf = s\cdot\nabla f+\Delta f$ by hand, and return its
# values at the points `x` `(n, d)`, for a number `theta` $>0$: a tensor `(n,)`.
#
# *Example.* With `theta = 0.5`, at the point $(1, 2)$: $Lf = -1$, and at the origin $Lf = 4$.
#
# *It must hold that* the mean of $Lf$ over the law of equilibrium, $N(0, I/\theta)$, is zero; and that for a short time $t$ the mean of $|X_t|^2$, started at $x$, is $|x|^2 + t\,(Lf)(x)$.


# %%
def generator_of_square(x, theta):
    """L f at each point for f(x) = |x|^2, (n,)."""
    ### BEGIN SOLUTION
    d = x.shape[1]
    return 2 * d - 2 * theta * (x**2).sum(dim=1)
    ### END SOLUTION


# %% tags=["check"]
generator_of_square = check("L01-E3", generator_of_square)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Two forces work on the square of the distance. The drift pulls a walker in, the more the farther out it is. The noise pushes it out, everywhere by the same amount, and in each coordinate.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\nabla|x|^2=2x$. The Laplacian is the sum of the second derivatives, one for each of the $d$ coordinates. The dot product $s\cdot\nabla f$ sums over the coordinates too.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# d = x.shape[1]
# return ___ - ___ * (x**2).sum(dim=___)
# ```
#
# </details>

# %% [markdown]
# See it work. Since the mean of $|X|^2$ changes by the mean of $Lf$, and here $Lf$ is a function of $|x|^2$ alone, you can predict the mean for all times from single numbers: step along with your $Lf$, and compare with 4,000 walkers.

# %%
theta, dt, n_steps = 0.8, 0.01, 300
ou = kt.OrnsteinUhlenbeck(2, theta)
start = torch.tensor([[2.0, -1.5]], dtype=torch.float64).expand(4000, 2)
path = kt.langevin_trajectory(ou, start, n_steps=n_steps, dt=dt, generator=profile.generator(4))
predicted = [float(start[0].square().sum())]
for _ in range(n_steps):
    where = torch.tensor(
        [[math.sqrt(predicted[-1]), 0.0]], dtype=torch.float64
    )  # any point at that distance
    predicted.append(predicted[-1] + dt * float(generator_of_square(where, theta)))
time = dt * torch.arange(n_steps + 1)

# %% tags=["collapsed"]
plotting.curves(
    time,
    {"4,000 walkers": path.square().sum(dim=2).mean(dim=1), "from the generator": predicted},
    xlabel="time",
    ylabel="mean square distance",
    title="how the mean relaxes",
    alt="The mean square distance of 4,000 walkers falls from 6.25 to 2.5 and lies on the curve "
    "that the generator predicts.",
)
assert abs(float(path[-1].square().sum(dim=1).mean()) - predicted[-1]) < 0.4

# %% [markdown]
# *Go further.* Find a constant $c$ such that $f(x)=|x|^2-c$ satisfies $Lf=-\lambda f$. You have found an eigenfunction by hand; which rate $\lambda$ has it?

# %% [markdown]
# ## L01-E4 What a finite step does to the variance
#
# *core, 10 minutes, importance 2 of 3.* On the Ornstein-Uhlenbeck target in one dimension ULA is $x\leftarrow(1-\theta h)\,x+\sqrt{2h}\,\xi$. Which variance does this chain settle at? Return it for the step sizes `h` `(m,)` and a number `theta`, all positive, as a
# tensor `(m,)`, with `math.inf` for those step sizes at which it does not settle. No digits should be lost where `h` is tiny.
#
# *Example.* With `theta = 1` and `h = [0.5, 1, 3]` the answer is `[1.3333, 2, inf]`. The target's variance is 1.
#
# *It must hold that* one more step does not change the variance: $(1-\theta h)^2\,v+2h=v$; and that $v\to1/\theta$ as $h\to0$.


# %%
def ula_variance(h, theta):
    """The stationary variance of ULA for each step size, infinite where there is none, (m,)."""
    ### BEGIN SOLUTION
    variance = 1 / (theta * (1 - theta * h / 2))
    return torch.where(theta * h < 2, variance, math.inf)
    ### END SOLUTION


# %% tags=["check"]
ula_variance = check("L01-E4", ula_variance)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A step does two things to the variance: it shrinks what is there and adds fresh noise. The chain is stationary when the two balance. If a step does not shrink, there is no balance.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $v=(1-\theta h)^2v+2h$, so $v=2h\,/\,\big(1-(1-\theta h)^2\big)$. For small $h$ this bracket is a difference of nearly equal numbers; multiplied out it is $\theta h\,(2-\theta h)$, and an $h$ cancels. It shrinks if $|1-\theta h|<1$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# variance = ___
# return torch.where(___, variance, math.inf)
# ```
#
# </details>

# %% [markdown]
# See it work. The black line is your formula, the dots are 4,000 walkers after 200 steps.

# %%
line = torch.linspace(0.02, 1.9, 60, dtype=torch.float64)
tried = [0.1, 0.4, 0.8, 1.2, 1.5]
target = kt.OrnsteinUhlenbeck(1)
begin = target.sample(4000, profile.generator(5))
ran = []
for h in tried:
    method = kt.ULA(target.score, step_size=h)
    run = kt.run_particles(
        method, begin, n_steps=200, record_every=200, generator=profile.generator(6)
    )
    ran.append(float(run.final.var()))
predicted = ula_variance(torch.tensor(tried, dtype=torch.float64), 1.0)

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
ax.axhline(1, color=plotting.COLORS["floor"], label="the target")
ax.plot(line, ula_variance(line, 1.0), color=plotting.COLORS["reference"], label="your formula")
ax.plot(tried, ran, "o", color=plotting.COLORS["model"], markersize=7, label="4,000 walkers")
ax.set(
    xlabel=r"step size $h$, $\theta$ = 1", ylabel="variance", ylim=(0, 8), title="ULA is too wide"
)
ax.legend(loc="upper left")
plotting.finish(
    fig,
    "Variance of ULA against the step size: dots of a simulation lie on the curve of the "
    "formula, which starts at 1 and grows without bound as the step goes to 2.",
)
assert all(abs(v / float(p) - 1) < 0.15 for v, p in zip(ran, predicted))

# %% [markdown]
# *Go further.* To keep the error of the variance below 1 % you need $\theta h<0.02$. A target has $\theta=1$ along one axis and $\theta=1000$ along another. How many steps is one relaxation time of the slow axis?

# %% [markdown]
# ## L01-E5 The noise floor
#
# *warm-up, 8 minutes, importance 3 of 3.* You have a `metric` that makes a `float` of a sample `(n, d)`, and `draws` `(repeats, n, d)`: several exact samples of the size that you want to judge. Return the pair
# (mean, standard deviation) of the metric over the draws, two numbers. The standard deviation is the usual estimate, with `repeats - 1` in the denominator, right also where the values are large and alike.
#
# *Example.* The metric is the first coordinate of the first point, and the three draws begin with 1, 2 and 6. The floor is the pair `(3, 2.6458)`, for $\sqrt7=2.6458$.
#
# *It must hold that* a metric which always says 2.5 has the floor `(2.5, 0)`, and that the metric sees one draw at a time.


# %%
def noise_floor(metric, draws):
    """Mean and standard deviation of the metric over exact samples."""
    ### BEGIN SOLUTION
    values = torch.tensor([metric(draw) for draw in draws], dtype=draws.dtype)
    return float(values.mean()), float(values.std())
    ### END SOLUTION


# %% tags=["check"]
noise_floor = check("L01-E5", noise_floor)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# What would a *perfect* sampler score? Let one play, several times, under the very conditions of your own sampler: the same number of points.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With $v_r$ the metric of draw $r$: the mean $\bar v=\frac1R\sum_r v_r$ and the spread $\sqrt{\frac1{R-1}\sum_r(v_r-\bar v)^2}$. Torch's `std` divides by $R-1$ by itself.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# values = torch.tensor([___ for draw in draws], dtype=draws.dtype)  # by default it makes float32 of floats
# return float(___), float(___)
# ```
#
# </details>

# %% [markdown]
# See it work: the floor of the mode weights falls as the sample grows. A sampler whose weights are off by 0.04 does as well as exact sampling
# can with 100 points. With 1,600 points the same 0.04 is a fault.

# %%
sizes, source = [50, 100, 200, 400, 800, 1600], profile.generator(7)
draws = [torch.stack([trio.sample(size, source) for _ in range(20)]) for size in sizes]


def weights_off_by(x):
    return kt.total_variation(kt.mode_weights(x, trio.modes), trio.mode_weights)


means, sds = torch.tensor([noise_floor(weights_off_by, some) for some in draws]).T

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
ax.fill_between(
    sizes,
    means - sds,
    means + sds,
    color=plotting.COLORS["floor"],
    alpha=0.4,
    label="mean ± sd of 20",
)
ax.plot(sizes, means, color=plotting.COLORS["reference"], marker="o")
ax.axhline(0.04, color=plotting.COLORS["error"], linestyle="--", label="off by 0.04")
ax.set(
    xscale="log",
    xlabel="points in the sample",
    ylabel="mode weights off by",
    ylim=(0, None),
    title="a noise floor",
)
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend()
alt = """The noise floor of the mode weights against the number of points, from 50 to 1600,
with a band of one standard deviation: it falls steadily and passes below 0.04 between 100 and
200 points."""
plotting.finish(fig, alt)
assert means[-1] + 3 * sds[-1] < 0.04 < means[0] + sds[0]

# %% [markdown]
# *Go further.* Draw this floor with both axes logarithmic. Why is its slope close to $-1/2$? The floor of `kt.kl_histogram` falls nearly like $1/n$ instead. What is different about it?

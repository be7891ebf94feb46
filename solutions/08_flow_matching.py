# %% [markdown]
# # Exercises 08: flow matching
#
# **43 minutes · level: core · device: CPU is enough · prerequisites: [lesson 08](../notebooks/08_flow_matching.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("08")

# %% [markdown]
# The playground for all exercises: eight Gaussians, the exact flow to them, and some noise.

# %%
import torch

from koopcourse import check, plotting

toy = kt.eight_gaussians.to(profile.device)
flow = kt.MixtureFlow(toy)
noise = flow.source(1000, profile.generator(1))
box = (-3.0, 3.0)

# %% [markdown]
# ## L08-E1 Point and target
#
# *warm-up, 7 minutes, importance 3 of 3.* One batch of conditional flow matching. Given noise `x0` `(n, d)`, data `x1` `(n, d)`
# and times `t` `(n,)` in $[0,1]$, both ends included, one for each pair, return the point and the velocity of equation (2),
#
# $$x_t=(1-t)\,x_0+t\,x_1,\qquad u=x_1-x_0,$$
#
# both `(n, d)`.
#
# *Example.* `x0 = [[0, 0], [1, 1]]`, `x1 = [[4, 8], [1, 3]]`, `t = [0.25, 0.5]` give the points `[[1, 2], [1, 2]]` and
# the targets `[[4, 8], [0, 2]]`.
#
# *It must hold that* $x_t+(1-t)\,u=x_1$: from the point, the target leads to the data in the time that is left.


# %%
def training_pair(x0, x1, t):
    """The point between noise and data, and the velocity to learn there."""
    ### BEGIN SOLUTION
    column = t[:, None]
    return (1 - column) * x0 + column * x1, x1 - x0
    ### END SOLUTION


# %% tags=["check"]
training_pair = check("L08-E1", training_pair)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A car drives from the noise to the data in one unit of time, at constant speed. Where is it at time $t$, how fast is it?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $(x_t)_{ij}=(1-t_i)\,(x_0)_{ij}+t_i\,(x_1)_{ij}$: the time goes with the row.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# column = t[:, ___]
# return (1 - column) * ___ + column * ___, ___
# ```
#
# </details>

# %% [markdown]
# See it work: your pairs are the data of a regression. The simplest of all, a linear one at time one half, finds for
# Gaussian data the exact velocity.

# %%
gaussian = kt.GaussianFlow([1.0, -1.0], [2.0, 0.1])
x1 = gaussian.exact(flow.source(50_000, profile.generator(2)).cpu(), [1.0])[0]
x0 = flow.source(50_000, profile.generator(3)).cpu()
point, target = training_pair(x0, x1, torch.full_like(x0[:, 0], 0.5))
features = torch.cat([point, torch.ones_like(point[:, :1])], dim=1)
fitted = features @ torch.linalg.lstsq(features, target).solution
exact = gaussian.velocity(point, 0.5)
error = (fitted - exact).norm() / exact.norm()
kc.show("relative error", error, digits=1)
kc.show(
    "what is left of the target: the lines cross",
    (target - fitted).norm() / target.norm(),
    digits=2,
)

# %% tags=["collapsed"]
# the fit is the exact velocity, but for chance
assert error < 0.03

# %% [markdown]
# *Go further.* Make the slips of the lesson's list one by one, and look at `fitted` beside `exact`. Which hurts most?

# %% [markdown]
# ## L08-E2 The best velocity for given data
#
# *core, 12 minutes, importance 3 of 3.* The data are the $m$ rows of `data`, each with probability $1/m$; noise is paired with them at random.
# Given $x_1$, the point $x_t$ is $N(t\,x_1,(1-t)^2I)$, and the line through $x$ that ends in $x_1$ has the velocity
# $(x_1-x)/(1-t)$. So the conditional mean (3) is
#
# $$v^*(x,t)=\frac{\sum_jp_j(x)\,x_1^{(j)}-x}{1-t},\qquad p_j(x)\propto\exp\Big(-\frac{|x-t\,x_1^{(j)}|^2}{2(1-t)^2}\Big),$$
#
# where the $p_j(x)$ sum to one. Return it for points `x` `(n, d)`, one number `t` in $[0,1)$ and `data` `(m, d)`; it must also be
# right, and finite, for points far from all data.
#
# *Example.* On the line, with `data = [[-2], [2]]` and `t = 0.5`: at `x = 0` both are as likely and the velocity is 0. At
# `x = 1` the squared distances to $\mp1$ are 4 and 0, the exponents $-8$ and 0, hence $p=(0.0003,\,0.9997)$ and
# $v=(2\tanh4-1)/0.5=1.9973$.
#
# *It must hold that* at time 0 the velocity is the mean of the data minus $x$.


# %%
def data_velocity(x, t, data):
    """E[x1 - x0 | x_t = x], (n, d)."""
    ### BEGIN SOLUTION
    square = (x[:, None] - t * data).square().sum(dim=2)
    p = torch.softmax(-square / (2 * (1 - t) ** 2), dim=1)
    return (p @ data - x) / (1 - t)
    ### END SOLUTION


# %% tags=["check"]
data_velocity = check("L08-E2", data_velocity)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# You stand at $x$ at time $t$ and see a car pass. Which data may it be going to, and how likely is each? Average their velocities.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With exponents $a_{ij}=-|x_i-t\,x_1^{(j)}|^2/2(1-t)^2$ of shape `(n, m)`, the probabilities are their softmax over $j$, and the mean
# of the data under them is a product of matrices.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# square = (x[:, None] - ___).square().sum(dim=2)
# p = torch.softmax(___, dim=___)
# return (p @ ___ - x) / ___
# ```
#
# </details>

# %% [markdown]
# A network that minimised the loss on 40 data *perfectly* would be this field. Solve it, and look where samples end.

# %%
few = toy.sample(40, profile.generator(4))
x, n_steps = noise, 60
for t in torch.linspace(0, 1, n_steps + 1).tolist()[:-1]:
    x = x + data_velocity(x, t, few) / n_steps
nearest = torch.cdist(x, few).min(dim=1).values
remembered = (nearest < 0.05).double().mean()
kc.show("samples within 0.05 of a datum", f"{remembered:.0%}")

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=4.0)
plotting.points(axes[0], few, (-2.0, 2.0), color="data", title="40 data")
plotting.points(axes[1], x, (-2.0, 2.0), title="1,000 samples of the perfect fit")
plotting.finish(
    fig,
    "Left: forty data. Right: a thousand samples of the perfect fit, which lie on the forty data.",
)
assert remembered > 0.98  # all but a few

# %% [markdown]
# Nothing new comes out: **the perfect minimiser remembers**. All that a generative model invents, it owes to the fit being imperfect, in a
# way that happens to please us.
#
# *Go further.* Multiply the variance $(1-t)^2$ in the weights by 4 and draw again. What has become smoother?

# %% [markdown]
# ## L08-E3 The midpoint method
#
# *core, 8 minutes, importance 2 of 3.* Solve $\dot x=v(x,t)$ from $t=0$ to $t=1$ by `n_steps` equal midpoint steps,
#
# $$x\leftarrow x+h\,v\big(x+\tfrac h2\,v(x,t),\ t+\tfrac h2\big),\qquad h=1/n.$$
#
# `velocity(x, t)` takes points `(n, d)` and a number (a tensor without axes will do). Take exactly `n_steps` steps, whatever
# rounding does to the times. Return the end points `(n, d)`; do not change `x` in place.
#
# *Example.* $v=x+2t$ from $x=2$ in one step: $v(2,0)=2$, the middle is $2+\frac12\cdot2=3$, its velocity
# $3+2\cdot\frac12=4$, and the end $2+4=6$.
#
# *It must hold that* a velocity $2t$, the same everywhere, moves all points by exactly 1; and that `velocity` is asked
# twice a step.


# %%
def midpoint(velocity, x, n_steps):
    """The points at time 1, (n, d)."""
    ### BEGIN SOLUTION
    h = 1 / n_steps
    for i in range(n_steps):
        middle = x + h / 2 * velocity(x, i * h)
        x = x + h * velocity(middle, (i + 0.5) * h)
    return x
    ### END SOLUTION


# %% tags=["check"]
midpoint = check("L08-E3", midpoint)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Take half an Euler step to see what the velocity is like there and then. Go back, and take the whole step with it.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Step $i$ begins at $t=ih$; its second velocity belongs to the time $(i+\frac12)h$ and to the middle point.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# h = 1 / n_steps
# for i in range(n_steps):
#     middle = x + ___ * velocity(x, i * h)
#     x = x + h * velocity(middle, ___)
# return ___
# ```
#
# </details>

# %% [markdown]
# How fast does the error fall? Three broad Gaussians, whose flow bends gently. Twice the steps should leave a quarter.

# %%
import itertools

gentle = kt.MixtureFlow(kt.GaussianMixture.ring(3, 1.4, 0.7)).to(profile.device)
truth = gentle.transport(noise, solver="rk4", steps=100)
errors = []
for n in (8, 16, 32, 64):
    errors.append(
        (midpoint(gentle.velocity, noise, n) - truth).square().sum(1).mean().sqrt().item()
    )
ratios = [a / b for a, b in itertools.pairwise(errors)]
kc.show("error with half the steps / error", ratios, digits=2)

# %% tags=["collapsed"]
# a method of second order: a quarter
assert 3.5 < ratios[-1] < 4.5

# %% [markdown]
# *Go further.* Write RK4, and find from which number of evaluations on it beats midpoint for this flow.

# %% [markdown]
# ## L08-E4 Pairs by optimal transport
#
# *core, 8 minutes, importance 2 of 3.* Given noise `x0` and data `x1`, both `(n, d)`, return the rows of `x1` in the order that pairs row
# $i$ of the result with row $i$ of `x0`, so that $\sum_i|x_0^{(i)}-x_1^{(\sigma(i))}|^2$ is least among all
# permutations $\sigma$ (where several are best, any of them). SciPy solves it: `rows, columns = linear_sum_assignment(cost)` takes the costs `(n, n)` as a numpy
# array and returns numpy arrays; row `rows[i]`, which is $i$, belongs to column `columns[i]`. (`torch.as_tensor(columns)` makes an index.)
#
# *Example.* `x0 = [[0], [1], [4]]` and `x1 = [[4.5], [0.5], [1.5]]`: the result is `[[0.5], [1.5], [4.5]]`.
#
# *It must hold that* each datum is used once, and that data which are the noise, all moved by one vector and shuffled, find their own
# noise.

# %%
from scipy.optimize import linear_sum_assignment


def transport_pairs(x0, x1):
    """The partners of x0 among the rows of x1, (n, d)."""
    ### BEGIN SOLUTION
    cost = torch.cdist(x0.double(), x1.double()).square()
    columns = linear_sum_assignment(cost.cpu().numpy())[1]
    return x1[torch.as_tensor(columns)]
    ### END SOLUTION


# %% tags=["check"]
transport_pairs = check("L08-E4", transport_pairs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# It is an assignment problem: a table of costs, one row for each noise, one column for each datum, one choice in each row.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $c_{ij}=|x_0^{(i)}-x_1^{(j)}|^2$, and the partner of noise $i$ is datum number `columns[i]`.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# cost = torch.cdist(___, ___).square()
# columns = linear_sum_assignment(cost.cpu().numpy())[1]
# return x1[torch.as_tensor(___)]
# ```
#
# </details>

# %% [markdown]
# Eighty pairs as they came, and in your order:

# %%
x0, x1 = noise[:80], toy.sample(80, profile.generator(5))
orders = {"as they came": x1, "in your order": transport_pairs(x0, x1)}
lengths = {name: (ends - x0).square().sum(1).mean() for name, ends in orders.items()}
kc.show("mean squared length, before and after", list(map(float, lengths.values())), digits=2)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=4.0)
for ax, (name, ends) in zip(axes, orders.items()):
    ax.plot(*torch.stack([x0, ends]).cpu().unbind(2), color=plotting.COLORS["floor"], linewidth=0.7)
    plotting.points(ax, x0, box, color="reference")
    plotting.points(ax, ends, box, color="data", title=name)
plotting.finish(
    fig,
    "Eighty lines from black noise to orange data: a thicket as they came, short and tidy in "
    "your order.",
)
assert lengths["in your order"] < 0.3 * lengths["as they came"]

# %% [markdown]
# *Go further.* Return `x1[argsort(columns)]`, the inverse permutation, and compare the mean squared length with "as they came".

# %% [markdown]
# ## L08-E5 How straight is a flow?
#
# *core, 8 minutes, importance 2 of 3.* From the states of $n$ paths at $k\geq2$ equal times from 0 to 1, `path` `(k, n, d)`,
# compute equation (7),
#
# $$S=\frac{\mathbb E\int_0^1|v|^2\,dt}{\mathbb E|D|^2}-1,\qquad D=x(1)-x(0),$$
#
# a number. The velocity between two states is their difference over the time $1/(k-1)$; the integral is the mean over
# the $k-1$ moves, and $\mathbb E$ the mean over the paths, *above and below the line separately*. At least one path ends away from
# its start.
#
# *Example.* One path `[0, 0], [1, 1], [2, 0]`: two moves of squared length 2 in a time of one half, so $|v|^2=2/(1/2)^2=8$; and
# $|D|^2=4$. So $S=8/4-1=1$.
#
# *It must hold that* straight paths at constant speed have $S=0$, and that a picture twice as large has the same $S$.


# %%
def bending(path):
    """S of equation (7), a number."""
    ### BEGIN SOLUTION
    v = (len(path) - 1) * path.diff(dim=0)
    D = path[-1] - path[0]
    return v.square().sum(dim=2).mean() / D.square().sum(dim=1).mean() - 1
    ### END SOLUTION


# %% tags=["check"]
bending = check("L08-E5", bending)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# How much more work is done than a straight drive at constant speed would need?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $v_j=(k-1)\,(x_{j+1}-x_j)$, squared, summed over coordinates, averaged over $j$ and over the paths; divided by the mean of $|D|^2$; minus 1.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# v = ___ * path.diff(dim=0)
# D = ___
# return ___.mean() / D.square().sum(dim=1).mean() - 1
# ```
#
# </details>

# %% [markdown]
# Your ruler on the flows of the lesson, the exact one and those by OT pairs and by reflow:

# %% tags=["nbval-ignore-output"]
names = {"OT pairs": "eight_gaussians-ot-teacher", "reflow": "eight_gaussians-reflow"}
flows = {
    "independent": flow,
    **{name: kc.shipped(file).to(profile.device) for name, file in names.items()},
}
bends = {}
for name, way in flows.items():
    bends[name] = float(bending(way.trajectory(noise[:300], torch.linspace(0, 1, 33))))
    kc.show(f"{name:11} S", bends[name], digits=2)

# %% tags=["collapsed"]
# straight, nearly straight, and bent
assert bends["reflow"] < bends["OT pairs"] < 0.05 < 1 < bends["independent"]

# %% [markdown]
# *Go further.* A path can be straight and yet have $S>0$. Draw one, and say what an Euler step would do on it.

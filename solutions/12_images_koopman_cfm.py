# %% [markdown]
# # Exercises 12: Pictures by Koopman-CFM
#
# **32 minutes · level: advanced · device: CPU is enough · prerequisites: [lesson 12](../notebooks/12_images_koopman_cfm.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("12")

# %% [markdown]
# The playground for all exercises: digits, their principal components, a flow in them and its student, and noise.

# %%
import math

import torch

from koopcourse import check, plotting

digits, components = kc.load_images("digits8"), kc.shipped("digits-components")
teacher, student = kc.shipped("digits-teacher"), kc.shipped("digits-student")
x0 = torch.randn(580, 32, dtype=profile.dtype, generator=profile.generator(1))
modes = student.modes(x0)

# %% [markdown]
# ## L12-E1 What a mode adds to a picture
#
# *core, 6 minutes, importance 2 of 3.* A picture is $m+s\,V^\top z$, with the mean picture $m$. If $z$ is a sum of modes, so is the picture: the mean
# once, and what each mode adds. From the coordinates `z` `(n, d)` of one mode, the directions `V` `(d, h, w)`, used as they come,
# and the number `scale`, return what it adds, $s\,V^\top z$, `(n, h, w)`, of either sign.
#
# *Example.* `V = [[[1, 0]], [[0, 1]]]` (two directions of pictures with one row of two pixels), `scale = 2`, `z = [[3, -1]]`: the
# mode adds `[[[6, -2]]]`.
#
# *It must hold that* the sum of two modes adds the sum of the two pictures, and that with orthonormal directions it
# is $s|z|$ in size.


# %%
def mode_picture(z, V, scale):
    """What coordinates add to the mean picture, (n, h, w)."""
    ### BEGIN SOLUTION
    return scale * torch.einsum("nd,dhw->nhw", z, V)
    ### END SOLUTION


# %% tags=["check"]
mode_picture = check("L12-E1", mode_picture)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Each coordinate says how much of its direction is in the picture. The mean belongs to the picture, not to any mode.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $s\sum_iz_iV_i$, where $V_i$ is a picture.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# return ___ * torch.einsum("nd,dhw->___", z, V)
# ```
#
# </details>

# %% [markdown]
# The parts of ten digits, and their sum on top of the mean:
#
# *Go further.* Does any of the parts show the digit alone?

# %%
V, scale = components.directions.to(profile.dtype), components.scale
swing = 2 * (torch.exp(modes.rates[0]) * modes.amplitudes[0]).real
parts = {"position p": modes.position, "drift u": modes.drift, "pair at t = 1": swing}
added = {name: mode_picture(z[:10], V, scale) for name, z in parts.items()}
total = components.mean.to(profile.dtype) + sum(added.values())
off = (total.clamp(0, 1) - components.decode(student.transport(x0[:10]))).abs().max()
kc.show("largest difference from the student's pictures, in shades from 0 to 1", f"{off:.4f}")

# %% tags=["collapsed"]
alt = """Ten columns. Position, drift and pair in colours around zero, none of which looks like a
digit; the mean plus all three is a digit in each column."""
plotting.picture_rows({**added, "mean + all": total.clamp(0, 1)}, signed=list(added), alt=alt)
assert off < 1e-4  # the sum is the student's picture

# %% [markdown]
# ## L12-E2 From one noise to another
#
# *core, 8 minutes, importance 1 of 3.* Two noises `a` and `b` `(n, d)` are independent and standard normal. Return the noise on the way at `r` (a number
# from 0 to 1), `(n, d)`, on the quarter circle
#
# $$\cos\!\big(\tfrac\pi2r\big)\,a+\sin\!\big(\tfrac\pi2r\big)\,b,$$
#
# which is standard normal for every $r$, because the squares of its two weights sum to one.
#
# *Example.* `a = [[2, 0]]`, `b = [[0, 4]]`, `r = 1/3`: the weights are $\cos 30°=0.866$ and $\sin 30°=0.5$, so the noise is
# `[[1.73, 2]]`. For `b = [[2, 4]]`, not perpendicular to `a`, the weights are the same, and it is `[[2.73, 2]]`.
#
# *It must hold that* the way begins in `a` and ends in `b`, and that for perpendicular noises of equal length it keeps that length.


# %%
def between(a, b, r):
    """The noise at r on the way from a to b, (n, d)."""
    ### BEGIN SOLUTION
    angle = math.pi / 2 * r
    return math.cos(angle) * a + math.sin(angle) * b
    ### END SOLUTION


# %% tags=["check"]
between = check("L12-E2", between)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# In many dimensions independent normal vectors have nearly the same length and are nearly perpendicular. So the way that keeps the
# length is a quarter of a circle.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The angle runs from $0$ to $\pi/2$; $a$ gets its cosine, $b$ its sine.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# angle = ___
# return ___ * a + ___ * b
# ```
#
# </details>

# %% [markdown]
# From two digits to two others, through pictures that nobody drew:
#
# *Go further.* Walk on to `r = 2`. Where do you arrive, and which digit is that?

# %%
steps = [i / 10 for i in range(11)]
ways = {
    f"way {i + 1}": torch.cat([between(x0[[i]], x0[[i + 5]], r) for r in steps]) for i in range(3)
}
length = between(x0[:290], x0[290:], 0.5).square().mean()
kc.show("mean square of the noise halfway", length, digits=2)

# %% tags=["collapsed"]
alt = """Three rows of eleven digits. Each row begins with one digit and ends with another; those
between change step by step and are mostly readable digits."""
plotting.picture_rows(
    {name: components.decode(student.transport(noise)) for name, noise in ways.items()},
    columns=[f"{r:g}" for r in steps],
    alt=alt,
)

# %% [markdown]
# ## L12-E3 The signature of each class
#
# *core, 10 minutes, importance 2 of 3.* A mode's amplitudes `A` are complex, `(n, d)`, one row a picture. With the pictures' classes `labels` `(n,)`, whole
# numbers from 0, return for each class the mean energy
#
# $$\frac1{n_c}\sum_{i:\,\mathrm{label}_i=c}\ \sum_{j=1}^d|A_{ij}|^2,$$
#
# real, `(n_classes,)`, entry $c$ for class $c$. Each class occurs, and the labels are in no order.
#
# *Example.* `A = [[3 + 4i, 0], [1, 2i], [1, 0]]`, `labels = [0, 1, 1]`, two classes: the energies are 25, 5 and 1, so the result is
# `[25, 3]`.
#
# *It must hold that* turning all amplitudes by one phase changes nothing, and that twice the amplitudes have four times the energy.


# %%
def signature(A, labels, n_classes):
    """Mean energy of a mode in each class, (n_classes,)."""
    ### BEGIN SOLUTION
    energy = A.abs().square().sum(dim=1)
    return torch.stack([energy[labels == c].mean() for c in range(n_classes)])
    ### END SOLUTION


# %% tags=["check"]
signature = check("L12-E3", signature)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First one number for each picture, then a mean over the pictures of each class.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The energy of picture $i$ is $\sum_j|A_{ij}|^2$, real and without a root. `energy[labels == c]` picks the pictures of a class.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# energy = A.___.square().sum(dim=___)
# return torch.stack([energy[___].___ for c in range(n_classes)])
# ```
#
# </details>

# %% [markdown]
# Three students of one teacher: the first, one of another seed, one with another spectrum.
#
# *Go further.* Is the difference between two digits larger than what chance makes of it? Shuffle the labels a hundred times.

# %%
classifier = kc.shipped("digits-classifier")
labels = classifier.predict(components.decode(teacher.transport(x0)))
files = {
    "first": "digits-student",
    "another seed": "digits-student-2",
    "another spectrum": "digits-student-3",
}
curves = {}
for name, file in files.items():
    energy = signature(kc.shipped(file).modes(x0).amplitudes[0], labels, 10)
    curves[name] = energy / energy.mean()

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
for (name, curve), (color, dash, marker) in zip(curves.items(), plotting.SERIES):
    ax.plot(range(10), curve, color=color, linestyle=dash, marker=marker, label=name)
ax.set(xlabel="digit", ylabel="energy / mean over digits", xticks=range(10))
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
alt = """Energy of the pair over its mean, for each digit and three students. All three are high at
four and low at three and eight; at other digits they differ."""
plotting.finish(fig, alt)

# %% [markdown]
# ## L12-E4 Speed at equal quality
#
# *core, 8 minutes, importance 3 of 3.* A solver was tried with several settings: `evaluations` `(k,)` and the Frechet distance of each, `distances` `(k,)`, in
# no particular order. One evaluation of its network costs `cost`. A student reaches the distance `enough` (a number or a tensor
# without axes) at the cost `student_cost`. Return the speed-up over the **cheapest setting that is at least as good**: its
# evaluations times `cost`, over `student_cost`; a number. If no setting is good enough, it is infinite, `math.inf`.
#
# *Example.* `evaluations = [16, 4, 32, 8, 1]`, `distances = [1.0, 2.0, 1.1, 1.5, 9.0]`, `cost = 3`, `enough = 2.0`, `student_cost = 4`: four
# evaluations are enough, so the speed-up is $4\cdot3/4=3$.
#
# *It must hold that* the order of the settings does not matter, and that a student twice as slow has half the speed-up.


# %%
def speed_up(evaluations, distances, cost, enough, student_cost):
    """How many times faster the student is than the cheapest setting as good as it, a number."""
    ### BEGIN SOLUTION
    good = evaluations[distances <= enough]
    return good.min() * cost / student_cost if len(good) else math.inf
    ### END SOLUTION


# %% tags=["check"]
speed_up = check("L12-E4", speed_up)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Throw away what is worse than the student. Of what is left, take the cheapest, not the best.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\min\{e_i:\ \mathrm{FD}_i\le\text{enough}\}\cdot\text{cost}\,/\,\text{student cost}$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# good = evaluations[___]
# return good.___ * cost / student_cost if len(good) else ___
# ```
#
# </details>

# %% [markdown]
# With one evaluation as the unit of cost for both, over several demands on quality:
#
# *Go further.* Which demand would an advertisement choose?

# %%
held_out = classifier.features(components.decode(components.encode(digits.test)))


def frechet(z):
    return kt.frechet_distance(classifier.features(components.decode(z)), held_out)


tried = [("euler", k) for k in (1, 2, 4, 8, 16)] + [("midpoint", k) for k in (1, 2, 4)]
found = [(frechet(teacher.transport(x0, solver=s, steps=k)), teacher.nfe) for s, k in tried]
distances = torch.tensor([d for d, _ in found], dtype=profile.dtype)
evaluations = torch.tensor([float(n) for _, n in found], dtype=profile.dtype)
ours = frechet(student.transport(x0))
kc.show(
    "speed-up in evaluations, at the student's quality",
    speed_up(evaluations, distances, 1.0, ours, 1.0),
    digits=2,
)
kc.show(
    "    if anything under 10 were good enough",
    speed_up(evaluations, distances, 1.0, 10.0, 1.0),
    digits=2,
)

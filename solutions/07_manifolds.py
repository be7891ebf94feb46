# %% [markdown]
# # Exercises 07: on curved ground
#
# **35 minutes · level: core · device: CPU is enough · prerequisites: [lesson 07](../notebooks/07_manifolds.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("07")

# %%
import math

import torch

from koopcourse import check, plotting

# The playground: points of a sphere and of a torus.
sphere, torus = kt.Sphere().to(profile.device), kt.Torus(R=2.0, r=0.8).to(profile.device)
sphere_data = sphere.sample(3000, profile.generator(1))
torus_data = torus.sample(10_000, profile.generator(2))

# %% [markdown]
# ## L07-E1 Stay in the tangent plane
#
# *core, 7 minutes, importance 3 of 3.* Take away from each vector its part along the normal, equation (1) of the lesson,
#
# $$Pv = (I - n\,n^{\mathsf T})\,v,\qquad |n|=1.$$
#
# Given are `v` `(n, d)` and `normal` `(n, d)`, one of each for each point. **The normals that you get may
# have any length**, in any unit (but so that its square does not underflow). Return `(n, d)`.
#
# *Example.* In the plane, `v = [[3, 4], [1, 1]]` with `normal = [[0, 2], [1, 1]]` gives `[[3, 0], [0, 0]]`: the first vector loses
# its height, the second is all normal.
#
# *It must hold that* the result is orthogonal to the normal, that projecting twice is projecting once, and that a longer normal
# changes nothing.


# %%
def tangent(v, normal):
    """The part of each row of v that is orthogonal to its normal, (n, d)."""
    ### BEGIN SOLUTION
    unit = normal / normal.norm(dim=1, keepdim=True)
    return v - (v * unit).sum(dim=1, keepdim=True) * unit
    ### END SOLUTION


# %% tags=["check"]
tangent = check("L07-E1", tangent)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# How much of the vector points along the normal? That much of the normal must go. It is a number for each point.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $Pv = v-(v\cdot n)\,n$ with $n$ of length one. The matrix $I-nn^{\mathsf T}$ need never be built.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# unit = normal / ___
# return v - (___).sum(dim=___, keepdim=True) * ___
# ```
#
# </details>

# %% [markdown]
# See it work: the height $z$ as a function on the sphere, and the vectors of its slope, in the plane of the page. Ambient slopes all
# point up and have length 1; yours lie along the sphere and vanish at the poles.

# %%
circle = torch.linspace(0, 2 * math.pi, 100)
angle = torch.linspace(0, 2 * math.pi, 25, dtype=profile.dtype)[:-1]
meridian = torch.stack([angle.cos(), torch.zeros_like(angle), angle.sin()], dim=1)
up = torch.tensor([0.0, 0.0, 1.0], dtype=profile.dtype).expand(24, 3)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.6)
cases = {
    "slope in space": (up, "error"),
    "slope along the sphere": (tangent(up, 2 * meridian), "model"),
}
for ax, (name, (arrows, color)) in zip(axes, cases.items()):
    ax.plot(circle.cos(), circle.sin(), color=plotting.COLORS["floor"])
    ax.quiver(
        *meridian.T[[0, 2]], *arrows.T[[0, 2]], color=plotting.COLORS[color], scale=5.5, width=0.008
    )
    ax.set(title=name, xlabel="x", ylabel="z", aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
plotting.finish(
    fig,
    "Arrows on a circle through the poles of a sphere: all straight up; and along it, none at"
    " the poles.",
)

# %% [markdown]
# *Go further.* On a surface with several normal directions, what takes the place of $n\,n^{\mathsf T}$?

# %% [markdown]
# ## L07-E2 Where a torus has its surface
#
# *core, 6 minutes, importance 2 of 3.* A point of the torus is
# $\big((R+r\cos p)\cos\theta,\ (R+r\cos p)\sin\theta,\ r\sin p\big)$. Points are uniform on the surface. Return the density of
# their angle `p` `(n,)`, any real numbers, given the numbers `R` > `r` > 0, as `(n,)`.
#
# *Example.* With `R = 2` and `r = 1` the densities at $p=0,\ \pi/2,\ \pi$ are in the ratio 3 : 2 : 1, namely
# `[0.2387, 0.1592, 0.0796]`.
#
# *It must hold that* the density integrates to 1 over a full turn, and that the densities at $p$ and $p+\pi$ sum to $1/\pi$.


# %%
def angle_density(p, R, r):
    """Density of the angle around the tube, (n,)."""
    ### BEGIN SOLUTION
    from_axis = R + r * torch.cos(p)
    return from_axis / (2 * math.pi * R)
    ### END SOLUTION


# %% tags=["check"]
angle_density = check("L07-E2", angle_density)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# All points with one $p$ form a circle around the axis. How long is it? The longer, the more surface.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The density is proportional to $R+r\cos p$, the distance from the axis. Its integral over $[0, 2\pi]$ is $2\pi R$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# from_axis = ___
# return from_axis / (___)
# ```
#
# </details>

# %%
grid = torch.linspace(-math.pi, math.pi, 101, dtype=profile.dtype)
law = angle_density(grid, torus.R, torus.r)

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
ax.hist(
    torus.angles(torus_data)[1].cpu(),
    40,
    density=True,
    color=plotting.COLORS["data"],
    alpha=0.6,
    label="10,000 points",
)
ax.plot(grid, law, color=plotting.COLORS["model"], label="your density")
ax.set(xlabel="p", ylabel="density", ylim=(0, 0.32))
ax.legend()
plotting.finish(
    fig,
    "A histogram of the angle p of uniform points on a torus, highest at p = 0, and the "
    "density over it.",
)

# %% [markdown]
# *Go further.* Draw `p` from this density by rejection. Which share of the proposals is lost, and can you lose none?

# %% [markdown]
# ## L07-E3 The drift that a curved surface makes
#
# *core, 8 minutes, importance 1 of 3.* Brownian motion $dX=\sqrt2\,dW$ on the torus has the generator
#
# $$\Delta=\frac1{a^2}\partial_\theta^2+\frac1{r^2}\partial_p^2-\frac{\sin p}{r\,a}\,\partial_p,\qquad a=R+r\cos p .$$
#
# Its angle $p$ obeys $dp = b(p)\,dt+\frac{\sqrt2}{r}\,dW$. Return the drift $b$ at the angles `p` `(n,)`, for the numbers `R` and `r`, as `(n,)`.
#
# *Example.* With `R = 2` and `r = 0.5` the drift is $-1$ at $p=\pi/2$, on top of the tube, and 0 at $p=0$.
#
# *It must hold that* the drift is odd, $b(-p)=-b(p)$; that nothing flows in equilibrium, $b\,\pi=\pi'/r^2$ with the density $\pi(p)$ of E2;
# and that a torus twice as large drifts four times as slowly.


# %%
def drift(p, R, r):
    """Ito drift of the angle around the tube, (n,)."""
    ### BEGIN SOLUTION
    from_axis = R + r * torch.cos(p)
    return -torch.sin(p) / (r * from_axis)
    ### END SOLUTION


# %% tags=["check"]
drift = check("L07-E3", drift)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# A generator reads "drift times first derivative plus half the squared noise times second derivative". Which term is which?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# The drift of $p$ is what stands before $\partial_p$. The same from the equilibrium: $b=(\log\pi)'/r^2$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# from_axis = R + r * torch.cos(p)
# return -___ / (___)
# ```
#
# </details>

# %% [markdown]
# Ten thousand walkers start uniform on the surface. With your drift they stay so; without it they forget the right law.

# %%
_, p = torus.angles(torus_data)
ends = {"with your drift": p, "without": p}
noise = profile.generator(3)
for _ in range(200):
    xi = (
        math.sqrt(2 * 0.02)
        / torus.r
        * torch.randn(len(p), dtype=p.dtype, generator=noise).to(p.device)
    )
    ends["with your drift"] = (
        ends["with your drift"] + 0.02 * drift(ends["with your drift"], torus.R, torus.r) + xi
    )
    ends["without"] = ends["without"] + xi

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
for (name, q), (color, dash, _) in zip(ends.items(), plotting.SERIES):
    turned = torch.remainder(q + math.pi, 2 * math.pi) - math.pi
    ax.hist(
        turned.cpu(),
        30,
        density=True,
        histtype="step",
        color=color,
        linestyle=dash,
        linewidth=1.6,
        label=name,
    )
ax.plot(grid, law, color=plotting.COLORS["reference"], linewidth=1, label="exact")
ax.set(xlabel="p", ylabel="density at time 4", ylim=(0, 0.42))
ax.legend()
plotting.finish(
    fig, "Histograms of p at time 4: with the drift along the exact density, without it flat."
)
mean_cosine = {name: float(q.cos().mean()) for name, q in ends.items()}
assert (
    abs(mean_cosine["with your drift"] - torus.r / (2 * torus.R)) < 0.05
    and abs(mean_cosine["without"]) < 0.05
)

# %% [markdown]
# *Go further.* The noise of $\theta$, $\sqrt2/a$, depends on the state. Why does $\theta$ have no drift all the same?

# %% [markdown]
# ## L07-E4 The notes of a circle and of a sphere
#
# *core, 6 minutes, importance 2 of 3.* For the degree `k` $\geq1$ and the `radius` return the pair `(rate, copies)`: the rate of
# Brownian motion $dX=\sqrt2\,dW$ on the circle (`dim = 2`) or on the sphere (`dim = 3`), a number, and how many independent
# functions share it, a whole number.
#
# *Example.* On the unit sphere degree 2 has the rate 6, five times: `rate_and_copies(2, 1.0, 3)` is `(6.0, 5)`.
#
# *It must hold that* everything is four times as slow on a surface twice as large, and that the sphere has, the constant included, $k^2$
# functions of degrees below $k$.


# %%
def rate_and_copies(k, radius, dim):
    """Rate of degree k, and how many functions have it."""
    ### BEGIN SOLUTION
    if dim == 2:
        return k**2 / radius**2, 2
    return k * (k + 1) / radius**2, 2 * k + 1
    ### END SOLUTION


# %% tags=["check"]
rate_and_copies = check("L07-E4", rate_and_copies)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# On the circle differentiate $\cos k\theta$ twice, along the arc $s=R\theta$. On the sphere degree 1 are the three coordinates.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# Circle: $k^2/R^2$, for a cosine and a sine. Sphere: $l(l+1)/R^2$, for the orders $-l,\dots,l$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# if dim == 2:
#     return ___ / radius**2, ___
# return ___ / radius**2, ___
# ```
#
# </details>

# %% [markdown]
# The steps are yours, the dots are from 3,000 points of the unit sphere.

# %%
psi = kt.MultiScale.from_data(sphere_data, generator=profile.generator(4), units=1.0)
spectrum = kt.GeneratorEDMD(psi, manifold=sphere).fit(sphere_data).spectrum()
exact = []
for degree in (1, 2, 3):
    rate, copies = rate_and_copies(degree, 1.0, 3)
    exact += int(copies) * [float(rate)]

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
ax.step(
    range(1, len(exact) + 1),
    exact,
    where="mid",
    color=plotting.COLORS["reference"],
    label="your rates and copies",
)
ax.plot(
    range(1, 16),
    spectrum.rates[:15].cpu(),
    "o",
    color=plotting.COLORS["model"],
    label="from points",
)
ax.set(xlabel="mode", ylabel="rate")
ax.legend(loc="lower right")
plotting.finish(
    fig,
    "Rates from points of a sphere lie on the exact steps at 2, 6 and 12, of lengths 3, 5 and 7.",
)
assert (
    len(exact) == 15 and ((spectrum.rates[:15].cpu() / torch.tensor(exact) - 1).abs() < 0.2).all()
)

# %% [markdown]
# *Go further.* Somebody hands you points in dimension 50. Their rates are 2, 2, 2, 6, 6, 6, 6, 6, ... What do you guess?

# %% [markdown]
# ## L07-E5 A step that stays on the sphere
#
# *core, 8 minutes, importance 3 of 3.* Points `x` `(n, 3)` lie on the sphere of the given `radius` around the origin (but for
# rounding). Move each for the time `h` with the tangent part of its velocity `v` `(n, 3)`, in a straight line, then to the nearest
# point of the sphere. Return `(n, 3)`.
#
# *Example.* `x = [[2, 0, 0]]`, `v = [[5, 2, 0]]`, `h = 1`, `radius = 2`: the tangent part is `[[0, 2, 0]]`, the step leads to
# `[[2, 2, 0]]`, and the nearest point is `[[1.414, 1.414, 0]]`.
#
# *It must hold that* all points end on the sphere, and that a velocity along the normal moves nobody.


# %%
def step_on_sphere(x, v, h, radius):
    """The points after one step, on the sphere again, (n, 3)."""
    ### BEGIN SOLUTION
    along = v - (v * x).sum(dim=1, keepdim=True) / radius**2 * x
    moved = x + h * along
    return radius * moved / moved.norm(dim=1, keepdim=True)
    ### END SOLUTION


# %% tags=["check"]
step_on_sphere = check("L07-E5", step_on_sphere)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Three moves: take the tangent part of `v` (your E1, with `x` for the normal), step, come back along the radius.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $y = x+h\,(v-(v\cdot x)\,x/R^2)$, then $R\,y/|y|$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# along = v - ___
# moved = x + h * ___
# return ___ * moved / ___
# ```
#
# </details>

# %% [markdown]
# The flow of lesson 05 with your step: 500 particles leave a cap, with the spectrum that was estimated above. To the right, what becomes
# of a plain step `x + h v`.

# %%
pole = torch.tensor([0.0, 0.0, 1.0], dtype=profile.dtype, device=profile.device)
cap = sphere.project(
    pole
    + 0.2 * torch.randn(500, 3, dtype=profile.dtype, generator=profile.generator(5)).to(pole.device)
)
method = kt.KSWGD(spectrum)


def flow(x, step, n_steps=40):
    for _ in range(n_steps):
        v = method.velocity(x)
        v = v * (0.5 / v.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_max(
            1.0
        )  # the limiter of L05-E3
        x = step(x, v)
    return x


ends = {
    "cap": cap,
    "your step": flow(cap, lambda x, v: step_on_sphere(x, v, 0.5, 1.0)),
    "plain step": flow(cap, lambda x, v: x + 0.5 * v),
}

# %% tags=["nbval-ignore-output"]
off = {name: float((x.norm(dim=1) - 1).abs().max()) for name, x in ends.items()}
kc.show("farthest from the sphere, your step", f"{off['your step']:.0e}")
kc.show("farthest from the sphere, plain step", off["plain step"], digits=2)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.2)
for ax, (name, x) in zip(axes, ends.items()):
    ax.plot(circle.cos(), circle.sin(), color=plotting.COLORS["floor"])
    plotting.points(
        ax,
        x[:, [0, 2]],
        (-1.7, 1.7),
        title=f"{name}, from the side",
        color="error" if name == "plain step" else "model",
    )
plotting.finish(
    fig,
    "A cap of particles from the side; spread over the sphere by your step; by plain steps "
    "also outside it.",
)
assert off["your step"] < 1e-10 and off["plain step"] > 0.01
assert ends["your step"].mean(0).abs().max() < 0.1

# %% [markdown]
# *Go further.* Step along the great circle instead, so that the length of the way is $h|Pv|$ exactly. For which steps does
# it matter?

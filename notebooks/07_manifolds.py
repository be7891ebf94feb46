# %% [markdown]
# # On curved ground
#
# **75 minutes · level: core · device: CPU is enough · prerequisites: lessons 01 (Langevin) and 05 (KSWGD)**
#
# Its question: *data often live on a surface: directions on a sphere, angles of a molecule on a torus. The space
# around the surface is empty. What changes for the spectrum and for the particles?*
#
# ## You will be able to
#
# - **project** a vector onto the tangent plane, and a point onto the surface, where each is due (L07-E1, L07-E5),
# - **explain** why a uniform sample of a torus is not uniform in its angles (L07-E2),
# - **derive** the drift that Brownian motion needs in curved coordinates (L07-E3),
# - **recognise** a circle or a sphere by its rates and how often each occurs (L07-E4).

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("07")

# %% [markdown]
# ## A picture first
#
# The computer gets 4,000 points of a torus and a rule for the nearest point of the surface. It finds slow functions
# on the torus and moves 800 particles along their slopes. All start in one patch. They flow around the axis and
# around the tube at once, and no particle ever leaves the surface.

# %%
import math

import torch

from koopcourse import plotting

torus = kt.Torus(R=2.0, r=0.8).to(profile.device)
torus_data = torus.sample(4000, profile.generator(1))
torus_psi = kt.MultiScale.from_data(torus_data, generator=profile.generator(2), units=1.0)
torus_spectrum = kt.GeneratorEDMD(torus_psi, manifold=torus).fit(torus_data).spectrum()
theta, p = 0.25 * torch.randn(2, 800, dtype=profile.dtype, generator=profile.generator(3)).to(
    profile.device
)
patch = torus.from_angles(theta - 0.9, p + 0.9)
run = kt.run_particles(kt.KSWGD(torus_spectrum), patch, generator=profile.generator(4))


# %% tags=["collapsed"]
def mesh(surface, rows=61, columns=121):
    """Points of the whole surface in rows and columns, each (rows, columns)."""
    u = torch.linspace(0, 2 * math.pi, columns, dtype=profile.dtype).repeat(rows)
    w = torch.linspace(-math.pi, math.pi, rows, dtype=profile.dtype).repeat_interleave(columns)
    if isinstance(surface, kt.Torus):
        return [c.reshape(rows, columns) for c in surface.from_angles(u, w).T]
    z, s = (w / 2).sin(), (w / 2).cos()
    return [surface.radius * c.reshape(rows, columns) for c in (s * u.cos(), s * u.sin(), z)]


# %% tags=["collapsed"]
def draw_surface(ax, surface, x=None, colors=None, elevation=42, azimuth=-60, title=""):
    """The surface, in colors (rows, columns, 4) or in grey with those of the points x that face
    us."""
    look = {"color": "#E4E4E4"} if colors is None else {"facecolors": colors, "shade": False}
    ax.plot_surface(*mesh(surface), rstride=1, cstride=1, linewidth=0, antialiased=False, **look)
    if x is not None:
        e, a = math.radians(elevation), math.radians(azimuth)
        eye = torch.tensor([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)]).to(
            x
        )
        front = x[surface.normal(x) @ eye > 0].cpu()
        ax.scatter(*front.T, s=3, color=plotting.COLORS["model"], depthshade=False)
    ax.view_init(elevation, azimuth)
    ax.set_proj_type("ortho")
    ax.set_title(title, loc="center")
    limits = [(float(side.min()), float(side.max())) for side in mesh(surface)]
    ax.set(xlim=limits[0], ylim=limits[1], zlim=limits[2], xticks=[], yticks=[], zticks=[])
    ax.set_box_aspect([high - low for low, high in limits], zoom=1.25)
    ax.set_axis_off()


in_space = {
    "projection": "3d",
    "computed_zorder": False,
}  # points over the surface, in the order of drawing


# %% tags=["collapsed"]
fig, axes = plotting.new_figure(4, height=2.1, subplot_kw=in_space)
for ax, step in zip(axes, (0, 4, 10, 60)):
    draw_surface(ax, torus, run.particles[step], title=f"step {step}")
plotting.finish(
    fig,
    "Four moments of 800 particles on a torus: from one patch they run around it and cover it"
    " evenly. Only those that face us are drawn.",
)

# %% [markdown]
# ## The idea without formulas
#
# An ant on an apple knows nothing of the apple's inside. How steep a function is, the ant measures along the peel; that the
# function would also change when leaving the peel is of no concern to it. And when it steps straight ahead for a while,
# the peel bends away under its feet, so it has to put them down again.
#
# These are the only two changes in this lesson. **Slopes count along the surface only**, and **after each step go back to it**.
# The data have not changed, the regression has not, nor has the flow of lesson 05.
#
# Why not use angles instead, which never leave the surface? Because angles distort. A degree of longitude is 111 km
# at the equator and nothing at the pole. Whoever forgets this gets a wrong density and a wrong diffusion.

# %% [markdown]
# ## The mathematics
#
# A surface in $\mathbb R^d$ with unit normal $n(x)$ has at each point the **tangent projection**
#
# $$P(x) = I - n(x)\,n(x)^{\mathsf T},\qquad P^2=P=P^{\mathsf T},\qquad Pn=0. \tag{1}$$
#
# The slope along the surface of a function $f$ that is defined around it is $P\nabla f$. Brownian motion $dX=\sqrt2\,dW$ on
# a closed surface has the uniform law $\pi$ as its equilibrium, and as its generator the **Laplace-Beltrami operator** $\Delta$, for which
#
# $$\langle f,-\Delta g\rangle_\pi = \mathbb E_\pi\big[P\nabla f\cdot P\nabla g\big]. \tag{2}$$
#
# This is equation (1) of lesson 05 with tangent slopes. So the same estimator works: $S_{ij}=\mathbb E[P\nabla\psi_i\cdot P\nabla\psi_j]$,
# $G_{ij}=\mathrm{Cov}(\psi_i,\psi_j)$, $Sa=\lambda Ga$. Exact rates for comparison:
#
# | surface | rates | functions with this rate |
# |---|---|---|
# | circle of radius $R$ | $k^2/R^2$ | 2: $\cos k\theta$ and $\sin k\theta$ |
# | sphere of radius $R$ | $l(l+1)/R^2$ | $2l+1$, the spherical harmonics |
# | torus | no formula; an equation in one variable, solved numerically | 1 or 2 |
#
# Particles move along $Pv$ with the $v$ of lesson 05, and a step ends at the nearest point of the surface,
#
# $$x \leftarrow \mathrm{project}\big(x + h\,P(x)\,v(x)\big). \tag{3}$$
#
# The torus $x=(a\cos\theta,\ a\sin\theta,\ r\sin p)$ with $a=R+r\cos p$ has the surface element $r\,a\,d\theta\,dp$. Hence
#
# $$\pi(p)=\frac{R+r\cos p}{2\pi R},\qquad \Delta=\frac1{a^2}\partial_\theta^2+\frac1{r^2}\partial_p^2-\frac{\sin p}{r\,a}\,\partial_p, \tag{4}$$
#
# $$d\theta=\frac{\sqrt2}{a}\,dW_1,\qquad dp=-\frac{\sin p}{r\,a}\,dt+\frac{\sqrt2}{r}\,dW_2. \tag{5}$$
#
# *The assumption that usually fails* is that we know the surface, with its normals and nearest points. Here we do. In real
# data it must be estimated, and an error in the normal lets the slope across the surface in again.
#
# | symbol | code | meaning |
# |---|---|---|
# | $x$ | `x` `(n, d)` | points, in the coordinates of the space around |
# | $n,\ Pv$ | `surface.normal(x)`, `surface.tangent(x, v)` | normal, tangent part |
# | project | `surface.project(x)` | nearest point |
# | $\theta,\ p$ | `torus.angles(x)` | angle around the axis, angle around the tube |

# %% [markdown]
# ## From scratch
#
# The circle, 4,000 points, 24 Gaussian bumps around it. The one new line is the one with the normal.

# %%
circle = kt.Circle().to(profile.device)
x = circle.sample(4000, profile.generator(5))
turn = torch.arange(24, dtype=profile.dtype, device=profile.device) * 2 * math.pi / 24
centers, width = torch.stack([turn.cos(), turn.sin()], dim=1), 0.5

offset = centers - x[:, None]  # (n, m, 2)
bumps = torch.exp(-offset.square().sum(2) / (2 * width**2))  # psi, (n, m)
slopes = offset / width**2 * bumps[:, :, None]  # gradients in the plane, (n, m, 2)
normal = (x / x.norm(dim=1, keepdim=True))[:, None]
tangent = slopes - (slopes * normal).sum(2, keepdim=True) * normal  # equation (1)


def rates_from(slopes):
    G = torch.cov(bumps.T, correction=0)
    S = torch.einsum("nid,njd->ij", slopes, slopes) / len(x)
    spread = G.diagonal().sqrt()
    size, U = torch.linalg.eigh(G / spread / spread[:, None])
    keep = size > 1e-8 * size[-1]
    W = U[:, keep] / size[keep].sqrt() / spread[:, None]
    return torch.linalg.eigvalsh(W.T @ S @ W)


# %% [markdown]
# The package does the same when it is told the manifold:

# %%
psi = kt.GaussianRBF(centers, width)
spectrum = kt.GeneratorEDMD(psi, manifold=circle).fit(x).spectrum()
assert torch.allclose(rates_from(tangent)[:8], spectrum.rates[:8], rtol=1e-6)

kc.show("from 4,000 samples", spectrum.rates[:6], digits=2)
kc.show("exact, k^2        ", circle.exact_rates(6), digits=2)

# %% [markdown]
# ## What if we keep the slope across?
#
# **Predict, then run.** Take the coordinates $x_1,x_2$ of the unit circle as the only features. Their exact rate is 1. Which rate comes
# out with tangent slopes, which with the full gradient in the plane? And on the sphere, where the exact rate is 2?
#
# <details><summary>1 and 1, 2 and 2: a slope is a slope</summary>
#
# In the plane $x_1$ also changes when one leaves the circle. The full gradient counts that as motion.
#
# </details>
# <details><summary>tangent slopes give 1 and 2, full gradients 2 and 3</summary>
#
# Right. The rate is $\mathbb E|\text{slope}|^2/\mathrm{Var}$. On the circle $\mathrm{Var}(x_1)=\frac12$, the full gradient has length 1, and its tangent part the squared length $1-x_1^2$, on average $\frac12$. On
# the sphere the variance is $\frac13$. By how much the full gradient overestimates is up to the dictionary, since many functions around the surface agree on it: an answer which depends on what functions do where there are no data is no answer.
#
# </details>
# <details><summary>tangent slopes give less than the exact rates: they leave something out</summary>
#
# They leave out what the surface does not know: motion that no point on it can make.
#
# </details>

# %%
dictionaries = {
    "coordinates": kt.Monomials(2, 1),
    "powers up to 3": kt.Monomials(2, 3),
    "bumps, width 0.5": psi,
    "bumps, width 0.2": kt.GaussianRBF(centers, 0.2),
}
slowest = {}
for name, dictionary in dictionaries.items():
    along = kt.GeneratorEDMD(dictionary, manifold=circle).fit(x).spectrum(2).rates.mean()
    full = kt.GeneratorEDMD(dictionary).fit(x).spectrum(2).rates.mean()
    slowest[name] = along, full
    kc.show(f"{name:16}  slowest rate, tangent slopes {along:.2f}, full gradients", full, digits=2)

# %% [markdown]
# Tangent slopes give 1 with every dictionary; full gradients anything from 1.1 to 5.6. Now all three surfaces, from 4,000 points each
# and with bumps of several widths. Steps are the exact rates, and their lengths count the functions that share them.

# %%
sphere = kt.Sphere().to(profile.device)
sphere_data = sphere.sample(4000, profile.generator(6))
sphere_psi = kt.MultiScale.from_data(sphere_data, generator=profile.generator(7), units=1.0)
sphere_spectrum = kt.GeneratorEDMD(sphere_psi, manifold=sphere).fit(sphere_data).spectrum()
cases = {
    "circle": (circle, spectrum, kt.GeneratorEDMD(psi).fit(x).spectrum()),
    "sphere": (sphere, sphere_spectrum, kt.GeneratorEDMD(sphere_psi).fit(sphere_data).spectrum()),
    "torus": (torus, torus_spectrum, kt.GeneratorEDMD(torus_psi).fit(torus_data).spectrum()),
}

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.3)
for ax, (name, (surface, tangent_fit, full_fit)), count in zip(axes, cases.items(), (8, 15, 16)):
    k = torch.arange(1, count + 1)
    exact = surface.exact_rates(count).cpu()
    ax.step(k, exact, where="mid", color=plotting.COLORS["reference"], linewidth=1, label="exact")
    ax.plot(
        k,
        full_fit.rates[:count].cpu(),
        "s",
        color=plotting.COLORS["error"],
        markersize=4,
        label="full gradients",
    )
    ax.plot(
        k,
        tangent_fit.rates[:count].cpu(),
        "o",
        color=plotting.COLORS["model"],
        label="tangent slopes",
    )
    ax.set(title=name, xlabel="mode", ylabel="rate", ylim=(0, 1.3 * float(exact[-1])))
    assert ((tangent_fit.rates[:count].cpu() / exact - 1).abs() < 0.15).all()
axes[0].legend(loc="upper left")
plotting.finish(
    fig,
    "Rates of circle, sphere and torus. Tangent slopes lie on the exact steps: pairs on the "
    "circle; groups of 3, 5 and 7 on the sphere; pairs and singles on the torus. Full "
    "gradients lie above, more and more for fast modes.",
)
assert all(abs(along - 1) < 0.1 and full > 1.05 for along, full in slowest.values())

# %% [markdown]
# ## What vibrates on a sphere, and on a torus
#
# Functions with the same rate may be mixed at will, and which mixture the eigenvalue solver returns is chance. The space
# that they span is not. So from each group we draw the mixture $\sum_k\phi_k(x)\,c_k$, $c_k=\sum_j s_j\phi_k(z_j)$, which peaks
# at points $z_j$ of our choice with signs $s_j$. It is the same whatever the solver returns.


# %% tags=["collapsed"]
def draw_mixture(ax, surface, spectrum, group, spots, title):
    """The mixture of a group of modes, peaked at spots with alternating signs, on the surface."""
    signs = (-1.0) ** torch.arange(len(spots), dtype=profile.dtype, device=profile.device)
    spots = surface.project(torch.as_tensor(spots, dtype=profile.dtype, device=profile.device))
    x, y, z = mesh(surface)
    points = torch.stack([x.flatten(), y.flatten(), z.flatten()], dim=1).to(profile.device)
    values = spectrum(points)[:, group] @ (signs @ spectrum(spots)[:, group])
    values = (values / values.abs().max()).reshape(x.shape).cpu()
    draw_surface(ax, surface, colors=colormaps["PuOr_r"](0.5 + 0.5 * values.numpy()), title=title)


# %% tags=["collapsed"]
from matplotlib import colormaps


def around(count, height=0.0, radius=1.0):
    """Equally spaced points of a horizontal circle."""
    angle = 2 * math.pi * torch.arange(count, dtype=profile.dtype) / count - 1.0
    return torch.stack(
        [radius * angle.cos(), radius * angle.sin(), torch.full_like(angle, height)], dim=1
    )


# %% tags=["collapsed"]
fig, axes = plotting.new_figure(4, height=2.0, rows=2, subplot_kw=in_space)
one, two, three = slice(0, 3), slice(3, 8), slice(8, 15)
on_sphere = [(one, around(2)), (two, around(1, 9.0)), (two, around(4)), (three, around(6))]
for ax, (group, spots) in zip(axes[:4], on_sphere):
    draw_mixture(
        ax, sphere, sphere_spectrum, group, spots, f"rate {sphere_spectrum.rates[group].mean():.2g}"
    )
on_torus = [
    (slice(0, 2), around(2, 0, 2.8)),
    (slice(2, 4), around(4, 0, 2.8)),
    (slice(4, 5), around(1, 0.8, 2.0)),
]
for ax, (group, spots) in zip(axes[4:], [*on_torus, (slice(5, 6), around(1, 0.0, 2.8))]):
    draw_mixture(
        ax, torus, torus_spectrum, group, spots, f"rate {torus_spectrum.rates[group].mean():.2g}"
    )
plotting.finish(
    fig,
    "Above, four spherical harmonics of degrees 1, 2, 2 and 3, estimated from points: two "
    "halves, a belt between caps, four and six sectors. Below, four functions of the torus: "
    "two halves, four quarters, top against bottom, outside against inside. Each is on its own "
    "scale.",
)

# %% [markdown]
# The slowest question on a torus is "which side of the axis?". Around the tube one forgets six times as fast, the tube being thin.
# Top against bottom (1.5) and outside against inside (1.7) would share a rate on a flat torus, $1/r^2=1.56$; curvature splits them.
#
# ## The angles of a torus are not uniform
#
# **Predict, then run.** To get uniform points on the torus somebody draws both angles uniformly in $[0,2\pi)$. Where are there too many points, and
# by which factor, at worst?
#
# <details><summary>nowhere: uniform angles are uniform points</summary>
#
# A degree along the inner equator is shorter than one along the outer, and gets as many points.
#
# </details>
# <details><summary>on the outside, where there is more room</summary>
#
# More room for the same number of points makes them thinner.
#
# </details>
# <details><summary>on the inside, by a factor of about 1.7</summary>
#
# Right. By (4) the density in $p$ ought to be 2.8 : 1.2 for $R=2$, $r=0.8$; equal angles make the inside too dense by $1/(1-r/R)=1.67$.
#
# </details>

# %%
theta, p = (
    2
    * math.pi
    * torch.rand(2, 4000, dtype=profile.dtype, generator=profile.generator(8)).to(profile.device)
)
samples = {"uniform angles": torus.from_angles(theta, p), "uniform on the surface": torus_data}

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.2)
grid = torch.linspace(-math.pi, math.pi, 100)
for ax, (name, z), color in zip(axes, samples.items(), ("error", "data")):
    plotting.points(ax, z[:2000], (-3, 3), color=color, title=f"{name}, from above")
    style = {
        "density": True,
        "histtype": "step",
        "linewidth": 1.6,
        "linestyle": "--" if color == "error" else "-",
    }
    axes[2].hist(torus.angles(z)[1].cpu(), 30, **style, color=plotting.COLORS[color], label=name)
law = (torus.R + torus.r * grid.cos()) / (2 * math.pi * torus.R)
axes[2].plot(grid, law, color=plotting.COLORS["reference"], label="(R + r cos p) / 2πR")
axes[2].set(
    xlabel="p (0 is outside)", ylabel="density", title="angle around the tube", ylim=(0, 0.42)
)
axes[2].legend(fontsize=8)
plotting.finish(
    fig,
    "Two samples of a torus from above: uniform angles crowd around the hole, the uniform "
    "sample does not. Histograms of p: flat for uniform angles; the uniform sample follows (R"
    " + r cos p) / 2 pi R, high outside and low inside.",
)

# %% [markdown]
# ## Brownian motion needs a drift
#
# Equation (5) has a drift in $p$, though nothing pulls: there is simply more room outside, and the diffusion must keep
# the density (4), not the flat one. From scratch, starting in the right law: keep it, or lose it?


# %%
def brownian(x, with_drift, time=4.0, dt=0.01):
    """Angles p after each tenth of a unit of time, from Euler's method in angles."""
    (theta, p), noise, film = torus.angles(x), profile.generator(9), []
    for step in range(round(time / dt)):
        a = torus.R + torus.r * p.cos()
        xi = math.sqrt(2 * dt) * torch.randn(2, len(x), dtype=profile.dtype, generator=noise).to(
            x.device
        )
        drift = -p.sin() / (torus.r * a) if with_drift else 0.0  # equation (5)
        theta, p = theta + xi[0] / a, p + dt * drift + xi[1] / torus.r
        if step % 10 == 9:
            film.append(torus.from_angles(theta, p))
    return torch.stack(film)


walkers = torus.sample(10_000, profile.generator(10))
paths = {"with the drift": brownian(walkers, True), "without": brownian(walkers, False)}
spreading = brownian(patch[:1].repeat(10_000, 1), True)

# %%
bins = 24
middle = -math.pi + 2 * math.pi * (torch.arange(bins, dtype=profile.dtype) + 0.5) / bins
cells = {"p": 1 / bins + torus.r / torus.R * middle.cos() * math.sin(math.pi / bins) / math.pi}
cells["theta"] = torch.full(
    (bins,), 1 / bins, dtype=profile.dtype
)  # both laws are exact, cell by cell


def tv(x, angle="p"):
    """Total variation between the histogram of an angle and its exact law."""
    found = torch.histc(
        torus.angles(x)[("theta", "p").index(angle)].cpu(), bins, -math.pi, math.pi
    ) / len(x)
    return kt.total_variation(found, cells[angle])


# %%
floor = kt.noise_floor(tv, torus.sample, 10_000, generator=profile.generator(11))
time = 0.1 * torch.arange(1, 41)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.2)
for (name, path), (color, dash, marker) in zip(paths.items(), plotting.SERIES):
    axes[0].plot(
        time, [tv(z) for z in path], dash, color=color, marker=marker, markevery=5, label=name
    )
axes[0].axhspan(
    floor[0] - floor[1],
    floor[0] + floor[1],
    color=plotting.COLORS["floor"],
    alpha=0.4,
    label="noise floor",
)
axes[0].set(xlabel="time", ylabel="total variation, law of p", ylim=(0, 0.2))
axes[0].set_title("10,000 walkers, started in the right law")
start = torus_spectrum(patch[:1])[0, :2]
share = (
    torch.stack([torus_spectrum(z)[:, :2].mean(0) @ start for z in spreading]).cpu()
    / (start @ start).cpu()
)
axes[1].plot(
    time,
    share,
    "o",
    color=plotting.COLORS["model"],
    markersize=3.5,
    label="average over 10,000 walkers",
)
exact = float(torus.exact_rates(1))
axes[1].plot(
    time,
    torch.exp(-exact * time),
    "--",
    color=plotting.COLORS["reference"],
    label=f"exp(-{exact:.3f} t)",
)
axes[1].set(xlabel="time", ylabel="slowest mode, relative", title="from one point", ylim=(0, 1.05))
for ax in axes:
    ax.legend(fontsize=8)
alt = """Left: with the drift the law of p stays at its noise floor; without, total variation
climbs to 0.13. Right: from one point the average of the slowest mode decays like an exponential
with the exact rate."""
plotting.finish(fig, alt)
assert tv(paths["with the drift"][-1]) < 0.04 < 0.1 < tv(paths["without"][-1])
assert (share - torch.exp(-exact * time)).abs().max() < 0.06

# %% [markdown]
# Without the drift the walkers end uniform in $p$, which is the wrong law of the section before. With it they stay, and the slowest mode
# decays at the exact rate; static points gave 0.25: Brownian motion needs $1/0.257\approx4$ units of time to forget the side of the axis by a
# factor $e$. KSWGD's particles need one unit for every mode, near equilibrium.
#
# ## KSWGD on the torus and on the sphere
#
# Nothing is new but (3). The particles of the first picture, judged as in lesson 05: is their law that of exact samples, and do they
# lie evenly? The law is that of random fifths of them, evenness that of all; the numbers are in the fold.

# %% tags=["nbval-ignore-output"]
from functools import partial

from koopcourse import judges


def judge(metric, x, exact, seed):
    """Law and evenness of the points x, each beside as many exact samples."""
    floor = kt.noise_floor(metric, exact, len(x), generator=profile.generator(seed))
    options = {"independent": floor, "generator": profile.generator(seed + 20)}
    return judges.verdict(metric, x, exact, **options)


reference = torus.sample(10_000, profile.generator(12))
sw2 = partial(kt.sliced_wasserstein2, y=reference)
metrics = {"sliced W2": sw2, "TV of p": tv, "TV of theta": partial(tv, angle="theta")}
verdicts = {
    f"torus, {name}": judge(metric, run.final, torus.sample, 13 + k)
    for k, (name, metric) in enumerate(metrics.items())
}
for name, verdict in verdicts.items():
    kc.show(f"{name:18}", verdict)
off = (run.particles.flatten(0, 1) - torus.project(run.particles.flatten(0, 1))).norm(dim=1).max()
kc.show("farthest ever from the surface", f"{float(off):.0e}")
judges.Numbers(verdicts).show()

# %%
angles = {
    "start": patch,
    "KSWGD, 60 steps": run.final,
    "exact": torus.sample(800, profile.generator(16)),
}
angles = {name: torch.stack(torus.angles(z), dim=1) for name, z in angles.items()}
exact_angles = angles.pop("exact")

# %% tags=["collapsed"]
w2, of_p, of_theta = verdicts.values()
plotting.compare(
    angles,
    exact_angles,
    (-3.3, 3.3),
    notes={"KSWGD, 60 steps": f"sliced W2 {w2.whole:.3f}, floor {w2.exact[0]:.3f}"},
    alt="Angles around the axis (across) and around the tube (up): a patch; after 60 steps the "
    "whole square, denser in the middle, the outside of the torus, just like the exact "
    "sample.",
)
assert w2.even and of_theta.even and of_p.whole < 1.4 * of_p.exact[0] and off < 1e-10
assert all(verdict.floors < 1.5 for verdict in verdicts.values())

# %% [markdown]
# By all three the law is that of exact samples, within the spread. As they are, the particles are below the floor of *independent* points in sliced W2: they lie more evenly, which is good for averages and no better law (lesson 05). Total
# variation, which looks at one angle alone, is at its floor for $p$ and below it for $\theta$: evenness again. Now the sphere, from a polar cap:

# %% tags=["nbval-ignore-output"]
pole = torch.tensor([0.0, 0.0, 1.0], dtype=profile.dtype, device=profile.device)
noise = torch.randn(800, 3, dtype=profile.dtype, generator=profile.generator(17)).to(profile.device)
cap = sphere.project(pole + 0.2 * noise)
sphere_run = kt.run_particles(kt.KSWGD(sphere_spectrum), cap, generator=profile.generator(18))
exact_points = sphere.sample(10_000, profile.generator(19))
of_sphere = judge(
    partial(kt.sliced_wasserstein2, y=exact_points), sphere_run.final, sphere.sample, 20
)
kc.show("sphere, sliced W2", of_sphere)
judges.Numbers({"sphere, sliced W2": of_sphere}).show()

# %% tags=["collapsed", "nbval-ignore-output"]
fig, axes = plotting.new_figure(4, height=2.3, subplot_kw=in_space)
for ax, step in zip(axes, (0, 6, 60)):
    draw_surface(ax, sphere, sphere_run.particles[step], elevation=25, title=f"step {step}")
draw_surface(ax := axes[3], sphere, exact_points[:800], elevation=25, title="exact sample")
plotting.finish(
    fig,
    "800 particles on a sphere: a polar cap, its spreading, the whole sphere; and an exact sample.",
)
off = (sphere_run.particles.norm(dim=2) - 1).abs().max()
assert of_sphere.even and of_sphere.floors < 1.5 and off < 1e-10

# %% [markdown]
# ## What goes wrong: leaving the surface
#
# **Predict, then run.** Use tangent velocities, so that nobody steps across the surface, and leave the projection out. Do
# the particles stay? If not, how far does one step of length $\ell$ lead away on a sphere of radius 1?
#
# <details><summary>yes: a tangent velocity has no part across the surface</summary>
#
# At the point where it starts. A straight step does not bend with the surface.
#
# </details>
# <details><summary>no: each step leads outwards by about $\ell^2/2$, and errors add up</summary>
#
# Right. After a step of length $\ell$ the distance from the centre is $\sqrt{1+\ell^2}$, always outwards on a sphere. Smaller steps help, as $n$ steps of length $\ell/n$ leave by $\ell^2/2n$; one projection a step cures it.
#
# </details>
# <details><summary>no, but inwards and outwards cancel</summary>
#
# On a sphere every tangent lies outside. Nothing cancels.
#
# </details>


# %%
def leave(spectrum, project, steps=80):
    """Particles after each step of the flow without noise."""
    method, x, film = kt.KSWGD(spectrum), patch[:400], [patch[:400]]
    for _ in range(steps):
        move = 0.25 * method.velocity(x)
        x = x + move * (0.2 / move.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_max(1.0)
        if project:
            x = torus.project(x)
        film.append(x)
    return torch.stack(film)


def distance(x):
    """Mean distance to the torus."""
    return float((x - torus.project(x)).norm(dim=1).mean())


# %%
for length in (0.4, 0.2, 0.1):
    direction = sphere.tangent(cap, torch.ones_like(cap))
    once = cap + length * direction / direction.norm(dim=1, keepdim=True)
    kc.show(
        f"a tangent step of {length}: off the unit sphere by", once.norm(dim=1).mean() - 1, digits=2
    )
full_spectrum = cases["torus"][2]
films = {
    "tangent, projected": leave(torus_spectrum, True),
    "tangent, not projected": leave(torus_spectrum, False),
    "full gradients, not projected": leave(full_spectrum, False),
}

# %% tags=["collapsed", "nbval-ignore-output"]
fig, axes = plotting.new_figure(3, height=3.2)
ring = torch.linspace(0, 2 * math.pi, 100)
for (name, film), (color, dash, marker) in zip(films.items(), plotting.SERIES):
    away = torch.tensor([distance(x) for x in film]).clamp_min(1e-17)
    axes[0].semilogy(away, dash, color=color, marker=marker, markevery=10, label=name)
    kc.show(f"{name:30} mean distance {away[-1]:.1g}, sliced W2", sw2(film[-1]), digits=2)
for ax, (name, film) in zip(axes[1:], list(films.items())[1:]):
    x = film[-1].cpu()
    ax.plot(2 + 0.8 * ring.cos(), 0.8 * ring.sin(), color=plotting.COLORS["reference"], linewidth=1)
    ax.plot(
        torch.hypot(x[:, 0], x[:, 1]), x[:, 2], ".", color=plotting.COLORS["error"], markersize=3
    )
    ax.set(
        xlabel="distance from the axis",
        ylabel="height",
        title=name,
        aspect="equal",
        xlim=(0, 4),
        ylim=(-2, 2),
    )
axes[0].set(xlabel="step", ylabel="mean distance from the surface", ylim=(1e-18, 1e2))
axes[0].legend(fontsize=8, loc="center right")
alt = """Left: with projection the distance from the surface is rounding; without, it grows to a
few tenths and more. Right: cuts through the tube, where the particles should lie on the circle and
do not."""
plotting.finish(fig, alt)
assert (
    distance(films["tangent, projected"][-1])
    < 1e-12
    < 0.02
    < distance(films["tangent, not projected"][-1])
)
assert distance(films["full gradients, not projected"][-1]) > 0.1
as_many, _ = kt.noise_floor(sw2, torus.sample, 400, generator=profile.generator(21))
kc.show("400 exact points, sliced W2", as_many, digits=2)
assert sw2(films["full gradients, not projected"][-1]) < 2.5 * as_many

# %% [markdown]
# The diagnosis is always the same plot: **distance to the surface over the steps**. Off the surface the eigenfunctions were
# never estimated, so particles that have left are moved by extrapolation. Tangent velocities cannot even call them back. Full
# gradients can, a little: their sliced W2 is not far from that of as many exact points, although the particles are
# some tenths away from the surface on average, with a tube of radius 0.8. That metric alone would hardly have noticed.
#
# ## Watch it yourself
#
# The flow in angles and in a cut through the tube. Slide the step, then take the projection away.


# %% tags=["collapsed", "widget", "nbval-ignore-output"]
def moment(run, step):
    x = films[run][step]
    fig, (left, right) = plotting.new_figure(2, height=3.9)
    plotting.points(
        left, torch.stack(torus.angles(x), dim=1), (-3.3, 3.3), title=f"{run}\nstep {step}: angles"
    )
    x = x.cpu()
    right.plot(
        2 + 0.8 * ring.cos(), 0.8 * ring.sin(), color=plotting.COLORS["reference"], linewidth=1
    )
    right.plot(
        torch.hypot(x[:, 0], x[:, 1]), x[:, 2], ".", color=plotting.COLORS["model"], markersize=3
    )
    right.set(
        xlabel="distance from the axis", ylabel="height", aspect="equal", xlim=(0, 4), ylim=(-2, 2)
    )
    right.set_title(
        f"a cut through the tube\nmean distance from it {distance(films[run][step]):.1g}"
    )
    plotting.finish(
        fig,
        "Left: the angles of 400 particles, theta across and p up. Right: their place in a cut.",
    )


plotting.explore(
    moment,
    run=plotting.choices(list(films), "tangent, projected"),
    step=plotting.slider(0, 80, 1, 80),
)

# %% [markdown]
# ## Exercises
#
# Open [exercises/07_manifolds.ipynb](../exercises/07_manifolds.ipynb). Each exercise checks your answer and says what is wrong.
#
# | id | you write | minutes |
# |---|---|---|
# | [L07-E1](../exercises/07_manifolds.ipynb#L07-E1-Stay-in-the-tangent-plane) | the tangent part of vectors, equation (1) | 7 |
# | [L07-E2](../exercises/07_manifolds.ipynb#L07-E2-Where-a-torus-has-its-surface) | the density of a torus's angle, equation (4) | 6 |
# | [L07-E3](../exercises/07_manifolds.ipynb#L07-E3-The-drift-that-a-curved-surface-makes) | the drift of that angle, equation (5) | 8 |
# | [L07-E4](../exercises/07_manifolds.ipynb#L07-E4-The-notes-of-a-circle-and-of-a-sphere) | rates of circle and sphere, and how often they occur | 6 |
# | [L07-E5](../exercises/07_manifolds.ipynb#L07-E5-A-step-that-stays-on-the-sphere) | a step that stays on the sphere, equation (3) | 8 |

# %% [markdown]
# ## Key points
#
# - Two changes put the spectrum and the flow on a surface: slopes along it, $P\nabla\psi$, and back to it after each step.
# - Static points of the surface then give the rates of Brownian motion on it: $k^2$, $l(l+1)$ with $2l+1$ copies, the torus's own.
# - Full gradients overestimate every rate, by an amount that depends on the dictionary: they ask about a space without data.
# - Angles distort. The uniform law of a torus is not uniform in $p$, and Brownian motion in angles has a drift.
# - A tangent step leaves a curved surface by about half its squared length times the curvature, and on a sphere always
#   outwards. Project, and plot the distance to the surface: other metrics may not see it.
#
# To keep, lessons 00 to 07 on a page: `docs/takeaways/spectra.md` of the course's folder.
#
# ## References
#
# - M. Belkin, P. Niyogi (2003). Laplacian eigenmaps for dimensionality reduction and data representation. *Neural
#   Computation* 15. The Laplace-Beltrami operator from points, by a graph.
# - R. R. Coifman, S. Lafon (2006). Diffusion maps. *Applied and Computational Harmonic Analysis* 21. The same for
#   points that are not uniform.
# - E. P. Hsu (2002). *Stochastic Analysis on Manifolds*. American Mathematical Society. Brownian motion on surfaces.
# - Y. Xu, F. Li, H. Fujisawa, Y. Marzouk, I. Ishikawa (2025). Generative modeling through spectral analysis of Koopman
#   operator. arXiv:2512.18837, version 1. KSWGD. (Version 3 is called *Generative Modeling through Koopman Spectral
#   Analysis: An Operator-Theoretic Perspective*.)

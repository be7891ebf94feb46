# %% [markdown]
# # The generator, from samples alone
#
# **75 minutes, and 20 of side roads · level: core · device: CPU · prerequisites: lesson 01 (Langevin dynamics, generator); lesson 02 (EDMD) helps**
#
# Its question: *lesson 02 read the slow modes of a process off a film. Suppose that we have a single photograph: many
# particles, one instant, no second frame. Can we still tell what the process forgets slowly, and how slowly?*
#
# ## A picture first
#
# On the left, the photograph: 3,000 points. On the right, two functions that were found in it, drawn as the colour of
# each point. The first asks "which end of the archipelago?", the second sets the middle against the ends. Above them stands how long Langevin
# dynamics, left to itself, remembers the answer. **Nobody ever saw it move.**
#
# Below, we let it move after all: 600 walkers start in the leftmost island, coloured by the first mode. If the photograph is right, its mean
# falls to 37 % in the time that stands above it.

# %%
import torch

import koopteach as kt
from koopcourse import plotting

islands = kt.GaussianMixture(
    [[-2.6, -0.6], [-1.0, 0.9], [0.7, -0.5], [2.4, 0.8]],
    [0.45, 0.5, 0.55, 0.4],
    weights=[0.2, 0.3, 0.3, 0.2],
)
photograph = islands.sample(3000, torch.Generator().manual_seed(3))
dictionary = kt.MultiScale.from_data(
    photograph, (80, 25, 8), generator=torch.Generator().manual_seed(4)
)
found = kt.GeneratorEDMD(dictionary).fit(photograph).spectrum(3)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=2.6, sharey=True)
axes[0].scatter(*photograph.T, s=3, color=plotting.COLORS["data"])
axes[0].set_title("what is given")
for k, ax in enumerate(axes[1:]):
    value = found(photograph)[:, k]
    value = value * value[photograph[:, 0].argmax()].sign()
    dots = ax.scatter(*photograph.T, s=3, c=value, cmap="PuOr_r", vmin=-2, vmax=2)
    ax.set_title(f"mode {k + 1}, remembered for {found.implied_timescales[k]:.2g}")
for ax in axes:
    ax.set(xticks=[], yticks=[], aspect="equal")
fig.colorbar(dots, ax=axes[2], label="value", ticks=[-2, 0, 2], shrink=0.7)
plotting.finish(
    fig,
    "Four islands of points. By the first mode colours shade from end to end; by the second "
    "both ends have one colour.",
)

# %%
start = islands.modes[:1] + 0.3 * torch.randn(
    600, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(5)
)
walk = kt.langevin_trajectory(
    islands, start, n_steps=2400, dt=0.01, every=100, generator=torch.Generator().manual_seed(6)
)
side = found(photograph)[photograph[:, 0].argmax(), 0].sign()

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(5, height=1.7, sharey=True)
for ax, t in zip(axes, (0, 2, 4, 8, 24)):
    value = side * found(walk[t])[:, 0]
    ax.scatter(*walk[t].T, s=2, c=value, cmap="PuOr_r", vmin=-2, vmax=2)
    left = float(found(walk[t])[:, 0].mean() / found(walk[0])[:, 0].mean())
    ax.set(
        title=f"t = {t}: {left:.0%} left",
        xticks=[],
        yticks=[],
        aspect="equal",
        xlim=(-4.2, 4),
        ylim=(-2.6, 3),
    )
plotting.finish(
    fig,
    "Five moments of 600 walkers from the leftmost island. They spread from island to island;"
    " of the mean of the first mode about a third is left at time 8, and hardly anything at "
    "24.",
)
assert 0.25 < float(found(walk[8])[:, 0].mean() / found(walk[0])[:, 0].mean()) < 0.5

# %% [markdown]
# ## You will be able to
#
# - **estimate** the generator's rates from samples alone, by a Dirichlet form (L03-E1, L03-E2)
# - **test** an eigenfunction by Monte Carlo, with its standard error (L03-E3)
# - **build** a diffusion map in the right clock, and extend it off its samples (L03-E4, L03-E5)
# - **use** the score of a kernel density estimate, and say what it does to barriers (L03-E6)

# %%
import koopcourse as kc

profile = kc.setup("03")

# %% [markdown]
# ## The idea without formulas
#
# A photograph of a crowd says where people stand, not where they go. In general it cannot say more: a crowd that circles a
# fountain and one that mills about may look the same. But **Langevin dynamics is special**. Its force is the slope of the
# log-density, and its film looks the same backwards. The density fixes everything, clock included, as the noise is ours, $\sqrt2\,dW$.
#
# How, then, does one see slowness in a photograph? A slow question is one whose answer differs between people, but
# hardly between *neighbours*. "Which side of the narrow door?" has two answers, equally frequent, and changes only in the door, where nearly
# nobody stands. So: among all functions with variance 1, look for those with the **smallest mean squared slope**. Both are averages over the
# photograph.
#
# Another way is to invent a film: jump from person to neighbour at random. If the jumps are short and chosen with care, that walk is Langevin dynamics.

# %% [markdown]
# ## The mathematics
#
# The generator of $dX=\nabla\log\pi\,dt+\sqrt2\,dW$ is $Lf=\nabla\log\pi\cdot\nabla f+\Delta f=\frac1\pi\,\mathrm{div}(\pi\nabla f)$.
#
# <details><summary>Where the formula comes from</summary>
#
# In a short time $h$ the particle moves by $\Delta x=h\,\nabla\log\pi+\sqrt{2h}\,\xi$, with $\xi$ standard normal. Expand $f(x+\Delta x)=f+\nabla f\cdot\Delta x+\frac12\Delta x^\top\nabla^2f\,\Delta x+\dots$ and
# average over $\xi$: the first term gives $h\,\nabla\log\pi\cdot\nabla f$, and the second $h\,\mathbb E[\xi^\top\nabla^2f\,\xi]=h\,\Delta f$. The mean of $f$ changes by $h\,Lf$.
#
# </details>
#
# Write $\mathbb E_\pi$ for the mean over $\pi$ and $\langle f,g\rangle_\pi=\mathbb E_\pi[fg]$.
# The second form of $L$ is the important one: integrating by parts once, the derivative of $\pi$ disappears,
#
# $$\langle f,-Lg\rangle_\pi=-\int f\,\mathrm{div}(\pi\nabla g)\,dx=\mathbb E_\pi[\nabla f\cdot\nabla g]. \tag{1}$$
#
# This is the **Dirichlet form**. $-L$ is symmetric and has rates $0=\lambda_0<\lambda_1\le\dots$ with
# $-L\phi_k=\lambda_k\phi_k$. In the span of a dictionary $\psi$, centred to be rid of the constant, the problem turns into
#
# $$S a=\lambda\,G a,\qquad S_{ij}=\mathbb E[\nabla\psi_i\cdot\nabla\psi_j],\qquad G_{ij}=\mathrm{Cov}(\psi_i,\psi_j). \tag{2}$$
#
# With exact averages its rates lie *above* the true ones, since $\lambda_1$ is the smallest value of $\mathbb E|\nabla f|^2/\mathrm{Var} f$ over **all** functions.
#
# **Diffusion maps** invent the walk. From $x_i$ it jumps to $x_j$ with probability $P_{ij}$,
#
# $$k_{ij}=e^{-|x_i-x_j|^2/4\varepsilon},\quad q_i=\sum_j k_{ij},\quad P_{ij}=\frac{k_{ij}\,q_j^{-1/2}}{\sum_lk_{il}\,q_l^{-1/2}},\quad P\psi=\mu\psi,\quad \lambda\approx\frac{1-\mu}{\varepsilon}. \tag{3}$$
#
# The kernel is that of pure diffusion for a time $\varepsilon$ in our clock; dividing by $q^\alpha$, the density to a power $\alpha$, gives the drift its right strength if $\alpha=\frac12$, as here.
# An eigenvector lives on the samples. Its equation $\psi=P\psi/\mu$ makes sense at any point $u$, with $p_j(u)\propto e^{-|u-x_j|^2/4\varepsilon}q_j^{-1/2}$,
#
# $$\phi(u)=\frac1\mu\sum_j p_j(u)\,\psi_j . \tag{4}$$
#
# **The route of the KSWGD paper** (version 1) estimates a score and simulates one step, so that EDMD can be used on **snapshot pairs** (pairs) $(x_j,y_j)$; or **kernel EDMD**, which is EDMD with a Gaussian bump on *every*
# sample as dictionary, and a small ridge against so many features,
#
# $$s_b(u)=\frac{\sum_j p_j(u)\,x_j-u}{b^2},\quad p_j(u)\propto e^{-|u-x_j|^2/2b^2},\qquad y_j=x_j+\tau\,s_b(x_j)+\sqrt{2\tau}\,\xi_j . \tag{5}$$
#
# The score $s_b$ is that of the data's density blurred by $b$: valleys fill up, and barriers come down.
#
# *The assumption that usually fails* is that the samples are **balanced**: that the share of points in each mode is the mode's weight. A photograph shows
# no hint where this fails. (The KSWGD paper, version 1, writes $A$ for the positive operator, our $-L$: its eigenvalues are our rates.)
#
# | symbol | code | meaning |
# |---|---|---|
# | $S,\ G$ | `S`, `G` `(m, m)` | Dirichlet form and covariance of the features |
# | $\varepsilon$ | `eps`; `DiffusionMaps(bandwidth)` has $\varepsilon=\text{bandwidth}^2/2$ | time of one jump |
# | $\mu_k,\ \lambda_k$ | `mu`, `rates` | eigenvalue of the walk, rate |
# | $b,\ \tau$ | `bandwidth`, `lag` | width of the density estimate, time between the snapshots of a pair |

# %% [markdown]
# ## From scratch
#
# The double well at $\beta=2$, a photograph of 2,000 points. First equation (2), with 20 Gaussian bumps.

# %%
well = kt.DoubleWell(2.0)
x = well.sample(2000, profile.generator(1))
centers, width = torch.linspace(-1.8, 1.8, 20, dtype=profile.dtype), 0.25

bumps = torch.exp(-((x - centers) ** 2) / (2 * width**2))  # (n, m)
slopes = (centers - x) / width**2 * bumps
S = slopes.T @ slopes / len(x)
G = bumps.T.cov(correction=0)

size, U = torch.linalg.eigh(G)
keep = size > 1e-8 * size[-1]  # the directions that the data see, as in lesson 02
W = U[:, keep] / size[keep].sqrt()
rates = torch.linalg.eigvalsh(W.T @ S @ W)

psi = kt.GaussianRBF(centers[:, None], width)
dirichlet = kt.GeneratorEDMD(psi).fit(x).spectrum()
assert torch.allclose(rates[:6], dirichlet.rates[:6], rtol=1e-6)
kc.show("Dirichlet form", rates[:4], 2)
kc.show("exact         ", well.exact_rates(4), 2)

# %% [markdown]
# Now the walk of equation (3) on the same points. $P$ is similar to a symmetric matrix, whose
# eigenvalues are safer to compute. The first is 1, the constant's.

# %%
bandwidth = 0.15
eps = bandwidth**2 / 2
k = torch.exp(-((x - x.T) ** 2) / (4 * eps))
weight = k.sum(dim=1) ** -0.5  # q^(-1/2)
rows = weight * (k @ weight)  # row sums of k_ij q_i^(-1/2) q_j^(-1/2)
scale = weight / rows.sqrt()
mu = torch.linalg.eigvalsh(scale[:, None] * k * scale).flip(0)

walk = kt.DiffusionMaps(bandwidth).fit(x).spectrum(4)
assert torch.allclose((1 - mu[1:5]) / eps, walk.rates, rtol=1e-6)
kc.show("diffusion map ", walk.rates, 2)
kc.show("exact         ", well.exact_rates(4), 2)

# %% [markdown]
# ## Four routes and their judge
#
# Four estimators that need samples alone: the Dirichlet form; the diffusion map; the paper's pairs (5) with EDMD; the same pairs with kernel EDMD. Beside them EDMD
# with *true* pairs, which has seen the dynamics. Each gets 2,000 points, 12 times over, in the double and the quadruple well, and each uses default settings but for one
# length and, with pairs, the lag 0.02. The judge is the exact spectrum.

# %% tags=["collapsed"]
import warnings

# The pairs (5) are not quite in equilibrium, and the package says so. Why that does no harm is
# explained in the side road on the bandwidth.
warnings.filterwarnings("ignore", message=".*do not start in equilibrium")

# %%
quad, lag = kt.QuadrupleWell(2.0), 0.02
names = ["Dirichlet form", "diffusion map", "KDE pairs, EDMD", "KDE pairs, kernel EDMD"]
names += ["true pairs, EDMD"]


def routes(target, seed, n=2000, count=4):
    """The spectra of the five estimators from fresh data, in the order of ``names``."""
    x, y = kt.snapshot_pairs(target, n, lag=lag, dt=0.005, generator=profile.generator(seed))
    flat, source = target.dim == 1, profile.generator(seed + 1)
    psi = (
        kt.GaussianRBF(centers[:, None], width)
        if flat
        else kt.MultiScale.from_data(x, (60, 20, 8), generator=source)
    )
    pairs = kt.kde_snapshot_pairs(x, lag=lag, generator=source)
    fitted = (
        kt.GeneratorEDMD(psi).fit(x),
        kt.DiffusionMaps(0.15 if flat else 0.25).fit(x),
        kt.EDMD(psi, lag=lag).fit(*pairs),
        kt.KernelEDMD(0.3 if flat else 0.4, lag=lag).fit(*pairs),
        kt.EDMD(psi, lag=lag).fit(x, y),
    )
    return [estimator.spectrum(count) for estimator in fitted]


# %%
spectra = {target: [routes(target, 100 + 2 * k) for k in range(12)] for target in (well, quad)}
ratios = {
    target: torch.stack([torch.stack([s.rates for s in row]) for row in rows])
    / target.exact_rates(4)
    for target, rows in spectra.items()
}

# %% tags=["collapsed"]
marks = [*plotting.SERIES[:4], (plotting.COLORS["reference"], "", "x")]
fig, axes = plotting.new_figure(2, height=3.7, sharey=True)
for ax, (target, ratio) in zip(axes, ratios.items()):
    ax.axhline(1, color=plotting.COLORS["reference"], linewidth=0.8)
    for i, (name, (color, _, marker)) in enumerate(zip(names, marks)):
        place = torch.arange(1, 5) + 0.14 * (i - 2)
        mean, sd = ratio[:, i].mean(0), ratio[:, i].std(0)
        ax.errorbar(
            place, mean, 2 * sd, fmt=marker, color=color, capsize=2, linewidth=1.2, label=name
        )
    rates = "  ".join(f"{rate:.2g}" for rate in target.exact_rates(4).tolist())
    ax.set(
        title=f"{type(target).__name__}, exact rates {rates}",
        xlabel="mode",
        xticks=[1, 2, 3, 4],
        ylim=(0.5, 1.75),
    )
axes[0].set_ylabel("estimated / exact rate")
axes[0].legend(loc="upper center", ncols=2, fontsize=8)
plotting.finish(
    fig,
    "Estimated over exact rates of four modes in the double and the quadruple well, mean and "
    "two standard deviations of 12 data sets, for five estimators. Nearly all means lie "
    "within a fifth of one.",
)

# %% tags=["collapsed"]
for target, ratio in ratios.items():
    off = (ratio - 1).square().mean(dim=(0, 2)).sqrt()
    for name, error in zip(names, off.tolist()):
        kc.show(f"{type(target).__name__}, {name:22} typical error of a rate", f"{error:.0%}")
    assert (ratio.mean(0) - 1).abs().max() < 0.4 and off[:4].argmin() == 0
energies = torch.stack([row[1].energies for row in spectra[quad]]) / quad.exact_rates(4)
kc.show("QuadrupleWell, diffusion map, mean rate / exact  ", ratios[quad][:, 1].mean(0), 2)
kc.show("QuadrupleWell, diffusion map, mean energy / exact", energies.mean(0), 2)
biases = [(means.mean(0) - 1).abs().sum() for means in (energies, ratios[quad][:, 1])]
assert biases[0] < 0.5 * biases[1]

# %% [markdown]
# All four are within a fifth of the truth or so, and **about as good as the one that saw the dynamics**: detailed balance is a
# great deal of information, and all five have been told. The Dirichlet form has the smallest errors of the four, and the fewest things to choose: no lag, no
# score, no $n\times n$ matrix. It is the course's default. In the plane the rates of the diffusion map carry a bias of the blurred walk. The Dirichlet energies of the same functions are free of more than half of it.
#
# Rates are half of the story. In one dimension a fine grid is a judge for the functions, too.


# %% tags=["collapsed"]
import math

import scipy.linalg


def exact_modes(log_prob, count=3, reach=2.6, points=1501):
    """Grid, rates and eigenfunctions of a density on the line, by finite differences of (1/pi) (pi
    f')'."""
    z = torch.linspace(-reach, reach, points, dtype=torch.float64)
    h = float(z[1] - z[0])
    log_pi, log_wall = log_prob(z[:, None]), log_prob(0.5 * (z[1:] + z[:-1])[:, None])
    out = torch.zeros(points, dtype=torch.float64)
    out[:-1] += (log_wall - log_pi[:-1]).exp()  # through the right wall of a cell
    out[1:] += (log_wall - log_pi[1:]).exp()  # and through the left one
    off = -(log_wall - 0.5 * (log_pi[1:] + log_pi[:-1])).exp()
    matrix = (out / h**2).numpy(), (off / h**2).numpy()
    rates, u = scipy.linalg.eigh_tridiagonal(*matrix, select="i", select_range=(0, count))
    phi = torch.from_numpy(u[:, 1:]) * (-0.5 * log_pi.clamp_min(-300)).exp()[:, None] / math.sqrt(h)
    return z, torch.from_numpy(rates[1:]), phi * phi[points * 3 // 4].sign()


z, grid_rates, phi = exact_modes(well.log_prob)
assert torch.allclose(grid_rates, well.exact_rates(3), rtol=1e-3)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.1, sharey=True)
seen = z.abs() < 1.6
for k, ax in enumerate(axes):
    ax.plot(
        z[seen], phi[seen, k], color=plotting.COLORS["floor"], linewidth=6, alpha=0.5, label="exact"
    )
    for name, spectrum, (color, dash, _) in zip(names[:4], spectra[well][0], plotting.SERIES):
        value = spectrum(z[seen][:, None])[:, k]
        value = value * (value * phi[seen, k]).sum().sign()
        ax.plot(z[seen], value, color=color, linestyle=dash, linewidth=1.4, label=name)
    ax.set(xlabel="x", title=f"mode {k + 1}", ylim=(-3.7, 3.2))
axes[0].set_ylabel("eigenfunction")
axes[0].legend(loc="upper left", fontsize=7)
plotting.finish(
    fig,
    "The first three eigenfunctions of the double well from four estimators, on a broad grey "
    "line, the exact ones. All follow it; at the ends, where data are few, they part a little.",
)

# %% [markdown]
# ## Feynman-Kac: put an eigenfunction to the test
#
# Where no grid can go, what is the judge? For any $f$ the function $u(x,t)=\mathbb E[f(X_t)\mid X_0=x]$ solves $\partial_tu=Lu$ from $u=f$ on. If
# $f=\phi_k$, the solution is known,
#
# $$e^{-\lambda_k t}\,\phi_k(x)=\mathbb E[\phi_k(X_t)\mid X_0=x]. \tag{6}$$
#
# This is the **Feynman-Kac** identity. On the left, two numbers that we claim; on the right, an experiment. Start $n$ walkers at
# $x$, average $\phi_k$ over their places at time $t$. The average has the standard error $s/\sqrt n$, with $s$ the standard deviation over the walkers. So the claim can be
# tested without the truth: the gap between both sides, in standard errors, must be of order one.
#
# **Predict, then run.** 4,000 walkers start in the double well at $x=0.2$, right of the barrier's top. Most of them fall into the right well, where $\phi_1$ is larger than at the start. Does the average of $\phi_1$
# first rise, before it decays?
#
# <details><summary>yes: most walkers go where the function is larger</summary>
#
# Most do. Those that fall to the left lose as much more as is needed to outweigh the many that gain.
#
# </details>
# <details><summary>no: it stays level until the walkers have left the top, and decays then</summary>
#
# Identity (6) leaves no time to wait: its slope at $t=0$ is $-\lambda_1\phi_1(x)$.
#
# </details>
# <details><summary>no: it falls from the first moment on</summary>
#
# Right. By (6) it falls at the rate $\lambda_1$ and no other.
# That is what makes $\phi_1$ special: near the top it is (up to a linear map) the probability of falling right rather than left. For nearly any other function, such as the step below, the average makes a jump at first.
#
# </details>

# %%
data = well.sample(20_000, profile.generator(2))
fitted = (
    kt.GeneratorEDMD(kt.GaussianRBF(torch.linspace(-1.9, 1.9, 24)[:, None].double(), 0.25))
    .fit(data)
    .spectrum(3)
)
starts, n = torch.tensor([-1.2, -0.5, 0.2, 0.7, 1.3], dtype=torch.float64), 4000
path = kt.langevin_trajectory(
    well,
    starts.repeat_interleave(n)[:, None],
    n_steps=800,
    dt=0.0025,
    every=20,
    generator=profile.generator(3),
)
t = 0.05 * torch.arange(len(path), dtype=torch.float64)
sign = fitted(starts[-1:, None]).sign()  # an eigenfunction's sign is free: positive on the right


def functions(x):
    return sign * fitted(x)


values = torch.stack([functions(places) for places in path]).reshape(len(t), len(starts), n, 3)


# %%
def feynman_kac(values, at_start, rates, t):
    """Mean of phi over the walkers, its standard error, and what (6) claims: each (times, starts,
    modes)."""
    mean, error = values.mean(dim=2), values.std(dim=2) / math.sqrt(values.shape[2])
    return mean, error, torch.exp(-t[:, None, None] * rates) * at_start


mean, error, claim = feynman_kac(values, functions(starts[:, None]), fitted.rates, t)
gap = ((mean - claim) / error)[1:]
kc.show("rates", fitted.rates, 2)
kc.show("median gap in standard errors, modes 1 to 3", gap.abs().flatten(0, 1).median(0).values, 1)

# %% [markdown]
# And with an exact eigenfunction the gap must be a standard normal variable, nothing less. The Ornstein-Uhlenbeck process
# has known ones, the Hermite polynomials, and its walkers can be moved exactly, without time steps. 200 starts:

# %% tags=["collapsed"]
ou, source = kt.OrnsteinUhlenbeck(1), profile.generator(4)
at = ou.sample(200, profile.generator(5))


def hermite(x):
    return torch.cat([x, (x**2 - 1) / math.sqrt(2), (x**3 - 3 * x) / math.sqrt(6)], dim=1)


times = torch.tensor([0.1, 0.3, 1.0], dtype=torch.float64)
places = [ou.transition(at.repeat_interleave(1000, dim=0), float(time), source) for time in times]
end = torch.stack([hermite(place) for place in places]).reshape(3, 200, 1000, 3)
ou_mean, ou_error, ou_claim = feynman_kac(end, hermite(at), ou.exact_rates(3), times)
score = (ou_mean - ou_claim) / ou_error
kc.show(
    "share of 1,800 gaps above 2 standard errors, 5 % expected",
    float((score.abs() > 2).double().mean()),
    1,
)
assert 0.03 < (score.abs() > 2).double().mean() < 0.08

# %% tags=["collapsed"]
fig, (a, b, c) = plotting.new_figure(3, height=3.3)
a.plot(t, values[:, 2, :12, 0], color=plotting.COLORS["data"], linewidth=0.7, alpha=0.8)
a.plot([], [], color=plotting.COLORS["data"], label="single walkers")
a.plot(t, claim[:, 2, 0], color=plotting.COLORS["reference"], label="claim (6)")
a.plot(t[::4], mean[::4, 2, 0], "o", color=plotting.COLORS["model"], label="mean of 4,000")
a.set(xlabel="t", ylabel=r"$\phi_1$", title="from x = 0.2", ylim=(-1.6, 2.4))
for i, (color, _, marker) in enumerate(plotting.SERIES[:5]):
    style = {"fmt": marker, "color": color, "capsize": 2, "markersize": 4}
    b.errorbar(t[::5], mean[::5, i, 0], 2 * error[::5, i, 0], **style, label=f"x = {starts[i]:g}")
    b.plot(t, claim[:, i, 0], color=plotting.COLORS["reference"], linewidth=0.8)
b.set(xlabel="t", ylabel=r"mean of $\phi_1$, ± 2 errors", title="five starts", ylim=(-1.6, 2.4))
bell = torch.linspace(-4, 4, 100)
c.hist(
    score.flatten().clamp(-4, 4),
    32,
    range=(-4, 4),
    density=True,
    color=plotting.COLORS["model"],
    alpha=0.5,
)
c.plot(
    bell,
    torch.exp(-0.5 * bell**2) / math.sqrt(2 * math.pi),
    color=plotting.COLORS["reference"],
    label="N(0, 1)",
)
c.set(xlabel="gap in standard errors", ylabel="density", title="OU, exact functions")
for ax, columns in ((a, 1), (b, 2), (c, 1)):
    ax.legend(loc="upper right", fontsize=8, ncols=columns)
plotting.finish(
    fig,
    "Left, single walkers jump between two values of the first eigenfunction while their mean"
    " decays along the claimed exponential. Middle, the same from five starts. Right, gaps of"
    " exact functions, a standard normal histogram.",
)

# %% [markdown]
# A claim that fails is caught at once. The same walkers, four claims: the fit above; its functions with rates a quarter as large; a diffusion map with
# far too wide a kernel; and a step, $\pm1$ for right and left, with the right rate.

# %%
blurred = kt.DiffusionMaps(0.6).fit(data[:1500]).spectrum(1)
first = path.reshape(len(t), len(starts), n, 1)
claims = {
    "the fit": (fitted.truncate(1), fitted.rates[:1]),
    "a quarter of its rate": (fitted.truncate(1), fitted.rates[:1] / 4),
    "diffusion map, kernel 0.6 wide": (blurred, blurred.rates),
    "a step": (torch.sign, fitted.rates[:1]),
}
worst = {}
for name, (function, rate) in claims.items():
    value = function(first[8:9].reshape(-1, 1)).reshape(1, len(starts), n, 1)  # at t = 0.4
    m, e, predicted = feynman_kac(value, function(starts[:, None]), rate, t[8:9])
    worst[name] = float(((m - predicted) / e).abs().max())
    kc.show(f"{name:30} largest gap in standard errors", worst[name], 2)

# %% tags=["collapsed"]
# the claims of the fit hold within a few errors, every other claim is caught
assert gap.abs().median() < 1.5 and gap.abs().max() < 6
assert worst["the fit"] < 4 and min(list(worst.values())[1:]) > 6

# %% [markdown]
# ## What goes wrong
#
# ### 1. A ridge on $G$ alone
#
# $G$ of many overlapping bumps is nearly singular. In regression one adds a small multiple of the identity to such a matrix. **Here that is poison.** A combination of features that
# is nearly zero on the data has nearly no variance *and* nearly no slope; its rate, a quotient of two tiny numbers, is large. A ridge lifts the denominator only. Out comes a rate of nearly zero:
# a slow mode from nothing. Truncation drops such directions from $S$ and $G$ alike.

# %%
many = kt.GaussianRBF(torch.linspace(-1.8, 1.8, 25, dtype=torch.float64)[:, None], 0.5)
features, slope = many(x), many.grad(x)[:, :, 0]
G, S = features.T.cov(correction=0), slope.T @ slope / len(x)
largest = float(torch.linalg.eigvalsh(G)[-1])
ridged = {}
for ridge in (1e-3, 1e-6):
    lifted = G + ridge * largest * torch.eye(25, dtype=G.dtype)
    ridged[ridge] = torch.from_numpy(
        scipy.linalg.eigh(S.numpy(), lifted.numpy(), eigvals_only=True)
    )
truncated = kt.GeneratorEDMD(many).fit(x).spectrum().rates

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure(height=3.4)
for name, value, (color, _, marker) in zip(
    ("truncated", "ridge 1e-3", "ridge 1e-6"), (truncated, *ridged.values()), plotting.SERIES
):
    ax.semilogy(range(1, len(value) + 1), value.clamp_min(1e-9), marker, color=color, label=name)
for k, rate in enumerate(well.exact_rates(8).tolist()):
    ax.axhline(
        rate, color=plotting.COLORS["reference"], linewidth=0.6, label=None if k else "exact"
    )
ax.set(xlabel="mode", ylabel="rate, at least 1e-9", title="25 bumps, width 0.5", ylim=(3e-10, 1e4))
ax.legend(loc="center right", fontsize=8)
alt = """Rates of 25 overlapping bumps on a logarithmic axis. Truncated: on the exact lines from
the first. With a ridge on the Gram matrix more than eight rates lie far below the slowest exact
one, some by many decades."""
plotting.finish(fig, alt)
slow = 0.5 * float(well.exact_rates(1))
assert all((value < slow).sum() > 8 for value in ridged.values()) and truncated[0] > slow

# %% [markdown]
# ### 2. A kernel in another convention
#
# **Predict, then run.** Half of the books write the kernel as $e^{-d^2/\varepsilon}$, others $e^{-d^2/2\varepsilon}$. Somebody takes one of these and still computes $(1-\mu)/\varepsilon$. Which rates come out? And which if the density is
# divided out with the power $\alpha=0$, or 1, in place of $\frac12$?
#
# <details><summary>the same rates: each row is divided by its sum, so the kernel's constant drops out</summary>
#
# Its height does. Its width is how far one jump goes, and the width has changed.
#
# </details>
# <details><summary>a quarter and half of the rates; other powers give rates of something else</summary>
#
# Right. $e^{-d^2/\varepsilon}$ is pure diffusion for the time $\varepsilon/4$. The functions are right, the clock is wrong. With $\alpha=0$ the walk has the drift
# $2\nabla\log\pi$, that of Langevin dynamics for $\pi^2$: wells twice as deep, slow rates far too slow. With $\alpha=1$ it has none and knows the shape of the data only, not their density: then the
# barrier is a gate of the same width as everything else. These are not clocks but other processes.
#
# </details>
# <details><summary>a quarter and half of the rates; other powers change the clock once more</summary>
#
# The first part is right. But dividing by another power of the density leaves another drift, and no clock mends that: all rates would be wrong by one factor, and they are not.
#
# </details>


# %%
def walk_rates(exponent, alpha=0.5):
    """Rates by (1 - mu) / eps, kernel exp(-d^2 / (exponent eps))."""
    k = torch.exp(-((x - x.T) ** 2) / (exponent * eps))
    weight = k.sum(dim=1) ** -alpha
    scale = weight / (weight * (k @ weight)).sqrt()
    mu = torch.linalg.eigvalsh(scale[:, None] * k * scale).flip(0)
    return (1 - mu[1:4]) / eps


cases = {
    "exp(-d²/4ε), alpha 1/2": walk_rates(4),
    "exp(-d²/2ε), alpha 1/2": walk_rates(2),
    "exp(-d²/ε),  alpha 1/2": walk_rates(1),
    "exp(-d²/4ε), alpha 0  ": walk_rates(4, alpha=0.0),
    "exp(-d²/4ε), alpha 1  ": walk_rates(4, alpha=1.0),
}
for name, found in cases.items():
    kc.show(f"{name}  rate / exact", found / well.exact_rates(3), 2)
kc.show("right kernel: energies / rates", walk.energies[:3] / walk.rates[:3], 2)

# %% tags=["collapsed"]
# another kernel is another clock; energies over rates are one where the clock is ours
ratio = {name: (found / cases["exp(-d²/4ε), alpha 1/2"]).tolist() for name, found in cases.items()}
assert (
    abs(ratio["exp(-d²/ε),  alpha 1/2"][0] - 0.25) < 0.03
    and abs(ratio["exp(-d²/2ε), alpha 1/2"][0] - 0.5) < 0.05
)
assert (walk.energies / walk.rates - 1).abs().max() < 0.2

# %% [markdown]
# The last line is the cure: a diffusion map's functions have a gradient, by (4), and with it the Dirichlet energies $\mathbb E|\nabla\phi_k|^2$ (`spectrum.energies`), which know no convention.
# Where energy and rate disagree by *one* factor, the rates are in another clock.

# %% [markdown]
# ## Choose without knowing the answer
#
# The Dirichlet form brings its own judge. By (2) no functions have a smaller total energy than the true ones, so on points that a fit **has not seen** *smaller is better*.
# `kt.select` does that with any estimators, here with bumps of five widths and two diffusion maps, for three modes and 1,000 points.

# %%
candidates = {
    f"bumps, width {w:g}": kt.GeneratorEDMD(kt.GaussianRBF(centers[:, None], w))
    for w in (0.08, 0.15, 0.25, 0.6, 1.5)
}
candidates |= {f"diffusion map, {b:g}": kt.DiffusionMaps(b) for b in (0.1, 0.3)}
chosen = kt.select(
    candidates, well.sample(1000, profile.generator(90)), n_modes=3, generator=profile.generator(91)
)

# %% tags=["collapsed"]
alt = """Held-out energy of seven candidates: bumps of widths 0.15 to 0.6 and both diffusion maps
are lowest and nearly equal; the narrowest and the widest bumps are higher."""
plotting.selection(
    chosen, alt=alt, title=f"sum of the exact rates: {float(well.exact_rates(3).sum()):.0f}"
)
scores = {row.name: row.score for row in chosen.table}
assert (
    scores["bumps, width 0.08"] > 1.2 * scores["bumps, width 0.25"]
    and scores["bumps, width 1.5"] > scores["bumps, width 0.25"]
)

# %% [markdown]
# Several candidates tie: there the choice does not matter. The rates of a diffusion map are not scored, only its functions, so a wrong clock goes unnoticed here; energies show it.
#
# | symptom | likely cause | what to do |
# |---|---|---|
# | many rates near zero | ridge on $G$ alone; or islands in a diffusion map | truncate (`tol`); a wider kernel |
# | all rates wrong by one factor | kernel convention, other clock | compare with the energies |
# | slow rates far too slow or too fast, functions wrong | power $\alpha$ of the density | $\alpha=\frac12$ |
# | rates of a diffusion map level off | they end at $1/\varepsilon$ | a narrower kernel, more points |
# | slow rates too large | too few or too narrow bumps; blurred density | wider bumps; energies on the data, detailed balance |
# | slow rates too small | few points a feature | fewer features, more points |
# | all fine, weights of the modes wrong | photograph not balanced | nothing in the photograph helps; weights, if known |

# %% [markdown]
# ## Side road: the bandwidth of the density estimate
#
# The pairs (5) move with the score of $\pi_b$, the data's density blurred by $b$. Blurring fills valleys of the density: **barriers come down**, so the slowest rate of $\pi_b$ rises; and its wells are wider, so that the fast rates fall. The grid gives both
# exactly. What does EDMD find from pairs? We fit them plainly, and with detailed balance, the default; and to be sure, pairs with no drift at all, $y=x+\sqrt{2\tau}\,\xi$.

# %%
widths, lag = [0.05, 0.15, 0.3, 0.45, 0.6], 0.01
photographs = [well.sample(2000, profile.generator(60 + s)) for s in range(4)]
noise = [
    torch.randn(2000, 1, dtype=profile.dtype, generator=profile.generator(70 + s)) for s in range(4)
]


def pair_rates(b, reversible):
    """Rates of both slow modes from four photographs, (4, 2)."""
    rows = []
    for s, photo in enumerate(photographs):
        pairs = kt.kde_snapshot_pairs(
            photo, lag=lag, bandwidth=b, generator=profile.generator(80 + s)
        )
        rows.append(kt.EDMD(psi, lag=lag, reversible=reversible).fit(*pairs).spectrum(2).rates.real)
    return torch.stack(rows)


# %%
blurred = [
    torch.stack(
        [exact_modes(kt.GaussianMixture(p, b).log_prob, 2, 3.6, 721)[1] for p in photographs[:2]]
    )
    for b in widths
]
curves = {
    "exact for the blurred density": torch.stack(blurred).mean(1, keepdim=True),
    "pairs (5), plain EDMD": torch.stack([pair_rates(b, False) for b in widths]),
    "pairs (5), detailed balance": torch.stack([pair_rates(b, True) for b in widths]),
}
still = [
    kt.EDMD(psi, lag=lag).fit(p, p + math.sqrt(2 * lag) * xi).spectrum(2)
    for p, xi in zip(photographs, noise)
]
still = torch.stack([s.rates for s in still]).mean(0)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(2, height=3.4)
looks = [("floor", "-", "o"), ("error", "--", "s"), ("model", "-", "^")]
for k, ax in enumerate(axes):
    ax.axhline(
        float(well.exact_rates(2)[k]),
        color=plotting.COLORS["reference"],
        linewidth=1,
        label="exact for the well",
    )
    for (name, value), (color, dash, marker) in zip(curves.items(), looks):
        low, high = value[..., k].amin(1), value[..., k].amax(1)
        ax.fill_between(widths, low, high, color=plotting.COLORS[color], alpha=0.15)
        ax.plot(
            widths,
            value[..., k].median(1).values,
            dash,
            marker=marker,
            color=plotting.COLORS[color],
            label=name,
        )
    ax.plot(
        [0.0],
        still[k : k + 1],
        "x",
        color=plotting.COLORS["rival"],
        markersize=8,
        label="pairs without drift",
    )
    ax.set(xlabel="bandwidth b", ylabel="rate", title=("slowest mode", "second mode")[k])
    ax.set_ylim(0, (2, 13)[k])
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
plotting.finish(
    fig,
    "Rates of two modes against the bandwidth. For the blurred density the slowest rate rises"
    " and the second falls. Plain EDMD does so with a wide range; with detailed balance the "
    "rates stay near those of the well, even without any drift.",
)
flat, exact = curves["pairs (5), detailed balance"].mean(1), well.exact_rates(2)
assert (
    curves["exact for the blurred density"][-1, 0, 0] > 1.3 * exact[0]
    and (flat / exact - 1).abs().max() < 0.2
)
assert (still / exact - 1).abs().max() < 0.25

# %% [markdown]
# The blurred density behaves as announced. Plain EDMD moves the same way and scatters widely: its pairs start from the data, which are not in equilibrium with the blurred score. **With detailed balance the bandwidth hardly matters, and the score could be left out.** Why? That fit computes
#
# $$1-\mu=\tfrac12\,\mathbb E|\phi(y)-\phi(x)|^2=\tau\,\mathbb E_{x\sim\text{data}}|\nabla\phi|^2+O(\tau^2)\qquad(\mathrm{Var}\,\phi=1), \tag{7}$$
#
# and in a short step the noise, of size $\sqrt\tau$, outweighs the drift, of size $\tau$. What is left is the Dirichlet form (2) of the *data*, computed the long way round, with sampling noise from $\xi$ on top. So the paper's
# route works where it is symmetrised, and then, as far as this experiment goes, the score estimate at its heart is not what makes it work. Where a fast mode matters, the bias of order $\tau$ does: shorten the lag.

# %% [markdown]
# ## Side road: move the length yourself
#
# One length, three meanings: width of the bumps in a Dirichlet form, kernel of a diffusion map, blur of a density estimate. Slide it from too short to too long, and see three different failures. With how few bumps, and how few points, does each still work?


# %%
def fits(length, bumps, points):
    """Rates of three methods, and the functions of two, from the first points of the photograph."""
    psi = kt.GaussianRBF(torch.linspace(-1.8, 1.8, bumps, dtype=torch.float64)[:, None], length)
    photo = x[:points]
    spectra = {
        "Dirichlet form, bumps": kt.GeneratorEDMD(psi).fit(photo).spectrum(5),
        "diffusion map": kt.DiffusionMaps(length).fit(photo).spectrum(5),
    }
    rates = {name: spectrum.rates for name, spectrum in spectra.items()}
    estimate = kt.GaussianMixture(photo[:500], length)  # 500 kernels are enough for a picture
    return spectra, {
        **rates,
        "density estimate, exact": exact_modes(estimate.log_prob, 5, 4.0, 801)[1],
    }


# %% tags=["collapsed", "widget", "nbval-ignore-output"]
def three_meanings(length, bumps, points):
    spectra, rates = fits(length, bumps, points)
    fig, (a, b) = plotting.new_figure(2, height=3.6)
    a.plot(
        range(1, 6),
        well.exact_rates(5),
        "_",
        color=plotting.COLORS["reference"],
        markersize=24,
        label="exact",
    )
    b.plot(z[seen], phi[seen, 0], color=plotting.COLORS["floor"], linewidth=6, alpha=0.4)
    for (name, rate), (color, dash, marker) in zip(rates.items(), plotting.SERIES):
        a.plot(range(1, len(rate) + 1), rate.clip(1e-2, 1e3), marker, color=color, label=name)
        if name in spectra:
            value = spectra[name](z[seen][:, None])[:, 0].clip(-5, 5)
            b.plot(z[seen], value * (value * phi[seen, 0]).sum().sign(), dash, color=color)
    a.set(
        xlabel="mode",
        ylabel="rate",
        yscale="log",
        ylim=(5e-3, 2e3),
        title=f"length {length:g}",
        xticks=range(1, 6),
    )
    b.set(
        xlabel="x",
        ylabel=r"$\phi_1$",
        ylim=(-3, 3),
        title=f"slowest function, {bumps} bumps, {points} points",
    )
    a.legend(loc="lower right", fontsize=8)
    alt = (
        f"Left, rates of five modes from {points} points at length {length:g} by three "
        f"methods beside the exact ones; "
    )
    plotting.finish(fig, alt + "right, the slowest function of two of them on the exact one.")


plotting.explore(
    three_meanings,
    length=plotting.choices([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7], 0.3),
    bumps=plotting.choices([4, 8, 12, 20, 40], 20),
    points=plotting.choices([100, 300, 1000, 2000], 1000),
)

# %% [markdown]
# ## Side road: Feynman-Kac with killing
#
# Let a walker at $x$ die at a rate $c(x)\ge0$ and count only survivors:
# $u(x,t)=\mathbb E\big[e^{-\int_0^tc(X_s)\,ds}f(X_t)\mid X_0=x\big]$ solves $\partial_tu=Lu-c\,u$. This is the full Feynman-Kac formula. Everything above goes through with $-L+c$ in place of $-L$:
# it is symmetric again, its Dirichlet form is $\mathbb E[\nabla f\cdot\nabla g+c\,fg]$, so samples are still enough. But the constant is no longer an eigenfunction with rate 0, so features must not be centred;
# the smallest rate is now positive, and says how fast the number of survivors falls in the long run. With $c$ very large outside a region it is the rate of leaving the region. Lesson 14 comes back to killing.

# %% [markdown]
# ## Exercises
#
# Open [exercises/03_generator_spectra.ipynb](../exercises/03_generator_spectra.ipynb). Each exercise checks your answer and says what is wrong.
#
# | id | you write | minutes |
# |---|---|---|
# | [L03-E1](../exercises/03_generator_spectra.ipynb#L03-E1-The-Dirichlet-form) | the Dirichlet form of features, from their gradients | 8 |
# | [L03-E2](../exercises/03_generator_spectra.ipynb#L03-E2-The-rates,-in-the-space-that-the-data-see) | the rates, also when $G$ is singular | 10 |
# | [L03-E3](../exercises/03_generator_spectra.ipynb#L03-E3-Both-sides-of-Feynman-Kac) | Feynman-Kac: both sides of (6), and the standard error | 10 |
# | [L03-E4](../exercises/03_generator_spectra.ipynb#L03-E4-The-rates-of-a-diffusion-map) | the rates of a diffusion map | 12 |
# | [L03-E5](../exercises/03_generator_spectra.ipynb#L03-E5-Off-the-samples) | its extension off the samples | 8 |
# | [L03-E6](../exercises/03_generator_spectra.ipynb#L03-E6-The-score-of-a-density-estimate) | the score of a kernel density estimate | 8 |

# %% [markdown]
# ## Key points
#
# - Under detailed balance the density fixes the dynamics: $\langle f,-Lg\rangle_\pi=\mathbb E[\nabla f\cdot\nabla g]$ needs samples and gradients of features, nothing else.
# - Dirichlet form, diffusion maps and pairs from a density estimate agree, with each other and with EDMD on true pairs. They differ in what must be chosen.
# - Feynman-Kac: $e^{-\lambda_kt}\phi_k(x)$ is the mean of $\phi_k$ over walkers from $x$. It tests an eigenfunction, with a standard error, where no exact answer exists.
# - A ridge on $G$ alone makes slow modes from nothing. Truncate.
# - A diffusion map's kernel is $e^{-d^2/4\varepsilon}$ with $\alpha=\frac12$ in our clock; another convention is another clock, another $\alpha$ another process.
# - A density estimate lowers barriers.
# - Held-out energies choose widths without the answer: smaller is better.
#
# ## References
#
# - S. Klus, F. Nüske, S. Peitz, J.-H. Niemann, C. Clementi, C. Schütte (2020). Data-driven approximation of the Koopman generator: model reduction, system identification, and control. *Physica D* 406. (gEDMD.)
# - R. R. Coifman, S. Lafon (2006). Diffusion maps. *Applied and Computational Harmonic Analysis* 21. (The power $\alpha$, and the extension.)
# - B. Nadler, S. Lafon, R. R. Coifman, I. G. Kevrekidis (2006). Diffusion maps, spectral clustering and reaction coordinates of dynamical systems. *Applied and Computational Harmonic Analysis* 21. (Which dynamics a diffusion map sees.)
# - M. O. Williams, C. W. Rowley, I. G. Kevrekidis (2015). A kernel-based method for data-driven Koopman spectral analysis. *J. Computational Dynamics* 2. (Kernel EDMD.)
# - G. A. Pavliotis (2014). *Stochastic Processes and Applications*. Springer. (Generators, Dirichlet forms, the Feynman-Kac formula.)
# - Y. Xu, F. Li, H. Fujisawa, Y. Marzouk, I. Ishikawa (2025). Generative modeling through spectral analysis of Koopman operator. arXiv:2512.18837, version 1. (Pairs from a density estimate; lesson 05. Version 3 is called Generative Modeling through Koopman Spectral Analysis: An Operator-Theoretic Perspective.)

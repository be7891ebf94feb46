# %% [markdown]
# # The Koopman operator from snapshot pairs
#
# **75 minutes, and 15 of side roads · level: core · device: CPU · prerequisites: lesson 01 (Langevin dynamics, generator)**
#
# Its question: *can we read off a film of a random process which questions about it are forgotten slowly, and how slowly?*
#
# Below we ask for the average of $f(X_t)$, given the start $x$, for a wild function $f$ in a double well. The wiggles
# are forgotten at once. What is left, a step between the wells, is forgotten far more slowly.

# %%
import torch

import koopteach as kt
from koopcourse import plotting

well = kt.DoubleWell(2.0)
starts = torch.linspace(-1.7, 1.7, 69, dtype=torch.float64)
walkers = starts.repeat_interleave(600)[:, None]
path = kt.langevin_trajectory(
    well, walkers, n_steps=600, dt=0.005, generator=torch.Generator().manual_seed(1)
)


def wild(x):
    return torch.tanh(3 * x) + 0.8 * torch.sin(9 * x) + 0.5 * x


means = {
    f"t = {0.005 * k:g}": wild(path[k]).reshape(69, 600).mean(dim=1) for k in (0, 4, 20, 80, 600)
}

# %% tags=["collapsed"]
plotting.curves(
    starts,
    means,
    xlabel="start x",
    ylabel="average of f(X_t)",
    title="a measurement, forgotten",
    alt="The average of f after times 0 to 3 against the start. The wiggles of f are gone after "
    "0.1, a smooth step from left to right stays until 0.4, and after 3 its height has fallen"
    " to about a quarter.",
)

# %% [markdown]
# ## You will be able to
#
# - **estimate** the Koopman operator of a process from pairs of snapshots, in a dozen lines (L02-E1, L02-E2)
# - **translate** its eigenvalues into rates and relaxation times, on a physicist's clock and on ours (L02-E3, L02-E4)
# - **read** decay and rotation off a complex eigenvalue (L02-E5)
# - **recognise** spurious eigenvalues, and cure them by truncation (L02-E6)

# %%
import koopcourse as kc

profile = kc.setup("02")

# %% [markdown]
# ## The idea without formulas
#
# Take a film of a process and cut it into **snapshot pairs** (pairs): a frame, and the frame a fixed **lag** later.
#
# You may ask questions about a frame. "How far to the right?" is one, "left or right well?" another; each question
# is a function of the state, an **observable**. However nonlinear the process is, the
# map from "question about tomorrow" to "expected answer, given today" is *linear*: the answer to the sum of two questions
# is the sum of the answers. Its eigenvectors are the questions whose expected answer tomorrow is
# today's answer times a number below one. The nearer to one, the longer the process remembers.
#
# So write down some questions, and do linear regression: predict tomorrow's answers from today's.
# The eigenvectors of the regression matrix are the slow questions. That is all of EDMD.

# %% tags=["collapsed"]
x = well.sample(3000, profile.generator(1))
fig, axes = plotting.new_figure(3, height=3.1, sharey=True)
for ax, lag in zip(axes, (0.02, 0.2, 2.0)):
    n_steps = round(lag / 0.005)
    y = kt.langevin_trajectory(well, x, n_steps=n_steps, dt=0.005, generator=profile.generator(2))[
        -1
    ]
    expected = path[n_steps if n_steps <= 600 else -1].reshape(69, 600).mean(dim=1)
    ax.plot(
        x[:, 0], y[:, 0], ".", color=plotting.COLORS["data"], markersize=2, alpha=0.6, label="pairs"
    )
    ax.plot(starts, expected, color=plotting.COLORS["model"], label="mean of y, given x")
    ax.set(xlabel="x", title=f"lag {lag:g}", xlim=(-1.7, 1.7), ylim=(-1.9, 2.9))
axes[0].set_ylabel("y, one lag later")
axes[0].legend(loc="upper left")
plotting.finish(
    fig,
    "Snapshot pairs of the double well at three lags. At lag 0.02 they hug the diagonal; at "
    "0.2 they fill two blocks, one a well; at 2 all four blocks. The mean of y given x is a "
    "diagonal, then a step, then a lower step.",
)

# %% [markdown]
# ## The mathematics
#
# The **Koopman operator** of a process for a lag $\tau$ turns an observable into its expected value one lag later,
#
# $$(Kf)(x) = \mathbb E\,[\,f(X_\tau)\mid X_0=x\,]. \tag{1}$$
#
# It is linear in $f$. If $-L\phi=\lambda\phi$ with the generator $L$ of lesson 01, then
#
# $$K\phi = \mu\,\phi,\qquad \mu = e^{-\lambda\tau},\qquad\text{so}\qquad \lambda = -\frac{\log\mu}{\tau}. \tag{2}$$
#
# From data $(x_i, y_i)$, $y_i$ one lag after $x_i$, **extended dynamic mode decomposition** (EDMD) looks for $K$ in the span of
# a **dictionary** $\psi=(\psi_1,\dots,\psi_m)$. The matrix that predicts $\psi(y)$ from $\psi(x)$ best in least squares is
#
# $$\mathbf K = G^+A,\qquad G=\frac1n\sum_i\psi(x_i)\,\psi(x_i)^{\mathsf T},\qquad A=\frac1n\sum_i\psi(x_i)\,\psi(y_i)^{\mathsf T}, \tag{3}$$
#
# and an eigenvector $\mathbf K c=\mu c$ is a function $\phi=\psi\cdot c$ with $K\phi\approx\mu\phi$. As $n\to\infty$, (3) becomes the
# projection of $K$ onto the span in $L^2$ of the data's law.
#
# **Detailed balance.** An average in equilibrium is $\mathbb E_\pi f=\int f(x)\,\pi(x)\,dx$, and $\langle f,g\rangle_\pi=\mathbb E_\pi[f g]$.
# Langevin dynamics has $\langle f,Kg\rangle_\pi=\langle Kf,g\rangle_\pi$: *in equilibrium* its film looks the same backwards. If pairs
# also **start in equilibrium**, each may be used in both directions,
#
# $$G=\tfrac12(G_{xx}+G_{yy}),\qquad A=\tfrac12(A_{xy}+A_{xy}^{\mathsf T}). \tag{4}$$
#
# Then all eigenvalues are real and, without rounding, at most 1. This is `EDMD(reversible=True)`, the default. Molecular
# dynamics calls it the **variational approach** (VAC), and **tICA** where coordinates are the features; the library
# *deeptime* has these and more.
#
# **The assumption that usually fails** is that $K$ maps the span into itself. What comes out is $K$
# seen through the dictionary, and the dictionary, the lag and the number of pairs all leave their mark.
#
# | symbol | code | meaning |
# |---|---|---|
# | $x,\ y$ | `x`, `y` `(n, d)` | snapshots, and those one lag later |
# | $\tau$ | `lag` | the time between them |
# | $\psi$ | `psi(x)` `(n, m)` | the dictionary's functions |
# | $\mu_k,\ \lambda_k,\ 1/\lambda_k$ | `mu`, `rates`, `implied_timescales` | eigenvalue, rate, relaxation time |

# %% [markdown]
# ## From scratch
#
# The test case has a known answer. For the Ornstein-Uhlenbeck process $dX=-X\,dt+\sqrt2\,dW$ the eigenfunctions are the Hermite
# polynomials and the rates are 1, 2, 3, ... We take powers of $x$, which span the same space.


# %%
def edmd(P, Q, tol=1e-8):
    """Eigenvalues, slowest first, and coefficients, from features P = psi(x) and Q = psi(y), each
    (n, m)."""
    G = P.T @ P / len(P)
    A = P.T @ Q / len(P)
    mu, C = torch.linalg.eig(torch.linalg.pinv(G, rtol=tol, hermitian=True) @ A)
    order = mu.abs().argsort(descending=True)
    return mu[order], C[:, order]


def powers(x, degree=4):
    return torch.cat([x**k for k in range(degree + 1)], dim=1)  # from the constant on


lag, ou = 0.5, kt.OrnsteinUhlenbeck(1)
x, y = kt.snapshot_pairs(ou, 20_000, lag=lag, generator=profile.generator(3))
P, Q = powers(x), powers(y)
mu, _ = edmd(P, Q)
mu_reversible, _ = edmd(
    torch.cat([P, Q]), torch.cat([Q, P])
)  # equation (4): each pair in both directions
kc.show("eigenvalues, plain     ", mu.real, 2)
kc.show("eigenvalues, reversible", mu_reversible.real, 2)
kc.show("exact                  ", torch.exp(-lag * torch.arange(5.0)), 2)

# %% [markdown]
# The first eigenvalue is 1, that of the constant function. The package removes it by centring the
# features, and returns a `Spectrum`: rates, and eigenfunctions that can be evaluated anywhere.

# %%
psi = kt.Monomials(1, 4)
plain = kt.EDMD(psi, lag=lag, reversible=False).fit(x, y).spectrum()
reversible = kt.EDMD(psi, lag=lag).fit(x, y).spectrum()
r = len(reversible)

assert torch.allclose(-mu[1 : len(plain) + 1].log() / lag, plain.rates.to(mu.dtype), rtol=1e-6)
assert torch.allclose(-mu_reversible[1 : r + 1].real.log() / lag, reversible.rates, rtol=1e-6)
print(reversible)
kc.show("rates 1 to 3, exact 1, 2, 3", reversible.rates[:3], 2)

# %% [markdown]
# ## How far off is a rate?
#
# Here are estimates from 20 fresh data sets of 5,000 pairs each: of the
# Ornstein-Uhlenbeck process with Hermite polynomials, and of the double well with 20 Gaussian bumps (radial basis
# functions, RBF). On the right, the well's slowest rate from more and more pairs.

# %%
bumps = kt.GaussianRBF(torch.linspace(-1.8, 1.8, 20, dtype=torch.float64)[:, None], 0.2)


def repeated(target, dictionary, n, lag, count, repeats=20):
    """Rates of ``repeats`` fresh data sets, (repeats, count)."""
    source, rates = profile.generator(n), []
    for _ in range(repeats):
        x, y = kt.snapshot_pairs(target, n, lag=lag, dt=0.002, generator=source)
        rates.append(kt.EDMD(dictionary, lag=lag).fit(x, y).spectrum(count).rates)
    return torch.stack(rates)


ou_rates = repeated(ou, kt.Hermite(1, 4), 5000, 0.2, 3)
well_rates = repeated(well, bumps, 5000, 0.05, 4)
sizes = [500, 1000, 2000, 4000, 8000, 16_000]
slowest = [repeated(well, bumps, n, 0.05, 2)[:, 0] for n in sizes]
errors = torch.stack([(rate / well.exact_rates(1) - 1).square().mean().sqrt() for rate in slowest])
kc.show("OU: mean of 20, exact 1, 2, 3", ou_rates.mean(0), 2)
kc.show("well: mean of 20", well_rates.mean(0), 2)
kc.show("well: exact     ", well.exact_rates(4), 2)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.2)
cases = (
    ("OU, Hermite", ou_rates, torch.arange(1.0, 4)),
    ("double well, RBF", well_rates, well.exact_rates(4)),
)
for ax, (title, rates, exact) in zip(axes, cases):
    k = torch.arange(1, len(exact) + 1)
    ax.plot(k, exact, "_", color=plotting.COLORS["reference"], markersize=22, label="exact")
    ax.errorbar(
        k,
        rates.mean(0),
        2 * rates.std(0),
        fmt="o",
        color=plotting.COLORS["model"],
        capsize=4,
        label="mean ± 2 sd",
    )
    ax.set(
        xlabel="mode",
        ylabel="rate",
        title=title,
        ylim=(0, None),
        xticks=k.tolist(),
        xlim=(0.5, len(exact) + 0.5),
    )
    ax.legend(loc="upper left")
axes[2].loglog(sizes, errors, "o", color=plotting.COLORS["model"], label="slowest rate, well")
axes[2].plot(
    sizes,
    errors[2] * (2000 / torch.tensor(sizes)) ** 0.5,
    "--",
    color=plotting.COLORS["floor"],
    label=r"$n^{-1/2}$",
)
axes[2].set(xlabel="pairs", ylabel="relative error", title="error against data")
axes[2].set_xticks([500, 2000, 8000], ["500", "2000", "8000"])
axes[2].set_yticks([0.02, 0.05, 0.1], ["2 %", "5 %", "10 %"])
axes[2].minorticks_off()
axes[2].legend()
plotting.finish(
    fig,
    "Estimated rates with error bars of two standard deviations cover the exact rates, for "
    "the OU process and the double well. The relative error of the slowest rate falls like "
    "one over the root of the number of pairs.",
)

# %% [markdown]
# Error bars cover the truth. The third rate of the Ornstein-Uhlenbeck process scatters most: its
# eigenfunction is a cubic, large where data are rare.
#
# ### The eigenfunctions keep their promise
#
# Group pairs that the fit has not seen by $\phi_k(x)$, and average $\phi_k(y)$ in each
# group: by (2) the averages must lie on a line with slope $\mu_k$.

# %%
lag = 0.05
x, y = kt.snapshot_pairs(well, 10_000, lag=lag, generator=profile.generator(4))
fresh_x, fresh_y = kt.snapshot_pairs(well, 10_000, lag=lag, generator=profile.generator(5))
spectrum = kt.EDMD(bumps, lag=lag).fit(x, y).spectrum(3)
today, tomorrow, phi = spectrum(fresh_x), spectrum(fresh_y), spectrum(starts[:, None])

# %% tags=["collapsed"]
fig, (a, b) = plotting.new_figure(2, height=3.4)
for k, (color, dash, marker) in zip(range(3), plotting.SERIES):
    mu = float(torch.exp(-lag * spectrum.rates[k]))
    a.plot(starts, phi[:, k] * phi[-1, k].sign(), dash, color=color, label=f"$\\phi_{k + 1}$")
    groups = [
        group.mean(0)
        for group in torch.stack([today[:, k], tomorrow[:, k]], 1)[today[:, k].argsort()].split(500)
    ]
    b.plot(*torch.stack(groups).T, marker, color=color, label=f"$\\mu_{k + 1}$ = {mu:.2f}")
    b.plot([-2, 2], [-2 * mu, 2 * mu], dash, color=color, linewidth=1)
a.set(xlabel="x", title="eigenfunctions", ylabel="value", ylim=(-4, 4.5))
b.set(
    xlabel=r"$\phi_k(x)$",
    ylabel=r"mean of $\phi_k(y)$",
    title="fresh pairs",
    xlim=(-2.5, 2.5),
    ylim=(-2.5, 2.5),
)
for ax in (a, b):
    ax.legend()
plotting.finish(
    fig,
    "Left, the first three eigenfunctions of the double well: a step, and two that vary "
    "inside the wells. Right, group means of phi(y) against phi(x) on fresh pairs lie on "
    "straight lines, whose slopes are the eigenvalues.",
)
measured = (today * tomorrow).mean(0) / today.square().mean(0)
assert (measured - torch.exp(-lag * spectrum.rates)).abs().max() < 0.05
assert ((well_rates.mean(0) / well.exact_rates(4) - 1).abs() < 0.1).all()  # of 20 data sets

# %% [markdown]
# ## Which lag?
#
# **Predict, then run.** Double the lag. What becomes of the eigenvalues, the rates and the eigenfunctions?
#
# <details><summary>eigenvalues fall and rates double: twice as much is forgotten</summary>
#
# Twice as much, in twice the time. A rate counts per unit of time.
#
# </details>
# <details><summary>eigenvalues are squared, rates and eigenfunctions stay</summary>
#
# Right. By (2) $\mu=e^{-\lambda\tau}$ depends on the lag; the process, with its $\lambda$ and $\phi$, does not.
#
# </details>
# <details><summary>everything stays: it is the same process</summary>
#
# Its rates and eigenfunctions stay. But $\mu$ says what is left after *one lag*, and this lag is longer.
#
# </details>

# %% [markdown]
# So the **implied timescale** $-\tau/\log\mu$ should be the same at any lag. At a long lag, however, $\mu$ drowns in noise:
# $m$ functions and $n$ pairs make eigenvalues out of nothing, of up to about $\sqrt{m/n}$ by (3) and $\sqrt{2m/n}$ by (4) (measured
# below). At a short lag noise in $\mu$ is divided by a tiny $\tau$, and $K$ has had no
# time to smooth away what a poor dictionary cannot represent.
#
# We fit three ways, to 6 times 2,000 walkers: each pair in one direction (plain), in both
# (reversible), and so with 4 bumps in place of 20.

# %%
import math

lags = [0.002, 0.006, 0.02, 0.06, 0.2, 0.6, 2.0, 6.0]
x = well.sample(12_000, profile.generator(6))
film, source = {}, profile.generator(7)
for before, lag in zip([0.0, *lags], lags):
    n_steps = round((lag - before) / 0.002)
    film[lag] = kt.langevin_trajectory(
        well, film.get(before, x), n_steps=n_steps, dt=0.002, every=n_steps, generator=source
    )[-1]

few = kt.GaussianRBF(torch.linspace(-1.5, 1.5, 4, dtype=torch.float64)[:, None], 0.6)


def forgotten(mu):
    """Eigenvalues without the constant's, the one next to 1."""
    return mu[torch.arange(len(mu)) != (mu - 1).abs().argmin()]


def rates_of_six(dictionary, lag, both_ways, count=3):
    """Rates of six data sets, (6, count), slowest first; below zero where |mu| exceeds 1."""
    rates = torch.empty((6, count), dtype=torch.float64)
    for row, a, b in zip(rates, x.split(2000), film[lag].split(2000)):
        P, Q = (torch.cat([torch.ones_like(z), dictionary(z)], dim=1) for z in (a, b))
        mu, _ = edmd(torch.cat([P, Q]), torch.cat([Q, P])) if both_ways else edmd(P, Q)
        row[:] = -forgotten(mu)[:count].abs().log() / lag
    return rates


# %%
ways = {"plain": (bumps, False), "reversible": (bumps, True), "reversible, 4 bumps": (few, True)}

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.4, sharey=True)
for ax, (name, (dictionary, both_ways)) in zip(axes, ways.items()):
    rates = torch.stack([rates_of_six(dictionary, lag, both_ways) for lag in lags])
    found = torch.where(rates > 0, 1 / rates, torch.inf)  # |mu| > 1: never forgotten, it says
    for k, (color, dash, marker) in zip(range(3), plotting.SERIES):
        ax.axhline(
            1 / float(well.exact_rates(3)[k]), color=plotting.COLORS["reference"], linewidth=0.8
        )
        middle, low, high = (
            found[..., k].median(1).values,
            found[..., k].amin(1),
            found[..., k].amax(1),
        )
        ax.fill_between(lags, low.clip(1e-3, 1e3), high.clip(1e-3, 1e3), color=color, alpha=0.25)
        ax.plot(
            lags, middle.clip(1e-3, 1e3), dash, marker=marker, color=color, label=f"mode {k + 1}"
        )
    noise_size = math.sqrt((2 if both_ways else 1) * dictionary.n_features / 2000)
    noise = -torch.tensor(lags) / math.log(noise_size)
    ax.fill_between(
        lags,
        0.01,
        noise.clip(0.01),
        color=plotting.COLORS["floor"],
        alpha=0.35,
        label="below the noise",
    )
    ax.set(xscale="log", yscale="log", ylim=(0.02, 100), xlabel="lag", title=name)
axes[0].set_ylabel("implied timescale")
axes[2].legend(loc="upper left", fontsize=8)
plotting.finish(
    fig,
    "Implied timescales of three modes against the lag, range over six data sets, exact "
    "values as lines. Plain: wide scatter at short lags, up to infinity. Reversible: little. Four "
    "bumps: too small at short lags. At long lags all follow the edge of the noise.",
)
one_way, both = (rates_of_six(bumps, 0.002, both_ways)[:, 0] for both_ways in (False, True))
assert (one_way < 0).any() and (both > 0).all() and one_way.std() > 3 * both.std()

# %% [markdown]
# *Left:* a short lag is noisy. Where an eigenvalue exceeds 1 the timescale is infinite, and the band reaches the
# upper edge. *Middle:* not if detailed balance is used: then
# $1-\mu$ is the mean of $\frac12|\phi(y)-\phi(x)|^2$, small and with a small error. *Right:* 4 bumps make the process look too fast at short lags; a longer lag mends it for
# the slow mode. In all three a mode that meets the noise, grey, is lost, and follows its edge.
#
# **Rule:** take the shortest lag from which on the timescales of interest are flat, and enlarge the dictionary rather than the lag.
#
# ## Two clocks
#
# Temperature enters this course through $\pi\propto e^{-\beta V}$ alone. A physicist keeps the force fixed and turns the noise down,
#
# $$dX=-\nabla V\,dt+\sqrt{2/\beta}\;dW . \tag{5}$$
#
# One step of (5) of length $h$ is one step of ours of length $h/\beta$: the same paths, with times multiplied and **rates divided by $\beta$**.

# %%
beta, h, n_steps = 4.0, 0.02, 40
cold = kt.DoubleWell(beta)


def physicist(x, generator):
    """Equation (5) with V = (x^2 - 1)^2: n_steps steps of length h."""
    for _ in range(n_steps):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = x - 4 * x * (x**2 - 1) * h + math.sqrt(2 * h / beta) * noise
    return x


x = cold.sample(30_000, profile.generator(8))
theirs = physicist(x, profile.generator(9))
ours = kt.langevin_trajectory(
    cold, x, n_steps=n_steps, dt=h / beta, generator=profile.generator(9)
)[-1]  # the same paths, under other times
their_spectrum = kt.EDMD(bumps, lag=n_steps * h).fit(x, theirs).spectrum(2)
our_spectrum = kt.EDMD(bumps, lag=n_steps * h / beta).fit(x, ours).spectrum(2)
for name, fitted, factor in (("ours     ", our_spectrum, 1.0), ("physicist", their_spectrum, beta)):
    exact = factor / float(cold.exact_rates(1))
    kc.show(f"{name} relaxation time, exact", [float(fitted.implied_timescales[0]), exact], 2)
kc.show("e^beta / 1.80, the physicist's estimate", math.exp(beta) / 1.80, 2)
ratios = [float(s.energies[0] / s.rates[0]) for s in (our_spectrum, their_spectrum)]
kc.show("energy / rate, exact 1 and beta = 4", ratios, 2)

# %% tags=["collapsed"]
# one step of theirs is one of ours: the same paths, rates and energies over rates apart by beta
assert torch.allclose(theirs, ours)
assert torch.allclose(our_spectrum.rates, beta * their_spectrum.rates)
assert abs(ratios[1] / ratios[0] - beta) < 1e-6 and abs(ratios[0] - 1) < 0.3

# %% [markdown]
# The physicist's relaxation time is about $e^\beta/1.80$, ours $e^\beta/(1.80\,\beta)$. A rate means nothing before you know
# whose second it counts. The last line is the giveaway. The **Dirichlet energy** $\mathbb E_\pi|\nabla\phi_k|^2$ is measured in space alone; on our clock it equals the rate, on theirs it is $\beta$ times the rate. Hence the samplers of this course divide by
# energies.
#
# ## When the film does not look the same backwards
#
# Add a rotation to the Ornstein-Uhlenbeck process in the plane, $dX=(-X+\omega JX)\,dt+\sqrt2\,dW$, where $J=\begin{pmatrix}0&1\\-1&0\end{pmatrix}$ turns clockwise by a right angle. The law in equilibrium is still $N(0,I)$: no snapshot shows the rotation, only pairs do.
# The rates become complex: functions of degree one have $\lambda=1\pm i\omega$, those of degree two $2$ and $2\pm2i\omega$.
#
# **Predict, then run.** You use `reversible=True` on rotating data. It can only return real rates. What will it say for the functions $x_1$ and $x_2$, with $\omega=3$ and lag 0.3?
#
# <details><summary>1, the decay: it leaves the rotation out</summary>
#
# It does not know what rotates. After one lag $x_1$ has shrunk *and* turned away from itself, and both look like forgetting.
#
# </details>
# <details><summary>about 3.2, the size of the complex rate</summary>
#
# The size of a complex rate is no speed of anything. Ask what is left of $x_1$ after one lag, forwards and backwards.
#
# </details>
# <details><summary>about 2.6, and something else at another lag</summary>
#
# Right. The symmetrised operator averages the film forwards and backwards: it maps $x$ to $e^{-\tau}\cos(\omega\tau)\,x$. So it
# reports $1-\log|\cos\omega\tau|/\tau = 2.6$ in place of $1\pm3i$. The distance from the origin, which the
# rotation leaves alone, keeps its rate 2, and now passes for the slowest mode of all. A rate that depends on the lag, with a good dictionary, is a symptom.
#
# </details>

# %%
import warnings

omega, lag = 3.0, 0.3
turning = kt.OrnsteinUhlenbeck(2, rotation=omega)
x, y = kt.snapshot_pairs(turning, 20_000, lag=lag, generator=profile.generator(10))
turned = kt.EDMD(kt.Hermite(2, 3), lag=lag, reversible=False).fit(x, y).spectrum(5)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    forced = kt.EDMD(kt.Hermite(2, 3), lag=lag).fit(x, y).spectrum(5)
print("EDMD(reversible=True) warns:", str(caught[0].message).split(": ")[-1])
kc.show(
    "complex rates, exact 1 ± 3i, 2, 2 ± 6i",
    sorted(turned.rates.tolist(), key=lambda z: (round(z.real), z.imag)),
    2,
)
kc.show("forced to be reversible", forced.rates[:3], 2)
kc.show("predicted for x_1 and x_2", 1 - math.log(abs(math.cos(omega * lag))) / lag, 2)

# %% tags=["collapsed"]
exact = [(1, omega), (1, -omega), (2, 0), (2, 2 * omega), (2, -2 * omega)]
fig, (b,) = plotting.new_figure(height=3.2)
b.plot(
    *torch.tensor(exact).T, "x", color=plotting.COLORS["reference"], markersize=10, label="exact"
)
b.plot(turned.rates.real, turned.rates.imag, "o", color=plotting.COLORS["model"], label="plain")
b.plot(
    forced.rates,
    torch.zeros(len(forced)),
    "s",
    color=plotting.COLORS["error"],
    label="forced to be reversible",
)
b.set(
    xlabel=r"decay, Re $\lambda$",
    ylabel=r"frequency, Im $\lambda$",
    title="rates",
    xlim=(0, 7),
    ylim=(-8, 8),
)
b.legend(loc="upper right", fontsize=8)
plotting.finish(
    fig,
    "Rates in the complex plane. Plain EDMD finds conjugate pairs at the exact places; forced to "
    "be real, the rates are wrong.",
)
assert len(caught) == 1 and (turned.rates[:2].imag.abs() - omega).abs().max() < 0.3

# %% [markdown]
# A frequency is known modulo $2\pi/\tau$ only: between two frames a wheel may have turned once more.
#
# ### Detailed balance is not enough
#
# **Predict, then run.** The double well satisfies detailed balance; its slowest rate is 0.45. We start 80 % of the walkers in the right well and 20 % in the left
# one, each well in its right shape. What does `reversible=True` find?
#
# <details><summary>0.45: the process satisfies detailed balance, wherever it starts</summary>
#
# The process does, this film does not: more walkers go left than come back. Run backwards, they gather in the right well, which this process never does.
#
# </details>
# <details><summary>too small a rate: most walkers are in one well, and seem to stay there</summary>
#
# A rate is what moves, divided by what is there. How many share a well does not change it: the plain fit finds 0.45.
#
# </details>
# <details><summary>too large a rate</summary>
#
# Right. Think of two states, with $s=\pm1$ and $E\,s(x)=0.6$. One lag later the mean is $0.6\,\mu$. Equation (4) removes one mean, $M=0.3\,(1+\mu)$, from both, and finds
# $(\mu-M^2)/(1-M^2)$, which is less than $\mu$: that everybody drifts to equilibrium is counted as forgetting, a second time.
#
# </details>

# %%
x = well.sample(10_000, profile.generator(18))
right = torch.rand(x.shape, generator=profile.generator(19), dtype=x.dtype) < 0.8
uniform = 3.4 * torch.rand(x.shape, generator=profile.generator(20), dtype=x.dtype) - 1.7
begins = {"in equilibrium": x, "80/20": torch.where(right, x.abs(), -x.abs()), "uniform": uniform}
found = {}
columns = ["plain", "reversible", "plain, 0.5", "rev., 0.5", "warnings"]  # first at lag 0.05
print(f"exact {float(well.exact_rates(1)):<8.2f}", *(f"{column:>12}" for column in columns))
for name, begin in begins.items():
    walk = kt.langevin_trajectory(
        well, begin, n_steps=250, dt=0.002, every=25, generator=profile.generator(21)
    )
    fits = [
        kt.EDMD(bumps, lag=lag, reversible=both).fit(begin, walk[round(lag / 0.05)])
        for lag in (0.05, 0.5)
        for both in (False, True)
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found[name] = [float(fit.spectrum(1).rates[0].real) for fit in fits]
    print(f"{name:14}", *(f"{rate:12.2f}" for rate in found[name]), f"{len(caught):12}")

# %% tags=["collapsed"]
exact = float(well.exact_rates(1))
for name, (plain_short, short, plain_long, long) in found.items():
    assert max(abs(plain_short - exact), abs(plain_long - exact)) < 0.15 * exact
    if name == "in equilibrium":
        assert max(abs(short - exact), abs(long - exact)) < 0.15 * exact
    else:
        assert min(short, long) > 1.1 * exact and max(short, long) > 1.3 * exact

# %% [markdown]
# The plain fit is right from all starts, (4) only in equilibrium, and a longer lag is no cure: **the symmetrised estimator needs
# pairs that start in equilibrium**, as those of one long run do. For other starts use `reversible=False`, or
# weights (Wu and others 2017).
#
# ## What goes wrong
#
# ### 1. A dictionary whose functions are nearly the same
#
# Make our bumps wider: neighbours become copies of each other, and $G$
# nearly singular. On a computer $G^{-1}$ then amplifies the last digit, and out come eigenvalues that nobody put in, even **above 1**.
#
# No truth is needed to catch an impostor. An eigenfunction is a claim about *all* pairs: by (2), on fresh ones
# $\sum_i\bar\phi(x_i)\,\phi(y_i)\,/\sum_i|\phi(x_i)|^2$ must again be $\mu$. Red is what fails by more than 0.1. Truncation, dropping the directions of $G$ below $10^{-8}$ of the largest, cures it.

# %%
BRIEF = 0.1  # this lag and these pairs are for the slider below, which may be moved at any time
well_pairs = kt.snapshot_pairs(well, 5000, lag=BRIEF, generator=profile.generator(12))
fresh_well_pairs = kt.snapshot_pairs(well, 5000, lag=BRIEF, generator=profile.generator(13))
centers = torch.linspace(-1.8, 1.8, 25, dtype=torch.float64)[:, None]


def features(width, pairs):
    dictionary = kt.GaussianRBF(centers, width)
    return [torch.cat([torch.ones_like(z), dictionary(z)], dim=1) for z in pairs]


def fit(width, tol):
    """Eigenvalues, whether each fails on fresh pairs, and the relative eigenvalues of G."""
    (P, Q), (P_fresh, Q_fresh) = features(width, well_pairs), features(width, fresh_well_pairs)
    G = P.T @ P / len(P)
    if tol == 0:
        mu, C = torch.linalg.eig(torch.linalg.solve(G, P.T @ Q / len(P)))
    else:
        mu, C = edmd(P, Q, tol)
    today, tomorrow = P_fresh.to(mu.dtype) @ C, Q_fresh.to(mu.dtype) @ C
    again = (today.conj() * tomorrow).mean(0) / today.abs().square().mean(0)
    size = torch.linalg.eigvalsh(G).flip(0)
    return mu, (again - mu).abs() > 0.1, (size / size[0]).clamp_min(1e-20)


# %% tags=["collapsed"]
def show_eigenvalues(ax, width, tol):
    mu, spurious, _ = fit(width, tol)
    seen = (torch.view_as_real(mu).abs() <= 2).all(1)  # the others are counted
    holds, fails = mu[seen & ~spurious], mu[seen & spurious]
    angle = torch.linspace(0, 2 * math.pi, 200)
    ax.plot(angle.cos(), angle.sin(), color=plotting.COLORS["floor"], linewidth=1)
    exact = torch.exp(-BRIEF * torch.cat([torch.zeros(1), well.exact_rates(3)]))
    ax.plot(
        exact, torch.zeros(4), "x", color=plotting.COLORS["reference"], markersize=8, label="exact"
    )
    ax.plot(
        holds.real, holds.imag, "o", color=plotting.COLORS["model"], label="holds on fresh pairs"
    )
    ax.plot(fails.real, fails.imag, "s", color=plotting.COLORS["error"], label="spurious")
    outside = int((~seen).sum())
    name = f"width {width:g}, " + (f"truncated at {tol:g}" if tol else "not truncated")
    ax.set(
        xlim=(-2, 2),
        ylim=(-2, 2),
        aspect="equal",
        xlabel=r"Re $\mu$",
        ylabel=r"Im $\mu$",
        title=name,
    )
    ax.text(
        1.95,
        -1.9,
        f"{outside} outside" if outside else "",
        ha="right",
        color=plotting.COLORS["error"],
    )


# %% tags=["collapsed", "nbval-ignore-output"]
fig, axes = plotting.new_figure(3, height=3.5)
for ax, width, tol in zip(axes, (0.2, 1.2, 1.2), (0, 0, 1e-8)):
    show_eigenvalues(ax, width, tol)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
alt = """Eigenvalues in the plane with the unit circle. Bumps of width 0.2: on the exact ones.
Width 1.2, not truncated: a swarm of spurious ones, many outside the circle. Width 1.2 truncated:
on the exact ones again."""
plotting.finish(fig, alt)
(bad, wrong, _), (cured, still_wrong, _) = fit(1.2, 0), fit(1.2, 1e-8)
kc.show(
    "largest |eigenvalue|, not truncated and truncated",
    [float(bad.abs().max()), float(cured.abs().max())],
)
assert (
    bad.abs().max() > 1.01
    and wrong.sum() >= 3
    and cured.abs().max() < 1 + 1e-6
    and still_wrong.sum() == 0
)

# %% [markdown]
# ### 2. Too few pairs for the dictionary
#
# With few pairs for each function, the best of many combinations looks slow *on these pairs*. How many
# are enough? We fit 60 bumps to three data sets of each size, and count how many of 12 modes fail on fresh pairs by more
# than 0.1. Then we tear the pairs apart by shuffling $y$: now every eigenvalue but the constant's is made of nothing.

# %%
m, lag = 60, 0.1
many = kt.GaussianRBF(torch.linspace(-1.5, 1.5, m, dtype=torch.float64)[:, None], 0.08)
X, Y = kt.snapshot_pairs(well, 36_000, lag=lag, generator=profile.generator(17))
shuffled = Y[torch.randperm(len(Y), generator=profile.generator(22))]
fresh = kt.snapshot_pairs(well, 10_000, lag=lag, generator=profile.generator(16))
each = [6, 20, 50, 100, 200]  # pairs a function
spurious, claims, nothing = [], {}, {False: [], True: []}
for n in [m * k for k in each]:
    failed, noise = 0, {False: [], True: []}
    for x, y, torn in zip(X.split(n)[:3], Y.split(n), shuffled.split(n)):
        spectrum = kt.EDMD(many, lag=lag).fit(x, y).spectrum(12)
        claimed, (today, tomorrow) = torch.exp(-lag * spectrum.rates), (spectrum(z) for z in fresh)
        holds = (today * tomorrow).mean(0) / today.square().mean(0)
        failed += int(((holds - claimed).abs() > 0.1).sum())
        P, Q = (torch.cat([torch.ones_like(z), many(z)], dim=1) for z in (x, torn))
        noise[False].append(forgotten(edmd(P, Q)[0]).abs()[0])
        both, swapped = torch.cat([P, Q]), torch.cat([Q, P])
        noise[True].append(forgotten(edmd(both, swapped)[0]).abs()[0])
    spurious.append(failed / 3)
    claims[n] = claimed, holds
    for both_ways, sizes_found in noise.items():
        nothing[both_ways].append(float(torch.stack(sizes_found).mean()))
kc.show("pairs a function   ", each)
kc.show("spurious, of 12    ", spurious, 2)
kc.show("reversible, nothing", nothing[True], 2)
kc.show("plain, nothing     ", nothing[False], 2)

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.4)
for ax, n in zip(axes, (6 * m, 200 * m)):
    claimed, holds = claims[n]
    good = (holds - claimed).abs() < 0.1
    ax.plot([0, 1], [0, 1], color=plotting.COLORS["floor"], linewidth=1, label="claim = truth")
    ax.plot(claimed[good], holds[good], "o", color=plotting.COLORS["model"], label="holds")
    ax.plot(claimed[~good], holds[~good], "s", color=plotting.COLORS["error"], label="spurious")
    ax.set(
        xlabel="claimed by the fit",
        ylabel="on fresh pairs",
        title=f"{n:,} pairs, {m} bumps",
        xlim=(-0.05, 1.05),
        ylim=(-0.5, 1.05),
    )
axes[0].legend(loc="upper left", fontsize=8)
axis = torch.tensor(each, dtype=torch.float64)
for both_ways, name, color, marker, dash in (
    (True, r"reversible, $\sqrt{2m/n}$", "model", "o", "-"),
    (False, r"plain, $\sqrt{m/n}$", "rival", "s", "--"),
):
    axes[2].plot(axis, ((1 + both_ways) / axis).sqrt(), dash, color=plotting.COLORS[color])
    axes[2].plot(axis, nothing[both_ways], marker, color=plotting.COLORS[color], label=name)
axes[2].set(
    xscale="log",
    yscale="log",
    xlabel="pairs a function, n/m",
    ylabel="largest eigenvalue",
    title="made of nothing",
)
axes[2].set_xticks(each, [str(k) for k in each])
axes[2].set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
axes[2].minorticks_off()
axes[2].legend(fontsize=8)
plotting.finish(
    fig,
    "Eigenvalues claimed by the fit against those on fresh pairs: with 360 pairs most lie below "
    "the diagonal, with 12,000 on it. Right, the largest eigenvalue of torn pairs against the "
    "pairs a function falls like one over the root.",
)

# %% tags=["collapsed"]
for both_ways, first in ((True, 0), (False, 2)):
    law = ((1 + both_ways) / axis).sqrt()[first:]
    assert (torch.tensor(nothing[both_ways][first:]) / law - 1).abs().max() < 0.35
assert spurious[0] > 9 and spurious[2] > 6 and spurious[3] > 2 and spurious[4] < 3

# %% [markdown]
# At fifty pairs a function most modes are still noise. Its size follows $\sqrt{2m/n}$ in the reversible fit and, from
# fifty on, $\sqrt{m/n}$ in the plain one. For eigenvalues right to 0.1 take **200 pairs a
# function**: $\sqrt{2/200}=0.1$.

# %% [markdown]
# | symptom | likely cause | what to do |
# |---|---|---|
# | eigenvalues above 1, complex ones for reversible data | $G$ nearly singular | truncate (`tol`), or narrower bumps |
# | slow modes missing, rates too large | holes between bumps; or powers, truncated in their raw units (side road) | wider bumps; each function in its own unit |
# | $\mu$ on fresh pairs well below the fitted one | too few pairs a function (below 200) | fewer functions, more pairs |
# | timescale grows with the lag and levels off | dictionary too poor | more functions |
# | timescale grows in proportion to the lag | mode lost in the noise | a shorter lag, more pairs |
# | real rates change with the lag, often a warning | data rotate, or pairs do not start in equilibrium | `reversible=False` |
# | timescale scatters at short lags | plain EDMD | `reversible=True` if detailed balance holds and pairs start in equilibrium, else a longer lag |
# | rates off by one factor, all of them | another clock | compare with the energies |
#
# <details><summary>A score without the truth</summary>
#
# The test on fresh pairs is a simple **variational score**: for reversible processes $\sum_k\mu_k$ on fresh pairs cannot exceed the truth, but for noise, so it compares dictionaries. VAMP does so for data that rotate.
#
# </details>

# %% [markdown]
# ## Side road: move the width yourself
#
# Slide the width from bumps that do not touch to bumps that are all alike. On the right, the eigenvalues of $G$.
# When do exact ones go missing, when do red ones appear, and what does a truncation of $10^{-3}$ cost?


# %% tags=["collapsed", "widget", "nbval-ignore-output"]
def draw(width, truncation):
    fig, (a, b) = plotting.new_figure(2, height=3.7)
    show_eigenvalues(a, width, truncation)
    a.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=3, fontsize=8)
    _, _, size = fit(width, truncation)
    k, kept = torch.arange(1, len(size) + 1), size > truncation
    b.semilogy(k[kept], size[kept], "o", color=plotting.COLORS["model"], label="kept")
    b.semilogy(k[~kept], size[~kept], "x", color=plotting.COLORS["floor"], label="dropped")
    b.axhspan(1e-21, 2e-16, color=plotting.COLORS["error"], alpha=0.15, label="rounding")
    b.set(
        xlabel="direction",
        ylabel="eigenvalue of G / largest",
        ylim=(1e-21, 10),
        title="what the data see",
    )
    b.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=3, fontsize=8)
    plotting.finish(
        fig,
        f"Left, EDMD's eigenvalues for 25 bumps of width {width:g}, spurious ones red. Right, "
        f"the eigenvalues of "
        "the Gram matrix, those kept and those dropped, above the level of rounding.",
    )


plotting.explore(
    draw,
    width=plotting.choices([0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0], 0.8),
    truncation=plotting.choices([0.0, 1e-12, 1e-8, 1e-5, 1e-3], 0.0),
)

# %% [markdown]
# ## Side road: monomials of high degree
#
# Two bases of one space must give the same eigenvalues. Where they differ, it is not the mathematics. $x^{16}$ has values in the
# millions, and next to it the humble $x$, which is the slowest eigenfunction, is smaller than any tolerance. **Here truncation is the disease:** it drops the slow mode. Two cures: measure each
# function in units of its own spread before anything is dropped (the package's `EDMD` does), or take an orthogonal basis.

# %%
lag = 0.5
x, y = kt.snapshot_pairs(ou, 20_000, lag=lag, generator=profile.generator(14))
fresh = kt.snapshot_pairs(ou, 20_000, lag=lag, generator=profile.generator(15))
degrees = [2, 4, 6, 8, 10, 12, 14, 16]
bases = {
    "powers of x": powers,
    "powers, each in its own unit": lambda z, p: (
        powers(z, p) / powers(x, p).square().mean(0).sqrt()
    ),
    "Hermite polynomials": lambda z, p: torch.cat([torch.ones_like(z), kt.Hermite(1, p)(z)], dim=1),
}


def judged(basis, degree):
    """Rates without the constant's, and which of them fail on fresh pairs."""
    mu, C = edmd(basis(x, degree), basis(y, degree))
    kept = mu.abs() > 1e-6
    kept[0] = False
    today, tomorrow = (basis(z, degree).to(C.dtype) @ C[:, kept] for z in fresh)
    again = (today.conj() * tomorrow).mean(0) / today.abs().square().mean(0)
    return -mu[kept].log().real / lag, (again - mu[kept]).abs() > 0.1


judgements = {name: [judged(basis, degree) for degree in degrees] for name, basis in bases.items()}
slowest = {
    name: [float((rates - 1).abs().min()) for rates, _ in found]
    for name, found in judgements.items()
}
for name, distances in slowest.items():
    kc.show(f"{name}, degree 12: the slowest rate is", "there" if distances[5] < 0.1 else "lost")

# %% tags=["collapsed"]
fig, axes = plotting.new_figure(3, height=3.4, sharey=True)
for ax, (name, found) in zip(axes, judgements.items()):
    for k in (1, 2, 3, 4):
        ax.axhline(
            k, color=plotting.COLORS["reference"], linewidth=0.8, label="exact" if k == 1 else None
        )
    for label, color, marker, want in (
        ("holds on fresh pairs", "model", "o", False),
        ("spurious", "error", "s", True),
    ):
        at = [
            (p, rate)
            for p, (rates, bad) in zip(degrees, found)
            for rate in rates[bad == want].tolist()
        ]
        ax.plot(*(zip(*at) if at else ([], [])), marker, color=plotting.COLORS[color], label=label)
    ax.set(
        xlabel="degree", ylabel="rate", title=name, ylim=(-1.8, 5), xticks=degrees, yticks=range(6)
    )
    ax.label_outer()
axes[0].legend(loc="lower left", fontsize=8)
plotting.finish(
    fig,
    "Estimated rates against the degree. With powers of x the rates 1 and 2 are lost from "
    "degree ten on and others take their place; with the same powers in their own units, and "
    "with Hermite polynomials, rate 1 stays.",
)
assert slowest["powers of x"][5] > 0.3 and max(slowest[name][5] for name in list(bases)[1:]) < 0.1

# %% [markdown]
# ## Side road: watch the cloud turn
#
# Here is the process whose film does not look the same backwards: 2,000 walkers start close together at the right, swing round clockwise, and end as a round cloud, which turns on
# unseen (a step is 0.005 units of time). Only while they are out of equilibrium does a single picture give the rotation away.

# %%
begin = torch.tensor([[2.2, 0.0]], dtype=torch.float64).expand(2000, 2)
begin = begin + 0.1 * torch.randn(2000, 2, dtype=torch.float64, generator=profile.generator(12))
source = profile.generator(11)
orbit = kt.langevin_trajectory(turning, begin, n_steps=600, dt=0.005, every=5, generator=source)
t = 0.025 * torch.arange(121)

# %% tags=["collapsed"]
plotting.film_strip(
    orbit[:, :600],
    (0, 40, 100, 200, 600),
    (-4.3, 4.3),
    records=5 * torch.arange(121),
    title="turning",
    alt="Five moments of 600 walkers, at the times 0, 0.2, 0.5, 1 and 3. The cloud starts at the "
    "right, swings down and to the left while it widens and comes nearer to the middle, and "
    "is round and at rest in the middle at the end.",
)

# %%
decay, frequency = turned.rates[0].real, turned.rates[0].imag.abs()

# %% tags=["collapsed"]
fig, (a,) = plotting.new_figure(height=3.6)
a.plot(*orbit[:, 0].T, color=plotting.COLORS["data"], linewidth=0.8, label="one walker")
a.plot(*orbit.mean(dim=1).T, color=plotting.COLORS["reference"], label="mean of 2,000")
spiral = (
    2.2 * torch.exp(-decay * t) * torch.stack([torch.cos(frequency * t), -torch.sin(frequency * t)])
)
a.plot(*spiral, "--", color=plotting.COLORS["model"], label="from $\\lambda_1$")
a.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", title="a mean that spirals in")
a.legend(loc="upper left", bbox_to_anchor=(1.02, 1), fontsize=8)
plotting.finish(
    fig,
    "One noisy walker and the mean of 2,000, which spirals into the origin along the curve that "
    "the complex rate predicts.",
)

# %% [markdown]
# ## Exercises
#
# Open [exercises/02_edmd.ipynb](../exercises/02_edmd.ipynb). Each exercise checks your answer and says what is wrong.
#
# | id | you write | minutes |
# |---|---|---|
# | [L02-E1](../exercises/02_edmd.ipynb#L02-E1-The-two-matrices-of-EDMD) | the two matrices of equation (3) | 6 |
# | [L02-E2](../exercises/02_edmd.ipynb#L02-E2-The-Koopman-matrix) | the Koopman matrix, also when $G$ is singular | 8 |
# | [L02-E3](../exercises/02_edmd.ipynb#L02-E3-From-eigenvalues-to-rates) | rates from eigenvalues | 5 |
# | [L02-E4](../exercises/02_edmd.ipynb#L02-E4-Relaxation-times-on-two-clocks) | relaxation times on two clocks | 8 |
# | [L02-E5](../exercises/02_edmd.ipynb#L02-E5-Decay-and-frequency) | decay and frequency of a complex eigenvalue | 8 |
# | [L02-E6](../exercises/02_edmd.ipynb#L02-E6-Whitening-with-truncation) | whitening with relative truncation | 10 |

# %% [markdown]
# ## Key points
#
# - The Koopman operator maps an observable to its expected value one lag later. It is linear, however nonlinear the process.
# - EDMD is linear regression between features of today and of tomorrow, $\mathbf K=G^+A$; rates are $\lambda=-\log\mu/\tau$.
# - Rates have errors like $n^{-1/2}$. Timescales must not depend on the lag: too short is noisy or biased by the dictionary, too long loses modes.
# - A physicist's clock divides our rates by $\beta$. Energies do not change with the clock.
# - Rotating data have complex rates. Detailed balance, wrongly assumed, gives wrong real ones, and so do pairs that start out of equilibrium.
# - A nearly singular $G$ breeds spurious eigenvalues, which truncation cures; so do fewer than 200 pairs a function. Fresh pairs expose them.

# %% [markdown]
# ## References
#
# - M. O. Williams, I. G. Kevrekidis, C. W. Rowley (2015). A data-driven approximation of the Koopman operator: extending dynamic mode decomposition. *J. Nonlinear Science* 25. (EDMD.)
# - S. Klus, F. Nüske, P. Koltai, H. Wu, I. Kevrekidis, C. Schütte, F. Noé (2018). Data-driven model reduction and transfer operator approximation. *J. Nonlinear Science* 28. (The relatives of EDMD, and detailed balance.)
# - F. Noé, F. Nüske (2013). A variational approach to modeling slow processes in stochastic dynamical systems. *Multiscale Modeling & Simulation* 11. (VAC.)
# - G. Pérez-Hernández, F. Paul, T. Giorgino, G. De Fabritiis, F. Noé (2013). Identification of slow molecular order parameters for Markov model construction. *J. Chemical Physics* 139. (tICA for slow modes.)
# - M. Hoffmann and others (2022). Deeptime: a Python library for machine learning dynamical models from time series data. *Machine Learning: Science and Technology* 3.
# - H. Wu, F. Nüske, F. Paul, S. Klus, P. Koltai, F. Noé (2017). Variational Koopman models: slow collective variables and molecular kinetics from short off-equilibrium simulations. *J. Chemical Physics* 146. (Weights for pairs that start elsewhere.)
# - H. Wu, F. Noé (2020). Variational approach for learning Markov processes from time series data. *J. Nonlinear Science* 30. (VAMP.)
# - Y. Xu, F. Li, H. Fujisawa, Y. Marzouk, I. Ishikawa (2025). *Generative Modeling through Spectral Analysis of Koopman Operator*, arXiv:2512.18837, version 1. (What the spectrum is for; lesson 05. Version 3 is called *Generative Modeling through Koopman Spectral Analysis: An Operator-Theoretic Perspective*.)

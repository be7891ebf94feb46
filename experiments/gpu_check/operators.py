"""Hot paths of lessons 01 to 03, 07, 13, 15 and 16: targets, dictionaries, estimators, series."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from experiments.gpu_check.hot_paths import (
    FORMULA,
    RING,
    SOLVED,
    HotPath,
    Move,
    data,
    features,
    known_spectrum,
    normal,
    seeded,
    slow,
)
from koopteach import (
    EDMD,
    AllenCahn,
    Circle,
    DiffusionMaps,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    KernelEDMD,
    Monomials,
    MultiScale,
    NeuralDictionary,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    RandomFourierFeatures,
    Sphere,
    Standardizer,
    Torus,
    delay_embedding,
    kde_score,
    kde_snapshot_pairs,
    lagged_pairs,
    langevin_trajectory,
    moons,
    scan_lags,
    select,
    snapshot_pairs,
    spectral_score,
)

WELL, OU = QuadrupleWell(2.0), OrnsteinUhlenbeck(2, rotation=1.0)
# Different rates in the two columns: functions of one rate would turn into each other by rounding.
PAIRS = snapshot_pairs(QuadrupleWell(0.5, stiffness=3.0), 3000, lag=0.2, dt=0.01, generator=seeded())


def targets(to: Move) -> Sequence[Tensor]:
    """Laws: samples, scores, densities, Langevin steps."""
    x, found = to(normal(50, 2)), []
    for target in map(to, (RING, WELL, OU)):
        found += [target.score(x), target.log_prob(x), target.sample(20, seeded())]
        found += [langevin_trajectory(target, x, n_steps=2, dt=0.01, generator=seeded(1))]
    found += [*snapshot_pairs(to(OU), 20, lag=0.1, generator=seeded())]
    return [*found, to(OU).transition(x, 0.1, seeded(1)), moons.to(x.device).sample(20, seeded())]


def manifolds(to: Move) -> Sequence[Tensor]:
    """Curved ground, and a fit on it."""
    found = []
    for surface in map(to, (Circle(), Sphere(), Torus())):
        x = surface.sample(200, seeded())
        moved = surface.brownian_step(x, 0.1, seeded(1))
        estimator = GeneratorEDMD(to(Monomials(surface.dim, 2)), manifold=surface).fit(x)
        found += [x, surface.project(1.1 * x), surface.tangent(x, x + 1), moved, estimator._stiffness]
        found += kde_snapshot_pairs(x, lag=0.1, bandwidth=0.2, manifold=surface, generator=seeded(2))
    return found


def dictionaries(to: Move) -> Sequence[Tensor]:
    """Values, slopes, and slopes times coefficients."""
    x, found = to(normal(100, 2)), []
    plain = (features(), Hermite(2, 3), Monomials(2, 3, center=[0.1, 0.2]), GaussianRBF(data()[:30], 0.5))
    for psi in map(to, (*plain, RandomFourierFeatures(2, 20, 1.0, generator=seeded()))):
        c = to(normal(psi.n_features, 3, seed=1))
        found += [psi(x), psi.grad(x), psi.contract_grad(x, c)]
    return found


def centres(to: Move) -> Sequence[Tensor]:
    """A dictionary that is made from data on the device."""
    made = MultiScale.from_data(to(data()), (12, 4), generator=seeded())
    return [made(to(normal(50, 2)))]


def learned(to: Move) -> Sequence[Tensor]:
    """A dictionary of a network; one step of its training."""
    x, y = map(to, PAIRS)
    psi = NeuralDictionary.from_pairs(x, y, 4, hidden=8, n_steps=2, generator=seeded())
    z = to(normal(50, 2))
    return [psi(z), psi.grad(z)]


def generator(to: Move) -> Sequence[Tensor]:
    """The generator from weighted samples."""
    x = to(data())
    return slow(GeneratorEDMD(to(features())).fit(x, x[:, 0].exp()).spectrum(), to(normal(50, 2)))


def generator_in_parts(to: Move) -> Sequence[Tensor]:
    """The same from two parts, each on the device, in columns of unit spread."""
    x = to(data()) * to(torch.tensor([1.0, 30.0], dtype=torch.float64))
    units = Standardizer.of(x)
    psi = MultiScale.from_data(x, (12, 4), generator=seeded())
    parts = [GeneratorEDMD(psi, standardize=units).fit(rows) for rows in x.tensor_split(2)]
    return slow((parts[0] + parts[1]).spectrum(), x[:50])


def pairs(to: Move) -> Sequence[Tensor]:
    """EDMD from pairs, reversible and not, its forecasts and its score."""
    x, y = map(to, PAIRS)
    found = []
    for reversible in (True, False):
        edmd = EDMD(to(Hermite(2, 3)), lag=0.2, reversible=reversible).fit(x, y)
        spectrum = edmd.spectrum()
        found += [spectrum.rates.real, spectrum.energies, edmd.matrix, edmd.eigenvalues.abs(), edmd.predict(x[:50], 2)]
        found += [x.new_tensor(EDMD.score(edmd, x, y, 3))] if reversible else []
    return found


def kernel(to: Move) -> Sequence[Tensor]:
    """Kernel EDMD."""
    x, y = (to(z[:400]) for z in PAIRS)
    return slow(KernelEDMD(1.0, lag=0.2, n_centers=40, generator=seeded()).fit(x, y).spectrum(), to(normal(50, 2)))


def diffusion(to: Move) -> Sequence[Tensor]:
    """Diffusion maps, dense."""
    return slow(DiffusionMaps(0.5).fit(to(data())).spectrum(), to(0.5 * normal(50, 2)))


def choice(to: Move) -> Sequence[Tensor]:
    """Candidates compared on held-out data; implied timescales by lag; a score from the spectrum."""
    x, series = to(data()), to(langevin_trajectory(OU, normal(1, 2), n_steps=400, dt=0.2, generator=seeded())[:, 0])
    chosen = select([GeneratorEDMD(to(Hermite(2, k))) for k in (1, 2)], x, n_modes=2, folds=2, generator=seeded())
    scan = scan_lags(
        lambda lag: EDMD(to(Hermite(2, 1)), lag=lag, reversible=False),
        series,
        [1],
        n_modes=1,
        n_resamples=2,
        generator=seeded(),
    )
    score = spectral_score(chosen.best.spectrum(), x)(x[:50])
    return [x.new_tensor([row.score for row in chosen.table]), scan.timescales.to(x), score]


def series(to: Move) -> Sequence[Tensor]:
    """Pairs and delays of a trajectory."""
    z = to(PAIRS[0])
    return [*lagged_pairs(z, 3), delay_embedding(z, 2)[2:]]


def spectrum(to: Move) -> Sequence[Tensor]:
    """Functions of a spectrum that was fitted elsewhere; a score by kernels."""
    there, x = to(known_spectrum()), to(normal(50, 2))
    return [there(x), there.grad(x), there.contract_grad(x, there.rates), there.dirichlet(x), kde_score(x, 0.4)(x)]


def fields(to: Move) -> Sequence[Tensor]:
    """Allen-Cahn: exact samples, the semi-implicit step, the score."""
    spde = to(AllenCahn(32))
    u = spde.sample(20, seeded())
    later = spde.trajectory(u, n_steps=3, generator=seeded(1))
    return [u, later, spde.score(u), spde.log_prob(u)]


_KMEANS = "k-means of the centres (SciPy)"
PATHS = {
    "targets and Langevin steps": HotPath(targets, FORMULA),
    "manifolds": HotPath(manifolds, FORMULA),
    "dictionaries": HotPath(dictionaries, FORMULA),
    "centres from data": HotPath(centres, FORMULA, _KMEANS),
    "a dictionary that is learned": HotPath(learned, SOLVED),
    "GeneratorEDMD": HotPath(generator, SOLVED),
    "GeneratorEDMD, standardized, in parts": HotPath(generator_in_parts, SOLVED, _KMEANS),
    "EDMD": HotPath(pairs, SOLVED),
    "KernelEDMD": HotPath(kernel, SOLVED, "the pivots of the Gram matrix (LAPACK's pstrf)"),
    "DiffusionMaps": HotPath(diffusion, SOLVED, "leading eigenpairs (LAPACK, ARPACK), pivots"),
    "select, scan_lags, spectral_score": HotPath(choice, SOLVED, "the folds; tables of timescales"),
    "lagged pairs, delays": HotPath(series, FORMULA, "times and row numbers (NumPy)"),
    "a spectrum's functions": HotPath(spectrum, FORMULA),
    "Allen-Cahn fields": HotPath(fields, FORMULA),
}

"""What ``images`` compares: ways from noise to the codes of pictures, each with its CPU seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial

import torch
from torch import Tensor

from experiments.images.tasks import Setting, Task, data
from experiments.machinery.common import moved, stream, timed
from koopteach.dictionaries import GaussianRBF, Monomials, MultiScale
from koopteach.flow_matching import FlowMatching, FourierNet
from koopteach.operators import GeneratorEDMD, select, spectral_score
from koopteach.particles import KSWGD, denoise
from koopteach.sampler import herd

End = tuple[Tensor, float]  # codes and CPU seconds
Sampler = Callable[..., End]  # sampler(task, n, **options): so many codes

WIDTHS = (0.4, 0.6, 0.8, 1.2)  # in units of the package's default
VARIANCES = (0.0, 0.01, 0.03)  # that a last step may take off, in units of the white codes' variance
SCORED_MODES, STEPS = 20, 60
CELL = 600  # codes for each region of the data that has a spectrum of its own, where labels are not used
N_LAW = {"fashion": (5000, 3), "digits": (580, 6)}  # codes that are judged for their law, and how many parts of so many
LARGE = 5  # a run, for its law: so many times as many, or more
MANY = 10  # draws for each that herding keeps
OF_A_CLASS = 4  # components of a mixture for each class
FLOW_WIDTH = 256


# KSWGD, with a spectrum of all data or one for each region


def dictionary(x: Tensor, size: int, width: float, coarse: int, generator: torch.Generator) -> MultiScale:
    """Narrow kernels, wide ones, and polynomials of degree two."""
    kernels = GaussianRBF.from_data(x, size, generator, units=1.0)
    wide = [GaussianRBF.from_data(x, coarse, generator, units=1.0)] if coarse else []
    tail = Monomials(x.shape[1], 2, center=x.mean(0), scale=float(x.var(0, correction=0).sum().sqrt()))
    return MultiScale([GaussianRBF(kernels.centers, width * kernels.widths), *wide, tail])


def chosen(x: Tensor, setting: Setting, seed: int) -> tuple[int, float]:
    """Size and width by the held-out energy of slow modes: the finest candidate that is no worse than the best."""
    sizes = {f"{m} {w}": (m, w) for m in setting.sizes for w in WIDTHS}
    tried = {
        name: GeneratorEDMD(dictionary(x, m, w, setting.coarse, stream(seed, 1))) for name, (m, w) in sizes.items()
    }
    selection = select(tried, x, n_modes=SCORED_MODES, folds=3, generator=stream(seed, 4))
    fine = max((selection.name, *selection.ties), key=lambda name: (sizes[name][0], -sizes[name][1]))
    return sizes[fine]


def round_frame(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, root of the covariance and its inverse."""
    values, vectors = torch.linalg.eigh(x.T.cov(correction=0))
    return x.mean(0), (vectors * values.sqrt()) @ vectors.T, (vectors / values.sqrt()) @ vectors.T


def shares(labels: Tensor, n: int) -> Tensor:
    """``n`` samples dealt to the regions as the data are, ``(k,)``."""
    exact = torch.bincount(labels).double() * n / len(labels)
    dealt = exact.floor()
    dealt[(exact - dealt).argsort(descending=True)[: n - int(dealt.sum())]] += 1
    return dealt.long()


def by_region(
    x: Tensor,
    labels: Tensor,
    n: int,
    setting: Setting,
    seed: int,
    size: tuple[int, float] | None = None,
    variances: Sequence[float] = (0.0,),
) -> list[Tensor]:
    """Noise carried to each region's data by its own spectrum, in its own round coordinates.

    Args:
        x, labels: codes, and the region of each.
        n: particles.
        setting: what the size is chosen from.
        seed: of the kernels and the noise.
        size: number and width of the kernels; None to choose them by the first region, as the regions are alike.
        variances: as of :data:`VARIANCES`; 0 for no last step.

    Returns:
        for each variance the codes ``(n, d)``.
    """
    ends: list[list[Tensor]] = [[] for _ in variances]
    for region, share in enumerate(shares(labels, n).tolist()):
        part = x[labels == region]
        mean, root, inverse = round_frame(part)
        white = (part - mean) @ inverse
        size = size or chosen(white, setting, seed)
        spectrum = GeneratorEDMD(dictionary(white, *size, setting.coarse, stream(seed, 1))).fit(white).spectrum(10**6)
        start = torch.randn(share, x.shape[1], dtype=x.dtype, generator=stream(seed + 1000 * region, 2))
        y = moved(KSWGD(spectrum, damping=math.inf), start, STEPS, seed)
        for end, variance in zip(ends, variances):
            last = denoise(spectral_score(spectrum, white), y, variance) if variance else y
            end.append(last @ root + mean)
    return [torch.cat(end) for end in ends]


def cells(x: Tensor, seed: int) -> Tensor:
    """The region of each code: the nearest of k-means centres, or one region of few data."""
    if len(x) < 2 * CELL:
        return torch.zeros(len(x), dtype=torch.long)
    centers = GaussianRBF.from_data(x, len(x) // CELL, stream(seed, 5), units=1.0).centers
    return torch.cdist(x, centers).argmin(1)


def selected(task: Task, n: int) -> End:
    """Size and width without looking at pictures."""
    x = data(task)[0]
    return timed(lambda: by_region(x, cells(x, task.seed), n, task.setting, task.seed)[0])


def tuned(task: Task, n: int, kernels: int, width: float, variance: float) -> End:
    """Size, width and last step as they are told."""
    x, size = data(task)[0], (kernels, width)
    return timed(lambda: by_region(x, cells(x, task.seed), n, task.setting, task.seed, size, (variance,))[0])


def of_each_class(task: Task, n: int) -> End:
    """A spectrum for each class, with labels; size and width without looking."""
    return timed(lambda: by_region(*data(task), n, task.setting, task.seed)[0])


# The rivals


def training_codes(task: Task, n: int) -> End:
    """The data themselves, at random and no more than there are."""
    x = data(task)[0]
    return x[torch.randperm(len(x), generator=stream(task.seed, 6))[:n]], 0.0


def resampled(task: Task, n: int) -> End:
    """Codes of the data, drawn again, with noise of half of Silverman's bandwidth."""
    x, draw = data(task)[0], stream(task.seed, 6)
    d = x.shape[1]
    width = 0.5 * (4 / ((d + 2) * len(x))) ** (1 / (d + 4))
    some = x[torch.randint(len(x), (n,), generator=draw)]
    return some + width * torch.randn(some.shape, dtype=x.dtype, generator=draw), 0.0


def fitted_mixture(x: Tensor, k: int, n: int, seed: int) -> Tensor:
    """Draws from a Gaussian mixture by expectation maximisation, component after component."""
    from sklearn.mixture import GaussianMixture

    return torch.from_numpy(GaussianMixture(k, reg_covar=1e-4, random_state=seed).fit(x.numpy()).sample(n)[0])


def mixture(task: Task, n: int, k: int) -> End:
    """A Gaussian mixture of ``k`` components."""
    x = data(task)[0]
    return timed(lambda: fitted_mixture(x, k, n, task.seed))


def mixture_by_class(task: Task, n: int) -> End:
    """A small mixture for each class, with labels."""
    x, labels = data(task)
    of_each = list(enumerate(shares(labels, n).tolist()))
    return timed(lambda: torch.cat([fitted_mixture(x[labels == k], OF_A_CLASS, m, task.seed) for k, m in of_each]))


def flow(task: Task, n: int, steps: int) -> End:
    """Flow matching on the codes, 40 evaluations of its network."""
    model, seconds = trained_flow(task, steps)
    drawn, more = timed(lambda: model.transport(task.noise(n).float(), steps=20).double())
    return drawn, seconds + more


@cache
def trained_flow(task: Task, steps: int) -> tuple[FlowMatching, float]:
    """The flow and the CPU seconds of its training."""
    x = data(task)[0].float()
    net = FourierNet(x.shape[1], width=FLOW_WIDTH, n_frequencies=0, generator=stream(task.seed, 1))
    fit = {"n_steps": steps, "batch": 256, "standardize": False, "verbose": False}
    return timed(lambda: FlowMatching(x.shape[1], net=net).fit(x, generator=stream(task.seed, 7), **fit))


PARTICLES: dict[str, Sampler] = {
    "KSWGD, selected": selected,
    "KSWGD, tuned": tuned,
    "KSWGD, by class": of_each_class,
}
DRAWS: dict[str, Sampler] = {
    "training codes": training_codes,
    "data resampled": resampled,
    "Gaussian mixture, 10": partial(mixture, k=10),
    "Gaussian mixture, 40": partial(mixture, k=40),
    "Gaussian mixture, 100": partial(mixture, k=100),
    "Gaussian mixture, by class": mixture_by_class,
    "latent flow, equal seconds": flow,
    "latent flow": flow,
}


@cache
def many(task: Task, method: str, **options: float) -> End:
    """Several times as many codes as are judged, in random order: their random parts have the law alone."""
    n = max(LARGE * N_LAW[task.name][0], MANY * task.setting.n_judged)
    codes, seconds = (PARTICLES | DRAWS)[method](task, n, **options)
    return codes[torch.randperm(len(codes), generator=stream(task.seed, 14))], seconds


def evenly(task: Task, method: str, **options: float) -> End:
    """As many codes as are judged, as even as the method has them: a run as it is, or those picked of many draws."""
    n = task.setting.n_judged
    if method in PARTICLES:
        return PARTICLES[method](task, n, **options)
    codes, before = many(task, method, **options)
    some = codes[: MANY * n]
    rows, seconds = timed(lambda: herd(some, n))
    return some[rows], before + seconds

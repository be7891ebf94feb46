"""What ``images`` compares: ways from noise to the codes of pictures, each with its CPU seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor

from experiments.machinery.common import moved, stream, timed
from experiments.machinery.common import noise as normal
from koopcourse import zoo
from koopcourse.images import ImageSet, load_images
from koopcourse.judges import herd
from koopteach.dictionaries import GaussianRBF, Monomials, MultiScale
from koopteach.flow_matching import FlowMatching, FourierNet
from koopteach.langevin import kde_score
from koopteach.operators import GeneratorEDMD, select, spectral_score
from koopteach.particles import DMPS, KSWGD, ULA, denoise

End = tuple[Tensor, float]  # codes and CPU seconds


@dataclass(frozen=True)
class Setting:
    """A set of pictures and the sizes of what is compared on it.

    Attributes:
        images: as of ``load_images``.
        n_train: codes that every method learns from, drawn from all for each seed.
        n_judged: pictures drawn, and held-out ones that they are compared with.
        cells: regions of the data with a spectrum of their own, where labels are not used.
        sizes: kernels to choose from.
        coarse: wide kernels beside them.
        tuned: size and width that were best by the metrics themselves, on seeds below 1,000.
        flow_width, flow_steps: of the network of latent flow matching and of its training.
    """

    images: str
    n_train: int
    n_judged: int
    cells: int
    sizes: tuple[int, ...]
    coarse: int
    tuned: tuple[int, float]
    flow_width: int
    flow_steps: int


SETTINGS = {
    "digits": Setting("digits8", 1160, 580, 1, (250, 500), 200, (500, 0.6), 128, 2000),
    "fashion": Setting("fashion28-full", 12_000, 1000, 20, (150, 300), 0, (300, 0.6), 256, 3000),
}
WIDTHS = (0.4, 0.6, 0.8, 1.2)  # in units of the package's default
SCORED_MODES, STEPS = 20, 60
MANY = 10  # times as many samples, of which some are picked
VARIANCE = 0.01  # of the noise that the last step takes off, in units of the white codes' variance; tuned, too


@cache
def pictures(name: str) -> ImageSet:
    return load_images(SETTINGS[name].images)


@cache
def all_codes(name: str) -> tuple[Tensor, Tensor]:
    """Codes of the training pictures, and of the held-out ones that samples are compared with."""
    model, images = zoo.shipped(f"{name}-codes"), pictures(name)
    return tuple(model.encode(part).double() for part in (images.train, images.test[: SETTINGS[name].n_judged]))


@cache
def data(name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Codes and labels of the pictures that this seed may learn from."""
    codes, n = all_codes(name)[0], SETTINGS[name].n_train
    rows = torch.randperm(len(codes), generator=stream(seed, 0))[:n].sort().values
    return codes[rows], pictures(name).train_labels[rows]


def noise(name: str, seed: int, n: int | None = None) -> Tensor:
    """Standard normal start points."""
    x = all_codes(name)[0]
    return normal(seed, n or SETTINGS[name].n_judged, x.shape[1], x.dtype)


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
    x: Tensor, labels: Tensor, setting: Setting, seed: int, size: tuple[int, float] | None = None
) -> tuple[Tensor, Tensor]:
    """Noise transported to each region's data by its own spectrum, in its own round coordinates; raw and denoised."""
    rough, fine = [], []
    for region, n in enumerate(shares(labels, setting.n_judged).tolist()):
        part = x[labels == region]
        mean, root, inverse = round_frame(part)
        white = (part - mean) @ inverse
        size = size or chosen(white, setting, seed)  # once: the regions are alike
        spectrum = GeneratorEDMD(dictionary(white, *size, setting.coarse, stream(seed, 1))).fit(white).spectrum(10**6)
        start = torch.randn(n, x.shape[1], dtype=x.dtype, generator=stream(seed + 1000 * region, 2))
        y = moved(KSWGD(spectrum, damping=math.inf), start, STEPS, seed)
        rough.append(y @ root + mean)
        fine.append(denoise(spectral_score(spectrum, white), y, VARIANCE) @ root + mean)
    return torch.cat(rough), torch.cat(fine)


@cache
def transported(name: str, seed: int, regions: str) -> tuple[tuple[Tensor, Tensor], float]:
    """Both results of :func:`by_region`, and the seconds of everything: regions, choice, fits, steps."""
    (x, labels), setting = data(name, seed), SETTINGS[name]
    size = setting.tuned if regions == "tuned" else None
    return timed(lambda: by_region(x, _regions(x, labels, regions, setting, seed), setting, seed, size))


def _regions(x: Tensor, labels: Tensor, regions: str, setting: Setting, seed: int) -> Tensor:
    if regions == "classes":
        return labels
    if setting.cells == 1:
        return torch.zeros_like(labels)
    centers = GaussianRBF.from_data(x, setting.cells, stream(seed, 5), units=1.0).centers
    return torch.cdist(x, centers).argmin(1)


def _ours(regions: str, last: bool) -> Callable[[str, int], End]:
    def sampler(name: str, seed: int) -> End:
        ends, seconds = transported(name, seed, regions)
        return ends[last], seconds

    return sampler


def tuned_law(name: str, seed: int) -> End:
    """A random part of a run of ten times as many particles: the law without the evenness."""
    (x, labels), setting = data(name, seed), SETTINGS[name]
    many = replace(setting, n_judged=MANY * setting.n_judged)
    cells = _regions(x, labels, "tuned", setting, seed)
    (run, _), seconds = timed(lambda: by_region(x, cells, many, seed, setting.tuned))
    return run[torch.randperm(len(run), generator=stream(seed, 8))[: setting.n_judged]], seconds


def _default_spectrum(damping: float) -> Callable[[str, int], End]:
    """The package's default dictionary, and all modes of it, in this metric."""

    def sampler(name: str, seed: int) -> End:
        x = data(name, seed)[0]

        def run() -> Tensor:
            spectrum = GeneratorEDMD(MultiScale.from_data(x, generator=stream(seed, 1))).fit(x).spectrum()
            return moved(KSWGD(spectrum, damping=damping), noise(name, seed), STEPS, seed)

        return timed(run)

    return sampler


# The rivals


def gaussian(name: str, seed: int) -> End:
    """Standard normal codes: the start of all others."""
    return noise(name, seed), 0.0


def mixture(k: int, many: int = 1) -> Callable[[str, int], End]:
    """A Gaussian mixture by expectation maximisation; ``many`` times as many draws as are judged."""

    def sampler(name: str, seed: int) -> End:
        from sklearn.mixture import GaussianMixture

        x, n = data(name, seed)[0], many * SETTINGS[name].n_judged
        model = GaussianMixture(k, reg_covar=1e-4, random_state=seed)
        return timed(lambda: torch.from_numpy(model.fit(x.numpy()).sample(n)[0]))

    return sampler


def resampled(name: str, seed: int) -> End:
    """Codes of the data, drawn again, with noise of half of Silverman's bandwidth."""
    x, draw = data(name, seed)[0], stream(seed, 6)
    d = x.shape[1]
    some = x[torch.randint(len(x), (SETTINGS[name].n_judged,), generator=draw)]
    width = 0.5 * (4 / ((d + 2) * len(x))) ** (1 / (d + 4))
    return some + width * torch.randn(some.shape, dtype=x.dtype, generator=draw), 0.0


def ula(name: str, seed: int) -> End:
    """Langevin steps with the score of a kernel density estimate."""
    x = data(name, seed)[0]
    method = ULA(kde_score(x), step_size=0.02)
    return timed(lambda: moved(method, noise(name, seed), 100, seed))


def dmps(name: str, seed: int) -> End:
    """The diffusion-map particle system."""
    x = data(name, seed)[0]
    return timed(lambda: moved(DMPS(x, 0.5, n_modes=200), noise(name, seed), STEPS, seed))


def herded(draw: Callable[[str, int], End]) -> Callable[[str, int], End]:
    """As many of a sampler's codes as are judged, picked to lie evenly."""

    def sampler(name: str, seed: int) -> End:
        x, before = draw(name, seed)
        rows, seconds = timed(lambda: herd(x, SETTINGS[name].n_judged))
        return x[rows], before + seconds

    return sampler


def flow(name: str, seed: int, many: int = 1) -> End:
    """Flow matching on the codes, 40 evaluations of its network; ``many`` times as many as are judged."""
    model, seconds = trained_flow(name, seed)
    start = noise(name, seed, many * SETTINGS[name].n_judged).float()
    drawn, more = timed(lambda: model.transport(start, steps=20).double())
    return drawn, seconds + more


@cache
def trained_flow(name: str, seed: int) -> tuple[FlowMatching, float]:
    """The flow and the CPU seconds of its training."""
    setting, x = SETTINGS[name], data(name, seed)[0].float()
    net = FourierNet(x.shape[1], width=setting.flow_width, n_frequencies=0, generator=stream(seed, 1))
    model, fit = FlowMatching(x.shape[1], net=net), {"n_steps": setting.flow_steps, "batch": 256, "verbose": False}
    return timed(lambda: model.fit(x, standardize=False, generator=stream(seed, 7), **fit))


@cache
def flow_by_class(name: str, seed: int) -> End:
    """The same with the class as further coordinates, which the flow leaves as they are."""
    setting, (x, labels) = SETTINGS[name], data(name, seed)
    d, k = x.shape[1], int(labels.max()) + 1

    def beside(codes: Tensor, classes: Tensor) -> Tensor:
        return torch.cat([codes, torch.nn.functional.one_hot(classes, k)], dim=1).float()

    def same_class(x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([x0[:, :d], x1[:, d:]], dim=1), x1

    net = FourierNet(d + k, width=setting.flow_width, n_frequencies=0, generator=stream(seed, 1))
    model, fit = FlowMatching(d + k, coupling=same_class, net=net), {"n_steps": setting.flow_steps, "batch": 256}
    classes = torch.arange(k).repeat_interleave(shares(labels, setting.n_judged))
    start = beside(noise(name, seed), classes)
    fit |= {"generator": stream(seed, 7), "standardize": False, "verbose": False}
    learn = beside(x, labels)
    return timed(lambda: model.fit(learn, **fit).transport(start, steps=20)[:, :d].double())


SAMPLERS: dict[str, Callable[[str, int], End]] = {
    "Gaussian": gaussian,
    "Gaussian mixture, 10": mixture(10),
    "Gaussian mixture, 40": mixture(40),
    "Gaussian mixture, 100": mixture(100),
    "Gaussian mixture, 40, herded": herded(mixture(40, MANY)),
    "data resampled": resampled,
    "ULA, KDE score": ula,
    "DMPS": dmps,
    "latent flow matching": flow,
    "latent flow matching, herded": herded(partial(flow, many=MANY)),
    "training codes, herded": herded(lambda name, seed: (data(name, seed)[0], 0.0)),
    "KSWGD, package's defaults": _default_spectrum(1.0),
    "KSWGD, paper's metric": _default_spectrum(math.inf),
    "KSWGD, selected": _ours("cells", False),
    "KSWGD, selected and denoised": _ours("cells", True),
    "KSWGD, tuned": _ours("tuned", False),
    "KSWGD, tuned, its law": tuned_law,
    "KSWGD, tuned and denoised": _ours("tuned", True),
    "latent flow matching, by class": flow_by_class,
    "KSWGD, by class": _ours("classes", False),
    "KSWGD, by class and denoised": _ours("classes", True),
}

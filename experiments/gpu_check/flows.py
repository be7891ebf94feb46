"""Hot paths of lessons 08 to 12: flows, students, interpolants, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from experiments.gpu_check.hot_paths import (
    FORMULA,
    RING,
    SINGLE,
    SOLVED,
    TRAINED,
    HotPath,
    Move,
    data,
    normal,
    seeded,
)
from koopcourse.images import Autoencoder, Classifier, PrincipalComponents
from koopteach import (
    ConvexChart,
    CurvedInterpolant,
    DecodedFlow,
    FlowMatching,
    FourierNet,
    GaussianFlow,
    GlowInterpolant,
    Interpolant,
    KoopmanFlow,
    LearnedSchedule,
    LinearInterpolant,
    MixtureFlow,
    PushedFlow,
    TrigonometricInterpolant,
    VelocityFlow,
    acceleration,
    distill,
    fit_convex_map,
    fit_time_functions,
    geodesic_schedule,
    integrate,
    optimal_field,
    reflow,
    straighten,
    straightness,
    teacher_paths,
)
from koopteach.interpolants.convex import ConvexMap

FEW = {"n_steps": 3, "batch": 32, "verbose": False}


def small_net(dim: int = 2, n_labels: int = 0) -> FourierNet:
    """A network like the default one, narrow."""
    return FourierNet(dim, width=16, n_labels=n_labels, generator=seeded())


@cache
def teacher() -> FlowMatching:
    """Trained on the processor."""
    return FlowMatching(2, net=small_net()).fit(data(), n_steps=30, batch=64, generator=seeded(), verbose=False)


@cache
def student() -> KoopmanFlow:
    """Trained on the processor."""
    flow, options = KoopmanFlow(teacher(), net={"width": 16}), {"n_paths": 200, "spectrum": [1 + 2j, 3 + 5j], **FEW}
    return flow.fit(generator=seeded(), **options)


def flow(to: Move) -> Sequence[Tensor]:
    """A fitted flow: velocity, samples, paths, the way back, density."""
    there, x = to(teacher()), to(normal(50, 2))
    back, density = there.invert(x), there.log_prob(x, steps=4)
    few = there.log_prob(x, probes=2, steps=4, generator=seeded(2))
    dopri = there.transport(x, solver="dopri5", tolerance=1e-3)
    path = there.trajectory(x, [0.0, 0.5, 1.0], steps=4)
    return [there.velocity(x, 0.3), there.sample(20, generator=seeded()), back, path, density, few, dopri]


def training(to: Move) -> Sequence[Tensor]:
    """Steps of Adam from the same start, with each coupling, from noise and from data."""
    x, found = to(data()), []
    for coupling, x0 in (("independent", None), ("ot", None), ("independent", x[:300] + 1), ("paired", x + 1)):
        flow = FlowMatching(2, coupling=coupling, net=small_net()).fit(x, x0, generator=seeded(), **FEW)
        found += [
            flow.transport(to(normal(50, 2)), steps=2),
            flow.loss(x[:32], None if x0 is None else x0[:32], generator=seeded()),
        ]
    return found


def labels(to: Move) -> Sequence[Tensor]:
    """A flow for each class."""
    x, y = to(data()), (data()[:, 0] > 0).long()
    flow = FlowMatching(2).fit(x, labels=to(y), generator=seeded(), **FEW)
    return [flow.sample(20, labels=1, generator=seeded()), flow.given(to(y[:50])).velocity(x[:50], 0.5)]


def closed_forms(to: Move) -> Sequence[Tensor]:
    """Flows that are formulas, one's own velocity, how straight paths are."""
    gaussian = to(GaussianFlow([1.0, 0.0], [[1.0, 0.3], [0.3, 0.5]]))
    x, own = to(normal(50, 2)), VelocityFlow(lambda x, t: t - x, 2)
    found = [z for flow in (gaussian, to(MixtureFlow(RING))) for z in (flow.velocity(x, 0.3), flow.transport(x))]
    found += [gaussian.exact(x, [0.5]), own.transport(x), to(MixtureFlow(RING)).log_prob(x, steps=4)]
    return [*found, x.new_tensor(straightness(gaussian, x).deviation), integrate(lambda x, t: -x, x).states]


def shorter(to: Move) -> Sequence[Tensor]:
    """A flow on a flow's pairs, and one look of a network at the noise."""
    exact, x = to(MixtureFlow(RING)), to(normal(50, 2))
    again = reflow(exact, n_pairs=100, net=small_net(), generator=seeded(), **FEW)
    direct = distill(exact, n_pairs=100, width=16, generator=seeded(), **FEW)
    return [again.transport(x), direct.transport(x), direct.sample(20, generator=seeded())]


def student_training(to: Move) -> Sequence[Tensor]:
    """Steps of Adam of each kind of student."""
    exact, x, found = to(MixtureFlow(RING)), to(normal(50, 2)), []
    for method, kind in (("coefficients", "mode_sum"), ("consistency", "mode_sum"), ("consistency", "free")):
        options = {"spectrum": [1 + 2j, 3 + 5j]} if kind == "mode_sum" else {}
        flow = KoopmanFlow(exact, generator=kind, net={"width": 16})
        flow.fit(method, n_paths=50, generator=seeded(), **FEW, **options)
        found += [
            flow.trajectory(x, [0.0, 0.5, 1.0]),
            flow.invert(x),
            flow.rates.abs().sort().values,
            flow.velocity(x, 0.5),
        ]
    return found


def spectrum_of_paths(to: Move) -> Sequence[Tensor]:
    """Time functions fitted to a teacher's paths."""
    paths = teacher_paths(to(MixtureFlow(RING)), to(normal(100, 2)), n_times=9)
    growth, frequency, _ = fit_time_functions(paths.states, paths.times, 1)
    return [paths.states, paths.velocity(3), torch.stack([growth, frequency]).to(paths.states)]


def sampling(to: Move) -> Sequence[Tensor]:
    """A fitted student: one step, paths, the way back, modes, edited modes."""
    there, x = to(student()), to(normal(3000, 2))
    found = [
        there.sample(50, generator=seeded()),
        there.transport(x),
        there.trajectory(x[:50], [0.2, 1.0]),
        there.invert(x[:50]),
    ]
    judged = there.diagnose(x[:50])
    edited = there.edit(x[:50], [1.0, 0.5, 0.5])
    return [*found, there.rates.abs(), there.modes(x[:50]).at(0.5), edited, judged.path_error.to(x)]


def schedules(to: Move) -> Sequence[Tensor]:
    """Interpolants by formulas: values, rates, inverses, the best field and its acceleration."""
    x0, x1, found = to(normal(40, 2)), to(data()[:40]), []
    for paths in map(to, (LinearInterpolant(2), TrigonometricInterpolant(2), LearnedSchedule(2).double(), chart())):
        x = paths.value(x0, x1, 0.4)
        field = acceleration(paths, x, 0.4, x1)
        found += [x, paths.rate(x0, x1, 0.4), *paths.inverse(x, x1, 0.4), field.velocity, field.acceleration]
        found += [optimal_field(paths, x, 0.4, x1).ess]
    return found


def chart() -> ConvexChart:
    """Two gradient maps of convex functions."""
    maps = (ConvexMap(normal(8, 2, seed=seed), strength=1.5, slope=0.3) for seed in (1, 2))
    return ConvexChart(*maps)


def curved(to: Move) -> Sequence[Tensor]:
    """Schedules that are learned by descent and by the geodesic; flows along them."""
    x, found = to(data()), []
    learned = to(LearnedSchedule(2).double())
    descent = straighten(learned, x, n_steps=2, batch=16, pool=32, generator=seeded(), verbose=False)
    found += [x.new_tensor([descent.acceleration, descent.energy])]
    geodesic = geodesic_schedule(x, pool=50, queries=40, n_times=9, generator=seeded())
    for paths in (learned, geodesic.schedule, to(chart())):
        source = x if isinstance(paths, ConvexChart) else None  # its two maps are not made for normal noise
        flow = CurvedInterpolant(paths, net=small_net()).fit(x, source, generator=seeded(), **FEW)
        found += [flow.transport(x[:50], steps=2)]
    return [*found, x.new_tensor([geodesic.angle, geodesic.energy])]


def convex(to: Move) -> Sequence[Tensor]:
    """A convex map fitted to data, and flows in its code."""
    x, z = to(data()), to(normal(30, 2))
    fitted = fit_convex_map(x, n_centres=12, pair_steps=2, likelihood_steps=2, generator=seeded(), verbose=False)
    found = [fitted(z), *fitted.inverse(x[:30])]
    for kind in (DecodedFlow, PushedFlow):
        flow = kind(fitted, coupling="independent", net=small_net()).fit(x, generator=seeded(), **FEW)
        found += [
            flow.transport(z, steps=2),
            flow.invert(x[:30], steps=2),
            flow.velocity(x[:30], 0.5),
            flow.log_prob(x[:30], steps=2),
        ]
    return found


def glow(to: Move) -> Sequence[Tensor]:
    """An interpolant of convolutions, in float64 (in float32 a GPU may round products to ten bits)."""
    paths: Interpolant = to(_stirred(GlowInterpolant(4, n_steps=2, width=8, generator=seeded()).double()))
    x0, x1 = to(normal(10, 16)), to(normal(10, 16, seed=1))
    x = paths.value(x0, x1, 0.4)
    return [x, paths.rate(x0, x1, 0.4), *paths.inverse(x, x1, 0.4)]


def _stirred(net: nn.Module) -> nn.Module:
    """Parameters away from zero, where a fresh one starts."""
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.add_(0.1 * normal(*parameter.shape, seed=i))
    return net


def pictures(to: Move) -> Sequence[Tensor]:
    """Codes of pictures by a network and by directions; a network that tells them apart."""
    images, classes = to(torch.rand(60, 8, 8, generator=seeded())), to(torch.arange(60) % 3)
    coder = to(Autoencoder((8, 8), 3, widths=(16,), generator=seeded()))
    coder.fit(images, noise=0.1, generator=seeded(1), **FEW)
    judge = to(Classifier((8, 8), 3, widths=(16,), generator=seeded()))
    judge.fit(images, classes, generator=seeded(1), **FEW)
    linear = PrincipalComponents.fit(images, 3)
    codes = linear.encode(images)
    size = images.new_tensor([linear.share(images), coder.error(images), judge.accuracy(images, classes)])
    return [coder.decode(coder.encode(images)), judge.features(images), codes, linear.decode(codes), size]


PATHS = {
    "flow: velocity, samples, inverse, density": HotPath(flow, SINGLE),
    "flow: training": HotPath(training, TRAINED, "optimal pairs of a batch (POT)"),
    "flow: labels": HotPath(labels, TRAINED),
    "closed forms": HotPath(closed_forms, FORMULA),
    "reflow, distill": HotPath(shorter, TRAINED),
    "students: training": HotPath(student_training, TRAINED, "the whitening of the few time functions"),
    "students: spectrum of paths": HotPath(spectrum_of_paths, TRAINED, "Nelder-Mead on moments of the times (SciPy)"),
    "students: sample, path, invert, modes": HotPath(sampling, SINGLE),
    "interpolants, optimal field": HotPath(schedules, SOLVED),
    "curved: straighten, geodesic, training": HotPath(curved, TRAINED, "the monotone table of the geodesic (SciPy)"),
    "convex maps and their flows": HotPath(convex, TRAINED, "pairs of near points (SciPy)"),
    "glow": HotPath(glow, SOLVED),
    "pictures": HotPath(pictures, TRAINED),
}

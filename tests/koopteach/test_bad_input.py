"""Bad input of every kind, by hypothesis: an error that names who asked and for what, or finite results."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import koopteach as kt
from koopteach.metrics.neighbours import precision
from koopteach.particles.kswgd import damped_weights
from tests.tools import Table, seeded

D, N = 2, 40
QUICK = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


X, Y = normal(N, D), normal(N, D, seed=1)
CENTERS = normal(5, D, seed=2)
RBF = kt.GaussianRBF(CENTERS, 1.0)
DICTIONARIES = {
    "GaussianRBF": RBF,
    "MultiScale": kt.MultiScale([RBF, kt.Monomials(D, 1)]),
    "Monomials": kt.Monomials(D, 2),
    "Hermite": kt.Hermite(D, 2),
    "RandomFourierFeatures": kt.RandomFourierFeatures(D, 6, 1.0, seeded()),
    "NeuralDictionary": kt.NeuralDictionary.from_pairs(
        X, X + 0.1 * Y, 2, hidden=4, n_steps=2, batch=20, generator=seeded()
    ),
}
SPECTRA = {
    "expansion": kt.GeneratorEDMD(kt.Hermite(D, 2)).fit(X).spectrum(),
    "diffusion map": kt.DiffusionMaps(0.7).fit(X).spectrum(4),
}
TARGETS = {
    "GaussianMixture": kt.GaussianMixture(CENTERS, 0.5),
    "OrnsteinUhlenbeck": kt.OrnsteinUhlenbeck(D, rotation=1.0),
    "QuadrupleWell": kt.QuadrupleWell(1.0),
}
SURFACES = {"Circle": kt.Circle(), "Sphere": kt.Sphere(), "Torus": kt.Torus()}


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def spectrum_of(estimator, *data):
    spectrum = estimator.fit(*data).spectrum(3)
    return spectrum.rates, spectrum(data[0]), spectrum.grad(data[0]), number(spectrum.scale)


@dataclass
class Taker:
    """Something that takes points as ``argument``; ``dim`` is what they need, None for any."""

    call: object
    argument: str
    dim: int | None = D


def takers():
    """``name -> Taker`` for everything public that takes one set of points."""
    yield "KernelEDMD(centers)", Taker(lambda x: kt.KernelEDMD(1.0, lag=0.1, centers=x).centers, "centers", None)
    yield "GaussianRBF(centers)", Taker(lambda x: kt.GaussianRBF(x, 1.0)(x), "centers", None)
    yield "GaussianRBF.from_data", Taker(lambda x: kt.GaussianRBF.from_data(x, 6, seeded())(x), "x", None)
    yield "MultiScale.from_data", Taker(lambda x: kt.MultiScale.from_data(x, (6, 3), generator=seeded())(x), "x", None)
    for name, psi in DICTIONARIES.items():
        yield f"{name}()", Taker(psi, "x")
        yield f"{name}.grad", Taker(psi.grad, "x")
        yield f"{name}.contract_grad", Taker(lambda x, psi=psi: contracted(psi, x), "x")
    yield "GaussianRBF.reaches", Taker(RBF.reaches, "x")
    for name, s in SPECTRA.items():
        w = torch.ones(len(s), dtype=torch.float64)
        yield f"Spectrum of {name}()", Taker(s, "x")
        yield f"Spectrum of {name}.grad", Taker(s.grad, "x")
        yield f"Spectrum of {name}.contract_grad", Taker(lambda x, s=s, w=w: s.contract_grad(x, w), "x")
        yield f"Spectrum of {name}.reaches", Taker(s.reaches, "x", None if "map" in name else D)
        for eps in (1.0, math.inf):
            yield f"KSWGD {name} {eps}", Taker(lambda x, s=s, e=eps: kt.KSWGD(s, damping=e).velocity(x), "x")
        yield f"KSWGD.energy {name}", Taker(lambda x, s=s: number(kt.KSWGD(s).energy(x)), "x")
        yield f"KSWGD.step {name}", Taker(lambda x, s=s: kt.KSWGD(s).step(x, None, progress=0.0)[0], "x")
        yield f"run_particles {name}", Taker(lambda x, s=s: run(kt.KSWGD(s), x), "x0")
    yield "GeneratorEDMD.fit", Taker(lambda x: spectrum_of(kt.GeneratorEDMD(kt.Hermite(D, 2)), x), "x")
    yield "DiffusionMaps.fit", Taker(lambda x: spectrum_of(kt.DiffusionMaps(0.7), x), "x", None)
    yield "DMPS", Taker(lambda x: kt.DMPS(x, 0.7, n_modes=3).velocity(x), "x", None)
    yield "Ladder.from_data", Taker(ladder, "x", None)
    yield (
        "select",
        Taker(lambda x: kt.select([kt.GeneratorEDMD(kt.Hermite(D, 2))], x, n_modes=1).best.spectrum(1)(x), "x"),
    )
    yield "kde_score", Taker(lambda x: kt.kde_score(x)(x), "x", None)
    yield "kde_score()(u)", Taker(kt.kde_score(X), "u")
    yield "kde_snapshot_pairs", Taker(lambda x: kt.kde_snapshot_pairs(x, lag=0.1)[1], "x", None)
    for name, target in TARGETS.items():
        yield f"{name}.log_prob", Taker(target.log_prob, "x")
        yield f"{name}.score", Taker(target.score, "x")
        yield (
            f"langevin_trajectory {name}",
            Taker(lambda x, t=target: kt.langevin_trajectory(t, x, n_steps=2, dt=0.01), "x0"),
        )
        yield (
            f"ULA {name}",
            Taker(lambda x, t=target: kt.ULA(t.score, step_size=0.1).step(x, None, progress=0.0)[0], "x"),
        )
        yield f"MALA {name}", Taker(lambda x, t=target: mala_step(t, x), "x")
        yield f"SVGD {name}", Taker(lambda x, t=target: kt.SVGD(t.score, step_size=0.1).velocity(x), "x")
        yield f"run_particles ULA {name}", Taker(lambda x, t=target: run(kt.ULA(t.score, step_size=0.01), x), "x0")
    ou = TARGETS["OrnsteinUhlenbeck"]
    yield "OrnsteinUhlenbeck.drift", Taker(ou.drift, "x")
    yield "OrnsteinUhlenbeck.transition", Taker(lambda x: ou.transition(x, 0.1), "x")
    yield "GaussianMixture(means)", Taker(lambda x: kt.GaussianMixture(x, 1.0).score(x), "means", None)
    for name, surface in SURFACES.items():
        for method in ("project", "normal", "angles"):
            if hasattr(surface, method):  # a sphere has no angles
                yield f"{name}.{method}", Taker(getattr(surface, method), "x", surface.dim)
        yield f"{name}.tangent", Taker(lambda x, s=surface: s.tangent(x, x), "x", surface.dim)
        yield f"{name}.brownian_step", Taker(lambda x, s=surface: s.brownian_step(x, 0.1), "x", surface.dim)
        yield (
            f"{name} fit",
            Taker(
                lambda x, s=surface: spectrum_of(kt.GeneratorEDMD(kt.Hermite(s.dim, 1), manifold=s), s.project(x)),
                "x",
                surface.dim,
            ),
        )
    yield (
        "kl_histogram",
        Taker(lambda x: number(kt.kl_histogram(x, TARGETS["QuadrupleWell"].log_prob, -3, 3, 4)), "x"),
    )
    for metric, other in ((precision, "reference"), (kt.sliced_wasserstein2, "y"), (kt.wasserstein2, "y")):
        name = metric.__name__
        yield f"{name}(x)", Taker(lambda x, m=metric: number(m(x, Y)), "x", None)
        yield f"{name}(reference)", Taker(lambda y, m=metric: number(m(X, y)), other)
    yield "mode_weights(x)", Taker(lambda x: kt.mode_weights(x, CENTERS), "x", None)
    yield "mode_weights(modes)", Taker(lambda m: kt.mode_weights(X, m), "modes")


def contracted(psi, x):
    return psi.contract_grad(x, torch.ones(psi.n_features, 1, dtype=getattr(psi(x), "dtype", None)))


def run(method, x):
    return kt.run_particles(method, x, n_steps=2, verbose=False, generator=seeded()).final


def ladder(x):
    fit = lambda z: kt.GeneratorEDMD(kt.Hermite(z.shape[1], 2)).fit(z).spectrum()  # noqa: E731
    return kt.Ladder.from_data(x, levels=(0.1, 0.0), fit=fit, generator=seeded()).step(x, None, progress=0.0)[0]


def mala_step(target, x):
    method = kt.MALA(target, step_size=0.1)
    return method.step(x, method.init(x), progress=0.0)[0]


def pair_takers():
    """``name -> call`` for everything public that takes pairs."""
    for name, psi in DICTIONARIES.items():
        if name in ("Hermite", "GaussianRBF"):
            for reversible in (True, False):
                yield (
                    f"EDMD {name} {reversible}",
                    lambda x, y, p=psi, r=reversible: spectrum_of(kt.EDMD(p, lag=0.1, reversible=r), x, y),
                )
    yield "KernelEDMD", lambda x, y: spectrum_of(kt.KernelEDMD(1.0, lag=0.1), x, y)
    yield "KernelEDMD centers", lambda x, y: spectrum_of(kt.KernelEDMD(1.0, lag=0.1, centers=CENTERS), x, y)
    yield "select", lambda x, y: kt.select([kt.EDMD(RBF, lag=0.1)], x, y, n_modes=1).best.spectrum(1)(x)
    yield (
        "NeuralDictionary",
        lambda x, y: kt.NeuralDictionary.from_pairs(x, y, 2, hidden=4, n_steps=2, batch=20, generator=seeded())(x),
    )


TAKERS, PAIRS = dict(takers()), dict(pair_takers())


# Points as people hold them


def masked(x):
    return np.ma.masked_array(x.numpy(), mask=np.zeros(x.shape, dtype=bool))


CONTAINERS = {
    "a list": lambda x: x.tolist(),
    "tuples": lambda x: tuple(map(tuple, x.tolist())),
    "a list of tensors": list,
    "a list of arrays": lambda x: list(x.numpy()),
    "an array": lambda x: x.numpy(),
    "a transposed array": lambda x: np.asfortranarray(x.numpy()),
    "a reversed array": lambda x: x.numpy()[::-1].copy()[::-1],
    "columns of a larger array": lambda x: np.repeat(x.numpy(), 2, axis=1)[:, ::2],
    "another byte order": lambda x: x.numpy().astype(x.numpy().dtype.newbyteorder()),
    "objects": lambda x: x.numpy().astype(object),
    "a table": lambda x: Table(x.numpy()),
    "a table of objects": lambda x: Table(x.numpy().astype(object)),
    "a masked array": masked,
    "another memory order": lambda x: x.T.contiguous().T,
}


@pytest.mark.parametrize("name", TAKERS)
@QUICK
@given(kind=st.sampled_from([*CONTAINERS]))
def test_the_container_makes_no_difference(name, kind):
    results = []
    x = normal(N, TAKERS[name].dim or D)
    for points in (x, CONTAINERS[kind](x)):
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = TAKERS[name].call(points)
        results.append([found] if torch.is_tensor(found) else found)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("generator", [7, np.random.default_rng(0), "cpu"])
def test_what_is_no_generator_is_told_how_to_make_one(generator):
    draws = [
        lambda: TARGETS["GaussianMixture"].sample(3, generator),
        lambda: kt.GaussianRBF.from_data(X, 3, generator),
        lambda: kt.run_particles(kt.KSWGD(SPECTRA["expansion"]), X, generator=generator),
        lambda: kt.sliced_wasserstein2(X, Y, generator=generator),
        lambda: kt.select([SAMPLES], X, n_modes=1, generator=generator),
    ]
    for draw in draws:
        with pytest.raises(TypeError, match=r"generator must be .*got \w+.*torch\.Generator\(\)\.manual_seed\(\d"):
            draw()


# What may be wrong with points


def spoiled(bad):
    def spoil(x, i, j):
        x = x.clone()
        x[i % x.shape[0], j % x.shape[1]] = bad
        return x

    return spoil


WRONG = {
    "nan": spoiled(math.nan),
    "inf": spoiled(math.inf),
    "-inf": spoiled(-math.inf),
    "no axis": lambda x, i, j: x[0, 0],
    "one axis": lambda x, i, j: x[:, j % x.shape[1]],
    "three axes": lambda x, i, j: x[None],
    "no points": lambda x, i, j: x[:0],
    "no coordinates": lambda x, i, j: x[:, :0],
    "half": lambda x, i, j: x.half(),
    "bfloat16": lambda x, i, j: x.bfloat16(),
    "whole": lambda x, i, j: x.long(),
    "boolean": lambda x, i, j: x > 0,
    "complex": lambda x, i, j: x.to(torch.complex128),
    "text": lambda x, i, j: x.numpy().astype(str),
    "text in a table": lambda x, i, j: Table(np.where(x > x[i % len(x)], "high", x.numpy().astype(object))),
    "a gap in a table": lambda x, i, j: Table(spoiled(math.nan)(x, i, j).numpy().astype(object)),
    "dates": lambda x, i, j: Table(np.full(x.shape, "2020-01-01", dtype="M8[D]")),
    "a masked entry": lambda x, i, j: np.ma.masked_invalid(spoiled(math.nan)(x, i, j).numpy()),
    "sparse": lambda x, i, j: x.to_sparse(),
}


def assert_named(call, argument, *arrays):
    with pytest.raises((ValueError, TypeError)) as caught:
        call(*arrays)
    text = str(caught.value)
    opening = text.split(": ")[0]
    # a run does not know its method's dimension, so the method speaks, of its x
    assert f" {argument} has " in text or (argument == "x0" and " x has " in text), text
    assert ": " in text, text
    assert opening.replace(".", "_").isidentifier(), text
    assert raised_by_us(caught), text


def raised_by_us(caught):
    """Not by torch, numpy or scipy: the last frame is a file of the package."""
    return "koopteach" in str(caught.traceback[-1].path)


@pytest.mark.parametrize("name", TAKERS)
@QUICK
@given(kind=st.sampled_from([*WRONG]), i=st.integers(0, 99), j=st.integers(0, 9))
def test_points_that_are_no_points_are_refused_by_name(name, kind, i, j):
    taker = TAKERS[name]
    assert_named(taker.call, taker.argument, WRONG[kind](normal(N, taker.dim or D), i, j))


@pytest.mark.parametrize("name", [name for name, taker in TAKERS.items() if taker.dim])
def test_points_of_another_dimension_are_refused_by_name(name):
    taker = TAKERS[name]
    x = normal(N, taker.dim)
    for other in (torch.cat([x, x[:, :1]], dim=1), x[:, :-1], x.T.contiguous()):
        assert_named(taker.call, taker.argument, other)


# What may be wrong with pairs


@pytest.mark.parametrize("name", PAIRS)
@QUICK
@given(kind=st.sampled_from([*WRONG]), which=st.sampled_from(["x", "y"]), i=st.integers(0, 99), j=st.integers(0, 9))
def test_pairs_that_are_no_pairs_are_refused_by_name(name, kind, which, i, j):
    pair = {"x": X, "y": X + 0.1 * Y}
    pair[which] = WRONG[kind](pair[which], i, j)
    if name.startswith(("Kernel", "select", "Neural")) and kind == "no coordinates" and which == "x":
        return  # any dimension is fine for x, and y is blamed for not having it
    assert_named(PAIRS[name], which, *pair.values())


@pytest.mark.parametrize("name", PAIRS)
@QUICK
@given(rows=st.integers(1, N - 1), shorter=st.booleans())
def test_unequal_pairs_are_refused_with_the_rule(name, rows, shorter):
    x, y = (X, Y[:rows]) if shorter else (torch.cat([X, X]), Y)
    with pytest.raises(ValueError, match="row i of y must follow row i of x"):
        PAIRS[name](x, y)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_two_precisions_are_refused(name):
    with pytest.raises(
        TypeError, match=r"y has dtype torch.float32.*x has dtype torch.float64|points are torch.float32"
    ):
        PAIRS[name](X, Y.float())


@pytest.mark.parametrize("name", PAIRS)
@QUICK
@given(seed=st.integers(0, 9999))
def test_unsorted_pairs_give_finite_rates_or_a_reason(name, seed):
    """Nobody can see that rows were mixed up; the rates are then far too high, or no mode is left."""
    x = normal(N, D, seed=seed)
    assert finite_or_told(PAIRS[name], x, (x + 0.1 * Y)[torch.randperm(N, generator=seeded(seed))])


# Data that are points, and bad ones


def finite_or_told(call, *data):
    """Finite numbers; or an error of ours with a reason, a TypeError only about precision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of data that are not reversible
        try:
            result = call(*data)
        except (ValueError, TypeError) as error:
            text = str(error)
            precision = "torch.float32" in text and "torch.float64" in text
            ours = raised_by_us(pytest.ExceptionInfo.from_exception(error))
            return ours and len(text) > 30 and (precision or isinstance(error, ValueError))
    return all(bool(part.isfinite().all()) for part in ([result] if torch.is_tensor(result) else result))


def constant_column(x):
    x = x.clone()
    x[:, -1] = 3.0
    return x


POOR = {
    "one point": lambda x: x[:1],
    "two points": lambda x: x[:2],
    "three points": lambda x: x[:3],
    "five points": lambda x: x[:5],
    "each point twice": lambda x: torch.cat([x, x]),
    "all points the same": lambda x: x[:1].expand(N, -1).clone(),
    "two places": lambda x: x[:2].repeat(N // 2, 1),
    "a constant coordinate": constant_column,
    "equal coordinates": lambda x: x[:, :1].expand(-1, x.shape[1]).clone(),
    "all zero": lambda x: 0 * x,
    "one far point": lambda x: torch.cat([x, x[:1] + 1e6]),
    "tiny": lambda x: 1e-12 * x,
    "huge": lambda x: 1e12 * x,
    "far away": lambda x: x + 1e8,
    "single precision": lambda x: x.float(),
    "a list": lambda x: x.tolist(),
    "an array": lambda x: x.numpy(),
    "another memory order": lambda x: x.T.contiguous().T,
    "wants a gradient": lambda x: x.clone().requires_grad_(True),
}


@pytest.mark.parametrize("name", TAKERS)
@QUICK
@given(kind=st.sampled_from([*POOR]), seed=st.integers(0, 9999))
def test_poor_data_give_finite_results_or_a_reason(name, kind, seed):
    x = POOR[kind](normal(N, TAKERS[name].dim or D, seed=seed))
    assert finite_or_told(TAKERS[name].call, x)


@pytest.mark.parametrize("name", PAIRS)
@QUICK
@given(kind=st.sampled_from([*POOR]), seed=st.integers(0, 9999))
def test_poor_pairs_give_finite_results_or_a_reason(name, kind, seed):
    x = normal(N, D, seed=seed)
    pair = [POOR[kind](part) for part in (x, x + 0.1 * Y)]
    assert finite_or_told(PAIRS[name], *pair)


def test_a_metric_beyond_the_damping_is_solved_all_the_same():
    """One particle in the far distance, where one lost in rounding makes the damped matrix singular."""
    energies, g = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([1e12, 2e12], dtype=torch.float64)
    metric, m = torch.outer(g, g) * (1 + torch.tensor([[0.0, 1e-15], [1e-15, 0.0]])), torch.ones(2, dtype=torch.float64)
    w = damped_weights(m, metric, energies, 1.0)
    # the direction of g is frozen, the one across it decays as without particles
    assert abs(float(w @ g)) < 1e-3 * float(w.norm() * g.norm())
    assert bool(w.isfinite().all())


# Numbers that are none


SAMPLES = kt.GeneratorEDMD(kt.Hermite(D, 2))
NUMBERS = {
    "EDMD lag": (lambda v: kt.EDMD(RBF, lag=v), "lag", 0),
    "EDMD tol": (lambda v: kt.EDMD(RBF, lag=1.0, tol=v), "tol", None),
    "EDMD ridge": (lambda v: kt.EDMD(RBF, lag=1.0, ridge=v), "ridge", None),
    "GeneratorEDMD tol": (lambda v: kt.GeneratorEDMD(RBF, tol=v), "tol", None),
    "KernelEDMD kernel_width": (lambda v: kt.KernelEDMD(v, lag=1.0), "kernel_width", 0),
    "KernelEDMD lag": (lambda v: kt.KernelEDMD(1.0, lag=v), "lag", 0),
    "KernelEDMD ridge": (lambda v: kt.KernelEDMD(1.0, lag=1.0, ridge=v), "ridge", None),
    "DiffusionMaps bandwidth": (kt.DiffusionMaps, "bandwidth", 0),
    "DiffusionMaps alpha": (lambda v: kt.DiffusionMaps(1.0, alpha=v), "alpha", None),
    "DMPS bandwidth": (lambda v: kt.DMPS(X, v), "bandwidth", 0),
    "GaussianRBF widths": (lambda v: kt.GaussianRBF(CENTERS, v), "widths", 0),
    "Monomials scale": (lambda v: kt.Monomials(D, 2, scale=v), "scale", 0),
    "Monomials center": (lambda v: kt.Monomials(D, 2, center=v), "center", math.inf),
    "RandomFourierFeatures width": (lambda v: kt.RandomFourierFeatures(D, 3, v), "width", 0),
    "GaussianMixture stds": (lambda v: kt.GaussianMixture(CENTERS, v), "stds", 0),
    "GaussianMixture weights": (lambda v: kt.GaussianMixture(CENTERS, 1.0, [1.0, 1, 1, 1, v]), "weights", 0),
    "OrnsteinUhlenbeck theta": (lambda v: kt.OrnsteinUhlenbeck(D, v), "theta", 0),
    "OrnsteinUhlenbeck rotation": (lambda v: kt.OrnsteinUhlenbeck(D, rotation=v), "rotation", math.inf),
    "OrnsteinUhlenbeck.transition lag": (lambda v: TARGETS["OrnsteinUhlenbeck"].transition(X, v), "lag", None),
    "DoubleWell beta": (kt.DoubleWell, "beta", 0),
    "QuadrupleWell beta": (kt.QuadrupleWell, "beta", 0),
    "QuadrupleWell stiffness": (lambda v: kt.QuadrupleWell(1.0, v), "stiffness", 0),
    "Circle radius": (kt.Circle, "radius", 0),
    "Sphere radius": (kt.Sphere, "radius", 0),
    "Torus R": (lambda v: kt.Torus(v, 0.5), "R", 0),
    "Torus r": (lambda v: kt.Torus(1.0, v), "r", 0),
    "langevin_trajectory dt": (
        lambda v: kt.langevin_trajectory(TARGETS["QuadrupleWell"], X, n_steps=2, dt=v), "dt", 0),
    "snapshot_pairs lag": (lambda v: kt.snapshot_pairs(TARGETS["QuadrupleWell"], 3, lag=v), "lag", 0),
    "snapshot_pairs dt": (lambda v: kt.snapshot_pairs(TARGETS["QuadrupleWell"], 3, lag=0.1, dt=v), "dt", 0),
    "kde_score bandwidth": (lambda v: kt.kde_score(X, v), "bandwidth", 0),
    "kde_snapshot_pairs lag": (lambda v: kt.kde_snapshot_pairs(X, lag=v), "lag", 0),
    "KSWGD damping": (lambda v: kt.KSWGD(SPECTRA["expansion"], damping=v), "damping", 0),
    "KSWGD step_size": (lambda v: kt.KSWGD(SPECTRA["expansion"], step_size=v), "step_size", 0),
    "KSWGD max_move": (lambda v: kt.KSWGD(SPECTRA["expansion"], max_move=v), "max_move", 0),
    "KSWGD noise": (lambda v: kt.KSWGD(SPECTRA["expansion"], noise=v), "noise", None),
    "LAWGD step_size": (lambda v: kt.LAWGD(SPECTRA["expansion"], step_size=v), "step_size", 0),
    "ULA step_size": (lambda v: kt.ULA(RBF, step_size=v), "step_size", 0),
    "MALA step_size": (lambda v: kt.MALA(TARGETS["QuadrupleWell"], step_size=v), "step_size", 0),
    "SVGD step_size": (lambda v: kt.SVGD(RBF, step_size=v), "step_size", 0),
    "SVGD bandwidth": (lambda v: kt.SVGD(RBF, step_size=1.0, bandwidth=v), "bandwidth", 0),
    "Ladder levels": (lambda v: kt.Ladder.from_data(X, levels=[v, 0.0]), "levels", None),
    "kl_histogram high": (lambda v: kt.kl_histogram(X, TARGETS["QuadrupleWell"].log_prob, 0.0, v), "high", 0),
    "Spectrum.from_functions rates": (lambda v: kt.Spectrum.from_functions([v], lambda x: x), "rates", math.inf),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
@QUICK
@given(value=st.floats(max_value=-1e-3) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))
def test_numbers_out_of_range_are_named(name, value):
    """``least``: 0 refuses zero, None allows it, infinity allows every finite number."""
    call, argument, least = NUMBERS[name]
    if (value == 0 and least != 0) or (least == math.inf and math.isfinite(value)):
        return
    if value == math.inf and name == "KSWGD damping":
        return  # the paper's metric
    with pytest.raises(ValueError, match=argument) as caught:
        call(value)
    assert raised_by_us(caught)


OPTIONAL = (  # None has a meaning
    "EDMD ridge",
    "KernelEDMD ridge",
    "snapshot_pairs dt",
    "kde_score bandwidth",
    "KSWGD max_move",
    "SVGD bandwidth",
    "DiffusionMaps bandwidth",
    "DMPS bandwidth",
)
# one for each
SEVERAL = ("GaussianRBF widths", "Monomials center", "Monomials scale", "GaussianMixture stds", "kde_score bandwidth")
NO_NUMBERS = ["0.1", "", b"1", None, [1.0, 2.0], torch.ones(2), 1 + 1j, {}]


@pytest.mark.parametrize("name", NUMBERS)
@QUICK
@given(value=st.sampled_from(NO_NUMBERS))
def test_what_is_no_number_is_named(name, value):
    call, argument, _ = NUMBERS[name]
    optional = value is None and name in OPTIONAL
    several = isinstance(value, list | torch.Tensor) and name in SEVERAL
    if optional or several:
        return
    with pytest.raises((TypeError, ValueError), match=argument) as caught:
        call(value)
    assert raised_by_us(caught), caught.value


COUNTS = {
    "GeneratorEDMD n_modes": (lambda v: kt.GeneratorEDMD(kt.Hermite(D, 2)).fit(X).spectrum(v), "n_modes"),
    "EDMD n_modes": (lambda v: kt.EDMD(RBF, lag=0.1).fit(X, X + 0.1 * Y).spectrum(v), "n_modes"),
    "KernelEDMD n_modes": (lambda v: kt.KernelEDMD(1.0, lag=0.1).fit(X, X + 0.1 * Y).spectrum(v), "n_modes"),
    "KernelEDMD n_centers": (lambda v: kt.KernelEDMD(1.0, lag=0.1, n_centers=v), "n_centers"),
    "DiffusionMaps n_modes": (lambda v: kt.DiffusionMaps(0.7).fit(X).spectrum(v), "n_modes"),
    "DMPS n_modes": (lambda v: kt.DMPS(X, 0.7, n_modes=v), "n_modes"),
    "Spectrum.truncate": (lambda v: SPECTRA["expansion"].truncate(v), "r"),
    "GaussianRBF.from_data n_centers": (lambda v: kt.GaussianRBF.from_data(X, v), "n_centers"),
    "MultiScale.from_data n_centers": (lambda v: kt.MultiScale.from_data(X, (v,)), "n_centers"),
    "NeuralDictionary n_features": (lambda v: kt.NeuralDictionary.from_pairs(X, Y, v), "n_features"),
    "Monomials dim": (lambda v: kt.Monomials(v, 2), "dim"),
    "Hermite degree": (lambda v: kt.Hermite(2, v), "degree"),
    "RandomFourierFeatures n": (lambda v: kt.RandomFourierFeatures(2, v, 1.0), "n"),
    "OrnsteinUhlenbeck dim": (kt.OrnsteinUhlenbeck, "dim"),
    "GaussianMixture.ring k": (lambda v: kt.GaussianMixture.ring(v, 1.0, 1.0), "k"),
    "select n_modes": (lambda v: kt.select([SAMPLES], X, n_modes=v), "n_modes"),
    "select folds": (lambda v: kt.select([SAMPLES], X, n_modes=1, folds=v), "folds"),
    "run_particles n_steps": (lambda v: kt.run_particles(kt.KSWGD(SPECTRA["expansion"]), X, n_steps=v), "n_steps"),
    "run_particles record_every": (
        lambda v: kt.run_particles(kt.KSWGD(SPECTRA["expansion"]), X, record_every=v), "record_every"),
    "langevin_trajectory every": (
        lambda v: kt.langevin_trajectory(TARGETS["QuadrupleWell"], X, n_steps=2, dt=0.1, every=v), "every"),
    "sliced_wasserstein2 n_projections": (lambda v: kt.sliced_wasserstein2(X, Y, n_projections=v), "n_projections"),
    "precision_recall k": (lambda v: kt.precision_recall(X, Y, k=v), "k"),
    "kl_histogram bins": (lambda v: kt.kl_histogram(X, TARGETS["QuadrupleWell"].log_prob, -3, 3, v), "bins"),
    "noise_floor repeats": (lambda v: kt.noise_floor(kt.wasserstein2, lambda n, g: X, 3, repeats=v), "repeats"),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
@QUICK
@given(value=st.integers(-(10**6), 0))
def test_counts_below_one_are_named(name, value):
    call, argument = COUNTS[name]
    with pytest.raises(ValueError, match=argument) as caught:
        call(value)
    assert raised_by_us(caught)


@pytest.mark.parametrize("name", COUNTS)
@QUICK
@given(value=st.sampled_from(["3", 2.5, 3.0, math.nan, [3], torch.ones(2)]))
def test_counts_that_are_no_whole_numbers_are_named(name, value):
    """Also 3.0: a count that was computed as a float is a mistake at any other value."""
    call, argument = COUNTS[name]
    with pytest.raises(TypeError, match=rf"\b{argument} must be a whole number, got") as caught:
        call(value)
    assert raised_by_us(caught)


@pytest.mark.parametrize(
    "name", ["GeneratorEDMD n_modes", "EDMD n_modes", "KernelEDMD n_modes", "DiffusionMaps n_modes"]
)
@QUICK
@given(wanted=st.integers(N, 10**9))
def test_a_rank_above_the_data_gives_what_there_is_and_says_so(name, wanted):
    spectrum = COUNTS[name][0](wanted)
    assert 0 < len(spectrum) < wanted
    assert f"{wanted} modes asked, the data support {len(spectrum)}" in spectrum.report


# Weights, coefficients and shares


VECTORS = {
    "nan": lambda w, i: w.index_fill(0, torch.tensor([i % len(w)]), math.nan),
    "inf": lambda w, i: w.index_fill(0, torch.tensor([i % len(w)]), math.inf),
    "a negative one": lambda w, i: w.index_fill(0, torch.tensor([i % len(w)]), -0.1),
    "all zero": lambda w, i: 0 * w,
    "one too few": lambda w, i: w[1:],
    "empty": lambda w, i: w[:0],
    "a column": lambda w, i: w[:, None],
    "one number": lambda w, i: w[0],
    "half": lambda w, i: w.half(),
    "whole": lambda w, i: (10 * w).long(),
    "boolean": lambda w, i: w > 0,
    "complex": lambda w, i: w.to(torch.complex128),
}
SHARES = torch.full((5,), 0.2, dtype=torch.float64)
VECTOR_TAKERS = {
    "GeneratorEDMD.fit": (lambda w: kt.GeneratorEDMD(kt.Hermite(D, 2)).fit(X, w), "weights", torch.ones(N).double()),
    "total_variation(p)": (lambda p: kt.total_variation(p, SHARES), "p", SHARES),
    "total_variation(q)": (lambda q: kt.total_variation(SHARES, q), "q", SHARES),
    "GaussianMixture": (lambda w: kt.GaussianMixture(CENTERS, 1.0, w), "weights", SHARES),
}


# A point counts so often, in numbers of any kind; modes of one number have equal weights.
WELCOME = {"GeneratorEDMD.fit": ("half", "whole", "boolean"), "GaussianMixture": ("one number",)}


@pytest.mark.parametrize("kind", VECTORS)
@pytest.mark.parametrize("name", VECTOR_TAKERS)
def test_vectors_that_are_no_weights_are_refused_by_name(name, kind):
    call, argument, good = VECTOR_TAKERS[name]
    if kind in WELCOME.get(name, ()):
        made, same = call(VECTORS[kind](good, 0)), call(good)
        if name == "GaussianMixture":
            assert torch.equal(made.mode_weights, same.mode_weights)
        else:
            assert torch.allclose(made.spectrum().rates, same.spectrum().rates)
        return
    for i in (0, 1, 37, 99):
        with pytest.raises((ValueError, TypeError), match=rf"\b{argument}\b") as caught:
            call(VECTORS[kind](good, i))
        assert raised_by_us(caught), caught.value


@QUICK
@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 9999))
def test_weights_of_any_scale_are_the_same_weights(factor, seed):
    w = torch.rand(N, dtype=torch.float64, generator=seeded(seed)) + 0.1
    a, b = (kt.GeneratorEDMD(kt.Hermite(D, 1)).fit(X, scale * w).spectrum().rates for scale in (1.0, factor))
    assert torch.allclose(a, b)


@pytest.mark.parametrize("p", [SHARES * 1.01, torch.ones(5).double()])
def test_shares_of_another_sum_than_one_are_refused(p):
    with pytest.raises(ValueError, match="p must hold probabilities, not negative and of sum one"):
        kt.total_variation(p, p)


COEFFICIENTS = {
    "one too few": lambda c: c[1:],
    "one too many": lambda c: torch.cat([c, c[:1]]),
    "an axis less": lambda c: c[..., 0],
    "an axis more": lambda c: c[None],
    "single precision": lambda c: c.float(),
    "half": lambda c: c.half(),
    "whole": lambda c: c.long(),
    "boolean": lambda c: c > 0,
    "complex": lambda c: c.to(torch.complex128),
    "a list": lambda c: c.tolist(),
    "an array": lambda c: c.numpy(),
}


@pytest.mark.parametrize("kind", COEFFICIENTS)
@pytest.mark.parametrize("name", [*DICTIONARIES, *SPECTRA])
def test_coefficients_that_do_not_fit_are_refused_by_name(name, kind):
    functions = DICTIONARIES.get(name) or SPECTRA[name]
    good, argument = torch.ones(len(functions), dtype=torch.float64) if name in SPECTRA else None, "weights"
    if good is None:
        good, argument = torch.ones(functions.n_features, 3, dtype=torch.float64), "coefficients"
    assert bool(functions.contract_grad(X, good).isfinite().all())
    with pytest.raises((ValueError, TypeError), match=f"contract_grad: {argument} ") as caught:
        functions.contract_grad(X, COEFFICIENTS[kind](good))
    assert raised_by_us(caught)

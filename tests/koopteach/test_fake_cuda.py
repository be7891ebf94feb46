"""Every lesson's hot path on a pretended GPU: the processor's numbers, all of them there, and few looks at them.

A stray tensor of the host, a copy through NumPy, a look too many in a step are caught without a GPU. A real one runs
the same list (``test_gpu.py``).
"""

import math

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from experiments.gpu_check import flows, hot_paths, operators
from experiments.gpu_check.all_paths import PATHS
from experiments.gpu_check.hot_paths import RING, data, difference, features, known_spectrum, mover
from koopcourse.images import Autoencoder, PrincipalComponents
from koopteach import (
    EDMD,
    KSWGD,
    MALA,
    SVGD,
    ULA,
    AllenCahn,
    FlowMatching,
    GeneratorEDMD,
    Hermite,
    KernelEDMD,
    KoopmanFlow,
    MixtureFlow,
    Torus,
    distill,
    frechet_distance,
    kde_score,
    teacher_paths,
)
from tests.pretended import THERE, Pretended
from tests.tools import normal, seeded

LONG = {
    *("KoopmanSampler, herd", "select, scan_lags, spectral_score", "flow: velocity, samples, inverse, density"),
    *("students: training", "students: spectrum of paths", "students: sample, path, invert, modes"),
    *("closed forms", "interpolants, optimal field", "curved: straighten, geodesic, training"),
    *("convex maps and their flows", "metrics"),
}
A_FEW = 100  # numbers that a report may bring home
there = mover(THERE)


@pytest.fixture
def mode():
    with Pretended() as mode:
        yield mode


# The pretended device


def test_a_stray_tensor_is_caught(mode):
    x = there(normal(5, 2))
    rows = torch.tensor([0, 1])  # a GPU would copy them each time
    for stray in (
        lambda: x + normal(5, 2),
        lambda: normal(5, 2) @ x.T,
        lambda: torch.cat([x, x.cpu()]),
        lambda: x[rows],
    ):
        with pytest.raises(RuntimeError, match="same device"):
            stray()
    with pytest.raises(RuntimeError, match="same device"):
        torch.searchsorted(there(normal(5)), torch.zeros((), dtype=torch.float64))
    assert (x + torch.ones((), dtype=torch.float64)).device == THERE  # a number of the host may stand beside others


def test_what_a_gpu_refuses_is_refused(mode):
    x = there(normal(5, 2))
    with pytest.raises(RuntimeError, match="generator"):
        torch.randn(3, device=THERE, generator=seeded())
    for by_numpy in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(TypeError, match=r"Tensor\.cpu\(\) first"):
            by_numpy()


def test_numbers_and_derivatives_are_the_processor_s(mode):
    x, w = normal(5, 2), normal(2, 2, seed=1)
    for move in (there, mover("cpu")):
        z, v = move(x).requires_grad_(True), move(w)
        (z @ v).sin().sum().backward()
        _, slope = torch.func.jvp(lambda y, v=v: (y @ v).sin(), (z.detach(),), (z.detach(),))
        assert torch.equal(z.grad.cpu(), (x @ w).cos() @ w.T)
        assert torch.allclose(slope.cpu(), (x @ w).cos() * (x @ w), rtol=1e-12)
    waves = torch.fft.rfft(there(x), dim=0).conj() * 1j
    assert difference([waves, waves.real], [torch.fft.rfft(x, dim=0).conj() * 1j, (waves.cpu()).real]) == 0


def test_looks_are_counted(mode):
    x = there(normal(5, 2))
    y = (2 * x).T.contiguous()[:, None] @ x.clone()
    assert not mode.looks
    assert bool((y > -math.inf).all())
    x[x > 0], x.tolist(), x.cpu(), x.unique()
    assert mode.looks == {"_local_scalar_dense": 1, "index": 1, "copy to the host": 2, "_unique2": 1}
    assert mode.home == [10, 10]


# Every hot path


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in PATHS])
def test_the_same_numbers_there(name):
    """To rounding: sums over another layout of memory may be added in another order."""
    path = PATHS[name]
    here = path.run(mover("cpu"))
    with Pretended() as mode:
        found = path.run(there)
        assert [x.device for x in found] == [THERE] * len(found)
        home = max(mode.home, default=0)
        assert difference(found, here) <= min(path.tolerance, 1e-8 if path.tolerance < hot_paths.SINGLE else 1e-4)
    assert bool(path.on_cpu) or home <= A_FEW  # a path says what it does on the processor, or does next to nothing


def _particles(n, damping):
    x, method = there(normal(n, 2)), KSWGD(there(known_spectrum()), damping=damping)
    return lambda: method.step(x, None, progress=0.0, generator=seeded())


def _rival(n, kind):
    x, method = there(normal(n, 2)), kind(there(RING), step_size=0.1)
    state = method.init(x)
    return lambda: method.step(x, state, progress=0.0, generator=seeded())


def _training(n, fit):
    """One step more."""
    x = there(data()[:n])

    def steps(count):
        with Pretended() as inner:
            fit(x, count)
        return sum(inner.looks.values())

    steps(1)  # looks at the points
    return lambda: steps(6) - steps(5)


def _flow_steps(x, n):
    FlowMatching(2, net=flows.small_net()).fit(x, n_steps=n, batch=16, generator=seeded(), verbose=False)


def _student_steps(x, n):
    student = KoopmanFlow(there(MixtureFlow(RING)), net={"width": 16})
    student.fit(n_paths=len(x), spectrum=[1 + 2j, 3 + 5j], n_steps=n, batch=16, generator=seeded(), verbose=False)


def _fields(n, steps):
    u = there(0.1 * normal(n, 16))
    return lambda: there(AllenCahn(16)).trajectory(u, n_steps=steps, generator=seeded())


STEPS = {  # how to take one, and how often the host may look
    "KSWGD, damped": (lambda n: _particles(n, 1.0), 9),
    "KSWGD, the paper's metric": (lambda n: _particles(n, math.inf), 6),
    "SVGD": (lambda n: _rival(n, SVGD), 3),
    "ULA": (lambda n: _rival(n, ULA), 3),
    "MALA": (lambda n: _rival(n, MALA), 4),
    "Allen-Cahn, ten steps": (lambda n: _fields(n, 10), 2),
    "a flow's velocity": (lambda n: lambda: there(flows.teacher()).velocity(there(normal(n, 2)), 0.3), 1),
    "a flow's samples": (lambda n: lambda: there(flows.teacher()).sample(n, generator=seeded()), 3),
    "a student's samples": (lambda n: lambda: there(flows.student()).sample(n, generator=seeded()), 1),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("n", [40, 400])
def test_a_step_looks_at_few_numbers(name, n):
    """Of its start, of a finished matrix, of what it reports; as many for more points."""
    make, most = STEPS[name]
    flows.teacher(), flows.student(), known_spectrum()  # made on the host
    with Pretended():
        step = make(n)
        with Pretended() as mode:
            step()
    assert sum(mode.looks.values()) <= most
    assert max(mode.home, default=0) <= A_FEW


@pytest.mark.slow
@pytest.mark.parametrize("fit", [_flow_steps, _student_steps])
def test_a_training_looks_once_a_step(mode, fit):
    assert _training(100, fit)() == 1


def test_points_are_looked_at_once_until_they_change(mode):
    spectrum, x = there(known_spectrum()), there(normal(40, 2))
    spectrum(x), spectrum.grad(x)
    assert mode.looks["_local_scalar_dense"] == 1
    x[3, 0] = math.nan
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 40"):
        spectrum(x)


@pytest.mark.slow
def test_points_without_values_are_followed_by_their_shapes():
    """Nobody can look at them, and nobody tries: how torch plans memory before it computes."""
    x, y = (torch.empty(50, d, dtype=torch.float64) for d in (2, 3))
    spectrum, exact, psi = known_spectrum(), MixtureFlow(RING), features()
    methods = [KSWGD(spectrum, damping=damping) for damping in (1.0, math.inf)] + [SVGD(RING, step_size=0.1)]
    with FakeTensorMode(allow_non_fake_inputs=True) as planned:
        x, y = map(planned.from_tensor, (x, y))
        found = [method.velocity(x) for method in methods]
        found += [kde_score(x)(x), exact.velocity(x, 0.3), MALA(RING, step_size=0.1).init(x)[1]]
        assert {tuple(z.shape) for z in found} == {(50, 2)}
        assert Torus().project(y).shape == y.shape
        sums = (GeneratorEDMD(psi).partial_fit(x)._gram, EDMD(psi, lag=0.1).partial_fit(x, x)._first)
        assert {tuple(z.shape) for z in sums} == {(psi.n_features, psi.n_features)}


# Networks in float32, systems in float64


class Solves(TorchDispatchMode):
    """The dtypes that decompositions and solvers are given."""

    def __init__(self):
        super().__init__()
        self.dtypes = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if "linalg" in name and isinstance(args[0], torch.Tensor) and "check" not in name and "norm" not in name:
            self.dtypes.setdefault(name, set()).add(args[0].dtype)
        return function(*args, **(kwargs or {}))


@pytest.mark.slow
def test_a_network_in_float32_feeds_systems_in_float64(mode):
    flow = there(flows.teacher())
    x = flow.sample(300, generator=seeded())
    with Solves() as solves:
        estimator = GeneratorEDMD(there(features())).fit(x)
        spectrum = estimator.spectrum()
    assert {p.dtype for p in flow.net.parameters()} == {torch.float32}
    assert {z.dtype for z in (x, estimator._gram, spectrum.rates, spectrum(x))} == {torch.float64}
    assert {z.device for z in (x, estimator._gram, spectrum.rates, spectrum(x))} == {THERE}
    assert solves.dtypes == {"_linalg_eigh": {torch.float64}}
    paths = teacher_paths(flow, x[:20])
    assert {paths.states.dtype, paths.velocity(3).dtype, flow.invert(x).dtype, flow.log_prob(x).dtype} == {
        torch.float64
    }
    for dtype in (torch.float32, torch.float64):  # what comes out is of the kind that went in
        assert flow.transport(x.to(dtype)).dtype == flow.velocity(x.to(dtype), 0.5).dtype == dtype


@pytest.mark.slow
def test_data_in_float64_make_no_network_of_float64(mode):
    x, few = there(data()), {"n_steps": 1, "batch": 16, "generator": seeded(), "verbose": False}
    exact = there(MixtureFlow(RING))
    learned = {
        "flow": FlowMatching(2).fit(x, **few).net,
        "coefficients": KoopmanFlow(exact, net={"width": 16}).fit(n_paths=50, spectrum=[1 + 2j, 5j], **few).lifting,
        "free": KoopmanFlow(exact, generator="free", net={"width": 16}).fit("consistency", n_paths=50, **few).lifting,
        "distilled": distill(exact, n_pairs=50, width=16, **few).net,
    }
    for name, net in learned.items():
        kinds = {(z.dtype, z.device) for z in (*net.parameters(), *net.buffers())}
        assert kinds == {(torch.float32, THERE)}, name


def _spectra(x, y):
    yield GeneratorEDMD(features().to(x.device, x.dtype)).fit(x).spectrum()
    for reversible in (True, False):
        yield EDMD(Hermite(2, 2), lag=0.2, reversible=reversible).fit(x, y).spectrum()
    yield KernelEDMD(1.0, lag=0.2, n_centers=20, generator=seeded()).fit(x, y).spectrum()


def test_systems_of_float32_data_are_summed_and_solved_in_float64(mode):
    x, y = (there(z.float()) for z in operators.PAIRS)
    with Solves() as solves:
        for spectrum in _spectra(x, y):
            assert spectrum.energies.dtype == torch.float32
            assert spectrum.rates.real.dtype == torch.float32
    assert set(solves.dtypes) >= {"_linalg_eigh", "linalg_eig"}
    assert set().union(*solves.dtypes.values()) <= {torch.float64, torch.complex128}
    sums = GeneratorEDMD(features().to(THERE, torch.float32)).fit(x)
    assert {sums._gram.dtype, sums._stiffness.dtype, sums._psi.dtype, sums._weight.dtype} == {torch.float64}


def test_codes_of_float32_pictures_are_whitened_in_float64(mode):
    images = there(torch.rand(40, 4, 4, generator=seeded()))
    with Solves() as solves:
        components = PrincipalComponents.fit(images, 3)
        coder = there(Autoencoder((4, 4), 2, widths=(8,), generator=seeded()))
        coder.fit(images, n_steps=1, batch=16, generator=seeded(), verbose=False)
        frechet_distance(images.flatten(1)[:, :3], images.flatten(1)[:, 3:6])
    assert set().union(*solves.dtypes.values()) == {torch.float64}
    assert components.directions.dtype == coder.encode(images).dtype == torch.float32


def test_a_student_s_functions_of_time_are_whitened_in_float64(mode):
    with Solves() as solves:
        _student_steps(there(normal(50, 2)), 1)
    assert solves.dtypes["linalg_qr"] == solves.dtypes["linalg_solve_triangular"] == {torch.float64}

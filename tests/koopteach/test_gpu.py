"""The same numbers on a CUDA device as on the CPU; run with ``pytest -m gpu --gpu`` where there is one."""

import math

import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    SVGD,
    FlowMatching,
    GaussianMixture,
    GeneratorEDMD,
    Hermite,
    KoopmanFlow,
    MixtureFlow,
    MultiScale,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    kde_score,
    kl_histogram,
    mode_weights,
    run_particles,
    sliced_wasserstein2,
    snapshot_pairs,
)
from tests.tools import seeded

pytestmark = pytest.mark.gpu
RING = GaussianMixture.ring(3, 2.0, 0.5)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def assert_same(on_cuda, on_cpu, tolerance=1e-9):
    """Relative to the largest entry."""
    assert on_cuda.device.type == "cuda"
    assert float((on_cuda.cpu() - on_cpu).abs().max()) <= tolerance * float(on_cpu.abs().max())


@pytest.fixture(scope="module")
def data():
    return RING.sample(2000, seeded())


@pytest.fixture(scope="module")
def psi(data):
    return MultiScale.from_data(data, (25, 6), generator=seeded())


def test_dictionaries(psi):
    there = psi.to("cuda")
    x, c = normal(300, 2), normal(psi.n_features, 4, seed=1)
    assert_same(there(x.cuda()), psi(x))
    assert_same(there.grad(x.cuda()), psi.grad(x))
    assert_same(there.contract_grad(x.cuda(), c.cuda()), psi.contract_grad(x, c))


def test_centres_of_data_there(data, psi):
    there = MultiScale.from_data(data.cuda(), (25, 6), generator=seeded())
    assert_same(there.parts[0].centers, psi.parts[0].centers)


def test_generator(data, psi):
    there = GeneratorEDMD(psi.to("cuda")).fit(data.cuda(), data.cuda()[:, 0].exp()).spectrum()
    here = GeneratorEDMD(psi).fit(data, data[:, 0].exp()).spectrum()
    assert_same(there.rates, here.rates, 1e-6)
    assert there.scale == pytest.approx(here.scale)


@pytest.mark.parametrize("reversible", [True, False])
def test_pairs(reversible):
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2), 9000, lag=0.3, generator=seeded())
    here, there = (
        EDMD(Hermite(2, 3), lag=0.3, reversible=reversible).fit(a, b).spectrum()
        for a, b in ((x, y), (x.cuda(), y.cuda()))
    )
    assert_same(there.rates.real, here.rates.real, 1e-6)
    assert_same(there.energies, here.energies, 1e-6)


@pytest.mark.parametrize("damping", [math.inf, 1.0])
def test_kswgd(data, psi, damping):
    spectrum = GeneratorEDMD(psi).fit(data).spectrum()
    x = 0.3 * normal(200, 2) + torch.tensor([2.0, 0.0])
    here, there = KSWGD(spectrum, damping=damping), KSWGD(spectrum.to("cuda"), damping=damping)
    assert_same(there.velocity(x.cuda()), here.velocity(x), 1e-6)
    paths = [
        run_particles(method, start, n_steps=3, generator=seeded(1), verbose=False).final
        for method, start in ((there, x.cuda()), (here, x))
    ]
    assert_same(*paths, 1e-5)  # a generator of the host gives every device the same noise


def test_rivals():
    x, there = normal(200, 2), RING.to("cuda")
    assert_same(SVGD(there.score, step_size=0.1).velocity(x.cuda()), SVGD(RING.score, step_size=0.1).velocity(x))
    assert_same(kde_score(x.cuda(), 0.4)(x.cuda()), kde_score(x, 0.4)(x))


@pytest.mark.parametrize("target", [RING, QuadrupleWell(2.0), OrnsteinUhlenbeck(2)], ids=repr)
def test_targets(target):
    there, x = target.to("cuda"), normal(50, 2)
    assert_same(there.score(x.cuda()), target.score(x))
    assert_same(there.log_prob(x.cuda()), target.log_prob(x))
    assert_same(there.sample(50, seeded()), target.sample(50, seeded()))


def test_metrics(data):
    x, there = normal(300, 2), RING.to("cuda")
    assert sliced_wasserstein2(x.cuda(), data.cuda()) == pytest.approx(sliced_wasserstein2(x, data))
    here = kl_histogram(data, RING.log_prob, -4.0, 4.0)
    assert kl_histogram(data.cuda(), there.log_prob, -4.0, 4.0) == pytest.approx(here)
    assert_same(mode_weights(data.cuda(), RING.modes), mode_weights(data, RING.modes))


@pytest.mark.parametrize("method", ["coefficients", "consistency"])
def test_flows_train_where_their_data_are(data, method):
    """The same start and batches; a few steps, before rounding has grown."""
    x = normal(50, 2)
    teachers = [FlowMatching(2).fit(z, n_steps=3, batch=32, generator=seeded()) for z in (data.cuda(), data)]
    assert_same(teachers[0].transport(x.cuda()), teachers[1].transport(x), 1e-3)
    exact = MixtureFlow(RING)
    students = [
        KoopmanFlow(flow).fit(method, n_steps=3, n_paths=50, batch=32, spectrum=[1 + 2j], generator=seeded())
        for flow in (exact.to("cuda"), exact)
    ]
    assert_same(students[0].trajectory(x.cuda(), [0.0, 0.5, 1.0]), students[1].trajectory(x, [0.0, 0.5, 1.0]), 1e-3)
    assert_same(students[0].invert(x.cuda()), students[1].invert(x), 1e-3)
    assert students[0].diagnose(x.cuda()).end == pytest.approx(students[1].diagnose(x).end, rel=1e-2)
    moved = students[1].to("cuda")
    assert_same(moved.sample(20, generator=seeded()), students[1].sample(20, generator=seeded()), 1e-4)

"""The hot paths on a pretended CUDA device: a stray tensor of the host is caught without a GPU."""

import math

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from koopteach import (
    EDMD,
    KSWGD,
    MALA,
    SVGD,
    ULA,
    Circle,
    GaussianMixture,
    GeneratorEDMD,
    Hermite,
    Monomials,
    MultiScale,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    Sphere,
    Torus,
    kde_score,
)

RING = GaussianMixture.ring(3, 2.0, 0.5)
DATA = RING.sample(300, torch.Generator().manual_seed(0))
PSI = MultiScale.from_data(DATA, (12, 4), generator=torch.Generator().manual_seed(0))
SPECTRUM = GeneratorEDMD(PSI).fit(DATA).spectrum()
DICTIONARIES = {"scales": PSI, "Hermite": Hermite(2, 3), "monomials": Monomials(2, 3, center=[0.1, 0.2])}


class WithoutDriver(TorchFunctionMode):
    """Torch's CPU build asks for a driver where Python indexes, moves or copies a tensor: do these by operators."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.__getitem__:
            return indexed(*args)
        if function is torch.Tensor.to and not isinstance(args[1], torch.Tensor | torch.dtype):
            device, dtype = torch.device(args[1]), args[2] if len(args) > 2 else args[0].dtype
            return args[0].to(torch.empty(0, device=device, dtype=dtype))
        if function is torch.Tensor.contiguous:
            return torch.clone(args[0], memory_format=torch.contiguous_format)
        return function(*args, **(kwargs or {}))


def indexed(x, index):
    """``x[index]`` by operators, for slices, numbers, None and tensors."""
    dim, tensors = 0, []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, int):
            x = x.select(dim, part)
            continue
        if part is None:
            x = x.unsqueeze(dim)
        elif isinstance(part, slice):
            x = torch.ops.aten.slice(x, dim, part.start, part.stop, part.step or 1)
        tensors.append(part if isinstance(part, torch.Tensor) else None)
        dim += 1
    return x if all(part is None for part in tensors) else torch.ops.aten.index(x, tensors)


@pytest.fixture
def mode():
    """Inside it nothing is computed: shapes, dtypes and devices alone are followed."""
    with FakeTensorMode() as mode, WithoutDriver():
        yield mode


def pretended(mode, thing):
    """``thing``, made on the host, as if it had been moved to the device."""
    mode.allow_non_fake_inputs = True
    moved = thing.to("cuda")
    mode.allow_non_fake_inputs = False
    return moved


def points(n=50, d=2):
    return torch.empty(n, d, dtype=torch.float64, device="cuda")


def assert_there(result, *shape):
    assert result.device.type == "cuda"
    assert result.dtype == torch.float64
    assert tuple(result.shape) == shape


def test_a_stray_tensor_is_caught(mode):
    with pytest.raises(RuntimeError, match="device"):
        points() + torch.empty(50, 2, dtype=torch.float64)


@pytest.mark.parametrize("name", DICTIONARIES)
def test_dictionaries(mode, name):
    psi = pretended(mode, DICTIONARIES[name])
    x, m = points(), psi.n_features
    assert_there(psi(x), 50, m)
    assert_there(psi.grad(x), 50, m, 2)
    assert_there(psi.contract_grad(x, torch.empty(m, 3, dtype=torch.float64, device="cuda")), 50, 3, 2)


def test_spectrum(mode):
    spectrum = pretended(mode, SPECTRUM)
    r = len(spectrum)
    assert_there(spectrum(points()), 50, r)
    assert_there(spectrum.grad(points()), 50, r, 2)
    assert_there(spectrum.contract_grad(points(), spectrum.rates), 50, 2)


@pytest.mark.parametrize("damping", [math.inf, 1.0])
def test_kswgd(mode, damping):
    assert_there(KSWGD(pretended(mode, SPECTRUM), damping=damping).velocity(points()), 50, 2)


def test_generator_takes_points_where_they_are(mode):
    estimator = GeneratorEDMD(pretended(mode, PSI)).partial_fit(points()).partial_fit(points())
    m = PSI.n_features
    for name, shape in (("_gram", (m, m)), ("_stiffness", (m, m)), ("_psi", (m,)), ("_weight", ())):
        assert_there(getattr(estimator, name), *shape)
    assert_there(estimator._size._squares, 2)
    assert_there(estimator._like, 1, 2)


@pytest.mark.parametrize("reversible", [True, False])
def test_pairs_accumulate_where_they_are(mode, reversible):
    estimator = EDMD(pretended(mode, PSI), lag=0.1, reversible=reversible)
    estimator.partial_fit(points(), points()).partial_fit(points(9000), points(9000))
    for name in ("_first", "_second"):
        assert_there(getattr(estimator, name), PSI.n_features, PSI.n_features)
    assert_there(estimator._kept.different, 0, 2, 2)  # no numbers, no hashes


@pytest.mark.parametrize("bandwidth", [None, 0.5])
def test_svgd(mode, bandwidth):
    score = pretended(mode, RING).score
    assert_there(SVGD(score, step_size=0.1, bandwidth=bandwidth).velocity(points()), 50, 2)
    method = SVGD(score, step_size=0.1, bandwidth=bandwidth, adaptive=True)
    assert_there(method.step(points(), points(), progress=0.0)[0], 50, 2)


@pytest.mark.parametrize("target", [RING, QuadrupleWell(2.0), OrnsteinUhlenbeck(2, rotation=1.0)], ids=repr)
def test_targets_and_ula(mode, target):
    target = pretended(mode, target)
    assert_there(target.score(points()), 50, 2)
    assert_there(target.log_prob(points()), 50)
    assert_there(ULA(target.score, step_size=0.1).step(points(), None, progress=0.0)[0], 50, 2)
    assert_there(target.sample(20), 20, 2)
    if hasattr(target, "transition"):
        assert_there(target.drift(points()), 50, 2)
        assert_there(target.transition(points(), 0.1), 50, 2)


def test_kde_score(mode):
    assert_there(kde_score(points(), 0.5)(points(20)), 20, 2)


def test_mala_starts_where_the_particles_are(mode):
    log_prob, score = MALA(pretended(mode, RING), step_size=0.1).init(points())
    assert_there(log_prob, 50)
    assert_there(score, 50, 2)


@pytest.mark.parametrize("manifold", [Circle(), Sphere(), Torus()], ids=repr)
def test_manifolds(mode, manifold):
    d, manifold = manifold.dim, pretended(mode, manifold)
    x = points(d=d)
    assert_there(manifold.sample(20), 20, d)
    for moved in (manifold.project(x), manifold.tangent(x, x), manifold.brownian_step(x, 0.1)):
        assert_there(moved, 50, d)
    estimator = GeneratorEDMD(pretended(mode, Monomials(d, 2)), manifold=manifold).partial_fit(x)
    assert_there(estimator._stiffness, *2 * (estimator.dictionary.n_features,))

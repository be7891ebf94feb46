"""Dictionaries: values from their formulas, gradients from autograd, centres and widths from data."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koopteach import GaussianMixture, GaussianRBF, Hermite, Monomials, MultiScale, RandomFourierFeatures
from koopteach.dictionaries import rbf
from koopteach.dictionaries.dirichlet import dirichlet
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


WIDTHS = normal(7, seed=8).abs() + 0.3
CENTERS = normal(7, 3)
DICTIONARIES = {
    "RBF": GaussianRBF(normal(7, 2) + 3, WIDTHS),
    "RBF, one width, d=1": GaussianRBF(normal(4, 1), 0.7),
    "monomials": Monomials(3, 3, center=[0.1, -0.2, 0.3], scale=1.4),
    "powers": Monomials(3, 3, center=[0.1, -0.2, 0.3], scale=1.4, mixed=False),
    "Hermite": Hermite(2, 4, center=0.3, scale=0.8),
    "Hermite, degree 1": Hermite(2, 1),
    "scales": MultiScale.from_data(normal(200, 2, seed=2), n_centers=(9, 3), generator=seeded()),
}


def autograd(function, x):
    """``(n, m, d)``, one backward pass a feature."""
    x = x.clone().requires_grad_(True)
    return torch.stack([torch.autograd.grad(c, x, retain_graph=True)[0] for c in function(x).sum(0)], dim=1)


@pytest.mark.parametrize("name", DICTIONARIES)
def test_gradients_are_those_of_autograd(name):
    psi = DICTIONARIES[name]
    x = normal(20, psi.dim, seed=1) + (3 if name == "RBF" else 0)
    gradient = psi.grad(x)
    assert psi(x).shape == (20, psi.n_features)
    assert gradient.shape == (20, psi.n_features, psi.dim)
    torch.testing.assert_close(gradient, autograd(psi, x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", DICTIONARIES)
def test_contracted_gradients_are_sums_of_gradients(name):
    psi = DICTIONARIES[name]
    x, c = normal(20, psi.dim, seed=1), normal(psi.n_features, 5, seed=3)
    expected = torch.einsum("nmd,mr->nrd", psi.grad(x), c)
    torch.testing.assert_close(psi.contract_grad(x, c), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", DICTIONARIES)
def test_single_precision_agrees(name):
    psi = DICTIONARIES[name]
    x = normal(50, psi.dim, seed=1).float()
    single = psi.to(torch.float32)
    assert single(x).dtype == single.grad(x).dtype == torch.float32
    for value, exact in ((single(x), psi(x.double())), (single.grad(x), psi.grad(x.double()))):
        assert float((value - exact).abs().max() / exact.abs().max()) < 1e-5


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 10**6))
def test_kernels_are_gaussians_of_the_distance(m, d, seed):
    z, x, s = normal(m, d, seed=seed), normal(5, d, seed=seed + 1), normal(m, seed=seed + 2).abs() + 0.2
    expected = torch.exp(-(torch.cdist(x, z) ** 2) / (2 * s**2))
    torch.testing.assert_close(GaussianRBF(z, s)(x), expected, rtol=1e-10, atol=1e-12)


def test_kernels_keep_their_digits_far_from_the_origin():
    z, x = normal(6, 2), normal(5, 2, seed=1)
    torch.testing.assert_close(GaussianRBF(z + 1e6, 0.5)(x + 1e6), GaussianRBF(z, 0.5)(x), rtol=0, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_particle_far_away_sees_nothing_and_spoils_nothing(dtype):
    psi = GaussianRBF(normal(6, 2), 0.5).to(dtype)
    x = torch.tensor([[1e6, 0.0], [0.0, -1e4]], dtype=dtype)
    assert float(psi(x).abs().max()) < 1e-30
    assert float(psi.grad(x).abs().max()) < 1e-30
    assert bool((psi(x) >= torch.finfo(dtype).tiny).all())  # subnormal numbers would slow everything down


def test_the_exponent_never_rises_above_zero():
    psi = GaussianRBF(normal(50, 2, seed=4) * 100, 0.01)
    assert float(psi(psi.centers).max()) <= 1.0


def test_what_the_caller_does_with_his_tensors_changes_nothing():
    centers, widths, center = normal(6, 2), normal(6, seed=1).abs() + 0.5, normal(2, seed=2)
    x = normal(9, 2, seed=3)
    for psi, theirs in (
        (GaussianRBF(centers, widths), (centers, widths)),
        (Monomials(2, 2, center=center), (center,)),
        (MultiScale([GaussianRBF(centers, widths), Hermite(2, 2, center=center)]), (centers, widths, center)),
    ):
        before = [psi(x), psi.grad(x), getattr(psi, "centers", center).clone(), getattr(psi, "widths", center).clone()]
        for tensor in theirs:
            tensor.add_(1.0)
        after = [psi(x), psi.grad(x), getattr(psi, "centers", center - 1), getattr(psi, "widths", center - 1)]
        for a, b in zip(after, before):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-15)


def test_a_kernel_is_felt_above_a_thousandth():
    psi = GaussianRBF([[0.0]], 2.0)
    edge = 2 * math.sqrt(2 * math.log(1000))
    x = torch.tensor([[0.0], [0.99 * edge], [-0.99 * edge], [1.01 * edge]], dtype=torch.float64)
    assert psi.reaches(x).tolist() == [True, True, True, False]
    both = MultiScale([psi, GaussianRBF([[2 * edge]], 2.0), Monomials(1, 2)])
    assert both.reaches(x).tolist() == [True] * 4  # any of them
    assert both.reaches(x + 10 * edge).tolist() == [False] * 4  # the tail reaches everywhere and does not count
    assert MultiScale([Monomials(1, 2)]).reaches(x).tolist() == [True] * 4  # there is nothing to be felt


def test_monomials_are_powers_in_order_of_degree():
    psi, x = Monomials(2, 3, center=[1.0, 2.0], scale=2.0), normal(6, 2)
    a, b = ((x - torch.tensor([1.0, 2.0])) / 2).T
    expected = [a, b, a * a, a * b, b * b, a**3, a * a * b, a * b * b, b**3]
    torch.testing.assert_close(psi(x), torch.stack(expected, 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Monomials, Hermite])
@pytest.mark.parametrize(("dim", "degree"), [(1, 6), (2, 4), (3, 3)])
def test_polynomials_up_to_a_total_degree_are_counted(kind, dim, degree):
    psi = kind(dim, degree)
    assert psi.n_features == math.comb(dim + degree, dim) - 1
    exponents = {tuple(a) for a in psi.exponents.tolist()}
    assert exponents == {a for a in itertools.product(range(degree + 1), repeat=dim) if 1 <= sum(a) <= degree}


def test_hermite_features_are_orthonormal_under_their_normal_law():
    """Gauss-Hermite quadrature is exact here."""
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(12))
    x = torch.cartesian_prod(nodes, nodes) * 0.8 + torch.tensor([0.5, -1.0])
    w = torch.outer(weights, weights).flatten() / (2 * math.pi)
    psi = Hermite(2, 4, center=[0.5, -1.0], scale=0.8)(x)
    torch.testing.assert_close(psi.T @ (w[:, None] * psi), torch.eye(14, dtype=torch.float64), rtol=0, atol=1e-10)
    torch.testing.assert_close(w @ psi, torch.zeros(14, dtype=torch.float64), rtol=0, atol=1e-10)  # no constant


def test_the_width_follows_the_spacing_of_the_centres():
    x = normal(300, 2, seed=5)
    psi = GaussianRBF.from_data(x, 20, seeded())
    torch.testing.assert_close(psi.units, x.std(0, correction=0))
    z = psi.centers / psi.units
    nearest = np.sort(np.linalg.norm(z[:, None] - z, axis=2), axis=1)[:, 1:5]
    assert float(psi.widths[0]) == pytest.approx(rbf._COVER * nearest.mean())
    assert 10 <= psi.n_features <= 20


def test_centres_lie_where_the_data_are():
    target = GaussianMixture.ring(4, 5.0, 0.2)
    psi = GaussianRBF.from_data(target.sample(400, seeded()), 8, seeded())
    assert float(torch.cdist(psi.centers, target.modes).min(1).values.max()) < 0.6
    assert float(torch.cdist(psi.centers, target.modes).min(0).values.max()) < 0.6


def test_a_centre_with_hardly_any_points_is_dropped():
    x = torch.cat([normal(500, 2, seed=6), torch.tensor([[40.0, 40.0]], dtype=torch.float64)])
    psi = GaussianRBF.from_data(x, 10, seeded())
    assert float(psi.centers.max()) < 10


def test_centres_depend_on_the_seed_and_not_on_the_order_of_the_points():
    x = normal(300, 2, seed=5)
    psi = GaussianRBF.from_data(x, 20, seeded())
    shuffled = x[torch.randperm(300, generator=seeded(1))]
    again = GaussianRBF.from_data(shuffled, 20, seeded()).centers
    torch.testing.assert_close(again, psi.centers, rtol=1e-13, atol=1e-13)
    assert not torch.equal(psi.centers, GaussianRBF.from_data(x, 20, seeded(1)).centers)


def test_few_different_points_are_the_centres():
    x = normal(5, 2).repeat(20, 1)
    psi = GaussianRBF.from_data(x, 50, seeded())
    assert psi.n_features == 5
    assert float(torch.cdist(psi.centers, x[:5]).min(1).values.max()) < 1e-8  # they are rounded for the sake of ties


@pytest.mark.parametrize(("tail", "more"), [("none", 0), ("linear", 2), ("quadratic", 5)])
def test_scales_stand_side_by_side(tail, more):
    x = normal(200, 2, seed=5)
    psi = MultiScale.from_data(x, (12, 4), tail=tail, generator=seeded())
    assert (psi.dim, psi.n_features) == (2, sum(part.n_features for part in psi.parts))
    assert psi.n_features - sum(part.n_features for part in psi.parts[:2]) == more
    torch.testing.assert_close(psi(x), torch.cat([part(x) for part in psi.parts], 1))
    if more:
        spread = psi(x)[:, -more:][:, :2]  # the coordinates, in units of their spreads
        assert float(spread.mean(0).abs().max()) < 1e-12
        assert spread.var(0, correction=0).tolist() == pytest.approx([1, 1])


def test_the_defaults_are_three_scales_and_a_quadratic_tail():
    x = normal(2000, 2, seed=5)
    parts = MultiScale.from_data(x, generator=seeded()).parts
    kernels, tail = parts[:3], parts[3]
    assert [type(part) for part in parts] == [GaussianRBF] * 3 + [Monomials]
    assert [0.5 * n < part.n_features <= n for part, n in zip(kernels, (250, 60, 20))] == [True] * 3
    widths = [float(part.widths[0]) for part in kernels]
    assert widths == sorted(widths)
    assert tail.degree == 2
    torch.testing.assert_close(tail.center, x.mean(0))
    torch.testing.assert_close(tail.scale, x.std(0, correction=0))


def test_one_centre_for_each_cluster_is_its_mean():
    """Lloyd's steps go on until nothing moves."""
    corners = 20.0 * torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
    x = (corners[:, None] + normal(4, 50, 2)).reshape(200, 2)
    found = GaussianRBF.from_data(x, 4, seeded(3)).centers
    means = x.reshape(4, 50, 2).mean(1)
    torch.testing.assert_close(found[torch.cdist(means, found).argmin(1)], means)


FACTORS = st.floats(-6, 6).map(lambda power: 10.0**power)
OFFSETS = st.floats(-1000, 1000)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_data_in_other_units_have_the_same_features(data):
    """Each column in a unit of its own, and moved by up to a thousand spreads."""
    d = data.draw(st.integers(1, 20))
    c, b = (torch.tensor(data.draw(st.lists(kind, min_size=d, max_size=d))).double() for kind in (FACTORS, OFFSETS))
    x = normal(200, d, seed=5)
    psi = MultiScale.from_data(x, (12, 4), generator=seeded())
    scaled = MultiScale.from_data(c * (x + b), (12, 4), generator=seeded())
    y, w = normal(20, d, seed=6), normal(psi.n_features, 1)
    there = c * (y + b)
    assert float((scaled(there) - psi(y)).abs().max()) < 1e-6
    assert float((c * scaled.contract_grad(there, w) - psi.contract_grad(y, w)).abs().max()) < 1e-6


def test_the_tail_is_quadratic_where_columns_and_points_allow_and_always_on_request():
    def degree(n, d, **options):
        return MultiScale.from_data(normal(n, d), (3,), generator=seeded(), **options).parts[-1].degree

    assert degree(18, 3) == 2  # nine features
    assert degree(17, 3) == 1
    assert degree(17, 3, tail="quadratic") == 2
    assert degree(4000, 54) == 1  # 1,539
    psi = MultiScale.from_data(normal(17, 3), (3,), generator=seeded())
    assert repr(psi) == f"MultiScale({psi.parts[0].n_features} GaussianRBF, 3 Monomials of degree 1)"


def test_kernels_in_units_of_their_own_are_kernels_of_the_divided_points():
    x, units = normal(9, 3), torch.tensor([0.1, 1.0, 30.0]).double()
    psi, plain = GaussianRBF(CENTERS * units, WIDTHS, units), GaussianRBF(CENTERS, WIDTHS)
    torch.testing.assert_close(psi(x * units), plain(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(psi.grad(x), autograd(psi, x), rtol=1e-8, atol=1e-8)
    c = normal(7, 2)
    expected = torch.einsum("nmd,mr->nrd", psi.grad(x), c)
    torch.testing.assert_close(psi.contract_grad(x, c), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=r"units has shape \(2,\), but one number or \(3,\)"):
        GaussianRBF(CENTERS, WIDTHS, units[:2])


FORMS = DICTIONARIES | {
    "kernels in two units": MultiScale(
        [
            GaussianRBF(normal(4, 2), 0.7, torch.tensor([1.0, 3.0]).double()),
            GaussianRBF(normal(3, 2), 1.0),
            Hermite(2, 2),
        ]
    ),
    "waves beside kernels": MultiScale([GaussianRBF(normal(4, 2), 0.7), RandomFourierFeatures(2, 5, 1.0, seeded())]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", FORMS)
def test_the_dirichlet_form_is_the_mean_of_products_of_gradients(name, dtype):
    """To 1e-12 of its largest entry; in float32 to 1e-4, what kernels and their slopes are known to."""
    psi = FORMS[name].to(dtype)
    x, w = normal(50, psi.dim, seed=4).to(dtype), normal(50, seed=5).abs().to(dtype)
    stretch = (0.5 + normal(psi.dim, seed=6).abs()).to(dtype)
    slopes = psi.grad(x) * stretch
    expected = torch.einsum("n,njd,nld->jl", w, slopes, slopes)
    found = dirichlet(psi, x, w, stretch)
    accuracy = float(expected.abs().max()) * (1e-12 if dtype == torch.float64 else 1e-4)
    torch.testing.assert_close(found, expected, rtol=0, atol=accuracy)


def test_the_start_of_kmeans_is_drawn_by_squared_distances():
    """Two points far apart among many at one place: both are picked, whatever is drawn."""
    points = np.concatenate([np.zeros((50, 2)), [[5.0, 0.0], [0.0, 7.0]]])
    for seed in range(10):
        start = rbf._spread_out(points, 3, np.random.default_rng(seed))
        assert {tuple(p) for p in start} == {(0.0, 0.0), (5.0, 0.0), (0.0, 7.0)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianRBF(normal(3, 2), torch.ones(2)), r"widths has shape \(2,\), but one number or \(3,\)"),
        (lambda: GaussianRBF(normal(3, 2), 0.0), "widths must be positive and finite, got 0"),
        (lambda: GaussianRBF(normal(3, 2), math.nan), "widths must be positive"),
        (lambda: GaussianRBF(normal(3), 1.0), r"centers has shape \(3,\)"),
        (lambda: GaussianRBF.from_data(normal(9, 2), 1), "for n_centers=1, but at least 2 of each.*Ask for more"),
        (lambda: GaussianRBF.from_data(normal(9, 2), 0), "n_centers must be at least 1, got 0"),
        (lambda: GaussianRBF.from_data(torch.ones(9, 2), 5), r"x has 1 different point\(s\)"),
        (lambda: DICTIONARIES["RBF"](normal(4, 3)), r"GaussianRBF: x has shape \(4, 3\)"),
        (lambda: MultiScale([]), r"parts must have one dimension, got \[\]"),
        (lambda: MultiScale([Hermite(1, 2), Hermite(2, 2)]), r"have one dimension, got \[1, 2\]"),
        (lambda: MultiScale.from_data(normal(9, 2), tail="cubic"), "one of none, linear, quadratic, got 'cubic'"),
        (lambda: Hermite(0, 2), "dim must be at least 1, got 0"),
        (lambda: Monomials(1, 0), "Monomials: degree must be at least 1, got 0"),
        (lambda: Hermite(1, 2, scale=0.0), "scale must be positive and finite, got 0"),
        (lambda: Hermite(2, 2, center=[0.0]), r"center has shape \(1,\), but one number or \(2,\)"),
        (lambda: Hermite(2, 2)(normal(4, 3)), r"Hermite: x has shape \(4, 3\)"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_points_of_another_dtype_are_refused():
    with pytest.raises(TypeError, match=r"torch.float32 on cpu, but the dictionary is torch.float64.*Convert one"):
        DICTIONARIES["RBF"](torch.zeros(3, 2))


@pytest.mark.parametrize(("dim", "degree"), [(1, 4), (2, 3), (4, 3)])
def test_polynomials_are_listed_by_degree_and_then_by_their_first_coordinates(dim, degree):
    """The order of all exponents of a degree, enumerated one by one, largest first."""
    by_hand = [
        a
        for total in range(1, degree + 1)
        for a in itertools.product(range(total, -1, -1), repeat=dim)
        if sum(a) == total
    ]
    assert Monomials(dim, degree).exponents.tolist() == [list(a) for a in by_hand]


def test_powers_are_the_monomials_of_single_coordinates():
    x = normal(5, 3)
    assert torch.equal(Monomials(3, 3, mixed=False)(x), torch.cat([x, x**2, x * x**2], dim=1))
    assert torch.equal(Monomials(1, 4, mixed=False)(x[:, :1]), Monomials(1, 4)(x[:, :1]))


def test_a_hundred_columns_are_enumerated_at_once_and_too_many_refused_before():
    psi = Monomials(100, 2)
    assert psi.n_features == 5150
    x = normal(3, 100)
    assert torch.equal(
        psi(x)[:, [0, 99, 100, 101, 5149]],
        torch.stack([x[:, 0], x[:, 99], x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 99] ** 2], dim=1),
    )
    assert psi._parts.numel() + psi._last.numel() < 50_000
    with pytest.raises(ValueError, match=r"Monomials: 48,903,491 features have a Gram matrix of .* GiB, but at most 4"):
        Monomials(30, 8)
    with pytest.raises(ValueError, match=r"Hermite: .* Take a lower degree"):
        Hermite(10_000, 4)


def test_polynomials_take_a_scale_for_each_coordinate():
    x, scale = normal(6, 2), torch.tensor([0.5, 3.0]).double()
    psi = Hermite(2, 3, center=[1.0, 0.0], scale=scale)
    torch.testing.assert_close(psi(x), Hermite(2, 3)((x - torch.tensor([1.0, 0.0])) / scale), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(psi.grad(x), autograd(psi, x), rtol=1e-10, atol=1e-10)


def test_columns_that_share_a_unit_may_keep_their_sizes():
    """With one unit for all the kernels are round in the data's own coordinates; scaling everything scales them."""
    x = torch.randn(400, 2, dtype=torch.float64, generator=seeded(3)) * torch.tensor([5.0, 0.2])
    round_ones = GaussianRBF.from_data(x, 20, seeded(1), units=1.0)
    assert (round_ones.units == 1).all()
    larger = GaussianRBF.from_data(7 * x, 20, seeded(1), units=7.0)
    torch.testing.assert_close(larger(7 * x), round_ones(x), rtol=0, atol=1e-9)
    spread = MultiScale.from_data(x, (20, 5), generator=seeded(1), units=[1.0, 2.0])
    assert [part.units.tolist() for part in spread.parts[:2]] == 2 * [[1.0, 2.0]]
    with pytest.raises(ValueError, match="units has shape"):
        GaussianRBF.from_data(x, 20, units=[1.0, 2.0, 3.0])

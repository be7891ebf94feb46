"""Growing columns, metrics and steps: laws and counts that are known, velocities as gradients, runs on the clock."""

import math
from itertools import combinations_with_replacement

import pytest
import torch

from experiments.adaptive import rows as adaptive_rows
from experiments.adaptive.metrics import AdaptiveStep, NoMetric, in_metric
from experiments.adaptive.runs import Method, followed
from experiments.adaptive.sliced import SlicedTransport, quantiles_of_ranks
from experiments.dimension import laws, ours, sizes
from experiments.own_data.data import CENTRES
from koopteach import KSWGD, GeneratorEDMD, Hermite, Monomials, MultiScale


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


# Laws


@pytest.mark.parametrize("dim", [5, 20])
def test_five_modes_are_at_distance_six_from_each_other(dim):
    modes = laws.FiveModes(dim).modes
    torch.testing.assert_close(torch.pdist(modes), torch.full((10,), 6.0, dtype=torch.float64))


def test_in_the_plane_neighbours_are_at_distance_six():
    modes = laws.FiveModes(2).modes
    torch.testing.assert_close((modes - modes.roll(1, 0)).norm(dim=1), torch.full((5,), 6.0, dtype=torch.float64))


def test_bent_modes_are_those_of_somebodys_own_data_in_ten_columns():
    torch.testing.assert_close(laws.FiveModes(10, bent=True).modes, CENTRES)


def test_five_modes_need_room_and_know_the_score_of_straight_ones():
    with pytest.raises(ValueError, match="dim must be 2, or at least 5, got 3"):
        laws.FiveModes(3)
    x = laws.FiveModes(6).sample(50, generator()).requires_grad_()
    slope = torch.autograd.grad(laws.FiveModes(6).gaussian.log_prob(x).sum(), x)[0]
    torch.testing.assert_close(laws.FiveModes(6).score(x.detach()), slope)
    with pytest.raises(NotImplementedError, match="bent"):
        laws.FiveModes(6, bent=True).score(x)


def test_a_mode_has_the_variance_of_its_points_about_their_own_mean():
    """As by a loop over modes; moving a whole mode, if it stays nearest, changes nothing."""
    modes = torch.tensor([[0.0, 0.0], [10.0, 0.0]], dtype=torch.float64)
    x = torch.cat([modes[0] + normal(7, 2), modes[1] + normal(4, 2, seed=1)])
    loop = sum(float(((part - part.mean(0)) ** 2).sum()) for part in (x[:7], x[7:])) / (11 * 2)
    assert math.isclose(laws.mode_variance(x, modes), loop)
    x[7:] += 0.5
    assert math.isclose(laws.mode_variance(x, modes), loop)


def test_the_law_of_few_points_is_theirs_and_of_many_a_mean_over_parts():
    x = normal(8000, 1)
    assert laws.mean_law(lambda part: float(part.mean()), x[:800], 3, 0) == float(x[:800].mean())
    seen = []
    laws.mean_law(lambda part: seen.append(len(part)) or 0.0, x, 3, 0)
    assert seen == [800] * 3


def test_what_is_missing_of_an_end_is_not_judged():
    """A large sample alone has no evenness, an even one no law; judges see the large one where there is one."""
    x = normal(1600, 1)
    judges = {"size": lambda points: float(len(points))}
    problem = laws.Problem(x, x, lambda n, generator: torch.randn(n, 1, dtype=x.dtype, generator=generator), judges)
    of_law, of_even = ours.read(problem, (x[:800], None, 1.0), 0), ours.read(problem, (None, x[:800], 2.0), 0)
    assert "even SW2" not in of_law
    assert not {"law SW2", "AUC"} & set(of_even)
    assert (of_law["CPU s"], of_even["CPU s"], of_even["size"]) == (1.0, 2.0, 800.0)
    assert of_even["even SW2"] == of_law["law SW2"] == problem.distance(x[:800])


def test_of_moved_particles_as_many_are_judged_as_of_drawn_ones(monkeypatch):
    """Ten times 800, so that a random 800 of them keep hardly anything of their evenness."""

    class Still:
        def transport(self, x0, generator):
            return x0

    monkeypatch.setattr(ours, "fitted", lambda problem, seed: (Still(), 2.0))
    many, even, seconds = ours.OURS[ours.LAW](None, lambda n: torch.zeros(n, 1), 0)
    assert (len(many), even) == (10 * laws.N_JUDGED, None)
    assert seconds >= 2.0  # the fit's are among them


# Counts


@pytest.mark.parametrize(("d", "degree"), [(1, 3), (4, 2), (7, 3)])
def test_monomials_are_counted_as_they_are_made(d, degree):
    assert sizes.monomials(d, degree) == Monomials(d, degree).n_features


def test_second_moments_inside_modes_take_a_quadratic_family_each_but_for_one_constant():
    """By counting: for each mode the products of two of (1, x_1, ..., x_d)."""
    for d, k in ((1, 1), (3, 2), (10, 5)):
        family = len(list(combinations_with_replacement(range(d + 1), 2)))
        assert sizes.features_for_moments(d, k) == k * family - 1


@pytest.mark.parametrize(("d", "n"), [(2, 500), (12, 500), (25, 600)])  # the last has no room for a quadratic tail
def test_the_default_has_at_most_the_features_of_the_formula(d, n):
    found = MultiScale.from_data(normal(n, d), generator=generator()).n_features
    most = sizes.features_of_default(d, n)
    assert most - sum(sizes.CENTRES) < found <= most  # k-means drops kernels, and no monomial


@pytest.mark.slow
def test_a_fit_has_no_more_features_than_the_formula_and_no_warning_among_few():
    found = sizes.measured(5, 0)
    assert 0.5 * sizes.features_of_default(5, 5000) < found["features"] <= sizes.features_of_default(5, 5000)
    assert found["peak MB"] >= 0
    assert not found["warns"]


def test_memory_grows_with_the_square_of_many_features():
    assert math.isclose(sizes.megabytes(4000) / sizes.megabytes(2000), 4.0)


# Metrics and steps


@pytest.fixture(scope="module")
def spectrum():
    return GeneratorEDMD(Hermite(2, 3)).fit(normal(2000, 2)).spectrum()


def test_without_a_metric_the_velocity_is_the_gradient_of_the_squared_moments(spectrum):
    """v_i = -n d/dx_i of sum_k m_k^2 / 2, over the largest energy."""
    x = (0.5 + normal(30, 2, seed=2)).requires_grad_()
    energy = 0.5 * spectrum(x).mean(dim=0).square().sum() / spectrum.energies.max()
    slope = torch.autograd.grad(energy, x)[0]
    torch.testing.assert_close(NoMetric(spectrum).velocity(x.detach()), -len(x) * slope)


def test_an_adaptive_step_has_the_length_that_was_asked_for_whatever_the_velocity(spectrum):
    """The first step divides by the velocity itself: each coordinate moves by the step, in units of the data's size."""
    x = 3 + normal(20, 2, seed=3)
    method = AdaptiveStep(KSWGD(spectrum, noise=0.0), 0.1)
    moved, _, _ = method.step(x, method.init(x), progress=0.0)
    torch.testing.assert_close((moved - x).abs(), torch.full_like(x, 0.1 * spectrum.scale), rtol=1e-3, atol=0)


def test_metrics_by_name(spectrum):
    assert math.isinf(in_metric("paper", spectrum, "fixed", 0.5).damping)
    assert in_metric("damped", spectrum, "fixed", 0.5).step_size == 0.5
    assert in_metric("none", spectrum, "adaptive", 0.1).method.step_size == 1.0


# Along lines


def test_ranks_become_quantiles():
    x = torch.tensor([[5.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    data = torch.tensor([[30.0, 1.0], [10.0, 2.0], [20.0, 3.0]])
    assert quantiles_of_ranks(x, data).tolist() == [[30.0, 1.0], [10.0, 3.0], [20.0, 2.0]]


def test_a_whole_step_along_lines_ends_with_the_datas_columns_in_some_frame():
    """In the frame that the same generator draws; as many particles as data."""
    x, data = normal(40, 3), 2 + normal(40, 3, seed=1)
    moved, _, _ = SlicedTransport(data, 1.0).step(x, None, progress=0.0, generator=generator(5))
    frame = torch.linalg.qr(normal(3, 3, seed=5)).Q
    torch.testing.assert_close((moved @ frame).sort(dim=0).values, (data @ frame).sort(dim=0).values)


# On the clock


class Counting:
    """Adds one at every step; after ``lost`` of them the particles are no numbers."""

    def __init__(self, lost=math.inf, refuses=False):
        self.lost, self.refuses = lost, refuses

    def init(self, x):
        return 0

    def step(self, x, state, *, progress, generator=None):
        assert 0 <= progress <= 1
        if self.refuses and state >= self.lost:
            raise ValueError("the score is NaN")
        return (x + 1 if state < self.lost else x * math.nan), state + 1, {}


def test_particles_are_followed_from_the_start_to_the_last_mark():
    found, steps = followed(Counting, torch.zeros(2, 1), (0.0, 0.01, 0.02), 0)
    values = [float(x[0, 0]) for x in found]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[-1] == steps > 0


@pytest.mark.parametrize("refuses", [False, True])
def test_lost_particles_stay_lost_and_are_not_waited_for(refuses):
    found, steps = followed(lambda: Counting(lost=3, refuses=refuses), torch.zeros(2, 1), (0.0, 1e6), 0)
    assert (len(found), steps) == (2, 4)
    assert bool(found[-1].isnan().all())


def test_the_best_of_three_settings_is_chosen_on_a_seed_of_its_own(monkeypatch):
    asked = []

    def run(method, target, seed, setting):
        asked.append(seed)
        return [torch.tensor([setting])], 1

    monkeypatch.setattr(adaptive_rows, "run", run)
    monkeypatch.setattr(adaptive_rows, "sliced_w2", lambda target, x: abs(float(x) - 2.2))
    assert adaptive_rows.best(Method(None, (1.0, 2.0, 3.0), "data"), "ring8-0.3") == 2.0
    assert set(asked) == {adaptive_rows.TUNED_ON}

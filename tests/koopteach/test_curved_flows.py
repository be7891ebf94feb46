"""Flows on interpolants and between codes: what they are matched to, their dtypes, files, and what they tell."""

import pytest
import torch

from koopteach import (
    ConvexChart,
    CurvedInterpolant,
    DecodedFlow,
    FlowMatching,
    FourierNet,
    GlowInterpolant,
    LearnedSchedule,
    LinearInterpolant,
    PushedFlow,
    TrigonometricInterpolant,
    eight_gaussians,
    fit_convex_map,
    moons,
    optimal_field,
    sliced_wasserstein2,
    straighten,
    straightness,
)
from koopteach.files import save_weights
from koopteach.flow_matching.paths import Pairs
from koopteach.interpolants import coded as coded_module
from koopteach.interpolants.descent import Descent
from koopteach.interpolants.diagnosis import collapse, empty_step
from tests.interpolants import ALL, ByTheData, Late, convex_map
from tests.tools import normal, seeded


def small_net(width=16, **sizes):
    return FourierNet(2, width=width, depth=2, n_frequencies=8, generator=seeded(), **sizes)


QUICK = {"n_steps": 3, "batch": 32, "verbose": False}

# ---- on an interpolant


@pytest.mark.slow
@pytest.mark.parametrize("name", ["late", "two charts"])
def test_a_batch_holds_points_and_rates_of_the_paths(name):
    """Each row lies on the path of one of the pairs, at its time, with its rate."""
    x1, x0 = normal(5, 2), normal(5, 2, seed=1)
    flow = CurvedInterpolant(ALL[name], coupling="paired", net=small_net().double())
    flow.prepare(x1, x0, standardize=False, verbose=False)
    x0_code, x1_code = flow._codes(x0, x1)
    code0, code1 = Pairs("fit", x1_code, x0_code, "paired").draw(40, seeded(2))
    t = torch.rand(40, 1, dtype=torch.float64, generator=seeded(2))
    x_t, u = flow._path(code0, code1, t)
    assert float(t.min()) < 0.1 < 0.9 < float(t.max())
    for x, time, rate in zip(x_t, t, u):
        gaps = (ALL[name].value(x0, x1, time) - x).norm(dim=1)
        assert float(gaps.min()) < 1e-9
        torch.testing.assert_close(ALL[name].rate(x0, x1, time)[gaps.argmin()], rate)


@pytest.mark.slow
def test_a_flow_follows_the_field_of_its_interpolant():
    """The regression's minimiser is the conditional mean, here of Gaussian data and a schedule that is not linear."""
    x1 = torch.tensor([1.0, 0.0]) + 0.5 * normal(4000, 2, seed=1)
    flow = CurvedInterpolant(TrigonometricInterpolant(2), net=small_net(48))
    flow.fit(x1, n_steps=400, standardize=False, generator=seeded(), verbose=False)
    schedule, t = TrigonometricInterpolant(2), 0.5
    x = schedule.value(normal(300, 2), x1[:300], t)
    exact, other = (optimal_field(family, x, t, x1).velocity for family in (schedule, LinearInterpolant(2)))
    assert float((flow.velocity(x, t) - exact).norm()) < 0.3 * float((other - exact).norm())
    assert flow.transport(x).dtype == torch.float64


@pytest.mark.slow
@pytest.mark.parametrize("data", [torch.float32, torch.float64])
@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
def test_any_network_takes_any_data_on_any_chart(weights, data):
    """Samples have the dtype of the data, batches that of the network; what came in stays as it was."""
    chart = ConvexChart(convex_map())
    flow = CurvedInterpolant(chart, net=small_net().to(weights))
    flow.fit(moons.sample(60, seeded()).to(data), **QUICK)
    assert flow.sample(4).dtype == flow.velocity(torch.zeros(2, 2, dtype=data), 0.5).dtype == data
    assert {p.dtype for p in flow.net.parameters()} == {weights}
    assert {p.dtype for p in chart.parameters()} == {torch.float64}
    assert flow.interpolant is chart


@pytest.mark.slow
def test_other_noise_goes_through_the_map_of_the_noise_and_is_what_samples_start_from(capsys):
    noise, x1 = eight_gaussians.sample(1000, seeded()), moons.sample(300, seeded(1))
    flow = CurvedInterpolant(ALL["two charts"], net=small_net()).fit(x1, noise, **QUICK)
    assert bool((flow.source(100, seeded())[:, None] == noise).all(dim=2).any(dim=1).all())
    flow.prepare(x1, noise)
    assert capsys.readouterr().out == ""
    code0, code1 = flow._codes(noise, x1)
    torch.testing.assert_close(ALL["two charts"].to_noise(code0.double()), noise, rtol=0, atol=1e-4)
    torch.testing.assert_close(ALL["two charts"].to_data(code1.double()), x1, rtol=0, atol=1e-4)
    CurvedInterpolant(ALL["convex chart"], net=small_net()).fit(x1, noise, **{**QUICK, "verbose": True})
    assert "fit: the rotation needs Gaussian noise; use two charts\n" in capsys.readouterr().out


def test_a_wrong_interpolant_is_refused_before_any_training():
    with pytest.raises(ValueError, match="logdet is constant but the Jacobian"):
        CurvedInterpolant(ByTheData(0.8, keep=False)).fit(normal(50, 2), verbose=False)


def test_a_second_fit_starts_anew():
    x1 = moons.sample(60, seeded())
    flow = CurvedInterpolant(Late(2))
    first = [p.clone() for p in flow.fit(x1, generator=seeded(1), **QUICK).net.parameters()]
    flow.fit(x1, generator=seeded(2), **QUICK)
    again = flow.fit(x1, generator=seeded(1), **QUICK).net.parameters()
    assert all(torch.equal(a, b) for a, b in zip(first, again))


# ---- between codes

CODED = pytest.mark.parametrize("kind", [DecodedFlow, PushedFlow])
T1, T0 = convex_map(), convex_map(1)


def fitted(kind, *maps, x0=None, **options):
    """Three steps of training, pairs at random."""
    flow = kind(*maps, coupling="independent", net=small_net())
    return flow.fit(moons.sample(100, seeded(1)), x0, generator=seeded(), **{**QUICK, **options})


@CODED
@pytest.mark.parametrize(("maps", "told"), [((T1,), "one map"), ((T1, T0), "two maps")])
def test_a_coded_flow_says_how_many_maps_it_has(kind, maps, told):
    assert repr(kind(*maps)).startswith(f"{kind.__name__}({told}, FlowMatching(")


@pytest.mark.slow
@CODED
@pytest.mark.parametrize("maps", [(T1,), (T1, T0)], ids=["one map", "two maps"])
def test_a_coded_flow_is_one_flow_in_both_coordinates(kind, maps):
    """Its velocity is that of its trajectory; it starts at T1(z0), and inversion returns the source point."""
    x0 = None if len(maps) == 1 else eight_gaussians.sample(100, seeded())
    flow, noise, h = fitted(kind, *maps, x0=x0), normal(20, 2), 1e-3
    before, now, after = flow.trajectory(noise, [0.5 - h, 0.5, 0.5 + h], steps=32)
    torch.testing.assert_close(flow.velocity(now, 0.5), (after - before) / (2 * h), rtol=1e-3, atol=1e-3)
    z0 = noise if len(maps) == 1 else T0.inverse(noise)[0]
    torch.testing.assert_close(flow.trajectory(noise, [0.0, 1.0])[0], T1(z0))
    torch.testing.assert_close(flow.transport(noise, t=0.0), T1(z0))
    for t in (0.5, 1.0):
        end = flow.transport(noise, solver="rk4", steps=32, t=t)
        torch.testing.assert_close(flow.invert(end, solver="rk4", steps=32, t=t), noise, rtol=0, atol=1e-4)
    assert flow.nfe == 128


def test_a_step_of_a_decoded_flow_is_taken_before_the_map_and_one_of_a_pushed_flow_after():
    x0, t = normal(20, 2), torch.zeros(20, 1)
    decoded, pushed = (fitted(kind, T1, standardize=False) for kind in (DecodedFlow, PushedFlow))

    def moved(flow, x):
        return x + flow.between.net(x.float(), t).double()

    one = {flow: flow.transport(x0, solver="euler", steps=1) for flow in (decoded, pushed)}
    torch.testing.assert_close(one[decoded], T1(moved(decoded, x0)), rtol=0, atol=1e-5)
    torch.testing.assert_close(one[pushed], moved(pushed, T1(x0)), rtol=0, atol=1e-5)
    assert decoded.nfe == pushed.nfe == 1


@CODED
def test_the_flow_between_codes_is_matched_to_codes(kind, monkeypatch):
    """Codes of the data, and of the noise that was given, or of many fresh ones."""
    seen = []
    monkeypatch.setattr(FlowMatching, "fit", lambda self, x1, x0=None, **options: seen.append((x1, x0, options)))
    monkeypatch.setattr(coded_module, "LOCAL_PAIRS", 500)
    x1, x0 = moons.sample(50, seeded()), eight_gaussians.sample(40, seeded(1))
    kind(T1, T0).fit(x1, x0, n_steps=7, generator=seeded(2))
    kind(T1).fit(x1, verbose=False)
    (data, noise, options), (_, fresh, quiet) = seen
    z0, z1 = T0.inverse(x0)[0], T1.inverse(x1)[0]
    torch.testing.assert_close(data, z1 if kind is DecodedFlow else x1)
    torch.testing.assert_close(noise, z0 if kind is DecodedFlow else T1(z0))
    assert (options["n_steps"], options["generator"].initial_seed(), quiet["verbose"]) == (7, 2, False)
    if kind is DecodedFlow:
        assert fresh is None  # N(0, I)
    else:
        assert fresh.shape == (500, 2)
        assert 0.8 < float(T1.inverse(fresh)[0].std()) < 1.2
    assert kind(T1).between.coupling == "local"


@CODED
def test_a_coded_flow_follows_the_points_and_keeps_its_own_precision(kind):
    flow, x0 = fitted(kind, T1), normal(20, 2)
    before, single = flow.transport(x0), flow.transport(x0.float())
    assert single.dtype == flow.velocity(x0.float(), 0.5).dtype == torch.float32
    torch.testing.assert_close(single.double(), before, rtol=0, atol=1e-3)
    assert torch.equal(flow.transport(x0), before)
    assert flow.to(torch.float32).sample(3).dtype == torch.float32
    assert flow.sample(3).dtype == torch.float64


@CODED
def test_a_coded_flow_starts_anew_and_keeps_its_source(kind):
    noise = eight_gaussians.sample(40, seeded()).float()
    flow = fitted(kind, T1, T0, x0=noise.double())
    first = flow.transport(normal(9, 2))
    flow.fit(moons.sample(100, seeded(1)), noise.double(), generator=seeded(5), **QUICK)
    assert not torch.equal(flow.transport(normal(9, 2)), first)
    flow.fit(moons.sample(100, seeded(1)), noise.double(), generator=seeded(), **QUICK)
    assert torch.equal(flow.transport(normal(9, 2)), first)
    assert bool((flow.source(50, seeded())[:, None] == noise.double()).all(dim=2).any(dim=1).all())


@pytest.mark.slow
def test_a_coded_flow_samples_in_one_step():
    x1, test, noise = moons.sample(4000, seeded()), moons.sample(4000, seeded(5)), normal(4000, 2, seed=6)
    T = fit_convex_map(x1, n_centres=48, pair_steps=120, likelihood_steps=40, generator=seeded(1), verbose=False)
    for kind in (DecodedFlow, PushedFlow):
        flow = kind(T, net=small_net(48)).fit(x1, n_steps=300, generator=seeded(), verbose=False)
        one = flow.transport(noise, solver="euler", steps=1)
        assert sliced_wasserstein2(one, test) < 0.3 * sliced_wasserstein2(noise, test)
        assert sliced_wasserstein2(one, test) < sliced_wasserstein2(T(noise), test)
        assert flow.diagnose(test) == []


# ---- files

SAVED = {
    "linear": lambda: LinearInterpolant(2),
    "trigonometric": lambda: TrigonometricInterpolant(2),
    "learned": lambda: ALL["learned"],
    "table": lambda: ALL["table"],
    "convex chart": lambda: ALL["convex chart"],
    "two charts": lambda: ALL["two charts"],
    "straight chart": lambda: ALL["straight chart"],
    "learned chart": lambda: ConvexChart(convex_map(), inner=ALL["learned"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.slow)])
@pytest.mark.parametrize("interpolant", [make() for make in SAVED.values()], ids=SAVED)
def test_a_flow_comes_back_with_its_interpolant(interpolant, dtype, tmp_path):
    flow = CurvedInterpolant(interpolant, coupling="paired", net=small_net()).fit(
        moons.sample(60, seeded()).to(dtype), eight_gaussians.sample(60, seeded(1)).to(dtype), **QUICK
    )
    flow.save(tmp_path / "flow.safetensors")
    again = CurvedInterpolant.load(tmp_path / "flow.safetensors")
    torch.testing.assert_close(again.sample(9, generator=seeded()), flow.sample(9, generator=seeded()), rtol=0, atol=0)
    assert again.coupling == "paired"
    assert type(again.interpolant) is type(interpolant)
    assert again.interpolant.gaussian_source == interpolant.gaussian_source
    x0, x1 = normal(9, 2), normal(9, 2, seed=1)
    assert torch.equal(again.interpolant.value(x0, x1, 0.4), interpolant.value(x0, x1, 0.4))
    again.fit(x0, x1, **QUICK)


@CODED
@pytest.mark.parametrize("maps", [(T1,), (T1, T0)], ids=["one map", "two maps"])
def test_a_coded_flow_comes_back_with_its_maps(kind, maps, tmp_path):
    x0 = None if len(maps) == 1 else eight_gaussians.sample(100, seeded())
    flow = fitted(kind, *maps, x0=x0)
    flow.save(tmp_path / "flow.safetensors")
    again = kind.load(tmp_path / "flow.safetensors")
    assert torch.equal(again.sample(9, generator=seeded()), flow.sample(9, generator=seeded()))
    assert torch.equal(again.invert(normal(9, 2)), flow.invert(normal(9, 2)))
    assert again.between.coupling == "independent"
    assert (again.to_noise is None) == (len(maps) == 1)
    assert again.between._x0 is None is flow.between._x0  # no sample of codes in the file
    other = PushedFlow if kind is DecodedFlow else DecodedFlow
    with pytest.raises(ValueError, match=f"holds a {kind.__name__}, but a {other.__name__} is needed"):
        other.load(tmp_path / "flow.safetensors")


def test_what_cannot_be_rebuilt_cannot_be_saved(tmp_path):
    for flow in (CurvedInterpolant(LinearInterpolant(2)), DecodedFlow(T1)):
        with pytest.raises(RuntimeError, match=r"only a fitted (CurvedInterpolant|FlowMatching) with the FourierNet"):
            flow.save(tmp_path / "none.safetensors")
    for interpolant, name in ((Late(2), "Late"), (ConvexChart(T1, inner=Late(2)), "ConvexChart of Late")):
        with pytest.raises(RuntimeError, match=f"a flow on {name} cannot be saved; known are LinearInterpolant, "):
            CurvedInterpolant(interpolant, net=small_net()).save(tmp_path / "none.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_version_is_refused(tmp_path):
    for config in ({}, {"interpolant": ["Spiral"]}, {"interpolant": ["LearnedSchedule"]}, {"interpolant": []}):
        save_weights(tmp_path / "odd", "CurvedInterpolant", {"net": small_net().config, **config}, {})
        with pytest.raises(ValueError, match="odd describes no interpolant of this version"):
            CurvedInterpolant.load(tmp_path / "odd")


# ---- what they tell


def test_a_flow_that_returns_the_noise_is_told():
    """On centred data the trigonometric velocity is zero at the start, as this network's is."""
    flow = CurvedInterpolant(TrigonometricInterpolant(2), net=small_net(last_scale=0.0))
    assert flow.diagnose(moons.sample(2000), generator=seeded()) == [
        "one step returns the noise, or nothing nearer to the data"
    ]


def test_a_step_counts_when_a_fifth_of_the_distance_is_gone():
    """Noise and data are a shift apart, of which the flow makes a part."""
    noise = normal(200, 2)

    class Part(FlowMatching):
        def _velocity(self, x, t):
            return torch.full_like(x, self.share)

    for share, lines in ((0.15, 1), (0.25, 0)):
        flow = Part(2)
        flow.share = share
        assert len(empty_step(flow, noise + 1.0, noise)) == lines


def measured(two_pools):
    record = straighten(LearnedSchedule(2), normal(40, 2), n_steps=1, pool=8, batch=4, verbose=False).training
    return Descent(record, two_pools, two_pools, 1.0, 30.0, 0.0, ("something else",))


@pytest.mark.slow
def test_an_acceleration_of_collapsed_weights_is_told():
    """By Wirtinger ``S E|D|^2 <= A / pi^2``; what is more than twice as far off did not see the flow."""
    flow = CurvedInterpolant(TrigonometricInterpolant(2), net=small_net())
    noise = normal(500, 2)
    found = straightness(flow, noise)
    least = found.deviation * found.displacement * torch.pi**2 / 2
    assert collapse(flow, measured(1.02 * least), noise) == []
    (line,) = collapse(flow, measured(0.98 * least), noise)
    assert line == f"A = {0.98 * least:.3g} but S = {found.deviation:.3g}: collapsed weights"
    assert len(collapse(flow, measured(-1.0), noise)) == 1
    told = flow.diagnose(moons.sample(500), descent=measured(1e-9), generator=seeded())
    assert "something else" in told
    assert sum("collapsed weights" in line for line in told) == 1


BAD = {
    "nan": (lambda: CurvedInterpolant(Late(2)).fit(normal(9, 2) / 0), ValueError, "fit: x1 "),
    "name": (lambda: CurvedInterpolant("glow"), TypeError, "interpolant must be an Interpolant, got 'glow'"),
    "coupling": (lambda: CurvedInterpolant(Late(2), coupling="x"), ValueError, "coupling must be one of"),
    "diagnose": (lambda: CurvedInterpolant(Late(2)).diagnose(normal(9, 3)), ValueError, "diagnose: x1 has shape"),
    "glow": (
        lambda: CurvedInterpolant(GlowInterpolant(4)).fit(normal(9, 2)),
        ValueError,
        r"points need 16 coordinates, \(n, 16\)",
    ),
    "maps": (
        lambda: DecodedFlow(T1, fit_convex_map(normal(9, 3), pair_steps=0, likelihood_steps=1, verbose=False)),
        ValueError,
        "DecodedFlow: to_data has dimension 2, to_noise 3",
    ),
    "no noise": (lambda: PushedFlow(T1, T0).fit(normal(9, 2)), ValueError, "there is a map of the noise"),
    "decoded nan": (lambda: DecodedFlow(T1).fit(normal(9, 2) / 0), ValueError, "fit: x1 "),
    "not fitted": (lambda: PushedFlow(T1).sample(3), RuntimeError, "there is no velocity yet"),
}


@pytest.mark.parametrize(("call", "error", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, error, told):
    with pytest.raises(error, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)

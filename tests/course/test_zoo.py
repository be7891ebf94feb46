"""The models that come with the package are whole, are what they are called, and have the numbers that are quoted."""

import pytest
import torch

from koopcourse import shipped
from koopcourse.authoring.weights import DATA, RECIPES, measure, weights
from koopcourse.zoo import CLASSES, LAWS, TEACHERS, load, quoted
from koopteach import (
    FlowMatching,
    KoopmanFlow,
    checkerboard,
    eight_gaussians,
    moons,
    sliced_wasserstein2,
    straightness,
)
from koopteach.files import save_weights
from koopteach.koopman_flow import FreeGenerator
from tests.tools import seeded

STUDENTS = [name for name, teacher in TEACHERS.items() if teacher]


@pytest.mark.slow
@pytest.mark.parametrize("name", TEACHERS)
def test_a_shipped_model_has_its_quoted_numbers(name):
    """All of them, on start points that no training saw."""
    told = {key: value for key, value in quoted(name).items() if key != "seconds"}
    assert measure(name) == pytest.approx(told, rel=2e-3, abs=1e-6)


@pytest.mark.parametrize("name", TEACHERS)
def test_a_shipped_model_is_small(name):
    assert (DATA / f"{name}.safetensors").stat().st_size < 2_000_000


@pytest.mark.slow
def test_a_file_says_which_class_it_holds(tmp_path):
    """Also under another name; what nobody saved as a model of these classes is refused."""
    found = {type(shipped(name)).__name__ for name in TEACHERS}
    assert found == set(CLASSES)
    shipped("moons-student").save(tmp_path / "digits-codes")
    assert type(load(tmp_path / "digits-codes")) is KoopmanFlow
    save_weights(tmp_path / "other", "Pump", {}, {"a": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"holds a Pump, but one of FlowMatching, .*KoopmanFlow, .* is needed"):
        load(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load(tmp_path / "none")


@pytest.mark.parametrize("name", ["moons-student", "checkerboard-student"])
def test_the_students_meet_their_goals(name):
    numbers, teacher = quoted(name), quoted(TEACHERS[name])
    assert max(numbers["end"], numbers["mid"], numbers["path"]) <= 0.03
    assert numbers["sliced_w2"] <= teacher["sliced_w2"] + 0.004


@pytest.mark.parametrize("name", STUDENTS)
def test_a_student_comes_with_its_teacher(name):
    student, teacher = shipped(name), shipped(TEACHERS[name])
    x0 = torch.randn(5, student.dim, generator=torch.Generator().manual_seed(0))
    assert isinstance(student, KoopmanFlow)
    assert isinstance(teacher, FlowMatching)
    torch.testing.assert_close(student.teacher.transport(x0), teacher.transport(x0))


@pytest.mark.slow
def test_the_failures_fail_as_they_are_called():
    """Boundary distillation: ends without a path. Without reconstruction: no samples. An autoencoder: a small loss."""
    good, ends = quoted("moons-student"), quoted("moons-target-only")
    assert ends["end"] < 0.06
    assert ends["mid"] > 5 * good["mid"]
    x0 = torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
    assert shipped("moons-collapsed").diagnose(x0, verbose=False).collapsed
    gamed, honest = quoted("moons-autoencoder"), quoted("moons-consistency")
    assert gamed["raw_residual"] < 0.2 * honest["raw_residual"]
    assert gamed["residual"] > 1.0 > 5 * honest["residual"]
    assert isinstance(shipped("moons-autoencoder").lifting, FreeGenerator)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits-student", "digits-student-2", "digits-student-3", "fashion-student"])
def test_the_students_of_pictures_meet_their_goals(name):
    """Near their teacher's ends and paths; as pictures not far above it, and no copies of training pictures."""
    numbers, teacher = quoted(name), quoted(TEACHERS[name])
    assert numbers["end"] <= 0.25
    assert numbers["path"] <= 0.12
    assert numbers["frechet"] <= 1.8 * teacher["frechet"]
    assert min(numbers["precision"], numbers["recall"]) >= 0.9
    assert 0.9 <= numbers["neighbour"] <= 1.4


def test_a_student_of_another_spectrum_has_it():
    one, seed, spectrum = (shipped(f"digits-student{suffix}").rates[2] for suffix in ("", "-2", "-3"))
    assert abs(one - seed) < 0.1
    assert abs(spectrum - (-1 + 4j)) < 1e-6 < 1 < abs(one - spectrum)


def test_two_starts_reach_the_same_paths_with_other_spectra():
    one, two = shipped("moons-consistency"), shipped("moons-consistency-2")
    assert (one.rates.imag.max() - two.rates.imag.max()).abs() > 1
    assert quoted("moons-consistency-2")["path"] == pytest.approx(quoted("moons-consistency")["path"], abs=0.02)


@pytest.mark.slow
def test_straight_flows_need_one_step_and_curved_ones_do_not_get_there():
    """Euler's first step lands on the mean of independent pairs, and near the data where paths are straight."""
    x0 = torch.randn(500, 2, generator=torch.Generator().manual_seed(2))
    bent = straightness(shipped("eight_gaussians-teacher"), x0).deviation
    for name in ("eight_gaussians-ot-teacher", "eight_gaussians-reflow"):
        assert straightness(shipped(name), x0).deviation < 0.03 < 2 < bent
        assert eight_gaussians.structure(shipped(name).transport(x0, solver="euler", steps=1)) > 0.7
    one = shipped("eight_gaussians-teacher").transport(x0, solver="euler", steps=1)
    assert float(one.square().sum(1).mean()) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("laws", LAWS)
def test_the_race_of_lesson_09(laws):
    """Charts come with their map; at one step the coded ones beat transport in batches, and lose the fewest points."""
    toy, x0 = (checkerboard if laws == "checkerboard" else moons), torch.randn(4000, 2, generator=seeded(3))
    x0 = eight_gaussians.sample(4000, seeded(3)).float() if laws == "eight_to_moons" else x0
    goal = toy.sample(20_000, seeded(4))

    def one_step(kind):
        end = shipped(f"{laws}-{kind}").transport(x0, solver="euler", steps=1).double()
        return sliced_wasserstein2(end, goal), toy.structure(end)

    distance, structure = zip(*(one_step(kind) for kind in ("pushed", "decoded", "ot-teacher", "convex", "teacher")))
    for chart in (shipped(f"{laws}-pushed"), shipped(f"{laws}-decoded")):
        torch.testing.assert_close(chart.trajectory(x0, [0.0, 1.0])[0], chart.to_data(chart.latent(x0)))
    assert max(distance[:2]) < distance[2] < distance[3] < 0.3 * distance[4]
    assert abs(distance[0] - one_step("local")[0]) < 0.015
    assert structure[0] > max(*structure[1:], one_step("local")[1], one_step("ot-reflow")[1])
    assert "seconds" in quoted(f"{laws}-pushed")


def test_another_name_is_refused():
    with pytest.raises(ValueError, match=r"shipped: name must be one of moons-teacher, .* got 'moon-teacher'"):
        shipped("moon-teacher")
    with pytest.raises(ValueError, match="no recipe for moon-teacher"):
        weights(["moon-teacher"])


def test_every_file_has_a_recipe_and_every_recipe_a_file():
    assert {path.stem for path in DATA.glob("*.safetensors")} == set(RECIPES) == set(TEACHERS)

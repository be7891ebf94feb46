"""What ``check`` says, returns and remembers, for answers of every kind."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

from koopcourse import runtime
from koopcourse.checks import Exercise, Identity, Mistake, check, declared, engine, guard, preview
from koopcourse.checks.compare import agree
from koopcourse.checks.engine import examine
from koopcourse.checks.exercise import Edge, altered
from koopcourse.checks.probes import NOTES
from koopcourse.checks.report import State, text


def _scale(x, factor):
    return factor * x


def _scale_inputs(generator, dtype, n=4):
    return torch.randn(n, 2, generator=generator, dtype=dtype), 3.0


def _scale_in_place(x, factor):
    x *= factor
    return x


def _exercise(**changes):
    declaration = {
        "id": "L05-E1",
        "title": "Scale a tensor",
        "minutes": 2,
        "reference": _scale,
        "inputs": _scale_inputs,
        "example": ((torch.tensor([[1.0, 2.0]], dtype=torch.float64), 3.0), torch.tensor([[3.0, 6.0]])),
        "identities": (Identity("Zero stays zero.", lambda f, args: agree(f(0 * args[0], 2.0), 0 * args[0])),),
        "edge_cases": (("no rows at all", lambda g, dtype: _scale_inputs(g, dtype, n=0)),),
        "mistakes": (
            Mistake("not-scaled", "You return x itself.", lambda x, factor: x.clone()),
            Mistake("shifted", "You add the factor.", lambda x, factor: x + factor),
            Mistake("in-place", "You write over x.", _scale_in_place),
            Mistake("transposed", "You transpose.", lambda x, factor: factor * x.T),
        ),
        "alternatives": (lambda x, factor: x * factor, lambda x, factor: torch.mul(x, factor)),
    }
    return Exercise(**(declaration | changes))


def _number(reference=0.25, **changes):
    mistakes = (Mistake("inverse", "You give one over it.", 4.0),)
    return Exercise(
        id="L05-E2",
        title="A rate",
        minutes=2,
        reference=reference,
        mistakes=mistakes,
        alternatives=(),
        **changes,
    )


@pytest.fixture(autouse=True)
def learner(monkeypatch, tmp_path):
    """A learner's own session, with nothing to do with the one that runs the tests."""
    monkeypatch.delenv("KOOPTEACH_STRICT", raising=False)
    monkeypatch.delenv("KOOPTEACH_UNTOUCHED", raising=False)
    monkeypatch.setenv("KOOPTEACH_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(runtime, "reference_in_use", set())


@pytest.fixture
def two_exercises(monkeypatch):
    """Make ``check`` know two exercises of this file."""
    exercises = {"L05-E1": (_exercise(), _number()), "L05-E2": (_number(), None)}
    monkeypatch.setattr(declared, "find", lambda exercise_id: exercises[exercise_id])
    return exercises


def _stub(x, factor):
    raise NotImplementedError("replace this line")


def _yields(x, factor):
    yield factor * x


def _hangs(x, factor):
    while True:
        pass


# --- what is said -------------------------------------------------------------------------------------------


def test_a_right_answer_comes_back(two_exercises, capsys):
    def mine(x, factor):
        return x * factor

    assert check("L05-E1", mine) is mine
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "PASSED ✓ L05-E1 Scale a tensor",
        "The notebook goes on with your answer.",
        "Next: L05-E2, A rate.",
    ]
    assert runtime.reference_in_use == set()


def test_a_wrong_answer_is_replaced_and_its_mistake_named(two_exercises, capsys):
    assert check("L05-E1", lambda x, factor: x + factor) is _scale
    assert capsys.readouterr().out.splitlines() == [
        "NOT YET ✗ L05-E1 Scale a tensor",
        "On the worked example, you returned [[4, 5]], and the statement says [[3, 6]].",
        "Recognised: shifted. You add the factor.",
        "The notebook goes on with the reference answer.",
        "Next: mend this and run this cell again; hint 2, the formula, is below.",
    ]
    assert runtime.reference_in_use == {"L05-E1"}


def test_a_preview_says_what_a_check_would_and_leaves_no_trace(two_exercises, capsys, monkeypatch, tmp_path):
    def wrong(x, factor):
        return x + factor

    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    preview("L05-E1", wrong)
    previewed = capsys.readouterr().out
    assert runtime.reference_in_use == set()
    assert not (tmp_path / "progress.json").exists()
    monkeypatch.delenv("KOOPTEACH_STRICT")
    check("L05-E1", wrong)
    assert capsys.readouterr().out == previewed


def test_a_stub_is_not_started_and_passing_later_takes_the_reference_back(two_exercises, capsys):
    assert check("L05-E1", _stub) is _scale
    assert capsys.readouterr().out.startswith("NOT STARTED ○ L05-E1")
    assert runtime.reference_in_use == {"L05-E1"}
    check("L05-E1", _scale)
    assert runtime.reference_in_use == set()


NOT_YET = [
    (lambda x, factor: None, "nothing (None) came back (is a return missing?)"),
    (_yields, "generator came back (use return, not yield)"),
    (lambda x, factor: (factor * x).float().numpy(), "has dtype float32, and float64 is needed"),
    (lambda x, factor: [x, x[:, :1]], "list came back (torch.stack or torch.tensor makes one)"),
    (lambda x, factor: [x, x], "has shape (2, 1, 2)"),
    (
        lambda x, factor: (factor * x).requires_grad_() if x.requires_grad_() is x else x,
        "changes its argument x in place",
    ),
    (lambda x, factor: "text", "str came back"),
    (lambda x, factor: (factor * x).sum(), "has shape (), and (1, 2) is needed"),
    (lambda x, factor: (factor * x).flatten(), "has shape (2,), and (1, 2) is needed"),
    (lambda x, factor: (factor * x).float(), "has dtype float32, and float64 is needed"),
    (lambda x, factor: factor * x + 0j, "has dtype complex128"),
    (lambda x, factor: (factor * x).to("meta"), "has device meta, and cpu is needed"),
    (lambda x, factor: factor * x / 0, "On the worked example, the result holds NaN or infinity"),
    (lambda x, factor: factor * x * float("nan"), "holds NaN or infinity"),
    (lambda x, factor: -factor * x, "and the statement says [[3, 6]]: it has the opposite sign."),
    (lambda x, factor: 2 * factor * x, ": it is twice what is needed, in every case."),
    (lambda x, factor: (factor * x).flip(1), ": it is in the reverse order."),
    (lambda x, factor: factor * x + (x == 0), "This does not hold for your answer: Zero stays zero."),
    (
        lambda x, factor: factor * x + (len(x) == 1),
        "On the worked example, you returned [[4, 7]], and the statement says [[3, 6]].",
    ),
    (lambda x, factor: (factor * x).to_sparse(), "has layout sparse_coo, and strided is needed"),
    (lambda x, factor: x * factor if len(x) else x[:, :1], "In the case of no rows at all, the result has shape"),
    (lambda x, factor: x.clone() if len(x) == 4 else factor * x, "On random input"),
    (lambda x, factor: x[7] * factor, "Your code raised IndexError"),
    (lambda x: x, "The parameters of your function do not fit: a function of (x, factor) is needed."),
    (lambda x, factor, third: x, "The parameters of your function do not fit"),
    (torch.ones(2), "The answer is a Tensor; a function of (x, factor) is needed."),
    (_scale_in_place, "Your function changes its argument x in place; work on a copy, such as x.clone()."),
]


@pytest.mark.parametrize(("answer", "words"), NOT_YET)
def test_what_is_wrong_is_said(two_exercises, capsys, answer, words):
    assert check("L05-E1", answer) is _scale
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "NOT YET ✗ L05-E1 Scale a tensor"
    assert words in " ".join(lines[1:])
    assert any(line.startswith("Next: ") for line in lines[-2:])
    assert len(lines) <= 12
    assert "Traceback" not in captured.out
    assert captured.err == ""


@pytest.mark.parametrize(("answer", "words"), NOT_YET)
def test_the_same_answer_gets_the_same_words(two_exercises, capsys, answer, words):
    said = []
    for _ in range(2):
        check("L05-E1", answer)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("answer", [None, ..., _stub])
def test_nothing_yet(two_exercises, capsys, answer):
    check("L05-E1", answer)
    assert capsys.readouterr().out.startswith("NOT STARTED ○")


def test_a_hanging_answer_gets_one_line(two_exercises, capsys, monkeypatch):
    monkeypatch.setattr(guard, "TIME_LIMIT", 0.2)
    assert check("L05-E1", _hangs) is _scale
    assert "a check gives it 0.2 seconds" in capsys.readouterr().out.splitlines()[1]


def test_little_is_shown_of_what_an_answer_prints(two_exercises, capsys):
    """The first lines of the first call that prints."""
    calls = []

    def prints(x, factor):
        calls.append(x)
        print(f"call {len(calls)}\nsecond line\n" + "x" * 1_000_000 + "\nfourth line")
        return x

    check("L05-E1", prints)
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("Your code printed, to begin with:")
    assert lines[first + 1 : first + 4] == ["  call 1", "  second line", "  " + "x" * 98]
    assert len(lines) <= 12


def test_learners_may_be_wrong_beyond_the_named_mistake(two_exercises):
    """In the failing case and on ordinary input it is the mistake; what it does elsewhere does not hide that."""
    verdict = examine(_exercise(), lambda x, factor: x + factor if len(x) else x[:, :1])
    assert verdict.mistake.name == "shifted"


def test_two_mistakes_that_match_name_none():
    twins = tuple(Mistake(name, "Twin.", lambda x, factor: x + factor) for name in ("a-twin", "b-twin"))
    verdict = examine(_exercise(mistakes=twins), lambda x, factor: x + factor)
    assert (verdict.state, verdict.mistake) == (State.NOT_YET, None)


def _forgets_empty(x, factor):
    return factor * x + 0 * x[0]


def test_a_mistake_that_shows_only_in_an_edge_case_is_named_there_alone():
    mistake = Mistake("forgets-empty", "You index the first row.", _forgets_empty)
    exercise = _exercise(mistakes=(mistake, *_exercise().mistakes))
    assert examine(exercise, lambda x, factor: x * factor + 0 * x[0]).mistake is mistake
    assert examine(exercise, lambda x, factor: x * factor if len(x) else x[:, :1]).mistake is None
    assert examine(exercise, _scale_in_place).mistake.name == "in-place"


def test_a_fact_that_fails_does_not_ask_the_mistake_to_agree_on_the_edges_too():
    """Off by one, and NaN on an edge: the first shows on random input, and has a name."""
    edges = (("far away", lambda g, dtype: (_scale_inputs(g, dtype)[0] + 1e3, 3.0)),)
    exercise = _exercise(
        mistakes=(Mistake("too-large", "You add one.", lambda x, factor: factor * x + 1), *_exercise().mistakes),
        example=((torch.zeros(0, 2, dtype=torch.float64), 3.0), torch.zeros(0, 2)),
        edge_cases=edges,
    )
    assert examine(exercise, lambda x, factor: factor * x + 1 + x.exp() / x.exp() - 1).mistake.name == "too-large"


def test_a_fact_that_fails_alone_needs_the_edges():
    """Right on random input, wrong at zero: a mistake that is right there, too, must not lend its name."""
    mistake = Mistake("forgets-empty", "You index the first row.", _forgets_empty)
    exercise = _exercise(mistakes=(mistake, *_exercise().mistakes))
    verdict = examine(exercise, lambda x, factor: factor * x + (x == 0).all() * (len(x) > 0))
    assert "Zero stays zero" in verdict.failure.words
    assert verdict.mistake is None


def test_nan_is_told_from_zero():
    zeros = Mistake("zeros", "You multiply by zero.", lambda x, factor: 0 * x)
    nans = Mistake("nans", "You divide zero by zero.", lambda x, factor: 0 * x / 0)
    for mistake in (zeros, nans):
        assert examine(_exercise(mistakes=(zeros, nans)), mistake.answer).mistake is mistake


def test_agreement_is_relative_to_the_largest_entry_or_to_one():
    expected = torch.tensor([1e6, 0.0], dtype=torch.float64)
    assert agree(expected + 0.05, expected)
    assert not agree(expected + 0.2, expected)
    assert agree(5e-8, 0.0)
    assert not agree(2e-7, 0.0)
    assert not agree(float("nan"), float("nan"))


def test_arguments_are_fresh_for_everybody(two_exercises):
    """An answer that remembers its arguments and spoils them later cannot spoil the reference's."""
    kept = []

    def spoils(x, factor):
        for old in kept:
            old.zero_()
        kept.append(x)
        return factor * x

    assert examine(_exercise(), spoils).state is State.PASSED
    assert torch.equal(_exercise().example[0][0], torch.tensor([[1.0, 2.0]], dtype=torch.float64))


def test_random_input_differs_from_check_to_check():
    seen = []

    def spies(x, factor):
        seen.append(x.clone())
        return factor * x

    for _ in range(2):
        examine(_exercise(), spies)
    half = len(seen) // 2
    assert sum(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:])) == half - 1


# --- numbers and tensors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [0.25, torch.tensor(0.25), np.float64(0.25), np.array(0.25), lambda: 0.25])
def test_a_number_in_any_dress_passes(two_exercises, answer):
    assert check("L05-E2", answer) is answer


def test_a_wrong_number_is_named_and_replaced_in_the_same_form(two_exercises, capsys):
    assert check("L05-E2", 4) == 0.25
    assert check("L05-E2", lambda: 4.0)() == 0.25
    assert capsys.readouterr().out.count("Recognised: inverse.") == 2


def test_a_number_asked_for_as_a_function_must_be_one():
    verdict = examine(_number(reference=lambda: 0.25), 0.25)
    assert "a function of () is needed" in verdict.failure.words


@pytest.mark.parametrize("answer", ["0.25", torch.ones(2), [0.25]])
def test_what_is_no_number_is_told_so(answer):
    assert "and a number is needed" in examine(_number(), answer).failure.words


def test_a_tensor_can_be_the_answer():
    exercise = _number(reference=torch.tensor([1.0, 2.0]))
    assert examine(exercise, torch.tensor([1.0, 2.0])).state is State.PASSED
    assert "you returned [-1, -2], and [1, 2] is right." in examine(exercise, torch.tensor([-1.0, -2.0])).failure.words


def test_several_results_are_compared_one_by_one():
    exercise = _number(reference=(torch.ones(2), 3.0))
    assert examine(exercise, (torch.ones(2), 3)).state is State.PASSED
    assert "in part 1 of 2, the result has shape (3,)" in examine(exercise, (torch.ones(3), 3)).failure.words
    assert "2 results are needed" in examine(exercise, torch.ones(3)).failure.words
    assert "in part 2 of 2 you returned 4, and 3 is right" in examine(exercise, (torch.ones(2), 4)).failure.words


# --- forms --------------------------------------------------------------------------------------------------


def _numpy(x, factor):
    return factor * x.numpy()


def _rows(x, factor):
    return [factor * row for row in x] if len(x) else factor * x


def _numbers(x, factor):
    return [[factor * entry for entry in row] for row in x.tolist()] if len(x) else factor * x


@pytest.mark.parametrize("answer", [_numpy, _rows, _numbers])
def test_a_right_result_in_another_container_passes_and_comes_back_as_the_notebook_needs_it(
    two_exercises, answer, capsys
):
    mine = check("L05-E1", answer)
    assert "goes on with your answer, its results turned into what it needs" in capsys.readouterr().out
    assert mine.__wrapped__ is answer
    torch.testing.assert_close(mine(torch.ones(2, 2), 3.0), torch.full((2, 2), 3.0), check_dtype=False)


def test_several_results_may_be_stacked_and_one_may_be_a_list():
    exercise = _number(reference=(torch.tensor(1.0), torch.tensor(2.0)))
    for answer in ((1.0, 2.0), [1, 2], torch.tensor([1.0, 2.0]), np.array([1.0, 2.0])):
        assert examine(exercise, answer).state is State.PASSED


@pytest.mark.parametrize("container", [tuple, list, torch.stack])
def test_a_fact_gets_several_results_as_a_tuple(container):
    exercise = _exercise(
        reference=lambda x, factor: (x + 1, x + 2),
        example=((torch.ones(1, 2, dtype=torch.float64), 3.0), (torch.full((1, 2), 2.0), torch.full((1, 2), 3.0))),
        identities=(Identity("A pair.", lambda answer, args: isinstance(answer(*args), tuple)),),
        edge_cases=(),
        mistakes=(),
    )
    verdict = examine(exercise, lambda x, factor: container([x + 1, x + 2]))
    assert verdict.state is State.PASSED


@pytest.mark.parametrize("make", [np.asarray, list, tuple])
def test_numpys_double_numbers_are_rounded_to_single_ones(two_exercises, make):
    def mine(x, factor):
        return make(factor * x.numpy().astype(float))

    back = check("L05-E1", mine)(torch.ones(1, 2), 3.0)
    assert torch.equal(back, torch.full((1, 2), 3.0))


def _by_python(x, factor):
    return torch.tensor([[factor * entry for entry in row] for row in x.tolist()]).reshape(x.shape)


def _by_a_python_number(x, factor):
    more, less = torch.tensor([factor + 0.1, 0.1])
    return x * more - x * less


@pytest.mark.parametrize("answer", [_by_python, _by_a_python_number])
def test_float32_that_torch_makes_of_pythons_numbers_passes_with_a_note(two_exercises, answer, capsys):
    mine = check("L05-E1", answer)
    assert NOTES["python"].partition(",")[0] in capsys.readouterr().out
    assert mine(torch.ones(2, 2, dtype=torch.float64), 3.0).dtype == torch.float64


def test_a_wrong_value_does_not_pass_for_one_in_float32():
    verdict = examine(_exercise(), lambda x, factor: (1 + 1e-7) * _by_python(x, factor))
    assert (verdict.state, verdict.note) == (State.NOT_YET, "")


def test_float32_that_has_lost_the_digits_is_told_so():
    """Its values are right where torch makes float64; as they come, a difference of large numbers is left."""

    def cancels(x, factor):
        return x * (torch.tensor([3e3 + factor]) - torch.tensor([3e3]))

    exercise = _exercise(inputs=lambda g, dtype: (*_scale_inputs(g, dtype)[:1], 0.7))
    assert NOTES["digits"] in examine(exercise, cancels).failure.words


def test_float32_does_not_pass_where_the_dtype_is_asked_for():
    exercise = _exercise(asks_for_dtype=True)
    assert "has dtype float32" in examine(exercise, _by_python).failure.words
    double = examine(exercise, lambda x, factor: (factor * x).double())
    assert "With float32 input, the result has dtype float64" in double.failure.words


def test_double_precision_is_right_for_single_and_comes_back_as_single(two_exercises, capsys):
    mine = check("L05-E1", lambda x, factor: (factor * x).double())
    assert "With float32 input your result is float64" in capsys.readouterr().out
    assert mine(torch.ones(1, 2), 3.0).dtype == torch.float32


def test_what_float32_input_alone_makes_raise_says_so():
    words = examine(_exercise(), lambda x, factor: x @ (factor * torch.eye(2, dtype=torch.float64))).failure.words
    assert "That was with float32 input: make new tensors with dtype=x.dtype, or .to(x)." in words


def test_digits_that_float32_input_alone_lacks_are_told():
    def slope(x, factor):
        return ((x + 1e-6) ** 2 - (x - 1e-6) ** 2) / 4e-6 * factor

    words = examine(_exercise(tolerance=1e-6), slope).failure.words
    assert words.startswith("With float32 input")
    assert "with float64 input it was right, so digits are lost on the way" in words


def _of_a_function(**changes):
    return _exercise(
        reference=lambda f, x: f(x),
        inputs=lambda g, dtype: (lambda x: x.square(), *_scale_inputs(g, dtype)[:1]),
        example=((lambda x: x.square(), torch.full((1, 2), 2.0, dtype=torch.float64)), torch.full((1, 2), 4.0)),
        identities=(),
        edge_cases=(),
        mistakes=(),
        **changes,
    )


def test_a_function_that_takes_points_is_not_satisfied_with_less():
    assert examine(_of_a_function(), lambda f, x: torch.cat([f(row) for row in x.split(1)])).state is State.PASSED
    words = examine(_of_a_function(), lambda f, x: torch.stack([f(row) for row in x])).failure.words
    assert "ValueError: the function takes points (n, d), one a row, and got shape (2,)" in words


def test_a_number_is_tried_on_many_draws():
    """A count that is right by chance on the first two."""

    def draw(generator, dtype):
        return (torch.randint(0, 3, (3,), generator=generator).to(dtype),)

    count = _number(
        reference=lambda x: int((x > 0).sum()), inputs=draw, example=((torch.tensor([1.0, 0.0, 2.0]).double(),), 2)
    )
    assert examine(count, lambda x: min(int((x > 0).sum()), 2)).failure.words.startswith("On random input")


def test_altered_inputs_keep_the_other_arguments():
    make = altered(_scale_inputs, _scale, factor=lambda factor: -factor)
    (x, factor), (same, usual) = (f(torch.Generator().manual_seed(1), torch.float64) for f in (make, _scale_inputs))
    assert torch.equal(x, same)
    assert factor == -usual


def test_pythons_numbers_keep_their_digits():
    assert not agree(1e-60, 2e-60, least=0.0)
    assert not agree(1.0 + 3e-9, 1.0, 1e-9)


@pytest.mark.parametrize("least", [1e-6, 1e-12, 1e6])
def test_much_smaller_and_larger_units_are_tried_as_far_as_the_exercise_says(least):
    in_any_unit = _exercise(units={"x": 1}, farthest=1e15)
    bounded = torch.Tensor.clamp_min if least < 1 else torch.Tensor.clamp_max

    def wrong(x, factor):
        return x.sign() * bounded((factor * x).abs(), least)

    assert "In units that are much" in examine(in_any_unit, wrong).failure.words
    assert examine(_exercise(), wrong).state is State.PASSED


def test_a_mistake_is_named_only_where_it_agrees_on_all_edges_if_it_shows_there_alone():
    edges = tuple((f"{n} rows", lambda g, dtype, n=n: _scale_inputs(g, dtype, n=n)) for n in (0, 7))
    mistake = Mistake("hard-coded", "You return four rows.", lambda x, factor: (factor * x)[:4])
    exercise = _exercise(edge_cases=edges, mistakes=(mistake,))
    assert examine(exercise, lambda x, factor: (x * factor)[:4]).mistake is mistake
    other = examine(exercise, lambda x, factor: factor * x[:4] if len(x) else x[:, :1])
    assert (other.state, other.mistake) == (State.NOT_YET, None)


def test_whole_numbers_that_agree_by_chance_name_no_mistake():
    counting = _exercise(
        reference=lambda x, factor: len(x),
        inputs=lambda g, dtype: (torch.randn(3, 2, generator=g, dtype=dtype), 3.0),
        example=((torch.ones(1, 2, dtype=torch.float64), 3.0), 1),
        identities=(),
        edge_cases=(),
        mistakes=(Mistake("positive", "You count.", lambda x, factor: 5 + int((x[:, 0] > 0).any())),),
    )
    assert examine(counting, lambda x, factor: 6).mistake is None
    assert examine(counting, lambda x, factor: 5 + (x[:, 0] > 0).any().item()).mistake.name == "positive"


def test_a_mistake_is_named_in_every_container():
    exercise = Exercise(
        id="L05-E3",
        title="Mean and spread",
        minutes=2,
        reference=lambda x: (x.mean(), x.std()),
        inputs=lambda generator, dtype: (torch.randn(5, generator=generator, dtype=dtype),),
        example=((torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64),), (3.0, 7**0.5)),
        mistakes=(Mistake("exchanged", "You exchange them.", lambda x: (x.std(), x.mean())),),
        alternatives=(),
    )
    for container in (tuple, list, torch.stack):
        assert examine(exercise, lambda x, make=container: make([x.std(), x.mean()])).mistake.name == "exchanged"


def test_a_number_that_came_in_single_precision_is_right():
    third = _number(reference=1 / 3)
    assert examine(third, torch.tensor(1 / 3)).state is State.PASSED
    assert examine(third, np.float32(1 / 3)).state is State.PASSED
    assert examine(third, 0.33333).state is State.NOT_YET


def test_a_right_value_in_the_wrong_form_is_not_called_a_mistake():
    """Its number is that of a named mistake; what is wrong with it is its form."""
    complex_result = Mistake("complex", "You return complex numbers.", lambda x, factor: factor * x + 0j)
    single = Mistake("single", "You round.", lambda x, factor: (factor * x).float())
    exercise = _exercise(mistakes=(complex_result, single))
    verdict = examine(exercise, lambda x, factor: (factor * x).to(torch.complex64))
    assert (verdict.state, verdict.mistake) == (State.NOT_YET, None)
    assert examine(exercise, lambda x, factor: x * factor + 0j).mistake.name == "complex"


def test_an_argument_comes_back_with_what_it_required_and_its_gradient():
    def asks_for_gradients(x, factor):
        x.requires_grad_(True)
        return (factor * x).detach()

    assert "changes its argument x in place" in examine(_exercise(), asks_for_gradients).failure.words


def test_an_error_of_a_comparison_is_not_told_as_the_learners():
    """The identity's own code stumbles over the result of a wrong answer."""
    picky = Identity(
        "The third row stays.", lambda f, args: bool((f(*args)[2] == f(torch.cat([args[0]] * 2), 3.0)[9]).all())
    )
    words = examine(_exercise(identities=(picky,)), lambda x, factor: factor * x).failure.words
    assert words == "This does not hold for your answer: The third row stays."


def test_the_form_on_random_input_comes_before_an_identity():
    def only_the_example(x, factor):
        return factor * x if len(x) == 1 else (factor * x)[0]

    assert "On random input, the result has shape (2,)" in examine(_exercise(), only_the_example).failure.words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, factor: torch.where(x.abs() < 1e-9, 0.0, factor * x), "In units that are much smaller"),
        (lambda x, factor: factor * x.clamp(-100, 100), "In units that are much larger"),
        (lambda x, factor: factor * x + 1e-11, "In units that are much smaller"),
    ],
)
def test_other_units_are_tried_where_the_declaration_says_what_has_one(answer, words):
    assert examine(_exercise(), answer).state is State.PASSED
    assert words in examine(_exercise(units={"x": 1}), answer).failure.words


def test_each_argument_alone_is_tried_much_larger_unless_it_is_bounded():
    def wrong(x, factor):
        return min(factor, 10.0) * x

    assert "With factor 16 times larger" in examine(_exercise(), wrong).failure.words
    assert examine(_exercise(bounded=("factor",)), wrong).state is State.PASSED
    assert "larger" in examine(_exercise(), lambda x, factor: factor * x.clamp(-10, 10)).failure.words


def test_edges_are_tried_in_the_farthest_units_relative_to_what_is_usual_there():
    """A zero that becomes a small number is nothing beside the usual unit."""

    def wrong(x, factor):
        return torch.where(x == 0, 1e-12, factor * x)

    exercise = _exercise(edge_cases=(("zeros", lambda g, dtype: (torch.zeros(2, 2, dtype=dtype), 3.0)),), identities=())
    assert examine(exercise, wrong).state is State.PASSED
    words = examine(replace(exercise, units={"x": 1}), wrong).failure.words
    assert words.startswith("In much smaller units, in the case of zeros")


def test_rows_of_very_different_size_are_compared_one_by_one():
    def far_apart(generator, dtype):
        x, factor = _scale_inputs(generator, dtype)
        return x * torch.logspace(-6, 6, len(x), dtype=dtype)[:, None], factor

    exercise = _exercise(edge_cases=(Edge("rows far apart", far_apart, "far"),), bounded=("x",))
    words = examine(exercise, lambda x, factor: factor * x + 1e-11).failure.words
    assert words.startswith("In the case of rows far apart, in row 0 you returned")
    assert examine(exercise, lambda x, factor: factor * x + 1e-18).state is State.PASSED


def test_units_and_excuses_must_be_known():
    with pytest.raises(ValueError, match=r"got colour, y"):
        _exercise(units={"y": 1}, without={"colour": "there is none"})


# --- strict runs, faults of ours ----------------------------------------------------------------------------


def test_strict_runs_raise_unless_exercises_are_untouched(two_exercises, monkeypatch):
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    check("L05-E1", _scale)
    with pytest.raises(AssertionError, match="NOT YET"):
        check("L05-E1", lambda x, factor: x)
    with pytest.raises(AssertionError, match="NOT STARTED"):
        check("L05-E1", _stub)
    monkeypatch.setenv("KOOPTEACH_UNTOUCHED", "1")
    assert check("L05-E1", _stub) is _scale


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("L00-E77", "There is no L00-E77; lesson 00 has L00-E1, "),
        ("L99-E1", "Lesson 99 has no exercises; there are some in 00"),
        ("lesson five", "they look like"),
        (5, "they look like"),
    ],
)
def test_an_unknown_exercise_is_said_and_the_answer_kept(capsys, monkeypatch, name, words):
    assert check(name, _scale) is _scale
    assert words in capsys.readouterr().out
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    with pytest.raises(AssertionError, match="NOT YET"):
        check(name, _scale)


def test_a_fault_of_the_course_does_not_raise_at_a_learner(two_exercises, capsys, monkeypatch):
    def broken(x, factor):
        raise KeyError("ours")

    two_exercises["L05-E1"] = (_exercise(reference=broken), None)
    assert check("L05-E1", _scale) is broken
    assert "a fault of the course" in capsys.readouterr().out
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    with pytest.raises(KeyError):
        check("L05-E1", _scale)


def test_only_the_lessons_own_module_is_loaded(monkeypatch):
    loaded = []
    monkeypatch.setattr(declared, "load", lambda lesson: loaded.append(lesson) or _FakeLesson)
    declared.find("L00-E1")
    assert loaded == ["00"]


class _FakeLesson:
    EXERCISES = (_exercise(id="L00-E1"),)


# --- declarations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["L5-E1", "L05-E0", "E1", "L05-E1b"])
def test_a_malformed_id_is_refused(name):
    with pytest.raises(ValueError, match="id must look like"):
        _exercise(id=name)


def test_a_function_with_parameters_needs_inputs_and_an_example():
    with pytest.raises(ValueError, match=r"takes \(x, factor\)"):
        _exercise(inputs=None)
    with pytest.raises(ValueError, match="needs inputs= and example="):
        _exercise(example=None)


def test_a_statistical_identity_states_a_small_rate():
    with pytest.raises(ValueError, match="false_rejection"):
        Identity("Loose.", lambda answer, args: True, false_rejection=1e-3)


def test_every_line_fits_and_comes_in_order():
    """The word first, the symbol second, the next step last."""
    for answer in [_scale, _stub, _yields, _scale_in_place]:
        lines = text(_exercise(), examine(_exercise(), answer), None).splitlines()
        assert lines[0].split(" L05")[0] in {state.value for state in State}
        assert any(line.startswith("Next: ") for line in lines[-2:])


def test_the_signature_is_the_one_that_notebooks_use():
    assert list(inspect.signature(engine.check).parameters) == ["exercise_id", "answer"]

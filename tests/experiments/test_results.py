"""The committed results: rows as declared, bands as known, pages as the writer makes them; some rows live."""

import dataclasses
import random
import re
from pathlib import Path

import pytest

from experiments.machinery import page, runner, store
from experiments.machinery.fingerprint import HOMES

RESULTS = Path(__file__).resolve().parents[2] / "results"
NAMES = [name for name in runner.names() if (RESULTS / f"{name}.json").is_file()]


@pytest.fixture(scope="module", params=NAMES)
def results(request):
    """The name of an experiment, its declaration, its rows."""
    return request.param, runner.load(request.param), store.load(RESULTS / f"{request.param}.json")


def test_all_but_what_needs_a_gpu_is_computed():
    assert set(runner.names()) - set(NAMES) <= {"image-flows-gpu"}


def test_the_committed_rows_are_those_declared(results):
    """If not: ``python -m experiments NAME``."""
    name, experiment, records = results
    assert list(records) == [row.id for row in experiment.rows]
    stored = (RESULTS / f"{name}.json").read_text(encoding="utf-8")
    assert stored == page.json_text(experiment, records)  # parameters, seeds and the bands' verdicts too
    for row in experiment.rows:
        assert all(len(values) == len(row.seeds) for values in records[row.id]["numbers"].values())


def test_the_bands_that_are_missed_are_those_known_to_be(results):
    """``missed`` of each experiment is the one list of them, with the reason: not one more, not one less."""
    _, experiment, records = results
    broken = [band for row in experiment.rows for band in row.missed(records[row.id]["numbers"])]
    assert sorted(broken) == sorted(experiment.missed)


def test_the_page_is_what_the_writer_makes_of_the_rows(results):
    """If not: ``python -m experiments pages``. How many rows are older than which code is left as it was said."""
    name, experiment, records = results
    text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    made_by = page.AGE.search(text)
    assert made_by
    assert text == page.markdown(name, experiment, records, made_by.group())


def test_the_picture_is_there_and_small(results):
    name, experiment, _ = results
    assert experiment.picture is not None
    assert 0 < (RESULTS / f"{name}.png").stat().st_size <= 200_000


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")


def test_a_verdict_is_three_sentences_whose_numbers_come_from_the_rows(results):
    """Other rows would give other numbers; the rest are settings, which rows and headings name, too."""
    _, experiment, records = results
    draw = random.Random(0)

    def other(values):
        return [draw.uniform(1.1, 9) * (value or 1) for value in values]

    def changed():
        return {
            id: {**record, "numbers": {name: other(values) for name, values in record["numbers"].items()}}
            for id, record in records.items()
        }

    told, *elsewhere = (experiment.verdict(page.cite(of)) for of in (records, changed(), changed(), changed()))
    assert len(told) == 3
    settings = " ".join([experiment.about, *(f"{row.id} {row.table} {row.parameters}" for row in experiment.rows)])
    fixed = set.intersection(*(set(NUMBER.findall(" ".join(sentences))) for sentences in (told, *elsewhere)))
    assert fixed <= {"2", *NUMBER.findall(settings.replace("-", " "))}  # sliced W2


def test_every_row_names_its_commit(results):
    for record in results[2].values():
        assert re.fullmatch(r"[0-9a-f]{7,}\+?", record["commit"])


def test_the_homes_whose_code_is_followed_are_this_clones():
    root = RESULTS.parent
    assert set(HOMES.values()) == {root / "koopteach", root / "course" / "koopcourse", root / "experiments"}


LIVE = [
    ("curved-interpolants", "gaussian-straight", 1),
    ("curved-interpolants", "gaussian-linear", 1),
    ("curved-interpolants", "cost.64", 1),
]
SLOW = [
    ("kswgd", "well-4.kswgd-damped.one-mode", 1),
    ("kswgd", "well-4.data-herded.one-mode", 1),
    ("kswgd", "torus.patch.projected-yes", 1),
    ("kswgd", "circle.exact.damped", 1),
    ("kswgd", "ou.rates.generatoredmd", 5),
    ("kswgd", "ou.rates.edmd", 5),
    ("kswgd", "well-1.rates", 5),
    ("koopman-cfm", "flow-eight-gaussians-exact", 1),
    ("conditional", "sum.kswgd-damped", 1),
    ("curved-interpolants", "determinant-kept", 1),
    ("curved-interpolants", "determinant-omitted", 1),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "id", "seeds"), [*LIVE, *(pytest.param(*one, marks=pytest.mark.slow) for one in SLOW)]
)
def test_cheap_rows_hold_their_bands_today(name, id, seeds):
    row = next(row for row in runner.load(name).rows if row.id == id)
    row = dataclasses.replace(row, seeds=row.seeds[:seeds])
    numbers = row.numbers()
    print(numbers)
    assert all(row.verdicts(numbers).values())


def test_a_picture_that_a_lesson_shows_is_that_of_the_page():
    """If not: ``python -m experiments pages --live``."""
    shown = {path.stem.removeprefix("page-"): path for path in runner.DATA.glob("page-*.png")}
    assert shown
    assert [name for name, path in shown.items() if path.read_bytes() != (RESULTS / f"{name}.png").read_bytes()] == []

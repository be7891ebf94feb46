"""What lessons quote of the study pages follows from the rows: a number as it is rounded, words by what they claim."""

import json
import re
from statistics import median

import pytest

from experiments.conditional import methods
from experiments.machinery import runner, store
from koopcourse.authoring.tree import Course

LESSONS = {script.lesson: script for script in Course().scripts("notebooks")}


def of(page, row, column):
    return median(store.load(runner.RESULTS / f"{page}.json")[row]["numbers"][column])


def floors(page, row):
    return of(page, row, "sliced W2") / of(page, row, "sliced W2 floor")


def races():
    """Of the page on particles: their rows by method, and the floor, in the order of the page."""
    kept = json.loads((runner.RESULTS / "particles.json").read_text(encoding="utf-8"))["races"]
    return [{row["method"]: row for row in race["rows"]} | {"floor": race["floor"]} for race in kept]


# lesson -> sentence, with a place for each number, and the numbers
NUMBERS = [
    ("10", "err by {:.2f} half way, end points alone by {:.1f}", ("paper", "target-alone")),
    ("10", "about {:.2f} against {:.1f} (`results/koopman-cfm.md`)", ("paper", "target-alone")),
    (
        "10",
        "errs by {:.3f} half way (*paper*; with one pair by {:.3f}), the free generator with its four losses by {:.2f}",
        ("paper", "paper-one-pair", "free-generator-autoencoder"),
    ),
]


def prose(lesson):
    """A lesson as one line, without the marks of comments and emphasis that a line's end may break."""
    lines = LESSONS[lesson].path.read_text(encoding="utf-8").splitlines()
    return " ".join(" ".join(line.removeprefix("#").strip() for line in lines).split())


@pytest.mark.parametrize(("lesson", "sentence", "recipes"), NUMBERS, ids=range(len(NUMBERS)))
def test_shares_of_the_papers_training_are_those_of_the_page(lesson, sentence, recipes):
    found = [of("koopman-cfm", f"moons-recipe-{recipe}", "mid") for recipe in recipes]
    assert sentence.format(*found) in prose(lesson)


def test_the_digits_of_a_spectrum_for_each_class_are_as_near_as_drawn_again():
    near, again = (
        of("images", f"digits.evenness.{method}", "neighbour") for method in ("kswgd-by-class", "data-resampled")
    )
    assert f"{near:.2f} on the three seeds of `results/images.md`" in prose("11")
    assert near == pytest.approx(again, abs=0.02)  # no more than data drawn again with noise have there


def test_on_clothes_mixture_and_flow_are_ahead():
    rivals, ours = ("latent-flow", "gaussian-mixture-40"), of("images", "fashion.law.kswgd-tuned", "Frechet")
    assert max(of("images", f"fashion.law.{name}", "Frechet") for name in rivals) < ours


def test_a_longer_training_before_a_larger_network():
    found = [
        of("image-flows", f"fashion-{name}", "Frechet")
        for name in ("teacher-midpoint-20", "6-x-the-training-midpoint-20", "mixture-of-40")
    ]
    floor = of("image-flows", "fashion-mixture-of-40", "Frechet floor")
    assert "from {:.1f} to {:.2f}, and a mixture of 40 has {:.2f} (floor {:.2f})".format(*found, floor) in prose("12")


def test_batches_until_the_transport_has_paid():
    """Of the three grids, from zero and from one phase, and a sentence for each."""
    zero, phase = (
        [of("allen-cahn", f"bill.{n}-points", f"batches to pay, from {start}") for n in (64, 128, 256)]
        for start in ("zero", "one phase")
    )
    words = {4: "four", 5: "five", 6: "six", 7: "seven"}
    worst = max(
        store.load(runner.RESULTS / "allen-cahn.json")["bill.64-points"]["numbers"]["batches to pay, from zero"]
    )
    assert f"after {words[min(zero)]} to {words[worst]} in `results/allen-cahn.md`" in prose("13")
    assert max(phase) <= 5  # pays after a few


def test_conditional_sampling_by_a_score_that_is_estimated_and_by_the_true_one():
    walkers = [f"{p}.ula-kde-score-equal-cpu" for p in ("sum", "narrow", "well")]
    ends = [of("conditional", row, "sliced W2") for row in walkers]
    assert f"comes to {min(ends):.2f} to {max(ends):.2f} on the well, two to five floors" in prose("14")
    assert [round(f(floors("conditional", row) for row in walkers)) for f in (min, max)] == [2, 5]
    assert max(floors("conditional", f"{p}.ula-true-score-equal-cpu") for p in ("sum", "narrow", "well")) < 1.3
    assert max(floors("conditional", f"{p}.kswgd-damped-a-random-800-of-8-000") for p in ("sum", "well", "ring")) < 1.3
    ours, copies = (of("conditional", f"well.{name}", "KL") for name in ("kswgd-damped", "importance-resampling"))
    assert ours > max(copies, of("conditional", "well.kswgd-damped", "KL floor"))
    needle = {name: of("conditional", f"needle.{name}", "sliced W2") for name in ("kswgd-tempered", "kswgd-damped")}
    assert needle["kswgd-tempered"] > needle["kswgd-damped"]  # tempering is behind


def test_particles_against_the_clock():
    """Lessons 05 and 06: where the particles rest, and who is ahead in seconds."""
    samples4, samples1, score4, ring = races()
    rest, (floor, sd) = samples4["KSWGD"]["at the end"], samples4["floor"]
    assert f"they rest at {rest:.3f}, beside a floor of {floor:.3g} ± {sd:.3g}" in prose("05").replace("\\", "")
    reached = "seconds to 1.2 floors"
    assert abs(score4["ULA"]["distance at KSWGD's seconds"] - floor) < sd  # on par: in the band
    assert ring["ULA"][reached] > 5 * ring["KSWGD"][reached]
    assert [samples4[rival][reached] for rival in ("ULA", "SVGD")] == [None, None]
    assert samples1["ULA"][reached] is None
    assert samples1["SVGD"][reached] > samples1["KSWGD"][reached]


@pytest.mark.slow
def test_the_even_rival_of_conditional_sampling_knows_the_weights():
    """Herded under their weights prior samples lie below half a floor of the tilted ring; without them far above."""
    x, _ = methods.herded("ring", 1)
    unit = methods.floors_of("ring")["sliced W2 floor"]
    assert methods.distances("ring")["sliced W2"](x) < 0.6 * unit
    assert methods.distances("ring")["sliced W2"](methods.prior("ring", 1)[:800]) > 3 * unit


PROBLEMS = ("gaussian-to-moons", "eight-gaussians-to-moons", "gaussian-to-checkerboard")


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("rival", ["ot-cfm", "ot-cfm-reflow", "local-pairs"])
def test_the_race_of_lesson_nine(problem, rival):
    """One step: ahead with every seed, of rivals with more seconds; two and four: nobody ahead by more than .001."""
    numbers = store.load(runner.RESULTS / "curved-interpolants.json")[f"race-{problem}-{rival}"]["numbers"]
    assert min(numbers["above ours at 1"]) > 0
    assert median(numbers["seconds / ours"]) > 1
    assert min(median(numbers[f"above ours at {k}"]) for k in (2, 4)) > -0.001


@pytest.mark.parametrize("problem", PROBLEMS)
def test_with_more_than_twice_the_seconds_local_pairs_overtake(problem):
    numbers = store.load(runner.RESULTS / "curved-interpolants.json")[f"race-{problem}-local-pairs-more-steps"][
        "numbers"
    ]
    assert median(numbers["seconds / ours"]) > 2
    assert median(numbers["above ours at 1"]) < 0


def test_every_page_that_a_lesson_names_is_there():
    for lesson in LESSONS:
        for name in re.findall(r"`results/([\w-]+)\.md`", prose(lesson)):
            assert (runner.RESULTS / f"{name}.md").is_file(), (lesson, name)

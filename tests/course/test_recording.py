"""Recorded widgets: each picture is what draw shows there, nothing else changes, and what is committed is whole."""

import io
import json
import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.needs import needs

plt = needs("matplotlib.pyplot")
needs("jupytext")
needs("ipywidgets")

from PIL import Image

from koopcourse import plotting
from koopcourse.authoring import recordings
from koopcourse.authoring.build import build
from koopcourse.authoring.execute import code_cells, execute, kernel_environment
from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import read_notebook, read_script
from koopcourse.plotting import choices, explore, figures, finish, new_figure, recorder, slider
from koopcourse.plotting.recorder import MOST, allowance, record, spread


def draw(rank, damping=1.0):
    fig, (ax,) = new_figure()
    ax.plot([0, 1], [0, rank], color=plotting.COLORS["model"])
    ax.axvline(damping)
    ax.set(xlabel="time", ylabel="energy", xlim=(0, 3), ylim=(0, 30))
    finish(fig, f"one line that rises to {rank}, and a bar at {damping:g}")


CONTROLS = {"rank": slider(5, 20, 5, 10), "damping": choices([2.0, 1.0, 0.1], 1.0, ["two", "one", "a tenth"])}


@pytest.fixture(autouse=True)
def _learner(monkeypatch):
    monkeypatch.delenv(recorder.FOLDER, raising=False)
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")


@pytest.fixture
def recorded(tmp_path):
    """A folder to record in, as the builder hands it to a kernel whose second cell runs."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / recorder.CELL).write_text("1", encoding="utf-8")
    return folder


def noted(folder):
    """The controls of each widget that was recorded in the folder."""
    lines = (folder / recorder.NOTES).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["controls"] for line in lines]


def pixels(picture):
    with Image.open(picture) as image:
        return np.asarray(image.convert("RGB"), dtype=int)


def shown_at(monkeypatch, **values):
    """What ``draw`` shows, as pixels of the recording's size."""
    seen = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(figures, "_display", lambda fig, alt: fig.savefig(seen, dpi=recorder.DPI, format="png"))
        draw(**values)
    return pixels(seen)


# One widget


@pytest.mark.slow
def test_each_frame_is_what_draw_shows_there(recorded, monkeypatch):
    record(draw, CONTROLS, recorded)
    (controls,) = noted(recorded)
    start = {name: control.start for name, control in CONTROLS.items()}
    assert [c["name"] for c in controls] == list(CONTROLS)
    for told, (name, control) in zip(controls, CONTROLS.items()):
        assert told["labels"] == list(control.labels)
        assert told["start"] == control.values.index(control.start)
        for value, frame, alt in zip(control.values, told["frames"], told["alts"]):
            values = {**start, name: value}
            error = np.abs(pixels(recorded / frame) - shown_at(monkeypatch, **values))
            assert error.max() <= recorder.SHADES / 2, frame
            assert alt == f"one line that rises to {values['rank']}, and a bar at {values['damping']:g}"
    at_start = shown_at(monkeypatch, **start)
    assert np.abs(at_start - shown_at(monkeypatch, **{**start, "rank": 20})).max() > 100
    assert at_start.shape[1] == round(plotting.style.ONE_COLUMN * recorder.DPI)


@pytest.mark.slow
def test_the_start_is_stored_once_and_shared(recorded):
    record(draw, CONTROLS, recorded)
    (controls,) = noted(recorded)
    assert {control["frames"][control["start"]] for control in controls} == {"1-start.webp"}
    frames = [frame for control in controls for frame in control["frames"]]
    assert {path.name for path in recorded.glob("*.webp")} == set(frames)
    assert len(set(frames)) == len(frames) - 1 == 6


@pytest.mark.slow
def test_names_are_as_shown_and_widgets_are_counted(recorded):
    def one(max_move):
        draw(max_move)

    for _ in range(3):
        record(one, {"max_move": choices([1, 2], 2)}, recorded)
    assert [controls[0]["name"] for controls in noted(recorded)] == ["max move"] * 3
    assert noted(recorded)[2][0]["frames"] == ["3-max_move-0.webp", "3-start.webp"]


@pytest.mark.slow
def test_nobodys_random_numbers_figures_settings_and_outputs_change(recorded, capsys):
    def careless(rank):
        noise = [torch.rand(1).item(), np.random.rand(), random.random()]  # noqa: NPY002
        plt.rcParams["font.size"] = 10 + rank
        plt.figure()
        print("drawn", noise)
        draw(rank)

    def state():
        generators = torch.random.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        return generators, dict(plt.rcParams), plt.get_fignums(), plt.gcf(), figures._display

    plt.figure()  # the notebook's own, which stays open
    before = state()
    record(careless, {"rank": CONTROLS["rank"]}, recorded)
    assert state() == before
    with pytest.raises(RuntimeError):
        record(lambda rank: careless(-rank), {"rank": choices([9, "x"], 9)}, recorded)
    assert state() == before
    assert capsys.readouterr() == ("", "")
    plt.close("all")


def broken(rank):
    if rank == 15:
        raise ZeroDivisionError("no rank is left")
    draw(rank)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        (broken, "rank at 15: ZeroDivisionError: no rank is left"),
        (lambda rank: rank == 10 and draw(rank), "rank at 5: draw must end in one finish, got 0 figures"),
        (lambda rank: [draw(rank), draw(rank)], "the start: draw must end in one finish, got 2 figures"),
    ],
)
def test_a_frame_that_fails_is_named(recorded, drawn, told):
    with pytest.raises(RuntimeError, match=f"recording a widget, {told}"):
        record(drawn, {"rank": CONTROLS["rank"]}, recorded)


# How many


def test_positions_are_spread_evenly_with_the_start_among_them():
    for count, most in [(1, 60), (2, 60), (60, 60), (61, 60), (200, 60), (21, 8), (9, 8), (100, 7)]:
        for start in range(count):
            chosen = spread(count, most, start)
            assert chosen == sorted(set(chosen))
            assert start in chosen
            assert {0, count - 1} <= set(chosen)
            assert len(chosen) == min(count, most)
            assert max(np.diff(chosen), default=0) <= math.ceil((count - 1) / (most - 2))


@pytest.mark.parametrize("counts", [[500], [41, 8], [41, 41], [100, 2, 30], [9] * 9])
def test_a_widget_has_sixty_pictures_at_most(counts):
    each = allowance(counts, 0.3)
    assert 1 + sum(min(count, each) - 1 for count in counts) <= MOST
    more = 1 + sum(min(count, each + 1) - 1 for count in counts)
    assert more > MOST or each == max(counts)


def test_slow_pictures_are_fewer_but_eight_values_of_each_control():
    assert allowance([41], 1.0) == 41
    assert allowance([41], 2.0) == 12
    assert allowance([41, 5], 2.0) == 8
    assert allowance([41, 41], 9.0) == 8
    assert allowance([5, 5], 9.0) == 5


@pytest.mark.slow
def test_a_long_slider_is_recorded_in_sixty_pictures(recorded, monkeypatch):
    monkeypatch.setattr(recorder, "time", SimpleNamespace(process_time=lambda: 0.0))  # on any computer
    record(draw, {"rank": slider(0, 200, 1, 137)}, recorded)
    ((told,),) = noted(recorded)
    assert len(told["frames"]) == len(told["labels"]) == len(told["alts"]) == len(set(told["frames"])) == MOST
    assert told["labels"][told["start"]] == "137"
    assert told["alts"][-1].startswith("one line that rises to 200,")


@pytest.mark.slow
def test_the_first_picture_is_timed(recorded, monkeypatch):
    clock = SimpleNamespace(seconds=0.0, process_time=lambda: clock.seconds)

    def slow(rank):
        clock.seconds += 5.0
        draw(rank)

    monkeypatch.setattr(recorder, "time", clock)
    record(slow, {"rank": slider(1, 30, 1, 3)}, recorded)
    ((told,),) = noted(recorded)
    assert len(told["labels"]) == 8
    assert {"1", "3", "30"} <= set(told["labels"])
    assert told["labels"][told["start"]] == "3"


# Who records


@pytest.fixture
def kernel(monkeypatch):
    """What ``explore`` sees in a kernel."""
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("ipywidgets.interact", lambda draw, **sliders: None)
    monkeypatch.setattr(figures, "_display", lambda fig, alt: None)


@pytest.mark.usefixtures("kernel")
def test_only_the_builder_has_widgets_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = []
    monkeypatch.setattr(recorder, "record", lambda draw, controls, folder: calls.append(folder))
    explore(draw, **CONTROLS)
    assert calls == []
    monkeypatch.setenv(recorder.FOLDER, str(tmp_path))
    explore(draw, **CONTROLS)
    assert calls == [tmp_path]


def test_the_wish_is_not_inherited(tmp_path, monkeypatch):
    monkeypatch.setenv(recorder.FOLDER, str(tmp_path))
    assert recorder.FOLDER not in kernel_environment(tmp_path / "progress.json")
    asked = kernel_environment(tmp_path / "progress.json", record=tmp_path / "pictures")
    assert asked[recorder.FOLDER] == str(tmp_path / "pictures")


# The builder


LESSON = """
# %% [markdown]
# # A small lesson

# %% [markdown]
# Cells of prose count, too.

# %%
import random
import koopcourse as kc
from koopcourse import plotting
random.seed(3)

# %% tags=["widget"]
def draw(rank, power=1):
    fig, (ax,) = plotting.new_figure()
    ax.plot([0, random.random()], [0, rank**power])
    ax.set(xlabel="time", ylabel="energy")
    plotting.finish(fig, f"one line that rises up to {rank} to the {power}")
for power in (1, 2):
    plotting.explore(draw, rank=plotting.choices([1, 2, 3], 2), power=plotting.choices([power, 3], power))

# %%
kc.show("random", random.random())
""".lstrip()


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr("koopcourse.authoring.build.PACKAGES", ())
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "05_small.py").write_text(LESSON, encoding="utf-8")
    return Course(tmp_path)


def contents(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("*")}


@pytest.mark.slow
def test_a_build_records_once_and_changes_nothing_else(course):
    (script,) = course.scripts("notebooks")
    said = []
    assert build(course, say=said.append)
    assert said[0].endswith(", 8 pictures of its widgets")
    stored = read_notebook(script.notebook)
    assert [(widget["cell"], widget["call"]) for widget in recordings.read(script.recorded)] == [(3, 0), (3, 1)]
    assert recordings.faults(stored, script.recorded) == []
    alts = {c["name"]: c["alts"] for c in recordings.read(script.recorded)[1]["controls"]}
    assert alts["power"] == ["one line that rises up to 2 to the 2", "one line that rises up to 2 to the 3"]

    unrecorded = execute(read_script(script.path), script.path.parent)  # what the tests and a learner run
    assert [cell.outputs for cell in code_cells(unrecorded)] == [cell.outputs for cell in code_cells(stored)]

    before = contents(script.recorded)
    assert build(course, say=said.append)
    assert said[-1].endswith("unchanged")
    assert contents(script.recorded) == before

    (script.recorded / "1-start.webp").unlink()  # recorded anew, as it was
    assert build(course, say=said.append)
    assert "same outputs in" in said[-1]
    assert {name: new for name, (_, new) in contents(script.recorded).items()} == {n: b for n, (_, b) in before.items()}


@pytest.mark.slow
def test_a_build_names_lesson_control_and_value_and_keeps_what_was_there(course):
    (script,) = course.scripts("notebooks")
    script.recorded.mkdir(parents=True)
    (script.recorded / "1-start.webp").write_bytes(b"old")
    text = LESSON.replace("plotting.new_figure()", "plotting.new_figure() if (rank, power) != (2, 3) else 1 / 0")
    text = text.replace("choices([power, 3], power)", "choices([power, 3, 4], power)")  # no end
    script.path.write_text(text, encoding="utf-8")
    said = []
    assert not build(course, say=said.append)
    assert said[0].startswith("notebooks/05_small.py: NOT BUILT, cell c003 stopped with RuntimeError:")
    assert "recording a widget, power at 3: ZeroDivisionError" in said[0]
    assert contents(script.recorded)["1-start.webp"][1] == b"old"
    assert not script.notebook.exists()


def cells_of(*sources):
    return SimpleNamespace(cells=[SimpleNamespace(cell_type="code", source=source) for source in sources])


@pytest.mark.slow
def test_older_pictures_go_and_a_lesson_without_widgets_has_no_folder(recorded, tmp_path):
    empty, folder = tmp_path / "empty", tmp_path / "recorded" / "05_small"
    for path in (empty, folder):
        path.mkdir(parents=True)
    record(draw, CONTROLS, recorded)
    (folder / "1-rank-9.webp").write_bytes(b"of an older slider")
    assert recordings.store(recorded, folder) == 6
    assert recordings.faults(cells_of("x = 1", "kc.plotting.explore(draw)"), folder) == []
    before = contents(folder)
    assert recordings.store(recorded, folder) == 6
    assert contents(folder) == before  # not even touched
    assert recordings.store(empty, folder) == 0
    assert not folder.exists()
    assert recordings.store(empty, folder) == 0


@pytest.mark.slow
def test_each_disagreement_of_notebook_and_recording_is_found(recorded, tmp_path):
    folder = tmp_path / "05_small"
    record(draw, CONTROLS, recorded)
    recordings.store(recorded, folder)
    assert recordings.faults(cells_of("x = 1", "explore(draw)", "def f():\n    explore(draw)"), folder) == []
    assert recordings.faults(cells_of("explore(draw)", "x = 1"), folder) == [
        "cell 0 calls explore and is not recorded",
        "cell 1 is recorded and does not call explore",
    ]
    (folder / "1-start.webp").rename(folder / "1-old.webp")
    assert recordings.faults(cells_of("x = 1", "explore(draw)"), folder) == [
        "1-start.webp is missing",
        "1-old.webp belongs to no widget",
    ]

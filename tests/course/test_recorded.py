"""The committed recordings of widgets: whole, described, small, and those of their notebooks."""

import ast
import base64
import io
import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from tests.needs import needs

needs("jupytext")
needs("matplotlib.pyplot")

from PIL import Image

from koopcourse import plotting
from koopcourse.authoring import recordings
from koopcourse.authoring.execute import code_cells
from koopcourse.authoring.sheet import called_names, tags
from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import read_notebook, read_script
from koopcourse.plotting import recorder

COURSE = Course()
KINDS = ("notebooks", "solutions")
BYTES = 8_000_000
# Controls whose values a lesson computes: they cannot be read off its source.
COMPUTED = {
    *(("07", "run"), ("08", "flow_of"), ("09", "schedule"), ("09", "law"), ("09", "flow")),
    *(("12", "direction"), ("16", "columns")),
}


@cache
def notebooks():
    """Script -> its stored notebook."""
    return {script: read_notebook(script.notebook) for script in COURSE.scripts(*KINDS)}


@cache
def recorded():
    """The scripts of notebooks with widgets."""
    return [script for script, notebook in notebooks().items() if recordings.exploring(notebook)]


def widgets():
    """Script, stored cell and recording of every widget of the course."""
    for script in recorded():
        for widget in recordings.read(script.recorded):
            yield script, notebooks()[script].cells[widget["cell"]], widget


def stored_picture(cell, widget):
    """The picture that the notebook shows in place of the widget, and its words."""
    outputs = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    output = outputs[widget["call"]]
    return Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))), output.metadata["image/png"]["alt"]


def declared(script):
    """What the source says of the controls of each call of ``explore``: name -> Control, None where it is computed."""
    names = {"plotting": plotting, "kc": SimpleNamespace(plotting=plotting), "math": math}
    names |= {"slider": plotting.slider, "choices": plotting.choices}
    for cell in code_cells(read_script(script.path)):
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Assign):
                assign(statement, names)
            elif isinstance(statement, ast.Expr) and any(n.endswith("explore") for n in called_names(statement)):
                yield {word.arg: evaluated(word.value, names) for word in statement.value.keywords}


def assign(statement, names):
    """Do as the source does, unless it needs what only the lesson computes."""
    try:
        exec(ast.unparse(statement), names)
    except Exception:
        for name in ast.walk(statement):
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                names.pop(name.id, None)


def evaluated(expression, names):
    try:
        return eval(ast.unparse(expression), names)
    except Exception:
        return None


@pytest.mark.slow
def test_every_widget_is_recorded_and_nothing_else():
    found = {script.name: recordings.faults(notebooks()[script], script.recorded) for script in recorded()}
    assert not {name: faults for name, faults in found.items() if faults}
    folders = {path for kind in KINDS for path in (COURSE.root / kind / "recorded").glob("*")}
    assert folders == {script.recorded for script in recorded()}


@pytest.mark.slow
def test_every_widget_can_be_recorded():
    """An ipywidget that does not come from ``explore`` would be dead on a page without a kernel."""
    for script, notebook in notebooks().items():
        tagged = [i for i, cell in enumerate(notebook.cells) if "widget" in tags(cell)]
        assert tagged == recordings.exploring(notebook), script.name
        assert not [cell.id for cell in code_cells(notebook) if "ipywidgets" in cell.source], script.name


@pytest.mark.slow
def test_labels_are_the_controls():
    computed = set()
    for script in recorded():
        calls, kept = list(declared(script)), recordings.read(script.recorded)
        assert len(calls) == len(kept), script.name
        for controls, widget in zip(calls, kept):
            assert [told["name"] for told in widget["controls"]] == [recorder.shown_name(name) for name in controls]
            for (name, control), told in zip(controls.items(), widget["controls"]):
                if control is None:
                    computed.add((script.lesson, name))
                else:
                    labels_of(control, told)
    assert computed == {pair for pair in COMPUTED if pair[0] in {script.lesson for script in recorded()}}


def labels_of(control, told):
    """All labels of the control in order, or at least a few with both ends and the start among them."""
    places = [control.labels.index(label) for label in told["labels"]]
    start = control.values.index(control.start)
    assert places == sorted(set(places))
    assert {0, start, len(control.labels) - 1} <= set(places)
    assert places[told["start"]] == start
    assert len(places) == len(control.labels) or len(places) >= recorder.FEW


def test_recordings_are_complete_and_described():
    for script, _, widget in widgets():
        frames = {frame for told in widget["controls"] for frame in told["frames"]}
        assert len(frames) <= recorder.MOST, script.name
        assert len({told["frames"][told["start"]] for told in widget["controls"]}) == 1, script.name
        for told in widget["controls"]:
            assert len(told["labels"]) == len(told["frames"]) == len(told["alts"]) > 1, script.name
            assert len(set(told["labels"])) == len(told["labels"]) == len(set(told["frames"])), script.name
            assert all(len(alt.split()) >= 5 for alt in told["alts"]), script.name


def test_all_recordings_together_are_small():
    files = [path for kind in KINDS for path in (COURSE.root / kind / "recorded").glob("*/*")]
    assert sum(path.stat().st_size for path in files) < BYTES


@pytest.mark.slow
def test_every_frame_can_be_opened():
    for script in recorded():
        for path in script.recorded.glob("*.webp"):
            with Image.open(path) as image:
                image.load()
                assert image.format == "WEBP"
                assert 400 < image.width <= 1.1 * plotting.style.TWO_COLUMNS * recorder.DPI, path.name


def ink(image):
    """The part of a picture that is not white margin, small and grey."""
    dark = 255 - np.asarray(image.convert("L"), dtype=int) > 20
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    part = image.convert("L").crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return np.asarray(part.resize((90, 40), Image.Resampling.BOX), dtype=float)


@pytest.mark.slow
def test_the_first_frame_is_the_notebooks_picture():
    """Drawn in the same run: the same words, and the same picture but for its size and margins."""
    for script, cell, widget in widgets():
        told = widget["controls"][0]
        stored, alt = stored_picture(cell, widget)
        assert told["alts"][told["start"]] == alt, script.name
        with Image.open(script.recorded / told["frames"][told["start"]]) as first:
            likeness = np.corrcoef(ink(stored).ravel(), ink(first).ravel())[0, 1]
        assert likeness > 0.9, (script.name, likeness)

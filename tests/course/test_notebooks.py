"""The stored notebooks: they belong to their sources, and can be shown and compared as they are."""

import ast
import subprocess
import sys

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring.build import unexecuted, without_outputs
from koopcourse.authoring.execute import code_cells, complaints, execute
from koopcourse.authoring.lint import lint
from koopcourse.authoring.sheet import calls, tags
from koopcourse.authoring.tree import EXECUTED, SOURCES, Course
from koopcourse.notebook_io import canonical, notebook_bytes, read_notebook, read_script

COURSE = Course()
SPEAKS = ("show", "print", "check", "explore")


def speaks(cell):
    """True if the cell itself, not a function that it defines, calls something that prints or draws."""
    body = [node for node in ast.parse(cell.source).body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return any(calls(node, name) for node in body for name in SPEAKS)


def test_every_notebook_has_its_source_and_every_source_its_notebook():
    stored = {path.with_suffix(".py") for path in COURSE.notebooks(*SOURCES)}
    assert stored == {script.path for script in COURSE.scripts()}


@pytest.mark.slow
def test_stored_cells_are_the_sources_cells():
    for script in COURSE.scripts():
        stored = [(cell.cell_type, cell.source, tags(cell)) for cell in read_notebook(script.notebook).cells]
        source = [(cell.cell_type, cell.source, tags(cell)) for cell in read_script(script.path).cells]
        assert stored == source, f"{script.name}: run python -m koopcourse.authoring build {script.path.stem}"


@pytest.mark.slow
def test_rebuilding_would_change_no_byte_but_outputs():
    for script in COURSE.scripts(*EXECUTED):
        stored = read_notebook(script.notebook)
        built_from = stored.metadata["koopteach"]["built_from"]
        assert without_outputs(stored) == notebook_bytes(unexecuted(script, built_from)), script.name
        assert script.notebook.read_bytes() == notebook_bytes(stored), script.name


@pytest.mark.slow
def test_stored_notebooks_are_fit_to_be_shown_and_compared():
    found = {path.name: complaints(read_notebook(path)) for path in COURSE.notebooks(*EXECUTED)}
    assert not {name: faults for name, faults in found.items() if faults}


@pytest.mark.slow
def test_no_stored_comparison_is_vacuous():
    """nbval compares nothing where nothing is stored."""
    for path in COURSE.notebooks(*EXECUTED):
        mute = [cell.id for cell in code_cells(read_notebook(path)) if speaks(cell) and not cell.outputs]
        assert not mute, f"{path.name}: {mute} store no output"


def test_each_widget_stores_its_picture():
    for path in COURSE.notebooks(*EXECUTED):
        for cell in code_cells(read_notebook(path)):
            if "widget" in tags(cell):
                kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
                assert "image/png" in kinds, f"{path.name} {cell.id}"


@pytest.mark.slow
def test_lint_finds_nothing():
    assert [str(finding) for finding in lint(COURSE)] == []


NETWORK = """
import socket, subprocess, sys, urllib.request

for reach in (
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=5),
    lambda: socket.getaddrinfo("example.org", 443),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
    lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=5),
):
    try:
        reach()
    except OSError as refused:
        assert "closed in tests" in str(refused), refused
    else:
        raise AssertionError("the network was reached")

server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5).close()
server.close()
print("closed")
"""


@pytest.mark.slow
def test_kernels_reach_this_computer_alone(tmp_path):
    source = tmp_path / "probe.py"
    source.write_text(f"# %%\n{NETWORK}", encoding="utf-8")
    notebook = execute(canonical(read_script(source)), tmp_path)
    assert code_cells(notebook)[0].outputs[0].text == "closed\n"


def test_children_of_the_test_run_reach_this_computer_alone():
    done = subprocess.run([sys.executable, "-c", NETWORK], capture_output=True, text=True, check=False)
    assert done.stdout == "closed\n", done.stderr

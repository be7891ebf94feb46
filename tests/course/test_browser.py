"""The course as a learner meets it: JupyterLab in a real browser, on copies in work/lessons."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from typing import NamedTuple

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring.tree import Course
from koopcourse.doctor import MEMORY_GB

psutil = needs("psutil")  # comes with jupyterlab

SECONDS = 120
TOKEN = "learner"
COURSE = Course()
LESSONS = COURSE.notebooks("notebooks")
EVENING = COURSE.root / "exercises" / "17_an_evening.ipynb"  # a lesson and its exercises in one
HOMES = {"notebooks": "lessons", "exercises": "exercises"}  # in the learner's folder
ALWAYS = ("00_start_here", "05_kswgd")  # the others with `course.py test --all`
AXE = COURSE.root / "docs" / "site" / "vendor" / "axe" / "axe.min.js"

# Asked of the application itself: its menus move from one release to the next, its model does not.
CELLS = """
    const panel = window.jupyterapp?.shell.currentWidget;
    const cells = [...(panel?.content?.model?.cells ?? [])];
    const code = cells.filter(cell => cell.type === 'code');
    const errors = code.flatMap(cell => cell.outputs.toJSON()).filter(output => output.output_type === 'error');
"""
READY = "return code.length > 0 && panel.context.sessionContext?.session?.kernel?.status === 'idle';"
CLEAR = "code.forEach(cell => cell.clearExecution());"  # the stored counts would look like a run
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells');"  # not awaited: DONE is, with a time limit
DONE = "return errors.length > 0 || code.every(cell => cell.executionCount !== null);"
ERRORS = "return errors.map(error => `${error.ename}: ${error.evalue}`);"
TO_THE_WIDGET = """
    const place = cells.findIndex(cell => (cell.getMetadata('tags') ?? []).includes('widget'));
    panel.content.activeCellIndex = place;
    return panel.content.scrollToItem(place, 'start');
"""
PICTURE = ".jupyter-widgets img"
# What axe-core looks at is ours, not JupyterLab's: words in cells and outputs, tables, folds. JupyterLab gives no
# picture an alternative text, and ipywidgets no slider's handle a name: ours have words below, and a label beside.
OURS = [".jp-RenderedMarkdown", ".jp-RenderedHTMLCommon", ".widget-slider"]
RULES = ["color-contrast", "definition-list", "duplicate-id-aria", "empty-heading", "link-name", "list", "summary-name"]
RULES += ["td-headers-attr", "th-has-data-cells"]
LOOK = "([ours, rules]) => axe.run({include: ours}, {runOnly: {type: 'rule', values: rules}})"
WITHOUT_WORDS = """
    const pictures = [...panel.node.querySelectorAll('.jp-OutputArea-output img')];
    const told = picture => picture.closest('.jp-OutputArea').querySelector('small')?.textContent.split(' ').length > 4;
    return [pictures.length, pictures.filter(picture => !told(picture)).length];
"""
SLIDERS = """
    return [...panel.node.querySelectorAll('.widget-slider')].map(slider => [
        slider.querySelector('.widget-label').textContent,
        slider.title || slider.querySelector('[title]')?.title,
        slider.querySelector('.noUi-handle').tabIndex,
    ]);
"""
LEAVE = "async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }"


def asked(body):
    """A function of the page that knows the notebook's cells; not async, whose promise would count as true."""
    return f"() => {{ {CELLS} {body} }}"


class Lab(NamedTuple):
    """A running JupyterLab: the address of the learner's folder, and its process."""

    address: str
    pid: int


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a learner's folder, with settings of its own."""
    home = tmp_path_factory.mktemp("learner")
    for path in (*LESSONS, EVENING):
        folder = home / "work" / HOMES[path.parent.name]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    # A learner's environment: nothing strict, and every setting a fresh one.
    environment = {name: value for name, value in os.environ.items() if name != "KOOPTEACH_STRICT"}
    environment |= {f"JUPYTER{name}_DIR": str(home / name) for name in ("_CONFIG", "_DATA", "_RUNTIME")}
    environment |= {f"JUPYTERLAB_{name}_DIR": str(home / name) for name in ("SETTINGS", "WORKSPACES")}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    command += [f"--ServerApp.root_dir={home}", "--LabApp.expose_app_in_browser=True"]
    with (home / "server.log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server)
        yield Lab(f"http://127.0.0.1:{port}/lab/tree/work", server.pid)
    finally:
        server.terminate()
        server.wait(SECONDS)


def _wait_for(address, server):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, "JupyterLab stopped; see server.log"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise TimeoutError(f"JupyterLab did not answer within {SECONDS} s")


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(1000 * SECONDS)
    yield page
    page.close()


@pytest.fixture
def run(page, lab):
    """Open a notebook of the learner's folder, run all cells, return what they raised; its kernel ends afterwards."""

    def run(notebook):
        page.goto(f"{lab.address}/{HOMES[notebook.parent.name]}/{notebook.name}?token={TOKEN}&reset")
        page.wait_for_function(asked(READY))
        page.evaluate(asked(CLEAR))
        page.evaluate(asked(RUN))
        page.wait_for_function(asked(DONE), timeout=3 * 1000 * SECONDS)  # a lesson's minute, on a busy computer
        return page.evaluate(asked(ERRORS))

    yield run
    used = memory(lab.pid)
    page.evaluate(LEAVE)
    assert used < MEMORY_GB * 1e9


def memory(pid):
    """Bytes that JupyterLab, its kernels and what these have started hold now."""
    held = 0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            held += process.memory_info().rss
    return held


@pytest.mark.browser
@pytest.mark.parametrize(
    "notebook",
    [pytest.param(path, id=path.stem, marks=() if path.stem in ALWAYS else pytest.mark.all) for path in LESSONS],
)
def test_a_lesson_runs_from_top_to_bottom_and_its_slider_redraws(run, page, notebook, tmp_path):
    errors = run(notebook)
    page.screenshot(path=tmp_path / "lesson.png")
    assert errors == []
    move_a_slider_and_wait_for_its_picture(page, tmp_path)
    if notebook.stem in ALWAYS:
        everybody_can_use_what_is_ours(page)


@pytest.mark.browser
@pytest.mark.all
def test_the_evening_runs_from_top_to_bottom_before_anything_is_answered(run, page, tmp_path):
    errors = run(EVENING)
    page.screenshot(path=tmp_path / "evening.png")
    assert errors == []


def everybody_can_use_what_is_ours(page):
    """Contrast, tables and folds by axe-core; a sentence under every picture; sliders in the round of the Tab key."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(LOOK, [OURS, RULES])
    assert [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in found["violations"]] == []
    assert found["passes"] != []  # it did look
    pictures, wordless = page.evaluate(asked(WITHOUT_WORDS))
    assert pictures > 0
    assert wordless == 0
    sliders = page.evaluate(asked(SLIDERS))
    assert sliders != []
    assert all(label and f"{label}: the arrow keys move it, too" == title and tab == 0 for label, title, tab in sliders)


def move_a_slider_and_wait_for_its_picture(page, screenshots):
    page.evaluate(asked(TO_THE_WIDGET))
    before = page.locator(PICTURE).first.get_attribute("src")
    page.screenshot(path=screenshots / "before.png")

    handle = page.locator(".widget-slider .noUi-handle").first
    at_the_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    handle.focus()
    handle.press("ArrowLeft" if at_the_end else "ArrowRight")

    # The picture is away for a moment while it is redrawn.
    changed = f"before => ![undefined, before].includes(document.querySelector('{PICTURE}')?.src)"
    page.wait_for_function(changed, arg=before)
    page.screenshot(path=screenshots / "after.png")

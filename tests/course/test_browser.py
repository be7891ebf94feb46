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

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring.tree import Course

SECONDS = 120
TOKEN = "learner"
LESSONS = Course().notebooks("notebooks")
ALWAYS = ("00_start_here", "05_kswgd")  # the others with `course.py test --all`
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

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


def asked(body):
    """A function of the page that knows the notebook's cells; not async, whose promise would count as true."""
    return f"() => {{ {CELLS} {body} }}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a learner's folder, with settings of its own."""
    home = tmp_path_factory.mktemp("learner")
    lessons = home / "work" / "lessons"
    lessons.mkdir(parents=True)
    for path in LESSONS:
        shutil.copy(path, lessons)
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
        yield f"http://127.0.0.1:{port}/lab/tree/work/lessons"
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


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield window
        window.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(1000 * SECONDS)
    yield page
    page.close()


@pytest.fixture
def run(page, lab):
    """Open a notebook of the learner's folder, run all its cells, and return what they raised."""

    def run(notebook):
        page.goto(f"{lab}/{notebook.name}?token={TOKEN}&reset")
        page.wait_for_function(asked(READY))
        page.evaluate(asked(CLEAR))
        page.evaluate(asked(RUN))
        page.wait_for_function(asked(DONE), timeout=3 * 1000 * SECONDS)  # a lesson's minute, on a busy computer
        return page.evaluate(asked(ERRORS))

    return run


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

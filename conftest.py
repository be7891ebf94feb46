"""The conditions of every test run, for this process and for the kernels that it starts."""

from __future__ import annotations

import gc
import importlib.util
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import missing

ROOT = Path(__file__).resolve().parent
OFFLINE = ROOT / "tests" / "offline"
SLOW = 2.0  # the first test of a file may pay for what it imports
BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    os.path.join(os.environ.get("PROGRAMFILES", ""), "Google", "Chrome", "Application", "chrome.exe"),
)
QUIET = (  # a browser without questions, updates and telemetry
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# A kernel that is just ending keeps its history open, which Windows does not let anybody delete.
_scratch = tempfile.TemporaryDirectory(prefix="koopteach-tests-", ignore_cleanup_errors=True)


def _set_environment(scratch: Path) -> None:
    """Before anything imports torch: kernels and child processes inherit it."""
    for name in ("MPLBACKEND", "KOOPTEACH_UNTOUCHED", "KOOPTEACH_PROFILE", "KOOPTEACH_RECORD"):
        os.environ.pop(name, None)  # MPLBACKEND=Agg would take the figures from the notebooks
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["KOOPTEACH_STRICT"] = "1"
    os.environ["KOOPTEACH_DEVICE"] = "cpu"  # stored outputs are the CPU's; tests marked gpu name their device
    os.environ["KOOPTEACH_PROGRESS"] = str(scratch / "progress.json")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        os.environ[name] = str(scratch / name.lower())  # the author's own settings stay out of it
    paths = [str(OFFLINE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in paths if path))


_set_environment(Path(_scratch.name))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gpu", action="store_true", help="a missing CUDA device is a failure, not a skip")


def pytest_configure(config: pytest.Config) -> None:
    runpy.run_path(str(OFFLINE / "sitecustomize.py"))  # this process started before the path was set
    if importlib.util.find_spec("hypothesis"):  # the same examples in every run: a learner's red is a defect of ours
        settings = importlib.import_module("hypothesis").settings
        settings.register_profile("repeatable", derandomize=True)
        settings.load_profile("repeatable")
    if not hasattr(config, "workerinput") and importlib.util.find_spec("matplotlib"):
        # Building its font cache takes seconds and a warning, which would turn up in a notebook's output.
        importlib.import_module("matplotlib.font_manager")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is loaded stays until the end: looking through it for rubbish would take a tenth of all seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_unconfigure() -> None:
    _scratch.cleanup()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this computer cannot run, or fail where its absence must not go unseen."""
    if item.get_closest_marker("browser") and (reason := _no_browser()):
        missing(reason)
    if item.get_closest_marker("gpu") and (reason := _no_gpu()):
        (pytest.fail if item.config.getoption("--gpu") else pytest.skip)(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note the CPU seconds of a test, its child processes included: they do not grow on a busy computer."""
    start = sum(os.times()[:4])
    try:
        return (yield)
    finally:
        item.user_properties.append(("CPU seconds", sum(os.times()[:4]) - start))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that belong to the slow ones, so that the quick tier stays quick."""
    passed = [report for report in terminalreporter.getreports("passed") if "slow" not in report.keywords]
    used = {report.nodeid: dict(report.user_properties).get("CPU seconds", 0.0) for report in passed}
    long = sorted(((seconds, name) for name, seconds in used.items() if seconds > SLOW), reverse=True)
    if long:
        terminalreporter.section(f"more than {SLOW:g} CPU seconds, and not marked slow")
        terminalreporter.write("".join(f"{seconds:6.1f} {name}\n" for seconds, name in long))


@pytest.fixture(scope="session", autouse=True)
def _figures_without_window() -> None:
    """For figures drawn in this process; a variable would reach the kernels, which draw inline."""
    if importlib.util.find_spec("matplotlib"):
        importlib.import_module("matplotlib").use("agg")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser that tests marked ``browser`` drive."""
    return next(path for path in map(shutil.which, BROWSERS) if path)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator:
    """That browser, started once for the tests of a file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield window
        window.close()


def _no_gpu() -> str:
    import torch

    return "" if torch.cuda.is_available() else "no CUDA device"


def _no_browser() -> str:
    if not any(map(shutil.which, BROWSERS)):
        return "no Chromium: apt-get install chromium"
    if not importlib.util.find_spec("playwright"):
        return "no playwright: python3 course.py setup --dev"
    return ""

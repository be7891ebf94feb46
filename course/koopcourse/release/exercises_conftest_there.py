"""The sheets as they are handed out, under nbval: each cell must run; what it prints is the learner's to compare."""

import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """No output is compared: an unsolved sheet stores none."""
    found = yield
    for sheet in found:
        sheet.compare_outputs = False
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """The kernel of a sheet starts here; in it an exercise that nobody has solved is no failure."""
    os.environ["KOOPTEACH_UNTOUCHED"] = "1"
    try:
        return (yield)
    finally:
        del os.environ["KOOPTEACH_UNTOUCHED"]

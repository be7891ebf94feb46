"""One way for tests to ask for what may be missing: a skip at home, a failure where everything must run."""

from __future__ import annotations

import os
import shutil
from importlib import import_module, metadata
from types import ModuleType

import pytest


def needs(module: str) -> ModuleType:
    """The module ``module``. Where it is missing the test is skipped, or, at the top of a file, all its tests."""
    try:
        return import_module(module)
    except ImportError:
        return missing(f"no {module.split('.')[0]}: python3 course.py setup --dev")


def needs_command(package: str) -> None:
    """As :func:`needs` for what is only run, ``python -m package``: loading it here would hang on the tests before."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        missing(f"no {package}: python3 course.py setup --dev")


def needs_program(name: str, package: str) -> str:
    """The path of a program. Where it is missing the test is skipped, or, at the top of a file, all its tests."""
    return shutil.which(name) or str(missing(f"no {name}: apt-get install {package}"))


def missing(reason: str) -> ModuleType:
    """Skip the test for this reason, or fail it under ``CI=true``, where a skip would go unseen."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)

"""koopteach stays small: its lines of code, and a wheel that needs torch, NumPy and SciPy and has no course in it."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest

from tests.needs import missing

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "koopteach").rglob("*.py"))
MOST_LINES, MOST_LINES_A_FILE, MOST_BYTES = 7_500, 200, 300_000
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source):
    """How many lines hold code: no comment, no docstring, not blank."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_lines_are_counted_without_words():
    source = '"""Module.\n\nTwo."""\n\n# a comment\nx = """a\n\nb"""\n\n\n'
    source += 'def f():\n    """Doc."""\n    return (\n        x  # y\n    )\n'
    assert code_lines(source) == 3 + 1 + 3


def test_the_package_can_be_read_in_an_afternoon():
    sizes = {str(path.relative_to(ROOT)): code_lines(path.read_text(encoding="utf-8")) for path in PACKAGE}
    assert sum(sizes.values()) <= MOST_LINES
    assert {name: size for name, size in sizes.items() if size > MOST_LINES_A_FILE} == {}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """What ``pip install .`` installs, built from a copy, so that the tree stays clean."""
    for builder in ("pip", "setuptools"):
        if not list(metadata.distributions(name=builder)):  # looking for the module would import setuptools' patches
            missing(f"no {builder}")
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "koopteach", source / "koopteach", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-content"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", built, source]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(built.glob("koopteach-*.whl"))


@pytest.mark.slow
def test_the_wheel_is_small_and_holds_the_package_alone(wheel):
    assert wheel.stat().st_size <= MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"koopteach/py.typed", "koopteach/__init__.pyi"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"koopteach"}
    assert {path.relative_to(ROOT).as_posix() for path in PACKAGE} <= names


@pytest.mark.slow
def test_the_wheel_brings_torch_numpy_and_scipy_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode("utf-8"))
    asked = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line)[0] for line in asked} == {"torch", "numpy", "scipy"}

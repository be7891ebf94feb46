"""The type checker has nothing to say, and a misspelt public name is an error to it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]


def pyrefly(*words):
    """The errors of a check, each as ``file:line: text``."""
    needs("pyrefly")
    command = [sys.executable, "-m", "pyrefly", "check", "--output-format", "json", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.stdout, done.stderr
    errors = [found for found in json.loads(done.stdout)["errors"] if found["severity"] == "error"]
    return [f"{Path(error['path']).name}:{error['line']}: {error['description']}" for error in errors]


def test_the_type_checker_has_nothing_to_say():
    assert pyrefly() == []


def test_a_misspelt_public_name_is_an_error_to_it(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import koopteach as kt\n\nprint(kt.KSWGD)\nprint(kt.KSWDG)\n", encoding="utf-8")
    (error,) = pyrefly("--config", "pyproject.toml", str(program))
    assert error.startswith("program.py:4:")
    assert "KSWDG" in error

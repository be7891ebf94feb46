"""The type checker has nothing to say, and a misspelt public name is an error to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import needs_command

ROOT = Path(__file__).resolve().parents[2]


def pyrefly(*words):
    """The errors of a check, each as ``file:line: text``."""
    needs_command("pyrefly")
    command = [sys.executable, "-m", "pyrefly", "check", "--output-format", "json", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.stdout, done.stderr
    errors = [found for found in json.loads(done.stdout)["errors"] if found["severity"] == "error"]
    return [f"{Path(error['path']).name}:{error['line']}: {error['description']}" for error in errors]


@pytest.mark.slow
def test_the_type_checker_has_nothing_to_say():
    assert pyrefly() == []


def test_a_misspelt_public_name_is_an_error_to_it(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import koopteach as kt\n\nprint(kt.KSWGD)\nprint(kt.KSWDG)\n", encoding="utf-8")
    (error,) = pyrefly("--config", "pyproject.toml", str(program))
    assert error.startswith("program.py:4:")
    assert "KSWDG" in error


PROGRAM = """
import koopteach as kt
from koopteach.protocols import Manifold, Sampler, Target

targets: list[Target] = [kt.AllenCahn(8), kt.DoubleWell(), kt.QuadrupleWell(), kt.GaussianMixture([[0.0]], 1.0)]
more: list[Target] = [kt.OrnsteinUhlenbeck(2), kt.eight_gaussians]
manifolds: list[Manifold] = [kt.Circle(), kt.Sphere(), kt.Torus()]


def samplers(spectrum: kt.Spectrum, target: Target) -> list[Sampler]:
    spectral = [kt.KSWGD(spectrum), kt.LAWGD(spectrum), kt.Ladder([kt.KSWGD(spectrum)])]
    known = [kt.ULA(target, step_size=0.1), kt.MALA(target, step_size=0.1), kt.SVGD(target.score, step_size=0.1)]
    return [*spectral, *known, kt.DMPS(target.sample(9), 1.0)]


target: Target = kt.Circle()  # wrong
manifold: Manifold = kt.DoubleWell()  # wrong
sampler: Sampler = kt.DoubleWell()  # wrong
kt.run_particles(kt.DoubleWell(), kt.DoubleWell().sample(3))  # wrong
"""


@pytest.mark.slow
def test_targets_manifolds_and_samplers_are_what_the_protocols_ask(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    found = [error.split(":")[1] for error in pyrefly("--config", "pyproject.toml", str(program))]
    assert found == [str(line) for line, text in enumerate(PROGRAM.splitlines(), 1) if "# wrong" in text]

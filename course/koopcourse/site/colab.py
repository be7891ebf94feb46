"""The notebooks for a machine that has nothing of the course: one more cell at their head, which installs it."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import canonical, read_notebook
from koopcourse.site.address import Address

CLONE = "koopteach-course"
FROM_ADDRESS = """\
    if not Path("{clone}").exists():
        run("git", "clone", "--quiet", "--depth", "1", "{url}", "{clone}")
    run(*PIP, "./{clone}", "./{clone}/course")"""
FROM_WHEELS = """\
    wheels = sorted(map(str, Path().glob("koop*.whl")))
    assert len(wheels) == 2, "upload both wheels here first: pip wheel --no-deps -w wheels . ./course"
    run(*PIP, *wheels)"""
FIRST = """\
# Installs the course where it is missing; elsewhere this cell does nothing. What you write here is lost with the
# machine: download the notebook (File, Download) before you leave.
import importlib.util
import subprocess
import sys
from pathlib import Path

PIP = (sys.executable, "-m", "pip", "install", "--quiet")


def run(*command, **options):
    subprocess.run(command, check=True, **options)


if importlib.util.find_spec("koopcourse") is None:
{install}
    importlib.invalidate_caches()

import torch

import koopcourse

profile = koopcourse.setup("{lesson}")
if torch.cuda.is_available():{check}"""
CHECK_IN_CLONE = """
    # Does everything work on this GPU? It runs beside the lesson; the report is {clone}/results/gpu.md.
    if Path("{clone}").exists() and not Path("{clone}/gpu-check.log").exists():
        with open("{clone}/gpu-check.log", "w", encoding="utf-8") as log:
            check = [sys.executable, "-m", "experiments", "gpu-check"]
            subprocess.Popen(check, cwd="{clone}", stdout=log, stderr=log)"""
CHECK = """
    run(sys.executable, "-m", "koopcourse", "doctor")  # says which GPU this is, and whether torch can use it"""


def variants(course: Course, address: Address) -> dict[str, NotebookNode]:
    """``notebooks/05_kswgd.ipynb`` -> the lesson without outputs, with the cell that installs; sheets likewise."""
    found = {}
    for path in course.notebooks("notebooks", "exercises"):
        notebook = canonical(read_notebook(path))
        notebook.cells.insert(0, new_code_cell(first_cell(path.stem[:2], address), id="install"))
        found[f"{path.parent.name}/{path.name}"] = notebook
    return found


def first_cell(lesson: str, address: Address) -> str:
    """Without an address the course comes from two wheels that lie beside the notebook."""
    install, check = (FROM_ADDRESS, CHECK_IN_CLONE) if address.url else (FROM_WHEELS, CHECK)
    filled = {"url": address.url, "clone": CLONE}
    return FIRST.format(install=install.format(**filled), check=check.format(**filled), lesson=lesson)

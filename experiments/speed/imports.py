"""What importing the package costs, in CPU seconds of a fresh process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

STATEMENTS = {
    "torch": "import torch",
    "torch and koopteach": "import torch, koopteach",
    "torch and every public name": "import torch; from koopteach import *",
}


def measure(quick: bool = False) -> dict[str, float]:
    """Median seconds by what is imported, the interpreter's start included, taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(1 if quick else 5):
        for name, statement in STATEMENTS.items():
            seconds[name].append(_import(statement))
    return {name: statistics.median(column) for name, column in seconds.items()}


def _import(statement: str) -> float:
    code = f"{statement}; import time; print(time.process_time())"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return float(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)

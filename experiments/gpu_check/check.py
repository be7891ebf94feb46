"""``python -m experiments gpu-check``: a GPU beside the processor, the numbers and the speed of every hot path."""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from experiments.gpu_check import page
from experiments.gpu_check.all_paths import PATHS
from experiments.gpu_check.hot_paths import HotPath, difference, mover
from experiments.gpu_check.speeds import SPEEDS, measured
from experiments.machinery.fingerprint import commit
from experiments.machinery.runner import BROKEN, HELD, RESULTS, USAGE
from experiments.machinery.store import processor, to_json, write

NEEDED = (
    "gpu-check needs a CUDA device and a CUDA build of PyTorch (python3 course.py setup --torch auto); there, run "
    "python -m experiments gpu-check"
)
MOST_SECONDS = 420.0  # nothing begins later: all is done within eight minutes


def main(arguments: list[str] | None = None) -> int:
    """Measure and write ``gpu.md`` and ``gpu.json``; without a GPU say what is needed and write nothing."""
    parser = argparse.ArgumentParser(prog="python -m experiments gpu-check", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the page (default: results/ of the clone)")
    out = parser.parse_args(arguments).out
    if not torch.cuda.is_available():
        print(NEEDED)
        return USAGE
    found = measure("cuda")
    publish(found, out)
    print(page.markdown(found))
    return HELD if page.all_hold(found) else BROKEN


def publish(found: dict[str, Any], folder: Path) -> None:
    """The numbers and the page made of them."""
    write(folder / "gpu.json", to_json(found) + "\n")
    write(folder / "gpu.md", page.markdown(found))


def republish(folder: Path) -> None:
    """The page once more, from the kept numbers."""
    write(folder / "gpu.md", page.markdown(json.loads((folder / "gpu.json").read_text(encoding="utf-8"))))


def measure(
    device: str, share: float = 1.0, paths: Iterable[str] = tuple(PATHS), speeds: Iterable[str] = tuple(SPEEDS)
) -> dict[str, Any]:
    """All numbers of the page, speeds at a share of their sizes.

    Each failure is kept as what it said: a first look at a device should tell all that is wrong with it.
    """
    started = time.perf_counter()
    equal = [{"path": name, **compared(PATHS[name], device)} for name in paths]
    rows = []
    for name in speeds:
        late = time.perf_counter() - started > MOST_SECONDS
        rows.append({"what": name, **({"failed": "no time was left"} if late else beside(name, device, share))})
        print(name, rows[-1], flush=True)
    return {"machine": machine(device), "equal": equal, "speed": rows, "seconds": time.perf_counter() - started}


def compared(path: HotPath, device: str) -> dict[str, Any]:
    """How far a hot path's numbers on a device are from the processor's."""
    told = {"tolerance": path.tolerance, "on_cpu": path.on_cpu}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = path.run(mover(device))
            gap = difference(found, path.run(mover("cpu")))
        except Exception as error:
            return {**told, "failed": _said(error)}
    if not all(x.device.type == torch.device(device).type for x in found):
        return {**told, "failed": f"results on {', '.join(sorted({x.device.type for x in found}))}"}
    return {**told, "difference": gap} if math.isfinite(gap) else {**told, "failed": "other shapes, dtypes, or NaN"}


def beside(name: str, device: str, share: float) -> dict[str, Any]:
    """Milliseconds on the processor and on the device."""
    try:
        return {"cpu": measured(name, "cpu", share), "gpu": measured(name, device, share)}
    except Exception as error:
        return {"failed": _said(error)}


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def machine(device: str) -> dict[str, str]:
    """What ran, where and when."""
    there = torch.device(device)
    return {
        "device": torch.cuda.get_device_name(there) if there.type == "cuda" else f"none, {device} stands in",
        "processor": f"{processor()}, {torch.get_num_threads()} threads",
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "python": platform.python_version(),
        "commit": commit(),
    }

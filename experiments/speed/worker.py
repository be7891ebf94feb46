"""One fit in a process of its own: ``python -m experiments.speed.worker WORKLOAD CONTENDER SIZE`` prints JSON."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from experiments.speed.workload import Contender, Workload

_MEGABYTE = 2**20


def measure(workload: Workload, contender: Contender, size: int) -> dict[str, Any]:
    """Seconds of every run, the highest memory above what was there before (MB, None if unknown), error, version."""
    contender.prepare(min(workload.warm, size))()
    run = contender.prepare(size)
    before = _reset_peak()
    seconds, result = [], None
    clock = time.process_time if contender.threads == 1 else time.perf_counter
    for _ in range(contender.repeats):
        started = clock()
        result = run()
        seconds.append(clock() - started)
    peak = None if before is None else (_status("VmHWM") - before) / _MEGABYTE
    return {
        "seconds": seconds,
        "peak": peak,
        "error": contender.error(result),
        "version": importlib.metadata.version(contender.package) if contender.package else "",
    }


def _reset_peak() -> int | None:
    """Let the kernel forget the highest memory so far (Linux only); the memory now, in bytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    except OSError:
        return None


def _status(name: str) -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith(name)
    )
    return 1024 * int(line.split()[1])


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    task, *rest = sys.argv[1:]
    if task == "limits":
        from experiments.speed import limits

        answer = limits.measure(quick=rest == ["quick"])
    elif task == "growth":
        from experiments.speed import growth

        answer = growth.measure(quick=rest == ["quick"])
    else:
        from experiments.speed.workloads import WORKLOADS

        name, size = rest
        workload = WORKLOADS[task]
        contender = next(c for c in workload.contenders if c.name == name)
        answer = measure(workload, contender, int(size))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

"""What ran where, for the head of a table."""

from __future__ import annotations

import datetime
import os
import platform

import torch


def describe() -> dict[str, str]:
    """Date, processor, threads, load and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "threads": str(torch.get_num_threads()),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

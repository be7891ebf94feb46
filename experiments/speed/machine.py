"""What ran where, for the head of a table."""

from __future__ import annotations

import datetime
import os
import platform

import torch

from experiments.machinery.fingerprint import commit
from experiments.machinery.store import processor


def describe() -> dict[str, str]:
    """Date, commit, processor, threads, load and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "processor": processor(),
        "threads": str(torch.get_num_threads()),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }

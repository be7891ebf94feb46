"""Contenders take turns, A B A B, each time in a fresh process of one thread, unless they ask for more."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from experiments.speed.workload import Contender, Workload

NOT_INSTALLED = "not installed"
_LIBRARIES = ("OMP", "OPENBLAS", "MKL")


@dataclass(frozen=True)
class Row:
    """What a contender took; ``remark`` says why it did not run."""

    name: str
    seconds: tuple[float, ...] = ()
    peak: float | None = None
    error: float | None = None
    limit: float | None = None
    is_peer: bool = False
    remark: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.nan

    @property
    def least(self) -> float:
        return min(self.seconds, default=math.nan)


def ask(*arguments: str, threads: int = 1) -> Any:
    """What a worker of so many threads answers.

    Raises:
        RuntimeError: it failed; the message ends with its own last line.
    """
    command = [sys.executable, "-W", "ignore", "-m", "experiments.speed.worker", *arguments]
    allowed = {f"{library}_NUM_THREADS": str(threads) for library in _LIBRARIES}
    done = subprocess.run(
        command, env=os.environ | allowed, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"speed: {' '.join(arguments)} failed: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _is_installed(package: str) -> bool:
    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


def take_turns(key: str, workload: Workload, rounds: int, quick: bool, limits: dict[str, float]) -> list[Row]:
    """A row for every contender, in their order."""
    size = workload.quick if quick else workload.size
    there = [c for c in workload.contenders if c.package is None or _is_installed(c.package)]
    answers: dict[str, list[dict]] = {c.name: [] for c in there}
    for _ in range(rounds):
        for contender in there:
            answers[contender.name].append(ask(key, contender.name, str(size), threads=contender.threads))
    return [_row(c, answers.get(c.name, []), size, limits) for c in workload.contenders]


def _row(contender: Contender, answers: list[dict], size: int, limits: dict[str, float]) -> Row:
    is_peer = contender.work is None
    if not answers:
        return Row(contender.name, is_peer=is_peer, remark=NOT_INSTALLED)
    peaks = [answer["peak"] for answer in answers]
    return Row(
        name=f"{contender.name} {answers[0]['version']}".strip(),
        seconds=tuple(s for answer in answers for s in answer["seconds"]),
        peak=None if None in peaks else statistics.median(peaks),
        error=answers[0]["error"],
        limit=None if is_peer else contender.work(size).seconds(limits),
        is_peer=is_peer,
    )

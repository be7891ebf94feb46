"""The machine's limit: the best rate of a matrix product and of an exponential, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def measure(quick: bool = False) -> dict[str, float]:
    """``gemm`` (flops/s) and ``exp`` (numbers/s, in cache) by dtype, the best of many runs."""
    n, runs = (768, 5) if quick else (1536, 15)
    limits = {}
    for dtype in (torch.float32, torch.float64):
        name = str(dtype).removeprefix("torch.")
        a = torch.randn(n, n, dtype=dtype)
        product = torch.empty_like(a)
        x = -10 * torch.rand(2**16, dtype=dtype)
        value = torch.empty_like(x)
        limits[f"gemm {name}"] = 2 * n**3 / _best(lambda a=a, out=product: torch.mm(a, a, out=out), runs)
        # 2^x, the fastest exponential there is
        limits[f"exp {name}"] = 50 * len(x) / _best(lambda x=x, out=value: _often(x, out), runs)
    return limits


def _often(x: torch.Tensor, out: torch.Tensor) -> None:
    for _ in range(50):
        torch.exp2(x, out=out)


def _best(function: Callable[[], object], runs: int) -> float:
    function()
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return min(seconds)

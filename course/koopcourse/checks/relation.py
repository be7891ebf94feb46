"""How a wrong result relates to the right one, where that shows in every case that was tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from koopcourse.checks.compare import close

Pair = tuple[Tensor, Tensor]  # what came and what is right, of one case

_INFORMATIVE = 3  # numbers, at least, that a relation must explain
_FACTORS = {2.0: "twice", 0.5: "half of", -2.0: "minus twice", -0.5: "minus half of"}
_MAPS: tuple[tuple[Callable[[Tensor], Tensor], str], ...] = (
    (lambda b: -b, "it has the opposite sign"),
    (lambda b: 1 / b, "it is one over what is needed"),
    (lambda b: b.square(), "it is the square of what is needed"),
    (lambda b: b.sqrt(), "it is the square root of what is needed"),
    (lambda b: b.log(), "it is the logarithm of what is needed"),
    (lambda b: b.exp(), "it is the exponential of what is needed"),
    (lambda b: b.abs(), "it is right but for signs: an absolute value is too much"),
    (lambda b: b.conj(), "it is the complex conjugate of what is needed"),
)
_ORDERS: tuple[tuple[Callable[[Tensor], Tensor], str], ...] = (
    (lambda b: b.T if b.ndim == 2 and b.shape[0] == b.shape[1] else b, "it is the transpose of what is needed"),
    (lambda b: b.flip(-1), "it is in the reverse order"),
    (lambda b: b.flip(0), "its rows are in the reverse order"),
)


def relation(pairs: Sequence[Pair], tolerance: float) -> str:
    """One relation that holds between the two results of every case, in words; "" if none does.

    Args:
        pairs: of each case what came and what is right, of one shape and finite. More than a few numbers are needed in
            all, because two can be explained by anything.
        tolerance: largest relative error.
    """
    if not _tells(pairs) or _all_close(pairs, lambda b: b, tolerance):
        return ""  # wrong by less than a relation is looked for: every map that changes nothing would hold
    for change, words in (*_MAPS, *(_ORDERS if all(b.ndim for _, b in pairs) else ())):
        if _all_close(pairs, change, tolerance):
            return words
    return _by_a_constant(pairs, tolerance) or _in_another_order(pairs, tolerance)


def _tells(pairs: Sequence[Pair]) -> bool:
    if not pairs or any(
        a.shape != b.shape or not bool(torch.isfinite(a).all() & torch.isfinite(b).all()) for a, b in pairs
    ):
        return False
    right = torch.cat([b.flatten().to(torch.complex128) for _, b in pairs])
    return len(torch.view_as_real(right[right != 0]).unique(dim=0)) >= _INFORMATIVE


def _by_a_constant(pairs: Sequence[Pair], tolerance: float) -> str:
    """The same factor, or the same shift, in every case; where one of them is right there is none."""
    if any(bool(pair[1].any()) and _all_close([pair], lambda b: b, tolerance) for pair in pairs):
        return ""
    factors = [_factor(a, b) for a, b in pairs if bool((b != 0).any())]
    c = factors[0]
    if (
        c
        and f"{c:.4g}" != "1"  # a factor that shows
        and all(abs(other - c) <= 1e-6 * abs(c) for other in factors)
        and _all_close(pairs, lambda b: c * b, tolerance)
    ):
        return f"it is {_FACTORS.get(round(c, 6), f'{c:.4g} times')} what is needed, in every case"
    shift = float((pairs[0][0] - pairs[0][1]).real.mean())
    if shift and _all_close(pairs, lambda b: b + shift, tolerance):
        return (
            f"it is larger than needed by {shift:.4g}, in every case"
            if shift > 0
            else (f"it is smaller than needed by {-shift:.4g}, in every case")
        )
    return ""


def _factor(a: Tensor, b: Tensor) -> float:
    return float(((b.conj() * a).sum() / (b.conj() * b).sum()).real)


def _in_another_order(pairs: Sequence[Pair], tolerance: float) -> str:
    several = [(a, b) for a, b in pairs if b.numel() > 1]
    if not several or any(a.is_complex() for a, _ in pairs):
        return ""
    if all(close(a.flatten().sort().values, b.flatten().sort().values, tolerance, 0.0) for a, b in pairs):
        return "its entries are right but in another order"
    return ""


def _all_close(pairs: Sequence[Pair], change: Callable[[Tensor], Tensor], tolerance: float) -> bool:
    return all(close(a, change(b), tolerance, 0.0) for a, b in pairs)

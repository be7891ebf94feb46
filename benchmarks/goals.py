"""What was hoped for, and the reason wherever it is out of reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A number taken from the results, and its bound."""

    name: str
    wanted: float
    value: Callable[[dict], float | None]
    reason: str = ""
    at_most: bool = False

    def is_met(self, reached: float) -> bool:
        return reached <= self.wanted if self.at_most else reached >= self.wanted


def _of(key: str, method: str, column: str) -> Callable[[dict], float | None]:
    """A cell of a workload's table, None where it was not measured."""

    def value(stored: dict) -> float | None:
        rows = stored["workloads"].get(key, {"rows": []})["rows"]
        return next((row[column] for row in rows if row["name"] == method), None)

    return value


def _against(key: str, method: str, peer: str, column: str = "median") -> Callable[[dict], float | None]:
    """The peer's cell divided by ours."""

    def value(stored: dict) -> float | None:
        ours = _of(key, method, column)(stored)
        rows = stored["workloads"].get(key, {"rows": []})["rows"]
        theirs = [row[column] for row in rows if row["name"].startswith(peer) and row["seconds"]]
        return theirs[0] / ours if theirs and ours else None

    return value


def _error(key: str, method: str) -> Callable[[dict], float | None]:
    """Our error divided by the best peer's."""

    def value(stored: dict) -> float | None:
        rows = stored["workloads"].get(key, {"rows": []})["rows"]
        theirs = [row["error"] for row in rows if row["is_peer"] and row["seconds"]]
        ours = _of(key, method, "error")(stored)
        return ours / min(theirs) if theirs and ours is not None else None

    return value


def _exponent(index: int) -> Callable[[dict], float | None]:
    return lambda stored: stored["growth"][index]["exponent"] if "growth" in stored else None


def _import(stored: dict) -> float | None:
    seconds = stored.get("import")
    return seconds["torch and koopteach"] - seconds["torch"] if seconds else None


FLOAT32_NOISE = "float32 knows the Gram matrix to seven digits, so that directions are cut and the span is smaller"

GOALS = (
    Goal("E1 float64 reversible, best peer / this", 6, _of("E1", "float64 reversible", "ratio")),
    Goal("E1 float64 plain, best peer / this", 5, _of("E1", "float64 plain", "ratio")),
    Goal("E1 float32 reversible, best peer / this", 12, _of("E1", "float32 reversible", "ratio")),
    Goal("E1 float32 plain, best peer / this", 9, _of("E1", "float32 plain", "ratio")),
    Goal("E1 float64 reversible, share of the limit", 0.7, _of("E1", "float64 reversible", "share")),
    Goal("E1 float64 plain, share of the limit", 0.7, _of("E1", "float64 plain", "share")),
    Goal("E1 float32 reversible, share of the limit", 0.6, _of("E1", "float32 reversible", "share")),
    Goal("E1 float32 plain, share of the limit", 0.6, _of("E1", "float32 plain", "share")),
    Goal("E1 float64 reversible, MB above the data", 48, _of("E1", "float64 reversible", "peak"), at_most=True),
    Goal("E2 float64 reversible, MB above the data", 48, _of("E2", "float64 reversible", "peak"), at_most=True),
    Goal("E1 float64 reversible, error / best peer's", 1.05, _error("E1", "float64 reversible"), at_most=True),
    Goal("E1 float64 plain, error / best peer's", 1.05, _error("E1", "float64 plain"), at_most=True),
    Goal("E1 float32 reversible, error / best peer's", 1.05, _error("E1", "float32 reversible"), FLOAT32_NOISE, True),
    Goal("K1 exact, deeptime / this", 100, _against("K1", "exact, float64", "deeptime")),
    Goal("K1 exact, kooplearn randomised / this", 3, _against("K1", "exact, float64", "kooplearn")),
    Goal("K2 float64, kooplearn / this", 5, _of("K2", "Nystroem 200, float64", "ratio")),
    Goal("K2 float64, MB above the data", 32, _of("K2", "Nystroem 200, float64", "peak"), at_most=True),
    Goal("P1 float64, published formulas / this", 80, _of("P1", "float64", "ratio")),
    Goal("P1 float32, published formulas / this", 150, _of("P1", "float32", "ratio")),
    Goal("P1 float64, share of the limit", 0.5, _of("P1", "float64", "share")),
    Goal("P1 float32, share of the limit", 0.5, _of("P1", "float32", "share")),
    Goal("P1 float64, difference from the formulas", 1e-9, _of("P1", "float64", "error"), at_most=True),
    Goal(
        "P3 float32, cdist and autograd in float32 / this", 25, _against("P3", "float32", "cdist and autograd, float32")
    ),
    Goal(
        "P3 float64, cdist and autograd in float64 / this", 25, _against("P3", "float64", "cdist and autograd, float64")
    ),
    Goal("exponent in the pairs", 1.05, _exponent(0), at_most=True),
    Goal("exponent in the features", 2.1, _exponent(1), at_most=True),
    Goal("exponent in the particles", 1.05, _exponent(2), at_most=True),
    Goal("exponent in the rank", 0.2, _exponent(3), at_most=True),
    Goal("exponent in the data of a kernel spectrum", 1.05, _exponent(4), at_most=True),
    Goal("import koopteach beyond torch, s", 0.5, _import, at_most=True),
)

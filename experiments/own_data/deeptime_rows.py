"""Deeptime's numbers on the same series and features, to be kept in ``series``: ``DEEPTIME``. Needs deeptime.

python -m experiments.own_data.deeptime_rows
"""

from __future__ import annotations

from experiments.own_data.series import DEEPTIME, STEP, series
from experiments.own_data.table import SEEDS


def timescale(name: str, seed: int) -> float:
    """Of TICA on the features' values, along each stretch without a gap."""
    from deeptime.decomposition import TICA

    given = series(name, seed)
    values = [given.dictionary(rows).numpy() for rows in given.segments() if len(rows) > given.lag]
    return float(STEP * TICA(lagtime=given.lag, epsilon=1e-8).fit_fetch(values).timescales(k=1)[0])


if __name__ == "__main__":
    import deeptime

    print(deeptime.__version__)
    print({name: {seed: float(f"{timescale(name, seed):.6g}") for seed in SEEDS} for name in DEEPTIME})

"""The tables of lesson 16, with traps and known answers; ``python -m koopcourse.authoring.own_data`` writes them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

import koopcourse
from koopteach.langevin import langevin_trajectory
from koopteach.targets import DoubleWell

FOLDER = Path(koopcourse.__file__).parent / "data"

# The weather of a harbour: calm, and storms on three days of ten. Within both the temperature goes with the pressure,
# in opposite directions. A thermometer that failed wrote -999, a rain gauge that was full nothing.
N_WEATHER, STORMS, NO_TEMPERATURE, NO_RAIN, BETWEEN = 1600, 0.3, -999.0, 0.05, 100_900.0
CALM_CORRELATION, STORM_CORRELATION = -0.25 / math.sqrt(0.25**2 + 2 * 0.2**2 + 0.25**2), 0.6

# A double well that a noisy sensor sees in millivolts, on a clock that counts hours; every fourth value is lost.
WELL, MILLIVOLTS, ZERO, NOISE = DoubleWell(2.0), 37.0, 512.0, 0.3
HOURS, ROW, SUBSTEPS = 5.0, 1.0, 50  # hours in the well's unit of time, hours between rows, simulated steps a row
N_SENSOR, OUTAGES, N_VISITS, VISIT, LOST = 4000, ((700, 780), (1900, 2050), (3110, 3135)), 80, 30, 0.25
TIMESCALE = HOURS / float(WELL.exact_rates(1)[0])  # of the jumps between the wells, in hours


def weather(generator: torch.Generator) -> dict[str, Tensor]:
    """Rows of two regimes in mixed units, one column constant, one discrete, one of heavy tails."""
    z = torch.randn(4, N_WEATHER, generator=generator, dtype=torch.float64)
    storm = torch.rand(N_WEATHER, generator=generator) < STORMS
    temperature = torch.where(storm, 9 + 2 * z[0], 18 + 4 * z[0])
    bent = 102_000 + 500 * (-0.5 * z[0] + 0.4 * (z[0] ** 2 - 1) + 0.5 * z[1])
    pressure = torch.where(storm, 99_300 + 500 * (0.6 * z[0] + 0.8 * z[1]), bent)
    rain = torch.where(storm, 8 * (0.9 * z[2]).exp(), 0.4 * (1.1 * z[2] - 0.5 * z[0]).exp())
    cloud = torch.where(storm, 7 + z[3], 3 + 1.8 * z[3]).round().clamp(0, 8)
    temperature[torch.randperm(N_WEATHER, generator=generator)[:12]] = NO_TEMPERATURE
    rain[torch.rand(N_WEATHER, generator=generator) < NO_RAIN] = math.nan
    station = torch.full_like(rain, 17)
    return {
        "temperature_C": temperature,
        "pressure_Pa": pressure,
        "rain_mm": rain,
        "cloud_okta": cloud,
        "station": station,
    }


def seen(n_rows: int, n: int, generator: torch.Generator) -> Tensor:
    """Millivolts ``(n_rows, n)`` of as many sensors, each started in equilibrium."""
    step = ROW / HOURS / SUBSTEPS
    start = WELL.sample(n, generator)
    path = langevin_trajectory(
        WELL, start, n_steps=SUBSTEPS * (n_rows - 1), dt=step, every=SUBSTEPS, generator=generator
    )[..., 0]
    noise = torch.randn(path.shape, generator=generator, dtype=path.dtype)
    return ZERO + MILLIVOLTS * (path + NOISE * noise)


def sensor(generator: torch.Generator) -> dict[str, Tensor]:
    """One long series with three outages, whose rows are missing, and single values that are."""
    values, hours = seen(N_SENSOR, 1, generator)[:, 0], ROW * torch.arange(N_SENSOR)
    values[torch.rand(N_SENSOR, generator=generator) < LOST] = math.nan
    there = torch.ones(N_SENSOR, dtype=torch.bool)
    for first, last in OUTAGES:
        there[first:last] = False
    return {"hour": hours[there], "signal_mV": values[there]}


def visits(generator: torch.Generator) -> dict[str, Tensor]:
    """Many short series of such sensors, one below the other, each with its own clock."""
    values = seen(VISIT, N_VISITS, generator)
    hours, which = ROW * torch.arange(VISIT).repeat(N_VISITS), torch.arange(N_VISITS).repeat_interleave(VISIT)
    return {"visit": which, "hour": hours, "signal_mV": values.T.flatten()}


DIGITS = {"temperature_C": 1, "pressure_Pa": 0, "rain_mm": 3, "hour": 1, "signal_mV": 1}
TABLES = {"weather": (weather, 36), "sensor": (sensor, 17), "visits": (visits, 18)}


def table(name: str) -> dict[str, Tensor]:
    """The columns of a table, made anew from its seed."""
    make, seed = TABLES[name]
    return make(torch.Generator().manual_seed(seed))


def csv(columns: dict[str, Tensor]) -> str:
    """The text of a file: names in the first line, nothing where a value is missing."""
    texts = [
        ["" if math.isnan(value) else f"{value:.{DIGITS.get(name, 0)}f}" for value in column.tolist()]
        for name, column in columns.items()
    ]
    return "\n".join([",".join(columns), *map(",".join, zip(*texts))]) + "\n"


def main() -> None:
    """Write the files."""
    for name in TABLES:
        (FOLDER / f"{name}.csv").write_text(csv(table(name)), encoding="utf-8")


if __name__ == "__main__":
    main()

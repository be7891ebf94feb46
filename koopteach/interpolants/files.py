"""Interpolants on disk: the class by a name from a fixed list, its tensors; nothing in the file is executed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from koopteach.files import fill, part
from koopteach.interpolants import schedules
from koopteach.interpolants.charts import ConvexChart
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.interpolant import Interpolant

_SCHEDULES: dict[str, Callable[[int, dict[str, Tensor]], schedules.Schedule]] = {
    "LinearInterpolant": lambda dim, _: schedules.LinearInterpolant(dim),
    "TrigonometricInterpolant": lambda dim, _: schedules.TrigonometricInterpolant(dim),
    "LearnedSchedule": lambda dim, numbers: schedules.LearnedSchedule(dim, degree=numbers["series"].shape[1]),
    "TabulatedSchedule": lambda dim, numbers: schedules.TabulatedSchedule(dim, *numbers["table"]),
}


def class_names(interpolant: Interpolant) -> list[str]:
    """The name of an interpolant's class; of a chart also that of the schedule within.

    Raises:
        RuntimeError: a class that :func:`built` could not build.
    """
    names = [type(interpolant).__name__]
    names += [type(interpolant.inner).__name__] if isinstance(interpolant, ConvexChart) else []
    known = (*_SCHEDULES, "ConvexChart")
    if not set(names) <= set(known):
        raise RuntimeError(f"save: a flow on {' of '.join(names)} cannot be saved; known are {', '.join(known)}.")
    return names


def built(config: dict[str, Any], numbers: dict[str, Tensor], path: str | Path) -> Interpolant:
    """The interpolant of a file: its classes' names from the flow's configuration, and its tensors.

    Raises:
        ValueError: names or tensors that are none of this version's.
    """
    try:
        *chart, schedule = config["interpolant"]
        found = inner = _SCHEDULES[schedule](config["net"]["dim"], part(numbers, "inner") if chart else numbers)
        if chart:
            centres = [numbers[key] for key in ("to_data.centres", "to_noise.centres") if key in numbers]
            found = ConvexChart(*map(ConvexMap, centres), inner=inner)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"load: {path} describes no interpolant of this version: {error!r}.") from error
    return fill(found, numbers, path)

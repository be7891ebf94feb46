"""The lessons and what each builds on, as a picture: an SVG of boxes and arrows, the same bytes at each run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from koopcourse.teaching.plain import Lesson

PICTURE = "docs/prerequisites.svg"
WIDE, HIGH, ACROSS, DOWN, MARGIN = 168, 40, 216, 52, 16
SHADES = {"core": "#EEF3F8", "warm-up": "#F3F1E7", "advanced": "#F6ECEF"}  # fills behind dark letters
LINE, INK = "#0072B2", "#222222"
NAMES = {  # short enough for a box
    "00": "start here",
    "01": "Langevin",
    "02": "EDMD",
    "03": "generator",
    "04": "gradient flows",
    "05": "KSWGD",
    "06": "quadruple well",
    "07": "manifolds",
    "08": "flow matching",
    "09": "curved interpolants",
    "10": "Koopman-CFM",
    "11": "images, KSWGD",
    "12": "images, CFM",
    "13": "Allen-Cahn",
    "14": "conditional",
    "15": "scaling out",
    "16": "your own data",
    "17": "an evening",
}


def needed(of: Mapping[str, Lesson]) -> dict[str, tuple[str, ...]]:
    """For each lesson what it asks for, less what follows from the rest of it."""
    asked = {digits: lesson.needs for digits, lesson in of.items()}
    return {d: tuple(a for a in asks if not any(a in above(b, asked) for b in asks)) for d, asks in asked.items()}


def above(digits: str, asked: Mapping[str, tuple[str, ...]]) -> set[str]:
    """All that a lesson rests on, however indirectly."""
    return set(asked[digits]).union(*(above(other, asked) for other in asked[digits]))


def columns(asks: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """The lessons by the length of the longest road to them; in a column near what they build on."""

    def depth(digits: str) -> int:
        return max((1 + depth(other) for other in asks[digits]), default=0)

    found = [[d for d in asks if depth(d) == level] for level in range(1 + max(map(depth, asks)))]
    place = {d: float(k) for column in found for k, d in enumerate(column)}
    for _ in range(8):
        for sweep in (found, found[::-1]):
            for column in sweep:
                column.sort(key=lambda d: (_middle(d, asks, place), d))
                place |= {d: k - (len(column) - 1) / 2 for k, d in enumerate(column)}
    return found


def _middle(digits: str, asks: Mapping[str, tuple[str, ...]], place: Mapping[str, float]) -> float:
    """The mean height of a lesson's neighbours."""
    near = [place[o] for o in asks[digits]] + [place[o] for o in asks if digits in asks[o]]
    return sum(near) / len(near) if near else float(len(asks))


def picture(of: Mapping[str, Lesson]) -> str:
    """The SVG. Its words are in ``<title>`` and ``<desc>``, too."""
    asks = needed(of)
    found = columns(asks)
    tall = max(map(len, found))
    at = {
        d: (MARGIN + x * ACROSS, MARGIN + (y + (tall - len(column)) / 2) * DOWN)
        for x, column in enumerate(found)
        for y, d in enumerate(column)
    }
    width, height = 2 * MARGIN + (len(found) - 1) * ACROSS + WIDE, 2 * MARGIN + (tall - 1) * DOWN + HIGH
    arrows = [_arrow(at[a], at[d]) for d in asks for a in asks[d]]
    boxes = [_box(d, *at[d], shade=SHADES[level(of[d])]) for d in asks]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" aria-labelledby="title what" font-family="Helvetica, Arial, sans-serif" font-size="14">'
    )
    told = f'<title id="title">Which lesson builds on which</title>\n<desc id="what">{escape(words(of))}</desc>'
    ground = f'<rect width="{width}" height="{height}" rx="8" fill="#FFFFFF"/>'
    return "\n".join([head, told, ground, *arrows, *boxes, "</svg>"]) + "\n"


def words(of: Mapping[str, Lesson]) -> str:
    """The picture in a sentence for each lesson, for whoever does not see it."""
    asks = needed(of)
    return " ".join(f"{d} needs {' and '.join(asks[d])}." if asks[d] else f"{d} needs nothing." for d in asks)


def table(of: Mapping[str, Lesson]) -> str:
    """What each lesson asks for, as its line of facts says it, and what asks for it."""
    rows = ["| lesson | needs | is needed by |", "|---|---|---|"]
    for digits, lesson in of.items():
        later = ", ".join(d for d in of if digits in of[d].needs)
        rows.append(f"| {digits} {lesson.title} | {', '.join(lesson.needs)} | {later} |")
    return "\n".join(rows)


def level(lesson: Lesson) -> str:
    """The level of the line of facts."""
    facts = lesson.sheet.cells[0].source
    return next(level for level in SHADES if f"level: {level}" in facts)


def _box(digits: str, x: float, y: float, shade: str) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="6" fill="{shade}" stroke="{LINE}"/>'
        f'<text x="{x + 10:g}" y="{y + HIGH / 2 + 5:g}" fill="{INK}">'
        f'<tspan font-weight="bold">{digits}</tspan> {escape(NAMES[digits])}</text>'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = (start[0] + WIDE, start[1] + HIGH / 2), (end[0], end[1] + HIGH / 2)
    bend = (ACROSS - WIDE) * 0.75
    path = f"M{x0:g} {y0:g} C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1 - 6:g} {y1:g}"
    tip = f"M{x1 - 8:g} {y1 - 4:g} L{x1 - 1:g} {y1:g} L{x1 - 8:g} {y1 + 4:g} Z"
    return f'<path d="{path}" fill="none" stroke="{LINE}"/><path d="{tip}" fill="{LINE}"/>'

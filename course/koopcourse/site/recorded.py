"""Widgets that were recorded while their notebook was built: pictures of every setting, and sliders over them."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path

from koopcourse.authoring.recordings import read
from koopcourse.site import figures

FOLDER = "_recorded"  # of the site
NOTE = "recorded: move one control at a time, the others go back to where they start"
WIDGET = """<figure class="recorded" role="group" aria-label="Recorded widget">
{picture}
<div class="controls">
{controls}
</div>
<figcaption>{note}</figcaption>
</figure>"""
CONTROL = """<label for="{id}">{name}</label>
<input type="range" id="{id}" min="0" max="{last}" value="{start}" data-start="{start}" aria-valuetext="{label}"
 data-frames="{frames}">
<output for="{id}">{label}</output>"""


@dataclass(frozen=True)
class Recording:
    """One call of ``explore`` in a notebook: the cell's index, the number of the call in it, and its controls."""

    cell: int
    call: int
    controls: tuple[dict, ...]


def recordings(folder: Path) -> list[Recording]:
    """What was recorded for a notebook, in its order; nothing where the folder is missing.

    Raises:
        ValueError: a control whose lists differ in length, or a frame that is not there.
    """
    found = [Recording(entry["cell"], entry["call"], tuple(entry["controls"])) for entry in read(folder)]
    for recording in found:
        for control in recording.controls:
            _check(control, folder)
    return sorted(found, key=lambda recording: (recording.cell, recording.call))


def _check(control: dict, folder: Path) -> None:
    lengths = {len(control[key]) for key in ("labels", "frames", "alts")}
    if len(lengths) != 1 or not 0 <= control["start"] < len(control["labels"]):
        raise ValueError(f"{folder.name}: {control['name']} needs a frame and words for each label, and a start")
    if missing := [name for name in control["frames"] if not (folder / name).is_file()]:
        raise ValueError(f"{folder.name}: {control['name']} lacks {', '.join(missing)}; build the notebook anew.")


def widget(recording: Recording, folder: Path, files: dict[str, bytes]) -> str:
    """The HTML of one widget; its frames join ``files``."""
    for control in recording.controls:
        for name in control["frames"]:
            files[f"{FOLDER}/{folder.name}/{name}"] = (folder / name).read_bytes()
    first = recording.controls[0]
    frame, alt = (first[key][first["start"]] for key in ("frames", "alts"))
    controls = "\n".join(_control(recording, number, folder.name) for number in range(len(recording.controls)))
    return WIDGET.format(
        picture=figures.picture(_address(folder.name, frame), (folder / frame).read_bytes(), alt),
        controls=controls,
        note=NOTE if len(recording.controls) > 1 else NOTE.split(":")[0],
    )


def _control(recording: Recording, number: int, stem: str) -> str:
    control = recording.controls[number]
    frames = [
        [_address(stem, frame), alt, label]
        for frame, alt, label in zip(control["frames"], control["alts"], control["labels"])
    ]
    return CONTROL.format(
        id=f"recorded-{recording.cell}-{recording.call}-{number}",
        name=html.escape(control["name"].replace("_", " ")),
        last=len(frames) - 1,
        start=control["start"],
        label=html.escape(control["labels"][control["start"]]),
        frames=html.escape(json.dumps(frames, ensure_ascii=False)),
    )


def _address(stem: str, frame: str) -> str:
    return f"../{FOLDER}/{stem}/{frame}"

"""Fetch anew what the site carries of other people's work: ``python docs/site/vendor/refresh.py`` (needs npm, network).

It replaces the folders ``mathjax`` and ``axe`` beside this file. A version is raised here, and in README.md.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
VERSIONS = {"mathjax": "4.1.3", "@mathjax/mathjax-newcm-font": "4.1.3", "axe-core": "4.14.1"}

# Path inside the package (a pattern) -> folder here. Of MathJax only what reads TeX, sets it as HTML, and writes MathML
# beside it for screen readers; of its font no script that mathematics does not use.
FILES = {
    "mathjax": {
        **dict.fromkeys(("LICENSE", "startup.js", "core.js"), "mathjax"),
        **{name: f"mathjax/{name.split('/')[0]}" for name in ("input/tex.js", "output/chtml.js")},
        "a11y/assistive-mml.js": "mathjax/a11y",
        "input/tex/extensions/*.js": "mathjax/input/tex/extensions",
    },
    "@mathjax/mathjax-newcm-font": {
        "chtml.js": "mathjax/font",
        "chtml/woff2/*.woff2": "mathjax/font/chtml/woff2",
        "chtml/dynamic/*.js": "mathjax/font/chtml/dynamic",
    },
    "axe-core": dict.fromkeys(("LICENSE", "LICENSE-3RD-PARTY.txt", "axe.min.js"), "axe"),
}
UNUSED = ("arabic", "braille", "cherokee", "cyrillic", "devanagari", "hebrew", "phonetics", "PUA")
UNUSED += tuple(f"mjx-ncm-{name}" for name in ("ar", "br.", "brd", "ch", "cy", "dv", "he", "ph", "pu"))
EXTENSIONS = (
    "boldsymbol",
    "braket",
    "cancel",
    "color",
)  # those that a formula may ask for; the usual ones are built in


def main() -> None:
    for folder in ("mathjax", "axe"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        for package, version in VERSIONS.items():
            pack = ["npm", "pack", "--silent", "--pack-destination", scratch, f"{package}@{version}"]
            name = subprocess.run(pack, check=True, capture_output=True, text=True, cwd=scratch).stdout.split()[-1]
            with tarfile.open(Path(scratch) / name) as archive:
                take(archive, FILES[package])


def take(archive: tarfile.TarFile, wanted: dict[str, str]) -> None:
    """Write the files of a package that match a pattern into that pattern's folder."""
    for member in archive:
        path = PurePosixPath(member.name).relative_to("package")
        folder = next((folder for pattern, folder in wanted.items() if belongs(path, pattern)), None)
        if folder and not path.name.startswith(UNUSED):
            target = HERE / folder / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())


def belongs(path: PurePosixPath, pattern: str) -> bool:
    """From the package's root on: a pattern of one part does not reach into folders."""
    if "extensions" in pattern and path.stem not in EXTENSIONS:
        return False
    return len(path.parts) == len(PurePosixPath(pattern).parts) and path.match(pattern)


if __name__ == "__main__":
    main()

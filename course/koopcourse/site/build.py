"""Lay the pages out in a scratch folder, and let Sphinx make the site of them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from koopcourse.authoring.contents import PICTURE
from koopcourse.authoring.tree import ROOT, Course
from koopcourse.notebook_io import write_notebook
from koopcourse.site import api, colab, figures, notebooks, pages
from koopcourse.site.address import Address
from koopcourse.site.mend import mend
from koopcourse.site.relations import relations

SETTINGS = ROOT / "docs" / "site"
SUPERFLUOUS = (".buildinfo", "objects.inv", "_sources", "_static/locales", "_static/**/*.map", "_static/*macros.html")
SUPERFLUOUS += ("_static/axe", "_static/refresh.py")
MARK = ".koopteach-site"  # lies in a folder that we made, and may empty


def build(course: Course, folder: Path, address: Address) -> int:
    """Build the site of a course in ``folder``; a warning of Sphinx is an error, and the exit status 1.

    Raises:
        ValueError: the folder holds something else.
    """
    from sphinx.cmd.build import build_main

    claim(folder)
    with tempfile.TemporaryDirectory() as scratch:
        source, trees = Path(scratch) / "source", Path(scratch) / "trees"
        lay_out(course, source, address)
        words = ["-q", "-W", "--keep-going", "-b", "html", "-c", str(SETTINGS), "-d", str(trees)]
        words += ["-D", f"html_theme_options.repository_url={address.url}"] if address.url else []
        status = build_main([*words, str(source), str(folder)])
        figures.write(dict(_beside(source)), folder)
    for path, notebook in colab.variants(course, address).items():
        write_notebook(notebook, folder / "colab" / path)
    mend(folder)
    tidy(folder)
    return status


def claim(folder: Path) -> None:
    """An empty folder; what an earlier site left is removed, what somebody else put there never.

    Raises:
        ValueError: the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise ValueError(f"{folder} is not empty and no site of ours; name a new folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def lay_out(course: Course, source: Path, address: Address) -> None:
    """Every page in the place that it has in the clone, so that links between them hold."""
    known, files = relations(course), dict[str, bytes]()
    for path in course.notebooks("notebooks", "exercises"):
        name = f"{path.parent.name}/{path.name}"
        write_notebook(notebooks.page(path, course, known, address, files), source / name)
    texts = pages.documents(course, known, address)
    texts |= {"index.md": pages.front(course, texts), "exercises/index.md": pages.exercises(course)}
    files |= {name: text.encode() for name, text in (texts | api.pages(known)).items()}
    named = {PICTURE, *(picture for path, text in texts.items() for picture in pages.pictures(path, text))}
    files |= {name: (course.root / name).read_bytes() for name in sorted(named)}
    figures.write(files, source)


def _beside(source: Path):
    """Pictures that pages name by their HTML alone, of which Sphinx does not know."""
    for path in sorted(source.glob("_*/**/*")):
        if path.is_file():
            yield path.relative_to(source).as_posix(), path.read_bytes()


def tidy(folder: Path) -> None:
    """Away with what no reader asks for: Sphinx's notes and sources, the theme's translations, tools of ours."""
    for pattern in SUPERFLUOUS:
        for path in list(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

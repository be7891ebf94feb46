"""Where the course keeps its sources and what is made from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXECUTED = ("notebooks", "solutions", "capstones/reports")  # stored with their outputs
STARTERS = "capstones"  # stored as somebody begins them
SOURCES = (*EXECUTED, STARTERS)


@dataclass(frozen=True)
class Script:
    """One percent script, ``notebooks/05_kswgd.py``, ``solutions/05_kswgd.py`` or ``capstones/c1_dictionary.py``."""

    path: Path

    @property
    def kind(self) -> str:
        """The folder: ``notebooks`` for a lesson, ``solutions`` for a set of exercises, ``capstones`` for a starter."""
        folder = self.path.parent
        return f"{STARTERS}/{folder.name}" if folder.parent.name == STARTERS else folder.name

    @property
    def lesson(self) -> str:
        """The lesson's two digits; of a capstone ``c`` and its digit."""
        return self.path.stem[:2]

    @property
    def name(self) -> str:
        """Folder and file, as authors and messages say it."""
        return f"{self.kind}/{self.path.name}"

    @property
    def notebook(self) -> Path:
        """The executed notebook beside the script."""
        return self.path.with_suffix(".ipynb")

    @property
    def recorded(self) -> Path:
        """The folder of its widgets' pictures."""
        return self.path.parent / "recorded" / self.path.stem

    @property
    def exercise(self) -> Path:
        """The notebook that is cut from a solution."""
        return self.path.parent.parent / "exercises" / f"{self.path.stem}.ipynb"


@dataclass(frozen=True)
class Course:
    """A folder that holds ``notebooks/``, ``solutions/``, ``exercises/`` and ``capstones/``."""

    root: Path = ROOT

    def scripts(self, *kinds: str) -> list[Script]:
        """All sources in order, or those of the named folders."""
        return [Script(path) for kind in kinds or SOURCES for path in sorted((self.root / kind).glob("*.py"))]

    def lessons(self) -> dict[str, Script]:
        """By number, in order, what is read first: the lesson, or a sheet that is lesson and exercises in one."""
        scripts = {script.lesson: script for script in (*self.scripts("solutions"), *self.scripts("notebooks"))}
        return dict(sorted(scripts.items()))

    def notebooks(self, *folders: str) -> list[Path]:
        """The stored notebooks of these folders."""
        return [path for folder in folders for path in sorted((self.root / folder).glob("*.ipynb"))]

    def select(self, names: Sequence[str]) -> list[Script]:
        """The sources that the names mean: ``05``, ``05_kswgd`` or ``solutions/05``; all for no names.

        Raises:
            ValueError: if a name means no source.
        """
        if not names:
            return self.scripts()
        for name in names:
            if not any(self._means(name, script) for script in self.scripts()):
                known = ", ".join(script.name for script in self.scripts()) or "none"
                raise ValueError(f"{name!r} names no source. There are: {known}.")
        return list(self._chosen(names))

    def _chosen(self, names: Sequence[str]) -> Iterator[Script]:
        for script in self.scripts():
            if any(self._means(name, script) for name in names):
                yield script

    @staticmethod
    def _means(name: str, script: Script) -> bool:
        wanted = name.removesuffix(".py").removesuffix(".ipynb")
        return script.path.stem.startswith(wanted) or script.name.startswith(wanted)

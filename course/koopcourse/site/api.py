"""The reference: a page for each part of the package, made from docstrings under their public names."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from inspect import isclass, isroutine
from pprint import pformat

from koopcourse.site.names import COURSE, SCIENCE
from koopcourse.site.relations import Relations

MORE = ("koopcourse.plotting", "koopcourse.judges")  # what lessons use of the course beside `import koopcourse as kc`
ORDER = ("targets", "dictionaries", "operators", "spectrum", "langevin", "series", "particles", "sampler")
ORDER += ("flow_matching", "interpolants", "koopman_flow", "metrics", "standardizer", "ranks")


@dataclass(frozen=True)
class Part:
    """One page: the module that is the home of these names, and under which package they are known."""

    home: str
    package: str
    names: tuple[str, ...]

    @property
    def page(self) -> str:
        """The page's name in ``api/``."""
        return self.home.replace("koopteach.", "").replace(".", "-")


def parts() -> list[Part]:
    """All pages in the order of the way of the data, the course's after the package's."""
    science = [Part(home, "koopteach", tuple(names)) for home, names in SCIENCE.items()]
    science.sort(key=lambda part: (*ORDER, part.page).index(part.page))
    course = sorted(name for names in COURSE.values() for name in names)
    course = [name for name in course if not _is_module("koopcourse", name)]
    others = [Part(home, home, tuple(_names(home))) for home in MORE]
    return [*science, Part("koopcourse", "koopcourse", tuple(course)), *others]


def _names(home: str) -> list[str]:
    """What a module promises: its ``__all__``, or the functions that are written in it."""
    module = import_module(home)
    written = (name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == home)
    return list(getattr(module, "__all__", [name for name in written if not name.startswith("_")]))


def _is_module(package: str, name: str) -> bool:
    return type(getattr(import_module(package), name)).__name__ == "module"


def reference(name: str) -> str:
    """The link from Markdown to a public name of koopteach."""
    return f"{{py:obj}}`{name} <koopteach.{name}>`"


def pages(known: Relations) -> dict[str, str]:
    """``api/NAME.rst`` -> its text, for each part and for the overview."""
    every = parts()
    found = {f"api/{part.page}.rst": _page(part, known) for part in every}
    return found | {"api/index.rst": _overview(every)}


def _page(part: Part, known: Relations) -> str:
    lines = [*_heading(part.page.replace("-", "."), "="), _about(part), "", f".. py:currentmodule:: {part.package}", ""]
    lines += [_table(part), ""]
    for name in part.names:
        lines += [*_heading(name, "-"), *_thing(part.package, name), ""]
        if lessons := known.lessons_with(name) if part.package == "koopteach" else []:
            links = ", ".join(
                f":doc:`{lesson[:2]} {known.titles[lesson]} <../notebooks/{lesson}>`" for lesson in lessons
            )
            lines += [".. rst-class:: used-in", "", f"In lessons {links}.", ""]
    return "\n".join(lines)


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _about(part: Part) -> str:
    """What the module says of itself, without what follows its first paragraph."""
    said = (import_module(part.home).__doc__ or "").strip().split("\n\n")[0]
    return " ".join(said.split())


def _table(part: Part) -> str:
    links = [f":py:obj:`{name} <{part.package}.{name}>`" for name in part.names]
    return ".. rst-class:: names\n\n" + " · ".join(links)


def _thing(package: str, name: str) -> list[str]:
    value = getattr(import_module(package), name)
    if type(value).__module__ == "builtins" and not isclass(value) and not isroutine(value):
        return [f".. py:data:: {package}.{name}", "", *_contents(value)]
    kind = "autoclass" if isclass(value) else "autofunction" if isroutine(value) else "autodata"
    derived = kind == "autoclass" and value.__bases__ != (object,)
    options = [":members:"] * (kind == "autoclass") + [":show-inheritance:"] * derived
    options += [":no-value:"] * (kind == "autodata")
    return [f".. {kind}:: {package}.{name}", *(f"   {option}" for option in options)]


def _contents(value: object) -> list[str]:
    """What a table or a list holds; its type's own docstring would say nothing."""
    return ["   ::", "", *(f"      {line}" for line in pformat(value, sort_dicts=False).splitlines())]


ABOUT = """\
Every public name, from its docstring; the examples in them are run as tests. Functions take tensors ``(n, d)``, follow
their device and dtype, and take randomness as ``generator=``.
"""


def _overview(every: list[Part]) -> str:
    lines = [*_heading("Reference", "="), ABOUT]
    for part in every:
        names = " · ".join(f":py:obj:`{name} <{part.package}.{name}>`" for name in part.names)
        page = f":doc:`{part.page.replace('-', '.')} <{part.page}>`"
        lines += [page, f"   {_about(part)}", "", f"   {names}", ""]
    return "\n".join([*lines, ".. toctree::", "   :hidden:", "", *(f"   {part.page}" for part in every), ""])

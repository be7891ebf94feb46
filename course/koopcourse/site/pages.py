"""Pages that are text: the front page, and the clone's own documents with their links mended."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from koopcourse.authoring.contents import PICTURE
from koopcourse.authoring.links import Link, place, relinked
from koopcourse.authoring.minutes import promised
from koopcourse.authoring.roads import ROADS, lessons_of
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_script, title
from koopcourse.site.address import Address
from koopcourse.site.docstrings import slug
from koopcourse.site.notebooks import formulas_in_summaries
from koopcourse.site.relations import Relations, short

# Documents of the clone that become pages where they are there, in this order.
DOCUMENTS = ("docs/which_method.md", "TEACHING.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
# Sections of README.md -> pages made of them.
SECTIONS = {
    "start.md": ("Start", "Other ways to install"),
    "package.md": ("For researchers", "Your own data"),
    "licence.md": ("Licence",),
}


def documents(course: Course, known: Relations, address: Address) -> dict[str, str]:
    """Path in the site -> Markdown, of everything but the front page and the notebooks."""
    readme = (course.root / "README.md").read_text(encoding="utf-8")
    texts = {page: sections(readme, names) for page, names in SECTIONS.items()}
    teaching = [path.relative_to(course.root).as_posix() for path in sorted(course.root.glob("docs/teaching/*.md"))]
    paths = [
        *DOCUMENTS,
        *teaching,
        *takeaways(course),
        *(f"results/{path.name}" for path in sorted((course.root / "results").glob("*.md"))),
    ]
    texts |= {
        path: (course.root / path).read_text(encoding="utf-8") for path in paths if (course.root / path).is_file()
    }
    site = {*texts, *(f"{path.parent.name}/{path.name}" for path in course.notebooks("notebooks", "exercises"))}
    texts = {path: anchored(mended(text, path, site, address)) for path, text in texts.items()}
    for path in texts:
        if path.startswith("results/"):
            texts[path] += _lessons_on(Path(path).stem, known)
    if "TEACHING.md" in texts and teaching:
        texts["TEACHING.md"] += _tree(
            f"{short(heading(texts[path]))} <{path.removesuffix('.md')}>" for path in teaching
        )
    texts["results/index.md"] = _list("Results", RESULTS, {p: t for p, t in texts.items() if p.startswith("results/")})
    return texts


def takeaways(course: Course) -> list[str]:
    """The pages to keep, one for each part of the course, by the first lesson that they name."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(course.root.glob("docs/takeaways/*.md"))}
    paths = sorted(texts, key=lambda path: re.findall(r"\d\d", texts[path])[:1])
    return [path.relative_to(course.root).as_posix() for path in paths]


RESULTS = "What the lessons claim, measured: seeds that nobody tuned on, beside noise floors and rivals."


def sections(readme: str, names: tuple[str, ...]) -> str:
    """The named sections of the README; the first one's heading becomes the page's."""
    parts = {part.split("\n", 1)[0].strip(): part for part in re.split(r"^## ", readme, flags=re.M)[1:]}
    first, *others = (f"## {parts[name].strip()}" for name in names if name in parts)
    return "\n\n".join([first.removeprefix("#"), *others]) + "\n"


def mended(text: str, path: str, site: set[str], address: Address) -> str:
    """Links to files that are no pages lead to the repository, or are plain text while it has no address."""

    def instead(link: Link) -> str:
        if link.place == "README.md":
            return f"[{link.words}]({_back(path)}start.md)"
        if link.place == "results":
            return f"[{link.words}]({_back(path)}results/index.md)"
        if link.place in site:
            return f"[{link.words}]({link.target}{link.fragment})"
        return f"[{link.words}]({address.file(link.place)})" if address.url else link.words

    plain = re.sub(r"<!--.*?-->\n?", "", text, flags=re.S)
    return formulas_in_summaries(relinked(uncoloured(plain), path, instead))


def uncoloured(markdown: str) -> str:
    """A block that names no language is text; Sphinx would colour it as Python."""
    return re.sub(
        r"^```(.*)\n((?:.*\n)*?)```$", lambda block: f"```{block[1] or 'text'}\n{block[2]}```", markdown, flags=re.M
    )


def pictures(path: str, text: str) -> set[str]:
    """The clone's own files that a page shows."""
    shown = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
    return {place(path, target) for target in shown if "://" not in target}


def anchored(text: str) -> str:
    """Links within a page name headings as the repository's own pages do; here they have JupyterLab's anchors."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    names = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-"): slug(heading) for heading in headings}
    return re.sub(r"\]\(#([^)]+)\)", lambda found: f"](#{names.get(found[1], found[1])})", text)


def _back(path: str) -> str:
    return "../" * (len(Path(path).parts) - 1)


def _lessons_on(page: str, known: Relations) -> str:
    links = [f"[{stem[:2]} {known.titles[stem]}](../notebooks/{stem}.ipynb)" for stem in known.lessons_on(page)]
    return f"\n## Lessons that draw on this\n\n{', '.join(links)}\n" if links else ""


def heading(text: str) -> str:
    """The first heading of a page."""
    return next(line for line in text.splitlines() if line.startswith("# ")).removeprefix("# ")


def _list(title: str, about: str, texts: dict[str, str]) -> str:
    entries = "\n".join(f"- [{heading(text)}]({Path(path).name})" for path, text in texts.items())
    return f"# {title}\n\n{about}\n\n{entries}\n{_tree(Path(path).stem for path in texts)}"


def _tree(entries: Iterable[str]) -> str:
    """Pages below this one in the side bar."""
    return "\n```{toctree}\n:hidden:\n\n" + "\n".join(entries) + "\n```\n"


# ------------------------------------------------------------------ the front page

FRONT = """\
# koopteach

{first}

```{{image}} {picture}
:alt: {alt}
:class: front dark-light
```

## Three roads

<div class="roads">
{roads}
</div>

[Start](start.md) · [Which method when](docs/which_method.md) · [Reference](api/index.rst)

## What it is about

{rest}

## Lessons

<ol class="lessons">
{lessons}
</ol>

{trees}
"""
ROAD = """<a class="road" href="{href}"><strong>{name}</strong><span>{hours}</span><span>{leads}</span></a>"""
LESSON = """<li><span class="number">{number}</span><a href="{href}">{title}</a>
<span class="facts">{facts}</span></li>"""
TREE = "```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"


def front(course: Course, texts: dict[str, str]) -> str:
    """The first page: what this is, its picture, the roads, every lesson."""
    readme = (course.root / "README.md").read_text(encoding="utf-8")
    said = readme.split("\n\n")[1].replace("\n", " ")
    first, *rest = re.split(r"(?<=[?.]) (?=[A-Z])", said)  # a sentence each
    alt = re.search(r"!\[(.*?)\]\(" + re.escape(PICTURE), readme, re.S)
    return FRONT.format(
        first=first,
        rest="\n\n".join(rest),
        picture=PICTURE,
        alt=" ".join(alt[1].split()) if alt else "",
        roads="\n".join(_roads(course)),
        lessons="\n".join(_lessons(course)),
        trees="\n".join(_trees(course, texts)),
    )


def _roads(course: Course) -> Iterator[str]:
    for road in ROADS:
        scripts = lessons_of(road, course)
        if scripts:
            hours = sum(promised(script) or 0 for script in scripts) / 60
            count = f"{len(scripts)} lesson{'s' * (len(scripts) > 1)}, {hours:.1f} hours"
            yield ROAD.format(name=road.name, hours=count, leads=html.escape(road.leads), href=_page(scripts[0]))


def _lessons(course: Course) -> Iterator[str]:
    sheets = {script.path.stem: script for script in course.scripts("solutions")}
    for script in course.scripts("notebooks"):
        facts = [f"{promised(script) or '?'} minutes"]
        if sheet := sheets.get(script.path.stem):
            facts.append(f'<a href="exercises/{script.path.stem}.html">exercises</a>, {promised(sheet) or "?"} minutes')
        words = {"title": html.escape(_title(script)), "facts": " · ".join(facts)}
        yield LESSON.format(number=script.lesson, href=_page(script), **words)


def _title(script: Script) -> str:
    return title(read_script(script.path))


def _page(script: Script) -> str:
    return f"{'notebooks' if script.kind == 'notebooks' else 'exercises'}/{script.path.stem}.html"


def _trees(course: Course, texts: dict[str, str]) -> Iterator[str]:
    """The side bar: lessons one by one, the rest behind a page for each kind."""
    lessons = [
        f"{script.lesson} {short(_title(script))} <notebooks/{script.path.stem}>"
        for script in course.scripts("notebooks")
    ]
    yield TREE.format(caption="Lessons", entries="\n".join(["Start <start>", *lessons, "Exercises <exercises/index>"]))
    beside = [path for path in (*takeaways(course), *DOCUMENTS[:2]) if path in texts]
    rest = ["results/index", *beside, "package.md", "api/index"]
    yield TREE.format(caption="Beside them", entries="\n".join(path.removesuffix(".md") for path in rest))
    about = [path for path in (*DOCUMENTS[2:], "licence.md") if path in texts]
    yield TREE.format(caption="The project", entries="\n".join(path.removesuffix(".md") for path in about))


def exercises(course: Course) -> str:
    """The list of sheets."""
    scripts = course.scripts("solutions")
    entries = "\n".join(f"- [{_title(script)}]({script.path.stem}.ipynb)" for script in scripts)
    tree = _tree(f"{_title(script).removeprefix('Exercises ')} <{script.path.stem}>" for script in scripts)
    about = "Each checks itself: it says what is wrong, and lets the notebook go on with the course's answer meanwhile."
    return f"# Exercises\n\n{about}\n\n{entries}\n{tree}"

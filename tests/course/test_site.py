"""The site: built once from what is stored, without network; then read as people, keyboards and screen readers do."""

from __future__ import annotations

import ast
import functools
import http.server
import io
import json
import os
import re
import runpy
import subprocess
import sys
import threading
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from tests.needs import needs

needs("jupytext")

from nbformat.v4 import new_code_cell, new_output
from PIL import Image

from koopcourse.authoring.tree import ROOT, Course
from koopcourse.notebook_io import read_notebook
from koopcourse.site import build, colab, command, docstrings, figures, mend, pages, recorded
from koopcourse.site.address import Address
from koopcourse.site.notebooks import columns, formulas_in_summaries, linked

VENDOR = ROOT / "docs" / "site" / "vendor"
GITHUB = Address("https://github.com/ada/koopteach")
MOST_MEGABYTES, MOST_FILES = 60, 2500
KINDS = {
    "front": "index.html",
    "lesson": "notebooks/05_kswgd.html",
    "exercise": "exercises/05_kswgd.html",
    "results": "results/kswgd.html",
    "reference": "api/particles.html",
    "document": "docs/which_method.html",
    "search": "search.html?q=kswgd",
    "index": "genindex.html",
}
built = [pytest.mark.site, pytest.mark.slow]  # tests of the built site


def marked(test):
    for mark in built:
        test = mark(test)
    return test


# ------------------------------------------------------------------ the pieces, without a build


def tiny_recording(folder):
    """One control with two settings, as the notebook builder leaves it."""
    folder.mkdir(parents=True)
    for name, colour in (("0-0.webp", "navy"), ("0-1.webp", "orange")):
        Image.new("RGB", (40, 20), colour).save(folder / name)
    control = {"name": "step_size", "labels": ["1", "2 < 3"], "start": 0, "frames": ["0-0.webp", "0-1.webp"]}
    return control | {"alts": ["A navy picture.", 'An "orange" one.']}


def write_recording(folder, controls, cell=34):
    entries = [{"cell": cell, "call": 0, "controls": controls}]
    (folder / "widgets.json").write_text(json.dumps(entries), encoding="utf-8")


def test_a_recorded_widget_is_a_picture_and_a_labelled_slider(tmp_path):
    folder, files = tmp_path / "05_kswgd", {}
    write_recording(folder, [tiny_recording(folder)])
    [recording] = recorded.recordings(folder)
    page = recorded.widget(recording, folder, files)
    assert sorted(files) == ["_recorded/05_kswgd/0-0.webp", "_recorded/05_kswgd/0-1.webp"]
    assert '<img src="../_recorded/05_kswgd/0-0.webp" alt="A navy picture." width="40" height="20">' in page
    assert '<label for="recorded-34-0-0">step size</label>' in page
    assert re.search(r'<input type="range" id="recorded-34-0-0" min="0" max="1" value="0"', page)
    assert "2 &lt; 3" in page
    assert "recorded" in page
    assert "one control at a time" not in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": ["1"]}, "a frame and words for each label"),
        ({"start": 2}, "and a start"),
        ({"frames": ["0-0.webp", "lost.webp"]}, r"lacks lost\.webp; build the notebook anew"),
    ],
)
def test_half_a_recording_is_refused(tmp_path, change, told):
    control = tiny_recording(tmp_path / "05_kswgd") | change
    write_recording(tmp_path / "05_kswgd", [control])
    with pytest.raises(ValueError, match=told):
        recorded.recordings(tmp_path / "05_kswgd")


def test_no_recording_leaves_the_stored_picture(tmp_path):
    assert recorded.recordings(tmp_path / "nothing") == []


def test_the_address_is_one_setting_and_badges_wait_for_it(tmp_path):
    assert Address.of(tmp_path) == Address("")
    assert Address("").badges("notebooks/05_kswgd.ipynb") == {}
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/ada/k.git"\n', "utf-8")
    found = Address.of(tmp_path)
    assert found.url == "https://github.com/ada/k"
    assert found.badges("notebooks/05_kswgd.ipynb") == {
        "Colab": "https://colab.research.google.com/github/ada/k/blob/gh-pages/colab/notebooks/05_kswgd.ipynb",
        "Binder": "https://mybinder.org/v2/gh/ada/k/main?labpath=notebooks/05_kswgd.ipynb",
    }
    assert Address.of(tmp_path, "https://git.example.org/k/").badges("x") == {}, "both services read GitHub alone"
    with pytest.raises(ValueError, match="https://"):
        Address.of(tmp_path, "git@github.com:ada/k.git")


@pytest.mark.parametrize("address", [Address(), GITHUB], ids=["wheels", "clone"])
def test_the_first_cell_of_colab_installs_where_the_course_is_missing(address, tmp_path, monkeypatch):
    called = []
    monkeypatch.chdir(tmp_path)
    for wheel in ("koopcourse-1.whl", "koopteach-1.whl"):
        (tmp_path / wheel).touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run", lambda command, **_: called.append(command))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    exec(colab.first_cell("05", address), names := {})
    assert names["profile"].lesson == "05"
    words = [" ".join(command) for command in called]
    if address.url:
        assert words[0].startswith("git clone")
        assert GITHUB.url in words[0]
        assert words[1].endswith("./koopteach-course ./koopteach-course/course")
    else:
        assert [word.rpartition(" ")[2] for word in words] == ["koopteach-1.whl"]


@pytest.mark.parametrize("gpu", [False, True])
def test_colab_starts_the_gpu_check_once_and_only_where_there_is_a_gpu(gpu, tmp_path, monkeypatch):
    started = []
    monkeypatch.chdir(tmp_path)
    (tmp_path / colab.CLONE).mkdir()
    monkeypatch.setattr("koopcourse.setup", lambda lesson: lesson)
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    monkeypatch.setattr("subprocess.Popen", lambda command, **options: started.append((command[1:], options["cwd"])))
    for _ in range(2):
        exec(colab.first_cell("05", GITHUB), {})
    assert started == [(["-m", "experiments", "gpu-check"], colab.CLONE)] * gpu


@pytest.mark.slow
def test_a_colab_notebook_is_the_lesson_and_one_cell_more():
    course = Course()
    variants = colab.variants(course, GITHUB)
    assert sorted(variants) == sorted(f"{p.parent.name}/{p.name}" for p in course.notebooks("notebooks", "exercises"))
    first, *rest = variants["notebooks/05_kswgd.ipynb"].cells
    stored = json.loads((ROOT / "notebooks" / "05_kswgd.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [cell.source for cell in rest] == ["".join(cell["source"]) for cell in stored]
    assert all(not cell.get("outputs") for cell in rest)
    ast.parse(first.source)


def test_a_folder_that_is_not_ours_is_never_emptied(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ValueError, match="not empty and no site of ours"):
        build.claim(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    site = tmp_path / "site"
    build.claim(site)
    (site / "old.html").touch()
    build.claim(site)
    assert not (site / "old.html").exists()


def test_without_sphinx_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.main([]) == 1
    assert './course[site]"' in capsys.readouterr().err


def test_indented_blocks_of_docstrings_are_shown_as_they_are_and_sections_left_alone():
    lines = ["Move.", "", "    v = *m* |x|", "    w = 1", "", "Then:", "", "Args:", "    x: one", "", "        more"]
    found = docstrings.formulas_as_blocks(lines)
    assert found[2:6] == [".. code-block:: text", "", "    v = *m* |x|", "    w = 1"]
    assert found[-4:] == lines[-4:]


def test_links_of_documents_lead_to_pages_or_to_the_repository_or_nowhere():
    site = {"TEACHING.md", "notebooks/05_kswgd.ipynb"}
    text = "[a](notebooks/05_kswgd.ipynb) [b](course.py) [c](README.md) [d](https://x.org)"
    assert pages.mended(text, "TEACHING.md", site, Address()) == (
        "[a](notebooks/05_kswgd.ipynb) b [c](start.md) [d](https://x.org)"
    )
    assert f"[b]({GITHUB.url}/blob/main/course.py)" in pages.mended(text, "TEACHING.md", site, GITHUB)
    assert pages.mended("[e](../course.py)", "docs/a.md", site, GITHUB) == f"[e]({GITHUB.url}/blob/main/course.py)"


def test_a_block_without_a_language_is_text_and_others_stay():
    text = "```sh\nls\n```\n\n```\nclass/  what the class gets\n```\n"
    assert pages.uncoloured(text) == text.replace("```\nclass", "```text\nclass")


def test_pages_to_keep_stand_in_the_order_of_the_lessons():
    names = [name.rpartition("/")[2] for name in pages.takeaways(Course())]
    assert names == ["spectra.md", "flows.md", "fields.md", "own_data.md"]


def test_a_page_that_a_lesson_names_by_its_path_is_a_link():
    text = "`results/kswgd.md`, [`results/kswgd.md`](x), `results/lost.md`, `course.py`"
    expected = text.replace("`results/kswgd.md`,", "[`results/kswgd.md`](../results/kswgd.md),", 1)
    assert linked(text, Course()) == expected


def test_a_wide_picture_keeps_its_letters_in_a_box_that_scrolls():
    def png(width):
        file = io.BytesIO()
        Image.new("RGB", (width, 10)).save(file, "PNG")
        return file.getvalue()

    assert figures.picture("a.png", png(900), "Two <wells>") == (
        '<div class="wide"><img src="a.png" alt="Two &lt;wells&gt;" width="900" height="10"></div>'
    )
    assert figures.picture("a.png", png(400), "One").startswith("<img")


def test_columns_are_told_from_a_list_of_numbers():
    def printed(text):
        return new_code_cell(outputs=[new_output("stream", text=text)])

    assert columns(printed("        SW2   KL   TV\nULA   0.1   0.2  0.3\n"))
    assert not columns(printed("rates: [0.45  8.2  15  24]\nexact: [0.45  8.2  15  24]\n"))


def test_a_numbered_formula_is_on_one_line():
    """Sphinx splits what has two, and MathJax numbers no part of a split."""
    for path in Course().notebooks("notebooks", "exercises"):
        formulas = re.findall(r"\$\$(.*?)\$\$", "\n\n".join(c.source for c in read_notebook(path).cells), re.S)
        assert [found for found in formulas if r"\tag" in found and r"\\" in found] == [], path.name


def test_formulas_in_the_title_of_a_fold_are_marked_for_mathjax():
    assert r"\(e^{15}\)</span> times</summary>" in formulas_in_summaries("<summary>$e^{15}$ times</summary>")


def test_what_is_vendored_is_what_the_readme_says():
    refresh = runpy.run_path(str(VENDOR / "refresh.py"))
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    for package, version in refresh["VERSIONS"].items():
        assert re.search(rf"`{re.escape(package)}`.*\| {re.escape(version)} \|", readme), package
    assert f"v{refresh['VERSIONS']['axe-core']}" in (VENDOR / "axe" / "axe.min.js").read_text(encoding="utf-8")[:200]
    assert {path.name for path in VENDOR.iterdir()} == {"README.md", "axe", "mathjax", "refresh.py"}
    assert all((VENDOR / folder / "LICENSE").is_file() for folder in ("axe", "mathjax"))


# ------------------------------------------------------------------ the built site


class Page(HTMLParser):
    """What a page asks for, where it leads, and the names of its places."""

    LOADS = ("script", "img", "iframe", "source", "video", "audio", "embed", "object")

    def __init__(self, path):
        super().__init__()
        self.loaded, self.links, self.places = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "link":
            self.loaded.append(found.get("href"))
        if tag in self.LOADS:
            self.loaded += [found.get("src") or found.get("data"), *(found.get("srcset") or "").split(",")]
        if tag == "a":
            self.links.append(found.get("href"))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built by the command that the README names, with the network closed."""
    for module in command.NEEDED:
        needs(module)
    folder = tmp_path_factory.mktemp("built") / "site"
    words = [sys.executable, "-m", "koopcourse", "site", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder


@pytest.fixture(scope="session")
def parsed(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


@marked
def test_every_notebook_page_and_name_has_its_place(site):
    for kind, page in KINDS.items():
        assert (site / page.partition("?")[0]).is_file(), kind
    for path in Course().notebooks("notebooks", "exercises"):
        assert (site / path.parent.name / f"{path.stem}.html").is_file()
        assert (site / "colab" / path.parent.name / path.name).is_file()
    reference = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    import koopteach

    assert [name for name in koopteach.__all__ if f'id="koopteach.{name}"' not in reference] == ["__version__"]


@marked
def test_nothing_is_asked_of_the_web(site, parsed):
    asked = {(path.name, what) for path, page in parsed.items() for what in page.loaded if what}
    assert [found for found in asked if re.match(r"\s*(https?:)?//", found[1])] == []
    for path in site.rglob("*.css"):
        found = re.findall(r"(?:@import\s+|url\()\s*[\"']?(?:https?:)?//[^)\"']*", path.read_text(encoding="utf-8"))
        assert found == [], path.name


@marked
def test_every_relative_link_leads_to_a_page_and_its_place(site, parsed):
    broken = set()
    for path, page in parsed.items():
        for link in {*page.links, *page.loaded} - {None, "", "#"}:
            address, _, place = link.partition("#")
            if re.match(r"[a-z]+:|//", address):
                continue
            target = (path.parent / unquote(address.partition("?")[0])).resolve() if address else path
            if target.is_dir():
                target /= "index.html"
            lost = not target.is_file() or (place and target in parsed and unquote(place) not in parsed[target].places)
            broken |= {(path.relative_to(site).as_posix(), link)} if lost else set()
    assert broken == set()


@marked
def test_lesson_exercise_reference_and_results_lead_to_each_other(parsed):
    links = {"/".join(path.parts[-2:]): set(page.links) for path, page in parsed.items()}
    lesson, sheet = links["notebooks/05_kswgd.html"], links["exercises/05_kswgd.html"]
    reference = {"../api/particles.html#koopteach.KSWGD", "../api/operators.html#koopteach.GeneratorEDMD"}
    assert {"../exercises/05_kswgd.html", "../results/kswgd.html"} | reference <= lesson
    assert {"../notebooks/05_kswgd.html"} | reference <= sheet
    assert "../notebooks/05_kswgd.html" in links["api/particles.html"] & links["results/kswgd.html"]


@marked
def test_the_site_is_small(site):
    files = [path for path in site.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_MEGABYTES * 1e6
    assert len(files) < MOST_FILES
    assert not (site / "_sources").exists()
    assert not list(site.rglob("axe*"))


# ------------------------------------------------------------------ in a browser

LEFTS = "boxes => boxes.map(box => box.getBoundingClientRect().left)"
CUT = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
SET = "() => window.MathJax?.startup?.promise?.then(() => true) ?? true"
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
AXE = """
async () => {
    await Promise.all(document.getAnimations().map(one => one.finished));  // the dark colours fade in
    return axe.run(document, {resultTypes: ["violations"], preload: false});
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """No line for each request."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A tab that closes breaks off what it was asking for."""


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served: a search shows words of the pages it found, which no browser reads from a folder."""
    with Server(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def visit(browser, address):
    """Open a page of the site; its complaints, and what it asks of anybody else, are an error at the end."""
    troubles, opened = [], []

    def visit(page, *, width=1280, scheme="light"):
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(tab)
        tab.set_default_timeout(120_000)
        ours = (address, "data:")
        tab.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda asked: None if asked.url.startswith(ours) else troubles.append(asked.url))
        tab.on("requestfailed", lambda asked: troubles.append(f"failed: {asked.url}"))
        tab.goto(address + page)
        assert tab.evaluate(SET)
        return tab

    yield visit
    for tab in opened:
        tab.close()
    assert troubles == []


@marked
@pytest.mark.browser
def test_formulas_are_set_and_have_words_for_screen_readers(visit):
    page = visit(KINDS["lesson"])
    assert page.locator("mjx-container").count() == page.locator(".math").count() > 40
    assert page.locator("mjx-container mjx-assistive-mml math").count() > 40
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("mjx-container").first.bounding_box()["height"] > 5


@marked
@pytest.mark.browser
def test_a_recorded_slider_moves_by_keyboard_and_its_picture_changes(visit):
    lesson = min((ROOT / "notebooks" / "recorded").glob("*/widgets.json")).parent.name
    page = visit(f"notebooks/{lesson}.html")
    figure = page.locator("figure.recorded").first
    sliders, picture = figure.locator("input"), figure.locator("img")
    before = picture.get_attribute("src"), picture.get_attribute("alt"), figure.locator("output").first.inner_text()

    def press(slider):
        at_the_end = slider.input_value() == slider.get_attribute("max")
        slider.focus()
        page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")

    press(sliders.first)
    after = picture.get_attribute("src"), picture.get_attribute("alt"), figure.locator("output").first.inner_text()
    assert before[0] != after[0]
    assert before[2] != after[2]
    assert sliders.first.get_attribute("aria-valuetext") == after[2]
    page.wait_for_function("picture => picture.complete && picture.naturalWidth > 0", arg=picture.element_handle())
    if sliders.count() > 1:  # one moves at a time
        press(sliders.nth(1))
        assert sliders.first.input_value() == sliders.first.get_attribute("data-start")
        assert figure.locator("output").first.inner_text() == before[2]


@marked
@pytest.mark.browser
@pytest.mark.parametrize("kind", KINDS)
def test_a_telephone_scrolls_down_alone(visit, kind):
    page = visit(KINDS[kind], width=390)
    if kind == "search":
        page.wait_for_selector("#search-results li p.context")
        assert "System Settings" not in page.locator("#search-results").inner_text()  # a menu of the theme
    content, window = page.evaluate(WIDTHS)
    assert content <= window


@marked
@pytest.mark.browser
def test_a_telephone_shows_formulas_from_their_beginning_and_all_numbers(visit):
    page = visit("notebooks/01_langevin.html", width=390)
    assert min(page.locator("div.math mjx-container").evaluate_all(LEFTS)) >= 0
    assert page.locator(".cell:not(.tag_columns) .cell_output pre").evaluate_all(CUT) == 0


@marked
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_contrast_names_and_texts_are_there_for_everybody(visit, kind, scheme):
    page = visit(KINDS[kind], width=390 if kind == "exercise" else 1280, scheme=scheme)
    page.evaluate((VENDOR / "axe" / "axe.min.js").read_text(encoding="utf-8"))
    grave = [found for found in page.evaluate(AXE)["violations"] if found["impact"] in ("serious", "critical")]
    assert [(found["id"], [node["html"][:200] for node in found["nodes"]]) for found in grave] == []


def test_what_the_theme_lacks_is_mended():
    button = '<button class="btn search-button-field x" title="Search" aria-label="Search" data-x="">'
    assert mend.mended(button) == '<button class="btn search-button-field x" title="Search" data-x="">'
    arguments = "<dl>\n<dd>a,</dd>\n<dd>b,</dd>\n</dl>"
    assert mend.mended(arguments) == (
        '<span class="params"><span class="param">a,</span>\n<span class="param">b,</span>\n</span>'
    )
    terms = "<dl>\n<dt>a</dt><dd>b</dd>\n</dl>"
    assert mend.mended(terms) == terms
    assert mend.mended("<title>koopteach &#8212; koopteach</title>") == "<title>koopteach</title>"

"""The three homes and their floors, and that no file knows the computer it was written on."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A file imports lower floors only; on its own floor its own folder only. A package's own __init__ is exempt.
# The homes stand on each other: koopcourse may import koopteach, experiments may import both.
HOMES = {
    "koopteach": (
        ("arrays",),
        ("tensors", "files", "progress_bar", "lazy", "protocols"),
        ("kernels", "standardizer", "ranks"),
        ("targets", "dictionaries", "metrics", "series"),
        ("spectrum", "langevin"),
        ("operators", "flow_matching"),
        ("particles", "interpolants", "koopman_flow"),
        ("sampler",),
        ("__main__",),
    ),
    "koopcourse": (
        ("runtime", "notebook_io", "data", "terminal"),
        ("images", "checks", "plotting", "judges"),
        ("exercises", "zoo", "capstones", "doctor"),
        ("authoring",),
        ("teaching", "site", "release"),
        ("grading",),
        ("__main__",),
    ),
    "experiments": (
        ("machinery",),
        ("kswgd", "koopman_cfm", "images"),
        ("image_flows", "allen_cahn", "conditional", "own_data", "speed", "dictionary", "adaptive"),
        ("curved_interpolants", "image_flows_gpu", "gpu_check", "sample_size", "dimension"),
        ("__main__",),
    ),
}
FOLDERS = {
    "koopteach": ROOT / "koopteach",
    "koopcourse": ROOT / "course" / "koopcourse",
    "experiments": ROOT / "experiments",
}
CORE = {"torch", "numpy", "scipy"}


def floors(home):
    """The floor of each file and folder of a home."""
    return {name: floor for floor, names in enumerate(HOMES[home]) for name in names}


def parts(path, package):
    """``("operators", "edmd")`` for ``koopteach/operators/edmd.py``."""
    return path.relative_to(package).with_suffix("").parts


def imported(tree, home, own):
    """The dotted names that a file of a home imports, relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = (home, *own)[: 1 + len(own) - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            # `from koopteach import metrics` names a floor as `from koopteach.metrics import ...` does
            yield from ((f"{module}.{name.name}" for name in node.names) if module in HOMES else (module,))


def breaches(home, package):
    """One line for each import that reaches up, sideways, or to a name without a floor."""
    order, floor = list(HOMES), floors(home)
    for path in sorted(package.rglob("*.py")):
        own = parts(path, package)
        if own == ("__init__",):
            continue
        if own[0] not in floor:
            yield f"{own[0]} has no floor: give it one in {Path(__file__).name}"
            continue
        for name in imported(ast.parse(path.read_text(encoding="utf-8")), home, own):
            top, *rest = name.split(".")
            if top in HOMES and top != home and order.index(top) > order.index(home):
                yield f"{'.'.join(own)} of {home} imports {name} of {top}, which stands on it"
            if top != home or not rest or rest[0] == own[0]:
                continue
            if rest[0] not in floor:
                yield f"{'.'.join(own)} imports {name}: name the module that is its home"
            elif floor[rest[0]] >= floor[own[0]]:
                yield f"{'.'.join(own)} (floor {floor[own[0]]}) imports {name} (floor {floor[rest[0]]})"


@pytest.mark.slow
@pytest.mark.parametrize("home", HOMES)
def test_every_file_imports_lower_floors_only(home):
    assert list(breaches(home, FOLDERS[home])) == []


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("targets/a.py", "from koopteach.operators.edmd import EDMD", "targets.a (floor 3) imports"),
        ("targets/a.py", "from ..operators import edmd", "targets.a (floor 3) imports"),
        ("metrics/a.py", "import koopteach.targets", "imports koopteach.targets (floor 3)"),
        ("spectrum.py", "from koopteach import particles", "imports koopteach.particles (floor 6)"),
        ("spectrum.py", "from . import particles", "imports koopteach.particles (floor 6)"),
        ("spectrum.py", "def f():\n    from koopteach import EDMD", "name the module that is its home"),
        ("spectrum.py", "import koopcourse.runtime", "of koopcourse, which stands on it"),
        ("spectrum.py", "def f():\n    from experiments import kswgd", "of experiments, which stands on it"),
        ("cellar.py", "", "cellar has no floor"),
        (
            "operators/a.py",
            "from koopteach.operators import b\nfrom . import c\nimport koopteach.targets",
            None,
        ),
    ],
)
def test_a_breach_is_seen(tmp_path, file, line, told):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line, encoding="utf-8")
    found = list(breaches("koopteach", tmp_path))
    assert [told in breach for breach in found] == ([True] if told else [])


def test_the_package_needs_torch_numpy_and_scipy_alone():
    """At import; a function may import more where it uses it."""
    package = FOLDERS["koopteach"]
    for path in sorted(package.rglob("*.py")):
        top = ast.parse(path.read_text(encoding="utf-8"))
        top.body = [node for node in top.body if isinstance(node, ast.Import | ast.ImportFrom)]
        roots = {name.split(".")[0] for name in imported(top, "koopteach", parts(path, package))}
        assert roots <= CORE | {"koopteach"} | sys.stdlib_module_names, path


# Folders that exist on the computer of whoever wrote a file, and on no other.
SOMEBODYS_PATH = re.compile(r"(?<![\w.~}*-])/(?:home|root|tmp|work|Users|mnt|media)/|\b[A-Z]:\\\\?Users\b")
TEXT = {".py", ".ipynb", ".md", ".toml", ".txt", ".yml", ".yaml", ".cff", ".cfg", ".json", ".csv", ".svg", ""}
NOT_OURS = {"work", "build", "dist", "__pycache__", "node_modules"}


def own_files(folder):
    """The repository's own text files: no hidden folder but .ci and .github, nothing that git ignores."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name not in (".ci", ".github")
            if not hidden and path.name not in NOT_OURS and not path.name.endswith(".egg-info"):
                yield from own_files(path)
        elif path.suffix in TEXT and path.name != ".git" and not path.name.startswith(".coverage"):
            yield path


@pytest.mark.slow
def test_no_file_names_a_folder_of_its_authors_computer():
    told = {}
    for path in own_files(ROOT):
        found = SOMEBODYS_PATH.findall(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            told[str(path.relative_to(ROOT))] = found
    assert told == {}


@pytest.mark.parametrize("text", ["see /ho" + "me/ada/x", "'/t" + "mp/ipykernel_1/2.py'", "C:\\U" + "sers\\ada"])
def test_such_a_folder_is_seen(text):
    assert SOMEBODYS_PATH.search(text)


@pytest.mark.parametrize("text", ["work/lessons", "open work/ first", "root / 'work'", "./work/lessons", "~/work/x"])
def test_the_learners_own_folder_is_not_meant(text):
    assert not SOMEBODYS_PATH.search(text)

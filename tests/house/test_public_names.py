"""What the package promises by name, and what importing it costs."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import koopteach
from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name in koopteach.__all__ if name != "__version__"]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(koopteach.__path__, "koopteach.")
    if not module.name.endswith("__main__")
)


def test_public_names_can_be_imported():
    assert [name for name in koopteach.__all__ if getattr(koopteach, name, None) is None] == []
    assert set(koopteach.__all__) <= set(dir(koopteach))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("KSWDG", r"has no attribute 'KSWDG'\. Did you mean KSWGD\?$"),
        ("gaussian_mixture", r"Did you mean GaussianMixture\b"),
        ("zzz", "has no attribute 'zzz'$"),
    ],
)
def test_a_misspelt_name_is_told_the_nearest(name, told):
    with pytest.raises(AttributeError, match=told):
        getattr(koopteach, name)
    assert not hasattr(koopteach, name)


MOVED = ("setup", "show", "check", "progress", "shipped", "load_images", "Autoencoder", "Classifier", "ImageSet")
MOVED += ("PrincipalComponents", "Profile", "device", "plotting", "runtime", "teach", "zoo", "images", "reproduce")


@pytest.mark.parametrize("name", MOVED)
def test_a_name_that_moved_says_where(name):
    """By both ways of asking, after everything else is loaded: no module of the package shadows it."""
    for public in NAMES:
        getattr(koopteach, public)
    for ask in (f"koopteach.{name}", f"from koopteach import {name}"):
        with pytest.raises(ImportError, match=rf"^koopteach\.{name} moved: ") as caught:
            exec(ask, {"koopteach": koopteach})
    assert name not in dir(koopteach)
    if name != "reproduce":
        course = needs("koopcourse")
        words = str(caught.value).split("moved: ")[1]
        exec(words.replace(", then ", "\n"), names := {})
        assert "kc" not in names or getattr(course, name) is not None


def test_the_packages_commands_say_where_they_went():
    done = subprocess.run([sys.executable, "-m", "koopteach", "doctor"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "python -m koopcourse" in done.stderr


def test_promised_names_exist():
    for module in map(importlib.import_module, MODULES):
        assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == [], module.__name__


EXTRAS = {"matplotlib", "sklearn", "IPython", "ipykernel", "ipywidgets", "jupyterlab", "jupytext", "nbformat", "ot"}
EXTRAS |= {"safetensors", "torchdiffeq", "koopcourse", "experiments"}


@pytest.mark.slow
@pytest.mark.parametrize("names", ["", ", ".join(koopteach.__all__)], ids=["alone", "every name"])
def test_the_package_needs_no_extra_and_neither_of_the_other_homes(names):
    """Neither to be imported nor for its public names; also not torch before somebody needs it."""
    without = "import sys\n" + "\n".join(f"sys.modules[{extra!r}] = None" for extra in sorted(EXTRAS))
    ask = f"from koopteach import {names}" if names else "import koopteach"
    code = f"{without}\n{ask}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(bool(names))]


# NeuralDictionary and RandomFourierFeatures get their use in the study of dictionaries; experiments look the spirals up
# by their name; lesson 15 writes the script that uses Ranks to a file.
EXCUSED = {"NeuralDictionary", "RandomFourierFeatures", "Ranks", "spirals"}


def used_names():
    """The names of koopteach that lessons, solutions and experiments import or write as ``kt.name``."""
    for folder in ("notebooks", "solutions", "experiments"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "koopteach":
                    yield from (name.name for name in node.names)
                elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "kt":
                    yield node.attr


@pytest.mark.slow
def test_every_public_name_is_used():
    assert sorted(set(NAMES) - set(used_names()) - EXCUSED) == []
    assert {"KSWGD", "Spectrum"} <= set(used_names())


def public_things(module):
    """Functions and classes that are written in a module, and the public methods of those classes."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield f"{module.__name__}.{name}", thing


def test_every_module_and_public_thing_is_described():
    modules = [importlib.import_module(name) for name in MODULES]
    assert [module.__name__ for module in modules if not module.__doc__] == []
    told = {where: thing.__doc__ or "" for module in modules for where, thing in public_things(module)}
    bare = [where for where, text in told.items() if not text.strip()]
    # a dataclass without a docstring gets its signature for one
    bare += [where for where, text in told.items() if text.startswith(where.split(".")[-1] + "(")]
    assert bare == []


def test_every_public_name_and_method_is_described():
    things = {name: getattr(koopteach, name) for name in NAMES}
    assert [name for name, thing in things.items() if not inspect.getdoc(thing)] == []
    for name, thing in things.items():
        if inspect.isclass(thing):
            methods = inspect.getmembers(thing, lambda part: inspect.isfunction(part) or isinstance(part, property))
            bare = [method for method, part in methods if not method.startswith("_") and not inspect.getdoc(part)]
            assert bare == [], name


def test_every_public_name_has_an_example():
    assert [name for name in NAMES if ">>> " not in inspect.getdoc(getattr(koopteach, name))] == []

"""What the package promises by name, and what importing it costs."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import koopteach

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(koopteach.__path__, "koopteach.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", koopteach.__all__)
def test_public_names_can_be_imported(name):
    assert getattr(koopteach, name) is not None
    assert name in dir(koopteach)


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="module 'koopteach' has no attribute 'KSWDG'"):
        koopteach.KSWDG  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_promised_names_exist(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public)


EXTRAS = {"matplotlib", "sklearn", "IPython", "ipykernel", "ipywidgets", "jupyterlab", "jupytext", "nbformat", "ot"}
EXTRAS |= {"safetensors", "torchdiffeq", "koopcourse", "experiments"}


@pytest.mark.parametrize("names", ["", ", ".join(koopteach.__all__)], ids=["alone", "every name"])
def test_importing_the_package_loads_no_extra(names):
    """Neither the package alone nor its public names; also not torch before somebody needs it."""
    code = f"import sys, koopteach\n{'from koopteach import ' + names if names else ''}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    tops = {name.split(".")[0] for name in loaded}
    assert not tops & EXTRAS
    assert ("torch" in tops) == bool(names)


def public_things(module):
    """Functions and classes that are written in a module, and the public methods of those classes."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield f"{module.__name__}.{name}", thing


@pytest.mark.parametrize("name", MODULES)
def test_every_module_and_public_thing_is_described(name):
    module = importlib.import_module(name)
    assert module.__doc__
    bare = [where for where, thing in public_things(module) if not (thing.__doc__ or "").strip()]
    # a dataclass without a docstring gets its signature for one
    bare += [
        where for where, thing in public_things(module) if (thing.__doc__ or "").startswith(where.split(".")[-1] + "(")
    ]
    assert bare == []


@pytest.mark.parametrize("name", [name for name in koopteach.__all__ if name != "__version__"])
def test_every_public_name_and_method_is_described(name):
    thing = getattr(koopteach, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        methods = inspect.getmembers(thing, lambda member: inspect.isfunction(member) or isinstance(member, property))
        assert [method for method, m in methods if not method.startswith("_") and not inspect.getdoc(m)] == []

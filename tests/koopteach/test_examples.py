"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest
import torch

import koopteach

MODULES = sorted(module.name for module in pkgutil.walk_packages(koopteach.__path__, "koopteach."))
FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = [
    test
    for name in ["koopteach", *MODULES]
    if not name.endswith("__main__")
    for test in FINDER.find(importlib.import_module(name), name)
    if test.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_prints_what_it_says(example):
    told = []
    torch.manual_seed(0)  # some examples take no generator: they print shapes, and are to print them in every run
    doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert "".join(told) == ""


def test_there_are_examples():
    assert len(EXAMPLES) > 20

"""Planted mistakes: in every solution, to try the checks, and in the package, to try its tests.

``python -m tests.mutants exercises`` and ``python -m tests.mutants house``.
"""

"""Weights that the lessons load; ``python -m koopcourse.authoring weights`` makes them. See ``koopcourse.zoo``."""

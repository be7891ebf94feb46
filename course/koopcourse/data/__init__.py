"""Weights that the lessons load; ``python -m koopteach.authoring weights`` makes them. See ``koopteach.zoo``."""

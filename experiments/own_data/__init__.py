"""Somebody's own tables and series, raw. ``EXPERIMENT`` is in ``table``."""

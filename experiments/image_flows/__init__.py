"""Koopman-CFM on pictures. ``EXPERIMENT`` is in ``table``."""

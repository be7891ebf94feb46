"""Conditional sampling by weighted spectra. ``EXPERIMENT`` is in ``table``."""

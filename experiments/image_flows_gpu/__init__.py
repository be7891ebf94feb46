"""Koopman-CFM on pictures with large networks, for a machine with CUDA. ``EXPERIMENT`` is in ``table``."""

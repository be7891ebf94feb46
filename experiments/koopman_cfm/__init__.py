"""Koopman-CFM (arXiv 2506.22304) and other samplers in one or few steps. ``EXPERIMENT`` is in ``table``."""

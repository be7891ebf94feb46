"""Curved interpolants (arXiv 2503.20719) at few Euler steps. ``EXPERIMENT`` is in ``table``."""

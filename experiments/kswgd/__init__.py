"""KSWGD (arXiv 2512.18837) and its rivals. ``EXPERIMENT`` is in ``table``."""

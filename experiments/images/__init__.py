"""Pictures from noise by KSWGD and its rivals. ``EXPERIMENT`` is in ``table``."""

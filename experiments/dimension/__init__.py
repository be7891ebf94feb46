"""What grows with the number of columns: errors, features, memory, seconds. ``EXPERIMENT`` is in ``table``."""

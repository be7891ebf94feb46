"""What a metric of eigenfunctions gives and what a step size gives. ``EXPERIMENT`` is in ``table``."""

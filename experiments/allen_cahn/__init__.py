"""The invariant law of a stochastic field. ``EXPERIMENT`` is in ``table``."""

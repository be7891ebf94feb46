"""Which dictionary, and how large: on the quadruple well, for rates and for samples. ``EXPERIMENT`` is in ``table``."""

"""How many data: rates and samples of a quadruple well from 300 to 300,000 data. ``EXPERIMENT`` is in ``table``."""

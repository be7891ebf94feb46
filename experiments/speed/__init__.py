"""Speed and quality, measured side by side in one run: ``python -m experiments speed``."""

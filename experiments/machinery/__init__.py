"""Rows of numbers: declared, computed, kept, held to bands, written to a page."""

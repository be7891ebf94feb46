"""What is printed reaches every terminal, also those of Windows, whose encodings have two hundred letters."""

from __future__ import annotations

import sys


def print_anything() -> None:
    """From now on a letter that the terminal lacks is printed as its number, where it would stop the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's own streams take every letter
            stream.reconfigure(errors="backslashreplace")

"""Marks for a folder of submissions: ``python -m koopcourse grade FOLDER``.

Nothing of a student is executed, parsed or unpickled in the grader's own process. A sandbox (``sandbox``) holds what
``inside`` has: it cuts a notebook into answers, defines them and calls them. What comes back are frames of JSON and raw
numbers (``frames``, ``codec``); the probes of :mod:`koopcourse.checks` judge them here, and expected values stay here.
"""

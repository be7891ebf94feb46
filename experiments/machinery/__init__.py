"""The papers' experiments, one file each, and what runs them: ``python -m koopteach reproduce``.

An experiment is a file of this folder with ``EXPERIMENT = Experiment(title, about, rows)``.
"""

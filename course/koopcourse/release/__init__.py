"""A class's folder: chosen lessons and exercises with all that they need, and without solutions or the authors' tools.

``command`` reads the words; ``contents`` gathers every file as bytes, from ``sheets`` (notebooks), ``declared`` (the
exercises' checks), ``shipped`` (weights and data), ``parts`` (packages and tests) and ``pages`` (what is written for
the class); ``folder`` writes them, ``nbgrader`` and ``bundle`` add what was asked for. The two files that end in
``_there.py`` are handed out as they are.
"""

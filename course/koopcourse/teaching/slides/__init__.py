"""Two lessons as slides, made of the lessons' own notebooks: ``python -m koopcourse slides DIR``.

``chosen`` says which parts of a lesson a slide shows, ``blocks`` finds them in the notebook, ``deck`` writes the pages,
``command`` reads the words. Style and script are ``docs/teaching/slides``, formulas are set by the site's MathJax.
"""

"""The course as pages to read: stored notebooks, results and docstrings; no kernel runs, no network is asked.

Code is here; what Sphinx reads beside it (its settings, style, scripts, MathJax) is in ``docs/site/`` of the clone,
since the site is made from a clone alone and neither wheel shall carry it.
"""

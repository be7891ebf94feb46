"""What Sphinx is told; ``python -m koopcourse site`` lays out the pages and runs it. No kernel, no network."""

from koopcourse.site import docstrings

project = "koopteach"
author = "The koopteach authors"
project_copyright = "The koopteach authors; text and figures CC BY 4.0, code MIT"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "myst_nb"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
language = "en"

# ------------------------------------------------------------------ notebooks and Markdown
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # would be asked of a server on the web
nb_number_source_lines = False
nb_code_prompt_show = "Show code"
nb_code_prompt_hide = "Hide code"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_heading_slug_func = "koopcourse.site.docstrings.slug"  # the anchors that JupyterLab gives
myst_update_mathjax = False  # MathJax is told by static/formulas.js

# ------------------------------------------------------------------ docstrings
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
napoleon_numpy_docstring = False
napoleon_use_rtype = False
toc_object_entries = False

# ------------------------------------------------------------------ pages
html_theme = "sphinx_book_theme"
html_title = "koopteach"
html_static_path = ["static", "vendor"]
html_favicon = "static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = ["formulas.js", ("site.js", {"defer": "defer"})]
mathjax_path = "mathjax/startup.js"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # light or dark as the reader's system
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "use_source_button": False,
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "logo": {"text": "koopteach"},
    "navbar_persistent": [],  # the search is in the side bar
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def setup(app):
    docstrings.setup(app)

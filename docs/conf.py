"""The site: `make docs` builds it in docs/_build/html."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # for docs._ext

project = "qml-qdl"
author = copyright = "the authors of qml-qdl"
release = version = importlib.metadata.version(project)

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "docs._ext.drawings",
    "docs._ext.gallery",
    "docs._ext.mathml",
    "docs._ext.reference",
]
root_doc = "index"
exclude_patterns = ["_build", "_ext", "_templates", "templates"]

# Markdown and notebooks, with their stored outputs; `make docs-full` executes them.
myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "colon_fence",
    "deflist",
    "dollarmath",
]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "off"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 900

default_role = "literal"
nitpicky = True
nitpick_ignore_regex = [
    # What other packages define, and what is no public name of ours, has no page here.
    ("py:.*", r"(?!qml_qdl)\w+(\.\w+)+"),
    ("py:class", r"qml_qdl(\.\w+){3,}"),
    ("py:class", "WiresLike|FeaturesLike|Shots|Figure|Cost|Tensor"),
]
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"

# Formulas become MathML when the site is built: no script and no font is needed.
html_math_renderer = "mathml"

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": False,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
    "footer_start": ["copyright"],
    "footer_end": [],
}

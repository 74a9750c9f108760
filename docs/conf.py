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
    "docs._ext.mathml",
    "docs.pictures",
]
root_doc = "index"
exclude_patterns = ["_build", "_ext", "_templates", "templates"]

# Markdown and notebooks. `make docs-full` executes notebooks, all else shows what is stored.
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "off"
nitpicky = True

# Formulas become MathML when the site is built: no script and no font is needed.
html_math_renderer = "mathml"

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": False,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}

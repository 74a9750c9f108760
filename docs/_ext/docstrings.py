"""Public docstrings that are not valid: `python -m docs._ext.docstrings`.

Each is read as reStructuredText, as Sphinx reads it; nothing is imported.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.utils import Reporter, new_document
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

from docs._ext.names import PROJECT, SETUPTOOLS

LINKS = (nodes.substitution_reference, nodes.footnote_reference, nodes.reference)
"""What `|x|`, `[1]_` and `x_` become. Docstrings have no such links."""

CONFIG: Any = Config(napoleon_numpy_docstring=False, napoleon_use_ivar=True)


def docstrings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The lines and texts of all docstrings of a syntax tree that are public."""
    body = list(getattr(node, "body", ()))
    match body:
        case [ast.Expr(value=ast.Constant(value=str(doc)) as first), *_]:
            yield first.lineno, doc
    for child in body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and child.name[0] != "_":
            yield from docstrings(child)


@cache
def _settings() -> Any:
    settings = get_default_settings(Parser)
    settings.report_level = Reporter.SEVERE_LEVEL + 1
    return settings


def problems(doc: str) -> Iterator[str]:
    """What is not valid in a docstring."""
    document = new_document("", _settings())
    Parser().parse(str(GoogleDocstring(inspect.cleandoc(doc), CONFIG)), document)
    for found in document.findall():
        if isinstance(found, nodes.system_message):
            if found["level"] >= Reporter.WARNING_LEVEL:
                yield found.children[0].astext()
        elif isinstance(found, LINKS) and "refuri" not in found:
            yield f"{found.rawsource!r} is read as a link"


def main() -> int:
    """Prints what is not valid, a line each; 1 if there is any, else 0."""
    bad = 0
    for folder in SETUPTOOLS["package-dir"].values():
        for path in sorted(PROJECT.joinpath(folder).rglob("*.py")):
            for line, doc in docstrings(ast.parse(path.read_text())):
                for problem in problems(doc):
                    bad = 1
                    print(f"{path.relative_to(PROJECT)}:{line}: {problem}")
    if bad:
        print("write formulas such as |0⟩ and *batch in single backquotes")
    return bad


if __name__ == "__main__":
    sys.exit(main())

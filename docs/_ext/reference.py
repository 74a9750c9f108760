"""The reference: pages of all public names, written anew when the site is built.

A page for each package, one for each name, and one for the command line. A public name
without a docstring, or that the site does not hold exactly once, fails the build.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError

from docs._ext.command_line import command_line, titled
from docs._ext.names import (
    ROOT,
    Package,
    PublicName,
    packages,
    summary,
    tree_of,
    write_changed,
)
from qml_qdl.circuits.packages import imported_for_types

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

FOLDER = "reference"


ROUTING = tuple(
    f"set_{method}_request"
    for method in ("fit", "predict", "score", "transform", "decision_function")
)
"""Methods that scikit-learn adds to every estimator, whose docstrings are its own."""


def folder_of(package: str) -> str:
    """Where the pages of a package lie, below the reference."""
    return package.removeprefix(f"{ROOT}.").replace(".", "/")


def file_names(package: Package) -> dict[str, str]:
    """The file of each name; names that differ in case alone are told apart."""
    cases = Counter(each.name.lower() for each in package.names)
    return {
        each.name: each.name
        if cases[each.name.lower()] == 1
        # Some file systems know no case.
        else f"{each.name}-{each.kind}"
        for each in package.names
    }


def _table(names: tuple[PublicName, ...]) -> list[str]:
    lines = [".. list-table::", "   :widths: 35 65", "   :class: names", ""]
    for each in names:
        lines += [
            f"   * - :py:obj:`{each.name} <{each.path}>`",
            f"     - {summary(each.doc)}",
        ]
    return [*lines, ""]


def _heading(package: str) -> str:
    return summary(ast.get_docstring(tree_of(package))).rstrip(".")


def package_page(package: Package) -> str:
    """The page of a package: its docstring, and its names with a line each."""
    lines = [*titled(package.name, "="), f".. py:module:: {package.name}", ""]
    lines += [f".. automodule:: {package.module}", "   :no-index:", ""]
    groups = sorted({package.name, *(each.group for each in package.names)})
    for group in groups:
        names = tuple(each for each in package.names if each.group == group)
        if group != package.name:
            lines += titled(_heading(group), "-")
        if names:
            lines += _table(names)
    if package.elsewhere:
        lines += [*titled("Also here", "-"), *_table(package.elsewhere)]
    lines += [".. toctree::", "   :hidden:", ""]
    lines += [f"   {file}" for file in file_names(package).values()]
    return "\n".join([*lines, ""])


def name_page(each: PublicName) -> str:
    """The page of one name."""
    lines = [*titled(each.name, "="), f".. py:currentmodule:: {each.package}", ""]
    if each.kind == "data":
        lines += [f".. py:data:: {each.name}", ""]
        lines += [f"   {line}".rstrip() for line in each.doc.splitlines()]
    else:
        lines += [f".. auto{each.kind}:: {each.path}"]
        if each.kind != "function":
            lines += ["   :members:", "   :show-inheritance:"]
            lines.append(f"   :exclude-members: {', '.join(ROUTING)}")
    return "\n".join([*lines, ""])


def pages() -> Iterator[tuple[str, str]]:
    """All generated pages: the path below the reference, and the text."""
    yield "command-line.rst", command_line()
    for package in packages():
        folder, files = folder_of(package.name), file_names(package)
        yield f"{folder}/index.rst", package_page(package)
        for each in package.names:
            yield f"{folder}/{files[each.name]}.rst", name_page(each)


@cache
def _paths() -> dict[str, str]:
    """The full name of every public name, by itself and by its last part if unique."""
    names = [each for package in packages() for each in package.names]
    counts = Counter(each.name for each in names)
    paths = {each.path: each.path for each in names}
    paths |= {package.name: package.name for package in packages()}
    return paths | {each.name: each.path for each in names if counts[each.name] == 1}


def link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Makes code that is a public name a link to it, on every page."""
    for code in list(doctree.findall(nodes.literal)):
        path = _paths().get(code.astext().removesuffix("()"))
        linked = isinstance(code.parent, nodes.reference | pending_xref | nodes.title)
        if path is not None and not linked:
            link = pending_xref(
                refdomain="py",
                reftype="obj",
                reftarget=path,
                refexplicit=True,
                refwarn=True,
                refdoc=app.env.docname,
            )
            code.replace_self(link)
            link += code


def check(names: list[str], found: list[str]) -> None:
    """Refuses a site that does not hold every name exactly once."""
    counts = Counter(found)
    wrong = [f"{name} ({counts[name]})" for name in names if counts[name] != 1]
    if wrong:
        raise ExtensionError(
            f"public names that are not documented exactly once: {', '.join(wrong)}"
        )


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    names = [each.path for package in packages() for each in package.names]
    check(names, [found[0] for found in env.domains.python_domain.get_objects()])


def _write(app: Sphinx) -> None:
    files = {path: text.encode() for path, text in pages()}
    write_changed(Path(app.srcdir, FOLDER), files, ["*.rst"])


def _complete(_: Sphinx, documented: Any, __: bool) -> None:
    """Gives a module what it imports for type checkers, which signatures name."""
    name = str(getattr(documented, "__module__", None) or "")
    if name.startswith(f"{ROOT}."):
        for each, (home, own) in imported_for_types(name):
            vars(sys.modules[name]).setdefault(each, getattr(import_module(home), own))


def setup(app: Sphinx) -> dict[str, Any]:
    """Writes the pages before Sphinx looks for them."""
    app.connect("builder-inited", _write)
    app.connect("autodoc-before-process-signature", _complete)
    app.connect("env-check-consistency", _check)
    app.connect("doctree-read", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

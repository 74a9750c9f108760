"""Formulas as MathML, made of TeX by docutils when the site is built.

Every browser since 2023 shows MathML without a script or a font of the site's. TeX that
docutils does not know fails the build.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Browsers leave no space between log and x; TeX does, but not before a bracket.
_APPLIED = re.compile(r"<mo>(&ApplyFunction;</mo>)(?!\s*(?:<mrow>\s*)*<mo[^>]*>[([{|])")


def to_mathml(tex: str, block: bool = False) -> str:
    """One formula; lines and columns in a block without an environment are aligned."""
    if block and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    made: str = tex2mathml(tex.strip(), as_block=block)
    return _APPLIED.sub(r'<mo rspace="0.167em">\1', made)


def _convert(writer: Any, node: nodes.Element, block: bool) -> str:
    tex = node.astext()
    try:
        return to_mathml(tex, block)
    except (MathError, IndexError) as error:
        where = f"{node.source}:{node.line}" if node.source else writer.docnames[0]
        raise ExtensionError(
            f"{where}: {tex!r} is no TeX known here: {error}"
        ) from error


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_convert(writer, node, block=False))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = f"({node['number']})"
        writer.body.append(f'<span class="eqno">{number}')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append(_convert(writer, node, block=True))
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Makes it Sphinx's renderer of the name "mathml"."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

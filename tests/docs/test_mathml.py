"""Formulas become MathML when a page is built; what is not known fails the build."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from docs._ext.mathml import to_mathml


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        (r"\mathcal{L}", "\u2112"),
        (r"\langle \psi | \hat{H} | \psi \rangle", "⟨ψ|H\u02c6|ψ⟩"),
        (r"\left\lfloor\frac{n+2p-m}{s}\right\rfloor + 1", "⌊n+2p−ms⌋+1"),
        (r"\sum_{k=0}^{m-1} x_{i-k} w_k", "∑k=0m−1xi−kwk"),
        (r"U^\dagger \otimes V", "U†⊗V"),
        (r"\operatorname{KL}(p \| q)", "KL\u2061(p‖q)"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(abcd)"),
        (r"a &= b \\ c &= d", "a=bc=d"),
        (r"\mathbb{E}_{x\sim p}\,[\text{loss}]", "\U0001d53cx\u223cp[loss]"),
    ],
)
def test_formula(tex: str, shown: str) -> None:
    markup = to_mathml(tex, block=True).replace("&ApplyFunction;", "\u2061")
    found = ElementTree.fromstring(markup)
    assert "".join("".join(found.itertext()).split()) == shown
    assert found.get("display") == "block"


def test_functions_stand_apart_from_what_they_are_of() -> None:
    assert "rspace" in to_mathml(r"\log D")
    for tex in (r"\log(x)", r"\log\left(x\right)", r"\log[x]"):
        assert "rspace" not in to_mathml(tex), tex


def build(text: str, folder: Path) -> str:
    (folder / "conf.py").write_text(
        'extensions = ["docs._ext.mathml"]\nhtml_math_renderer = "mathml"\n'
    )
    (folder / "index.rst").write_text(text)
    made = folder / "made"
    Sphinx(folder, folder, made, made / ".doctrees", "html", status=None).build()
    return (made / "index.html").read_text()


def test_page(tmp_path: Path) -> None:
    text = "T\n=\n\nInline :math:`x^2`, see :eq:`one`.\n\n"
    page = build(f"{text}.. math:: \\mathcal{{L}}\n   :label: one\n", tmp_path)
    assert page.count("<math") == 2
    assert page.count('display="block"') == 1
    assert '<span class="eqno">(1)' in page
    assert 'href="#equation-one"' in page
    assert 'id="equation-one"' in page


def test_what_is_not_known_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match=r"'..nothing' is no TeX known here: Unk"):
        build("T\n=\n\n:math:`\\nothing`\n", tmp_path)

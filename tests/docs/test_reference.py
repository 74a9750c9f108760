"""Pages of packages and names."""

from __future__ import annotations

import pytest
from sphinx.errors import ExtensionError

from docs._ext.names import Package, PublicName
from docs._ext.reference import check, file_names, name_page, package_page


def name(
    what: str, kind: str = "class", module: str = "qml_qdl.nn.layer"
) -> PublicName:
    return PublicName("qml_qdl.nn", what, module, kind, "First\nline.\n\nMore.")


def test_names_that_differ_in_case_have_files_of_their_own() -> None:
    both = (name("Fit"), name("fit", "function"), name("Run"))
    files = file_names(Package("qml_qdl.nn", "qml_qdl.nn", both, ()))
    assert files == {"Fit": "Fit-class", "fit": "fit-function", "Run": "Run"}


def test_a_package_lists_its_names_by_subpackage() -> None:
    inner = name("Turn", module="qml_qdl.nn.symmetry.turns")
    package = Package(
        "qml_qdl.nn", "qml_qdl.nn", (inner, name("Layer")), (name("Else"),)
    )
    page = package_page(package)
    lines = [line.strip() for line in page.splitlines()]
    first, turn, other = (
        lines.index(f"* - :py:obj:`{each} <qml_qdl.nn.{each}>`")
        for each in ("Layer", "Turn", "Else")
    )
    heading = next(line for line in lines if line.startswith("Layers that respect"))
    assert first < lines.index(heading) < turn < lines.index("Also here") < other
    assert lines[turn + 1] == "- First line."


def test_data_are_documented_by_what_stands_below_them() -> None:
    page = name_page(name("EPSILON", "data"))
    assert ".. py:data:: EPSILON\n\n   First\n   line.\n\n   More." in page


@pytest.mark.parametrize("found", [[], ["a.B", "a.B"]])
def test_a_name_not_documented_once_fails(found: list[str]) -> None:
    check(["a.B"], ["a.B", "a.C"])
    with pytest.raises(ExtensionError, match=rf"exactly once: a\.B \({len(found)}\)"):
        check(["a.B"], found)

"""The gallery shows every example, and refuses one that lacks something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.errors import ExtensionError

from docs._ext.gallery import cards, examples
from docs._ext.names import PROJECT

PNG = b"\x89PNG\r\n\x1a\n"


def test_every_example_has_a_page_and_a_card() -> None:
    found = examples(PROJECT / "examples", PROJECT / "docs" / "gallery")
    files = [path for path in (PROJECT / "examples").iterdir() if path.is_file()]
    assert {each.name for each in found} == {path.stem for path in files}
    assert all(each.picture.startswith(PNG) for each in found)
    text = cards(found)
    for each in found:
        assert f":link: {each.name}\n" in text
        assert f":img-top: thumbnails/{each.name}.png" in text


def picture(content: str, *tags: str) -> Any:
    output = new_output("display_data", {"image/png": content})
    return new_code_cell("plot()", outputs=[output], metadata={"tags": [*tags]})


TITLE = new_markdown_cell("# Title\n\nWhat it is\nabout.\n\nMore.")
TABLE = new_code_cell("print(1)", outputs=[new_output("stream", text="1")])


def write(cells: list[nbformat.NotebookNode], folder: Path) -> None:
    nbformat.write(new_notebook(cells=cells), folder / "mine.ipynb")


@pytest.mark.parametrize(
    ("tags", "content"), [([], b"second"), (["thumbnail"], b"first!")]
)
def test_notebook(tags: list[str], content: bytes, tmp_path: Path) -> None:
    write([TITLE, picture("Zmlyc3Qh", *tags), picture("c2Vjb25k"), TABLE], tmp_path)
    (found,) = examples(tmp_path, tmp_path)
    assert (found.name, found.title) == ("mine", "Title")
    assert found.intro == "What it is\nabout."
    assert found.picture == content


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ([new_markdown_cell("Title"), picture("YQ=="), TABLE], "a first cell with"),
        ([TITLE, TABLE], "a stored picture"),
        ([TITLE, picture("YQ==")], "a last code cell that printed a table"),
    ],
)
def test_a_notebook_that_lacks_something_is_refused(
    cells: list[nbformat.NotebookNode], missing: str, tmp_path: Path
) -> None:
    write(cells, tmp_path)
    with pytest.raises(ExtensionError, match=rf"mine\.ipynb: expected {missing}"):
        examples(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "missing"),
    [("x = 1", "a docstring"), ('"""One.\n\nTwo.\n"""', r"its picture mine\.png")],
)
def test_a_script_that_lacks_something_is_refused(
    text: str, missing: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ExtensionError, match=rf"mine\.py: expected {missing}"):
        examples(tmp_path, tmp_path)

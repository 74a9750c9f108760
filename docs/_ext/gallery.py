"""The gallery: a page for each file of examples/, made when the site is built.

A notebook stands on it as it is stored, a script that has no notebook as its text. The
thumbnail is the notebook's last picture, or that of the cell tagged "thumbnail"; a
script's is docs/gallery/NAME.png. Without title, picture or table the build fails.
"""

from __future__ import annotations

import ast
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import nbformat
from sphinx.errors import ExtensionError

from docs._ext.names import PROJECT, write_changed

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "gallery"


@attrs.frozen
class Example:
    """An example, as the gallery shows it.

    Args:
        name: The name of its page.
        page: The page's file name.
        text: The page.
        title: Its title.
        intro: What it is about, in a paragraph.
        picture: The thumbnail, PNG.
    """

    name: str
    page: str
    text: str
    title: str
    intro: str
    picture: bytes


def _fail(path: Path, missing: str) -> ExtensionError:
    return ExtensionError(f"{path.name}: expected {missing}, see docs/_ext/gallery.py")


def _pictures(cell: Any) -> list[bytes]:
    return [
        base64.b64decode(output.data["image/png"])
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", ())
    ]


def from_notebook(path: Path) -> Example:
    """The example of a notebook with stored outputs."""
    text = path.read_text()
    cells = nbformat.reads(text, as_version=4).cells
    title, _, rest = cells[0].source.partition("\n") if cells else ("", "", "")
    if not title.startswith("# ") or not rest.strip():
        raise _fail(path, "a first cell with '# Title' and a paragraph")
    tagged = [cell for cell in cells if "thumbnail" in cell.metadata.get("tags", ())]
    pictures = [each for cell in tagged or cells for each in _pictures(cell)]
    if not pictures:
        raise _fail(path, "a stored picture")
    code = [cell for cell in cells if cell.cell_type == "code"]
    if not any("text" in output for output in code[-1].outputs):
        raise _fail(path, "a last code cell that printed a table")
    intro = rest.strip().split("\n\n")[0]
    return Example(path.stem, path.name, text, title[2:], intro, pictures[-1])


def from_script(path: Path, pictures: Path) -> Example:
    """The example of a script without a notebook."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    title, _, rest = doc.partition("\n")
    if not title.endswith(".") or not rest.strip():
        raise _fail(path, "a docstring with a sentence and a paragraph")
    title = title.removesuffix(".")
    picture = pictures / f"{path.stem}.png"
    if not picture.exists():
        raise _fail(path, f"its picture {picture.name} in docs/gallery/")
    lines = [title, "=" * len(title), "", rest.strip(), ""]
    lines += [f".. image:: {picture.name}", "   :alt: The circuit", ""]
    lines += [f".. literalinclude:: ../../examples/{path.name}", ""]
    return Example(
        path.stem,
        f"{path.stem}.rst",
        "\n".join(lines),
        title,
        rest.strip(),
        picture.read_bytes(),
    )


def examples(folder: Path, pictures: Path) -> list[Example]:
    """All examples of a folder, by name."""
    notebooks = {path.stem: path for path in folder.glob("*.ipynb")}
    scripts = {path.stem: path for path in folder.glob("*.py")}
    return [
        from_notebook(notebooks[name])
        if name in notebooks
        else from_script(scripts[name], pictures)
        for name in sorted({*notebooks, *scripts})
    ]


def cards(found: list[Example]) -> str:
    """The cards of the gallery, which its first page includes."""
    lines = ["````{grid} 1 2 3 3", ":gutter: 3", ":class-container: gallery", ""]
    for each in found:
        lines += [
            f"```{{grid-item-card}} {each.title}",
            f":img-top: thumbnails/{each.name}.png",
            f":img-alt: {each.title}",
            f":link: {each.name}",
            ":link-type: doc",
            "",
            each.intro,
            "```",
        ]
    names = [each.name for each in found]
    return "\n".join(
        [*lines, "````", "", "```{toctree}", ":hidden:", "", *names, "```", ""]
    )


def _files(found: list[Example]) -> Iterator[tuple[str, bytes]]:
    yield "cards.txt", cards(found).encode()
    for each in found:
        yield each.page, each.text.encode()
        yield f"thumbnails/{each.name}.png", each.picture


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir, FOLDER)
    found = examples(PROJECT / "examples", folder)
    write_changed(folder, dict(_files(found)), ["*.ipynb", "*.rst", "thumbnails/*.png"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Writes the pages before Sphinx looks for them."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

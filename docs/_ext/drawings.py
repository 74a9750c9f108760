"""The pictures of pages, drawn when docs/pictures.py is newer than they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def _draw(app: Sphinx) -> None:
    folder = Path(app.srcdir, "_build", "pictures")
    done, source = folder / "drawn", Path(app.srcdir, "pictures.py")
    if done.exists() and done.stat().st_mtime > source.stat().st_mtime:
        return
    from docs.pictures import draw_all  # which loads torch

    draw_all(folder)
    done.touch()


def setup(app: Sphinx) -> dict[str, Any]:
    """Draws them before Sphinx reads the pages."""
    app.connect("builder-inited", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

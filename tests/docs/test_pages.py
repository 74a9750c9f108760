"""The Python of README and of the site's pages runs, and prints what they say."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from qml_qdl.circuits import errors
from tests.hardware.qiskit.loopback.setting import isolate

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
GENERATED = {"_build", "gallery", "reference", "templates"}
PAGES = [README] + [
    page
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if page.relative_to(ROOT / "docs").parts[0] not in GENERATED
]
BLOCK = re.compile(
    r"^(?:% not run: (?P<why>\S[^\n]*)\n)?```python\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<printed>.*?)^```\n)?",
    flags=re.DOTALL | re.MULTILINE,
)
"""Python, what it prints if the page says so, and why it cannot run here."""

LEFT_OUT = 5
"""Blocks that do not run here: three need an IBM account, one torch's compiler, and one
qiskit-machine-learning."""


@attrs.frozen
class Block:
    """One block of a page, on its line."""

    line: int
    code: str
    printed: str | None
    why: str | None

    def run(self, page: str, names: dict[str, Any]) -> None:
        """Runs it, as what follows the blocks before."""
        output = io.StringIO()
        # Blank lines before it have a traceback name the page's own lines.
        code = compile("\n" * self.line + self.code, page, "exec")
        with contextlib.redirect_stdout(output):
            exec(code, names)
        if self.printed is not None:
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            same = doctest.OutputChecker().check_output(
                self.printed, output.getvalue(), flags
            )
            assert same, f"{page}:{self.line}: it printed\n{output.getvalue()}"


def blocks(text: str) -> Iterator[Block]:
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code"))
        yield Block(line, found["code"], found["printed"], found["why"])


def run(page: Path) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page.read_text()):
        if block.why is None:
            block.run(str(page.relative_to(ROOT)), names)
    return names


@pytest.fixture(autouse=True)
def _of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No page finds the user's own account, or leaves files behind."""
    isolate(monkeypatch, tmp_path / "home")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES[1:] if next(blocks(page.read_text()), None)],
    ids=lambda page: str(page.relative_to(ROOT / "docs")),
)
def test_blocks_run_one_after_the_other(page: Path) -> None:
    run(page)


def test_readme_runs_and_its_drawing_is_the_true_one() -> None:
    names = run(README)
    assert str(names["U"]) in README.read_text()
    assert names["layer"](names["torch"].rand(5, 2)).shape == (5, 2)


def test_blocks_that_do_not_run_are_counted() -> None:
    texts = [page.read_text() for page in PAGES]
    found = [block for text in texts for block in blocks(text)]
    assert len(found) == sum(text.count("```python\n") for text in texts)
    assert len([block for block in found if block.why is not None]) == LEFT_OUT


def test_what_a_block_prints_is_compared() -> None:
    text = "\n```python\nprint(2 + 2)\n```\n\n```text\n5\n```\n"
    (block,) = blocks(text)
    with pytest.raises(AssertionError, match=r"page:2: it printed\n +4"):
        block.run("page", {})
    (marked,) = blocks(text.replace("```python", "% not run: no\n```python"))
    assert marked.why == "no"


def test_every_error_has_a_label_in_the_catalogue() -> None:
    catalogue = (ROOT / "docs" / "errors.md").read_text()
    classes = [
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.QdlError)
    ]
    missing = [
        name
        for name in classes
        if not re.search(rf"^\(error-{name}\)=\n###? {name}$", catalogue, re.MULTILINE)
    ]
    assert classes
    assert missing == []

"""Each module has one test file of its name, and each test file one module.

The tests of `circuits/a.py` stand in `tests/circuits/test_a.py`, those of
`qml_qdl/nn/b.py` in `tests/nn/test_b.py`; a file may also be named after a package. What
goes across modules is declared here, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("circuits", "hardware", "qml_qdl")

# Test files, or folders of them, that no single module is the subject of.
ACROSS = {
@ACROSS@}

# Modules whose test file is still to be written. The list may only shrink.
NOT_YET = {
@NOT@}


def sources(root: Path) -> Iterator[Path]:
    """Modules and packages of the library, by their place below the root."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            place = path.relative_to(root)
            yield place.parent if path.name == "__init__.py" else place


def test_file_of(source: Path) -> str:
    """Where the tests of a module or a package stand."""
    inner = source.parts[source.parts[0] == "qml_qdl" :]
    return str(Path("tests", *inner[:-1], f"test_{source.stem}.py")) if inner else ""


test_file_of.__test__ = False  # type: ignore[attr-defined]


def problems(
    root: Path, across: Collection[str], not_yet: Collection[str]
) -> Iterator[str]:
    """What has no counterpart, and what is declared for nothing, in words."""
    tests = {str(p.relative_to(root)) for p in (root / "tests").rglob("test_*.py")}
    mirrored = {test_file_of(source): str(source) for source in sources(root)}
    for test, source in mirrored.items():
        if not source.endswith(".py"):
            continue
        if test not in tests and source not in not_yet:
            yield f"{source}: expected its tests in {test}; write them"
        if test in tests and source in not_yet:
            yield f"{source}: it has {test}; take it off NOT_YET"
    for test in sorted(tests - set(mirrored)):
        if not any(Path(test).is_relative_to(place) for place in across):
            yield (
                f"{test}: no module is named so; move its tests to the files of the "
                "modules they test, or declare in ACROSS why it goes across them"
            )
    for place in across:
        if place in mirrored or not (root / place).exists():
            yield f"{place}: in ACROSS, but it is no file that goes across modules"
    for source in set(not_yet) - set(mirrored.values()):
        yield f"{source}: in NOT_YET, but there is no such module"


def test_each_module_has_its_test_file_and_each_test_file_its_module() -> None:
    found = list(problems(ROOT, ACROSS, NOT_YET))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("files", "across", "not_yet", "text"),
    [
        (["circuits/a.py"], [], [], "circuits/a.py: expected its tests in tests/circ"),
        (["qml_qdl/nn/b.py"], [], [], "expected its tests in tests/nn/test_b.py"),
        (["tests/nn/test_b.py"], [], [], "tests/nn/test_b.py: no module is named so"),
        (["tests/nn/test_b.py"], ["tests/n"], [], "no module is named so"),
        (
            ["hardware/c.py", "tests/hardware/test_c.py"],
            [],
            ["hardware/c.py"],
            "take it off NOT_YET",
        ),
        (
            ["hardware/c.py", "tests/hardware/test_c.py"],
            ["tests/hardware/test_c.py"],
            [],
            "it is no file that goes across modules",
        ),
        ([], ["tests/test_d.py"], [], "it is no file that goes across modules"),
        ([], [], ["circuits/a.py"], "there is no such module"),
    ],
)
def test_what_has_no_counterpart_is_reported(
    files: list[str], across: list[str], not_yet: list[str], text: str, tmp_path: Path
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert any(text in problem for problem in problems(tmp_path, across, not_yet))


def test_what_corresponds_is_not_reported(tmp_path: Path) -> None:
    for file in (
        "qml_qdl/__init__.py",
        "qml_qdl/nn/__init__.py",
        "qml_qdl/nn/b.py",
        "circuits/a.py",
        "tests/nn/test_b.py",
        "tests/test_nn.py",
        "tests/benchmarks/test_speed.py",
        "tests/test_examples.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    across = ["tests/benchmarks", "tests/test_examples.py"]
    assert not list(problems(tmp_path, across, ["circuits/a.py"]))

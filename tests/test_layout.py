"""The folders, the list of packages and the versions agree."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from itertools import chain
from pathlib import Path

import qml_qdl

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = {
    "qml_qdl": "qml_qdl",
    "circuits": "qml_qdl.circuits",
    "hardware": "qml_qdl.hardware",
}


def test_every_folder_with_modules_is_a_listed_package() -> None:
    found = set()
    for folder, package in ROOMS.items():
        for module in (ROOT / folder).rglob("*.py"):
            inner = module.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inner]))
    assert found == set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_every_package_has_an_init() -> None:
    for package in PYPROJECT["tool"]["setuptools"]["packages"]:
        folder = package
        for room, name in ROOMS.items():
            if room != "qml_qdl" and package.startswith(name):
                folder = package.replace(name, room, 1)
        assert (ROOT / folder.replace(".", "/") / "__init__.py").is_file(), package


def test_version_is_said_once_in_each_place() -> None:
    assert qml_qdl.__version__ == PYPROJECT["project"]["version"]
    assert qml_qdl.__version__ == importlib.metadata.version("qml-qdl")


def test_constraints_pin_every_dependency_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert "make constraints" in lines[0]
    pinned: dict[str, str] = {}
    for line in lines[1:]:
        match = re.fullmatch(r"([\w.-]+)==([\w.!]+)", line)
        assert match, line
        pinned[match[1]] = match[2]
    names = {name.lower().replace("_", "-") for name in pinned}
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    for requirement in chain(project["dependencies"], *extras):
        name = re.split(r"[<>=[]", requirement)[0].lower()
        assert name in names | {"qml-qdl"}, name
    assert "pennylane-qiskit" not in names
    assert pinned["torch"] == "2.13.0"


def test_root_holds_only_what_the_map_names() -> None:
    allowed = {
        "CHANGELOG.md", "CONTRIBUTING.md", "MANIFEST.in", "Makefile", "README.md",
        "circuits", "constraints.txt", "docs", "examples", "hardware",
        "pyproject.toml", "qml_qdl", "tests",
    }  # fmt: skip
    made = {"build", "dist", "runs", "lightning_logs", "shared"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    found -= made | {name for name in found if name.endswith(".egg-info")}
    assert found <= allowed

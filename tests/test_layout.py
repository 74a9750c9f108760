"""The folders, the list of packages and the versions agree."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from setuptools.command.egg_info import FileList

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
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in chain.from_iterable(wanted):
        if requirement.startswith("qml-qdl["):  # other extras
            continue
        name = re.split(r"[<>=]", requirement)[0].lower()
        assert name in names, name
    assert "pennylane-qiskit" not in names
    assert pinned["torch"] == "2.13.0"


def test_what_is_cited_is_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = PYPROJECT["project"]
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    assert cited["authors"] == project["authors"]
    released = f"## [{cited['version']}] - {cited['date-released']}"
    assert released in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_apaches_own_text() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    # Of https://www.apache.org/licenses/LICENSE-2.0.txt
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_a_source_distribution_holds_what_readme_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    files = FileList()
    for line in Path("MANIFEST.in").read_text().splitlines():
        files.process_template_line(line)
    project = PYPROJECT["project"]
    packed = {*files.files, project["readme"], *project["license-files"]}
    readme = (ROOT / "README.md").read_text()
    links = set(re.findall(r"\]\((?!https?://|#)([^)#]+)\)", readme))
    named = set(re.findall(r"`(examples/[\w.]+|docs/[\w.]+)`", readme))
    assert {"docs/feature-maps.png", "CONTRIBUTING.md", "LICENSE"} <= links
    assert links | named <= packed
    assert {"CHANGELOG.md", "CITATION.cff", "constraints.txt", "Makefile"} <= packed
    assert "tests/cli/conftest.py" in packed


def test_root_holds_only_what_the_map_names() -> None:
    allowed = {
        "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in",
        "Makefile", "README.md", "SECURITY.md", "circuits", "constraints.txt", "docs",
        "examples", "hardware", "pyproject.toml", "qml_qdl", "tests",
    }  # fmt: skip
    made = {"build", "dist", "runs", "lightning_logs", "shared"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    found -= made | {name for name in found if name.endswith(".egg-info")}
    assert found <= allowed

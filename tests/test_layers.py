"""Imports only point down: enforced over the syntax trees, room by room.

import-linter cannot follow folders that are mapped to other import names, so the rule
is checked here; each rule is also seen to report a seeded violation.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# What each room may import of this library, besides itself.
ALLOWED: dict[str, set[str]] = {
    "qml_qdl.circuits": set(),
    "qml_qdl.errors": {"qml_qdl.circuits.errors"},
    "qml_qdl.hardware": {"qml_qdl.circuits"},
    "qml_qdl.nn": {"qml_qdl.circuits", "qml_qdl.hardware"},
    "qml_qdl.data": {
        "qml_qdl.circuits.errors",
        "qml_qdl.circuits.packages",
        "qml_qdl.circuits.validation",
    },
    "qml_qdl.metrics": {"qml_qdl.circuits", "qml_qdl.data"},
    "qml_qdl.models": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.metrics",
        "qml_qdl.nn",
    },
    "qml_qdl.geometry": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.models",
        "qml_qdl.nn",
    },
    "qml_qdl.kernels": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.metrics",
        "qml_qdl.nn",
    },
    "qml_qdl.manybody": {
        "qml_qdl.circuits",
        "qml_qdl.hardware",
        "qml_qdl.models",
        "qml_qdl.nn",
    },
    "qml_qdl.renormalisation": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.manybody",
        "qml_qdl.models",
        "qml_qdl.nn",
    },
    "qml_qdl.vqe": {
        "qml_qdl.circuits",
        "qml_qdl.hardware",
        "qml_qdl.manybody",
        "qml_qdl.nn",
    },
    "qml_qdl.tomography": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.manybody",
        "qml_qdl.metrics",
        "qml_qdl.models",
        "qml_qdl.nn",
    },
    "qml_qdl.phases": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.manybody",
        "qml_qdl.metrics",
        "qml_qdl.models",
        "qml_qdl.nn",
        "qml_qdl.renormalisation",
        "qml_qdl.tomography",
    },
    "qml_qdl.training": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.geometry",
        "qml_qdl.kernels",
        "qml_qdl.manybody",
        "qml_qdl.metrics",
        "qml_qdl.hardware",
        "qml_qdl.models",
        "qml_qdl.nn",
        "qml_qdl.phases",
        "qml_qdl.renormalisation",
        "qml_qdl.tomography",
        "qml_qdl.vqe",
    },
    "qml_qdl.sklearn": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.hardware",
        "qml_qdl.kernels",
        "qml_qdl.metrics",
        "qml_qdl.models",
        "qml_qdl.nn",
        "qml_qdl.training",
    },
    "qml_qdl.testing": {
        "qml_qdl.circuits",
        "qml_qdl.models",
        "qml_qdl.hardware",
        "qml_qdl.nn",
    },
    "qml_qdl.cli": {
        "qml_qdl.circuits",
        "qml_qdl.data",
        "qml_qdl.geometry",
        "qml_qdl.kernels",
        "qml_qdl.manybody",
        "qml_qdl.metrics",
        "qml_qdl.hardware",
        "qml_qdl.models",
        "qml_qdl.nn",
        "qml_qdl.phases",
        "qml_qdl.renormalisation",
        "qml_qdl.sklearn",
        "qml_qdl.tomography",
        "qml_qdl.training",
        "qml_qdl.vqe",
    },
}
QISKIT = {"qiskit", "qiskit_aer", "qiskit_ibm_runtime"}
LAZY = QISKIT | {"PIL", "matplotlib", "pandas", "quimb", "sklearn", "zuko"}
QISKIT_ROOM = "qml_qdl.hardware.qiskit"
SKLEARN_ROOM = "qml_qdl.sklearn"
TRAINER = {"lightning", "pytorch_lightning"}


def modules() -> Iterator[tuple[str, Path]]:
    """Import name and file of every module of the library."""
    for folder in ("qml_qdl", "circuits", "hardware"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = list(path.relative_to(ROOT).with_suffix("").parts)
            if parts[0] != "qml_qdl":
                parts.insert(0, "qml_qdl")
            if parts[-1] == "__init__":
                parts.pop()
            yield ".".join(parts), path


def typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Every imported name, and whether the import happens when the module loads."""

    def walk(node: ast.AST, loads: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, loads) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield "." * child.level + (child.module or ""), loads
            elif not isinstance(child, ast.expr):  # in which nothing is imported
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from walk(child, loads and not inside and not typing_only(child))

    yield from walk(tree, True)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def may_load(module: str, package: str = "qiskit") -> bool:
    """Whether a module may load Qiskit, IBM's client or scikit-learn as it loads."""
    if package == "sklearn":
        return within(module, SKLEARN_ROOM)
    wanted = "ibm" if package == "qiskit_ibm_runtime" else ""
    name = module.removeprefix(QISKIT_ROOM + ".")
    return package in QISKIT and within(module, QISKIT_ROOM) and name.startswith(wanted)


def violations(module: str, source: str) -> list[str]:
    """What a module imports against the rules."""
    found = []
    room = room_of(module)
    for name, loads in imports(ast.parse(source)):
        top = name.split(".")[0]
        if name.startswith("."):
            found.append(f"{module}: relative import {name}")
        elif top == "qml_qdl":
            if module == "qml_qdl" and not loads:
                continue  # the lazy root names its rooms for type checkers only
            allowed = {room, *ALLOWED.get(room, set())} - {"qml_qdl"}
            if name == "qml_qdl":
                found.append(f"{module}: imports the package root")
            elif not any(within(name, package) for package in allowed):
                found.append(f"{module}: {room} may not import {name}")
            elif loads and within(name, QISKIT_ROOM) and not may_load(module):
                found.append(f"{module}: {name} is imported when the module loads")
        elif top in ("circuits", "hardware"):
            found.append(f"{module}: bare name {name} is a second copy")
        elif top == "pytest" and room != "qml_qdl.testing":
            found.append(f"{module}: pytest outside testing/")
        elif top == "torch" and room == "qml_qdl.circuits":
            found.append(f"{module}: torch under circuits/")
        elif top in QISKIT and room != "qml_qdl.hardware":
            found.append(f"{module}: Qiskit outside hardware/")
        elif top in TRAINER and room != "qml_qdl.training":
            found.append(f"{module}: the trainer outside training/")
        elif top in LAZY and loads and not may_load(module, top):
            found.append(f"{module}: {name} is imported when the module loads")
    return found


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(m, p, id=m) for m, p in modules()]
)
def test_imports_point_down(module: str, path: Path) -> None:
    assert violations(module, path.read_text()) == []


def test_every_room_is_known() -> None:
    rooms = {room_of(module) for module, _ in modules()} - {"qml_qdl"}
    assert rooms == set(ALLOWED)


def known(name: str, modules_: Iterable[str]) -> str:
    """The module that an imported name is, or is in."""
    while name not in modules_ and "." in name:
        name = name.rpartition(".")[0]
    return name


def needed(tree: ast.AST) -> Iterator[str]:
    """All that is imported, also inside functions; not what only types need."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not isinstance(child, ast.expr) and not typing_only(child):
            yield from needed(child)


@cache
def all_needed(source: str) -> list[str]:
    return list(needed(ast.parse(source)))


def circle(package: str, sources: dict[str, str]) -> list[str]:
    """Modules and folders of a package that import each other in a circle, if any."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        if module.startswith(package + "."):
            own = module.removeprefix(package + ".").split(".")[0]
            graph.setdefault(own, set())
            for name in all_needed(source):
                found = known(name, sources)
                if found.startswith(package + "."):
                    graph[own].add(found.removeprefix(package + ".").split(".")[0])
            graph[own].discard(own)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(each) for each in error.args[1]]
    return []


SOURCES = {module: path.read_text() for module, path in modules()}
PACKAGES = [m for m, path in modules() if path.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_are_strata(package: str) -> None:
    """Beside each other in a folder, modules and folders stand one above the other."""
    assert circle(package, SOURCES) == []


def test_a_seeded_circle_is_reported() -> None:
    lazy = "def f():\n from qml_qdl.hardware.qiskit import device"
    seeded = {**SOURCES, "qml_qdl.hardware.tapes.x": lazy}
    assert {"qiskit", "tapes"} <= set(circle("qml_qdl.hardware", seeded))
    assert circle("qml_qdl.hardware.tapes", seeded) == []


SEEDED = [
    ("qml_qdl.circuits.x", "from qml_qdl.hardware import targets", "may not import"),
    ("qml_qdl.circuits.x", "import qml_qdl.nn.layer", "may not import"),
    ("qml_qdl.hardware.x", "def f():\n from qml_qdl.nn import layer", "may not import"),
    ("qml_qdl.nn.x", "from qml_qdl.models import dressed", "may not import"),
    ("qml_qdl.data.x", "from qml_qdl.nn import layer", "may not import"),
    ("qml_qdl.training.x", "import qml_qdl.cli", "may not import"),
    ("qml_qdl.nn.x", "import qml_qdl", "package root"),
    ("qml_qdl.nn.x", "from qml_qdl import circuits", "package root"),
    ("qml_qdl.nn.x", "from .layer import QuantumLayer", "relative"),
    ("qml_qdl.nn.x", "import circuits", "second copy"),
    ("qml_qdl.circuits.x", "def f():\n import torch.nn", "torch under"),
    ("qml_qdl.nn.x", "def f():\n import qiskit", "Qiskit outside"),
    ("qml_qdl.hardware.x", "import qiskit_aer", "when the module loads"),
    ("qml_qdl.hardware.x", "class A:\n from qiskit import x", "when the module loads"),
    ("qml_qdl.hardware.qiskit.x", "import qiskit_ibm_runtime", "when the module loads"),
    ("qml_qdl.hardware.x", "import qml_qdl.hardware.qiskit.device", "module loads"),
    ("qml_qdl.nn.x", "from qml_qdl.hardware.qiskit import jobs", "module loads"),
    ("qml_qdl.models.x", "import lightning", "trainer outside"),
    ("qml_qdl.manybody.x", "import lightning", "trainer outside"),
    ("qml_qdl.manybody.x", "import qml_qdl.training", "may not import"),
    ("qml_qdl.manybody.x", "from qml_qdl.vqe import adapt", "may not import"),
    ("qml_qdl.nn.x", "from qml_qdl.testing import layers", "may not import"),
    ("qml_qdl.nn.x", "def f():\n import pytest", "pytest outside"),
    ("qml_qdl.training.x", "import sklearn.svm", "when the module loads"),
    ("qml_qdl.kernels.x", "import sklearn.svm", "when the module loads"),
    ("qml_qdl.nn.x", "import qml_qdl.sklearn", "may not import"),
    ("qml_qdl.training.x", "import matplotlib.pyplot", "when the module loads"),
    ("qml_qdl", "import qml_qdl.nn", "may not import"),
]


@pytest.mark.parametrize(("module", "source", "text"), SEEDED)
def test_seeded_violation_is_reported(module: str, source: str, text: str) -> None:
    (found,) = violations(module, source)
    assert text in found


JOBS = """
import importlib, pathlib
import qml_qdl.hardware.jobs as jobs
for path in pathlib.Path(jobs.__path__[0]).glob("[a-z]*.py"):
    importlib.import_module(f"{jobs.__name__}.{path.stem}")
"""
AER = """
import pennylane as qml
from qml_qdl.hardware import make_device
@qml.set_shots(10)
@qml.qnode(make_device("aer", range(2)))
def circuit():
    qml.X(1)
    return qml.sample()
assert circuit()[:, 1].all()
"""
HELP = """
import contextlib, io
from qml_qdl.cli import main
for words in ([], ["train"], ["vqe"], ["jobs"]):
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*words, "--help"]) == 0
"""
LAYER = """
import torch
from qml_qdl.circuits import AngleEncoding, StronglyEntangling
layer = qml_qdl.nn.QuantumLayer(StronglyEntangling(2) @ AngleEncoding(2))
layer(torch.ones(3, 2)).sum().backward()
"""
LOADED = [
    (HELP, {"torch", "pennylane", "scipy", "numpy", "matplotlib", "lightning"}),
    ("import qml_qdl", {"qiskit", "lightning", "sklearn", "torch", "pennylane"}),
    ("import qml_qdl.circuits", {"qiskit", "lightning", "sklearn", "torch"}),
    (JOBS, {"qiskit", "qiskit_aer", "qiskit_ibm_runtime", "lightning", "sklearn"}),
    ("import qml_qdl.nn", {"qiskit", "lightning", "sklearn"}),
    (LAYER, {"qiskit", "lightning", "sklearn", "torchvision", "pandas", "quimb"}),
    ("import qml_qdl.models", {"qiskit", "lightning", "sklearn", "zuko"}),
    ("import qml_qdl.manybody", {"qiskit", "lightning", "quimb", "sklearn"}),
    ("import qml_qdl.vqe", {"qiskit", "lightning", "quimb", "sklearn"}),
    (AER, {"qiskit_ibm_runtime"}),
]
"""What is run, and what has not been loaded then."""


def test_nothing_heavy_is_loaded_before_it_is_used() -> None:
    """In one process, one after the other: each loads those before it."""
    lines = ["import sys"]
    for program, names in LOADED:
        loaded = f"{{m.split('.')[0] for m in sys.modules}} & {names!r}"
        lines += [program, f"assert not {loaded}, {program!r}"]
    code = "\n".join(lines)
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)

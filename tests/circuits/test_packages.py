"""Without a package all that has no use for it works, and the rest says what to do."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qml_qdl.circuits.packages import lazy_names, missing_package

ROOT = Path(__file__).parents[2]
INSTALL = {
    "qiskit": "qiskit>=2.4",
    "qiskit_aer": "qiskit-aer>=0.17.2",
    "qiskit_ibm_runtime": "qiskit-ibm-runtime>=0.51",
    "pennylane_lightning": "pennylane-lightning<0.46,>=0.45",
    "lightning": "lightning>=2.6",
    "e3nn": "qml-qdl[symmetry]",
    "zuko": "qml-qdl[flow]",
    "sklearn": "scikit-learn>=1.7",
    "pandas": "pandas>=2.2.2",
    "matplotlib": "matplotlib>=3.9",
    "tensorboard": "tensorboard>=2.19",
    "PIL": "pillow>=11",
    "rich": "rich>=14",
    "typer": "typer>=0.29",
}
"""Packages that layers have no use for, and what installs them."""

WORKER = "tests.circuits.missing_packages"
NEEDS_QISKIT = ("aer", "aer:fake_manila", "ibm:least_busy", "qml.device")
COMMANDS = ("--version", "targets", "train")


@pytest.mark.parametrize(
    ("hidden", "calls", "needs"),
    [
        pytest.param(
            tuple(INSTALL),
            (),
            {
                **dict.fromkeys((*NEEDS_QISKIT, "from_qiskit"), "qiskit"),
                "lightning.qubit": "pennylane_lightning",
                "digits": "sklearn",
                "split": "sklearn",
                "table": "pandas",
                "images": "PIL",
                "fit": "lightning",
                "draw_mpl": "matplotlib",
                "twin": "e3nn",
                "flow": "zuko",
                **dict.fromkeys(COMMANDS, "typer"),
            },
            id="all",
        ),
        pytest.param(
            ("qiskit_ibm_runtime", "tensorboard"),
            ("aer", "aer:fake_manila", "ibm:least_busy", "targets", "train"),
            {
                "aer:fake_manila": "qiskit_ibm_runtime",
                "ibm:least_busy": "qiskit_ibm_runtime",
                "train": "tensorboard",
            },
            id="ibm",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("qiskit_aer",),
            (*NEEDS_QISKIT, "from_qiskit"),
            dict.fromkeys(NEEDS_QISKIT, "qiskit_aer"),
            id="aer",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_needs_a_package_says_how_to_install_it(
    hidden: Sequence[str],
    calls: Sequence[str],
    needs: Mapping[str, str],
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.circuits.missing_packages",
            ",".join(hidden),
            *calls,
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    expected = dict.fromkeys(found, "works")
    for call, package in needs.items():
        told = f"{package}: this package is not installed; install it with pip install"
        start = "2" if call in COMMANDS else "MissingPackageError"
        expected[call] = f"{start}: {told} '{INSTALL[package]}'"
    assert found == expected


def test_what_is_of_no_package_of_ours_is_left_to_python() -> None:
    assert missing_package(ModuleNotFoundError(name="stim")) is None
    assert missing_package(ModuleNotFoundError("no name")) is None
    told = missing_package(ModuleNotFoundError(name="sklearn.svm"))
    assert told is not None
    assert told.name == "sklearn.svm"
    assert missing_package(told) is None  # it says so already


LAZY = [
    f"qml_qdl.{room}"
    for room in ("circuits", "data", "hardware", "sklearn", "testing", "training")
]
"""Packages whose names load when they are first used."""


@pytest.mark.parametrize("package", LAZY)
def test_names_are_those_that_type_checkers_see(package: str) -> None:
    room = importlib.import_module(package)
    folder = Path(str(room.__file__)).parent
    names = vars(room)["__all__"]
    assert [*names] == sorted(set(names), key=names.index)
    assert dir(room) == sorted(names)
    # A module of the same name would hide it as soon as it is loaded.
    assert not set(names) & {path.stem for path in folder.iterdir()}
    star: dict[str, Any] = {}
    exec(f"from {package} import *", star)  # what users write, and nothing else
    assert set(names) == set(star) - {"__builtins__"}
    tree = ast.parse((folder / "__init__.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in sys.modules:
            own = vars(sys.modules[node.module])
            assert all(
                star[a.name] is own[a.name] for a in node.names if a.name in star
            )
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'Angle'"):
        _ = room.Angle
    with pytest.raises(ImportError, match="cannot import name 'Angle'"):
        exec(f"from {package} import Angle", {})


def test_a_name_that_was_used_is_found_without_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    room = tmp_path / "lazy_room"
    room.mkdir()
    (room / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from qml_qdl.circuits.packages import lazy_names\n"
        "if TYPE_CHECKING:\n"
        "    from lazy_room.inner import LIST\n"
        "    from lazy_room.outer import LIST as other, lost, missing\n"
        "else:\n"
        "    __getattr__, __dir__ = lazy_names(__name__)\n"
    )
    (room / "inner.py").write_text("LIST = [1]")
    (room / "outer.py").write_text("from stim import Circuit")
    found = importlib.import_module("lazy_room")
    assert dir(found) == ["LIST", "lost", "missing", "other"]
    assert "LIST" not in vars(found)
    assert "lazy_room.inner" not in sys.modules
    assert found.LIST == [1]
    assert vars(found)["LIST"] is found.LIST
    with pytest.raises(ModuleNotFoundError, match="stim"):
        _ = found.lost

    (room / "outer.py").write_text("LIST = [2]\n")
    importlib.invalidate_caches()
    assert found.other == [2]
    with pytest.raises(AttributeError, match="missing"):
        _ = found.missing


def test_a_package_without_its_source_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Packed:
        def get_source(self, name: str) -> None:
            return None

    room = ModuleType("packed_room")
    room.__loader__ = Packed()  # type: ignore[assignment]  # of which this is asked
    monkeypatch.setitem(sys.modules, "packed_room", room)
    load, _ = lazy_names("packed_room")
    with pytest.raises(ImportError, match="packed_room: expected its source beside it"):
        load("anything")

"""Says, as a JSON object, what comes of calls where packages are not installed."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Hidden:
    """Finds nothing of some packages, as if they were not installed.

    Args:
        finder: What finds all others.
        packages: The packages.
    """

    def __init__(self, finder: Any, packages: list[str]) -> None:
        self._finder = finder
        self._packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in self._packages:
            return None
        return self._finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


def outcome(call: Callable[[], str | None]) -> str:
    from qml_qdl.circuits import QdlError

    try:
        return call() or "works"
    except QdlError as error:
        return f"{type(error).__name__}: {error}"


def layers() -> None:
    import torch

    from qml_qdl.circuits import AngleEncoding, StronglyEntangling
    from qml_qdl.models import QuanvolutionClassifier
    from qml_qdl.nn import QuantumLayer

    layer = QuantumLayer(StronglyEntangling(2) @ AngleEncoding(2))
    layer(torch.rand(3, 2)).sum().backward()
    str(layer.circuit)
    QuanvolutionClassifier((1, 4, 4), 2)(torch.rand(2, 1, 4, 4)).sum().backward()


def device(target: str) -> Callable[[], None]:
    def make() -> None:
        from qml_qdl.hardware import make_device

        make_device(target, [0])

    return make


def draws() -> None:
    from qml_qdl.circuits import AngleEncoding, StronglyEntangling

    (StronglyEntangling(2) @ AngleEncoding(2)).draw_mpl()


def twin() -> None:
    from qml_qdl.models import SpinClassifier

    SpinClassifier(3, 2).classical_twin("e3nn")


def flow() -> None:
    from qml_qdl.models import NormalizingFlow

    NormalizingFlow(2)


def from_training(name: str) -> Callable[[], None]:
    def get() -> None:
        from qml_qdl import training

        getattr(training, name)

    return get


def data(source: str, split: bool = False) -> Callable[[], None]:
    def get() -> None:
        from qml_qdl import data

        whole = data.load(source)
        if split:
            data.split(whole)

    return get


def table() -> None:
    from qml_qdl import data

    Path("mine.csv").write_text("size,label\n1.5,a\n2.5,b\n")
    data.load("mine.csv")


def images() -> None:
    from qml_qdl import data

    Path("images/a").mkdir(parents=True)
    Path("images/a/1.png").touch()
    data.load("images")


def converter() -> None:
    from qml_qdl import hardware

    assert callable(hardware.from_qiskit)  # it is loaded by its name


def pennylane() -> None:
    import pennylane as qml

    qml.device("qdl.qiskit", wires=1)


def command(*words: str) -> Callable[[], str]:
    def call() -> str:
        from qml_qdl.cli import main

        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = main(words)
        return f"{code}: {said.getvalue().strip().split(': ', 1)[1]}" if code else ""

    return call


CALLS: dict[str, Callable[[], str | None]] = {
    "layers": layers,
    "default.qubit": device("default.qubit"),
    "options": from_training("RunOptions"),
    "generated data": data("log_normal"),
    "aer": device("aer"),
    "aer:fake_manila": device("aer:fake_manila"),
    "ibm:least_busy": device("ibm:least_busy"),
    "qml.device": pennylane,
    "from_qiskit": converter,
    "lightning.qubit": device("lightning.qubit"),
    "digits": data("digits"),
    "split": data("log_normal", split=True),
    "table": table,
    "images": images,
    "fit": from_training("fit"),
    "draw_mpl": draws,
    "twin": twin,
    "flow": flow,
    "--version": command("--version"),
    "targets": command("targets"),
    "train": command("train", "--data", "iris"),
}


def main(hidden: list[str], names: list[str]) -> None:
    """Hides packages, and makes calls, all of them where none are named."""
    finders: Any = sys.meta_path
    finders[:] = [Hidden(finder, hidden) for finder in finders]
    print(json.dumps({name: outcome(CALLS[name]) for name in names or CALLS}))


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2:])

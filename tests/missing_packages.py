"""Says what this library can do where packages are not installed: a JSON object."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from typing import Any

NEEDED = {"run", "aer", "lightning"}


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


def outcome(call: Callable[[], Any]) -> str:
    from qml_qdl.circuits import QdlError

    try:
        call()
    except QdlError as error:
        return f"{type(error).__name__}: {error}"
    return "works"


def layers() -> None:
    import torch

    from qml_qdl.circuits import AngleEncoding, StronglyEntangling
    from qml_qdl.models import QuanvolutionClassifier
    from qml_qdl.nn import QuantumLayer

    layer = QuantumLayer(StronglyEntangling(2) @ AngleEncoding(2))
    layer(torch.rand(3, 2)).sum().backward()
    str(layer.circuit)
    QuanvolutionClassifier((1, 4, 4), 2)(torch.rand(2, 1, 4, 4)).sum().backward()


def device(target: str) -> Callable[[], Any]:
    def make() -> Any:
        from qml_qdl.hardware import make_device

        return make_device(target, [0])

    return make


def draws() -> None:
    from qml_qdl.circuits import AngleEncoding, StronglyEntangling

    (StronglyEntangling(2) @ AngleEncoding(2)).draw_mpl()


def twin() -> None:
    from qml_qdl.models import SpinClassifier

    SpinClassifier(3, 2).classical_twin("e3nn")


def from_training(name: str) -> Callable[[], Any]:
    def get() -> Any:
        from qml_qdl import training

        return getattr(training, name)

    return get


def data(source: str, split: bool = False) -> Callable[[], Any]:
    def get() -> Any:
        from qml_qdl import data

        whole = data.load(source)
        return data.split(whole) if split else whole

    return get


def converter() -> None:
    from qml_qdl import hardware

    hardware.from_qiskit  # noqa: B018 - it is loaded by its name


def pennylane() -> None:
    import pennylane as qml

    qml.device("qdl.qiskit", wires=1)


def command(*words: str) -> str:
    from qml_qdl.cli import main

    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = main(words)
    return f"{code}: {said.getvalue().strip()}"


CALLS: dict[str, Callable[[], Any]] = {
    "layers": layers,
    "default.qubit": device("default.qubit"),
    "options": from_training("RunOptions"),
    "generated data": data("log_normal"),
    "aer": device("aer"),
    "machine": device("aer:fake_manila"),
    "ibm": device("ibm:least_busy"),
    "qml.device": pennylane,
    "from_qiskit": converter,
    "lightning.qubit": device("lightning.qubit"),
    "digits": data("digits"),
    "split": data("log_normal", split=True),
    "fit": from_training("fit"),
    "drawing": draws,
    "twin": twin,
}


def main(packages: list[str]) -> None:
    """Hides packages, and makes all calls and a few commands."""
    sys.meta_path[:] = [Hidden(finder, packages) for finder in sys.meta_path]  # type: ignore[misc]
    results = {name: outcome(call) for name, call in CALLS.items()}
    results["--version"] = command("--version")
    results["train"] = command("train", "--data", "iris", "--name", "none")
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])

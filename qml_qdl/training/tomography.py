"""Circuits that are measured, and what measurements tell, as the commands have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.nn import QuantumLayer
from qml_qdl.training.checkpoints import load_best
from qml_qdl.training.run import Run
from qml_qdl.training.specs import import_object


@frozen
class MeasuredCircuit:
    """A circuit that is to be measured.

    Args:
        circuit: A `Circuit`, a `QuantumLayer` or a QNode.
        journal: Where its jobs are recorded.
        folder: The folder of the run it is of; None where it is of none.
    """

    circuit: Any
    journal: Path
    folder: Path | None = None

    @classmethod
    def find(
        cls, word: str, runs_dir: str | Path, training_seed: int | None = None
    ) -> MeasuredCircuit:
        """Finds what a word names.

        Args:
            word: A run, by name or folder; a file of OpenQASM that ends with `.qasm`;
                or the import path of a circuit, a layer, a QNode, or a function without
                arguments that makes one.
            runs_dir: The folder of all runs.
            training_seed: Which training of a run; None takes the best on the
                validation part.

        Returns:
            The circuit.

        Raises:
            ArgumentError: It names none.
            RunError: The run has no circuit or several, or has not finished.
        """
        if word.lower().endswith((".qasm", ".qasm3", ".qasm2")):
            return cls(_from_file(Path(word)), default_place())
        named = (Path(word), Path(runs_dir) / word)
        if any(place.is_dir() for place in named):
            return cls._of_run(Run.open(word, runs_dir=runs_dir), training_seed)
        if "." not in word or "/" in word:
            raise ArgumentError(
                f"circuit: expected a run of {runs_dir}, a file that ends with .qasm, "
                f"or an import path such as my_module.circuit, got {word!r}"
            )
        found = import_object("circuit", word)
        if not isinstance(found, Circuit | Block | QuantumLayer) and callable(found):
            from pennylane import QNode

            found = found if isinstance(found, QNode) else found()
        return cls(found, default_place())

    @classmethod
    def _of_run(cls, run: Run, training_seed: int | None) -> MeasuredCircuit:
        kind, seed, _ = run.finished(None, training_seed, "training_seed")
        model = run.task().build(kind, seed).eval()
        load_best(model, run.fit_folder(kind, seed))
        layers = [m for m in model.modules() if isinstance(m, QuantumLayer)]
        if len(layers) != 1:
            raise RunError(
                f"run: expected a model with one quantum layer, got {len(layers)} in "
                f"{run.folder}; measure one of its layers in Python: tomography.measure"
            )
        return cls(layers[0], run.journal, run.folder)


def _from_file(path: Path) -> Circuit:
    from qml_qdl.hardware import from_qasm

    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ArgumentError(f"circuit: there is no file {str(path)!r}") from error
    except UnicodeDecodeError as error:
        raise ArgumentError(f"circuit: {str(path)!r} is no text: {error}") from error
    try:
        return from_qasm(text, inputs=())
    except ArgumentError as error:
        raise ArgumentError(f"circuit: {str(path)!r}: {error}") from error

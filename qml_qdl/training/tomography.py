"""Circuits that are measured, and what measurements tell, as the commands have it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
from attrs import asdict, frozen

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.errors import ArgumentError, RunError, ShapeError
from qml_qdl.hardware.files import made_in_memory, write_atomically
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.nn import QuantumLayer
from qml_qdl.tomography import (
    DensityMatrix,
    Estimator,
    Measurements,
    compare,
    exact_state,
    make_estimator,
    named_rivals,
    read_state,
)
from qml_qdl.training.checkpoints import load_best
from qml_qdl.training.json_files import write_json
from qml_qdl.training.plots import (
    plot_density_matrix,
    plot_fidelities,
    plot_outcomes,
    save_figure,
)
from qml_qdl.training.run import Run
from qml_qdl.training.specs import import_object

_LEAST_SHOTS = 10
_MOST_DRAWN = 8


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
            found = found if isinstance(found, qml.QNode) else found()
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


class StateTomography:
    """One state's measurements, and what estimators make of them.

    Args:
        data: The measurements.
        model: The estimator that is asked for, one of `ESTIMATORS`.
        options: Its options.
        state: A state to be near to; None where none is known.
        hamiltonian: An observable whose expectation value is its energy; None for none.
        rivals: Whether all others that can be fitted stand beside it.
        repeats: Data sets that are drawn anew for error bars; 0 for no bars.
        seed: Where random numbers begin.
        tell: Is called with what is being done, and with `end=True` after it.

    Raises:
        ArgumentError: There is no such estimator or option.
        ShapeError: The state or the observable is of other wires.
    """

    def __init__(
        self,
        data: Measurements,
        model: str = "hedged",
        options: Mapping[str, Any] | None = None,
        *,
        state: DensityMatrix | None = None,
        hamiltonian: Any = None,
        rivals: bool = True,
        repeats: int = 10,
        seed: int = 0,
        tell: Callable[..., None] | None = None,
    ) -> None:
        self.data, self.model, self.state = data, model, state
        self.options = dict(options or {})
        self._hamiltonian, self._repeats, self._seed = hamiltonian, repeats, seed
        self._tell: Callable[..., None] = tell or (lambda *_, **__: None)
        own = make_estimator(model, **self.options)
        others = named_rivals() if rivals else {}
        self.estimators: dict[str, Estimator] = {model: own} | {
            name: each for name, each in others.items() if name != model
        }
        self.curves: dict[str, tuple[list[float], list[float]]] = {}
        self.steps: list[int] = []
        self.seconds = 0.0

    def fit(self) -> None:
        """Fits all of them.

        Raises:
            ArgumentError: The estimator that is asked for cannot be fitted.
            DataError: The same, for want of bases say.
            MemoryBoundError: The state is too wide for it.
        """
        start = time.perf_counter()
        # What is asked for is fitted by itself first: why it fails is an error.
        self._tell(self.model)
        self.estimators[self.model].fit(self.data)
        self.comparison = compare(
            self.data,
            self.estimators,
            state=self.state,
            hamiltonian=self._hamiltonian,
            repeats=self._repeats,
            seed=self._seed,
            tell=self._tell,
        )
        self.seconds = time.perf_counter() - start
        self._tell("", end=True)

    def draw_curves(self, repeats: int = 5) -> None:
        """Finds infidelities for fewer shots, where the state is known.

        Args:
            repeats: How often shots are drawn from those there are.
        """
        most = int(self.data.shots.min())
        self.steps = [most >> k for k in (6, 4, 2, 0) if most >> k >= _LEAST_SHOTS]
        if self.state is None or len(self.steps) < 2:
            return
        fitted = [rival.name for rival in self.comparison.rivals]
        for name in fitted:
            means, deviations = [], []
            for shots in self.steps:
                generator = np.random.default_rng((self._seed, shots))
                self._tell(f"{name} of {shots} shots")
                found = [
                    1 - self._fidelity(name, self.data.thinned(shots, generator))
                    for _ in range(repeats if shots < most else 1)
                ]
                means.append(float(np.mean(found)))
                deviations.append(float(np.std(found, ddof=1)) if found[1:] else 0.0)
            self.curves[name] = means, deviations
        self._tell("", end=True)

    def _fidelity(self, name: str, data: Measurements) -> float:
        assert self.state is not None
        return self.estimators[name].fit(data).state.fidelity(self.state)

    @property
    def found(self) -> DensityMatrix:
        """What the estimator that was asked for has found."""
        return self.comparison.rivals[0].found.state

    def summary(self) -> list[str]:
        """What else there is to say, in lines."""
        data, origin = self.data, self.data.origin
        where = f" on {origin.machine or origin.target}" if origin.target else ""
        shots = data.shots
        each = f"{shots.min():,}" if shots.min() == shots.max() else "several"
        lines = [
            f"{data.num_wires} wires, {len(data.bases)} bases, {each} shots of each"
            f"{where}"
        ]
        if data.confusion is None:
            lines.append("errors of reading: none are known, and none are taken out")
        else:
            lines.append("errors of reading: part of the likelihood, as calibrated")
        lines.append(
            "errors in parentheses, of the last digits, by the bootstrap; held out: "
            "log likelihood of a shot that was left out"
        )
        if self.state is not None:
            lines.append("fidelity is squared: (tr √(√ρ σ √ρ))²")
        if self.comparison.refused:
            names = ", ".join(self.comparison.refused)
            lines.append(f"not for such measurements: {names}; report.md says why")
        return lines

    def write(self, folder: Path) -> None:
        """Writes tables, the state and pictures.

        Args:
            folder: Where.
        """
        rivals = self.comparison.rivals
        write_json(
            folder / "result.json",
            {
                "model": self.model,
                "options": {k: repr(v) for k, v in self.options.items()},
                "data": repr(self.data),
                "origin": asdict(self.data.origin),
                "estimators": {
                    rival.name: {
                        "figures": dict(rival.figures),
                        "errors": dict(rival.errors),
                        "held_out": rival.held_out,
                        "chosen": dict(rival.found.chosen),
                        "converged": rival.found.converged,
                    }
                    for rival in rivals
                },
                "refused": dict(self.comparison.refused),
                "infidelities": {"shots": self.steps, **self.curves},
                "seconds": self.seconds,
            },
            sealed=True,
        )
        factor = self.found.factor

        def save(file: Any) -> None:
            np.savez_compressed(
                file, factor=factor, wires=list(map(str, self.data.wires))
            )

        write_atomically(folder / "state.npz", made_in_memory(save))
        lines = [f"# {self.model}: state of {self.data.num_wires} wires", ""]
        lines += [self.comparison.markdown(), ""]
        lines += [f"- {line}" for line in self.summary()]
        refused = self.comparison.refused.items()
        lines += [f"- {name} cannot be fitted: {why}" for name, why in refused]
        text = "\n".join([*lines, ""])
        write_atomically(folder / "report.md", lambda file: file.write(text.encode()))
        if self.found.num_wires <= _MOST_DRAWN:
            figure = plot_density_matrix(self.found, self.state)
            save_figure(figure, folder / "density_matrix.png")
        shown = {rival.name: rival.found.state for rival in rivals[:3]}
        save_figure(plot_outcomes(self.data, shown), folder / "outcomes.png")
        if self.curves:
            save_figure(
                plot_fidelities(self.steps, self.curves), folder / "fidelities.png"
            )


def known_state(word: str, num_wires: int) -> DensityMatrix:
    """A state to compare with.

    Args:
        word: An `.npz` file with an array `state` (amplitudes or a density matrix) or
            `factor`, as `qml-qdl tomography` writes it; or a circuit, as
            `MeasuredCircuit.find` takes it, without noise.
        num_wires: Wires it is to have.

    Returns:
        The state.

    Raises:
        ArgumentError: There is none.
        DataError: The file holds none.
        ShapeError: It has other wires.
    """
    if word.lower().endswith(".npz"):
        found = read_state(word)
    else:
        found = exact_state(MeasuredCircuit.find(word, "runs").circuit)
    if found.num_wires != num_wires:
        raise ShapeError(
            f"state: expected {num_wires} wires as the measurements have, got "
            f"{found.num_wires}"
        )
    return found


def pauli_sum(text: str) -> Any:
    """A sum of Pauli words, as people write it.

    Args:
        text: Words of I, X, Y and Z, each with a number before it or none, such as
            "ZZ + 0.5*XI - 2 YY".

    Returns:
        A PennyLane operator on the wires 0 … n−1.

    Raises:
        ArgumentError: It is none.

    Example:
        >>> pauli_sum("ZZ - 0.5*XI")
        Z(0) @ Z(1) + -0.5 * X(0)
    """
    plain = re.sub(r"\s", "", text)
    term = r"([+-]?)(?:(\d+\.?\d*(?:[eE][+-]?\d+)?)\*?)?([IXYZ]+)"
    terms = re.findall(term, plain)
    if not terms or not re.fullmatch(rf"(?:{term})+", plain):
        raise ArgumentError(
            f"hamiltonian: expected Pauli words with numbers, such as 'ZZ + 0.5*XI', "
            f"got {text!r}"
        )
    widths = {len(word) for _, _, word in terms}
    if len(widths) > 1:
        raise ArgumentError(
            f"hamiltonian: expected words of as many letters, got {sorted(widths)} in "
            f"{text!r}; say I where nothing acts"
        )
    numbers = [float(f"{sign}{number or 1}") for sign, number, _ in terms]
    words = [qml.pauli.string_to_pauli_word(word) for _, _, word in terms]
    return qml.dot(numbers, words)

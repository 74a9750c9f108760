"""Noise for Aer, cut down to the qubits that a circuit uses."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_aer.noise import NoiseModel, ReadoutError

from qml_qdl.hardware.caches import LruCache

_KEPT = 64
"""How many cut noise models are kept."""


@frozen(eq=False)
class QubitNoise:
    """The noise of some qubits, which are numbered from zero.

    Args:
        model: Aer's noise model; None where there is no noise.
        confusion: For each qubit the probabilities of reading (true, read), or None
            where reading cannot be told apart from measuring: errors that read several
            qubits together or that disturb the qubit while it is measured.
    """

    model: NoiseModel | None
    confusion: NDArray[np.float64] | None


class NoiseSource(ABC):
    """Where the noise comes from.

    ---- to be implemented: `_model` ----
    """

    ideal = False
    """Whether there is surely no noise, wherever a circuit runs."""

    def __init__(self) -> None:
        self._kept = LruCache[tuple[int, ...], QubitNoise](_KEPT)

    @abstractmethod
    def _model(self, qubits: tuple[int, ...]) -> NoiseModel | None:
        """The noise model of some qubits, numbered as in the tuple."""

    def on(self, qubits: tuple[int, ...]) -> QubitNoise:
        """The noise of some qubits.

        Args:
            qubits: The backend's qubits.

        Returns:
            Their noise, for circuits on as many qubits in this order.
        """
        found = self._kept.find(qubits)
        if found is None:
            model = self._model(qubits)
            if model is not None and model.is_ideal():
                model = None
            noise = QubitNoise(model, _confusion(model, len(qubits)))
            found = self._kept.keep(qubits, noise)
        return found


class NoNoise(NoiseSource):
    """No noise at all."""

    ideal = True

    def _model(self, qubits: tuple[int, ...]) -> None:
        return None


class MachineNoise(NoiseSource):
    """The noise that a machine's calibration tells.

    It is built for the qubits in use only: for four of 133 qubits in 0.1 s instead of
    6 s, and each run spares 4 s of handing it to Aer.

    Args:
        backend: The machine.
    """

    def __init__(self, backend: BackendV2) -> None:
        super().__init__()
        self._backend = backend

    def _model(self, qubits: tuple[int, ...]) -> NoiseModel:
        with warnings.catch_warnings():
            # A machine without T1 and T2 has no relaxation: nothing to warn of.
            warnings.filterwarnings("ignore", message=".*has no QubitProperties")
            model = NoiseModel.from_backend(
                _Part(self._backend, qubits), readout_error=False
            )
        for number, qubit in enumerate(qubits):
            model.add_readout_error(self._reading(qubit), [number])
        return model

    def _reading(self, qubit: int) -> ReadoutError:
        """How one qubit is misread; IBM's machines take 1 for 0 more often."""
        properties = getattr(self._backend, "properties", lambda: None)()
        if properties is not None:
            known = properties.qubit_property(qubit)
            if "prob_meas1_prep0" in known and "prob_meas0_prep1" in known:
                up, down = known["prob_meas1_prep0"][0], known["prob_meas0_prep1"][0]
                return ReadoutError([[1 - up, up], [down, 1 - down]])
        measure = self._backend.target.get("measure", {}).get((qubit,))
        error = getattr(measure, "error", None) or 0.0
        return ReadoutError([[1 - error, error], [error, 1 - error]])


class GivenNoise(NoiseSource):
    """A user's own noise model, on the backend's qubits.

    Args:
        model: The noise model.
    """

    def __init__(self, model: NoiseModel) -> None:
        super().__init__()
        self._whole = model
        self.ideal = model.is_ideal()

    def _model(self, qubits: tuple[int, ...]) -> NoiseModel:
        # Aer has no public way to read single errors back; a test pins these names.
        whole: Any = self._whole
        new = {qubit: number for number, qubit in enumerate(qubits)}
        part = NoiseModel(basis_gates=whole.basis_gates)
        for name, error in whole._default_quantum_errors.items():
            part.add_all_qubit_quantum_error(error, name, warnings=False)
        if whole._default_readout_error is not None:
            part.add_all_qubit_readout_error(whole._default_readout_error)
        for name, errors in whole._local_quantum_errors.items():
            for on, error in errors.items():
                if set(on) <= set(new):
                    inside = [new[qubit] for qubit in on]
                    part.add_quantum_error(error, name, inside, warnings=False)
        for on, error in whole._local_readout_errors.items():
            if set(on) <= set(new):
                part.add_readout_error(error, [new[qubit] for qubit in on], False)
        return part


class _Part(BackendV2):
    """Some qubits of a machine, as `NoiseModel.from_backend` reads them."""

    def __init__(self, backend: BackendV2, qubits: tuple[int, ...]) -> None:
        super().__init__(name=f"part of {backend.name}")
        self._target = part_of_target(backend.target, qubits)

    @property
    def target(self) -> Target:
        """What the qubits can do, and how badly."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """No limit."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> None:
        """Nothing runs here.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a part of a machine only describes it")


def part_of_target(target: Target, qubits: tuple[int, ...]) -> Target:
    """A target cut down to some qubits.

    Args:
        target: The whole machine.
        qubits: Its qubits that remain; they are numbered in this order.

    Returns:
        The part's target.
    """
    new = {qubit: number for number, qubit in enumerate(qubits)}
    properties = target.qubit_properties
    part = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        qubit_properties=properties and [properties[qubit] for qubit in qubits],
    )
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if isinstance(operation, type) or None in target[name]:
            continue  # loops and branches, or an ideal instruction on all qubits
        inside = {
            tuple(new[qubit] for qubit in on): property_
            for on, property_ in target[name].items()
            if set(on) <= set(new)
        }
        if inside:
            part.add_instruction(operation, inside, name=name)
    return part


def _confusion(model: NoiseModel | None, num_qubits: int) -> NDArray[np.float64] | None:
    tables = np.tile(np.eye(2), (num_qubits, 1, 1))
    if model is None:
        return tables
    for error in model.to_dict()["errors"]:
        if error["type"] != "roerror":
            if "measure" in error["operations"]:
                return None
            continue
        table = np.asarray(error["probabilities"], dtype=np.float64)
        if table.shape != (2, 2):
            return None
        if "gate_qubits" not in error:
            tables[:] = table  # those of single qubits come after it
            continue
        for (qubit,) in error["gate_qubits"]:
            tables[qubit] = table
    return tables

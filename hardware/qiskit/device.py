"""Qiskit backends as a PennyLane device, `qdl.qiskit`."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, final

import pennylane as qml
from attrs import fields
from pennylane.devices.default_qubit import accepted_sample_measurement
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from qml_qdl.hardware.device import Abilities
from qml_qdl.hardware.keywords import BACKENDS, Repairs
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.qiskit.backends import make_executor
from qml_qdl.hardware.qiskit.conversion.structures import decomposition, is_native
from qml_qdl.hardware.qiskit.pauli_measurement import QiskitCircuits
from qml_qdl.hardware.tapes.device import ExecutorDevice


def _measures_with_shots(measurement: Any) -> bool:
    shadows = (qml.measurements.ClassicalShadowMP, qml.measurements.ShadowExpvalMP)
    return not isinstance(measurement, shadows) and accepted_sample_measurement(
        measurement
    )


def _repairs() -> Repairs:
    """What to do instead of other keywords, those of Aer and the transpiler, too."""
    transpiler = inspect.signature(generate_preset_pass_manager).parameters
    return {
        **dict.fromkeys(transpiler, "say optimization_level= or pass_manager="),
        **{name: f"give backend=AerSimulator({name}=...)" for name in _aer_options()},
        **BACKENDS,
    }


def _aer_options() -> list[str]:
    return list(dict(AerSimulator._default_options()))


@final
class QiskitDevice(ExecutorDevice):
    """Any Qiskit backend, from Aer to an IBM machine: one job for each execution.

    All circuits of an execution that differ in angles only are one parametrised
    circuit, transpiled once. Gradients are parameter shifts, or SPSA, over all rows at
    once, for weights and inputs; with the torch interface they flow through the results
    like those of any torch operation.

    PennyLane's tracker counts `jobs`, `pubs` (circuits sent, each with all its rows),
    `rows`, `transpilations` and `qpu_seconds`.

    Args:
        wires: Number of wires or their labels; None finds them in each circuit.
        shots: As PennyLane devices take them; better set on the QNode.
        backend: "aer"; "aer:fake_torino" or "fake_torino", Aer with the noise stored
            for that machine; "aer:ibm_torino", Aer with today's calibration;
            "ibm:ibm_torino", "ibm:least_busy"; a Qiskit `BackendV2`, or an executor.
        **options: Those of `TargetOptions`, such as `seed=1` or `mitigation="zne"`.

    Raises:
        ArgumentError: An option's value cannot be used.
        ArgumentTypeError: There is no such option, or its type cannot be used.
        TargetError: There is no such backend.

    Example:
        >>> import pennylane as qml
        >>> dev = qml.device("qdl.qiskit", wires=2, backend="aer")
        >>> @qml.qnode(dev)
        ... def circuit(x):
        ...     qml.RY(x, 0)
        ...     qml.CNOT([0, 1])
        ...     return qml.expval(qml.Z(1))
        >>> round(float(circuit(0.5)), 6)
        0.877583
    """

    abilities: ClassVar[Abilities] = Abilities(
        methods=("best", "backprop", "device"),
        is_native=is_native,
        decomposition=decomposition,
        prepares_states=False,
        postselects=True,
        measures_with_shots=_measures_with_shots,
        gradients_with_shots=True,
        at_once=True,
    )

    @property
    def name(self) -> str:
        """The name under which PennyLane knows the device."""
        return "qdl.qiskit"

    def __init__(
        self, wires: Any = None, shots: Any = None, backend: Any = "aer", **options: Any
    ) -> None:
        known = ("wires", "shots", "backend")
        wrong = options.keys() - {one.name for one in fields(TargetOptions)}
        repairs = _repairs() if wrong else BACKENDS
        told = TargetOptions().changed(self.name, None, known, repairs, **options)
        told = told.completed()
        executor = make_executor(backend, told)
        super().__init__(wires, shots, executor, QiskitCircuits(), told)

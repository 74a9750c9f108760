"""Requests of small circuits, and their answers by a stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml

from qml_qdl.hardware.qiskit.pauli_measurement import QiskitCircuits
from qml_qdl.hardware.structure import make_plan
from qml_qdl.hardware.tapes.batches import Answer, Request, run_requests
from qml_qdl.hardware.tapes.readouts import plan_readout
from tests.hardware.qiskit.standin import StandIn


def request(
    operations: Sequence[Any],
    measurements: Sequence[Any],
    angles: Any,
    *,
    shots: bool = True,
    only_columns: bool = False,
) -> Request:
    tape = qml.tape.QuantumScript(operations, measurements)
    plan = make_plan(tape, range(2))
    readout = plan_readout(plan.measurements, 2, shots=shots, estimator=not shots)
    rows = np.asarray(angles, dtype=float)
    return Request(plan.structure, rows, readout, only_columns)


def turned(axis: Any, angles: Any, *measurements: Any, **options: Any) -> Request:
    column = np.asarray(angles, dtype=float)[:, None]
    return request([axis(0.0, 0), qml.CNOT([0, 1])], measurements, column, **options)


def run(requests: Sequence[Request], *options: Any) -> tuple[StandIn, list[Answer]]:
    executor = StandIn()
    return executor, run_requests(requests, executor, QiskitCircuits(), *options)

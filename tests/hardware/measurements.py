"""Measurements of every type on a state of three wires, for tests of devices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml

HERMITIAN = np.array([[1.0, 2.0 - 1j], [2.0 + 1j, -1.0]])


def device(**options: Any) -> Any:
    return qml.device("qdl.qiskit", **{"backend": "aer", **options})


def prepare(x: Any, w: Any) -> None:
    """A state in which no two wires are alike."""
    qml.RY(x, w[0])
    qml.CRX(1.3, [w[0], w[1]])
    qml.RX(0.4, w[1])
    qml.IsingXY(0.9, [w[2], w[0]])
    qml.RY(0.7, w[2])
    qml.CNOT([w[1], w[2]])


def measurements(w: Any) -> dict[str, Any]:
    """Measurements of every type, on wires in many orders."""
    hermitian = qml.Hermitian(np.kron(HERMITIAN, np.diag([1.0, 2.0])), [w[2], w[0]])
    sums = 0.5 * qml.X(w[0]) @ qml.Y(w[2]) - 2 * qml.Z(w[1]) + 3 * qml.I(w[0])
    return {
        "word": qml.expval(qml.X(w[2]) @ qml.Z(w[0])),
        "sum": qml.expval(sums),
        "hadamard": qml.expval(qml.Hadamard(w[1])),
        "matrix": qml.expval(hermitian),
        "projector": qml.expval(qml.Projector([1, 0], [w[2], w[1]])),
        "state projector": qml.expval(qml.Projector(np.array([0.6, 0.8j]), [w[2]])),
        "variance": qml.var(qml.Y(w[1])),
        "variance of a sum": qml.var(sums),
        "variance of a matrix": qml.var(hermitian),
        "probabilities": qml.probs(),
        "probabilities of wires": qml.probs(wires=[w[2], w[0]]),
        "probabilities of an observable": qml.probs(op=qml.X(w[1]) @ qml.Y(w[0])),
        "probabilities of a block": qml.probs(op=qml.Hadamard(w[2]) @ qml.Y(w[0])),
    }


def chosen(names: Any, w: Any) -> list[Any]:
    with qml.QueuingManager.stop_recording():
        all_of_them = measurements(w)
    return [qml.apply(all_of_them[name]) for name in names]

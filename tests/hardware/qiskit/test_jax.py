"""The jax interface on qdl.qiskit, jitted or not, where jax is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

jax = pytest.importorskip("jax")

pytestmark = pytest.mark.filterwarnings("ignore")  # jax's and PennyLane's own


def node(device: Any) -> Any:
    @qml.qnode(device, interface="jax")
    def circuit(x: Any) -> Any:
        qml.RY(x[0], 0)
        qml.RX(x[1], 1)
        qml.CNOT([0, 1])
        return qml.probs(wires=[0, 1])

    return circuit


@pytest.mark.parametrize("jit", [False, True])
def test_jacobian(jit: bool) -> None:
    with jax.enable_x64(True):
        x = jax.numpy.array([0.3, 0.8])
        expected = jax.jacobian(node(qml.device("default.qubit")))(x)
        own = jax.jacobian(node(qml.device("qdl.qiskit", backend="aer")))
        found = (jax.jit(own) if jit else own)(x)
    np.testing.assert_allclose(found, expected, atol=1e-9)

"""What the tests of circuits need to run one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from numpy.typing import NDArray

import qml_qdl.circuits as circuits
from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit


@pytest.fixture(scope="session")
def unitary() -> Callable[..., NDArray[np.complex128]]:
    """The matrix of a circuit on its own wires or on those given."""

    def matrix(
        circuit: Block | Circuit,
        inputs: Any = None,
        weights: Any = None,
        wires: Any = None,
    ) -> NDArray[np.complex128]:
        circuit = as_circuit(circuit)
        tape = qml.tape.make_qscript(circuit)(inputs, weights)
        (tape,), _ = qml.devices.preprocess.decompose(
            tape,
            stopping_condition=lambda op: op.has_matrix,
            skip_initial_state_prep=False,
            name="test",
        )
        return np.asarray(qml.matrix(tape, wire_order=wires or circuit.wires))

    return matrix


@pytest.fixture(scope="session")
def execute() -> Callable[..., torch.Tensor]:
    """Runs a circuit, by default on default.qubit, and stacks what it returns."""

    def run(
        circuit: Block | Circuit,
        inputs: Any = None,
        weights: Any = None,
        device: str = "default.qubit",
        **options: Any,
    ) -> torch.Tensor:
        circuit = as_circuit(circuit)
        node = qml.QNode(circuit, qml.device(device, wires=circuit.wires), **options)
        result = node(inputs, weights)
        if isinstance(result, list | tuple):
            return torch.stack([torch.as_tensor(part) for part in result], dim=-1)
        return torch.as_tensor(result)

    return run


@pytest.fixture(scope="session")
def rebuild() -> Callable[[object], Any]:
    """Evaluates the repr of a value where the public names are known."""
    names = {**vars(qml), **vars(circuits)}
    return lambda value: eval(repr(value), names)

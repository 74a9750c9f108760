"""Runs of circuits in the contracts: unitaries, states, gradients."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from torch import Tensor

import qml_qdl.circuits as circuits
from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit


def unitary(
    circuit: Block | Circuit,
    inputs: Any = None,
    weights: Any = None,
    wires: Any = None,
) -> NDArray[np.complex128]:
    """The matrix of a circuit.

    Args:
        circuit: A circuit or a block without measurements inside.
        inputs: x, of one row.
        weights: θ.
        wires: The order of the wires; None for the circuit's own.

    Returns:
        (2ⁿ, 2ⁿ).
    """
    circuit = as_circuit(circuit)
    tape = qml.tape.make_qscript(circuit)(inputs, weights)
    (tape,), _ = qml.devices.preprocess.decompose(
        tape,
        stopping_condition=lambda op: op.has_matrix,
        skip_initial_state_prep=False,
        name="unitary",
    )
    return np.asarray(qml.matrix(tape, wire_order=wires or circuit.wires))


def execute(
    circuit: Block | Circuit,
    inputs: Any = None,
    weights: Any = None,
    device: str = "default.qubit",
    **options: Any,
) -> Tensor:
    """Runs a circuit as a QNode and stacks what it returns.

    Args:
        circuit: A circuit or a block.
        inputs: x, of one row or many.
        weights: θ.
        device: The PennyLane device.
        **options: The QNode's.

    Returns:
        (…, results).
    """
    circuit = as_circuit(circuit)
    node = qml.QNode(circuit, qml.device(device, wires=circuit.wires), **options)
    result = node(inputs, weights)
    if isinstance(result, list | tuple):
        return torch.stack([torch.as_tensor(part) for part in result], dim=-1)
    return torch.as_tensor(result)


def rebuild(value: object) -> Any:
    """Evaluates the repr of a value.

    Args:
        value: The value; its repr may name what PennyLane, `qml_qdl.circuits` and the
            module of its class have.

    Returns:
        What the repr says.
    """
    kind = type(value)
    module = vars(sys.modules[kind.__module__])
    names = {**vars(qml), **vars(circuits), **module, kind.__name__: kind}
    return eval(repr(value), names)


def random_tensor(shape: Sequence[int], seed: int) -> Tensor:
    """Numbers from 0 to 1, always the same.

    Args:
        shape: Their shape.
        seed: Of the generator.

    Returns:
        A tensor of float64.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(tuple(shape), generator=generator).double()


def derivatives(
    function: Callable[..., Tensor], variables: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Torch's gradients; 0 where a variable is not used.

    Args:
        function: Real number of the variables.
        variables: Tensors, the inputs first.

    Returns:
        One gradient for each variable.

    Raises:
        AssertionError: Torch sees no dependence at all.
    """
    leaves = [variable.detach().clone().requires_grad_() for variable in variables]
    value = function(*leaves)
    assert value.requires_grad, (
        "for torch the result does not depend on its inputs and weights; make angles "
        "by tensor operations only, without detach() and NumPy"
    )
    return torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)


def check_gradients(
    function: Callable[..., Tensor], variables: Sequence[Tensor]
) -> None:
    """Compares torch's gradients with finite differences along one direction.

    Args:
        function: Real number of the variables.
        variables: Tensors of float64, the inputs first, then weights.

    Raises:
        AssertionError: A gradient is wrong.
    """
    for index, gradient in enumerate(derivatives(function, variables)):
        direction = torch.linspace(-1, 1.3, gradient.numel(), dtype=torch.float64)
        direction = direction.reshape(gradient.shape)
        values = []
        for step in (1e-5, -1e-5):
            moved = [variable.detach() for variable in variables]
            moved[index] = moved[index] + step * direction
            values.append(function(*moved).detach())
        text = (
            f"torch's derivative by the {'weights' if index else 'inputs'} is not the "
            "finite difference\n"
        )
        torch.testing.assert_close(
            (gradient * direction).sum(),
            (values[0] - values[1]) / 2e-5,
            rtol=1e-5,
            atol=1e-7,
            msg=text.__add__,
        )

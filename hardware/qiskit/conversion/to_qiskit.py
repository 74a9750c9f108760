"""A circuit U(x, θ) as a parametrised Qiskit circuit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any

import numpy as np
import pennylane as qml
from autoray import register_function
from pennylane.devices.preprocess import decompose
from qiskit import QuantumCircuit
from qiskit.circuit import (
    ParameterExpression,
    ParameterVector,
)

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.hardware.qiskit.conversion.gates import in_table, translate
from qml_qdl.hardware.qiskit.conversion.structures import decomposition


@validate_call
def to_qiskit(circuit: Circuit) -> QuantumCircuit:
    """A circuit U(x, θ) as a parametrised Qiskit circuit, without measurements.

    Qubit i is `circuit.wires[i]`. The parameters are two vectors: x for the inputs, and
    θ for the weights, one tensor after the other as `circuit.weight_shapes` names them,
    each in row-major order.

    Args:
        circuit: The circuit; its readout is not exported.

    Returns:
        The Qiskit circuit.

    Raises:
        ArgumentError: An angle is no sum, product or elementary function of inputs and
            weights, as those of amplitude encoding are not.
        ArgumentTypeError: It is no circuit of this library.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, BasicEntangler
        >>> print(to_qiskit(BasicEntangler(2) @ AngleEncoding(2)))
             ┌──────────┐┌──────────┐
        q_0: ┤ Ry(x[0]) ├┤ Rx(θ[0]) ├──■──
             ├──────────┤├──────────┤┌─┴─┐
        q_1: ┤ Ry(x[1]) ├┤ Rx(θ[1]) ├┤ X ├
             └──────────┘└──────────┘└───┘
    """
    if not isinstance(circuit, Circuit):
        raise ArgumentTypeError(
            f"circuit: expected a circuit of this library, got {circuit!r}"
        )
    shapes = circuit.weight_shapes
    sizes = [math.prod(shape) for shape in shapes.values()]
    x = np.array([*ParameterVector("x", circuit.num_inputs)], dtype=object)
    theta = np.array([*ParameterVector("θ", sum(sizes))], dtype=object)
    parts = np.split(theta, np.cumsum(sizes)[:-1]) if sizes else []
    named = {
        name: part.reshape(shape)
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
    for name, function in _MATHEMATICS.items():
        # PennyLane's mathematics of any array finds Qiskit's of expressions.
        register_function("qiskit", name, function)
    try:
        tape = qml.tape.make_qscript(circuit)(x if len(x) else None, named)
        (tape,), _ = decompose(
            tape,
            stopping_condition=in_table,
            skip_initial_state_prep=False,
            decomposer=decomposition,
            name="Qiskit",
        )
    except (TypeError, ImportError, qml.exceptions.DeviceError) as error:
        # What Python, autoray and PennyLane answer where a symbol has no such function,
        # as for a comparison, or no gates are known that make such a matrix.
        raise ArgumentError(
            f"circuit: {circuit!r} has angles, or powers or matrices of them, that "
            "Qiskit's parameter expressions cannot hold; use encodings whose angles "
            "are sums and products of features, and gates without roots"
        ) from error
    quantum_circuit = QuantumCircuit(len(circuit.wires))
    positions = {wire: place for place, wire in enumerate(circuit.wires)}
    for operation in tape.operations:
        wires = [positions[wire] for wire in operation.wires]
        angles = [_scalar(number) for number in operation.data]
        for gate, places in translate(operation, angles):
            if gate.name == "global_phase":
                quantum_circuit.global_phase += gate.params[0]
            else:
                qubits = [wires[place] for place in places]
                quantum_circuit.append(gate, qubits or range(len(positions)))
    return quantum_circuit


def _part(turn: complex) -> Callable[[ParameterExpression], Any]:
    """The real or, divided by i, the imaginary part of what is real or imaginary."""

    def part(number: ParameterExpression) -> Any:
        values = dict.fromkeys(number.parameters, 0.7)
        value = complex(number.bind(values, allow_unknown_parameters=True))
        if value.real and value.imag:
            raise TypeError(f"{number} is complex")
        return number * turn if (value * turn).real else 0.0

    return part


def _modulo(number: ParameterExpression, period: float) -> ParameterExpression:
    """A saw's teeth, made of what Qiskit has."""
    turns = math.pi / period * number
    return period * ((turns - math.pi / 2).tan().arctan() / math.pi + 0.5)


_MATHEMATICS: Mapping[str, Callable[..., Any]] = {
    **{
        name: methodcaller(name)
        for name in (
            "arccos",
            "arcsin",
            "arctan",
            "cos",
            "exp",
            "log",
            "sign",
            "sin",
            "tan",
        )
    },
    "imag": _part(-1j),
    "mod": _modulo,
    "real": _part(1.0),
}
"""Of Qiskit's parameter expressions, by NumPy's names."""


def _scalar(number: Any) -> float | ParameterExpression:
    if isinstance(number, np.ndarray):
        number = number.item()
    return number if isinstance(number, ParameterExpression) else float(number)

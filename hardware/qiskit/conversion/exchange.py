"""Circuits to and from Qiskit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import methodcaller
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from autoray import register_function  # type: ignore[import-untyped]
from pennylane.devices.preprocess import decompose
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Parameter,
    ParameterExpression,
    ParameterVector,
    ParameterVectorElement,
)

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import WiresLike, as_many_wires, validate_call
from qml_qdl.hardware.qiskit.conversion.gates import in_table, translate
from qml_qdl.hardware.qiskit.conversion.imported import Angle, ImportedGates
from qml_qdl.hardware.qiskit.conversion.importing import imported_gates
from qml_qdl.hardware.qiskit.conversion.structures import decomposition

Parameters: TypeAlias = (
    Parameter | ParameterVector | str | Iterable[Parameter | ParameterVector | str]
)
"""Qiskit parameters or vectors of them, themselves or by name, in order."""


def from_qiskit(
    quantum_circuit: QuantumCircuit,
    inputs: Parameters = (),
    weights: Parameters = (),
    wires: WiresLike | None = None,
) -> Circuit:
    """A Qiskit circuit as a circuit U(x, θ) of this library.

    Every parameter is a number of x or of θ. Angles may be sums, products, powers and
    elementary functions of parameters: they are computed, with gradients, from what the
    circuit is given. Gates that PennyLane does not have come as what Qiskit defines
    them to be (a `PauliEvolutionGate`, for one, as its product formula).

    Args:
        quantum_circuit: Gates only: no measurement, reset or control flow.
        inputs: The parameters that are x, in order: Qiskit parameters, vectors of them,
            or the names of either.
        weights: The parameters that are θ, in order.
        wires: For each qubit its wire label; None for 0 … n−1.

    Returns:
        A circuit of one block, which reads ⟨Z⟩ on every wire (`with_readout` changes
        that). Its weights are one tensor, "weights_0".

    Raises:
        ArgumentError: A parameter is named twice, not named, or not in the circuit; or
            the circuit has something that is no gate.
        ArgumentTypeError: An argument is of the wrong type.

    Example:
        >>> from qiskit.circuit.library import zz_feature_map, real_amplitudes
        >>> quantum_circuit = zz_feature_map(2, reps=1).compose(
        ...     real_amplitudes(2, reps=1)
        ... )
        >>> U = from_qiskit(quantum_circuit, inputs="x", weights="θ")
        >>> U.num_inputs, U.weight_shapes
        (2, {'weights_0': (4,)})
    """
    if not isinstance(quantum_circuit, QuantumCircuit):
        raise ArgumentTypeError(
            f"quantum_circuit: expected a Qiskit QuantumCircuit, got "
            f"{type(quantum_circuit).__name__}"
        )
    count = quantum_circuit.num_qubits
    if not count:
        raise ArgumentError("quantum_circuit: expected at least one qubit, got none")
    labels = as_many_wires(count if wires is None else wires, range(count))
    features = _chosen("inputs", inputs, quantum_circuit)
    trained = _chosen("weights", weights, quantum_circuit)
    sources: dict[Parameter, Angle] = {}
    for kind, chosen in (("input", features), ("weight", trained)):
        for place, parameter in enumerate(chosen):
            if parameter in sources:
                raise ArgumentError(
                    f"inputs and weights: the parameter {parameter.name!r} is named "
                    "twice; name every parameter once"
                )
            sources[parameter] = (kind, place)
    left = [p.name for p in quantum_circuit.parameters if p not in sources]
    if left:
        raise ArgumentError(
            f"inputs and weights: the circuit's parameters {left} are in neither; name "
            "them there, or give them numbers with quantum_circuit.assign_parameters"
        )
    gates = imported_gates(quantum_circuit, tuple(range(count)), sources)
    block = ImportedGates(labels, tuple(gates), len(features), len(trained))
    return Circuit((block,))


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
    ):
        # PennyLane's mathematics of any array finds Qiskit's of expressions.
        register_function("qiskit", name, methodcaller(name))
    try:
        tape = qml.tape.make_qscript(circuit)(x if len(x) else None, named)
        (tape,), _ = decompose(
            tape,
            stopping_condition=in_table,
            skip_initial_state_prep=False,
            decomposer=decomposition,
            name="Qiskit",
        )
    except TypeError as error:
        # Python's answer where a symbol has no such function, as for a comparison.
        raise ArgumentError(
            f"circuit: {circuit!r} has angles that Qiskit's parameter expressions "
            f"cannot hold ({error}); use encodings whose angles are sums and products "
            "of features"
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


def _scalar(number: Any) -> float | ParameterExpression:
    if isinstance(number, np.ndarray):
        number = number.item()
    return number if isinstance(number, ParameterExpression) else float(number)


def _chosen(
    argument: str, given: Parameters, quantum_circuit: QuantumCircuit
) -> list[Parameter]:
    """The parameters that an argument means, in order."""
    one = isinstance(given, Parameter | ParameterVector | str)
    items = [given] if one else given
    if not isinstance(items, Iterable):
        raise ArgumentTypeError(
            f"{argument}: expected Qiskit parameters or their names, got {given!r}"
        )
    return list(
        chain.from_iterable(_meant(argument, item, quantum_circuit) for item in items)
    )


def _meant(
    argument: str, item: Any, quantum_circuit: QuantumCircuit
) -> Sequence[Parameter]:
    """The parameters that one item of an argument means."""
    known = {parameter.name: parameter for parameter in quantum_circuit.parameters}
    vectors = {
        parameter.vector.name: parameter.vector
        for parameter in known.values()
        if isinstance(parameter, ParameterVectorElement)
    }
    if isinstance(item, ParameterVector) and item == vectors.get(item.name):
        return list(item)
    if isinstance(item, Parameter) and item in quantum_circuit.parameters:
        return [item]
    if isinstance(item, str) and item in known:
        return [known[item]]
    if isinstance(item, str) and item in vectors:
        return list(vectors[item])
    if not isinstance(item, Parameter | ParameterVector | str):
        raise ArgumentTypeError(
            f"{argument}: expected Qiskit parameters or their names, got {item!r}"
        )
    name = item if isinstance(item, str) else item.name
    raise ArgumentError(
        f"{argument}: {name!r} is no parameter of the circuit; it has "
        f"{sorted({*known} | {*vectors})}"
    )

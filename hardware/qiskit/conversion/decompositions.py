"""Decompositions of operations that Qiskit has no counterpart for.

Most are taken apart as PennyLane does it. Here are those whose decompositions there
look at numbers: two images must not become two circuits.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import pi
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.ops.qubit.special_unitary import (
    pauli_basis_matrices,
    pauli_basis_strings,
)
from qiskit.circuit import ParameterExpression

from qml_qdl.circuits.encodings.amplitude import AmplitudePreparation, rotation_angles
from qml_qdl.hardware.qiskit.conversion.controls import controlled
from qml_qdl.hardware.qiskit.conversion.fixed import Fixed
from qml_qdl.hardware.qiskit.conversion.unitaries import multiplexed, unitary_gates
from qml_qdl.hardware.simulator.gates.decompositions import TAKEN_APART, exponential
from qml_qdl.hardware.structure import known_name

_UNDEFINED = qml.operation.DecompositionUndefinedError


def decomposition(operation: Any) -> list[Any]:
    """What an operation consists of that is not native.

    Args:
        operation: A PennyLane operation.

    Returns:
        Operations that are nearer to native ones; which ones does not depend on the
        operation's numbers.

    Raises:
        DecompositionUndefinedError: It is no gate that can run.

    Example:
        >>> import numpy as np, pennylane as qml
        >>> gates = decomposition(qml.BasisState(np.array([1, 0]), wires=["a", "b"]))
        >>> [gate.name for gate in gates]
        ['RX', 'RX', 'GlobalPhase']
    """
    own = _own(operation)
    if own is not None:
        return own
    if operation.has_decomposition:
        return list(operation.decomposition())
    raise _UNDEFINED


def _own(operation: Any) -> list[Any] | None:
    """A decomposition of ours; None where PennyLane's will do."""
    if isinstance(operation, Fixed):
        return [_fixed(part) for part in decomposition(operation.placed())]
    if isinstance(operation, qml.ops.Controlled):
        if isinstance(operation.base, Fixed):
            controls, values = operation.control_wires, operation.control_values
            return [Fixed(qml.ctrl(operation.base.placed(), controls, values))]
        return controlled(operation, _own(operation.base))
    if isinstance(operation, qml.ops.op_math.Adjoint):
        return _adjoint(operation.base)
    if isinstance(operation, qml.ops.op_math.Pow):
        return _power(operation)
    if known_name(operation) in ("U2", "U3"):
        return _u(operation)
    if isinstance(operation, qml.BasisState):
        return _basis_state(operation)
    if isinstance(operation, qml.StatePrep | qml.MottonenStatePreparation):
        if isinstance(operation, AmplitudePreparation):
            return None
        return _state(_dense(operation.data[0]), operation.wires)
    if isinstance(operation, qml.QubitUnitary):
        return _matrix_gates(operation.data[0], operation.wires)
    if isinstance(operation, qml.SpecialUnitary):
        return _matrix_gates(operation.matrix(), operation.wires)
    if isinstance(operation, qml.DiagonalQubitUnitary):
        return _diagonal(qml.math.angle(operation.data[0]), operation.wires)
    if isinstance(operation, qml.ops.Exp):
        return [_exponential(operation)]
    if known_name(operation) in ("DoubleExcitationPlus", "DoubleExcitationMinus"):
        return TAKEN_APART[operation.name](operation)
    if isinstance(operation, qml.BlockEncode):
        return _matrix_gates(operation.matrix(), operation.wires)
    return None


def _adjoint(base: Any) -> list[Any] | None:
    """The adjoint of an operation that is taken apart here."""
    if isinstance(base, Fixed):
        return [base.adjoint()]
    if isinstance(base, qml.ops.Controlled):
        inner = _adjoint(base.base)
        if inner is None:
            return None
        controls, values = base.control_wires, base.control_values
        return [qml.ctrl(part, controls, control_values=values) for part in inner]
    parts = _own(base)
    return None if parts is None else [qml.adjoint(part) for part in parts[::-1]]


def _fixed(part: Any) -> Any:
    """A part of a gate whose numbers are fixed; global phases cost nothing anyway."""
    has_numbers = part.data and part.name != "GlobalPhase"
    return Fixed(part) if has_numbers else part


def _dense(numbers: Any) -> Any:
    return numbers.toarray() if hasattr(numbers, "toarray") else numbers


def _matrix_gates(matrix: Any, wires: Sequence[Hashable]) -> list[Any]:
    """A matrix; where its gradient is asked for, with rotations that carry it.

    The angles of a decomposition have no gradient where they are not unique, as for
    the identity. Rotations by 0 about every Pauli word, after the matrix, always do.
    """
    matrix = _dense(matrix)
    value = np.asarray(qml.math.unwrap([matrix])[0], dtype=complex)
    gates = unitary_gates(value, wires)
    if not _is_traced(matrix):
        return gates
    # dU·U† = −(i/2) Σ ε_P P, so ε_P = Re 2i·tr(P·dU·U†)/2ⁿ.
    words = pauli_basis_matrices(len(wires))
    adjoint = np.conj(np.swapaxes(value, -1, -2))[..., None, :, :]
    tests = 2j / len(words[0]) * np.swapaxes(adjoint @ words, -1, -2)
    like = qml.math.get_interface(matrix)
    change = matrix - qml.math.asarray(value, like=like)
    products = change[..., None, :, :] * qml.math.asarray(tests, like=like)
    angles = qml.math.real(qml.math.sum(products, axis=(-1, -2)))
    letters = enumerate(pauli_basis_strings(len(wires)))
    turns = [qml.PauliRot(angles[..., k], word, wires=wires) for k, word in letters]
    return [*gates, *turns]


def _is_traced(number: Any) -> bool:
    """Whether a gradient with respect to it is on its way to be computed."""
    if isinstance(number, torch.Tensor):
        return number.requires_grad and torch.is_grad_enabled()
    # Autograd wraps what it follows, and only that, into boxes, which are no arrays.
    is_autograd = qml.math.get_interface(number) == "autograd"
    return is_autograd and not isinstance(number, np.ndarray)


def _basis_state(operation: Any) -> list[Any]:
    """Half turns RX(πb), and the phase that they leave."""
    bits = qml.math.cast(operation.data[0], float)
    turns = [
        qml.RX(pi * bits[..., place], wires=wire)
        for place, wire in enumerate(operation.wires)
    ]
    return [*turns, qml.GlobalPhase(-pi / 2 * qml.math.sum(bits, axis=-1))]


def _state(state: Any, wires: Sequence[Hashable]) -> list[Any]:
    """RY and CNOTs for the moduli, RZ and CNOTs for the phases of a complex state."""
    state = qml.math.reshape(state, (*qml.math.shape(state)[:-1], -1))
    is_complex = "complex" in qml.math.get_dtype_name(state)
    real = qml.math.abs(state) if is_complex else state
    operations: list[Any] = []
    for position, angles in enumerate(rotation_angles(real)):
        operations += multiplexed(
            qml.RY, angles, list(wires[:position]), wires[position]
        )
    if is_complex:
        operations += _diagonal(qml.math.angle(state), wires)
    return operations


def _diagonal(phases: Any, wires: Sequence[Hashable]) -> list[Any]:
    """A phase for each basis state: RZ on each wire, as the wires before it say."""
    operations: list[Any] = []
    for position in reversed(range(len(wires))):
        even, odd = phases[..., 0::2], phases[..., 1::2]
        operations += multiplexed(
            qml.RZ, odd - even, list(wires[:position]), wires[position]
        )
        phases = (even + odd) / 2
    return [*operations, qml.GlobalPhase(-phases[..., 0])]


def _exponential(operation: Any) -> Any:
    """exp(cG) of an imaginary c, as one Pauli rotation or a matrix."""
    imaginary = isinstance(operation, qml.ops.Evolution) or not np.any(
        qml.math.toarray(qml.math.real(operation.coeff))
    )
    if not imaginary:
        raise _UNDEFINED
    return exponential(operation)


def _power(operation: Any) -> list[Any] | None:
    """A power, where PennyLane has none or looks at numbers."""
    base, exponent = operation.base, operation.z
    if isinstance(base, qml.ops.Exp):
        return [base.pow(exponent)]
    if exponent < 0 and exponent == int(exponent) and _is_gate(base):
        return [qml.adjoint(base)] * -int(exponent)
    if operation.has_decomposition or not _is_gate(base):
        return None
    if any(map(_is_symbolic, base.data)):
        raise _UNDEFINED
    return _matrix_gates(operation.matrix(), operation.wires)


def _is_gate(operation: Any) -> bool:
    """Whether it is no observable, and no gate of qutrits, which have matrices too."""
    while isinstance(operation, qml.ops.op_math.SymbolicOp):
        operation = operation.base
    if isinstance(operation, qml.ops.Prod):
        return all(map(_is_gate, operation.operands))
    return (
        isinstance(operation, qml.operation.Operation)
        and operation.name not in ("Hermitian", "SparseHamiltonian")
        and not type(operation).__module__.startswith("pennylane.ops.qutrit")
    )


def _is_symbolic(number: Any) -> bool:
    is_array = isinstance(number, np.ndarray) and number.dtype.kind == "O"
    return is_array or isinstance(number, ParameterExpression)


def _u(operation: Any) -> list[Any]:
    """A U2 or U3, whose adjoints and controls PennyLane would see numbers for."""
    wire = operation.wires
    # U2 is the U3 whose first angle is π/2.
    middle, last, first = (pi / 2, *operation.data)[-3:]
    turns = [qml.RZ(first, wire), qml.RY(middle, wire), qml.RZ(last, wire)]
    return [*turns, qml.GlobalPhase(-(last + first) / 2)]

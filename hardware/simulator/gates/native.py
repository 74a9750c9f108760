"""Native gates of the simulator, and what all others consist of."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch

from qml_qdl.hardware.simulator.gates.actions import (
    WRAPPERS,
    core_wires,
    is_diagonal,
    is_rotation,
    rebindable,
)
from qml_qdl.hardware.simulator.gates.compounds import is_compound
from qml_qdl.hardware.simulator.gates.decompositions import TAKEN_APART, exponential
from qml_qdl.hardware.simulator.gates.monomials import moves_states
from qml_qdl.hardware.structure import known_name

_COMMON = frozenset({"CNOT", "CZ", "GlobalPhase", "Hadamard", "PauliX", "Rot", "SWAP"})
"""Taken as they are, and known without a closer look, which takes time (measured)."""

_OBSERVABLES = frozenset({"Hermitian", "SparseHamiltonian"})
"""Have a matrix, but it is not that of a gate."""

_SINGLE = {torch.float64: torch.float32, torch.complex128: torch.complex64}

MOST_DENSE_WIRES = 6
"""Wider gates are taken apart, if they can be."""


def is_native(operation: Any) -> bool:
    """Whether the simulator takes an operation as it is.

    Args:
        operation: A PennyLane operation.

    Returns:
        False where it must be decomposed first, by `decomposition`.
    """
    name = known_name(operation)
    if name in _COMMON or is_rotation(operation):
        return True
    if name == "Identity":
        return len(operation.wires) > 0
    if is_compound(operation) or is_diagonal(operation) or moves_states(operation):
        return True
    if not _is_gate(operation) or not operation.has_matrix:
        return False
    if _is_faster_apart(operation):
        return False
    if operation.data and isinstance(operation, qml.ops.op_math.SymbolicOp):
        # Adjoints, powers and controls of gates with angles: best as what they wrap.
        # A matrix keeps its own gradient: taken apart, it would be one of angles.
        dimensions = _innermost(operation).ndim_params
        if not any(dimensions) and operation.has_decomposition:
            return False
    if known_name(_innermost(operation)) == "QubitUnitary":
        return True  # to take it apart would be to look at its numbers
    narrow = core_wires(operation) <= MOST_DENSE_WIRES
    return narrow or not operation.has_decomposition


def _is_faster_apart(operation: Any) -> bool:
    """Whether it has a matrix, but one that is multiplied from those of its parts."""
    inner = _innermost(operation)
    name, labels = known_name(inner), inner.wires.labels
    if name == "IQP":  # whose parts are on the first wires, whatever its own are (0.45)
        return bool(operation.has_decomposition) and labels == (*range(len(labels)),)
    return name == "QSVT" and bool(operation.has_decomposition)


def decomposition(operation: Any) -> list[Any]:
    """What an operation consists of that is not native.

    Args:
        operation: A PennyLane operation.

    Returns:
        Its decomposition; where it has none, or one that needs to know its numbers,
        its matrix.

    Raises:
        DecompositionUndefinedError: The simulator cannot run it.
    """
    parts = _parts(operation)
    single = tuple(_SINGLE.values())
    tensors = [n for n in operation.data if isinstance(n, torch.Tensor)]
    if any(t.dtype in single for t in tensors) and all(
        t.dtype in single or not (t.is_floating_point() or t.is_complex())
        for t in tensors
    ):
        # PennyLane multiplies with NumPy's constants, which are double.
        return [_in_single_precision(part) for part in parts]
    return parts


def _parts(operation: Any) -> list[Any]:
    name = known_name(operation)
    if name in TAKEN_APART:
        return TAKEN_APART[name](operation)
    if isinstance(_innermost(operation), qml.ops.Exp):
        return [_exponential(operation)]
    if operation.has_decomposition:
        return list(operation.decomposition())
    raise qml.operation.DecompositionUndefinedError


def _exponential(operation: Any) -> Any:
    """An exponential, or what is around one, as one gate."""
    if isinstance(operation, qml.ops.Exp):
        if _is_unitary(operation):
            return exponential(operation)
        raise qml.operation.DecompositionUndefinedError
    gate = _exponential(operation.base)
    if isinstance(operation, qml.ops.Pow):
        return qml.pow(gate, operation.z)
    if isinstance(operation, qml.ops.Controlled):
        return qml.ctrl(gate, operation.control_wires, operation.control_values)
    return qml.adjoint(gate)


def _is_unitary(exponential: Any) -> bool:
    """Whether the exponent is imaginary, as far as its type and constants tell."""
    if isinstance(exponential, qml.ops.Evolution):
        return True
    coefficient = exponential.coeff
    if isinstance(coefficient, int | float | complex):
        return complex(coefficient).real == 0
    return "complex" in qml.math.get_dtype_name(coefficient)


def _in_single_precision(operation: Any) -> Any:
    if not any(getattr(n, "dtype", None) in _SINGLE for n in operation.data):
        return operation
    numbers = [
        n.to(_SINGLE.get(n.dtype, n.dtype)) if isinstance(n, torch.Tensor) else n
        for n in operation.data
    ]
    return qml.ops.functions.bind_new_parameters(rebindable(operation), numbers)


def _innermost(operation: Any) -> Any:
    """What adjoints, powers and controls are around."""
    while isinstance(operation, WRAPPERS):
        operation = operation.base
    return operation


def _is_gate(operation: Any) -> bool:
    """False for what must be decomposed, acts on qutrits, or is only an observable."""
    operation = _innermost(operation)
    ops = qml.ops
    return not (
        isinstance(operation, ops.CompositeOp | ops.SProd | ops.Exp)
        or known_name(operation) in TAKEN_APART
        or known_name(operation) in _OBSERVABLES
        or type(operation).__module__.startswith("pennylane.ops.qutrit")
    )

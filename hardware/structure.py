"""The plan: a tape is split into its structure and its angles.

A structure is a circuit without its numbers. It is hashable, so that equal structures
share one compiled program on the simulator and one transpiled circuit on a machine; all
rows of angles of one structure run together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pennylane as qml
from attrs import field, frozen

TOLD_BY_CLASS = frozenset(
    (
        *(qml.CNOT, qml.CRX, qml.CRY, qml.CRZ, qml.CY, qml.CZ, qml.H, qml.PhaseShift),
        *(qml.RX, qml.RY, qml.RZ, qml.Rot, qml.S, qml.SWAP, qml.SX, qml.T, qml.U3),
        *(qml.Toffoli, qml.X, qml.Y, qml.Z, qml.IsingXX, qml.IsingYY, qml.IsingZZ),
    )
)
"""Gates that nothing but class, wires and numbers tells from others."""


@frozen
class Gate:
    """A gate without its numbers.

    Args:
        key: All that tells it from other gates: name, hyperparameters, and those of an
            operator inside it.
        wires: Positions of its wires among the circuit's.
        slots: Positions of its numbers among the circuit's angles.
        operation: An operation of this kind, whose own numbers mean nothing.
    """

    key: Hashable
    wires: tuple[int, ...]
    slots: tuple[int, ...]
    operation: Any = field(eq=False, repr=False)


@frozen(cache_hash=True)
class Structure:
    """A circuit without its angles: hashable, equal for equal circuits.

    Args:
        num_wires: Number of wires.
        gates: Gates in the order of application.
        measurements: What tells each measurement from others but its numbers.
    """

    num_wires: int
    gates: tuple[Gate, ...]
    measurements: tuple[Hashable, ...]

    @property
    def preparation(self) -> Gate | None:
        """The first gate, if it prepares a state."""
        gates = self.gates
        if gates and isinstance(gates[0].operation, qml.operation.StatePrepBase):
            return gates[0]
        return None

    @property
    def num_slots(self) -> int:
        """How many numbers one row of angles has."""
        return sum(len(gate.slots) for gate in self.gates)


@frozen
class Plan:
    """A structure with the angles of one or many rows.

    Args:
        structure: The circuit without its angles.
        angles: For each slot a tensor of the tape's interface: a number, an array for
            gates made of arrays, or either with a leading rows dimension.
        batched: For each slot whether it has the rows dimension.
        measurements: PennyLane's measurements, on wire positions.
    """

    structure: Structure
    angles: tuple[Any, ...]
    batched: tuple[bool, ...]
    measurements: tuple[Any, ...] = field(eq=False)


def make_plan(tape: Any, wires: Sequence[Hashable]) -> Plan:
    """Splits a tape into structure and angles.

    Args:
        tape: A PennyLane tape, batched or not.
        wires: Labels of the wires in the order of their positions.

    Returns:
        The plan; its structure knows wires only by position.

    Example:
        >>> import pennylane as qml
        >>> tape = qml.tape.QuantumScript([qml.RX(0.1, "a")], [qml.expval(qml.Z("a"))])
        >>> other = qml.tape.QuantumScript([qml.RX(0.2, "b")], [qml.expval(qml.Z("b"))])
        >>> make_plan(tape, ["a"]).structure == make_plan(other, ["b"]).structure
        True
    """
    positions = {wire: position for position, wire in enumerate(wires)}
    gates: list[Gate] = []
    angles: list[Any] = []
    batched: list[bool] = []
    labelled = any(wire != position for wire, position in positions.items())
    alike: dict[Hashable, tuple[Hashable, Any]] = {}
    for operation in tape.operations:
        if labelled:  # keys hold wires of what is inside an operation
            operation = operation.map_wires(positions)
        places, numbers = operation.wires.labels, operation.data
        slots = tuple(range(len(angles), len(angles) + len(numbers)))
        dimensions = _dimensions(operation)
        key = _key(operation, dimensions)
        angles += numbers
        if dimensions is None:
            batched += [False] * len(numbers)
        else:
            pairs = zip(numbers, dimensions, strict=True)
            batched += [_ndim(number) > dimension for number, dimension in pairs]
        if type(operation) in TOLD_BY_CLASS:  # one stands for all, which go
            key, operation = alike.setdefault(key, (key, operation))
        gates.append(Gate(key, places, slots, operation))
    measurements = tuple(tape.measurements)
    if labelled:
        measurements = tuple(qml.map_wires(m, positions) for m in measurements)
    keys = tuple(measurement_key(measurement) for measurement in measurements)
    structure = Structure(len(positions), tuple(gates), keys)
    return Plan(structure, tuple(angles), tuple(batched), measurements)


def _dimensions(operation: Any) -> tuple[int, ...] | None:
    """Of each number of an operation in one row; None if there is only one row."""
    if not operation.data:
        return None
    dimensions = type(operation).ndim_params
    if isinstance(dimensions, tuple):
        more = [_ndim(n) - d for n, d in zip(operation.data, dimensions, strict=True)]
        if not any(more):
            return None
        if more == [1]:
            return dimensions
    # PennyLane's own answer takes long, but checks that several numbers fit together.
    if operation.batch_size is None:
        return None
    return tuple(operation.ndim_params)


_NUMBERS = {int, float, complex}


def _ndim(number: Any) -> int:
    if type(number) in _NUMBERS:
        return 0
    found = getattr(number, "ndim", None)
    return int(qml.math.ndim(number) if found is None else found)


def is_pennylanes(value: Any) -> bool:
    """Whether PennyLane, or this library, defines all that an operation does.

    A class or a function from elsewhere may look at something that changes.

    Args:
        value: An operation, or what one holds as a hyperparameter.

    Example:
        >>> import pennylane as qml
        >>> class Mine(qml.operation.Operation):
        ...     __module__, num_wires = "mine", 1
        >>> is_pennylanes(qml.S(0)), is_pennylanes(qml.adjoint(Mine(0)))
        (True, False)
    """
    if isinstance(value, list | tuple):
        return all(map(is_pennylanes, value))
    if isinstance(value, dict):
        return is_pennylanes(list(value.values()))
    if isinstance(value, qml.operation.Operator):
        return _is_known(type(value)) and is_pennylanes(value.hyperparameters)
    return not callable(value) or _is_known(value)


def _is_known(value: Any) -> bool:
    module = str(getattr(value, "__module__", None))
    return module.partition(".")[0] in ("pennylane", "qml_qdl")


def known_name(operation: Any) -> str:
    """PennyLane's name of an operation, which tells what it is.

    Args:
        operation: A PennyLane operation, possibly one around another.

    Returns:
        The name; "" where the class is not PennyLane's own, since anybody's may have
        the name of one of PennyLane's.

    Example:
        >>> import pennylane as qml
        >>> class Hadamard(qml.operation.Operation):
        ...     num_wires = 1
        >>> known_name(qml.Hadamard(0)), known_name(Hadamard(0))
        ('Hadamard', '')
    """
    inner = operation
    while isinstance(inner, qml.ops.op_math.SymbolicOp):
        inner = inner.base
    is_pennylanes = type(inner).__module__.startswith("pennylane.")
    return str(operation.name) if is_pennylanes else ""


def operation_key(operation: Any) -> Hashable:
    """All that tells an operation from others but its wires and its numbers.

    Args:
        operation: A PennyLane operation, possibly one around another (adjoint,
            controlled, power).

    Returns:
        A hashable key.
    """
    return _key(operation, _dimensions(operation))


def _key(operation: Any, dimensions: tuple[int, ...] | None) -> Hashable:
    shapes = dimensions or tuple(map(_ndim, operation.data))
    return (*kind_key(operation), shapes)


def kind_key(operation: Any) -> tuple[Any, ...]:
    """What `operation_key` tells but the dimensions of the numbers.

    Args:
        operation: A PennyLane operation, possibly one around another.

    Returns:
        A hashable key.
    """
    if type(operation) in TOLD_BY_CLASS:
        return (type(operation),)
    hyperparameters: Any = operation.hyperparameters
    wrapped = isinstance(operation, qml.ops.op_math.SymbolicOp)
    if wrapped:  # its numbers are those of its base
        hyperparameters = {k: v for k, v in hyperparameters.items() if k != "base"}
    elif isinstance(operation, qml.ops.CompositeOp):
        hyperparameters = dict(enumerate(map(_operand_key, operation.operands)))
    constants = constant_key(hyperparameters) if hyperparameters else None
    inner = _operand_key(operation.base) if wrapped else None
    own = () if _is_known(type(operation)) else _own_key(operation)
    return (type(operation), operation.name, constants, inner, *own)


_OPERATORS_OWN = frozenset(
    (
        *("data", "grad_recipe", "is_sparse", "operands", "scalar"),
        *("_batch_size", "_has_overlapping_wires", "_hash", "_hyperparameters", "_id"),
        *("_issparse", "_name", "_ndim_params", "_num_params", "_overlapping_ops"),
        *("_pauli_rep", "_SymbolicOp__queue_category", "_wires"),
    )
)
"""Attributes that PennyLane gives operations."""


def _own_key(operation: Any) -> tuple[Hashable, ...]:
    """What tells an operation of a user's class from others of that class.

    Attributes that it gave itself, and, where it takes no number, its matrix, which may
    follow from anything.
    """
    own = {k: v for k, v in vars(operation).items() if k not in _OPERATORS_OWN}
    fixed = not operation.data and operation.has_matrix
    return constant_key(own), constant_key(operation.matrix()) if fixed else None


def _operand_key(operation: Any) -> Hashable:
    return (operation_key(operation), tuple(operation.wires))


def measurement_key(measurement: Any) -> Hashable:
    """All that tells a measurement from others but the numbers of its observable.

    Args:
        measurement: A PennyLane measurement on wire positions.

    Returns:
        A hashable key.
    """
    observable = measurement.obs
    wires = measurement.raw_wires  # of a mutual information those of two parts
    one = wires is None or isinstance(wires, qml.wires.Wires)
    options = tuple(
        (name, constant_key(getattr(measurement, name)))
        for name in ("log_base", "all_outcomes", "seed", "mv", "dtype")
        if getattr(measurement, name, None) is not None
    )
    return (
        type(measurement).__name__,
        tuple(measurement.wires),
        None if one else tuple(map(len, wires)),
        None if observable is None else observable_key(observable),
        options,
    )


def observable_key(observable: Any) -> Hashable:
    """All that tells an observable from others but its numbers.

    Args:
        observable: A PennyLane operator on wire positions.

    Returns:
        Its Pauli words in order where it consists of such; else what it is made of.
    """
    if observable.pauli_rep is not None:
        return tuple(tuple(word.items()) for word in observable.pauli_rep)
    shapes = tuple(tuple(qml.math.shape(number)) for number in observable.data)
    return (operation_key(observable), tuple(observable.wires), shapes)


@frozen(eq=False)
class _Itself:
    """A key that is equal to nothing but itself."""

    value: Any


def tells_all(key: Hashable) -> bool:
    """Whether a key of an operation may be equal to that of another one.

    Args:
        key: As `kind_key` gives it.

    Example:
        >>> import pennylane as qml
        >>> import torch
        >>> angle = torch.tensor(0.3)
        >>> tells_all(kind_key(qml.adjoint(qml.RX(angle, 0))))
        True
        >>> tells_all(kind_key(qml.Select([qml.RX(angle, 0), qml.X(0)], 1)))
        False
    """
    if type(key) is tuple:
        return all(map(tells_all, key))
    return type(key) is not _Itself


_PLAIN = {str, int, float, bool, type(None), qml.wires.Wires}


def constant_key(value: Any) -> Hashable:
    """Equal for values that mean the same in an operation.

    Args:
        value: A hyperparameter.

    Returns:
        A hashable key; equal to nothing but itself for what cannot be compared.
    """
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, qml.operation.Operator):
        numbers = tuple(constant_key(number) for number in value.data)
        return (operation_key(value), tuple(value.wires), numbers)
    if isinstance(value, qml.ops.MeasurementValue):
        wires = tuple(measurement.wires for measurement in value.measurements)
        return (constant_key(list(value.items())), wires)
    if isinstance(value, list | tuple):
        return tuple(constant_key(item) for item in value)
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: repr(item[0]))
        return tuple((key, constant_key(item)) for key, item in items)
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value), constant_key(vars(value)))
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        # A tensor, whose numbers may change.
        return _Itself(value)
    try:
        hash(value)
    except TypeError:
        return _Itself(value)
    return value  # type: ignore[no-any-return]

"""Bases: in which directions wires are measured, and what can be measured together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen
from pennylane.devices.preprocess import decompose

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.plan import measurement_key
from qml_qdl.hardware.qiskit.conversion.structures import decomposition, is_native
from qml_qdl.hardware.qiskit.grouping import group_settings

Word: TypeAlias = tuple[tuple[int, str], ...]
"""A Pauli word: wire positions, ascending, with the letters X, Y or Z."""


@frozen
class Block:
    """Gates that turn an observable's eigenstates into basis states.

    Args:
        key: All that tells the gates from others.
        gates: Native gates on wire positions.
    """

    key: Hashable
    gates: tuple[Any, ...] = field(eq=False, repr=False)


Setting: TypeAlias = Mapping[int, "str | Block"]
"""For each wire that is measured its direction, X, Y or Z, or the block it is in."""


@frozen(cache_hash=True)
class Basis:
    """What is done to a state before its wires are read.

    Args:
        directions: For each wire that is read, ascending, a letter or its block.
    """

    directions: tuple[tuple[int, str | Block], ...]

    @property
    def wires(self) -> tuple[int, ...]:
        """The wires that are read, ascending: bit j is that of the j-th."""
        return tuple(wire for wire, _ in self.directions)

    @property
    def gates(self) -> tuple[Any, ...]:
        """Native gates that turn the basis into that of Z."""
        gates: list[Any] = []
        blocks: set[Block] = set()
        for wire, direction in self.directions:
            if isinstance(direction, Block):
                if direction not in blocks:
                    blocks.add(direction)
                    gates += direction.gates
            elif direction == "X":
                gates.append(qml.Hadamard(wire))
            elif direction == "Y":
                gates += [qml.adjoint(qml.S(wire)), qml.Hadamard(wire)]
        return tuple(gates)


def setting_of(measurement: Any, num_wires: int) -> Setting:
    """In which directions a measurement reads its wires.

    Args:
        measurement: A PennyLane measurement on wire positions.
        num_wires: Wires of the circuit: those of a measurement that names none.

    Returns:
        A direction for each wire.

    Raises:
        TargetError: The eigenstates of its observable are not known.
    """
    wires = measurement.wires or range(num_wires)
    letters = _letters(measurement.obs)
    if letters is not None:
        return {wire: letters.get(wire, "Z") for wire in wires}
    try:
        gates = measurement.diagonalizing_gates()
    except qml.operation.DiagGatesUndefinedError as error:
        raise TargetError(
            f"measurement: {measurement} cannot be measured with shots, since the "
            f"eigenstates of {measurement.obs.name} are not known; use shots=None, or "
            "an observable made of Pauli words"
        ) from error
    if not gates:
        return dict.fromkeys(wires, "Z")
    block = Block(_block_key(measurement.obs), _native(gates))
    return dict.fromkeys(wires, block)


def _letters(observable: Any) -> dict[int, str] | None:
    """Directions of a Pauli word that PennyLane diagonalises wire by wire."""
    if observable is None:
        return {}
    factors = observable.operands if isinstance(observable, qml.ops.Prod) else None
    if isinstance(observable, qml.ops.SProd):
        return _letters(observable.base)
    names = {"PauliX": "X", "PauliY": "Y", "PauliZ": "Z", "Identity": "Z"}
    factors = [observable] if factors is None else factors
    if any(factor.name not in names for factor in factors):
        return None
    if sum(len(f.wires) for f in factors) != len(observable.wires):
        return None
    return {wire: names[f.name] for f in factors for wire in f.wires}


def _block_key(observable: Any) -> Hashable:
    numbers = tuple(
        (array.shape, array.tobytes())
        for array in map(np.asarray, map(qml.math.unwrap, observable.data))
    )
    return (measurement_key(qml.expval(observable)), numbers)


def _native(gates: Sequence[Any]) -> tuple[Any, ...]:
    (tape,), _ = decompose(
        qml.tape.QuantumScript(gates),
        stopping_condition=is_native,
        decomposer=decomposition,
        name="qdl.qiskit",
    )
    return tuple(tape.operations)


def share_bases(settings: Iterable[Setting]) -> tuple[tuple[Basis, ...], list[int]]:
    """Finds few bases for many measurements: those that agree on each wire share one.

    Args:
        settings: What is to be measured.

    Returns:
        The bases, and for each setting the position of its basis.

    Example:
        >>> bases, of = share_bases([{0: "X"}, {0: "Z", 1: "Z"}, {1: "Z"}])
        >>> [basis.wires for basis in bases], of
        ([(0, 1), (0,)], [1, 0, 0])
    """
    groups, found = group_settings(list(settings))
    return tuple(Basis(tuple(sorted(g.items(), key=_wire))) for g in groups), found


def _wire(direction: tuple[int, Any]) -> int:
    return direction[0]

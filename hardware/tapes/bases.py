"""Bases: in which directions wires are measured, and what can be measured together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.structure import measurement_key

MOST_WIRES_DECOMPOSED = 6
"""Wider matrices are not written as Pauli words, of which there can be 4ⁿ."""


@frozen
class PauliSum:
    """A real linear combination of Pauli words.

    Args:
        words: Words with their coefficients.
    """

    words: tuple[tuple[Word, float], ...]

    @classmethod
    def of(cls, sentence: Any) -> PauliSum:
        """Takes over PennyLane's Pauli sentence, on wire positions.

        Args:
            sentence: A Pauli sentence of plain numbers.

        Returns:
            The sum; imaginary parts, which no observable has, are left out.
        """
        return cls(
            tuple(
                (word_of(word), float(np.real(qml.math.toarray(coefficient))))
                for word, coefficient in sentence.items()
            )
        )

    @property
    def constant(self) -> float:
        """The coefficient of the identity."""
        return sum(coefficient for word, coefficient in self.words if not word)


def word_of(word: Any) -> Word:
    """PennyLane's Pauli word, sorted by wire position."""
    return tuple(sorted(word.items()))


def sentence_of(observable: Any, decompose: bool) -> Any:
    """An observable as PennyLane's Pauli sentence.

    Args:
        observable: A PennyLane operator on wire positions.
        decompose: Whether a matrix may be written as Pauli words, too.

    Returns:
        The sentence, whose coefficients have gradients if the observable's numbers
        have; None where it is not made of Pauli words.
    """
    if observable.pauli_rep is not None:
        return observable.pauli_rep
    few = len(observable.wires) <= MOST_WIRES_DECOMPOSED
    if not decompose or not few or not observable.has_matrix:
        return None
    matrix = qml.matrix(observable, wire_order=observable.wires)
    return qml.pauli.pauli_decompose(
        matrix, wire_order=observable.wires, pauli=True, check_hermitian=False
    )


Direction = TypeVar("Direction")


def group_settings(
    wanted: Sequence[Mapping[int, Direction]],
) -> tuple[list[dict[int, Direction]], list[int]]:
    """Groups settings that agree on each wire: those of one group are read together.

    The widest goes first, each into the first group where it fits. For Pauli words
    that commute qubit by qubit, PennyLane's `compute_partition_indices` ("lf") and
    Qiskit's `group_commuting` find as few groups within a hundredth (200 and 203 of 400
    random words on 8 wires), but they take Pauli words only, and a direction here may
    also be a block of gates.

    Args:
        wanted: For each setting the direction of each wire that it needs.

    Returns:
        For each group the directions of all its wires, and for each setting the number
        of its group.

    Example:
        >>> group_settings([{0: "X"}, {0: "Z", 1: "Z"}, {1: "Z"}])
        ([{0: 'Z', 1: 'Z'}, {0: 'X'}], [1, 0, 0])
    """
    groups: list[dict[int, Direction]] = []
    found = [0] * len(wanted)
    # The widest first: narrow ones find a place beside them.
    for position in sorted(range(len(wanted)), key=lambda one: -len(wanted[one])):
        setting = wanted[position]
        for number, group in enumerate(groups):
            if all(group.get(wire, mine) == mine for wire, mine in setting.items()):
                group.update(setting)
                found[position] = number
                break
        else:
            found[position] = len(groups)
            groups.append(dict(setting))
    return groups, found


Word: TypeAlias = tuple[tuple[int, str], ...]
"""A Pauli word: wire positions, ascending, with the letters X, Y or Z."""


@frozen
class DiagonalizingGates:
    """Gates that turn an observable's eigenstates into basis states.

    Args:
        key: All that tells the gates from others.
        gates: PennyLane's gates on wire positions.
    """

    key: Hashable
    gates: tuple[Any, ...] = field(eq=False, repr=False)


Setting: TypeAlias = Mapping[int, "str | DiagonalizingGates"]
"""For each wire that is measured its direction, X, Y or Z, or the block it is in."""


@frozen(cache_hash=True)
class Basis:
    """What is done to a state before its wires are read.

    Args:
        directions: For each wire that is read, ascending, a letter or its block.
    """

    directions: tuple[tuple[int, str | DiagonalizingGates], ...]

    @property
    def wires(self) -> tuple[int, ...]:
        """The wires that are read, ascending: bit j is that of the j-th."""
        return tuple(wire for wire, _ in self.directions)

    @property
    def gates(self) -> tuple[Any, ...]:
        """Gates that turn the basis into that of Z."""
        gates: list[Any] = []
        blocks: set[DiagonalizingGates] = set()
        for wire, direction in self.directions:
            if isinstance(direction, DiagonalizingGates):
                if direction not in blocks:
                    blocks.add(direction)
                    gates += direction.gates
            elif direction == "X":
                gates.append(qml.Hadamard(wire))
            elif direction == "Y":
                gates += [qml.adjoint(qml.S(wire)), qml.Hadamard(wire)]
        return tuple(gates)


NO_BASIS = Basis(())
"""Nothing is read: the circuit stays as it is."""


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
    block = DiagonalizingGates(_block_key(measurement.obs), tuple(gates))
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

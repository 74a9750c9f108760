"""The schedule: a structure's gates in as few stages as their wires allow.

Each gate goes to the earliest stage of its kind, so that a layer of rotations becomes
one tensor product, a chain of CNOTs one permutation, and an encoding one phase.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.hardware.simulator.gates.actions import (
    IDENTITY,
    Acting,
    Action,
    Constant,
    Controlled,
    Dense,
    Entries,
    Matrix,
    Monomial,
    Rotation,
    acting,
)
from qml_qdl.hardware.simulator.gates.compounds import compound, is_compound
from qml_qdl.hardware.structure import TOLD_BY_CLASS, Gate


@frozen(eq=False)
class Turn:
    """exp(i·angle·phases₀)·first + exp(i·angle·phases₁)·second: a 2×2 matrix.

    Args:
        slot: Position of the angle; None for a fixed matrix, which is `first`.
        phases: The two phases at angle 1.
        first: 2×2.
        second: 2×2.
    """

    slot: int | None
    phases: tuple[float, float]
    first: Matrix
    second: Matrix


@frozen(eq=False)
class Product:
    """A tensor product of 2×2 matrices, one for each wire that is turned at all.

    Args:
        turns: For each such wire the factors of its matrix, the first applied first.
    """

    turns: dict[int, list[Turn]] = field(factory=dict)

    def slots(self) -> list[int]:
        """The slots of all angles in it."""
        turns = [turn for chain in self.turns.values() for turn in chain]
        return [turn.slot for turn in turns if turn.slot is not None]


@frozen(eq=False)
class Permutation:
    """Monomial gates, in the order of application.

    Args:
        gates: The gates.
    """

    gates: list[Monomial] = field(factory=list)


@frozen(eq=False)
class Diagonal:
    """Rotations that are diagonal as they stand, their bases having been moved out.

    Args:
        batched: Whether the angles differ from row to row.
        rotations: The rotations.
    """

    batched: bool
    rotations: list[Rotation] = field(factory=list)


@frozen(eq=False)
class Matrices:
    """Dense gates, in the order of application.

    Args:
        batched: Whether the matrices differ from row to row.
        gates: The gates.
    """

    batched: bool
    gates: list[Dense] = field(factory=list)


@frozen(eq=False)
class BlockDiagonal:
    """Diagonals of arrays and matrices under controls, in the order of application.

    Args:
        batched: Whether their numbers differ from row to row.
        gates: The gates.
    """

    batched: bool
    gates: list[Controlled | Entries] = field(factory=list)


Stage: TypeAlias = Product | Permutation | Diagonal | Matrices | BlockDiagonal


class _Builder:
    """Puts each gate into the earliest stage of its kind."""

    def __init__(self, num_wires: int) -> None:
        self.stages: list[Stage] = []
        self._places: list[list[int]] = [[] for _ in range(num_wires)]
        self._projectors: dict[int, tuple[Matrix, Matrix]] = {}

    def place(self, wires: Sequence[int], kind: Stage) -> Stage:
        """The stage for a gate on some wires: an old one, or `kind` as a new one."""
        earliest = max((self._places[wire] or [0])[-1] for wire in wires)
        for index in range(earliest, len(self.stages)):
            if _same_kind(self.stages[index], kind):
                break
        else:
            index = len(self.stages)
            self.stages.append(kind)
        for wire in wires:
            if self._places[wire][-1:] != [index]:
                self._places[wire].append(index)
        return self.stages[index]

    def turn(self, wire: int, turn: Turn) -> None:
        stage = self.place([wire], Product())
        assert isinstance(stage, Product)
        stage.turns.setdefault(wire, []).append(turn)

    def fixed(self, wire: int, matrix: Matrix) -> None:
        if _is_identity(matrix) or self.cancels(wire, matrix):
            return
        self.turn(wire, Turn(None, (0.0, 0.0), matrix, np.zeros_like(matrix)))

    def cancels(self, wire: int, matrix: Matrix) -> bool:
        """Takes out the last turn on a wire if a matrix undoes it.

        So rotations about one axis meet in one stage.
        """
        if not self._places[wire]:
            return False
        stage = self.stages[self._places[wire][-1]]
        if not isinstance(stage, Product):
            return False
        turns = stage.turns[wire]
        if turns[-1].slot is not None or not _is_identity(matrix @ turns[-1].first):
            return False
        turns.pop()
        if not turns:
            del stage.turns[wire]
            self._places[wire].pop()
        return True

    def add(self, gate: Action, batched: Sequence[bool]) -> None:
        if isinstance(gate, Constant):
            self.fixed(gate.wire, gate.matrix)
        elif isinstance(gate, Monomial):
            stage = self.place(gate.wires, Permutation())
            assert isinstance(stage, Permutation)
            stage.gates.append(gate)
        elif isinstance(gate, Dense):
            rows = any(batched[slot] for slot in gate.slots)
            stage = self.place(gate.wires, Matrices(rows))
            assert isinstance(stage, Matrices)
            stage.gates.append(gate)
        elif isinstance(gate, Controlled | Entries):
            rows = any(batched[slot] for slot in gate.slots)
            stage = self.place(gate.wires, BlockDiagonal(rows))
            assert isinstance(stage, BlockDiagonal)
            stage.gates.append(gate)
        elif len(gate.wires) == 1 and not batched[gate.slot]:
            (basis,) = gate.bases
            if id(basis) not in self._projectors:  # of one of `BASES`, which stay
                first, second = (np.outer(v, v.conj()) for v in basis.T)
                self._projectors[id(basis)] = first, second
            first, second = self._projectors[id(basis)]
            phases = (float(gate.phases[0]), float(gate.phases[1]))
            self.turn(gate.wires[0], Turn(gate.slot, phases, first, second))
        else:
            self.diagonal(gate, batched[gate.slot])

    def diagonal(self, gate: Rotation, batched: bool) -> None:
        for wire, basis in zip(gate.wires, gate.bases, strict=True):
            self.fixed(wire, basis.conj().T)
        stage = self.place(gate.wires, Diagonal(batched))
        assert isinstance(stage, Diagonal)
        stage.rotations.append(gate)
        for wire, basis in zip(gate.wires, gate.bases, strict=True):
            self.fixed(wire, basis)


def _is_identity(matrix: Matrix) -> bool:
    return bool((np.abs(matrix - IDENTITY) <= 1e-15).all())


def _same_kind(stage: Stage, kind: Stage) -> bool:
    if isinstance(stage, Diagonal | Matrices | BlockDiagonal):
        return type(stage) is type(kind) and stage.batched == kind.batched
    return type(stage) is type(kind)


_ACTING: dict[Hashable, Acting] = {}
"""How gates of each kind act, of such kinds as there are only few of."""


def make_schedule(
    gates: Sequence[Gate], num_wires: int, batched: Sequence[bool]
) -> list[Stage]:
    """Puts gates into stages.

    Args:
        gates: Native gates.
        num_wires: Wires of the circuit.
        batched: For each slot whether its numbers differ from row to row.

    Returns:
        Stages in the order of application.
    """
    builder = _Builder(num_wires)
    others: dict[Hashable, Acting] = {}
    for gate in gates:
        known = _ACTING if type(gate.operation) in TOLD_BY_CLASS else others
        kind = gate.key, len(gate.wires)
        if kind not in known:
            made = compound if is_compound(gate.operation) else acting
            known[kind] = made(gate.operation)
        for each in known[kind](gate):
            builder.add(each, batched)
    return [s for s in builder.stages if not isinstance(s, Product) or s.turns]


def permutation(
    stage: Permutation, num_wires: int
) -> tuple[NDArray[np.int64], Matrix | None]:
    """One permutation with phases for all gates of a stage.

    Args:
        stage: The stage.
        num_wires: Wires of the circuit, n.

    Returns:
        sources and factors, each (2ⁿ,): amplitude i of the result is factors[i] times
        amplitude sources[i]. None for factors that are all 1.
    """
    plain = all((gate.factors == 1).all() for gate in stage.gates)
    if plain and all(is_affine(gate.sources) for gate in stage.gates):
        # Each bit is a sum of bits, as CNOT, X and SWAP make it: then so it is in their
        # product, which is known from what it makes of 0 and of the powers of 2.
        few = np.array([0, *(1 << np.arange(num_wires))], dtype=np.int64)
        for gate in reversed(stage.gates):
            few ^= _flipped(gate, num_wires)[_local(gate, few, num_wires)]
        return by_bits(few), None
    amplitudes = np.arange(2**num_wires, dtype=np.int32)
    sources = amplitudes.astype(np.int64)
    factors = np.ones(1, dtype=complex)
    for gate in stage.gates:
        local = _local(gate, amplitudes, num_wires)
        source = amplitudes ^ _flipped(gate, num_wires)[local]
        if len(factors) > 1 or not (gate.factors == 1).all():
            factors = np.broadcast_to(factors, len(sources))
            factors = gate.factors[local] * factors[source]
        sources = sources[source]
    if (np.abs(factors - 1) <= 1e-15).all():
        return sources, None
    return sources, factors


def _local(
    gate: Monomial, amplitudes: NDArray[Any], num_wires: int
) -> NDArray[np.int64]:
    """The bits of amplitudes on a gate's wires."""
    local = np.zeros_like(amplitudes)
    for position, wire in enumerate(reversed(gate.wires)):
        local |= (amplitudes >> (num_wires - 1 - wire) & 1) << position
    return local


def _flipped(gate: Monomial, num_wires: int) -> NDArray[np.int64]:
    """Which bits of an amplitude differ from its source's, by the gate's own."""
    flipped = gate.sources ^ np.arange(len(gate.sources))
    found = np.zeros_like(flipped)
    for position, wire in enumerate(reversed(gate.wires)):
        found |= (flipped >> position & 1) << (num_wires - 1 - wire)
    return found


def local_states(wires: Sequence[int], num_wires: int) -> NDArray[np.int64]:
    """The bits that each amplitude has on some wires, as one number.

    Args:
        wires: Positions of the wires; the first has the highest bit.
        num_wires: Wires of the circuit, n.

    Returns:
        (2ⁿ,).
    """
    images = np.zeros(num_wires + 1, dtype=np.int64)
    for position, wire in enumerate(reversed(wires)):
        images[num_wires - wire] |= 1 << position
    return by_bits(images)


def by_bits(images: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a function makes of all numbers that is affine in their bits, modulo 2.

    Args:
        images: (k + 1,) what it makes of 0 and of 1, 2, 4, …, 2ᵏ⁻¹.

    Returns:
        (2ᵏ,).
    """
    table = images[:1]
    for image in images[1:]:
        table = np.concatenate([table, table ^ image ^ images[0]])
    return table


def is_affine(sources: NDArray[np.int64]) -> bool:
    """Whether each bit of the source is a sum of bits, and perhaps 1, modulo 2.

    Args:
        sources: (2ᵏ,) where each number comes from.
    """
    powers = 1 << np.arange(len(sources).bit_length() - 1)
    return np.array_equal(sources, by_bits(sources[[0, *powers]]))

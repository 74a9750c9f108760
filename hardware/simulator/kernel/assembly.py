"""Assembling: a structure becomes the kernel's list of instructions (`program.h`).

A gate on one wire is a quaternion w + i v·σ times a phase, and phases are collected for
the whole state: they matter only where the state itself is read. So is a turn
exp(iθ(m + d n·σ)), whose θ is an angle.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Hashable, Sequence
from functools import reduce
from itertools import compress, product
from operator import xor
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import Factory, define, field, frozen
from numpy.typing import NDArray

from qml_qdl.hardware.simulator.compiler import is_unitary, scalar_slots
from qml_qdl.hardware.simulator.gates.actions import (
    Controlled,
    Entries,
    Given,
    Matrix,
    Rotation,
)
from qml_qdl.hardware.simulator.readout import bits_of, by_flipped
from qml_qdl.hardware.simulator.schedule import (
    Diagonal,
    Permutation,
    Product,
    Stage,
    Turn,
    by_bits,
    is_affine,
    local_states,
    make_schedule,
    permutation,
)
from qml_qdl.hardware.structure import Plan, Structure

MOST_ENTRIES = 64
"""Vectors of phases that a pattern can have; as in `kernel.cpp`."""

MOST_SIXTEENS = MOST_ENTRIES // 8
"""Of sixteen phases, which the narrowest level takes two at once."""

MOST_MIXED = 8
"""Wires of a matrix; as in `level.inc`."""

MOST_SCALED = 14
"""Wires of a diagonal: for each of its entries the kernel has a few vectors."""

MOST_WIRES = 31
"""Basis states are numbers of 32 bits with a sign."""

MOST_NUMBERS = 2**26
"""In all tables of a program together."""

_SMALL = 1e-14
_ANY, _ALONG = 0, (1, 2, 3)
_CHAINS, _ROTATIONS, _PERMUTATION, _DENSE = range(4)
_WORDS, _STATE, _PROBABILITIES = range(3)
_NOTHING = (1.0, 0.0, 0.0, 0.0)

Quaternion: TypeAlias = tuple[float, ...]
"""w, x, y, z of w + i (x X + y Y + z Z)."""

_Turn: TypeAlias = tuple[int, float, Quaternion]
"""Slot (−1 for none), d, and the axis; without a slot the quaternion itself."""


@frozen
class Number:
    """An angle: factor times a number, plus an offset.

    Args:
        by_row: Whether the number is a feature of a row; else it is a weight.
        index: Which feature, or which of all weights; −1 for none.
        factor: The factor.
        offset: The offset.
    """

    by_row: bool
    index: int
    factor: float
    offset: float


class UnsupportedError(Exception):
    """The kernel cannot run a circuit: torch does."""


@define
class _Lists:
    """What is assembled, in the order in which `kernel.cpp` reads it."""

    turns: list[_Turn] = Factory(list)
    chains: list[tuple[int, ...]] = Factory(list)
    start: list[int] = Factory(list)
    rotations: list[tuple[int, int]] = Factory(list)
    patterns: list[_Pattern] = Factory(list)
    permutations: list[tuple[NDArray[np.int64], Matrix | None]] = Factory(list)
    matrices: list[Given] = Factory(list)
    instructions: list[tuple[int, int, int]] = Factory(list)
    phases: list[tuple[int, float]] = Factory(list)
    numbers: int = 0

    def count(self, numbers: int) -> None:
        self.numbers += numbers
        if self.numbers > MOST_NUMBERS:
            raise UnsupportedError


_Pattern: TypeAlias = tuple[
    NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]
]
"""Phases and the class of each amplitude; which sixteen phases its neighbours have."""


@frozen(eq=False)
class Assembly:
    """A program as two lists of numbers.

    Args:
        whole: int32.
        real: float64.
        features: How many features the kernel is given.
        weights: How many numbers each tensor of weights has.
        outputs: How many values of a row there are; 2ⁿ⁺¹ of a state.
        reads_state: Whether states are read; else expectation values.
        matrices: Gates whose matrices, or diagonals, come with each call.
    """

    whole: bytes = field(repr=False)
    real: bytes = field(repr=False)
    features: int
    weights: tuple[int, ...]
    outputs: int
    reads_state: bool
    matrices: tuple[Given, ...]


class _Assembler:
    def __init__(self, num_wires: int, numbers: Sequence[Number]) -> None:
        self.lists = _Lists()
        self._num_wires = num_wires
        self._numbers = numbers
        self._axes: dict[int, Quaternion] = {}  # by projectors, which the stages keep
        self._patterns: dict[Hashable, int] = {}
        self._permutations: dict[Hashable, int] = {}

    def run(self, stages: Sequence[Stage], prepared: bool) -> None:
        turns: dict[int, list[Turn]] = {}
        if stages and not prepared and isinstance(stages[0], Product):
            turns, stages = stages[0].turns, stages[1:]
        if not prepared:
            self.lists.start = [
                self._chain(wire, turns.get(wire, ()))
                for wire in range(self._num_wires)
            ]
        for stage in stages:
            if isinstance(stage, Product):
                first = len(self.lists.chains)
                for wire, chain in stage.turns.items():
                    self._chain(wire, chain)
                self._instruct(_CHAINS, first, len(self.lists.chains) - first)
            elif isinstance(stage, Diagonal):
                first = len(self.lists.rotations)
                for rotation in stage.rotations:
                    self._rotation(rotation)
                self._instruct(_ROTATIONS, first, len(stage.rotations))
            elif isinstance(stage, Permutation):
                self._instruct(_PERMUTATION, self._permutation(stage), 1)
            else:
                for gate in stage.gates:
                    self._instruct(_DENSE, self._matrix(gate), 1)

    def _instruct(self, kind: int, index: int, count: int) -> None:
        if count:
            self.lists.instructions.append((kind, index, count))

    def _chain(self, wire: int, turns: Sequence[Turn]) -> int:
        """The index of a wire's chain; −1 for one that does nothing."""
        found: list[_Turn] = []
        for turn in turns:
            if turn.slot is None:
                phase, fixed = _quaternion(turn.first)
                self.lists.phases.append((-1, phase))
                if found and found[-1][0] < 0:
                    fixed = _product(fixed, found.pop()[2])
                found.append((-1, 0.0, fixed))
            else:
                # exp(iθ(m + d n·σ))
                first, second = turn.phases
                if first + second:
                    self.lists.phases.append((turn.slot, (first + second) / 2))
                if first - second:
                    axis = self._axes.get(id(turn.first))
                    if axis is None:
                        axis = self._axes[id(turn.first)] = _axis_of(turn.first)
                    found.append((turn.slot, (first - second) / 2, axis))
        plain = [turn[2] for turn in found if turn[0] < 0 and not any(turn[2][1:])]
        self.lists.phases += [
            (-1, math.pi) for quaternion in plain if quaternion[0] < 0
        ]
        found = [turn for turn in found if turn[0] >= 0 or any(turn[2][1:])]
        if not found:
            return -1
        slots = [slot for slot, _, _ in found if slot >= 0]
        self.lists.chains.append(
            (
                wire,
                len(self.lists.turns),
                len(found),
                _common_axis(found),
                any(self._numbers[slot].by_row for slot in slots),
                bool(slots),
            )
        )
        self.lists.turns += found
        return len(self.lists.chains) - 1

    def _rotation(self, rotation: Rotation) -> None:
        key = rotation.wires, rotation.phases.tobytes()
        if key not in self._patterns:
            self._patterns[key] = len(self.lists.patterns)
            self.lists.patterns.append(_pattern(rotation, self._num_wires))
            self.lists.count(2**self._num_wires)
        self.lists.rotations.append((rotation.slot, self._patterns[key]))

    def _permutation(self, stage: Permutation) -> int:
        key = tuple((g.wires, id(g.sources), id(g.factors)) for g in stage.gates)
        if key not in self._permutations:
            self.lists.count(2 ** (self._num_wires + 1))
            self._permutations[key] = len(self.lists.permutations)
            self.lists.permutations.append(permutation(stage, self._num_wires))
        return self._permutations[key]

    def _matrix(self, gate: Given) -> int:
        own = gate.target.wires if isinstance(gate, Controlled) else gate.wires
        if len(own) > (MOST_SCALED if isinstance(gate, Entries) else MOST_MIXED):
            raise UnsupportedError
        self.lists.matrices.append(gate)
        return len(self.lists.matrices) - 1


def _pattern(rotation: Rotation, num_wires: int) -> _Pattern:
    values, inverse = np.unique(rotation.phases, return_inverse=True)
    classes = inverse.reshape(-1)[local_states(rotation.wires, num_wires)]
    padded = classes if len(classes) > 16 else np.resize(classes, 16)
    # Which sixteen it is, the wires before the last four say: one for each of their
    # states is looked at.
    before = max(0, num_wires - 4)
    wires = [wire for wire in rotation.wires if wire < before]
    firsts = by_bits(np.array([0, *(1 << before - 1 - w for w in reversed(wires))]))
    each = values[padded.reshape(-1, 16)[firsts]]
    kinds, inverse = np.unique(each, axis=0, return_inverse=True)
    sixteens = inverse.reshape(-1)[local_states(wires, before)]
    if len(kinds) > MOST_SIXTEENS or len(values) > MOST_ENTRIES:
        raise UnsupportedError
    return values, classes, sixteens, kinds


def _rounded(*parts: float) -> tuple[float, ...]:
    """Without what rounding left, so that axes are known."""
    return tuple(0.0 if abs(part) < _SMALL else float(part) for part in parts)


def _quaternion(matrix: Matrix) -> tuple[float, Quaternion]:
    """The phase, and w, x, y, z, of a unitary 2×2 matrix."""
    (a, b), (c, d) = matrix.tolist()
    overlaps = (
        abs(a) ** 2 + abs(b) ** 2 - 1,
        abs(c) ** 2 + abs(d) ** 2 - 1,
        abs(a.conjugate() * c + b.conjugate() * d),
    )
    if max(map(abs, overlaps)) > 1e-12:
        raise UnsupportedError  # a projection
    phase = cmath.phase(a * d - b * c) / 2
    back = cmath.exp(-1j * phase) / 2
    a, b, c, d = a * back, b * back, c * back, d * back
    return phase, _rounded((a + d).real, (b + c).imag, (b - c).real, (a - d).imag)


def _axis_of(projector: Matrix) -> Quaternion:
    """(0, n) of a projector (1 + n·σ)/2."""
    (a, b), (c, d) = projector.tolist()
    return _rounded(0.0, (b + c).real, (c - b).imag, (a - d).real)


def _product(a: Quaternion, b: Quaternion) -> Quaternion:
    """(a₀ + i a·σ)(b₀ + i b·σ), the second applied first."""
    return _rounded(
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] - a[2] * b[3] + a[3] * b[2],
        a[0] * b[2] + a[2] * b[0] - a[3] * b[1] + a[1] * b[3],
        a[0] * b[3] + a[3] * b[0] - a[1] * b[2] + a[2] * b[1],
    )


def _common_axis(turns: Sequence[_Turn]) -> int:
    used = [axis for axis in _ALONG if any(turn[2][axis] for turn in turns)]
    return used[0] if len(used) == 1 else _ANY


def _offsets(gate: Given, num_wires: int) -> list[int]:
    """What each setting of a matrix's wires adds to an amplitude's number."""
    own, first = gate.wires, 0
    if isinstance(gate, Controlled):
        own = gate.target.wires
        first = bits_of(compress(gate.controls, gate.values), num_wires)
    states = product((0, 1), repeat=len(own))
    return [first | bits_of(compress(own, state), num_wires) for state in states]


_Words: TypeAlias = tuple[
    list[tuple[int, int]], list[tuple[int, int, float]], list[tuple[int, int, int]]
]
"""Words, terms and flips."""


def _words(sentences: Sequence[Any], num_wires: int) -> _Words:
    words: list[tuple[int, int]] = []
    terms: list[tuple[int, int, float]] = []
    flips: list[tuple[int, int, int]] = []
    for flipped, by_output in by_flipped(sentences).items():
        places: dict[tuple[int, int], int] = {}
        first = len(words)
        for output, own in by_output.items():
            for signed, count, factor in own:
                word = bits_of(signed, num_wires), count % 2
                if word not in places:
                    places[word] = len(words)
                    words.append(word)
                sign = (1, -1, -1, 1)[count % 4]
                terms.append((places[word], output, sign * factor))
        flips.append((bits_of(flipped, num_wires), first, len(words) - first))
    return words, terms, flips


def _before(words: _Words, stage: Permutation, num_wires: int) -> _Words | None:
    """What words of a state read before it is permuted; None where they are no words.

    Amplitude k is that of s(k) = Lk ⊕ s(0) before. So a flip f was Lf, and the parity
    of k & m was that of L⁻¹(s(k) ⊕ s(0)) & m: again that of some bits of s(k), but for
    one sign for all.
    """
    sources, factors = permutation(stage, num_wires)
    own, terms, flips = words
    if not is_affine(sources):
        return None
    if factors is not None and any(flipped for flipped, *_ in flips):
        return None  # else only squares are read
    targets = np.empty_like(sources)
    targets[sources] = np.arange(len(sources))
    few = np.array([0, *(1 << np.arange(num_wires))])
    first, *back = targets[few].tolist()
    source, *there = sources[few].tolist()

    def moved(flipped: int) -> int:
        bits = (image for place, image in enumerate(there) if flipped >> place & 1)
        return reduce(xor, (image ^ source for image in bits), 0)

    def odd(number: int) -> int:
        return number.bit_count() % 2

    return (
        [
            (sum(odd((b ^ first) & m) << place for place, b in enumerate(back)), i)
            for m, i in own
        ],
        [(word, out, (-1) ** odd(first & own[word][0]) * c) for word, out, c in terms],
        [(moved(flipped), start, count) for flipped, start, count in flips],
    )


def given_angles(plan: Plan) -> tuple[list[Number], int, list[int]]:
    """What a program is assembled with whose angles torch computes.

    Args:
        plan: A plan.

    Returns:
        Each slot's number, how many differ from row to row, and a list of how many do
        not.
    """
    numbers = [Number(False, -1, 0.0, 0.0)] * plan.structure.num_slots
    common, rows = scalar_slots(plan.structure, plan.batched)
    for by_row, slots in ((False, common), (True, rows)):
        for index, slot in enumerate(slots):
            numbers[slot] = Number(by_row, index, 1.0, 0.0)
    return numbers, len(rows), [len(common)]


def assemble(
    structure: Structure,
    numbers: Sequence[Number],
    features: int,
    weights: Sequence[int],
    readout: Sequence[Any] | Literal["state", "probabilities"],
    batched: Sequence[bool],
) -> Assembly:
    """Assembles a program.

    Args:
        structure: A structure of native gates; the first may prepare a state.
        numbers: What the angle of each slot is made of.
        features: How many features a row has.
        weights: How many numbers each tensor of weights has.
        readout: Pauli sentences whose expectation values are read, the state, or the
            probabilities of all its amplitudes.
        batched: For each slot whether its numbers differ from row to row.

    Returns:
        The program.

    Raises:
        UnsupportedError: The kernel has no instruction for a part of it.
    """
    prepared = structure.preparation is not None
    gates = structure.gates[1:] if prepared else structure.gates
    wires = structure.num_wires
    if wires > MOST_WIRES or not all(map(is_unitary, gates)):
        raise UnsupportedError  # on the way back every gate is undone
    stages = make_schedule(gates, wires, [False] * structure.num_slots)
    sentences, kind, outputs = readout, _WORDS, len(readout)
    if readout == "state":
        sentences, kind, outputs = (), _STATE, 2 << wires
    elif readout == "probabilities":
        sentences, kind, outputs = (), _PROBABILITIES, 1 << wires
    read = _words(sentences, wires)
    is_small = 2 << wires <= MOST_NUMBERS  # else no permutation has a table
    if kind == _WORDS and is_small and stages and isinstance(stages[-1], Permutation):
        before = _before(read, stages[-1], wires)
        if before is not None:  # so it costs nothing
            read, stages = before, stages[:-1]
    words, terms, flips = read
    assembler = _Assembler(wires, numbers)
    assembler.run(stages, prepared)
    found = assembler.lists
    whole: list[NDArray[np.int32]] = []
    real: list[NDArray[np.float64]] = []

    def wholes(*values: Any) -> None:
        whole.extend(np.asarray(value, dtype=np.int32).reshape(-1) for value in values)

    def reals(*values: Any) -> None:
        real.extend(np.asarray(value, dtype=np.float64).reshape(-1) for value in values)

    def turns(values: Sequence[_Turn]) -> None:
        wholes(len(values), [slot for slot, _, _ in values])
        reals([(half, *quaternion) for _, half, quaternion in values])

    wholes(wires, features, len(sentences), kind)
    wholes(prepared, len(weights), weights)
    wholes(len(numbers), [(n.by_row, n.index) for n in numbers])
    reals([(n.factor, n.offset) for n in numbers])
    turns(found.turns)
    wholes(len(found.chains), found.chains)
    wholes(len(found.start), found.start)
    wholes(len(found.rotations), found.rotations)
    wholes(len(found.patterns))
    for values, classes, sixteens, kinds in found.patterns:
        wholes(len(values), len(classes), classes, len(sixteens), sixteens, kinds.size)
        reals(values, kinds)
    wholes(len(found.permutations))
    for sources, factors in found.permutations:
        count = 0 if factors is None else len(factors)
        wholes(len(sources), sources, count, count)
        if factors is not None:
            reals(factors.real, factors.imag)
    wholes(len(found.matrices))
    for gate in found.matrices:
        by_row = any(batched[slot] for slot in gate.slots)
        wholes(by_row, bool(gate.slots), isinstance(gate, Entries))
        offsets = _offsets(gate, wires)
        wholes(bits_of(gate.wires, wires), len(offsets), offsets)
    wholes(len(found.instructions), found.instructions)
    wholes(len(words), words, len(terms), [term[:2] for term in terms])
    reals([term[2] for term in terms])
    wholes(len(flips), flips)
    turns([(slot, mean, _NOTHING) for slot, mean in found.phases if mean])
    return Assembly(
        np.concatenate(whole).tobytes(),
        np.concatenate(real).tobytes(),
        features,
        tuple(weights),
        outputs,
        kind == _STATE,
        tuple(found.matrices),
    )

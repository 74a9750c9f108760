"""Matrices as gates whose number and order never depend on the numbers.

PennyLane's own decompositions leave out what happens to be trivial, so that two images
encoded by matrices would be two circuits. Here every unitary on n wires has one form:
cosine-sine decompositions down to two wires (Shende, Bullock and Markov 2006,
arXiv:quant-ph/0406176), and three CNOTs there (Vatan and Williams 2004,
arXiv:quant-ph/0308006).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from math import pi
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.templates.state_preparations.mottonen import compute_theta
from qiskit.synthesis import TwoQubitWeylDecomposition
from scipy.linalg import cossin, schur


def unitary_gates(matrix: Any, wires: Sequence[Hashable]) -> list[Any]:
    """A matrix as rotations, CNOTs and a global phase.

    Args:
        matrix: Unitary (2ⁿ, 2ⁿ), or (rows, 2ⁿ, 2ⁿ).
        wires: n wires.

    Returns:
        PennyLane operations: the same but for their angles for every matrix.

    Example:
        >>> import numpy as np
        >>> [gate.name for gate in unitary_gates(np.eye(2), ["a"])]
        ['Rot', 'GlobalPhase']
    """
    matrices = np.asarray(matrix, dtype=complex)
    left, _, right = np.linalg.svd(matrices)
    nearest = left @ right  # a matrix in single precision is unitary to 1e-7 only
    rows = nearest.reshape(-1, *matrices.shape[-2:])
    numbers = np.array([_numbers(row) for row in rows])
    columns = numbers if matrices.ndim > 2 else numbers[0]
    source = iter(np.moveaxis(columns, -1, 0))
    phase = next(source)
    return [*_gates(source, list(wires)), qml.GlobalPhase(-phase)]


def multiplexed(
    rotation: Any, angles: Any, controls: Sequence[Hashable], target: Hashable
) -> list[Any]:
    """RY or RZ on one wire by an angle that depends on other wires.

    Args:
        rotation: `qml.RY` or `qml.RZ`.
        angles: Tensor (..., 2ᵏ): the angle for each setting of the controls.
        controls: k wires, the leading bit first.
        target: The wire that is turned.

    Returns:
        2ᵏ rotations, each but for k = 0 followed by a CNOT.
    """
    count = len(controls)
    if not count:
        return [rotation(angles[..., 0], wires=target)]
    thetas = compute_theta(angles, num_qubits=count)
    operations = []
    for index in range(2**count):
        # In Gray code neighbouring settings differ in one bit: that wire controls.
        bit = min(((index + 1) & -(index + 1)).bit_length(), count)
        operations.append(rotation(thetas[..., index], wires=target))
        operations.append(qml.CNOT([controls[count - bit], target]))
    return operations


def _numbers(matrix: NDArray[np.complex128]) -> list[float]:
    """The global phase and then all angles, in the order in which `_gates` reads."""
    if len(matrix) == 2:
        return _one_wire(matrix)
    if len(matrix) == 4:
        return _two_wires(matrix)
    half = len(matrix) // 2
    left, turns, right = cossin(matrix, p=half, q=half, separate=True)
    phase, *first = _multiplexed_numbers(*right)
    other, *last = _multiplexed_numbers(*left)
    return [phase + other, *first, *(2 * turns), *last]


def _multiplexed_numbers(
    upper: NDArray[np.complex128], lower: NDArray[np.complex128]
) -> list[float]:
    """One matrix or another, as the first wire says: V, RZ on the first wire, W."""
    # Schur's form of a normal matrix is diagonal, its basis always orthonormal.
    squares, after = schur(upper @ lower.conj().T, output="complex")
    halves = np.angle(np.diag(squares)) / 2
    before = (np.exp(1j * halves)[:, None] * after.conj().T) @ lower
    phase, *first = _numbers(before)
    other, *last = _numbers(after)
    return [phase + other, *first, *(-2 * halves), *last]


def _one_wire(matrix: NDArray[np.complex128]) -> list[float]:
    """Phase, and the three angles of Rot."""
    phase = float(np.angle(np.linalg.det(matrix)) / 2)
    (a, _), (c, _) = matrix * np.exp(-1j * phase)
    total, difference = -2 * np.angle(a), 2 * np.angle(c)
    theta = 2 * np.arctan2(abs(c), abs(a))
    return [phase, (total - difference) / 2, theta, (total + difference) / 2]


_TURN = np.diag(np.exp([-1j * pi / 4, 1j * pi / 4]))
"""RZ(π/2): belongs to the core of three CNOTs, on one wire before and one after."""


def _two_wires(matrix: NDArray[np.complex128]) -> list[float]:
    parts = TwoQubitWeylDecomposition(matrix, fidelity=1.0)
    locals_ = (
        parts.K2l,
        _TURN.conj() @ parts.K2r,
        parts.K1l @ _TURN,
        parts.K1r,
    )
    found = [_one_wire(local) for local in locals_]
    phase = parts.global_phase + pi / 4 + sum(phase for phase, *_ in found)
    before, after = found[0][1:] + found[1][1:], found[2][1:] + found[3][1:]
    turns = [pi / 2 - 2 * parts.c, 2 * parts.a - pi / 2, pi / 2 - 2 * parts.b]
    return [float(phase), *before, *turns, *after]


def _gates(numbers: Iterator[Any], wires: list[Hashable]) -> list[Any]:
    if len(wires) == 1:
        return [qml.Rot(next(numbers), next(numbers), next(numbers), wires=wires[0])]
    if len(wires) == 2:
        return _two_wire_gates(numbers, *wires)
    first, rest = wires[0], wires[1:]
    right = _multiplexed_gates(numbers, wires)
    turns = _take(numbers, 2 ** len(rest))
    middle = multiplexed(qml.RY, turns, rest, first)
    return [*right, *middle, *_multiplexed_gates(numbers, wires)]


def _multiplexed_gates(numbers: Iterator[Any], wires: list[Hashable]) -> list[Any]:
    first, rest = wires[0], wires[1:]
    before = _gates(numbers, rest)
    turns = _take(numbers, 2 ** len(rest))
    middle = multiplexed(qml.RZ, turns, rest, first)
    return [*before, *middle, *_gates(numbers, rest)]


def _take(numbers: Iterator[Any], count: int) -> Any:
    return np.stack([next(numbers) for _ in range(count)], axis=-1)


def _two_wire_gates(
    numbers: Iterator[Any], first: Hashable, second: Hashable
) -> list[Any]:
    before = [*_gates(numbers, [first]), *_gates(numbers, [second])]
    core = [
        qml.CNOT([second, first]),
        qml.RZ(next(numbers), first),
        qml.RY(next(numbers), second),
        qml.CNOT([first, second]),
        qml.RY(next(numbers), second),
        qml.CNOT([second, first]),
    ]
    return [*before, *core, *_gates(numbers, [first]), *_gates(numbers, [second])]

"""The table of gates: what each PennyLane operation is in Qiskit.

Both count the first wire of an operation as its first qubit, but not all names,
signs and orders of arguments agree: Qiskit's U takes θ first, its XX+YY turns the other
way round, and its `ctrl_state` counts controls from the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import pi
from typing import Any, TypeAlias

from qiskit.circuit import Operation, ParameterExpression
from qiskit.circuit import library as lib

from qml_qdl.hardware.qiskit.conversion.fixed import Fixed
from qml_qdl.hardware.structure import known_name

QiskitAngle: TypeAlias = float | ParameterExpression
"""A number in radians, or a symbol for one."""

Placed: TypeAlias = tuple[Operation, tuple[int, ...]]
"""A Qiskit operation, and where it is put: positions among the operation's wires."""

Translation: TypeAlias = Callable[[Any, Sequence[QiskitAngle]], list[Placed]]
"""Makes Qiskit's operations of PennyLane's and its angles."""


def _plain(kind: Any, count: int, *fixed: float) -> Translation:
    """A gate that is called with the same angles, and then some fixed ones."""
    wires = tuple(range(count))
    return lambda operation, angles: [(kind(*angles, *fixed), wires)]


def _rot(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    first, middle, last = angles
    gates = lib.RZGate(first), lib.RYGate(middle), lib.RZGate(last)
    return [(gate, (0,)) for gate in gates]


def _u2(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    return [(lib.UGate(pi / 2, *angles), (0,))]


def _phase_of(first: int, second: int) -> Translation:
    """A phase on one of the four basis states of two wires."""
    zeros = [wire for wire, bit in enumerate((first, second)) if not bit]

    def translation(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
        flips: list[Placed] = [(lib.XGate(), (wire,)) for wire in zeros]
        return [*flips, (lib.CPhaseGate(*angles), (0, 1)), *flips]

    return translation


def _multi_controlled_x(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    values = operation.control_values
    state = sum(bool(value) << place for place, value in enumerate(values))
    gate = lib.XGate().control(len(values), ctrl_state=state)
    return [(gate, tuple(range(len(values) + 1)))]


def _multi_controlled_phase(
    operation: Any, angles: Sequence[QiskitAngle]
) -> list[Placed]:
    count = len(operation.control_wires)
    return [(lib.PhaseGate(*angles).control(count), tuple(range(count + 1)))]


def pauli_rotation(word: str, angle: QiskitAngle) -> list[Placed]:
    """exp(−iφP/2) for a Pauli word P: changes of basis, CNOTs to one wire, and RZ.

    Args:
        word: One of the letters I, X, Y, Z for each wire.
        angle: φ.

    Returns:
        Qiskit's operations.
    """
    wires = [wire for wire, letter in enumerate(word) if letter != "I"]
    if not wires:
        return [(lib.GlobalPhaseGate(-angle / 2), ())]
    if len(wires) == 1:
        kind = {"X": lib.RXGate, "Y": lib.RYGate, "Z": lib.RZGate}[word[wires[0]]]
        return [(kind(angle), (wires[0],))]
    before: list[Placed] = []
    after: list[Placed] = []
    for wire in wires:
        if word[wire] == "X":
            before.append((lib.HGate(), (wire,)))
            after.append((lib.HGate(), (wire,)))
        if word[wire] == "Y":  # √X turns Y into Z
            before.append((lib.SXGate(), (wire,)))
            after.append((lib.SXdgGate(), (wire,)))
    ladder: list[Placed] = [(lib.CXGate(), pair) for pair in pairwise(wires)]
    turn: list[Placed] = [(lib.RZGate(angle), (wires[-1],))]
    return [*before, *ladder, *turn, *ladder[::-1], *after]


def _pauli_rot(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    return pauli_rotation(operation.hyperparameters["pauli_word"], angles[0])


def _multi_rz(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    return pauli_rotation("Z" * len(operation.wires), angles[0])


def _global_phase(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    return [(lib.GlobalPhaseGate(-angles[0]), ())]


def _barrier(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    if operation.hyperparameters.get("only_visual"):
        return []
    count = len(operation.wires)
    return [(lib.Barrier(count), tuple(range(count)))]


TABLE: dict[str, Translation] = {
    "Identity": lambda operation, angles: [],
    "PauliX": _plain(lib.XGate, 1),
    "PauliY": _plain(lib.YGate, 1),
    "PauliZ": _plain(lib.ZGate, 1),
    "Hadamard": _plain(lib.HGate, 1),
    "S": _plain(lib.SGate, 1),
    "T": _plain(lib.TGate, 1),
    "SX": _plain(lib.SXGate, 1),
    "Adjoint(S)": _plain(lib.SdgGate, 1),
    "Adjoint(T)": _plain(lib.TdgGate, 1),
    "Adjoint(SX)": _plain(lib.SXdgGate, 1),
    "RX": _plain(lib.RXGate, 1),
    "RY": _plain(lib.RYGate, 1),
    "RZ": _plain(lib.RZGate, 1),
    "PhaseShift": _plain(lib.PhaseGate, 1),
    "U1": _plain(lib.PhaseGate, 1),
    "U2": _u2,
    "U3": _plain(lib.UGate, 1),
    "Rot": _rot,
    "GlobalPhase": _global_phase,
    "CNOT": _plain(lib.CXGate, 2),
    "CY": _plain(lib.CYGate, 2),
    "CZ": _plain(lib.CZGate, 2),
    "CH": _plain(lib.CHGate, 2),
    "SWAP": _plain(lib.SwapGate, 2),
    "ISWAP": _plain(lib.iSwapGate, 2),
    "SISWAP": _plain(lib.XXPlusYYGate, 2, -pi / 2),
    "ECR": _plain(lib.ECRGate, 2),
    "C(S)": _plain(lib.CSGate, 2),
    "C(Adjoint(S))": _plain(lib.CSdgGate, 2),
    "C(SX)": _plain(lib.CSXGate, 2),
    "Toffoli": _plain(lib.CCXGate, 3),
    "CCZ": _plain(lib.CCZGate, 3),
    "CSWAP": _plain(lib.CSwapGate, 3),
    "MultiControlledX": _multi_controlled_x,
    "CRX": _plain(lib.CRXGate, 2),
    "CRY": _plain(lib.CRYGate, 2),
    "CRZ": _plain(lib.CRZGate, 2),
    "ControlledPhaseShift": _plain(lib.CPhaseGate, 2),
    "CPhaseShift00": _phase_of(0, 0),
    "CPhaseShift01": _phase_of(0, 1),
    "CPhaseShift10": _phase_of(1, 0),
    "C(PhaseShift)": _multi_controlled_phase,
    "IsingXX": _plain(lib.RXXGate, 2),
    "IsingYY": _plain(lib.RYYGate, 2),
    "IsingZZ": _plain(lib.RZZGate, 2),
    "IsingXY": _plain(lib.XXPlusYYGate, 2, pi),
    "MultiRZ": _multi_rz,
    "PauliRot": _pauli_rot,
    "Barrier": _barrier,
}
"""For each native operation, by PennyLane's name, what makes it in Qiskit."""

_ONE_CONTROL = frozenset({"C(S)", "C(Adjoint(S))", "C(SX)"})
"""Names that PennyLane gives whatever the number of controls."""


def in_table(operation: Any) -> bool:
    """Whether an operation has a counterpart in Qiskit.

    Args:
        operation: A PennyLane operation.

    Returns:
        False where it must be decomposed first.
    """
    if isinstance(operation, Fixed):
        return in_table(operation.base)
    name = known_name(operation)
    if name == "C(PhaseShift)":
        return all(operation.control_values)
    if name in _ONE_CONTROL:
        return [bool(value) for value in operation.control_values] == [True]
    return name in TABLE


def translate(operation: Any, angles: Sequence[QiskitAngle]) -> list[Placed]:
    """What a native operation is in Qiskit.

    Args:
        operation: The PennyLane operation; its own angles do not matter.
        angles: The angles it gets.

    Returns:
        Qiskit's operations in the order of application, with the positions of their
        qubits among the operation's wires.

    Example:
        >>> import pennylane as qml
        >>> ((gate, wires),) = translate(qml.U1(0, wires="a"), [0.5])
        >>> gate.name, gate.params, wires
        ('p', [0.5], (0,))
    """
    if isinstance(operation, Fixed):
        return translate(operation.base, [float(n) for n in operation.base.data])
    return TABLE[operation.name](operation, angles)

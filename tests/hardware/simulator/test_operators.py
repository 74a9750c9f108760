"""Operators as wide as the circuit are default.qubit's: values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from tests.hardware.simulator.operators import OPERATORS, WIDE, angles, unitary

INEXACT = {
    "IQP": "see test_gradients_that_default_qubit_has_not",
    "MultiplexerStatePreparation": "the same",
    "SelectPauliRot X": "see test_multiplexers",
    "SelectPauliRot Y": "the same",
    "StatePrep": "amplitudes that are nearly 0 make ill-conditioned rotations",
    "MottonenStatePreparation": "the same",
}


NO_GATES = {
    **dict.fromkeys(["Hermitian", "Projector", "SparseHamiltonian"], "an observable"),
    **dict.fromkeys(["Conditional", "MidMeasure", "PauliMeasure"], "measures"),
    **dict.fromkeys(["CVNeuralNetLayers", "DisplacementEmbedding"], "no qubits"),
    **dict.fromkeys(["Interferometer", "SqueezingEmbedding"], "no qubits"),
    "FromBloq": "needs Qualtran",
    "QubitDensityMatrix": "a mixed state",
    "QutritBasisStatePreparation": "no qubits",
    "SubroutineOp": "what a user's function becomes",
    "SumOfSlatersPrep": "has no decomposition of the kind that devices ask for",
}
"""Operators of PennyLane's that no circuit of gates on qubits has, and why."""

ELSEWHERE = ("pennylane.ops.channel", "pennylane.ops.cv", "pennylane.ops.qutrit")


def parts(operation: Any) -> list[Any]:
    """An operation and what it is around."""
    inner = [operation.base] if hasattr(operation, "base") else []
    inner += getattr(operation, "operands", [])
    return [operation, *(part for each in inner for part in parts(each))]


def test_every_operator_of_pennylane_is_in_the_list() -> None:
    exported = {
        each
        for module in (qml, qml.ops, qml.templates)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, qml.operation.Operator)
    }
    met: set[type] = set()
    for operator in OPERATORS.values():
        for wires in filter(operator.fits, (3, 4, 8)):
            with qml.queuing.AnnotatedQueue() as queue:
                operator.build(operator.draw(wires), list(range(wires)))
            met.update(type(part) for each in queue.queue for part in parts(each))
    missing = {
        each.__name__
        for each in exported
        if not each.__module__.startswith(ELSEWHERE)
        and not any(issubclass(kind, each) for kind in met)
    }
    assert len(exported) > 200
    assert missing == {*NO_GATES}


@pytest.mark.parametrize("wires", [3, 7, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [name for name in OPERATORS if name not in INEXACT])
def test_operators(name: str, wires: int, agree: Callable[..., Any]) -> None:
    operator = OPERATORS[name]
    if not operator.fits(wires) or (wires > 3 and name == "IntegerComparator"):
        return  # default.qubit multiplies as many matrices as there are numbers
    agree(operator.circuit(wires), operator.draw(wires), wires, tolerance=1e-10)


@pytest.mark.parametrize("name", sorted(WIDE))
def test_single_precision(name: str, agree: Callable[..., Any]) -> None:
    operator = WIDE[name]
    numbers = operator.draw(5)
    if numbers and name not in INEXACT:
        agree(operator.circuit(5), numbers, 5, single=True)


@pytest.mark.parametrize("rows", [1, 3, 20])
@pytest.mark.parametrize("name", ["diagonal", "multiplexer", "controlled"])
def test_rows(name: str, rows: int, agree: Callable[..., Any]) -> None:
    """Each row is what it is alone."""
    draw: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "diagonal": (
            lambda x: qml.adjoint(qml.DiagonalQubitUnitary(x, [4, 0, 2, 1, 3])),
            np.exp(1j * angles(rows, 32)),
        ),
        "multiplexer": (
            lambda x: qml.SelectPauliRot(x, [4, 0, 3, 1], 2, rot_axis="Z"),
            angles(rows, 16),
        ),
        "controlled": (
            lambda x: qml.ctrl(qml.QubitUnitary(x, 3), [2, 0, 4, 1], [1, 0, 1, 0]),
            np.array([unitary(1) for _ in range(rows)]),
        ),
    }
    build, number = draw[name]

    def circuit(x: Any, y: Any) -> Any:
        for wire in range(5):
            qml.RY(0.3 + wire, wire)
        build(x)
        qml.RX(y, 2)
        return qml.expval(qml.Z(2)), qml.probs([0, 3])

    agree(circuit, [number, np.array(0.4)], 5, gradient_tolerance=1e-11)


@pytest.mark.parametrize("around", ["itself", "adjoint", "control"])
@pytest.mark.parametrize("axis", ["X", "Y", "Z"])
def test_multiplexers(axis: str, around: str) -> None:
    """A turn for each setting; default.qubit is wrong where controls are unsorted.

    And it gives no gradients of those about X and Y (PennyLane 0.45).
    """
    turn = {"X": qml.RX, "Y": qml.RY, "Z": qml.RZ}[axis]

    def circuit(x: Any, multiplexed: bool) -> Any:
        for wire in range(4):
            qml.RX(0.3 + wire, wire)
            qml.RY(0.7 - wire, wire)
        sign = -1 if around == "adjoint" else 1
        more = [3] if around == "control" else []
        if multiplexed:
            gate = qml.SelectPauliRot(x, [2, 0], 1, rot_axis=axis)
            gate = qml.adjoint(gate, lazy=True) if sign < 0 else gate
            qml.ctrl(gate, more) if more else gate
        else:
            for place, values in enumerate(product((0, 1), repeat=2)):
                own = [*values, *(1 for _ in more)]
                qml.ctrl(turn(sign * x[place], 1), [2, 0, *more], own)
        return qml.expval(qml.Z(1) @ qml.X(0)), qml.probs([1, 2])

    found = []
    for name, multiplexed in (("qdl.simulator", True), ("default.qubit", False)):
        node = qml.QNode(circuit, qml.device(name, wires=4), interface="torch")
        numbers = torch.linspace(0.2, 1.3, 4, dtype=torch.float64, requires_grad=True)
        value, chances = node(numbers, multiplexed)
        total = value + chances @ torch.arange(4.0, dtype=torch.float64)
        found.append([value, chances, *torch.autograd.grad(total, numbers)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0.0)


@pytest.mark.parametrize("axes", ["general", "real", "sparse"])
def test_mottonens_preparation(axes: str, agree: Callable[..., Any]) -> None:
    """In the middle of a circuit it is its rotations, not only what they prepare."""
    states: dict[str, list[complex]] = {
        "general": [0.6, 0.48j, 0.5 + 0.2j, -0.3],
        "real": [0.6, -0.5, 0.5, -0.3],
        "sparse": [0.0, 0.6, 0.0, 0.8],
    }
    vector = np.array(states[axes])
    if axes == "real":
        vector = vector.real
    vector = vector / np.linalg.norm(vector)

    def circuit(x: Any) -> Any:
        qml.Hadamard(0)
        qml.RY(0.3, 2)
        qml.CNOT([0, 1])
        qml.MottonenStatePreparation(x, [2, 0])
        return qml.state()

    agree(circuit, [vector], 3, diff=axes != "sparse")
    if axes == "general":
        rows = np.stack([vector, vector[::-1]])
        agree(circuit, [rows], 3, diff=False)


@pytest.mark.parametrize("wires", [3, 7])
@pytest.mark.parametrize("name", ["IQP", "MultiplexerStatePreparation"])
def test_gradients_that_default_qubit_has_not(name: str, wires: int) -> None:
    """Beside differences of its values."""
    operator = OPERATORS[name]
    [numbers] = operator.draw(wires)
    start, step = (torch.as_tensor(n) for n in (numbers, operator.draw(wires)[0]))

    def run(device: str, t: Any) -> Any:
        moved = start + t * step
        if start.is_complex():
            moved = moved / torch.linalg.norm(moved)
        circuit, target = operator.circuit(wires), qml.device(device, wires=wires)
        node = qml.QNode(circuit, target, interface="torch")
        return sum(node(moved if device == "qdl.simulator" else moved.numpy()))

    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    ours = run("qdl.simulator", t)
    high, here, low = (
        run("default.qubit", torch.tensor(x, dtype=torch.float64))
        for x in (1e-5, 0.0, -1e-5)
    )
    assert float(ours.detach()) == pytest.approx(float(here), abs=1e-12)
    (slope,) = torch.autograd.grad(ours, t)
    assert float(slope) == pytest.approx(float(high - low) / 2e-5, abs=1e-7)


def test_a_lost_control_value_would_show(agree: Callable[..., Any]) -> None:
    """PennyLane forgets those of a `ControlledQubitUnitary` when numbers change."""

    def circuit(matrix: Any) -> Any:
        qml.Hadamard(0)
        qml.RY(0.4, 1)
        inner = qml.ctrl(qml.QubitUnitary(matrix, 1), 0, control_values=[0])
        qml.apply(qml.adjoint(inner, lazy=True))
        return qml.state()

    agree(circuit, [unitary(1)], 2)


def test_wide_gates_among_many_wires(agree: Callable[..., Any]) -> None:
    """Of so many, numbers for every amplitude are no longer stored for each gate."""

    def circuit(x: Any, entries: Any) -> Any:
        for wire in range(13):
            qml.RY(0.3 + wire, wire)
        qml.MultiRZ(x, [0, 2, 3, 4, 7, 8, 12])
        qml.MultiControlledX([*range(1, 12), 0])
        qml.ctrl(qml.RX(x, 12), [3, 1, 8, 9], [1, 0, 1, 1])
        qml.DiagonalQubitUnitary(entries, [1, 12, 5, 6])
        qml.ctrl(qml.Hadamard(4), [0, 2, 11, 9, 10], [1, 1, 0, 1, 0])
        return qml.expval(qml.Z(12)), qml.expval(qml.X(0) @ qml.Y(4) @ qml.Z(1))

    agree(circuit, [np.array(0.7), np.exp(1j * angles(16))], 13)

"""A tape's structure holds no number; equal circuits share it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import scipy.sparse as sparse
import torch

from qml_qdl.hardware.structure import Plan, make_plan, measurement_key, operation_key


def plan(*operations: Any, measurement: Any = None) -> Plan:
    tape = qml.tape.QuantumScript(operations, [measurement or qml.expval(qml.Z(0))])
    return make_plan(tape, tape.wires)


class Turned(qml.operation.Operation):  # type: ignore[misc]
    """Takes no number that PennyLane knows of."""

    num_wires = 1

    def __init__(self, angle: float) -> None:
        self._angle = angle
        super().__init__(wires=0)

    def matrix(self, wire_order: Any = None) -> Any:
        return qml.RX.compute_matrix(self._angle)


def test_of_gates_told_by_their_class_one_stands_for_all() -> None:
    """So that a long circuit does not keep all of its operations."""
    operations = [qml.RX(0.1, 0), qml.CNOT([0, 1]), qml.RX(0.2, 1), qml.CNOT([1, 0])]
    rows = qml.RX(np.array([0.1, 0.2]), 0)
    gates = plan(*operations, rows, qml.MultiRZ(0.1, [0]), qml.MultiRZ(0.1, [1]))
    kept = [gate.operation for gate in gates.structure.gates]
    assert kept[0] is kept[2]
    assert kept[1] is kept[3]
    assert kept[5] is not kept[6]
    wires = [gate.wires for gate in gates.structure.gates]
    assert wires == [(0,), (0, 1), (1,), (1, 0), (0,), (0,), (1,)]
    assert gates.batched == (False, False, True, False, False)
    assert gates.angles[:2] == (0.1, 0.2)


SAME: dict[str, tuple[Callable[[], Plan], Callable[[], Plan]]] = {
    "angles": (lambda: plan(qml.RX(0.1, 0)), lambda: plan(qml.RX(0.2, 0))),
    "rows": (
        lambda: plan(qml.RX(0.1, 0)),
        lambda: plan(qml.RX(np.array([0.1, 0.2]), 0)),
    ),
    "labels": (
        lambda: plan(qml.CNOT([0, 1])),
        lambda: plan(qml.CNOT(["a", "b"]), measurement=qml.expval(qml.Z("a"))),
    ),
    "interface": (
        lambda: plan(qml.RX(0.1, 0)),
        lambda: plan(qml.RX(torch.tensor(0.1), 0)),
    ),
    "amplitudes": (
        lambda: plan(qml.StatePrep(np.array([1.0, 0.0]), 0)),
        lambda: plan(qml.StatePrep(np.array([0.6, 0.8]), 0)),
    ),
    "bits": (
        lambda: plan(qml.BasisState(np.array([0]), 0)),
        lambda: plan(qml.BasisState(np.array([1]), 0)),
    ),
    "angles inside": (
        lambda: plan(qml.ctrl(qml.adjoint(qml.RX(0.1, 0)), 1)),
        lambda: plan(qml.ctrl(qml.adjoint(qml.RX(0.2, 0)), 1)),
    ),
    "coefficients": (
        lambda: plan(measurement=qml.expval(0.5 * qml.Z(0) + qml.X(1))),
        lambda: plan(measurement=qml.expval(0.7 * qml.Z(0) + qml.X(1))),
    ),
}
OTHER: dict[str, tuple[Callable[[], Plan], Callable[[], Plan]]] = {
    "gate": (lambda: plan(qml.RX(0.1, 0)), lambda: plan(qml.RY(0.1, 0))),
    "wires": (lambda: plan(qml.CNOT([0, 1])), lambda: plan(qml.CNOT([1, 0]))),
    "order": (
        lambda: plan(qml.RX(0.1, 0), qml.RY(0.1, 0)),
        lambda: plan(qml.RY(0.1, 0), qml.RX(0.1, 0)),
    ),
    "word": (
        lambda: plan(qml.PauliRot(0.1, "XY", [0, 1])),
        lambda: plan(qml.PauliRot(0.1, "YX", [0, 1])),
    ),
    "control values": (
        lambda: plan(qml.ctrl(qml.RX(0.1, 0), [1], control_values=[0])),
        lambda: plan(qml.ctrl(qml.RX(0.1, 0), [1], control_values=[1])),
    ),
    "power": (
        lambda: plan(qml.pow(qml.RX(0.1, 0), 2)),
        lambda: plan(qml.pow(qml.RX(0.1, 0), 3)),
    ),
    "gate inside": (
        lambda: plan(qml.ctrl(qml.PauliRot(0.1, "X", 0), [1, 2])),
        lambda: plan(qml.ctrl(qml.PauliRot(0.1, "Y", 0), [1, 2])),
    ),
    "constants inside": (
        lambda: plan(qml.Select([qml.RX(0.1, 0), qml.X(0)], 1)),
        lambda: plan(qml.Select([qml.RX(0.2, 0), qml.X(0)], 1)),
    ),
    "observable": (
        lambda: plan(qml.H(1), measurement=qml.expval(qml.Z(0))),
        lambda: plan(qml.H(1), measurement=qml.expval(qml.X(0))),
    ),
    "kind of measurement": (
        lambda: plan(measurement=qml.expval(qml.Z(0))),
        lambda: plan(measurement=qml.var(qml.Z(0))),
    ),
    "log base": (
        lambda: plan(measurement=qml.vn_entropy(0)),
        lambda: plan(measurement=qml.vn_entropy(0, log_base=2)),
    ),
    "parts": (
        lambda: plan(measurement=qml.mutual_info([0], [1, 2])),
        lambda: plan(measurement=qml.mutual_info([0, 1], [2])),
    ),
    "a user's attribute": (lambda: plan(Turned(0.3)), lambda: plan(Turned(0.9))),
    "a user's attribute, inside": (
        lambda: plan(qml.adjoint(Turned(0.3))),
        lambda: plan(qml.adjoint(Turned(0.9))),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_circuits_share_their_structure(name: str) -> None:
    one, other = (make() for make in SAME[name])
    assert one.structure == other.structure
    assert hash(one.structure) == hash(other.structure)


@pytest.mark.parametrize("name", OTHER)
def test_other_circuits_have_another_structure(name: str) -> None:
    one, other = (make() for make in OTHER[name])
    assert one.structure != other.structure


def test_slots_are_the_numbers_in_order() -> None:
    made = plan(qml.RX(0.1, 0), qml.Rot(0.2, 0.3, 0.4, 1), qml.CNOT([0, 1]))
    assert made.angles == (0.1, 0.2, 0.3, 0.4)
    assert [gate.slots for gate in made.structure.gates] == [(0,), (1, 2, 3), ()]
    assert made.structure.num_slots == 4
    assert made.structure.num_wires == 2


def test_each_slot_knows_whether_it_has_rows() -> None:
    rows = np.array([0.1, 0.2, 0.3])
    made = plan(
        qml.Rot(0.1, rows, 0.3, 0),
        qml.QubitUnitary(np.stack([np.eye(2)] * 3), 0),
        qml.QubitUnitary(np.eye(2), 0),
    )
    assert made.batched == (False, True, False, True, False)


def test_large_constants_are_told_apart_where_their_text_is_not() -> None:
    one, other = (sparse.csr_matrix(np.eye(2)[order]) for order in ([0, 1], [1, 0]))
    assert repr(one) == repr(other)
    keys = set()
    for matrix in (one, other):
        operation = qml.Identity(0)
        operation.hyperparameters["matrix"] = matrix
        keys.add(operation_key(operation))
    assert len(keys) == 2


def test_measured_values_are_told_apart() -> None:
    keys = set()
    for factor in (1, 2):
        measured = qml.measure(0)
        value = factor * measured
        tape = qml.tape.QuantumScript(measured.measurements, [qml.expval(value)])
        (deferred,), _ = qml.defer_measurements(tape)
        keys.add(measurement_key(deferred.measurements[0]))
    assert len(keys) == 2


def test_plan_imports_neither_torch_nor_qiskit() -> None:
    """So that a machine's device can use it without the simulator."""
    source = Path(inspect.getfile(Plan)).read_text()
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names == {"__future__", "attrs", "collections", "numpy", "pennylane"} | (
        names & {"dataclasses", "typing"}
    )


@pytest.mark.parametrize(
    "numbers", [(np.zeros(2), np.zeros(3), 0.1), (np.zeros((2, 2)), 0.1, 0.2)]
)
def test_rows_that_do_not_fit_are_refused(numbers: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"do not match|wrong number\(s\)"):
        plan(qml.Rot(*numbers, 0))


def test_rows_of_some_of_several_numbers() -> None:
    made = plan(qml.Rot(np.zeros(2), 0.1, np.zeros(2), 0), qml.RX(0.1, 0))
    assert made.batched == (True, False, True, False)


def own_gate(name: str, angle: float, count: int, wires: int = 1) -> Any:
    """A user's gate: a class with some name that says nothing of its matrix."""

    def decomposition(*params: Any, wires: Any, **hyperparameters: Any) -> list[Any]:
        return [qml.RY(sum(params) + angle, wires[0]), qml.S(wires[-1])]

    def matrix(*params: Any, **hyperparameters: Any) -> Any:
        turn = qml.math.cast(qml.RY.compute_matrix(sum(params) + angle), complex)
        phase = qml.math.convert_like(qml.S.compute_matrix(), turn)
        return phase @ turn if wires == 1 else qml.math.kron(turn, phase)

    parts = {
        "num_wires": wires,
        "num_params": count,
        "ndim_params": (0,) * count,
        "compute_decomposition": staticmethod(decomposition),
        "compute_matrix": staticmethod(matrix),
    }
    return type(name, (qml.operation.Operation,), parts)


OWN = [
    *((name, 0, 1) for name in ("Hadamard", "PauliX", "SX", "Identity", "Barrier")),
    *((name, 1, 1) for name in ("RX", "RY", "PhaseShift", "SpecialUnitary")),
    ("Rot", 3, 1),
    ("U3", 3, 1),
    *((name, 0, 2) for name in ("CNOT", "SWAP", "ISWAP")),
    *((name, 1, 2) for name in ("IsingXX", "CRY", "SingleExcitation")),
]


@pytest.mark.parametrize("device", ["qdl.simulator", "qdl.qiskit"])
@pytest.mark.parametrize(("name", "count", "wires"), OWN)
def test_name_of_a_users_gate_means_nothing(
    name: str, count: int, wires: int, device: str
) -> None:
    kind = own_gate(name, 0.4, count, wires)
    angles = [0.3, -0.8, 1.1][:count]

    def circuit() -> Any:
        for wire in range(3):
            qml.RX(0.5 + wire, wire)
        kind(*angles, wires=[1, 0][:wires])
        qml.ctrl(kind(*angles, wires=[2, 1][:wires]), 0 if wires == 1 else [0])
        qml.adjoint(kind(*angles, wires=[0, 2][:wires]))
        return [qml.expval(qml.X(wire) @ qml.Y((wire + 1) % 3)) for wire in range(3)]

    found = qml.QNode(circuit, qml.device(device, wires=3))()
    reference = qml.QNode(circuit, qml.device("default.qubit", wires=3))()
    np.testing.assert_allclose(found, reference, atol=1e-7)


@pytest.mark.parametrize("name", ["qdl.simulator", "qdl.qiskit"])
def test_gates_of_one_name_are_not_taken_for_each_other(name: str) -> None:
    device = qml.device(name, wires=1)
    for angle in (0.3, 0.9):
        kind = own_gate("Mine", angle, 0)

        def circuit(kind: Any = kind) -> Any:
            kind(wires=0)
            return qml.expval(qml.Z(0))

        assert float(qml.QNode(circuit, device)()) == pytest.approx(np.cos(angle))

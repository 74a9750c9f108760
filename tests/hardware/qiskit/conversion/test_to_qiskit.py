"""Circuits come from Qiskit and go there: as unitaries, and with gradients."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
)
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, SparsePauliOp, random_unitary

from qml_qdl import hardware
from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    BasisEncoding,
    Circuit,
    Expectation,
    HardwareEfficient,
    IQPEncoding,
    Processing,
    SimCircuit,
    StronglyEntangling,
    ZZFeatureMap,
    reupload,
)
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.nn import QuantumLayer

X = ParameterVector("x", 3)
THETA = ParameterVector("θ", 12)


def qiskit_unitary(circuit: QuantumCircuit, x: Any = (), theta: Any = ()) -> Any:
    values = {"x": x, "θ": theta}
    bound = {p: values[p.vector.name][p.index] for p in circuit.parameters}
    circuit = circuit.decompose("PauliEvolution")
    return Operator(circuit.assign_parameters(bound).reverse_bits()).data


def our_unitary(circuit: Circuit, x: Any = None, weights: Any = None) -> Any:
    tape = qml.tape.make_qscript(circuit)(x, weights)
    idle = [qml.Identity(wire) for wire in circuit.wires]
    tape = qml.tape.QuantumScript([*idle, *tape.operations])
    return qml.matrix(tape, wire_order=circuit.wires)


def everything() -> QuantumCircuit:
    """Inputs and weights interleaved, in gates of every sort."""
    circuit = QuantumCircuit(3, global_phase=X[0] / 3)
    circuit.h(0)
    circuit.rx(2 * X[0] + 0.1, 0)
    circuit.ry(THETA[0] * X[1], 1)
    circuit.cry(THETA[11] ** 2 - X[2].sin(), 0, 2)
    circuit.cu(THETA[1], 0.2, 0.3, X[1], 2, 0)
    circuit.ccx(0, 2, 1)
    circuit.append(lib.XXPlusYYGate(THETA[2], THETA[3]), [2, 0])
    circuit.append(lib.XGate().control(2, ctrl_state=1), [0, 1, 2])
    controlled = lib.RYGate(THETA[4]).control(2, ctrl_state=2, annotated=False)
    circuit.append(controlled, [2, 1, 0])
    circuit.append(lib.UnitaryGate(random_unitary(4, seed=1)), [2, 0])
    circuit.append(lib.RCCXGate(), [0, 1, 2])
    circuit.mcp(THETA[5], [0, 2], 1)
    word = SparsePauliOp(["XYZ", "ZYX"])  # they commute
    circuit.append(lib.PauliEvolutionGate(word, time=THETA[6]), [0, 1, 2])
    circuit.rzx(THETA[7], 0, 1)
    circuit.r(THETA[8], THETA[9], 2)
    circuit.barrier()
    circuit.rz(THETA[10].exp() / 2 + abs(X[0]), 1)
    circuit.id(0)
    circuit.dcx(0, 1)
    inner = QuantumCircuit(2, global_phase=0.3)
    inner.cp(X[2], 1, 0)
    circuit.append(inner.to_gate(label="inner"), [2, 1])
    return circuit


def test_everything_is_the_same_unitary() -> None:
    circuit, rng = everything(), np.random.default_rng(0)
    x, theta = rng.normal(size=3), rng.normal(size=12)
    ours = hardware.from_qiskit(circuit, inputs=X, weights=THETA)
    assert (ours.num_inputs, ours.weight_shapes) == (3, {"weights_0": (12,)})
    reference = qiskit_unitary(circuit, x, theta)
    np.testing.assert_allclose(our_unitary(ours, x, theta), reference, atol=1e-12)
    back = hardware.to_qiskit(ours)
    np.testing.assert_allclose(qiskit_unitary(back, x, theta), reference, atol=1e-12)


NAMES = {  # by number of qubits and of angles
    (1, 0): ["x", "y", "z", "h", "s", "t", "sx", "sdg", "tdg", "sxdg", "id"],
    (1, 1): ["rx", "ry", "rz", "p"],
    (1, 2): ["r"],
    (1, 3): ["u"],
    (2, 0): ["cx", "cy", "cz", "ch", "cs", "csdg", "csx", "swap", "iswap", "ecr"],
    (2, 1): ["crx", "cry", "crz", "cp", "rxx", "ryy", "rzz", "rzx"],
    (2, 4): ["cu"],
    (3, 0): ["ccx", "ccz", "cswap", "rccx"],
    (4, 0): ["rcccx"],
}


@pytest.mark.parametrize(
    ("name", "wires", "angles"),
    [(name, *size) for size, names in NAMES.items() for name in names],
)
def test_gate_comes_as_it_is(name: str, wires: int, angles: int) -> None:
    circuit = QuantumCircuit(4)
    symbols = list(ParameterVector("x", angles))
    getattr(circuit, name)(*symbols, *[3, 0, 2, 1][:wires])
    inputs = "x" if symbols else ()
    ours = hardware.from_qiskit(circuit, inputs, wires=["a", "b", "c", "d"])
    x = np.array([0.4, -1.1, 2.3, 0.8])[: len(symbols)]
    found = our_unitary(ours, x if len(x) else None)
    np.testing.assert_allclose(found, qiskit_unitary(circuit, x), atol=1e-12)


@pytest.mark.parametrize(
    "modifiers",
    [
        [InverseModifier()],
        [PowerModifier(3)],
        [PowerModifier(-2), ControlModifier(1, 0)],
        [ControlModifier(1, 0), InverseModifier(), ControlModifier(1, 1)],
        [ControlModifier(2, 2), PowerModifier(2)],
    ],
    ids=lambda modifiers: " ".join(type(m).__name__ for m in modifiers),
)
def test_modifiers_are_applied_in_order(modifiers: list[Any]) -> None:
    inner = QuantumCircuit(2, global_phase=0.4)
    inner.u(0.3, 0.7, 1.1, 0)
    inner.t(1)
    inner.cx(0, 1)
    inner.unitary(random_unitary(4, seed=2), [1, 0])
    operation = AnnotatedOperation(inner.to_gate(), modifiers)
    circuit = QuantumCircuit(4)
    circuit.append(operation, [3, 1, 0, 2][: operation.num_qubits])
    bound = QuantumCircuit(4)
    bound.unitary(operation.to_matrix(), [3, 1, 0, 2][: operation.num_qubits])
    found = our_unitary(hardware.from_qiskit(circuit))
    np.testing.assert_allclose(found, qiskit_unitary(bound), atol=1e-12)


CIRCUITS: dict[str, Circuit] = {
    "angles": StronglyEntangling(3, layers=2) @ AngleEncoding(3, scaling=2.0),
    "labels": StronglyEntangling(["a", "b"], imprimitive="iSWAP")
    @ AngleEncoding(["b", "a"]),
    "other order": StronglyEntangling([1, 0, 2]) @ AngleEncoding([2, 0, 1]),
    "gaps": StronglyEntangling([5, 7, 9]) @ BasisEncoding([9, 5, 7]),
    "trained scaling": HardwareEfficient(2)
    @ AngleEncoding(2, rotation="Z", trainable_scaling=True),
    "products": HardwareEfficient(3) @ IQPEncoding(3),
    "feature map": SimCircuit(13, 4) @ ZZFeatureMap(4),
    "reupload": reupload(AngleEncoding(2), StronglyEntangling(2), layers=3),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_circuit_goes_and_comes_back(name: str) -> None:
    circuit, rng = CIRCUITS[name], np.random.default_rng(0)
    x = rng.normal(size=circuit.num_inputs)
    weights = {n: rng.normal(size=s) for n, s in circuit.weight_shapes.items()}
    theta = np.concatenate([weight.ravel() for weight in weights.values()])
    reference = our_unitary(circuit, x, weights)
    exported = hardware.to_qiskit(circuit)
    found = qiskit_unitary(exported, x, theta)
    np.testing.assert_allclose(found, reference, atol=1e-10)
    back = hardware.from_qiskit(exported, "x", "θ", wires=circuit.wires)
    np.testing.assert_allclose(our_unitary(back, x, theta), reference, atol=1e-10)
    assert back.weight_shapes == {"weights_0": (len(theta),)}


GATES: list[tuple[str, int, int]] = [
    ("h", 1, 0),
    ("sxdg", 1, 0),
    ("ry", 1, 1),
    ("u", 1, 3),
    ("cx", 2, 0),
    ("crz", 2, 1),
    ("rxx", 2, 1),
    ("cu", 2, 4),
    ("cswap", 3, 0),
]


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(GATES),
            st.permutations(range(3)),
            st.lists(st.integers(0, 5), min_size=4, max_size=4),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_random_circuit_comes_and_goes_back(
    parts: list[tuple[tuple[str, int, int], list[int], list[int]]],
) -> None:
    circuit = QuantumCircuit(3)
    terms = [*X, THETA[0], 2 * THETA[1] - X[0], X[1] * THETA[2] / 2]
    circuit.rz(sum(X) + sum(THETA), 0)  # each parameter is there
    for (name, wires, count), order, chosen in parts:
        angles = [terms[place] for place in chosen[:count]]
        getattr(circuit, name)(*angles, *order[:wires])
    x, theta = np.linspace(-1, 2, 3), np.linspace(2, -3, 12)
    reference = qiskit_unitary(circuit, x, theta)
    ours = hardware.from_qiskit(circuit, X, THETA)
    np.testing.assert_allclose(our_unitary(ours, x, theta), reference, atol=1e-11)
    back = qiskit_unitary(hardware.to_qiskit(ours), x, theta)
    np.testing.assert_allclose(back, reference, atol=1e-11)


@pytest.mark.parametrize(
    "expression",
    [
        lambda a, b: a,
        lambda a, b: 2 * a + 0.1,
        lambda a, b: 1 / 3 - a / 7,
        lambda a, b: a * b - b**2 / (1 + a * a),
        lambda a, b: a.sin() * b.cos() + a.tan(),
        lambda a, b: (a / 9).arcsin() + (b / 9).arccos() + a.arctan(),
        lambda a, b: (a * b).exp() + (a + 5).log() + abs(b) + b.sign(),
        lambda a, b: a.conjugate() + b ** (-2),
    ],
)
def test_expressions_are_computed(expression: Callable[[Any, Any], Any]) -> None:
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.rx(expression(a, b), 0)
    circuit.rx(b, 0)
    ours = hardware.from_qiskit(circuit, inputs=[a], weights=[b])
    for array in (np.array, torch.tensor):
        tape = qml.tape.make_qscript(ours)(array([0.7]), array([-1.3]))
        bound = circuit.assign_parameters({a: 0.7, b: -1.3})
        expected = float(bound.data[0].operation.params[0])
        assert float(tape.operations[0].data[0]) == pytest.approx(expected, abs=1e-6)


def test_export_has_x_and_theta_in_order() -> None:
    circuit = StronglyEntangling(2, layers=3) @ AngleEncoding(2)
    exported = hardware.to_qiskit(circuit)
    names = [f"x[{k}]" for k in range(2)] + [f"θ[{k}]" for k in range(18)]
    assert [parameter.name for parameter in exported.parameters] == names
    assert not exported.clbits


def test_layer_has_gradients_and_batches() -> None:
    ours = hardware.from_qiskit(everything(), X, THETA)
    inputs = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    layer = QuantumLayer(ours).double()
    outputs = layer(inputs)
    assert outputs.shape == (5, 3)
    outputs.square().sum().backward()
    (weights,) = layer.parameters()
    node = qml.QNode(ours, qml.device("default.qubit", wires=3), interface="torch")
    leaves = [t.detach().clone().requires_grad_() for t in (inputs, weights)]
    reference = torch.stack(node(leaves[0], leaves[1].reshape(-1)), dim=-1)
    torch.testing.assert_close(outputs, reference, atol=1e-9, rtol=0.0)
    reference.square().sum().backward()
    for found, leaf in zip((inputs, weights), leaves, strict=True):
        torch.testing.assert_close(found.grad, leaf.grad, atol=1e-8, rtol=0.0)


def test_autograd_goes_through() -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(2 * X[0] * THETA[1], 0)
    circuit.rx(THETA[0].sin() + X[1], 0)
    circuit.cry(THETA[1] ** 2, 0, 1)
    ours = hardware.from_qiskit(circuit, [*X][:2], [*THETA][:2])
    node = qml.QNode(ours, qml.device("default.qubit", wires=2))
    x = qml.numpy.array([0.4, 0.7], requires_grad=False)
    theta = qml.numpy.array([0.3, 1.1], requires_grad=True)
    found = qml.jacobian(lambda t: qml.math.stack(node(x, t)))(theta)
    steps = 1e-6 * np.eye(2)
    for place, step in enumerate(steps):
        rise = np.subtract(node(x, theta + step), node(x, theta - step))
        np.testing.assert_allclose(found[:, place], rise / 2e-6, atol=1e-7)


def test_block_is_a_value() -> None:
    ours = hardware.from_qiskit(everything(), "x", "θ")
    again = hardware.from_qiskit(everything(), X, THETA)
    assert ours == again
    assert hash(ours) == hash(again)
    assert pickle.loads(pickle.dumps(ours)) == ours
    assert ours != hardware.from_qiskit(everything(), X, THETA, wires=[3, 4, 5])
    assert "num_inputs=3" in repr(ours)
    assert ours.readout == Expectation()
    assert "RX" in str(ours)


def test_what_cannot_go_is_refused() -> None:
    with pytest.raises(ArgumentError, match="parameter expressions cannot hold"):
        hardware.to_qiskit(HardwareEfficient(2) @ AmplitudeEncoding(2))


@frozen(repr=False)
class Own(Processing):
    """Gates of one's own, of as many weights as they take."""

    wires: tuple[int, ...] = (0, 1, 2, 3)
    make: Callable[[Any], Any] = lambda weights: None
    count: int = 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.count,)

    def process(self, weights: Any) -> None:
        self.make(weights)


AROUND: dict[str, Callable[[Any], Any]] = {
    "": lambda gate: gate,
    "adjoint": qml.adjoint,
    "adjoint at once": lambda gate: qml.adjoint(gate, lazy=False),
    "control": lambda gate: qml.ctrl(gate, [2], [0]),
    "controls": lambda gate: qml.ctrl(gate, [2, 3], [0, 1]),
    "control of the adjoint": lambda gate: qml.ctrl(qml.adjoint(gate), 3),
    "adjoint of the control": lambda gate: qml.adjoint(qml.ctrl(gate, 3)),
    "square": lambda gate: qml.pow(gate, 2),
    "inverse": lambda gate: qml.pow(gate, -1),
    "control of a power": lambda gate: qml.ctrl(qml.pow(gate, -2), 3),
}

WORD = qml.X(0) @ qml.Z(1)


def called(kind: Any, wires: int, count: int) -> tuple[int, Callable[[Any], Any]]:
    return count, lambda angles: kind(*angles, wires=range(wires))


OWN: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "RX": called(qml.RX, 1, 1),
    "RY": called(qml.RY, 1, 1),
    "PhaseShift": called(qml.PhaseShift, 1, 1),
    "U1": called(qml.U1, 1, 1),
    "U2": called(qml.U2, 1, 2),
    "U3": called(qml.U3, 1, 3),
    "Rot": called(qml.Rot, 1, 3),
    "CRot": called(qml.CRot, 2, 3),
    "PSWAP": called(qml.PSWAP, 2, 1),
    "SingleExcitationPlus": called(qml.SingleExcitationPlus, 2, 1),
    "FermionicSWAP": called(qml.FermionicSWAP, 2, 1),
    "IsingXY": called(qml.IsingXY, 2, 1),
    "CPhaseShift01": called(qml.CPhaseShift01, 2, 1),
    "PauliRot": (1, lambda t: qml.PauliRot(t[0], "XY", wires=[0, 1])),
    "exp": (1, lambda t: qml.exp(WORD, 1j * t[0])),
    "evolve": (1, lambda t: qml.evolve(WORD, t[0])),
    "prod": (2, lambda t: qml.prod(qml.RX(t[0], 0), qml.RY(t[1], 0))),
    "fixed": (1, lambda t: qml.prod(qml.T(0), qml.SX(0), qml.RZ(t[0], 1))),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", OWN)
def test_gate_of_symbols_goes(name: str, around: str) -> None:
    count, make = OWN[name]
    block = Own(make=lambda t: AROUND[around](make(t)), count=count)
    theta = np.array([0.3, 0.7, -1.1])[:count]
    reference = our_unitary(Circuit((block,)), weights=theta)
    found = qiskit_unitary(hardware.to_qiskit(Circuit((block,))), theta=theta)
    np.testing.assert_allclose(found, reference, atol=1e-10)


@pytest.mark.parametrize(
    "make",
    [
        lambda t: qml.pow(qml.U3(*t, wires=0), 0.5),
        lambda t: qml.SpecialUnitary(t, wires=0),
        lambda t: qml.exp(qml.X(0), t[0]),
        lambda t: qml.exp(qml.X(0), (1 + 1j) * t[0]),
        lambda t: qml.exp(qml.X(0) + qml.Z(0), 1j * t[0]),
        lambda t: qml.RX(qml.math.floor(t[0]), 0),
    ],
)
def test_gate_that_no_symbols_can_hold_is_refused(make: Callable[[Any], Any]) -> None:
    message = "expressions cannot hold; use encodings"
    with pytest.raises(ArgumentError, match=message) as raised:
        hardware.to_qiskit(Circuit((Own(make=make, count=3),)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("angle", [0.3, 7.7, -4.0])
def test_remainder_is_a_saw(angle: float) -> None:
    circuit = Circuit((Own(make=lambda t: qml.RX(qml.math.mod(t[0], 2.5), 0)),))
    exported = hardware.to_qiskit(circuit)
    (gate,) = exported.assign_parameters([angle]).data
    assert gate.operation.params == [pytest.approx(angle % 2.5, abs=1e-9)]


def test_exports_are_known_before_they_are_loaded() -> None:
    assert {"from_qiskit", "to_qiskit"} <= set(dir(hardware))
    name = "to_cirq"
    with pytest.raises(AttributeError, match="no attribute 'to_cirq'"):
        getattr(hardware, name)

from __future__ import annotations

import warnings

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    Excitations,
    Expectation,
    FixedGates,
    HardwareEfficient,
    PauliRotations,
)
from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, ShapeError
from qml_qdl.manybody import Problem
from qml_qdl.manybody.named_states import variational_evolution
from qml_qdl.vqe import Energy, Molecule, energy_of, make_ansatz
from qml_qdl.vqe.energies import CircuitEnergy, SectorEnergy
from tests.vqe.problems import problem

# Inside torch.func.jacfwd.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def energies() -> list[tuple[Energy, Circuit]]:
    """Of excitations, of words, and of gates that leave every sector or keep it."""
    hydrogen, ising = problem("H4"), Problem.named("transverse_ising", size=4)
    ring = Problem.named("heisenberg", size=4)
    uccsd, _ = make_ansatz(hydrogen, "uccsd")
    words = PauliRotations(4, ["YIII", "IYZI", "XIYI", "IIIY", "YXII"])
    plain = Circuit([HardwareEfficient(4, 2)])
    evolution, _ = variational_evolution(ring, 2)
    return [
        (energy_of(hydrogen, uccsd), uccsd),
        (energy_of(ising, words), Circuit([words])),
        (energy_of(ring, plain, leave_sector=True), plain),
        (energy_of(ring, evolution), evolution),
    ]


NAMES = ["uccsd", "words", "hardware-efficient", "variational"]


@pytest.fixture(params=range(4), ids=NAMES)
def pair(request: pytest.FixtureRequest) -> tuple[Energy, Circuit]:
    found: tuple[Energy, Circuit] = energies()[request.param]
    return found


def angles_of(energy: Energy) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(1).normal(0, 0.5, energy.num_angles)


def test_value_and_gradient_are_a_qnodes(pair: tuple[Energy, Circuit]) -> None:
    energy, circuit = pair
    angles = angles_of(energy)
    value, gradient = energy.value_and_gradient(angles)
    readout = Expectation([energy.problem.operator.as_pennylane()])
    device = qml.device("default.qubit", wires=circuit.wires)
    whole = circuit.with_readout(readout)
    node = qml.QNode(lambda x: whole(None, x)[0], device, interface="torch")
    (shape,) = circuit.weight_shapes.values()
    weights = torch.tensor(angles.reshape(shape), requires_grad=True)
    wanted = node(weights)
    wanted.backward()
    assert weights.grad is not None
    assert value == pytest.approx(wanted.item(), abs=1e-10)
    assert np.allclose(gradient, weights.grad.numpy().ravel(), atol=1e-10)


def test_derivatives_are_finite_differences(pair: tuple[Energy, Circuit]) -> None:
    energy, _ = pair
    angles, step = angles_of(energy), 1e-5
    _, gradient = energy.value_and_gradient(angles)
    tangents = energy.tangents(angles)
    for number in (0, energy.num_angles - 1):
        moved = np.eye(energy.num_angles)[number] * step
        ends = [angles + moved, angles - moved]
        up, down = (energy.value_and_gradient(each)[0] for each in ends)
        assert gradient[number] == pytest.approx((up - down) / (2 * step), abs=1e-7)
        plus, minus = (energy.state(each) for each in ends)
        assert np.allclose(tangents[:, number], (plus - minus) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("number", [1, 2, 3], ids=NAMES[1:])
def test_the_metric_is_pennylanes(number: int) -> None:
    energy, circuit = energies()[number]
    angles = angles_of(energy)
    (shape,) = circuit.weight_shapes.values()
    device = qml.device("default.qubit", wires=circuit.wires)

    @qml.qnode(device, interface="autograd")
    def node(weights: object) -> object:
        for block in circuit.blocks:
            block.queue(None, None if block.weight_shape is None else weights)
        return qml.expval(qml.Z(0))

    weights = qml.numpy.array(angles.reshape(shape), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = qml.gradients.adjoint_metric_tensor(node)(weights)
    size = energy.num_angles
    assert np.allclose(energy.metric(angles), wanted.reshape(size, size), atol=1e-8)


def test_both_ways_agree_where_both_can_be_gone() -> None:
    hydrogen = problem("H4")
    circuit, _ = make_ansatz(hydrogen, "givens")
    pairs, simulated = energy_of(hydrogen, circuit), CircuitEnergy(hydrogen, circuit)
    assert isinstance(pairs, SectorEnergy)
    assert simulated.matrix.shape == pairs.matrix.shape  # it keeps the sector
    angles = angles_of(pairs)
    assert np.allclose(pairs.state(angles), simulated.state(angles), atol=1e-12)
    assert np.allclose(pairs.metric(angles), simulated.metric(angles), atol=1e-10)
    assert simulated.outside(angles) == 0.0


def test_without_an_angle_there_is_an_energy() -> None:
    molecule = Molecule.named("H2")
    energy = energy_of(problem("H2"), FixedGates(4, "PauliX", molecule.reference))
    value, gradient = energy.value_and_gradient([])
    assert value == pytest.approx(-1.1166843872, abs=1e-9)
    assert (gradient.shape, energy.tangents([]).shape) == ((0,), (4, 0))


def test_a_circuit_that_leaves_the_sector_is_refused() -> None:
    hydrogen = problem("H2")
    with pytest.raises(ArgumentError, match="circuit: it leaves the sector of H2: at"):
        energy_of(hydrogen, HardwareEfficient(4))
    with pytest.raises(ArgumentError, match="circuit: it leaves the sector of H2"):
        energy_of(hydrogen, Excitations(4, [(0, 1, 2, 3)]))  # no electrons
    energy = energy_of(hydrogen, HardwareEfficient(4), leave_sector=True)
    assert isinstance(energy, CircuitEnergy)
    angles = angles_of(energy)
    state = energy.state(angles)
    inside = sum(abs(state[k]) ** 2 for k in hydrogen.configurations.states.tolist())
    assert energy.outside(angles) == pytest.approx(1 - inside)
    assert energy.outside(angles) > 0.1


def test_sectors_that_gates_do_not_keep_are_refused() -> None:
    for asked in ({"momentum": 0}, {"spin_flip": 1}):
        ring = Problem.named("heisenberg", size=4, **asked)
        with pytest.raises(ArgumentError, match="was asked, which gates do not keep"):
            energy_of(ring, Excitations(4, [(1, 0)]) @ FixedGates(4, "PauliX", (1, 3)))
        with pytest.raises(ArgumentError, match="was asked, which gates do not keep"):
            energy_of(ring, HardwareEfficient(4), leave_sector=True)


def test_derivatives_that_do_not_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = energies()
    monkeypatch.setattr("qml_qdl.manybody.sectors.free_bytes", lambda _: 100)
    for energy, _ in made:
        with pytest.raises(MemoryBoundError, match="angles: derivatives of"):
            energy.metric(angles_of(energy))


def test_bad_circuits_and_angles() -> None:
    hydrogen = problem("H2")
    with pytest.raises(ArgumentError, match="circuit: expected 4 wires, one for each"):
        energy_of(hydrogen, HardwareEfficient(3))
    with pytest.raises(ArgumentError, match="circuit: expected one without inputs"):
        energy_of(hydrogen, HardwareEfficient(4) @ AngleEncoding(4))
    circuit, _ = make_ansatz(hydrogen, "uccsd")
    for wrong in ([0.0], [[0.0] * 3], [0.0, np.nan, 0.0]):
        with pytest.raises(ShapeError, match="angles: expected 3 finite numbers"):
            energy_of(hydrogen, circuit).value_and_gradient(wrong)

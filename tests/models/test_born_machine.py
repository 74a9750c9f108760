"""Born machines, and the tree along which their gates lie."""

from __future__ import annotations

from itertools import pairwise

import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import AngleEncoding, HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.data import bit_index, frequencies
from qml_qdl.metrics import chow_liu_tree, kl_divergence, mmd
from qml_qdl.models import BornMachine, chow_liu_circuit

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def markov_chain(rows: int = 4000) -> torch.Tensor:
    """Bits in the order 2, 0, 3, 1, each mostly like the one before."""
    generator = seeded()
    order = [2, 0, 3, 1]
    bits = torch.empty(rows, 4, dtype=DOUBLE)
    bits[:, 2] = torch.randint(2, (rows,), generator=generator).double()
    for before, after in pairwise(order):
        flip = (torch.rand(rows, generator=generator) < 0.1).double()
        bits[:, after] = (bits[:, before] - flip).abs()
    return bits


def test_gates_lie_along_the_tree() -> None:
    bits = markov_chain()
    circuit = chow_liu_circuit(bits, layers=2)
    weights = {k: torch.rand(s) for k, s in circuit.weight_shapes.items()}
    tape = qml.tape.make_qscript(circuit)(weights=weights)
    joined = [tuple(op.wires) for op in tape.operations if op.name == "CNOT"]
    assert joined == [*chow_liu_tree(bits)] * 2
    assert [op.name for op in tape.operations[-12:]] == ["RZ"] * 4 + ["RX"] * 4 + [
        "RZ"
    ] * 4


def test_probabilities_are_pennylanes() -> None:
    circuit = HardwareEfficient(3, layers=2)
    machine = BornMachine(circuit, dtype=DOUBLE, generator=seeded())
    weights = dict(machine.layer.named_parameters())

    @qml.qnode(qml.device("default.qubit"))
    def original() -> object:
        circuit.process(next(iter(weights.values())).detach())
        return qml.probs(range(3))

    torch.testing.assert_close(machine().detach(), torch.as_tensor(original()))


def test_samples_follow_the_probabilities() -> None:
    machine = BornMachine(HardwareEfficient(3), dtype=DOUBLE, generator=seeded(1))
    samples = machine.sample(20_000, seeded())
    expected = machine().detach()
    error = (expected * (1 - expected) / 20_000).sqrt() + 1e-12
    assert bool(((frequencies(samples, DOUBLE) - expected).abs() < 5 * error).all())
    assert torch.equal(machine.sample(5, seeded(2)), machine.sample(5, seeded(2)))
    assert bit_index(samples).max() < 8


@pytest.mark.parametrize("loss", [mmd, lambda p, q: kl_divergence(q, p)])
def test_training_reaches_the_target(loss: object) -> None:
    target = torch.tensor([0.5, 0, 0, 0.5], dtype=DOUBLE)
    machine = BornMachine(HardwareEfficient(2, 2), dtype=DOUBLE, generator=seeded())
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        loss(machine(), target).backward()  # type: ignore[operator]
        optimizer.step()
    assert kl_divergence(target, machine().detach()).item() < 1e-2


def test_training_by_shots_and_parameter_shift() -> None:
    torch.manual_seed(0)
    target = torch.tensor([0.5, 0, 0, 0.5])
    machine = BornMachine(
        HardwareEfficient(2),
        target=qml.device("default.qubit", seed=0),
        shots=500,
        generator=seeded(),
    )
    before = mmd(machine(), target).item()
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.2)
    for _ in range(30):
        optimizer.zero_grad()
        mmd(machine(), target).backward()
        optimizer.step()
    assert mmd(machine(), target).item() < before / 5


def test_a_circuit_with_inputs_is_refused() -> None:
    with pytest.raises(ArgumentError, match="expected one without inputs, got 2"):
        BornMachine(HardwareEfficient(2) @ AngleEncoding(2))


def test_state_dict_round_trip() -> None:
    machine = BornMachine(HardwareEfficient(2), generator=seeded())
    other = BornMachine(HardwareEfficient(2))
    other.load_state_dict(machine.state_dict())
    assert torch.equal(other(), machine())


def test_a_tree_needs_rows_of_bits() -> None:
    with pytest.raises(ShapeError, match=r"bits: expected the shape \(rows, n\)"):
        chow_liu_circuit(torch.tensor(1.0), layers=1)

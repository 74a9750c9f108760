"""The IQP Born machine: its estimates against exact values, and its training."""

from __future__ import annotations

import math

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.data import all_bits, frequencies
from qml_qdl.metrics import mmd, total_variation
from qml_qdl.models import IQPBornMachine

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_machine(bits: int, words: object = None, seed: int = 0) -> IQPBornMachine:
    machine = IQPBornMachine(bits, words, dtype=DOUBLE)  # type: ignore[arg-type]
    with torch.no_grad():
        machine.weight.normal_(0, 0.6, generator=seeded(seed))
    return machine


def pennylanes(machine: IQPBornMachine, observables: Tensor) -> Tensor:
    """Probabilities of PennyLane's template, and from them the words of Z."""

    @qml.qnode(qml.device("default.qubit"))
    def probabilities() -> object:
        pattern = [[list(word)] for word in machine.circuit.words]
        qml.IQP(machine.weight.tolist(), machine.num_bits, pattern)
        return qml.probs(range(machine.num_bits))

    p = torch.as_tensor(probabilities())
    signs = 1 - 2 * (observables @ all_bits(machine.num_bits, dtype=DOUBLE).T % 2)
    return signs @ p


WORDS = [
    pytest.param(2, None, id="two bits"),
    pytest.param(5, None, id="all pairs"),
    pytest.param(4, [(0, 1, 3), (2,), (0, 1, 2, 3), (1, 2)], id="long words"),
    pytest.param(6, [(0, 1), (1, 2, 3), (5,), (3, 4, 5)], id="some words"),
]


@pytest.mark.parametrize(("bits", "words"), WORDS)
def test_probabilities_are_pennylanes(bits: int, words: object) -> None:
    machine = random_machine(bits, words)
    strings = all_bits(bits, dtype=DOUBLE)
    expected = pennylanes(machine, strings)
    signs = 1 - 2 * (strings @ strings.T % 2)
    torch.testing.assert_close(signs @ machine().detach(), expected)


@pytest.mark.parametrize(("bits", "words"), WORDS)
def test_estimates_are_unbiased(bits: int, words: object) -> None:
    """Over all words of Z, with as many standard errors as so many words allow."""
    machine = random_machine(bits, words)
    observables = all_bits(bits, dtype=DOUBLE)
    terms = machine._terms(observables, 20_000, seeded()).detach()
    error = terms.std(1) / math.sqrt(terms.shape[1]) + 1e-12
    exact = pennylanes(machine, observables)
    assert bool(((terms.mean(1) - exact).abs() < 4.5 * error).all())
    found = machine.expectations(observables, 20_000, seeded())
    torch.testing.assert_close(found, terms.mean(1))
    assert exact[1:].abs().max().item() > 0.1


def test_gradients_are_those_of_exact_values() -> None:
    machine = random_machine(3)
    observables = torch.tensor([[1.0, 1, 0]])
    machine.expectations(observables, 200_000, seeded()).sum().backward()
    found = machine.weight.grad
    assert found is not None
    machine.weight.grad = None
    signs = 1 - 2 * (all_bits(3, dtype=DOUBLE) @ observables[0].double() % 2)
    torch.autograd.backward([signs @ machine()])
    assert machine.weight.grad is not None
    torch.testing.assert_close(found, machine.weight.grad, atol=0.02, rtol=0)
    assert found.abs().max().item() > 0.1


def test_mmd_is_unbiased() -> None:
    """Against the exact one between probabilities, though estimates are noisy."""
    widths = [0.5, 3.0]
    machine, other = random_machine(4, seed=0), random_machine(4, seed=1)
    exact = mmd(machine().detach(), other().detach(), widths).item()
    random, found = seeded(), []
    with torch.no_grad():
        for _ in range(600):
            rows = other.sample(10, random)
            options = {"num_samples": 10, "num_words": 10, "widths": widths}
            found.append(machine.mmd(rows, generator=random, **options))  # type: ignore[arg-type]
    values = torch.stack(found)
    error = values.std().item() / math.sqrt(len(values))
    assert values.mean().item() == pytest.approx(exact, abs=4 * error)
    assert error < exact / 5


def test_training_by_estimates_finds_the_distribution() -> None:
    wanted = IQPBornMachine(4)
    with torch.no_grad():
        wanted.weight.normal_(0.3, 0.3, generator=seeded(2))
    data = wanted.sample(2000, seeded())
    machine = IQPBornMachine(4, generator=seeded(1))
    target = frequencies(data)
    before = total_variation(machine().detach(), target).item()
    random = seeded(2)
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        machine.mmd(data, widths=[0.5, 1.0], generator=random).backward()
        optimizer.step()
    assert total_variation(machine().detach(), target).item() < before / 3


def test_a_hundred_and_twenty_bits_are_trained() -> None:
    """Neighbours that agree nine times out of ten, and bits that are mostly 1."""
    bits, random = 120, seeded()
    data = (torch.rand(500, bits, generator=random) < 0.7).float()
    agree = torch.rand(500, bits // 2, generator=random) < 0.9
    data[:, 1::2] = torch.where(agree, data[:, 0::2], 1 - data[:, 0::2])
    words = [(k,) for k in range(bits)] + [(k, k + 1) for k in range(0, bits, 2)]
    machine = IQPBornMachine(bits, words, generator=random)
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.05)
    options = {"widths": [20.0, 60.0], "num_samples": 300, "num_words": 300}

    def loss(seed: int) -> Tensor:
        return machine.mmd(data, generator=seeded(seed), **options)  # type: ignore[arg-type]

    before = loss(10_000).item()
    for step in range(100):
        optimizer.zero_grad()
        loss(step).backward()
        optimizer.step()
    assert loss(10_000).item() < before / 10
    singles = machine.expectations(torch.eye(bits), 4000, seeded()).detach()
    wanted = (1 - 2 * data).mean(0)
    assert (singles - wanted).abs().mean().item() < 0.1
    with pytest.raises(ArgumentError, match=r"120 bits have 2\^120 probabilities, and"):
        machine.sample(1)


def test_the_circuit_goes_to_a_machine_with_shots() -> None:
    machine = random_machine(3)
    torch.testing.assert_close(machine.born_machine()().detach(), machine().detach())
    device = qml.device("default.qubit", seed=0)
    counted = machine.born_machine(device, shots=4000)()
    assert total_variation(counted.double(), machine().detach()).item() < 0.05


def test_samples_follow_the_probabilities() -> None:
    machine = random_machine(3)
    samples = machine.sample(10_000, seeded())
    expected = machine().detach()
    error = (expected * (1 - expected) / 10_000).sqrt() + 1e-12
    assert bool(((frequencies(samples, DOUBLE) - expected).abs() < 5 * error).all())
    assert torch.equal(machine.sample(5, seeded(2)), machine.sample(5, seeded(2)))


def test_it_is_a_module() -> None:
    machine = random_machine(3)
    other = IQPBornMachine(3, dtype=DOUBLE)
    other.load_state_dict(machine.state_dict())
    assert torch.equal(other(), machine())
    assert "3, 6 words" in repr(machine)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        pytest.param(
            lambda: IQPBornMachine(2, [(0, 2)]),
            ArgumentError,
            r"words: expected different places from 0 to 1 in each word, got \(0, 2\)",
            id="places",
        ),
        pytest.param(
            lambda: IQPBornMachine(0), ArgumentError, "num_bits: expected", id="none"
        ),
        pytest.param(
            lambda: IQPBornMachine(2).mmd(torch.ones(1, 2)),
            DataError,
            "data: expected two or more rows, got 1",
            id="one row",
        ),
        pytest.param(
            lambda: IQPBornMachine(2).mmd(torch.full((3, 2), 0.5)),
            DataError,
            "data: expected zeros and ones, got 0.5; threshold the data",
            id="grey",
        ),
        pytest.param(
            lambda: IQPBornMachine(2).mmd(torch.full((3, 2), math.nan)),
            DataError,
            "NaN or infinity in row 0",
            id="nan",
        ),
        pytest.param(
            lambda: IQPBornMachine(2).mmd(torch.ones(3, 2), num_samples=1),
            ArgumentError,
            "num_samples: expected at least 2, got 1",
            id="one z",
        ),
        pytest.param(
            lambda: IQPBornMachine(2).mmd(torch.ones(3, 2), widths=[-1.0]),
            ArgumentError,
            "widths: expected one or more positive numbers",
            id="widths",
        ),
        pytest.param(
            lambda: IQPBornMachine(2).expectations(torch.ones(3, 3)),
            ShapeError,
            r"observables: expected the shape \(rows, 2\), got \(3, 3\)",
            id="observables",
        ),
    ],
)
def test_bad_arguments_are_refused(
    make: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()  # type: ignore[operator]

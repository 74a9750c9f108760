"""The quantum Boltzmann machine against formulas and PennyLane."""

from __future__ import annotations

import math
from itertools import combinations

import pennylane as qml
import pytest
import scipy.linalg
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import all_bits, frequencies
from qml_qdl.models import QuantumBoltzmannMachine

DOUBLE = torch.float64


def random_machine(visible: int, hidden: int = 0) -> QuantumBoltzmannMachine:
    machine = QuantumBoltzmannMachine(visible, hidden, dtype=DOUBLE)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.normal_(generator=generator)
    return machine


def test_hamiltonian_is_the_formula() -> None:
    machine = random_machine(2, 1)
    n = [(qml.Identity(i) - qml.Z(i)) / 2 for i in range(3)]
    numbers = [p.detach().tolist() for p in machine.parameters()]
    bias, weight, field = numbers
    terms = [b * n[i] for i, b in enumerate(bias)]
    terms += [
        w * (n[i] @ n[j])
        for w, (i, j) in zip(weight, combinations(range(3), 2), strict=True)
    ]
    terms += [-f * qml.X(i) for i, f in enumerate(field)]
    expected = torch.as_tensor(qml.matrix(qml.sum(*terms), wire_order=range(3)).real)
    torch.testing.assert_close(machine.hamiltonian(), expected)


def test_probabilities_are_those_of_the_thermal_state() -> None:
    machine = random_machine(2, 1)
    thermal = scipy.linalg.expm(-machine.hamiltonian().detach().numpy())
    expected = torch.as_tensor(thermal.diagonal() / thermal.trace())
    torch.testing.assert_close(machine().detach(), expected.reshape(4, 2).sum(1))
    assert machine.log_partition().item() == pytest.approx(math.log(thermal.trace()))


def test_without_the_field_it_is_classical() -> None:
    machine = random_machine(3)
    with torch.no_grad():
        machine.transverse_field.zero_()
    bits = all_bits(3, dtype=DOUBLE)
    pairs = [bits[:, i] * bits[:, j] for i, j in combinations(range(3), 2)]
    energies = bits @ machine.bias + torch.stack(pairs, -1) @ machine.weight
    torch.testing.assert_close(machine(), (-energies).softmax(0))


def test_single_unit_has_a_closed_form() -> None:
    machine = QuantumBoltzmannMachine(1, transverse_field=0.7, dtype=DOUBLE)
    with torch.no_grad():
        machine.bias.fill_(0.4)
    gap = math.hypot(0.2, 0.7)
    expected = (1 - 0.2 / gap * math.tanh(gap)) / 2
    assert machine()[1].item() == pytest.approx(expected)


def test_bound_lies_above_the_exact_loss() -> None:
    machine = random_machine(2, 2)
    data = all_bits(2, dtype=DOUBLE)
    for row in data:
        exact = -machine()[int(2 * row[0] + row[1])].log()
        assert machine.nll_loss(row[None]).item() >= exact.item() - 1e-12
    with torch.no_grad():
        machine.transverse_field[:2] = 0
    exact = -machine().log().mean()
    torch.testing.assert_close(machine.nll_loss(data), exact)


@pytest.mark.parametrize("hidden", [0, 1])
def test_gradients_against_finite_differences(hidden: int) -> None:
    machine = random_machine(2, hidden)
    data = all_bits(2, dtype=DOUBLE)[[0, 3, 3]]
    gradients = torch.autograd.grad(
        machine.nll_loss(data), [machine.bias, machine.weight]
    )
    for parameter, gradient in zip(
        [machine.bias, machine.weight], gradients, strict=True
    ):
        for k in range(len(parameter)):
            values = []
            for step in (1e-6, -1e-6):
                with torch.no_grad():
                    parameter[k] += step
                    values.append(machine.nll_loss(data).item())
                    parameter[k] -= step
            slope = (values[0] - values[1]) / 2e-6
            assert gradient[k].item() == pytest.approx(slope, abs=1e-7)


def test_field_is_trained_only_without_hidden_units() -> None:
    assert QuantumBoltzmannMachine(2).transverse_field.requires_grad
    machine = QuantumBoltzmannMachine(2, 1)
    assert not machine.transverse_field.requires_grad
    machine.nll_loss(torch.zeros(1, 2)).backward()
    assert machine.transverse_field.grad is None


def test_it_learns_a_correlation() -> None:
    machine = QuantumBoltzmannMachine(2, transverse_field=0.5, dtype=DOUBLE)
    data = torch.tensor([[0.0, 0], [1, 1]], dtype=DOUBLE)
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        machine.nll_loss(data).backward()
        optimizer.step()
    assert machine.nll_loss(data).item() < 0.72  # the floor is ln 2 = 0.69


def test_samples_follow_the_probabilities() -> None:
    machine = random_machine(3)
    samples = machine.sample(20_000, torch.Generator().manual_seed(0))
    expected = machine().detach()
    error = (expected * (1 - expected) / 20_000).sqrt()
    assert bool(((frequencies(samples, DOUBLE) - expected).abs() < 5 * error).all())


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at most 12 units altogether, got 13"):
        QuantumBoltzmannMachine(10, 3)
    with pytest.raises(DataError, match="expected zeros and ones, got 2"):
        QuantumBoltzmannMachine(2).nll_loss(torch.tensor([[0.0, 2.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_gradient_is_right_where_a_row_is_very_unlikely(dtype: torch.dtype) -> None:
    """Of p(1) = 1 − 1/(1 + e^(−b)) as e^(−b) becomes small, and with a field."""
    machine = QuantumBoltzmannMachine(1, transverse_field=0.0, dtype=dtype)
    with torch.no_grad():
        machine.bias.fill_(60)
    machine.nll_loss(torch.ones(1, 1)).backward()
    assert machine.bias.grad is not None
    assert machine.bias.grad.item() == pytest.approx(1, rel=1e-4)

    machine = QuantumBoltzmannMachine(1, transverse_field=0.1, dtype=dtype)
    with torch.no_grad():
        machine.bias.fill_(30)
    machine.nll_loss(torch.ones(1, 1)).backward()
    # p(1) ≈ (Γ/b)²
    assert machine.bias.grad is not None
    assert machine.bias.grad.item() == pytest.approx(2 / 30, rel=1e-3)
    assert machine.transverse_field.grad is not None
    assert machine.transverse_field.grad.item() == pytest.approx(-2 / 0.1, rel=1e-3)


@pytest.mark.parametrize("field", [math.nan, math.inf])
def test_a_field_that_is_not_finite_is_reported(field: float) -> None:
    with pytest.raises(ArgumentError, match="transverse_field: expected a finite"):
        QuantumBoltzmannMachine(2, transverse_field=field)


def test_a_machine_of_nan_is_reported() -> None:
    machine = random_machine(2, 1)
    with torch.no_grad():
        machine.weight[0] = math.nan
    for call in (machine, lambda: machine.nll_loss(torch.ones(1, 2))):
        with pytest.raises(DataError, match=r"weight: .* NaN .* learning rate"):
            call()

"""Deep Boltzmann machines against enumeration."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.data import all_bits, frequencies
from qml_qdl.models import RBM, DeepBoltzmannMachine

DOUBLE = torch.float64
STRIPES = torch.tensor([[0.0, 0, 1, 1], [1, 1, 0, 0]], dtype=DOUBLE)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_machine(sizes: tuple[int, ...] = (3, 2, 2)) -> DeepBoltzmannMachine:
    machine = DeepBoltzmannMachine(sizes, num_chains=50, dtype=DOUBLE)
    generator = seeded()
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.normal_(generator=generator)
    return machine


def all_layers(machine: DeepBoltzmannMachine) -> list[Tensor]:
    bits = all_bits(sum(machine.sizes), dtype=DOUBLE)
    return list(bits.split(machine.sizes, -1))


@pytest.mark.parametrize("sizes", [(3, 2, 2), (2, 3, 2, 2), (2, 2, 1, 2, 1)])
def test_likelihood_sums_over_hidden_layers(sizes: tuple[int, ...]) -> None:
    machine = random_machine(sizes)
    weights = -machine.energy(all_layers(machine))
    torch.testing.assert_close(machine.log_partition(), weights.logsumexp(0))
    joint = weights.softmax(0).reshape(2 ** sizes[0], -1).sum(1)
    likelihood = machine.log_likelihood(all_bits(sizes[0], dtype=DOUBLE))
    torch.testing.assert_close(likelihood.exp(), joint)


def test_energy_with_two_layers_is_that_of_the_rbm() -> None:
    machine, rbm = random_machine((3, 2, 1)), RBM(3, 2, dtype=DOUBLE)
    with torch.no_grad():
        rbm.weight.copy_(machine.weights[0])
        rbm.visible_bias.copy_(machine.biases[0])
        rbm.hidden_bias.copy_(machine.biases[1])
    v, h = all_bits(3, dtype=DOUBLE), all_bits(3, dtype=DOUBLE)[:, :2]
    off = torch.zeros(8, 1, dtype=DOUBLE)
    torch.testing.assert_close(machine.energy([v, h, off]), rbm.energy(v, h))


def test_mean_field_bounds_the_likelihood() -> None:
    machine = random_machine()
    visible = all_bits(3, dtype=DOUBLE)
    layers = machine.mean_field(visible, 100)
    entropy = sum(
        -(torch.xlogy(m, m) + torch.xlogy(1 - m, 1 - m)).sum(-1) for m in layers[1:]
    )
    bound = -machine.energy(layers) + entropy - machine.log_partition()
    gap = machine.log_likelihood(visible) - bound
    assert bool((gap >= -1e-12).all())
    assert bool((gap < 1).all())


def test_gibbs_sampling_keeps_the_distribution() -> None:
    machine = random_machine()
    samples = machine.sample(20_000, steps=30, generator=seeded())
    probabilities = machine.log_likelihood(all_bits(3, dtype=DOUBLE)).exp()
    error = (probabilities * (1 - probabilities) / 20_000).sqrt()
    assert bool(
        ((frequencies(samples, DOUBLE) - probabilities).abs() < 5 * error).all()
    )


def test_known_units_stay() -> None:
    machine = random_machine()
    start = [layer[:8] for layer in all_layers(machine)]
    known = torch.tensor([True, False, True])
    moved = machine.gibbs(start, 5, seeded(), known=known)[0]
    assert torch.equal(moved[:, known], start[0][:, known])


def test_deep_boltzmann_machine_learns_stripes() -> None:
    generator = seeded()
    machine = DeepBoltzmannMachine(
        [4, 3, 2], num_chains=200, generator=generator, dtype=DOUBLE
    )
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.02)
    before = machine.log_likelihood(STRIPES).mean().item()
    for _ in range(400):
        optimizer.zero_grad()
        machine.contrastive_loss(STRIPES, 2, generator).backward()
        optimizer.step()
    after = machine.log_likelihood(STRIPES).mean().item()
    assert before < -2.7
    assert after > -1.4  # the ceiling is −ln 2 = −0.69


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="with two layers use RBM"):
        DeepBoltzmannMachine([4, 2])
    with pytest.raises(ArgumentError, match="enumerated up to 20 units, got 21"):
        DeepBoltzmannMachine([2, 21, 2]).log_partition()
    with pytest.raises(DataError, match="zeros and ones, got 0"):
        DeepBoltzmannMachine([2, 2, 2]).contrastive_loss(torch.full((1, 2), 0.5))


def test_state_dict_round_trip() -> None:
    machine = random_machine()
    other = DeepBoltzmannMachine([3, 2, 2], num_chains=50, dtype=DOUBLE)
    other.load_state_dict(machine.state_dict())
    torch.testing.assert_close(other.log_partition(), machine.log_partition())


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_bits_may_be_of_any_type(dtype: torch.dtype) -> None:
    machine = random_machine().float()
    bits = all_bits(3)
    same = bits.to(dtype)
    assert torch.equal(machine(same), machine(bits))
    assert torch.equal(machine.log_likelihood(same), machine.log_likelihood(bits))
    assert machine.contrastive_loss(same).dtype == torch.float32


def test_what_a_deep_machine_cannot_read_is_reported() -> None:
    machine = random_machine()
    with pytest.raises(ShapeError, match=r"visible: .* \(rows, 3\), got \(2, 4\)"):
        machine(torch.zeros(2, 4))
    with pytest.raises(ShapeError, match=r"layers\[1\]: .* \(rows, 2\), got \(2, 3\)"):
        machine.gibbs([torch.zeros(2, size) for size in (3, 3, 2)])
    with pytest.raises(DataError, match=r"visible: expected zeros and ones, got 0.5"):
        machine.log_likelihood(torch.full((1, 3), 0.5))
    with torch.no_grad():
        machine.biases[2][0] = torch.nan
    with pytest.raises(DataError, match=r"biases.2: .* NaN .* learning rate"):
        machine.sample(2, 1)
    with pytest.raises(ArgumentError, match=r"sizes: expected .* layers, got 3"):
        DeepBoltzmannMachine(3)  # type: ignore[arg-type]

"""The restricted Boltzmann machine against enumeration."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.data import all_bits, frequencies
from qml_qdl.models import RBM, annealed_log_partition

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_rbm(visible: int = 4, hidden: int = 3, units: str = "binary") -> RBM:
    rbm = RBM(visible, hidden, visible=units, dtype=DOUBLE)  # type: ignore[arg-type]
    generator = seeded()
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(generator=generator)
    return rbm


def joint_energies(rbm: RBM) -> Tensor:
    """E of all configurations, written out as the formula says."""
    rows = []
    for v in all_bits(rbm.num_visible, dtype=DOUBLE):
        for h in all_bits(rbm.num_hidden, dtype=DOUBLE):
            rows.append(v @ rbm.weight @ h + rbm.visible_bias @ v + rbm.hidden_bias @ h)
    return torch.stack(rows).reshape(2**rbm.num_visible, 2**rbm.num_hidden)


def test_energy_is_the_formula() -> None:
    rbm = random_rbm()
    v = all_bits(4, dtype=DOUBLE).repeat_interleave(8, 0)
    h = all_bits(3, dtype=DOUBLE).repeat(16, 1)
    torch.testing.assert_close(rbm.energy(v, h).reshape(16, 8), joint_energies(rbm))


def test_free_energy_sums_over_hidden_units() -> None:
    rbm = random_rbm()
    expected = -(-joint_energies(rbm)).logsumexp(1)
    torch.testing.assert_close(rbm.free_energy(all_bits(4, dtype=DOUBLE)), expected)


@pytest.mark.parametrize(("visible", "hidden"), [(4, 3), (3, 4)])
def test_log_partition_is_the_sum_over_all(visible: int, hidden: int) -> None:
    rbm = random_rbm(visible, hidden)
    expected = (-joint_energies(rbm)).logsumexp((0, 1))
    torch.testing.assert_close(rbm.log_partition(), expected)
    total = rbm.log_likelihood(all_bits(visible, dtype=DOUBLE)).exp().sum()
    assert total.item() == pytest.approx(1)


def test_gaussian_density_integrates_to_one() -> None:
    rbm = random_rbm(1, 3, "gaussian")
    grid = torch.linspace(-12, 12, 4001, dtype=DOUBLE)
    density = rbm.log_likelihood(grid[:, None]).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-8)


def test_conditionals_are_those_of_the_joint() -> None:
    rbm = random_rbm()
    joint = (-joint_energies(rbm)).exp()
    h_given_v = joint @ all_bits(3, dtype=DOUBLE) / joint.sum(1, keepdim=True)
    torch.testing.assert_close(rbm(all_bits(4, dtype=DOUBLE)), h_given_v)
    v_given_h = joint.T @ all_bits(4, dtype=DOUBLE) / joint.sum(0)[:, None]
    torch.testing.assert_close(rbm.visible_mean(all_bits(3, dtype=DOUBLE)), v_given_h)


def test_negative_weight_switches_units_on_together() -> None:
    rbm = RBM(1, 1)
    with torch.no_grad():
        rbm.weight.fill_(-5)
    assert rbm(torch.ones(1, 1)).item() > 0.99


@pytest.mark.parametrize("units", ["binary", "gaussian"])
def test_gibbs_sampling_keeps_the_distribution(units: str) -> None:
    rbm = random_rbm(3, 2, units)
    samples = rbm.sample(20_000, steps=30, generator=seeded())
    if units == "binary":
        probabilities = rbm.log_likelihood(all_bits(3, dtype=DOUBLE)).exp()
        error = (probabilities * (1 - probabilities) / 20_000).sqrt()
        deviation = (frequencies(samples, DOUBLE) - probabilities).abs() / error
        assert bool((deviation < 5).all())
    else:
        hidden = all_bits(2, dtype=DOUBLE)
        means = rbm.visible_mean(hidden)
        shifted = means.square().sum(1) - rbm.visible_bias.square().sum()
        weights = (shifted / 2 - hidden @ rbm.hidden_bias).softmax(0)
        torch.testing.assert_close(samples.mean(0), weights @ means, atol=0.1, rtol=0)


def test_contrastive_gradient_is_the_exact_one_in_the_mean() -> None:
    rbm = random_rbm(3, 2)
    data = all_bits(3, dtype=DOUBLE)[[1, 6, 6]]
    exact = torch.autograd.grad(rbm.nll_loss(data), rbm.weight)[0]
    chains = data.repeat(10_000, 1)
    samples = rbm.gibbs(chains, 50, seeded())
    loss = rbm.free_energy(data).mean() - rbm.free_energy(samples).mean()
    sampled = torch.autograd.grad(loss, rbm.weight)[0]
    torch.testing.assert_close(sampled, exact, atol=0.02, rtol=0)


def test_exact_gradient_against_finite_differences() -> None:
    rbm = random_rbm(3, 2)
    data = all_bits(3, dtype=DOUBLE)[[1, 6]]

    def loss(weight: Tensor) -> Tensor:
        value: Tensor = torch.func.functional_call(
            Likelihood(rbm), {"rbm.weight": weight}, (data,)
        )
        return value

    assert torch.autograd.gradcheck(loss, (rbm.weight,))


class Likelihood(torch.nn.Module):
    def __init__(self, rbm: RBM) -> None:
        super().__init__()
        self.rbm = rbm

    def forward(self, data: Tensor) -> Tensor:
        return self.rbm.nll_loss(data)


def test_chains_move_on_and_are_saved() -> None:
    rbm = RBM(6, 3, num_chains=10, generator=seeded())
    before = rbm.chains.clone()
    rbm.contrastive_loss(torch.zeros(2, 6), generator=seeded(1))
    assert not torch.equal(rbm.chains, before)
    other = RBM(6, 3, num_chains=10)
    other.load_state_dict(rbm.state_dict())
    assert torch.equal(other.chains, rbm.chains)


def test_generator_fixes_everything() -> None:
    def sample() -> Tensor:
        generator = seeded(7)
        rbm = RBM(6, 3, num_chains=4, generator=generator)
        rbm.contrastive_loss(torch.ones(2, 6), generator=generator).backward()
        return rbm.sample(5, 10, generator)

    assert torch.equal(sample(), sample())


def test_completion_follows_the_conditional_distribution() -> None:
    rbm = random_rbm(3, 2)
    known = torch.tensor([True, False, True])
    row = torch.tensor([[1.0, 0.0, 0.0]], dtype=DOUBLE)
    filled = rbm.complete(row.expand(20_000, -1), known, 20, seeded())
    assert torch.equal(filled[:, known], row[:, known].expand(20_000, -1))
    pair = torch.tensor([[1.0, 0, 0], [1, 1, 0]], dtype=DOUBLE)
    expected = rbm.log_likelihood(pair).softmax(0)[1].item()
    error = math.sqrt(expected * (1 - expected) / 20_000)
    assert abs(filled[:, 1].mean().item() - expected) < 5 * error


def test_too_many_units_are_told_of_annealing() -> None:
    with pytest.raises(ArgumentError, match="use annealed_log_partition"):
        RBM(21, 21).log_partition()


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        pytest.param(torch.empty(0, 3), DataError, "at least one row", id="empty"),
        pytest.param(torch.tensor([[0.0, 0.5, 1]]), DataError, "got 0.5", id="grey"),
        pytest.param(
            torch.tensor([[0.0, 1, 1], [0, math.nan, 1]]), DataError, "row 1", id="nan"
        ),
        pytest.param(torch.zeros(2, 4), ShapeError, r"\(rows, 3\), got", id="width"),
    ],
)
def test_bad_data_are_refused(data: Tensor, error: type[Exception], text: str) -> None:
    rbm = RBM(3, 2, num_chains=2)
    before = rbm.chains.clone()
    for loss in (rbm.nll_loss, rbm.contrastive_loss):
        with pytest.raises(error, match=text):
            loss(data)
    assert torch.equal(rbm.chains, before)


def test_gaussian_units_take_any_finite_number() -> None:
    rbm = RBM(3, 2, visible="gaussian")
    assert bool(rbm.contrastive_loss(torch.randn(4, 3, generator=seeded())).isfinite())


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="visible: expected one of 'binary'"):
        RBM(3, 2, visible="ternary")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="num_hidden: expected at least 1"):
        RBM(3, 0)
    with pytest.raises(ShapeError, match="known: expected bool"):
        RBM(3, 2).complete(torch.zeros(1, 3), torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
@pytest.mark.parametrize("units", ["binary", "gaussian"])
def test_bits_may_be_of_any_type(dtype: torch.dtype, units: str) -> None:
    rbm = random_rbm(units=units).float()
    bits = all_bits(4)[3:9]
    known = torch.tensor([True, False, True, True])
    same = bits.to(dtype)
    assert torch.equal(rbm(same), rbm(bits))
    assert torch.equal(rbm.nll_loss(same), rbm.nll_loss(bits))
    losses = [rbm.contrastive_loss(rows, 2, seeded()) for rows in (same, bits)]
    assert torch.equal(*losses)
    filled = rbm.complete(same, known, 3, seeded())
    assert torch.equal(filled, rbm.complete(bits, known, 3, seeded()))


def test_units_of_another_number_are_reported() -> None:
    rbm = RBM(4, 3)
    for call in (rbm, rbm.free_energy, rbm.gibbs):
        with pytest.raises(ShapeError, match=r"visible: .* \(rows, 4\), got \(2, 3\)"):
            call(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match=r"hidden: .* \(rows, 3\), got \(2, 4\)"):
        rbm.visible_mean(torch.zeros(2, 4))


def test_likelihood_is_of_bits() -> None:
    with pytest.raises(DataError, match=r"visible: expected zeros and ones, got 0.5"):
        RBM(2, 2).log_likelihood(torch.full((1, 2), 0.5))


@pytest.mark.parametrize("shape", [(4, 3), (2, 6, 3)])
def test_known_units_of_other_rows_are_reported(shape: tuple[int, ...]) -> None:
    known = torch.ones(shape, dtype=torch.bool)
    for rows in (1, 6):
        with pytest.raises(ShapeError, match=rf"known: .* or \({rows}, 3\), got"):
            RBM(3, 2).complete(torch.zeros(rows, 3), known, 2)


def test_a_machine_of_nan_does_not_sample() -> None:
    rbm = random_rbm()
    with torch.no_grad():
        rbm.hidden_bias[0] = math.nan
    for draw in (
        lambda: rbm.sample(2, 1),
        lambda: rbm.contrastive_loss(torch.ones(1, 4)),
        lambda: annealed_log_partition(rbm, num_chains=2, num_temperatures=1),
    ):
        with pytest.raises(DataError, match=r"hidden_bias: .* NaN .* learning rate"):
            draw()


def test_energies_are_of_bits() -> None:
    machine, half = RBM(2, 2), torch.full((1, 2), 0.5)
    bits = torch.ones(1, 2)
    with pytest.raises(DataError, match=r"visible: expected zeros and ones, got 0\.5"):
        machine.free_energy(half)
    with pytest.raises(DataError, match=r"visible: expected zeros and ones, got 0\.5"):
        machine.energy(half, bits)
    with pytest.raises(DataError, match=r"hidden: expected zeros and ones, got 0\.5"):
        machine.energy(bits, half)
    continuous = RBM(2, 2, visible="gaussian")
    assert continuous.free_energy(half).isfinite().all()
    with pytest.raises(ArgumentTypeError, match="visible: expected real numbers"):
        machine.free_energy(half + 0j)
    with pytest.raises(ArgumentError, match="log_partition: expected a finite number"):
        machine.log_likelihood(bits, math.nan)

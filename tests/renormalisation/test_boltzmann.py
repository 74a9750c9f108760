"""Machines as steps: by enumeration, bounds, and exact representations."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.data.bits import all_bits
from qml_qdl.models import RBM
from qml_qdl.renormalisation import IsingModel, coupling_operator, variational_step

MODEL = IsingModel((2, 3), 0.4, 0.1)


def machine(
    visible: int = 6, hidden: int = 3, scale: float = 1.0, seed: int = 0
) -> RBM:
    rbm = RBM(visible, hidden, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(0, scale, generator=generator)
    return rbm


def pairs(rbm: RBM) -> tuple[Tensor, Tensor]:
    """All configurations of both kinds of units, (2ᴺ·2ᴹ, ...) each."""
    visible, hidden = all_bits(rbm.num_visible), all_bits(rbm.num_hidden)
    return visible.repeat_interleave(len(hidden), 0), hidden.repeat(len(visible), 1)


@torch.no_grad()
def test_the_coarse_energy_is_that_of_kadanoffs_step() -> None:
    """e^{−H'(h)} = Σ_v e^{T(v, h) − H(v)}, where T = H − E."""
    rbm = machine()
    visible, hidden = pairs(rbm)
    operator = coupling_operator(rbm, MODEL.energy, visible, hidden)
    exponent = operator - MODEL.energy(1 - 2 * visible.double())
    coarse = exponent.reshape(2**6, 2**3).logsumexp(0)
    torch.testing.assert_close(-coarse, rbm.hidden_free_energy(all_bits(3)))


@torch.no_grad()
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_bounds_hold_and_their_gaps_are_divergences(scale: float, seed: int) -> None:
    rbm = machine(scale=scale, seed=seed)
    step = variational_step(rbm, MODEL.energy)
    spins = 1 - 2 * all_bits(6).double()
    p = (-MODEL.energy(spins)).log_softmax(0)
    q = (-rbm.free_energy(all_bits(6))).log_softmax(0)
    assert step.lower <= step.difference <= step.upper
    assert step.divergence == pytest.approx(float(p.exp() @ (p - q)))
    assert step.reverse_divergence == pytest.approx(float(q.exp() @ (q - p)))
    assert step.free_energy == pytest.approx(-MODEL.log_partition())
    assert step.coarse_free_energy == pytest.approx(-float(rbm.log_partition()))
    # By the definition: e^{F − F'} is the mean of Σ_h e^T over the spins.
    visible, hidden = pairs(rbm)
    operator = coupling_operator(rbm, MODEL.energy, visible, hidden)
    means = operator.reshape(2**6, 2**3).logsumexp(1)
    assert step.difference == pytest.approx(-float((p + means).logsumexp(0)))


@torch.no_grad()
def test_an_exact_step() -> None:
    """Two spins and one unit between them: the bond is what the unit leaves behind.

    With weights w and these biases it leaves cosh(w (s₁ + s₂)/4), which is the weight
    of a coupling log(cosh(w/2))/2, up to a constant.
    """
    rbm, w = RBM(2, 1, dtype=torch.float64), 1.3
    rbm.weight.fill_(w)
    rbm.hidden_bias.fill_(-w)
    rbm.visible_bias.fill_(-w / 2)
    coupling = math.log(math.cosh(w / 2)) / 2

    def energy(spins: Tensor) -> Tensor:
        return -coupling * spins.prod(1)

    step = variational_step(rbm, energy)
    assert step.divergence == pytest.approx(0, abs=1e-14)
    assert step.lower == pytest.approx(step.upper)


@torch.no_grad()
def test_training_by_likelihood_lowers_the_gap() -> None:
    """And not the difference of free energies, which is none of its business."""
    rbm = machine(scale=0.1)
    spins = 1 - 2 * all_bits(6).double()
    weights = (-MODEL.energy(spins)).softmax(0)
    before = variational_step(rbm, MODEL.energy)
    adam = torch.optim.Adam(rbm.parameters(), lr=0.05)
    for _ in range(300):
        with torch.enable_grad():
            loss = -(weights @ rbm.log_likelihood(all_bits(6)))
            adam.zero_grad()
            loss.backward()
        adam.step()
    after = variational_step(rbm, MODEL.energy)
    assert after.divergence < before.divergence / 10
    assert abs(after.difference) > 10 * after.divergence


def representing(patterns: Tensor, probabilities: Tensor) -> RBM:
    """One hidden unit a pattern (Le Roux and Bengio 2008, theorem 2, by construction).

    A unit with the input c_k − α d(v, v_k), where d counts unequal bits, multiplies the
    weight of a configuration by 1 + e^{that}: that of its pattern by 1 + e^{c_k}, here
    M p_k for a large M, that of others by nearly 1, as α is larger than c.
    """
    count, bits = patterns.shape
    rbm, log_scale, alpha = RBM(bits, count, dtype=torch.float64), 40.0, 80.0
    signs = 2 * patterns - 1
    with torch.no_grad():
        rbm.visible_bias.zero_()
        rbm.weight.copy_(-alpha * signs.T)  # p ∝ exp(−E): inputs are negative
        rbm.hidden_bias.copy_(
            -((probabilities * math.exp(log_scale) - 1).log() - alpha * patterns.sum(1))
        )
    return rbm


@torch.no_grad()
@pytest.mark.parametrize(("bits", "count"), [(1, 1), (1, 2), (4, 3), (6, 20), (3, 8)])
def test_one_hidden_unit_a_pattern_represents_any_distribution(
    bits: int, count: int
) -> None:
    generator = torch.Generator().manual_seed(bits)
    chosen = torch.randperm(2**bits, generator=generator)[:count]
    probabilities = torch.rand(count, generator=generator, dtype=torch.float64) + 0.01
    probabilities /= probabilities.sum()
    rbm = representing(all_bits(bits)[chosen].double(), probabilities)
    expected = torch.zeros(2**bits, dtype=torch.float64)
    expected[chosen] = probabilities
    found = rbm.log_likelihood(all_bits(bits)).exp()
    assert float((found - expected).abs().sum()) < 1e-9


@torch.no_grad()
def test_a_represented_model_is_an_exact_step() -> None:
    """With a unit for each configuration: exact, and no coarser than the spins."""
    spins = 1 - 2 * all_bits(6).double()
    rbm = representing(all_bits(6).double(), (-MODEL.energy(spins)).softmax(0))
    assert rbm.num_hidden > rbm.num_visible
    assert variational_step(rbm, MODEL.energy).divergence < 1e-9


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: variational_step(RBM(21, 2), MODEL.energy),
            ArgumentError,
            "rbm: expected one of up to 20 bits, whose configurations are summed, got",
        ),
        (
            lambda: variational_step(RBM(6, 2, visible="gaussian"), MODEL.energy),
            ArgumentError,
            "got 6 gaussian units",
        ),
        (
            lambda: variational_step(machine(), lambda spins: spins),
            ShapeError,
            r"energy: expected \(64,\), one number for each row of spins, got \(64, ",
        ),
        (
            lambda: variational_step(machine(scale=math.inf), MODEL.energy),
            DataError,
            "weight: expected finite numbers",
        ),
        (
            lambda: machine().hidden_free_energy(torch.full((1, 3), 0.5)),
            DataError,
            "hidden: expected zeros and ones, got 0.5",
        ),
    ],
)
def test_bad_input(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()

"""The lecture's game, its value at the optimum, and the gradient penalty."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.generative import (
    EQUILIBRIUM,
    QuantumDiscriminator,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)

LOGITS = torch.tensor([-2.0, 0.3, 1.5])


def test_discriminator_loss_is_the_lectures() -> None:
    real, fake = LOGITS.sigmoid(), (LOGITS - 1).sigmoid()
    expected = -real.log().mean() - (1 - fake).log().mean()
    torch.testing.assert_close(discriminator_loss(LOGITS, LOGITS - 1), expected)


def test_value_at_the_optimum_is_twice_ln_two() -> None:
    undecided = torch.zeros(5)
    loss = discriminator_loss(undecided, undecided).item()
    assert loss == pytest.approx(EQUILIBRIUM) == pytest.approx(2 * math.log(2))
    shifted = discriminator_loss(undecided + 0.1, undecided + 0.1).item()
    assert shifted > EQUILIBRIUM


def test_minimax_generator_plays_against_the_discriminator() -> None:
    logits = LOGITS.clone().requires_grad_()
    (mine,) = torch.autograd.grad(generator_loss(logits, "minimax"), logits)
    (theirs,) = torch.autograd.grad(discriminator_loss(LOGITS, logits), logits)
    torch.testing.assert_close(mine, -theirs)


def test_non_saturating_gradient_stays_where_the_discriminator_wins() -> None:
    logits = torch.tensor([-20.0], requires_grad=True)
    gradients = {
        game: torch.autograd.grad(generator_loss(logits, game), logits)[0].abs().item()
        for game in ("minimax", "non-saturating")
    }
    assert gradients["minimax"] < 1e-8
    assert gradients["non-saturating"] == pytest.approx(1)


def test_wasserstein_losses() -> None:
    assert discriminator_loss(LOGITS, LOGITS - 1, "wasserstein").item() == (
        pytest.approx(-1)
    )
    assert generator_loss(LOGITS, "wasserstein").item() == pytest.approx(
        -LOGITS.mean().item()
    )


def test_extreme_logits_stay_finite() -> None:
    far = torch.tensor([1e4, -1e4])
    assert bool(discriminator_loss(far, far).isfinite())


def test_gradient_penalty_of_a_linear_function() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
    penalty = gradient_penalty(layer, torch.rand(4, 2), torch.rand(4, 2))
    assert penalty.item() == pytest.approx(16)
    penalty.backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, 8 * torch.tensor([[0.6, 0.8]]))


def test_gradient_penalty_through_a_quantum_discriminator() -> None:
    generator = torch.Generator().manual_seed(0)
    circuit = StronglyEntangling(3) @ AngleEncoding(3)
    model = QuantumDiscriminator(circuit, generator=generator).double()
    real, fake = torch.rand(2, 4, 3, generator=generator, dtype=torch.float64)

    def penalty() -> torch.Tensor:
        seed = torch.Generator().manual_seed(1)
        return gradient_penalty(model, real, fake, seed)

    penalty().backward()
    weight = next(model.layer.parameters())
    assert weight.grad is not None
    slope = weight.grad.reshape(-1)[4].item()
    values = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            weight.view(-1)[4] += step
        values.append(penalty().item())
        with torch.no_grad():
            weight.view(-1)[4] -= step
    assert slope == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-6)


def test_unknown_game_is_refused() -> None:
    with pytest.raises(ArgumentError, match="game: expected one of 'minimax'"):
        generator_loss(LOGITS, "hinge")  # type: ignore[arg-type]

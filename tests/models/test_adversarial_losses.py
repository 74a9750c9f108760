"""The lecture's objective, its value at the optimum, and the gradient penalty."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.models import (
    EQUILIBRIUM,
    QuantumDiscriminator,
    discriminator_loss,
    fidelity,
    generator_loss,
    gradient_penalty,
    quantum_wasserstein,
    slope_penalty,
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
        objective: torch.autograd.grad(generator_loss(logits, objective), logits)[0]
        .abs()
        .item()
        for objective in ("minimax", "non-saturating")
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


def test_slope_penalty_of_a_quadratic_function() -> None:
    """f(x) = a |x|²/2 has the slope a x: the penalty is a² ⟨|x|²⟩ / 2."""
    factor = torch.tensor(3.0, requires_grad=True)
    real = torch.tensor([[1.0, 0.0], [2.0, 2.0]])

    def quadratic(x: torch.Tensor) -> torch.Tensor:
        return factor * x.square().sum(1) / 2

    penalty = slope_penalty(quadratic, real)
    assert penalty.item() == pytest.approx(9 * 4.5 / 2)
    penalty.backward()
    assert factor.grad is not None
    assert factor.grad.item() == pytest.approx(3 * 4.5)
    assert not real.requires_grad


def test_slope_penalty_ends_the_circling() -> None:
    """A game f(x) = ψx, real data at 0, a generated point θ (Mescheder et al.)."""
    ends = {}
    for weight in (0.0, 1.0):
        slope, point = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
        for _ in range(500):
            real = torch.zeros(1, 1)

            def line(x: torch.Tensor, slope: torch.Tensor = slope) -> torch.Tensor:
                return x[:, 0] * slope

            loss = discriminator_loss(line(real), line(point[None].detach()))
            loss = loss + weight * slope_penalty(line, real)
            moves = torch.autograd.grad(loss, slope)
            moves += torch.autograd.grad(generator_loss(line(point[None])), point)
            with torch.no_grad():
                slope -= 0.1 * moves[0]
                point -= 0.1 * moves[1]
        ends[weight] = max(abs(slope.item()), abs(point.item()))
    assert ends[0.0] > 0.3
    assert ends[1.0] < 0.01


def test_slope_penalty_through_a_quantum_discriminator() -> None:
    generator = torch.Generator().manual_seed(0)
    circuit = StronglyEntangling(3) @ AngleEncoding(3)
    model = QuantumDiscriminator(circuit, generator=generator).double()
    real = torch.rand(4, 3, generator=generator, dtype=torch.float64)
    slope_penalty(model, real).backward()
    weight = next(model.layer.parameters())
    assert weight.grad is not None
    slope = weight.grad.reshape(-1)[4].item()
    values = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            weight.view(-1)[4] += step
        values.append(slope_penalty(model, real).item())
        with torch.no_grad():
            weight.view(-1)[4] -= step
    assert slope == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-6)


@pytest.mark.parametrize("real", [torch.zeros(0, 3), torch.zeros(2, 3).long()])
def test_slope_penalty_refuses(real: torch.Tensor) -> None:
    with pytest.raises(DataError, match="real: expected 1 or more rows"):
        slope_penalty(nn.Linear(3, 1), real)


def test_unknown_game_is_refused() -> None:
    with pytest.raises(ArgumentError, match="objective: expected one of 'minimax'"):
        generator_loss(LOGITS, "hinge")  # type: ignore[arg-type]


def test_nan_and_nothing_are_refused() -> None:
    logits, bad = torch.zeros(3), torch.tensor([0.0, math.nan])
    for pair, name in (((logits, bad), "generated"), ((bad, logits), "real")):
        with pytest.raises(DataError, match=f"{name}: expected finite numbers, got Na"):
            discriminator_loss(*pair)
    with pytest.raises(DataError, match="got NaN or infinity; remove NaN from the sam"):
        generator_loss(bad)
    with pytest.raises(DataError, match=r"expected at least one number, got the shape"):
        discriminator_loss(logits[:0], logits)
    with pytest.raises(ShapeError, match=r"as many samples of each, 1 or more, got th"):
        gradient_penalty(lambda x: x[:, 0], torch.ones(3, 2), torch.ones(2, 2))


def test_samples_of_a_penalty_may_differ_in_type() -> None:
    real, generated = torch.zeros(3, 2), torch.ones(3, 2, dtype=torch.float64)
    assert gradient_penalty(lambda x: 2 * x[:, 0], real, generated).item() == 1


def test_samples_of_a_penalty_are_rows_of_floating_point_numbers() -> None:
    with pytest.raises(DataError, match=r"real: expected floating-point .*int64"):
        gradient_penalty(torch.sum, torch.ones(2, 2).long(), torch.ones(2, 2).long())
    with pytest.raises(ShapeError, match=r"real, generated: .* the shapes \(\)"):
        gradient_penalty(torch.sum, torch.tensor(1.0), torch.tensor(1.0))
    with pytest.raises(DataError, match=r"real: expected 1 or more rows"):
        slope_penalty(torch.sum, torch.tensor(1.0))


def test_states_have_norm_1() -> None:
    state = torch.tensor([0.6, 0.8])
    with pytest.raises(
        DataError, match=r"first: expected states of norm 1, got 1e\+60"
    ):
        fidelity(state * 1e30, state)
    with pytest.raises(DataError, match="first: expected states of norm 1, got 4"):
        quantum_wasserstein(2 * state, state)
    assert fidelity(1j * state, state).item() == pytest.approx(1)


def test_whole_logits_are_numbers() -> None:
    whole = torch.tensor([0, 1, 2])
    assert discriminator_loss(whole, whole) == discriminator_loss(
        whole.float(), whole.float()
    )

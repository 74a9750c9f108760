"""Losses of generative adversarial networks, from the discriminator's logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_type, validate_call
from qml_qdl.data.bits import as_floats, check_finite

AdversarialObjective = Literal["minimax", "non-saturating", "wasserstein"]
ADVERSARIAL_OBJECTIVES = ("minimax", "non-saturating", "wasserstein")

EQUILIBRIUM = 2 * math.log(2)
"""The discriminator's loss where it cannot tell real from generated."""

_REPAIR = "remove NaN from the samples, or train with a lower learning rate"


@validate_call
def discriminator_loss(
    real: Tensor, generated: Tensor, objective: AdversarialObjective = "non-saturating"
) -> Tensor:
    """What the discriminator minimises.

    For "minimax" and "non-saturating" C = −⟨log D(x_real)⟩ − ⟨log(1 − D(x_fake))⟩ with
    D the sigmoid of a logit (Goodfellow et al. 2014, arXiv:1406.2661), 2 ln 2 where it
    cannot tell them apart; for "wasserstein" ⟨f(x_fake)⟩ − ⟨f(x_real)⟩ (Arjovsky et al.
    2017, arXiv:1701.07875), to which `gradient_penalty` belongs.

    Args:
        real: Logits of real samples, (rows,) or (rows, 1).
        generated: Logits of generated samples.
        objective: Which of the losses.

    Returns:
        A scalar.

    Raises:
        ArgumentError: The objective is unknown.
        DataError: There are no logits, or they are not finite.

    Example:
        >>> import torch
        >>> undecided = torch.zeros(4)
        >>> round(float(discriminator_loss(undecided, undecided)), 4)
        1.3863
    """
    check_choice("objective", objective, ADVERSARIAL_OBJECTIVES)
    check_finite("real", real, _REPAIR)
    check_finite("generated", generated, _REPAIR)
    real, generated = as_floats(real), as_floats(generated)
    if objective == "wasserstein":
        return generated.mean() - real.mean()
    return softplus(-real).mean() + softplus(generated).mean()


@validate_call
def generator_loss(
    generated: Tensor, objective: AdversarialObjective = "non-saturating"
) -> Tensor:
    """What the generator minimises.

    For "minimax" ⟨log(1 − D(x_fake))⟩, minus what the discriminator minimises; for
    "non-saturating" −⟨log D(x_fake)⟩, whose gradient is large where the discriminator
    wins; for "wasserstein" −⟨f(x_fake)⟩.

    Args:
        generated: Logits of generated samples, (rows,) or (rows, 1).
        objective: Which of the losses.

    Returns:
        A scalar.

    Raises:
        ArgumentError: The objective is unknown.
        DataError: There are no logits, or they are not finite.

    Example:
        >>> import torch
        >>> round(float(generator_loss(torch.zeros(4))), 4)
        0.6931
    """
    check_choice("objective", objective, ADVERSARIAL_OBJECTIVES)
    check_finite("generated", generated, _REPAIR)
    generated = as_floats(generated)
    if objective == "wasserstein":
        return -generated.mean()
    if objective == "minimax":
        return -softplus(generated).mean()
    return softplus(-generated).mean()


@validate_call
def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Tensor,
    generated: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """How far the discriminator's slope is from 1, between real and generated samples.

    `⟨(|∇f(x̂)| − 1)²⟩` at random points x̂ on the lines between them (Gulrajani et al.
    2017, arXiv:1704.00028). Its gradient is a gradient of a gradient: a quantum
    discriminator needs the simulator, up to 8 wires.

    Args:
        discriminator: Maps (rows, ...) to logits.
        real: Real samples, (rows, ...).
        generated: As many generated samples.
        generator: Random numbers; None for torch's own.

    Returns:
        A scalar ≥ 0.

    Raises:
        DataError: The samples are no floating-point numbers.
        DoubleBackwardError: The discriminator cannot be differentiated twice.
        ShapeError: There are no samples, or not as many of each.

    Example:
        >>> import torch
        >>> slope_one = lambda x: x[:, 0]
        >>> float(gradient_penalty(slope_one, torch.zeros(3, 2), torch.ones(3, 2)))
        0.0
    """
    if real.shape != generated.shape or real.ndim < 2 or not len(real):
        raise ShapeError(
            "real, generated: expected as many samples of each, 1 or more, got the "
            f"shapes {tuple(real.shape)} and {tuple(generated.shape)}"
        )
    if not real.is_floating_point():
        raise DataError(
            f"real: expected floating-point numbers, got {real.dtype}; convert them "
            "by .float()"
        )
    share = real.new_empty(len(real), *[1] * (real.ndim - 1))
    share.uniform_(generator=generator)
    between = torch.lerp(generated.detach().to(real), real, share).requires_grad_()
    logits = discriminator(between)
    check_type("discriminator: its result", logits, Tensor)
    (slope,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
    lengths: Tensor = slope.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()


@validate_call
def slope_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """How steep the discriminator is at real samples: `⟨|∇f(x)|²⟩ / 2`.

    Added to `discriminator_loss` it takes the push from a generator that has reached
    the data, so that the objective ends there instead of circling (R1 of Mescheder et
    al. 2018, arXiv:1801.04406, for γ = 1). Its gradient is a gradient of a gradient: a
    quantum discriminator needs the simulator, up to 8 wires.

    Args:
        discriminator: Maps (rows, ...) to logits.
        real: Real samples, (rows, ...), 1 or more rows.

    Returns:
        A scalar ≥ 0.

    Raises:
        DataError: There are no samples, or they are no floating-point numbers.
        DoubleBackwardError: The discriminator cannot be differentiated twice.

    Example:
        >>> import torch
        >>> float(slope_penalty(lambda x: 3 * x[:, 0], torch.zeros(4, 2)))
        4.5
    """
    if real.ndim < 2 or not len(real) or not real.is_floating_point():
        raise DataError(
            "real: expected 1 or more rows of floating-point numbers, got "
            f"{tuple(real.shape)} of {real.dtype}; pass a batch, converted by .float()"
        )
    samples = real.detach().clone().requires_grad_()
    logits = discriminator(samples)
    check_type("discriminator: its result", logits, Tensor)
    (slope,) = torch.autograd.grad(logits.sum(), samples, create_graph=True)
    penalty: Tensor = slope.flatten(1).square().sum(1).mean() / 2
    return penalty

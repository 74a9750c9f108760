"""Vector-Jacobian products for interfaces other than torch's, by way of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch

RunTapes: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]
"""Runs tapes of torch tensors so that gradients flow through the results."""


def results_and_products(
    run: RunTapes, circuits: Sequence[Any], cotangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Results, and their gradients contracted with what comes from behind.

    Args:
        run: Runs tapes.
        circuits: Tapes whose numbers are arrays.
        cotangents: For each tape the gradient with respect to its results.

    Returns:
        Results as NumPy arrays; for each tape the gradients of its trainable
        parameters.
    """
    leaves = [_leaves(tape) for tape in circuits]
    tapes = [
        tape.bind_new_parameters(own, tape.trainable_params)
        for tape, own in zip(circuits, leaves, strict=True)
    ]
    flat = [leaf for own in leaves for leaf in own]
    gradients: Any = [None] * len(flat)
    with torch.enable_grad():
        results = run(tapes)
        total = torch.zeros((), dtype=torch.float64)
        for result, weights in zip(results, cotangents, strict=True):
            total = total + _contracted(result, weights)
    if flat and total.requires_grad:
        gradients = torch.autograd.grad(total, flat, allow_unused=True)
    found = iter(
        np.zeros(leaf.shape) if gradient is None else gradient.numpy()
        for leaf, gradient in zip(flat, gradients, strict=True)
    )
    products = tuple(tuple(next(found) for _ in own) for own in leaves)
    return as_numpy(results), products


def _leaves(tape: Any) -> list[torch.Tensor]:
    return [
        torch.as_tensor(np.array(qml.math.unwrap(number))).requires_grad_()
        for number in tape.get_parameters()
    ]


def _contracted(result: Any, weights: Any) -> torch.Tensor:
    """The sum of a tape's results, each multiplied with its cotangent."""
    if isinstance(result, tuple):
        parts = zip(result, weights, strict=True)
        return sum(
            (_contracted(part, weight) for part, weight in parts),
            start=torch.zeros((), dtype=torch.float64),
        )
    weight = torch.as_tensor(np.asarray(qml.math.unwrap(weights)))
    total: torch.Tensor = (weight * result).real.sum()
    return total


def as_numpy(results: Any) -> Any:
    """All tensors as arrays.

    Args:
        results: Tensors, and what is none, in tuples and lists.

    Returns:
        The same with arrays.
    """
    if isinstance(results, torch.Tensor):
        return results.detach().cpu().numpy()
    if isinstance(results, tuple | list):
        return type(results)(as_numpy(result) for result in results)
    return results

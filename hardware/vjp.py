"""Vector-Jacobian products for interfaces other than torch's, by way of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

RunTapes: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
"""Runs tapes of torch tensors so that gradients flow through the results."""


def results_and_products(
    run: RunTapes, circuits: Sequence[Any], cotangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Results, and their gradients contracted with what comes from behind.

    Args:
        run: Runs tapes.
        circuits: Tapes whose numbers are arrays.
        cotangents: For each tape the gradient with respect to its results: numbers of
            the shapes of the results, or several sets of them, with dimensions in
            front, as jax's `jacobian` and `vmap` give them.

    Returns:
        Results as NumPy arrays; for each tape the gradients of its trainable
        parameters, with the cotangents' dimensions in front.

    Example:
        >>> def run(tapes):
        ...     return [torch.cos(tape.get_parameters()[0]) for tape in tapes]
        >>> tape = qml.tape.QuantumScript([qml.RX(np.array(0.5), 0)])
        >>> results, ((gradient,),) = results_and_products(run, [tape], [2.0])
        >>> round(float(results[0]), 6), round(float(gradient), 6)
        (0.877583, -0.958851)
    """
    leaves = [_leaves(tape) for tape in circuits]
    tapes = [
        tape.bind_new_parameters(own, tape.trainable_params)
        for tape, own in zip(circuits, leaves, strict=True)
    ]
    with torch.enable_grad():
        results = tuple(run(tapes))
        totals = [
            _contracted(result, weights)
            for result, weights in zip(results, cotangents, strict=True)
        ]
        if any(total.ndim for total in totals):
            products = tuple(map(_stacked, totals, leaves))
        else:
            # All tapes together: what ran in one call goes back in one.
            flat = [leaf for own in leaves for leaf in own]
            total = sum(totals, start=torch.zeros((), dtype=torch.float64))
            found = iter(_gradients(total, flat))
            products = tuple(tuple(next(found) for _ in own) for own in leaves)
    arrays = tuple(tuple(each.numpy() for each in own) for own in products)
    return as_numpy(results), arrays


def _leaves(tape: Any) -> list[Tensor]:
    """The trainable parameters, in double precision."""
    arrays = [np.array(qml.math.unwrap(number)) for number in tape.get_parameters()]
    return [
        torch.as_tensor(
            array,
            dtype=torch.complex128 if np.iscomplexobj(array) else torch.float64,
        ).requires_grad_()
        for array in arrays
    ]


def _contracted(result: Any, weights: Any) -> Tensor:
    """The sum of a tape's results, weighted; one for each set of weights."""
    if isinstance(result, tuple):
        parts = zip(result, weights, strict=True)
        return sum(
            (_contracted(part, weight) for part, weight in parts),
            start=torch.zeros((), dtype=torch.float64),
        )
    weight = torch.as_tensor(np.asarray(qml.math.unwrap(weights)))
    product: Tensor = (weight * result).real
    leading = product.shape[: product.ndim - result.ndim]
    return product.reshape(*leading, -1).sum(-1)


def _stacked(total: Tensor, leaves: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradients of each of a tape's sums."""
    sets = [_gradients(each, leaves) for each in total.reshape(-1)]
    return tuple(
        torch.stack(own).reshape(total.shape + leaf.shape)
        for leaf, own in zip(leaves, zip(*sets, strict=True), strict=True)
    )


def _gradients(total: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """A sum's gradients; zero where it does not depend on a leaf."""
    found: Sequence[Tensor | None] = [None] * len(leaves)
    if leaves and total.requires_grad:
        found = torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
    return [
        torch.zeros_like(leaf, requires_grad=False) if each is None else each
        for leaf, each in zip(leaves, found, strict=True)
    ]


def as_numpy(results: Any) -> Any:
    """All tensors as arrays.

    Args:
        results: Tensors, and what is none, in tuples and lists.

    Returns:
        The same with arrays.
    """
    if isinstance(results, Tensor):
        return results.detach().cpu().numpy()
    if isinstance(results, tuple | list):
        return type(results)(as_numpy(result) for result in results)
    return results

"""Vector-Jacobian products for interfaces other than torch's, by way of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

from qml_qdl.circuits.errors import TargetError

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

    Raises:
        TargetError: `jax.jacobian` is inside `jax.vmap`.

    Example:
        >>> def run(tapes):
        ...     return [torch.cos(tape.get_parameters()[0]) for tape in tapes]
        >>> tape = qml.tape.QuantumScript([qml.RX(np.array(0.5), 0)])
        >>> results, ((gradient,),) = results_and_products(run, [tape], [2.0])
        >>> round(float(results[0]), 6), round(float(gradient), 6)
        (0.877583, -0.958851)
    """
    rows = [_mapped_rows(tape) for tape in circuits]
    leaves = [_leaves(tape, own) for tape, own in zip(circuits, rows, strict=True)]
    tapes = [
        tape.bind_new_parameters(own, tape.trainable_params)
        for tape, own in zip(circuits, leaves, strict=True)
    ]
    with torch.enable_grad():
        results = tuple(run(tapes))
        totals = [
            _contracted(result, weights, own)
            for result, weights, own in zip(results, cotangents, rows, strict=True)
        ]
        if any(total.ndim for total in totals):
            products = tuple(map(_stacked, totals, leaves))
        else:
            # All tapes together: what ran in one call goes back in one.
            flat = [leaf for own in leaves for leaf in own]
            total = sum(totals, start=torch.zeros((), dtype=torch.float64))
            found = iter(_gradients(total, flat))
            products = tuple(tuple(next(found) for _ in own) for own in leaves)
    # Torch's gradient by a complex number is the conjugate of jax's and autograd's.
    arrays = tuple(
        tuple(np.conj(each.resolve_conj().numpy()) for each in own) for own in products
    )
    return as_numpy(results), arrays


def _mapped_rows(tape: Any) -> int | None:
    """How many rows `jax.vmap` made of a tape that had none; None if it made none.

    A gradient is wanted for each, of numbers that they share, too.
    """
    traced = {getattr(each, "traced_rows", 0) for each in tape.measurements}
    rows: int | None = tape.batch_size
    return rows if traced == {None} else None


def _leaves(tape: Any, rows: int | None) -> list[Tensor]:
    """The trainable parameters, in double precision; one for each of mapped rows."""
    leaves = []
    for index, number in enumerate(tape.get_parameters()):
        array = np.array(qml.math.unwrap(number))
        gate, where, place = tape.get_operation(index)
        in_gate = where < len(tape.operations)
        if rows is not None and in_gate and array.ndim == gate.ndim_params[place]:
            array = np.repeat(array[np.newaxis], rows, axis=0)
        dtype = torch.complex128 if np.iscomplexobj(array) else torch.float64
        leaves.append(torch.as_tensor(array, dtype=dtype).requires_grad_())
    return leaves


def _contracted(result: Any, weights: Any, rows: int | None) -> Tensor:
    """The sum of a tape's results, weighted; one for each set of weights."""
    if isinstance(result, tuple):
        parts = zip(result, weights, strict=True)
        return sum(
            (_contracted(part, weight, rows) for part, weight in parts),
            start=torch.zeros((), dtype=torch.float64),
        )
    weight = torch.as_tensor(np.asarray(qml.math.unwrap(weights)))
    own = weight.ndim - result.ndim
    if rows is not None and own >= 0 and weight.shape[own] != rows:
        raise TargetError(
            f"jax.vmap: expected one gradient for each of {rows} rows, got a Jacobian "
            "inside; call jax.jacobian of jax.vmap, not the other way round"
        )
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
        The same with arrays, or NumPy's numbers for tensors without dimensions.
    """
    return _each(results, lambda tensor: tensor.detach().cpu().numpy()[()])


def in_double(results: Any) -> Any:
    """All tensors in double precision, as default.qubit gives its results.

    Args:
        results: Tensors, and what is none, in tuples and lists.

    Returns:
        The same, where tensors in single precision, real or complex, are in double.
    """
    twice = {torch.float32: torch.float64, torch.complex64: torch.complex128}
    return _each(results, lambda own: own.to(twice.get(own.dtype, own.dtype)))


def without_views(results: Any) -> Any:
    """All tensors with memory of their own.

    Torch refuses to write into one of several views of a tensor and into a view that
    is the result of a custom function, as `p /= p.sum()` does.

    Args:
        results: Tensors, and what is none, in tuples and lists.

    Returns:
        The same, where tensors that were views are copies.
    """
    return _each(results, lambda own: own.clone() if own._is_view() else own)


def _each(results: Any, change: Callable[[Tensor], Any]) -> Any:
    """What a change makes of each tensor; all else stays."""
    if isinstance(results, Tensor):
        return change(results)
    if isinstance(results, tuple | list):
        return type(results)(_each(result, change) for result in results)
    return results

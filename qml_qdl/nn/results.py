"""Tensors on their way into a circuit and out of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError


@frozen(eq=False)
class Rows:
    """A layer's inputs as rows.

    Args:
        inputs: For each input (rows, features), or (features,), in a precision that
            complex numbers have.
        count: Number of rows that run; None where there is no such dimension.
        leading: The dimensions that the rows are.
    """

    inputs: list[Tensor]
    count: int | None
    leading: torch.Size

    @classmethod
    def of(cls, inputs: Sequence[Tensor]) -> Rows:
        """Lays all leading dimensions into one.

        Args:
            inputs: (..., features), with the same leading dimensions.

        Returns:
            The rows; a single one instead of none, for the result's shape, and for
            gradients that are zero.
        """
        leading = inputs[0].shape[:-1] if inputs else torch.Size()
        wide = [at_least_single(x) for x in inputs]
        if not leading:
            return cls(wide, None, leading)
        count = math.prod(leading)
        flat = [x.reshape(count, x.shape[-1]) for x in wide]
        if count == 0:
            flat = [torch.cat([x, neutral_rows(x, 1)]) for x in flat]
        return cls(flat, max(count, 1), leading)

    @property
    def are_none(self) -> bool:
        """Whether there were no rows, so that the one that runs was made up."""
        return 0 in self.leading

    def restored(self, result: Tensor, example: Tensor) -> Tensor:
        """A result in the dimensions that the inputs had.

        Args:
            result: `(rows, *shape)`, or `(*shape,)`.
            example: A tensor whose type and place the result shall have.

        Returns:
            `(..., *shape)`.
        """
        if not self.leading:
            return like(result, example)
        kept = like(result[:0] if self.are_none else result, example)
        return kept.reshape(*self.leading, *kept.shape[1:])


_HALVES = (torch.float16, torch.bfloat16)


def at_least_single(x: Tensor) -> Tensor:
    """The tensor in a precision that complex numbers have.

    Args:
        x: A floating tensor.

    Returns:
        The same values; half precision becomes float32.
    """
    return x.float() if x.dtype in _HALVES else x


def neutral_rows(x: Tensor, rows: int) -> Tensor:
    """Rows of data that every encoding can take: (1, 0, …, 0).

    They are angles, bits and normalised amplitudes alike.

    Args:
        x: Any data of the layer, (..., features).
        rows: How many rows.

    Returns:
        Tensor (rows, features), like x.
    """
    result = x.new_zeros(rows, x.shape[-1])
    result[:, :1] = 1
    return result


def without_nan(
    inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
) -> tuple[list[Tensor], dict[str, Tensor], Tensor]:
    """Takes out what cannot be sampled, without waiting for the numbers.

    Devices sample shots from NaN in their own ways: some fail, some give numbers.

    Args:
        inputs: For each input (rows, features), or (features,).
        weights: The trained tensors by name.

    Returns:
        Inputs and weights that are finite, and which rows must become NaN: (rows,) or
        () of bool.
    """
    lost = torch.zeros((), dtype=torch.bool)
    if inputs:
        lost = lost.to(inputs[0].device)
    for weight in weights.values():
        lost = lost.to(weight.device) | ~weight.isfinite().all()
    for x in inputs:
        lost = lost | ~x.isfinite().all(-1)
    finite = {k: w.nan_to_num(0.0, 0.0, 0.0) for k, w in weights.items()}
    clean = [
        torch.where(x.isfinite().all(-1, keepdim=True), x, neutral_rows(x, 1)[0])
        for x in inputs
    ]
    return clean, finite, lost


def refuse_nan(lost: Tensor) -> None:
    """Refuses rows that would have to become NaN where no result can be.

    Args:
        lost: (rows,) or (), of bool.

    Raises:
        ArgumentError: There is such a row.
    """
    if lost.any():
        rows = lost.nonzero().flatten().tolist() if lost.ndim else "all"
        raise ArgumentError(
            f"inputs: expected finite numbers, got NaN or infinity in rows {rows} or "
            "in the weights, and samples, which are whole numbers, have no NaN; take "
            "these rows out first"
        )


def with_nan(result: Tensor, lost: Tensor) -> Tensor:
    """Puts NaN into the rows that `without_nan` found.

    Args:
        result: `(rows, *output_shape)`, or `(*output_shape,)`.
        lost: (rows,) or (), of bool.

    Returns:
        The same shape.

    Raises:
        ArgumentError: There are such rows, and the results are whole numbers.
    """
    if not result.is_floating_point() and not result.is_complex():
        refuse_nan(lost)
        return result
    mask = lost.to(result.device).reshape(lost.shape + (1,) * (result.ndim - lost.ndim))
    return result.masked_fill(mask, math.nan)


def like(result: Tensor, tensor: Tensor) -> Tensor:
    """The result in another tensor's precision and place.

    Args:
        result: A tensor.
        tensor: What it shall be like, floating.

    Returns:
        The result; complex numbers of the same precision, whole numbers stay whole.
    """
    if result.is_floating_point():
        return result.to(tensor)
    if result.is_complex():
        double = tensor.dtype == torch.float64
        return result.to(
            device=tensor.device, dtype=torch.complex128 if double else torch.complex64
        )
    return result.to(device=tensor.device)


def as_tensor(result: Any, rows: int | None) -> Tensor:
    """One tensor from whatever a QNode returned.

    Args:
        result: A tensor, or tensors in lists and tuples.
        rows: Number of rows; None where the inputs have no rows dimension.

    Returns:
        The tensor itself, or all of them side by side, (rows, outputs) or (outputs,).

    Raises:
        ArgumentTypeError: There is anything else in it, such as counts.
        ShapeError: A tensor has not one entry for each row.
    """
    leading = () if rows is None else (rows,)
    if isinstance(result, Tensor):
        return _with_rows(result, leading)
    if isinstance(result, dict) or not isinstance(result, Sequence):
        raise ArgumentTypeError(
            f"circuit_or_qnode: the QNode returned {type(result).__name__}; a layer "
            "needs measurements that are tensors, such as expval, probs or sample"
        )
    parts = []
    for item in _flat(result):
        if not isinstance(item, Tensor):
            raise ArgumentTypeError(
                f"circuit_or_qnode: one of the QNode's results is a "
                f"{type(item).__name__}; a layer needs tensors"
            )
        part = _with_rows(item, leading)
        parts.append(part.reshape(*leading, math.prod(part.shape[len(leading) :])))
    return torch.cat(parts, dim=-1)


def as_stack(results: Sequence[Any], rows: int | None) -> Tensor:
    """One tensor from what a QNode returned for each of several numbers of shots.

    Args:
        results: Each as `as_tensor` takes it.
        rows: Number of rows; None where the inputs have no rows dimension.

    Returns:
        (rows, numbers of shots, outputs), or without rows.

    Raises:
        ArgumentTypeError: There is anything but tensors.
        ShapeError: A tensor has not one entry for each row, or more shots have more
            outputs.
    """
    parts = [as_tensor([result], rows) for result in results]
    sizes = [part.shape[-1] for part in parts]
    if len(set(sizes)) > 1:
        raise ShapeError(
            "circuit_or_qnode: expected as many results for each number of shots, got "
            f"{sizes}; return expval or probs, or set equal numbers of shots"
        )
    return torch.stack(parts, dim=-2)


def as_declared(result: Any, rows: int | None, shape: Sequence[int]) -> Tensor:
    """One tensor from the results of a circuit, of the shape its readout declares.

    Args:
        result: As `as_tensor` takes it; without rows also where there are some, if no
            gate differs from row to row.
        rows: Number of rows; None where the inputs have no rows dimension.
        shape: The shape of one row's result.

    Returns:
        The numbers as `(rows, *shape)`, or `(*shape,)`.

    Raises:
        ArgumentTypeError: There is anything but tensors.
        ShapeError: There are more or fewer numbers.
    """
    size = math.prod(shape)
    leaves = [leaf for leaf in _flat(result) if isinstance(leaf, Tensor)]
    if rows is not None and sum(leaf.numel() for leaf in leaves) == size:
        once = as_tensor(result, None).reshape((1, *shape))
        return once.expand((rows, *shape))
    tensor = as_tensor(result, rows)
    leading = () if rows is None else (rows,)
    found = tensor.shape[len(leading) :]
    if math.prod(found) != size:
        raise ShapeError(
            f"readout: output_shape declares {tuple(shape)} for one row, but what is "
            f"measured has, laid side by side, the shape {tuple(found)}; make them "
            "agree"
        )
    return tensor.reshape((*leading, *shape))


def _flat(items: Any) -> list[Any]:
    if isinstance(items, list | tuple):
        return [leaf for item in items for leaf in _flat(item)]
    return [items]


def _with_rows(result: Tensor, leading: tuple[int, ...]) -> Tensor:
    if not leading or result.shape[:1] == leading:
        return result
    raise ShapeError(
        f"circuit_or_qnode: for {leading[0]} rows the QNode returned the shape "
        f"{tuple(result.shape)}; it must treat its inputs as a batch: write "
        "inputs[..., i], not inputs[i], and use the inputs in every measured part"
    )

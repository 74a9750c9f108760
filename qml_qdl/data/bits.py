"""Bit strings as tensors: all of them, their indices, and whether data are such."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import check_count, check_type, validate_call

MOST_BITS = 20
"""Up to so many bits all strings are enumerated."""


@validate_call
def all_bits(
    num_bits: int,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """All bit strings in order, the first bit leading.

    Args:
        num_bits: Length n, 1 … 20.
        device: Where they shall be.
        dtype: Type of the numbers; None for torch's default.

    Returns:
        Zeros and ones, (2ⁿ, n); row k holds the bits of k.

    Raises:
        ArgumentError: There are too many.

    Example:
        >>> all_bits(2).tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    check_count("num_bits", num_bits)
    _check_enumerable("num_bits", num_bits)
    numbers = torch.arange(2**num_bits, device=device)
    places = torch.arange(num_bits - 1, -1, -1, device=device)
    bits = (numbers[:, None] >> places) & 1
    return bits.to(dtype or torch.get_default_dtype())


def _check_enumerable(name: str, num_bits: int) -> None:
    if num_bits > MOST_BITS:
        raise ArgumentError(
            f"{name}: expected at most {MOST_BITS}, got {num_bits}, which would be "
            f"2^{num_bits} strings; sample instead"
        )


@validate_call
def bit_index(bits: Tensor) -> Tensor:
    """The numbers that bit strings stand for, the first bit leading.

    Args:
        bits: Zeros and ones, (..., n), n ≤ 62.

    Returns:
        Whole numbers, (...).

    Raises:
        DataError: A number is neither 0 nor 1.
        ShapeError: There is no axis of bits, or there are more than 62.

    Example:
        >>> bit_index(torch.tensor([[0, 1], [1, 1]])).tolist()
        [1, 3]
    """
    if not bits.ndim or bits.shape[-1] > 62:
        raise ShapeError(
            f"bits: expected (..., n) with n ≤ 62, got {tuple(bits.shape)}"
        )
    refuse_no_bits("bits", bits)
    places = torch.arange(bits.shape[-1] - 1, -1, -1, device=bits.device)
    return (bits.long() << places).sum(-1)


@validate_call
def frequencies(bits: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """How often each bit string occurs, as a share of all rows.

    Args:
        bits: Zeros and ones, (rows, n), n ≤ 20.
        dtype: Type of the shares; None for torch's default.

    Returns:
        Shares that sum to 1, (2ⁿ,).

    Raises:
        ArgumentError: There are too many bits in a row.
        DataError: There are no rows, or they are not bits.
        ShapeError: The shape is not (rows, n).

    Example:
        >>> frequencies(torch.tensor([[0, 1], [0, 1], [1, 1], [0, 0]])).tolist()
        [0.25, 0.5, 0.0, 0.25]
    """
    check_bits("bits", bits)
    _check_enumerable("bits", bits.shape[-1])
    counts = torch.bincount(bit_index(bits), minlength=2 ** bits.shape[-1])
    return counts.to(dtype or torch.get_default_dtype()) / len(bits)


def sample_bits(
    probabilities: Tensor, num_samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Samples bit strings.

    Args:
        probabilities: Those of all strings in order, (2ⁿ,) with n ≤ 20; what rounding
            took below 0 counts as 0. They need not sum to 1.
        num_samples: How many, ≥ 1.
        generator: Random numbers; None for torch's own.

    Returns:
        Zeros and ones of the same type, (num_samples, n).

    Raises:
        DataError: A probability is not finite.

    Example:
        >>> sample_bits(torch.tensor([0.0, 0.0, 1.0, 0.0]), 2)
        tensor([[1., 0.],
                [1., 0.]])
    """
    check_finite("probabilities", probabilities, "train with a lower learning rate")
    sampled = torch.multinomial(
        probabilities.clamp(min=0), num_samples, replacement=True, generator=generator
    )
    num_bits = (len(probabilities) - 1).bit_length()
    strings = all_bits(num_bits, device=probabilities.device, dtype=probabilities.dtype)
    return strings[sampled]


def check_distribution(name: str, numbers: Tensor) -> None:
    """Checks that numbers are probabilities: none negative, and 1 together.

    Both up to rounding, by a thousandth or what the type can tell.

    Args:
        name: The argument's name, for the message.
        numbers: What came.

    Raises:
        DataError: They are not.
    """
    numbers = numbers.detach()
    total, least = float(numbers.double().sum()), float(numbers.min())
    rounding = 1e-3
    if numbers.is_floating_point():
        rounding = max(rounding, 10 * torch.finfo(numbers.dtype).eps)
    if not (abs(total - 1) <= rounding and least >= -rounding):
        raise DataError(
            f"{name}: expected probabilities, which are from 0 to 1 and sum to 1, got "
            f"numbers from {least:g} up whose sum is {total:g}; divide counts by their "
            "sum"
        )


def check_finite(name: str, numbers: Tensor, repair: str) -> None:
    """Checks that there are numbers, and all are finite.

    Args:
        name: The argument's name, for the message.
        numbers: What came.
        repair: What to do about NaN or infinity.

    Raises:
        DataError: There is none, or one is not finite.
    """
    if not numbers.numel():
        raise DataError(
            f"{name}: expected at least one number, got the shape "
            f"{tuple(numbers.shape)}; leave out what is empty"
        )
    if not bool(numbers.isfinite().all()):
        raise DataError(
            f"{name}: expected finite numbers, got NaN or infinity; {repair}"
        )


def as_floats(numbers: Tensor) -> Tensor:
    """Numbers as floating-point ones.

    Whole numbers of few bits wrap around where they are subtracted.

    Args:
        numbers: Numbers of any type.

    Returns:
        The same, in torch's default type unless they were floating-point already.

    Example:
        >>> as_floats(torch.tensor([True, False]))
        tensor([1., 0.])
    """
    if numbers.is_floating_point():
        return numbers
    return numbers.to(torch.get_default_dtype())


def as_units(name: str, units: Tensor, width: int, like: Tensor) -> Tensor:
    """The values of a machine's units, in the type of its weights.

    Args:
        name: The argument's name, for the message.
        units: What came, (..., width), of any type.
        width: How many units there are.
        like: A weight.

    Returns:
        The same numbers.

    Raises:
        ShapeError: There are more or fewer units.
    """
    check_type(name, units, Tensor)
    if units.shape[-1:] != (width,):
        raise ShapeError(
            f"{name}: expected the shape (rows, {width}), got {tuple(units.shape)}; "
            f"the layer has {width} units"
        )
    return units.to(like.dtype)


def check_weights(machine: nn.Module) -> None:
    """Checks that a model's weights are finite, so that it can be sampled from.

    Args:
        machine: The model.

    Raises:
        DataError: A weight is not finite.
    """
    for name, weight in machine.named_parameters():
        # A finite sum is found sooner, and tells that all are finite.
        if not math.isfinite(weight.detach().sum().item()):
            check_finite(name, weight, "train with a lower learning rate")


def check_rows(name: str, rows: Tensor, width: int | None = None) -> None:
    """Checks that data are finite rows of a width.

    Args:
        name: The argument's name, for the message.
        rows: What came.
        width: Numbers in a row; None for any number ≥ 1.

    Raises:
        DataError: There is no row, or a number is not finite.
        ShapeError: The shape is another.
    """
    check_type(name, rows, Tensor)
    fits = rows.ndim == 2 and rows.shape[1] == (width or max(1, rows.shape[1]))
    if not fits:
        raise ShapeError(
            f"{name}: expected the shape (rows, {width or 'n'}), got "
            f"{tuple(rows.shape)}"
        )
    if len(rows) == 0:
        raise DataError(f"{name}: expected at least one row, got none")
    if rows.is_floating_point() and not bool(rows.isfinite().all()):
        where = int((~rows.isfinite()).any(1).nonzero()[0])
        raise DataError(
            f"{name}: expected finite numbers, got NaN or infinity in row {where}; "
            "remove or repair such rows"
        )


def check_bits(name: str, bits: Tensor, width: int | None = None) -> None:
    """Checks that data are rows of zeros and ones.

    Args:
        name: The argument's name, for the message.
        bits: What came.
        width: Bits in a row; None for any number ≥ 1.

    Raises:
        DataError: There is no row, or a number is neither 0 nor 1.
        ShapeError: The shape is another.
    """
    check_rows(name, bits, width)
    refuse_no_bits(name, bits)


def refuse_no_bits(name: str, bits: Tensor) -> None:
    """Refuses numbers that are neither 0 nor 1, in a tensor of any shape.

    Args:
        name: The argument's name, for the message.
        bits: What came.

    Raises:
        DataError: There is one.
    """
    wrong = (bits != 0) & (bits != 1)
    if bool(wrong.any()):
        value = bits[wrong][0].item()
        raise DataError(
            f"{name}: expected zeros and ones, got {value:g}; threshold the data, or "
            "use a model of continuous values"
        )

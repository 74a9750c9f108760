"""Bit strings as tensors: all of them, their indices, and whether data are such."""

from __future__ import annotations

import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import check_count

MOST_BITS = 20
"""Up to so many bits all strings are enumerated."""


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
    if num_bits > MOST_BITS:
        raise ArgumentError(
            f"num_bits: expected at most {MOST_BITS}, got {num_bits}, which would be "
            f"2^{num_bits} strings; sample instead"
        )
    numbers = torch.arange(2**num_bits, device=device)
    places = torch.arange(num_bits - 1, -1, -1, device=device)
    bits = (numbers[:, None] >> places) & 1
    return bits.to(dtype or torch.get_default_dtype())


def bit_index(bits: Tensor) -> Tensor:
    """The numbers that bit strings stand for, the first bit leading.

    Args:
        bits: Zeros and ones, (..., n), n ≤ 62.

    Returns:
        Whole numbers, (...).

    Example:
        >>> bit_index(torch.tensor([[0, 1], [1, 1]])).tolist()
        [1, 3]
    """
    places = torch.arange(bits.shape[-1] - 1, -1, -1, device=bits.device)
    return (bits.long() << places).sum(-1)


def frequencies(bits: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """How often each bit string occurs, as a share of all rows.

    Args:
        bits: Zeros and ones, (rows, n), n ≤ 20.
        dtype: Type of the shares; None for torch's default.

    Returns:
        Shares that sum to 1, (2ⁿ,).

    Raises:
        DataError: There are no rows, or they are not bits.

    Example:
        >>> frequencies(torch.tensor([[0, 1], [0, 1], [1, 1], [0, 0]])).tolist()
        [0.25, 0.5, 0.0, 0.25]
    """
    check_bits("bits", bits, bits.shape[-1])
    counts = torch.bincount(bit_index(bits), minlength=2 ** bits.shape[-1])
    return counts.to(dtype or torch.get_default_dtype()) / len(bits)


def draw_bits(
    probabilities: Tensor, num_samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draws bit strings.

    Args:
        probabilities: Those of all strings in order, (2ⁿ,) with n ≤ 20; what rounding
            took below 0 counts as 0. They need not sum to 1.
        num_samples: How many, ≥ 1.
        generator: Random numbers; None for torch's own.

    Returns:
        Zeros and ones of the same type, (num_samples, n).

    Example:
        >>> draw_bits(torch.tensor([0.0, 0.0, 1.0, 0.0]), 2)
        tensor([[1., 0.],
                [1., 0.]])
    """
    drawn = torch.multinomial(
        probabilities.clamp(min=0), num_samples, replacement=True, generator=generator
    )
    num_bits = (len(probabilities) - 1).bit_length()
    strings = all_bits(num_bits, device=probabilities.device, dtype=probabilities.dtype)
    return strings[drawn]


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


def check_rows(name: str, rows: Tensor, width: int) -> None:
    """Checks that data are finite rows of a width.

    Args:
        name: The argument's name, for the message.
        rows: What came.
        width: Numbers in a row.

    Raises:
        DataError: There is no row, or a number is not finite.
        ShapeError: The shape is another.
    """
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ShapeError(
            f"{name}: expected the shape (rows, {width}), got {tuple(rows.shape)}"
        )
    if len(rows) == 0:
        raise DataError(f"{name}: expected at least one row, got none")
    if rows.is_floating_point() and not bool(rows.isfinite().all()):
        where = int((~rows.isfinite()).any(1).nonzero()[0])
        raise DataError(
            f"{name}: expected finite numbers, got NaN or infinity in row {where}; "
            "remove or repair such rows"
        )


def check_bits(name: str, bits: Tensor, width: int) -> None:
    """Checks that data are rows of zeros and ones.

    Args:
        name: The argument's name, for the message.
        bits: What came.
        width: Bits in a row.

    Raises:
        DataError: There is no row, or a number is neither 0 nor 1.
        ShapeError: The shape is another.
    """
    check_rows(name, bits, width)
    wrong = (bits != 0) & (bits != 1)
    if bool(wrong.any()):
        value = bits[wrong][0].item()
        raise DataError(
            f"{name}: expected zeros and ones, got {value:g}; threshold the data, or "
            "use a model of continuous values"
        )

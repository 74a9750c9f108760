"""Precision, device and layout of a program's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

MANY_ROWS = 16
"""From here on rows are the last dimension of states."""

MOST_WIRES_PATTERNS = 12
"""Up to here numbers for every amplitude are stored for every diagonal rotation and
every Pauli word that is read out."""

MOST_WIRES_WHOLE = 7
"""Up to here a run of gates common to all rows may become one matrix."""


@frozen
class TensorOptions:
    """What a program is compiled for beside its structure.

    Args:
        dtype: torch.complex64 or torch.complex128.
        device: Where it runs.
        few_rows: Whether rows are the leading dimension of states.
        whole: Whether runs of gates common to all rows become one matrix each.
    """

    dtype: torch.dtype
    device: torch.device
    few_rows: bool
    whole: bool

    @classmethod
    def of(
        cls, dtype: torch.dtype, device: torch.device, rows: int | None, num_wires: int
    ) -> TensorOptions:
        """The options for a number of rows.

        Args:
            dtype: Real or complex type of the angles' precision.
            device: Where the angles are.
            rows: Number of rows; None for a single one without the dimension.
            num_wires: Wires of the circuit, n.

        Returns:
            The options; one matrix for a run pays from 2ⁿ⁺¹ rows on.
        """
        few = rows is None or rows < MANY_ROWS
        whole = num_wires <= MOST_WIRES_WHOLE and (rows or 1) >= 2 ** (num_wires + 1)
        return cls(dtype.to_complex(), device, few, whole and not few)

    def tensor(self, values: NDArray[Any]) -> Tensor:
        """A constant of the program.

        Args:
            values: Real, complex or whole numbers.

        Returns:
            The tensor, of the program's precision and device.
        """
        dtype = None
        if np.iscomplexobj(values):
            dtype = self.dtype
        elif values.dtype.kind == "f":
            dtype = self.dtype.to_real()
        return torch.as_tensor(values, dtype=dtype, device=self.device)


def in_precision(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A tensor of angles, or of a state or matrix, in another precision.

    Args:
        tensor: The tensor; whole numbers stay as they are.
        dtype: Real or complex type of the precision; None for the tensor's own.
    """
    if dtype is None or not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor
    return tensor.to(dtype.to_complex() if tensor.is_complex() else dtype.to_real())

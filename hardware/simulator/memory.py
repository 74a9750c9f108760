"""Memory bounds: how many rows may run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qml_qdl.circuits.errors import MemoryBoundError

STATES_AT_ONCE = 18
"""States of a row that exist at the same time on the way back, at most (measured)."""

SHARE_OF_FREE = 4
"""One part in so many of the free memory is the bound unless another is given."""


def free_bytes(device: torch.device) -> int:
    """Memory that is free where a device computes.

    Args:
        device: A torch device.

    Returns:
        Bytes; the machine's own memory but for CUDA devices.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def rows_at_once(
    num_wires: int, dtype: torch.dtype, device: torch.device, bound: int | None = None
) -> int:
    """How many rows may run at once.

    Args:
        num_wires: Wires of the circuit, n.
        dtype: Real or complex type of the states' precision.
        device: Where they are.
        bound: Bytes that may be used; None for a quarter of what is free now.

    Returns:
        At least 1.

    Raises:
        MemoryBoundError: Not even one row fits.
    """
    free = free_bytes(device)
    allowed = free // SHARE_OF_FREE if bound is None else bound
    row = STATES_AT_ONCE * dtype.to_complex().itemsize * 2**num_wires
    if row > allowed:
        raise MemoryBoundError(
            f"wires: {num_wires} wires need {row:,} bytes for one row, but {allowed:,} "
            f"may be used of {free:,} that are free; use fewer wires, or raise memory= "
            "of the device qdl.simulator"
        )
    return int(allowed // row)


def in_chunks(run: Callable[[int, int], Any], rows: int, most: int) -> list[Any]:
    """Runs rows in chunks, of which backward keeps only the angles.

    Args:
        run: Takes the first row and the one after the last; differentiable.
        rows: Number of rows.
        most: Most rows of a chunk.

    Returns:
        The results, one for each chunk.
    """
    return [
        checkpoint(
            run,
            start,
            min(start + most, rows),
            use_reentrant=False,
            preserve_rng_state=False,
        )
        for start in range(0, rows, most)
    ]


def joined(parts: Sequence[Any]) -> Any:
    """The results of chunks of rows as those of all rows.

    Args:
        parts: Tensors, arrays or lists of rows, in tuples; alike in every chunk.

    Returns:
        The same of all rows.
    """
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(joined(part) for part in zip(*parts, strict=True))
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, list):
        return [item for part in parts for item in part]
    return np.concatenate(parts)

"""Mini-batches whose order is a function of seed, epoch and position."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError
from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call
from qml_qdl.data.dataset import Dataset


@validate_call
class ResumableLoader:
    """Batches of a data set that can be continued in the middle of an epoch.

    The order of epoch e is sampled from a generator seeded with (seed, e) alone, so
    a position is three numbers: `state_dict()` holds them, and the Lightning
    trainer keeps them in its checkpoints. Each `for` loop is one epoch; after
    `load_state_dict` the first loop begins where the state was taken.

    A batch is inputs and labels, int64 for classes; and of rows with weights these.

    Args:
        dataset: The rows, held in memory.
        batch_size: Rows per batch; the last batch of an epoch may be smaller.
        shuffle: Whether each epoch has its own order.
        seed: Fixes the orders of all epochs.

    Raises:
        DataError: There are words or empty cells left, of which a split makes numbers.

    Example:
        >>> from qml_qdl.data import ResumableLoader, load
        >>> loader = ResumableLoader(load("iris"), batch_size=64, seed=1)
        >>> [len(labels) for inputs, labels in loader]
        [64, 64, 22]
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        check_count("batch_size", batch_size)
        check_count("seed", seed, 0, MOST_SEED)
        if dataset.is_raw:
            raise DataError(
                f"dataset: expected numbers, got {dataset.name!r} with words or empty "
                "cells; qml_qdl.data.split makes numbers of them"
            )
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._inputs = torch.tensor(dataset.inputs)
        self._labels = torch.tensor(dataset.labels)
        weights = dataset.weights
        self._weights = () if weights is None else (torch.tensor(weights),)
        self._epoch = 0
        self._position = 0
        self._resuming = False

    def __len__(self) -> int:
        return math.ceil(len(self._labels) / self.batch_size)

    def __repr__(self) -> str:
        return (
            f"ResumableLoader({len(self._labels)} rows, batch_size={self.batch_size}, "
            f"shuffle={self.shuffle}, seed={self.seed})"
        )

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        # A generator: nothing moves before the first batch is asked for, because the
        # trainer makes iterators that it never uses.
        if self._position == len(self) or not self._resuming:
            self._epoch += self._position > 0
            self._position = 0
        self._resuming = False
        order = self._order()
        for start in range(
            self._position * self.batch_size, len(order), self.batch_size
        ):
            rows = order[start : start + self.batch_size]
            self._position += 1
            columns = (self._inputs, self._labels, *self._weights)
            yield tuple(column[rows] for column in columns)

    def _order(self) -> torch.Tensor:
        if not self.shuffle:
            return torch.arange(len(self._labels))
        # Spread over 64 bits, so that (seed, epoch) and (seed + 1, epoch − 1) differ.
        mixed = (
            self.seed * 0x9E3779B97F4A7C15 + self._epoch * 0xD1B54A32D192ED03 + 1
        ) % 2**63
        return torch.randperm(
            len(self._labels), generator=torch.Generator().manual_seed(mixed)
        )

    def state_dict(self) -> dict[str, Any]:
        """Returns seed, epoch and position (batches given out in this epoch)."""
        return {
            "seed": self.seed,
            "epoch": self._epoch,
            "position": self._position,
            "batch_size": self.batch_size,
            "rows": len(self._labels),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state: the next loop gives the batches that follow it.

        Args:
            state: What `state_dict` returned.

        Raises:
            ArgumentError: The state is damaged.
            RunError: The state belongs to a loader with other rows, batches or seed.
        """
        wanted = self.state_dict()
        if set(state) != set(wanted):
            raise ArgumentError(
                f"state: expected the keys {sorted(wanted)}, got {sorted(state)}"
            )
        for key in ("seed", "batch_size", "rows"):
            if state[key] != wanted[key]:
                raise RunError(
                    f"{key}: the checkpoint was made with {state[key]}, this loader "
                    f"has {wanted[key]}; resume with the same data and options"
                )
        epoch, position = int(state["epoch"]), int(state["position"])
        if epoch < 0 or not 0 <= position <= len(self):
            raise ArgumentError(
                f"state: expected a position 0 … {len(self)} in an epoch from 0 up, "
                f"got position {position} in epoch {epoch}"
            )
        self._epoch, self._position, self._resuming = epoch, position, True

"""Memory of states that are no longer needed, for those that come."""

from __future__ import annotations

from threading import RLock
from typing import Any
from weakref import finalize

import torch
from numpy.typing import NDArray
from torch import Tensor


class Pool:
    """The memory of one run's states.

    New memory of several megabytes costs as much as a product to touch for the first
    time (measured), so the steps of a run take turns in a few pieces, and what nobody
    holds any longer, however long after the run, serves the next.
    """

    LEAST = 2**15
    """States with fewer numbers are as fast in new memory."""

    MOST_CHECKPOINTS = 2**27
    """Bytes that wait for the next run, for all runs together."""

    _kept: list[NDArray[Any]] = []  # noqa: RUF012  (shared by all, on purpose)
    _lock = RLock()  # a piece may come back while another is looked for

    def __init__(self) -> None:
        self._used: list[Tensor] = []
        self._free: list[Tensor] = []

    def take(self, like: Tensor) -> Tensor | None:
        """Memory for a tensor.

        Args:
            like: A tensor of the same shape, type and device.

        Returns:
            A tensor whose numbers mean nothing; None for a small one.
        """
        if like.numel() < self.LEAST:
            return None
        piece = self._given_back(like)
        if piece is None:
            # Elsewhere torch keeps memory itself; tensors that are traced have none.
            if type(like) is Tensor and like.device.type == "cpu":
                piece = self._lent(like)
            else:
                contiguous = torch.contiguous_format
                piece = torch.empty_like(like, memory_format=contiguous)
        self._used.append(piece)
        return piece

    def give(self, tensor: Tensor) -> None:
        """Takes back memory that is no longer needed, if it is from here and in use.

        Args:
            tensor: Any tensor.
        """
        for index, used in enumerate(self._used):
            if used is tensor:
                self._free.append(self._used.pop(index))
                return

    def _given_back(self, like: Tensor) -> Tensor | None:
        for index, piece in enumerate(self._free):
            if (piece.shape, piece.dtype, piece.device) == (
                like.shape,
                like.dtype,
                like.device,
            ):
                return self._free.pop(index)
        return None

    @classmethod
    def _lent(cls, like: Tensor) -> Tensor:
        """A tensor on kept or new memory, which comes back when nobody holds it."""
        with cls._lock:
            for index in reversed(range(len(cls._kept))):  # the latest: in the cache
                if cls._kept[index].nbytes == like.nbytes:
                    memory = cls._kept.pop(index)
                    break
            else:
                memory = torch.empty(like.nbytes, dtype=torch.uint8).numpy()
        # torch holds the view as long as any tensor is on it, and only then.
        view = memory[:]
        finalize(view, cls._keep, memory).atexit = False
        return torch.from_numpy(view).view(like.dtype).view(like.shape)

    @classmethod
    def _keep(cls, memory: NDArray[Any]) -> None:
        with cls._lock:
            cls._kept.append(memory)
            while sum(piece.nbytes for piece in cls._kept) > cls.MOST_CHECKPOINTS:
                cls._kept.pop(0)

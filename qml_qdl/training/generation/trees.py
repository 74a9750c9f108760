"""Trees of bits: the rivals of machines that learn distributions of bits."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.generative import chow_liu_tree


@frozen(eq=False)
class BitTree:
    """Bits that are drawn one after the other, each given one other at most.

    Args:
        order: Pairs (parent, bit); the parent of a bit without one is −1.
        on: Probabilities (n, 2) that a bit is 1, given that its parent is 0 or 1.
    """

    order: tuple[tuple[int, int], ...]
    on: Tensor

    @classmethod
    def fit(cls, bits: Tensor, *, edges: bool = True) -> BitTree:
        """Fits the tree of Chow and Liu, or independent bits.

        Counts begin at one half, so that what was never seen is unlikely only.

        Args:
            bits: Zeros and ones, (rows, n).
            edges: Whether bits depend on each other at all.

        Returns:
            The tree.
        """
        count = bits.shape[1]
        pairs = chow_liu_tree(bits) if edges and count > 1 else ()
        order = ((-1, 0), *pairs) if pairs else tuple((-1, k) for k in range(count))
        on = torch.empty(count, 2, dtype=torch.float64)
        for parent, child in order:
            for value in (0, 1):
                rows = bits if parent < 0 else bits[bits[:, parent] == value]
                ones = float(rows[:, child].sum())
                on[child, value] = (ones + 0.5) / (len(rows) + 1)
        return cls(order, on)

    @property
    def parameters(self) -> int:
        """How many probabilities it has."""
        return sum(1 if parent < 0 else 2 for parent, _ in self.order)

    def log_likelihood(self, bits: Tensor) -> Tensor:
        """Logarithms of the probabilities of rows.

        Args:
            bits: Zeros and ones, (rows, n).

        Returns:
            (rows,), in nats, float64.
        """
        total = torch.zeros(len(bits), dtype=torch.float64)
        for parent, child in self.order:
            given = self._given(bits, parent, child)
            here = bits[:, child] == 1
            total += torch.where(here, given, 1 - given).log()
        return total

    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws bits.

        Args:
            rows: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (rows, n).
        """
        bits = torch.zeros(rows, len(self.on))
        for parent, child in self.order:
            given = self._given(bits, parent, child)
            bits[:, child] = torch.bernoulli(given, generator=generator).float()
        return bits

    def _given(self, bits: Tensor, parent: int, child: int) -> Tensor:
        if parent < 0:
            return self.on[child, 0].expand(len(bits))
        return self.on[child][bits[:, parent].long()]

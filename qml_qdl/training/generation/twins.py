"""Classical models that stand beside the quantum ones, where these have none."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qml_qdl.generative import RBM, all_bits


class DistributionTable(nn.Module):
    """Probabilities of values as a softmax of trained numbers.

    Args:
        values: How many values there are, 0 … values − 1.
    """

    def __init__(self, values: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(0.1 * torch.randn(values))

    def forward(self) -> Tensor:
        """The probabilities, (values,)."""
        return self.logits.softmax(0)

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws values.

        Args:
            rows: How many, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, 1).
        """
        drawn = torch.multinomial(self(), rows, replacement=True, generator=generator)
        return drawn[:, None].to(self.logits)


class ListedRBM(nn.Module):
    """A restricted Boltzmann machine that gives the probabilities of all bit strings.

    So it is trained and measured in the very way of a Born machine.

    Args:
        num_bits: Its visible units, up to 12 or so.
        weights: How many weights are wanted; it gets the nearest number.

    Example:
        >>> machine = ListedRBM(3, weights=19)
        >>> machine.machine, machine().shape
        (RBM(3, 4, visible='binary'), torch.Size([8]))
    """

    strings: Tensor

    def __init__(self, num_bits: int, weights: int) -> None:
        super().__init__()
        hidden = max(1, round((weights - num_bits) / (num_bits + 1)))
        self.machine = RBM(num_bits, hidden)
        self.register_buffer("strings", all_bits(num_bits), persistent=False)

    def forward(self) -> Tensor:
        """The probabilities of all strings, (2ⁿ,)."""
        return self.machine.log_likelihood(self.strings).exp()

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws bit strings.

        Args:
            rows: How many, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (rows, n).
        """
        drawn = torch.multinomial(self(), rows, replacement=True, generator=generator)
        return self.strings[drawn]

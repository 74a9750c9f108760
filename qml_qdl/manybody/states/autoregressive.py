"""Autoregressive networks as states, which sample themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qml_qdl.circuits.validation import validate_call
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import NeuralState
from qml_qdl.models import AutoregressiveNetwork


class AutoregressiveState(NeuralState):
    """A state whose probabilities an autoregressive network gives, and samples exactly.

    log ψ(s) = log p(b)/2 + iφ(s), where b = (1 − s)/2 (Sharir et al., PRL 124, 020503
    (2020), arXiv:1902.04057).

    Args:
        network: The probabilities; with `num_ones` only strings of that magnetisation
            have any.
        phase: Takes (rows, N) spins to φ, (rows,) or (rows, 1); None for positive
            amplitudes.

    Example:
        >>> import torch
        >>> from qml_qdl.models import AutoregressiveNetwork
        >>> state = AutoregressiveState(AutoregressiveNetwork(4))
        >>> state(torch.ones(2, 4)).shape, state.sample(3).shape
        (torch.Size([2]), torch.Size([3, 4]))
    """

    @validate_call
    def __init__(
        self, network: AutoregressiveNetwork, phase: nn.Module | None = None
    ) -> None:
        super().__init__(network.num_bits)
        self.network = network
        self.phase = phase

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes; those of all configurations have the norm 1."""
        check_sites(spins, self.num_sites)
        log: Tensor = self.network.log_prob((1 - spins) / 2) / 2
        if self.phase is None:
            return log
        phase: Tensor = self.phase(spins.to(self.dtype))
        return torch.complex(log, phase.reshape(len(spins)))

    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent configurations.

        Args:
            rows: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, N), ±1.
        """
        return 1 - 2 * self.network.sample(rows, generator)

"""States that are tables of logarithms, one number for each configuration."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qml_qdl.manybody import ModuleState


class Table(nn.Module):
    """One number for each configuration, or two: log |ψ| and the phase."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values)

    def forward(self, spins: Tensor) -> Tensor:
        places = torch.arange(spins.shape[1] - 1, -1, -1)
        return self.values[((spins < 0).long() << places).sum(1)]


def table_state(values: Tensor) -> ModuleState:
    """A state by its logarithms, (2ⁿ,), or (2ⁿ, 2) with phases."""
    return ModuleState(Table(values), len(values).bit_length() - 1)


def all_spins(num_sites: int) -> Tensor:
    """Every configuration, the first spin leading, +1 before −1."""
    places = torch.arange(num_sites - 1, -1, -1)
    bits = torch.arange(2**num_sites)[:, None] >> places & 1
    return 1 - 2 * bits.double()

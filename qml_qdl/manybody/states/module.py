"""Any torch module as a state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import NeuralState


class ModuleState(NeuralState):
    """Any torch module as a state.

    Args:
        module: Takes (rows, N) spins ±1 to log ψ, (rows,) or (rows, 1), real or
            complex; or to (rows, 2), `log |ψ|` and the phase.
        num_sites: The number N of spins.

    Raises:
        ShapeError: On the first call, where the module returns something else.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> module = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
        >>> ModuleState(module, 4)(torch.ones(3, 4)).shape
        torch.Size([3])
    """

    @validate_call
    def __init__(self, module: nn.Module, num_sites: int) -> None:
        super().__init__(num_sites)
        self.module = module

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        found: Tensor = self.module(spins.to(self.dtype))
        rows = len(spins)
        if found.shape == (rows, 2):
            return torch.complex(found[:, 0], found[:, 1])
        if found.shape not in ((rows,), (rows, 1)):
            raise ShapeError(
                f"module: expected log ψ as ({rows},), ({rows}, 1) or, with phases, "
                f"({rows}, 2), got {tuple(found.shape)}"
            )
        return found.reshape(rows)

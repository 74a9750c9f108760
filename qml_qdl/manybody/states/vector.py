"""Vectors of amplitudes as states without parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.manybody.sectors import Sector, check_sites
from qml_qdl.manybody.states.state import NeuralState, safe_log


class VectorState(NeuralState):
    """A vector of amplitudes as a state, to which others are compared or fitted.

    It has no parameters.

    Args:
        vector: Amplitudes (states,) in the basis of the sector, real or complex, such
            as `vectors[:, 0]` of what `ground_state` finds; they need no norm.
        sector: The sector; or the number of sites, for all configurations in the order
            of `qml.matrix`.

    Shape:
        - Input: (rows, N), ±1.
        - Output: (rows,), log ψ(s) in double precision, −∞ outside the sector.

    Raises:
        ArgumentError: A number is not finite, or all vanish.
        ArgumentTypeError: They are no numbers.
        ShapeError: There are more or fewer than states.

    Example:
        >>> state = VectorState([0, 1, 1, 0], 2)
        >>> state(torch.tensor([[1.0, -1.0], [1.0, 1.0]]))
        tensor([0., -inf], dtype=torch.float64)
    """

    @validate_call
    def __init__(self, vector: Any, sector: Sector | int) -> None:
        sector = sector if isinstance(sector, Sector) else Sector(sector)
        super().__init__(sector.num_sites)
        if isinstance(vector, Tensor):
            vector = vector.detach().cpu().resolve_conj()
        values = np.asarray(vector)
        if values.dtype.kind not in "iufc":
            raise ArgumentTypeError(
                f"vector: expected numbers, one for each state, got {type(vector)}"
            )
        if values.shape != (sector.num_states,):
            raise ShapeError(
                f"vector: expected ({sector.num_states},), one amplitude for each "
                f"state of the sector, got {values.shape}"
            )
        if not np.isfinite(values).all() or not values.any():
            raise ArgumentError(
                "vector: expected finite amplitudes that do not all vanish, got others"
            )
        self.sector = sector
        self.vector = values.astype(complex if values.dtype.kind == "c" else float)

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the spins it takes."""
        return torch.float64

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        amplitudes = self.sector.amplitudes(self.vector, spins)
        if not amplitudes.is_complex() and (self.vector < 0).any():
            amplitudes = amplitudes.to(torch.complex128)
        return safe_log(amplitudes)

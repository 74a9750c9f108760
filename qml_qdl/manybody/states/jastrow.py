"""The Jastrow factor: a weight for each pair of spins."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import NeuralState, as_group


class JastrowState(NeuralState):
    """A Jastrow factor: log ψ = Σ_{i<j} W_{ij} s_i s_j, positive amplitudes.

    Args:
        num_sites: The number N of spins.
        permutations: A group, (G, N) of whole numbers, whose elements map a pair to
            pairs of the same weight; None for a weight of its own for each pair.
        scale: Standard deviation of the initial weights.
        dtype: Type of the weights; None for torch's default.
        generator: Random numbers for them; None for torch's own.

    Shape:
        - Input: (rows, num_sites), ±1.
        - Output: (rows,), log ψ(s).

    Raises:
        ArgumentError: A number cannot be used, or the permutations are none.

    Example:
        >>> import torch
        >>> ring = torch.stack([torch.arange(6).roll(-k) for k in range(6)])
        >>> JastrowState(6, permutations=ring).weight.shape  # distances 1, 2 and 3
        torch.Size([3])
    """

    pairs: Tensor

    @validate_call
    def __init__(
        self,
        num_sites: int,
        *,
        permutations: Any = None,
        scale: float = 0.01,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(num_sites)
        check_number("scale", scale)
        check_count("num_sites", num_sites, 2)
        group = as_group(permutations, num_sites)
        first, second = torch.triu_indices(num_sites, num_sites, 1)
        # Of each pair the smallest one it is mapped to, numbered anew.
        ends = torch.stack([group[:, first], group[:, second]])
        images = ends.amin(0) * num_sites + ends.amax(0)
        pairs = images.amin(0).unique(return_inverse=True)[1]
        table = torch.zeros(num_sites, num_sites, dtype=torch.long)
        table[first, second] = table[second, first] = pairs
        self.register_buffer("pairs", table, persistent=False)
        weights = torch.empty(int(pairs.max()) + 1, dtype=dtype)
        self.weight = nn.Parameter(weights.normal_(0, scale, generator=generator))

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        spins = spins.to(self.weight)
        # Each pair is there twice, and the diagonal is a constant.
        matrix = self.weight[self.pairs] / 2
        return ((spins @ (matrix - torch.diag(matrix.diagonal()))) * spins).sum(1)

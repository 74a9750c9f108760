"""Dense feed-forward networks as states."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from qml_qdl.circuits.validation import as_items, check_count, validate_call
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import NeuralState, seeded


class FeedForwardState(NeuralState):
    """Dense layers: log ψ is what the last of them returns.

    Weights are real. With a complex type the last layer has two outputs, `log |ψ|` and
    the phase. It has no symmetry; `Symmetrized` gives it one.

    Args:
        num_sites: The number N of spins.
        hidden_dims: Units of each hidden layer; None for one layer of 2N.
        activation: What follows each hidden layer; None for `torch.nn.GELU()`.
        dtype: A real type for positive amplitudes, a complex one for complex ones; None
            for torch's default.
        device: Where the weights are.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, num_sites), ±1.
        - Output: (rows,), log ψ(s).

    Raises:
        ArgumentError: A number cannot be used.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import Symmetrized
        >>> state = FeedForwardState(4, hidden_dims=(8, 8), dtype=torch.complex64)
        >>> state(torch.ones(3, 4)).dtype
        torch.complex64
        >>> ring = torch.stack([torch.arange(4).roll(-k) for k in range(4)])
        >>> Symmetrized(state, ring)(torch.ones(3, 4)).shape
        torch.Size([3])
    """

    @validate_call
    def __init__(
        self,
        num_sites: int,
        *,
        hidden_dims: Sequence[int] | None = None,
        activation: nn.Module | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(num_sites)
        sizes = as_items(hidden_dims)
        sizes = (2 * num_sites,) if sizes is None else sizes
        for size in sizes:
            check_count("hidden_dims", size)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        outputs = 2 if dtype.is_complex else 1
        layers: list[nn.Module] = []
        with seeded(generator):
            for before, after in pairwise([num_sites, *sizes, outputs]):
                layers.append(nn.Linear(before, after, dtype=dtype.to_real()))
                layers.append(activation or nn.GELU())
        self.layers = nn.Sequential(*layers[:-1]).to(device)

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        return as_logarithm(self.layers(spins.to(self.dtype)))


def as_logarithm(found: Tensor) -> Tensor:
    """What a last layer returns as logarithms.

    Args:
        found: (..., 1), or with phases (..., 2).

    Returns:
        (...), real or complex.
    """
    if found.shape[-1] == 1:
        return found[..., 0]
    return torch.complex(found[..., 0], found[..., 1])

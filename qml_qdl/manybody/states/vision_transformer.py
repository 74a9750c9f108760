"""Small vision transformers, whose attention depends on distances alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import as_items, check_count, validate_call
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import NeuralState, log_cosh, seeded


class VisionTransformerState(NeuralState):
    r"""A vision transformer (ViT) on patches of sites, with factored attention.

    Spins of one patch become a vector x_i of `embed_dim` numbers. A block is
    x + A(norm x), then x + MLP(norm x), where each head of the attention is

    .. math:: A_i = \sum_j \alpha_{j - i} V x_j

    with one number α for each displacement of patches, in place of queries and keys. At
    the end, with z the normalised sum of all x_i, log ψ = Σ_k log cosh(b_k + w_k z)
    (Viteritti, Rende and Becca, PRL 130, 236401 (2023), arXiv:2211.05504; factored as
    by Rende et al., arXiv:2310.05715). With a complex type w and b are complex, all
    else is real. Translations by whole patches leave ψ alone; `Symmetrized` adds those
    within one.

    Args:
        lattice: Where the spins are, a lattice with cells.
        patch_size: Cells of a patch in each direction, or one number for all; a patch
            has all sites of its cells.
        layers: Blocks.
        embed_dim: Numbers for each patch, a multiple of `heads`.
        heads: Heads of the attention.
        mlp_dim: Units of a block's hidden layer; None for twice `embed_dim`.
        dtype: A real type for positive amplitudes, a complex one for complex ones; None
            for torch's default.
        device: Where the weights are.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, N), ±1.
        - Output: (rows,), log ψ(s).

    Raises:
        ArgumentError: A number cannot be used, or patches do not fill the lattice.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import Lattice
        >>> square = Lattice.square(4, 4)
        >>> state = VisionTransformerState(square, patch_size=2, dtype=torch.complex64)
        >>> spins = torch.ones(1, 16)
        >>> spins[0, 5] = -1
        >>> bool(torch.isclose(state(spins), state(spins.roll(2, 1)), atol=1e-5))
        True
    """

    patches: Tensor
    displacements: Tensor

    @validate_call
    def __init__(
        self,
        lattice: Lattice,
        *,
        patch_size: int | Sequence[int] = 2,
        layers: int = 2,
        embed_dim: int = 16,
        heads: int = 4,
        mlp_dim: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(lattice.num_sites)
        check_count("layers", layers)
        check_count("embed_dim", embed_dim)
        check_count("heads", heads)
        mlp_dim = 2 * embed_dim if mlp_dim is None else mlp_dim
        check_count("mlp_dim", mlp_dim)
        if embed_dim % heads:
            raise ArgumentError(
                f"embed_dim: expected a multiple of the {heads} heads, got {embed_dim}"
            )
        patches, displacements = _patches(lattice, _sizes(lattice, patch_size))
        self.register_buffer("patches", torch.from_numpy(patches), persistent=False)
        self.register_buffer(
            "displacements", torch.from_numpy(displacements), persistent=False
        )
        dtype = torch.get_default_dtype() if dtype is None else dtype
        kinds = int(displacements.max()) + 1
        with seeded(generator):
            real = dtype.to_real()
            self.embedding = nn.Linear(patches.shape[1], embed_dim, dtype=real)
            self.blocks = nn.ModuleList(
                _Block(embed_dim, heads, mlp_dim, kinds, real) for _ in range(layers)
            )
            self.norm = nn.LayerNorm(embed_dim, dtype=real)
            self.last = nn.Linear(embed_dim, embed_dim, dtype=dtype)
        with torch.no_grad():  # log ψ differs little between configurations
            self.last.weight.mul_(0.3)
            self.last.bias.mul_(0.3)
        self.to(device)

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        found = self.embedding(spins.to(self.dtype)[:, self.patches])
        for block in self.blocks:
            found = block(found, self.displacements)
        found = self.norm(found.sum(1))
        return log_cosh(self.last(found.to(self.last.weight))).sum(-1)


class _Block(nn.Module):
    """Attention between patches, and an MLP in each of them, added to what comes in."""

    def __init__(
        self, size: int, heads: int, hidden: int, kinds: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(size, dtype=dtype) for _ in range(2))
        weights = torch.empty(heads, kinds, dtype=dtype)
        self.attention = nn.Parameter(weights.normal_(std=kinds**-0.5))
        self.value = nn.Linear(size, size, dtype=dtype)
        self.output = nn.Linear(size, size, dtype=dtype)
        self.mlp = nn.Sequential(
            nn.Linear(size, hidden, dtype=dtype),
            nn.GELU(),
            nn.Linear(hidden, size, dtype=dtype),
        )

    def forward(self, rows: Tensor, displacements: Tensor) -> Tensor:
        """What patches become, (rows, patches, size).

        Args:
            rows: Vectors of patches, likewise.
            displacements: The number of j − i at [i, j].
        """
        values = self.value(self.norms[0](rows)).unflatten(2, (len(self.attention), -1))
        weights = self.attention[:, displacements]
        mixed = torch.einsum("hij,njhd->nihd", weights, values)
        rows = rows + self.output(mixed.flatten(2))
        result: Tensor = rows + self.mlp(self.norms[1](rows))
        return result


def _sizes(lattice: Lattice, patch_size: int | Sequence[int]) -> tuple[int, ...]:
    """Cells of a patch in each direction."""
    given = as_items(patch_size)
    sizes: tuple[Any, ...] = (patch_size,) * len(lattice.n_cells)
    sizes = sizes if given is None else given
    for size in sizes:
        check_count("patch_size", size)
    counts = lattice.n_cells
    if len(sizes) != len(counts) or any(
        count % size for count, size in zip(counts, sizes, strict=True)
    ):
        raise ArgumentError(
            f"patch_size: expected divisors of {list(counts)}, the lattice's cells in "
            f"each direction, got {list(sizes)}"
        )
    return tuple(sizes)


def _patches(
    lattice: Lattice, sizes: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sites by patch, and the number of the displacement between any two patches."""
    counts = [n // size for n, size in zip(lattice.n_cells, sizes, strict=True)]
    places = range(len(sizes))
    shape = [n for pair in zip(counts, sizes, strict=True) for n in pair]
    grid = np.arange(lattice.num_sites).reshape(*shape, -1)
    order = [2 * k for k in places] + [2 * k + 1 for k in places] + [2 * len(sizes)]
    sites = grid.transpose(order).reshape(prod(counts), -1)
    at = np.indices(counts).reshape(len(sizes), -1)
    steps = at[:, None, :] - at[:, :, None]
    for axis, joined in enumerate(lattice.periodic):
        if joined:
            steps[axis] %= counts[axis]
    flat = steps.reshape(len(sizes), -1)
    _, kinds = np.unique(flat, axis=1, return_inverse=True)
    return sites, kinds.reshape(len(sites), -1)

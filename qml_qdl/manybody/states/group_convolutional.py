"""Group-convolutional networks, which know the symmetry of their lattice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.sectors import check_sites, group_table
from qml_qdl.manybody.states.combinations import as_characters, projected
from qml_qdl.manybody.states.feed_forward import as_logarithm
from qml_qdl.manybody.states.state import NeuralState, as_group, seeded


class _GroupConvolution(torch.autograd.Function):
    """The sum over b and h of weight[a, b, h] features[b, g h].

    Forward and for the features it is one matrix product with the kernel at [g, h] of
    g⁻¹ h. The derivative by the weight gathers features, so that derivatives of single
    rows never make a kernel for each of them, nor add into places one by one.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        features: Tensor, weight: Tensor, forwards: Tensor, backwards: Tensor
    ) -> Tensor:
        return torch.einsum("abgh,nbh->nag", weight[:, :, backwards], features)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        features, weight, forwards, backwards = ctx.saved_tensors
        by_features = torch.einsum("abgh,nag->nbh", weight[:, :, backwards], gradient)
        turned = features.mT[:, forwards]
        by_weight = torch.einsum("nag,nghb->abh", gradient, turned)
        return by_features, by_weight, None, None


_convolved: Callable[..., Tensor] = _GroupConvolution.apply


class GroupConvolutionalState(NeuralState):
    r"""A group-convolutional network (GCNN), with one behaviour under a group.

    The first layer compares the images of a configuration under all elements g of the
    group with a filter for each feature, the others mix features along the group:

    .. math:: f^1_a(g) = \sigma\left(\sum_j W_{aj} s_{g(j)}\right), \qquad
              f^{l+1}_a(g) = \sigma\left(\sum_{b, h} K_{abh} f^l_b(g h)\right)

    Each f(hs) at g is f(s) at hg. One more layer makes a logarithm of each place g, and
    ψ(s) = Σ_g χ(g)* exp f(g), so that ψ(hs) = χ(h) ψ(s) (Roth and MacDonald,
    arXiv:2104.05085). Weights are real; with a complex type the last layer has two
    outputs, modulus and phase. `Symmetrized(state, spin_flip=1)` adds the spin flip.

    Args:
        lattice: Where the spins are.
        layers: Layers with features, at least one.
        features: Features of each layer.
        permutations: The group, (G, N) of whole numbers; None for all translations of
            the lattice and its point group, `lattice.symmetries`.
        characters: χ(g) for each element, (G,), real or complex; None for ones.
        dtype: A real type for positive amplitudes, or such as differ in the signs of
            characters; a complex one for complex amplitudes. None for torch's default.
        device: Where the weights are.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, N), ±1.
        - Output: (rows,), log ψ(s).

    Raises:
        ArgumentError: A number cannot be used, the permutations are no group, or the
            characters none of it.
        ShapeError: There is not one character for each element.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import Lattice
        >>> ring = Lattice.chain(6)
        >>> state = GroupConvolutionalState(ring, layers=2, features=3)
        >>> spins = torch.tensor([[1.0, 1, -1, 1, -1, -1]])
        >>> bool(torch.isclose(state(spins), state(spins.flip(1)), atol=1e-5))
        True
    """

    group: Tensor
    forwards: Tensor
    backwards: Tensor
    characters: Tensor

    @validate_call
    def __init__(
        self,
        lattice: Lattice,
        *,
        layers: int = 2,
        features: int = 4,
        permutations: Any = None,
        characters: Any = None,  # complex ones, too
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(lattice.num_sites)
        check_count("layers", layers)
        check_count("features", features)
        if permutations is None:
            permutations = lattice.symmetries
        group = as_group(permutations, self.num_sites)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        real = dtype.to_real()
        table = torch.from_numpy(group_table(group.numpy()))
        # Where g h is at [g, h], the inverse of g has the identity's number beside it.
        for name, buffer in {
            "group": group,
            "forwards": table,  # of g and h that of g h
            "backwards": table.argsort(1),  # that of g⁻¹ h
            "characters": as_characters(characters, group, real),
        }.items():
            self.register_buffer(name, buffer, persistent=False)
        sizes = [self.num_sites, *[features * len(group)] * (layers - 1)]
        self.filters = nn.ParameterList()
        self.biases = nn.ParameterList()
        with seeded(generator):
            for place, inputs in enumerate(sizes):
                shape = (self.num_sites,) if not place else (features, len(group))
                weight = torch.empty(features, *shape, dtype=real)
                self.filters.append(weight.normal_(std=inputs**-0.5))
                self.biases.append(torch.zeros(features, dtype=real))
            self.last = nn.Linear(features, 2 if dtype.is_complex else 1, dtype=real)
        self.to(device)

    @property
    def numbers_per_row(self) -> int:
        """About how many numbers the derivatives of one row take in between."""
        gathered = len(self.last.weight[0]) * len(self.group) ** 2
        return max(super().numbers_per_row, gathered * (len(self.filters) - 1))

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        spins = spins.to(self.dtype)
        first, *others = zip(self.filters, self.biases, strict=True)
        # Σⱼ W[j] s[g(j)] = Σⱼ W[g⁻¹(j)] s[j].
        kernel = first[0][:, self.group.argsort(1)]
        found = torch.einsum("agj,nj->nag", kernel, spins)
        found = gelu(found + first[1][:, None])
        for weight, bias in others:
            found = _convolved(found, weight, self.forwards, self.backwards)
            found = gelu(found + bias[:, None])
        log = as_logarithm(self.last(found.transpose(1, 2)))
        return projected(log, self.characters)

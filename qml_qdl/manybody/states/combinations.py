"""States made of states: products, and projections onto a symmetry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_type, validate_call
from qml_qdl.manybody.sectors import check_characters, check_sites, group_table
from qml_qdl.manybody.states.state import NeuralState, Walkers, as_group, safe_log


class Multiplied(NeuralState):
    """The product of states: their amplitudes are multiplied.

    Args:
        states: States of the same number of spins, at least one.

    Raises:
        ArgumentError: There is none, or they have different numbers of spins.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import JastrowState, RBMState
        >>> state = Multiplied([RBMState(4), JastrowState(4)])
        >>> state(torch.ones(2, 4)).shape
        torch.Size([2])
    """

    @validate_call
    def __init__(self, states: Sequence[NeuralState]) -> None:
        for state in states:
            check_type("states", state, NeuralState)
        sizes = sorted({state.num_sites for state in states})
        if len(sizes) != 1:
            raise ArgumentError(
                f"states: expected states of one number of sites, got {sizes}"
            )
        super().__init__(sizes[0])
        self.states: Any = nn.ModuleList(states)  # which has no type of its entries

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        return torch.stack(_same(state(spins) for state in self.states)).sum(0)

    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ, those of one state after those of the other."""
        return torch.cat(_same(s.jacobian(spins) for s in self.states), dim=1)

    def ratios(self, spins: Tensor, flips: Tensor, needed: Tensor) -> Tensor:
        """Products of the states' ratios."""
        found = [state.ratios(spins, flips, needed) for state in self.states]
        return torch.stack(_same(found)).prod(0)

    def walkers(
        self, spins: Tensor, moves: Tensor, conserving: bool = False
    ) -> Walkers:
        """Walkers of each state, which go together."""
        own = [state.walkers(spins.clone(), moves, conserving) for state in self.states]
        return _JoinedWalkers(own, spins, moves, conserving)


class _JoinedWalkers(Walkers):
    """Walkers of states that are multiplied."""

    def __init__(
        self,
        walkers: Sequence[Walkers],
        spins: Tensor,
        moves: Tensor,
        conserving: bool,
    ) -> None:
        super().__init__(spins, moves, conserving)
        self._walkers = walkers

    def ratios(self, choice: Tensor) -> Tensor:
        found = [walkers.ratios(choice) for walkers in self._walkers]
        return torch.stack(_same(found)).prod(0)

    def move(self, rows: Tensor) -> None:
        for walkers in self._walkers:
            walkers.move(rows)
        self.spins = self._walkers[0].spins


def _same(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Tensors of one type, complex if one of them is."""
    given = [*tensors]
    dtype = given[0].dtype
    for tensor in given[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in given]


class Symmetrized(NeuralState):
    """A state projected onto one way to behave under a group.

    ψ(s) = Σ_g χ(g)* φ(gs), where (gs)_j = s_{g(j)}, and with `spin_flip` also
    ± the same at −s. Then ψ(hs) = χ(h) ψ(s), as in a `Sector` of the same characters.

    Args:
        state: The state φ; each amplitude takes one pass for each element.
        permutations: A group, (G, N) of whole numbers; None for the identity alone.
        characters: χ(g) for each element, (G,), real or complex, such as
            `lattice.characters(momentum)`; None for ones.
        spin_flip: 1 for states that stay if all spins are turned, −1 for those that
            change their sign; None for neither.

    Raises:
        ArgumentError: The permutations are no group, the characters none of it, or
            `spin_flip` is no sign.
        ShapeError: There is not one character for each element.

    Example:
        >>> import torch
        >>> ring = torch.stack([torch.arange(4).roll(-k) for k in range(4)])
        >>> from qml_qdl.manybody import RBMState
        >>> state = Symmetrized(RBMState(4), ring, spin_flip=1)
        >>> spins = torch.tensor([[1.0, -1, -1, 1]])
        >>> bool(torch.isclose(state(spins), state(-spins.roll(1, dims=1))))
        True
    """

    permutations: Tensor
    characters: Tensor
    signs: Tensor

    @validate_call
    def __init__(
        self,
        state: NeuralState,
        permutations: Any = None,
        characters: Any = None,  # complex ones, too
        *,
        spin_flip: int | None = None,
    ) -> None:
        super().__init__(state.num_sites)
        group = as_group(permutations, state.num_sites)
        characters = as_characters(characters, group, state.dtype)
        if spin_flip not in (None, 1, -1):
            raise ArgumentError(
                f"spin_flip: expected 1, -1 or None for neither, got {spin_flip!r}"
            )
        signs = torch.ones(len(group), dtype=state.dtype)
        if spin_flip is not None:
            group = torch.cat([group, group])
            signs = torch.cat([signs, -signs])
            characters = torch.cat([characters, spin_flip * characters])
        self.state: NeuralState = state
        self.register_buffer("permutations", group, persistent=False)
        self.register_buffer("characters", characters, persistent=False)
        self.register_buffer("signs", signs, persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the spins it takes."""
        return self.state.dtype

    @property
    def numbers_per_row(self) -> int:
        """Those of the state for each element of the group."""
        return self.state.numbers_per_row * len(self.permutations)

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        count = len(self.permutations)
        turned = spins[:, self.permutations] * self.signs[:, None]
        log: Tensor = self.state(turned.reshape(-1, self.num_sites))
        return projected(log.reshape(-1, count), self.characters)


def as_characters(characters: Any, group: Tensor, dtype: torch.dtype) -> Tensor:
    """Characters of a group as a tensor.

    Args:
        characters: χ of each element, (G,), real or complex; None for ones.
        group: The permutations, (G, N).
        dtype: The real type that they get, or whose complex one.

    Returns:
        Numbers (G,), real where all of them are.

    Raises:
        ArgumentError: They are no character of the group.
        ShapeError: There is not one for each element.
    """
    values = torch.ones(len(group)) if characters is None else characters
    values = torch.as_tensor(values)
    if values.shape != (len(group),):
        raise ShapeError(
            f"characters: expected one for each of {len(group)} elements, got the "
            f"shape {tuple(values.shape)}"
        )
    check_characters(values.cpu().numpy(), group_table(group.numpy()))
    if values.is_complex() and not values.imag.any():
        values = values.real
    return values.to(dtype.to_complex() if values.is_complex() else dtype)


def projected(log: Tensor, characters: Tensor) -> Tensor:
    """The logarithm of Σ_g χ(g)* exp of what is found for each element of a group.

    Args:
        log: Logarithms, (rows, G).
        characters: χ(g), (G,).

    Returns:
        (rows,), real where log is and no character is negative or complex; −∞ where
        the sum vanishes, but for rounding.
    """
    largest = log.real.detach().amax(1, keepdim=True)
    largest = largest.where(largest.isfinite(), 0.0)  # −∞ where all vanish
    terms = (log - largest).exp() * characters.conj()
    total = terms.sum(1)
    # What symmetry makes zero is not to be what rounding makes of it.
    rounding = 2 * torch.finfo(terms.dtype).eps * terms.detach().abs().sum(1)
    total = total.masked_fill(total.detach().abs() <= rounding, 0.0)
    if not total.is_complex():
        positive = not (characters < 0).any()
        total = total if positive else torch.complex(total, torch.zeros_like(total))
    return safe_log(total) + largest[:, 0]

"""The restricted Boltzmann machine as a wave function."""

from __future__ import annotations

import math
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import (
    NUMBERS_CACHED,
    NeuralState,
    Walkers,
    as_group,
    log_cosh,
)


class RBMState(NeuralState):
    r"""A restricted Boltzmann machine as a wave function.

    .. math:: \psi(s) = \sum_{h} e^{s^T W h + a^T s + b^T h}
              = e^{a^T s} \prod_k 2\cosh(b_k + \sum_j W_{kj} s_j)

    with hidden units h = ±1 (Carleo and Troyer, Science 355, 602 (2017),
    arXiv:1606.02318). Note the plus in the exponent; `qml_qdl.models.RBM` has
    p ∝ exp(−E).

    Given a group of permutations, each row of W is used once for each of its elements
    g, as W_{k, g(j)}, and b and a are shared likewise: ψ(gs) = ψ(s). With one
    translation for each site this has α(N + 1) + 1 parameters.

    Moves and local energies keep what each configuration is to the hidden units, and
    find ratios from it, without a pass through the machine.

    Args:
        num_sites: The number N of spins.
        alpha: Hidden units for each site; with permutations, rows of W.
        permutations: A group, (G, N) of whole numbers: g(j) for each site j; None for
            none.
        scale: Standard deviation of the initial parameters; None for one with which
            log ψ differs little between configurations.
        dtype: Type of the parameters; a complex one gives complex amplitudes, a real
            one positive ones. None for torch's default.
        device: Where the parameters are.
        generator: Random numbers for them; None for torch's own.

    Shape:
        - Input: (rows, num_sites), ±1.
        - Output: (rows,), log ψ(s) up to a constant.

    Raises:
        ArgumentError: A number cannot be used, or the permutations are none.

    Example:
        >>> import torch
        >>> ring = torch.stack([torch.arange(6).roll(-k) for k in range(6)])
        >>> state = RBMState(6, permutations=ring)
        >>> sum(p.numel() for p in state.parameters())
        8
        >>> spins = torch.tensor([[1.0, 1, -1, 1, -1, -1]])
        >>> bool(torch.isclose(state(spins), state(spins.roll(1, dims=1))))
        True
    """

    group: Tensor
    inverses: Tensor
    orbits: Tensor

    @validate_call
    def __init__(
        self,
        num_sites: int,
        *,
        alpha: int = 1,
        permutations: Any = None,
        scale: float | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(num_sites)
        check_count("alpha", alpha)
        if scale is not None:
            check_number("scale", scale)
        group = as_group(permutations, num_sites)
        rows = alpha if permutations is not None else alpha * num_sites
        like = torch.empty(0, dtype=dtype, device=device)
        group = group.to(like.device)
        self.register_buffer("group", group, persistent=False)
        self.register_buffer("inverses", group.argsort(dim=1), persistent=False)
        # Of each site the smallest one it is mapped to, numbered anew.
        orbits = group.amin(dim=0).unique(return_inverse=True)[1]
        self.register_buffer("orbits", orbits, persistent=False)
        self.weight = nn.Parameter(like.new_empty(rows, num_sites))
        self.hidden_bias = nn.Parameter(like.new_empty(rows))
        self.visible_bias = nn.Parameter(like.new_empty(int(orbits.max()) + 1))
        if scale is None:  # the spread of Σ θ²/2 over all hidden units is then 0.05
            scale = 0.3 / (rows * len(group) * math.sqrt(num_sites)) ** 0.5
        self.scale = scale
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples small parameters.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0, self.scale, generator=generator)

    def extra_repr(self) -> str:
        """The numbers, as `repr` shows them."""
        return (
            f"num_sites={self.num_sites}, rows={len(self.weight)}, "
            f"permutations={len(self.group)}"
        )

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes, up to a constant."""
        check_sites(spins, self.num_sites)
        hidden, bias, field = self._untied()
        units = spins.to(hidden) @ hidden + bias
        return spins.to(field) @ field + log_cosh(units).sum(-1)

    def _untied(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (N, hidden units), their biases, and those of the sites."""
        # Σⱼ W[g(j)] s[j] = Σⱼ W[j] s[g⁻¹(j)], for each element g of the group.
        weight = self.weight[:, self.group]  # (rows, G, N)
        hidden = weight.reshape(-1, self.num_sites).T
        bias = self.hidden_bias.repeat_interleave(len(self.group))
        return hidden, bias, self.visible_bias[self.orbits]

    @torch.no_grad()
    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ by all parameters, as `NeuralState.jacobian` has them.

        ∂ log ψ/∂W_{kj} = Σ_g tanh(θ_{kg}) s_{g⁻¹(j)}, where θ = b + Ws.
        """
        hidden, bias, _ = self._untied()
        count, size = len(self.inverses), self.num_sites
        found = []
        # Rows stand last: then turning a configuration moves whole rows of memory.
        for chunk in spins.split(max(64, NUMBERS_CACHED // (len(self.weight) * size))):
            columns = chunk.T.to(hidden)  # (N, rows)
            units = torch.addmm(bias[:, None], hidden.T, columns).tanh_()
            units = units.reshape(len(self.weight), count, len(chunk))
            weights = columns.new_zeros(len(units), size, len(chunk))
            for each, inverse in enumerate(self.inverses):
                weights.addcmul_(units[:, each, None], columns.index_select(0, inverse))
            sums = columns.new_zeros(len(self.visible_bias), len(chunk))
            sums.index_add_(0, self.orbits, columns)
            found.append(torch.cat([weights.flatten(0, 1), units.sum(1), sums]).T)
        result = torch.cat(found)
        if result.is_complex():
            result = torch.stack([result, 1j * result], dim=-1).reshape(len(result), -1)
        return result

    @torch.no_grad()
    def ratios(self, spins: Tensor, flips: Tensor, needed: Tensor) -> Tensor:
        """ψ(s')/ψ(s), as `NeuralState.ratios` has them."""
        hidden, bias, field = self._untied()
        table = _Turns.of(hidden, field, flips)
        if table is None:
            return super().ratios(spins, flips, needed)
        units = _shares(spins.to(hidden) @ hidden + bias)
        result = units.new_zeros(needed.T.shape)
        keys = table.keys(spins)
        most = max(1, NUMBERS_CACHED // (2 * units.shape[2]))
        if 2 * int(needed.sum()) < needed.numel():
            rows, kinds = needed.nonzero(as_tuple=True)
            for row, kind in zip(rows.split(most), kinds.split(most), strict=True):
                own = units.index_select(1, row)
                result[kind, row] = table.turn(own, keys[kind, row])[2]
            return result.T
        # Where most are needed, blocks of all are cheaper than each by itself.
        last: tuple[Tensor, ...] = ()
        height = max(1, min(most, len(spins)))
        width = most // height
        for first in range(0, len(spins), height):
            own = units[:, first : first + height]
            for kind in range(0, len(flips), width):
                block = slice(kind, kind + width), slice(first, first + height)
                last = table.turn(own, keys[block], last)
                result[block] = last[2]
        return result.masked_fill_(needed.T.logical_not(), 0.0).T

    def walkers(
        self, spins: Tensor, moves: Tensor, conserving: bool = False
    ) -> Walkers:
        """Configurations that move, and keep what they are to the hidden units."""
        with torch.no_grad():
            hidden, bias, field = self._untied()
            table = _Turns.of(hidden, field, moves, conserving)
            if table is None:
                return super().walkers(spins, moves, conserving)
            units = _shares(spins.to(hidden) @ hidden + bias)
        return _RBMWalkers(units, spins, moves, conserving, table)


MOST_TURNED = 4
"""Moves of more spins go through the whole machine."""


@frozen
class _Turns:
    """What turning some spins does to the hidden units.

    Of cosh θ the terms exp(±θ)/2 have the shares p and q, p + q = 1. If θ becomes
    θ + d, then cosh(θ + d)/cosh θ = e^d (p + q e^(−2d)), and these two terms, divided
    by their sum, are the new shares. Of real machines all are positive, so that no
    digits are lost where a unit turns from one side to the other. Here d is −2 Σ W s
    over the spins that turn, so that it takes one of 2ᵏ values.

    Args:
        sites: The spins of each kind of turn, (M, k); where there are fewer than k,
            any others, which do nothing.
        signs: −1 for those that turn, 1 for the others, (M, k).
        changes: e^(−2d), (M·2ᵏ, hidden units).
        factors: What stands before the product of all, exp(Σ d − 2 Σ a s), or 0 where
            a turn is not made, (M·2ᵏ,).
    """

    sites: Tensor
    signs: Tensor
    changes: Tensor
    factors: Tensor

    @classmethod
    @torch.no_grad()
    def of(
        cls, hidden: Tensor, field: Tensor, flips: Tensor, conserving: bool = False
    ) -> _Turns | None:
        """Prepares turns; None where they are better found by the whole machine.

        That is where one has too many spins, or changes amplitudes by more than numbers
        can hold.

        Args:
            hidden: Weights, (N, hidden units).
            field: Biases of the sites, (N,).
            flips: (M, N) of bool.
            conserving: Whether turns that change the sum of the spins have the ratio 0.
        """
        most = max(1, int(flips.sum(1).max())) if len(flips) else 1
        if most > MOST_TURNED:
            return None
        # Those that turn come first; what stands behind them has the weight 0.
        order = flips.to(torch.int8).argsort(dim=1, descending=True, stable=True)
        sites = order[:, :most]
        turned = flips.gather(1, sites)
        patterns = torch.arange(2**most, device=flips.device)
        bits = patterns[:, None] >> torch.arange(most, device=flips.device) & 1
        weights = -2 * turned[:, None] * (1 - 2 * bits)  # (M, 2ᵏ, k)
        values = weights.to(hidden)
        turns = (values @ hidden[sites]).flatten(0, 1)
        exponents = turns.sum(1) + (values @ field[sites][:, :, None]).flatten()
        # No product of some units may leave what numbers can hold.
        sizes = -2 * turns.real
        most_held = 0.9 * math.log(torch.finfo(hidden.dtype).max)
        largest = torch.stack(
            [sizes.clamp(min=0).sum(1), sizes.clamp(max=0).sum(1), exponents.real]
        )
        if not bool((largest.abs() < most_held).all()):  # nor are they NaN
            return None
        factors = exponents.exp_()
        if conserving:
            factors[weights.sum(-1).flatten() != 0] = 0
        signs = 1 - 2 * turned.to(hidden.real)
        return cls(sites, signs, turns.mul_(-2).exp_(), factors)

    def keys(self, spins: Tensor) -> Tensor:
        """The rows of the table for all turns of configurations, (M, rows)."""
        down = (spins.T < 0).long()
        count, most = self.sites.shape
        kinds = torch.arange(count, device=spins.device) << most
        keys = kinds[:, None].expand(-1, len(spins))
        for k, sites in enumerate(self.sites.T):
            keys = keys.add(down.index_select(0, sites), alpha=2**k)
        return keys

    def turn(
        self, units: Tensor, keys: Tensor, last: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The lower terms of turned units, their sums, and the ratios of amplitudes.

        Args:
            units: Shares, (2, rows, hidden units).
            keys: Rows of the table, (..., rows).
            last: What an earlier call returned, whose memory is used again if it fits.
        """
        upper, lower = units.unbind()
        flat, shape = keys.flatten(), (*keys.shape, upper.shape[1])
        if not last or last[0].shape[0] != flat.shape[0]:
            size = flat.shape[0], upper.shape[1]
            last = units.new_empty(size), units.new_empty(size)
        terms = torch.index_select(self.changes, 0, flat, out=last[0])
        view = terms.view(shape).mul_(lower)
        sums = last[1]
        torch.add(upper, view, out=sums.view(shape))
        ratios = sums.prod(1).mul_(self.factors.index_select(0, flat))
        return terms, sums, ratios.view(keys.shape)


def _shares(units: Tensor) -> Tensor:
    """The shares of exp(θ)/2 and exp(−θ)/2 of cosh θ, small ones as exact as large.

    Args:
        units: θ, (...).

    Returns:
        (2, ...).
    """
    if not units.is_complex():
        return torch.stack([2 * units, -2 * units]).sigmoid_()
    # Torch's own overflows.
    up = units.real > 0
    ratio = torch.exp(-2 * units.where(up, -units))  # of the smaller to the larger one
    larger = 1 / (1 + ratio)
    smaller = ratio * larger
    return torch.stack([larger.where(up, smaller), smaller.where(up, larger)])


class _RBMWalkers(Walkers):
    """Walkers of an RBM, which keep the shares of their hidden units.

    Args:
        units: Shares, (2, rows, hidden units).
        spins: Where they begin, (rows, N).
        moves: Which spins each move turns, (M, N) of bool.
        conserving: Whether the ratio of a move that changes the sum of the spins is 0.
        table: The moves.
    """

    def __init__(
        self,
        units: Tensor,
        spins: Tensor,
        moves: Tensor,
        conserving: bool,
        table: _Turns,
    ) -> None:
        super().__init__(spins.clone(), moves, conserving)
        self._units = units
        self._table = table
        # Of the key each spin that is −1 adds a power of 2.
        powers = 2.0 ** torch.arange(table.sites.shape[1], device=spins.device)
        powers = powers.to(spins)
        self._powers = -powers / 2
        kinds = torch.arange(len(moves), device=spins.device).to(spins)
        self._offsets = 2 * powers[-1] * kinds + powers.sum() / 2
        rows, sites = spins.shape
        self._first = torch.arange(rows, device=spins.device)[:, None] * sites
        self._last: tuple[Tensor, ...] = ()

    def ratios(self, choice: Tensor) -> Tensor:
        self._choice = choice
        self._places = self._table.sites.index_select(0, choice).add_(self._first)
        self._turning = self.spins.take(self._places)
        offsets = self._offsets.index_select(0, choice)
        keys = torch.addmv(offsets, self._turning, self._powers).long()
        self._last = self._table.turn(self._units, keys, self._last)
        return self._last[2]

    def move(self, rows: Tensor) -> None:
        terms, sums = (each.index_select(0, rows) for each in self._last[:2])
        upper = self._units[0].index_select(0, rows)
        self._units[0].index_copy_(0, rows, upper.div_(sums))
        self._units[1].index_copy_(0, rows, terms.div_(sums))
        signs = self._table.signs.index_select(0, self._choice.index_select(0, rows))
        turned = self._turning.index_select(0, rows).mul_(signs)
        self.spins.put_(self._places.index_select(0, rows), turned)

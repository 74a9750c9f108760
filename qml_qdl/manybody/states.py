"""Neural quantum states: torch modules that give logarithms of amplitudes.

A configuration is a row of N spins s = ±1, the eigenvalues of Z: +1 is `|0⟩`. A state
is ψ(s) = exp f(s), where f is real for amplitudes that are all positive, and complex
else; it need not be normalised.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor, nn

from qml_qdl.circuits import State
from qml_qdl.circuits.circuit import as_whole_circuit
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    check_count,
    check_number,
    check_type,
    validate_call,
)
from qml_qdl.manybody.sectors import as_permutations, check_sites
from qml_qdl.models import AutoregressiveNetwork
from qml_qdl.nn import QuantumLayer

NUMBERS_AT_ONCE = 2**22
"""Numbers that a pass over many configurations makes at once, at most."""


class Walkers(ABC):
    """Configurations that move, one in each row, and the ratios that decide on it.

    Args:
        spins: Where they begin, (rows, N); these change.
        moves: Which spins each move turns, (M, N) of bool.
    """

    def __init__(self, spins: Tensor, moves: Tensor) -> None:
        self.spins = spins
        self.moves = moves

    @abstractmethod
    def ratios(self, choice: Tensor) -> Tensor:
        """ψ(s')/ψ(s), where s' is after a move.

        Args:
            choice: The move of each row, (rows,).

        Returns:
            (rows,), real or complex.
        """

    @abstractmethod
    def move(self, rows: Tensor) -> None:
        """Makes the moves that `ratios` was last asked of.

        Args:
            rows: Where, (K,) whole numbers.
        """


class NeuralState(nn.Module, ABC):
    """A state of N spins as a torch module: (rows, N) → log ψ, (rows,).

    A subclass defines `forward`. What is differentiated and asked for ratios then goes
    through it; where there is a faster way, a subclass has `jacobian`, `ratios` and
    `walkers` of its own.

    Args:
        num_sites: The number N of spins.
    """

    def __init__(self, num_sites: int) -> None:
        super().__init__()
        check_count("num_sites", num_sites)
        self.num_sites = num_sites

    @abstractmethod
    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes.

        Args:
            spins: (rows, N), ±1.

        Returns:
            (rows,), real or complex.
        """

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the spins it takes."""
        for parameter in self.parameters():
            return parameter.dtype.to_real()
        return torch.get_default_dtype()

    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ by all parameters.

        Args:
            spins: (rows, N).

        Returns:
            Tensor (rows, P), real or complex, by real numbers; of a complex parameter
            the real and the imaginary part are two of them, one after the other.
        """
        parameters = {k: p.detach() for k, p in self.named_parameters()}

        def part(
            of: Callable[[Tensor], Tensor], values: dict[str, Tensor], row: Tensor
        ) -> Tensor:
            return of(torch.func.functional_call(self, values, (row[None],))[0])

        def rows(of: Callable[[Tensor], Tensor], chunk: Tensor) -> Tensor:
            gradient = torch.func.grad(part, argnums=1)
            found = torch.func.vmap(gradient, (None, None, 0))(of, parameters, chunk)
            return torch.cat(
                [as_real(g).reshape(len(chunk), -1) for g in found.values()], dim=1
            )

        size = sum(as_real(p).numel() for p in parameters.values())
        with torch.no_grad():
            is_complex = self(spins[:1]).is_complex()
        found = []
        for chunk in spins.split(max(1, NUMBERS_AT_ONCE // max(size, 1))):
            gradient = rows(torch.real, chunk) if is_complex else rows(_itself, chunk)
            if is_complex:
                gradient = torch.complex(gradient, rows(torch.imag, chunk))
            found.append(gradient)
        return torch.cat(found)

    @torch.no_grad()
    def ratios(self, spins: Tensor, flips: Tensor, needed: Tensor) -> Tensor:
        """ψ(s')/ψ(s) for configurations s' that differ from s in some spins.

        Args:
            spins: (rows, N).
            flips: Which spins are turned, (M, N) of bool.
            needed: Which ratios are needed, (rows, M) of bool.

        Returns:
            (rows, M); zero where it is not needed.
        """
        log = self(spins)
        result: Tensor = log.new_zeros(needed.shape)
        signs = 1 - 2 * flips.to(spins.dtype)
        rows, kinds = needed.nonzero(as_tuple=True)
        most = max(1, NUMBERS_AT_ONCE // (16 * self.num_sites))
        for row, kind in zip(rows.split(most), kinds.split(most), strict=True):
            result[row, kind] = (self(spins[row] * signs[kind]) - log[row]).exp()
        return result

    def walkers(self, spins: Tensor, moves: Tensor) -> Walkers:
        """Configurations that move, with what makes their ratios cheap.

        Args:
            spins: Where they begin, (rows, N); these change.
            moves: Which spins each move turns, (M, N) of bool.
        """
        return _PlainWalkers(self, spins, moves)


def _itself(tensor: Tensor) -> Tensor:
    return tensor


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as real numbers, in pairs; a real one as it is."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


class _PlainWalkers(Walkers):
    """Walkers of any state: each step is a pass through it."""

    @torch.no_grad()
    def __init__(self, state: NeuralState, spins: Tensor, moves: Tensor) -> None:
        super().__init__(spins, moves)
        self._state = state
        self._signs = 1 - 2 * moves.to(spins.dtype)
        self._log = state(spins)
        self._next = self._log, spins

    @torch.no_grad()
    def ratios(self, choice: Tensor) -> Tensor:
        proposed = self.spins * self._signs[choice]
        self._next = self._state(proposed), proposed
        ratios: Tensor = (self._next[0] - self._log).exp()
        return ratios

    def move(self, rows: Tensor) -> None:
        log, proposed = self._next
        self._log[rows] = log[rows]
        self.spins[rows] = proposed[rows]


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

    Moves and local energies keep tanh(b + Ws) of each configuration and find ratios
    from it, without a pass through the machine.

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
        group = _group(permutations, num_sites)
        rows = alpha if permutations is not None else alpha * num_sites
        like = torch.empty(0, dtype=dtype, device=device)
        inverses = group.argsort(dim=1)
        self.register_buffer("inverses", inverses.to(like.device), persistent=False)
        # Of each site the smallest one it is mapped to, numbered anew.
        orbits = group.amin(dim=0).unique(return_inverse=True)[1]
        self.register_buffer("orbits", orbits.to(like.device), persistent=False)
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
            f"permutations={len(self.inverses)}"
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
        group = self.inverses.argsort(dim=1)
        weight = self.weight[:, group]  # (rows, G, N)
        hidden = weight.reshape(-1, self.num_sites).T
        bias = self.hidden_bias.repeat_interleave(len(group))
        return hidden, bias, self.visible_bias[self.orbits]

    @torch.no_grad()
    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ by all parameters, as `NeuralState.jacobian` has them.

        ∂ log ψ/∂W_{kj} = Σ_g tanh(θ_{kg}) s_{g⁻¹(j)}, where θ = b + Ws.
        """
        hidden, bias, _ = self._untied()
        count = len(self.inverses)
        found = []
        for chunk in spins.split(max(1, NUMBERS_AT_ONCE // (count * self.num_sites))):
            chunk = chunk.to(hidden)
            units = torch.tanh(chunk @ hidden + bias)
            units = units.reshape(len(chunk), -1, count)
            turned = chunk[:, self.inverses]  # (rows, G, N)
            sums = chunk.new_zeros(len(chunk), len(self.visible_bias))
            sums.index_add_(1, self.orbits, chunk)
            parts = (units @ turned, units.sum(-1), sums)
            found.append(torch.cat([part.reshape(len(chunk), -1) for part in parts], 1))
        result = torch.cat(found)
        if result.is_complex():
            result = torch.stack([result, 1j * result], dim=-1).reshape(len(result), -1)
        return result

    @torch.no_grad()
    def ratios(self, spins: Tensor, flips: Tensor, needed: Tensor) -> Tensor:
        """ψ(s')/ψ(s), as `NeuralState.ratios` has them."""
        table = _Turns.of(self, flips)
        if table is None:
            return super().ratios(spins, flips, needed)
        hidden, bias, _ = self._untied()
        units = torch.tanh(spins.to(hidden) @ hidden + bias)
        result = units.new_zeros(needed.shape)
        rows, kinds = needed.nonzero(as_tuple=True)
        most = max(1, NUMBERS_AT_ONCE // (16 * units.shape[1]))
        for row, kind in zip(rows.split(most), kinds.split(most), strict=True):
            keys = table.keys(spins, kind, row)
            factors = table.tangents[keys].mul_(units[row]).add_(1)
            result[row, kind] = factors.prod(-1) * table.factors[keys]
        return result

    def walkers(self, spins: Tensor, moves: Tensor) -> Walkers:
        """Configurations that move, and keep tanh(b + Ws)."""
        table = _Turns.of(self, moves)
        if table is None:
            return super().walkers(spins, moves)
        return _RBMWalkers(self, spins, moves, table)


MOST_TURNED = 4
"""Moves of more spins go through the whole machine."""


@frozen
class _Turns:
    """What turning some spins does to the hidden units.

    If θ becomes θ + d, then cosh(θ + d)/cosh θ = cosh d (1 + tanh θ tanh d). Here d is
    −2 Σ W s over the spins that turn, so that it takes one of 2ᵏ values.

    Args:
        sites: The spins of each kind of turn, (M, k); where there are fewer than k,
            the site N stands for none.
        tangents: tanh d, (M·2ᵏ, hidden units).
        factors: exp(−2 Σ a s) Π cosh d, (M·2ᵏ,).
    """

    sites: Tensor
    tangents: Tensor
    factors: Tensor
    _powers: Tensor = field(init=False)

    @_powers.default
    def _make_powers(self) -> Tensor:
        return 2 ** torch.arange(self.sites.shape[1], device=self.sites.device)

    @classmethod
    @torch.no_grad()
    def of(cls, state: RBMState, flips: Tensor) -> _Turns | None:
        """Prepares turns; None where one has too many spins.

        Args:
            state: The machine.
            flips: (M, N) of bool.
        """
        most = max(1, int(flips.sum(1).max())) if len(flips) else 1
        if most > MOST_TURNED:
            return None
        hidden, _, field = state._untied()
        # Those that turn come first; behind them stands the site that is none.
        order = flips.to(torch.int8).argsort(dim=1, descending=True, stable=True)
        sites = order[:, :most].where(flips.gather(1, order[:, :most]), state.num_sites)
        hidden = torch.cat([hidden, hidden.new_zeros(1, hidden.shape[1])])
        field = torch.cat([field, field.new_zeros(1)])
        patterns = torch.arange(2**most, device=flips.device)
        bits = patterns[:, None] >> torch.arange(most, device=flips.device) & 1
        signs = (1 - 2 * bits).to(hidden)
        turns = -2 * torch.einsum("pk,mkh->mph", signs, hidden[sites])
        own = -2 * torch.einsum("pk,mk->mp", signs, field[sites])
        factors = own.exp() * torch.cosh(turns).prod(-1)
        return cls(sites, torch.tanh(turns).flatten(0, 1), factors.flatten())

    def keys(self, spins: Tensor, kinds: Tensor, rows: Tensor | None = None) -> Tensor:
        """The rows of the table.

        Args:
            spins: (rows, N).
            kinds: The kind of turn, (K,).
            rows: Of which configuration, (K,); None for each its own.
        """
        sites = self.sites[kinds].clamp(max=spins.shape[1] - 1)
        down = (
            spins.gather(1, sites) if rows is None else spins[rows[:, None], sites]
        ) < 0
        patterns: Tensor = (down * self._powers).sum(-1)
        return patterns + kinds * int(2 ** sites.shape[1])


class _RBMWalkers(Walkers):
    """Walkers of an RBM, which keep tanh θ.

    After a move tanh(θ + d) = (tanh θ + tanh d)/(1 + tanh θ tanh d).
    """

    @torch.no_grad()
    def __init__(
        self, state: RBMState, spins: Tensor, moves: Tensor, table: _Turns
    ) -> None:
        super().__init__(spins, moves)
        hidden, bias, _ = state._untied()
        self._units = torch.tanh(spins.to(hidden) @ hidden + bias)
        self._table = table
        self._signs = 1 - 2 * moves.to(spins.dtype)
        self._next: tuple[Tensor, Tensor, Tensor] | None = None

    def ratios(self, choice: Tensor) -> Tensor:
        keys = self._table.keys(self.spins, choice)
        tangents = self._table.tangents[keys]
        factors = (self._units * tangents).add_(1)
        self._next = choice, tangents, factors
        return factors.prod(-1).mul_(self._table.factors[keys])

    def move(self, rows: Tensor) -> None:
        assert self._next is not None
        choice, tangents, factors = self._next
        self._units[rows] = (self._units[rows] + tangents[rows]) / factors[rows]
        self.spins[rows] *= self._signs[choice[rows]]


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
        group = _group(permutations, num_sites)
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


class Multiplied(NeuralState):
    """The product of states: their amplitudes are multiplied.

    Args:
        states: States of the same number of spins, at least one.

    Raises:
        ArgumentError: There is none, or they have different numbers of spins.

    Example:
        >>> import torch
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

    def walkers(self, spins: Tensor, moves: Tensor) -> Walkers:
        """Walkers of each state, which go together."""
        own = [state.walkers(spins.clone(), moves) for state in self.states]
        return _JoinedWalkers(own, spins, moves)


class _JoinedWalkers(Walkers):
    """Walkers of states that are multiplied."""

    def __init__(
        self, walkers: Sequence[Walkers], spins: Tensor, moves: Tensor
    ) -> None:
        super().__init__(spins, moves)
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

    ψ(s) = Σ_g χ(g) φ(gs), where (gs)_j = s_{g(j)}, and with `spin_flip` also
    ± the same at −s. For a character χ of the group, ψ(hs) = χ(h)* ψ(s).

    Args:
        state: The state φ; each amplitude takes one pass for each element.
        permutations: A group, (G, N) of whole numbers; None for the identity alone.
        characters: χ(g) for each element, (G,), real or complex; None for ones.
        spin_flip: 1 for states that stay if all spins are turned, −1 for those that
            change their sign; None for neither.

    Raises:
        ArgumentError: The permutations are none, or `spin_flip` is no sign.
        ShapeError: There is not one character for each element.

    Example:
        >>> import torch
        >>> ring = torch.stack([torch.arange(4).roll(-k) for k in range(4)])
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
        group = _group(permutations, state.num_sites)
        if characters is None:
            characters = torch.ones(len(group), dtype=state.dtype)
        characters = torch.as_tensor(characters)
        if characters.shape != (len(group),):
            raise ShapeError(
                f"characters: expected one for each of {len(group)} elements, got the "
                f"shape {tuple(characters.shape)}"
            )
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

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes."""
        check_sites(spins, self.num_sites)
        count = len(self.permutations)
        turned = spins[:, self.permutations] * self.signs[:, None]
        log: Tensor = self.state(turned.reshape(-1, self.num_sites))
        log = log.reshape(-1, count)
        largest = log.real.detach().amax(1, keepdim=True)
        largest = largest.where(largest.isfinite(), 0.0)  # −∞ where all vanish
        terms = (log - largest).exp() * self.characters
        total = terms.sum(1)
        if not total.is_complex():
            positive = not (self.characters < 0).any()
            total = total if positive else torch.complex(total, torch.zeros_like(total))
        return total.log() + largest[:, 0]


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


class CircuitState(NeuralState):
    """The state of a circuit, so that circuits and networks are one kind of thing.

    Site j is the circuit's wire j, in its order; `|0⟩` is the spin +1.

    Args:
        circuit: A `Circuit` without inputs, or one of its processings.
        layer_options: What `QuantumLayer` takes beside it, as `init_method` or `dtype`.

    Raises:
        ArgumentError: The circuit has inputs.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import StronglyEntangling
        >>> state = CircuitState(StronglyEntangling(3))
        >>> spins = torch.tensor([[1.0, 1, 1], [1, 1, -1]])
        >>> state(spins).dtype
        torch.complex64
    """

    def __init__(self, circuit: Any, **layer_options: Any) -> None:
        whole = as_whole_circuit(circuit).with_readout(State())
        if whole.num_inputs:
            raise ArgumentError(
                f"circuit: expected one without inputs, got {whole.num_inputs}; a "
                "state has weights only"
            )
        super().__init__(len(whole.wires))
        self.layer = QuantumLayer(whole, **layer_options)

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes; −∞ where one vanishes."""
        check_sites(spins, self.num_sites)
        amplitudes: Tensor = self.layer()
        return amplitudes[self._index(spins)].log()

    def _index(self, spins: Tensor) -> Tensor:
        places = torch.arange(self.num_sites - 1, -1, -1, device=spins.device)
        return ((spins < 0).long() << places).sum(-1)

    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ by all parameters, from one derivative of the state."""
        index = self._index(spins)
        parameters = {k: p.detach() for k, p in self.layer.named_parameters()}

        def state(values: dict[str, Tensor]) -> Tensor:
            found: Tensor = torch.func.functional_call(self.layer, values, ())
            return torch.view_as_real(found)

        found = torch.func.jacfwd(state)(parameters)  # (2ᴺ, 2, ...) each
        parts = [each.flatten(2)[index] for each in found.values()]
        changes = torch.complex(*torch.cat(parts, dim=2).unbind(1))
        return changes / torch.view_as_complex(state(parameters))[index, None]


def log_cosh(x: Tensor) -> Tensor:
    """The logarithm of cosh x, for real and complex x, also where that is too large.

    Args:
        x: Any tensor.

    Returns:
        The same shape.

    Example:
        >>> import torch
        >>> log_cosh(torch.tensor([0.0, 1000.0])).round(decimals=2)
        tensor([  0.0000, 999.3100])
    """
    if x.is_complex():
        x = torch.where(x.real < 0, -x, x)
        return x + torch.log1p(torch.exp(-2 * x)) - math.log(2)
    x = x.abs()
    return x + nn.functional.softplus(-2 * x) - math.log(2)


def _group(permutations: Any, num_sites: int) -> Tensor:
    """Permutations as a tensor (G, N); the identity alone for None."""
    if permutations is None:
        return torch.arange(num_sites)[None]
    return torch.from_numpy(as_permutations(permutations, num_sites))

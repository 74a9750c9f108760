"""The base of neural states: amplitudes, their derivatives, and what moves.

A configuration is a row of N spins s = ±1, the eigenvalues of Z: +1 is `|0⟩`. A state
is ψ(s) = exp f(s), where f is real for amplitudes that are all positive, and complex
else; it need not be normalised.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count
from qml_qdl.manybody.sectors import as_permutations, group_table

NUMBERS_AT_ONCE = 2**22
"""Numbers that a pass over many configurations makes at once, at most."""

NUMBERS_CACHED = 2**16
"""Spins that are turned together: what is made of more would leave the caches."""


Model = TypeVar("Model", bound=nn.Module)


class Walkers(ABC):
    """Configurations that move, one in each row, and the ratios that decide on it.

    Args:
        spins: Where they begin, (rows, N); these change.
        moves: Which spins each move turns, (M, N) of bool.
        conserving: Whether the ratio of a move that changes the sum of the spins is 0.
    """

    def __init__(self, spins: Tensor, moves: Tensor, conserving: bool = False) -> None:
        self.spins = spins
        self.moves = moves
        self.conserving = conserving

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

    lists_amplitudes: bool = False
    """Whether each call finds all amplitudes, so that nothing is gained by sampling."""

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

    @property
    def numbers_per_row(self) -> int:
        """About how many numbers the derivatives of one row take in between."""
        return max(1, sum(as_real(p).numel() for p in self.parameters()))

    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ by all parameters.

        Args:
            spins: (rows, N).

        Returns:
            Tensor (rows, P), real or complex, by real numbers; of a complex parameter
            the real and the imaginary part are two of them, one after the other. Zero
            where the amplitude vanishes, as such configurations have no weight.
        """
        parameters = {k: p.detach() for k, p in self.named_parameters()}

        def part(
            of: Callable[[Tensor], Tensor], values: dict[str, Tensor], row: Tensor
        ) -> Tensor:
            return of(torch.func.functional_call(self, values, (row[None],))[0])

        def rows(of: Callable[[Tensor], Tensor], chunk: Tensor) -> Tensor:
            gradient = torch.func.grad_and_value(part, argnums=1)
            found, value = torch.func.vmap(gradient, (None, None, 0))(
                of, parameters, chunk
            )
            changes = torch.cat(
                [as_real(g).reshape(len(chunk), -1) for g in found.values()], dim=1
            )
            return changes.masked_fill_(torch.isneginf(value)[:, None], 0.0)

        with torch.no_grad():
            is_complex = self(spins[:1]).is_complex()
        found = []
        for chunk in spins.split(max(1, NUMBERS_AT_ONCE // self.numbers_per_row)):
            gradient = rows(torch.real, chunk) if is_complex else rows(_itself, chunk)
            if is_complex:
                gradient = torch.complex(gradient, rows(torch.imag, chunk))
            found.append(gradient)
        return torch.cat(found) if len(found) > 1 else found[0]

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
        most = max(1, NUMBERS_CACHED // self.num_sites)
        for row, kind in zip(rows.split(most), kinds.split(most), strict=True):
            turned = spins.index_select(0, row).mul_(signs.index_select(0, kind))
            result[row, kind] = (self(turned) - log.index_select(0, row)).exp()
        return result

    def walkers(
        self, spins: Tensor, moves: Tensor, conserving: bool = False
    ) -> Walkers:
        """Configurations that move, with what makes their ratios cheap.

        Args:
            spins: Where they begin, (rows, N); these change.
            moves: Which spins each move turns, (M, N) of bool.
            conserving: Whether the ratio of a move that changes the sum of the spins
                is 0.
        """
        return _PlainWalkers(self, spins, moves, conserving)


def _itself(tensor: Tensor) -> Tensor:
    return tensor


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as real numbers, in pairs; a real one as it is."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def as_vector(state: nn.Module) -> Tensor:
    """All parameters of a state, (P,), real and double, in the order of `jacobian`.

    Args:
        state: The state, or a module of one.
    """
    parts = [as_real(each.detach()).flatten() for each in state.parameters()]
    return torch.cat(parts).double() if parts else torch.zeros(0).double()


@torch.no_grad()
def set_vector(state: nn.Module, vector: Tensor) -> None:
    """Sets all parameters of a state.

    Args:
        state: The state.
        vector: What `as_vector` would return, (P,).
    """
    place = 0
    for parameter in state.parameters():
        own = as_real(parameter)
        own.copy_(vector[place : place + own.numel()].reshape(own.shape))
        place += own.numel()


def doubled(model: Model) -> Model:
    """A model in double precision, complex weights too.

    Args:
        model: The model, changed in place.
    """
    for each in (*model.parameters(), *model.buffers()):
        if each.is_complex():
            each.data = each.data.to(torch.complex128)
    return model.double()


@torch.no_grad()
def as_complex(state: NeuralState) -> NeuralState:
    """A copy of a state with complex parameters and the same amplitudes.

    Real parameters become complex ones without an imaginary part, as real time needs.

    Args:
        state: A state whose log ψ is an analytic function of its parameters, such as an
            RBM or a Jastrow factor; one with complex amplitudes stays as it is.

    Raises:
        ArgumentError: It has other amplitudes with complex parameters, or none.

    Example:
        >>> from qml_qdl.manybody import RBMState
        >>> as_complex(RBMState(4))(torch.ones(1, 4)).dtype
        torch.complex64
    """
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (16, state.num_sites), generator=generator)
    spins = 1 - 2 * bits.to(state.dtype)
    before = state(spins)
    if before.is_complex():
        return state
    found = deepcopy(state)
    for parameter in found.parameters():
        parameter.data = parameter.data.to(parameter.dtype.to_complex())
    try:
        after: Tensor = found(spins)
        # Of log ψ whole turns do not count.
        change = (after - before).exp() - 1
    except (RuntimeError, TypeError) as error:  # torch's for what it has not
        raise _not_analytic(state) from error
    if not (after.is_complex() and change.abs().max() < 1e-4):
        raise _not_analytic(state)
    return found


class _PlainWalkers(Walkers):
    """Walkers of any state: each step is a pass through it."""

    @torch.no_grad()
    def __init__(
        self, state: NeuralState, spins: Tensor, moves: Tensor, conserving: bool
    ) -> None:
        super().__init__(spins, moves, conserving)
        self._state = state
        self._signs = 1 - 2 * moves.to(spins.dtype)
        self._sums = spins.sum(1)  # which stay where moves are conserving
        self._log = state(spins).clone()
        self._next = self._log, self._log.new_zeros(0, dtype=torch.long)

    @torch.no_grad()
    def ratios(self, choice: Tensor) -> Tensor:
        proposed = self.spins * self._signs.index_select(0, choice)
        if not self.conserving:
            log = self._state(proposed)
        else:  # others are not asked of the state
            rows = (proposed.sum(1) == self._sums).nonzero()[:, 0]
            log = torch.full_like(self._log, -torch.inf)
            if len(rows):
                found = self._state(proposed.index_select(0, rows))
                log.index_copy_(0, rows, found)
        self._next = log, choice
        ratios: Tensor = (log - self._log).exp()
        return ratios

    def move(self, rows: Tensor) -> None:
        log, choice = self._next
        self._log.index_copy_(0, rows, log.index_select(0, rows))
        turned = self._signs.index_select(0, choice.index_select(0, rows))
        turned.mul_(self.spins.index_select(0, rows))
        self.spins.index_copy_(0, rows, turned)


@contextmanager
def seeded(generator: torch.Generator | None) -> Iterator[None]:
    """Torch's layers made inside take their initial weights from a generator.

    Args:
        generator: What seeds them; None for torch's own random numbers. Else these are
            as before when the context ends.
    """
    with torch.random.fork_rng([], enabled=generator is not None):
        if generator is not None:
            seed = torch.randint(2**62, (), generator=generator)
            torch.default_generator.manual_seed(int(seed))
        yield


def safe_log(amplitudes: Tensor) -> Tensor:
    """Logarithms, −∞ where an amplitude vanishes, with a derivative of zero there.

    Args:
        amplitudes: Any tensor, real or complex.

    Example:
        >>> safe_log(torch.tensor([1.0, 0.0]))
        tensor([0., -inf])
    """
    vanish = amplitudes == 0
    return amplitudes.masked_fill(vanish, 1.0).log().masked_fill(vanish, -torch.inf)


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


def _not_analytic(state: NeuralState) -> ArgumentError:
    return ArgumentError(
        f"state: with complex parameters {type(state).__name__} has not the same "
        "amplitudes; make it with complex ones from the beginning "
        "(amplitudes='complex')"
    )


def as_group(permutations: Any, num_sites: int) -> Tensor:
    """A group of permutations as a tensor (G, N).

    Args:
        permutations: All elements, (G, N); None for the identity alone.
        num_sites: The number N of spins.

    Raises:
        ArgumentError: They are no permutations, or no group.
    """
    if permutations is None:
        return torch.arange(num_sites)[None]
    group = as_permutations(permutations, num_sites)
    group_table(group)
    return torch.from_numpy(group)

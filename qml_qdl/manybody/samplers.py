"""Samplers of `|ψ(s)|²`: Markov chains, and the sum over all configurations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.sectors import Sector
from qml_qdl.manybody.states.autoregressive import AutoregressiveState
from qml_qdl.manybody.states.state import NeuralState, as_real


@frozen(eq=False)
class Samples:
    """Configurations that stand for `|ψ(s)|²`.

    Args:
        spins: (rows, N); those of one chain are `chains` rows apart.
        weights: Their probabilities, (rows,), which sum to one; None for equal ones.
        chains: Chains that are independent of each other.
        acceptance: The share of moves that were made; None where nothing moves.
        log_amplitudes: log ψ of each row, where it is known; None else.
        sector: Where each row stands for its orbit in this sector; None else. Means of
            what differs within an orbit are found by `Means.of`.
        drawn: Whether chance is in it though there are weights, as in importance
            sampling.
    """

    spins: Tensor
    weights: Tensor | None = None
    chains: int = 1
    acceptance: float | None = None
    log_amplitudes: Tensor | None = None
    sector: Sector | None = None
    drawn: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether every configuration was summed, so that means have no error."""
        return self.weights is not None and not self.drawn

    def mean(self, values: Tensor) -> Tensor:
        """The mean of what was found for each row.

        Args:
            values: (rows, ...).

        Returns:
            (...).
        """
        if self.weights is None:
            return values.mean(0)
        weights = self.weights.to(values.dtype)
        return (weights @ values.reshape(len(values), -1)).reshape(values.shape[1:])

    def error(self, values: Tensor) -> Tensor:
        """The standard error of that mean, from the spread of the chains.

        Args:
            values: (rows, ...); of complex ones the real part counts.

        Returns:
            (...); zero where every configuration was summed, NaN for one chain alone.
        """
        values = values.real if values.is_complex() else values
        if self.is_exact:
            return torch.zeros_like(values[0])
        weights = self.weights
        if weights is None:
            weights = values.new_full((len(values),), 1 / len(values))
        return error_of_chains(*self.by_chain(values, weights))

    def by_chain(self, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of what was found for each row, times its weight, over each chain.

        Args:
            values: (rows, ...).
            weights: (rows,).

        Returns:
            The sums (chains, ...), and those of the weights alone (chains,).
        """
        weights = weights.to(values.dtype)
        terms = values * weights.reshape(-1, *[1] * (values.ndim - 1))
        sums = terms.reshape(-1, self.chains, *values.shape[1:]).sum(0)
        return sums, weights.reshape(-1, self.chains).sum(0)


def error_of_chains(sums: Tensor, weights: Tensor) -> Tensor:
    """The standard error of a mean Σ wv / Σ w, from the spread of the chains.

    With equal weights the spread of the chains' means over the root of their number;
    else what a ratio of two sums has to first order.

    Args:
        sums: Of each chain Σ wv, (chains, ...).
        weights: Of each chain Σ w, (chains,).

    Returns:
        (...); NaN for one chain alone.

    Example:
        >>> error_of_chains(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
        tensor(1.)
    """
    count, total = len(sums), weights.sum()
    if count < 2:
        return sums[0] * torch.nan
    shares = weights.reshape(-1, *[1] * (sums.ndim - 1)) / total
    apart = sums / total - shares * (sums.sum(0) / total)
    return (apart.square().sum(0) * (count / (count - 1))).sqrt()


class Sampler(ABC):
    """What configurations of a state come from."""

    @abstractmethod
    def sample(self, state: NeuralState, sweeps: int | None = None) -> Samples:
        """Configurations of a state.

        Args:
            state: The state.
            sweeps: Configurations of each chain; None for the sampler's own number.

        Raises:
            ArgumentError: The amplitudes vanish everywhere.
        """

    @torch.no_grad()
    def local_energies(
        self, operator: SpinOperator, state: NeuralState, samples: Samples
    ) -> Tensor:
        """E(s) = Σ ⟨s|H|s'⟩ ψ(s')/ψ(s), whose mean over `|ψ|²` is the energy.

        Args:
            operator: H.
            state: ψ.
            samples: Configurations of it, from this sampler.

        Returns:
            (rows,), real where H and ψ are.
        """
        elements = operator.elements(samples.spins)
        ratios = state.ratios(samples.spins, operator.flips, elements != 0)
        return operator.diagonal(samples.spins) + (elements * ratios).sum(1)

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""

    @abstractmethod
    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """


class FullSummation(Sampler):
    """Every configuration of a sector with its probability: no noise.

    What remains as an error is the ansatz's own. A sector with `spin_flip` or
    `permutations` has one configuration for each of its orbits, with the probability of
    the whole orbit: many times fewer, for a state that has these symmetries itself.

    Args:
        sector: The configurations; or the number of sites, for all of them.

    Raises:
        MemoryBoundError: Its configurations do not fit into memory.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import Lattice, RBMState
        >>> samples = FullSummation(Sector(4, magnetisation=0)).sample(RBMState(4))
        >>> len(samples.spins), round(float(samples.weights.sum()), 6)
        (6, 1.0)
        >>> ring = Lattice.chain(4).translations
        >>> orbits = FullSummation(Sector(4, magnetisation=0, permutations=ring))
        >>> len(orbits.sample(RBMState(4, permutations=ring)).spins)
        2
    """

    @validate_call
    def __init__(self, sector: Sector | int) -> None:
        self.sector = sector if isinstance(sector, Sector) else Sector(sector)
        self._spins = self.sector.spins()
        self._matrices = WeakKeyDictionary[SpinOperator, Any]()
        # By these amplitudes become those of normalised sums over orbits.
        self._roots = torch.from_numpy(self.sector.multiplicities).double().sqrt()
        self._checked = WeakSet[NeuralState]()

    @torch.no_grad()
    def sample(self, state: NeuralState, sweeps: int | None = None) -> Samples:
        """Every configuration, however many sweeps are asked for.

        Raises:
            ArgumentError: The amplitudes vanish everywhere, or the state has not the
                symmetries of the sector.
        """
        spins = self._spins.to(state.dtype)
        log = torch.cat([state(part) for part in spins.split(2**16)])
        if torch.isneginf(log.real).all():
            raise vanishing()
        if self.sector.group and state not in self._checked:
            self._check_symmetry(state, spins[:: max(1, len(spins) // 8)])
            self._checked.add(state)
        weights = (2 * (log.real + self._roots.log().to(log.real))).softmax(0)
        orbits = self.sector if self.sector.group else None
        return Samples(spins, weights, log_amplitudes=log, sector=orbits)

    def _check_symmetry(self, state: NeuralState, spins: Tensor) -> None:
        log = state(spins)
        largest = log.real.max()
        tolerance = 1e3 * torch.finfo(log.dtype).eps
        for row, flipped, character in self.sector.group:
            images = spins[:, torch.from_numpy(row)] * (-1 if flipped else 1)
            moved = (state(images) - largest).exp()
            kept = (log - largest).exp() * (
                character if log.is_complex() else character.real
            )
            change = float((moved - kept).abs().max())
            if not change <= tolerance:
                raise ArgumentError(
                    f"state: expected ψ(g s) = χ(g) ψ(s) for the group of the sector, "
                    f"got amplitudes that differ by {change:.2g} of the largest; "
                    "symmetrise the state, or leave spin_flip and permutations of the "
                    "sector away"
                )

    def local_energies(
        self, operator: SpinOperator, state: NeuralState, samples: Samples
    ) -> Tensor:
        """(Hψ)(s)/ψ(s), by H as a sparse matrix; 0 where ψ vanishes."""
        log = samples.log_amplitudes
        assert log is not None
        amplitudes = (log - log.real.max()).exp() * self._roots.to(log.real)
        if operator not in self._matrices:
            self._matrices[operator] = operator.matrix(self.sector)
        matrix = self._matrices[operator]
        if operator.is_real and self.sector.is_real:
            # SciPy would make it complex for complex amplitudes.
            found = torch.from_numpy(matrix @ as_real(amplitudes).cpu().numpy())
            applied = torch.view_as_complex(found) if log.is_complex() else found
        else:
            applied = torch.from_numpy(matrix @ amplitudes.cpu().numpy())
        local = applied.to(amplitudes.device) / amplitudes
        return local.where(amplitudes != 0, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: there is no chance in it."""
        return {}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""


def vanishing() -> ArgumentError:
    """The error of a state without amplitudes."""
    return ArgumentError(
        "state: its amplitudes vanish on every configuration that was tried; begin "
        "with other parameters"
    )


class AutoregressiveSampler(Sampler):
    """Independent configurations of states that sample themselves.

    Args:
        rows: Configurations that `sample` takes in each sweep.
        sweeps: Sweeps it takes.
        generator: Random numbers; None for a new generator seeded by torch's own.

    Example:
        >>> from qml_qdl.manybody import AutoregressiveState
        >>> from qml_qdl.models import AutoregressiveNetwork
        >>> state = AutoregressiveState(AutoregressiveNetwork(6, num_ones=3))
        >>> samples = AutoregressiveSampler(100).sample(state)
        >>> bool((samples.spins.sum(1) == 0).all())
        True
    """

    @validate_call
    def __init__(
        self,
        rows: int = 1008,
        *,
        sweeps: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        check_count("rows", rows)
        check_count("sweeps", sweeps)
        self.rows = rows
        self.sweeps = sweeps
        self.generator = own_generator(generator)

    def sample(self, state: NeuralState, sweeps: int | None = None) -> Samples:
        """The next configurations.

        Raises:
            ArgumentTypeError: The state cannot sample itself.
        """
        if not isinstance(state, AutoregressiveState):
            raise ArgumentTypeError(
                f"state: expected an AutoregressiveState, got {type(state).__name__}; "
                "use Metropolis"
            )
        count = self.rows * (self.sweeps if sweeps is None else sweeps)
        return Samples(state.sample(count, self.generator), chains=self.rows)

    def state_dict(self) -> dict[str, Any]:
        """Where its random numbers are."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        self.generator.set_state(kept["generator"])


def own_generator(generator: torch.Generator | None) -> torch.Generator:
    """A generator as it is, or a new one seeded by torch's.

    Args:
        generator: The generator, or None.
    """
    if generator is not None:
        return generator
    return torch.Generator().manual_seed(int(torch.randint(2**62, ())))


class Metropolis(Sampler):
    """Markov chains that all move at once, by the rule of Metropolis and Hastings.

    Args:
        start: Where the chains begin, (chains, N).
        moves: Which spins each move turns, (M, N) of bool.
        conserving: Whether a move is made only where the turned spins sum to zero, so
            that the magnetisation stays.
        sweeps: Configurations that `sample` takes of each chain.
        steps: Moves that are proposed between two of them; None for N.
        generator: Random numbers; None for a new generator seeded by torch's own.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import RBMState
        >>> sampler = Metropolis.exchange(6, [(i, (i + 1) % 6) for i in range(6)])
        >>> samples = sampler.sample(RBMState(6))
        >>> bool((samples.spins.sum(1) == 0).all())
        True
    """

    @validate_call
    def __init__(
        self,
        start: Tensor,
        moves: Tensor,
        *,
        conserving: bool = False,
        sweeps: int = 1,
        steps: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        check_count("sweeps", sweeps)
        self.spins = start.clone()
        self.moves = moves
        self.conserving = conserving
        self.sweeps = sweeps
        self.steps = start.shape[1] if steps is None else steps
        check_count("steps", self.steps)
        self.generator = own_generator(generator)

    @classmethod
    @validate_call
    def flips(
        cls,
        num_sites: int,
        *,
        chains: int = 1008,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Metropolis:
        """Chains that turn one spin at a time.

        Args:
            num_sites: The number N of spins.
            chains: Chains, which begin at random.
            generator: Random numbers; None for a new generator seeded by torch's own.
            **options: Further ones of the class.
        """
        check_count("num_sites", num_sites)
        check_count("chains", chains)
        generator = own_generator(generator)
        bits = torch.randint(2, (chains, num_sites), generator=generator)
        start = 1.0 - 2.0 * bits.double()
        moves = torch.eye(num_sites, dtype=torch.bool)
        return cls(start, moves, generator=generator, **options)

    @classmethod
    @validate_call
    def exchange(
        cls,
        num_sites: int,
        pairs: Any,
        *,
        magnetisation: int = 0,
        chains: int = 1008,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Metropolis:
        """Chains that exchange two unequal spins at a time.

        Args:
            num_sites: The number N of spins.
            pairs: Sites that are exchanged, (M, 2).
            magnetisation: The sum of all spins, which stays.
            chains: Chains, which begin at random.
            generator: Random numbers; None for a new generator seeded by torch's own.
            **options: Further ones of the class.

        Raises:
            ArgumentError: So many spins cannot have this sum.
        """
        check_count("num_sites", num_sites)
        check_count("chains", chains)
        generator = own_generator(generator)
        if abs(magnetisation) > num_sites or (num_sites - magnetisation) % 2:
            raise ArgumentError(
                f"magnetisation: {num_sites} spins ±1 cannot sum to {magnetisation}; "
                f"expected one of {num_sites}, {num_sites - 2}, …, {-num_sites}"
            )
        down = (num_sites - magnetisation) // 2
        order = torch.rand(chains, num_sites, generator=generator).argsort(1)
        start = 1.0 - 2.0 * (order < down).double()
        sites = torch.as_tensor(pairs).reshape(-1, 2)
        moves = torch.zeros(len(sites), num_sites, dtype=torch.bool)
        moves.scatter_(1, sites, True)
        return cls(start, moves, conserving=True, generator=generator, **options)

    @torch.no_grad()
    def sample(self, state: NeuralState, sweeps: int | None = None) -> Samples:
        """The next configurations of all chains."""
        count = self.sweeps if sweeps is None else sweeps
        spins, made, found = self.spins.to(state.dtype, copy=True), 0, []
        chains = len(spins)
        for _ in range(count):
            # Walkers are made anew for each sweep: what they keep gathers rounding.
            walkers = state.walkers(spins, self.moves, self.conserving)
            shape = (self.steps, chains)
            choices = torch.randint(len(self.moves), shape, generator=self.generator)
            bounds = torch.rand(
                shape, generator=self.generator, dtype=torch.float64
            ).sqrt_()
            # Tensors are slow to say how long they are.
            for choice, bound in zip(choices.unbind(), bounds.unbind(), strict=True):
                accepted = walkers.ratios(choice).abs() > bound
                rows = accepted.nonzero()[:, 0]
                walkers.move(rows)
                made += rows.shape[0]
            spins = walkers.spins
            found.append(spins.clone())
        self.spins = found[-1].to(self.spins.dtype)
        if not made and torch.isneginf(state(spins).real).all():
            raise vanishing()
        share = made / (count * self.steps * chains)
        return Samples(torch.cat(found), chains=chains, acceptance=share)

    def state_dict(self) -> dict[str, Any]:
        """The chains, and where their random numbers are."""
        return {"spins": self.spins, "generator": self.generator.get_state()}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        self.spins = kept["spins"].clone()
        self.generator.set_state(kept["generator"])


class Blurred(Sampler):
    """Samples that also stand where amplitudes vanish, with weights that mend it.

    Chains never stand where ψ vanishes, though (Hψ)(s) and derivatives of ψ may not:
    estimates of a velocity then miss what comes from there, whatever their number. Here
    each configuration is moved with a probability q by one of M moves, so that
    p(s) = (1 − q)`|ψ(s)|²` + q/M Σ `|ψ(m s)|²`, and has the weight `|ψ(s)|²`/p(s), at
    most 1/(1 − q) (Wan, Wiersema and Zhang, arXiv:2603.18148). What follows the chains
    is changed, not the chains. Of an amplitude that is exactly zero log ψ has no
    derivative, so that such a configuration still counts as nothing.

    Args:
        sampler: Where configurations come from.
        rate: q.
        moves: Which spins each move turns, (M, N) of bool; None for those of the
            chains, or of a sampler without chains for single spins.
        conserving: Whether a move is made only where the turned spins sum to zero; None
            as the chains have it.
        generator: Random numbers; None for a new generator seeded by torch's own.

    Raises:
        ArgumentError: The rate is not between 0 and 1, or the sampler has no chance.

    Example:
        >>> from qml_qdl.manybody import RBMState
        >>> sampler = Blurred(Metropolis.flips(6, chains=100), rate=0.2)
        >>> samples = sampler.sample(RBMState(6))
        >>> samples.drawn, round(float(samples.weights.sum()), 6)
        (True, 1.0)
    """

    @validate_call
    def __init__(
        self,
        sampler: Sampler,
        rate: float = 0.1,
        *,
        moves: Tensor | None = None,
        conserving: bool | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        check_number("rate", rate, high=1.0)
        if isinstance(sampler, FullSummation | Blurred):
            raise ArgumentError(
                f"sampler: expected one that draws configurations, got "
                f"{type(sampler).__name__}, which has nothing to be blurred; use it as "
                "it is"
            )
        self.sampler = sampler
        self.rate = rate
        self.moves = getattr(sampler, "moves", None) if moves is None else moves
        known = getattr(sampler, "conserving", False)
        self.conserving = known if conserving is None else conserving
        self.generator = own_generator(generator)

    @torch.no_grad()
    def sample(self, state: NeuralState, sweeps: int | None = None) -> Samples:
        """The next configurations, some of them moved, with their weights."""
        drawn = self.sampler.sample(state, sweeps)
        spins, rows = drawn.spins, len(drawn.spins)
        moves = self.moves
        if moves is None:
            moves = torch.eye(spins.shape[1], dtype=torch.bool)
        random = torch.rand(rows, generator=self.generator, dtype=torch.float64)
        choice = torch.randint(len(moves), (rows,), generator=self.generator)
        chosen = moves[choice]
        moved = (random < self.rate) & self._allowed(spins, chosen)
        spins = spins.where(~(chosen & moved[:, None]), -spins)
        # Moves undo themselves: those that lead here are those that lead away.
        allowed = torch.stack([self._allowed(spins, move) for move in moves], dim=1)
        ratios = state.ratios(spins, moves, allowed).abs().double().square()
        around = ratios.where(allowed, 1.0).mean(1)
        weights = 1 / (1 - self.rate + self.rate * around)
        weights = weights.nan_to_num(0.0)  # where ψ vanishes
        return Samples(
            spins,
            weights / weights.sum(),
            chains=drawn.chains,
            acceptance=drawn.acceptance,
            drawn=True,
        )

    def _allowed(self, spins: Tensor, moves: Tensor) -> Tensor:
        """Where moves may be made, (rows,), for one move or one for each row."""
        if not self.conserving:
            return torch.ones(len(spins), dtype=torch.bool)
        return (spins * moves).sum(1) == 0

    def state_dict(self) -> dict[str, Any]:
        """The sampler's own, and where the random numbers are."""
        own = self.generator.get_state()
        return {"sampler": self.sampler.state_dict(), "blur": own}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        self.sampler.load_state_dict(kept["sampler"])
        self.generator.set_state(kept["blur"])

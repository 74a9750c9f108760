"""Problems: a Hamiltonian with its lattice, its sector and what is known of it."""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_type_hints

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from pennylane.operation import Operator
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    did_you_mean,
    validate_call,
)
from qml_qdl.manybody.exact import Eigenstates, ground_state
from qml_qdl.manybody.hamiltonians import (
    annni,
    cluster_ising,
    heisenberg,
    j1_j2,
    transverse_ising,
    xxz,
)
from qml_qdl.manybody.lattices import SHAPES, Lattice
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.samplers import (
    AutoregressiveSampler,
    FullSummation,
    Metropolis,
    Sampler,
)
from qml_qdl.manybody.sectors import Sector, check_memory, check_spins
from qml_qdl.manybody.solvable import (
    MOST_BETHE,
    MOST_FREE,
    MOST_OPEN,
    bethe_energy,
    free_fermion_energy,
)
from qml_qdl.manybody.states.autoregressive import AutoregressiveState
from qml_qdl.manybody.states.state import NeuralState

logger = logging.getLogger(__name__)

SamplerName: TypeAlias = Literal["auto", "metropolis", "full", "autoregressive"]
Symmetry: TypeAlias = Literal["all", "translations", "none"]

MOST_SUMMED = 10**6
"""Configurations that are summed in every step, and states that are diagonalised."""

MOST_COMPARED = 2**16
"""States of a sector whose amplitudes are compared one by one."""

_DEGENERATE = 1e-9
"""Energies that differ by less, relative to the lowest, are one level."""

_TRIANGULAR = "triangular"


@validate_call
@frozen(eq=False, slots=False)
class Problem:
    """A Hamiltonian whose lowest state in a sector is sought.

    What the Hamiltonian does not conserve is refused here, before anything is sampled.

    Args:
        operator: H.
        lattice: Its lattice; None for one's own sites, whose neighbours are those that
            words of H join.
        name: What it is called.
        marshall: Whether the basis is turned by Marshall's sign rule, in which a state
            of positive amplitudes may be the lowest; None where the rule is exact.
        magnetisation: The sum of the spins ±1, where it is conserved; None for 0, or 1
            of an odd number of them; "all" for every sum.
        momentum: Whole numbers, one for each direction of the lattice, in units of 2π
            over its cells; None for whichever is lowest.
        spin_flip: The eigenvalue ±1 of Π X; None for whichever is lowest.
        couplings: The arguments with which `name` made H; None where it is one's own,
            of which no solution is known.
        sums: Sums of the spins of some sites each, as `Sector` has them, in place of
            the magnetisation: of a molecule, the electrons of each spin.

    Raises:
        ArgumentError: H is not Hermitian, does not conserve what is asked, has no
            Marshall sign, or the sector has no states.

    Example:
        >>> ring = Lattice.chain(8)
        >>> problem = Problem(SpinOperator.of(heisenberg(ring)), ring)
        >>> problem.marshall, problem.sector.magnetisation
        (True, 0)
        >>> print(round(problem.exact.energy, 6), problem.exact.method)
        -14.604374 diagonalisation
    """

    operator: SpinOperator
    lattice: Lattice | None = None
    name: str = "hamiltonian"
    marshall: bool | None = None
    magnetisation: int | Literal["all"] | None = None
    momentum: int | Sequence[int] | None = None
    spin_flip: int | None = None
    couplings: Mapping[str, Any] | None = None
    sums: Sequence[tuple[Sequence[int], int]] | None = None

    def __attrs_post_init__(self) -> None:
        operator, lattice = self.operator, self.lattice
        if lattice is not None and lattice.num_sites != operator.num_sites:
            raise ArgumentError(
                f"lattice: expected {operator.num_sites} sites, those of the operator, "
                f"got {lattice.num_sites}"
            )
        if isinstance(self.magnetisation, str):
            check_choice("magnetisation", self.magnetisation, ("all",))
        operator.check_sector(self.sector)
        exact = self.marshall is not False and self._is_turned_exactly()
        if self.marshall is None:
            object.__setattr__(self, "marshall", exact)
        elif self.marshall and operator.is_stoquastic:
            raise ArgumentError(
                "marshall: the ground state has positive amplitudes as it is, since no "
                "element off the diagonal is positive; leave marshall away"
            )
        elif self.marshall and self.sublattice is None:
            raise ArgumentError(
                "marshall: expected neighbours of two colours, which odd rings and "
                "triangular lattices have not; leave marshall away, and use a complex "
                "state, which learns its signs"
            )
        elif self.marshall and not exact:
            logger.warning(
                "%s: Marshall's sign rule is an approximation here; a complex state "
                "learns what is left of the signs",
                self.name,
            )

    def _is_turned_exactly(self) -> bool:
        sites = self.sublattice
        if sites is None or self.operator.is_stoquastic:
            return False
        return self.operator.rotated(sites).is_stoquastic

    @classmethod
    def of(cls, hamiltonian: Any, name: str = "hamiltonian") -> Problem:
        """The problem of an operator.

        Args:
            hamiltonian: A PennyLane operator, a `SpinOperator`, or a problem, which
                stays as it is.
            name: What it is called.

        Returns:
            The problem.

        Raises:
            ArgumentError: It is no Hermitian sum of Pauli words, or it is of another
                kind.

        Example:
            >>> import pennylane as qml
            >>> Problem.of(-qml.Z(0) @ qml.Z(1) - qml.X(0) - qml.X(1)).num_sites
            2
        """
        if isinstance(hamiltonian, Problem):
            return hamiltonian
        if isinstance(hamiltonian, Operator):
            hamiltonian = SpinOperator.of(hamiltonian)
        if not isinstance(hamiltonian, SpinOperator):
            raise ArgumentError(
                "hamiltonian: expected a PennyLane operator, a SpinOperator or a "
                f"Problem, got {type(hamiltonian).__name__}"
            )
        return cls(hamiltonian, name=name)

    # ---- Sites, signs and sectors. ----

    @property
    def num_sites(self) -> int:
        """Number of sites, N."""
        return self.operator.num_sites

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of sites that words of two sites flip together."""
        flips = self.operator.flips.numpy()
        found = (np.flatnonzero(row).tolist() for row in flips)
        return tuple(sorted((row[0], row[1]) for row in found if len(row) == 2))

    @cached_property
    def sublattice(self) -> tuple[int, ...] | None:
        """Every second site, where neighbours are of two colours; else None."""
        lattice = self.lattice
        if lattice is None:
            lattice = Lattice.from_edges(self.pairs, num_sites=self.num_sites)
        return lattice.sublattice

    @cached_property
    def turned(self) -> SpinOperator:
        """H in the basis in which states are sought, turned by Marshall's signs."""
        if not self.marshall:
            return self.operator
        return self.operator.rotated(self.sublattice)

    @cached_property
    def sector(self) -> Sector:
        """The sector of H, by its numbers and with a momentum its translations."""
        total = self.magnetisation
        bound = self.sums is not None
        if total is None and not bound and self.operator.conserves_magnetisation:
            total = self.num_sites % 2
        rows, characters = None, None
        if self.momentum is not None:
            if self.lattice is None:
                raise ArgumentError(
                    f"momentum: expected a lattice with it, got {self.momentum!r} and "
                    "a Hamiltonian without one; leave momentum away"
                )
            rows = self.lattice.translations
            characters = self.lattice.characters(self.momentum)
        return Sector(
            self.num_sites,
            None if isinstance(total, str) else total,
            spin_flip=self.spin_flip,
            permutations=rows,
            characters=characters,
            sums=self.sums,
        )

    @cached_property
    def configurations(self) -> Sector:
        """The sector's configurations, not symmetrised."""
        return Sector(self.num_sites, self.sector.magnetisation, sums=self.sums)

    @property
    def is_lowest(self) -> bool:
        """Whether no sector was asked for, but the one that is taken by default."""
        asked = (self.magnetisation, self.momentum, self.spin_flip, self.sums)
        return asked == (None,) * 4

    def symmetry(
        self, kind: Symmetry | None = None
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """The permutations under which the state that is sought keeps its amplitudes.

        Where no element of H off the diagonal is positive, one of the lowest states of
        each magnetisation has positive amplitudes, and all symmetries of H. Elsewhere
        nothing is known of it.

        Args:
            kind: "all" that commute with H, of the lattice's; its "translations"; or
                "none". None for all where the lowest state is positive, or Marshall's
                signs were asked for though they are an approximation; else for none.
                With a momentum always the translations.

        Returns:
            Permutations (G, N), and χ of each with ψ(gs) = χ(g) ψ(s), in the basis that
            Marshall's signs may have turned.

        Example:
            >>> ring = Lattice.chain(6)
            >>> problem = Problem(SpinOperator.of(heisenberg(ring)), ring)
            >>> rows, characters = problem.symmetry()
            >>> len(rows), characters.min().item()
            (12, 1.0)
        """
        check_choice("kind", kind, ("all", "translations", "none", None))
        if kind is None:
            positive = self.marshall or self.turned.is_stoquastic
            kind = "all" if positive and self.turned_spin_flip != -1 else "none"
        identity = np.arange(self.num_sites)[None]
        if self.momentum is not None:
            rows = np.array(self.sector.permutations)
            return rows, np.array(self.sector.characters) * self._crossings(rows)
        if kind == "none" or self.lattice is None:
            return identity, np.ones(1)
        every = self.lattice.symmetries
        if kind == "translations":
            every = self.lattice.translations
        kept = [row for row in every if self.turned.commutes_with(row)]
        return np.stack(kept), np.ones(len(kept))

    def _crossings(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """What permutations do to Marshall's signs, in the sector."""
        if not self.marshall:
            return np.ones(len(rows))
        own = set(self.sublattice or ())
        moved = [set(row[sorted(own)].tolist()) for row in rows]
        rest = set(range(self.num_sites)) - own
        if any(each not in (own, rest) for each in moved):
            raise ArgumentError(
                "momentum: with Marshall's signs translations have to take sublattices "
                f"to sublattices, got {self.momentum!r}; use marshall=False"
            )
        total = self.sector.magnetisation or 0
        odd = (self.num_sites - total) // 2 % 2  # spins that are down
        return np.array([-1.0 if odd and each != own else 1.0 for each in moved])

    @property
    def turned_spin_flip(self) -> int | None:
        """The eigenvalue of Π X in the basis that Marshall's signs may have turned."""
        if self.spin_flip is None or not self.marshall:
            return self.spin_flip
        return int(self.spin_flip * (-1) ** len(self.sublattice or ()))

    # ---- What is sampled. ----

    def sampler(
        self,
        state: NeuralState,
        kind: SamplerName = "auto",
        *,
        samples: int = 1008,
        chains: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Sampler:
        """What configurations of a state come from.

        Chains exchange unequal spins along the pairs of H where the magnetisation is
        kept, and turn single ones elsewhere.

        Args:
            state: The state.
            kind: "metropolis", "full" for the sum over all configurations,
                "autoregressive" for states that sample themselves; "auto" the last for
                those, the sum for circuits, which find all amplitudes at once, and
                else the first.
            samples: Configurations of each step; of "full" all of them.
            chains: Independent chains; None for as many as `samples`.
            generator: Random numbers; None for a new generator seeded by torch's own.

        Returns:
            The sampler.

        Raises:
            ArgumentError: There are too many configurations to be summed, or the state
                cannot sample itself.
            MemoryBoundError: They do not fit into memory.

        Example:
            >>> from qml_qdl.manybody import RBMState
            >>> problem = Problem.named("heisenberg", size=6)
            >>> sampler = problem.sampler(RBMState(6), samples=100, chains=50)
            >>> sampler.sample(RBMState(6)).spins.shape
            torch.Size([100, 6])
        """
        names = ("auto", "metropolis", "full", "autoregressive")
        check_choice("sampler", kind, names)
        check_count("samples", samples)
        chains = samples if chains is None else chains
        check_count("chains", chains)
        sweeps = math.ceil(samples / chains)
        if kind != "full":
            check_memory(
                f"samples: {sweeps * chains:,} configurations of {self.num_sites} "
                "spins",
                # As they are sampled, turned, and looked at.
                32 * sweeps * chains * self.num_sites,
                "take fewer",
            )
        own = isinstance(state, AutoregressiveState)
        few = self.configurations.num_configurations <= MOST_SUMMED
        listed = state.lists_amplitudes or self.sums is not None
        if kind == "full" or (kind == "auto" and listed and few):
            self._check_summed()
            return FullSummation(self.configurations)
        if self.sums is not None:
            raise ArgumentError(
                f"sampler: {kind!r} does not keep sums of some sites each; use 'full'"
            )
        if kind == "autoregressive" or (kind == "auto" and own):
            if not own:
                raise ArgumentError(
                    "sampler: 'autoregressive' is for states that sample themselves, "
                    f"got {type(state).__name__}; use 'metropolis' or 'full'"
                )
            return AutoregressiveSampler(chains, sweeps=sweeps, generator=generator)
        total = self.sector.magnetisation
        count = self.num_sites
        if total is None:
            return Metropolis.flips(
                count, chains=chains, sweeps=sweeps, generator=generator
            )
        # A diagonal H has no pairs: then any two neighbours do.
        pairs = self.pairs or [(k, k + 1) for k in range(count - 1)] or [(0, 0)]
        return Metropolis.exchange(
            count,
            pairs,
            magnetisation=total,
            chains=chains,
            sweeps=sweeps,
            generator=generator,
        )

    def _check_summed(self) -> None:
        states = self.configurations.num_configurations
        if states > MOST_SUMMED:
            raise ArgumentError(
                f"sampler: 'full' sums at most {MOST_SUMMED:,} configurations, the "
                f"sector has {states:,}; use 'metropolis', or fewer sites"
            )

    # ---- What is known. ----

    @cached_property
    def exact(self) -> Exact | None:
        """The lowest energy of the sector, where it can be had; None else.

        By free fermions or Bethe's ansatz for the rings and chains that they solve,
        else by diagonalisation, up to a million states that fit into memory.
        """
        for solved in (self._by_free_fermions, self._by_bethe):
            found = solved()
            if found is not None:
                return found
        if self.sector.expected_states > MOST_SUMMED:
            return None
        try:
            states = ground_state(self.operator, self.sector)
        except MemoryBoundError:
            return None
        return Exact(float(states.energies[0]), "diagonalisation")

    def _coupling(self, name: str) -> Any:
        """An argument that made H, or its default."""
        made = inspect.signature(HAMILTONIANS[self.name]).parameters[name]
        return (self.couplings or {}).get(name, made.default)

    def _by_free_fermions(self) -> Exact | None:
        lattice = self.lattice
        if (
            (self.name, self.couplings is None) != ("transverse_ising", False)
            or lattice is None
            or lattice.shape != "chain"
            or self.momentum is not None
            or self._coupling("longitudinal")
            or self.magnetisation not in (None, "all")
            or self.num_sites > (MOST_FREE if lattice.periodic[0] else MOST_OPEN)
        ):
            return None
        h, coupling = float(self._coupling("h")), float(self._coupling("coupling"))
        periodic = lattice.periodic[0]
        energy = free_fermion_energy(
            self.num_sites, h, coupling, periodic, self.spin_flip
        )
        return Exact(energy, "free fermions")

    def _by_bethe(self) -> Exact | None:
        lattice = self.lattice
        if (
            (self.name, self.couplings is None) != ("heisenberg", False)
            or lattice is None
            or lattice.shape != "chain"
            or not lattice.periodic[0]
            or not self.is_lowest
            or as_items(self._coupling("coupling")) is not None
            or self._coupling("coupling") < 0
            or self.num_sites > MOST_BETHE
        ):
            return None
        energy = self._coupling("coupling") * bethe_energy(self.num_sites)
        return Exact(energy, "Bethe ansatz")

    @cached_property
    def level(self) -> Eigenstates | None:
        """Exact states, the lowest first, up to 65,536 configurations; None beyond."""
        if self.configurations.num_configurations > MOST_COMPARED:
            return None
        wanted = min(4, self.sector.num_states)
        return ground_state(self.operator, self.sector, wanted)

    @torch.no_grad()
    def fidelity(self, state: NeuralState) -> float | None:
        """How much of a state is in the lowest level, `Σ |⟨φ|ψ⟩|² / ⟨ψ|ψ⟩`.

        Args:
            state: A state in the basis that Marshall's signs may have turned.

        Returns:
            0 … 1, by summation over the sector; None where that has too many states.

        Example:
            >>> from qml_qdl.manybody import RBMState
            >>> problem = Problem.named("transverse_ising", size=4, h=100.0)
            >>> _ = torch.manual_seed(0)
            >>> problem.fidelity(RBMState(4)) > 0.9
            True
        """
        level = self.level
        if level is None:
            return None
        spins = self.configurations.spins()
        log = state(spins.to(state.dtype)).to(torch.complex128)
        amplitudes = (log - log.real.max()).exp() * self.signs(spins)
        energies = level.energies
        near = energies - energies[0] < _DEGENERATE * max(1.0, abs(energies[0]))
        found = 0.0
        for number in range(int(near.sum())):
            exact = level.amplitudes(spins, number).to(amplitudes)
            found += float((exact.conj() @ amplitudes).abs().square())
        return found / float(amplitudes.abs().square().sum())

    def signs(self, spins: Tensor) -> Tensor:
        """Marshall's signs of configurations, (rows,) of ±1; ones where H is as it was.

        Args:
            spins: Rows of ±1, (rows, N), in float32 or float64.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type.
            ShapeError: There are more or fewer columns than sites.
        """
        check_spins(spins, self.num_sites)
        if not self.marshall:
            return torch.ones_like(spins[:, 0])
        return spins[:, list(self.sublattice or ())].prod(1)

    def fingerprint(self) -> str:
        """A digest (SHA-256, hexadecimal) of H and all that was asked of it."""
        operator = self.operator
        rows = np.concatenate([operator.flipped, operator.signs], axis=1)
        words = zip(rows.tolist(), operator.coefficients.tolist(), strict=True)
        asked = (
            self.num_sites,
            self.marshall,
            self.sector.magnetisation,
            as_items(self.momentum) or self.momentum,
            self.spin_flip,
            *(() if self.sums is None else (self.sector.sums,)),
        )
        return hashlib.sha256(
            repr((asked, sorted(words, key=repr))).encode()
        ).hexdigest()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def named(cls, name: str, **arguments: Any) -> Problem:
        """A Hamiltonian of this library by name.

        Args:
            name: One of `HAMILTONIANS`: "heisenberg", "xxz", "transverse_ising",
                "j1_j2", "cluster_ising" or "annni".
            **arguments: Those of `make_lattice`, then couplings by their own names,
                then marshall, magnetisation, momentum and spin_flip.

        Returns:
            The problem.

        Raises:
            ArgumentError: There is no such Hamiltonian or argument, or it does not fit.

        Example:
            >>> Problem.named("j1_j2", lattice="square", size=[4, 4], j2=0.3).num_sites
            16
        """
        return problem_maker(name)(**arguments)


@frozen
class Exact:
    """An exact energy.

    Args:
        energy: The energy.
        method: By what it was found, in words.
    """

    energy: float
    method: str


HAMILTONIANS: Mapping[str, Callable[..., Operator]] = {
    "heisenberg": heisenberg,
    "xxz": xxz,
    "transverse_ising": transverse_ising,
    "j1_j2": j1_j2,
    "cluster_ising": cluster_ising,
    "annni": annni,
}
"""The Hamiltonians that have names."""


@validate_call
def make_lattice(
    lattice: str | None = None,
    size: int | Sequence[int] | None = None,
    periodic: bool | Sequence[bool] = True,
    edges: Sequence[Sequence[int]] | None = None,
) -> Lattice:
    """A lattice by what is written on a command line.

    Args:
        lattice: Its shape: chain, square, triangular, or any other that
            `qml.spin.generate_lattice` knows; None for a chain.
        size: Its number of cells, a list of them for more than one direction.
        periodic: Whether the ends are joined, for all directions or for each.
        edges: Pairs of neighbours, in place of all the others.

    Returns:
        The lattice.

    Raises:
        ArgumentError: The shape is unknown, or the numbers do not fit it.

    Example:
        >>> make_lattice("square", [3, 2], periodic=False).num_sites
        6
    """
    if edges is not None:
        if lattice is not None or size is not None:
            raise ArgumentError(
                f"edges: expected them alone, got lattice={lattice!r} and size={size!r}"
                " beside them; leave these away"
            )
        return Lattice.from_edges(edges)
    shape = "chain" if lattice is None else lattice
    check_choice("lattice", shape, (_TRIANGULAR, *SHAPES))
    shape = "triangle" if shape == _TRIANGULAR else shape
    if size is None:
        raise ArgumentError(
            f"size: expected the number of cells of the {shape}, got none; pass one "
            "for each direction"
        )
    sizes = as_items(size)
    sizes = (size,) if sizes is None else sizes
    for each in sizes:
        check_count("size", each)
    flags = as_items(periodic)
    try:
        return Lattice(shape, sizes, periodic if flags is None else flags)
    except ArgumentError as error:  # which has another name for the sizes
        raise ArgumentError(str(error).replace("n_cells", "size")) from error


def problem_maker(name: str) -> Callable[..., Problem]:
    """The function that makes a problem of a name, with all its arguments.

    Args:
        name: One of `HAMILTONIANS`.

    Returns:
        A function whose signature has the arguments of lattice, Hamiltonian and sector,
        with their types and defaults.

    Raises:
        ArgumentError: There is no such name.

    Example:
        >>> list(inspect.signature(problem_maker("xxz")).parameters)[:6]
        ['lattice', 'size', 'periodic', 'edges', 'coupling', 'anisotropy']
    """
    if name not in HAMILTONIANS:
        raise ArgumentError(
            f"name: expected one of {', '.join(map(repr, HAMILTONIANS))}, got {name!r}"
            f"{did_you_mean(name, HAMILTONIANS)}"
        )
    hamiltonian = HAMILTONIANS[name]
    of_lattice = _parameters(make_lattice)
    couplings = {k: p for k, p in _parameters(hamiltonian).items() if k != "lattice"}
    of_sector = {k: p for k, p in _parameters(Problem).items() if k in _OF_SECTOR}

    def made(**arguments: Any) -> Problem:
        known = (*of_lattice, *couplings, *of_sector)
        for key in arguments:
            if key not in known:
                raise ArgumentError(
                    f"{key}: {name} has no such argument{did_you_mean(key, known)}; it "
                    f"takes {', '.join(known)}"
                )

        def some(names: Mapping[str, Any]) -> dict[str, Any]:
            return {key: value for key, value in arguments.items() if key in names}

        lattice = make_lattice(**some(of_lattice))
        operator = hamiltonian(lattice, **some(couplings))
        return Problem(
            SpinOperator.of(operator, lattice.num_sites),
            lattice,
            name,
            couplings=some(couplings),
            **some(of_sector),
        )

    made.__name__ = name
    every = (*of_lattice.values(), *couplings.values(), *of_sector.values())
    vars(made)["__signature__"] = inspect.Signature(
        [each.replace(kind=each.KEYWORD_ONLY) for each in every]
    )
    return made


_OF_SECTOR = ("marshall", "magnetisation", "momentum", "spin_flip")


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Parameters with annotations that are types, and no text."""
    hints = get_type_hints(
        function if not inspect.isclass(function) else function.__init__
    )
    return {
        key: each.replace(annotation=hints.get(key, Any))
        for key, each in inspect.signature(function).parameters.items()
    }

"""ADAPT-VQE: a circuit that grows by the gate with the steepest energy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Literal, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits import Block, Circuit, Excitations, FixedGates, PauliRotations
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.processings.excitations import Excitation
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody import Problem
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.vqe.descent import minimise
from qml_qdl.vqe.energies import SectorEnergy
from qml_qdl.vqe.rotations import PairFinder, Pairs

PoolName: TypeAlias = Literal["qubit", "fermionic", "pauli"]

Operator: TypeAlias = Excitation | str
"""An excitation, or a Pauli word."""

_PRECISION = 1e-6
"""The largest derivative at which a circuit has been trained, in units of energy."""


@frozen(eq=False)
class Pool:
    """Gates of which circuits are made, with the pairs that they rotate in a sector.

    Args:
        name: "qubit", "fermionic" or "pauli".
        operators: Excitations, or Pauli words.
        pairs: Those of each.
    """

    name: PoolName
    operators: tuple[Operator, ...]
    pairs: tuple[Pairs, ...] = field(repr=False)

    def block(self, chosen: Sequence[Operator], num_wires: int) -> Block:
        """The processing of some operators.

        Args:
            chosen: At least one, in order.
            num_wires: Number of wires.
        """
        if self.name == "pauli":
            return PauliRotations(num_wires, chosen)
        return Excitations(num_wires, chosen, fermionic=self.name == "fermionic")

    def slopes(
        self, image: NDArray[np.float64], state: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The derivative of the energy by each gate's angle, if it came next.

        Args:
            image: Hψ, (states,).
            state: ψ, (states,).

        Returns:
            2`⟨Hψ|G|ψ⟩` of each gate, (operators,).
        """
        first = np.concatenate([pairs.first for pairs in self.pairs])
        second = np.concatenate([pairs.second for pairs in self.pairs])
        terms = image[second] * state[first] - image[first] * state[second]
        ends = np.cumsum([len(pairs.first) for pairs in self.pairs])
        sums = np.concatenate([[0.0], np.cumsum(terms)])[ends]
        return np.diff(sums, prepend=0.0)


def reference_of(problem: Problem) -> tuple[int, ...]:
    """The sites that are down in the sector's configuration of lowest energy.

    Args:
        problem: H and its sector.

    Example:
        >>> reference_of(Problem.named("heisenberg", size=4))
        (1, 3)
    """
    sector = problem.configurations
    lowest = int(np.argmin(problem.operator.diagonal(sector.spins()).numpy()))
    bits = f"{int(sector.states[lowest]):0{sector.num_sites}b}"
    return tuple(site for site, bit in enumerate(bits) if bit == "1")


@validate_call
def make_pool(
    problem: Problem,
    name: PoolName | None = None,
    reference: Sequence[int] | None = None,
) -> Pool:
    """Gates that keep the sector of a problem.

    Args:
        problem: H and its sector.
        name: "qubit" or "fermionic" for all excitations of one and of two particles
            from the reference, "pauli" for all words of one and of two sites with one Y
            and no conserved number; None for "qubit" where a number is conserved, else
            "pauli".
        reference: The sites that are down; None for `reference_of`.

    Returns:
        The pool.

    Raises:
        ArgumentError: The name is unknown, H is not real, no gate keeps the sector, or
            the reference is not in it.
        MemoryBoundError: The pairs of all gates do not fit into memory.

    Example:
        >>> from qml_qdl.vqe import Molecule
        >>> make_pool(Molecule.named("H2").problem()).operators
        ((0, 2), (1, 3), (0, 1, 2, 3))
    """
    if name is None:
        sector = problem.configurations
        keeps = sector.magnetisation is not None or sector.sums is not None
        name = "qubit" if keeps else "pauli"
    check_choice("name", name, ("qubit", "fermionic", "pauli"))
    if not problem.operator.is_real:
        raise ArgumentError(
            "problem: real gates make real states, and this Hamiltonian is complex; "
            "use another ansatz"
        )
    finder = PairFinder(problem.configurations)
    down = reference_of(problem) if reference is None else tuple(reference)
    count = problem.num_sites
    words = name == "pauli"
    listed = [*_words(count)] if words else [*_excitations(down, count)]
    check_memory(
        f"name: the pairs of {len(listed):,} gates of the pool {name!r}",
        8 * len(listed) * finder.sector.num_states,
        "conserve more numbers, or take fewer sites",
    )
    moving = []
    for each in listed:
        if isinstance(each, str):
            pairs = finder.word(each)
        else:
            pairs = finder.excitation(each, name == "fermionic")
        if pairs is not None and len(pairs.first):
            moving.append((each, pairs))
    if not moving:
        raise ArgumentError(
            f"problem: no gate of the pool {name!r} keeps the sector of {problem}, "
            f"which has {finder.sector.num_states} states; there is nothing to vary"
        )
    operators, every = zip(*moving, strict=True)
    return Pool(name, operators, every)


def _excitations(down: Sequence[int], count: int) -> Sequence[Excitation]:
    """All of one and of two particles."""
    up = [site for site in range(count) if site not in down]
    pairs = product(combinations(down, 2), combinations(up, 2))
    return [*product(down, up), *((*first, *second) for first, second in pairs)]


def _words(count: int) -> Sequence[str]:
    """All words of one and of two sites with one Y."""
    found = []
    for site in range(count):
        letters = ["I"] * count
        letters[site] = "Y"
        found.append("".join(letters))
        for other, letter in product(range(count), "ZX"):
            if other != site:
                pair = [*letters]
                pair[other] = letter
                found.append("".join(pair))
    return found


@frozen
class Growth:
    """One step of ADAPT.

    Args:
        operator: The gate that was added.
        gradient: The derivative of the energy by its angle before.
        energy: The energy after all angles were trained.
        evaluations: How often energy and gradient were found in this step.
    """

    operator: Operator
    gradient: float
    energy: float
    evaluations: int


@frozen(eq=False)
class Adapted:
    """What ADAPT found.

    Args:
        circuit: The circuit, an ordinary one for any target.
        angles: Its angles in radians, (operators,).
        energy: Its energy.
        steps: How it grew.
        converged: Whether no gate of the pool has a derivative above the tolerance.
        state: ψ in the problem's sector, (states,).
    """

    circuit: Circuit
    angles: NDArray[np.float64] = field(repr=False)
    energy: float
    steps: tuple[Growth, ...] = field(repr=False)
    converged: bool
    state: NDArray[np.float64] = field(repr=False)


@validate_call
def adapt(
    problem: Problem,
    *,
    pool: Pool | PoolName | None = None,
    reference: Sequence[int] | None = None,
    until: float | None = None,
    tolerance: float = 1e-6,
    most: int = 200,
    tell: Callable[[Growth], None] | None = None,
) -> Adapted:
    """Grows a circuit gate by gate until no gate lowers the energy any more.

    Of all gates of a pool, the next is the one by whose angle the energy changes most;
    all these derivatives come from one product Hψ. Then all angles are trained anew,
    from where they were and with the curvature that is known there (Grimsley et al.
    2019, arXiv:1812.11173).

    Args:
        problem: H and its sector.
        pool: Gates, or the name that `make_pool` takes.
        reference: The sites that are down at first; None for `reference_of`.
        until: An energy below which it ends; None for none.
        tolerance: It ends where all derivatives are below, in units of energy.
        most: Gates after which it ends in any case.
        tell: Called after each step.

    Returns:
        The circuit, its angles, and how it grew.

    Raises:
        ArgumentError: The reference is not in the sector, H is not real, or a number is
            outside its range.
        MemoryBoundError: The pool does not fit into memory.

    Example:
        >>> from qml_qdl.vqe import Molecule
        >>> found = adapt(Molecule.named("H2").problem())
        >>> print(len(found.steps), found.steps[0].operator, round(found.energy, 6))
        1 (0, 1, 2, 3) -1.13727
    """
    if until is not None:
        check_number("until", until, -math.inf, math.inf)
    check_number("tolerance", tolerance)
    check_count("most", most, 0)
    down = reference_of(problem) if reference is None else tuple(reference)
    start = FixedGates(problem.num_sites, "PauliX", down)
    begun = PairFinder(problem.configurations).gates(Circuit([start]))
    if begun is None:
        raise ArgumentError(
            f"reference: {down} is not in the sector of {problem}; leave it away"
        )
    if not isinstance(pool, Pool):
        pool = make_pool(problem, pool, down)
    energy = SectorEnergy(problem, *begun)
    angles, steps, chosen = np.zeros(0), list[Growth](), list[int]()
    value, _ = energy.value_and_gradient(angles)
    known = np.zeros((0, 0))
    while True:
        state = energy.state(angles)
        slopes = pool.slopes(np.asarray(energy.matrix @ state), state)
        best = int(np.argmax(abs(slopes)))
        converged = bool(abs(slopes[best]) <= tolerance)
        reached = until is not None and value <= until
        if converged or reached or len(steps) >= most:
            break
        chosen.append(best)
        energy.append(pool.pairs[best])
        curvature = np.eye(len(chosen))
        curvature[:-1, :-1] = known
        found = minimise(
            energy,
            [*angles, 0.0],
            tolerance=min(_PRECISION, tolerance / 10),
            inverse_hessian=curvature,
        )
        angles, value = found.angles, found.energy
        known = curvature if found.inverse_hessian is None else found.inverse_hessian
        operator, slope = pool.operators[best], float(slopes[best])
        steps.append(Growth(operator, slope, value, found.evaluations))
        if tell is not None:
            tell(steps[-1])
    blocks: list[Block] = [start]
    if chosen:
        operators = [pool.operators[k] for k in chosen]
        blocks.append(pool.block(operators, problem.num_sites))
    circuit = Circuit(blocks)
    return Adapted(circuit, angles, value, tuple(steps), converged, state)

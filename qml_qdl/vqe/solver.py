"""The lowest state of a problem by an ansatz of a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits import (
    Circuit,
    Expectation,
    FixedGates,
    HardwareEfficient,
    Readout,
)
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    check_choice,
    check_count,
    validate_call,
)
from qml_qdl.manybody import Problem
from qml_qdl.manybody.named_states import variational_evolution
from qml_qdl.nn import QuantumLayer
from qml_qdl.vqe.adapt import Operator, adapt, make_pool, reference_of
from qml_qdl.vqe.descent import Method, minimise
from qml_qdl.vqe.energies import CircuitEnergy, by_name, energy_of

Ansatz: TypeAlias = Literal[
    "adapt", "uccsd", "givens", "hardware-efficient", "hamiltonian-variational"
]

ANSATZE: tuple[Ansatz, ...] = (
    "adapt",
    "uccsd",
    "givens",
    "hardware-efficient",
    "hamiltonian-variational",
)
"""The ansätze that have names."""

_NEAR = 0.1
"""Standard deviation of the angles with which a hardware-efficient circuit begins."""


@frozen(eq=False)
class Solution:
    """A circuit, its angles and its energy.

    Args:
        problem: H and its sector.
        ansatz: The name of the ansatz.
        circuit: The circuit, an ordinary one for any target.
        angles: Its angles in radians, (angles,).
        energy: Its energy.
        history: The energy at the start, and after each operator of "adapt", or each
            step of others.
        operators: What "adapt" added, in order; () of others.
        evaluations: How often energy and gradient were found.
        converged: Whether the gradient is as small as was asked.
        state: ψ in the problem's sector, or on all wires where it leaves it.
        outside: The weight of ψ outside of the sector, 0 … 1.
    """

    problem: Problem
    ansatz: Ansatz
    circuit: Circuit
    angles: NDArray[np.float64] = field(repr=False)
    energy: float
    history: tuple[float, ...] = field(repr=False)
    operators: tuple[Operator, ...] = field(repr=False)
    evaluations: int
    converged: bool
    state: NDArray[Any] = field(repr=False)
    outside: float

    @property
    def weights(self) -> dict[str, NDArray[np.float64]]:
        """The angles by the circuit's names."""
        return by_name(self.circuit.weight_shapes, self.angles)

    def layer(self, readout: Readout | None = None, **options: Any) -> QuantumLayer:
        """The circuit with its angles as a layer, to be measured or trained on.

        With shots, words of H that can be read together are one circuit, and a call, or
        a step with its gradient, is one job.

        Args:
            readout: What is read out; None for H.
            **options: What `QuantumLayer` takes, such as target and shots.

        Returns:
            The layer, in double precision.

        Raises:
            TargetError: The target is unknown or cannot run the circuit.

        Example:
            >>> from qml_qdl.vqe import Molecule
            >>> solution = solve(Molecule.named("H2").problem())
            >>> layer = solution.layer(shots=10_000, seed=0)
            >>> bool(abs(layer() - solution.energy) < 0.02)
            True
        """
        if readout is None:
            readout = Expectation([self.problem.operator.as_pennylane()])
        start = {name: torch.from_numpy(each) for name, each in self.weights.items()}
        return QuantumLayer(
            self.circuit.with_readout(readout), init_method=start, **options
        )


@validate_call
def make_ansatz(
    problem: Problem,
    ansatz: Ansatz,
    *,
    reference: Sequence[int] | None = None,
    layers: int = 4,
    seed: int = 0,
) -> tuple[Circuit, NDArray[np.float64]]:
    """The circuit of a name, with angles to begin with.

    "uccsd" has all fermionic excitations of one and two particles from the reference,
    doubles first, as `qml.UCCSD`; "givens" the same without the signs of fermions. Both
    begin as the reference, as does "hardware-efficient", whose layers of RY, RZ and CZ
    leave every sector. "hamiltonian-variational" evolves under parts of H.

    Args:
        problem: H and its sector.
        ansatz: One of `ANSATZE` but "adapt", whose circuit grows.
        reference: The sites that are down at first; None for `reference_of`.
        layers: Layers of the last two.
        seed: Seed of their angles, 0 or more.

    Returns:
        The circuit, and its angles in radians.

    Raises:
        ArgumentError: The name is unknown, or the ansatz does not fit the problem.

    Example:
        >>> from qml_qdl.vqe import Molecule
        >>> circuit, start = make_ansatz(Molecule.named("H2").problem(), "uccsd")
        >>> circuit.weight_shapes, start.tolist()
        ({'weights_0': (3,)}, [0.0, 0.0, 0.0])
    """
    check_choice("ansatz", ansatz, ANSATZE[1:])
    check_count("layers", layers)
    check_count("seed", seed, 0, MOST_SEED)
    rng = np.random.default_rng(seed)
    count = problem.num_sites
    if ansatz == "hamiltonian-variational":
        circuit, longest = variational_evolution(problem, layers)
        (shape,) = circuit.weight_shapes.values()
        return circuit, rng.uniform(0.6 * longest, longest, int(np.prod(shape)))
    down = reference_of(problem) if reference is None else tuple(reference)
    start = FixedGates(count, "PauliX", down)
    if ansatz == "hardware-efficient":
        block = HardwareEfficient(count, layers, entangler="CZ")
        return block @ start, rng.normal(0, _NEAR, int(np.prod(block.weight_shape)))
    pool = make_pool(problem, "fermionic" if ansatz == "uccsd" else "qubit", down)
    chosen = sorted(pool.operators, key=len, reverse=True)  # doubles first
    return pool.block(chosen, count) @ start, np.zeros(len(chosen))


@validate_call
def solve(
    problem: Problem,
    ansatz: Ansatz = "adapt",
    *,
    reference: Sequence[int] | None = None,
    layers: int = 4,
    method: Method = "bfgs",
    until: float | None = None,
    tolerance: float = 1e-6,
    most: int = 200,
    seed: int = 0,
    tell: Callable[[int, float], None] | None = None,
) -> Solution:
    """Finds the lowest state that an ansatz has.

    Args:
        problem: H and its sector.
        ansatz: One of `ANSATZE`.
        reference: The sites that are down at first, such as `Molecule.reference`; None
            for `reference_of`.
        layers: Layers of "hardware-efficient" and "hamiltonian-variational".
        method: How angles descend, as `minimise` has it; "adapt" takes "bfgs" only.
        until: An energy below which "adapt" ends; None for none.
        tolerance: The largest derivative at which it ends, in units of energy.
        most: Operators of "adapt", or steps of others, after which it ends in any case.
        seed: Seed of the first angles, 0 or more.
        tell: Called after each operator or step with its number and the energy.

    Returns:
        The solution.

    Raises:
        ArgumentError: A name is unknown, or the ansatz does not fit the problem.
        MemoryBoundError: It does not fit into memory.

    Example:
        >>> from qml_qdl.vqe import Molecule
        >>> solution = solve(Molecule.named("H2").problem(), "uccsd")
        >>> print(round(solution.energy, 6), solution.converged)
        -1.13727 True
    """
    check_choice("ansatz", ansatz, ANSATZE)
    if ansatz != "adapt" and until is not None:
        raise ArgumentError(
            f"until: only 'adapt' ends at an energy, got {until!r} with {ansatz!r}; "
            "leave it away"
        )
    if ansatz == "adapt":
        check_choice("method", method, ("bfgs",))
        down = reference_of(problem) if reference is None else tuple(reference)
        energies: list[float] = []

        def after(step: Any) -> None:
            energies.append(step.energy)
            if tell is not None:
                tell(len(energies), step.energy)

        grown = adapt(
            problem,
            reference=down,
            until=until,
            tolerance=tolerance,
            most=most,
            tell=after,
        )
        return Solution(
            problem,
            ansatz,
            grown.circuit,
            grown.angles,
            grown.energy,
            (reference_energy(problem, down), *energies),
            tuple(step.operator for step in grown.steps),
            sum(step.evaluations for step in grown.steps),
            grown.converged,
            grown.state,
            0.0,
        )
    circuit, start = make_ansatz(
        problem, ansatz, reference=reference, layers=layers, seed=seed
    )
    leaves = ansatz == "hardware-efficient"
    energy = energy_of(problem, circuit, leave_sector=leaves)
    found = minimise(
        energy, start, method=method, tolerance=tolerance, most=most, tell=tell
    )
    outside = energy.outside(found.angles) if isinstance(energy, CircuitEnergy) else 0.0
    return Solution(
        problem,
        ansatz,
        circuit,
        found.angles,
        found.energy,
        found.history,
        (),
        found.evaluations,
        found.converged,
        energy.state(found.angles),
        outside,
    )


@validate_call
def reference_energy(problem: Problem, reference: Sequence[int]) -> float:
    """`⟨s|H|s⟩` of a configuration: of a molecule's reference, that of Hartree-Fock.

    Args:
        problem: H and its sector.
        reference: The sites that are down.

    Returns:
        The energy.

    Raises:
        ArgumentError: There is no such site.

    Example:
        >>> from qml_qdl.vqe import Molecule
        >>> molecule = Molecule.named("H2")
        >>> print(round(reference_energy(molecule.problem(), molecule.reference), 6))
        -1.116684
    """
    for site in reference:
        check_choice("reference", site, range(problem.num_sites))
    spins = torch.ones(1, problem.num_sites, dtype=torch.float64)
    spins[0, list(reference)] = -1
    return float(problem.operator.diagonal(spins))

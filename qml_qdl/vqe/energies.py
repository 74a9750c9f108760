"""The energy of a circuit as a function of its angles, with exact derivatives."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits import Block, Circuit, State
from qml_qdl.circuits.circuit import as_whole_circuit
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.manybody import Problem, Sector
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.nn import QuantumLayer
from qml_qdl.vqe.rotations import PairFinder, Pairs

_OUTSIDE = 1e-9
"""A weight outside of the sector that is no rounding."""

Vector = NDArray[Any]


class Energy(ABC):
    """`⟨ψ(θ)|H|ψ(θ)⟩` of a circuit, in double precision: base of both ways to it.

    Args:
        problem: H and its sector.
        sector: The basis in which states are.
        num_angles: How many angles θ has.

    Raises:
        ArgumentError: The problem asks for a momentum or a spin flip.
    """

    def __init__(self, problem: Problem, sector: Sector, num_angles: int) -> None:
        for name in ("momentum", "spin_flip"):
            if getattr(problem, name) is not None:
                raise ArgumentError(
                    f"problem: {name}={getattr(problem, name)} was asked, which gates "
                    "do not keep here; leave it away"
                )
        self.problem = problem
        self.sector = sector
        self.num_angles = num_angles
        self.matrix = problem.operator.matrix(sector)

    # ---- Must be defined: these three, and nothing else. ----

    @abstractmethod
    def state(self, angles: Any) -> Vector:
        """ψ in the basis of `sector`, (states,).

        Args:
            angles: θ in radians, (angles,).
        """

    @abstractmethod
    def value_and_gradient(self, angles: Any) -> tuple[float, NDArray[np.float64]]:
        """The energy, and its derivatives by all angles, (angles,).

        Args:
            angles: θ in radians, (angles,).
        """

    @abstractmethod
    def tangents(self, angles: Any) -> Vector:
        """The derivatives of ψ by all angles, (states, angles).

        Args:
            angles: θ in radians, (angles,).
        """

    # ---- Defined here for both. ----

    def _checked(self, angles: Any) -> NDArray[np.float64]:
        values = np.asarray(angles, float)
        if values.shape != (self.num_angles,) or not np.isfinite(values).all():
            raise ShapeError(
                f"angles: expected {self.num_angles} finite numbers, got an array of "
                f"shape {values.shape}"
            )
        return values

    def _check_tangents(self, num_amplitudes: int) -> None:
        check_memory(
            f"angles: derivatives of {num_amplitudes:,} amplitudes by "
            f"{self.num_angles:,} angles",
            3 * 16 * num_amplitudes * self.num_angles,
            "take fewer, or method='bfgs'",
        )

    def centred(self, angles: Any) -> tuple[Vector, Vector]:
        """ψ, and its derivatives less what only changes its phase.

        Args:
            angles: θ in radians, (angles,).

        Returns:
            ψ, (states,), and `(1 − |ψ⟩⟨ψ|) ∂ψ`, (states, angles).
        """
        state, tangents = self.state(angles), self.tangents(angles)
        return state, tangents - np.outer(state, state.conj() @ tangents)

    def metric(self, angles: Any) -> NDArray[np.float64]:
        """The quantum geometric tensor's real part, (angles, angles).

        Re(`⟨∂ᵢψ|∂ⱼψ⟩` − `⟨∂ᵢψ|ψ⟩⟨ψ|∂ⱼψ⟩`), a quarter of the quantum Fisher information
        (Stokes et al. 2020, arXiv:1909.02108); `qml.metric_tensor` of a QNode.

        Args:
            angles: θ in radians, (angles,).
        """
        _, tangents = self.centred(angles)
        return np.asarray((tangents.conj().T @ tangents).real)


def by_name(shapes: Mapping[str, tuple[int, ...]], angles: Any) -> dict[str, Any]:
    """The weights of a circuit, of all of its angles in a row.

    Args:
        shapes: The circuit's `weight_shapes`.
        angles: An array or a tensor, (angles,).

    Example:
        >>> by_name({"weights_0": (1, 2), "weights_1": (1,)}, np.arange(3))
        {'weights_0': array([[0, 1]]), 'weights_1': array([2])}
    """
    found, begin = {}, 0
    for name, shape in shapes.items():
        end = begin + math.prod(shape)
        found[name] = angles[begin:end].reshape(shape)
        begin = end
    return found


@final
class SectorEnergy(Energy):
    """The energy of rotations of pairs of states, which never leave the sector.

    Value and gradient take one product with H and each gate three times: once forward,
    and on the way back for ψ and Hψ together.

    Args:
        problem: H and its sector.
        start: The position of the basis state that the circuit begins with.
        gates: The pairs that each angle rotates, in order.
    """

    def __init__(self, problem: Problem, start: int, gates: Sequence[Pairs]) -> None:
        super().__init__(problem, problem.configurations, len(gates))
        self.start = start
        self.gates = list(gates)

    def append(self, gate: Pairs) -> None:
        """Adds a gate after the others.

        Args:
            gate: The pairs that its angle rotates.
        """
        self.gates.append(gate)
        self.num_angles += 1

    def state(self, angles: Any) -> Vector:
        """ψ in the basis of the sector, real, (states,)."""
        state = np.zeros(self.sector.num_states)
        state[self.start] = 1.0
        for gate, angle in zip(self.gates, self._checked(angles), strict=True):
            gate.rotate(state, angle)
        return state

    def value_and_gradient(self, angles: Any) -> tuple[float, NDArray[np.float64]]:
        """The energy and its gradient, gate by gate from the last."""
        values = self._checked(angles)
        state = self.state(values)
        image = np.asarray(self.matrix @ state)
        energy = float(state @ image)
        both = np.stack([state, image], axis=1)
        gradient = np.zeros(self.num_angles)
        for number in reversed(range(self.num_angles)):
            gate = self.gates[number]
            gradient[number] = gate.rotate_back(both, values[number])
        return energy, gradient

    def tangents(self, angles: Any) -> Vector:
        """The derivatives of ψ, each begun at its gate and carried on by the others."""
        self._check_tangents(self.sector.num_states)
        values = self._checked(angles)
        columns = np.zeros((self.sector.num_states, self.num_angles + 1))
        columns[self.start, 0] = 1.0
        for number, (gate, angle) in enumerate(zip(self.gates, values, strict=True), 1):
            begun = columns[:, :number]
            gate.rotate(begun, angle)
            columns[:, number] = gate.derivative(columns[:, 0])
        return columns[:, 1:]


@final
class CircuitEnergy(Energy):
    """The energy of any circuit, whose state the simulator finds on all wires.

    Args:
        problem: H and its sector.
        circuit: A circuit without inputs, as many wires as sites.
        leave_sector: Whether it may leave the sector; its energy is then that of a
            mixture of sectors, and may be below the lowest of the one asked for.

    Raises:
        ArgumentError: It leaves the sector.
        MemoryBoundError: H does not fit into memory on all wires.
    """

    def __init__(
        self, problem: Problem, circuit: Circuit, *, leave_sector: bool = False
    ) -> None:
        layer = QuantumLayer(circuit.with_readout(State()), dtype=torch.float64)
        self._layer = layer
        self._shapes = dict(layer.weight_shapes)
        count = sum(weight.numel() for weight in layer.parameters())
        sector, whole = problem.configurations, Sector(problem.num_sites)
        # What keeps a sector at random angles keeps it at all of them.
        angles = np.random.default_rng(0).uniform(0, 2 * np.pi, count)
        self._kept: Tensor | None = None
        inside = self._amplitudes(angles)[sector.states.astype(int)]
        outside = 1.0 - float(np.square(abs(inside)).sum())
        if outside < _OUTSIDE:
            self._kept = torch.from_numpy(sector.states.astype(int))
        elif not leave_sector:
            raise ArgumentError(
                f"circuit: it leaves the sector of {problem}: at random angles "
                f"{outside:.2g} of its weight are outside; use gates that keep it, such"
                " as Excitations, or leave_sector=True"
            )
        super().__init__(problem, sector if outside < _OUTSIDE else whole, count)

    def _run(self, angles: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(
            self._layer, by_name(self._shapes, angles), ()
        )
        return found if self._kept is None else found[self._kept]

    @torch.no_grad()
    def _amplitudes(self, angles: Any) -> Vector:
        return np.asarray(self._run(torch.as_tensor(angles)).numpy())

    def state(self, angles: Any) -> Vector:
        """ψ in the basis of `sector`, complex, (states,)."""
        return self._amplitudes(self._checked(angles))

    def value_and_gradient(self, angles: Any) -> tuple[float, NDArray[np.float64]]:
        """The energy and its gradient, by the simulator's adjoint method."""
        values = torch.tensor(self._checked(angles), requires_grad=True)
        state = self._run(values)
        fixed = state.detach().numpy()
        image = np.asarray(self.matrix @ fixed)
        energy = float(np.vdot(fixed, image).real)
        # dE = 2 Re⟨Hψ|dψ⟩.
        slope = 2 * torch.vdot(torch.from_numpy(image).to(state), state).real
        (gradient,) = torch.autograd.grad(slope, values)
        return energy, gradient.numpy()

    def tangents(self, angles: Any) -> Vector:
        """The derivatives of ψ, forward, all angles at once."""
        self._check_tangents(2**self.problem.num_sites)
        values = torch.as_tensor(self._checked(angles))

        def parts(theta: Tensor) -> Tensor:
            return torch.view_as_real(self._run(theta))

        found = torch.func.jacfwd(parts)(values)  # (states, 2, angles)
        return np.asarray(torch.complex(*found.unbind(1)).numpy())

    def outside(self, angles: Any) -> float:
        """The weight outside of the problem's sector, 0 … 1.

        Args:
            angles: θ in radians, (angles,).
        """
        if self.sector.num_states == self.problem.configurations.num_states:
            return 0.0
        kept = self.state(angles)[self.problem.configurations.states.astype(int)]
        return max(0.0, 1.0 - float(np.square(abs(kept)).sum()))


@validate_call
def energy_of(
    problem: Problem, circuit: Circuit | Block, *, leave_sector: bool = False
) -> Energy:
    """The energy of a circuit, as a function of its angles.

    Circuits of `FixedGates`, `Excitations` and `PauliRotations` are rotations of real
    vectors in the sector; others run on the simulator.

    Args:
        problem: H and its sector. Site j is the circuit's wire j, in its order.
        circuit: A circuit without inputs; its readout is not used.
        leave_sector: Whether it may leave the sector.

    Returns:
        The energy.

    Raises:
        ArgumentError: The circuit has inputs, more or fewer wires than there are sites,
            or leaves the sector.
        MemoryBoundError: H does not fit into memory.

    Example:
        >>> from qml_qdl.circuits import Excitations, FixedGates
        >>> from qml_qdl.vqe import Molecule
        >>> molecule = Molecule.named("H2")
        >>> circuit = Excitations(4, [(0, 1, 2, 3)]) @ FixedGates(4, "PauliX", (0, 1))
        >>> energy = energy_of(molecule.problem(), circuit)
        >>> print(round(energy.value_and_gradient([0.0])[0], 6))
        -1.116684
    """
    whole = as_whole_circuit(circuit)
    if whole.num_inputs:
        raise ArgumentError(
            f"circuit: expected one without inputs, got {whole.num_inputs}; bind data "
            "to its encodings first"
        )
    if len(whole.wires) != problem.num_sites:
        raise ArgumentError(
            f"circuit: expected {problem.num_sites} wires, one for each site of "
            f"{problem}, got {len(whole.wires)}"
        )
    if problem.operator.is_real:
        gates = PairFinder(problem.configurations).gates(whole)
        if gates is not None:
            return SectorEnergy(problem, *gates)
    return CircuitEnergy(problem, whole, leave_sector=leave_sector)

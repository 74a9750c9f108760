r"""The scale-invariant MERA of an infinite chain, its tensors made of circuits.

A site is k qubits, of dimension χ = 2ᵏ. A layer makes two sites of each: an isometry
w puts k qubits in `|0⟩` around its own k, and disentanglers u join neighbours of
different parents, so that three below, 0 1 2 or 1 2 3, depend on three above:

::

      a       b       c        sites of the coarse chain
      w       w       w
     / \     / \     / \
    .   \   /   \   /   .
    .     u       u     .
    .    / \     / \    .
        0   1   2   3          sites of the fine chain

Layers of three children cost χ⁸ operations instead of χ⁹, but their circuits have 3k
wires instead of 2k, and at χ = 2 the energy of the critical Ising chain errs by 5.7e-3
instead of 1.1e-3; so here there are two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pennylane.operation import Operator
from scipy.optimize import OptimizeResult, minimize
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs, gmres
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from qml_qdl.circuits import (
    AmplitudeEncoding,
    Block,
    Brickwork,
    Circuit,
    HurCircuit,
    Processing,
    State,
    share,
)
from qml_qdl.circuits.entropies import entropy_of
from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    MOST_WIRES,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.nn import QuantumLayer

Tensors: TypeAlias = tuple[Tensor, Tensor]
"""The disentangler, (χ², χ²), below by above, and the isometry, (χ, χ, χ): a site,
its left child and its right one."""

_KRYLOV = 60
"""Density matrices that GMRES keeps, at most."""

_COPIES = 8
"""Tensors of χ⁸ numbers that a layer with its gradient takes together, about."""

_SPREAD = 0.3
"""Standard deviation of the first angles."""

_MOST_LEVELS = 1_000
"""Layers of a finite chain, at most: the fixed point is reached long before."""

_ROUNDING = 1e-14
"""Smaller imaginary parts of tensors are none."""

_NAMES = ("disentangler", "isometry")

_ANY = HurCircuit(9)
"""Any gate of two wires."""

_DENSE = 512
"""Superoperators up to this size are diagonalised as matrices."""


def lowered(tensors: Tensors, state: Tensor) -> Tensor:
    """The state of three neighbours one layer further down: the descending map.

    The mean over both places that three neighbours have below three sites, as their
    place is not asked for. Its transpose is the ascending map of operators, and for the
    layer that repeats itself the scaling superoperator.

    Args:
        tensors: The disentangler, (χ², χ²), and the isometry, (χ, χ, χ).
        state: The density matrix of three sites, (χ³, χ³).

    Returns:
        The density matrix below, (χ³, χ³), of the same trace.
    """
    u, w = tensors
    chi = len(w)
    pair, over, back = chi * chi, u.conj(), w.conj()
    # Parents a, b, c and, on the other side of the matrix, x, y, z. Of their children
    # a₁ and c₂ are traced at once, as they meet no disentangler in between.
    below = torch.einsum(
        "abcxyz,axij->ibcjyz",
        state.reshape([chi] * 6),
        torch.einsum("alj,xlk->axjk", w, back),
    )
    below = torch.einsum(
        "ibcjyz,czkl->ibkjyl", below, torch.einsum("ckl,zml->czkm", w, back)
    )
    below = torch.einsum("ibkjyl,bm->imkjyl", below, w.reshape(chi, pair))
    below = torch.einsum("imkjyl,yn->imkjnl", below, back.reshape(chi, pair))
    # Left: a₂ and b₁ meet. Right: b₂ and c₁.
    met = torch.einsum("pa,aqbr->pqbr", u, below.reshape([pair] * 4))
    met = torch.einsum("pqbr,sb->pqsr", met, over)
    # First place: a₂, b₁, b₂, where c₁ is traced after it met b₂.
    halves = u.reshape(chi, chi, pair)
    first = torch.einsum("pqsr,klq->pklsr", met, halves)
    first = torch.einsum("pklsr,mlr->pksm", first, halves.conj())
    # Second place: b₁, b₂, c₁, where a₂ is traced.
    second = torch.einsum("ijqikr->jqkr", met.reshape(chi, chi, pair, chi, chi, pair))
    second = torch.einsum("pq,jqkr->jpkr", u, second)
    second = torch.einsum("jpkr,sr->jpks", second, over)
    return (first.reshape(pair * chi, -1) + second.reshape(pair * chi, -1)) / 2


def _solved(
    what: str, times: Callable[[Tensor], Tensor], wanted: Tensor, tolerance: float
) -> Tensor:
    """Solves a linear equation between matrices, by GMRES."""
    values = wanted.numpy()

    def product(vector: NDArray[Any]) -> NDArray[Any]:
        matrix = torch.from_numpy(vector.reshape(values.shape).astype(values.dtype))
        return times(matrix).numpy().ravel()

    shape = (values.size, values.size)
    found, left = gmres(
        LinearOperator(shape, product, dtype=values.dtype),
        values.ravel(),
        rtol=tolerance,
        restart=_KRYLOV,
        maxiter=10,
    )
    if left:
        raise RunError(
            f"{what} was not found in {left} steps: the layer nearly keeps another "
            "state as well; start from another seed, or with fewer layers"
        )
    return torch.from_numpy(found.reshape(values.shape))


def fixed_point(tensors: Tensors) -> Tensor:
    """The state that a layer, repeated for ever, ends in.

    It solves ρ = D(ρ) with trace one. Gradients pass through it by the implicit
    function theorem: from dρ = D(dρ) + dD(ρ) a slope g in ρ becomes the slope λ in
    D(ρ), ρ held, that solves λ = g + D†(λ); g and λ are taken up to multiples of
    the identity, which do nothing as the trace stays one.

    Args:
        tensors: The disentangler, (χ², χ²), and the isometry, (χ, χ, χ).

    Returns:
        The density matrix of three neighbours, (χ³, χ³).

    Raises:
        RunError: The equation was not solved. Of a layer that keeps several states one
            is found, but its gradient is not.
    """
    held = (tensors[0].detach(), tensors[1].detach())
    identity = torch.eye(len(held[1]) ** 3, dtype=held[1].dtype)
    mixed = identity / len(identity)

    def leaving(state: Tensor) -> Tensor:
        return state - lowered(held, state) + state.trace() * mixed

    with torch.no_grad():
        state = _solved("the fixed point", leaving, mixed, 1e-13)
        state = (state + state.mH) / 2
        state = state / state.trace()
    again = lowered(tensors, state)

    def implicit(slope: Tensor) -> Tensor:
        with torch.enable_grad():
            start = state.clone().requires_grad_()
            end = lowered(held, start)

        def lacking(rise: Tensor) -> Tensor:
            (raised,) = torch.autograd.grad(end, start, rise, retain_graph=True)
            return rise - raised + (state.conj() * rise).sum() * identity

        wanted = slope - (state.conj() * slope).sum() * identity
        return _solved("the gradient of the fixed point", lacking, wanted, 1e-10)

    if again.requires_grad:
        again.register_hook(implicit)
    return again


class _Layer(nn.Module):
    """A disentangler and an isometry, as circuits."""

    def __init__(
        self, blocks: tuple[Processing, Processing], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.qubits = len(blocks[0].wires) // 2
        self.disentangler, self.isometry = (_rows(each, generator) for each in blocks)

    def forward(self) -> Tensors:
        """Basis states that went through a circuit are the columns of its matrix."""
        chi = 2**self.qubits
        every = torch.eye(chi * chi, dtype=torch.float64)
        coming = every.reshape(2 ** _before(self.qubits), chi, -1, chi * chi)[0, :, 0]
        return self.disentangler(every).T, self.isometry(coming).reshape([chi] * 3)


def _rows(block: Processing, generator: torch.Generator) -> QuantumLayer:
    """The layer of states (rows, 2ⁿ) that a circuit acts on."""
    first = torch.randn(block.weight_shape, generator=generator, dtype=torch.float64)
    return QuantumLayer(
        (block @ AmplitudeEncoding(block.wires)).with_readout(State()),
        init_method={"weights_0": _SPREAD * first},
        dtype=torch.float64,
    )


def _before(qubits: int) -> int:
    """How many of the new qubits of an isometry come before those of its site."""
    return qubits // 2


def _blocked(term: Operator, qubits: int) -> Tensor:
    """The term on three sites: its mean over the places that begin in the first."""
    wires, most = list(term.wires), 2 * qubits + 1
    if not wires or not all(isinstance(wire, int) for wire in wires):
        raise ArgumentError(
            f"term: expected wires that are numbers, got {wires}; their order is that "
            "of the chain"
        )
    span = range(min(wires), max(wires) + 1)
    if len(span) > most:
        raise ArgumentError(
            f"term: expected up to {most} neighbouring wires for sites of {qubits} "
            f"qubits, got {len(span)}; give the one term whose translations make the "
            "Hamiltonian, or sites more qubits"
        )
    matrix = torch.from_numpy(SpinOperator.of(term, span).matrix().toarray())
    rests = (3 * qubits - len(span) - before for before in range(qubits))
    identity = [torch.eye(2**count, dtype=matrix.dtype) for count in range(3 * qubits)]
    return torch.stack(
        [
            torch.kron(torch.kron(identity[before], matrix), identity[rest])
            for before, rest in enumerate(rests)
        ]
    ).mean(0)


class ScaleInvariantMERA(nn.Module):
    """A chain at its critical point: some layers, then one that repeats for ever.

    The multi-scale entanglement renormalisation ansatz (Vidal 2007,
    arXiv:cond-mat/0512165; Evenbly and Vidal 2009, arXiv:0707.1454) of an infinite
    chain H = Σᵢ hᵢ, i running over all translations of one term. Each tensor is a
    circuit from few qubits to more, so that the state of a ring runs on a machine, see
    `circuit`. The last layer's fixed point knows the conformal field theory: the
    scaling dimensions and the central charge (Pfeifer, Evenbly and Vidal 2009,
    arXiv:0810.0580).

    One application of a layer takes χ⁹ operations and memory for χ⁸ numbers, of 8
    bytes where the term and the tensors are real, else 16; all in double precision on
    the CPU. On one core a step at χ = 4 takes a tenth of a second, at χ = 8 half a
    minute.

    Args:
        term: The term h, Hermitian, a sum of Pauli words on up to 2k + 1 neighbouring
            wires that are numbers: `-qml.X(0) @ qml.X(1) - qml.Z(0)` is the critical
            Ising chain. The wires between the first and the last count.
        disentangler: A processing on 2k wires.
        isometry: A processing on 2k wires; its site comes in on the k in the middle,
            `|0⟩` on the others.
        transitional: Number of layers of their own below the one that repeats.
        seed: Of the first angles.

    Raises:
        ArgumentError: The numbers of wires are not one even number, the term is not
            Hermitian or has too many wires or none, or a number is out of range.
        MemoryBoundError: χ⁸ numbers do not fit; said before it tries.

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.circuits import EquivariantProcessing
        >>> from qml_qdl.circuits.symmetry.named_groups import spin_flip
        >>> gate = EquivariantProcessing(2, spin_flip(2, "Z"), ["XY", "YX"])
        >>> term = -qml.X(0) @ qml.X(1) - qml.Z(0)
        >>> mera = ScaleInvariantMERA.brickwork(term, bond=2, gate=gate, layers=1)
        >>> energies = mera.fit(steps=100)
        >>> round(energies[-1] * math.pi / 4, 4)  # exact: -1
        -0.9989
        >>> round(mera.scaling_dimensions(2)[1].item(), 2)  # exact: 1/8
        0.12
    """

    term: Tensor

    @validate_call
    def __init__(
        self,
        term: Operator,
        disentangler: Processing,
        isometry: Processing,
        *,
        transitional: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_count("transitional", transitional, 0, 100)
        check_count("seed", seed, 0, MOST_SEED)
        size = len(disentangler.wires)
        if size % 2 or size != len(isometry.wires):
            raise ArgumentError(
                "isometry: expected disentangler and isometry on 2k wires each, got "
                f"{size} and {len(isometry.wires)}; a site is k qubits"
            )
        self.num_qubits = size // 2
        check_memory(
            f"disentangler: layers of dimension {self.bond}",
            _COPIES * 16 * self.bond**8,
            "take fewer qubits for a site",
        )
        self.blocks = (disentangler.on(size), isometry.on(size))
        self.register_buffer("term", _blocked(term, self.num_qubits))
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(
            _Layer(self.blocks, generator) for _ in range(transitional + 1)
        )

    @classmethod
    @validate_call
    def brickwork(
        cls,
        term: Operator,
        bond: int = 4,
        layers: int = 3,
        *,
        gate: Processing = _ANY,
        transitional: int = 1,
        seed: int = 0,
    ) -> Self:
        """Tensors made of layers of gates between neighbours.

        Args:
            term: The term.
            bond: χ, a power of two.
            layers: Layers of gates in each tensor, d.
            gate: A processing on two wires; the default is any gate. One that commutes
                with the symmetry of the term finds lower energies in fewer steps, if
                `|0⟩` has the symmetry, too.
            transitional: As above.
            seed: As above.

        Returns:
            The ansatz.

        Raises:
            ArgumentError: χ is no power of two, there is no layer, or the gate has not
                two wires.
            MemoryBoundError: As above.
        """
        check_count("bond", bond, 2)
        if bond & (bond - 1):
            raise ArgumentError(
                f"bond: expected a power of two, as a site is qubits, got {bond}; take "
                f"{2 ** (bond.bit_length() - 1)} or {2 ** bond.bit_length()}"
            )
        wall = Brickwork(2 * (bond.bit_length() - 1), gate, layers=layers)
        return cls(term, wall, wall, transitional=transitional, seed=seed)

    @property
    def bond(self) -> int:
        """The dimension of a site, χ."""
        return int(2**self.num_qubits)

    def tensors(self) -> list[Tensors]:
        """Disentanglers and isometries, the lowest first, the one that repeats last.

        Real ones are of real dtype where the term is real, too: there a step along the
        imaginary axis changes no energy to first order, as E(ū, w̄) = E(u, w).
        """
        found: list[Tensors] = [layer() for layer in self.layers]
        imaginary = max(each.imag.abs().max() for both in found for each in both)
        if self.term.is_complex() or imaginary > _ROUNDING:
            return found
        return [(u.real, w.real) for u, w in found]

    @validate_call
    def density_matrix(self, levels: int | None = None) -> Tensor:
        """The state of three neighbouring sites, the mean over all their places.

        Args:
            levels: Of the finite ring of `circuit(levels)`, up to 1,000; None for the
                infinite chain.

        Returns:
            A tensor (χ³, χ³), through which gradients flow to the angles.

        Raises:
            ArgumentError: There is no level, or there are too many.
            RunError: The fixed point was not found.
        """
        *below, last = self.tensors()
        if levels is None:
            state = fixed_point(last)
        else:
            check_count("levels", levels, most=_MOST_LEVELS)
            state = torch.zeros(self.bond**3, self.bond**3, dtype=last[1].dtype)
            state[0, 0] = 1
            for _ in range(levels - len(below)):
                state = lowered(last, state)
            below = below[:levels]
        for each in reversed(below):
            state = lowered(each, state)
        return state

    @validate_call
    def energy(self, levels: int | None = None) -> Tensor:
        """The energy for each qubit of the chain, an upper bound.

        Args:
            levels: Of the finite ring of `circuit(levels)`, whatever its number of
                sites; None for the infinite chain.

        Returns:
            A number, with its gradient.

        Raises:
            ArgumentError: There is no level, or there are too many.
            RunError: The fixed point was not found.
        """
        # Not a matrix product: tr(hρ) = Σ h̄ᵢⱼ ρᵢⱼ, as h is Hermitian.
        return (self.term.conj() * self.density_matrix(levels)).sum().real

    @validate_call
    def fit(
        self,
        steps: int = 500,
        *,
        tolerance: float = 1e-12,
        tell: Callable[[float], object] | None = None,
    ) -> list[float]:
        """Lowers the energy by L-BFGS, from the angles as they are.

        Args:
            steps: Number of steps, at most.
            tolerance: Relative change of the energy in a step at which it ends.
            tell: Is called with the energy after each step.

        Returns:
            The energy at first and after each step.

        Raises:
            ArgumentError: A number is out of range.
            RunError: The fixed point was not found; the angles are those of the last
                step.
        """
        check_count("steps", steps)
        check_number("tolerance", tolerance, 0.0, 1.0)
        angles = list(self.parameters())

        def with_gradient(point: NDArray[np.float64]) -> tuple[float, NDArray[Any]]:
            vector_to_parameters(torch.from_numpy(point.copy()), angles)
            with torch.enable_grad():
                energy = self.energy()
                slopes = torch.autograd.grad(energy, angles)
            return energy.item(), parameters_to_vector(slopes).numpy()

        first = best = parameters_to_vector(angles).detach().numpy().copy()
        energies = [with_gradient(first)[0]]

        def told(intermediate_result: OptimizeResult) -> None:
            nonlocal best
            best = intermediate_result.x.copy()
            energies.append(float(intermediate_result.fun))
            if tell is not None:
                tell(energies[-1])

        options: dict[str, float] = {"maxiter": steps, "maxfun": 4 * steps}
        options |= {"maxcor": 20, "ftol": tolerance, "gtol": 1e-9}
        how = {"jac": True, "method": "L-BFGS-B", "options": options}
        try:
            minimize(with_gradient, first, callback=told, **how)
        finally:  # not what a search that was broken off tried last
            vector_to_parameters(torch.from_numpy(best), angles)
        return energies

    @torch.no_grad()
    @validate_call
    def scaling_dimensions(self, count: int = 6) -> Tensor:
        """The smallest scaling dimensions, −log₂|λ| of the layer that repeats.

        λ are the eigenvalues of the superoperator of three sites. The identity has 0;
        of the critical Ising chain the spin σ has 1/8, the energy ε has 1, and their
        descendants 1/8 + 1 (twice) and 2 (four times).

        Args:
            count: How many.

        Returns:
            They in order, ∞ for what a layer removes.

        Raises:
            ArgumentError: There are not so many.
            RunError: The eigenvalues were not found.
        """
        size = self.bond**6
        check_count("count", count, most=size - 2)
        last = self.tensors()[-1]
        side = self.bond**3

        def product(vector: NDArray[Any]) -> NDArray[Any]:
            state = torch.from_numpy(vector.reshape(side, side)).to(last[1].dtype)
            return lowered(last, state).numpy().ravel()

        dtype = last[1].numpy().dtype
        operator = LinearOperator((size, size), product, dtype=dtype)
        if size <= _DENSE:
            values = np.linalg.eigvals(operator @ np.eye(size, dtype=dtype))
        else:
            start = np.eye(side, dtype=dtype).ravel() + np.linspace(0, 1, size)
            try:
                values = eigs(operator, k=count, v0=start, return_eigenvectors=False)
            except ArpackError as error:
                raise RunError(
                    f"count: {count} eigenvalues were not found ({error}); ask for more"
                ) from error
        found = torch.from_numpy(abs(values)).clamp(max=1).log2().abs()
        return found.sort().values[:count]

    @torch.no_grad()
    def central_charge(self) -> float:
        """The central charge, by S(2 sites) − S(1 site) = (c/3) log 2.

        Of the fixed point, where S(L) = (c/3) log L + a constant holds for sites, too
        (Calabrese and Cardy 2004, arXiv:hep-th/0405152).

        Raises:
            RunError: The fixed point was not found.
        """
        chi = self.bond
        two = fixed_point(self.tensors()[-1]).reshape([chi, chi, chi] * 2)
        two = torch.einsum("abcxyc->abxy", two)
        one = torch.einsum("abxb->ax", two)
        larger, smaller = (
            entropy_of(torch.linalg.eigvalsh(each).clamp(min=0).sqrt()).item()
            for each in (two.reshape(chi * chi, -1), one)
        )
        return float(3 * (larger - smaller) / math.log(2))

    @property
    def weights(self) -> dict[str, Tensor]:
        """The angles by the names they have in `circuit`, the lowest layer's first."""
        return {
            f"{name}_{level}": angles
            for level, layer in enumerate(self.layers)
            for name, angles in zip(_NAMES, layer.parameters(), strict=True)
        }

    @validate_call
    def circuit(self, levels: int, sites: int = 4) -> Circuit:
        """The state of a finite ring, which begins as `|0…0⟩` on the coarsest one.

        Its angles are `weights`, shared between all places of a layer; the layer that
        repeats stands on top of the transitional ones, as often as it takes. Three
        neighbours have `density_matrix(levels)`, on the mean over all places.

        Args:
            levels: Number of layers.
            sites: Number of sites before the first layer, 3 or more.

        Returns:
            A circuit on k · sites · 2^levels wires, in the chain's order.

        Raises:
            ArgumentError: There is no level, there are fewer than three sites, or more
                than `MOST_WIRES` wires.

        Example:
            >>> import pennylane as qml
            >>> from qml_qdl.circuits import BasicEntangler
            >>> block = BasicEntangler(2)
            >>> mera = ScaleInvariantMERA(-qml.X(0) @ qml.X(1), block, block)
            >>> circuit = mera.circuit(levels=3, sites=3)
            >>> len(circuit.wires), list(circuit.weight_shapes)
            (24, ['isometry_1', 'disentangler_1', 'isometry_0', 'disentangler_0'])
        """
        check_count("levels", levels, most=MOST_WIRES.bit_length())
        check_count("sites", sites, 3, MOST_WIRES)
        qubits = self.num_qubits
        total = qubits * sites * 2**levels
        if total > MOST_WIRES:
            raise ArgumentError(
                f"levels: expected at most {MOST_WIRES:,} wires, got {total:,}; take "
                "fewer levels or sites"
            )
        places = np.arange(total).reshape(-1, qubits)
        steps: list[Block] = []
        for level in range(levels):
            number = min(level, len(self.layers) - 1)
            families = places.reshape(-1, 2 * qubits)
            between = np.roll(families, -qubits)
            for name, block, rows in zip(
                _NAMES, self.blocks, (between, families), strict=True
            ):
                shared = share(f"{name}_{number}", block)
                steps += [shared.on(row.tolist()) for row in rows]
            places = families[:, _before(qubits) :][:, :qubits]
        return Circuit(reversed(steps))

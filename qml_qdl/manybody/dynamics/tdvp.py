r"""The time-dependent variational principle: what a network can do of an evolution.

A state changes by iHψ in real time and by (H − E)ψ in imaginary time, both with a minus
sign. With the centred derivatives X of log ψ by real parameters, which
`reconfiguration` has, and e, the centred local energies times −i or −1, the velocity
v = dθ/dt is the one for which `|Xv − e|²` is least: S v = F, where S = XᵀX and F = Xᵀe.
That is McLachlan's principle. Of complex parameters in which log ψ is analytic it is
the usual S dθ/dt = −iF with the complex metric; of real ones, as circuits have them, it
takes the real parts, and the state's global phase is free.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import check_choice, check_number, validate_call
from qml_qdl.manybody.monte_carlo import Estimate
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.reconfiguration import DenseDirections
from qml_qdl.manybody.samplers import (
    Metropolis,
    Sampler,
    Samples,
    error_of_chains,
)
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.manybody.states.state import NeuralState, as_vector

Noise = Literal["fit", "force"]

_SHARP = 6
"""With which power what is below a threshold fades."""


@frozen(eq=False)
class Velocity:
    """How a state's parameters change in time, and how far that can be trusted.

    Args:
        value: dθ/dt, (P,), real numbers in the order of `NeuralState.jacobian`.
        estimate: The energy.
        samples: Of which configurations.
        eigenvalues: Those of S that may differ from 0, falling, (K,).
        snr: The signal-to-noise ratio of F along each of their eigenvectors, (K,):
            infinite without noise, and NaN where there is neither signal nor noise, as
            of an eigenstate.
        shares: How much of each direction was kept, (K,), 0 … 1.
        residual: `|Xv − e|²/|e|²`, the part of the evolution that the network cannot
            follow, 0 … 1; NaN of an eigenstate.
        speed: `√(vᵀSv)`, by how much the state turns in a unit of time.
        directions: X and e.
    """

    value: Tensor
    estimate: Estimate
    samples: Samples
    eigenvalues: Tensor
    snr: Tensor
    shares: Tensor
    residual: float
    speed: float
    directions: DenseDirections

    def distance(self, change: Tensor) -> float:
        """By how much a change of the parameters turns the state, `√(cᵀSc)`.

        Args:
            change: c, (P,).
        """
        return float(self.directions.forward(change).norm())


class TDVP:
    """The velocity of a state's parameters in real or imaginary time.

    S is divided into its eigenvectors. Along each, F has a signal and, from samples, a
    noise. Directions fade like 1/(1 + (threshold/x)⁶) where their eigenvalue x relative
    to the largest one is below `cutoff`, or their signal-to-noise ratio x below `snr`
    (Schmitt and Heyl, PRL 125, 100503 (2020), arXiv:1912.08828).

    Which noise counts? S and F are of the same samples, and v is a least-squares fit.
    If the network could follow exactly, e = Xv would hold for each sample, and v be
    exact however few there are, though F is as noisy as ever. So the noise is that of
    what the fit leaves over, e − Xv, as for the errors of any regression, with
    directions below `cutoff` left out ("fit"). Schmitt and Heyl take that of all of F
    ("force"), which gives directions up that are well known. With fewer samples than
    directions nothing is left over, and no noise is seen.

    Args:
        operator: H.
        state: ψ, with complex amplitudes unless time is imaginary.
        sampler: Where its configurations come from.
        imaginary: Whether time is imaginary, so that the energy falls.
        cutoff: Eigenvalues, relative to the largest one, below which directions fade.
        snr: Signal-to-noise ratio below which they fade; 0 for none.
        noise: "fit" or "force".

    Raises:
        ArgumentError: State and operator do not fit each other or the sampler, or the
            amplitudes are real and time is.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import FullSummation, Lattice, RBMState
        >>> from qml_qdl.manybody import transverse_ising
        >>> operator = SpinOperator.of(transverse_ising(Lattice.chain(4)))
        >>> _ = torch.manual_seed(0)
        >>> state = RBMState(4, dtype=torch.complex128)
        >>> velocity = TDVP(operator, state, FullSummation(4)).velocity()
        >>> velocity.value.shape, 0 < velocity.residual < 1
        (torch.Size([48]), True)
    """

    @validate_call
    def __init__(
        self,
        operator: SpinOperator,
        state: NeuralState,
        sampler: Sampler,
        *,
        imaginary: bool = False,
        cutoff: float = 1e-8,
        snr: float = 2.0,
        noise: Noise = "fit",
    ) -> None:
        check_number("cutoff", cutoff, high=1.0)
        if snr:
            check_number("snr", snr, high=math.inf)
        check_choice("noise", noise, ("fit", "force"))
        if operator.num_sites != state.num_sites:
            raise ArgumentError(
                f"state: expected {operator.num_sites} sites as the operator has, got "
                f"{state.num_sites}"
            )
        if not any(True for _ in state.parameters()):
            raise ArgumentError(
                f"state: expected one with parameters, got {type(state).__name__}, "
                "which has none; use ExactDynamics for vectors"
            )
        conserving = isinstance(sampler, Metropolis) and sampler.conserving
        if conserving and not operator.conserves_magnetisation:
            raise ArgumentError(
                "sampler: its chains keep the magnetisation, but the operator does "
                "not; use Metropolis.flips"
            )
        self.operator = operator
        self.state = state
        self.sampler = sampler
        self.imaginary = imaginary
        self.cutoff = cutoff
        self.snr = snr
        self.noise = noise
        if not imaginary:
            self._check_complex()

    @torch.no_grad()
    def _check_complex(self) -> None:
        row = torch.ones(1, self.state.num_sites, dtype=self.state.dtype)
        if not self.state(row).is_complex():
            raise ArgumentError(
                "state: expected complex amplitudes, got real ones, which no real time "
                f"can turn; make {type(self.state).__name__} with a complex dtype, or "
                "evolve in imaginary time"
            )

    def _check_memory(self, rows: int, parts: int) -> None:
        count = len(as_vector(self.state))
        check_memory(
            f"samples: {rows:,} rows of derivatives by {count:,} parameters",
            8 * (3 * parts * rows * count + 3 * min(parts * rows, count) ** 2),
            "take fewer of them, or fewer parameters",
        )

    @torch.no_grad()
    def velocity(self) -> Velocity:
        """The velocity of the state as it is, from new configurations.

        Raises:
            RunError: Amplitudes or local energies are no finite numbers, or beyond what
                the operator allows.
        """
        samples = self.sampler.sample(self.state)
        local = self.sampler.local_energies(self.operator, self.state, samples)
        if not bool(local.isfinite().all()):
            raise RunError("local energies are no finite numbers")
        self._check_memory(len(samples.spins), 1 if self.imaginary else 2)
        turned = -local if self.imaginary else -1j * local
        directions = DenseDirections.of(self.state, samples, turned)
        if not bool(directions.matrix.isfinite().all()):
            raise RunError("derivatives of the amplitudes are no finite numbers")
        return self._solved(directions, samples, Estimate.of(local, samples))

    def _solved(
        self, directions: DenseDirections, samples: Samples, estimate: Estimate
    ) -> Velocity:
        matrix, target = directions.matrix, directions.target
        values, vectors = _eigen(matrix)
        along = matrix @ vectors  # how each direction moves log ψ
        signal = along.T @ target
        shares = (1 + (self.cutoff * values[0] / values) ** _SHARP).reciprocal()
        shares = shares.where(values > 0, 0.0)
        ratio = signal.abs() / self._noise(
            samples, along, target, signal, values, shares
        )
        if self.snr:
            shares = shares / (1 + (self.snr / ratio) ** _SHARP)
            shares = shares.nan_to_num(0.0)  # without signal and noise nothing moves
        steps = _steps(signal, values, shares)
        moved = along @ steps
        size = float(target.square().sum())
        left = float((moved - target).square().sum())
        return Velocity(
            value=vectors @ steps,
            estimate=estimate,
            samples=samples,
            eigenvalues=values,
            snr=ratio,
            shares=shares,
            residual=left / size if size else math.nan,
            speed=float(moved.norm()),
            directions=directions,
        )

    def _noise(
        self,
        samples: Samples,
        along: Tensor,
        target: Tensor,
        signal: Tensor,
        values: Tensor,
        shares: Tensor,
    ) -> Tensor:
        """The standard errors of F along directions, from the spread of the chains."""
        if samples.is_exact:
            return torch.zeros_like(signal)
        if samples.chains < 2 and self.snr:
            raise ArgumentError(
                "sampler: noise is known from the spread of several chains, got one; "
                "take more of them, or snr=0"
            )
        if self.noise == "fit":
            rows, kept = len(target), float(shares.sum())
            target = target - along @ _steps(signal, values, shares)
            # Each direction that was fitted takes its share of what is left over.
            target = target * math.sqrt(rows / max(1.0, rows - kept))
        rows, chains = len(samples.spins), samples.chains
        terms = (along * target[:, None]).reshape(-1, chains, along.shape[1]).sum(0)
        weights = samples.weights
        if weights is None:
            weights = along.new_full((rows,), 1 / rows)
        return error_of_chains(terms, weights.to(along).reshape(-1, chains).sum(0))


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues of XᵀX, falling, and eigenvectors (P, K), from the smaller side."""
    rows, columns = matrix.shape
    if columns <= rows:
        values, vectors = torch.linalg.eigh(matrix.T @ matrix)
        return values.flip(0).clamp(min=0), vectors.flip(1)
    values, rotated = torch.linalg.eigh(matrix @ matrix.T)
    values, rotated = values.flip(0).clamp(min=0), rotated.flip(1)
    # XXᵀ u = λu gives the eigenvector Xᵀu/√λ of XᵀX.
    scales = torch.where(values > 0, values.rsqrt(), 0.0)
    return values, (matrix.T @ rotated) * scales


def _steps(signal: Tensor, values: Tensor, shares: Tensor) -> Tensor:
    """The velocity along each direction, 0 where nothing of that is kept."""
    return (shares * signal / values).where(shares > 0, 0.0)

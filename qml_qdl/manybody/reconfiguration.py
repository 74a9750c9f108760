"""Stochastic reconfiguration: imaginary time, projected onto what a network can do.

With the centred derivatives O of log ψ by the parameters and the local energies e, the
step d solves (S + Λ) d = F, where S = Re⟨O†O⟩ is the metric of the state's directions
and F = Re⟨O†e⟩ half the gradient of the energy (Sorella, PRL 80, 4558 (1998)).
Everything is real here: of complex numbers the real and the imaginary part are two rows
of X, so that S = XᵀX and F = Xᵀe.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.validation import check_choice, check_number, validate_call
from qml_qdl.manybody.samplers import Samples
from qml_qdl.manybody.states.state import NeuralState, as_real

Solver = Literal["auto", "cholesky", "minsr", "cg"]


@frozen(eq=False)
class Directions:
    """How a state changes with its parameters, and how it should change.

    Args:
        matrix: X, (R, P): centred derivatives, times the roots of the weights.
        target: e, (R,): centred local energies, likewise.
    """

    matrix: Tensor
    target: Tensor

    @classmethod
    def of(cls, state: NeuralState, samples: Samples, local: Tensor) -> Directions:
        """Finds both from samples.

        Args:
            state: The state.
            samples: Configurations of it.
            local: Their local energies, (rows,).
        """
        jacobian = state.jacobian(samples.spins)
        matrix, target = jacobian - samples.mean(jacobian), local - samples.mean(local)
        if samples.weights is None:
            matrix, target = (each / math.sqrt(len(local)) for each in (matrix, target))
        else:
            roots = samples.weights.sqrt()
            matrix, target = matrix * roots[:, None], target * roots
        if matrix.is_complex():
            matrix = torch.cat([matrix.real, matrix.imag])
            imaginary = target.imag if target.is_complex() else target * 0
            target = torch.cat([target.real, imaginary])
        elif target.is_complex():
            target = target.real
        return cls(matrix.double(), target.double())


class Descent(ABC):
    """What changes a state's parameters so that its energy falls.

    Args:
        state: What is optimised.
        learning_rate: The first learning rate.
        rate_decay: What it is multiplied by at each step.
        min_rate: Where it stays.
    """

    def __init__(
        self,
        state: NeuralState,
        learning_rate: float,
        rate_decay: float,
        min_rate: float,
    ) -> None:
        check_number("learning_rate", learning_rate)
        check_number("rate_decay", rate_decay)
        check_number("min_rate", min_rate)
        self.state = state
        self.learning_rate = learning_rate
        self.rate_decay = rate_decay
        self.min_rate = min(min_rate, learning_rate)

    @abstractmethod
    def update(self, samples: Samples, local: Tensor) -> float:
        """Makes a step.

        Args:
            samples: Configurations of the state.
            local: Their local energies, (rows,).

        Returns:
            How far it went; NaN where the step was no number and was not made.
        """

    def cool(self) -> None:
        """What follows a step that was made: the rate falls."""
        self.learning_rate = max(self.min_rate, self.learning_rate * self.rate_decay)

    @abstractmethod
    def weaken(self) -> None:
        """What follows a step that failed: the next ones are more careful."""

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""
        return {"learning_rate": self.learning_rate, "min_rate": self.min_rate}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self.learning_rate, self.min_rate = kept["learning_rate"], kept["min_rate"]


class StochasticReconfiguration(Descent):
    """Steps of stochastic reconfiguration, with a bound, a shift and a momentum.

    Args:
        state: What is optimised.
        learning_rate: The first η: parameters change by −ηd.
        rate_decay: What η is multiplied by at each step.
        min_rate: Where η stays.
        shift: The first Λ, a number that is added to S's diagonal.
        shift_decay: What it is multiplied by at each step.
        min_shift: Where it stays.
        solver: "cholesky" in the space of parameters; "minsr" in that of samples
            (Chen and Heyl, arXiv:2302.01941), which is the same step; "cg", conjugate
            gradients, which never form S; "auto" takes the smaller of the first two.
        momentum: μ of SPRING (Goldshlager, Abrahamsen and Lin, arXiv:2401.10190): the
            step is sought near μ times the last one. 0 for none.
        max_norm: The largest η√(dᵀSd), by which the state turns; longer steps are
            shortened to it. After steps that failed it is less for a while.
        tolerance: Of conjugate gradients: the residual's size, relative to F's.

    Raises:
        ArgumentError: A number or `solver` cannot be used.
    """

    @validate_call
    def __init__(
        self,
        state: NeuralState,
        *,
        learning_rate: float = 0.05,
        rate_decay: float = 1.0,
        min_rate: float = 1e-3,
        shift: float = 0.1,
        shift_decay: float = 0.98,
        min_shift: float = 1e-4,
        solver: Solver = "auto",
        momentum: float = 0.0,
        max_norm: float = 0.3,
        tolerance: float = 1e-8,
    ) -> None:
        super().__init__(state, learning_rate, rate_decay, min_rate)
        for name, value in {
            "shift": shift,
            "shift_decay": shift_decay,
            "min_shift": min_shift,
            "max_norm": max_norm,
            "tolerance": tolerance,
        }.items():
            check_number(name, value)
        if momentum:
            check_number("momentum", momentum, high=1.0)
        check_choice("solver", solver, ("auto", "cholesky", "minsr", "cg"))
        self.shift = shift
        self.shift_decay = shift_decay
        self.min_shift = min_shift
        self.solver = solver
        self.momentum = momentum
        self.max_norm = max_norm
        self.tolerance = tolerance
        self.radius = max_norm
        self._last: Tensor | None = None

    def direction(self, directions: Directions) -> Tensor:
        """Solves (S + Λ) d = F, or with momentum (S + Λ) d = F + Λμd'.

        Args:
            directions: X and e.

        Returns:
            d, (P,).
        """
        matrix, target = directions.matrix, directions.target
        if self._last is None or not self.momentum:
            return _solved(matrix, target, self.shift, self.solver, self.tolerance)
        last = self.momentum * self._last
        rest = target - matrix @ last
        found = _solved(matrix, rest, self.shift, self.solver, self.tolerance)
        return last + found

    @torch.no_grad()
    def update(self, samples: Samples, local: Tensor) -> float:
        """Makes a step; it returns η√(dᵀSd) before that was bounded."""
        directions = Directions.of(self.state, samples, local)
        step = self.direction(directions)
        length = self.learning_rate * float((directions.matrix @ step).norm())
        if not math.isfinite(length):
            return math.nan
        bounded = self.learning_rate * min(1.0, self.radius / max(length, 1e-300))
        self.radius = min(self.radius, max(length, 1e-300))
        self._last = step
        place = 0
        for parameter in self.state.parameters():
            own = as_real(parameter)
            change = step[place : place + own.numel()].reshape(own.shape)
            own.sub_(bounded * change.to(own))
            place += own.numel()
        return length

    def cool(self) -> None:
        """The rate falls, and the shift; the radius of steps grows by half."""
        super().cool()
        self.shift = max(self.min_shift, self.shift * self.shift_decay)
        self.radius = min(self.max_norm, 1.5 * self.radius)

    def weaken(self) -> None:
        """The shift is ten times as large, steps a quarter; momentum is lost."""
        self.shift *= 10
        self.radius /= 4
        self._last = None

    def state_dict(self) -> dict[str, Any]:
        """Rate, shift, radius and the last step."""
        own = {"shift": self.shift, "radius": self.radius, "last": self._last}
        return {**super().state_dict(), **own}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        super().load_state_dict(kept)
        self.shift, self.radius = kept["shift"], kept["radius"]
        self._last = kept["last"]


class GradientDescent(Descent):
    """Steps of one of torch's optimisers, along the plain gradient of the energy.

    Args:
        optimizer: Of the state's parameters; None for Adam.
        state: What is optimised.
        learning_rate: The first learning rate.
        rate_decay: What it is multiplied by at each step.
        min_rate: Where it stays.

    Raises:
        ArgumentError: A number cannot be used.
    """

    @validate_call
    def __init__(
        self,
        state: NeuralState,
        optimizer: torch.optim.Optimizer | None = None,
        *,
        learning_rate: float = 0.01,
        rate_decay: float = 1.0,
        min_rate: float = 1e-4,
    ) -> None:
        super().__init__(state, learning_rate, rate_decay, min_rate)
        self.optimizer = optimizer or torch.optim.Adam(state.parameters())

    def update(self, samples: Samples, local: Tensor) -> float:
        """Makes a step; it returns the size of the gradient 2 Re⟨O†(E − ⟨E⟩)⟩."""
        centred = (local - samples.mean(local)).detach()
        log = self.state(samples.spins)
        log = log.masked_fill(torch.isneginf(log.real), 0.0)  # without weight
        terms = 2 * (centred.conj() * log).real
        self.optimizer.zero_grad()
        samples.mean(terms).backward()
        sizes = [p.grad.norm() for p in self.state.parameters() if p.grad is not None]
        length = float(torch.stack(sizes).norm()) if sizes else 0.0
        if not math.isfinite(length):
            return math.nan
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        self.optimizer.step()
        return length

    def weaken(self) -> None:
        """The rate is half as large."""
        self.learning_rate /= 2
        self.min_rate = min(self.min_rate, self.learning_rate)

    def state_dict(self) -> dict[str, Any]:
        """The rate, and what the optimiser keeps."""
        return {**super().state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        super().load_state_dict(kept)
        self.optimizer.load_state_dict(kept["optimizer"])


def _solved(
    matrix: Tensor, target: Tensor, shift: float, solver: str, tolerance: float
) -> Tensor:
    """(XᵀX + shift)⁻¹ Xᵀe."""
    rows, columns = matrix.shape
    if solver == "auto":
        solver = "cholesky" if columns <= rows else "minsr"
    if solver == "cg":
        return conjugate_gradients(
            lambda v: matrix.T @ (matrix @ v) + shift * v, matrix.T @ target, tolerance
        )
    if solver == "cholesky":
        metric = matrix.T @ matrix
        metric.diagonal().add_(shift)
        factor, failed = torch.linalg.cholesky_ex(metric)
        right = (matrix.T @ target)[:, None]
        found = torch.cholesky_solve(right, factor)[:, 0]
    else:
        kernel = matrix @ matrix.T
        kernel.diagonal().add_(shift)
        factor, failed = torch.linalg.cholesky_ex(kernel)
        found = matrix.T @ torch.cholesky_solve(target[:, None], factor)[:, 0]
    return found.fill_(math.nan) if failed else found


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], right: Tensor, tolerance: float
) -> Tensor:
    """Solves A x = b for a positive A that is only applied.

    Args:
        apply: v ↦ A v.
        right: b, (P,).
        tolerance: Of the residual's size, relative to b's.

    Returns:
        x, (P,).
    """
    found = torch.zeros_like(right)
    residual = right.clone()
    direction = residual.clone()
    size = residual @ residual
    bound = tolerance**2 * size
    for _ in range(10 * len(right)):
        if not size > bound:
            break
        applied = apply(direction)
        length = size / (direction @ applied)
        found += length * direction
        residual -= length * applied
        before, size = size, residual @ residual
        direction = residual + size / before * direction
    return found

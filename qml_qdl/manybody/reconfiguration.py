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
from torch import Tensor

from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody.samplers import Samples
from qml_qdl.manybody.states.state import (
    NUMBERS_AT_ONCE,
    NeuralState,
    as_real,
    as_vector,
    set_vector,
)

Solver = Literal["auto", "cholesky", "minsr", "cg"]

_vjp: Any = torch.func.vjp  # whose type has an auxiliary result as well


class Directions(ABC):
    """How a state changes with its parameters, and how it should change.

    X, (R, P), are the centred derivatives times the roots of the weights.

    Args:
        target: e, (R,): centred local energies, likewise.
    """

    def __init__(self, target: Tensor) -> None:
        self.target = target

    @abstractmethod
    def size(self) -> float:
        """The mean of the diagonal of XᵀX."""

    @abstractmethod
    def forward(self, vector: Tensor) -> Tensor:
        """X v, (R,), of v, (P,)."""

    @abstractmethod
    def backward(self, vector: Tensor) -> Tensor:
        """Xᵀ u, (P,), of u, (R,)."""

    @abstractmethod
    def solve(self, target: Tensor, shift: float) -> Tensor:
        """(XᵀX + shift)⁻¹ Xᵀ e, (P,), of e, (R,); NaN where that fails."""


class DenseDirections(Directions):
    """X as a matrix.

    Args:
        matrix: X, (R, P).
        target: e, (R,).
        solver: "cholesky", "minsr", or "auto" for the smaller of both.
    """

    def __init__(self, matrix: Tensor, target: Tensor, solver: Solver = "auto") -> None:
        super().__init__(target)
        self.matrix = matrix
        if solver == "auto":
            rows, columns = matrix.shape
            solver = "cholesky" if columns <= rows else "minsr"
        self.solver = solver

    @classmethod
    def of(
        cls,
        state: NeuralState,
        samples: Samples,
        local: Tensor,
        solver: Solver = "auto",
    ) -> DenseDirections:
        """Finds both from samples.

        Args:
            state: The state.
            samples: Configurations of it.
            local: Their local energies, (rows,).
            solver: How systems are solved.
        """
        jacobian = state.jacobian(samples.spins)
        centred = jacobian - samples.mean(jacobian)
        roots = _roots(samples)
        matrix = centred.mul_(roots.to(centred.real)[:, None]).to(
            torch.complex128 if centred.is_complex() else torch.float64
        )
        if matrix.is_complex():
            matrix = torch.cat([matrix.real, matrix.imag])
        return cls(matrix, _target(samples, local, jacobian.is_complex()), solver)

    def size(self) -> float:
        """The mean of the diagonal of XᵀX."""
        return float(self.matrix.square().sum()) / self.matrix.shape[1]

    def forward(self, vector: Tensor) -> Tensor:
        """X v, (R,), of v, (P,)."""
        return self.matrix @ vector

    def backward(self, vector: Tensor) -> Tensor:
        """Xᵀ u, (P,), of u, (R,)."""
        return self.matrix.T @ vector

    def solve(self, target: Tensor, shift: float) -> Tensor:
        """(XᵀX + shift)⁻¹ Xᵀ e, (P,), of e, (R,); NaN where that fails."""
        if self.solver == "cholesky":
            factor, failed = _factor(self.matrix, shift)
            right = self.backward(target)[:, None]
            found = torch.cholesky_solve(right, factor)[:, 0]
        else:
            factor, failed = _factor(self.matrix.T, shift)
            found = self.backward(torch.cholesky_solve(target[:, None], factor)[:, 0])
        return found.fill_(math.nan) if failed else found


class ImplicitDirections(Directions):
    """X that is only applied, by products of Jacobians with vectors.

    Memory grows with parameters and with rows, not with their product.

    Args:
        state: The state.
        samples: Configurations of it.
        local: Their local energies, (rows,).
        tolerance: Of the solution's residual, relative to the right side's size. Below
            the rounding of the state's own type none is reached.
    """

    def __init__(
        self, state: NeuralState, samples: Samples, local: Tensor, tolerance: float
    ) -> None:
        with torch.no_grad():
            self._is_complex = state(samples.spins[:1]).is_complex()
        super().__init__(_target(samples, local, self._is_complex))
        self._state = state
        self._samples = samples
        self._roots = _roots(samples)[:, None]
        self._tolerance = max(tolerance, 10 * torch.finfo(state.dtype).eps)
        self._parameters = {
            name: as_real(each.detach()) for name, each in state.named_parameters()
        }
        of_each = {k: p.is_complex() for k, p in state.named_parameters()}
        self._complex = {name for name, found in of_each.items() if found}
        width = samples.spins.shape[1] + sum(p.numel() for p in state.parameters())
        self._rows = max(64, NUMBERS_AT_ONCE // (4 * width))

    def _log(self, spins: Tensor) -> Callable[[dict[str, Tensor]], Tensor]:
        """Real parameters → log ψ, (rows, 1 or 2)."""

        def log(values: dict[str, Tensor]) -> Tensor:
            own = {
                k: torch.view_as_complex(v) if k in self._complex else v
                for k, v in values.items()
            }
            found: Tensor = torch.func.functional_call(self._state, own, (spins,))
            return torch.view_as_real(found) if self._is_complex else found[:, None]

        return log

    def size(self) -> float:
        """The mean of the diagonal of XᵀX, from derivatives of few rows at a time."""
        squares, sums = [], []
        rows = zip(
            self._samples.spins.split(_ROWS),
            self._roots.square().split(_ROWS),
            strict=True,
        )
        for spins, weights in rows:
            jacobian = self._state.jacobian(spins)
            squares.append((weights * jacobian.abs().square()).sum(0))
            sums.append((weights * jacobian).sum(0))
        mean = torch.stack(sums).sum(0).abs().square()
        return float((torch.stack(squares).sum(0) - mean).mean())

    def forward(self, vector: Tensor) -> Tensor:
        """X v, (R,), of v, (P,)."""
        place, tangents = 0, {}
        for name, each in self._parameters.items():
            part = vector[place : place + each.numel()]
            tangents[name] = part.reshape(each.shape).to(each)
            place += each.numel()
        parts = []
        for spins in self._samples.spins.split(self._rows):
            # J v is the derivative of Jᵀ u by u; so it needs no derivatives forward,
            # which not every module has.
            log, pull = _vjp(self._log(spins), self._parameters)
            _, push = _vjp(lambda u, pull=pull: pull(u)[0], log)
            parts.append(push(tangents)[0])
        found = torch.cat(parts).double()
        return ((found - self._samples.mean(found)) * self._roots).T.reshape(-1)

    def backward(self, vector: Tensor) -> Tensor:
        """Xᵀ u, (P,), of u, (R,)."""
        weighted = vector.reshape(-1, len(self._roots)).T * self._roots
        # What is taken from X as its mean goes back to all rows by their weights.
        weighted = weighted - self._roots.square() * weighted.sum(0)
        parts = []
        rows = zip(
            self._samples.spins.split(self._rows),
            weighted.split(self._rows),
            strict=True,
        )
        for spins, part in rows:
            value, pull = _vjp(self._log(spins), self._parameters)
            (found,) = pull(part.to(value))
            parts.append(torch.cat([each.reshape(-1) for each in found.values()]))
        return torch.stack(parts).sum(0).double()

    def solve(self, target: Tensor, shift: float) -> Tensor:
        """(XᵀX + shift)⁻¹ Xᵀ e, (P,), of e, (R,); NaN where that fails."""
        return conjugate_gradients(
            lambda v: self.backward(self.forward(v)) + shift * v,
            self.backward(target),
            self._tolerance,
        )


def _roots(samples: Samples) -> Tensor:
    """Roots of the weights, (rows,)."""
    if samples.weights is not None:
        return samples.weights.double().sqrt()
    rows = len(samples.spins)
    return torch.full(
        (rows,), rows**-0.5, dtype=torch.float64, device=samples.spins.device
    )


def _target(samples: Samples, local: Tensor, is_complex: bool) -> Tensor:
    """Centred local energies times the roots of the weights, as X has its rows."""
    centred = local - samples.mean(local)
    parts = [centred.real]
    if is_complex:
        parts.append(centred.imag if centred.is_complex() else 0 * centred)
    return torch.cat([part.double() * _roots(samples) for part in parts])


_ROWS = 16
"""Configurations whose derivatives by all parameters are held together."""

_NOISE = 3.0
"""How much of the noise of S's diagonal adds to the shift, which this multiplies."""


def _factor(matrix: Tensor, shift: float) -> tuple[Tensor, bool]:
    """Cholesky's factor of MᵀM + shift, and whether there is none."""
    if matrix.is_cpu:  # NumPy sees that this is symmetric, and does half the work
        array = matrix.numpy(force=True)
        gram = torch.from_numpy(array.T @ array)
    else:
        gram = matrix.T @ matrix
    gram.diagonal().add_(shift)
    factor, failed = torch.linalg.cholesky_ex(gram)
    return factor, bool(failed)


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], right: Tensor, tolerance: float
) -> Tensor:
    """Solves A x = b for a positive A that is only applied.

    Args:
        apply: v ↦ A v.
        right: b, (P,).
        tolerance: Of the residual's size, relative to b's.

    Returns:
        x, (P,); NaN where ten steps for each entry do not reach the tolerance.
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
    return found if size <= bound else found.fill_(math.nan)


class Descent(ABC):
    """What changes a state's parameters so that its energy falls.

    The rate falls over a run, by the same factor at each of its steps, and stays then.
    After a step that failed all steps are more careful for a while.

    Args:
        state: What is optimised.
        learning_rate: The first learning rate.
        final_rate: The last one, or the first one if that is less.
        steps: Steps of the run.
    """

    def __init__(
        self,
        state: NeuralState,
        learning_rate: float,
        final_rate: float,
        steps: int,
    ) -> None:
        check_number("learning_rate", learning_rate)
        check_number("final_rate", final_rate)
        check_count("steps", steps)
        self.state = state
        self.steps = steps
        self.steps_done = 0
        self._rates = learning_rate, min(final_rate, learning_rate)
        self.learning_rate = learning_rate

    def _fallen(self, first: float, last: float) -> float:
        """Between the first and the last value, as far as the run has come."""
        return first * math.pow(last / first, min(1.0, self.steps_done / self.steps))

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
        self.steps_done += 1
        self.learning_rate = self._fallen(*self._rates)

    @abstractmethod
    def weaken(self) -> None:
        """What follows a step that failed: the next ones are more careful."""

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""
        return {"learning_rate": self.learning_rate, "steps_done": self.steps_done}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self.learning_rate = kept["learning_rate"]
        self.steps_done = kept["steps_done"]


class StochasticReconfiguration(Descent):
    """Steps of stochastic reconfiguration, with a bound, a shift and a momentum.

    Rate and shift fall over a run of `steps` by the same factor at each step, so that
    short and long runs begin and end alike.

    Args:
        state: What is optimised.
        learning_rate: The first η: parameters change by −ηd.
        final_rate: The last η, or the first if that is less.
        shift: The first Λ, a number that is added to S's diagonal. Of samples it is
            larger by the factor 1 + 3s/√n, where s is the mean of that diagonal and n
            the number of configurations: directions that these do not show would else
            be free.
        final_shift: The last Λ, or the first if that is less. After a step that failed
            Λ is ten times as large, and falls back within some ten steps.
        steps: Steps of the run; later ones have the last rate and shift.
        solver: "cholesky" in the space of parameters; "minsr" in that of samples
            (Chen and Heyl, arXiv:2302.01941), which is the same step; "cg", conjugate
            gradients with products of Jacobians and vectors, whose memory does not grow
            with parameters times samples; "auto" takes the smaller of the first two.
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
        learning_rate: float = 0.1,
        final_rate: float = 0.03,
        shift: float = 0.1,
        final_shift: float = 2e-5,
        steps: int = 600,
        solver: Solver = "auto",
        momentum: float = 0.9,
        max_norm: float = 0.3,
        tolerance: float = 1e-8,
    ) -> None:
        super().__init__(state, learning_rate, final_rate, steps)
        for name, value in {
            "shift": shift,
            "final_shift": final_shift,
            "max_norm": max_norm,
            "tolerance": tolerance,
        }.items():
            check_number(name, value)
        if momentum:
            check_number("momentum", momentum, high=1.0)
        check_choice("solver", solver, ("auto", "cholesky", "minsr", "cg"))
        self._shifts = shift, min(final_shift, shift)
        self.shift = shift
        self.solver = solver
        self.momentum = momentum
        self.max_norm = max_norm
        self.tolerance = tolerance
        self.radius = max_norm
        self.caution = 1.0
        self._last: Tensor | None = None

    def directions(self, samples: Samples, local: Tensor) -> Directions:
        """X and e, as the solver needs them.

        Args:
            samples: Configurations of the state.
            local: Their local energies, (rows,).
        """
        if self.solver == "cg":
            return ImplicitDirections(self.state, samples, local, self.tolerance)
        return DenseDirections.of(self.state, samples, local, self.solver)

    def _shift(self, directions: Directions, samples: Samples) -> float:
        """Λ, larger where S is, and is known from few configurations."""
        if samples.is_exact:
            return self.shift
        noise = directions.size() / math.sqrt(len(samples.spins))
        return self.shift * (1 + _NOISE * noise)

    def direction(self, directions: Directions, shift: float | None = None) -> Tensor:
        """Solves (S + Λ) d = F, or with momentum (S + Λ) d = F + Λμd'.

        Args:
            directions: X and e.
            shift: Λ; None for the descent's own.

        Returns:
            d, (P,).
        """
        shift = self.shift if shift is None else shift
        if self._last is None or not self.momentum:
            return directions.solve(directions.target, shift)
        last = self.momentum * self._last
        rest = directions.target - directions.forward(last)
        return last + directions.solve(rest, shift)

    @torch.no_grad()
    def update(self, samples: Samples, local: Tensor) -> float:
        """Makes a step; it returns η√(dᵀSd) before that was bounded."""
        directions = self.directions(samples, local)
        step = self.direction(directions, self._shift(directions, samples))
        length = self.learning_rate * float(directions.forward(step).norm())
        if not (math.isfinite(length) and bool(step.isfinite().all())):
            return math.nan
        bounded = self.learning_rate * min(1.0, self.radius / max(length, 1e-300))
        self.radius = min(self.radius, max(length, 1e-300))
        self._last = step
        set_vector(self.state, as_vector(self.state) - bounded * step)
        return length

    def cool(self) -> None:
        """The rate falls, and the shift; the radius of steps grows by half."""
        super().cool()
        self.caution = max(1.0, 0.8 * self.caution)
        self.shift = self.caution * self._fallen(*self._shifts)
        self.radius = min(self.max_norm, 1.5 * self.radius)

    def weaken(self) -> None:
        """The shift is ten times as large, steps a quarter; momentum is lost."""
        self.caution *= 10
        self.shift *= 10
        self.radius /= 4
        self._last = None

    def state_dict(self) -> dict[str, Any]:
        """Rate, shift, radius and the last step."""
        own = {
            "shift": self.shift,
            "radius": self.radius,
            "caution": self.caution,
            "last": self._last,
        }
        return {**super().state_dict(), **own}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        super().load_state_dict(kept)
        self.shift, self.radius = kept["shift"], kept["radius"]
        self.caution, self._last = kept["caution"], kept["last"]


class GradientDescent(Descent):
    """Steps of one of torch's optimisers, along the plain gradient of the energy.

    Args:
        optimizer: Of the state's parameters; None for Adam.
        state: What is optimised.
        learning_rate: The first learning rate.
        final_rate: The last one, or the first one if that is less.
        steps: Steps of the run, over which it falls; later ones have the last rate.

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
        final_rate: float = 0.001,
        steps: int = 600,
    ) -> None:
        super().__init__(state, learning_rate, final_rate, steps)
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
        first, last = self._rates
        self._rates = first / 2, last / 2
        self.learning_rate /= 2

    def state_dict(self) -> dict[str, Any]:
        """The rates, and what the optimiser keeps."""
        own = {"rates": self._rates, "optimizer": self.optimizer.state_dict()}
        return {**super().state_dict(), **own}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there."""
        super().load_state_dict(kept)
        self._rates = kept["rates"]
        self.optimizer.load_state_dict(kept["optimizer"])

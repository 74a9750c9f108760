"""How energies go down: quasi-Newton, or along the natural gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import minimize as scipy_minimize

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody.reconfiguration import DenseDirections
from qml_qdl.vqe.energies import Energy, Vector

Method: TypeAlias = Literal["bfgs", "natural"]

Tell: TypeAlias = Callable[[int, float], None]
"""Called after each step with its number and the energy."""

_SHIFT = 1e-3
"""What is added to the metric, relative to the mean of its diagonal."""

_ENOUGH = 1e-4
"""The part of the decrease that the slope promises with which a step is content."""

_LEAST_RATE = 1e-8
"""Below it a step has reached rounding."""


@frozen(eq=False)
class Minimum:
    """Where a descent ended.

    Args:
        energy: The energy.
        angles: θ in radians, (angles,).
        gradient: The largest derivative by an angle.
        evaluations: How often energy and gradient were found.
        history: The energy at the start and after each step.
        converged: Whether the gradient is as small as was asked.
        inverse_hessian: What "bfgs" knows of the curvature, (angles, angles); None of
            "natural", or where no step was taken.
    """

    energy: float
    angles: NDArray[np.float64] = field(repr=False)
    gradient: float
    evaluations: int
    history: tuple[float, ...] = field(repr=False)
    converged: bool
    inverse_hessian: NDArray[np.float64] | None = field(default=None, repr=False)


@validate_call
def minimise(
    energy: Energy,
    start: Sequence[float] | NDArray[np.float64],
    *,
    method: Method = "bfgs",
    tolerance: float = 1e-6,
    most: int = 1000,
    inverse_hessian: NDArray[np.float64] | None = None,
    tell: Tell | None = None,
) -> Minimum:
    """Lowers an energy from given angles.

    "bfgs" is SciPy's quasi-Newton method. "natural" follows imaginary time: it solves
    (S + λ) d = ∇E/2 with the metric S of the states (Stokes et al. 2020,
    arXiv:1909.02108), and goes along −d as far as the energy falls (Armijo's rule),
    beginning with twice the last length.

    Args:
        energy: The energy.
        start: Angles to begin with, in radians, (angles,).
        method: "bfgs" or "natural".
        tolerance: The largest derivative at which it ends, in units of the energy.
        most: Steps after which it ends in any case.
        inverse_hessian: Curvature with which "bfgs" begins, symmetric and positive,
            (angles, angles), such as that of an earlier minimum; None for 1.
        tell: Called after each step with its number, from 1, and the energy.

    Returns:
        The minimum, which may be local.

    Raises:
        ArgumentError: The method is unknown, or a number is outside its range.
        ShapeError: There are more or fewer angles than the energy has.

    Example:
        >>> from qml_qdl.vqe import Molecule, energy_of, make_ansatz
        >>> problem = Molecule.named("H2").problem()
        >>> circuit, start = make_ansatz(problem, "uccsd")
        >>> found = minimise(energy_of(problem, circuit), start, method="natural")
        >>> print(round(found.energy, 6), found.converged)
        -1.13727 True
    """
    check_choice("method", method, ("bfgs", "natural"))
    check_number("tolerance", tolerance)
    check_count("most", most, 0)
    angles = np.array(start, float)
    if angles.shape != (energy.num_angles,):
        raise ShapeError(
            f"start: expected {energy.num_angles} angles, got an array of shape "
            f"{angles.shape}"
        )
    if method == "natural":
        return _natural(energy, angles, tolerance, most, tell)
    if inverse_hessian is not None:
        if np.shape(inverse_hessian) != 2 * angles.shape:
            raise ShapeError(
                f"inverse_hessian: expected {2 * angles.shape}, got an array of shape "
                f"{np.shape(inverse_hessian)}"
            )
        inverse_hessian = (inverse_hessian + inverse_hessian.T) / 2
        if not (np.linalg.eigvalsh(inverse_hessian) > 0).all():
            inverse_hessian = None  # rounding has spoilt it
    return _bfgs(energy, angles, tolerance, most, tell, inverse_hessian)


def _bfgs(
    energy: Energy,
    angles: NDArray[np.float64],
    tolerance: float,
    most: int,
    tell: Tell | None,
    inverse_hessian: NDArray[np.float64] | None,
) -> Minimum:
    first, slope = energy.value_and_gradient(angles)
    history = [first]
    if not most or not len(angles) or abs(slope).max() <= tolerance:
        return _minimum(angles, slope, 1, history, tolerance)

    def after(intermediate_result: Any) -> None:
        history.append(float(intermediate_result.fun))
        if tell is not None:
            tell(len(history) - 1, history[-1])

    found = scipy_minimize(
        energy.value_and_gradient,
        angles,
        jac=True,
        method="BFGS",
        callback=after,
        options={"gtol": tolerance, "maxiter": most, "hess_inv0": inverse_hessian},
    )
    count = 1 + int(found.nfev)
    return _minimum(found.x, found.jac, count, history, tolerance, found.hess_inv)


def _natural(
    energy: Energy,
    angles: NDArray[np.float64],
    tolerance: float,
    most: int,
    tell: Tell | None,
) -> Minimum:
    value, gradient = energy.value_and_gradient(angles)
    history, evaluations, rate = [value], 1, 0.5
    while len(history) <= most and abs(gradient).max(initial=0.0) > tolerance:
        change = natural_direction(energy, angles)
        slope = float(gradient @ change)
        rate *= 2
        while rate > _LEAST_RATE:
            tried = angles - rate * change
            lower, its_gradient = energy.value_and_gradient(tried)
            evaluations += 1
            if lower <= value - _ENOUGH * rate * slope:
                break
            rate /= 2
        else:  # nothing is lower within rounding
            break
        angles, value, gradient = tried, lower, its_gradient
        history.append(value)
        if tell is not None:
            tell(len(history) - 1, value)
    return _minimum(angles, gradient, evaluations, history, tolerance)


def _minimum(
    angles: NDArray[np.float64],
    gradient: NDArray[np.float64],
    evaluations: int,
    history: Sequence[float],
    tolerance: float,
    inverse_hessian: NDArray[np.float64] | None = None,
) -> Minimum:
    largest = float(abs(gradient).max(initial=0.0))
    return Minimum(
        history[-1],
        angles,
        largest,
        evaluations,
        tuple(history),
        largest <= tolerance,
        inverse_hessian,
    )


def natural_direction(energy: Energy, angles: Any) -> NDArray[np.float64]:
    """D of (S + λ) d = ∇E/2, by the machinery of stochastic reconfiguration.

    Args:
        energy: The energy.
        angles: θ in radians, (angles,).

    Returns:
        (angles,).
    """
    state, tangents = energy.centred(angles)
    image = energy.matrix @ state
    away = image - np.vdot(state, image).real * state
    directions = DenseDirections(_as_rows(tangents), _as_rows(away))
    shift = _SHIFT * max(directions.size(), np.finfo(float).tiny)
    found: NDArray[np.float64] = directions.solve(directions.target, shift).numpy()
    return found


def _as_rows(values: Vector) -> torch.Tensor:
    """Real rows: of complex numbers the real and the imaginary part are two."""
    parts = [values.real, values.imag] if np.iscomplexobj(values) else [values]
    return torch.from_numpy(np.concatenate(parts).astype(float))

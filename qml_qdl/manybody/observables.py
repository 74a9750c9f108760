"""What samples of a state tell beside its energy, with errors from the chains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import as_items, check_count, check_type, validate_call
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.monte_carlo import Estimate, expectation
from qml_qdl.manybody.projectors import Projector
from qml_qdl.manybody.samplers import (
    FullSummation,
    Sampler,
    Samples,
    error_of_chains,
)
from qml_qdl.manybody.sectors import Sector
from qml_qdl.manybody.states.state import NUMBERS_AT_ONCE, NeuralState

LEAST_SPREAD = 1e-6
"""Variances that differ by less, relative to the largest, are the same."""


@frozen(eq=False)
class Means:
    """Means over a state's configurations, and their standard errors.

    Args:
        values: Means, of any shape.
        errors: Standard errors from the spread of the chains, of the same shape; 0
            where every configuration was summed, NaN for one chain alone.
    """

    values: Tensor
    errors: Tensor

    @classmethod
    @validate_call
    def of(cls, samples: Samples, function: Callable[[Tensor], Tensor]) -> Means:
        """Means of any function of configurations.

        Args:
            samples: Configurations of the state.
            function: Takes (rows, N) to real numbers (rows, ...).

        Example:
            >>> from qml_qdl.manybody import FullSummation, VectorState
            >>> samples = FullSummation(2).sample(VectorState([1, 0, 0, 1], 2))
            >>> Means.of(samples, lambda spins: spins.sum(1).abs()).values.item()
            2.0
        """
        given = function

        def checked(spins: Tensor) -> Tensor:
            found = given(spins)
            check_type("function: its result", found, Tensor)
            return found

        function = checked
        if samples.sector is not None:
            function = _over_orbits(checked, samples.sector)
        weights = samples.weights
        if weights is not None and samples.is_exact:
            size = max(1, NUMBERS_AT_ONCE // samples.spins.shape[1] ** 2)
            parts = [
                Samples(spins, shares).mean(function(spins))
                for spins, shares in zip(
                    samples.spins.split(size), weights.split(size), strict=True
                )
            ]
            total = torch.stack(parts).sum(0)
            return cls(total, torch.zeros_like(total))
        if weights is None:
            weights = samples.spins.new_ones(len(samples.spins))
        sweeps = (
            samples.by_chain(function(spins), shares)
            for spins, shares in zip(
                samples.spins.split(samples.chains),
                weights.split(samples.chains),
                strict=True,
            )
        )
        sums, shares = next(sweeps)
        for more, further in sweeps:
            sums, shares = sums + more, shares + further
        return cls(sums.sum(0) / shares.sum(), error_of_chains(sums, shares))


def _over_orbits(
    function: Callable[[Tensor], Tensor], sector: Sector
) -> Callable[[Tensor], Tensor]:
    """A function's mean over the images of configurations under a sector's group."""
    images = [
        (torch.from_numpy(row), -1 if flipped else 1)
        for row, flipped, _ in sector.group
    ]

    def mean(spins: Tensor) -> Tensor:
        (row, sign), *others = images
        total = function(sign * spins[:, row])
        for row, sign in others:
            total = total + function(sign * spins[:, row])
        return total / len(images)

    return mean


@validate_call
def correlators(samples: Samples) -> Means:
    """`⟨s_i s_j⟩` of all pairs of sites.

    Signs of amplitudes, as Marshall's, do not count in it.

    Args:
        samples: Configurations of the state.

    Returns:
        Means (N, N), with ones on the diagonal.

    Example:
        >>> from qml_qdl.manybody import FullSummation, VectorState
        >>> samples = FullSummation(2).sample(VectorState([0, 1, 1, 0], 2))
        >>> correlators(samples).values.tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    return Means.of(samples, lambda spins: spins[:, :, None] * spins[:, None])


@validate_call
def magnetisation(samples: Samples, sublattice: Sequence[int] | None = None) -> Means:
    """Moments of the magnetisation per site m = Σ s_j/N.

    Args:
        samples: Configurations of the state.
        sublattice: Sites whose spins are turned before, such as `lattice.sublattice`,
            for the staggered magnetisation; None for none.

    Returns:
        Means (4,), those of m, `|m|`, m² and m⁴.

    Raises:
        ArgumentError: There is no such site.
        ArgumentTypeError: A site is no whole number.

    Example:
        >>> from qml_qdl.manybody import FullSummation, VectorState
        >>> samples = FullSummation(2).sample(VectorState([0, 1, 1, 0], 2))
        >>> magnetisation(samples, sublattice=[1]).values.tolist()
        [0.0, 1.0, 1.0, 1.0]
    """
    signs = torch.ones_like(samples.spins[0])
    for site in as_items(sublattice) or ():
        check_count("sublattice", site, 0, len(signs) - 1)
        signs[site] = -1

    def moments(spins: Tensor) -> Tensor:
        m = spins @ signs / len(signs)
        return torch.stack([m, m.abs(), m**2, m**4], dim=1)

    return Means.of(samples, moments)


@frozen(eq=False)
class StructureFactor:
    """S(q) = Σ_ij exp(iq(r_i − r_j)) `⟨s_i s_j⟩`/N.

    Args:
        momenta: Wave vectors q, (Q, d), in the units of `lattice.positions`.
        values: S at each of them, (Q,).
        errors: Standard errors, (Q,).
    """

    momenta: Tensor
    values: Tensor
    errors: Tensor


@validate_call
def structure_factor(
    samples: Samples, lattice: Lattice, momenta: Any = None
) -> StructureFactor:
    """The structure factor of the spins along z.

    Args:
        samples: Configurations of the state.
        lattice: Where the spins are, with positions.
        momenta: Wave vectors q, (Q, d), in the units of `lattice.positions`; None for
            `lattice.momenta`.

    Returns:
        S(q) with errors.

    Raises:
        ArgumentError: The lattice has no positions, or other sites than the samples.
        ShapeError: A wave vector has more or fewer directions than the lattice.

    Example:
        >>> from qml_qdl.manybody import FullSummation, Lattice, VectorState
        >>> samples = FullSummation(2).sample(VectorState([0, 1, 1, 0], 2))
        >>> structure_factor(samples, Lattice.chain(2)).values.tolist()
        [0.0, 2.0]
    """
    places = lattice.positions
    if places is None:
        raise ArgumentError(
            "lattice: expected one with positions, got one made of edges; use "
            "correlators"
        )
    if len(places) != samples.spins.shape[1]:
        raise ArgumentError(
            f"lattice: expected {samples.spins.shape[1]} sites as the samples have, "
            f"got {len(places)}"
        )
    momenta = lattice.momenta if momenta is None else momenta
    vectors = torch.as_tensor(momenta, dtype=samples.spins.dtype)
    if vectors.ndim != 2 or vectors.shape[1] != places.shape[1]:
        raise ShapeError(
            f"momenta: expected (Q, {places.shape[1]}), a wave vector in each row, got "
            f"{tuple(vectors.shape)}"
        )
    angles = torch.from_numpy(places).to(vectors) @ vectors.T
    waves = torch.polar(torch.ones_like(angles), angles)  # (N, Q)

    def powers(spins: Tensor) -> Tensor:
        return (spins.to(waves) @ waves).abs().square() / len(waves)

    found = Means.of(samples, powers)
    return StructureFactor(vectors, found.values, found.errors)


@validate_call
def fidelity(
    state: NeuralState,
    target: NeuralState,
    sampler: Sampler,
    target_sampler: Sampler | None = None,
    *,
    sweeps: int | None = None,
) -> Estimate:
    """The fidelity `|⟨ψ|φ⟩|²`/(`⟨ψ|ψ⟩⟨φ|φ⟩`), squared, from samples of both states.

    Args:
        state: ψ.
        target: φ; `VectorState` makes one of a vector.
        sampler: Where configurations of ψ come from.
        target_sampler: Where those of φ come from; None for the same, which is right
            only where that sums all of them.
        sweeps: Configurations of each chain of ψ; None for the sampler's own number.

    Returns:
        The estimate; its `energy` is the fidelity, its error counts both samples.

    Raises:
        ArgumentError: The states have other numbers of sites, or one sampler has chains
            of both.

    Example:
        >>> from qml_qdl.manybody import FullSummation, VectorState
        >>> bell, product = VectorState([1, 0, 0, 1], 2), VectorState([1, 0, 0, 0], 2)
        >>> round(fidelity(bell, product, FullSummation(2)).energy, 6)
        0.5
    """
    if target_sampler is None:
        target_sampler = sampler
    if target_sampler is sampler and not isinstance(sampler, FullSummation):
        raise ArgumentError(
            "target_sampler: expected a sampler of its own, as chains have their place "
            "in one state; make a second one"
        )
    return expectation(Projector(target, target_sampler), state, sampler, sweeps=sweeps)


@frozen
class Extrapolation:
    """The energy at zero variance, by a straight line.

    Args:
        energy: Where the line meets zero variance.
        error: Its standard error.
        slope: Energy for each unit of variance.
    """

    energy: float
    error: float
    slope: float


def lies_on_a_line(estimates: Sequence[Estimate]) -> bool:
    """Whether a line can be laid: variances differ by more than rounding.

    Args:
        estimates: Some estimates, perhaps none.
    """
    variances = [each.variance for each in estimates]
    return bool(variances) and max(variances) - min(variances) > LEAST_SPREAD * max(
        variances
    )


@validate_call
def zero_variance(estimates: Sequence[Estimate]) -> Extrapolation:
    """Extrapolates energies of several states to zero variance.

    Near an eigenstate the energy is linear in the variance. Estimates count by their
    errors, those of variances are left out; where the line fits worse than these errors
    allow, the error found grows with it.

    Args:
        estimates: At least two, such as those of larger and larger networks, or of one
            on its way.

    Returns:
        The energy, with its error; NaN as an error for two exact estimates.

    Raises:
        ArgumentError: There are fewer than two different variances, or some have errors
            and some have none.
        ArgumentTypeError: They are no estimates.

    Example:
        >>> from qml_qdl.manybody import Estimate
        >>> seen = [Estimate(-0.9, 0.1, 1.0, 4, 100), Estimate(-1.0, 0.1, 0.5, 4, 100)]
        >>> print(round(zero_variance(seen).energy, 6))
        -1.1
    """
    given = as_items(estimates) or ()
    for each in given:
        check_type("estimates", each, Estimate)
    numbers = np.array([[e.variance, e.energy, e.error] for e in given]).reshape(-1, 3)
    variances, energies, errors = numbers.T
    exact = not errors.any()
    if not np.isfinite(numbers).all() or not (exact or errors.all()):
        raise ArgumentError(
            "estimates: expected finite ones, of which all or none have errors; leave "
            "the others away"
        )
    if not lies_on_a_line(given):
        raise ArgumentError(
            "estimates: expected at least two different variances, got "
            f"{variances.tolist()}"
        )
    weights = np.ones_like(errors) if exact else 1 / errors
    design = np.stack([np.ones_like(variances), variances], axis=1) * weights[:, None]
    (energy, slope), *_ = np.linalg.lstsq(design, energies * weights, rcond=None)
    squares = (((energies - energy - slope * variances) * weights) ** 2).sum()
    free = len(given) - 2
    excess = squares / free if free else (math.nan if exact else 1.0)
    spread = np.linalg.inv(design.T @ design)[0, 0]
    scale = excess if exact else max(1.0, excess)
    return Extrapolation(float(energy), math.sqrt(spread * scale), float(slope))

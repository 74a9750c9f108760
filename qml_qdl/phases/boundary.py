"""Where one phase ends: boundaries with errors, and their limit of large systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    as_items,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.phases.scan import Scan, as_floats

Floats = NDArray[np.float64]


@frozen(eq=False)
class Boundary:
    """Where the probability of the ordered phase is one half.

    Args:
        coupling: The place; NaN where the curve does not cross one half.
        error: Its standard deviation over samples of the bootstrap, or what the
            distance of the points leaves open, if that is more; NaN where one of ten
            samples or more has no crossing, or a point has a single row.
        values: The couplings of the curve, rising, (points,).
        curve: The mean probability at each, (points,).
        spread: Standard deviations of the curve, (points,).
    """

    coupling: float
    error: float
    values: Floats = field(repr=False)
    curve: Floats = field(repr=False)
    spread: Floats = field(repr=False)

    def __str__(self) -> str:
        if np.isnan(self.coupling):
            return "–"
        if np.isnan(self.error):
            return f"{self.coupling:.3f}"
        return f"{self.coupling:.3f} ± {self.error:.3f}"


def _crossing(values: Floats, curve: Floats) -> tuple[float, float]:
    """Where the nearest monotone curve crosses one half, and how well points tell it.

    A curve that falls at once, from 1 to 0, says between which points and no more: any
    place there is as likely, with the standard deviation δ/√12 for the distance δ. One
    that falls by half or less between them goes on beyond, and is interpolated.
    """
    fits = [isotonic_regression(curve, increasing=up).x for up in (False, True)]
    fit = min(fits, key=lambda each: float(np.square(each - curve).sum()))
    above = fit >= 0.5
    if above.all() or not above.any():
        return float("nan"), float("nan")
    last = int(np.flatnonzero(above[:-1] != above[1:])[0])
    low, high = fit[last], fit[last + 1]
    share = (0.5 - low) / (high - low)
    apart = float(values[last + 1] - values[last])
    open_still = max(0.0, 2 * abs(high - low) - 1) * apart / 12**0.5
    return float(values[last] + share * apart), open_still


@validate_call
def find_boundary(
    scan: Scan,
    probabilities: Any,
    name: str | None = None,
    *,
    rows: int | None = None,
    samples: int = 200,
    seed: int = 0,
) -> Boundary:
    """The coupling at which a phase is as likely as not, with its error.

    At each coupling probabilities are averaged; where the monotone curve nearest to
    the means crosses one half, interpolated, is the boundary. The bootstrap takes whole
    groups of each point anew, as Markov chains, or rows where a point has one group
    only; with `rows`, so many single rows, which tells what fewer snapshots would have
    found. Its error knows of the test data alone, not of the training, and is no less
    than what points leave open that are far apart for so steep a curve.

    Args:
        scan: What was classified.
        probabilities: Of the ordered phase, for each row, (rows,).
        name: Which coupling; None for the first.
        rows: Rows of each point in a sample of the bootstrap; None for whole groups, as
            many as there are.
        samples: How many samples of the bootstrap.
        seed: Their seed.

    Returns:
        The boundary.

    Raises:
        ShapeError: There are not as many probabilities as rows.

    Example:
        >>> bits = np.zeros((4, 1, 1, 1))
        >>> scan = Scan(("h",), [0.0, 1.0, 2.0, 3.0], ("Z",), bits, [0, 1, 2, 3])
        >>> round(find_boundary(scan, [1.0, 0.8, 0.2, 0.0]).coupling, 6)
        1.5
    """
    check_count("samples", samples, 2)
    check_count("seed", seed, 0, MOST_SEED)
    if rows is not None:
        check_count("rows", rows)
    chances = as_floats("probabilities", probabilities)
    if chances.shape != (len(scan),):
        raise ShapeError(
            f"probabilities: expected {len(scan)}, one for each row, got "
            f"{chances.shape}"
        )
    along = scan.along(name)
    values = np.unique(along)
    if len(values) < 2:
        raise DataError("scan: a boundary needs two couplings or more, got one")
    units: list[list[Floats]] = []  # of each coupling what is drawn anew
    for value in values:
        here = along == value
        groups = np.unique(scan.group[here])
        if len(groups) > 1 and rows is None:
            units.append([chances[here & (scan.group == each)] for each in groups])
        else:
            units.append(list(chances[here][:, None]))
    curve = np.array([chances[along == value].mean() for value in values])
    generator = np.random.default_rng(seed)
    sums = [np.array([[each.sum(), len(each)] for each in unit]) for unit in units]
    drawn = np.empty((samples, len(values)))
    for place, own in enumerate(sums):
        equal = np.full(len(own), 1 / len(own))
        counts = generator.multinomial(rows or len(own), equal, samples)
        total = counts @ own
        drawn[:, place] = total[:, 0] / total[:, 1]
    places = np.array([_crossing(values, each)[0] for each in drawn])
    there = places[~np.isnan(places)]
    known = len(there) > 0.9 * samples and min(map(len, units)) > 1
    found, apart = _crossing(values, curve)
    error = max(there.std(ddof=1), apart) if known else float("nan")
    return Boundary(found, float(error), values, curve, drawn.std(0, ddof=1))


def _moments(scan: Scan) -> Floats:
    """⟨m²⟩ and ⟨m⁴⟩ of each row, (rows, 2)."""
    squares = np.square(scan.spins[:, 0].astype(np.float64).mean(-1))
    return np.stack([squares.mean(-1), np.square(squares).mean(-1)], -1)


@validate_call
def binder_cumulant(scan: Scan) -> tuple[Floats, Floats]:
    """Binder's cumulant 1 − ⟨m⁴⟩ / 3⟨m²⟩² at each point, with its error.

    It is 2/3 in perfect order and 0 without any, and curves of different sizes cross
    near the critical coupling (Binder 1981).

    Args:
        scan: With snapshots in the basis Z…Z first.

    Returns:
        The cumulants and their errors by the jackknife over groups, (points,) each.

    Raises:
        DataError: A point has one group only.

    Example:
        >>> bits = np.zeros((2, 1, 3, 4))
        >>> scan = Scan(("T",), [1.0], ("ZZZZ",), bits, [0, 0], [0, 1])
        >>> binder_cumulant(scan)[0].round(6).tolist()
        [0.666667]
    """
    rows = _moments(scan)
    found, errors = [], []
    for point in range(len(scan.couplings)):
        here = scan.of == point
        groups = np.unique(scan.group[here])
        if len(groups) < 2:
            raise DataError(
                f"scan: an error needs two groups at each point, got {len(groups)} at "
                f"point {point}; prepare more chains"
            )
        means = np.stack([rows[here & (scan.group == g)].mean(0) for g in groups])
        if np.count_nonzero(means[:, 0]) < 2:
            raise DataError(
                f"scan: the spins of point {point} add up to zero in nearly all "
                "snapshots, so that there is no cumulant; take larger lattices or more "
                "snapshots"
            )
        whole, count = means.mean(0), len(groups)
        left = (count * whole - means) / (count - 1)
        kept = 1 - left[:, 1] / (3 * left[:, 0] ** 2)
        found.append(1 - whole[1] / (3 * whole[0] ** 2))
        errors.append(np.sqrt((count - 1) * kept.var()))
    return np.array(found), np.array(errors)


@validate_call
def binder_crossing(
    small: Scan, large: Scan, *, samples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Where the Binder cumulants of two sizes cross: an estimate of the critical point.

    The difference of the two is fitted by a line, with the weights of its errors, where
    both are between a tenth and nine tenths of their range.

    Args:
        small: Of the smaller lattice.
        large: Of the larger one, at the same points.
        samples: How many samples of the errors are drawn.
        seed: Their seed.

    Returns:
        The place and its error.

    Raises:
        DataError: The points differ, or fewer than three are near the crossing.
    """
    check_count("samples", samples, 2)
    check_count("seed", seed, 0, MOST_SEED)
    if not np.array_equal(small.couplings, large.couplings):
        raise DataError("large: expected the couplings of small, got others")
    (one, its), (two, own) = binder_cumulant(small), binder_cumulant(large)
    near = (np.minimum(one, two) > 0.2) & (np.maximum(one, two) < 0.655)
    values = small.couplings[near, 0]
    if len(values) < 3:
        raise DataError(
            f"couplings: expected three or more where cumulants fall, got {len(values)}"
            "; take more points near the transition"
        )
    gap, error = (two - one)[near], np.hypot(its, own)[near] + 1e-12
    shift = np.random.default_rng(seed).standard_normal((samples, len(values)))

    def root(gaps: Floats) -> float:
        slope, cut = np.polyfit(values, gaps, 1, w=1 / error)
        return float(-cut / slope)

    return root(gap), float(np.std([root(gap + s * error) for s in shift], ddof=1))


@validate_call
def extrapolate(
    sizes: Sequence[int],
    places: Sequence[float],
    errors: Sequence[float],
    nu: float = 1.0,
) -> tuple[float, float]:
    """The boundary of an infinite system, from those of several sizes.

    At size L the boundary is off by a L^(−1/ν), with some a: a straight line, fitted
    with the weights of the errors.

    Args:
        sizes: L, two or more that differ.
        places: The boundary of each.
        errors: Their errors, above 0.
        nu: The exponent of the correlation length; 1 of Ising's model in two
            dimensions.

    Returns:
        The place and its error.

    Raises:
        ArgumentError: There are too few sizes, or an error is not above 0.
        ShapeError: Not as many of each.

    Example:
        >>> place, error = extrapolate([8, 16], [2.6, 2.4], [0.01, 0.01])
        >>> round(place, 3), round(error, 3)
        (2.2, 0.022)
    """
    check_number("nu", nu, 0.0, float("inf"))
    given = {"sizes": sizes, "places": places, "errors": errors}
    numbers = [as_floats(name, as_items(each)) for name, each in given.items()]
    if len({each.shape for each in numbers}) > 1:
        raise ShapeError(
            "sizes, places, errors: expected as many of each, got "
            f"{[each.size for each in numbers]}"
        )
    lengths, found, spread = numbers
    if len(set(lengths.tolist())) < 2 or not (lengths > 0).all():
        raise ArgumentError(f"sizes: expected two that differ, got {list(lengths)}")
    if not (spread > 0).all() or not np.isfinite([found, spread]).all():
        raise ArgumentError("places, errors: expected finite numbers, errors above 0")
    design = (
        np.stack([np.ones_like(lengths), lengths ** (-1 / nu)], 1) / spread[:, None]
    )
    covariance = np.linalg.inv(design.T @ design)
    fit = covariance @ design.T @ (found / spread)
    return float(fit[0]), float(np.sqrt(covariance[0, 0]))


@validate_call
def fidelity_susceptibility(
    scan: Scan, name: str | None = None
) -> tuple[Floats, Floats]:
    """How fast states turn along a coupling: largest at the transition of their size.

    χ = −2 ln `|⟨ψ(g)|ψ(g + δ)⟩|` / δ² between neighbouring points (Gu 2010,
    arXiv:0811.3127).

    Args:
        scan: With states at points of one line.
        name: The coupling that changes along it; None for the first.

    Returns:
        The middles of neighbouring points, rising, and χ there.

    Raises:
        DataError: The scan has no states.
    """
    if scan.states is None:
        raise DataError("scan: expected one with states, got snapshots only")
    scan.along(name)  # refuses a strange name
    column = scan.couplings[:, scan.names.index(name or scan.names[0])]
    order = np.argsort(column)
    values, states = column[order], scan.states[order]
    steps = np.diff(values)
    if not (steps > 0).all():
        raise DataError("scan: expected one point for each value of the coupling")
    overlaps = np.abs((states[1:] * states[:-1]).sum(1))
    return values[:-1] + steps / 2, -2 * np.log(np.minimum(overlaps, 1)) / steps**2

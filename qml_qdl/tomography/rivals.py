"""Estimators side by side on the same measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import field, frozen

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MemoryBoundError,
)
from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.distributions import Histogram, LogLinear
from qml_qdl.tomography.estimator import (
    Estimator,
    Reconstruction,
    bootstrap,
    log_likelihood,
)
from qml_qdl.tomography.measurements import Measurements
from qml_qdl.tomography.named_estimators import ESTIMATORS

FOLDS = 4
"""Parts of the shots of each basis that are left out in turn."""


@frozen(eq=False)
class Rival:
    """One estimator's reconstruction, with its figures.

    Args:
        name: Its name.
        found: What it made of all shots.
        figures: Each figure of the state, by name.
        errors: Their standard errors by the bootstrap, by name; empty where none were
            asked for.
        held_out: The log likelihood of shots that were left out, for each shot; NaN
            where a basis has too few.
    """

    name: str
    found: Reconstruction
    figures: Mapping[str, float]
    errors: Mapping[str, float]
    held_out: float


@frozen(eq=False)
class Comparison:
    """Estimators side by side.

    Args:
        rivals: Those that could be fitted, in the order given.
        refused: Why others could not, by name.
    """

    rivals: tuple[Rival, ...]
    refused: Mapping[str, str] = field(factory=dict)

    def rows(self) -> list[list[str]]:
        """The table in words, a column for each estimator.

        An error follows in parentheses, in units of the last digit.
        """
        columns = [["", *self.rivals[0].figures, "held out", "chosen"]]
        for rival in self.rivals:
            cells = [
                f"{value:.4f}"
                + (f"({1e4 * rival.errors[name]:.0f})" if rival.errors else "")
                for name, value in rival.figures.items()
            ]
            chosen = [f"{name} {value:g}" for name, value in rival.found.chosen.items()]
            chosen += [] if rival.found.converged else ["not converged"]
            held_out = "" if np.isnan(rival.held_out) else f"{rival.held_out:.4f}"
            name = rival.name.replace("_", " ")
            columns.append([name, *cells, held_out, ", ".join(chosen)])
        return [list(row) for row in zip(*columns, strict=True)]

    def table(self) -> Any:
        """The table for the terminal, `rich.table.Table`: rich shows it."""
        from rich.table import Table

        first, *others = self.rows()
        table = Table()
        for name in first:
            table.add_column(name, justify="right" if name else "left")
        for row in others:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """The table for a report."""
        first, *others = self.rows()
        lines = [first, ["---"] * len(first), *others]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@validate_call
def named_rivals(permutations: Any = None, spin_flip: bool = False) -> dict[str, Any]:
    """All estimators that have names, with what they choose by themselves.

    But for neural ones, which take by far the longest and want to be told of a state.

    Args:
        permutations: Permutations of wires that leave amplitudes alone, as `Histogram`
            takes them; with these or a spin flip there is a symmetrised histogram, too.
        spin_flip: Whether turning all bits does.

    Returns:
        The estimators by name.

    Example:
        >>> list(named_rivals(spin_flip=True))[-2:]
        ['mps', 'symmetrised_histogram']
    """
    quick = {name: made for name, made in ESTIMATORS.items() if name != "neural"}
    found: dict[str, Any] = {name: made() for name, made in quick.items()}
    found["log_linear"] = LogLinear(permutations=permutations)
    if permutations is not None or spin_flip:
        symmetries = {"permutations": permutations, "spin_flip": spin_flip}
        found["symmetrised_histogram"] = Histogram(**symmetries)
    return found


@validate_call
def compare(
    data: Measurements,
    estimators: Any = None,
    *,
    state: DensityMatrix | None = None,
    hamiltonian: Any = None,
    repeats: int = 0,
    seed: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Comparison:
    """Fits estimators to the same measurements and puts them side by side.

    Those that cannot be fitted to such measurements, for want of bases say, are named
    with the reason.

    Args:
        data: The measurements.
        estimators: Estimators by name; None for `named_rivals()`.
        state: A state to be near to, for fidelity and trace distance.
        hamiltonian: An observable as `DensityMatrix.expectation` takes it, for the
            energy.
        repeats: Data sets drawn anew for error bars; 0 for no bars.
        seed: Where random numbers begin; None for others each time. The same shots are
            left out, and drawn anew, for all.
        tell: Is called with the name of each estimator before it is fitted.

    Returns:
        The comparison; figures are fidelity, trace distance, energy, purity and
        entropy in nats.

    Raises:
        ArgumentError: A number of repeats is 1.
        ArgumentTypeError: The estimators are none.
        DataError: None of them can be fitted.
        ShapeError: The state or the observable is of other wires.

    Example:
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> data = bell.sample(["ZZ"], 100, seed=0)
        >>> found = compare(data, state=bell, seed=0)
        >>> [rival.name for rival in found.rivals]
        ['histogram', 'log_linear', 'mps']
        >>> print(found.refused["inversion"][:40])
        measurements: inversion needs bases that
    """
    check_count("repeats", repeats, 0)
    if seed is not None:
        check_count("seed", seed, 0, MOST_SEED)
    if repeats == 1:
        raise ArgumentError("repeats: expected 0 for no bars, or at least 2, got 1")
    chosen = named_rivals() if estimators is None else estimators
    if not isinstance(chosen, Mapping) or not all(
        isinstance(each, Estimator) for each in chosen.values()
    ):
        raise ArgumentTypeError(
            "estimators: expected estimators by name, as {'mps': NonNegativeMPS()}, "
            f"got {type(chosen).__name__}"
        )
    start = int(Seeds(seed).next().integers(2**31))

    def figures(found: DensityMatrix) -> dict[str, float]:
        made = {}
        if state is not None:
            made["fidelity"] = found.fidelity(state)
            made["trace distance"] = found.trace_distance(state)
        if hamiltonian is not None:
            made["energy"] = found.expectation(hamiltonian)
        return made | {"purity": found.purity, "entropy": found.entropy()}

    figures(DensityMatrix.maximally_mixed(data.num_wires))  # before anything is fitted
    rivals, refused = [], {}
    for name, estimator in chosen.items():
        if tell is not None:
            tell(name)
        try:
            found = estimator.fit(data)
        except (ArgumentError, DataError, MemoryBoundError) as error:
            refused[name] = str(error)
            continue
        made = figures(found.state)
        errors: dict[str, float] = {}
        if repeats:
            spread = bootstrap(
                estimator, data, lambda each: [*figures(each).values()], repeats, start
            )
            errors = dict(zip(made, map(float, spread.error), strict=True))
        rivals.append(
            Rival(name, found, made, errors, _held_out(estimator, data, start))
        )
    if not rivals:
        reasons = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise DataError(f"measurements: no estimator can be fitted to them. {reasons}")
    return Comparison(tuple(rivals), refused)


def _held_out(estimator: Estimator, data: Measurements, seed: int) -> float:
    """The log likelihood of shots that were left out, for each shot."""
    if data.shots.min() < 2 * FOLDS:  # estimators may leave out some in turn
        return float("nan")
    parts = data.split(FOLDS, np.random.default_rng(seed))
    total = sum(log_likelihood(estimator.fit(rest).state, own) for rest, own in parts)
    return total / data.total_shots

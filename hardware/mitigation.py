"""Error mitigation of expectation values: readout errors, zero-noise extrapolation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, fields, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_flag,
    checked,
)

EXTRAPOLATIONS = ("linear", "exponential", "richardson")
"""Ways to extrapolate to zero noise."""

FOLDINGS = ("global", "gates")
"""Ways to make a circuit longer."""


def _scales(value: Sequence[int]) -> tuple[int, ...]:
    scales = as_items(value) or ()
    odd = all(isinstance(one, int) and one % 2 == 1 and one > 0 for one in scales)
    if not odd or scales[:1] != (1,) or len(set(scales)) < len(scales):
        raise ArgumentError(
            f"zne_scales: expected different odd numbers that begin with 1, got "
            f"{scales}; say (1, 3, 5), or (1,) for no extrapolation"
        )
    return scales


@frozen
class Mitigation:
    """How errors of a machine are mitigated in expectation values.

    Errors of reading are undone with the help of a calibration (Bravyi et al., 2021,
    arXiv:2006.14044), and noise is extrapolated to zero from longer circuits, which
    have more of it (Temme et al., 2017, arXiv:1612.02058). All goes in the same job:
    for each basis one circuit for each strength of the noise, with all rows, and one
    for the calibration of the qubits that it reads. It costs as many executions as
    there are strengths, and makes errors of shots larger.

    Expectation values and variances of Pauli words are mitigated; samples,
    probabilities and states cannot be.

    Args:
        readout: Whether errors of reading are undone.
        zne_scales: Strengths of the noise, odd numbers; (1,) for none but its own.
        extrapolation: "linear", "exponential" or "richardson".
        folding: "global" folds whole circuits, "gates" only gates on two qubits.
        calibration_rows: Rows that prepare `|0⟩`, and as many `|1⟩`, shared among the bases
            of one execution; each has one of both at least.

    Raises:
        ArgumentError: A value cannot be used.

    Example:
        >>> Mitigation.of("zne")
        Mitigation(readout=False, zne_scales=(1, 3, 5), extrapolation='exponential', folding='global', calibration_rows=4)
        >>> str(Mitigation.of("readout+zne"))
        'readout+zne'
    """  # noqa: E501

    readout: bool = field(default=True, validator=checked(check_flag))
    zne_scales: tuple[int, ...] = field(default=(1, 3, 5), converter=_scales)
    extrapolation: str = field(
        default="exponential",
        validator=checked(check_choice, EXTRAPOLATIONS),
    )
    folding: str = field(default="global", validator=checked(check_choice, FOLDINGS))
    calibration_rows: int = field(default=4, validator=checked(check_count))

    def __str__(self) -> str:
        done = {"readout": self.readout, "zne": len(self.zne_scales) > 1}
        return "+".join(name for name, wanted in done.items() if wanted) or "none"

    @classmethod
    def of(cls, mitigation: Any) -> Mitigation | None:
        """What an option `mitigation=` means.

        Args:
            mitigation: None, "readout", "zne", "readout+zne", a `Mitigation`, or the
                fields of one by name, as files have them.

        Raises:
            ArgumentError: It is another word.
            ArgumentTypeError: It is something else.
        """
        if mitigation is None or isinstance(mitigation, cls):
            return mitigation
        if isinstance(mitigation, Mapping) and set(mitigation) <= {
            one.name for one in fields(cls)
        }:
            return cls(**mitigation)
        if not isinstance(mitigation, str):
            raise ArgumentTypeError(
                f"mitigation: expected 'readout', 'zne', 'readout+zne' or a "
                f"Mitigation(...), got {mitigation!r}"
            )
        check_choice("mitigation", mitigation, ("readout", "zne", "readout+zne"))
        parts = mitigation.split("+")
        scales = (1, 3, 5) if "zne" in parts else (1,)
        return cls(readout="readout" in parts, zne_scales=scales)


def readings_of(
    zeros: NDArray[np.float64], ones: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What reading 0 and 1 counts as, so that the mean of Z is right.

    Args:
        zeros: (bits,) how often each bit read 1 where it was 0.
        ones: (bits,) how often it read 1 where it was 1.

    Returns:
        For each bit the values of 0 and 1, (bits, 2); 1 and -1 where nothing is
        misread. Values of several bits are multiplied.

    Raises:
        ArgumentError: A bit reads the same whatever it is.

    Example:
        >>> readings_of(np.array([0.1]), np.array([0.9])).round(2)
        array([[ 1.25, -1.25]])
    """
    told = ones - zeros
    if np.abs(told).min(initial=1.0) < 1e-3:
        raise ArgumentError(
            "mitigation: a qubit reads the same whatever it is, so nothing can be "
            "undone; choose other qubits by initial_layout"
        )
    readings: NDArray[np.float64] = np.stack([ones + zeros, ones + zeros - 2], axis=1)
    return readings / told[:, None]


def extrapolate(
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    scales: Sequence[int],
    extrapolation: str = "exponential",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Extrapolates expectation values to zero noise.

    "linear" fits a line, "richardson" the polynomial through all scales (Temme et al.,
    2017, arXiv:1612.02058), "exponential" a·exp(-bλ), as noise makes values of
    traceless observables decay; where values change their sign, or are within two
    standard errors of zero, it fits a line.

    Args:
        values: For each scale the values, (scales, ...).
        errors: Their standard errors, (scales, ...).
        scales: Strengths of the noise, such as (1, 3, 5); at least two.
        extrapolation: "linear", "exponential" or "richardson".

    Returns:
        Values without noise, and their errors, which are larger, as extrapolating is.

    Example:
        >>> noisy = np.array([[0.8], [0.512]])
        >>> extrapolate(noisy, np.zeros((2, 1)), (1, 3))[0].round(3)
        array([1.])
    """
    degree = len(scales) - 1 if extrapolation == "richardson" else 1
    # The first row of the pseudo-inverse gives the fit at zero from the values.
    powers = np.vander(np.asarray(scales, dtype=float), degree + 1, increasing=True)
    weights = np.linalg.pinv(powers)[0]
    found = np.tensordot(weights, values, 1)
    spread = np.sqrt(np.tensordot(weights**2, errors**2, 1))
    if extrapolation != "exponential":
        return found, spread
    sign = np.sign(values[0])
    clear = ((values * sign > 2 * errors) & (values != 0)).all(axis=0)
    sizes = np.where(clear, np.abs(values), 1.0)
    decay = np.exp(np.tensordot(weights, np.log(sizes), 1))
    relative = np.tensordot(weights**2, (errors / sizes) ** 2, 1)
    return (
        np.where(clear, sign * decay, found),
        np.where(clear, decay * np.sqrt(relative), spread),
    )

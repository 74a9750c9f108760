"""How errors of a machine are mitigated in expectation values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_choice, check_count

EXTRAPOLATIONS = ("linear", "exponential", "richardson")
"""Ways to extrapolate to zero noise."""

FOLDINGS = ("global", "gates")
"""Ways to make a circuit longer."""


def _scales(value: Sequence[int]) -> tuple[int, ...]:
    scales = tuple(value)
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
    one pub for each basis and strength of the noise, and one for the calibration. It
    costs as many executions as there are strengths, and makes errors of shots larger.

    Args:
        readout: Whether errors of reading are undone.
        zne_scales: Strengths of the noise, odd numbers; (1,) for none but its own.
        extrapolation: "linear", "exponential" or "richardson".
        folding: "global" folds whole circuits, "gates" only gates on two qubits.
        calibration_rows: Rows that prepare |0⟩, and as many |1⟩.

    Raises:
        ArgumentError: A value cannot be used.

    Example:
        >>> Mitigation.of("zne")
        Mitigation(readout=False, zne_scales=(1, 3, 5), extrapolation='exponential', folding='global', calibration_rows=4)
    """  # noqa: E501

    readout: bool = True
    zne_scales: tuple[int, ...] = field(default=(1, 3, 5), converter=_scales)
    extrapolation: str = field(
        default="exponential",
        validator=lambda _, a, v: check_choice(a.name, v, EXTRAPOLATIONS),
    )
    folding: str = field(
        default="global", validator=lambda _, a, v: check_choice(a.name, v, FOLDINGS)
    )
    calibration_rows: int = field(
        default=4, validator=lambda _, a, v: check_count(a.name, v)
    )

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
        if isinstance(mitigation, Mapping):
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

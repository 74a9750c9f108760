"""Options of a layer that only some targets understand, and that wait for those."""

from __future__ import annotations

from difflib import get_close_matches
from numbers import Integral
from typing import Any, Literal, TypeAlias

from attrs import evolve, field, fields, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

Shots: TypeAlias = int | Literal["keep"] | None
"""A number of shots, None for exact results, or "keep" for what was set before."""


def as_shots(shots: Any) -> Shots:
    """Checks a number of shots.

    Args:
        shots: A number, None or "keep".

    Returns:
        The same, a number as a plain one.

    Raises:
        ArgumentError: It is below 1.
        ArgumentTypeError: It is no whole number.
    """
    if shots is None or (isinstance(shots, str) and shots == "keep"):
        return "keep" if shots else None
    if isinstance(shots, bool) or not isinstance(shots, Integral):
        raise ArgumentTypeError(
            f"shots: expected a whole number, None or 'keep', got {shots!r}"
        )
    if int(shots) < 1:
        raise ArgumentError(
            f"shots: expected at least 1, or None for exact results, got {shots!r}"
        )
    return int(shots)


def _directions(_: Any, __: Any, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentTypeError(
            f"spsa_directions: expected a whole number, got {value!r}"
        )
    if value < 1:
        raise ArgumentError(f"spsa_directions: expected at least 1, got {value!r}")


def _fuse(_: Any, __: Any, value: Any) -> None:
    if value is not None and not isinstance(value, bool):
        raise ArgumentTypeError(f"fuse_gradient: expected True or False, got {value!r}")


def _level(_: Any, __: Any, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or value not in (0, 1, 2)):
        raise ArgumentError(f"resilience_level: expected 0, 1 or 2, got {value!r}")


@frozen
class TargetOptions:
    """What a layer tells targets that understand it; None leaves it to the target.

    Args:
        spsa_directions: With diff_method="spsa": directions of each estimate of the
            gradient, each of which costs two runs.
        fuse_gradient: On Qiskit: whether the runs that gradients need go into the job
            of the forward pass.
        resilience_level: On an IBM machine by its name: expectation values come from
            IBM's estimator, with its error mitigation of this level.

    Raises:
        ArgumentError: A value cannot be used.
        ArgumentTypeError: A value has a type that cannot be used.
    """

    spsa_directions: int | None = field(default=None, validator=_directions)
    fuse_gradient: bool | None = field(default=None, validator=_fuse)
    resilience_level: int | None = field(default=None, validator=_level)

    def changed(self, **options: Any) -> TargetOptions:
        """The options with some of them changed.

        Args:
            **options: Values by name; "keep" for the present one.

        Returns:
            New options.

        Raises:
            ArgumentError: A value cannot be used.
            ArgumentTypeError: There is no option of that name, or of that type.
        """
        names = [attribute.name for attribute in fields(TargetOptions)]
        for name in options:
            if name not in names:
                known = ["diff_method", *names]
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ArgumentTypeError(
                    f"{name}: a layer has no such option, but {', '.join(known)}{hint}"
                )
        return evolve(self, **{k: v for k, v in options.items() if v != "keep"})

"""Target options, in one value that every part of the house hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from types import MappingProxyType
from typing import Any, Self

from attrs import evolve, field, fields, frozen
from attrs.validators import optional

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    as_items,
    check_choice,
    check_count,
    check_flag,
    check_number,
    check_path,
    check_text,
    checked,
)
from qml_qdl.hardware.keywords import Repairs, refuse_keyword
from qml_qdl.hardware.mitigation import Mitigation

ROUTES = ("sampler", "estimator")
"""How expectation values with shots are measured."""

PULSES = ("XX", "XpXm", "XY4")
"""Sequences of dynamical decoupling."""

GRADIENTS = ("parameter-shift", "spsa")
"""How devices that run circuits in jobs compute gradients."""

ASKED = (
    "route",
    "gradient",
    "spsa_directions",
    "spsa_step",
    "fuse_gradient",
    "merge_rows",
    "mitigation",
)
"""Options of how an executor is asked; all others make another executor."""


def _checked(check: Callable[..., None], *arguments: Any) -> Any:
    """A check of a field; what was left open passes."""
    return optional(checked(check, *arguments))


def _layout(value: Sequence[int] | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    places = as_items(value)
    if places is None or not all(isinstance(place, Integral) for place in places):
        raise ArgumentTypeError(
            f"initial_layout: expected the machine's qubit of each wire, such as "
            f"[4, 3, 2], got {value!r}"
        )
    return tuple(map(int, places))


def _mitigation(value: Any) -> Mitigation | None:
    return Mitigation.of(value)


@frozen(kw_only=True)
class TargetOptions:
    """What a target is told beside circuits and shots; None leaves it open.

    Args:
        seed: Seed of local shots and of SPSA's directions, a stream of their own; None
            has them follow torch's global generator (`torch.manual_seed`).
        mitigation: How the machine's errors are mitigated in expectation values:
            "readout", "zne", "readout+zne" or a `Mitigation`.
        gradient: "parameter-shift", exact but for shots, and what is done if left open;
            "spsa", an estimate from few rows.
        spsa_directions: Directions of an estimate, 1 if left open; each costs two rows
            for each row.
        spsa_step: How far SPSA goes along them, in radians; 0.2 if left open.
        fuse_gradient: Whether the rows that gradients need are sent together with the
            plain ones, so that a training step is one job, as is done if left open;
            else they are sent on the way back, and only then.
        merge_rows: Whether equal rows are sent once although there are shots; they then
            share their noise.
        route: "sampler" measures groups of Pauli words that go together, and only the
            wires they need; "estimator" has the backend's estimator do it, with its
            error mitigation. "sampler" if left open.
        resilience_level: Error mitigation of IBM's estimator, 0, 1 or 2.
        account: Name of a saved IBM account; None for the default one.
        max_qpu_seconds: A job that would take more is refused; 60 if left open.
        session: Whether IBM's jobs run in a session, which counts time between jobs,
            too, and which the Open plan has not.
        dynamical_decoupling: On IBM's machines: whether idle times of qubits are filled
            with pulses, or which: "XX", "XpXm" or "XY4".
        twirling: On IBM's machines: whether gates are twirled; None leaves it to the
            resilience level.
        journal: The journal of jobs, or its file.
        run: Identity of the run in the journal: a program that is run again under it
            finds its results. None for one that never comes again.
        method: Aer's method: "statevector", "density_matrix", "matrix_product_state" or
            "stabilizer"; None lets Aer choose.
        noise_model: Aer's noise model; None for that of the backend.
        optimization_level: Of Qiskit's transpiler, 0 to 3; None for 3 on machines where
            not all qubits are coupled; elsewhere gates are only translated.
        seed_transpiler: Seed of the transpiler; 0 if left open.
        initial_layout: The machine's qubit of each wire; None lets Qiskit choose.
        pass_manager: A Qiskit pass manager in place of the usual one.
        cache: Folder where transpiled circuits are kept; "default" for the
            environment's QML_QDL_CACHE or the platform's cache folder, None for memory
            only. Those for Aer without a machine are kept in memory in any case.

    Raises:
        ArgumentError: A value cannot be used.
        ArgumentTypeError: A value has a type that cannot be used.

    Example:
        >>> options = TargetOptions(seed=3, mitigation="readout")
        >>> options.changed(seed=4).seed
        4
    """

    seed: int | None = field(
        default=None, validator=_checked(check_count, 0, MOST_SEED)
    )
    mitigation: Mitigation | None = field(default=None, converter=_mitigation)
    gradient: str | None = field(
        default=None, validator=_checked(check_choice, GRADIENTS)
    )
    spsa_directions: int | None = field(
        default=None, validator=_checked(check_count, 1)
    )
    spsa_step: float | None = field(default=None, validator=_checked(check_number))
    fuse_gradient: bool | None = field(default=None, validator=_checked(check_flag))
    merge_rows: bool | None = field(default=None, validator=_checked(check_flag))
    route: str | None = field(default=None, validator=_checked(check_choice, ROUTES))
    resilience_level: int | None = field(
        default=None, validator=_checked(check_choice, (0, 1, 2))
    )
    account: str | None = field(default=None, validator=_checked(check_text))
    max_qpu_seconds: float | None = field(
        default=None, validator=_checked(check_number)
    )
    session: bool | None = field(default=None, validator=_checked(check_flag))
    dynamical_decoupling: bool | str | None = field(
        default=None, validator=_checked(check_choice, (True, False, *PULSES))
    )
    twirling: bool | None = field(default=None, validator=_checked(check_flag))
    journal: Any = None
    run: str | None = field(default=None, validator=_checked(check_text))
    method: str | None = field(default=None, validator=_checked(check_text))
    noise_model: Any = None
    optimization_level: int | None = field(
        default=None, validator=_checked(check_choice, (0, 1, 2, 3))
    )
    seed_transpiler: int | None = field(
        default=None, validator=_checked(check_count, 0)
    )
    initial_layout: tuple[int, ...] | None = field(default=None, converter=_layout)
    pass_manager: Any = None
    cache: Any = field(default="default", validator=_checked(check_path))

    def __attrs_post_init__(self) -> None:
        if self.mitigation is not None and self.resilience_level:
            raise ArgumentError(
                f"mitigation: it measures by the sampler, but resilience_level="
                f"{self.resilience_level} is of IBM's estimator; give one of the two"
            )
        if self.mitigation is not None and self.route == "estimator":
            raise ArgumentError(
                "mitigation: it measures by the sampler, got route='estimator'; leave "
                "one of both out"
            )

    def changed(
        self,
        owner: str = "a target",
        known: Sequence[str] | None = None,
        also: Sequence[str] = (),
        repairs: Repairs = MappingProxyType({}),
        /,
        **options: Any,
    ) -> Self:
        """The options with some of them changed.

        Args:
            owner: Whose options they are, for the message.
            known: Those it has; None for all.
            also: What else goes by name there, for the message.
            repairs: What to do instead of other names.
            **options: Values by name; "keep" for the present one.

        Returns:
            New options.

        Raises:
            ArgumentError: A value cannot be used.
            ArgumentTypeError: There is no option of that name, or of that type.
        """
        names = known or [attribute.name for attribute in fields(type(self))]
        for name in options:
            if name not in names:
                raise refuse_keyword(name, owner, [*also, *names], repairs)
        return evolve(self, **{k: v for k, v in options.items() if v != "keep"})

    def completed(self) -> Self:
        """The options as a device has them, nothing of how it is asked left open.

        Raises:
            ArgumentError: A resilience level needs another route.
        """
        usual: Mapping[str, Any] = {
            "route": "sampler",
            "gradient": "parameter-shift",
            "spsa_directions": 1,
            "spsa_step": 0.2,
            "fuse_gradient": True,
            "merge_rows": False,
        }
        missing = {k: v for k, v in usual.items() if getattr(self, k) is None}
        complete = evolve(self, **missing)
        if complete.resilience_level and complete.route != "estimator":
            raise ArgumentError(
                f"resilience_level: the estimator mitigates errors, got level "
                f"{complete.resilience_level} with route={complete.route!r}; add "
                "route='estimator', or leave the level out"
            )
        return complete

    @property
    def given(self) -> frozenset[str]:
        """The names of what was not left open, nor declined by False or level 0."""
        values = {one.name: getattr(self, one.name) for one in fields(type(self))}
        declined = {"resilience_level": 0}
        return frozenset(
            name
            for name, value in values.items()
            if value is not None and value is not False and value != declined.get(name)
        )

    @property
    def settled(self) -> Self:
        """Those options that another executor is made for when they change."""
        return evolve(self, **dict.fromkeys((*ASKED, "seed")))

    @property
    def placed(self) -> bool:
        """Whether each wire has its place on the machine."""
        return self.initial_layout is not None or self.pass_manager is not None

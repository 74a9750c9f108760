"""The options of `qdl.qiskit`, checked before anything is built or sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from os import PathLike
from typing import Any

from attrs import evolve, field, fields, frozen
from attrs.validators import optional

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.hardware.mitigation import Mitigation

ROUTES = ("sampler", "estimator")
"""How expectation values with shots are measured."""

PULSES = ("XX", "XpXm", "XY4")
"""Sequences of dynamical decoupling."""

GRADIENTS = ("parameter-shift", "spsa")
"""How gradients are computed."""

_OWN = frozenset(
    {
        "route",
        "gradient",
        "spsa_directions",
        "spsa_step",
        "fuse_gradient",
        "merge_rows",
        "mitigation",
    }
)
"""Options that concern only what is asked of an executor."""


def _one_of(*allowed: Any, flag: bool = False) -> Callable[[Any, Any, Any], None]:
    def check(_: Any, attribute: Any, value: Any) -> None:
        known = flag if isinstance(value, bool) else value in allowed
        if not known:
            names = ", ".join(map(repr, allowed))
            raise ArgumentError(
                f"{attribute.name}: expected one of {names}, got {value!r}"
            )

    return check


def _whole(least: int) -> Callable[[Any, Any, Any], None]:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ArgumentTypeError(
                f"{attribute.name}: expected a whole number, got {value!r}"
            )
        if value < least:
            raise ArgumentError(
                f"{attribute.name}: expected at least {least}, got {value!r}"
            )

    return check


def _positive(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{attribute.name}: expected a number, got {value!r}")
    if not float(value) > 0:
        raise ArgumentError(
            f"{attribute.name}: expected a number above 0, got {value!r}"
        )


def _yes_or_no(_: Any, attribute: Any, value: Any) -> None:
    # A command line gives numbers, as does pl-device-test.
    if value not in (True, False):
        raise ArgumentTypeError(
            f"{attribute.name}: expected True or False, got {value!r}"
        )


def _folder(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not isinstance(value, str | PathLike):
        raise ArgumentTypeError(
            f"{attribute.name}: expected the path of a folder, 'default', or None for "
            f"memory only, got {value!r}"
        )


def _layout(value: Sequence[int] | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ArgumentTypeError(
            f"initial_layout: expected the machine's qubit of each wire, such as "
            f"[4, 3, 2], got {value!r}"
        )
    return tuple(value)


def _mitigation(value: Any) -> Mitigation | None:
    return Mitigation.of(value)


@frozen(kw_only=True)
class QiskitOptions:
    """The options of the device `qdl.qiskit`.

    Args:
        backend: "aer"; "aer:fake_torino" or "fake_torino", Aer with the noise stored
            for that machine; "aer:ibm_torino", Aer with today's calibration;
            "ibm:ibm_torino", "ibm:least_busy"; or a Qiskit `BackendV2`.
        method: Aer's method, such as "statevector", "density_matrix",
            "matrix_product_state", "stabilizer"; None lets Aer choose.
        noise_model: Aer's noise model; None for that of the backend.
        optimization_level: Of Qiskit's transpiler, 0 to 3; None for the backend's
            usual one.
        seed_transpiler: Seed of the transpiler.
        initial_layout: The machine's qubit of each wire; None lets Qiskit choose.
        pass_manager: A Qiskit pass manager in place of the usual one.
        seed: Seed of local samples and of SPSA's directions; None for new samples each
            time.
        route: "sampler" measures groups of Pauli words that go together, and only the
            wires they need; "estimator" has the backend's estimator do it, with its
            error mitigation.
        resilience_level: Error mitigation of the estimator, 0, 1 or 2; None for 0.
        dynamical_decoupling: On IBM's machines: whether idle times of qubits are filled
            with pulses, or which: "XX", "XpXm" or "XY4".
        twirling: On IBM's machines: whether gates are twirled; None leaves it to the
            resilience level.
        gradient: "parameter-shift", exact but for shots; "spsa", an estimate from few
            rows.
        spsa_directions: Directions of an estimate; each costs two rows for each row.
        spsa_step: How far SPSA goes along them, in radians.
        fuse_gradient: Whether the rows that gradients need are sent together with the
            plain ones, so that a training step is one job; else they are sent on the
            way back, and only then.
        merge_rows: Whether equal rows are sent once although there are shots; they then
            share their noise.
        mitigation: How errors of the machine are mitigated in expectation values:
            "readout", "zne", "readout+zne" or a `Mitigation`; None for not at all.
        cache: Folder where transpiled circuits are kept; "default" for the user's,
            None for memory only.
        account: Name of a saved IBM account; None for the default one.
        session: Whether IBM's jobs run in a session, which counts time between jobs,
            too, and which the Open plan has not.
        journal: File of the journal of jobs.
        run: Identity of the run in the journal: a program that is run again under it
            finds its results. None for one that never comes again.
        max_qpu_seconds: A job that would take more is refused.

    Raises:
        ArgumentError: A value cannot be used.
        ArgumentTypeError: A value has a type that cannot be used.
    """

    backend: Any = "aer"
    method: str | None = None
    noise_model: Any = None
    optimization_level: int | None = field(
        default=None, validator=_one_of(None, 0, 1, 2, 3)
    )
    seed_transpiler: int = field(default=0, validator=_whole(0))
    initial_layout: tuple[int, ...] | None = field(default=None, converter=_layout)
    pass_manager: Any = None
    seed: int | None = field(default=None, validator=optional(_whole(0)))
    route: str = field(default="sampler", validator=_one_of(*ROUTES))
    resilience_level: int | None = field(default=None, validator=_one_of(None, 0, 1, 2))
    dynamical_decoupling: bool | str | None = field(
        default=None, validator=_one_of(None, *PULSES, flag=True)
    )
    twirling: bool | None = field(default=None, validator=optional(_yes_or_no))
    gradient: str = field(default="parameter-shift", validator=_one_of(*GRADIENTS))
    spsa_directions: int = field(default=1, validator=_whole(1))
    spsa_step: float = field(default=0.2, validator=_positive)
    fuse_gradient: bool = field(default=True, validator=_yes_or_no)
    merge_rows: bool = field(default=False, validator=_yes_or_no)
    mitigation: Mitigation | None = field(default=None, converter=_mitigation)
    cache: Any = field(default="default", validator=_folder)
    account: str | None = None
    session: bool = field(default=False, validator=_yes_or_no)
    journal: Any = None
    run: str | None = None
    max_qpu_seconds: float | None = field(default=None, validator=optional(_positive))

    def __attrs_post_init__(self) -> None:
        if self.resilience_level and self.route != "estimator":
            raise ArgumentError(
                f"resilience_level: the estimator mitigates errors, got level "
                f"{self.resilience_level} with route={self.route!r}; add "
                "route='estimator', or leave the level out"
            )
        if self.mitigation is not None and self.route == "estimator":
            raise ArgumentError(
                "mitigation: it measures by the sampler, got route='estimator'; leave "
                "one of both out"
            )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> QiskitOptions:
        """Options by name.

        Args:
            options: Values by name.

        Returns:
            The options.

        Raises:
            ArgumentTypeError: There is no option of that name, or of that type.
            ArgumentError: A value cannot be used.
        """
        names = [attribute.name for attribute in fields(cls)]
        for name in options:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ArgumentTypeError(
                    f"{name}: qdl.qiskit has no such option, but {', '.join(names)}"
                    f"{hint}"
                )
        return cls(**options)

    def changed(self, **options: Any) -> QiskitOptions:
        """The options with others of what is asked of an executor.

        Args:
            **options: Values by name.

        Returns:
            New options.

        Raises:
            ArgumentTypeError: An option concerns the executor itself.
            ArgumentError: A value cannot be used.
        """
        fixed = sorted(options.keys() - _OWN)
        if fixed:
            raise ArgumentTypeError(
                f"{', '.join(fixed)}: expected options among {', '.join(sorted(_OWN))};"
                " make a new device for others"
            )
        return evolve(self, **options)

    def for_executor(self) -> tuple[Any, dict[str, Any]]:
        """The backend, and those options that its executor is to know.

        Returns:
            The backend and options by name, without those that were left open.
        """
        options = {
            attribute.name: getattr(self, attribute.name)
            for attribute in fields(QiskitOptions)
            if attribute.name not in _OWN
        }
        backend = options.pop("backend")
        given = {k: v for k, v in options.items() if v is not None}
        return backend, {**given, "cache": self.cache}

    @property
    def placed(self) -> bool:
        """Whether each wire has its place on the machine."""
        return self.initial_layout is not None or self.pass_manager is not None

"""Which targets can be used here, and if not, why."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import pennylane as qml
from attrs import evolve, frozen
from pennylane.devices import ExecutionConfig

from qml_qdl.circuits import AngleEncoding, Circuit
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.packages import missing_package
from qml_qdl.circuits.validation import validate_call
from qml_qdl.hardware.device import Traits
from qml_qdl.hardware.targets import available_targets, make_device
from qml_qdl.hardware.traits import traits_of

_ANGLE = 0.3
_LONGEST = 160


@frozen(kw_only=True)
class TargetStatus:
    """Whether a target can be used here, and what it can do.

    Args:
        name: The target, or the form of its name.
        usable: Whether it ran a circuit, or its service let the account in; None where
            the service was not asked.
        note: Why it cannot be used and what to do, or what else there is to know.
        traits: What layers ask of its device; None where it cannot be made.
        gradients: Its own ways to gradients, besides PennyLane's.
    """

    name: str
    usable: bool | None
    note: str = ""
    traits: Traits | None = None
    gradients: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether it gives exact results, too; machines give shots only."""
        return not self.name.startswith("ibm:")


@validate_call
def survey_targets(
    *, online: bool = False, account: str | None = None
) -> tuple[TargetStatus, ...]:
    """Tries every target that is known here.

    Each local one runs a circuit of one wire. IBM is not asked anything unless
    `online` says so: whether an account is saved is read from Qiskit's file and the
    environment, and no credential is shown.

    Args:
        online: Whether IBM is asked which machines the account may use.
        account: The name of an account that Qiskit saved; None for the one in Qiskit's
            environment variables, or else the default one.

    Returns:
        One entry for each of `available_targets()`, in its order.

    Example:
        >>> found = {one.name: one for one in survey_targets()}
        >>> found["qdl.simulator"].usable, found["lightning.qubit"].gradients
        (True, ('adjoint',))
    """
    return tuple(_survey(online, account))


@validate_call
def stored_machines() -> tuple[str, ...]:
    """The machines whose noise is stored, as "aer:NAME" takes them.

    Raises:
        MissingPackageError: IBM's client, which keeps them, is not installed.

    Example:
        >>> "fake_torino" in stored_machines()
        True
    """
    from qml_qdl.hardware.qiskit.ibm.fakes import fake_names

    return tuple(fake_names())


def _survey(online: bool, account: str | None) -> Iterator[TargetStatus]:
    machines: TargetStatus | None = None
    for name in available_targets():
        if name == "aer:fake_NAME":
            yield _tried(name, "aer:fake_manila")
        elif "ibm" in name:
            machines = machines or _machines(online, account)
            yield evolve(machines, name=name)
        else:
            yield _tried(name, name)


def _tried(name: str, target: str) -> TargetStatus:
    """Runs ⟨Z⟩ of one turn of one wire."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of devices that are only looked at
            device = make_device(target, [0])
            circuit = Circuit((AngleEncoding(1),))
            result = float(qml.QNode(circuit, device)([_ANGLE])[0])
    except Exception as error:  # any package's, told in a word
        return TargetStatus(name=name, usable=False, note=_reason(error, name))
    if not math.isclose(result, math.cos(_ANGLE), abs_tol=0.1):
        said = f"it computes nothing: <Z> after RY({_ANGLE}) is {result:g}"
        return TargetStatus(name=name, usable=False, note=said)
    traits = traits_of(device)
    exact = tuple(
        method
        for method in ("adjoint", "backprop")
        if device.supports_derivatives(ExecutionConfig(gradient_method=method))
    )
    return TargetStatus(
        name=name, usable=True, traits=traits, gradients=exact + traits.gradients
    )


def _reason(error: Exception, name: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        error = missing_package(error) or error
    said = " ".join(str(error).split()) or type(error).__name__
    said = said.removeprefix(f"target: {name!r} cannot be made here: ")
    if isinstance(error, QdlError) or len(said) <= _LONGEST:
        return said
    return f"{said[:_LONGEST]}…"


def _machines(online: bool, account: str | None) -> TargetStatus:
    """What is to be said of all targets for which IBM is asked."""
    try:
        from qml_qdl.hardware.qiskit.device import QiskitDevice
        from qml_qdl.hardware.qiskit.ibm.account import REPAIR, known_accounts
        from qml_qdl.hardware.qiskit.ibm.machines import machine_names

        traits = QiskitDevice.traits
        asked = TargetStatus(
            name="ibm", usable=None, traits=traits, gradients=traits.gradients
        )
        if online:
            there = ", ".join(machine_names(account)) or "no machine"
            return evolve(asked, usable=True, note=f"IBM has {there}")
        known = [each for each in known_accounts() if account in (None, each)]
    except (QdlError, ModuleNotFoundError) as error:
        return TargetStatus(name="ibm", usable=False, note=_reason(error, "ibm"))
    if not known:
        which = "of IBM's" if account is None else repr(account)
        note = f"Qiskit has saved no account {which}; {REPAIR}"
        return TargetStatus(name="ibm", usable=False, note=note)
    return evolve(asked, note=f"IBM was not asked; account: {', '.join(known)}")

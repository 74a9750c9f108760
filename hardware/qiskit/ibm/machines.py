"""IBM's machines by name."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from qiskit.providers.exceptions import QiskitBackendNotFoundError

from qml_qdl.circuits.errors import ServiceError, TargetError
from qml_qdl.hardware.qiskit.ibm.account import call, open_service
from qml_qdl.hardware.qiskit.ibm.service import RetryingService
from qml_qdl.hardware.qiskit.ibm.transport import RetryPolicy

PREFIX = "ibm:"
LEAST_BUSY = "least_busy"

_choosing = threading.Lock()
_chosen: dict[str, str] = {}
"""The machines that "least_busy" stands for in this process, by account."""


def forget_least_busy() -> None:
    """Has IBM asked again which machine is the least busy, the next time it matters.

    "ibm:least_busy" is chosen once for a process and an account, so that all layers of
    a model run on one machine. Layers that ran before stay where they are.

    Example:
        >>> forget_least_busy()
    """
    with _choosing:
        _chosen.clear()


def service_backend(
    name: str, account: str | None = None, retry: RetryPolicy | None = None
) -> Any:
    """A machine of IBM's as it is today.

    Args:
        name: The machine, as "ibm_torino", "ibm:ibm_torino" or "ibm:least_busy".
        account: The name of an account that Qiskit saved; None for the one in Qiskit's
            environment variables, or else the default one.
        retry: How often, and how long, IBM is asked again when it does not answer.

    Returns:
        A `BackendV2` with the machine's present properties.

    Raises:
        AccountError: There is no such account, or IBM does not let it in.
        ServiceError: IBM cannot be reached.
        TargetError: There is no such machine.
    """
    service = open_service(account, retry or RetryPolicy())
    return find_machine(service, account, name, None)


def machine_names(
    account: str | None = None, retry: RetryPolicy | None = None
) -> tuple[str, ...]:
    """The machines that an account may use.

    Args:
        account: The name of an account that Qiskit saved; None for the one in Qiskit's
            environment variables, or else the default one.
        retry: How often, and how long, IBM is asked again when it does not answer.

    Returns:
        Their names, sorted.

    Raises:
        AccountError: There is no such account, or IBM does not let it in.
        ServiceError: IBM cannot be reached.
    """
    service = open_service(account, retry or RetryPolicy())
    return tuple(_names(service, account))


def find_machine(
    service: RetryingService, account: str | None, name: str, min_num_qubits: int | None
) -> Any:
    """Looks a machine up.

    "ibm:least_busy" is the machine that it was before in this process for the same
    account and number of qubits, until `forget_least_busy`.

    Args:
        service: The service.
        account: The name of the account, for messages.
        name: The machine, with or without "ibm:" before it.
        min_num_qubits: How many qubits "ibm:least_busy" must have.

    Returns:
        IBM's backend, with its properties loaded.

    Raises:
        AccountError: IBM does not let us in.
        ServiceError: IBM does not answer.
        TargetError: There is no such machine, or no longer the one chosen before.
    """
    machine = name.removeprefix(PREFIX)
    if machine == LEAST_BUSY:
        return _least_busy(service, account, min_num_qubits)
    found = _reach(service, account, machine, None)
    if found is None:
        raise _unknown(service, account, repr(machine))
    return found


def _least_busy(
    service: RetryingService, account: str | None, min_num_qubits: int | None
) -> Any:
    key = _choice_key(service, min_num_qubits)
    with _choosing:
        before = _chosen.get(key)
        found = _reach(service, account, before or LEAST_BUSY, min_num_qubits)
        if found is not None:
            _chosen[key] = found.name
            return found
    if before is not None:
        repair = "; to choose anew call qml_qdl.hardware.forget_least_busy()"
        was = f"{before!r}, which 'ibm:least_busy' has been so far,"
        raise _unknown(service, account, was, repair)
    asked = f" with {min_num_qubits} qubits" if min_num_qubits else ""
    raise _unknown(service, account, f"{LEAST_BUSY!r}{asked}")


def _choice_key(service: RetryingService, min_num_qubits: int | None) -> str:
    """What tells one account from others, without showing its credential."""
    given = sorted((service.active_account() or {}).items())
    return hashlib.sha256(repr((given, min_num_qubits)).encode()).hexdigest()


def _reach(
    service: RetryingService,
    account: str | None,
    machine: str,
    min_num_qubits: int | None,
) -> Any:
    """IBM's backend; None where there is no such machine."""

    def fetch() -> Any:
        try:
            if machine == LEAST_BUSY:
                backend = service.least_busy(min_num_qubits=min_num_qubits)
            else:
                backend = service.backend(machine)
        except QiskitBackendNotFoundError:
            # IBM's client also says so where the service did not answer.
            wire = service.adapter.call
            if wire.failure is not None or wire.wrong is not None:
                raise
            if machine in service.listed_machines():
                raise ServiceError(
                    f"IBM: {machine} is listed, but IBM's client cannot read its "
                    "configuration; try again later, or use another machine"
                ) from None
            return None
        # Fetched and read now, when a service that does not answer as it should gives
        # a clear error.
        backend.properties()
        _ = backend.target
        return backend

    return call(service, account, f"reach the machine {machine!r}", fetch)


def _unknown(
    service: RetryingService, account: str | None, what: str, repair: str = ""
) -> TargetError:
    names = ", ".join(_names(service, account)) or "none"
    return TargetError(
        f"target: IBM has no machine {what} for this account; there are: {names}"
        f"{repair}"
    )


def _names(service: RetryingService, account: str | None) -> list[str]:
    there = call(service, account, "list the machines", service.backends)
    return sorted(backend.name for backend in there)

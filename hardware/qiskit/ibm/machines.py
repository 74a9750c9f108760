"""IBM's machines by name."""

from __future__ import annotations

from typing import Any

from qiskit.providers.exceptions import QiskitBackendNotFoundError

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.ibm.account import call, open_service
from qml_qdl.hardware.qiskit.ibm.patience import Patience
from qml_qdl.hardware.qiskit.ibm.service import PatientService

PREFIX = "ibm:"
LEAST_BUSY = "least_busy"


def service_backend(
    name: str, account: str | None = None, patience: Patience | None = None
) -> Any:
    """A machine of IBM's as it is today.

    Args:
        name: The machine, as "ibm_torino", "ibm:ibm_torino" or "ibm:least_busy".
        account: The name of an account that Qiskit saved; None for the one in Qiskit's
            environment variables, or else the default one.
        patience: How often, and how long, IBM is asked again when it does not answer.

    Returns:
        A `BackendV2` with the machine's present properties.

    Raises:
        AccountError: There is no such account, or IBM does not let it in.
        ServiceError: IBM cannot be reached.
        TargetError: There is no such machine.
    """
    service = open_service(account, patience or Patience())
    return find_machine(service, account, name, None)


def find_machine(
    service: PatientService, account: str | None, name: str, min_num_qubits: int | None
) -> Any:
    """Looks a machine up.

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
        TargetError: There is no such machine.
    """
    machine = name.removeprefix(PREFIX)

    def fetch() -> Any:
        try:
            if machine == LEAST_BUSY:
                backend = service.least_busy(min_num_qubits=min_num_qubits)
            else:
                backend = service.backend(machine)
        except QiskitBackendNotFoundError:
            # IBM's client also says so where the service did not answer.
            if service.adapter.call.failure is None:
                return None
            raise
        # Fetched now, when a service that does not answer gives a clear error.
        backend.properties()
        return backend

    found = call(service, account, f"reach the machine {machine!r}", fetch)
    if found is None:
        there = call(service, account, "list the machines", service.backends)
        names = ", ".join(sorted(backend.name for backend in there)) or "none"
        asked = f" with {min_num_qubits} qubits" if min_num_qubits else ""
        raise TargetError(
            f"target: IBM has no machine {machine!r}{asked} for this account; there "
            f"are: {names}"
        )
    return found

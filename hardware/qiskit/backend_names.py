"""The names of backends."""

from __future__ import annotations

from attrs import frozen

from qml_qdl.circuits.errors import TargetError

FORMS = (
    "'aer', 'aer:fake_NAME' or 'fake_NAME' (Aer with a machine's stored noise), "
    "'aer:ibm_NAME' (Aer with today's calibration of a machine), 'ibm:ibm_NAME', "
    "'ibm:least_busy', or a qiskit BackendV2"
)
"""What a backend can be, in words."""


@frozen
class BackendName:
    """A backend's name, read.

    Args:
        place: "aer" for a simulation here, "ibm" for the machine itself.
        machine: Name of the machine, or None for the ideal simulator.
    """

    place: str
    machine: str | None


def parse_backend(name: str) -> BackendName:
    """Reads a backend's name.

    Args:
        name: The name.

    Returns:
        Its parts.

    Raises:
        TargetError: It is no name of a backend.

    Example:
        >>> parse_backend("fake_torino")
        BackendName(place='aer', machine='fake_torino')
    """
    place, colon, machine = name.partition(":")
    if name == "aer":
        return BackendName("aer", None)
    if name.startswith("fake_") and not colon:
        return BackendName("aer", name)
    if place == "aer" and machine.startswith(("fake_", "ibm_")):
        return BackendName("aer", machine)
    if place == "ibm" and machine and not machine.startswith("fake_"):
        return BackendName("ibm", machine)
    hint = ""
    if name.startswith("ibm_"):
        hint = f"; for the machine itself say 'ibm:{name}'"
    elif place == "ibm" and machine.startswith("fake_"):
        hint = f"; stored machines are simulated here: say 'aer:{machine}'"
    raise TargetError(f"backend: expected {FORMS}, got {name!r}{hint}")

"""The stored machines of qiskit-ibm-runtime, by name."""

from __future__ import annotations

import inspect

from qiskit.providers import BackendV2
from qiskit_ibm_runtime import fake_provider

from qml_qdl.circuits.errors import TargetError
from qml_qdl.circuits.validation import did_you_mean


def fake_names() -> dict[str, type[BackendV2]]:
    """All stored machines.

    Returns:
        Their classes by name, "fake_torino" for one.
    """
    found = {}
    for _, one in inspect.getmembers(fake_provider, inspect.isclass):
        name = getattr(one, "backend_name", None)
        if isinstance(name, str) and issubclass(one, BackendV2):
            found[name] = one
    return dict(sorted(found.items()))


def make_fake(name: str) -> BackendV2:
    """A stored machine.

    Args:
        name: Its name, "fake_torino" for one.

    Returns:
        The machine.

    Raises:
        TargetError: There is none of this name.

    Example:
        >>> make_fake("fake_manila").num_qubits
        5
    """
    names = fake_names()
    if name not in names:
        raise TargetError(
            f"backend: unknown stored machine {name!r}{did_you_mean(name, names)}; "
            f"there are: {', '.join(names)}"
        )
    return names[name]()

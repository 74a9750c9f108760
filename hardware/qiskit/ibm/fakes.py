"""The stored machines of qiskit-ibm-runtime, by name."""

from __future__ import annotations

import difflib
import inspect

from qiskit.providers import BackendV2
from qiskit_ibm_runtime import fake_provider

from qml_qdl.circuits.errors import TargetError


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
        near = difflib.get_close_matches(name, names, 3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise TargetError(
            f"backend: unknown stored machine {name!r}{hint} There are: "
            f"{', '.join(names)}"
        )
    return names[name]()

"""What keeps tests away from the network and from the user's own accounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import evolve

from qml_qdl.hardware.qiskit.ibm.transport import PACE, RetryPolicy
from tests.hardware.qiskit.loopback.server import LoopbackServer


def quick(most: int = 4, **timeouts: float) -> RetryPolicy:
    """RetryPolicy for tests: as much back-off, in a hundredth of the time."""
    pace = evolve(PACE, first=0.01, longest=0.02, most=most, deadline=20.0)
    given = dict.fromkeys(("connect_timeout", "read_timeout", "submit_timeout"), 5.0)
    return RetryPolicy(pace, **{**given, **timeouts})


QUICK = quick()
TRIES = 4


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """No account, no proxy and no home of the user in this test, and no machine chosen.

    Args:
        monkeypatch: What undoes it.
        home: An empty folder that takes the home's place.
    """
    for name in list(os.environ):
        if name.startswith("QISKIT") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    # IBM's client looks for the home when it is imported, which may be long ago.
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE",
        str(home / ".qiskit" / "qiskit-ibm.json"),
    )
    # Another test's server may have had the same port.
    monkeypatch.setattr("qml_qdl.hardware.qiskit.ibm.machines._chosen", {})


def use(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """Sets the environment that leads to a server.

    Args:
        monkeypatch: What undoes it.
        server: The server.
    """
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)

"""What keeps tests away from the network and from the user's own accounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qml_qdl.hardware.qiskit.ibm.patience import Patience
from tests.hardware.qiskit.loopback.server import LoopbackServer

QUICK = Patience(
    tries=4,
    deadline=20.0,
    first_wait=0.01,
    longest_wait=0.02,
    connect_timeout=5.0,
    read_timeout=5.0,
    submit_timeout=5.0,
)
"""Patience for tests: as much back-off, in a hundredth of the time."""


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

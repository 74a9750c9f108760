"""The loopback service for tests of IBM's machines; nothing leaves 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use


@pytest.fixture
def loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopbackServer]:
    """A loopback service with one machine of five qubits, in the environment."""
    home: Path = tmp_path_factory.mktemp("home")
    isolate(monkeypatch, home)
    with LoopbackServer(["manila"], seed=7) as server:
        use(monkeypatch, server)
        yield server

"""What is said of targets is what they do."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import qiskit_ibm_runtime

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware import available_targets, survey_targets
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.server import CRN
from tests.hardware.qiskit.loopback.setting import isolate, use


def refuse(*_: Any) -> None:
    raise TargetError("not in this test")


SECRET = "PLANTED-TOKEN-0123456789"


def test_all_targets_are_tried_and_no_network_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isolate(monkeypatch, tmp_path)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    qiskit_ibm_runtime.QiskitRuntimeService.save_account(
        token=SECRET, instance=CRN, name="lab"
    )
    found = {one.name: one for one in survey_targets()}
    assert tuple(found) == available_targets()
    assert SECRET not in repr(found)
    assert found["auto"].usable
    assert found["aer:fake_NAME"].gradients == ("parameter-shift", "spsa")
    assert found["default.qubit"].gradients == ("adjoint", "backprop")
    assert "RY not supported" in found["default.qutrit"].note
    assert "it computes nothing" in found["null.qubit"].note
    machine = found["ibm:least_busy"]
    assert (machine.usable, machine.exact) == (None, False)
    assert machine.note == "IBM was not asked; account: lab"


@pytest.fixture
def only_ibm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No account, and no other target that would run a circuit."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr("qml_qdl.hardware.targets.qml.plugin_devices", {})
    monkeypatch.setattr("qml_qdl.hardware.survey.make_device", refuse)


@pytest.mark.usefixtures("only_ibm")
def test_without_an_account_it_is_said_how_to_have_one() -> None:
    for account, which in ((None, "of IBM's"), ("lab", "'lab'")):
        machine = survey_targets(account=account)[-1]
        assert machine.usable is False
        assert f"saved no account {which}; save a working API" in machine.note


@pytest.mark.usefixtures("only_ibm")
def test_ibm_is_asked_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackServer(["manila"], seed=7) as server:
        use(monkeypatch, server)
        machine = survey_targets(online=True)[-1]
    assert (machine.usable, machine.note) == (True, "IBM has ibm_manila")

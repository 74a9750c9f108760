"""The stored machines: all there are, by the names that users type."""

from __future__ import annotations

import pytest
from qiskit.providers import BackendV2

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.ibm.fakes import fake_names, make_fake


def test_names_are_those_of_the_machines() -> None:
    names = fake_names()
    assert list(names) == sorted(names)
    assert {"fake_manila", "fake_torino"} <= set(names)
    assert all(issubclass(kind, BackendV2) for kind in names.values())
    for name in ("fake_manila", "fake_lima_v2", "fake_vigo"):
        if name in names:
            assert make_fake(name).name == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fake_manilla", r"did you mean 'fake_manila'"),
        ("zzz", r"machine 'zzz'; there ar"),
    ],
)
def test_unknown_machines_are_told_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(TargetError, match=hint) as caught:
        make_fake(name)
    assert "fake_torino" in str(caught.value)

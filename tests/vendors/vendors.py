"""Vendors whose machines can be tried without an account: the table that is run.

A new vendor is a line of `VENDORS`: what pip installs, and what makes the target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen


@frozen
class Vendor:
    """A machine that runs here.

    Args:
        requirements: What pip installs beside this library.
        make: The backend, Qiskit's, or the name of a PennyLane device.
        noise: How far its noise may bring a mean, or a gradient, off.
        fails: The error with which our circuits fail on it; None where they run.
    """

    requirements: tuple[str, ...]
    make: Callable[[], Any]
    noise: float = 0.0
    fails: str | None = field(default=None)


def _aqt() -> Any:
    from qiskit_aqt_provider import AQTProvider

    return AQTProvider().offline.ideal()


def _aqt_noisy() -> Any:
    from qiskit_aqt_provider import AQTProvider

    return AQTProvider().offline.noisy()


def _braket() -> Any:
    from qiskit_braket_provider import BraketLocalBackend

    return BraketLocalBackend()


def _iqm() -> Any:
    from iqm.qiskit_iqm import IQMFakeAdonis

    return IQMFakeAdonis()


def _iqm_star() -> Any:
    from iqm.qiskit_iqm import IQMFakeDeneb

    return IQMFakeDeneb()


def _alice_bob() -> Any:
    from qiskit_alice_bob_provider import AliceBobLocalProvider

    return AliceBobLocalProvider().get_backend("EMU:15Q:LOGICAL_EARLY")


def _ddsim() -> Any:
    from mqt.ddsim import DDSIMProvider

    return DDSIMProvider().get_backend("qasm_simulator")


# IQM's extra [qiskit] asks for Qiskit below 2.2, but its package runs without it.
VENDORS = {
    "aqt": Vendor(("qiskit-aqt-provider==2.0.1",), _aqt),
    "aqt, noisy": Vendor(("qiskit-aqt-provider==2.0.1",), _aqt_noisy, 0.1),
    "braket": Vendor(("qiskit-braket-provider==0.27.1",), _braket),
    "braket, pennylane": Vendor(
        ("amazon-braket-pennylane-plugin==1.36.1",), lambda: "braket.local.qubit"
    ),
    "iqm": Vendor(("iqm-client==34.0.3",), _iqm, 0.15),
    "iqm, star": Vendor(("iqm-client==34.0.3",), _iqm_star, 0.15),
    "alice-bob": Vendor(
        ("qiskit-alice-bob-provider==3.0.0",), _alice_bob, fails="cannot be transpiled"
    ),
    "ddsim": Vendor(("mqt.ddsim==2.7.0",), _ddsim),
    "cirq": Vendor(
        ("pennylane-cirq==0.44.0", "cirq-core==1.7.0", "cirq-pasqal==1.7.0"),
        lambda: "cirq.simulator",
    ),
    "qulacs": Vendor(
        ("pennylane-qulacs==0.44.0", "qulacs==0.6.13"), lambda: "qulacs.simulator"
    ),
}

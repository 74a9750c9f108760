"""The machines of the loopback service: IBM's stored snapshots, run by Aer."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import qiskit_ibm_runtime.fake_provider as fake_provider
from attrs import define, field
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions

LARGE = 20
"""Qubits from which an ideal machine is simulated as a matrix product state."""


@cache
def snapshot(name: str) -> Any:
    """The stored snapshot of a machine, as "manila" or "torino"."""
    class_name = "Fake" + "".join(part.capitalize() for part in name.split("_"))
    # Older machines have "V2" in the name of their class.
    for candidate in (class_name, class_name + "V2"):
        if hasattr(fake_provider, candidate):
            return getattr(fake_provider, candidate)()
    raise ValueError(f"machines: there is no stored snapshot of {name!r}")


@define
class Machine:
    """One machine.

    Args:
        snapshot_name: Name of IBM's snapshot, as "manila"; served as "ibm_manila".
        noise: Whether results have the snapshot's noise.
        queue_length: How many jobs it says are waiting.
        seed: Seed of all results; None for fresh ones.
    """

    snapshot_name: str
    noise: bool = False
    queue_length: int = 0
    seed: int | None = None
    _simulator: AerSimulator | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The name under which it is served."""
        return f"ibm_{self.snapshot_name}"

    def listing(self) -> dict[str, Any]:
        """The machine as the list of machines shows it."""
        return {
            "name": self.name,
            "status": {"name": "online", "reason": "available"},
            "qubits": snapshot(self.snapshot_name).num_qubits,
            "queue_length": self.queue_length,
        }

    def configuration(self) -> dict[str, Any]:
        """The configuration as the service gives it."""
        return self._read("conf") | {"backend_name": self.name, "simulator": False}

    def properties(self) -> dict[str, Any]:
        """The properties as the service gives them."""
        return self._read("props") | {"backend_name": self.name}

    def status(self) -> dict[str, Any]:
        """The status as the service gives it."""
        return {
            "state": True,
            "status": "active",
            "length_queue": self.queue_length,
            "backend_version": "1.0.0",
        }

    def simulator(self) -> AerSimulator:
        """What runs its programs."""
        if self._simulator is None:
            backend = snapshot(self.snapshot_name)
            if self.noise:
                self._simulator = AerSimulator.from_backend(backend)
            elif backend.num_qubits > LARGE:
                self._simulator = AerSimulator(method="matrix_product_state")
            else:
                self._simulator = AerSimulator()
        return self._simulator

    def options(self) -> SimulatorOptions:
        """How its programs are run: without rounding of the angles."""
        return SimulatorOptions(seed_simulator=self.seed, angle_decimals=12)

    def _read(self, kind: str) -> dict[str, Any]:
        backend = snapshot(self.snapshot_name)
        folder = Path(backend.dirname)
        name = {"conf": backend.conf_filename, "props": backend.props_filename}[kind]
        content: dict[str, Any] = json.loads((folder / name).read_text())
        return content


def machine_name(name: str) -> str:
    """The snapshot's name in "fake_manila", "ibm_manila", "FakeManila" or "manila"."""
    return re.sub(r"^(fake_|ibm_|fake(?=[A-Z]))", "", name, flags=re.IGNORECASE).lower()

"""A vendor that is not Qiskit: a device, its circuits, and a service in a folder.

The service runs what it was sent with PennyLane's `default.qubit`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import SimpleNamespace
from typing import Any, ClassVar, final

import numpy as np
import pennylane as qml
import pytest
from attrs import asdict, define, evolve, frozen
from pennylane.devices.default_qubit import accepted_sample_measurement

from qml_qdl.hardware.device import Abilities
from qml_qdl.hardware.jobs.client import (
    SERVICES,
    JobClient,
    JobRequest,
    Machine,
    Results,
)
from qml_qdl.hardware.jobs.cost import Cost, Limits, RowCost
from qml_qdl.hardware.jobs.executor import RemoteExecutor
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.structure import Structure
from qml_qdl.hardware.tapes.bases import Basis, PauliSum
from qml_qdl.hardware.tapes.batches import Circuits, Converted
from qml_qdl.hardware.tapes.device import ExecutorDevice
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.hardware.tapes.outcomes import Bits
from tests.hardware.jobs.service import FolderClient

GATES = {
    "RX": qml.RX,
    "RY": qml.RY,
    "RZ": qml.RZ,
    "CNOT": qml.CNOT,
    "Hadamard": qml.Hadamard,
    "S": qml.S,
    "Adjoint(S)": lambda wires: qml.adjoint(qml.S(wires)),
}


@frozen
class TapeCircuit:
    """A circuit as the service takes it.

    Args:
        gates: Names, wires, and the parameters that are their angles.
        measured: The wires that are measured; bit j is the j-th.
        num_qubits: How many wires there are.
    """

    gates: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    measured: tuple[int, ...]
    num_qubits: int

    @property
    def num_clbits(self) -> int:
        return len(self.measured)

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


@final
class TapeCircuits(Circuits):
    """Structures as such circuits."""

    def get(self, structure: Structure, basis: Basis, measured: bool) -> Converted:
        gates = [
            (str(gate.operation.name), gate.wires, gate.slots)
            for gate in structure.gates
        ]
        phases = {s: -1.0 for name, _, on in gates if name == "GlobalPhase" for s in on}
        used = tuple(s for s in range(structure.num_slots) if s not in phases)
        gates += [(str(gate.name), tuple(gate.wires), ()) for gate in basis.gates]
        circuit = TapeCircuit(
            tuple(
                (name, wires, tuple(map(used.index, slots)))
                for name, wires, slots in gates
                if name != "GlobalPhase"
            ),
            basis.wires if measured else (),
            structure.num_wires,
        )
        return Converted(circuit, circuit.digest, np.zeros(0), used, phases)

    def operator(self, observable: PauliSum, num_wires: int) -> Any:
        return observable


@final
@frozen
class TapeMachine(Machine):
    """Takes circuits as they are, 350 µs for each shot and two seconds for each job."""

    limits_: Limits

    def prepare(self, request: JobRequest, max_qpu_seconds: float) -> JobRequest:
        limit = 3600 if math.isinf(max_qpu_seconds) else math.ceil(max_qpu_seconds)
        return evolve(request, max_execution_time=limit)

    def limits(self, request: JobRequest) -> Limits:
        return self.limits_

    def row_costs(self, request: JobRequest) -> list[RowCost]:
        return [RowCost(request.shots)] * len(request.pubs)

    def cost(self, request: JobRequest, jobs: int = 1) -> Cost:
        executions = request.rows * request.shots
        return Cost(
            jobs=jobs,
            circuits=len(request.pubs),
            rows=request.rows,
            executions=executions,
            seconds=2.0 * jobs + 350e-6 * executions,
            fixed_seconds=2.0 * jobs,
        )


@final
@define
class TapeClient(FolderClient):
    """Outcomes are those of the circuits that were sent; seeded by the job's number."""

    name_: str = "tapes:local"

    @property
    def machine(self) -> Machine:
        return TapeMachine(self.limits_)

    @staticmethod
    def pub(digest: str = "a", rows: int = 3) -> Pub:
        gates = (("RX", (0,), (0,)), ("RY", (1,), (1,)), ("CNOT", (0, 1), ()))
        circuit = TapeCircuit(gates, (0, 1), 2)
        return Pub(circuit, np.arange(2.0 * rows).reshape(rows, 2), digest)

    def described(self, request: JobRequest) -> dict[str, Any]:
        pubs = [[asdict(pub.circuit), pub.angles.tolist()] for pub in request.pubs]
        return {"kind": request.kind, "pubs": pubs}

    def measured(self, job: dict[str, Any], request: JobRequest) -> Results:
        assert job["kind"] == "sample"
        seeds = np.random.default_rng(int(job["id"].removeprefix("job-")))
        return [
            _run(circuit, np.array(angles), job["shots"], seeds)
            for circuit, angles in job["pubs"]
        ]


def _run(
    circuit: dict[str, Any], angles: np.ndarray, shots: int, seeds: np.random.Generator
) -> Bits:
    columns = angles.T
    gates = [
        GATES[name](*(columns[slot] for slot in slots), wires=wires)
        for name, wires, slots in circuit["gates"]
    ]
    tape = qml.tape.QuantumScript(
        gates, [qml.sample(wires=circuit["measured"])], shots=shots
    )
    device = qml.device("default.qubit", seed=int(seeds.integers(2**31)))
    (batches,), _ = device.preprocess_transforms()([tape])
    found = np.asarray(device.execute(batches))
    rows = len(angles)
    found = np.broadcast_to(found, (rows, shots, len(circuit["measured"])))
    return np.ascontiguousarray(found, dtype=np.uint8)


def _decomposition(operation: Any) -> Sequence[Any]:
    parts: Sequence[Any] = operation.decomposition()
    return parts


@final
class TapeDevice(ExecutorDevice):
    """Sends tapes to a client as jobs."""

    abilities: ClassVar[Abilities] = Abilities(
        methods=("best", "backprop", "device"),
        is_native=lambda operation: operation.name in {*GATES, "GlobalPhase"},
        decomposition=_decomposition,
        prepares_states=False,
        postselects=True,
        measures_with_shots=accepted_sample_measurement,
        gradients_with_shots=True,
        at_once=True,
    )

    @property
    def name(self) -> str:
        return "tapes"

    def __init__(
        self,
        wires: Any,
        client: JobClient,
        shots: Any = None,
        options: TargetOptions | None = None,
        **remote: Any,
    ) -> None:
        executor = RemoteExecutor(client, **remote)
        told = options or TargetOptions()
        super().__init__(wires, shots, executor, TapeCircuits(), told)


def install_tapes(monkeypatch: pytest.MonkeyPatch, client: FolderClient) -> None:
    """Has every target "tapes:…" reach the service, as if its package was installed."""

    def make_client(name: str, account: str | None = None) -> FolderClient:
        client.name_, client.account_ = name, account
        return client

    def make_device(
        wires: Any = None, *, backend: str, account: str | None = None, **remote: Any
    ) -> TapeDevice:
        made = make_client(backend, account)
        options = TargetOptions(account=account)
        return TapeDevice(wires, made, options=options, **remote)

    known = entry_points(group=SERVICES)
    made = EntryPoint("tapes", f"{__name__}:_installed", SERVICES)
    found = EntryPoints((*known, made))
    monkeypatch.setattr(
        "qml_qdl.hardware.jobs.client.entry_points", lambda group: found
    )
    monkeypatch.setattr(f"{__name__}._installed", make_client)
    plugin = SimpleNamespace(load=lambda: make_device)
    monkeypatch.setitem(qml.plugin_devices, "tapes", plugin)


_installed: Any = None

"""Circuits on any other backend of Qiskit's, by its own `run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import BackendV2

from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.executor import Counters, Executor, Pub
from qml_qdl.hardware.tapes.outcomes import Bits, Counts


class GenericExecutor(Executor):
    """Runs pubs on a backend that is neither Aer nor a machine of IBM's.

    All pubs of a call go in one call of Qiskit's `BackendSamplerV2`.

    Args:
        backend: The backend.
        isa: What transpiles circuits for it.
        seed: Seed of the shots, for simulators that take the option `seed_simulator`;
            None has them follow torch's global generator.
    """

    def __init__(
        self,
        backend: BackendV2,
        isa: TranspilationCache,
        *,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.isa = isa
        self._backend = backend
        self._seeds = Seeds(seed)

    @property
    def name(self) -> str:
        """The backend's name."""
        return str(self._backend.name)

    @property
    def counters(self) -> Counters:
        """What was done so far."""
        return self.isa.counters

    def check(self, num_wires: int, *, exact: bool) -> None:
        """Refuses what is too wide, and exact results; see `Executor.check`."""
        super().check(num_wires, exact=exact)
        self.isa.check_width(num_wires)

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        """Samples outcomes.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            For each pub how often each outcome occurred.
        """
        self.counters.jobs += 1
        self.counters.pubs += len(pubs)
        self.counters.rows += sum(pub.rows for pub in pubs)
        options = {}
        takes_seed = hasattr(self._backend.options, "seed_simulator")
        if takes_seed:
            options["seed_simulator"] = int(self._seeds.next().integers(2**31))
        sampler = BackendSamplerV2(backend=self._backend, options=options)
        tasks = []
        for pub in pubs:
            isa = self.isa.get(pub.circuit, pub.digest)
            columns = [isa.names.index(one.name) for one in isa.circuit.parameters]
            tasks.append((isa.circuit, pub.angles[:, columns]))
        results = sampler.run(tasks, shots=shots).result()
        return [
            Counts.from_bits(_bits(result.data, task[0], pub.rows, shots))
            for result, task, pub in zip(results, tasks, pubs, strict=True)
        ]


def _bits(data: Any, circuit: QuantumCircuit, rows: int, shots: int) -> Bits:
    """The bits of all classical registers, in the circuit's order."""
    bits = np.zeros((rows, shots, circuit.num_clbits), dtype=np.uint8)
    for register in circuit.cregs:
        packed = getattr(data, register.name).array  # (rows, shots, bytes), big-endian
        own = np.unpackbits(packed, axis=-1)[..., ::-1]
        for place, bit in enumerate(register):
            bits[..., circuit.find_bit(bit).index] = own[..., place]
    return bits

"""Circuits on any other backend of Qiskit's, by its own `run`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import BackendV2

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.qiskit.executors.words import (
    collect_words,
    estimate_from_bits,
    make_bases,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.executor import Bits, Counters, Estimates, Executor, Pub


class GenericExecutor(Executor):
    """Runs pubs on a backend that is neither Aer nor a machine of IBM's.

    All pubs of a call go in one call of Qiskit's `BackendSamplerV2`. Expectation values
    are read in as few bases as their words allow, from the qubits they need.

    Args:
        backend: The backend.
        isa: What transpiles circuits for it.
        seed: Seed of the shots, for simulators that take the option `seed_simulator`;
            None has them follow torch's global generator.
    """

    def __init__(
        self,
        backend: BackendV2,
        isa: IsaCache,
        *,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.name = str(backend.name)
        self.isa = isa
        self._backend = backend
        self._seeds = Seeds(seed)

    @property
    def counters(self) -> Counters:
        """What was done so far."""
        return self.isa.counters

    @property
    def seeds(self) -> Seeds:
        """Where shots come from."""
        return self._seeds

    def seeded(self, seeds: Seeds) -> Self:
        """The same executor with other shots; see `Executor.seeded`."""
        twin = copy(self)
        twin._seeds = seeds
        return twin

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Bits]:
        """Draws outcomes.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            For each pub its outcomes, (rows, shots, bits).
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
            _bits(result.data, task[0], pub.rows, shots)
            for result, task, pub in zip(results, tasks, pubs, strict=True)
        ]

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Estimates the pubs' observables.

        Args:
            pubs: Circuits that do not measure, with observables.
            shots: Shots of every row and basis.

        Returns:
            For each pub its estimates.

        Raises:
            TargetError: Exact values were asked for.
        """
        if shots is None:
            raise TargetError(
                f"shots: {self.name} gives no exact values; set shots, or use 'aer'"
            )
        words = [collect_words(pub) for pub in pubs]
        bases = [make_bases(*pair) for pair in zip(pubs, words, strict=True)]
        bits = iter(self.sample([one.pub for group in bases for one in group], shots))
        return [
            estimate_from_bits(own, group, [next(bits) for _ in group], pub.rows)
            for pub, own, group in zip(pubs, words, bases, strict=True)
        ]

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """No states come from such a backend.

        Raises:
            TargetError: Always.
        """
        raise TargetError(
            f"shots: {self.name} gives no states; set shots, or use the backend 'aer'"
        )


def _bits(data: Any, circuit: QuantumCircuit, rows: int, shots: int) -> Bits:
    """The bits of all classical registers, in the circuit's order."""
    bits = np.zeros((rows, shots, circuit.num_clbits), dtype=np.uint8)
    for register in circuit.cregs:
        packed = getattr(data, register.name).array  # (rows, shots, bytes), big-endian
        own = np.unpackbits(packed, axis=-1)[..., ::-1]
        for place, bit in enumerate(register):
            bits[..., circuit.find_bit(bit).index] = own[..., place]
    return bits

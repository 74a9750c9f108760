"""Circuits on any other backend of Qiskit's, by its own `run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.result import Counts as ResultCounts

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.aer.sampling import from_dictionaries
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.executor import Counters, Executor, Pub
from qml_qdl.hardware.tapes.outcomes import Counts


class GenericExecutor(Executor):
    """Runs pubs on a backend that is neither Aer nor a machine of IBM's.

    All rows of a call go in one call of its `run`, or in as few as it allows.

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

        Raises:
            TargetError: The backend returned something else than so many shots.
        """
        self.counters.jobs += 1
        self.counters.pubs += len(pubs)
        self.counters.rows += sum(pub.rows for pub in pubs)
        rng = self._seeds.next()
        options = {}
        if hasattr(self._backend.options, "seed_simulator"):
            options["seed_simulator"] = int(rng.integers(2**31))
        circuits = [circuit for pub in pubs for circuit in self._bound(pub)]
        most = self._backend.max_circuits or len(circuits)
        parts = [circuits[i : i + most] for i in range(0, len(circuits), most)]
        jobs = [self._backend.run(part, shots=shots, **options) for part in parts]
        found: list[dict[str, int]] = []
        for part, job in zip(parts, jobs, strict=True):
            result = job.result()
            found += [_counted(result, place, shots) for place in range(len(part))]
        outputs = []
        for pub in pubs:
            own, found = found[: pub.rows], found[pub.rows :]
            bits = pub.circuit.num_clbits
            outputs.append(from_dictionaries(own, bits, shots, rng))
        return outputs

    def _bound(self, pub: Pub) -> list[QuantumCircuit]:
        """A pub's circuit for each of its rows."""
        isa = self.isa.get(pub.circuit, pub.digest)
        columns = [isa.names.index(one.name) for one in isa.circuit.parameters]
        rows = pub.angles[:, columns].tolist()
        return [isa.circuit.assign_parameters(row) for row in rows]


def _counted(result: Any, place: int, shots: int) -> dict[str, int]:
    """How often each outcome came, by hexadecimal numbers.

    Qiskit's `BackendSamplerV2` reads single shots instead, and takes all for zeros
    where a vendor's backend returns none. Some write outcomes as bits and not as
    hexadecimal numbers, which Qiskit's own class of counts tells apart.

    Raises:
        TargetError: The backend returned something else.
    """
    counts = ResultCounts(result.data(place).get("counts", {})).int_outcomes()
    if sum(counts.values()) != shots:
        raise TargetError(
            f"backend: it returned {sum(counts.values())} of {shots} shots for circuit "
            f"{place}, as counts; ask its vendor, or use another backend"
        )
    return {hex(outcome): number for outcome, number in counts.items()}

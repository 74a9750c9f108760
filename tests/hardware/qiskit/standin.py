"""An executor that counts its calls and computes with Qiskit's state vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import Statevector

from qml_qdl.hardware.tapes.executor import Counters, Estimates, Executor, Pub
from qml_qdl.hardware.tapes.outcomes import Counts


@final
class StandIn(Executor):
    """Exact, slow and simple; `calls` has each call's kind and rows of its pubs."""

    def __init__(self, seed: int = 0) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.pubs: list[Pub] = []
        self._counters = Counters()
        self._rng = np.random.default_rng(seed)

    @property
    def counters(self) -> Counters:
        return self._counters

    def _note(self, kind: str, pubs: Sequence[Pub]) -> None:
        self.calls.append((kind, [pub.rows for pub in pubs]))
        self.pubs = list(pubs)
        self._counters.jobs += 1
        self._counters.pubs += len(pubs)
        self._counters.rows += sum(pub.rows for pub in pubs)

    def _states(self, pub: Pub) -> list[Any]:
        circuit = pub.circuit.remove_final_measurements(inplace=False)
        names = list(pub.circuit.parameters)
        return [
            Statevector(circuit.assign_parameters(dict(zip(names, row, strict=True))))
            for row in pub.angles
        ]

    def _tables(self, pub: Pub) -> NDArray[np.float64]:
        qubits = [
            pub.circuit.find_bit(item.qubits[0]).index
            for item in pub.circuit.data
            if item.operation.name == "measure"
        ]
        return np.stack([state.probabilities(qubits) for state in self._states(pub)])

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        self._note("sample", pubs)
        found = []
        for pub in pubs:
            places = np.arange(pub.circuit.num_clbits)
            rows = [
                self._rng.choice(len(table), size=shots, p=table / table.sum())
                for table in self._tables(pub)
            ]
            bits = np.stack(rows)[:, :, None] >> places & 1
            found.append(Counts.from_bits(bits.astype(np.uint8)))
        return found

    def probabilities(self, pubs: Sequence[Pub]) -> list[NDArray[np.float64]]:
        self._note("probabilities", pubs)
        return [self._tables(pub) for pub in pubs]

    def estimates(self, *, exact: bool) -> bool:
        return True

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        self._note("estimate", pubs)
        found = []
        for pub in pubs:
            values = np.array(
                [
                    [state.expectation_value(one).real for one in pub.observables]
                    for state in self._states(pub)
                ]
            )
            spread = 0.0 if shots is None else 1 / np.sqrt(shots)
            found.append(Estimates(values, np.full_like(values, spread)))
        return found

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        self._note("states", pubs)
        return [
            np.stack([state.reverse_qargs().data for state in self._states(pub)])
            for pub in pubs
        ]

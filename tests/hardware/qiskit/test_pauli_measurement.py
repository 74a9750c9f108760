"""Structures as Qiskit's circuits, read in a basis and converted once."""

from __future__ import annotations

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from qml_qdl.hardware.qiskit.pauli_measurement import MOST_CIRCUITS, QiskitCircuits
from qml_qdl.hardware.tapes.bases import NO_BASIS
from qml_qdl.hardware.tapes.batches import run_requests
from tests.hardware.qiskit.standin import StandIn
from tests.hardware.tape_requests import request, run, turned


class TestCircuits:
    def test_each_is_converted_once(self) -> None:
        circuits, executor = QiskitCircuits(), StandIn()
        digests: list[set[str]] = []
        for angle in (0.1, 0.2):
            one = turned(qml.RX, [angle], qml.expval(qml.Z(0) + qml.X(0)))
            run_requests([one], executor, circuits, 5)
            digests.append({pub.digest for pub in executor.pubs})
            pair = [id(pub.circuit) for pub in executor.pubs]
            assert len(set(pair)) == 2
        assert digests[0] == digests[1]

    def test_angles_of_a_basis_are_constants(self) -> None:
        matrix = np.array([[1.0, 2.0 - 1j], [2.0 + 1j, -1.0]])
        one = turned(qml.RX, [0.4, 1.1], qml.expval(qml.Hermitian(matrix, 0)))
        executor, (answer,) = run([one], 40_000)
        assert executor.pubs[0].angles.shape[0] == 2
        assert (executor.pubs[0].angles[0, 1:] == executor.pubs[0].angles[1, 1:]).all()
        # The qubit is mixed: ⟨X⟩ = ⟨Y⟩ = 0.
        expected = np.cos([0.4, 1.1])
        errors = answer.column_errors()[:, 0]
        assert (abs(answer.columns()[:, 0] - expected) < 5 * errors).all()

    def test_a_global_phase_is_in_the_states_only(self) -> None:
        operations = [qml.RX(0.0, 0), qml.GlobalPhase(0.0, wires=0)]
        angles = [[0.3, 0.7], [0.3, 0.9]]
        one = request(operations, [qml.state()], angles, shots=False)
        executor, (answer,) = run([one], None)
        assert executor.calls == [("states", [1])]
        states: NDArray[np.complex128] | None = answer.states
        assert states is not None
        base = np.kron([np.cos(0.15), -1j * np.sin(0.15)], [1, 0])
        expected = np.exp(-1j * np.array([[0.7], [0.9]])) * base
        np.testing.assert_allclose(states, expected, atol=1e-12)

    def test_few_are_kept(self) -> None:
        circuits, executor = QiskitCircuits(), StandIn()
        for count in range(MOST_CIRCUITS + 3):
            operations = [qml.X(0)] * (count % 300) + [qml.RX(0.0, 0)]
            one = request(operations, [qml.expval(qml.I(0))], [[0.1]])
            circuits.get(one.structure, NO_BASIS, measured=False)
        assert len(circuits._kept) == MOST_CIRCUITS
        assert not executor.calls

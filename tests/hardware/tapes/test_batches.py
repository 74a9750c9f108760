"""Many tapes in one call: merged, sent, and handed out again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from numpy.typing import NDArray

from qml_qdl.hardware.plan import make_plan
from qml_qdl.hardware.qiskit.conversion.measured import MOST_CIRCUITS, QiskitCircuits
from qml_qdl.hardware.tapes.batches import Answer, Request, run_requests
from qml_qdl.hardware.tapes.readout import plan_readout
from tests.hardware.qiskit.standin import StandIn


def request(
    operations: Sequence[Any],
    measurements: Sequence[Any],
    angles: Any,
    *,
    shots: bool = True,
    only_columns: bool = False,
) -> Request:
    tape = qml.tape.QuantumScript(operations, measurements)
    plan = make_plan(tape, range(2))
    readout = plan_readout(plan.measurements, 2, shots=shots, estimator=not shots)
    rows = np.asarray(angles, dtype=float)
    return Request(plan.structure, rows, readout, only_columns)


def turned(axis: Any, angles: Any, *measurements: Any, **options: Any) -> Request:
    column = np.asarray(angles, dtype=float)[:, None]
    return request([axis(0.0, 0), qml.CNOT([0, 1])], measurements, column, **options)


def run(requests: Sequence[Request], *options: Any) -> tuple[StandIn, list[Answer]]:
    executor = StandIn()
    return executor, run_requests(requests, executor, QiskitCircuits(), *options)


class TestOneCall:
    def test_equal_structures_are_one_pub(self) -> None:
        requests = [
            turned(qml.RX, [0.1, 0.2], qml.expval(qml.Z(0))),
            turned(qml.RX, [0.3], qml.expval(qml.Z(0))),
            turned(qml.RY, [0.4], qml.expval(qml.Z(0))),
        ]
        executor, answers = run(requests, 10)
        assert executor.calls == [("sample", [3, 1])]
        assert [len(answer.columns()) for answer in answers] == [2, 1, 1]

    def test_k_bases_are_k_pubs(self) -> None:
        sums = qml.expval(qml.Z(0) + qml.X(0) + qml.Y(1))
        executor, _ = run([turned(qml.RX, [0.1, 0.2], sums)], 10)
        assert executor.calls == [("sample", [2, 2])]
        assert sum(pub.circuit.num_clbits for pub in executor.pubs) == 3

    def test_other_measurements_in_one_basis_share_a_pub(self) -> None:
        requests = [
            turned(qml.RX, [0.1], qml.expval(qml.Z(0))),
            turned(qml.RX, [0.1], qml.probs(wires=[0])),
            turned(qml.RX, [0.1], qml.expval(qml.X(0))),
        ]
        executor, _ = run(requests, 10)
        assert executor.calls == [("sample", [2, 1])]

    def test_exact_kinds(self) -> None:
        requests = [
            turned(qml.RX, [0.1], qml.expval(qml.Z(0)), shots=False),
            turned(qml.RX, [0.1], qml.probs(wires=[0]), qml.state(), shots=False),
        ]
        executor, _ = run(requests, None)
        assert [kind for kind, _ in executor.calls] == [
            "estimate",
            "probabilities",
            "states",
        ]

    def test_nothing_to_measure_sends_nothing(self) -> None:
        executor, (answer,) = run([turned(qml.RX, [0.1, 0.2], qml.expval(qml.I(0)))], 9)
        assert executor.calls == []
        np.testing.assert_array_equal(answer.columns(), [[1.0], [1.0]])

    def test_samples_are_left_out_where_only_columns_count(self) -> None:
        both = (qml.expval(qml.Z(0)), qml.sample(qml.X(0)))
        for only, pubs in ((False, 2), (True, 1)):
            executor, _ = run([turned(qml.RX, [0.1], *both, only_columns=only)], 9)
            assert len(executor.pubs) == pubs


class TestRows:
    ANGLES = (0.3, -1.2, 0.3, 2.0, 0.3)

    def test_each_request_gets_its_own_rows(self) -> None:
        expected = np.cos(self.ANGLES)
        parts = (slice(0, 2), slice(2, 3), slice(3, 5))
        requests = [
            turned(qml.RX, self.ANGLES[part], qml.expval(qml.Z(1)), shots=False)
            for part in parts
        ]
        executor, answers = run(requests, None)
        assert executor.calls == [("estimate", [3])]  # three different angles
        for part, answer in zip(parts, answers, strict=True):
            np.testing.assert_allclose(answer.columns()[:, 0], expected[part])

    def test_with_shots_equal_rows_have_noise_of_their_own(self) -> None:
        one = turned(qml.RX, [1.0] * 4, qml.expval(qml.Z(0)))
        executor, (answer,) = run([one], 200)
        assert executor.calls == [("sample", [4])]
        assert len(set(answer.columns()[:, 0])) > 1

    def test_with_shots_they_are_merged_if_asked(self) -> None:
        one = turned(qml.RX, [1.0] * 4, qml.expval(qml.Z(0)))
        executor, (answer,) = run([one], 200, True)
        assert executor.calls == [("sample", [1])]
        assert len(set(answer.columns()[:, 0])) == 1

    def test_zero_has_no_sign(self) -> None:
        one = turned(qml.RX, [0.0, -0.0], qml.expval(qml.Z(0)), shots=False)
        assert run([one], None)[0].calls == [("estimate", [1])]

    def test_a_circuit_without_angles(self) -> None:
        operations = [qml.Hadamard(0), qml.CNOT([0, 1])]
        measurements = [qml.expval(qml.Z(0) @ qml.Z(1))]
        one = request(operations, measurements, np.zeros((3, 0)), shots=False)
        executor, (answer,) = run([one], None)
        assert executor.calls == [("estimate", [1])]
        np.testing.assert_allclose(answer.columns(), [[1.0]] * 3)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("shots", [None, 20])
    def test_rows_that_are_not_finite_become_nan(self, bad: float, shots: Any) -> None:
        exact = shots is None
        measurements = (qml.expval(qml.Z(0)), qml.probs(wires=[1]))
        one = turned(qml.RX, [0.0, bad], *measurements, shots=not exact)
        _, (answer,) = run([one], shots)
        np.testing.assert_allclose(answer.columns()[0], [1.0, 1.0, 0.0], atol=1e-12)
        assert np.isnan(answer.columns()[1]).all()


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
            circuits.get(one.structure, share_nothing(), measured=False)
        assert len(circuits._kept) == MOST_CIRCUITS
        assert not executor.calls


def share_nothing() -> Any:
    from qml_qdl.hardware.tapes.bases import NO_BASIS

    return NO_BASIS

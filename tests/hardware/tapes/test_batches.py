"""Many tapes in one call: merged, sent, and handed out again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from tests.hardware.tape_requests import request, run, turned


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

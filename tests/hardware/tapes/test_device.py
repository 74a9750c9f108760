"""Devices of executors: routes, counts, twins, all tapes in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.seeds import Seeds
from tests.hardware.measurements import HERMITIAN, chosen, device, prepare
from tests.hardware.qiskit.standin import StandIn


def run(made: Any, names: Any, w: Any, x: Any, shots: int | None = None) -> Any:
    @qml.set_shots(shots)
    @qml.qnode(made)
    def circuit(x: Any) -> Any:
        prepare(x, w)
        return chosen(names, w)

    return circuit(x)


class TestRoutes:
    def circuit(self, made: Any, shots: int | None, *measured: Any) -> Any:
        @qml.set_shots(shots)
        @qml.qnode(made)
        def node(x: Any) -> Any:
            qml.RX(x, 0)
            return [qml.apply(m) for m in measured]

        return node

    def test_estimator(self) -> None:
        made = device(wires=2, route="estimator")
        made.executor = executor = StandIn()
        measured = (
            qml.expval(qml.Z(0) + 2 * qml.X(1)),
            qml.var(qml.Y(0)),
            qml.expval(qml.Hermitian(HERMITIAN, 0)),
        )
        node = self.circuit(made, 25, *measured)
        tapes, _ = qml.workflow.construct_batch(node, level="device")(0.4)
        ((values,), (errors,)) = made.execute_with_errors(tapes)
        assert executor.calls == [("estimate", [1])]
        y = -np.sin(0.4)
        expected = [np.cos(0.4), 1 - y**2, np.cos(0.4) + 2 * y * 0.5]
        np.testing.assert_allclose(values, expected)
        assert errors[0] == 0.2
        assert errors[1] is None

    def test_estimator_has_no_probabilities(self) -> None:
        made = device(wires=2, route="estimator")
        made.executor = StandIn()
        for measured in (qml.probs(wires=[0]), qml.sample(wires=[0])):
            with pytest.raises(TargetError, match=r"route: .*use route='sampler'"):
                self.circuit(made, 25, measured)(0.4)
        with pytest.raises(TargetError, match=r"route: .* one number of shots"):
            self.circuit(made, (5, 10), qml.expval(qml.Z(0)))(0.4)  # type: ignore[arg-type]

    def test_without_an_estimator_the_sampler_does_it(self) -> None:
        measured = (qml.expval(qml.Z(0) + qml.X(1)), qml.probs(wires=[1]))
        found = [
            self.circuit(device(wires=2, route=route, seed=3), (40, 60), *measured)(0.4)  # type: ignore[arg-type]
            for route in ("sampler", "estimator")
        ]
        for one, other in zip(*found, strict=True):
            for mine, theirs in zip(one, other, strict=True):
                np.testing.assert_array_equal(mine, theirs)

    def test_errors_are_those_of_one_number_of_shots(self) -> None:
        made = device(wires=1)
        for shots in ([(5, 10)], [5, 10], [None, 5]):
            tapes = [
                qml.tape.QuantumScript([], [qml.expval(qml.Z(0))], shots=n)
                for n in shots
            ]
            with pytest.raises(ArgumentError, match=r"shots: expected one number"):
                made.execute_with_errors(tapes)
        assert made.execute_with_errors([]) == ((), ())

    def test_sampler_is_one_job_of_k_bases(self) -> None:
        made = device(wires=2)
        made.executor = executor = StandIn()
        self.circuit(made, 25, qml.expval(qml.Z(0) + qml.X(0) + qml.Z(1)))(0.4)
        assert executor.calls == [("sample", [1, 1])]


class TestTracker:
    def test_counts_what_goes_to_the_backend(self) -> None:
        made = device(wires=3)
        with qml.Tracker(made) as tracker:
            run(made, ["word", "sum"], range(3), np.array([0.1, 0.2]), 20)
            run(made, ["word", "sum"], range(3), np.array([0.1, 0.2, 0.3]), 20)
        assert tracker.totals["jobs"] == 2
        assert tracker.totals["pubs"] == 4
        assert tracker.totals["rows"] == 2 * 2 + 2 * 3
        assert tracker.totals["transpilations"] == 2
        assert tracker.totals["qpu_seconds"] == 0
        assert tracker.totals["batches"] == 2


class TestTwins:
    def test_twins_share_the_backend(self) -> None:
        made = device(wires=1)
        twin = made.changed(gradient="spsa", spsa_directions=4)
        assert twin.executor is made.executor
        assert (twin.options.gradient, made.options.gradient) == (
            "spsa",
            "parameter-shift",
        )
        assert made.changed(gradient="parameter-shift") is made
        with pytest.raises(ArgumentTypeError, match=r"backend: expected options among"):
            made.changed(backend="fake_manila")

    def test_merged_rows_share_their_noise(self) -> None:
        for merge in (False, True):
            made = device(wires=3, merge_rows=merge)
            values = run(made, ["word"], range(3), np.full(6, 0.3), 200)[0]
            assert (len(set(values.tolist())) == 1) == merge

    def test_a_silent_twin_sends_nothing(self) -> None:
        made = device(wires=1)
        made.executor = executor = StandIn()
        assert self.value_of(made.silent()) == 0
        assert executor.calls == []
        with made.standing_in(StandIn(seed=1)):
            assert self.value_of(made) == pytest.approx(1)
        assert made.executor is executor
        assert executor.calls == []

    def value_of(self, made: Any) -> float:
        tape = qml.tape.QuantumScript([qml.RX(0.0, 0)], [qml.expval(qml.Z(0))])
        return float(made.execute([tape])[0])

    def test_another_seed_is_another_device(self) -> None:
        made = device(wires=1, seed=3)
        twin = made.seeded(Seeds(5))
        assert (twin.options.seed, made.options.seed) == (5, 3)
        assert (twin.seeds.seed, made.seeds.seed) == (5, 3)

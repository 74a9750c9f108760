"""qdl.qiskit as a PennyLane device: wires, measurements, shots, routes, options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.qiskit.device import QiskitDevice
from tests.hardware.measurements import HERMITIAN, chosen, device, measurements, prepare
from tests.hardware.qiskit.standin import StandIn

LABELS = [[0, 1, 2], ["a", "b", "c"], [1, 0, 2], [5, 7, 9], [2, 1, 0]]


def samples(x: Any) -> Any:
    qml.RY(x, "b")
    qml.CNOT(["b", "a"])
    return [
        qml.sample(wires=["a", "b"]),
        qml.sample(qml.X("a")),
        qml.sample(qml.Hermitian(HERMITIAN, "b")),
        qml.expval(qml.Z("a")),
        qml.probs(wires=["b"]),
    ]


def shapes(results: Any) -> Any:
    if isinstance(results, list | tuple):
        return [shapes(result) for result in results]
    return np.shape(results), np.asarray(results).dtype


def run(made: Any, names: Any, w: Any, x: Any, shots: int | None = None) -> Any:
    @qml.set_shots(shots)
    @qml.qnode(made)
    def circuit(x: Any) -> Any:
        prepare(x, w)
        return chosen(names, w)

    return circuit(x)


def test_is_a_plugin() -> None:
    made = device(wires=2)
    assert isinstance(made, QiskitDevice)
    assert made.name == "qdl.qiskit"


class TestExact:
    @pytest.mark.parametrize("w", LABELS, ids=str)
    @pytest.mark.parametrize("batched", [False, True])
    def test_equals_default_qubit(self, w: Any, batched: bool) -> None:
        names = list(measurements(w))
        x = np.array([0.3, 1.1]) if batched else 0.3
        found = run(device(wires=w), names, w, x)
        expected = run(qml.device("default.qubit", wires=w), names, w, x)
        for name, one, other in zip(names, found, expected, strict=True):
            assert np.shape(one) == np.shape(other), name
            np.testing.assert_allclose(one, other, atol=1e-9, err_msg=name)

    def test_wires_need_not_be_given(self) -> None:
        for w in LABELS:
            names = [name for name in measurements(w) if name != "probabilities"]
            found = run(device(), names, w, 0.3)
            expected = run(qml.device("default.qubit"), names, w, 0.3)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-9)

    @pytest.mark.parametrize("w", LABELS, ids=str)
    def test_states(self, w: Any) -> None:
        found = []
        for made in (device(wires=w), qml.device("default.qubit", wires=w)):

            @qml.qnode(made)
            def circuit(x: Any) -> Any:
                prepare(x, w)
                qml.GlobalPhase(0.3)
                return (
                    qml.state(),
                    qml.density_matrix([w[2], w[0]]),
                    qml.vn_entropy([w[1]]),
                    qml.purity([w[2]]),
                )

            found.append(circuit(np.array([0.3, 1.1])))
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    def test_only_wires_in_use_are_simulated(self) -> None:
        made = device(wires=100)
        made.executor = executor = StandIn()
        run(made, ["word", "probabilities of wires"], [90, 3, 50], 0.3)
        assert {pub.circuit.num_qubits for pub in executor.pubs} == {3}

    def test_measurements_in_the_middle_are_deferred(self) -> None:
        @qml.qnode(device(wires=3))
        def circuit() -> Any:
            qml.RY(0.8, 0)
            found = qml.measure(0)
            qml.cond(found, qml.X)(1)
            return qml.expval(qml.Z(1)), qml.probs(op=found), qml.expval(found)

        chance = np.sin(0.4) ** 2
        value, probabilities, mean = circuit()
        np.testing.assert_allclose(value, 1 - 2 * chance)
        np.testing.assert_allclose(probabilities, [1 - chance, chance])
        np.testing.assert_allclose(mean, chance)

    def test_images_encoded_by_matrices_are_one_structure(self) -> None:
        made = device(wires=2)

        @qml.qnode(made)
        def circuit(features: Any, angle: Any) -> Any:
            qml.AmplitudeEmbedding(features, [0, 1], normalize=True)
            qml.RX(angle, 0)
            return qml.expval(qml.Z(0))

        images = np.array([[1.0, 2, 3, 4], [1, 0, 0, 0], [0, 0, 1, 0]])
        with qml.Tracker(made) as tracker:
            found = circuit(images, 0.3)
            for image in images:
                circuit(image, 0.5)
        assert tracker.totals["transpilations"] == 1
        states = images / np.linalg.norm(images, axis=1, keepdims=True)
        z = (states**2) @ [1, 1, -1, -1]
        np.testing.assert_allclose(found, z * np.cos(0.3), atol=1e-9)


class TestShots:
    SHOTS = 4000

    @pytest.mark.parametrize("w", [["a", "b", "c"], [1, 0, 2]], ids=str)
    def test_agree_with_exact_values_within_five_standard_errors(self, w: Any) -> None:
        made = device(wires=w, seed=11)
        names = [n for n in measurements(w) if "variance" not in n]
        x = np.array([0.3, 1.1, 2.0])
        exact = run(made, names, w, x)

        @qml.set_shots(self.SHOTS)
        @qml.qnode(made)
        def circuit(x: Any) -> Any:
            prepare(x, w)
            return chosen(names, w)

        tapes, _ = qml.workflow.construct_batch(circuit, level="device")(x)
        ((values,), (errors,)) = made.execute_with_errors(tapes)
        found = zip(names, values, errors, exact, strict=True)
        for name, value, error, expected in found:
            assert error.shape == value.shape == np.shape(expected)
            off = abs(value - expected)
            assert (off <= 5 * error + 5 / self.SHOTS).all(), name
            assert (off > 0).any(), name

    def test_variances(self) -> None:
        w = ["a", "b", "c"]
        names = [n for n in measurements(w) if "variance" in n]
        made = device(wires=w, seed=11)
        repeats = np.array([[float(v) for v in self.one(made, names, w)]] * 1)
        for _ in range(39):
            repeats = np.vstack([repeats, self.one(made, names, w)])
        exact = [float(v) for v in run(made, names, w, 0.3)]
        errors = repeats.std(0) / np.sqrt(len(repeats))
        assert (abs(repeats.mean(0) - exact) < 5 * errors + 5 / 500).all()

    def one(self, made: Any, names: Any, w: Any) -> list[float]:
        return [float(v) for v in run(made, names, w, 0.3, 500)]

    @pytest.mark.parametrize("x", [0.3, np.array([0.3, 1.1])], ids=str)
    @pytest.mark.parametrize("shots", [1, 10, (10, 20), ((5, 2), 7)], ids=str)
    def test_shapes_and_types_are_pennylanes(self, x: Any, shots: Any) -> None:
        found, expected = (
            shapes(qml.set_shots(qml.QNode(samples, made), shots)(x))
            for made in (
                device(wires=["a", "b"]),
                qml.device("default.qubit", wires=["a", "b"]),
            )
        )
        assert found == expected

    def test_a_single_row_keeps_its_dimension(self) -> None:
        # default.qubit drops it.
        node = qml.set_shots(qml.QNode(samples, device(wires=["a", "b"])), 10)
        one, two = (shapes(node(np.full(rows, 0.3))) for rows in (1, 2))
        assert [(shape[1:], kind) for shape, kind in one] == [
            (shape[1:], kind) for shape, kind in two
        ]
        assert {shape[0] for shape, _ in one} == {1}

    @pytest.mark.parametrize("everything", [False, True])
    def test_counts(self, everything: bool) -> None:
        @qml.set_shots(100)
        @qml.qnode(device(wires=["a", "b", "c"]))
        def circuit(x: Any) -> Any:
            qml.RX(x, "b")
            return (
                qml.counts(wires=["b", "a"], all_outcomes=everything),
                qml.counts(qml.Z("b"), all_outcomes=everything),
            )

        words, values = circuit(np.pi)
        rest = {"00": 0, "01": 0, "11": 0} if everything else {}
        assert words == {"10": 100, **rest}
        assert values == {-1.0: 100, **({1.0: 0} if everything else {})}
        many, _ = circuit(np.array([0.0, np.pi]))
        assert [max(one, key=one.get) for one in many] == ["00", "10"]

    def test_samples_of_one_basis_belong_together(self) -> None:
        @qml.set_shots(50)
        @qml.qnode(device(wires=2))
        def circuit() -> Any:
            qml.Hadamard(0)
            qml.CNOT([0, 1])
            return qml.sample(qml.Z(0)), qml.sample(qml.Z(1)), qml.sample(wires=[0])

        one, other, bits = circuit()
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, 1 - 2 * bits[:, 0])
        assert 0 < bits.sum() < 50

    def test_many_wires(self) -> None:
        made = device(wires=14, method="matrix_product_state", seed=3)

        @qml.set_shots(2000)
        @qml.qnode(made)
        def circuit(angle: Any) -> Any:
            qml.RY(angle, 0)
            for wire in range(13):
                qml.CNOT([wire, wire + 1])
            everything = qml.prod(*map(qml.Z, range(13)))
            ends = qml.Z(0) @ qml.Z(13)
            return qml.expval(everything), qml.expval(ends), qml.probs(wires=[13, 5])

        parity, ends, probabilities = circuit(np.array([0.4, 1.0]))
        assert abs(parity - np.cos([0.4, 1.0])).max() < 5 / np.sqrt(2000)
        np.testing.assert_array_equal(ends, 1.0)
        assert not probabilities[:, 1:3].any()

    def test_seed(self) -> None:
        def once(seed: int | None) -> Any:
            made = device(wires=3, seed=seed)
            return run(made, ["word"], range(3), np.array([0.3, 1.1]), 100)[0].tolist()

        assert once(3) == once(3)
        assert once(3) != once(4)

    def test_other_numbers_of_shots_are_other_jobs(self) -> None:
        made = device(wires=1)
        tapes = [
            qml.tape.QuantumScript([qml.RX(0.1, 0)], [qml.expval(qml.Z(0))], shots=n)
            for n in (10, 20, 10, None)
        ]
        with qml.Tracker(made) as tracker:
            results = made.execute(tapes)
        assert tracker.totals["jobs"] == 3
        np.testing.assert_allclose(results[3], np.cos(0.1))


class TestMachines:
    def test_routed_results_come_in_pennylanes_order(self) -> None:
        w = ["a", "b", "c"]
        names = list(measurements(w))
        placed = device(
            wires=w,
            backend="fake_manila",  # five qubits in a line
            noise_model=NoiseModel(),
            initial_layout=[4, 0, 2],
            seed=5,
        )
        found = run(placed, names, w, np.array([0.3, 1.1]))
        expected = run(device(wires=w), names, w, np.array([0.3, 1.1]))
        for name, one, other in zip(names, found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9, err_msg=name)
        (sampled,) = run(placed, ["probabilities"], w, 0.3, 20_000)
        exact = expected[names.index("probabilities")][0]
        np.testing.assert_allclose(sampled, exact, atol=5 * 0.5 / np.sqrt(20_000))

    def test_exact_values_with_noise_are_the_limit_of_many_shots(self) -> None:
        made = device(wires=2, backend="fake_manila", seed=5)

        @qml.qnode(made)
        def circuit() -> Any:
            qml.X(0)
            return qml.probs(wires=[0]), qml.expval(qml.Z(0))

        probabilities, value = circuit()
        shots = 40_000
        sampled, mean = qml.set_shots(circuit, shots)()
        assert probabilities[0] > 0.002  # errors of reading
        np.testing.assert_allclose(value, probabilities[0] - probabilities[1])
        assert abs(sampled[0] - probabilities[0]) < 5 * np.sqrt(0.06 / shots)
        assert abs(mean - value) < 5 * np.sqrt(0.24 / shots)

    def test_gradients_flow_with_noise(self) -> None:
        @qml.qnode(device(wires=2, backend="fake_manila"), interface="torch")
        def circuit(angle: Any) -> Any:
            qml.RX(angle, 0)
            qml.CNOT([0, 1])
            return qml.expval(qml.Z(1))

        angle = torch.tensor([0.5, 1.0]).double().requires_grad_()
        (found,) = torch.autograd.grad(circuit(angle).sum(), angle)
        np.testing.assert_allclose(found, -np.sin([0.5, 1.0]), atol=0.1)
        assert (abs(found) < abs(torch.sin(angle))).all()


class TestPhases:
    """Angles that transpiling moves into a circuit's global phase."""

    def check(self, made: Any, noise: float = 0.0) -> None:
        def circuit(x: Any, y: Any) -> Any:
            qml.PhaseShift(x, 0)  # of |0⟩: a global phase and nothing else
            qml.RY(y, 1)
            qml.PhaseShift(x, 1)
            qml.ControlledPhaseShift(y, [0, 1])
            qml.RX(0.4, 1)
            return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

        x, y = np.array([0.3, 1.2]), np.array([0.5, 2.5])
        found = qml.set_shots(qml.QNode(circuit, made), 4000)(x, y)
        expected = qml.QNode(circuit, qml.device("default.qubit"))(x, y)
        np.testing.assert_allclose(found, expected, atol=5 / 4000**0.5 + noise)

    @pytest.mark.parametrize("route", ["sampler", "estimator"])
    def test_on_a_service(self, loopback: Any, tmp_path: Path, route: str) -> None:
        options = {"journal": str(tmp_path / "jobs.sqlite"), "run": "phases"}
        self.check(device(backend="ibm:ibm_manila", route=route, **options), 0.1)

    # GenericBackendV2 without noise lets Aer's noise model wonder where it is.
    @pytest.mark.filterwarnings("ignore:Qiskit backend .* has no QubitProp")
    def test_on_any_backend(self) -> None:
        self.check(device(backend=GenericBackendV2(2, noise_info=False), seed=1))

    @pytest.mark.parametrize("folding", ["global", "gates"])
    def test_with_noise_extrapolated_to_zero(self, folding: str) -> None:
        mitigation = Mitigation(zne_scales=(1, 3), folding=folding)
        made = device(backend="fake_manila", seed=1, mitigation=mitigation)
        self.check(made, 0.05)


class TestConfiguration:
    def config(self, **options: Any) -> Any:
        return qml.devices.ExecutionConfig(**options)

    @pytest.mark.parametrize("method", ["best", "backprop", "device"])
    def test_torch_methods_are_one(self, method: str) -> None:
        config = self.config(gradient_method=method, interface="torch")
        chosen = device().setup_execution_config(config)
        assert chosen.gradient_method == "backprop"
        assert not chosen.use_device_jacobian_product

    @pytest.mark.parametrize("method", ["best", "device"])
    def test_others_get_products(self, method: str) -> None:
        config = self.config(gradient_method=method, interface="autograd")
        chosen = device().setup_execution_config(config)
        assert chosen.gradient_method == "device"
        assert chosen.use_device_jacobian_product

    def test_derivatives_with_shots(self) -> None:
        tape = qml.tape.QuantumScript([], [qml.expval(qml.Z(0))], shots=10)
        config = self.config(gradient_method="device", interface="autograd")
        assert device().supports_derivatives(config, tape)
        assert device().supports_vjp(config, tape)
        other = self.config(gradient_method="parameter-shift")
        assert not device().supports_derivatives(other, tape)

    def test_backprop_is_torchs(self) -> None:
        config = self.config(gradient_method="backprop", interface="autograd")
        with pytest.raises(TargetError, match=r"diff_method: .*torch only.*'autograd'"):
            device().setup_execution_config(config)

    def test_other_deferral_is_refused(self) -> None:
        @qml.qnode(device(wires=1), mcm_method="tree-traversal")
        def node() -> Any:
            return qml.expval(qml.measure(0))

        with pytest.raises(TargetError, match=r"mcm_method: .*'tree-traversal'"):
            node()

    @pytest.mark.parametrize("diff_method", ["best", "parameter-shift", None])
    def test_numpy(self, diff_method: Any) -> None:
        @qml.qnode(device(wires=1), interface="numpy", diff_method=diff_method)
        def node(x: Any) -> Any:
            qml.RX(x, 0)
            return qml.expval(qml.Z(0))

        value = node(0.3)
        assert isinstance(value, np.ndarray | float)
        np.testing.assert_allclose(value, np.cos(0.3))


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            (
                {"spsa_directons": 3},
                ArgumentTypeError,
                "did you mean 'spsa_directions'",
            ),
            ({"nonsense": 3}, ArgumentTypeError, "nonsense: qdl.qiskit has no such"),
            ({"route": "estimater"}, ArgumentError, "route: expected one of 'samp"),
            ({"gradient": "adjoint"}, ArgumentError, "gradient: expected one of 'par"),
            ({"spsa_directions": 0}, ArgumentError, "expected at least 1, got 0"),
            ({"spsa_directions": 1.5}, ArgumentTypeError, "a whole number, got 1.5"),
            ({"spsa_step": -1}, ArgumentError, "above 0, got -1"),
            ({"spsa_step": "far"}, ArgumentTypeError, "a number, got 'far'"),
            ({"fuse_gradient": "no"}, ArgumentTypeError, "True or False, got 'no'"),
            ({"optimization_level": 4}, ArgumentError, "optimization_level: .* got 4"),
            ({"resilience_level": 3}, ArgumentError, "resilience_level: .* got 3"),
            ({"resilience_level": 1}, ArgumentError, "level: .* route='estimator'"),
            (
                {"mitigation": "zne", "route": "estimator"},
                ArgumentError,
                "mitigation: it measures by the sampler",
            ),
            ({"mitigation": "best"}, ArgumentError, "mitigation: .*readout"),
            ({"session": True}, ArgumentError, "session: only IBM's machines"),
            ({"seed": -1}, ArgumentError, "seed: expected at least 0, got -1"),
            ({"initial_layout": 3}, ArgumentTypeError, "initial_layout: .* got 3"),
            ({"initial_layout": "01"}, ArgumentTypeError, "qubit of each wire.* '01'"),
            ({"cache": 3}, ArgumentTypeError, "cache: expected a path, got 3"),
            ({"max_qpu_seconds": 0}, ArgumentError, "max_qpu_seconds: .* above 0"),
            ({"backend": "nowhere"}, TargetError, "backend: .* got 'nowhere'"),
        ],
        ids=str,
    )
    def test_are_checked(self, options: Any, error: Any, text: str) -> None:
        with pytest.raises(error, match=text):
            device(wires=1, **options)


def selected(x: Any) -> Any:
    qml.RY(x, 0)
    qml.CRX(0.8, [0, 1])
    qml.measure(1, postselect=1)
    return qml.expval(qml.X(0))


class TestPostselection:
    """Only some shots count, in every measurement, and gradients are of quotients."""

    def node(
        self, made: Any, read: Any, shots: Any = None, method: str = "best"
    ) -> Any:
        def circuit(x: Any) -> Any:
            prepare(x, LABELS[0])
            kept = qml.measure(0, postselect=1, reset=True)
            qml.RY(0.4 * x, 0)
            qml.cond(kept, qml.CRX)(0.3 * x, [1, 0])
            qml.measure(2, postselect=0)
            last = qml.measure(1)
            qml.cond(last, qml.RX)(1.1 * x, 0)
            return read(last)

        return qml.set_shots(
            qml.QNode(circuit, made, diff_method=method, mcm_method="deferred"), shots
        )

    @pytest.mark.parametrize(
        "name", sorted(measurements(LABELS[0]).keys() - {"probabilities"})
    )
    def test_is_the_simulators(self, name: str) -> None:
        found = []
        for made in (qml.device("qdl.simulator"), device()):
            x = torch.tensor([0.9, 0.3], dtype=torch.float64, requires_grad=True)
            result = self.node(made, lambda _: chosen([name], LABELS[0])[0])(x)
            weights = torch.arange(1.0, 1 + result.numel()).reshape(result.shape)
            (result * weights).sum().backward()
            found.append((result.detach(), x.grad))
        torch.testing.assert_close(*found)

    def test_is_the_simulators_for_outcomes_and_states(self) -> None:
        def read(last: Any) -> Any:
            return qml.probs(op=[last]), qml.vn_entropy([1]), qml.expval(last)

        found = [
            self.node(made, read)(0.9)
            for made in (qml.device("qdl.simulator"), device())
        ]
        for theirs, mine in zip(*found, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-9)

    @pytest.mark.parametrize("executor", [None, StandIn()])
    def test_with_shots(self, executor: Any) -> None:
        made = device(seed=1)
        made.executor = executor or made.executor

        def read(_: Any) -> Any:
            return qml.expval(qml.X(0) @ qml.Z(1)), qml.probs(wires=[0, 1])

        x = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
        found, slopes = [], []
        for node in (self.node(made, read, 20_000), self.node(device(), read)):
            values, probabilities = node(x)
            found.append(torch.cat([values[None], probabilities]).detach())
            slopes.append(torch.autograd.grad(values + probabilities[1], x)[0])
        torch.testing.assert_close(*found, rtol=0, atol=0.05)
        torch.testing.assert_close(*slopes, rtol=0, atol=0.15)

    def test_with_noise(self) -> None:
        made, found = device(backend="aer:fake_manila", seed=1), []
        for shots in (None, 20_000):
            x = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
            node = qml.QNode(selected, made, mcm_method="deferred")
            value = qml.set_shots(node, shots)(x)
            (slope,) = torch.autograd.grad(value, x)
            found.append(torch.stack([value.detach(), slope]))
        torch.testing.assert_close(*found, rtol=0, atol=0.1)
        node = qml.QNode(selected, device(), mcm_method="deferred")
        assert abs(node(0.9) - found[0][0]) > 0.005

    def test_samples_are_what_is_left(self) -> None:
        def read(_: Any) -> Any:
            return qml.sample(wires=[1, 0]), qml.counts(wires=[2]), qml.expval(qml.Z(0))

        bits, counts, value = self.node(device(seed=1), read, 1000)(0.9)
        assert bits.shape[1] == 2
        assert 50 < len(bits) == sum(counts.values()) < 500
        assert value == pytest.approx(np.mean(1 - 2 * bits[:, 1]))
        parts = self.node(device(seed=1), read, [600, 400])(0.9)
        assert [part[1] for part in parts] != [counts, counts]
        assert sum(len(part[0]) for part in parts) == len(bits)

    @pytest.mark.parametrize("made", ["qdl.simulator", "qdl.qiskit"])
    def test_nothing_left(self, made: str) -> None:
        @qml.set_shots(10)
        @qml.qnode(qml.device(made, wires=2), mcm_method="deferred")
        def circuit() -> Any:
            qml.measure(0, postselect=1)
            return (
                qml.expval(qml.Z(1)),
                qml.var(qml.Z(1)),
                qml.probs(wires=1),
                qml.sample(wires=1),
                qml.counts(wires=1),
            )

        value, variance, probabilities, samples, counts = circuit()
        assert np.isnan([value, variance, *probabilities]).all()
        assert samples.shape == (0, 1)
        assert counts == {}

    def test_errors_are_those_of_shots_that_are_left(self) -> None:
        made = device(seed=3)

        def read(_: Any) -> Any:
            return qml.expval(qml.Z(0) + 0.5 * qml.X(1)), qml.probs(wires=[0])

        node = self.node(made, read, 500)
        tapes, _ = qml.workflow.construct_batch(node, level="device")(0.9)
        runs = [made.execute_with_errors(tapes) for _ in range(60)]
        for place in (0, 1):
            spread = np.std([values[0][place] for values, _ in runs], axis=0)
            told = np.mean([errors[0][place] for _, errors in runs], axis=0)
            np.testing.assert_allclose(told, spread, rtol=0.3)

    def test_spsa(self) -> None:
        found = []
        for made in (
            device(gradient="spsa", spsa_step=1e-3),
            qml.device("qdl.simulator"),
        ):
            x = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
            node = qml.QNode(selected, made, mcm_method="deferred")
            found.append(torch.autograd.grad(node(x), x)[0].item())
        assert found[0] == pytest.approx(found[1], abs=1e-5)

    @pytest.mark.parametrize("made", ["qdl.simulator", "qdl.qiskit"])
    @pytest.mark.parametrize("method", ["parameter-shift", "finite-diff", "hadamard"])
    def test_pennylanes_gradients_are_refused(self, made: str, method: str) -> None:
        """They are silently wrong: no shift rule holds for quotients."""
        node = self.node(
            qml.device(made, wires=9), lambda _: qml.expval(qml.Z(0)), method=method
        )
        x = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
        value = node(x)  # the circuit itself runs
        with pytest.raises(TargetError, match=r"after a postselection.* diff_method="):
            value.backward()

    def test_what_cannot_be(self) -> None:
        def mean(_: Any) -> Any:
            return qml.expval(qml.Z(0))

        node = self.node(device(), mean, 10)
        node = node.update(postselect_mode="fill-shots")
        with pytest.raises(TargetError, match=r"discards shots.*use 'hw-like'"):
            node(0.3)
        for options in ({"mitigation": "readout"}, {"route": "estimator"}):
            made = device(**options)
            made.executor = StandIn()
            with pytest.raises(TargetError, match=r"got .*leave it out, or measure"):
                self.node(made, mean, 10)(0.3)

"""Layers on Qiskit targets: names, gradients, options that wait, error bars."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    BasicEntangler,
    Expectation,
    Probabilities,
    Samples,
    State,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.nn import QuantumConv2d, QuantumLayer, set_target

U = StronglyEntangling(3, layers=2) @ AngleEncoding(3)
SUMS = Expectation(["ZII", "XYI", qml.Z(0) + 0.5 * qml.X(2)])


def make(*arguments: Any, **options: Any) -> Any:
    """A layer with fixed weights, of which mypy need not know the parameters."""
    generator = torch.Generator().manual_seed(3)
    return QuantumLayer(*arguments, generator=generator, **options)


def rows(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def gradients(layer: Any, x: Tensor) -> tuple[Tensor, ...]:
    x = x.clone().requires_grad_()
    values = [x, *layer.parameters()]
    return torch.autograd.grad(layer(x).square().sum(), values)


def options_of(layer: Any) -> Any:
    return layer.qnode.device.options


class TestGradients:
    @pytest.mark.parametrize(
        "circuit",
        [
            U,
            U.with_readout(SUMS),
            U.with_readout(Probabilities([2, 0])),
            BasicEntangler(2) @ AmplitudeEncoding(2),
        ],
        ids=["z", "sums", "probabilities", "amplitudes"],
    )
    @pytest.mark.parametrize("method", ["best", "parameter-shift"])
    def test_exact_ones_equal_backpropagation(self, circuit: Any, method: str) -> None:
        layer = make(circuit, target="aer", diff_method=method, dtype=torch.float64)
        x = rows(4, circuit.num_inputs)
        found = gradients(layer, x)
        layer.set_target("default.qubit", diff_method="backprop")
        for one, other in zip(found, gradients(layer, x), strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=0.0)

    def test_a_training_step_is_a_job_for_each_layer(self) -> None:
        model = nn.Sequential(make(U), nn.Linear(3, 3), make(U)).double()
        set_target(model, "aer", shots=20)
        layers: list[Any] = [model[0], model[2]]
        counters = [layer.qnode.device.executor.counters for layer in layers]
        for step in (1, 2):
            model(rows(5, 3)).sum().backward()
            assert [c.jobs for c in counters] == [step, step]
            assert [c.transpilations for c in counters] == [1, 1]
        # The first layer's inputs need no gradient.
        assert [c.rows // 10 for c in counters] == [1 + 2 * 18, 1 + 2 * 21]

    def test_without_gradients_there_are_no_shifted_rows(self) -> None:
        layer = make(U, target="aer")
        with torch.no_grad():
            layer(rows(5, 3))
        assert layer.qnode.device.executor.counters.rows == 5

    @pytest.mark.parametrize("fuse", [None, True, False])
    def test_fused_or_not(self, fuse: bool | None) -> None:
        layer = make(U, target="aer", fuse_gradient=fuse)
        layer(rows(5, 3)).sum().backward()
        expected = 2 if fuse is False else 1
        assert layer.qnode.device.executor.counters.jobs == expected

    def test_spsa_costs_two_rows_for_each_direction(self) -> None:
        layer = make(U, target="aer", diff_method="spsa", spsa_directions=3)
        layer(rows(5, 3)).sum().backward()
        assert layer.qnode.device.executor.counters.rows == 5 * (1 + 2 * 3)
        assert layer.weights_0.grad is not None

    @pytest.mark.parametrize("source", ["circuit", "qnode"])
    @pytest.mark.parametrize("method", ["backprop", "adjoint", "finite-diff", "hm"])
    def test_others_are_refused(self, method: str, source: str) -> None:
        text = f"diff_method: '{method}' does not go with qdl.qiskit.* 'spsa'"
        if source == "circuit":
            with pytest.raises(ArgumentError, match=text):
                make(U, target="aer", diff_method=method)
            return
        node = qml.QNode(one_value, qml.device("default.qubit", wires=1))
        with pytest.raises(ArgumentError, match=text):
            make(node, {"angle": ()}, target="aer", diff_method=method)

    def test_a_layer_that_cannot_move_stays(self) -> None:
        layer = make(U, target="default.qubit", diff_method="backprop")
        with pytest.raises(ArgumentError, match=r"does not go with qdl\.qiskit"):
            layer.set_target("aer")
        assert layer.qnode.device.name == "default.qubit"
        layer.set_target("aer", diff_method="best")
        assert layer.qnode.device.name == "qdl.qiskit"


def one_value(inputs: Any, angle: Any) -> Any:
    qml.RX(inputs[..., 0], 0)
    qml.RY(angle, 0)
    return qml.expval(qml.Z(0))


class TestQNodes:
    @pytest.mark.parametrize("method", ["best", "parameter-shift", "spsa"])
    def test_gradients_are_the_devices_own(self, method: str) -> None:
        device = qml.device("qdl.qiskit", wires=1, spsa_directions=2000, seed=1)
        node = qml.QNode(one_value, device, diff_method=method)
        layer = make(node, {"angle": ()}).double()
        x = rows(4, 1)
        with qml.Tracker(layer.qnode.device) as tracker:
            found = gradients(layer, x)
        assert tracker.totals["jobs"] == 1
        expected = make(
            qml.QNode(one_value, qml.device("default.qubit", wires=1)), {"angle": ()}
        ).double()
        expected.load_state_dict(layer.state_dict())
        tolerance = 0.1 if method == "spsa" else 1e-6
        for one, other in zip(found, gradients(expected, x), strict=True):
            torch.testing.assert_close(one, other, atol=tolerance, rtol=0.0)

    def test_own_device_and_way_are_kept(self) -> None:
        device = qml.device("qdl.qiskit", wires=1)
        node = qml.QNode(one_value, device, shots=5, diff_method="hadamard")
        layer = make(node, {"angle": ()})
        assert layer.qnode is node
        assert layer.shots == 5

    def test_of_other_devices_move(self) -> None:
        node = qml.QNode(
            one_value, qml.device("default.qubit", wires=1), diff_method="backprop"
        )
        layer = make(node, {"angle": ()})
        x = rows(3, 1)
        expected = layer(x)
        layer.set_target("aer")
        torch.testing.assert_close(layer(x), expected)
        layer.set_target("aer", shots=3, spsa_directions=2)
        assert layer(x).shape == (3,)


class TestOptions:
    def test_wait_for_a_target_that_understands_them(self) -> None:
        layer = make(U, spsa_directions=5, fuse_gradient=False, resilience_level=1)
        assert layer.qnode.device.name == "qdl.simulator"
        layer(rows(2, 3)).sum().backward()
        layer.set_target("aer", diff_method="spsa")
        options = options_of(layer)
        assert (options.gradient, options.spsa_directions) == ("spsa", 5)
        assert options.fuse_gradient is False
        layer.set_target("auto", diff_method="best").set_target("aer")
        assert options_of(layer).gradient == "parameter-shift"
        assert options_of(layer).spsa_directions == 5

    def test_resilience_is_for_machines(self) -> None:
        layer = make(U, target="aer", resilience_level=2)
        assert options_of(layer).route == "sampler"
        assert options_of(layer).resilience_level is None

    def test_mitigation_waits_for_machines_and_can_be_ended(self) -> None:
        x = rows(4, 3)
        layer = make(U, mitigation="readout+zne")
        exact = layer(x)
        layer.set_target("aer:fake_manila")
        assert options_of(layer).mitigation == Mitigation()
        mitigated = (layer(x) - exact).abs().mean()
        layer.set_target(None, mitigation=None)
        assert options_of(layer).mitigation is None
        assert mitigated < (layer(x) - exact).abs().mean() / 3
        layer.set_target(None, mitigation="readout")
        assert options_of(layer).mitigation == Mitigation(zne_scales=(1,))
        layer.set_target(None, 50, diff_method="spsa")
        assert options_of(layer).mitigation == Mitigation(zne_scales=(1,))
        layer(x).sum().backward()

    @pytest.mark.parametrize("source", [U, "qnode"], ids=["circuit", "qnode"])
    def test_mitigation_on_a_device_of_the_users(self, source: Any) -> None:
        device = qml.device("qdl.qiskit", wires=3, mitigation="readout")
        target = None if source == "qnode" else device
        shapes = {"angle": ()} if source == "qnode" else None
        circuit = qml.QNode(one_value, device) if source == "qnode" else source
        layer = make(circuit, shapes, target=target)
        assert layer.qnode.device is device
        layer.set_target(None, mitigation="zne")
        assert options_of(layer).mitigation == Mitigation.of("zne")
        assert layer.qnode.device.executor is device.executor
        assert device.options.mitigation == Mitigation.of("readout")
        layer.set_target(None, mitigation=None)  # the device's own again
        assert options_of(layer).mitigation == Mitigation.of("readout")

    @pytest.mark.parametrize("shots", [None, 20])
    def test_only_expectation_values_are_mitigated(self, shots: Any) -> None:
        circuit = U.with_readout(Probabilities())
        with pytest.raises(TargetError, match="mitigation: it"):
            make(circuit, target="aer", shots=shots, mitigation="zne")

    def test_an_account_waits_for_machines(self) -> None:
        layer = make(U, target="aer", account="mine", max_qpu_seconds=5.0)
        assert options_of(layer).account is None
        assert layer.execution.options.account == "mine"

    def test_a_model_gets_them_at_once(self) -> None:
        model = nn.Sequential(QuantumConv2d(1, 2, (1, 2)), make(U))
        set_target(model, "aer", 9, diff_method="spsa", spsa_directions=4)
        layers = [part for part in model.modules() if isinstance(part, QuantumLayer)]
        assert len(layers) >= 2
        for layer in layers:
            assert layer.shots == 9
            assert options_of(layer).spsa_directions == 4
        set_target(model, None, fuse_gradient=False)
        for layer in layers:
            assert options_of(layer).spsa_directions == 4
            assert options_of(layer).fuse_gradient is False

    def test_pennylanes_spsa_gets_its_directions(self) -> None:
        layer = make(U, target="default.qubit", diff_method="spsa", spsa_directions=7)
        assert layer.qnode.gradient_kwargs["num_directions"] == 7

    def test_a_device_is_taken_with_other_options_of_gradients(self) -> None:
        device = qml.device("qdl.qiskit", wires=3, seed=1)
        assert make(U, target=device).qnode.device is device
        layer = make(U, target=device, diff_method="spsa")
        assert layer.qnode.device.executor is device.executor
        assert options_of(layer).gradient == "spsa"
        assert device.options.gradient == "parameter-shift"

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            ({"spsa_directions": 0}, ArgumentError, "at least 1, got 0"),
            ({"spsa_directions": True}, ArgumentTypeError, "whole number, got True"),
            ({"fuse_gradient": 1}, ArgumentTypeError, "True or False, got 1"),
            ({"resilience_level": 3}, ArgumentError, "0, 1, 2, got 3"),
            ({"mitigation": "zn"}, ArgumentError, "'readout.zne', got 'zn'"),
            ({"mitigation": 3}, ArgumentTypeError, r"or a Mitigation\(...\), got 3"),
            ({"seed": -1}, ArgumentError, "at least 0, got -1"),
            ({"max_qpu_seconds": 0}, ArgumentError, "above 0, got 0"),
        ],
        ids=str,
    )
    def test_are_checked(self, options: Any, error: Any, text: str) -> None:
        with pytest.raises(error, match=text):
            make(U, **options)
        layer = make(U)
        before = layer.execution
        with pytest.raises(error, match=text):
            layer.set_target(None, **options)
        assert layer.execution is before

    def test_a_name_written_wrongly_is_told(self) -> None:
        text = "diffmethod: a layer has no such option.*did you mean 'diff_method'"
        with pytest.raises(ArgumentTypeError, match=text):
            make(U).set_target("aer", diffmethod="spsa")
        for name in ("flavour", "cache", "journal"):  # those of devices
            for target in ("aer", "auto"):
                with pytest.raises(ArgumentTypeError, match=f"{name}: a layer has no"):
                    make(U).set_target(target, **{name: 3})

    def test_survive_copies_and_pickles(self) -> None:
        layer = make(U, target="aer", shots=7, diff_method="spsa", spsa_directions=5)
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert twin.execution == layer.execution
            assert options_of(twin).spsa_directions == 5
            assert twin.shots == 7
            assert twin(rows(2, 3)).shape == (2, 3)


class TestRows:
    @pytest.mark.parametrize("shots", [None, 11])
    @pytest.mark.parametrize("count", [0, 1, 3])
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
    def test_shapes_and_types(self, count: int, shots: Any, dtype: Any) -> None:
        for readout, shape in ((SUMS, (3,)), (Probabilities([1]), (2,))):
            layer = make(U.with_readout(readout), target="aer", shots=shots)
            x = rows(count, 3).to(dtype).requires_grad_()
            result = layer(x)
            assert result.shape == (count, *shape)
            assert result.dtype == dtype
            result.sum().backward()
            assert x.grad is not None
            assert x.grad.shape == x.shape
        assert layer(rows(3).to(dtype)).shape == (2,)

    @pytest.mark.parametrize("shots", [None, 50])
    def test_nan_stays_in_its_row(self, shots: int | None) -> None:
        x = rows(3, 3)
        x[1, 2] = torch.nan
        result = make(U, target="aer", shots=shots)(x)
        assert result[1].isnan().all()
        assert result[[0, 2]].isfinite().all()

    @pytest.mark.parametrize("target", ["aer", "aer:fake_manila", "auto"])
    @pytest.mark.parametrize("bad", [torch.nan, torch.inf])
    def test_samples_of_nan_are_refused(self, target: str, bad: float) -> None:
        """They are whole numbers: those of angle 0 would be passed off for them."""
        x = rows(3, 3)
        x[1, 2] = bad
        layer = make(U.with_readout(Samples()), target=target, shots=5)
        text = r"inputs: expected finite numbers, got NaN or infinity in rows \[1\] or"
        with pytest.raises(ArgumentError, match=text):
            layer(x)
        with torch.no_grad():
            layer.weights_0[0, 0, 0] = bad
        with pytest.raises(ArgumentError, match=r"in rows \[0, 1, 2\] or in the weig"):
            layer(rows(3, 3))
        with pytest.raises(ArgumentError, match=r"in rows all or in the weights, and"):
            layer(rows(3))

    def test_a_qnode_that_samples_nan_is_refused(self) -> None:
        def sampled(inputs: Any) -> Any:
            qml.RX(inputs[..., 0], 0)
            qml.CNOT([0, 1])
            return qml.sample(wires=[0, 1])

        node = qml.QNode(sampled, qml.device("default.qubit"))
        layer = make(qml.set_shots(node, 4), {})
        assert layer(rows(2, 1)).shape == (2, 4, 2)
        x = rows(2, 1)
        x[1] = torch.nan
        with pytest.raises(ArgumentError, match=r"in rows \[1\] or in the weights"):
            layer(x)

    @pytest.mark.parametrize("shots", [None, 20])
    def test_nan_stays_in_its_row_of_a_noisy_machine(self, shots: int | None) -> None:
        x = rows(3, 2)
        x[1, 1] = torch.nan
        circuit = StronglyEntangling(2) @ AngleEncoding(2)
        layer = make(circuit, target="aer:fake_manila", shots=shots)
        result = layer(x.requires_grad_())
        assert result[1].isnan().all()
        assert result[[0, 2]].isfinite().all()
        torch.autograd.backward([result[[0, 2]].sum()])
        assert x.grad is not None
        assert x.grad[[0, 2]].isfinite().all()

    def test_samples(self) -> None:
        layer = make(U.with_readout(Samples()), target="aer", shots=6)
        assert layer(rows(4, 3)).shape == (4, 6, 3)
        assert layer(rows(1, 3)).shape == (1, 6, 3)
        assert set(layer(rows(4, 3)).unique().tolist()) <= {0, 1}


class TestErrorBars:
    @pytest.mark.parametrize("target", ["aer", "auto", "default.qubit"])
    def test_cover_the_exact_values(self, target: str) -> None:
        shots = 500
        layer = make(U.with_readout(Expectation(["ZII", "XYI"])), shots=shots)
        layer.set_target(target)
        x = rows(60, 3)
        exact = make(layer.circuit)(x)
        values, errors = layer.with_errors(x)
        assert values.shape == errors.shape == exact.shape
        assert not values.requires_grad
        torch.testing.assert_close(
            errors, ((1 - values**2) / (shots - 1)).sqrt(), atol=1e-6, rtol=1e-4
        )
        distances = (values - exact).abs() / errors
        assert distances.max() < 5
        assert 0.55 < (distances < 1).double().mean() < 0.8  # 68%

    def test_of_sums(self) -> None:
        layer = make(U.with_readout(SUMS), target="aer", shots=400)
        exact = make(layer.circuit)(rows(40, 3))
        values, errors = layer.with_errors(rows(40, 3))
        distances = (values - exact).abs() / errors
        assert distances.max() < 5
        assert 0.5 < (distances[:, 2] < 1).double().mean() < 0.85
        layer.set_target("auto")
        with pytest.raises(
            ArgumentTypeError, match=r"of single Pauli words if not on a Qiskit .*'aer'"
        ):
            layer.with_errors(rows(40, 3))

    @pytest.mark.parametrize("target", ["aer", "auto"])
    def test_shapes(self, target: str) -> None:
        layer = make(U, target=target, shots=9)
        for leading in ((), (1,), (0,), (2, 2)):
            values, errors = layer.with_errors(rows(*leading, 3).float())
            assert values.shape == errors.shape == (*leading, 3)
            assert values.dtype == errors.dtype == torch.float32
        x = rows(2, 3)
        x[0] = torch.nan
        for found in layer.with_errors(x):
            assert found[0].isnan().all()
            assert found[1].isfinite().all()
        _, errors = layer.set_target(None, 1).with_errors(rows(2, 3))
        assert errors.isnan().all()

    @pytest.mark.parametrize("target", ["aer", "auto"])
    def test_exact_values_are_sure(self, target: str) -> None:
        layer = make(U.with_readout(Expectation(["ZZI"])), target=target)
        values, errors = layer.with_errors(rows(2, 3))
        torch.testing.assert_close(values, layer(rows(2, 3)).detach())
        assert not errors.any()

    def test_of_other_readouts(self) -> None:
        layer = make(U.with_readout(Samples()), target="aer", shots=4)
        with pytest.raises(
            ArgumentTypeError, match=r"with_errors: expected probabilities or expectat"
        ):
            layer.with_errors(rows(2, 3))
        layer.set_target("auto")
        with pytest.raises(ArgumentTypeError, match=r"the readout is Samples"):
            layer.with_errors(rows(2, 3))
        node = qml.QNode(one_value, qml.device("default.qubit", wires=1))
        with pytest.raises(ArgumentTypeError, match=r"made from a QNode"):
            make(node, {"angle": ()}, shots=5).with_errors(rows(2, 1))
        moved = make(node, {"angle": ()}, shots=5, target="aer")
        assert moved.with_errors(rows(2, 1))[1].shape == (2,)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("aer:torino", "backend: .* got 'aer:torino'"),
        ("ibm_torino", "say 'ibm:ibm_torino'"),
        ("fake_nowhere", "unknown stored machine 'fake_nowhere'"),
        ("aerr", "unknown target 'aerr'; available here: auto, aer, aer:fake_NAME"),
    ],
)
def test_wrong_names(target: str, text: str) -> None:
    with pytest.raises(TargetError, match=text):
        make(U, target=target)


def test_the_state_is_for_state_vector_simulators() -> None:
    with pytest.raises(TargetError, match=r"state vector simulator.*got qdl.qiskit"):
        make(U.with_readout(State()), target="aer")


def test_a_noisy_target() -> None:
    layer = make(U, target="fake_manila")
    ideal = make(U)
    x = rows(3, 3)
    for name in ("fake_manila", "aer:fake_manila"):
        layer.set_target(name)
        off = (layer(x) - ideal(x)).abs()
        assert 0.001 < off.max() < 0.4
    layer(x).sum().backward()
    assert layer.weights_0.grad.isfinite().all()

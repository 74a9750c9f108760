"""Gradients on qdl.qiskit: equal to backpropagation, one job a step."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError, TargetError
from qml_qdl.hardware.jobs.records import JobKeys
from qml_qdl.hardware.qiskit.aer.executor import AerExecutor

HERMITIAN = np.array([[1.0, 2.0 - 1j], [2.0 + 1j, -1.0]])


def device(**options: Any) -> Any:
    return qml.device("qdl.qiskit", **{"wires": 3, "backend": "aer", **options})


def layered(inputs: Any, weights: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(3))
    qml.StronglyEntanglingLayers(weights, wires=range(3))
    return [qml.expval(qml.Z(wire)) for wire in range(3)]


def mixed(inputs: Any, weights: Any) -> Any:
    """Measurements of every kind that has gradients, behind gates of many kinds."""
    qml.RX(inputs[..., 0], 0)
    qml.CRY(weights[0, 0, 0], [0, 1])
    qml.Rot(weights[0, 0, 1], weights[0, 0, 2], inputs[..., 1], 2)
    qml.IsingXY(weights[0, 1, 0], [1, 2])
    qml.GlobalPhase(weights[0, 1, 1], wires=0)
    qml.U3(weights[0, 0, 0], weights[0, 1, 2], inputs[..., 2], 1)
    qml.ControlledPhaseShift(weights[0, 2, 0], [2, 0])
    qml.PauliRot(weights[0, 2, 1], "XYZ", [0, 1, 2])
    qml.SingleExcitation(weights[0, 2, 2], [0, 2])
    qml.RY(0.3, 1)
    return (
        qml.expval(qml.Z(0) @ qml.X(2)),
        qml.probs(wires=[2, 1]),
        qml.var(qml.Z(0) + 0.5 * qml.Y(1)),
        qml.expval(qml.Hermitian(HERMITIAN, 1)),
        qml.var(qml.Hadamard(2)),
        qml.expval(qml.Projector([1, 0], [2, 0])),
    )


def numbers(rows: int | None, layers: int = 1) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(3,) if rows is None else (rows, 3))
    return torch.tensor(x), torch.tensor(rng.uniform(0, 6, (layers, 3, 3)))


def gradients(node: Any, *values: Tensor) -> tuple[Tensor, ...]:
    leaves = [value.clone().requires_grad_() for value in values]
    results = node(*leaves)
    total = sum((result**2).sum() for result in results)
    assert isinstance(total, Tensor)
    return torch.autograd.grad(total, leaves)


def reference(function: Any) -> Any:
    made = qml.device("default.qubit", wires=3)
    return qml.QNode(function, made, interface="torch", diff_method="backprop")


@pytest.mark.parametrize("rows", [None, 1, 4])
@pytest.mark.parametrize("function", [layered, mixed])
@pytest.mark.parametrize("fuse", [True, False], ids=["fused", "apart"])
def test_torch_equals_backpropagation(
    function: Callable[..., Any], rows: int | None, fuse: bool
) -> None:
    node = qml.QNode(function, device(fuse_gradient=fuse), interface="torch")
    values = numbers(rows)
    pairs = zip(
        gradients(node, *values), gradients(reference(function), *values), strict=True
    )
    for found, expected in pairs:
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0.0)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")  # autograd's
@pytest.mark.parametrize("rows", [None, 4])
def test_autograd_equals_backpropagation(rows: int | None) -> None:
    values = [pnp.array(v.numpy(), requires_grad=True) for v in numbers(rows)]
    found = []
    for made in (device(), qml.device("default.qubit", wires=3)):
        node = qml.QNode(mixed, made)

        def total(*arguments: Any, node: Any = node) -> Any:
            return sum(qml.math.sum(r**2) for r in node(*arguments))

        found.append(qml.grad(total)(*values))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_autograd_jacobian() -> None:
    values = [pnp.array(v.numpy(), requires_grad=True) for v in numbers(None)]
    found = [
        qml.jacobian(lambda *v, m=made: qml.math.stack(qml.QNode(layered, m)(*v)))(
            *values
        )
        for made in (device(), qml.device("default.qubit", wires=3))
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_stock_torch_layer() -> None:
    results = []
    for made in (device(), qml.device("default.qubit", wires=3)):
        torch.manual_seed(1)
        node = qml.QNode(layered, made, interface="torch")
        layer = qml.qnn.TorchLayer(node, {"weights": (2, 3, 3)}).double()
        x = numbers(4)[0].requires_grad_()
        with qml.Tracker(made) as tracker:
            layer(x).square().sum().backward()
        results.append((x.grad, layer.weights.grad))
        if made.name == "qdl.qiskit":
            assert tracker.totals["jobs"] == 1
            # 3 encoded angles and 18 weights, two shifts each, beside the plain rows.
            assert tracker.totals["rows"] == 4 * (1 + 2 * 21)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0.0)


class TestJobs:
    def counts(self, made: Any, step: Callable[[], Any]) -> dict[str, Any]:
        with qml.Tracker(made) as tracker:
            step()
        names = ("jobs", "pubs", "rows", "transpilations")
        return {name: tracker.totals.get(name, 0) for name in names}

    @pytest.mark.parametrize("shots", [None, 10])
    def test_fused_is_one_job(self, shots: int | None) -> None:
        made = device()
        node = qml.set_shots(qml.QNode(layered, made, interface="torch"), shots)
        values = [v.requires_grad_() for v in numbers(4, layers=2)]
        rows = 4 * (1 + 2 * 21)
        first = self.counts(made, lambda: sum(node(*values)).sum().backward())
        assert first == {"jobs": 1, "pubs": 1, "rows": rows, "transpilations": 1}
        again = self.counts(made, lambda: sum(node(*values)).sum().backward())
        assert again == {"jobs": 1, "pubs": 1, "rows": rows, "transpilations": 0}

    def test_apart_is_two_and_the_second_is_sent_on_the_way_back(self) -> None:
        made = device(fuse_gradient=False)
        node = qml.QNode(layered, made, interface="torch")
        values = [v.requires_grad_() for v in numbers(4)]
        results: list[Tensor] = []
        assert self.counts(made, lambda: results.extend(node(*values)))["rows"] == 4
        back = self.counts(made, lambda: results[0].sum().backward(retain_graph=True))
        assert back["jobs"] == 1
        assert back["rows"] == 4 * 2 * 12
        # A second time nothing is sent.
        again = self.counts(made, lambda: results[1].sum().backward())
        assert again["jobs"] == 0

    def test_no_rows_for_what_needs_no_gradient(self) -> None:
        made = device()
        node = qml.QNode(layered, made, interface="torch")
        x, weights = numbers(4)
        assert self.counts(made, lambda: node(x, weights))["rows"] == 4
        x.requires_grad_()
        assert self.counts(made, lambda: node(x, weights))["rows"] == 4 * (1 + 2 * 3)

        def without() -> None:
            with torch.no_grad():
                node(x, weights)

        assert self.counts(made, without)["rows"] == 4

    def test_all_tapes_of_an_execution_are_one_job(self) -> None:
        made = device()
        x, weights = (v.requires_grad_() for v in numbers(None))
        tapes = [
            qml.tape.QuantumScript([qml.RX(a, 0), qml.RY(weights[0, 0, 0], 1)], [m])
            for a in x
            for m in (qml.expval(qml.Z(0)), qml.expval(qml.X(0)))
        ]
        config = qml.devices.ExecutionConfig(
            gradient_method="backprop", interface="torch"
        )
        with qml.Tracker(made) as tracker:
            results = made.execute(tapes, config)
            sum(results).backward()
        assert tracker.totals["jobs"] == 1
        assert tracker.totals["pubs"] == 2
        expected = torch.stack([-torch.sin(a) for a in x]).detach()
        torch.testing.assert_close(x.grad, expected)

    def test_pennylanes_shifts_collapse_into_one_structure(self) -> None:
        made = device()
        node = qml.QNode(
            layered, made, interface="torch", diff_method="parameter-shift"
        )
        x, weights = numbers(None)
        weights.requires_grad_()
        with qml.Tracker(made) as tracker:
            (found,) = torch.autograd.grad(sum(node(x, weights)), weights)
        assert tracker.totals["jobs"] == 2
        assert tracker.totals["pubs"] == 2
        assert tracker.totals["transpilations"] == 1
        assert tracker.totals["rows"] == 1 + 2 * 9
        (expected,) = torch.autograd.grad(sum(reference(layered)(x, weights)), weights)
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0.0)

    def test_no_graph_stays_behind(self) -> None:
        made = device()
        node = qml.QNode(layered, made, interface="torch")
        values = [v.requires_grad_() for v in numbers(2)]

        def in_graphs() -> int:
            gc.collect()
            tensors = [o for o in gc.get_objects() if type(o) is Tensor]
            return sum(tensor.grad_fn is not None for tensor in tensors)

        before = in_graphs()
        for _ in range(2):
            sum(node(*values)).sum().backward()
        assert in_graphs() == before


class TestCoefficients:
    def test_of_a_hamiltonian_are_trained(self) -> None:
        def circuit(angle: Any, factors: Any) -> Any:
            qml.RX(angle, 0)
            qml.CNOT([0, 1])
            words = [qml.Z(0), qml.Y(0) @ qml.X(1), qml.I(0)]
            return [qml.expval(qml.dot(factors, words))]

        factors = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
        angle = torch.tensor(0.4, dtype=torch.float64)
        found = gradients(
            qml.QNode(circuit, device(), interface="torch"), angle, factors
        )
        expected = gradients(reference(circuit), angle, factors)
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0.0)

    def test_of_a_matrix_are_trained(self) -> None:
        def circuit(angle: Any, matrix: Any) -> Any:
            qml.RX(angle, 0)
            return [qml.expval(qml.Hermitian(matrix + matrix.T, 0))]

        values = (
            torch.tensor(0.4).double(),
            torch.tensor([[1.0, 0.2], [0.5, 2]]).double(),
        )
        found = gradients(qml.QNode(circuit, device(), interface="torch"), *values)
        expected = gradients(reference(circuit), *values)
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0.0)

    def test_in_a_variance_are_not(self) -> None:
        @qml.qnode(device(), interface="torch")
        def circuit(factor: Any) -> Any:
            return qml.var(factor * qml.Z(0) + qml.X(0))

        with pytest.raises(TargetError, match=r"are to be trained"):
            circuit(torch.tensor(0.4, requires_grad=True))


class TestRefusals:
    ANGLE = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def test_a_gradient_of_a_gradient(self) -> None:
        @qml.qnode(device(), interface="torch")
        def circuit(angle: Any) -> Any:
            qml.RX(angle, 0)
            return qml.expval(qml.Z(0))

        (first,) = torch.autograd.grad(
            circuit(self.ANGLE), self.ANGLE, create_graph=True
        )
        torch.testing.assert_close(first, -torch.sin(self.ANGLE))
        with pytest.raises(DoubleBackwardError, match=r"create_graph=True.*simulator"):
            first.backward()

    @pytest.mark.parametrize(
        "measure",
        [lambda: qml.sample(qml.X(0)), qml.state, qml.purity],
        ids=["sample", "state", "purity"],
    )
    def test_samples_and_states(self, measure: Any) -> None:
        shots = 5 if measure not in (qml.state, qml.purity) else None
        arguments = {"wires": [0]} if measure is qml.purity else {}

        @qml.set_shots(shots)
        @qml.qnode(device(), interface="torch")
        def circuit(angle: Any) -> Any:
            qml.RX(angle, 0)
            return measure(**arguments), qml.expval(qml.Z(0))

        result, value = circuit(self.ANGLE)
        value.backward(retain_graph=True)
        with pytest.raises(TargetError, match=r"not through samples or states"):
            abs(result).sum().backward()


class TestSPSA:
    @pytest.mark.parametrize("fuse", [True, False])
    def test_costs_two_rows_for_each_direction(self, fuse: bool) -> None:
        made = device(gradient="spsa", spsa_directions=3, fuse_gradient=fuse)
        node = qml.QNode(layered, made, interface="torch")
        values = [v.requires_grad_() for v in numbers(4)]
        with qml.Tracker(made) as tracker:
            sum(node(*values)).sum().backward()
        assert tracker.totals["rows"] == 4 * (1 + 2 * 3)
        assert tracker.totals["jobs"] == (1 if fuse else 2)

    def test_is_right_on_average(self) -> None:
        made = device(gradient="spsa", spsa_directions=2000, seed=1)
        values = numbers(2)
        pairs = zip(
            gradients(qml.QNode(layered, made, interface="torch"), *values),
            gradients(reference(layered), *values),
            strict=True,
        )
        for found, expected in pairs:
            torch.testing.assert_close(found, expected, atol=0.15, rtol=0.0)

    def test_is_the_same_where_a_run_is_run_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What sends jobs has their keys, which name the run.
        found = []
        for run in ("mine", "mine", "other"):
            made = device(gradient="spsa")
            sender = SimpleNamespace(keys=JobKeys(run, "layer"))
            monkeypatch.setattr(AerExecutor, "sender", sender)
            node = qml.QNode(layered, made, interface="torch")
            found.append(gradients(node, *numbers(2))[1])
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])

    @pytest.mark.parametrize("keys", [None, "mine"])
    def test_estimates_at_equal_angles_average(
        self, monkeypatch: pytest.MonkeyPatch, keys: str | None
    ) -> None:
        made = device(gradient="spsa", seed=1)
        if keys is not None:
            sender = SimpleNamespace(keys=JobKeys(keys, "layer"))
            monkeypatch.setattr(AerExecutor, "sender", sender)
        node = qml.QNode(layered, made, interface="torch")
        found = []
        for _ in range(8):
            found.append(gradients(node, *numbers(2))[1])
            if keys is not None:
                made.executor.sender.keys.next()
        assert len({tuple(one.flatten().tolist()) for one in found}) > 4

    def test_tapes_of_one_execution_have_directions_of_their_own(self) -> None:
        made = device(gradient="spsa", seed=1)
        with qml.Tracker(made) as tracker:
            node = qml.QNode(layered, made, interface="torch")
            sum(gradients(node, *numbers(1))[0])
        assert tracker.totals["jobs"] == 1
        seeds = {made._direction_seed(run, n) for run in (0, 1) for n in (0, 1)}
        assert len(seeds) == 4

    def test_is_the_same_for_the_same_seed(self) -> None:
        found = [
            gradients(
                qml.QNode(layered, device(gradient="spsa", seed=s), interface="torch"),
                *numbers(2),
            )[1]
            for s in (1, 1, 2)
        ]
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])


def test_shots_in_several_bins_have_gradients() -> None:
    @qml.set_shots((4000, 6000))
    @qml.qnode(device(seed=1), interface="torch")
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        return qml.expval(qml.Z(0)), qml.probs(wires=[0])

    angle = torch.tensor([0.4, 1.3], dtype=torch.float64, requires_grad=True)
    found: list[Tensor] = []
    for value, probabilities in circuit(angle):
        assert value.shape == (2,)
        assert probabilities.shape == (2, 2)
        found += torch.autograd.grad(value.sum(), angle, retain_graph=True)
        torch.testing.assert_close(
            found[-1], -torch.sin(angle.detach()), atol=0.06, rtol=0.0
        )
    assert not torch.equal(*found)


def test_shots_agree_within_five_standard_errors() -> None:
    shots, repeats = 400, 30
    values = [v.requires_grad_() for v in numbers(2)]
    node = qml.QNode(layered, device(seed=7), interface="torch")
    sampled = qml.set_shots(node, shots)
    samples: list[Tensor] = []
    for _ in range(repeats):
        samples.append(torch.autograd.grad(sum(sampled(*values)).sum(), values)[1])
    (_, expected) = torch.autograd.grad(sum(node(*values)).sum(), values)
    found = torch.stack(samples)
    errors = found.std(0) / repeats**0.5
    assert ((found.mean(0) - expected).abs() < 5 * errors + 1e-9).all()
    assert errors.max() > 0

"""qdl.simulator as a PennyLane device: interfaces, methods, wires, shots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.simulator.device import SimulatorDevice

METHODS = ["best", "backprop", "adjoint", "device", "parameter-shift"]


def layered(inputs: Any, weights: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(3))
    qml.StronglyEntanglingLayers(weights, wires=range(3))
    return qml.expval(qml.Z(0) @ qml.X(1)), qml.probs(wires=[2])


def numbers(rows: int | None = None) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    shape = (3,) if rows is None else (rows, 3)
    return rng.uniform(size=shape), rng.uniform(0, 6, (2, 3, 3))


def device(name: str = "qdl.simulator", wires: Any = 3, **options: Any) -> Any:
    return qml.device(name, wires=wires, **options)


def test_is_a_plugin() -> None:
    made = device()
    assert isinstance(made, SimulatorDevice)
    assert made.name == "qdl.simulator"


# PennyLane's parameter shifts take no batches.
def with_rows(methods: list[str]) -> list[Any]:
    pairs = [(method, rows) for method in methods for rows in (None, 4)]
    return [pair for pair in pairs if pair != ("parameter-shift", 4)]


@pytest.mark.parametrize(("method", "rows"), with_rows(METHODS))
def test_torch(method: str, rows: int | None) -> None:
    gradients = []
    for made, name in ((device(), method), (device("default.qubit"), "backprop")):
        leaves = [torch.as_tensor(n).requires_grad_() for n in numbers(rows)]
        node = qml.QNode(layered, made, interface="torch", diff_method=name)
        expectation, probabilities = node(*leaves)
        assert isinstance(expectation, torch.Tensor)
        total = expectation.sum() + (probabilities[..., 0] ** 2).sum()
        gradients.append(torch.autograd.grad(total, leaves))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0.0)


def cost(node: Any) -> Any:
    def total(*values: Any) -> Any:
        expectation, probabilities = node(*values)
        return qml.math.sum(expectation) + qml.math.sum(probabilities[..., 0] ** 2)

    return total


@pytest.mark.parametrize(
    ("method", "rows"), with_rows(["best", "adjoint", "device", "parameter-shift"])
)
def test_autograd(method: str, rows: int | None) -> None:
    values = [pnp.array(n, requires_grad=True) for n in numbers(rows)]
    gradients = [
        qml.grad(cost(qml.QNode(layered, made, diff_method=name)))(*values)
        for made, name in ((device(), method), (device("default.qubit"), "best"))
    ]
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_autograd_jacobian() -> None:
    values = [pnp.array(n, requires_grad=True) for n in numbers()]
    found = [
        qml.jacobian(lambda *v, m=made: qml.math.hstack(qml.QNode(layered, m)(*v)))(
            *values
        )
        for made in (device(), device("default.qubit"))
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_autograd_with_backprop_is_refused() -> None:
    node = qml.QNode(layered, device(), interface="autograd", diff_method="backprop")
    values = [pnp.array(n, requires_grad=True) for n in numbers()]
    with pytest.raises(
        TargetError, match=r"diff_method: .* for torch only.*'autograd'"
    ):
        node(*values)


@pytest.mark.parametrize("method", [*METHODS, None])
def test_numpy(method: str | None) -> None:
    node = qml.QNode(layered, device(), interface="numpy", diff_method=method)
    expected = qml.QNode(layered, device("default.qubit"))(*numbers())
    found = node(*numbers())
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, np.ndarray | float)
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("method", ["best", "backprop", "adjoint", "device"])
def test_torch_methods_are_one(method: str) -> None:
    config = qml.devices.ExecutionConfig(gradient_method=method, interface="torch")
    chosen = device().setup_execution_config(config)
    assert chosen.gradient_method == "backprop"
    assert not chosen.use_device_jacobian_product


def test_other_deferral_is_refused() -> None:
    @qml.qnode(device(), mcm_method="tree-traversal")
    def node() -> Any:
        return qml.expval(qml.measure(0))

    with pytest.raises(TargetError, match=r"mcm_method: .*'tree-traversal'.*deferred"):
        node()


def test_second_derivative() -> None:
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    @qml.qnode(device(wires=8))
    def node(angle: Any) -> Any:
        qml.RX(angle, 0)
        qml.CNOT([0, 7])
        return qml.expval(qml.Z(7))

    (first,) = torch.autograd.grad(node(angle), angle, create_graph=True)
    (second,) = torch.autograd.grad(first, angle)
    torch.testing.assert_close(second, -angle.detach().cos(), atol=1e-12, rtol=0.0)


def test_second_derivative_of_many_wires_is_refused() -> None:
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    @qml.qnode(device(wires=9))
    def node(angle: Any) -> Any:
        for wire in range(9):
            qml.RX(angle, wire)
        return qml.expval(qml.Z(0) @ qml.Z(8))

    with pytest.raises(RuntimeError, match=r"up to 8 wires, got 9"):
        torch.autograd.grad(node(angle), angle, create_graph=True)


@pytest.mark.parametrize("readout", ["expval", "var", "probs", "state", "entropy"])
def test_gradcheck(readout: str) -> None:
    @qml.qnode(device())
    def node(inputs: Any, weights: Any) -> Any:
        qml.AngleEmbedding(inputs, wires=range(3))
        qml.StronglyEntanglingLayers(weights, wires=range(3))
        return {
            "expval": lambda: qml.expval(qml.X(0) @ qml.Z(2)),
            "var": lambda: qml.var(qml.Y(1)),
            "probs": lambda: qml.probs(wires=[0, 2]),
            "state": lambda: qml.state(),
            "entropy": lambda: qml.vn_entropy([0]),
        }[readout]()

    leaves = [torch.as_tensor(n).requires_grad_() for n in numbers(2)]
    assert torch.autograd.gradcheck(node, leaves)
    if readout == "expval":
        assert torch.autograd.gradgradcheck(node, leaves)


def labelled(angle: Any) -> Any:
    qml.RX(angle, "b")
    qml.CNOT(["b", "a"])
    qml.RY(0.4, "c")
    return qml.state(), qml.probs(wires=["c", "a"]), qml.expval(qml.Z("b") @ qml.X("c"))


@pytest.mark.parametrize("wires", [None, ["a", "b", "c"], ["c", "b", "a", "d"]])
def test_labels(wires: Any) -> None:
    angle = np.array([0.3, 0.7])
    for one, other in zip(
        qml.QNode(labelled, device(wires=wires))(angle),
        qml.QNode(labelled, device("default.qubit", wires=wires))(angle),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("wires", [4, [3, 1, 0, 2]])
def test_state_has_all_wires_of_the_device(wires: Any) -> None:
    def circuit() -> Any:
        qml.RY(0.3, 2)
        qml.CNOT([2, 0])
        return qml.state()

    found = qml.QNode(circuit, device(wires=wires))()
    expected = qml.QNode(circuit, device("default.qubit", wires=wires))()
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_unknown_wires_are_refused() -> None:
    @qml.qnode(device(wires=["a"]))
    def node() -> Any:
        qml.RX(0.3, "b")
        return qml.expval(qml.Z("a"))

    with pytest.raises(qml.exceptions.WireError, match="b"):
        node()


def test_circuit_without_gates() -> None:
    @qml.qnode(device(wires=None))
    def node() -> Any:
        return qml.expval(qml.Z("x")), qml.probs(wires=["x", "y"])

    expectation, probabilities = node()
    assert expectation == 1
    np.testing.assert_array_equal(probabilities, [1, 0, 0, 0])


def test_measured_in_the_middle() -> None:
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        first = qml.measure(0, reset=True)
        qml.cond(first, qml.RY)(angle, 1)
        second = qml.measure(1)
        return (
            qml.expval(first + 2 * second),
            qml.probs(op=[first, second]),
            qml.var(first + 2 * second),
        )

    gradients = []
    for name in ("qdl.simulator", "default.qubit"):
        angle = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
        node = qml.QNode(circuit, device(name, None), mcm_method="deferred")
        value, probabilities, variance = node(angle)
        total = value + probabilities[0] ** 2 + variance**2
        gradients.append((total.detach(), torch.autograd.grad(total, angle)[0]))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0.0)


def postselected(angle: Any) -> Any:
    qml.RX(angle, 0)
    qml.CRY(0.8, [0, 1])
    qml.measure(0, postselect=1)
    qml.RX(angle, 1)
    return qml.expval(qml.Z(1)), qml.probs(wires=[0, 1])


def test_postselection() -> None:
    gradients = []
    for name in ("qdl.simulator", "default.qubit"):
        angle = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
        node = qml.QNode(postselected, device(name), mcm_method="deferred")
        value, probabilities = node(angle)
        total = value + probabilities[1] ** 2
        gradients.append((total.detach(), torch.autograd.grad(total, angle)[0]))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0.0)


def test_postselection_of_each_row() -> None:
    angles = torch.tensor([0.4, 0.7, 1.1], dtype=torch.float64)
    node = qml.QNode(postselected, device())
    together = node(angles)
    for index in range(2):
        alone = torch.stack([node(angle)[index] for angle in angles])
        torch.testing.assert_close(together[index], alone, atol=1e-12, rtol=0.0)


@pytest.mark.parametrize(
    ("mode", "least", "most"), [(None, 60, 180), ("fill-shots", 1000, 1000)]
)
def test_postselection_with_shots(mode: str | None, least: int, most: int) -> None:
    @qml.qnode(device(seed=1), shots=1000, postselect_mode=mode)
    def node() -> Any:
        qml.RX(0.7, 0)
        qml.measure(0, postselect=1)
        return qml.sample(wires=[0])

    samples = node()
    assert least <= len(samples) <= most
    assert (samples == 1).all()


def sampled(angle: Any) -> Any:
    qml.RX(angle, 0)
    qml.CNOT([0, 1])
    return (
        qml.sample(wires=[0, 1]),
        qml.counts(wires=[0]),
        qml.expval(qml.Z(0)),
        qml.probs(wires=[0, 1]),
    )


def test_shots() -> None:
    node = qml.QNode(sampled, device(seed=3), shots=2000)
    samples, counts, expectation, probabilities = node(0.8)
    assert samples.shape == (2000, 2)
    assert (samples[:, 0] == samples[:, 1]).all()
    assert sum(counts.values()) == 2000
    assert abs(expectation - np.cos(0.8)) < 0.1
    np.testing.assert_allclose(probabilities[1:3], 0)


@pytest.mark.parametrize(
    "seed", [7, np.random.SeedSequence(7)], ids=["int", "sequence"]
)
def test_samples_come_from_the_seed(seed: Any) -> None:
    def draw(seed: Any) -> Any:
        return qml.QNode(sampled, device(seed=np.random.default_rng(seed)), shots=50)(
            1.3
        )

    one, other = draw(seed), draw(seed)
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1] == other[1]
    assert not np.array_equal(one[0], draw(8)[0])


def test_one_device_samples_anew() -> None:
    node = qml.QNode(sampled, device(seed=7), shots=50)
    assert not np.array_equal(node(1.3)[0], node(1.3)[0])


def test_shot_vector() -> None:
    node = qml.QNode(sampled, device(seed=3), shots=(10, 10, 100))
    results = node(0.8)
    assert [len(part[0]) for part in results] == [10, 10, 100]


def test_shots_of_rows() -> None:
    @qml.qnode(device(seed=3), shots=4000)
    def node(angle: Any) -> Any:
        qml.RX(angle, 0)
        return qml.expval(qml.Z(0))

    angles = np.array([0.1, 0.8, 2.0])
    np.testing.assert_allclose(node(angles), np.cos(angles), atol=0.1)


def test_shots_in_single_precision() -> None:
    """Norms drift by more than PennyLane's sampling bears."""

    @qml.qnode(device(wires=3, seed=3), shots=10)
    def node(angles: Any) -> Any:
        for _ in range(200):
            for wire in range(3):
                qml.IsingXX(angles, [wire, (wire + 1) % 3])
                qml.Hadamard(wire)
        return qml.sample()

    assert node(torch.linspace(0.1, 1.0, 20)).shape == (20, 10, 3)


def test_shots_have_gradients_by_shifts() -> None:
    angle = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)

    @qml.qnode(device(wires=1, seed=3), shots=20_000)
    def node(angle: Any) -> Any:
        qml.RX(angle, 0)
        return qml.expval(qml.Z(0))

    node(angle).backward()
    assert angle.grad is not None
    assert abs(angle.grad.item() + np.sin(0.8)) < 0.03


def test_results_are_in_double_precision_as_default_qubits() -> None:
    node = qml.QNode(layered, device())
    for value, dtype in ((0.5, torch.float32), (0.5, torch.float64)):
        inputs = torch.full((3,), value, dtype=dtype)
        weights = torch.rand(2, 3, 3, dtype=dtype)
        assert all(part.dtype == torch.float64 for part in node(inputs, weights))


def test_snapshots() -> None:
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        qml.Snapshot("first")
        qml.CNOT([0, 1])
        qml.Barrier()
        qml.Snapshot("second", measurement=qml.expval(qml.Z(1)))
        return qml.probs(wires=[1])

    expected = qml.snapshots(qml.QNode(circuit, device("default.qubit", 2)))(0.7)
    with pytest.warns(UserWarning, match="a tape will be created for each snapshot"):
        found = qml.snapshots(qml.QNode(circuit, device(wires=2)))(0.7)
    assert found.keys() == expected.keys()
    for key in found:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-12)


def test_tracker() -> None:
    totals = []
    for name in ("qdl.simulator", "default.qubit"):
        made = device(name)
        with qml.Tracker(made) as tracker:
            qml.QNode(layered, made)(*numbers(4))
        totals.append(tracker.totals)
    ours, theirs = totals
    assert ours["batches"] == 1
    assert ours["executions"] == theirs["executions"]


def test_runs_tapes_of_several_structures() -> None:
    tapes = [
        qml.tape.QuantumScript([qml.RX(0.3, 0)], [qml.expval(qml.Z(0))]),
        qml.tape.QuantumScript([qml.RY(0.3, 0), qml.RX(0.2, 1)], [qml.probs(wires=1)]),
    ]
    first, second = device().execute(tapes)
    np.testing.assert_allclose(first, np.cos(0.3))
    np.testing.assert_allclose(second[0], np.cos(0.1) ** 2)


def test_vjp_of_real_and_complex_results() -> None:
    tape = qml.tape.QuantumScript([qml.RX(0.3, 0)], [qml.state()], trainable_params=[0])
    cotangent = np.array([1.0, 2.0j])
    (results,), (gradients,) = device(wires=1).execute_and_compute_vjp(
        (tape,), (cotangent,)
    )
    np.testing.assert_allclose(results, [np.cos(0.15), -1j * np.sin(0.15)])
    expected = -np.sin(0.15) / 2 + np.cos(0.15)
    np.testing.assert_allclose(gradients[0], expected)


@pytest.mark.parametrize("prepare", [qml.StatePrep, qml.AmplitudeEmbedding])
@pytest.mark.parametrize("interface", ["torch", "numpy"])
def test_no_rows_of_states(interface: str, prepare: Any) -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=3))
    def node(vectors: Any) -> Any:
        prepare(vectors, wires=[2, 0], normalize=True)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1)), qml.probs(wires=[0, 2]), qml.state()

    vectors: Any = np.zeros((0, 4))
    if interface == "torch":
        vectors = torch.zeros(0, 4, dtype=torch.float64, requires_grad=True)
    results = node(vectors)
    assert [tuple(result.shape) for result in results] == [(0,), (0, 4), (0, 8)]
    if interface == "torch":
        results[0].sum().backward()
        assert vectors.grad.shape == (0, 4)


@pytest.mark.parametrize(
    "observable",
    [
        qml.s_prod(0.3, qml.Hadamard(0)),
        qml.ops.LinearCombination([0.3], [qml.Hadamard(0)]),
    ],
    ids=["product", "combination"],
)
def test_coefficients_keep_their_digits(observable: Any) -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=1))
    def circuit(angle: torch.Tensor) -> Any:
        qml.RY(angle, 0)
        return qml.expval(observable)

    angle = torch.tensor(0.4, dtype=torch.float64)
    expected = 0.3 * (angle.sin() + angle.cos()) / 2**0.5
    torch.testing.assert_close(circuit(angle), expected, rtol=0, atol=1e-14)


def test_shadows_of_rows_are_refused() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=2), shots=10)
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        return qml.classical_shadow([0, 1])

    assert circuit(0.3).shape == (2, 10, 2)
    with pytest.raises(
        TargetError, match=r"shadows are sampled of one row .* got 3 row"
    ):
        circuit(np.ones(3))
    assert qml.transforms.broadcast_expand(circuit)(np.ones(3)).shape == (3, 2, 10, 2)

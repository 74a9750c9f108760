"""Shots: exact frequencies give exact results; samples have their laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    Expectation,
    Probabilities,
    Processing,
    Samples,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError, DoubleBackwardError, TargetError
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator import sampling as module
from qml_qdl.hardware.simulator.runner import CircuitRunner, run_angles
from qml_qdl.hardware.simulator.sampling import ShotRunner, sampled
from qml_qdl.hardware.tapes.outcomes import Counts
from qml_qdl.nn import QuantumLayer
from tests.hardware.simulator.traced import CIRCUITS, numbers

MANY = 10**12
"""So many shots that frequencies can be probabilities."""


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frequencies are probabilities."""

    def counts(chances: Any, shots: int, rng: Any) -> Counts:
        table = np.rint(chances * shots).astype(np.int64)
        return Counts.from_table(table, shots, 0)

    monkeypatch.setattr(module, "sampled", counts)


def shots_of(count: Any) -> Any:
    return qml.measurements.Shots(count)


def gradients(outputs: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    weigh = torch.Generator().manual_seed(1)
    factors = torch.rand(outputs.shape, generator=weigh, dtype=torch.float64)
    if not leaves:
        return [outputs]
    found = torch.autograd.grad((outputs * factors).sum(), leaves, allow_unused=True)
    return [
        outputs.detach(),
        *(
            torch.zeros_like(leaf) if each is None else each
            for leaf, each in zip(leaves, found, strict=True)
        ),
    ]


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("name", CIRCUITS)
def test_exact_frequencies_give_exact_gradients(name: str, rows: int) -> None:
    circuit = CIRCUITS[name]
    runner = ShotRunner(circuit, Seeds(0))
    inputs, *weights = leaves = numbers(circuit, rows, torch.float64)
    if "amplitudes" in name:
        assert runner(inputs, weights, shots_of(MANY)) is None  # no shifts by x
        inputs, leaves = inputs.detach(), weights
    results = runner(inputs, weights, shots_of(MANY))
    results = results if isinstance(results, tuple) else (results,)
    outputs = torch.stack(results, 1) if results[0].ndim == 1 else results[0]
    exact = CircuitRunner(circuit)(inputs, weights)
    for one, other in zip(
        gradients(outputs, leaves), gradients(exact, leaves), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("trained", [(), (0,), (1,)])
def test_only_what_is_trained_is_shifted(
    trained: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = CIRCUITS["angles"]
    leaves = [each.detach() for each in numbers(circuit, 2, torch.float64)]
    for index in trained:
        leaves[index].requires_grad_()
    rows = []
    run = run_angles

    def counting(plan: Any, angles: Any, *others: Any) -> Tensor:
        rows.append(angles.num_rows)
        return run(plan, angles, *others)

    monkeypatch.setattr(module, "run_angles", counting)
    monkeypatch.setattr(module, "FEW_ROWS", 0)
    results = ShotRunner(circuit, Seeds(0))(leaves[0], leaves[1:], shots_of(50))
    if trained:
        sum(each.sum() for each in results).backward()
        assert leaves[trained[0]].grad is not None
    slots = {(): 0, (0,): 4, (1,): 24}[trained]
    assert rows == ([2, 2 * 2 * slots] if trained else [2])


MEASURED: dict[str, Callable[[], Any]] = {
    "words": lambda: [qml.expval(qml.X(0) @ qml.Y(2)), qml.expval(qml.Y(1))],
    "a sum": lambda: qml.expval(0.3 * qml.X(0) @ qml.Z(1) - qml.Y(2) + 0.7 * qml.I(0)),
    "a matrix": lambda: qml.expval(
        qml.Hermitian(
            np.array([[1, 2j, 0, 0], [-2j, 0, 0, 1], [0] * 4, [0, 1, 0, 3]]), [2, 0]
        )
    ),
    "a projector": lambda: qml.expval(qml.Projector([0, 1], wires=[2, 1])),
    "a state's projector": lambda: qml.expval(qml.Projector([0.6, 0.8], wires=[1])),
    "sum with a matrix": lambda: qml.expval(qml.Hadamard(0) + qml.Z(1)),
    "variances": lambda: [qml.var(qml.X(0) @ qml.Z(1)), qml.var(qml.Hadamard(2))],
    "probabilities": lambda: [
        qml.probs([2, 0]),
        qml.probs(op=qml.X(1) @ qml.Hadamard(0)),
    ],
    "all": lambda: qml.probs(),
}


def measured(name: str, device: str, shots: int | None) -> Any:
    def circuit(x: Any, w: Any) -> Any:
        qml.RY(x, 0)
        qml.CRX(w[0], [0, 1])
        qml.PauliRot(w[1], "XYZ", [0, 1, 2])
        qml.ctrl(qml.Rot(w[2], x, w[0] * w[1], 2), 1)
        qml.SingleExcitation(w[3], [2, 0])
        m = qml.measure(1) if name == "measured on the way" else None
        if m is not None:
            qml.cond(m, qml.RX)(w[1], 2)
            return qml.expval(m), qml.probs(op=m), qml.expval(qml.Z(2))
        return MEASURED[name]()

    wires = 4 if name == "measured on the way" else 3
    made = qml.device(device, wires=wires)
    return qml.QNode(circuit, made, interface="torch", shots=shots)


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("rows", [None, 1, 5])
@pytest.mark.parametrize("name", [*MEASURED, "measured on the way"])
def test_exact_frequencies_give_default_qubits_results(
    name: str, rows: int | None
) -> None:
    found = []
    for device, shots in (("qdl.simulator", MANY), ("default.qubit", None)):
        if rows is None or name != "measured on the way" or device != "default.qubit":
            x = torch.linspace(0.4, 1.5, rows or 1, dtype=torch.float64)
        x = x if rows else x[0]
        w = torch.tensor([0.3, 0.9, -0.4, 1.2], dtype=torch.float64)
        leaves = [x.requires_grad_(), w.requires_grad_()]
        results = measured(name, device, shots)(x, w)
        results = results if isinstance(results, tuple | list) else [results]
        assert all(each.dtype == torch.float64 for each in results)
        flat = torch.cat([each.reshape(rows or 1, -1) for each in results], 1)
        found.append(gradients(flat, leaves))
        x, w = (each.detach().clone() for each in (x, w))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


@pytest.mark.usefixtures("exactly")
def test_numbers_of_observables_are_trained() -> None:
    found = []
    for device, shots in (("qdl.simulator", MANY), ("default.qubit", None)):
        w = torch.tensor([0.3, 0.9], dtype=torch.float64, requires_grad=True)

        @qml.qnode(qml.device(device, wires=2), interface="torch", shots=shots)
        def node(w: Any) -> Any:
            qml.RX(w[0], 0)
            qml.RY(0.4, 1)
            return qml.expval(w[1] * qml.Y(0) + w[0] * qml.Z(1))

        found.append(gradients(node(w), [w]))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("rows", [1, 500])
@pytest.mark.parametrize(
    "readout", [Expectation(["XII", "ZZY", "IIZ"]), Probabilities([2, 0])], ids=repr
)
def test_values_and_gradients_are_right_on_average(readout: Any, rows: int) -> None:
    circuit = (StronglyEntangling(3) @ AngleEncoding(3)).with_readout(readout)
    shots, repeats = 20, 1 if rows > 1 else 150
    layer = QuantumLayer(circuit, shots=shots, seed=3).double()
    exact = QuantumLayer(circuit).double()
    exact.load_state_dict(layer.state_dict(), strict=False)
    x = torch.tensor([[0.3, 1.1, -0.7]], dtype=torch.float64)
    values, slopes = [], []
    for _ in range(repeats):
        many = x.repeat(rows, 1).requires_grad_()
        outputs = layer(many)
        (by_x,) = torch.autograd.grad(outputs[:, 1].sum(), many)
        values.append(outputs.detach())
        slopes.append(by_x)
    one = x.clone().requires_grad_()
    (right,) = torch.autograd.grad(exact(one)[0, 1], one)
    for samples, expected in ((values, exact(x).detach()), (slopes, right)):
        every = torch.cat(samples)
        errors = every.std(0) / len(every) ** 0.5
        assert ((every.mean(0) - expected).abs() <= 4.5 * errors + 1e-12).all()
    every = torch.cat(values)
    if isinstance(readout, Expectation):  # the variance of a mean of ±1
        expected = (1 - exact(x)[0].detach() ** 2) / shots
        torch.testing.assert_close(every.var(0), expected, rtol=0.3, atol=0)


@pytest.mark.parametrize(("bits", "shots"), [(3, 50), (9, 50), (9, 2000)])
def test_counts_are_multinomial(bits: int, shots: int) -> None:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(2**bits, 0.2))
    chances[: 2 ** (bits - 1) : 3] = 0.0
    chances /= chances.sum()
    rows = 3000
    counts = sampled(np.broadcast_to(chances, (rows, 2**bits)), shots, rng)
    table = counts.marginal(range(bits)[::-1])
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    assert not table[:, chances == 0.0].any()
    count = shots * rows
    errors = np.sqrt(chances * (1 - chances) / count) + 1 / count
    assert (np.abs(table.mean(axis=0) - chances) <= 5 * errors).all()
    first, second = np.argsort(chances)[-2:]
    covariance = np.cov(table[:, first], table[:, second])
    p, q = chances[[first, second]]
    expected = np.array([[p * (1 - p), -p * q], [-p * q, q * (1 - q)]]) / shots
    np.testing.assert_allclose(
        covariance, expected, rtol=0.15, atol=0.1 * expected.max()
    )


def test_samples_are_what_means_are_made_of() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=10, seed=1), shots=30)
    def node(x: Any) -> Any:
        for wire in range(10):
            qml.RX(x * wire, wire)
        return (
            qml.sample(wires=range(10)),
            qml.expval(qml.Z(3)),
            qml.counts(wires=[2, 3]),
        )

    samples, means, counts = node(np.array([0.2, 0.5]))
    assert samples.shape == (2, 30, 10)
    np.testing.assert_allclose(1 - 2 * samples[:, :, 3].mean(axis=1), means)
    for own, row in zip(samples, counts, strict=True):
        assert sum(row.values()) == 30
        assert row.get("01", 0) == ((own[:, 2] == 0) & (own[:, 3] == 1)).sum()


def test_few_shifted_rows_go_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for few in (0, 64):
        monkeypatch.setattr(module, "FEW_ROWS", few)
        layer = QuantumLayer(CIRCUITS["angles"], shots=500, seed=2)
        generator = torch.Generator().manual_seed(0)
        for weight in layer.parameters():
            weight.data = torch.rand(weight.shape, generator=generator)
        outputs = layer(torch.full((1, 4), 0.4))
        outputs.sum().backward()
        assert layer.execution.position == (2 if few == 0 else 1)
        found.append(outputs.detach())
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("most", [2**25, 1])
def test_the_same_seed_gives_the_same_gradients(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", most)
    found = []
    for seed in (5, 5, 6):
        layer = QuantumLayer(
            CIRCUITS["words"],
            shots=40,
            seed=seed,
            generator=torch.Generator().manual_seed(0),
        )
        x = torch.linspace(0, 2, 12).reshape(3, 4).requires_grad_()
        outputs = layer(x)
        found.append([outputs.detach(), *torch.autograd.grad(outputs.sum(), x)])
    assert all(map(torch.equal, *found[:2]))
    assert not torch.equal(found[0][1], found[2][1])


@pytest.mark.usefixtures("exactly")
def test_rows_and_memory_in_parts_give_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    circuit, found = CIRCUITS["words"], []
    for most, memory in ((2**25, None), (9000, None), (2**25, 40 * 18 * 16 * 16)):
        monkeypatch.setattr(module, "MOST_NUMBERS", most)
        inputs, *weights = leaves = numbers(circuit, 7, torch.float64)
        runner = ShotRunner(circuit, Seeds(0), memory)
        outputs = torch.stack(runner(inputs, weights, shots_of(MANY)), 1)
        found.append(gradients(outputs, leaves))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            torch.testing.assert_close(one, same, atol=1e-9, rtol=1e-9)


def node_of(shots: Any = 2000, **options: Any) -> Any:
    @qml.qnode(
        qml.device("qdl.simulator", wires=2, seed=4), interface="torch", **options
    )
    def node(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.expval(qml.Z(0)), qml.probs(wires=[0])

    return qml.set_shots(node, shots)


@pytest.mark.parametrize("method", ["best", "device", "parameter-shift"])
def test_shifts_are_chosen_by_themselves(method: str) -> None:
    node = node_of(diff_method=method)
    with qml.Tracker(node.device) as tracker:
        x = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
        value, _ = node(x)
        value.sum().backward()
    assert tracker.totals["batches"] == 1  # PennyLane's own make one more
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), -np.sin([0.3, 0.8]), atol=0.1)


@pytest.mark.parametrize("method", ["finite-diff", "spsa"])
def test_other_ways_are_pennylanes(method: str) -> None:
    node = node_of(diff_method=method, gradient_kwargs={"h": 0.5})
    x = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    with qml.Tracker(node.device) as tracker:
        node(x)[0].backward()
    assert tracker.totals["batches"] == 2


@pytest.mark.parametrize("method", ["backprop", "adjoint"])
def test_exact_ways_are_refused_with_shots(method: str) -> None:
    with pytest.raises(qml.exceptions.QuantumFunctionError, match=method):
        node_of(diff_method=method)(torch.tensor(0.8, requires_grad=True))


def test_second_derivatives_are_pennylanes() -> None:
    x = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    node = node_of(20000, diff_method="parameter-shift", max_diff=2, cache=False)
    (slope,) = torch.autograd.grad(node(x)[0], x, create_graph=True)
    (curve,) = torch.autograd.grad(slope, x)
    assert abs(curve + np.cos(0.8)) < 0.05
    (slope,) = torch.autograd.grad(node_of()(x)[0], x, create_graph=True)
    with pytest.raises(DoubleBackwardError, match="max_diff=2"):
        torch.autograd.grad(slope, x)


def prepared(t: Any) -> Any:
    qml.StatePrep(torch.stack([torch.cos(t), torch.sin(t)]), 0)
    return qml.expval(qml.Z(0))


def turned(t: Any) -> Any:
    cosine, sine = torch.cos(t), torch.sin(t)
    rows = [torch.stack([cosine, -sine]), torch.stack([sine, cosine])]
    qml.QubitUnitary(torch.stack(rows).to(torch.complex128), 0)
    return qml.expval(qml.Z(0))


def evolved(t: Any) -> Any:
    qml.evolve(qml.X(0) @ qml.X(1) + qml.Y(0), t)
    return qml.expval(qml.Z(0))


def shadowed(t: Any) -> Any:
    qml.RY(t, 0)
    return qml.shadow_expval(qml.Z(0))


@pytest.mark.parametrize(
    ("circuit", "value", "slope"),
    [
        (prepared, np.cos(0.6), -2 * np.sin(0.6)),
        (turned, np.cos(0.6), -2 * np.sin(0.6)),
        (evolved, np.cos(0.6 * 2**0.5), -(8**0.5) * np.sin(0.6 * 2**0.5)),
        (shadowed, np.cos(0.3), -np.sin(0.3)),
    ],
)
def test_what_has_no_shifts_of_its_own_goes_pennylanes_way(
    circuit: Any, value: float, slope: float
) -> None:
    device = qml.device("qdl.simulator", wires=2, seed=1)
    node = qml.QNode(circuit, device, interface="torch", shots=20_000)
    t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    found = node(t)
    (gradient,) = torch.autograd.grad(found.sum(), t)
    assert abs(found.item() - value) < 0.06
    assert abs(gradient - slope) < 0.06


def test_shot_vectors_have_gradients() -> None:
    node = node_of((3000, 4000))
    x = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
    (first, _), (second, chances) = node(x)
    assert first.shape == (2,)
    assert chances.shape == (2, 2)
    total = first.sum() + second.sum() + chances[:, 1].sum()
    (found,) = torch.autograd.grad(total, x)
    np.testing.assert_allclose(found, -1.5 * np.sin([0.3, 0.8]), atol=0.1)


def test_nan_stays_in_its_row() -> None:
    node = node_of()
    x = torch.tensor([0.3, torch.nan, 0.8], dtype=torch.float64, requires_grad=True)
    value, chances = node(x)
    assert value.isnan().tolist() == [False, True, False]
    assert chances.isnan().all(1).tolist() == [False, True, False]
    (found,) = torch.autograd.grad(value[[0, 2]].sum(), x)
    assert found.isfinite().all()

    @qml.qnode(qml.device("qdl.simulator", wires=1), shots=5)
    def samples(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.sample()

    with pytest.raises(ArgumentError, match=r"rows \[1\], and samples and counts have"):
        samples(np.array([0.1, np.nan]))


def test_an_identity_reads_no_wire() -> None:
    @qml.set_shots(10)
    @qml.qnode(qml.device("qdl.simulator", wires=3))
    def circuit() -> Any:
        qml.Toffoli([0, 1, 2])
        return qml.expval(qml.Identity(0))

    assert circuit() == 1


def test_no_rows() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=2), shots=10)
    def node(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.expval(qml.X(0)), qml.probs(), qml.sample(), qml.counts()

    x = torch.zeros(0, dtype=torch.float64, requires_grad=True)
    value, chances, samples, counts = node(x)
    assert [value.shape, chances.shape, samples.shape] == [(0,), (0, 4), (0, 10, 2)]
    assert counts == []
    value.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (0,)


def test_results_without_gradients_say_so() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=1), shots=10, interface="torch")
    def node(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.sample(qml.Z(0))

    x = torch.tensor(0.3, requires_grad=True)
    with pytest.raises(TargetError, match="not through samples"):
        node(x).sum().backward()
    layer = QuantumLayer(AngleEncoding(2).with_readout(Samples()), shots=7)
    assert layer(torch.rand(3, 2)).shape == (3, 7, 2)


@frozen
class Keeping(Processing):
    """Keeps what reads 0 on the first wire."""

    pure = True

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """One angle."""
        return (1,)

    def process(self, weights: Any) -> None:
        """A turn, and a measurement of it."""
        qml.CRX(weights[0], [0, 1])
        qml.measure(0, postselect=0)


def test_shots_that_are_discarded_have_no_shifts() -> None:
    circuit = (Keeping(2) @ AngleEncoding(2)).with_readout(Expectation(["IZ"]))
    inputs, *weights = numbers(circuit, 1, torch.float64)
    for recording in (True, False):
        with torch.set_grad_enabled(recording):
            assert ShotRunner(circuit, Seeds(0))(inputs, weights, shots_of(9)) is None
    exact = CircuitRunner(circuit)(inputs, weights)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=2))
    expected = node(inputs, dict(zip(circuit.weight_shapes, weights, strict=True)))
    torch.testing.assert_close(exact[:, 0], torch.stack([*expected]).reshape(1))

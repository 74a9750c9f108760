"""PennyLane's gates and observables whose numbers are particular, on every target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.preprocessing import (
    one_row_each,
    plain,
    refuse_nested_rows,
    with_traced_rows,
)
from tests.hardware.formulas import TARGETS, assert_as, layer_of, numbers

every_target = pytest.mark.parametrize("target", TARGETS)


def turns(inputs: Any, w: Any) -> None:
    qml.RX(inputs[..., 0], 0)
    qml.RY(w, 1)


def scaled(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(inputs[..., 1] * qml.Z(0))


def summed(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(
        inputs[..., 1] * qml.Z(0)
        + inputs[..., 0] * (qml.Z(0) @ qml.X(1))
        + 2 * qml.Z(1)
    )


def product(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(qml.prod(inputs[..., 1] * qml.Z(0), qml.s_prod(0.5, qml.X(1))))


def several(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    energy = qml.Hamiltonian([inputs[..., 0], inputs[..., 1]], [qml.Z(0), qml.X(1)])
    return qml.expval(energy), qml.probs(wires=[1])


def trained(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(w * qml.Z(0) + qml.X(1))


def nothing_else(inputs: Any, w: Any) -> Any:
    qml.RY(w, 1)
    return qml.expval(inputs[..., 1] * qml.X(1))


FORMULAS: dict[Any, Callable[[Tensor, Tensor], Tensor]] = {
    scaled: lambda x, w: x[..., 1] * x[..., 0].cos() + 0 * w,
    summed: lambda x, w: (
        x[..., 1] * x[..., 0].cos()
        + x[..., 0] * x[..., 0].cos() * w.sin()
        + 2 * w.cos()
    ),
    product: lambda x, w: x[..., 1] * x[..., 0].cos() * 0.5 * w.sin(),
    several: lambda x, w: torch.stack(
        [
            x[..., 0] * x[..., 0].cos() + x[..., 1] * w.sin(),
            (1 + w.cos() + 0 * x[..., 0]) / 2,
            (1 - w.cos() + 0 * x[..., 0]) / 2,
        ],
        -1,
    ),
    trained: lambda x, w: w * x[..., 0].cos() + w.sin(),
    nothing_else: lambda x, w: x[..., 1] * w.sin(),
}


@every_target
@pytest.mark.parametrize("function", FORMULAS)
def test_coefficients_of_each_row(function: Any, target: str) -> None:
    assert_as(layer_of(function, target, w=1), FORMULAS[function], numbers(3, 2))


@pytest.mark.parametrize("name", ["qdl.simulator", "qdl.qiskit"])
def test_coefficients_without_a_layer(name: str) -> None:
    node = qml.QNode(summed, qml.device(name, wires=2), interface="torch")
    x, w = numbers(3, 2), torch.tensor(0.4, dtype=torch.float64)
    torch.testing.assert_close(node(x, w), FORMULAS[summed](x, w))


def test_a_variance_of_such_a_sum_is_refused() -> None:
    def spread(inputs: Any, w: Any) -> Any:
        turns(inputs, w)
        return qml.var(inputs[..., 1] * qml.Z(0) + qml.Z(1))

    with pytest.raises(
        TargetError, match=r"differ from row to row.*expectation values"
    ):
        layer_of(spread, "qdl.simulator", w=1)(numbers(3, 2))


@every_target
def test_marks(target: str) -> None:
    def marked(inputs: Any, w: Any) -> Any:
        qml.fourier.mark(qml.RX(inputs[..., 0], 0), "x0")
        qml.fourier.mark(qml.RY(w, 1), "w")
        return qml.expval(qml.Z(0) @ qml.X(1))

    layer = layer_of(marked, target, w=1)
    assert_as(layer, lambda x, w: x[..., 0].cos() * w.sin(), numbers(3, 1))


@every_target
def test_a_zero_row_spoils_itself_only(target: str) -> None:
    def normalised(inputs: Any, w: Any) -> Any:
        qml.AmplitudeEmbedding(inputs, wires=range(2), normalize=True)
        qml.RY(w, 1)
        return qml.expval(qml.Z(1)), qml.expval(qml.X(0))

    layer = layer_of(normalised, target, w=1)
    x = numbers(3, 4)
    x[1] = 0
    gradients = []
    for rows in ([0, 1, 2], [0, 2]):
        data = x[rows].requires_grad_()
        result = layer(data)
        kept = result[[0, 2]] if len(rows) == 3 else result
        assert result.isnan().any(1).tolist() == [row == 1 for row in rows]
        gradients.append(torch.autograd.grad(kept.sum(), [data, layer.w]))
    (with_it, weight), (without, expected) = gradients
    torch.testing.assert_close(weight, expected)
    torch.testing.assert_close(with_it[[0, 2]], without)


def test_a_plain_tape_is_left_as_it_is() -> None:
    tape = qml.tape.QuantumScript([qml.RX(0.1, 0)], [qml.expval(2 * qml.Z(0))])
    (same,), _ = plain(tape)
    assert same is tape


def test_terms_are_measured_and_multiplied_afterwards() -> None:
    rows = torch.tensor([1.0, 2.0], dtype=torch.float64)
    tape = qml.tape.QuantumScript(
        [], [qml.expval(rows * qml.Z(0) + 3 * qml.X(1)), qml.probs(wires=0)]
    )
    (new,), combine = plain(tape)
    assert [m.obs for m in new.measurements] == [qml.Z(0), qml.X(1), None]
    found, chances = combine([(torch.tensor(10.0), torch.tensor(100.0), "probs")])
    assert found.tolist() == [310.0, 320.0]
    assert chances == "probs"


def test_trained_coefficients_are_taken_out_where_asked() -> None:
    weight = torch.tensor(2.0, requires_grad=True)
    tape = qml.tape.QuantumScript([], [qml.var(weight * qml.Z(0))])
    assert plain(tape)[0][0] is tape
    (new,), combine = plain(tape, trained=True)
    assert new.measurements == [qml.var(qml.Z(0))]
    combine([torch.tensor(0.5)]).backward()
    assert weight.grad == 2  # of w² / 2


def test_results_of_each_number_of_shots_are_combined() -> None:
    rows = torch.tensor([1.0, 2.0])
    tape = qml.tape.QuantumScript([], [qml.expval(rows * qml.Z(0))], shots=(5, 7))
    (_,), combine = plain(tape)
    first, second = combine([(torch.tensor(1.0), torch.tensor(0.5))])
    assert (first.tolist(), second.tolist()) == ([1, 2], [0.5, 1])


def test_states_that_are_nan_are_replaced_and_their_rows_lost() -> None:
    states = torch.eye(4, dtype=torch.complex128)[:3].clone()
    states[1] = torch.nan
    tape = qml.tape.QuantumScript(
        [qml.StatePrep(states, [0, 1], validate_norm=False)], [qml.expval(qml.Z(0))]
    )
    (new,), combine = plain(tape)
    (replaced,) = new.operations
    assert replaced.data[0].isfinite().all()
    assert replaced.data[0][1].tolist() == [1, 0, 0, 0]
    values = combine([torch.ones(3)])
    assert values.isnan().tolist() == [False, True, False]
    with pytest.raises(
        ArgumentError, match=r"states of rows \[1\] are NaN, and samples"
    ):
        combine([torch.ones(3, 5, dtype=torch.int64)])


def test_traced_rows_are_remembered_when_numbers_are_bound() -> None:
    for angle, rows in ((np.float64(0.1), None), (np.ones(3), 3)):
        tape = qml.tape.QuantumScript([qml.RX(angle, 0)], [qml.expval(qml.Z(0))])
        (new,), _ = with_traced_rows(tape)
        bound = new.bind_new_parameters([np.ones(5)], [0])
        assert [each.traced_rows for each in bound.measurements] == [rows]
        assert not hasattr(tape.measurements[0], "traced_rows")


def test_a_single_row_is_taken_out_and_its_dimension_put_back() -> None:
    gates = [qml.RX(np.array([0.1]), 0), qml.RY(0.2, 0)]
    measured = [qml.expval(2 * qml.Z(0)), qml.counts()]
    tape = qml.tape.QuantumScript(gates, measured, shots=3, trainable_params=[0])
    (new,), combine = with_traced_rows(tape)
    assert new.get_parameters(trainable_only=False) == [0.1, 0.2, 2]
    assert new.trainable_params == [0]
    assert [each.traced_rows for each in new.measurements] == [None, None]
    mean, counts = combine([(np.array(0.5), {"0": 3})])
    assert mean.tolist() == [0.5]
    assert counts == [{"0": 3}]


def test_rows_of_two_kinds_are_refused() -> None:
    gates = [qml.RX(np.ones(3), 0), qml.RY(0.1, 0), qml.RZ(np.ones(2), 0)]
    refuse_nested_rows([qml.tape.QuantumScript(gates[:2])])
    with pytest.raises(TargetError, match=r"one kind of rows, got some of \[2, 3\]"):
        refuse_nested_rows([qml.tape.QuantumScript(gates)])


def test_rows_apart_are_rows_together() -> None:
    """Some gates still believe to be batched when PennyLane has taken them apart."""
    x = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    gates = [qml.H(0), qml.MultiRZ(x, [0, 1]), qml.RX(0.3, 0)]
    tape = qml.tape.QuantumScript(gates, [qml.expval(qml.X(0))])
    tapes, combine = one_row_each(tape)
    assert [each.batch_size for each in tapes] == [None] * 3
    device = qml.device("default.qubit")
    found = combine(device.execute(tapes))
    torch.testing.assert_close(torch.as_tensor(found), device.execute(tape))


X = [0.3, 0.8, 1.4]


def cosines(x: Any, w: Any) -> Any:
    qml.RY(x, 0)
    qml.RX(w, 0)
    return qml.expval(qml.Z(0))


@pytest.mark.parametrize("name", ["qdl.simulator", "qdl.qiskit"])
@pytest.mark.parametrize("interface", ["torch", "autograd"])
@pytest.mark.parametrize(
    ("method", "options", "shots"),
    [
        ("best", {}, 20_000),
        ("parameter-shift", {}, None),
        ("parameter-shift", {}, 20_000),
        ("hadamard", {"aux_wire": 1}, 20_000),
        ("finite-diff", {"h": 1e-5}, None),
        ("finite-diff", {"h": 0.2, "approx_order": 2, "strategy": "center"}, 20_000),
        ("spsa", {"h": 1e-3}, None),
    ],
    ids=str,
)
def test_gradients_by_trained_rows(
    name: str, interface: str, method: str, options: Any, shots: int | None
) -> None:
    """Cos x cos w for rows x: PennyLane's ways to gradients refuse them."""
    node = qml.QNode(
        cosines,
        qml.device(name, wires=2, seed=1),
        diff_method=method,
        gradient_kwargs=options,
    )
    node = qml.set_shots(node, shots)
    alone = method == "spsa"  # which is exact for one angle
    found: Any
    if interface == "torch":
        x = torch.tensor(X, dtype=torch.float64, requires_grad=True)
        w = torch.tensor(0.4, dtype=torch.float64, requires_grad=not alone)
        found = torch.autograd.grad(node(x, w).sum(), [x] if alone else [x, w])
    else:
        w = pnp.array(0.4, requires_grad=not alone)
        slope = qml.grad(lambda x, w: qml.math.sum(node(x, w)))(pnp.array(X), w)
        found = [slope] if alone else slope
    assert len(found) == 2 - alone
    near = 1e-4 if shots is None else 0.12
    exact = -np.sin(X) * np.cos(0.4), -np.cos(X).sum() * np.sin(0.4)
    for mine, right in zip(found, exact, strict=False):
        np.testing.assert_allclose(np.asarray(mine), right, rtol=0, atol=near)


def test_trained_rows_are_one_circuit_of_rows() -> None:
    device = qml.device("qdl.qiskit", wires=1)
    node = qml.QNode(cosines, device, diff_method="parameter-shift")
    x = torch.tensor(X, dtype=torch.float64, requires_grad=True)
    with qml.Tracker(device) as tracker:
        node(x, 0.4).sum().backward()
    assert tracker.totals["jobs"] == 2
    assert tracker.totals["pubs"] == 2
    assert tracker.totals["rows"] == 3 + 2 * 3


def test_a_way_to_gradients_keeps_its_name() -> None:
    def shadowed(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.shadow_expval(qml.Z(0))

    node = qml.QNode(shadowed, qml.device("qdl.simulator"), shots=10)
    assert qml.workflow.get_best_diff_method(node)(0.4) == "parameter-shift"


def test_counts_of_trained_rows_stay_a_list() -> None:
    node = qml.QNode(
        lambda x: qml.RX(x, 0) and qml.counts(), qml.device("qdl.simulator")
    )
    assert isinstance(qml.set_shots(node, 5)(torch.tensor(X, requires_grad=True)), list)

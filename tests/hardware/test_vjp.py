"""Vector-Jacobian products: against derivatives known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.vjp import as_numpy, results_and_products, without_views

X = (0.3, 1.1)


def tape(*angles: Any, trainable: Sequence[int] | None = None) -> Any:
    gates = [qml.RX(np.asarray(angle), 0) for angle in angles]
    return qml.tape.QuantumScript(gates, trainable_params=trainable)


def run(tapes: Sequence[Any]) -> list[Any]:
    """For each tape (sin a · b, [cos a, cos b]) of its two angles."""
    results: list[Any] = []
    for each in tapes:
        a, b = (torch.as_tensor(angle) for angle in each.get_parameters(False))
        results.append((torch.sin(a) * b, torch.stack([torch.cos(a), torch.cos(b)])))
    return results


def expected(a: float, b: float, first: Any, second: Any) -> tuple[Any, Any]:
    first, second = np.asarray(first), np.asarray(second)
    return (
        first * np.cos(a) * b - second[..., 0] * np.sin(a),
        first * np.sin(a) - second[..., 1] * np.sin(b),
    )


def test_one_set_of_cotangents_for_each_tape() -> None:
    weights = [(2.0, np.array([1.0, -1.0])), (0.5, np.array([0.0, 3.0]))]
    tapes = [tape(*X), tape(0.7, -0.2)]
    results, products = results_and_products(run, tapes, weights)
    np.testing.assert_allclose(results[1][0], np.sin(0.7) * -0.2)
    for angles, own, found in zip([X, (0.7, -0.2)], weights, products, strict=True):
        np.testing.assert_allclose(found, expected(*angles, *own))
        assert [each.shape for each in found] == [(), ()]


@pytest.mark.parametrize("leading", [(3,), (2, 3), (1,)])
def test_several_sets_of_cotangents(leading: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=leading), rng.normal(size=(*leading, 2))
    _, (found,) = results_and_products(run, [tape(*X)], [(first, second)])
    for each, wanted in zip(found, expected(*X, first, second), strict=True):
        assert each.shape == leading
        np.testing.assert_allclose(each, wanted)


def test_a_batch_of_angles_under_several_sets_of_cotangents() -> None:
    def cosines(tapes: Sequence[Any]) -> list[Any]:
        return [torch.cos(each.get_parameters(False)[0]) for each in tapes]

    angles = np.array([0.3, 0.8])
    weights = np.arange(6.0).reshape(3, 2)
    _, ((found,),) = results_and_products(cosines, [tape(angles)], [weights])
    np.testing.assert_allclose(found, -weights * np.sin(angles))


def test_only_trainable_parameters_have_gradients() -> None:
    weights = (1.0, np.zeros(2))
    tapes = [tape(*X, trainable=[1]), tape(*X, trainable=[])]
    _, products = results_and_products(run, tapes, [weights, weights])
    np.testing.assert_allclose(products[0], [np.sin(X[0])])
    assert products[1] == ()


def test_what_does_not_depend_on_a_parameter_has_gradient_zero() -> None:
    def constant(tapes: Sequence[Any]) -> list[Any]:
        return [torch.ones(2)] * len(tapes)

    for weights in (np.ones(2), np.ones((3, 2))):
        _, (found,) = results_and_products(constant, [tape(*X)], [weights])
        assert [each.shape for each in found] == [weights.shape[:-1]] * 2
        assert not np.any(found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_numbers_of_all_kinds_are_doubled_in_precision(dtype: Any) -> None:
    angles = [np.array(2, dtype), np.array(1, dtype)]
    weights = (1.0, np.ones(2))
    with torch.no_grad():  # as in an evaluation
        _, (found,) = results_and_products(run, [tape(*angles)], [weights])
    assert {each.dtype for each in found} == {np.dtype(np.float64)}
    np.testing.assert_allclose(found, expected(2.0, 1.0, *weights))


def test_complex_results_are_contracted_by_their_real_part() -> None:
    def turned(tapes: Sequence[Any]) -> list[Any]:
        return [torch.exp(1j * t.get_parameters(False)[0]) for t in tapes]

    _, ((found,),) = results_and_products(turned, [tape(0.3)], [np.array(2 - 1j)])
    # Re[(2 - i) d/da e^(ia)]
    np.testing.assert_allclose(found, np.real((2 - 1j) * 1j * np.exp(0.3j)))


def test_as_numpy_changes_tensors_only() -> None:
    counts = {"0": 3}
    found = as_numpy(((torch.ones(2, requires_grad=True), counts), [np.zeros(1)]))
    assert isinstance(found[0][0], np.ndarray)
    assert found[0][1] is counts
    assert isinstance(found[1], list)


def traced(mapped: bool, *angles: Any) -> Any:
    """A tape of angles and rows of them, as jax calls back with it."""
    measurement = qml.expval(qml.Z(0))
    if mapped:
        measurement.traced_rows = None
    gates = [qml.RX(np.asarray(angle), 0) for angle in angles]
    return qml.tape.QuantumScript(gates, [measurement])


def products(tapes: Sequence[Any]) -> list[Any]:
    """For each tape the product of its angles."""
    return [
        torch.as_tensor(a) * torch.as_tensor(b)
        for a, b in (each.get_parameters() for each in tapes)
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_rows_of_a_vmap_have_gradients_of_their_own(rows: int) -> None:
    x, weights = np.arange(rows) + 0.5, np.arange(rows) + 1.0
    _, (found,) = results_and_products(products, [traced(True, 2.0, x)], [weights])
    np.testing.assert_allclose(found[0], weights * x)
    np.testing.assert_allclose(found[1], weights * 2)
    _, (found,) = results_and_products(products, [traced(False, 2.0, x)], [weights])
    np.testing.assert_allclose(found[0], (weights * x).sum())


def test_a_jacobian_inside_a_vmap_is_refused() -> None:
    with pytest.raises(TargetError, match=r"each of 3 rows.*jacobian of jax\.vmap"):
        results_and_products(products, [traced(True, 2.0, np.ones(3))], [np.ones(2)])


def test_gradients_by_complex_numbers_are_conjugated() -> None:
    """jax and autograd want ∂L/∂Re z − i ∂L/∂Im z, as L = Re az has it with a."""
    a, z = np.array([0.3 - 0.4j, 2.0 + 1.0j]), np.array([0.6, 0.8j])
    gate = qml.StatePrep(z, 0)

    def run(tapes: Sequence[Any]) -> list[Any]:
        return [(torch.as_tensor(a) * t.get_parameters()[0]).sum().real for t in tapes]

    script = qml.tape.QuantumScript([gate], [qml.expval(qml.Z(0))])
    _, ((found,),) = results_and_products(run, [script], [1.0])
    np.testing.assert_allclose(found, a)


def test_without_views_copies_views_alone() -> None:
    base = torch.arange(4.0)
    own, view, other = without_views((base, base[1], {"0": 3}))
    assert own is base
    assert other == {"0": 3}
    view += 5
    assert base.tolist() == [0, 1, 2, 3]

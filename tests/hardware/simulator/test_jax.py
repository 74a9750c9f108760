"""The jax interface: values and gradients, jitted or not, where jax is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

jax = pytest.importorskip("jax")

pytestmark = pytest.mark.filterwarnings("ignore")  # jax's and PennyLane's own


@pytest.fixture(autouse=True)
def double() -> Any:
    with jax.enable_x64(True):
        yield


def numbers(rows: int | None) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    shape = (3,) if rows is None else (rows, 3)
    shapes = (shape, (2, 3, 3))
    x, weights = (jax.numpy.array(rng.normal(size=each)) for each in shapes)
    return x, weights


def node(device: str, **options: Any) -> Callable[..., Any]:
    @qml.qnode(qml.device(device, wires=3), interface="jax", **options)
    def circuit(x: Any, weights: Any) -> Any:
        qml.AngleEmbedding(x, wires=range(3))
        qml.StronglyEntanglingLayers(weights, wires=range(3))
        return qml.expval(qml.Z(0)), qml.probs(wires=[1, 2])

    def loss(x: Any, weights: Any) -> Any:
        mean, probabilities = circuit(x, weights)
        return mean.sum() + (probabilities**2).sum()

    return loss


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "value": lambda loss: loss,
    "gradient": lambda loss: jax.grad(loss, argnums=(0, 1)),
    "gradient of weights": lambda loss: jax.value_and_grad(loss, argnums=1),
    "jacobian": lambda loss: jax.jacobian(loss, argnums=1),
}


@pytest.mark.parametrize("method", ["best", "adjoint"])
@pytest.mark.parametrize("rows", [None, 5])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_jax(name: str, rows: int | None, method: str) -> None:
    own = TRANSFORMS[name](node("qdl.simulator", diff_method=method))
    expected = TRANSFORMS[name](node("default.qubit"))(*numbers(rows))
    for function in (own, jax.jit(own)):
        found = function(*numbers(rows))
        for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_jacobian_of_many_outputs() -> None:
    x, weights = numbers(5)
    found = []
    for device in ("qdl.simulator", "default.qubit"):

        @qml.qnode(qml.device(device, wires=3))
        def circuit(x: Any, weights: Any) -> Any:
            qml.AngleEmbedding(x, wires=range(3))
            qml.StronglyEntanglingLayers(weights, wires=range(3))
            return qml.probs(wires=[0, 2])

        found.append(jax.jacobian(circuit, argnums=(0, 1))(x, weights))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_vmap() -> None:
    x, weights = numbers(5)
    loss = node("qdl.simulator")
    rows = jax.vmap(loss, in_axes=(0, None))(x, weights)
    np.testing.assert_allclose(rows, [loss(row, weights) for row in x], atol=1e-12)


VMAPS: dict[str, Callable[[Any], Any]] = {
    "weights": lambda rows: jax.grad(lambda w, x: rows(w, x).sum()),
    "both": lambda rows: jax.grad(lambda w, x: (rows(w, x) ** 2).sum(), (0, 1)),
    "jacobian": jax.jacrev,
}


@pytest.mark.parametrize("device", ["qdl.simulator", "qdl.qiskit"])
@pytest.mark.parametrize("shape", [(3,), (1,), (3, 1), (1, 1)])
@pytest.mark.parametrize("name", VMAPS)
def test_gradients_of_weights_that_rows_share(
    name: str, shape: tuple[int, ...], device: str
) -> None:
    @qml.qnode(qml.device(device, wires=1), interface="jax")
    def circuit(w: Any, x: Any) -> Any:
        qml.RX(x, 0)
        qml.RY(w, 0)
        return qml.expval(qml.Z(0))

    x = jax.numpy.arange(float(np.prod(shape))).reshape(shape)
    function = VMAPS[name](jax.vmap(circuit, (None, 0)))
    formula = VMAPS[name](lambda w, x: jax.numpy.cos(x) * jax.numpy.cos(w))
    for each in (function, jax.jit(function)):
        found, expected = (jax.tree.leaves(f(0.3, x)) for f in (each, formula))
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, atol=1e-9)
    if (name, shape) == ("weights", (3,)):
        np.testing.assert_allclose(function(0.3, x), -0.33221066, atol=1e-8)


def test_a_vmap_in_a_vmap_is_refused() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=1), interface="jax")
    def circuit(w: Any, x: Any) -> Any:
        qml.RX(x, 0)
        qml.RY(w, 0)
        return qml.expval(qml.Z(0))

    rows = jax.vmap(circuit, (None, 0))
    with pytest.raises(Exception, match="one kind of rows, got some of"):
        jax.vmap(rows, (0, None))(jax.numpy.ones(2), jax.numpy.ones(3))


@pytest.mark.parametrize("method", ["parameter-shift"])
def test_hessian(method: str) -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=1), diff_method=method, max_diff=2)
    def circuit(w: Any, x: Any) -> Any:
        qml.RX(x, 0)
        qml.RY(w, 0)
        return qml.expval(qml.Z(0))

    expected = -np.cos(0.3) * np.cos(1.0)
    np.testing.assert_allclose(jax.hessian(circuit)(0.3, 1.0), expected, atol=1e-9)


@pytest.mark.parametrize("batch", [False, True])
def test_complex_states(batch: bool) -> None:
    state = jax.numpy.array([[0.6, 0.8j], [0.8, 0.6]] if batch else [0.6, 0.8j])
    found = []
    for device in ("qdl.simulator", "default.qubit"):

        @qml.qnode(qml.device(device, wires=1), interface="jax")
        def circuit(state: Any) -> Any:
            qml.StatePrep(state, 0)
            qml.RY(0.3, 0)
            return qml.expval(qml.Z(0))

        found.append(jax.grad(lambda s: circuit(s).sum())(state))
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)

"""Amplitude encoding where it is delicate: zeros, extremes, padding, gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from sklearn.datasets import load_digits

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    Circuit,
    Expectation,
    Probabilities,
    QdlError,
    State,
)
from qml_qdl.circuits.encodings.amplitude import AmplitudePreparation, normalise

SUBSETS = torch.tensor(list(product([0.0, 1.0], repeat=4)), dtype=torch.float64)
DENSE = torch.tensor([0.3, -0.5, 0.7, 0.2], dtype=torch.float64)
WORDS = Expectation(["ZI", "IX", "XX"])

# How gradients are taken; parameter shift takes no batches.
METHODS = [
    pytest.param("default.qubit", "backprop", True, id="backprop"),
    pytest.param("lightning.qubit", "adjoint", True, id="adjoint"),
    pytest.param("default.qubit", "parameter-shift", False, id="parameter-shift"),
]


# The first encoding does nothing at 0, but after it no state can be loaded.
ROTATED = AmplitudeEncoding(2, features=slice(0, 4)) @ AngleEncoding(2, features=[4, 5])


def with_zeros(rows: torch.Tensor) -> torch.Tensor:
    return torch.cat([rows, torch.zeros_like(rows[:, :2])], dim=1)


def loss(
    execute: Callable[..., torch.Tensor],
    circuit: Circuit,
    inputs: torch.Tensor,
    device: str,
    method: str,
    batched: bool,
) -> torch.Tensor:
    if batched:
        return execute(circuit, inputs, device=device, diff_method=method).sum()
    rows = [execute(circuit, x, device=device, diff_method=method) for x in inputs]
    return torch.stack(rows).sum()


def patches(count: int) -> torch.Tensor:
    """The 2×2 patches of scikit-learn's digits, of which 27 % are black."""
    images = torch.from_numpy(load_digits().images[:count]) / 16
    tiles = images.unfold(1, 2, 2).unfold(2, 2, 2)
    return tiles.reshape(-1, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("device", "method", "batched"), METHODS)
def test_zero_is_the_ground_state_with_zero_gradient(
    device: str,
    method: str,
    batched: bool,
    dtype: torch.dtype,
    execute: Callable[..., torch.Tensor],
) -> None:
    encoding = AmplitudeEncoding(2)
    inputs = torch.zeros(1, 4, dtype=dtype, requires_grad=True)
    state = execute(encoding.with_readout(State()), inputs.detach(), device=device)
    assert state.tolist() == [[1, 0, 0, 0]]
    circuit = encoding.with_readout(WORDS)
    (gradient,) = torch.autograd.grad(
        loss(execute, circuit, inputs, device, method, batched), inputs
    )
    assert gradient.tolist() == [[0, 0, 0, 0]]


def exact_loss(inputs: torch.Tensor) -> Any:
    """⟨ZI⟩ + ⟨IX⟩ + ⟨XX⟩ of the normalised rows, written out; rows may not be 0."""
    a, b, c, d = (inputs / inputs.norm(dim=-1, keepdim=True)).unbind(-1)
    z_first = a**2 + b**2 - c**2 - d**2
    return (z_first + 2 * (a * b + c * d) + 2 * (a * d + b * c)).sum()


def test_loaded_gradients_are_exact_where_features_are_zero(
    execute: Callable[..., torch.Tensor],
) -> None:
    inputs = (SUBSETS[1:] * DENSE).requires_grad_()
    circuit = AmplitudeEncoding(2).with_readout(WORDS)
    (gradient,) = torch.autograd.grad(execute(circuit, inputs).sum(), inputs)
    (expected,) = torch.autograd.grad(exact_loss(inputs), inputs)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize(
    ("device", "method", "batched", "first"),
    [
        pytest.param(*method.values, first, id=f"{method.id}-{name}")
        for method in METHODS
        for name, first in (("rotated", False), ("first", True))
        if (method.id, name) != ("backprop", "first")  # Loaded: the test above.
    ],
)
def test_rotated_gradients_are_exact_but_for_empty_branches(
    device: str,
    method: str,
    batched: bool,
    first: bool,
    execute: Callable[..., torch.Tensor],
) -> None:
    rows = SUBSETS[1:] * DENSE
    inputs, circuit = rows.clone(), Circuit([AmplitudeEncoding(2)])
    if not first:
        inputs, circuit = with_zeros(rows), ROTATED
    inputs, circuit = inputs.requires_grad_(), circuit.with_readout(WORDS)
    (gradient,) = torch.autograd.grad(
        loss(execute, circuit, inputs, device, method, batched), inputs
    )
    exact = rows.clone().requires_grad_()
    (expected,) = torch.autograd.grad(exact_loss(exact), exact)
    # The pairs (0, 1) and (2, 3) are the branches below the first wire.
    empty = (rows.reshape(-1, 2, 2) == 0).all(-1).repeat_interleave(2, dim=1)
    torch.testing.assert_close(
        gradient[:, :4], expected.masked_fill(empty, 0), atol=1e-7, rtol=1e-6
    )


@pytest.mark.parametrize("rotated", [False, True], ids=["loaded", "rotated"])
@pytest.mark.parametrize(("device", "method", "batched"), METHODS)
def test_gradients_on_digits_are_finite(
    device: str,
    method: str,
    batched: bool,
    rotated: bool,
    execute: Callable[..., torch.Tensor],
) -> None:
    rows = patches(8 if batched else 2)
    assert 0.2 < (rows == 0).all(1).double().mean() < 0.4
    circuit = ROTATED if rotated else Circuit([AmplitudeEncoding(2)])
    circuit = circuit.with_readout(WORDS)
    inputs = (with_zeros(rows) if rotated else rows).float().requires_grad_()
    value = loss(execute, circuit, inputs, device, method, batched)
    (gradient,) = torch.autograd.grad(value, inputs)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_gradients_are_finite_in_autograd() -> None:
    node = qml.QNode(
        ROTATED.with_readout(Expectation("XX")), qml.device("default.qubit", wires=2)
    )
    for row in with_zeros(SUBSETS * DENSE).numpy():
        gradient = qml.grad(lambda x: node(x)[0])(
            qml.numpy.array(row, requires_grad=True)
        )
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("wires", [1, 2, 3, 4])
def test_rotations_prepare_the_loaded_state(
    wires: int, execute: Callable[..., torch.Tensor]
) -> None:
    rng = np.random.default_rng(wires)
    rows = rng.normal(size=(20, 2**wires)) * rng.integers(0, 2, (20, 2**wires))
    states = normalise(torch.from_numpy(rows))
    tape = qml.tape.QuantumScript(
        AmplitudePreparation(states, wires=range(wires)).decomposition(), [qml.state()]
    )
    found = torch.as_tensor(qml.execute([tape], qml.device("default.qubit"))[0])
    torch.testing.assert_close(found.real, states)
    torch.testing.assert_close(found.imag, torch.zeros_like(states))
    loaded = execute(AmplitudeEncoding(wires).with_readout(State()), rows)
    torch.testing.assert_close(loaded, found)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_extreme_magnitudes_keep_their_direction(
    size: float, execute: Callable[..., torch.Tensor]
) -> None:
    inputs = (size * torch.tensor([[1.0, 2.0, 0.0, 2.0]])).requires_grad_()
    circuit = AmplitudeEncoding(2).with_readout(Probabilities())
    probabilities = execute(circuit, inputs)
    torch.testing.assert_close(
        probabilities.detach().float(), torch.tensor([[1.0, 4.0, 0.0, 4.0]]) / 9
    )
    (gradient,) = torch.autograd.grad(probabilities[0, 0], inputs)
    assert gradient.isfinite().all()
    # d(a²/‖x‖²)/db = −2a²b/‖x‖⁴ = −4/81 at x of size 1.
    assert float(gradient[0, 1]) * size == pytest.approx(-4 / 81, rel=1e-3)


def test_padding_stands_behind_the_features(
    execute: Callable[..., torch.Tensor],
) -> None:
    encoding = AmplitudeEncoding(2, size=3, pad_with=2.0).with_readout(State())
    inputs = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    states = execute(encoding, inputs).real
    expected = torch.tensor([[0.2, 0.4, 0.8, 0.4], [0, 0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(states, expected)
    zeros = execute(AmplitudeEncoding(2, size=3).with_readout(State()), inputs)
    assert zeros[:, 3].tolist() == [0, 0]


@pytest.mark.parametrize("rotated", [False, True], ids=["loaded", "rotated"])
def test_nan_stays_in_its_row(
    rotated: bool, execute: Callable[..., torch.Tensor]
) -> None:
    inputs = torch.rand(3, 6, generator=torch.Generator().manual_seed(0))
    inputs[1, 2] = torch.nan
    circuit = ROTATED if rotated else Circuit([AmplitudeEncoding(2)])
    inputs = inputs if rotated else inputs[:, :4]
    results = execute(circuit, inputs)
    assert results[1].isnan().all()
    torch.testing.assert_close(results[::2], execute(circuit, inputs[::2]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AmplitudeEncoding(2, size=5),
            "size: 2 wires hold 1 to 4 amplitudes, got 5; use 3 wires or more",
        ),
        (lambda: AmplitudeEncoding(2, size=0), "size: expected at least 1, got 0"),
        (
            lambda: AmplitudeEncoding(2, size=1.5),  # type: ignore[arg-type]
            r"size: expected a whole number, got 1\.5",
        ),
    ],
)
def test_wrong_sizes_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()


@pytest.mark.parametrize("value", ["QQ", float("nan"), float("inf"), None, 1j])
def test_padding_is_a_finite_number(value: Any) -> None:
    with pytest.raises(QdlError, match=r"pad_with: expected a (finite )?number, got"):
        AmplitudeEncoding(2, size=3, pad_with=value)

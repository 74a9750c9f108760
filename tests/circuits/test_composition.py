"""Sharing and re-uploading."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    Circuit,
    Probabilities,
    Shared,
    State,
    StronglyEntangling,
    reupload,
    share,
)

W, S = StronglyEntangling(2), AngleEncoding(2)
TRAINED = AngleEncoding(2, features=[2, 0], scaling=0.5, trainable_scaling=True)


def test_a_shared_block_is_the_block_with_a_name(unitary: Callable[..., Any]) -> None:
    for block in (W, TRAINED):
        shared = share("name", block)
        assert shared.tied_name == "name"
        for attribute in (
            "wires",
            "num_features",
            "features",
            "weight_shape",
            "weight_kind",
            "initial_weight",
        ):
            assert getattr(shared, attribute) == getattr(block, attribute)
        inputs = np.array([0.1, 0.2, 0.3]) if block is TRAINED else None
        weights = np.random.default_rng(0).uniform(0, 6, block.weight_shape)
        np.testing.assert_array_equal(
            unitary(shared, inputs, weights), unitary(block, inputs, weights)
        )


def test_a_shared_block_is_a_value(rebuild: Callable[[object], Any]) -> None:
    shared = share("name", StronglyEntangling(["b", "a"], 2))
    assert repr(shared) == "share('name', StronglyEntangling(['b', 'a'], layers=2))"
    for twin in (pickle.loads(pickle.dumps(shared)), rebuild(shared)):
        assert twin == shared
        assert hash(twin) == hash(shared)
        assert twin.wires == ("b", "a")
    assert shared != share("other", shared.block)
    assert shared != shared.block


def test_sharing_again_renames() -> None:
    assert share("b", share("a", W)) == share("b", W)


def test_a_shared_block_moves(unitary: Callable[..., Any]) -> None:
    moved = share("name", W).on("ba"[i] for i in range(2))
    assert moved == share("name", StronglyEntangling(["b", "a"]))
    assert moved.wires == ("b", "a")


def test_one_tensor_gets_all_gradients(execute: Callable[..., torch.Tensor]) -> None:
    tied, free = share("w", W) @ S @ share("w", W), W @ S @ W
    assert tied.weight_shapes == {"w": (1, 2, 3)}
    theta = torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    one = theta.clone().requires_grad_()
    two = [theta.clone().requires_grad_() for _ in range(2)]
    inputs = torch.tensor([0.3, 0.7], dtype=torch.float64)
    left = execute(tied, inputs, one)
    right = execute(free, inputs, {"weights_0": two[0], "weights_1": two[1]})
    torch.testing.assert_close(left, right)
    (whole,) = torch.autograd.grad(left[0], one)
    parts = torch.autograd.grad(right[0], two)
    torch.testing.assert_close(whole, parts[0] + parts[1])


def test_a_shared_circuit_names_its_tensors() -> None:
    single = share("u", W @ S)
    assert single.weight_shapes == {"u": (1, 2, 3)}
    assert (single @ single).weight_shapes == {"u": (1, 2, 3)}
    several = share("u", W @ share("v", W) @ S @ share("v", W))
    assert several.weight_names == ("u_v", None, "u_v", "u_weights_0")
    tied = share("v", W) @ S @ share("v", W)
    assert share("u", tied).weight_names == ("u", None, "u")


def test_a_shared_circuit_keeps_the_rest() -> None:
    circuit = (W @ S).with_readout(Probabilities())
    shared = share("u", circuit)
    assert shared.readout == Probabilities()
    assert shared.blocks == (S, Shared("u", W))
    assert share("u", Circuit([W])) == Circuit([share("u", W)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: share("a.b", W), "name: expected letters, .* got 'a.b'; it becomes"),
        (lambda: share("", W), "name: expected letters, .* got ''"),
        (lambda: share("1a", W @ S), "name: expected letters, .* got '1a'"),
        (lambda: share(3, W), "name: expected text, got 3"),  # type: ignore[call-overload]
        (
            lambda: share("a", S),
            r"share: AngleEncoding\(2\) has no weights to share; leave share out",
        ),
        (lambda: share("a", S @ S), "share: .* has no weights to share"),
        (
            lambda: share("a", 3),  # type: ignore[call-overload]
            "circuit: expected a circuit, an encoding or a processing, got 3",
        ),
        (
            lambda: Shared("a", W @ S),  # type: ignore[arg-type]
            "block: expected a Block, got StronglyEntangling",
        ),
        (lambda: reupload(W, S, 0), "layers: expected at least 1, got 0"),
        (lambda: reupload(W, S, 1.0), "layers: expected a whole number"),  # type: ignore[arg-type]
        (lambda: reupload(W, 3, 1), "circuit: expected a circuit, .* got 3"),  # type: ignore[arg-type]
        (
            lambda: reupload(
                W.with_readout(State()), S.with_readout(Probabilities()), 2
            ),
            "readout: both sides of @ were given one",
        ),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()


def test_reuploading_reads_the_same_data(unitary: Callable[..., Any]) -> None:
    inputs = np.array([0.3, 0.7])
    circuit = reupload(W, S, layers=3)
    assert circuit.blocks == (S, W) * 3
    assert list(circuit.weight_shapes) == ["weights_0", "weights_1", "weights_2"]
    rng = np.random.default_rng(0)
    weights = {k: rng.uniform(0, 6, s) for k, s in circuit.weight_shapes.items()}
    expected = np.eye(4)
    for theta in weights.values():
        expected = unitary(W @ S, inputs, theta) @ expected
    np.testing.assert_allclose(unitary(circuit, inputs, weights), expected, atol=1e-12)


def test_reuploading_keeps_readouts_and_shared_weights() -> None:
    read = reupload(W.with_readout(State()), S, layers=2)
    assert read.readout == State()
    tied = reupload(share("w", W), TRAINED, layers=2)
    assert list(tied.weight_shapes) == ["scaling_0", "w", "scaling_1"]

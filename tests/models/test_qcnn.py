"""What is particular to the quantum convolutional classifier."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from qml_qdl.circuits import BasicEntangler
from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import QCNNClassifier
from qml_qdl.models.qcnn import count_weights


@pytest.mark.parametrize(
    ("arguments", "options", "weights", "wires"),
    [
        ((8, 2), {}, 51, 8),
        ((8, 2), {"pooling": "trace"}, 45, 8),
        ((64, 2), {"encoding": "amplitude"}, 51, 6),
        (((1, 8, 8), 10), {"encoding": "amplitude"}, 17, 7),
        (((1, 16, 16), 10), {"encoding": "amplitude", "convolution": 1}, 4, 8),
        ((4, 2), {"convolution": BasicEntangler(2)}, 8, 4),
    ],
)
def test_sizes(
    arguments: Any, options: dict[str, Any], weights: int, wires: int
) -> None:
    model = QCNNClassifier(*arguments, **options)
    assert count_weights(model) == weights
    assert len(model.quantum.circuit.wires) == wires
    if model.num_classes == 10:
        rows = torch.rand(2, *model.input_shape)
        assert model(rows).shape == (2, 10)


def test_logits_are_logarithms_of_probabilities() -> None:
    model = QCNNClassifier(4, 2)
    x = torch.rand(3, 4)
    torch.testing.assert_close(model(x).exp().sum(1), torch.ones(3))
    loss = nn.functional.cross_entropy(model(x), torch.tensor([0, 1, 1]))
    chosen = model.quantum(x)[range(3), [0, 1, 1]]
    torch.testing.assert_close(loss, -chosen.log().mean())


def test_impossible_classes_keep_the_loss_finite() -> None:
    model = QCNNClassifier(2, 2, convolution=1)
    for weight in model.parameters():
        nn.init.zeros_(weight)
    loss = nn.functional.cross_entropy(model(torch.zeros(1, 2)), torch.tensor([1]))
    torch.autograd.backward([loss])
    assert loss.isfinite()
    for weight in model.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()


def test_scaling_is_that_of_the_angles() -> None:
    model, scaled = QCNNClassifier(4, 2), QCNNClassifier(4, 2, scaling=3.0)
    scaled.load_state_dict(model.state_dict())
    x = torch.rand(2, 4)
    torch.testing.assert_close(scaled(x), model(3 * x))


def test_measured_on_the_way_it_is_the_same() -> None:
    model, measured = QCNNClassifier(4, 2), QCNNClassifier(4, 2, measured=True)
    measured.load_state_dict(model.state_dict())
    x = torch.rand(2, 4)
    torch.testing.assert_close(measured(x), model(x))


@pytest.mark.parametrize(
    ("shape", "classes", "options"),
    [
        (8, 2, {}),
        (8, 2, {"convolution": 1}),
        (16, 3, {"convolution": 6}),
        ((1, 8, 8), 2, {"encoding": "amplitude"}),
        ((2, 4, 4), 4, {"encoding": "amplitude"}),
    ],
)
def test_the_twin_has_nearly_as_many_weights(
    shape: Any, classes: int, options: dict[str, Any]
) -> None:
    model = QCNNClassifier(shape, classes, **options)
    twin = model.classical_twin()
    ours, theirs = count_weights(model), count_weights(twin)
    assert abs(theirs - ours) <= max(4, 0.1 * ours)
    rows = torch.rand(3, *model.input_shape)
    assert twin(rows).shape == (3, classes)
    kinds = (nn.Conv1d, nn.Conv2d)
    assert len([part for part in twin.modules() if isinstance(part, kinds)]) == 2


def test_counting_for_the_twin_samples_no_random_numbers() -> None:
    model = QCNNClassifier(8, 2)
    twins = []
    for _ in range(2):
        torch.manual_seed(1)
        twins.append(model.classical_twin())
    x = torch.rand(2, 8)
    torch.testing.assert_close(twins[0](x), twins[1](x))


def test_it_learns() -> None:
    torch.manual_seed(0)
    x = 3 * torch.rand(60, 4)
    y = (x[:, :2].sum(1) > x[:, 2:].sum(1)).long()
    model = QCNNClassifier(4, 2, convolution=6)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
        optimiser.step()
    assert float((model(x).argmax(1) == y).float().mean()) > 0.85


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (((8, 8), 2), {}, r"input_shape: expected a number .* got \(8, 8\)"),
        ((0, 2), {}, r"input_shape: expected at least 1, got 0"),
        ((64, 2), {}, r"input_shape: 64 features need 64 wires, .*'amplitude'"),
        ((8, 1), {}, r"num_classes: expected at least 2, got 1"),
        ((8, 20), {}, r"num_classes: they need 5 wires after pooling, which 8 wires"),
        ((1, 2), {}, r"num_classes: they need 1 wires after pooling, which 1 wires"),
        ((8, 2), {"encoding": "iqp"}, r"encoding: expected one of 'angle', 'amp"),
        ((8, 2), {"convolution": 10}, r"convolution: expected one of 1, .* got 10"),
        ((8, 2), {"pooling": "max"}, r"kind: expected one of 'zx', .* got 'max'"),
        ((8, 2), {"target": "nowhere"}, r"target: unknown target 'nowhere'"),
    ],
)
def test_wrong_arguments(arguments: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        QCNNClassifier(*arguments, **options)

"""What all recipes share: optimisers and objects by name, and numbers as kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.data import Split, load, split
from qml_qdl.training import Regression, Spec, TrainingOptions, count_parameters
from qml_qdl.training.recipes.recipe import as_array, build_object, named_class


@pytest.fixture(scope="module")
def numbers() -> Split:
    return split(load("diabetes"))


def linear(outputs: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(10, outputs)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"optimizer": "adamw"}, torch.optim.AdamW),
        ({"optimizer": "RMSprop"}, torch.optim.RMSprop),
        ({"optimizer": Spec("torch.optim.Adamax", eps=1e-7)}, torch.optim.Adamax),
        ({"optimizer": torch.optim.NAdam}, torch.optim.NAdam),
    ],
)
def test_optimizers_by_name_and_class(
    options: dict[str, Any], kind: Any, numbers: Split
) -> None:
    learner = Regression(linear(), numbers, TrainingOptions(**options))
    made: Any = learner.make_optimizer(learner.model.parameters())
    assert type(made) is kind
    assert made.param_groups[0]["lr"] == 0.01


def test_objects_are_built_of_a_class_by_name_or_path() -> None:
    def built(given: Any) -> Any:
        return build_object("loss", given, "torch.nn", torch.nn.Module)

    assert built(Spec("HuberLoss", delta=2.0)).delta == 2.0
    assert type(built(Spec("torch.nn.modules.loss.L1Loss"))) is torch.nn.L1Loss
    own = torch.nn.MSELoss()
    assert built(own) is own
    with pytest.raises(ArgumentTypeError, match=r"loss: expected a torch\.nn.* int"):
        built(3)
    with pytest.raises(ArgumentError, match=r"got 'HubertLoss'; did you mean 'Huber"):
        built(Spec("HubertLoss"))
    with pytest.raises(ArgumentError, match=r"loss\.delt"):
        built(Spec("HuberLoss", delt=2.0))
    with pytest.raises(ArgumentError, match=r"expected a subclass of torch\.nn"):
        named_class("loss", Spec("torch.optim.Adam"), "torch.nn", torch.nn.Module)


def test_frozen_weights_are_no_parameters() -> None:
    model = torch.nn.Sequential(linear(), torch.nn.Linear(1, 2))
    model[0].requires_grad_(False)
    assert count_parameters(model) == 4


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([2, 0], np.int64),
        (np.array([2, 0], np.uint8), np.int64),
        ([2.0, 0.5], np.float32),
        (np.array([2.0, 0.5]), np.float32),
    ],
)
def test_predictions_are_whole_numbers_or_floats(values: Any, kind: type) -> None:
    found = as_array(values)
    assert found.dtype == kind
    assert found.tolist() == list(values)

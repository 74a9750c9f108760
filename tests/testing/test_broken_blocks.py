"""A third party's blocks through the contracts: good ones pass, broken ones are told.

pytest runs on a test module as a third party would write it.
"""

from __future__ import annotations

from pathlib import Path

from tests.testing.third_party import run

MODULE = '''
import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen

from qml_qdl.circuits import Encoding, Processing
from qml_qdl.testing import EncodingContract, ProcessingContract


@frozen(repr=False)
class Good(Encoding):
    pure = True

    @property
    def num_features(self):
        return 2 * len(self.wires)

    def encode(self, features):
        for i, wire in enumerate(self.wires):
            qml.RX(features[..., 2 * i], wires=wire)
            qml.RZ(features[..., 2 * i + 1], wires=wire)


class TestGood(EncodingContract):
    instances = [Good(1), Good(["b", "a"], features=range(1, 5)),
                 Good(1, trainable_scaling=True)]
    targets = ("qdl.simulator", "lightning.qubit")


@frozen(repr=False)
class NotUnitary(Good):
    def encode(self, features):
        Good.encode(self, features)
        for wire in self.wires:
            qml.QubitUnitary(np.diag([1.0, 0.9]), wires=wire)


@frozen(repr=False)
class Forgets(Good):
    def encode(self, features):
        for i, wire in enumerate(self.wires):
            qml.RX(features[..., 2 * i], wires=wire)


@frozen(repr=False)
class Mixes(Good):
    def encode(self, features):
        if features.ndim == 2:
            features = features + features.mean(0)
        Good.encode(self, features)


@frozen(repr=False)
class WrongShape(Good):
    @property
    def weight_shape(self):
        return (1,) if self.trainable_scaling else None


@frozen(repr=False)
class NotDifferentiable(Good):
    def encode(self, features):
        Good.encode(self, torch.as_tensor(features).detach())


@frozen(repr=False)
class WrongGradient(Good):
    def encode(self, features):
        still = features.detach() if torch.is_tensor(features) else features
        Good.encode(self, features + (features - still))


@frozen(repr=False)
class NotPure(Good):
    """Says that it makes angles by tensor operations only, and looks at types."""

    pure = True

    def encode(self, features):
        symbols = torch.is_tensor(features) and type(features) is not torch.Tensor
        Good.encode(self, features * (0.5 if symbols else 1.0))


@frozen(repr=False, eq=False)
class NoValue(Good):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


for kind in Good.__subclasses__():
    name = "Test" + kind.__name__
    globals()[name] = type(name, (EncodingContract,), {"instances": [kind(1)]})


@frozen(repr=False)
class GoodW(Processing):
    @property
    def weight_shape(self):
        return (2, len(self.wires))

    def process(self, weights):
        for i, wire in enumerate(self.wires):
            qml.RX(weights[0, i], wires=wire)
            qml.RY(weights[1, i], wires=wire)


class TestGoodW(ProcessingContract):
    instances = [GoodW(2), GoodW(["b"])]


@frozen(repr=False)
class TooManyWeights(GoodW):
    @property
    def weight_shape(self):
        return (3, len(self.wires))


class TestTooManyWeights(ProcessingContract):
    instances = [TooManyWeights(1)]

'''

# For each class what fails: first the promise that it breaks.
BROKEN = {
    "TestNotUnitary": ["test_it_is_unitary", "test_states_have_norm_one"],
    "TestForgets": ["test_every_feature_is_read"],
    "TestMixes": ["test_rows_do_not_mix"],
    "TestWrongShape": ["test_a_trained_scaling_multiplies_the_features"],
    "TestNotDifferentiable": [
        "test_gradients_match_finite_differences",
        "test_every_feature_is_read",
    ],
    "TestWrongGradient": ["test_gradients_match_finite_differences"],
    "TestNotPure": ["test_targets_agree"],
    "TestNoValue": ["test_it_is_a_value", "test_it_moves_to_other_wires"],
    "TestTooManyWeights": ["test_every_weight_is_used"],
}


def test_each_broken_promise_is_told(tmp_path: Path) -> None:
    recorder = run(tmp_path, "test_third_party", MODULE)
    assert recorder.those("failed") == {k: set(tests) for k, tests in BROKEN.items()}
    assert recorder.those("skipped") == {}
    assert {"TestGood", "TestGoodW"} <= set(recorder.those("passed"))


def test_a_class_without_instances_says_so(tmp_path: Path) -> None:
    module = """
from qml_qdl.testing import EncodingContract
class TestNothing(EncodingContract):
    pass
"""
    (report,) = run(tmp_path, "test_empty_class", module).reports
    assert "TestNothing.instances: expected a list of what is" in str(report.longrepr)

"""Circuits of any number of features."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits import AngleEncoding, Samples
from qml_qdl.errors import ArgumentError, ArgumentTypeError
from qml_qdl.kernels import FidelityKernel
from qml_qdl.sklearn.circuits import (
    circuit_for,
    encoding_for,
    features_for,
    scaling_for,
)


@pytest.mark.parametrize("features", [1, 2, 8, 9, 30])
def test_every_feature_is_read(features: int) -> None:
    encoding = encoding_for(features)
    assert encoding.num_inputs == features
    assert len(encoding.wires) == min(features, 8)
    kernel = FidelityKernel(encoding)
    rows = torch.zeros(features + 1, features, dtype=torch.float64)
    rows[1:] = 0.3 * torch.eye(features)
    assert (kernel(rows)[0, 1:] < 1 - 1e-3).all()
    assert features_for(features, 2).num_inputs == features


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="expected a circuit"):
        circuit_for("zz", 2)
    with pytest.raises(ArgumentError, match="one of 3 features"):
        circuit_for(AngleEncoding(2), 3)
    with pytest.raises(ArgumentError, match="real numbers"):
        circuit_for(AngleEncoding(2).with_readout(Samples()), 2)
    with pytest.raises(ArgumentError, match="scaling"):
        scaling_for(0.0, 2)
    assert scaling_for("auto", 4) == scaling_for(0.5, 4)

"""Features out of circuits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from qml_qdl.circuits import AngleEncoding, BasicEntangler, Probabilities
from qml_qdl.errors import ArgumentError, ArgumentTypeError
from qml_qdl.nn import QuantumLayer
from qml_qdl.sklearn import QuantumTransformer

X = load_iris(return_X_y=True)[0][::3]


def test_features_are_what_the_circuit_reads_out() -> None:
    circuit = BasicEntangler(4) @ AngleEncoding(4)
    features = QuantumTransformer(circuit, scaling=0.5, random_state=0).fit(X)
    weights = dict(features.layer_.named_parameters())
    layer = QuantumLayer(circuit, init_method=weights)
    rows = torch.tensor((X - X.mean(0)) / X.std(0) * 0.5)
    assert np.abs(features.transform(X) - layer(rows).detach().numpy()).max() < 1e-12
    assert features.get_feature_names_out().tolist() == [
        f"quantumtransformer{number}" for number in range(4)
    ]


def test_angle_encodings_have_cosines() -> None:
    features = QuantumTransformer(AngleEncoding(4), standardise=False, scaling=1.0)
    assert np.abs(features.fit_transform(X) - np.cos(X)).max() < 1e-12
    wide = QuantumTransformer(AngleEncoding(4).with_readout(Probabilities()))
    assert np.allclose(wide.fit_transform(X).sum(1), 1)


def test_a_random_state_fixes_weights_and_shots() -> None:
    first, second = (
        QuantumTransformer(shots=20, random_state=3).fit(X) for _ in range(2)
    )
    assert np.array_equal(first.transform(X), second.transform(X))
    assert np.array_equal(first.transform(X), first.transform(X))


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ArgumentError, match="layers"):
        QuantumTransformer(layers=0).fit(X)
    with pytest.raises(ArgumentTypeError, match="standardise"):
        QuantumTransformer().set_params(standardise="no").fit(X)
    with pytest.raises(ArgumentError, match="one of 4 features"):
        QuantumTransformer(AngleEncoding(2)).fit(X)

"""How far circuits are from equivariant, measured: none, or by what is broken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from qml_qdl.circuits import (
    AngleEncoding,
    EquivariantProcessing,
    Expectation,
    StronglyEntangling,
    encoding_error,
    invariance_error,
    invariant_readout,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.named_groups import (
    spin_flip,
    translations,
)

WORDS = ["XIII", "ZZII", "XXII", "YIII"]


def test_measured_invariance_of_a_circuit() -> None:
    ring = translations(4)
    processing = EquivariantProcessing(4, ring, WORDS, 2)
    circuit = processing @ AngleEncoding(4)
    weights = 6 * np.random.default_rng(1).random(processing.weight_shape)
    good = circuit.with_readout(invariant_readout(ring, ["ZIII", "XXII"]))
    assert invariance_error(good, ring, weights=weights) < 1e-12
    one_wire = circuit.with_readout(Expectation(["ZIII"]))
    assert invariance_error(one_wire, ring, weights=weights) > 1e-3
    plain = StronglyEntangling(4) @ AngleEncoding(4)
    plain = plain.with_readout(good.readout)
    w = np.random.default_rng(0).normal(size=(1, 4, 3))
    assert invariance_error(plain, ring, weights=w) > 1e-3


def test_measured_equivariance_of_an_encoding() -> None:
    assert encoding_error(AngleEncoding(4), translations(4)) < 1e-12
    flip = spin_flip(4)
    mirrored = [lambda x: np.pi - x]  # X RY(x)|0⟩ = RY(π − x)|0⟩
    assert encoding_error(AngleEncoding(4), flip, mirrored) < 1e-12
    assert encoding_error(AngleEncoding(4), flip) > 0.1
    assert encoding_error(AngleEncoding(4), translations(4), [np.negative] * 2) > 0.1
    trained = AngleEncoding(3, trainable_scaling=True)
    one, other = np.ones(3), np.array([1.0, 2.0, 3.0])
    assert encoding_error(trained, translations(3), weights=one) < 1e-12
    assert encoding_error(trained, translations(3), weights=other) > 0.1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: encoding_error(AngleEncoding(3), translations(2)),
            r"group: expected an action on 3 wires, got one on 2",
        ),
        (
            lambda: encoding_error(AngleEncoding(3), translations(3), [np.negative]),
            r"feature_actions: expected 2, one for each generator of the group, got 1",
        ),
        (
            lambda: encoding_error(AngleEncoding(2, features=[0, 2]), translations(2)),
            r"feature_actions: the circuit reads 3 features on 2 wires; say what each",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()

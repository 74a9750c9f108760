"""The contract of encodings on those of the library. A new one is a line below."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    ArccosEncoding,
    BasisEncoding,
    Block,
    ChargeEncoding,
    DirectionEncoding,
    Driven,
    HamiltonianEncoding,
    HardwareEfficient,
    InnerProductEncoding,
    IQPEncoding,
    LinkEncoding,
    PhaseEncoding,
    QuaternionEncoding,
    RotationEncoding,
    SphericalEncoding,
    ZZFeatureMap,
)
from qml_qdl.testing import EncodingContract

PAIR = [qml.Z(0) @ qml.Z(1), qml.X(0) + 0.5 * qml.Y(1)]

ENCODINGS = [
    pytest.param(AngleEncoding(2, rotation="X"), id="angle-x"),
    pytest.param(AngleEncoding(3), id="angle-y"),
    pytest.param(AngleEncoding(2, rotation="Z"), id="angle-z"),
    pytest.param(AngleEncoding(1), id="angle-one-wire"),
    pytest.param(AngleEncoding(["b", "a"]), id="angle-labels"),
    pytest.param(AngleEncoding([4, 2]), id="angle-numbers"),
    pytest.param(AngleEncoding(2, features=[3, 0]), id="angle-indices"),
    pytest.param(AngleEncoding(2, features=slice(1, 3)), id="angle-slice"),
    pytest.param(AngleEncoding(2, features=slice(1, None, 2)), id="angle-open-slice"),
    pytest.param(AngleEncoding(2, scaling=np.pi), id="angle-scaled"),
    pytest.param(
        AngleEncoding(2, scaling=0.5, trainable_scaling=True), id="angle-trained"
    ),
    pytest.param(
        AngleEncoding(2, features=[0, 2], trainable_scaling=True),
        id="angle-indices-trained",
    ),
    pytest.param(BasisEncoding(2), id="basis"),
    pytest.param(BasisEncoding(["a", "b"], features=[1, 2]), id="basis-indices"),
    pytest.param(IQPEncoding(3), id="iqp"),
    pytest.param(IQPEncoding(["q", 1], repeats=2), id="iqp-labels"),
    pytest.param(ZZFeatureMap(2), id="zz"),
    pytest.param(ZZFeatureMap(1), id="zz-one-wire"),
    pytest.param(
        ZZFeatureMap(3, repeats=1, entanglement="linear", features=slice(1, None)),
        id="zz-linear",
    ),
    pytest.param(
        ZZFeatureMap(["a", "b", "c"], entanglement="circular"), id="zz-circular"
    ),
    pytest.param(HamiltonianEncoding(3), id="heisenberg"),
    pytest.param(HamiltonianEncoding(2, steps=3, scaling=0.5), id="heisenberg-steps"),
    pytest.param(HamiltonianEncoding(2, generators=PAIR), id="hamiltonian"),
    pytest.param(
        HamiltonianEncoding(["a", "b"], generators=[qml.X("b")], features=[1]),
        id="hamiltonian-labels",
    ),
    pytest.param(AmplitudeEncoding(2), id="amplitude"),
    pytest.param(AmplitudeEncoding(3, size=5), id="amplitude-short"),
    pytest.param(
        AmplitudeEncoding(["a", "b"], size=3, pad_with=0.5, features=slice(1, None)),
        id="amplitude-padded",
    ),
    pytest.param(AmplitudeEncoding(1, trainable_scaling=True), id="amplitude-trained"),
    pytest.param(ArccosEncoding(2, scaling=0.5), id="arccos"),
    pytest.param(
        ArccosEncoding(
            ["a", "b"], features=[1, 2], scaling=0.4, trainable_scaling=True
        ),
        id="arccos-trained",
    ),
    pytest.param(DirectionEncoding(2), id="direction"),
    pytest.param(
        DirectionEncoding(["b", "a"], features=range(1, 7)), id="direction-labels"
    ),
    pytest.param(RotationEncoding(1, scaling=0.5), id="rotation"),
    pytest.param(RotationEncoding(2, trainable_scaling=True), id="rotation-trained"),
    pytest.param(SphericalEncoding(2), id="spherical-spin-half"),
    pytest.param(SphericalEncoding(["b", "a"], 2, scaling=0.7), id="spherical"),
    pytest.param(LinkEncoding(3), id="link"),
    pytest.param(PhaseEncoding(["b", "a"], 0.4), id="phase"),
    pytest.param(QuaternionEncoding(2), id="quaternion"),
    pytest.param(ChargeEncoding(2, (1, -2), scaling=0.5), id="charges"),
    pytest.param(
        ChargeEncoding(["b", "a"], [0, 3], features=range(1, 5)), id="charges-labels"
    ),
    pytest.param(InnerProductEncoding(2), id="inner-products"),
    pytest.param(
        InnerProductEncoding(["a", "b"], "Y", features=range(1, 7)),
        id="inner-products-labels",
    ),
    pytest.param(Driven(HardwareEfficient(2)), id="driven"),
    pytest.param(
        Driven(HardwareEfficient(["b", "a"]), features=slice(1, None)),
        id="driven-labels",
    ),
]


class TestEncodings(EncodingContract):
    instances = ENCODINGS

    @pytest.mark.slow
    def test_targets_agree(self, block: Block, target: str) -> None:
        super().test_targets_agree(block, target)

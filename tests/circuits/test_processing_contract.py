"""The contract of processings on those of the library. A new one is a line below."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    MERA,
    MPS,
    TTN,
    BasicEntangler,
    Block,
    Brickwork,
    ChargeConserving,
    Circuit,
    CommutantProcessing,
    ConvolutionLayer,
    EquivariantProcessing,
    Excitations,
    HamiltonianVariational,
    HardwareEfficient,
    HeisenbergExchange,
    HurCircuit,
    InducedField,
    IQPCircuit,
    IsingLayers,
    PauliRotations,
    Processing,
    RandomLayers,
    RegisterExchange,
    Rotations,
    SimCircuit,
    SimplifiedTwoDesign,
    StronglyEntangling,
    WireAction,
    WireGroup,
)
from qml_qdl.circuits.symmetry.named_groups import symmetric_group, translations
from qml_qdl.testing import ProcessingContract

LABELS = ["c", "a", "b"]


def of_a_table(kind: type[Processing], numbers: range, quick: set[int]) -> list[Any]:
    """Circuits of one class: all have tests of their gates, and some run quickly."""
    return [
        pytest.param(
            kind(number),
            id=f"{kind.__name__[:3].lower()}-{number}",
            marks=[] if number in quick else [pytest.mark.slow],
        )
        for number in numbers
    ]


PROCESSINGS = [
    pytest.param(StronglyEntangling(3, layers=2), id="strongly"),
    pytest.param(StronglyEntangling(1), id="strongly-one-wire"),
    pytest.param(
        StronglyEntangling(LABELS, 2, ranges=[2, 1], imprimitive="CZ"),
        id="strongly-options",
    ),
    pytest.param(StronglyEntangling(2, imprimitive="iSWAP"), id="strongly-iswap"),
    pytest.param(BasicEntangler(3, layers=2), id="basic"),
    pytest.param(BasicEntangler([5, 3], rotation="RZ"), id="basic-rz"),
    pytest.param(BasicEntangler(1), id="basic-one-wire"),
    pytest.param(RandomLayers(3, layers=2), id="random"),
    pytest.param(RandomLayers(1), id="random-one-wire"),
    pytest.param(
        RandomLayers(LABELS, rotations=5, ratio_imprimitive=0.5, seed=7),
        id="random-options",
    ),
    pytest.param(SimplifiedTwoDesign(3, layers=2), id="two-design"),
    pytest.param(SimplifiedTwoDesign(1), id="two-design-one-wire"),
    pytest.param(SimplifiedTwoDesign(LABELS), id="two-design-labels"),
    pytest.param(HardwareEfficient(3, layers=2), id="hardware"),
    pytest.param(HardwareEfficient(1, rotations="RX"), id="hardware-one-wire"),
    pytest.param(
        HardwareEfficient(3, rotations=["Rot"], entangler="CZ", pattern="ring"),
        id="hardware-rot-ring",
    ),
    pytest.param(
        HardwareEfficient(LABELS, entangler="IsingZZ", pattern="full"),
        id="hardware-ising-full",
    ),
    pytest.param(
        HardwareEfficient(4, entangler="iSWAP", pattern="brick"),
        id="hardware-iswap-brick",
    ),
    pytest.param(IsingLayers(3, layers=2), id="ising"),
    pytest.param(IsingLayers(1), id="ising-one-wire"),
    pytest.param(IsingLayers(LABELS, field="Y", mixer=None), id="ising-field"),
    pytest.param(
        IsingLayers(2, field=None, mixer="Y", pattern="linear"), id="ising-mixer"
    ),
    pytest.param(IsingLayers(2, field=None, mixer=None), id="ising-couplings"),
    pytest.param(MPS(3), id="mps"),
    pytest.param(MPS(4, StronglyEntangling(3), offset=1), id="mps-offset"),
    pytest.param(MPS(LABELS, BasicEntangler(2)), id="mps-labels"),
    pytest.param(TTN(4), id="ttn"),
    pytest.param(TTN(["d", *LABELS], BasicEntangler(2, 2)), id="ttn-labels"),
    pytest.param(MERA(4, SimplifiedTwoDesign(2)), id="mera"),
    pytest.param(MERA(2), id="mera-two-wires"),
    pytest.param(Brickwork(LABELS, HurCircuit(1), layers=2), id="brickwork-labels"),
    pytest.param(Brickwork(2, BasicEntangler(2), layers=2), id="brickwork-two-wires"),
    *of_a_table(SimCircuit, range(1, 20), {1, 5, 8, 10, 13, 15, 19}),
    pytest.param(SimCircuit(5, LABELS, layers=2), id="sim-5-labels"),
    pytest.param(SimCircuit(13, 5), id="sim-13-five-wires"),
    pytest.param(SimCircuit(10, 2, layers=2), id="sim-10-two-wires"),
    *of_a_table(HurCircuit, range(1, 10), {1, 5, 9}),
    pytest.param(HurCircuit(3, ["b", "a"]), id="hur-3-labels"),
    pytest.param(Rotations(3), id="rotations"),
    pytest.param(Rotations(LABELS, rotation="RZ"), id="rotations-labels"),
    pytest.param(IQPCircuit(3), id="iqp"),
    pytest.param(IQPCircuit(LABELS, [(0, 2), (1,)]), id="iqp-words"),
    pytest.param(
        Excitations(4, [(0, 1, 2, 3), (2, 0), (3, 1)], fermionic=False),
        id="excitations-qubit",
    ),
    pytest.param(PauliRotations(LABELS, ["YIX", "IZI"]), id="pauli-rotations"),
]

SHARING = [
    pytest.param(ConvolutionLayer(3, BasicEntangler(2)), id="convolution-chain"),
    pytest.param(ConvolutionLayer(LABELS, 2), id="convolution-labels"),
    pytest.param(
        ConvolutionLayer(4, SimplifiedTwoDesign(2), pattern="odd"), id="convolution-odd"
    ),
    pytest.param(
        EquivariantProcessing(3, translations(3), ["ZZI", "XII"], layers=2),
        id="equivariant",
    ),
    pytest.param(
        EquivariantProcessing(LABELS, symmetric_group(3), ["YII"]),
        id="equivariant-labels",
    ),
    pytest.param(
        CommutantProcessing(
            LABELS,
            InducedField(translations(5), WireGroup([WireAction.identity(5)])),
        ),
        id="commutant",
    ),
    pytest.param(HeisenbergExchange(3, layers=2), id="exchange"),
    pytest.param(ChargeConserving(3, (1, 1, 2)), id="charges"),
    pytest.param(ChargeConserving(1, [0], 2), id="charges-one-wire"),
    pytest.param(
        ChargeConserving(LABELS, [1, 1, -2], 2, words=["+-I", "+++", "ZIZ"]),
        id="charges-labels",
    ),
    pytest.param(HeisenbergExchange(LABELS, pattern="linear"), id="exchange-labels"),
    pytest.param(RegisterExchange(LABELS, layers=2, pattern="ring"), id="registers"),
    pytest.param(RegisterExchange(4, 2), id="registers-of-two"),
    pytest.param(
        HamiltonianVariational(3, qml.X(0) + qml.X(2) + 0.5 * qml.Z(0) @ qml.Y(1)),
        id="variational",
    ),
    pytest.param(
        HamiltonianVariational(
            LABELS, qml.Z("a") @ qml.Z("b") - qml.X("c") @ qml.X("a"), layers=2
        ),
        id="variational-labels",
    ),
    pytest.param(
        Excitations([*LABELS, "d"], [(0, 2), (2, 3, 0, 1), (0, 2, 1, 3)]),
        id="excitations-fermionic",
    ),
]
"""Their gates share weights."""


class TestSharing(ProcessingContract):
    instances = SHARING


class TestProcessings(ProcessingContract):
    instances = PROCESSINGS

    @pytest.mark.slow
    def test_targets_agree(self, block: Block, target: str) -> None:
        super().test_targets_agree(block, target)

    def test_every_angle_is_used_once(self, block: Processing) -> None:
        numbers = np.arange(1.0, math.prod(block.weight_shape) + 1)
        weights = numbers.reshape(block.weight_shape)
        tape = qml.tape.make_qscript(Circuit([block]))(None, weights)
        (tape,), _ = qml.devices.preprocess.decompose(
            tape, stopping_condition=lambda op: op.has_matrix, name="test"
        )
        used = sorted(float(p) for op in tape.operations for p in op.parameters)
        factor = 2 if isinstance(block, IQPCircuit) else 1  # as PennyLane's IQP
        assert used == list(factor * numbers)

    def test_it_draws(self, block: Processing) -> None:  # type: ignore[override]
        super().test_it_draws(block)
        drawing = str(Circuit([block]))
        assert not any(name in drawing for name in ("Layers", "Design", "MPS", "TTN"))

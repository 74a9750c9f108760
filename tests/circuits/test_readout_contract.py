"""What every readout promises. A new readout is one more line below."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np
import pennylane as qml
import pytest
from attrs import frozen

import qml_qdl.circuits as circuits
from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    Entropy,
    Expectation,
    MutualInformation,
    Probabilities,
    Readout,
    Samples,
    State,
)
from qml_qdl.hardware.targets import Target
from qml_qdl.nn import QuantumLayer
from qml_qdl.testing import ReadoutContract

MATRIX = np.array([[0.4, 0.3 - 0.1j], [0.3 + 0.1j, -1.2]])


class TestOurs(ReadoutContract):
    instances = (
        Expectation(),
        Expectation(["XY", "ZI", "II"]),
        Expectation([qml.Hermitian(MATRIX, 1), 2 * qml.X(0) + qml.Z(0) @ qml.Y(1)]),
        Probabilities(),
        Probabilities([1]),
        Samples(),
        Samples([1]),
        State(),
        Entropy(),
        Entropy([1], order=2),
        Entropy([0], order=0.7),
        MutualInformation([0], [1]),
    )


def test_every_readout_keeps_the_contract() -> None:
    exported = {getattr(circuits, name) for name in circuits.__all__}
    readouts = {
        kind
        for kind in exported
        if isinstance(kind, type) and issubclass(kind, Readout) and kind is not Readout
    }
    assert readouts == {type(readout) for readout in TestOurs.instances}


@frozen
class Mixed(Readout):
    """Measurements of many kinds, all of which shots tell."""

    first: int = 0

    def measure(self, wires: Sequence[Hashable]) -> Any:
        one, other = wires[self.first], wires[1 - self.first]
        return [
            qml.expval(qml.Z(one)),
            qml.var(qml.X(other)),
            qml.probs(wires=[other]),
            qml.var(qml.Hermitian(MATRIX, one)),
            qml.expval(qml.Projector([1], [one])),
            qml.probs(op=qml.Hadamard(other)),
        ]

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (2, 4)


class MixedOnce(Mixed):
    pure = True


@frozen
class Entangled(Readout):
    """What only states tell, beside what shots tell, too."""

    def measure(self, wires: Sequence[Hashable]) -> Any:
        return (
            qml.purity(wires[:1]),
            qml.expval(qml.Z(wires[1])),
            qml.vn_entropy(wires[1:]),
        )

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (3,)


class EntangledOnce(Entangled):
    pure = True


class Density(Readout):
    """A matrix, of a class that is no attrs value."""

    pure = True

    def measure(self, wires: Sequence[Hashable]) -> Any:
        return qml.density_matrix(wires[1:])

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (2, 2)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


@frozen
class SignedShots(Readout):
    """Single shots that are no bits."""

    def measure(self, wires: Sequence[Hashable]) -> Any:
        return [qml.sample(qml.X(wires[0])), qml.sample(2 * qml.Z(wires[1]))]

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (2, None)


class TestOwn(ReadoutContract):
    instances = (Mixed(), Entangled(), Density(), SignedShots())


OURS = ("qdl.simulator", "aer")
OTHERS = ("default.qubit", "lightning.qubit")


class TestOwnAgain(ReadoutContract):
    """The same with other arguments, and run once by the simulator."""

    targets = OURS
    noisy: ClassVar[Sequence[Target]] = ()
    instances = (Mixed(1), MixedOnce(), EntangledOnce())


@pytest.mark.slow
class TestOwnAgainElsewhere(TestOwnAgain):
    targets = OTHERS
    noisy = ReadoutContract.noisy


class TestNamedWires(ReadoutContract):
    wires = ("b", "a", "c")
    targets = OURS
    noisy = ()
    instances = (Probabilities(["c", "a"]), Mixed(), Entangled(), State())


@pytest.mark.slow
class TestNamedWiresElsewhere(TestNamedWires):
    targets = OTHERS


@frozen
class Elsewhere(Readout):
    def measure(self, wires: Sequence[Hashable]) -> Any:
        return qml.expval(qml.Z(9))

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return ()


@frozen
class Counted(Readout):
    def measure(self, wires: Sequence[Hashable]) -> Any:
        return qml.counts()

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (4,)


def test_what_no_layer_can_read_is_refused() -> None:
    for readout, error, text in (
        (Elsewhere(), ArgumentError, r"wires: the readout names \['9'\]"),
        (Counted(), ArgumentTypeError, r"Counted\(\) counts outcomes in a dictionary"),
    ):
        circuit = AngleEncoding(2).with_readout(readout)
        with pytest.raises(error, match=text):
            QuantumLayer(circuit, shots=10)


def test_errors_have_a_formula_where_outcomes_are_two() -> None:
    wires = (0, 1)
    scaled = Expectation([-3 * qml.X(1), "ZZ"]).outcomes(wires)
    np.testing.assert_array_equal(scaled, [[-3, 3], [1, -1]])
    np.testing.assert_array_equal(Probabilities([1]).outcomes(wires), [[0, 1]] * 2)
    for readout in (Mixed(), State(), Expectation([qml.X(0) + qml.Z(1)])):
        assert readout.outcomes(wires) is None

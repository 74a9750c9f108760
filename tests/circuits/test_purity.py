"""Whose circuits are pure: the library's, and those of classes that promise it."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
from attrs import frozen

from qml_qdl.circuits import (
    Adjoint,
    AngleEncoding,
    BasicEntangler,
    Circuit,
    Expectation,
    Processing,
    Readout,
    share,
)
from qml_qdl.circuits.purity import exact_key, is_pure


@frozen(repr=False)
class Own(Processing):
    wires: tuple[int, ...] = (0, 1)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (1,)

    def process(self, weights: Any) -> None:
        qml.RX(weights[..., 0], self.wires[0])


class Promised(Own):
    pure = True


class Withdrawn(Promised):
    pure = False


class Heir(Promised):
    """Says nothing itself: the promise is not inherited."""


@frozen
class OwnReadout(Readout):
    def measure(self, wires: Any) -> Any:
        return qml.expval(qml.Z(wires[0]))

    def output_shape(self, wires: Any) -> tuple[int, ...]:
        return (1,)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (BasicEntangler(2), True),
        (BasicEntangler(2) @ AngleEncoding(2), True),
        (Expectation("ZZ"), True),
        (Own(), False),
        (Promised(), True),
        (Withdrawn(), False),
        (Heir(), False),
        # One part that is not makes the whole impure, however deep it lies.
        (Own() @ AngleEncoding(2), False),
        (Circuit([Promised(), AngleEncoding(2)]), True),
        (share("w", Adjoint(Own())), False),
        (share("w", Adjoint(Promised())), True),
        (AngleEncoding(2).with_readout(OwnReadout()), False),
    ],
    ids=str,
)
def test_is_pure(part: Any, expected: bool) -> None:
    assert is_pure(part) is expected


def test_keys_are_equal_where_all_that_counts_is() -> None:
    def circuit(scaling: float = 1.0, word: str = "ZZ", name: str = "w") -> Circuit:
        blocks = share(name, BasicEntangler(2)) @ AngleEncoding(2, scaling=scaling)
        return blocks.with_readout(Expectation([word, "XI"]))

    assert exact_key(circuit()) == exact_key(circuit())
    others = [
        circuit(2.0),
        circuit(word="ZI"),
        circuit(name="v"),
        Circuit([Adjoint(BasicEntangler(2))]),
        AngleEncoding(2),
        AngleEncoding(["0", "1"]),
    ]
    keys = [exact_key(part) for part in (circuit(), *others)]
    assert None not in keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    "part",
    [
        Own(),
        Promised() @ AngleEncoding(2),
        AngleEncoding(2).with_readout(OwnReadout()),
        Expectation([qml.Z(0)]),
    ],
    ids=str,
)
def test_what_may_change_has_no_key(part: Any) -> None:
    assert exact_key(part) is None

"""Circuits for rows of any width: those an estimator takes where none is given."""

from __future__ import annotations

import math
from functools import reduce
from operator import matmul
from typing import Any

from qml_qdl.circuits import (
    Block,
    Circuit,
    IQPEncoding,
    Samples,
    State,
    StronglyEntangling,
)
from qml_qdl.circuits.circuit import as_circuit, as_whole_circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import MOST, check_choice, check_number

MOST_WIRES = 8
"""Wires of a circuit that an estimator chooses; more features follow one another."""


def encoding_for(num_features: int) -> Circuit:
    """Angles and products of all features (IQP), on eight wires at most.

    Havlíček et al. 2019 (arXiv:1804.11326), without the offset of a ZZ feature map,
    with which standardised features turn many times around. Of more features the next
    eight are encoded after the first, as in data re-uploading (Pérez-Salinas et al.
    2020, arXiv:1907.02085).

    Args:
        num_features: How many, ≥ 1.

    Example:
        >>> len(encoding_for(3).wires), len(encoding_for(30).wires)
        (3, 8)
    """
    maps: list[Block | Circuit] = []
    for first in range(0, num_features, MOST_WIRES):
        features = range(first, min(first + MOST_WIRES, num_features))
        maps.append(IQPEncoding(len(features), repeats=2, features=features))
    return as_circuit(reduce(matmul, reversed(maps)))


def features_for(num_features: int, layers: int) -> Circuit:
    """The same, with layers of weights behind it and ⟨Z⟩ of each wire read out.

    Args:
        num_features: How many, ≥ 1.
        layers: Layers of weights, ≥ 1.
    """
    encoding = encoding_for(num_features)
    return StronglyEntangling(len(encoding.wires), layers=layers) @ encoding


def circuit_for(circuit: Any, num_features: int) -> Circuit:
    """A circuit that reads each feature of a row, and gives real numbers.

    Args:
        circuit: The circuit.
        num_features: How many a row has.

    Raises:
        ArgumentTypeError: It is none.
        ArgumentError: It reads another number, or is read out as a state or samples.
    """
    if not isinstance(circuit, Circuit | Block):
        raise ArgumentTypeError(
            f"circuit: expected a circuit or an encoding, got {circuit!r}"
        )
    whole = as_whole_circuit(circuit)
    if whole.num_inputs != num_features:
        raise ArgumentError(
            f"circuit: expected one of {num_features} features, as the rows have, got "
            f"one of {whole.num_inputs}; change their number with sklearn's PCA in a "
            "Pipeline before it, or the circuit's"
        )
    if isinstance(whole.readout, State | Samples):
        raise ArgumentError(
            f"circuit: expected a readout of real numbers, got {whole.readout!r}; use "
            "Expectation or Probabilities"
        )
    return whole


def outputs_of(circuit: Circuit) -> int:
    """How many numbers a circuit gives of a row.

    Args:
        circuit: A circuit that is not read out by samples.
    """
    return math.prod(int(count or 1) for count in circuit.output_shape)


def scaling_for(scaling: Any, num_features: int) -> float:
    """The factor on features that are scaled already.

    Args:
        scaling: A number > 0, or "auto" for 1/√features.
        num_features: How many there are.

    Raises:
        ArgumentError: It is another word, or not above 0.
    """
    if isinstance(scaling, str):
        check_choice("scaling", scaling, ("auto",))
        return 1 / math.sqrt(num_features)
    check_number("scaling", scaling, 0, MOST)
    return float(scaling)

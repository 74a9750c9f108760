"""Circuits for rows of any width: those an estimator takes where none is given."""

from __future__ import annotations

from functools import reduce
from operator import matmul

from qml_qdl.circuits import Block, Circuit, IQPEncoding, StronglyEntangling
from qml_qdl.circuits.circuit import as_circuit

MOST_WIRES = 8
"""Wires of a circuit that an estimator chooses; more features follow one another."""


def encoding_for(num_features: int) -> Circuit:
    """Angles and products of all features (IQP), on eight wires at most.

    Havlíček et al. 2019 (arXiv:1804.11326), without the offset of a ZZ feature map,
    which makes products of standardised features turn many times around. Of more features the next eight are encoded after the first, as in data
    re-uploading (Pérez-Salinas et al. 2020, arXiv:1907.02085).

    Args:
        num_features: How many, ≥ 1.

    Example:
        >>> len(encoding_for(3).wires), len(encoding_for(30).wires)
        (3, 8)
    """
    maps: list[Block | Circuit] = []
    for first in range(0, num_features, MOST_WIRES):
        features = range(first, min(first + MOST_WIRES, num_features))
        maps.append(IQPEncoding(len(features), features=features))
    return as_circuit(reduce(matmul, reversed(maps)))


def features_for(num_features: int, layers: int) -> Circuit:
    """The same, with layers of weights behind it and ⟨Z⟩ of each wire read out.

    Args:
        num_features: How many, ≥ 1.
        layers: Layers of weights, ≥ 1.
    """
    encoding = encoding_for(num_features)
    return StronglyEntangling(len(encoding.wires), layers=layers) @ encoding

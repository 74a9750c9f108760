"""Observables keep their wires and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.conversion.observables import as_sum, imported_observable

OBSERVABLES: list[Any] = [
    SparsePauliOp(["IZ", "XX"], [1.0, 0.5]),
    SparsePauliOp(["YZX", "IIX", "III"], [0.3, -2.0, 1.5]),
    SparsePauliOp(["XY", "XY"], [1.0, 2.0]),
    SparsePauliOp(["XY", "XY", "ZI"], [1 + 1j, 2 - 1j, 0.0]),
    SparsePauliOp("Y"),
    SparsePauliOp("III", 2.0),
    SparsePauliOp.from_list([], num_qubits=2),
    SparsePauliOp.from_sparse_list([("XZ", [3, 1], 0.5)], 4),
    SparseObservable.from_list([("+Z", 1.0), ("0r", 0.25)]),
    SparseObservable.zero(2),
    Pauli("XYZ"),
    Pauli("-XYZ"),
]


@pytest.mark.parametrize("observable", OBSERVABLES, ids=str)
def test_operator_is_the_same_matrix(observable: Any) -> None:
    terms = as_sum(observable)
    wires = ["d", "a", "c", "b"][: terms.num_qubits]
    found = imported_observable(terms, wires)
    assert set(found.wires) <= set(wires)
    np.testing.assert_allclose(
        qml.matrix(found, wire_order=wires[::-1]), Operator(terms).data, atol=1e-12
    )


def test_first_qubit_is_the_last_letter() -> None:
    assert imported_observable(SparsePauliOp("IZ"), [0, 1]) == qml.Z(0)
    assert imported_observable(SparsePauliOp("ZI"), ["a", "b"]) == qml.Z("b")


@pytest.mark.parametrize(
    ("observable", "message"),
    [
        (SparsePauliOp(["X", "Z"], [1.0, 1j]), r"0\+1j of Z\(0\) is not real"),
        (Pauli("iX"), r"\+1j of X\(0\) is not real, .*simplify"),
        (
            SparsePauliOp(["XX"], [2 * Parameter("a")]),
            r"2\*a of 'XX' is no number; .* assign_parameters",
        ),
    ],
)
def test_what_is_no_observable_is_refused(observable: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        imported_observable(as_sum(observable), range(observable.num_qubits))

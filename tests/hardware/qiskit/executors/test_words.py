from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.executors.words import (
    collect_words,
    estimate_from_bits,
    estimate_from_probabilities,
    make_bases,
)
from tests.hardware.qiskit.pubs_for_tests import (
    OBSERVABLES,
    exact_tables,
    exact_values,
    layered,
    pub_of,
)


def test_words_that_agree_are_read_together_on_the_qubits_they_need() -> None:
    observables = [SparsePauliOp(label) for label in ("IIIZ", "IIZZ", "IXII", "IIIX")]
    pub = pub_of(layered(), 1, observables)
    bases = make_bases(pub, collect_words(pub))
    assert [basis.qubits for basis in bases] == [(0, 1, 2), (0,)]
    assert bases[0].pub.circuit.num_clbits == 3
    assert bases[0].pub.digest != bases[1].pub.digest != pub.digest


def test_probabilities_give_the_exact_values() -> None:
    pub = pub_of(layered(), 3, OBSERVABLES)
    words = collect_words(pub)
    bases = make_bases(pub, words)
    tables = []
    for basis in bases:
        whole = exact_tables(basis.pub).reshape(-1, 2, 2, 2, 2)
        others = tuple(4 - q for q in range(4) if q not in basis.qubits)
        tables.append(whole.sum(axis=others).reshape(3, -1))
    found = estimate_from_probabilities(words, bases, tables, 3)
    np.testing.assert_allclose(found.values, exact_values(pub), atol=1e-12)
    assert not found.errors.any()


def test_errors_know_that_words_read_together_are_correlated() -> None:
    # Z0 and Z0Z1 of |+0⟩ are the same outcome: their difference has no error.
    pub = pub_of(
        layered(2, 0),
        np.zeros((2, 0)),
        [
            SparsePauliOp.from_list([("IZ", 1.0), ("ZZ", -1.0)]),
            SparsePauliOp.from_list([("IZ", 1.0), ("ZZ", 1.0)]),
        ],
    )
    words = collect_words(pub)
    (basis,) = make_bases(pub, words)
    rng = np.random.default_rng(0)
    bits = np.zeros((2, 10_000, 2), dtype=np.uint8)
    bits[..., 0] = rng.integers(0, 2, (2, 10_000))
    found = estimate_from_bits(words, (basis,), [bits], 2)
    np.testing.assert_allclose(found.values[:, 0], 0)
    np.testing.assert_allclose(found.errors[:, 0], 0)
    np.testing.assert_allclose(found.errors[:, 1], 0.02, rtol=0.01)


def test_complex_coefficients_are_refused() -> None:
    pub = pub_of(layered(2, 1), 1, [SparsePauliOp("ZI", 1j)])
    with pytest.raises(ArgumentError, match="coefficients of observables are real"):
        collect_words(pub)


def test_observables_of_another_size_are_refused() -> None:
    pub = pub_of(layered(2, 1), 1, [SparsePauliOp("Z")])
    with pytest.raises(ArgumentError, match="on 1 qubits, but the circuit has 2"):
        collect_words(pub)

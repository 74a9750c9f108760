"""Bases, what is read in them, and how sure it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.pauli_measurement import QiskitCircuits
from qml_qdl.hardware.tapes.bases import Basis, setting_of, share_bases
from qml_qdl.hardware.tapes.batches import column_errors, read_columns
from qml_qdl.hardware.tapes.outcomes import Counts
from qml_qdl.hardware.tapes.readouts import TapeReadout, plain_readings, plan_readout

HERMITIAN = np.array([[1.0, 2.0 - 1j], [2.0 + 1j, -1.0]])


def plan(*measurements: Any, wires: int = 3, shots: bool = True) -> TapeReadout:
    return plan_readout(measurements, wires, shots=shots, estimator=not shots)


def samples(rows: int, shots: int, wires: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    chances = rng.uniform(0.1, 0.9, (rows, 1, wires))
    return (rng.random((rows, shots, wires)) < chances).astype(np.uint8)


class TestBases:
    def test_words_that_agree_on_every_wire_share_one(self) -> None:
        words: list[Any] = [
            {0: "Z", 1: "Z"},
            {1: "Z", 2: "X"},
            {0: "X"},
            {2: "X"},
            {0: "X", 2: "Y"},
        ]
        bases, of = share_bases(words)
        assert len(bases) == 2
        assert of == [0, 0, 1, 0, 1]
        assert bases[0].directions == ((0, "Z"), (1, "Z"), (2, "X"))
        # Wire 1 is not read in the second one.
        assert bases[1].wires == (0, 2)

    def test_only_active_wires_are_measured(self) -> None:
        readout = plan(qml.expval(qml.Z(4) @ qml.X(2)), wires=20)
        assert [basis.wires for basis in readout.bases] == [(2, 4)]

    @pytest.mark.parametrize(
        "observable",
        [
            qml.X(0),
            qml.Y(0),
            qml.Z(0),
            qml.Hadamard(0),
            qml.Hermitian(HERMITIAN, 0),
            qml.X(0) @ qml.Y(1),
            qml.Y(1) @ qml.Hermitian(HERMITIAN, 0),
            qml.Projector([1, 0], [0, 1]),
            qml.Projector(np.array([1, 1j]) / np.sqrt(2), [1]),
            qml.Hermitian(np.kron(HERMITIAN, HERMITIAN), [1, 0]),
            3 * qml.X(1),
            qml.X(0) @ qml.X(0),
        ],
        ids=str,
    )
    def test_gates_diagonalise(self, observable: Any) -> None:
        measurement = qml.expval(observable)
        setting = setting_of(measurement, 2)
        ((basis,), _) = share_bases([setting])
        gates = [*basis.gates, *map(qml.Identity, range(2))]
        turn = qml.matrix(qml.tape.QuantumScript(gates), wire_order=[0, 1])
        matrix = qml.matrix(observable, wire_order=[0, 1])
        turned = turn @ matrix @ turn.conj().T
        diagonal = np.zeros(4)
        values = np.real(measurement.eigvals())
        for index in range(4):
            bits = index >> 1, index & 1
            own = int("".join(str(bits[w]) for w in observable.wires), 2)
            diagonal[index] = values[own]
        np.testing.assert_allclose(turned, np.diag(diagonal), atol=1e-9)

    def test_a_block_stays_whole(self) -> None:
        observable = qml.Hermitian(np.kron(HERMITIAN, HERMITIAN), [0, 1])
        readout = plan(
            qml.expval(observable),
            qml.var(observable),
            qml.expval(qml.Z(2)),
            qml.expval(qml.Z(1)),
        )
        assert [basis.wires for basis in readout.bases] == [(0, 1, 2), (1,)]

    def test_other_numbers_are_another_block(self) -> None:
        one, other = (
            setting_of(qml.expval(qml.Hermitian(m, 0)), 1)
            for m in (HERMITIAN, 2 * HERMITIAN)
        )
        assert len(share_bases([one, other])[0]) == 2
        assert len(share_bases([one, one])[0]) == 1

    def test_what_nobody_can_diagonalise(self) -> None:
        sparse = qml.X(0).sparse_matrix()
        with pytest.raises(TargetError, match="eigenstates of SparseHamiltonian"):
            plan(qml.expval(qml.SparseHamiltonian(sparse, [0])))


def found(*bits: Any) -> tuple[dict[int, Counts], dict[int, Any]]:
    """What each basis gave, and what its bits count as."""
    counts = {basis: Counts.from_bits(one) for basis, one in enumerate(bits)}
    return counts, {k: plain_readings(one.num_bits) for k, one in counts.items()}


def frequencies(bits: Any) -> Any:
    return Counts.from_bits(bits).marginal(range(bits.shape[2]))


class TestColumns:
    def test_one_basis_serves_expectations_and_probabilities(self) -> None:
        readout = plan(
            qml.expval(qml.Z(0) @ qml.Z(1)),
            qml.probs(wires=[2, 0]),
            qml.var(qml.Z(0)),
            qml.expval(2 * qml.Z(1) + 3 * qml.I(0)),
        )
        assert readout.bases == (Basis(((0, "Z"), (1, "Z"), (2, "Z"))),)
        bits = samples(2, 40, 3)
        columns = read_columns(readout, 2, *found(bits))
        signs = 1.0 - 2 * bits.astype(float)
        np.testing.assert_allclose(
            columns[:, 0], (signs[:, :, 0] * signs[:, :, 1]).mean(1)
        )
        np.testing.assert_allclose(columns[:, 1:5], frequencies(bits[:, :, [2, 0]]))
        np.testing.assert_allclose(columns[:, 5], signs[:, :, 0].mean(1))
        np.testing.assert_allclose(columns[:, 6], 1.0)
        np.testing.assert_allclose(columns[:, 7], 2 * signs[:, :, 1].mean(1) + 3)

    def test_standard_errors_are_those_of_the_shots(self) -> None:
        observable = 0.5 * qml.Z(0) - 2 * qml.Z(1) + qml.Z(0) @ qml.Z(2) + 7 * qml.I(0)
        projector = qml.Projector([1, 0], [0, 2])
        readout = plan(
            qml.expval(observable), qml.expval(projector), qml.probs(wires=[1])
        )
        bits, shots = samples(3, 25, 3), 25
        errors = column_errors(readout, 3, shots, *found(bits))
        z = 1.0 - 2 * bits.astype(float)
        values = 0.5 * z[:, :, 0] - 2 * z[:, :, 1] + z[:, :, 0] * z[:, :, 2]
        hits = (bits[:, :, 0] == 1) & (bits[:, :, 2] == 0)
        ones = bits[:, :, 1] == 1
        for column, single in ((0, values), (1, hits), (3, ones)):
            expected = single.std(axis=1, ddof=1) / np.sqrt(shots)
            np.testing.assert_allclose(errors[:, column], expected)

    def test_errors_of_several_bases_add_up(self) -> None:
        readout = plan(qml.expval(qml.Z(0) + 2 * qml.X(0)))
        bits = [samples(2, 30, 1, seed) for seed in (1, 2)]
        errors = column_errors(readout, 2, 30, *found(*bits))[:, 0]
        scale = {"Z": 1.0, "X": 2.0}
        parts = [
            scale[str(basis.directions[0][1])] * 2 * b[:, :, 0].std(axis=1, ddof=1)
            for basis, b in zip(readout.bases, bits, strict=True)
        ]
        expected = np.sqrt(sum(part**2 for part in parts) / 30)
        np.testing.assert_allclose(errors, expected)

    def test_a_single_shot_has_no_error_bar(self) -> None:
        readout = plan(qml.expval(qml.Z(0)))
        errors = column_errors(readout, 2, 1, *found(samples(2, 1, 1)))
        assert np.isnan(errors).all()

    def test_identity_needs_no_basis(self) -> None:
        readout = plan(qml.expval(qml.I(0)), qml.var(qml.I(0)))
        assert readout.bases == ()
        np.testing.assert_array_equal(
            read_columns(readout, 2, {}, {}), [[1.0, 1.0, 1.0]] * 2
        )

    def test_exact_pauli_sums_are_estimated(self) -> None:
        readout = plan(
            qml.expval(qml.Z(0) + qml.X(1)), qml.probs(wires=[0]), shots=False
        )
        assert [column for column, _ in readout.sums] == [0]
        assert [basis.wires for basis in readout.bases] == [(0,)]
        operator = QiskitCircuits().operator(readout.observables[0], 3)
        assert dict(operator.to_list()) == {"IIZ": 1, "IXI": 1}

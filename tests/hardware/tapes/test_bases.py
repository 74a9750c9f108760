"""Groups of what is measured together, against PennyLane's and Qiskit's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from pennylane.pauli import compute_partition_indices
from qiskit.quantum_info import PauliList

from qml_qdl.hardware.tapes.bases import group_settings


def random_words(wires: int, count: int) -> list[str]:
    rng = np.random.default_rng(wires)
    words = {"".join(rng.choice(list("IXYZ"), wires)) for _ in range(count)}
    return sorted(words - {"I" * wires})


@pytest.mark.parametrize(("wires", "count"), [(3, 10), (5, 40), (7, 80)])
def test_settings_of_a_group_agree_and_groups_are_few(wires: int, count: int) -> None:
    words = random_words(wires, count)
    wanted = [{w: x for w, x in enumerate(word) if x != "I"} for word in words]
    groups, found = group_settings(wanted)
    assert sorted(set(found)) == list(range(len(groups)))
    for setting, number in zip(wanted, found, strict=True):
        assert setting.items() <= groups[number].items()
    for number, group in enumerate(groups):
        members = [wanted[i] for i, own in enumerate(found) if own == number]
        assert group == {w: x for one in members for w, x in one.items()}
    operators = [qml.pauli.string_to_pauli_word(word) for word in words]
    theirs = len(compute_partition_indices(operators))
    qiskits = len(PauliList(words).group_commuting(qubit_wise=True))
    assert len(groups) <= 1.05 * min(theirs, qiskits)


def test_directions_need_only_be_comparable() -> None:
    block = ("some", "gates")
    wanted: list[dict[int, Any]] = [{0: "Z"}, {0: block, 1: block}, {1: block}, {}]
    groups, found = group_settings(wanted)
    assert groups == [{0: block, 1: block}, {0: "Z"}]
    assert found == [1, 0, 0, 0]
    nothing: list[dict[int, str]] = []
    assert group_settings(nothing) == ([], [])

"""Targets that break a promise of their contract, and which test tells it."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
from pennylane.devices import DefaultQubit

from qml_qdl.circuits import AngleEncoding
from qml_qdl.testing import TargetContract

BLOCK = AngleEncoding(2)


class Halved(DefaultQubit):  # type: ignore[misc, unused-ignore]
    """Everything is half of what it should be."""

    def execute(self, circuits: Any, execution_config: Any = None) -> Any:
        results = super().execute(circuits, execution_config)
        return qml.pytrees.unflatten(
            [0.5 * leaf for leaf in qml.pytrees.flatten(results)[0]],
            qml.pytrees.flatten(results)[1],
        )


class Mixing(DefaultQubit):  # type: ignore[misc, unused-ignore]
    """Rows get the mean of all rows."""

    def execute(self, circuits: Any, execution_config: Any = None) -> Any:
        results = super().execute(circuits, execution_config)
        leaves, structure = qml.pytrees.flatten(results)
        mean = [qml.math.ones_like(leaf) * qml.math.mean(leaf) for leaf in leaves]
        return qml.pytrees.unflatten(mean, structure)


def test_wrong_values_and_gradients_are_told() -> None:
    contract = TargetContract()
    with pytest.raises(AssertionError, match=r"values are not default\.qubit's"):
        contract.test_values(Halved, BLOCK)
    with pytest.raises(AssertionError, match=r"values are not default\.qubit's"):
        contract.test_shots_approach(Halved, BLOCK)
    with pytest.raises(AssertionError, match=r"gradients are not default\.qubit's"):
        contract.test_gradients(Halved)


def test_rows_that_mix_are_told() -> None:
    with pytest.raises(AssertionError, match="two rows together are not what each is"):
        TargetContract().test_rows_do_not_mix(Mixing, BLOCK)


def test_a_good_target_passes() -> None:
    contract = TargetContract()
    contract.test_values(DefaultQubit, BLOCK)
    contract.test_rows_do_not_mix(DefaultQubit, BLOCK)
    contract.test_shots_approach(DefaultQubit, BLOCK)
    contract.test_gradients(DefaultQubit)

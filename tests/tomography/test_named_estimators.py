"""Estimators by name: each is one, and takes its own options."""

from __future__ import annotations

import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.tomography import DensityMatrix, Estimator, make_estimator, pauli_bases
from qml_qdl.tomography.named_estimators import ESTIMATORS

STATE = DensityMatrix([1, 0.5, 0.5, 1])  # positive, so that shots in Z tell all


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("misreads", [False, True])
def test_each_finds_a_state_with_many_shots(name: str, misreads: bool) -> None:
    estimator = make_estimator(name)
    assert isinstance(estimator, Estimator)
    in_z = name in ("histogram", "log_linear", "mps")
    one = [[0.97, 0.03], [0.06, 0.94]]
    data = STATE.sample(
        ["ZZ"] if in_z else pauli_bases(2),
        4000,
        seed=0,
        confusion=[one, one] if misreads else None,
    )
    found = estimator.fit(data)
    assert found.converged
    assert found.state.fidelity(STATE) > 0.98


def test_options_are_fields() -> None:
    assert make_estimator("mps", bond=3, steps=7).bond == 3  # type: ignore[attr-defined]
    text = (
        r"stregth: the estimator 'hedged' has no such option, got 1.0; did you mean "
        r"'strength'\?; it takes strength, folds, repeats, incomplete"
    )
    with pytest.raises(ArgumentError, match=text):
        make_estimator("hedged", stregth=1.0)
    with pytest.raises(ArgumentError, match=r"got 'mpz'; did you mean 'mps'\?"):
        make_estimator("mpz")

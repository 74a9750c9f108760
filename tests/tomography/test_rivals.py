"""Estimators side by side: figures, bars, shots left out, and who cannot be fitted."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from rich.console import Console

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.tomography import (
    DensityMatrix,
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
    NonNegativeMPS,
    bootstrap,
    compare,
    log_likelihood,
    named_rivals,
    pauli_bases,
)

BELL = DensityMatrix([1, 0, 0, 1])
DATA = BELL.sample(pauli_bases(2), 60, seed=0)
SOME: dict[str, Any] = {
    "inversion": LinearInversion(),
    "hedged": HedgedMaximumLikelihood(strength=0.5),
}


def test_figures_are_those_of_the_states() -> None:
    energy = qml.Z(0) @ qml.Z(1) + qml.X(0) @ qml.X(1)
    found = compare(DATA, SOME, state=BELL, hamiltonian=energy, seed=0)
    assert [rival.name for rival in found.rivals] == list(SOME)
    for rival, estimator in zip(found.rivals, SOME.values(), strict=True):
        state = estimator.fit(DATA).state
        assert rival.figures == {
            "fidelity": state.fidelity(BELL),
            "trace distance": state.trace_distance(BELL),
            "energy": pytest.approx(state.expectation("ZZ") + state.expectation("XX")),
            "purity": state.purity,
            "entropy": state.entropy(),
        }
        assert not rival.errors


def test_bars_are_the_bootstraps_and_repeat() -> None:
    first, second = (compare(DATA, SOME, repeats=4, seed=3) for _ in range(2))
    for one, other in zip(first.rivals, second.rivals, strict=True):
        assert one.errors == other.errors
        assert set(one.errors) == {"purity", "entropy"}
        assert all(error > 0 for error in one.errors.values())
        assert one.held_out == other.held_out
    spread = bootstrap(
        SOME["hedged"], DATA, lambda state: state.purity, repeats=200, seed=0
    )
    many = compare(DATA, {"hedged": SOME["hedged"]}, repeats=200, seed=1)
    assert many.rivals[0].errors["purity"] == pytest.approx(spread.error, rel=0.3)


def test_shots_left_out_are_those_of_a_division() -> None:
    found = compare(DATA, {"hedged": SOME["hedged"]}, seed=0).rivals[0]
    whole = log_likelihood(found.found.state, DATA) / DATA.total_shots
    assert found.held_out < whole
    assert found.held_out == pytest.approx(whole, abs=0.05)
    few = BELL.sample(pauli_bases(2), 5, seed=0)
    assert np.isnan(compare(few, SOME, seed=0).rivals[0].held_out)


def test_who_cannot_be_fitted_is_named_with_the_reason() -> None:
    told: list[str] = []
    found = compare(
        BELL.sample(["ZZ"], 80, seed=0),
        named_rivals("reflection", spin_flip=True),
        state=BELL,
        seed=0,
        tell=told.append,
    )
    assert told == list(named_rivals(spin_flip=True))
    names = [rival.name for rival in found.rivals]
    assert names == ["histogram", "log_linear", "mps", "symmetrised_histogram"]
    assert set(found.refused) == {"inversion", "maximum_likelihood", "hedged"}
    assert "XX, XY" in found.refused["inversion"]
    console = Console(file=io.StringIO(), width=200)
    console.print(found.table())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "ridge_2" in text
    assert "held out" in text
    assert "symmetrised histogram" in found.markdown()


def test_what_did_not_converge_is_told() -> None:
    found = compare(DATA, {"early": MaximumLikelihood(steps=1)}, repeats=2, seed=0)
    console = Console(file=io.StringIO(), width=200)
    console.print(found.table())
    assert "not converged" in console.file.getvalue()  # type: ignore[attr-defined]


def test_bad_input_is_told_before_anything_is_fitted() -> None:
    def never(name: str) -> None:
        raise AssertionError(name)

    with pytest.raises(ShapeError, match="expected a state of 2 wires, got one of 1"):
        compare(DATA, SOME, state=DensityMatrix([1, 0]), tell=never)
    with pytest.raises(ShapeError, match="expected wires 0 … 1"):
        compare(DATA, SOME, hamiltonian=qml.Z(5), tell=never)
    with pytest.raises(ArgumentError, match="repeats: expected 0 for no bars, or at"):
        compare(DATA, SOME, repeats=1, tell=never)
    with pytest.raises(ArgumentTypeError, match=r"estimators by name, .* got list"):
        compare(DATA, [LinearInversion()], tell=never)
    with pytest.raises(DataError, match=r"no estimator can be fitted .* mps: meas"):
        compare(DATA, {"mps": NonNegativeMPS()})

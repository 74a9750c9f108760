"""What is told of a state on its way."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import Estimate, Moment, Trajectory


def moment(time: float, energy: float, **others: float) -> Moment:
    return Moment(
        time=time,
        estimate=Estimate(energy, 0.1, 4.0, 6, 100),
        means={"x": (time, 0.5)},
        residual=others.get("residual", 0.25),
        speed=2.0,
        eigenvalues=np.array([1.0, 0.5]),
        snr=np.array([math.inf, math.nan]),
        kept=1.5,
        infidelity=others.get("infidelity"),
    )


PATH = Trajectory((moment(0, -3), moment(0.5, -3.5), moment(1, -2.9, infidelity=0.1)))


def test_columns() -> None:
    assert PATH.names == ("x",)
    np.testing.assert_array_equal(PATH.times, [0, 0.5, 1])
    np.testing.assert_array_equal(PATH.energies, [-3, -3.5, -2.9])
    np.testing.assert_array_equal(PATH.energy_errors, [0.1] * 3)
    np.testing.assert_array_equal(PATH.means("x"), [0, 0.5, 1])
    np.testing.assert_array_equal(PATH.errors("x"), [0.5] * 3)
    np.testing.assert_array_equal(PATH.infidelities, [math.nan, math.nan, 0.1])
    assert PATH.drift == 0.5
    with pytest.raises(ArgumentError, match="name: expected one of 'x', got 'y'"):
        PATH.means("y")


def test_what_has_no_signal_is_shown() -> None:
    assert np.isnan(PATH.snr[:, 1]).all()
    assert np.isposinf(PATH.as_arrays()["snr"][:, 0]).all()


def test_the_angle_that_is_lost() -> None:
    # √(r² Var) = √(0.25 · 4) = 1 all the time.
    assert PATH.lost == pytest.approx(1.0)
    eigenstate = Trajectory((moment(0, 0, residual=math.nan), moment(1, 0)))
    assert eigenstate.lost == pytest.approx(0.5)
    assert Trajectory((moment(0, 0),)).lost == 0


def test_all_rows_are_as_long() -> None:
    arrays = PATH.as_arrays()
    assert {len(each) for each in arrays.values()} == {3}
    assert arrays["eigenvalues"].shape == (3, 2)


def test_moments_come_back_from_text() -> None:
    plain = json.loads(json.dumps(PATH.moments[2].as_plain()))
    again = Moment.from_plain(plain)
    np.testing.assert_array_equal(again.snr, PATH.moments[2].snr)
    assert again.means == PATH.moments[2].means
    assert again.estimate == PATH.moments[2].estimate
    assert again.infidelity == 0.1

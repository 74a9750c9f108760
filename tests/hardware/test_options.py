"""What targets are told; most values are checked through the device that takes them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve, fields

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.options import TargetOptions


def test_left_open_is_none_but_for_the_cache() -> None:
    options = TargetOptions()
    for name in (attribute.name for attribute in fields(TargetOptions)):
        assert (getattr(options, name) is None) == (name != "cache")
    assert options.given == {"cache"}


def test_what_is_declined_was_not_asked_for() -> None:
    declined = TargetOptions(session=False, twirling=False, resilience_level=0)
    assert declined.given == {"cache"}
    asked = TargetOptions(seed=0, optimization_level=0, resilience_level=1)
    assert asked.given == {"cache", "seed", "optimization_level", "resilience_level"}


def test_words_of_mitigation_stand_for_numbers() -> None:
    readout = TargetOptions(mitigation="readout")
    assert readout.mitigation == Mitigation(zne_scales=(1,))
    words: Any = {"readout": True, "zne_scales": [1, 3]}  # as files have them
    assert TargetOptions(mitigation=words).mitigation == Mitigation(zne_scales=(1, 3))


def test_completed_leaves_nothing_open_that_is_asked() -> None:
    complete = TargetOptions().completed()
    assert (complete.route, complete.gradient) == ("sampler", "parameter-shift")
    assert (complete.spsa_directions, complete.spsa_step) == (1, 0.2)
    assert (complete.fuse_gradient, complete.merge_rows) == (True, False)
    assert TargetOptions(fuse_gradient=False).completed().fuse_gradient is False


def test_two_mitigations_at_once_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"mitigation: .* resilience_level=1 is of"):
        TargetOptions(mitigation="zne", resilience_level=1)
    with pytest.raises(ArgumentError, match=r"route: mitigated .*, got 'estimator'"):
        TargetOptions(mitigation="zne", route="estimator")
    # The service's estimator then mitigates nothing.
    assert TargetOptions(mitigation="zne", resilience_level=0).mitigation is not None


def test_changed_keeps_what_is_kept() -> None:
    options = TargetOptions(seed=3, account="mine")
    assert options.changed(seed="keep", account=None) == TargetOptions(seed=3)
    with pytest.raises(ArgumentTypeError, match=r"sed: a .* no such .*mean 'seed'"):
        options.changed(sed=3)
    text = "cache: a layer has no such option, but diff_method, seed"
    with pytest.raises(ArgumentTypeError, match=text):
        options.changed("a layer", ("seed",), ("diff_method",), cache=None)


def test_what_needs_another_executor() -> None:
    options = TargetOptions(account="mine")
    assert evolve(options, seed=3, spsa_directions=2).settled == options.settled
    assert evolve(options, max_qpu_seconds=9).settled != options.settled

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest

from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.device import ExecutorDevice
from qml_qdl.hardware.targets import make_device
from qml_qdl.hardware.traits import seeds_of, traits_of


class Other(ExecutorDevice):
    """A vendor's own."""

    def __init__(self) -> None:
        circuits: Any = None
        executor = make_device("aer", range(2)).executor
        super().__init__(2, None, executor, circuits, TargetOptions())

    @property
    def name(self) -> str:
        return "vendor.machine"


def test_any_device_of_executors_has_them_by_its_class() -> None:
    traits = traits_of(Other())
    assert traits.costs_jobs
    assert traits.tells_errors
    assert traits.gradients == ("parameter-shift", "spsa")
    assert traits == traits_of(make_device("aer", range(2)))


def test_an_unknown_device_is_treated_with_care() -> None:
    traits = traits_of(qml.device("null.qubit", wires=1))
    assert traits.takes_batches
    assert not traits.state_vector
    assert not traits.stateless
    assert not traits.samples_anew
    assert not traits.gradients


@pytest.mark.parametrize("name", ["qdl.simulator", "default.qubit", "aer"])
def test_seeds_of_devices_made_by_name(name: str) -> None:
    device = make_device(name, range(2), TargetOptions(seed=3))
    seeds = seeds_of(device)
    assert isinstance(seeds, Seeds)
    assert (seeds.seed, seeds.position) == (3, 0)


def test_a_device_given_is_not_changed_for_a_seed() -> None:
    foreign = qml.device("default.qubit", wires=2)
    assert make_device(foreign, None, TargetOptions(seed=3)) is foreign
    assert seeds_of(foreign) is None
    own = qml.device("qdl.simulator", wires=2, seed=1)
    twin = make_device(own, None, TargetOptions(seed=3))
    assert (twin.seeds.seed, own.seeds.seed) == (3, 1)

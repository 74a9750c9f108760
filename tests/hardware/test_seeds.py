from __future__ import annotations

import copy
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.seeds import Seeds, feed


def sampled(seeds: Seeds, count: int = 3) -> list[int]:
    return [int(seeds.next().integers(2**60)) for _ in range(count)]


def test_without_a_seed_they_follow_torch() -> None:
    torch.manual_seed(4)
    first = sampled(Seeds())
    assert len(set(first)) == 3
    torch.manual_seed(4)
    assert sampled(Seeds()) == first
    state = torch.get_rng_state()
    later = sampled(Seeds())
    torch.set_rng_state(state)
    assert sampled(Seeds()) == later


def test_a_seed_does_not_depend_on_torch() -> None:
    first = sampled(Seeds(7))
    before = torch.get_rng_state()
    assert sampled(Seeds(7)) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert len({*first, *sampled(Seeds(8))}) == 6


def test_a_stream_goes_on_from_its_position() -> None:
    seeds = Seeds(7)
    whole = sampled(Seeds(7), 5)
    assert sampled(seeds, 2) == whole[:2]
    assert seeds.position == 2
    for twin in (Seeds(7, 2), copy.deepcopy(seeds), pickle.loads(pickle.dumps(seeds))):
        assert sampled(twin) == whole[2:]
    seeds.position = 1
    assert sampled(seeds, 4) == whole[1:]


def test_only_a_stream_of_ones_own_has_a_position() -> None:
    assert Seeds().position is None
    assert Seeds(np.random.default_rng(1)).position is None
    assert Seeds(0).position == 0


def test_threads_never_sample_the_same() -> None:
    seeds = Seeds(1)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: sampled(seeds, 1)[0], range(400)))
    assert max(Counter(found).values()) == 1
    assert seeds.position == 400


@pytest.mark.parametrize("name", ["default.qubit", "default.mixed", "lightning.qubit"])
def test_a_device_of_pennylanes_samples_from_them(name: str) -> None:
    def device(seeds: Seeds) -> qml.devices.Device:
        made = qml.device(name, wires=1)
        feed(made, seeds)
        return made

    def run(made: qml.devices.Device) -> list[float]:
        @qml.qnode(made, interface=None)
        def circuit() -> object:
            qml.RX(1.0, 0)
            return qml.expval(qml.Z(0))

        circuit()  # nothing is sampled
        return [float(qml.set_shots(circuit, 1000)()) for _ in range(3)]

    first = device(Seeds(5))
    found = run(first)
    assert len(set(found)) > 1
    assert run(device(Seeds(5))) == found != run(first)
    assert type(first).__name__ == type(qml.device(name)).__name__
    torch.manual_seed(2)
    found = run(device(Seeds()))
    torch.manual_seed(2)
    assert run(device(Seeds())) == found

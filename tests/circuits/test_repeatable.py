"""Which quantum functions may be called once more, as far as their code shows."""

from __future__ import annotations

import functools
import itertools
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.repeatable import is_repeatable

LOG: list[Any] = []
COUNTS = {"calls": 0}
FIXED = torch.zeros(2)
WIRES = [0, 1]
NUMBERS = itertools.count()
OWN = np.random.default_rng(1)
TOTAL = 0


def helper(w: Any) -> None:
    qml.RX(w, 0)


def logging_helper(w: Any) -> None:
    LOG.append(w)


class Model:
    def __init__(self) -> None:
        self.wires = 2
        self.calls = 0

    def circuit(self, x: Any, w: Any) -> Any:
        for i in range(self.wires):
            qml.RX(x[i], i)
        self.turn(w)
        return qml.expval(qml.Z(0))

    def turn(self, w: Any) -> None:
        qml.RY(w, 0)


class Counting(Model):
    def turn(self, w: Any) -> None:
        self.calls += 1


def _plain(x: Any, w: Any) -> Any:
    helper(w)
    return [qml.expval(qml.Z(i)) for i in WIRES]


def _own_list(x: Any, w: Any, *, factor: float = math.pi, part: Any = None) -> Any:
    measured = []
    for i in range(2):
        qml.RX(factor * x[i], i)
        measured.append(qml.expval(qml.Z(i)))
    found = {}
    found["all"] = measured
    return found["all"]


def _random(x: Any, w: Any) -> Any:
    turned = torch.add(x, torch.rand(()))
    turned.add_(np.random.rand())  # noqa: NPY002
    qml.RX(np.sort([0.1])[0], 0)
    return turned


def _with_inner(x: Any, w: Any) -> Any:
    count = 2

    @qml.for_loop(count)
    def turns(i: Any) -> None:
        qml.RX(w * count, i)

    turns()
    return qml.cond(qml.measure(0), qml.RX)(w, 1)


def _prints(x: Any) -> None:
    print(x)


def _appends(x: Any) -> None:
    LOG.append(x)


def _counts(x: Any) -> None:
    COUNTS["calls"] += 1


def _samples(x: Any) -> None:
    OWN.normal()


def _global(x: Any) -> None:
    global TOTAL
    TOTAL += 1


def _in_place(x: Any) -> None:
    FIXED.add_(1)


def _initialises(x: Any) -> None:
    torch.nn.init.zeros_(FIXED)


def _goes_on(x: Any) -> None:
    next(NUMBERS)


def _looks_at_the_clock(x: Any) -> None:
    time.time()


def _by_a_helper(x: Any) -> None:
    logging_helper(x)


def _default(x: Any, seen: list[Any] = []) -> None:  # noqa: B006
    seen.append(x)


def _logs(x: Any) -> None:
    logging.getLogger().info("called")


def _imports(x: Any) -> None:
    import os

    os.getpid()


def closures() -> tuple[Callable[..., Any], ...]:
    calls: list[Any] = []
    count, size = 0, 3

    def counts(x: Any) -> None:
        nonlocal count
        count += 1

    def appends(x: Any) -> None:
        calls.append(x)

    def reads(x: Any) -> Any:
        return qml.RX(size * x, 0)

    return counts, appends, reads


@pytest.mark.parametrize(
    "function",
    [
        _plain,
        _own_list,
        _random,
        _with_inner,
        Model().circuit,
        closures()[2],
        functools.partial(_own_list, factor=2.0),
        qml.transforms.merge_rotations(_plain),
    ],
    ids=range(8),
)
def test_nobody_notices(function: Any) -> None:
    assert is_repeatable(function)


@pytest.mark.parametrize(
    "function",
    [
        _prints,
        _appends,
        _counts,
        _samples,
        _global,
        _in_place,
        _initialises,
        _goes_on,
        _looks_at_the_clock,
        _by_a_helper,
        _default,
        _logs,
        _imports,
        Counting().circuit,
        *closures()[:2],
        functools.partial(_plain, w=iter([1])),
        qml.transforms.merge_rotations(_appends),
    ],
    ids=range(18),
)
def test_somebody_might(function: Any) -> None:
    assert not is_repeatable(function)

"""Contracts: tests that an encoding, a layer or a target of one's own can inherit.

What this library relies on is written here once, as classes of tests for pytest; its
own encodings, processings, layers, targets and clients pass them, and so should yours.
Install `qml-qdl[testing]`, then inherit in a test module and list instances:

    from qml_qdl.testing import EncodingContract
    from mine import MyEncoding

    class TestMine(EncodingContract):
        instances = [MyEncoding(3), MyEncoding(["a", "b"], features=[2, 0])]

pytest runs every test of the contract on every instance; `pytest.param(…, id="name")`
names one. A failure says which promise is broken, and the test's docstring what it is.

- `EncodingContract`, of encodings: S(x) is unitary, reads its features and no others,
  takes rows and does not mix them, has right gradients, and is the same on our
  simulator; it is a value that pickles; wrong wires, features and inputs are refused.
- `ProcessingContract`, of processings: the same of W(θ), and each weight matters.
- `LayerContract`, of a `LayerCase` for each layer: shapes, dtypes, leading dimensions,
  gradients, NaN, shots, copies, state dicts, training.
- `TargetContract`, of targets, by name or by a function that makes the device: values
  and gradients are default.qubit's, rows do not mix, shots approach; `DeviceContract`,
  of PennyLane's devices: PennyLane's own tests of them.
- `ReadoutContract`, of readouts: what is measured has the declared shape, on every
  local target, exact and with shots; its gradients are right; what a target cannot do
  is refused when a layer is bound to it.
- `JobClientContract`, of a `JobService` for each client: a job is sent exactly once
  whatever happens, found, waited for and fetched; what it costs is told before; no
  credential is kept.
- `NoiseGeneratorContract`, of functions that take a dtype and make a generator: samples
  by noise and noise by seed, wrong shapes refused.

A contract is also a plain class, so that one promise can be tried by hand:

Example:
    >>> from qml_qdl.circuits import AngleEncoding
    >>> from qml_qdl.testing import EncodingContract
    >>> class TestAngle(EncodingContract):
    ...     instances = [AngleEncoding(2)]
    >>> TestAngle().test_it_is_unitary(AngleEncoding(2))
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

import pytest

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.testing.encodings import EncodingContract
    from qml_qdl.testing.job_clients import JobClientContract, JobService
    from qml_qdl.testing.layers import LayerCase, LayerContract
    from qml_qdl.testing.noise_generators import NoiseGeneratorContract
    from qml_qdl.testing.processings import ProcessingContract
    from qml_qdl.testing.readouts import ReadoutContract
    from qml_qdl.testing.targets import DeviceContract, TargetContract
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "DeviceContract",
    "EncodingContract",
    "JobClientContract",
    "JobService",
    "LayerCase",
    "LayerContract",
    "NoiseGeneratorContract",
    "ProcessingContract",
    "ReadoutContract",
    "TargetContract",
]

# Before the first contract is loaded: then a failing `assert` shows its values.
pytest.register_assert_rewrite(
    *(found.name for found in pkgutil.iter_modules(__path__, f"{__name__}."))
)

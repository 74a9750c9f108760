"""Makes right calls wrong, one argument at a time, and says what came of each."""

from __future__ import annotations

import inspect
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pennylane as qml
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from tests.bad_input.calls import CALLS, Call, folder

SECONDS = 8.0
"""A wrong call that takes more processor time than this never ends."""

GIGABYTES = 6
"""What a wrong call may add to the memory of the process."""

FORBIDDEN = (
    AttributeError,
    LookupError,
    AssertionError,
    MemoryError,
    RecursionError,
    OverflowError,
    NotImplementedError,
)
"""What never comes from inside; `IndexError` and `KeyError` are a `LookupError`."""


class Outcome(StrEnum):
    """What came of a wrong call."""

    OURS = "our error"
    THEIRS = "torch's or Python's at the boundary"
    ACCEPTED = "accepted, finite"
    LEAKED = "violation: an error from inside"
    FOREIGN = "violation: another's error for a typed value"
    SILENT = "violation: a wrong kind accepted"
    LOST = "violation: NaN or infinity"
    ENDLESS = "violation: too long or too large"

    @property
    def is_violation(self) -> bool:
        """Whether the rules forbid it."""
        return self.startswith("violation")


# ---- What a wrong argument may be. ----


def wrong_values() -> dict[str, Any]:
    """Values of many kinds, by what they are called."""
    return {
        "None": None,
        "empty text": "",
        "text": "QQ",
        "NUL": "a\0b",
        "surrogate": "\ud800",
        "bytes": b"x",
        "NaN": float("nan"),
        "inf": float("inf"),
        "-1": -1,
        "0": 0,
        "2.5": 2.5,
        "2**40": 2**40,
        "10**12": 10**12,
        "True": True,
        "complex": 1 + 2j,
        "empty list": [],
        "numbers": [1.0, 2.0],
        "words": ["a", "b"],
        "deep list": [[[]]],
        "dict": {},
        "named": {"a": 1},
        "object": object(),
        "lambda": lambda *_: None,
        "class": int,
        "module": nn.Linear(2, 2),
        "operator": qml.Z(0),
        "generator": torch.Generator(),
        "NumPy generator": np.random.default_rng(0),
        "np.bool_": np.bool_(True),
        "np.float32": np.float32(0.5),
        "array": np.ones((3, 2)),
        "array of objects": np.array([None, "a"], dtype=object),
        "scalar tensor": torch.tensor(1.0),
        "empty tensor": torch.empty(0),
        "complex tensor": torch.full((3, 2), 1j),
        "whole tensor": torch.arange(7),
    }


def distorted(right: Any) -> dict[str, Any]:
    """Tensors that are almost the right one, and what is no tensor at all."""
    if not isinstance(right, Tensor) or right.dtype == torch.bool:
        return {}
    return {
        "as array": right.numpy(),
        "as list": right.tolist(),
        "as complex": right.to(torch.complex64) * (1 + 1j),
        "as whole": right.long(),
        "a column short": right[..., :-1],
        "an axis more": right[None],
        "an axis less": right[0],
        "no rows": right[:0],
        "negative": -right,
        "huge": right * 1e30,
        "halves": right + 0.5,
    }


# ---- What is right for an argument. ----

Fits = Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _count(value: Any) -> bool:
    return _whole(value) and 0 <= value < 2**31


def _seed(value: Any) -> bool:
    return _whole(value) and value >= 0


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and value == value


def _flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _path(value: Any) -> bool:
    return isinstance(value, PathLike) or _text(value)


def _labels(value: Any) -> bool:
    return _count(value) or (
        isinstance(value, list | np.ndarray | Tensor) and len(np.shape(value)) == 1
    )


def _sizes(value: Any) -> bool:
    return _count(value) or (isinstance(value, list) and all(map(_count, value)))


def _never(value: Any) -> bool:
    return False


def _none(value: Any) -> bool:
    return value is None


TYPED: Mapping[str, Fits] = {
    "bool": _flag,
    "int": _count,
    "float": _number,
    "str": _never,
    "Path": _path,
    "WiresLike": _labels,
    "Target": _never,
    "Shots": lambda value: value is None or _count(value),
    "Sizes": _sizes,
    "None": _none,
    "torch.Generator": lambda value: isinstance(value, torch.Generator),
    "Units": _never,
    "Kind": _never,
    "Part": _never,
    "Noise": _never,
    "Pixels": _never,
    "Game": _never,
    "Likelihood": _never,
    "ColorMode": _never,
    "Precision": _never,
    "Accelerator": _never,
}
"""What people type, by its annotation, and which of the wrong values are right for it.

Text is never right: where words are free, `FREE` says so.
"""

FREE = (
    "name",
    "title",
    "label_column",
    "data_home",
    "runs_dir",
    "journal",
    "run",
    "account",
    "folder",
    "out",
    "step",
    "class_path",
    "loss",
    "inputs",
    "weights",
    "method",
    "model",
    "input_name",
    "cache",
)
"""Arguments whose text is of the user's own choice."""

UNREACHABLE = ("training.estimate",)
"""Where a right call needs a machine."""

INTERNAL = ("owner", "known", "also", "purpose", "training.Spec.from_config.name")
"""Arguments with which only this library calls its own."""

LARGE = (
    "PointCloudClassifier",
    "SpinClassifier",
    "QuantumMeshConv",
    "MeshSegmenter",
    "RingClassifier",
    "SpinClassifier",
    "resampling_error",
    "stein_discrepancy_of_samples",
)
"""Where right numbers may be so large that their squares are none."""

SIGNED = (
    *("step", "spin", "spin_flip", "parity", "magnetisation", "momentum", "charge"),
    "quarters",
)
"""Arguments whose whole numbers may be negative."""

SEEDS = ("seed", "first_seed", "split_seed", "seed_transpiler", "sample_seed")

BYTES = ("memory",)
"""Arguments that may be more than any count."""

UNTYPED: Mapping[str, str] = {"scaling": "float", "pad_with": "float"}
"""Annotations of arguments that attrs leaves without one, for their converters."""

FAST = (
    "circuits.AmplitudeEncoding",
    "circuits.HardwareEfficient",
    "circuits.IQPCircuit",
    "circuits.QuantumPool",
    "circuits.initial_weights",
    "circuits.twirl",
    "hardware.TargetOptions",
    "nn.GroupConv2d",
    "nn.QuantumLayer",
    "nn.QuantumLayer.forward",
    "nn.set_target",
    "models.DressedClassifier",
    "models.RBM.free_energy",
    "models.RBM.sample",
    "data.bit_index",
    "metrics.kl_divergence",
    "metrics.mmd",
    "metrics.quality",
    "metrics.total_variation",
    "data.Dataset",
    "data.split",
    "training.TrainingOptions",
)
"""What is fuzzed with every run of the tests."""

COMPLEX = ("circuits.", "models.fidelity", "models.quantum_wasserstein")
"""Where complex tensors have a meaning; circuits take tensors of any kind."""


class Parameter:
    """An argument, and what is right for it."""

    def __init__(self, call: str, name: str, annotation: Any) -> None:
        self.name = name
        text = "Any" if annotation is inspect.Parameter.empty else str(annotation)
        text = UNTYPED.get(name, text)
        self.parts = [part.strip(" '\"") for part in text.split("|")]
        self.is_tensor = set(self.parts) <= {"Tensor", "None"}
        self.typed = bool(self.parts) and all(part in TYPED for part in self.parts)
        self._complex = call.startswith(COMPLEX)
        self.may_overflow = any(name in call for name in LARGE)

    def takes(self, value: Any) -> bool:
        """Whether a value may be accepted."""
        if self.is_tensor:
            real = isinstance(value, Tensor) and not value.is_complex()
            complex_too = isinstance(value, Tensor) and self._complex
            return real or complex_too or (value is None and "None" in self.parts)
        if not self.typed:
            return True
        if isinstance(value, str):
            return self.name in FREE and (not value or _text(value))
        if self.name in SEEDS + BYTES and _seed(value):
            return True
        if self.name in SIGNED and isinstance(value, int):
            return True
        return any(TYPED[part](value) for part in self.parts)


# ---- The calls. ----


def parameters(name: str, function: Callable[..., Any]) -> list[Parameter]:
    """The arguments of a callable, all but those of any name."""
    target = function.forward if isinstance(function, nn.Module) else function
    signature = inspect.signature(target)
    return [
        Parameter(name, each.name, each.annotation)
        for each in signature.parameters.values()
        if each.kind is not each.VAR_KEYWORD
        and not {each.name, f"{name}.{each.name}"} & set(INTERNAL)
    ]


def make(call: Call) -> Any:
    """Calls a function by the names of its arguments, also of those without one."""
    function, arguments = call
    named = dict(arguments)
    target = function.forward if isinstance(function, nn.Module) else function
    first = []
    for each in inspect.signature(target).parameters.values():
        if each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
            first += [named.pop(each.name)] if each.name in named else []
    return function(*first, **named)


class _Endless(BaseException):
    """The time of a call is over."""


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise _Endless

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def is_finite(result: Any, depth: int = 4) -> bool:
    """Whether no number in a result is NaN or infinite."""
    match result:
        case Tensor():
            return not (result.dtype.is_floating_point or result.is_complex()) or bool(
                result.isfinite().all()
            )
        case np.ndarray():
            return result.dtype.kind not in "fc" or bool(np.isfinite(result).all())
        case float() | complex() | np.floating():
            return bool(np.isfinite(result))
        case nn.Module():
            return all(is_finite(each, 0) for each in result.parameters())
        case _ if not depth:
            return True
        case Mapping():
            return all(is_finite(each, depth - 1) for each in result.values())
        case list() | tuple():
            return all(is_finite(each, depth - 1) for each in result[:1000])
        case _ if attrs.has(type(result)):
            names = [each.name for each in attrs.fields(type(result))]
            return all(is_finite(getattr(result, n, 0), depth - 1) for n in names)
        case _:
            return True


def judge(parameter: Parameter, wrong: Any, call: Call) -> tuple[Outcome, str]:
    """Makes a wrong call, and says what came of it."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - what others sample from
    try:
        with _limited(), torch.autograd.set_detect_anomaly(False):
            result = make(call)
            repr(result)
    except QdlError as error:
        return Outcome.OURS, f"{type(error).__name__}: {error}"
    except _Endless:
        return Outcome.ENDLESS, "time"
    except FORBIDDEN as error:
        return Outcome.LEAKED, f"{type(error).__name__}: {error}"
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        text = f"{type(error).__name__}: {error}"
        if "allocate" in text:
            return Outcome.ENDLESS, text
        outcome = Outcome.FOREIGN if parameter.typed else Outcome.THEIRS
        return outcome, text
    except Exception as error:
        return Outcome.LEAKED, f"{type(error).__name__}: {error}"
    if not parameter.takes(wrong):
        return Outcome.SILENT, repr(result)
    if not is_finite(result) and is_finite(wrong) and not parameter.may_overflow:
        return Outcome.LOST, repr(result)
    return Outcome.ACCEPTED, ""


@cache
def _names() -> tuple[str, ...]:
    return tuple(CALLS)


def fuzz(name: str) -> Iterator[tuple[str, str, Outcome, str]]:
    """Makes a call wrong in every way.

    Args:
        name: Its name in `CALLS`.

    Yields:
        The argument, what it was made, what came of it, and the message.
    """
    function, right = CALLS[name]()
    if name not in UNREACHABLE:
        make((function, right))  # a right call is one
    for parameter in parameters(name, function):
        wrong = {**wrong_values(), **distorted(right.get(parameter.name))}
        for kind, value in wrong.items():
            function, arguments = CALLS[name]()
            call = function, {**arguments, parameter.name: value}
            outcome, text = judge(parameter, value, call)
            yield parameter.name, kind, outcome, text[:300]


def main(first: int) -> None:
    """Fuzzes all calls from one on, and prints a line of JSON for each wrong call."""
    warnings.simplefilter("ignore")
    import logging

    logging.disable(logging.CRITICAL)
    lines, sys.stdout = sys.stdout, open("/dev/null", "w")  # noqa: SIM115
    sys.stderr = sys.stdout
    torch.set_num_threads(1)
    os.chdir(folder())  # where relative paths lead
    now = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    limit = now + GIGABYTES * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for index, name in enumerate(_names()[first:], first):
        begun = time.perf_counter()
        print(json.dumps([index, name, None, 0, "", ""]), file=lines, flush=True)
        for argument, kind, outcome, text in fuzz(name):
            line = [index, name, argument, kind, outcome, text]
            print(json.dumps(line), file=lines, flush=True)
        seconds = time.perf_counter() - begun
        print(json.dumps([index, name, None, seconds, "", ""]), file=lines, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

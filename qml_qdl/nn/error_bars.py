"""Standard errors of expectation values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from qml_qdl.circuits import Circuit, Expectation
from qml_qdl.circuits.errors import ArgumentTypeError


def device_errors(qnode: Any, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """Results of a QNode on a Qiskit device, and their standard errors.

    Args:
        qnode: A PennyLane QNode on `qdl.qiskit`.
        arguments: Its keyword arguments.

    Returns:
        Both as the QNode returns results.

    Raises:
        ArgumentTypeError: It returns more than expectation values and probabilities.
    """
    tapes, combine = qml.workflow.construct_batch(qnode, level="device")(**arguments)
    values, errors = qnode.device.execute_with_errors(tapes)
    for error in errors:
        if any(e is None for e in (error if isinstance(error, tuple) else (error,))):
            raise _wrong_readout("the QNode returns other measurements")
    # One entry for each tape that the QNode makes: it makes one.
    return _tensors(combine(values)[0]), _tensors(combine(errors)[0])


def _tensors(results: Any) -> Any:
    if isinstance(results, tuple | list):
        return [_tensors(result) for result in results]
    return torch.as_tensor(results)


def word_errors(values: Tensor, source: Any, shots: int | None) -> Tensor:
    """Standard errors of expectation values of single Pauli words, by themselves.

    The outcomes are 1 and −1, hence the mean tells their variance.

    Args:
        values: (..., observables).
        source: The `Circuit` they are of, or a QNode.
        shots: Number of shots; None where values are exact.

    Returns:
        Like the values.

    Raises:
        ArgumentTypeError: The readout is another one.
    """
    if not isinstance(source, Circuit):
        raise _wrong_readout("the layer is made from a QNode")
    if not isinstance(source.readout, Expectation):
        raise _wrong_readout(f"the readout is {source.readout!r}")
    if shots is None:
        return torch.zeros_like(values)
    scales = [_scale(m.obs) for m in source.readout.measure(source.wires)]
    squares = torch.tensor(scales).to(values) ** 2
    variances = (squares - values**2).clamp(min=0.0)
    # The errors of a single shot are not known, and come as NaN.
    return (variances / (shots - 1 if shots > 1 else torch.nan)).sqrt()


def _scale(observable: Any) -> float:
    """What the outcomes of a Pauli word's multiple are, but for their sign."""
    sentence = observable.pauli_rep
    if sentence is None or len(sentence) != 1:
        raise _wrong_readout(f"{observable!r} is no single Pauli word")
    (coefficient,) = sentence.values()
    return float(qml.math.real(coefficient))


def _wrong_readout(found: str) -> ArgumentTypeError:
    return ArgumentTypeError(
        "with_errors: expected expectation values, of single Pauli words if not on a "
        f"Qiskit target, but {found}; use Expectation(['ZZ', ...]), or target='aer'"
    )

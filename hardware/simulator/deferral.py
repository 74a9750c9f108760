"""Measurements in the middle of a circuit, deferred to its end."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pennylane as qml
from pennylane.ops import MidMeasure

from qml_qdl.circuits.errors import TargetError


def deferred(tape: Any, wires: Sequence[Hashable]) -> Any:
    """The tape with controlled gates for what depended on measured bits.

    Args:
        tape: A PennyLane tape.
        wires: The circuit's wires.

    Returns:
        The tape, without measurements but those at the end.

    Raises:
        TargetError: A wire is used again after it was measured, for which another
            wire would be needed.
    """
    if not any(isinstance(operation, MidMeasure) for operation in tape.operations):
        return tape
    (tape,), _ = qml.defer_measurements(tape)
    if set(tape.wires) - set(wires):
        raise TargetError(
            "circuit: a wire that is measured on the way is used or read again, for "
            "which one wire more would be needed; read only wires that are kept: "
            "circuit.with_readout(Expectation([...]))"
        )
    return tape

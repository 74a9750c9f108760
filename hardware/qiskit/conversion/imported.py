"""The block that a Qiskit circuit becomes: gates and angles as plain values.

It knows nothing of Qiskit, so that it can be compared, pickled and run without it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import reduce
from operator import add, mul
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits import Block
from qml_qdl.circuits.validation import as_wires
from qml_qdl.hardware.qiskit.conversion.fixed import Fixed

AngleExpression: TypeAlias = float | tuple[Any, ...]
"""A number, ("input", k), ("weight", k), or a function's name and its arguments."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "Abs": abs,
        "Add": lambda *terms: reduce(add, terms),
        "Mul": lambda *factors: reduce(mul, factors),
        "Pow": lambda base, exponent: base**exponent,
        "acos": qml.math.arccos,
        "asin": qml.math.arcsin,
        "atan": qml.math.arctan,
        "cos": qml.math.cos,
        "exp": lambda number: qml.math.exp(1.0 * number),
        "log": qml.math.log,
        "sign": qml.math.sign,
        "sin": qml.math.sin,
        "tan": qml.math.tan,
    }
)
"""What parameter expressions are made of, by sympy's names."""


def _numbers(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda angles, wires: operation(*angles, wires=wires)


def _global_phase(angles: Any, wires: Any) -> Any:
    return qml.GlobalPhase(-angles[0])


def _u(angles: Any, wires: Any) -> Any:
    return qml.U3(*angles, wires=wires)


OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "barrier": _numbers(qml.Barrier),
        "ecr": _numbers(qml.ECR),
        "global_phase": _global_phase,
        "h": _numbers(qml.H),
        "iswap": _numbers(qml.ISWAP),
        "p": _numbers(qml.PhaseShift),
        "rx": _numbers(qml.RX),
        "rxx": _numbers(qml.IsingXX),
        "ry": _numbers(qml.RY),
        "ryy": _numbers(qml.IsingYY),
        "rz": _numbers(qml.RZ),
        "rzz": _numbers(qml.IsingZZ),
        "s": _numbers(qml.S),
        "sdg": lambda angles, wires: qml.adjoint(qml.S(wires)),
        "swap": _numbers(qml.SWAP),
        "sx": _numbers(qml.SX),
        "sxdg": lambda angles, wires: qml.adjoint(qml.SX(wires)),
        "t": _numbers(qml.T),
        "tdg": lambda angles, wires: qml.adjoint(qml.T(wires)),
        "u": _u,
        "u1": _numbers(qml.U1),
        "u2": _numbers(qml.U2),
        "u3": _u,
        "x": _numbers(qml.X),
        "y": _numbers(qml.Y),
        "z": _numbers(qml.Z),
    }
)
"""For each of Qiskit's gates that is known by itself, what makes PennyLane's of it."""


@frozen
class ImportedGate:
    """One gate.

    Args:
        name: Qiskit's name of the gate, without its controls.
        wires: Positions of its wires, the controls first.
        angles: Its angles; for "unitary" the rows of its matrix instead.
        controls: For each control the bit that it acts on.
        adjoint: Whether it is the gate's adjoint.
    """

    name: str
    wires: tuple[int, ...]
    angles: tuple[Any, ...] = ()
    controls: tuple[bool, ...] = ()
    adjoint: bool = False

    def queue(self, labels: Sequence[Hashable], inputs: Any, weights: Any) -> Any:
        """Queues the gate.

        Args:
            labels: Of the wires at all positions.
            inputs: x; None where no angle reads it.
            weights: θ; None where no angle reads it.

        Returns:
            The PennyLane operation.
        """
        wires = [labels[position] for position in self.wires]
        count = len(self.controls)
        controls, targets = wires[:count], wires[count:]
        if self.name == "unitary":
            matrix = np.array(self.angles)
            operation = qml.QubitUnitary(matrix, targets, unitary_check=False)
        else:
            angles = [value_of(angle, inputs, weights) for angle in self.angles]
            operation = OPERATIONS[self.name](angles, targets)
        if self.adjoint:
            operation = qml.adjoint(operation, lazy=False)
        if count:
            values = list(self.controls)
            operation = qml.ctrl(operation, controls, control_values=values)
        if not operation.data or not self._is_fixed():
            return operation
        qml.QueuingManager.remove(operation)
        return Fixed(operation)

    def _is_fixed(self) -> bool:
        """Whether its numbers are the same at every call."""
        # A global phase has no matrix without wires, and none is wanted.
        if self.name == "global_phase":
            return False
        return self.name == "unitary" or not any(
            isinstance(angle, tuple) for angle in self.angles
        )


@frozen(repr=False)
class ImportedGates(Block):
    """The gates of a Qiskit circuit, as `from_qiskit` makes them.

    Args:
        wires: For each qubit its wire label.
        gates: Gates in the order of application.
        num_inputs: How many numbers of x the angles read.
        num_weights: How many numbers of θ they read.
    """

    wires: tuple[Hashable, ...] = field(converter=as_wires)
    gates: tuple[ImportedGate, ...]
    num_inputs: int
    num_weights: int

    @property
    def num_features(self) -> int:
        """As many as there are inputs."""
        return self.num_inputs

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """(num_weights,), or None without weights."""
        return (self.num_weights,) if self.num_weights else None

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the gates."""
        for gate in self.gates:
            gate.queue(self.wires, inputs, weights)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({list(self.wires)}, {len(self.gates)} gates, "
            f"num_inputs={self.num_inputs}, num_weights={self.num_weights})"
        )


def value_of(angle: AngleExpression, inputs: Any, weights: Any) -> Any:
    """An angle's value.

    Args:
        angle: The angle.
        inputs: x: (features,) or (rows, features); None where the angle does not read
            it.
        weights: θ; None where the angle does not read it.

    Returns:
        A number or a tensor (rows,).
    """
    if not isinstance(angle, tuple):
        return angle
    name, *arguments = angle
    if name in ("input", "weight"):
        numbers = inputs if name == "input" else weights
        one_row = qml.math.ndim(numbers) == 1
        return numbers[arguments[0]] if one_row else numbers[..., arguments[0]]
    values = [value_of(argument, inputs, weights) for argument in arguments]
    return FUNCTIONS[name](*values)

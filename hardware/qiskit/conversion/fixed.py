"""Gates whose numbers belong to the circuit, as those of a file do.

A number that a tape holds may be another one at the next call: it is a parameter of the
circuit that is transpiled, once. What is known to stay as it is need not be, and
Qiskit makes more of numbers than of symbols.
"""

from __future__ import annotations

from typing import Any, final

import pennylane as qml


@final
class Fixed(qml.operation.Operation):
    r"""A gate together with its numbers: an operation that has none.

    Two of them with other numbers are two gates, so that circuits are transpiled apart.

    Args:
        base: The gate with its numbers, which has a matrix.
        wires: The wires it is put on; None for its own.

    Example:
        >>> import pennylane as qml
        >>> gate = Fixed(qml.RX(0.3, "a"))
        >>> gate.data, gate.label(1), gate.decomposition()
        ((), 'RX\n(0.3)', [RX(0.3, wires=['a'])])
    """

    num_params = 0
    grad_method = None

    def __init__(self, base: Any, wires: Any = None) -> None:
        super().__init__(wires=base.wires if wires is None else wires)
        # On wires of its own, so that it is the same wherever it is put.
        places = {wire: place for place, wire in enumerate(base.wires)}
        with qml.QueuingManager.stop_recording():
            self.hyperparameters["base"] = base.map_wires(places)

    @property
    def base(self) -> Any:
        """The gate with its numbers, on the wires 0 … n−1."""
        return self.hyperparameters["base"]

    def placed(self) -> Any:
        """The gate with its numbers, on its wires, not queued."""
        with qml.QueuingManager.stop_recording():
            return self.base.map_wires(dict(enumerate(self.wires)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.placed()!r})"

    @staticmethod
    def compute_matrix(base: Any) -> Any:
        """The matrix."""
        return base.matrix()

    @staticmethod
    def compute_decomposition(*, wires: Any, base: Any) -> list[Any]:
        """The gate, whose numbers are like any others."""
        with qml.QueuingManager.stop_recording():
            gate = base.map_wires(dict(enumerate(qml.wires.Wires(wires))))
        return [qml.apply(gate) if qml.QueuingManager.recording() else gate]

    def adjoint(self) -> Fixed:
        """The adjoint, with its numbers."""
        with qml.QueuingManager.stop_recording():
            adjoint = qml.adjoint(self.placed(), lazy=False)
        return Fixed(adjoint)

    @property
    def control_wires(self) -> Any:
        """The wires of the gate that are controls."""
        return qml.wires.Wires([self.wires[w] for w in self.base.control_wires])

    def label(
        self,
        decimals: int | None = None,
        base_label: str | None = None,
        cache: dict[Any, Any] | None = None,
    ) -> str:
        """As the gate is drawn."""
        return str(self.base.label(decimals, base_label, cache))

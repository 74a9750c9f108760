"""The swap test: how alike two states on different wires are."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import as_wires


@frozen(repr=False)
class SwapTest(Block):
    """Controlled swaps of two registers: then ⟨Z⟩ of the ancilla is their fidelity.

    For pure states `|⟨a|b⟩|²`, for mixed ones Tr ρσ (Buhrman et al. 2001,
    arXiv:quant-ph/0102001).

    Args:
        wires: The ancilla, then the wires of the first register, then as many of the
            second.

    Raises:
        ArgumentError: The number of wires is not odd and at least 3.

    Example:
        >>> import numpy as np, pennylane as qml
        >>> from qml_qdl.circuits import AngleEncoding, Expectation, SwapTest
        >>> pair = SwapTest([2, 0, 1]) @ AngleEncoding([0, 1])
        >>> fidelity = pair.with_readout(Expectation(qml.Z(2)))
        >>> qnode = qml.QNode(fidelity, qml.device("default.qubit"))
        >>> round(float(qnode(np.array([0.3, 1.3]))[0]), 6)  # cos²((1.3 − 0.3) / 2)
        0.770151
    """

    wires: tuple[Hashable, ...] = field(converter=as_wires)

    def __attrs_post_init__(self) -> None:
        if len(self.wires) < 3 or len(self.wires) % 2 == 0:
            raise ArgumentError(
                "wires: expected an ancilla and two registers of equal size, got "
                f"{list(self.wires)}"
            )

    @property
    def num_features(self) -> int:
        """0, as it reads no data."""
        return 0

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """None: it has no weights."""
        return None

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues Hadamard, controlled swaps, Hadamard."""
        ancilla, rest = self.wires[0], self.wires[1:]
        half = len(rest) // 2
        qml.Hadamard(ancilla)
        for first, second in zip(rest[:half], rest[half:], strict=True):
            qml.CSWAP([ancilla, first, second])
        qml.Hadamard(ancilla)


@frozen(repr=False)
class Exchange(Block):
    """Swaps the states of two registers.

    Args:
        wires: The wires of the first register, then as many of the second.

    Raises:
        ArgumentError: The number of wires is not even.

    Example:
        >>> from qml_qdl.circuits import Circuit, Exchange
        >>> print(Circuit([Exchange(["a", "b"])]))
        a: ─╭SWAP─┤  <Z>
        b: ─╰SWAP─┤  <Z>
    """

    wires: tuple[Hashable, ...] = field(converter=as_wires)

    def __attrs_post_init__(self) -> None:
        if len(self.wires) % 2:
            raise ArgumentError(
                f"wires: expected two registers of equal size, got {list(self.wires)}"
            )

    @property
    def num_features(self) -> int:
        """0, as it reads no data."""
        return 0

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """None: it has no weights."""
        return None

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues a SWAP for each pair."""
        half = len(self.wires) // 2
        for pair in zip(self.wires[:half], self.wires[half:], strict=True):
            qml.SWAP(pair)

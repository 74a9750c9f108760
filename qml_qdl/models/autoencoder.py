"""The quantum autoencoder: a state squeezed onto fewer wires."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qml_qdl.circuits import (
    Adjoint,
    Circuit,
    Encoding,
    Probabilities,
    Processing,
    share,
)
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.swap_test import Exchange, SwapTest
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import check_rows
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots


@validate_call
class QuantumAutoencoder(nn.Module):
    """Trains W so that `W|x⟩` has its last wires, the trash, in `|0⟩`.

    Then the other wires, the latent ones, hold the state, and W† brings it back from
    fresh trash (Romero, Olson and Aspuru-Guzik 2017, arXiv:1612.02806).

    Args:
        encoding: The states: `S(x)|0⟩`.
        processing: W, on the encoding's wires.
        num_trash: Wires to be freed, the last ones.
        target: Where the circuits run; None means "auto".
        shots: Number of shots; None or "keep" for exact values.
        diff_method: How gradients are computed, as in `QuantumLayer`.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (..., num_features) of the encoding.
        - Output: (...), the probability that the trash is in `|0⟩`.

    Raises:
        ArgumentError: `num_trash` leaves no latent wire, or the wires differ.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AmplitudeEncoding, StronglyEntangling
        >>> from qml_qdl.models import QuantumAutoencoder
        >>> autoencoder = QuantumAutoencoder(
        ...     AmplitudeEncoding(3), StronglyEntangling(3, layers=2), num_trash=1)
        >>> autoencoder(torch.rand(5, 8)).shape
        torch.Size([5])
    """

    def __init__(
        self,
        encoding: Encoding,
        processing: Processing,
        num_trash: int,
        *,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("num_trash", num_trash)
        wires = encoding.wires
        if set(processing.wires) != set(wires):
            raise ArgumentError(
                f"processing: expected the encoding's wires {list(wires)}, got "
                f"{list(processing.wires)}"
            )
        if num_trash >= len(wires):
            raise ArgumentError(
                f"num_trash: expected less than the {len(wires)} wires, got "
                f"{num_trash}; a latent wire must be left"
            )
        self.encoding = encoding
        self.processing = processing
        self.trash = wires[-num_trash:]
        self.layer = QuantumLayer(
            self._compressed.with_readout(Probabilities(self.trash)),
            target=target,
            shots=shots,
            diff_method=diff_method,
            generator=generator,
        )

    @property
    def _compressed(self) -> Circuit:
        return share("W", self.processing) @ self.encoding

    def forward(self, inputs: Tensor) -> Tensor:
        """The probability that the trash is in `|0⟩`.

        Args:
            inputs: (..., num_features).

        Returns:
            (...).
        """
        probabilities: Tensor = self.layer(inputs)
        return probabilities[..., 0]

    def loss(self, inputs: Tensor) -> Tensor:
        """One minus the mean probability that the trash is in `|0⟩`.

        Args:
            inputs: (rows, num_features).

        Returns:
            A scalar from 0 to 1.

        Raises:
            DataError: There are no rows, or numbers are not finite.
            ShapeError: The inputs have another shape.
        """
        check_rows("inputs", inputs, self.encoding.num_features)
        probability: Tensor = self(inputs)
        return 1 - probability.mean()

    def reconstruction_circuit(self) -> Circuit:
        """The circuit that measures how well states come back.

        On 2n + t + 1 wires: the state is squeezed, its trash swapped with t fresh
        wires, and W† applied; a swap test compares it with a second copy of the state.

        Returns:
            A circuit whose ancilla, its first wire, gives `|0⟩` with probability
            (1 + F) / 2.
        """
        number = len(self.encoding.wires)
        places = {wire: k for k, wire in enumerate(self.encoding.wires)}
        own, copy = range(number), range(number, 2 * number)
        fresh = range(2 * number, 2 * number + len(self.trash))
        ancilla = 2 * number + len(self.trash)
        processing = self.processing.on([places[w] for w in self.processing.wires])
        trash = [places[wire] for wire in self.trash]
        encoded = self.encoding.on(list(copy)) @ self.encoding.on(list(own))
        back = (
            share("W", Adjoint(processing))
            @ Exchange([*trash, *fresh])
            @ share("W", processing)
            @ encoded
        )
        tested = SwapTest([ancilla, *own, *copy]) @ back
        return tested.with_readout(Probabilities([ancilla]))

    @torch.no_grad()
    def fidelity(self, inputs: Tensor) -> Tensor:
        """How well states come back: ⟨x|ρ|x⟩ of the reconstructed ρ.

        Args:
            inputs: (..., num_features).

        Returns:
            (...), from 0 to 1; on a target with shots an estimate.

        Raises:
            TargetError: The target cannot run a circuit of so many wires.
        """
        layer = QuantumLayer(
            self.reconstruction_circuit(),
            init_method={"W": self.layer.get_parameter("W").detach()},
            target=self.layer.target,
            shots=self.layer.execution.num_shots,
        )
        accepted: Tensor = layer(inputs)[..., 0]
        return 2 * accepted - 1

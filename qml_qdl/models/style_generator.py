"""The style-based generator: noise enters every angle of the circuit."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qml_qdl.circuits import Expectation, HardwareEfficient
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.driven import Driven
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import z_words
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.targets import Target
from qml_qdl.models.classical_generators import ClassicalGenerator
from qml_qdl.models.noise_generator import NoiseGenerator
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots


@validate_call
class StyleGenerator(NoiseGenerator):
    """A continuous generator from expectation values, with noise in every angle.

    Angle k is aₖ z + bₖ, where z is one of the noise's components, taken in turn; the
    samples are expectation values, scaled and shifted (Bravo-Prieto et al. 2022,
    arXiv:2110.06933). So noise enters all over the circuit, not only at its beginning.

    Args:
        num_features: Numbers in a sample, ≥ 1.
        noise_size: Components of the noise, ≥ 1.
        processing: The circuit; None for RY, RZ and a chain of CZ on one wire a
            feature, in two layers.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact values.
        diff_method: How gradients are computed, as in `QuantumLayer`.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, noise_size), standard normal numbers.
        - Output: (rows, num_features).

    Raises:
        ArgumentError: The processing has too few wires to read out all features.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.models import StyleGenerator
        >>> StyleGenerator(3, noise_size=2).sample(5).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        num_features: int,
        noise_size: int,
        *,
        processing: Processing | None = None,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_count("num_features", num_features)
        super().__init__(noise_size)
        processing = processing or HardwareEfficient(
            num_features, layers=2, rotations=("RY", "RZ"), entangler="CZ"
        )
        driven = Driven(processing)
        wires = len(processing.wires)
        if num_features > 2**wires - 1:
            raise ArgumentError(
                f"processing: {wires} wires have {2**wires - 1} words of Z to read "
                f"out, got num_features={num_features}; use more wires"
            )
        self.num_features = num_features
        self.layer = QuantumLayer(
            as_circuit(driven).with_readout(Expectation(z_words(wires, num_features))),
            target=target,
            shots=shots,
            diff_method=diff_method,
        )
        angles = math.prod(processing.weight_shape)
        like = torch.empty(0, device=device, dtype=dtype)
        self.weight = nn.Parameter(like.new_empty(angles))
        self.bias = nn.Parameter(like.new_empty(angles))
        self.scale = nn.Parameter(like.new_empty(num_features))
        self.shift = nn.Parameter(like.new_empty(num_features))
        component = torch.arange(angles, device=device) % noise_size
        self.register_buffer("_component", component, persistent=False)
        self.reset_parameters(generator)

    @classmethod
    def from_data(
        cls, split: Split, *, layers: int = 3, target: Target | None = None
    ) -> StyleGenerator:
        """Builds one for a table: a wire, and a number of noise, for each column.

        Args:
            split: The data: a table.
            layers: Layers of the circuit.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.

        Raises:
            TargetError: The target is unknown or cannot run the circuit.
        """
        (features,) = split.train.input_shape
        processing = HardwareEfficient(
            max(2, features), layers, rotations=("RY", "RZ"), entangler="CZ"
        )
        return cls(features, features, processing=processing, target=target)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples angles anew; samples begin between −1 and 1.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            self.weight.normal_(0, 0.5, generator=generator)
            self.bias.uniform_(-math.pi, math.pi, generator=generator)
            self.scale.fill_(1)
            self.shift.zero_()

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"{self.num_features}, noise_size={self.noise_size}"

    def generate(self, noise: Tensor) -> Tensor:
        """Samples from noise.

        Args:
            noise: (rows, noise_size).

        Returns:
            (rows, num_features).
        """
        spread = noise[:, self.get_buffer("_component")]
        angles = spread * self.weight.to(noise) + self.bias.to(noise)
        values: Tensor = self.layer(angles)
        return values * self.scale.to(values) + self.shift.to(values)

    def classical_twin(self) -> ClassicalGenerator:
        """A torch generator of the same samples from the same noise.

        Returns:
            A new, untrained generator, a layer of tanh units between two linear maps,
            with the number of weights nearest to this one's.
        """
        weights = sum(weight.numel() for weight in self.parameters())
        each = self.noise_size + 1 + self.num_features
        hidden = max(1, round((weights - self.num_features) / each))
        network = nn.Sequential(
            nn.Linear(self.noise_size, hidden),
            nn.Tanh(),
            nn.Linear(hidden, self.num_features),
        )
        return ClassicalGenerator(network.to(self.weight), self.noise_size)

"""The distribution generator: bit strings that stand for values, with probabilities."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit, HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import check_count, check_type, validate_call
from qml_qdl.data.bits import bit_index
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.targets import Target
from qml_qdl.models.adversarial_losses import AdversarialObjective, generator_loss
from qml_qdl.models.born_machine import BornMachine
from qml_qdl.models.classical_generators import DistributionTable
from qml_qdl.nn.initialization import Init
from qml_qdl.nn.options import Shots

MOST_VALUES = 10
"""Up to so many bits a whole number of data may have."""


@validate_call
class DistributionGenerator(nn.Module):
    """A Born machine whose bit strings stand for the points of a grid.

    It loads a distribution into amplitudes (Zoufal, Lucchi and Woerner 2019,
    arXiv:1904.00043). A discriminator sees the values; the generator's loss is the mean
    over its probabilities, so it is differentiable although samples are not.

    Args:
        circuit: A processing, or a circuit without inputs, on n wires.
        values: What the bit strings stand for, (2ⁿ,) or (2ⁿ, features).
        init_method: How weights begin, as in `QuantumLayer`.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact probabilities.
        generator: Random numbers for the initial weights; None for torch's own.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Output: (2ⁿ,), probabilities of the values.

    Raises:
        ArgumentError: The circuit reads inputs.
        DataError: A value is not finite.
        ShapeError: There are not 2ⁿ values, or they have no features.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import HardwareEfficient
        >>> from qml_qdl.models import DistributionGenerator
        >>> prices = DistributionGenerator(HardwareEfficient(3), torch.arange(8.0))
        >>> prices.sample(5).shape
        torch.Size([5, 1])
    """

    values: Tensor

    def __init__(
        self,
        circuit: Circuit | Block,
        values: Tensor,
        *,
        init_method: Init | None = None,
        target: Target | None = None,
        shots: Shots = "keep",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.machine = BornMachine(
            circuit,
            init_method=init_method,
            target=target,
            shots=shots,
            generator=generator,
            dtype=dtype,
        )
        points = 2**self.machine.num_bits
        if values.ndim not in (1, 2) or len(values) != points or not values.numel():
            raise ShapeError(
                f"values: expected ({points},) or ({points}, features) for "
                f"{self.machine.num_bits} wires, got {tuple(values.shape)}"
            )
        if not bool(values.isfinite().all()):
            raise DataError("values: expected finite numbers, got NaN or infinity")
        grid = values.detach().reshape(points, -1)
        self.register_buffer(
            "values", grid.to(dtype or torch.get_default_dtype()).clone()
        )

    @classmethod
    def from_data(
        cls, split: Split, *, layers: int = 3, target: Target | None = None
    ) -> DistributionGenerator:
        """Builds one for whole numbers 0 … 2ⁿ − 1: layers of RY and a ring of CZ.

        Args:
            split: The data: a column of whole numbers.
            layers: Layers of the circuit.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.

        Raises:
            ArgumentError: A number has more than ten bits.
            TargetError: The target is unknown or cannot run the circuit.
        """
        bits = value_bits(split)
        circuit = HardwareEfficient(
            bits,
            layers,
            rotations="RY",
            entangler="CZ",
            pattern="ring" if bits > 2 else "linear",
        )
        return cls(circuit, torch.arange(2.0**bits), target=target)

    def classical_twin(self) -> DistributionTable:
        """A softmax of as many numbers as there are values, untrained."""
        return DistributionTable(self.values)

    def forward(self) -> Tensor:
        """The probabilities of all values, (2ⁿ,)."""
        probabilities: Tensor = self.machine()
        return probabilities

    def loss(
        self,
        discriminator: Callable[[Tensor], Tensor],
        objective: AdversarialObjective = "non-saturating",
    ) -> Tensor:
        """The generator's loss: `generator_loss`, averaged over the probabilities.

        Args:
            discriminator: Maps (rows, features) to logits.
            objective: Which of the losses.

        Returns:
            A scalar, differentiable in the circuit's weights.

        Raises:
            ArgumentError: The objective is unknown.
            DataError: A logit is not finite.
            ShapeError: The discriminator gives more than one logit for a row.
        """
        logits = discriminator(self.values)
        check_type("discriminator: its result", logits, Tensor)
        if logits.numel() != len(self.values):
            raise ShapeError(
                "discriminator: expected one logit for each of "
                f"{len(self.values)} rows, got {tuple(logits.shape)}; end it with "
                "one output"
            )
        losses = [generator_loss(logit, objective) for logit in logits.flatten()]
        probabilities = self()
        return torch.dot(probabilities, torch.stack(losses).to(probabilities))

    def mean(self, function_values: Tensor) -> Tensor:
        """The expectation of a function, such as the payoff of an option.

        Args:
            function_values: The function at each value, (2ⁿ,).

        Returns:
            A scalar.

        Raises:
            ShapeError: There are not 2ⁿ numbers.
        """
        if function_values.shape != (len(self.values),):
            raise ShapeError(
                f"function_values: expected one for each value, ({len(self.values)},), "
                f"got {tuple(function_values.shape)}"
            )
        probabilities = self()
        return torch.dot(probabilities, function_values.to(probabilities))

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Samples values.

        Args:
            rows: How many, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, features).
        """
        check_count("rows", rows)
        return self.values[bit_index(self.machine.sample(rows, generator))]


def value_bits(split: Split) -> int:
    """How many bits the largest of whole numbers has, 1 or more.

    Args:
        split: The data: a column of whole numbers.

    Raises:
        ArgumentError: It has more than ten.
    """
    parts = (split.train, split.validation, split.test)
    most = max(int(part.inputs.max()) for part in parts)
    if most.bit_length() > MOST_VALUES:
        raise ArgumentError(
            f"model: distribution_gan reads numbers below 2^{MOST_VALUES}, got {most}; "
            "put them into fewer classes"
        )
    return max(1, most.bit_length())

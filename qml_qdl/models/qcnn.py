"""A classifier that is one circuit: a quantum convolutional neural network."""

from __future__ import annotations

import math
from itertools import product
from typing import Literal

import torch
from torch import Tensor, nn

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Encoding,
    Probabilities,
    Processing,
    QuantumPool,
    qcnn,
)
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.default_circuits import MOST_WIRES
from qml_qdl.nn.execution import Shots
from qml_qdl.nn.layer import QuantumLayer

LEAST_PROBABILITY = 1e-7
"""Smaller probabilities count as this, so that their logarithm is finite."""


@validate_call
class QCNNClassifier(nn.Module):
    """A quantum convolutional neural network, with no classical weight around it.

    The circuit `qcnn` of Cong, Choi and Lukin 2019 (arXiv:1810.03787) with the filters
    of Hur, Kim and Park 2022 (arXiv:2108.00661). The wires that pooling leaves tell the
    class by the probabilities of their bits; logits are the logarithms of these, so
    that torch's cross entropy is that of the paper. Where the number of classes is no
    power of two, bits that name no class are left out, and the rest normalised.

    Args:
        input_shape: Number of features, or (channels, height, width) of images, whose
            pixels are read row by row.
        num_classes: Number of classes, 2 or more.
        encoding: "angle", a wire for each feature, turned by it in radians; or
            "amplitude", the features, normalised, as the amplitudes of ⌈log₂⌉ wires.
        scaling: Factor on the features before they become angles.
        convolution: The filter: 1 … 9, see `HurCircuit`, or a processing on two wires.
        pooling: "zx", "rot" or "trace", see `QuantumPool`.
        measured: Whether wires are measured before they are traced out.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, features) or (rows, channels, height, width).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit, or there would be too many wires.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.models import QCNNClassifier
        >>> model = QCNNClassifier(8, 2)
        >>> model(torch.rand(5, 8)).shape
        torch.Size([5, 2])
        >>> sum(weight.numel() for weight in model.parameters())
        51
    """

    def __init__(
        self,
        input_shape: int | tuple[int, ...],
        num_classes: int,
        *,
        encoding: str = "angle",
        scaling: float = 1.0,
        convolution: int | Processing = 9,
        pooling: str = "zx",
        measured: bool = False,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        shape = input_shape if isinstance(input_shape, tuple) else (input_shape,)
        if len(shape) not in (1, 3):
            raise ArgumentError(
                "input_shape: expected a number of features or (channels, height, "
                f"width), got {input_shape!r}"
            )
        for size in shape:
            check_count("input_shape", size)
        check_count("num_classes", num_classes, 2)
        check_choice("encoding", encoding, ("angle", "amplitude"))
        self.input_shape = tuple(int(size) for size in shape)
        self.num_classes = int(num_classes)
        outputs = math.ceil(math.log2(num_classes))
        wires = _wires(math.prod(shape), encoding, outputs)
        network = qcnn(wires, convolution, pooling, outputs=outputs, measured=measured)
        pool = network.blocks[-1]
        assert isinstance(pool, QuantumPool)
        data: Encoding = (
            AngleEncoding(wires, scaling=scaling)
            if encoding == "angle"
            else AmplitudeEncoding(wires, size=math.prod(shape), scaling=scaling)
        )
        bits = pool.kept[:outputs]
        circuit = network.with_readout(Probabilities(bits)) @ data
        self.quantum = QuantumLayer(
            circuit, target=target, shots=shots, diff_method=diff_method
        )

    @classmethod
    def from_data(
        cls,
        split: Split,
        *,
        encoding: Literal["angle", "amplitude"] | None = None,
        scaling: float = 1.0,
        convolution: int = 9,
        pooling: str = "zx",
        measured: bool = False,
        target: Target | None = None,
    ) -> QCNNClassifier:
        """Builds one for images, or rows of a table.

        Args:
            split: The data.
            encoding: "angle" or "amplitude"; None for "amplitude" of images, where a
                wire for each pixel would be too many, and "angle" of tables.
            scaling: Factor on the features before they become angles.
            convolution: The filter: 1 … 9.
            pooling: "zx", "rot" or "trace".
            measured: Whether wires are measured before they are traced out.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.

        Raises:
            ArgumentError: An argument does not fit, or there would be too many wires.
            TargetError: The target is unknown or cannot run the circuit.
        """
        train = split.train
        return cls(
            train.input_shape,
            train.num_classes,
            encoding=encoding or ("amplitude" if train.is_image else "angle"),
            scaling=scaling,
            convolution=convolution,
            pooling=pooling,
            measured=measured,
            target=target,
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Classifies rows.

        Args:
            rows: (rows, features) or (rows, channels, height, width).

        Returns:
            (rows, num_classes), logits.
        """
        if rows.ndim < 2:
            raise ShapeError(f"rows: expected (rows, ...), got {tuple(rows.shape)}")
        probabilities = self.quantum(rows.flatten(1))[:, : self.num_classes]
        logits: Tensor = torch.log(probabilities.clamp_min(LEAST_PROBABILITY))
        return logits

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return [self.quantum]

    def classical_twin(self) -> nn.Module:
        """A small convolutional network with as many weights, as nearly as they come.

        Two convolutions, each with tanh and max pooling by two where there is room,
        then a linear layer; over images in two directions, over features in one. Of
        all with kernels of 2 or 3 and up to 8 channels, the one nearest in number of
        weights.

        Returns:
            A new, untrained module.
        """
        wanted = count_weights(self.quantum)
        found: list[tuple[int, int, tuple[int, int, int]]] = []
        for sizes in product((3, 2), range(1, 9), range(1, 9)):
            with torch.device("meta"):  # only counted: samples no random numbers
                twin = _twin(self.input_shape, self.num_classes, *sizes)
            if twin is not None:
                distance = abs(count_weights(twin) - wanted)
                found.append((distance, abs(sizes[1] - sizes[2]), sizes))
        chosen = _twin(self.input_shape, self.num_classes, *min(found)[-1])
        assert chosen is not None
        return chosen


def count_weights(module: nn.Module) -> int:
    """How many numbers a module trains.

    Args:
        module: Any module.

    Returns:
        The number.
    """
    return sum(weight.numel() for weight in module.parameters())


def _wires(features: int, encoding: str, outputs: int) -> int:
    wires = features
    if encoding == "amplitude":
        # More wires than the features need, where the classes need them.
        wires = max(2, math.ceil(math.log2(features)), 2 * outputs - 1)
    if wires > MOST_WIRES:
        raise ArgumentError(
            f"input_shape: {features} features need {wires} wires, more than "
            f"{MOST_WIRES}; reduce them, by PCA say, or use encoding='amplitude'"
        )
    if wires < 2 or (wires + 1) // 2 < outputs:
        raise ArgumentError(
            f"num_classes: they need {outputs} wires after pooling, which {wires} "
            "wires do not leave; use more features or fewer classes"
        )
    return wires


def _twin(
    input_shape: tuple[int, ...], num_classes: int, kernel: int, first: int, second: int
) -> nn.Sequential | None:
    """A network of two convolutions; None where the input is too small for it."""
    is_image = len(input_shape) == 3
    conv = nn.Conv2d if is_image else nn.Conv1d
    pool = nn.MaxPool2d if is_image else nn.MaxPool1d
    channels, *size = input_shape if is_image else (1, *input_shape)
    parts: list[nn.Module] = [] if is_image else [nn.Unflatten(1, (1, *input_shape))]
    padding = kernel // 2 if kernel % 2 else 0
    for more in (first, second):
        size = [length + 2 * padding - kernel + 1 for length in size]
        if min(size) < 1:
            return None
        parts += [conv(channels, more, kernel, padding=padding), nn.Tanh()]
        if min(size) > 1:
            parts.append(pool(2))
            size = [length // 2 for length in size]
        channels = more
    head = nn.Linear(channels * math.prod(size), num_classes)
    return nn.Sequential(*parts, nn.Flatten(), head)

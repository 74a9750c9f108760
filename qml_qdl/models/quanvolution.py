"""A classifier of images whose convolution is a quantum circuit."""

from __future__ import annotations

from torch import Tensor, nn

from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.conv import QuantumConv2d
from qml_qdl.nn.execution import Shots
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.patch_sizes import Sizes, check_image_shape


@validate_call
class QuanvolutionClassifier(nn.Module):
    """A trained quantum convolution, then one linear layer.

    The quanvolutional network of Henderson et al. 2019 (arXiv:1904.04767), with its
    circuit trained together with the linear layer instead of sampled at random.

    Args:
        image_shape: (channels, height, width) of the images.
        num_classes: Number of classes.
        channels: Feature maps, the quantum convolution's output channels.
        kernel_size: Height and width of a patch, in pixels.
        stride: Pixels from one patch to the next.
        layers: Strongly entangling layers of the circuit.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, channels, height, width), pixels from 0 to 1.
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit.
        ShapeError: A patch is larger than the images.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.models import QuanvolutionClassifier
        >>> model = QuanvolutionClassifier((1, 8, 8), 10)
        >>> model(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        channels: int = 4,
        kernel_size: Sizes = 2,
        stride: Sizes = 1,
        layers: int = 2,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_image_shape(image_shape)
        check_count("num_classes", num_classes)
        self.image_shape = tuple(image_shape)
        self.conv = QuantumConv2d(
            image_shape[0],
            channels,
            kernel_size,
            stride,
            layers=layers,
            target=target,
            shots=shots,
            diff_method=diff_method,
        )
        self.head = nn.Linear(_num_features(self.conv, image_shape), num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classifies images.

        Args:
            images: (rows, channels, height, width), pixels from 0 to 1.

        Returns:
            (rows, num_classes), logits.
        """
        logits: Tensor = self.head(self.conv(images).flatten(1))
        return logits

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return self.conv.quantum_layers()

    def classical_twin(self) -> nn.Module:
        """The same network with torch's convolution and tanh for the circuit.

        Returns:
            A new, untrained module with kernel, stride, channels and linear layer as
            here.
        """
        conv = self.conv
        height, width = conv.kernel_size
        down, across = conv.stride
        return nn.Sequential(
            nn.Conv2d(
                conv.in_channels, conv.out_channels, (height, width), (down, across)
            ),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(self.head.in_features, self.head.out_features),
        )


def _num_features(conv: QuantumConv2d, image_shape: tuple[int, int, int]) -> int:
    """The size of the flattened feature maps."""
    _, height, width = image_shape
    rows, columns = conv.output_size((height, width))
    return conv.out_channels * rows * columns

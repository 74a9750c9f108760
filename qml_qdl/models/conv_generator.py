"""The convolutional generator: an image through transposed quantum convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.targets import Target
from qml_qdl.models.classical_generators import ClassicalGenerator
from qml_qdl.models.noise_generator import NoiseGenerator
from qml_qdl.models.pixel_circuits import pixel_circuits
from qml_qdl.nn.conv_transpose import QuantumConvTranspose2d
from qml_qdl.nn.options import Shots


@validate_call
class ConvGenerator(NoiseGenerator):
    """A generator of images by transposed quantum convolutions, built like a DCGAN.

    A linear layer turns noise into a small map of features; each transposed quantum
    convolution makes the map `stride` times as large, and the last one has the image's
    channels (Radford, Metz and Chintala 2016, arXiv:1511.06434, with circuits for the
    filters). Each pixel is read by circuits of one wire for a channel, whose outputs
    are a patch of the next map. Every output has a trained gain, since expectation
    values are small, and every channel a bias; a sigmoid ends it.

    The circuits of "sine" are angles z + π/2, layers of RY and a ring of CZ, and as
    outputs orthogonal sums of ⟨Z⟩ of all wires (a Hartley transform). They begin near
    the identity, where ⟨Z⟩ is −sin z: so a convolution begins as a smooth mixture of
    all channels, and products of them come with training.

    Args:
        image_shape: (height, width) of the images, multiples of the product of all
            strides.
        noise_size: Numbers in a row of noise, ≥ 1.
        channels: Channels of the map before each convolution: as many convolutions as
            there are numbers.
        image_channels: Channels of the images, 1 for grey.
        kernel_size: Side of the patch that a pixel becomes, for all convolutions or one
            for each; at least the stride. Where it is larger, patches overlap.
        stride: How many times each convolution enlarges the map, ≥ 1.
        encoding: How channels enter the circuits: "sine", or one of those of
            `QuantumConvTranspose2d`, which then have its circuits, read tanh of the
            channels and begin at random.
        layers: Trained layers of each circuit, ≥ 1.
        target: Where the circuits run; None means "auto".
        shots: Number of shots; None or "keep" for exact values.
        diff_method: How gradients are computed, as in `QuantumLayer`.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, noise_size), standard normal numbers.
        - Output: (rows, image_channels, height, width), from 0 to 1.

    Raises:
        ArgumentError: The strides do not fit the image, a kernel does not fit its
            stride, or another argument does not fit.
        TargetError: The target is unknown or cannot run the circuits.

    Example:
        >>> from qml_qdl.models import ConvGenerator
        >>> generator = ConvGenerator((8, 8), noise_size=5)
        >>> sum(weight.numel() for weight in generator.parameters())
        181
        >>> generator.sample(3).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        noise_size: int = 8,
        *,
        channels: Sequence[int] = (4, 4),
        image_channels: int = 1,
        kernel_size: int | Sequence[int] = 2,
        stride: int | Sequence[int] = 2,
        encoding: str = "sine",
        layers: int = 3,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(noise_size)
        check_count("image_channels", image_channels)
        channels = _counts("channels", channels)
        kernels = _counts("kernel_size", kernel_size, len(channels))
        strides = _counts("stride", stride, len(channels))
        self.image_shape = tuple(image_shape)
        self.feature_shape = (channels[0], *_start(image_shape, strides))
        self.encoding = encoding
        self.kernels, self.strides = kernels, strides
        self.paddings = [
            _paddings(kernel, stride)
            for kernel, stride in zip(kernels, strides, strict=True)
        ]
        self.widths = (*channels, image_channels)
        like = torch.empty(0, device=device, dtype=dtype)
        cards = [like.get_device()] if like.is_cuda else []
        # All of these are sampled again below, where `generator` is what samples.
        with torch.random.fork_rng(cards, enabled=generator is not None):
            self.project = nn.Linear(
                noise_size, math.prod(self.feature_shape), device=device, dtype=dtype
            )
            # Outputs are all channels of one place of the patch, then of the next. In
            # the other order channels would begin alike, and the maps were worse.
            self.convolutions = nn.ModuleList(
                QuantumConvTranspose2d(
                    before,
                    after * kernel**2,
                    kernel_size=1,
                    bias=False,
                    device=device,
                    dtype=dtype,
                    circuit=pixel_circuits(before, after * kernel**2, encoding, layers),
                    target=target,
                    shots=shots,
                    diff_method=diff_method,
                )
                for before, after, kernel in zip(
                    channels, self.widths[1:], kernels, strict=True
                )
            )
        sizes = tuple(zip(self.widths[1:], kernels, strict=True))
        self.gains = nn.ParameterList(
            like.new_empty(kernel**2, after) for after, kernel in sizes
        )
        self.biases = nn.ParameterList(like.new_empty(after) for after, _ in sizes)
        self.reset_parameters(generator)

    @classmethod
    def from_data(
        cls, split: Split, *, layers: int = 3, target: Target | None = None
    ) -> ConvGenerator:
        """Builds one for images: two convolutions of stride two, noise of five numbers.

        Args:
            split: The data: images.
            layers: Layers of the circuits.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.

        Raises:
            ArgumentError: The sides of the images are no multiples of four.
            TargetError: The target is unknown or cannot run the circuit.
        """
        channels, height, width = split.train.input_shape
        return cls(
            (height, width), 5, image_channels=channels, layers=layers, target=target
        )

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew; features begin with a spread of about one.

        Args:
            generator: Random numbers; None for torch's own.
        """
        for convolution in self._convolutions():
            convolution.reset_parameters(generator)
        with torch.no_grad():
            if self.encoding == "sine":
                # Near the identity.
                for weight in self.convolutions.parameters():
                    weight.normal_(0, 0.1, generator=generator)
            spread = 1 / math.sqrt(self.noise_size)
            self.project.weight.normal_(0, spread, generator=generator)
            self.project.bias.zero_()
            # Sums of sines reach √channels, other outputs 1 and seldom that.
            size = 1.0 if self.encoding == "sine" else 2.0
            for gain, bias in zip(self.gains, self.biases, strict=True):
                gain.fill_(2 * size if gain is self.gains[-1] else size)
                bias.zero_()

    def _convolutions(self) -> list[QuantumConvTranspose2d]:
        return [
            each
            for each in self.convolutions
            if isinstance(each, QuantumConvTranspose2d)
        ]

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"{self.image_shape}, noise_size={self.noise_size}"

    def generate(self, noise: Tensor) -> Tensor:
        """Images from noise.

        Args:
            noise: (rows, noise_size).

        Returns:
            (rows, image_channels, height, width), from 0 to 1.
        """
        weight, bias = self.project.weight.to(noise), self.project.bias.to(noise)
        features = functional.linear(noise, weight, bias)
        maps: Tensor = features.unflatten(1, self.feature_shape)
        affine = zip(self.gains, self.biases, strict=True)
        sizes = zip(self.kernels, self.strides, self.paddings, strict=True)
        for convolution, (gain, bias), (kernel, stride, (padding, _)) in zip(
            self._convolutions(), affine, sizes, strict=True
        ):
            read = maps + math.pi / 2 if self.encoding == "sine" else maps.tanh()
            values = convolution(read).flatten(2).unflatten(1, gain.shape)
            patches = (gain.to(noise)[..., None] * values).transpose(1, 2)
            height, width = maps.shape[2:]
            maps = functional.fold(
                patches.flatten(1, 2),
                (height * stride, width * stride),
                kernel,
                stride=stride,
                padding=padding,
            )
            maps = maps + bias.to(noise)[:, None, None]
        return maps.sigmoid()

    def classical_twin(self) -> ClassicalGenerator:
        """The same network with torch's transposed convolutions for the circuits.

        Returns:
            A new, untrained generator with the same noise, channels, kernels and
            strides.
        """
        parts: list[nn.Module] = [
            nn.Linear(self.noise_size, math.prod(self.feature_shape)),
            nn.Unflatten(1, self.feature_shape),
        ]
        widths = zip(self.widths[:-1], self.widths[1:], strict=True)
        sizes = zip(self.kernels, self.strides, self.paddings, strict=True)
        for (before, after), (kernel, stride, (padding, extra)) in zip(
            widths, sizes, strict=True
        ):
            parts += [
                nn.Tanh(),
                nn.ConvTranspose2d(before, after, kernel, stride, padding, extra),
            ]
        network = nn.Sequential(*parts, nn.Sigmoid())
        return ClassicalGenerator(network.to(self.project.weight), self.noise_size)


def _counts(
    name: str, values: int | Sequence[int], length: int | None = None
) -> tuple[int, ...]:
    """Numbers for each convolution, checked."""
    if not isinstance(values, Sequence):
        check_count(name, values)
        return (values,) * (length or 1)
    counts = () if isinstance(values, bytes) else tuple(values)
    if not counts or length not in (None, len(counts)):
        wanted = "one or more numbers" if length is None else f"{length} numbers"
        raise ArgumentError(
            f"{name}: expected {wanted}, one for each convolution, got {values!r}; "
            "give as many as channels"
        )
    for count in counts:
        check_count(name, count)
    return counts


def _start(image_shape: tuple[int, int], strides: Sequence[int]) -> tuple[int, int]:
    """Height and width of the first map."""
    if not isinstance(image_shape, Sequence) or len(image_shape) != 2:
        raise ArgumentError(
            f"image_shape: expected (height, width), got {image_shape!r}; give colours "
            "as image_channels"
        )
    for side in image_shape:
        check_count("image_shape", side)
    total = math.prod(strides)
    height, width = image_shape
    if height % total or width % total:
        raise ArgumentError(
            f"image_shape: strides {tuple(strides)} enlarge a map {total} times, and "
            f"{tuple(image_shape)} is no multiple of it; choose strides whose product "
            "divides height and width, or pad the images"
        )
    return height // total, width // total


def _paddings(kernel: int, stride: int) -> tuple[int, int]:
    """Padding and output padding, so that n pixels become n · stride."""
    padding = (kernel - stride + 1) // 2
    extra = 2 * padding - (kernel - stride)
    if kernel < stride or extra >= stride:
        wanted = "an odd number" if stride == 1 else f"at least the stride {stride}"
        raise ArgumentError(
            f"kernel_size: expected {wanted} where stride={stride}, got {kernel}; "
            f"pass kernel_size={stride} or {stride + 2}"
        )
    return padding, extra

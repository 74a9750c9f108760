"""The patch generator: an image from several small circuits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from qml_qdl.circuits import AngleEncoding, HardwareEfficient, Probabilities
from qml_qdl.circuits.driven import Driven
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.data.parts import Split
from qml_qdl.generative.noise_generator import NoiseGenerator
from qml_qdl.generative.twins import ClassicalGenerator, image_network
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

Pixels = Literal["max", "brightness", "exponential"]
PIXELS = ("max", "brightness", "exponential")

PATCH = 16
"""Pixels of a patch made for data, unless a row of the image has more."""


@validate_call
class PatchGenerator(NoiseGenerator):
    """A generator of images, each patch of which is drawn by a circuit of its own.

    All circuits read the same noise, differ in their weights, and run as one batch of
    one structure: rows × patches. A circuit turns each wire by its noise, then passes
    layers of RY and a chain of CZ; its data wires give the probabilities of the patch's
    pixels, given that all ancillas were measured 0, which makes the map non-linear
    (Huang et al. 2021, arXiv:2010.06201).

    Args:
        image_shape: (height, width) of the images.
        patch_shape: (height, width) of a patch; patches tile the image row by row.
        num_ancillas: Wires that are measured and must give 0; 0 for none.
        layers: Layers of each circuit, ≥ 1.
        pixels: How probabilities p become pixels from 0 to 1: "max" divides by the
            largest in the patch, as in the paper, so that no patch can be dark;
            "brightness" also multiplies by the probability that the ancillas give 0,
            so the circuit decides how bright a patch is; "exponential" is
            1 − exp(−s p) with a trained s for each patch.
        target: Where the circuits run; None means "auto".
        shots: Number of shots; None or "keep" for exact probabilities.
        diff_method: How gradients are computed, as in `QuantumLayer`.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, noise_size), angles in radians.
        - Output: (rows, 1, height, width), from 0 to 1.

    Raises:
        ArgumentError: The image does not split into such patches, or an argument does
            not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.generative import PatchGenerator
        >>> generator = PatchGenerator((8, 8), (2, 8), num_ancillas=1, layers=6)
        >>> sum(weight.numel() for weight in generator.parameters())
        120
        >>> generator.sample(3).shape
        torch.Size([3, 1, 8, 8])
    """

    noise = "uniform"

    def __init__(
        self,
        image_shape: tuple[int, int],
        patch_shape: tuple[int, int],
        *,
        num_ancillas: int = 1,
        layers: int = 6,
        pixels: Pixels = "max",
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_count("num_ancillas", num_ancillas, 0)
        check_choice("pixels", pixels, PIXELS)
        if pixels == "brightness" and not num_ancillas:
            raise ArgumentError(
                "pixels: 'brightness' is the probability that ancillas give 0, but "
                "there are none; pass num_ancillas=1 or more"
            )
        grid = _grid(image_shape, patch_shape)
        data_wires = max(1, (math.prod(patch_shape) - 1).bit_length())
        wires = num_ancillas + data_wires
        super().__init__(wires)
        self.grid = grid
        self.image_shape = tuple(image_shape)
        self.patch_shape = tuple(patch_shape)
        self.num_ancillas = num_ancillas
        self.pixels = pixels
        processing = HardwareEfficient(
            wires, layers, rotations="RY", entangler="CZ", pattern="linear"
        )
        circuit = Driven(processing, features=slice(wires, None)) @ AngleEncoding(
            wires, features=slice(0, wires)
        )
        self.layer = QuantumLayer(
            circuit.with_readout(Probabilities()),
            target=target,
            shots=shots,
            diff_method=diff_method,
        )
        patches = math.prod(self.grid)
        angles = math.prod(processing.weight_shape)
        like = torch.empty(0, device=device, dtype=dtype)
        self.weight = nn.Parameter(like.new_empty(patches, angles))
        scales = patches if pixels == "exponential" else 0
        self.log_scale = nn.Parameter(like.new_empty(scales)) if scales else None
        self.reset_parameters(generator)

    @classmethod
    def from_data(
        cls, split: Split, *, layers: int = 6, target: Target | None = None
    ) -> PatchGenerator:
        """Builds one for images, whose patches are whole rows of them.

        Patches have up to 16 pixels, or one row of a wider image, and one ancilla.

        Args:
            split: The data: grey images.
            layers: Layers of the circuit.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.

        Raises:
            ArgumentError: The images have colours.
            TargetError: The target is unknown or cannot run the circuit.
        """
        channels, height, width = split.train.input_shape
        if channels != 1:
            raise ArgumentError(
                f"model: patch_gan draws grey images, got {channels} channels; use "
                "conv_gan, or grey images"
            )
        rows = max(
            r
            for r in range(1, height + 1)
            if height % r == 0 and (r == 1 or r * width <= PATCH)
        )
        return cls(
            (height, width),
            (rows, width),
            num_ancillas=1,
            layers=layers,
            pixels="exponential",
            target=target,
        )

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws all angles anew, uniform over [0, 2π).

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            self.weight.uniform_(0, 2 * math.pi, generator=generator)
            if self.log_scale is not None:
                # A uniform patch then is half bright.
                size = math.prod(self.patch_shape)
                self.log_scale.fill_(math.log(size * math.log(2)))

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return (
            f"{self.image_shape}, {self.patch_shape}, "
            f"num_ancillas={self.num_ancillas}, pixels={self.pixels!r}"
        )

    def generate(self, noise: Tensor) -> Tensor:
        """Images from noise.

        Args:
            noise: (rows, noise_size), angles in radians.

        Returns:
            (rows, 1, height, width), from 0 to 1.
        """
        rows, patches = len(noise), len(self.weight)
        weight = self.weight.to(noise)
        inputs = torch.cat(
            [
                noise[:, None].expand(-1, patches, -1),
                weight[None].expand(rows, -1, -1),
            ],
            dim=-1,
        )
        return self._assembled(self._patches(self.layer(inputs)))

    def _patches(self, probabilities: Tensor) -> Tensor:
        """Pixels of each patch, (rows, patches, pixels)."""
        # The ancillas are the first wires: where all give 0 is the first part.
        given = probabilities[..., : math.prod(self.patch_shape)]
        if self.pixels == "max":
            return given / _or_one(given.amax(-1, keepdim=True))
        data_wires = self.noise_size - self.num_ancillas
        kept = probabilities[..., : 2**data_wires].sum(-1, keepdim=True)
        if self.log_scale is not None:
            scale = self.log_scale.exp().to(given)[:, None]
            return -torch.expm1(-scale * given / _or_one(kept))
        return given / _or_one(given.amax(-1, keepdim=True)) * kept

    def _assembled(self, patches: Tensor) -> Tensor:
        down, across = self.grid
        height, width = self.patch_shape
        tiles = patches.reshape(-1, down, across, height, width)
        return tiles.transpose(2, 3).reshape(-1, 1, *self.image_shape)

    def classical_twin(self) -> ClassicalGenerator:
        """A torch generator of the same images from the same noise.

        Returns:
            A new, untrained generator: a linear layer, tanh and one transposed
            convolution, with the number of weights nearest to this one's.
        """
        height, width = self.image_shape
        weights = sum(weight.numel() for weight in self.parameters())
        network = image_network(self.noise_size, (height, width), weights)
        return ClassicalGenerator(
            network.to(self.weight), self.noise_size, noise="uniform"
        )


def _or_one(totals: Tensor) -> Tensor:
    """Divisors: shots may never have found the ancillas in 0, and the patch is dark."""
    return torch.where(totals > 0, totals, 1.0)


def _grid(image: tuple[int, int], patch: tuple[int, int]) -> tuple[int, int]:
    """Patches down and across."""
    for name, shape in (("image_shape", image), ("patch_shape", patch)):
        if not isinstance(shape, Sequence) or len(shape) != 2:
            raise ArgumentError(f"{name}: expected (height, width), got {shape!r}")
        for side in shape:
            check_count(name, side)
    if image[0] % patch[0] or image[1] % patch[1]:
        raise ArgumentError(
            f"patch_shape: images of {tuple(image)} do not split into patches of "
            f"{tuple(patch)}; choose divisors of height and width"
        )
    return image[0] // patch[0], image[1] // patch[1]

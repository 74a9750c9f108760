"""Classifiers of images that do not mind by which angle the images are turned."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from qml_qdl.circuits import (
    ChargeConserving,
    ChargeEncoding,
    Circuit,
    charge_readout,
    charge_words,
)
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, check_type, validate_call
from qml_qdl.data import rotate_images
from qml_qdl.geometry.rings import ImageRings
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

CHARGES = (0, 0, 1, 1, 2, 2, 3, 4)
"""The charges of eight wires, as many for a mode as it tells of a small image."""


@validate_call
def ring_circuit(charges: Sequence[int] = CHARGES, layers: int = 3) -> Circuit:
    """Complex numbers of given charges, others in each layer, read out as invariants.

    Args:
        charges: m of each wire.
        layers: Layers of `ChargeEncoding` and `ChargeConserving`.

    Returns:
        A circuit that reads real and imaginary part of one number for each wire, layer
        after layer. Where each number of charge m is turned by exp(imα), its results do
        not change.

    Raises:
        ArgumentError: There is no layer.
        ArgumentTypeError: The charges are no whole numbers.

    Example:
        >>> U = ring_circuit((0, 1, 1, 2), layers=2)
        >>> U.num_inputs, U.output_shape
        (16, (16,))
    """
    check_count("layers", layers)
    check_type("charges", charges, Sequence)
    wires, blocks = len(charges), []
    for layer in range(layers):
        features = range(2 * wires * layer, 2 * wires * (layer + 1))
        blocks += [
            ChargeEncoding(wires, charges, features=features),
            ChargeConserving(wires, charges, quadratures="real"),
        ]
    return Circuit(blocks, readout=charge_readout(wires, charges))


@frozen
class RotationError:
    """By how much logits change when images are turned.

    Args:
        of_modes: Where their Fourier modes are turned, which is exact.
        of_pixels: Where their pixels are, which have to be resampled.

    Both are root mean squares over images and classes, in units of the logits'.
    """

    of_modes: float
    of_pixels: float


class ModeNorm(nn.Module):
    """Batch normalisation of Fourier modes, which keeps how they turn.

    The mean over the rows is taken from m = 0 alone, ring by ring, and each m is
    divided by one root mean square over rows and rings.

    Args:
        rings: Number of rings.
        modes: Number of modes.
        momentum: Share of a batch in the averages that are used in evaluation; the
            first batches are averaged evenly.

    Shape:
        - Input: (rows, rings, modes), complex; output alike.
    """

    mean: Tensor
    square: Tensor
    batches: Tensor

    def __init__(self, rings: int, modes: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(rings))
        self.register_buffer("square", torch.ones(modes))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, modes: Tensor) -> Tensor:
        """The normalised modes."""
        if not self.training or not len(modes):
            return self._centred(modes, self.mean) * (self.square + _EPSILON).rsqrt()
        mean = modes[..., 0].real.mean(0)
        centred = self._centred(modes, mean)
        square = centred.abs().square().mean((0, 1))
        with torch.no_grad():
            self.batches += 1
            share = self.batches.reciprocal().clamp(min=self.momentum)
            self.mean.lerp_(mean, share)
            self.square.lerp_(square, share)
        return centred * (square + _EPSILON).rsqrt()

    def _centred(self, modes: Tensor, mean: Tensor) -> Tensor:
        return modes - nn.functional.pad(mean[:, None], (0, modes.shape[-1] - 1))


_EPSILON = 1e-6
"""Pixels go from 0 to 1: what is smaller than a thousandth is no signal."""


class ModeMixing(nn.Module):
    """Complex combinations of rings inside one mode, which turn as the mode does.

    Args:
        rings: Number of rings.
        charges: m of each number that is made; of −m it is made of conjugates.
        copies: How many of each.

    Shape:
        - Input: (rows, rings, modes), complex.
        - Output: (rows, copies, charges), complex.
    """

    places: Tensor
    negative: Tensor
    neutral: Tensor

    def __init__(self, rings: int, charges: Sequence[int], copies: int) -> None:
        super().__init__()
        m = torch.tensor(charges)
        self.register_buffer("places", m.abs(), persistent=False)
        self.register_buffer("negative", m < 0, persistent=False)
        self.register_buffer("neutral", torch.nonzero(m == 0)[:, 0], persistent=False)
        # So that the turns of a circuit begin with about one radian.
        scale = 1 / math.sqrt(2 * rings)
        self.weight = nn.Parameter(scale * torch.randn(copies, len(m), rings, 2))
        self.bias = nn.Parameter(0.3 * torch.randn(copies, len(self.neutral), 2))

    def forward(self, modes: Tensor) -> Tensor:
        """The combinations."""
        own = modes[..., self.places]
        own = torch.where(self.negative, own.conj(), own)
        weight, bias = map(torch.view_as_complex, (self.weight, self.bias))
        found = torch.einsum("brk,ckr->bck", own, weight)
        return found.index_add(2, self.neutral, bias.expand(len(found), -1, -1))


@validate_call
class RingNetwork(nn.Module, ABC):
    """Rings of an image, mixed mode by mode, then invariants and one linear layer.

    Abstract base: a subclass makes invariants of the mixed numbers.

    Args:
        image_shape: (channels, height, width).
        num_classes: Number of classes.
        charges: Charges of the mixed numbers.
        copies: How many numbers of each.
        num_invariants: How many invariants there will be.
        samples: Angles on each ring.
        dropout: Share of invariants left out in training.

    Raises:
        ArgumentError: An argument does not fit.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        charges: Sequence[int],
        copies: int,
        num_invariants: int,
        samples: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if len(image_shape) != 3:
            raise ArgumentError(
                "image_shape: expected (channels, height, width), got "
                f"{tuple(image_shape)}; a grey image has one channel"
            )
        for size in image_shape:
            check_count("image_shape", size)
        check_count("num_classes", num_classes)
        if not 0 <= dropout < 1:
            raise ArgumentError(
                f"dropout: expected a share of 0 or more and below 1, got {dropout}"
            )
        self.charges = tuple(map(int, charges))
        self.image_shape = image_shape
        highest = max(map(abs, self.charges))
        self.rings = ImageRings(image_shape[1:], samples=samples, max_mode=highest)
        count = image_shape[0] * len(self.rings.radii)
        self.norm = ModeNorm(count, highest + 1)
        self.mixing = ModeMixing(count, self.charges, copies)
        self.scale = nn.LayerNorm(num_invariants)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(num_invariants, num_classes)

    @abstractmethod
    def invariants(self, numbers: Tensor) -> Tensor:
        """What no rotation changes.

        Args:
            numbers: (rows, copies, charges), complex, each turned by its charge.

        Returns:
            (rows, num_invariants), real.
        """

    def forward(self, images: Tensor) -> Tensor:
        """Classifies images.

        Args:
            images: (rows, channels, height, width).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The images have another shape.
        """
        if tuple(images.shape[1:]) != self.image_shape:
            sizes = ", ".join(map(str, self.image_shape))
            raise ShapeError(
                f"images: expected (rows, {sizes}), got {tuple(images.shape)}"
            )
        return self.classify(self.rings(images))

    def classify(self, modes: Any) -> Tensor:
        """Classifies images by their modes.

        Args:
            modes: (rows, channels, rings, modes), complex, as `rings` returns them.

        Returns:
            (rows, num_classes), logits.
        """
        numbers = self.mixing(self.norm(modes.flatten(1, 2)))
        invariants = self.dropout(self.scale(self.invariants(numbers)))
        logits: Tensor = self.head(invariants)
        return logits

    @torch.no_grad()
    def rotation_error(self, images: Tensor, degrees: float) -> RotationError:
        """By how much logits change when images are turned.

        Args:
            images: (rows, channels, height, width).
            degrees: The angle, counter-clockwise.

        Returns:
            The change where modes are turned, and where pixels are.

        Raises:
            ShapeError: The images have another shape.
        """
        modes = self.rings(images)
        logits = self.classify(modes)
        turned = torch.as_tensor(rotate_images(images.numpy(force=True), degrees))
        exact = self.classify(self.rings.turned(modes, math.radians(degrees)))
        changes = [each - logits for each in (exact, self(turned.to(images)))]
        scale = float(logits.norm()) or 1.0
        return RotationError(*(float(change.norm()) / scale for change in changes))


@validate_call
class RingClassifier(RingNetwork):
    """A circuit on rings of an image: exact for every angle by which rings turn.

    The Fourier modes of rings about the centre are mixed, ring with ring inside each m,
    into one complex number for each wire and layer, whose charge is m. These turn
    qubits, gates that keep charge mix those, and what is read out does not change when
    the image turns; so handedness and relative phases of modes are seen, which power
    spectra do not show. To turn pixels is to resample them: `rotation_error` says what
    that changes.

    Args:
        image_shape: (channels, height, width), of any size from 3 × 3.
        num_classes: Number of classes.
        circuits: How many circuits, each with weights of its own.
        layers: Layers of each, which encode other combinations of the same rings.
        charges: m of each wire.
        samples: Angles on each ring, more than twice the highest charge.
        dropout: Share of invariants left out in training, at least 0 and below 1.
        target: Where the circuits run; None means "auto".
        shots: Number of shots; None or "keep" for exact results. Sampled results are
            invariant on average only.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, channels, height, width), pixels from 0 to 1.
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit.
        ArgumentTypeError: The charges are no whole numbers.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.geometry import RingClassifier
        >>> model = RingClassifier((1, 9, 9), 3, charges=(0, 1, 1, 2)).eval()
        >>> modes = model.rings(torch.rand(2, 1, 9, 9))
        >>> turned = model.rings.turned(modes, 0.7)
        >>> torch.allclose(model.classify(modes), model.classify(turned), atol=1e-5)
        True
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        circuits: int = 2,
        layers: int = 3,
        charges: Sequence[int] = CHARGES,
        samples: int = 16,
        dropout: float = 0.2,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        check_count("circuits", circuits)
        circuit = ring_circuit(charges, layers)
        num_outputs = sum(size or 0 for size in circuit.output_shape)
        super().__init__(
            image_shape,
            num_classes,
            charges=charges,
            copies=circuits * layers,
            num_invariants=circuits * num_outputs,
            samples=samples,
            dropout=dropout,
        )
        self.quantum = nn.ModuleList(
            QuantumLayer(
                circuit,
                init_method="near_identity",
                target=target,
                shots=shots,
                diff_method=diff_method,
            )
            for _ in range(circuits)
        )

    def invariants(self, numbers: Any) -> Tensor:
        """Expectation values of all circuits.

        Args:
            numbers: (rows, circuits · layers, charges), complex.

        Returns:
            (rows, circuits · outputs).
        """
        parts = torch.view_as_real(numbers).flatten(2)
        rows = parts.unflatten(1, (len(self.quantum), -1)).flatten(2)
        return torch.cat([q(rows[:, k]) for k, q in enumerate(self.quantum)], dim=1)

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return list(self.quantum)  # type: ignore[arg-type]

    def classical_twin(self) -> nn.Module:
        """The same network with products of numbers for the circuits.

        Returns:
            A new, untrained `RingProducts` of about as many weights.
        """
        weights = sum(weight.numel() for weight in self.parameters())
        classes, mixing = self.head.out_features, self.mixing
        numbers = (mixing.weight.numel() + mixing.bias.numel()) // len(mixing.weight)
        outputs = self.head.in_features // len(self.quantum)
        each = numbers + (2 + classes) * outputs  # of a copy, all that it needs
        return RingProducts(
            self.image_shape,
            classes,
            charges=self.charges,
            copies=max(1, round((weights - classes) / each)),
            samples=self.rings.samples,
            dropout=self.dropout.p,
        )


@validate_call
class RingProducts(RingNetwork):
    """Products of modes that no rotation changes: a bispectrum of trained mixtures.

    The words that a circuit is read out on, with a number z of each wire for σ⁺, its
    conjugate for σ⁻ and `|z|²` for Z; numbers are first scaled to `|z|` < 1.

    Args:
        image_shape: (channels, height, width), of any size from 3 × 3.
        num_classes: Number of classes.
        charges: Charges of the mixed numbers.
        copies: How many of each, with products of their own.
        samples: Angles on each ring, more than twice the highest charge.
        dropout: Share of products left out in training, at least 0 and below 1.

    Shape:
        - Input: (rows, channels, height, width).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit.
        ArgumentTypeError: The charges are no whole numbers.

    Example:
        >>> import torch
        >>> from qml_qdl.geometry import RingProducts
        >>> model = RingProducts((1, 9, 9), 3, charges=(0, 1, 1, 2))
        >>> model(torch.rand(2, 1, 9, 9)).shape
        torch.Size([2, 3])
    """

    letters: Tensor
    ladders: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        charges: Sequence[int] = CHARGES,
        copies: int = 3,
        samples: int = 16,
        dropout: float = 0.2,
    ) -> None:
        check_count("copies", copies)
        words = charge_words(charges)
        ladders = [k for k, word in enumerate(words) if set(word) & {"+", "-"}]
        super().__init__(
            image_shape,
            num_classes,
            charges=charges,
            copies=copies,
            num_invariants=copies * (len(words) + len(ladders)),
            samples=samples,
            dropout=dropout,
        )
        letters = [["IZ+-".index(letter) for letter in word] for word in words]
        self.register_buffer("letters", torch.tensor(letters), persistent=False)
        self.register_buffer("ladders", torch.tensor(ladders), persistent=False)

    def invariants(self, numbers: Any) -> Tensor:
        """Real and imaginary parts of all products.

        Args:
            numbers: (rows, copies, charges), complex.

        Returns:
            (rows, products).
        """
        square = numbers.abs().square()
        z = numbers / (1 + square).sqrt()
        size = (square / (1 + square)).to(z)
        table = torch.stack([torch.ones_like(z), size, z, z.conj()], dim=-1)
        wires = torch.arange(len(self.charges), device=z.device)
        products = table[:, :, wires, self.letters].prod(-1)
        parts = [products.real, products.imag[..., self.ladders]]
        return torch.cat(parts, dim=-1).flatten(1)

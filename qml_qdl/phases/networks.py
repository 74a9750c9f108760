"""Networks that read sets of snapshots."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import as_items, check_count, validate_call
from qml_qdl.manybody.sectors import check_spins


@validate_call
class SnapshotNetwork(nn.Module, ABC):
    """Embeds each snapshot, and classifies the mean of the embeddings of a set.

    So the order of snapshots does not matter, and sets may be of any size (Zaheer and
    others 2017, arXiv:1703.06114). A site has a channel for each letter in use: ±1 in
    that of the letter that was measured there, 0 in the others. With `flip`, snapshots
    are embedded with their spins along Y and Z turned over, too, and the mean is taken:
    a symmetry of Ising models of all kinds.

    Args:
        shape: The lattice.
        bases: The bases of a row, words of X, Y and Z.
        width: Numbers of an embedding.
        num_classes: Classes, 2 or more.
        flip: Whether the mean over flips is taken.

    Raises:
        ArgumentError: A number is out of its range.
        DataError: A basis does not fit the lattice.
    """

    mask: Tensor
    turned: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        bases: Sequence[str],
        width: int,
        num_classes: int,
        flip: bool,
    ) -> None:
        super().__init__()
        sides, words = as_items(shape) or (), as_items(bases) or ()
        if not sides or len(sides) > 2:
            raise ArgumentError(f"shape: expected one or two sides, got {shape!r}")
        for side in sides:
            check_count("shape", side)
        check_count("width", width)
        check_count("num_classes", num_classes, 2)
        self.shape = tuple(map(int, sides))
        sites = math.prod(self.shape)
        if not words or any(len(w) != sites or set(w) - set("XYZ") for w in words):
            raise DataError(
                f"bases: expected words of {sites} letters X, Y and Z, got {words!r}"
            )
        self.letters = sorted(set("".join(words)))
        self.flip = flip
        mask = torch.tensor(
            [[[a == b for b in w] for a in self.letters] for w in words]
        )
        self.register_buffer("mask", mask.float(), persistent=False)
        signs = [1.0 if letter == "X" else -1.0 for letter in self.letters]
        self.register_buffer("turned", torch.tensor(signs)[:, None], persistent=False)
        self.head = nn.Linear(width, num_classes)

    @abstractmethod
    def embed(self, snapshots: Tensor) -> Tensor:
        """Embeds snapshots.

        Args:
            snapshots: `(snapshots, channels, *shape)`.

        Returns:
            (snapshots, width).
        """

    def forward(self, rows: Tensor) -> Tensor:
        """Classifies sets.

        Args:
            rows: Spins ±1, (rows, bases · shots · sites), as `Scan.spins` has them.

        Returns:
            (rows, num_classes), logits.

        Raises:
            ArgumentError: A number is not ±1.
            ShapeError: It is no whole number of shots.
        """
        bases, channels, sites = self.mask.shape
        _check_spins(rows, bases * sites)
        spins = rows.reshape(len(rows), bases, -1, 1, sites) * self.mask[:, None]
        flat = spins.reshape(-1, channels, sites)
        parts = [flat, flat * self.turned] if self.flip else [flat]
        found = [self.embed(part.unflatten(2, self.shape)) for part in parts]
        mean = torch.stack(found).mean(0).reshape(len(rows), -1, found[0].shape[-1])
        logits: Tensor = self.head(mean.mean(1))
        return logits


@validate_call
class SnapshotCNN(SnapshotNetwork):
    """Convolutions over the lattice of each snapshot, then the mean over its sites.

    Two convolutions of three sites in each direction; those of a lattice in two
    directions go round its edges.

    Args:
        shape: The lattice: (sites,) of a chain, or (rows, columns).
        bases: The bases of a row, words of X, Y and Z.
        width: Channels.
        num_classes: Classes, 2 or more.
        flip: Whether the mean over flips of all spins is taken.

    Shape:
        - Input: (rows, bases · shots · sites), ±1.
        - Output: (rows, num_classes), logits.

    Example:
        >>> import torch
        >>> model = SnapshotCNN((4, 4), ["Z" * 16])
        >>> model(torch.ones(2, 3 * 16)).shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        shape: Sequence[int],
        bases: Sequence[str],
        width: int = 16,
        num_classes: int = 2,
        *,
        flip: bool = True,
    ) -> None:
        super().__init__(shape, bases, width, num_classes, flip)
        flat = len(self.shape) == 2
        kind: Any = nn.Conv2d if flat else nn.Conv1d
        mode = "circular" if flat else "zeros"
        settings: dict[str, Any] = {"padding": 1, "padding_mode": mode}
        self.convolutions = nn.Sequential(
            kind(len(self.letters), width, 3, **settings),
            nn.ReLU(),
            kind(width, width, 3, **settings),
            nn.ReLU(),
        )
        self.last = nn.Sequential(nn.Linear(width, width), nn.ReLU())

    def embed(self, snapshots: Tensor) -> Tensor:
        """The mean over the sites of what convolutions find, and one more layer."""
        found: Tensor = self.last(self.convolutions(snapshots).flatten(2).mean(2))
        return found


@validate_call
class SnapshotTransformer(SnapshotNetwork):
    """Attention between the patches of each snapshot, with their places.

    Args:
        shape: The lattice: (sites,) of a chain, or (rows, columns).
        bases: The bases of a row, words of X, Y and Z.
        width: Numbers of each patch, a multiple of `heads`.
        num_classes: Classes, 2 or more.
        patch: Sites of a patch in each direction, which divide those of the lattice.
        layers: Layers of attention.
        heads: Heads of each.
        flip: Whether the mean over flips of all spins is taken.

    Shape:
        - Input: (rows, bases · shots · sites), ±1.
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: Patches do not divide the lattice, or heads the width.

    Example:
        >>> import torch
        >>> model = SnapshotTransformer((4, 4), ["Z" * 16], patch=2)
        >>> model(torch.ones(2, 16)).shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        shape: Sequence[int],
        bases: Sequence[str],
        width: int = 16,
        num_classes: int = 2,
        *,
        patch: int = 1,
        layers: int = 1,
        heads: int = 2,
        flip: bool = True,
    ) -> None:
        super().__init__(shape, bases, width, num_classes, flip)
        for name, number in (("patch", patch), ("layers", layers), ("heads", heads)):
            check_count(name, number)
        if any(side % patch for side in self.shape):
            raise ArgumentError(
                f"patch: expected a number that divides {self.shape}, got {patch}"
            )
        if width % heads:
            raise ArgumentError(
                f"width: expected a multiple of {heads}, the heads, got {width}"
            )
        flat = len(self.shape) == 2
        kind: Any = nn.Conv2d if flat else nn.Conv1d
        self.patches = kind(len(self.letters), width, patch, patch)
        places = math.prod(side // patch for side in self.shape)
        self.places = nn.Parameter(0.02 * torch.randn(places, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def embed(self, snapshots: Tensor) -> Tensor:
        """The mean over patches of what attention finds."""
        tokens = self.patches(snapshots).flatten(2).transpose(1, 2) + self.places
        found: Tensor = self.encoder(tokens).mean(1)
        return found


@validate_call
class SnapshotAutoencoder(nn.Module):
    """Squeezes each snapshot into a few numbers, and brings it back.

    Trained on one phase it does not know the other, whose snapshots it brings back
    badly: anomalies, by which a boundary is found from one side (Kottmann and others
    2020, arXiv:2003.09905).

    Args:
        num_sites: Spins of a snapshot.
        latent: Numbers it is squeezed into.

    Shape:
        - Input: (rows, shots · num_sites), ±1.
        - Output: (rows,), one minus the mean squared error over 4: 1 where all comes
          back.

    Example:
        >>> import torch
        >>> SnapshotAutoencoder(16, 4)(torch.ones(2, 3 * 16)).shape
        torch.Size([2])
    """

    def __init__(self, num_sites: int, latent: int = 8) -> None:
        super().__init__()
        check_count("num_sites", num_sites)
        check_count("latent", latent)
        self.num_sites = num_sites
        self.encoder = nn.Sequential(nn.Linear(num_sites, latent), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(latent, num_sites), nn.Tanh())

    def forward(self, rows: Tensor) -> Tensor:
        """How well each row comes back, 0 … 1.

        Args:
            rows: Spins ±1, (rows, shots · num_sites).

        Returns:
            (rows,).

        Raises:
            ArgumentError: A number is not ±1.
            ShapeError: It is no whole number of shots.
        """
        _check_spins(rows, self.num_sites)
        spins = rows.reshape(len(rows), -1, self.num_sites)
        errors = (self.decoder(self.encoder(spins)) - spins).square()
        found: Tensor = 1 - errors.mean((1, 2)) / 4
        return found


def _check_spins(rows: Tensor, size: int) -> None:
    """Checks spins of whole shots, (rows, size · shots)."""
    if rows.ndim != 2 or not rows.shape[1] or rows.shape[1] % size:
        raise ShapeError(
            f"rows: expected (rows, {size} · shots), got {tuple(rows.shape)}"
        )
    check_spins(rows, rows.shape[1])

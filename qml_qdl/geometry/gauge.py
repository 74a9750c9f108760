"""Lattice gauge fields of U(1) and SU(2), and networks that see no choice of frames.

A link of U(1) is a phase, one of SU(2) a unit quaternion (a, b, c, d), which stands for
the matrix a − i(bX + cY + dZ). Frames at the sites may be chosen freely: they turn the
link u from site s to site t into gₛ u gₜ⁻¹.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.symmetry.continuous_gauge import (
    su2_gauge_circuit,
    u1_gauge_circuit,
)
from qml_qdl.circuits.symmetry.gauge import GaugeLattice, Walk
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

GROUPS = ("u1", "su2")
"""The gauge groups, by name."""

_UNIT = 1e-3
"""Norms of quaternions differ from 1 by less."""


@validate_call
def random_links(
    lattice: GaugeLattice,
    group: str,
    rows: int,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Links without any order: each evenly distributed over the group.

    Args:
        lattice: The lattice.
        group: "u1" or "su2".
        rows: How many fields.
        generator: Random numbers; None for torch's own.
        dtype: Type of the numbers; None for torch's default.

    Returns:
        (rows, num_links), phases in radians from −π to π, or (rows, num_links, 4), unit
        quaternions.

    Raises:
        ArgumentError: The group is unknown, or `rows` is below 1.

    Example:
        >>> random_links(GaugeLattice(2, 2), "su2", 5).shape
        torch.Size([5, 8, 4])
    """
    return _random(group, rows, lattice.num_links, generator, dtype)


@validate_call
def random_frames(
    lattice: GaugeLattice,
    group: str,
    rows: int,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Frames at the sites, each evenly distributed over the group.

    Args:
        lattice: The lattice.
        group: "u1" or "su2".
        rows: How many gauge transformations.
        generator: Random numbers; None for torch's own.
        dtype: Type of the numbers; None for torch's default.

    Returns:
        (rows, num_sites) or (rows, num_sites, 4), as `transform_links` takes them.

    Raises:
        ArgumentError: The group is unknown, or `rows` is below 1.

    Example:
        >>> random_frames(GaugeLattice(2, 2), "u1", 5).shape
        torch.Size([5, 4])
    """
    return _random(group, rows, lattice.num_sites, generator, dtype)


def _random(
    group: str,
    rows: int,
    count: int,
    generator: torch.Generator | None,
    dtype: torch.dtype | None,
) -> Tensor:
    check_choice("group", group, GROUPS)
    check_count("rows", rows)
    if group == "u1":
        even = torch.rand(rows, count, generator=generator, dtype=dtype)
        return math.pi * (2 * even - 1)
    normal = torch.randn(rows, count, 4, generator=generator, dtype=dtype)
    return functional.normalize(normal, dim=-1)


@validate_call
def transform_links(lattice: GaugeLattice, links: Tensor, frames: Tensor) -> Tensor:
    """A gauge transformation: the link u from site s to site t becomes gₛ u gₜ⁻¹.

    Args:
        lattice: The lattice.
        links: (rows, num_links) or (rows, num_links, 4).
        frames: (rows, num_sites) or (rows, num_sites, 4); one row serves all.

    Returns:
        Links of the same shape. Phases are not brought back to −π … π.

    Raises:
        ShapeError: The shapes are others, or fit different groups.
        ArgumentError: A quaternion is not of length 1.

    Example:
        >>> lattice = GaugeLattice(2, 2)
        >>> links = random_links(lattice, "su2", 5)
        >>> frames = random_frames(lattice, "su2", 5)
        >>> turned = transform_links(lattice, links, frames)
        >>> loops = wilson_loops(lattice, links)
        >>> torch.allclose(wilson_loops(lattice, turned), loops, atol=1e-5)
        True
    """
    _check_field("links", links, lattice.num_links)
    _check_field("frames", frames, lattice.num_sites)
    if links.ndim != frames.ndim:
        raise ShapeError(
            f"frames: expected those of the links' group, got {tuple(frames.shape)} "
            f"for links {tuple(links.shape)}; of SU(2) both have four numbers each"
        )
    if len(frames) not in (1, len(links)):
        raise ShapeError(
            f"frames: expected one for each of {len(links)} fields, or for all, got "
            f"{len(frames)}"
        )
    starts, ends = _ends(lattice)
    before, after = frames[:, starts], frames[:, ends]
    if links.ndim == 2:
        return links + before - after
    return _multiply(_multiply(before, links), _conjugate(after))


@validate_call
def wilson_loops(lattice: GaugeLattice, links: Tensor) -> Tensor:
    """What no gauge transformation changes: traces of products along closed walks.

    Args:
        lattice: The lattice.
        links: (rows, num_links) or (rows, num_links, 4).

    Returns:
        (rows, walks), for each of `lattice.walks`: of U(1) the complex number exp(iF)
        of the flux F through a plaquette, of SU(2) half the trace, a real number from
        −1 to 1.

    Raises:
        ShapeError: The links have another shape.
        ArgumentError: A quaternion is not of length 1.

    Example:
        >>> lattice = GaugeLattice(2, 2, periodic=False)
        >>> fluxes = wilson_loops(lattice, torch.tensor([[0.5, 0.0, 0.0, 0.2]])).angle()
        >>> round(float(fluxes), 6)
        0.3
    """
    _check_field("links", links, lattice.num_links)
    products = _along(lattice, _as_quaternions(links), lattice.walks)
    if links.ndim == 3:
        return products[..., 0]
    # (a, 0, 0, d) is a − idZ, of which the upper element turns by exp(−iφ).
    return torch.complex(products[..., 0], products[..., 3])


def _check_field(name: str, values: Tensor, count: int) -> None:
    if not values.is_floating_point():
        raise ArgumentTypeError(
            f"{name}: expected floating numbers, got {values.dtype}"
        )
    shape = tuple(values.shape)
    if len(shape) not in (2, 3) or shape[1:] not in ((count,), (count, 4)):
        raise ShapeError(
            f"{name}: expected (rows, {count}), phases of U(1), or (rows, {count}, 4), "
            f"quaternions of SU(2), got {shape}"
        )
    if len(shape) == 3 and len(values):
        norms = values.detach().norm(dim=-1)
        if not bool((norms - 1).abs().max() < _UNIT):
            raise ArgumentError(
                f"{name}: expected quaternions of length 1, got lengths from "
                f"{float(norms.min()):.3g} to {float(norms.max()):.3g}; "
                "torch.nn.functional.normalize(…, dim=-1) makes them so"
            )


def _ends(lattice: GaugeLattice) -> tuple[list[int], list[int]]:
    starts, ends = zip(*lattice.ends, strict=True)
    return list(starts), list(ends)


def _multiply(first: Tensor, second: Tensor) -> Tensor:
    """Products of quaternions (..., 4), as those of their matrices."""
    a, b, c, d = first.unbind(-1)
    e, f, g, h = second.unbind(-1)
    return torch.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g + c * e + d * f - b * h,
            a * h + d * e + b * g - c * f,
        ],
        dim=-1,
    )


def _conjugate(quaternions: Tensor) -> Tensor:
    return torch.cat([quaternions[..., :1], -quaternions[..., 1:]], dim=-1)


def _as_quaternions(links: Tensor) -> Tensor:
    """Phases as the turns (cos φ, 0, 0, sin φ); quaternions as they are."""
    if links.ndim == 3:
        return links
    cos, sin = links.cos(), links.sin()
    none = torch.zeros_like(links)
    return torch.stack([cos, none, none, sin], dim=-1)


def _steps(quaternions: Tensor) -> Tensor:
    """Links onwards, then links back, then one that stays: (rows, 2·links + 1, 4)."""
    stay = torch.zeros_like(quaternions[:, :1])
    stay[..., 0] = 1
    return torch.cat([quaternions, _conjugate(quaternions), stay], dim=1)


def _along(lattice: GaugeLattice, quaternions: Tensor, walks: Sequence[Walk]) -> Tensor:
    """Products along walks: (rows, walks, 4)."""
    steps, links = _steps(quaternions), lattice.num_links
    most = max(map(len, walks))
    numbers = [
        [wire if sign > 0 else wire + links for wire, sign in walk]
        + [2 * links] * (most - len(walk))
        for walk in walks
    ]
    product, *others = steps[:, numbers].unbind(2)
    for other in others:
        product = _multiply(product, other)
    return product


@validate_call
class LinkCovariantNetwork(nn.Module):
    """A network of products and transports along links: the circuits' classical twin.

    Each site has channels of quaternions that turn with its frame, at first the
    products around its plaquettes and around the torus that begin there. A layer takes
    them, those of the neighbours carried along the links, and 1, and multiplies two
    trained combinations of these; the traces of the last layer no frame changes (Favoni
    et al. 2020, arXiv:2012.12901). Phases of U(1) are quaternions too, whose traces are
    complex. Layers share their weights among the sites, the last linear layer does not.

    Args:
        lattice: The lattice.
        group: "u1" or "su2".
        num_outputs: Numbers that are predicted.
        channels: Channels of each layer.
        layers: Number of layers; each doubles the length of the walks.

    Shape:
        - Input: (rows, num_links) or (rows, num_links, 4).
        - Output: (rows, num_outputs).

    Raises:
        ArgumentError: The group is unknown, or a number is below 1.

    Example:
        >>> network = LinkCovariantNetwork(GaugeLattice(2, 2), "su2")
        >>> network(random_links(GaugeLattice(2, 2), "su2", 5)).shape
        torch.Size([5, 1])
    """

    def __init__(
        self,
        lattice: GaugeLattice,
        group: str,
        num_outputs: int = 1,
        *,
        channels: int = 4,
        layers: int = 1,
    ) -> None:
        super().__init__()
        check_choice("group", group, GROUPS)
        for name, value in (
            ("num_outputs", num_outputs),
            ("channels", channels),
            ("layers", layers),
        ):
            check_count(name, value)
        self.lattice, self.group = lattice, group
        self._begun = _begun_walks(lattice)
        self._neighbours = _neighbours(lattice)
        first = 6 if lattice.periodic else 4
        self.mixing = nn.ParameterList(
            nn.Parameter(torch.randn(2, int(channels), size) / math.sqrt(size))
            for size in (
                1 + 5 * (channels if layer else first) for layer in range(layers)
            )
        )
        traces = 2 if group == "u1" else 1
        self.head = nn.Linear(lattice.num_sites * int(channels) * traces, num_outputs)

    def forward(self, links: Tensor) -> Tensor:
        """Predicts numbers of fields.

        Args:
            links: (rows, num_links) or (rows, num_links, 4).

        Returns:
            (rows, num_outputs).

        Raises:
            ShapeError: The links have another shape.
            ArgumentError: A quaternion is not of length 1.
        """
        _check_group(links, self.lattice, self.group)
        quaternions = _as_quaternions(links)
        values = self._loops(quaternions)
        for mixing in self.mixing:
            values = self._layer(values, _steps(quaternions), mixing)
        traces = values[..., [0, 3] if self.group == "u1" else [0]]
        result: Tensor = self.head(traces.flatten(1))
        return result

    def _loops(self, quaternions: Tensor) -> Tensor:
        """(rows, sites, channels, 4): closed walks by where they begin, or 0."""
        walks, sites, channels = self._begun
        shape = (self.lattice.num_sites, 6 if self.lattice.periodic else 4, 4)
        values = quaternions.new_zeros(len(quaternions), *shape)
        values[:, sites, channels] = _along(self.lattice, quaternions, walks)
        return values

    def _layer(self, values: Tensor, steps: Tensor, mixing: Tensor) -> Tensor:
        sites, numbers = self._neighbours
        carry = steps[:, numbers][:, :, :, None]
        carried = _multiply(_multiply(carry, values[:, sites]), _conjugate(carry))
        there = torch.tensor(numbers, device=values.device) < steps.shape[1] - 1
        carried = carried * there[..., None, None]
        stay = steps[:, -1:, None].expand(-1, values.shape[1], -1, -1)
        every = torch.cat([stay, values, carried.flatten(2, 3)], dim=2)
        left, right = torch.einsum("toj,rsjq->trsoq", mixing, every)
        return _multiply(left, right)


def _begun_walks(
    lattice: GaugeLattice,
) -> tuple[tuple[Walk, ...], list[int], list[int]]:
    """Closed walks from each of their sites: the walks, the sites, the channels.

    Channels say which corner of a plaquette the site is, or how the torus is gone
    around.
    """
    found: list[tuple[Walk, int, int]] = []
    squares = len(lattice.plaquettes)
    for number, walk in enumerate(lattice.walks):
        for place, (wire, sign) in enumerate(walk):
            channel = place if number < squares else 4
            channel += number >= squares + lattice.rows
            site = lattice.ends[wire][sign < 0]
            found.append((walk[place:] + walk[:place], site, channel))
    walks, sites, channels = zip(*found, strict=True)
    return walks, list(sites), list(channels)


def _neighbours(lattice: GaugeLattice) -> tuple[list[list[int]], list[list[int]]]:
    """For each site and way: which site, by which of `_steps`; the last for none."""
    links = lattice.num_links
    sites = [[site] * 4 for site in range(lattice.num_sites)]
    numbers = [[2 * links] * 4 for _ in sites]
    for wire, (start, end) in enumerate(lattice.ends):
        down = lattice.links[wire][2]
        sites[start][2 * down], numbers[start][2 * down] = end, wire
        sites[end][2 * down + 1], numbers[end][2 * down + 1] = start, wire + links
    return sites, numbers


def _check_group(links: Tensor, lattice: GaugeLattice, group: str) -> None:
    _check_field("links", links, lattice.num_links)
    if (links.ndim == 3) != (group == "su2"):
        raise ShapeError(
            f"links: expected a field of {group}, got {tuple(links.shape)}; of SU(2) "
            "links have four numbers, of U(1) one"
        )


@validate_call
class GaugeRegressor(nn.Module):
    """A gauge-invariant circuit on the links of a lattice, then one linear layer.

    What it says of a field no choice of frames changes, exactly and at every step of
    training: see `u1_gauge_circuit` and `su2_gauge_circuit`. Of SU(2) it does not tell
    a link from its negative, so that it learns squares of traces, not their signs.

    Args:
        lattice: The lattice. U(1) takes a wire for each link, SU(2) two for each site.
        group: "u1" or "su2".
        num_outputs: Numbers that are predicted.
        layers: Layers of the circuit.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, num_links), phases in radians, or (rows, num_links, 4), unit
          quaternions.
        - Output: (rows, num_outputs).

    Raises:
        ArgumentError: The group is unknown, or a number is below 1.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> lattice = GaugeLattice(2, 2)
        >>> model = GaugeRegressor(lattice, "u1")
        >>> links = random_links(lattice, "u1", 3)
        >>> turned = transform_links(lattice, links, random_frames(lattice, "u1", 3))
        >>> torch.allclose(model(links), model(turned), atol=1e-5)
        True
    """

    def __init__(
        self,
        lattice: GaugeLattice,
        group: str,
        num_outputs: int = 1,
        *,
        layers: int = 2,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_choice("group", group, GROUPS)
        check_count("num_outputs", num_outputs)
        make = u1_gauge_circuit if group == "u1" else su2_gauge_circuit
        circuit = make(lattice, layers)
        self.lattice, self.group = lattice, group
        self.quantum = QuantumLayer(
            circuit, target=target, shots=shots, diff_method=diff_method
        )
        outputs = 2 * len(lattice.walks) if group == "u1" else lattice.num_sites
        self.head = nn.Linear(outputs, num_outputs)

    def forward(self, links: Tensor) -> Tensor:
        """Predicts numbers of fields.

        Args:
            links: (rows, num_links) or (rows, num_links, 4).

        Returns:
            (rows, num_outputs).

        Raises:
            ShapeError: The links have another shape.
            ArgumentError: A quaternion is not of length 1.
        """
        _check_group(links, self.lattice, self.group)
        result: Tensor = self.head(self.quantum(links.flatten(1)))
        return result

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return [self.quantum]

    def classical_twin(self) -> LinkCovariantNetwork:
        """A link-covariant network of about as many weights.

        Returns:
            A new, untrained network.
        """
        weights = sum(weight.numel() for weight in self.parameters())
        outputs = self.head.out_features
        one, two = (
            LinkCovariantNetwork(self.lattice, self.group, outputs, channels=channels)
            for channels in (1, 2)
        )
        of_one, of_two = (
            sum(weight.numel() for weight in each.parameters()) for each in (one, two)
        )
        channels = max(1, 1 + round((weights - of_one) / (of_two - of_one)))
        return LinkCovariantNetwork(
            self.lattice, self.group, outputs, channels=channels
        )

"""A model that gives each vertex of a mesh a class, by the tangent field around it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.meshes import MOST_SUBDIVISIONS, Mesh, icosphere
from qml_qdl.data.splitting import Split
from qml_qdl.geometry.field_types import FieldType
from qml_qdl.geometry.mesh import MeshConv
from qml_qdl.geometry.nonlinearities import FourierNonlinearity
from qml_qdl.geometry.quantum_mesh import QuantumMeshConv
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

VECTOR = FieldType({1: 1})
"""A tangent field: one complex number of order 1 at each vertex."""


@validate_call
class MeshSegmenter(nn.Module):
    """Circuits on the neighbourhoods of all vertices, then one linear layer.

    A `QuantumMeshConv` makes numbers of a tangent field that no change of frames and no
    rotation of the mesh changes, and the layer makes logits of them, alike at every
    vertex. So the logits do not change either, to rounding.

    Args:
        mesh: The surface.
        num_classes: Number of classes.
        charges: The charge of each wire of the circuit.
        layers: How often a neighbourhood is encoded.
        hidden: Complex numbers that the circuit's outputs are mixed to.
        rings: How many edges away neighbours may be.
        radial: How many functions of the distance are combined.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results. Sampled results are
            independent of frames on average only.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, 2·vertices), the field's two components in the frame of one
          vertex after the other; or (rows, 1, vertices), complex.
        - Output: (rows, num_classes, vertices), logits.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.data import icosphere
        >>> from qml_qdl.geometry import MeshSegmenter
        >>> MeshSegmenter(icosphere(0), 4)(torch.randn(5, 24)).shape
        torch.Size([5, 4, 12])
    """

    def __init__(
        self,
        mesh: Mesh,
        num_classes: int,
        *,
        charges: Sequence[int] = (0, 1, 1, 2),
        layers: int = 2,
        hidden: int = 16,
        rings: int = 1,
        radial: int = 2,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_count("num_classes", num_classes)
        check_count("hidden", hidden)
        self.conv = QuantumMeshConv(
            mesh,
            VECTOR,
            FieldType({0: hidden}),
            charges=charges,
            layers=layers,
            rings=rings,
            radial=radial,
            target=target,
            shots=shots,
            diff_method=diff_method,
        )
        self.head = nn.Linear(2 * hidden, num_classes)

    @classmethod
    def from_data(
        cls,
        split: Split,
        *,
        layers: int = 2,
        hidden: int = 16,
        target: Target | None = None,
    ) -> MeshSegmenter:
        """The model of fields on an icosphere, in its own frames.

        Args:
            split: The data; labels are (rows, vertices).
            layers: How often a neighbourhood is encoded.
            hidden: Complex numbers that the circuit's outputs are mixed to.
            target: Where the circuit runs; None means "auto".

        Raises:
            DataError: No icosphere has as many vertices, or rows have not two numbers
                for each.
        """
        train = split.train
        sizes = {10 * 4**n + 2: n for n in range(MOST_SUBDIVISIONS + 1)}
        vertices = train.num_places
        if vertices not in sizes or train.input_shape != (2 * vertices,):
            raise DataError(
                "data: expected two numbers at each vertex of an icosphere, of "
                f"{', '.join(map(str, sizes))} vertices, got {vertices} places and rows"
                f" of shape {train.input_shape}; make a MeshSegmenter of your own mesh"
            )
        model: MeshSegmenter = cls(
            icosphere(sizes[vertices]),
            train.num_classes,
            layers=layers,
            hidden=hidden,
            target=target,
        )
        return model

    def forward(self, fields: Any) -> Tensor:
        """Classifies vertices.

        Args:
            fields: (rows, 2·vertices), or (rows, 1, vertices) complex.

        Returns:
            (rows, num_classes, vertices), logits.

        Raises:
            ShapeError: The fields have another shape.
        """
        found = self.conv(_as_fields(fields)).mT
        logits: Tensor = self.head(torch.cat([found.real, found.imag], -1)).mT
        return logits

    def put_on(self, mesh: Mesh) -> None:
        """Lays the model on another mesh; see `MeshConv.put_on`.

        Args:
            mesh: The surface.

        Raises:
            DataError: Its neighbours cannot be seen from one another.
        """
        self.conv.put_on(mesh)

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return self.conv.quantum_layers()

    def classical_twin(self) -> nn.Module:
        """A mesh network of one layer and about as many weights.

        Returns:
            A new, untrained `MeshNetwork` of the same neighbourhoods.
        """
        conv, classes = self.conv.gather, self.head.out_features
        weights = sum(weight.numel() for weight in self.parameters())
        one = MeshNetwork(conv.mesh, classes, 1, rings=conv.rings, radial=conv.radial)
        each = sum(weight.numel() for weight in one.parameters()) - classes
        width = max(1, round((weights - classes) / each))
        return MeshNetwork(
            conv.mesh, classes, width, rings=conv.rings, radial=conv.radial
        )


@validate_call
class MeshNetwork(nn.Module):
    """A network of mesh convolutions, and then one linear layer of invariant numbers.

    Convolutions make fields of orders 0 to 2, functions of the direction as
    `FourierNonlinearity` sees them; those of order 0 of the last are what the linear
    layer reads (de Haan et al. 2020, arXiv:2003.05425).

    Args:
        mesh: The surface.
        num_classes: Number of classes.
        width: Fields of each order.
        depth: Number of convolutions.
        rings: How many edges away neighbours may be.
        radial: How many functions of the distance are combined.
        samples: Directions at which the nonlinearity is applied, 5 or more.

    Shape:
        - Input: (rows, 2·vertices), or (rows, 1, vertices), complex; see
          `MeshSegmenter`.
        - Output: (rows, num_classes, vertices), logits.

    Raises:
        ArgumentError: A number is too small.

    Example:
        >>> import torch
        >>> from qml_qdl.data import torus
        >>> from qml_qdl.geometry import MeshNetwork
        >>> MeshNetwork(torus(), 4)(torch.randn(5, 576)).shape
        torch.Size([5, 4, 288])
    """

    def __init__(
        self,
        mesh: Mesh,
        num_classes: int,
        width: int = 8,
        depth: int = 1,
        *,
        rings: int = 1,
        radial: int = 2,
        samples: int = 16,
    ) -> None:
        super().__init__()
        check_count("num_classes", num_classes)
        check_count("depth", depth)
        kind = FieldType.uniform(width, 2)
        types = [VECTOR, *[kind] * depth]
        self.convs = nn.ModuleList(
            MeshConv(mesh, first, second, rings=rings, radial=radial)
            for first, second in pairwise(types)
        )
        self.nonlinearity = FourierNonlinearity(kind, samples)
        self.head = nn.Linear(width, num_classes)

    def forward(self, fields: Any) -> Tensor:
        """Classifies vertices.

        Args:
            fields: (rows, 2·vertices), or (rows, 1, vertices) complex.

        Returns:
            (rows, num_classes, vertices), logits.

        Raises:
            ShapeError: The fields have another shape.
        """
        found = _as_fields(fields)
        for conv in self.convs:
            # As pictures of one column, which that of the plane is made for.
            found = self.nonlinearity(conv(found)[..., None])[..., 0]
        logits: Tensor = self.head(found[:, : self.head.in_features].real.mT).mT
        return logits

    def put_on(self, mesh: Mesh) -> None:
        """Lays the network on another mesh; see `MeshConv.put_on`.

        Args:
            mesh: The surface.

        Raises:
            DataError: Its neighbours cannot be seen from one another.
        """
        convs: Any = self.convs
        for conv in convs:
            conv.put_on(mesh)


def _as_fields(fields: Any) -> Any:
    """Lines of a table as complex fields; fields as they are."""
    if not isinstance(fields, Tensor) or fields.is_complex():
        return fields  # which convolutions look at
    if fields.ndim != 2 or fields.shape[1] % 2:
        raise ShapeError(
            "fields: expected (rows, 2·vertices), two components at each vertex, or "
            f"(rows, 1, vertices) of complex numbers, got {tuple(fields.shape)}"
        )
    return torch.view_as_complex(fields.unflatten(1, (-1, 2)).contiguous())[:, None]

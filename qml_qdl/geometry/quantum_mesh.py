r"""A mesh convolution whose kernel is a circuit on charges, one wire for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from qml_qdl.circuits.circuit import Block, Circuit
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.symmetry.charges import (
    ChargeConserving,
    ChargeEncoding,
    charge_readout,
)
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.meshes import Mesh
from qml_qdl.geometry.field_types import Fields, FieldType
from qml_qdl.geometry.mesh import FieldLinear, MeshConv
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import LayerOptions, hands_on_to


@validate_call
class QuantumMeshConv(nn.Module):
    """A convolution of tangent fields on a mesh by a circuit at each vertex.

    A wire of charge m takes what a `MeshConv` of order m gathers of the vertex and its
    neighbours, carried along the surface; words of net charge 0 make the wires
    interact, and words of net charge q are read, a field of order q (`ChargeEncoding`,
    `ChargeConserving`). Carrying a field by the angle g before it is encoded is the
    same as conjugating its gate by RZ(m g), the phase that the connection gives a
    charge m. A change of frames is such a phase on all wires, of which ⟨words⟩ turn as
    they should and nothing else is seen: exactly, in simulation and for any weights.

    All vertices share the weights, so that rows and vertices are one batch.

    Args:
        mesh: The surface.
        in_type: The fields that come in.
        out_type: The fields that go out, trained mixtures of ⟨words⟩ of their order.
        charges: m of each wire.
        layers: How often the neighbourhood is encoded, each time gathered anew.
        rings: How many edges away neighbours may be, 1 or more.
        radial: How many functions of the distance are combined, 1 or more.
        device: Where the weights are, a torch device.
        dtype: Real type of the weights; None for torch's default.
        **options: `target`, `shots`, `diff_method` and others of a `QuantumLayer`.

    Shape:
        - Input: (rows, in_type.size, vertices), complex, or real where all orders are
          0.
        - Output: (rows, out_type.size, vertices), complex.

    Raises:
        ArgumentError: An argument does not fit, or no word on these charges has the
            order of a field that goes out.
        DataError: Neighbours cannot be seen from one another; see `Mesh.neighbours`.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.data import icosphere
        >>> from qml_qdl.geometry import FieldType, QuantumMeshConv
        >>> vector = FieldType({1: 1})
        >>> conv = QuantumMeshConv(icosphere(1), vector, FieldType({0: 3, 1: 1}))
        >>> conv(torch.randn(5, 1, 42, dtype=torch.complex64)).shape
        torch.Size([5, 4, 42])
    """

    @hands_on_to(QuantumLayer)
    def __init__(
        self,
        mesh: Mesh,
        in_type: FieldType,
        out_type: FieldType,
        *,
        charges: Sequence[int] = (0, 1, 1, 2),
        layers: int = 2,
        rings: int = 1,
        radial: int = 2,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        circuit, words = _charge_circuit(charges, layers, out_type)
        self.charges, self.layers = tuple(map(int, charges)), int(layers)
        kinds: dict[str, Any] = {"device": device, "dtype": dtype}
        kinds["generator"] = options.pop("generator", None)
        wires = FieldType(Counter(self.charges * self.layers))
        self.gather = MeshConv(
            mesh, in_type, wires, rings=rings, radial=radial, **kinds
        )
        # Channels are in rising order of charge, wires as they were given.
        rising = sorted(range(wires.size), key=(self.charges * self.layers).__getitem__)
        self.order = tuple(sorted(range(wires.size), key=rising.__getitem__))
        self.quantum = QuantumLayer(circuit, **kinds, **options)
        self.mix = FieldLinear(words, out_type, **kinds)

    def forward(self, fields: Fields) -> Tensor:
        """Gathers the neighbours' fields and runs the circuit at each vertex.

        Args:
            fields: (rows, in_type.size, vertices), complex, or real where all orders
                are 0.

        Returns:
            (rows, out_type.size, vertices), complex.

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are whole numbers, or real where an order is not 0.
        """
        gathered = self.gather(fields)[:, self.order].mT
        angles = torch.view_as_real(gathered.resolve_conj()).flatten(2)
        found = self.quantum(angles)
        pairs = found.unflatten(-1, (self.mix.in_type.size, 2)).contiguous()
        result: Tensor = self.mix(torch.view_as_complex(pairs).mT)
        return result

    def put_on(self, mesh: Mesh) -> None:
        """Lays the same circuit and kernels on another mesh; see `MeshConv.put_on`.

        Args:
            mesh: The surface.

        Raises:
            DataError: Its neighbours cannot be seen from one another.
        """
        self.gather.put_on(mesh)

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layer that runs the circuit."""
        return [self.quantum]


def _charge_circuit(
    charges: Sequence[int], layers: int, out_type: FieldType
) -> tuple[Circuit, FieldType]:
    """A circuit, and the fields that its outputs are, two by two.

    Of an order other than 0 two outputs are real and imaginary part; those of order 0
    are real, and are paired as they come, for which a last one may be measured twice.
    """
    check_count("layers", layers)
    wires = len(charges)
    blocks: list[Block] = []
    for layer in range(layers):
        own = slice(2 * wires * layer, 2 * wires * (layer + 1))
        blocks += [
            ChargeEncoding(wires, charges, features=own),
            ChargeConserving(wires, charges),
        ]
    observables: list[Any] = []
    words = {}
    for order in out_type.multiplicities:
        try:
            found = charge_readout(wires, charges, charge=order).observables
        except ArgumentError as error:
            raise ArgumentError(
                f"charges: no word on the charges {list(charges)} has the order {order}"
                f" of {out_type}; add a wire of charge {order}"
            ) from error
        found += found[-1:] * (len(found) % 2)
        words[order] = len(found) // 2
        observables += found
    circuit = Circuit(blocks, readout=Expectation(observables))
    return circuit, FieldType(words)

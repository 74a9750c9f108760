"""The workloads: what is run, on what sizes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from qml_qdl.circuits import AngleEncoding, Circuit, StronglyEntangling, reupload


@dataclass(frozen=True)
class Workload:
    """Rows of a circuit of RY encodings and strongly entangling layers, every ⟨Z⟩.

    Args:
        name: Its letter.
        rows: Rows of a batch.
        wires: Wires of the circuit.
        uploads: How often x is encoded.
        layers: Strongly entangling layers after each encoding.
    """

    name: str
    rows: int
    wires: int
    uploads: int
    layers: int

    @property
    def circuit(self) -> Circuit:
        """The circuit in this library's words."""
        processing = StronglyEntangling(self.wires, layers=self.layers)
        return reupload(processing, AngleEncoding(self.wires), self.uploads)

    def inputs(self) -> torch.Tensor:
        """(rows, wires), the same each time."""
        generator = torch.Generator().manual_seed(0)
        return torch.rand(self.rows, self.wires, generator=generator) * 3

    def weights(self) -> torch.Tensor:
        """(uploads, layers, wires, 3), the same each time."""
        generator = torch.Generator().manual_seed(1)
        shape = (self.uploads, self.layers, self.wires, 3)
        return torch.rand(shape, generator=generator) * 6

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.rows:,} rows, {self.wires} wires, "
            f"{self.uploads} × {self.layers} layers"
        )


WORKLOADS = (
    Workload("A", 3136, 4, 1, 2),
    Workload("B", 256, 8, 4, 1),
    Workload("C", 16, 12, 1, 4),
    Workload("D", 4, 16, 1, 4),
    Workload("E", 1, 20, 1, 4),
    Workload("F", 1, 4, 1, 2),
    Workload("G", 64, 4, 1, 2),
    Workload("H", 1, 12, 1, 4),
)

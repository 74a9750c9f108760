"""A classifier of images that may be turned by any angle: a harmonic network."""

from __future__ import annotations

from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.geometry.field_types import FieldType
from qml_qdl.geometry.nonlinearities import (
    FourierNonlinearity,
    GatedNonlinearity,
    InvariantPool,
    NormBatchNorm,
    NormNonlinearity,
    disk,
)
from qml_qdl.geometry.steerable import SteerableConv2d

NONLINEARITIES = ("norm", "gated", "fourier")


@validate_call
class SteerableClassifier(nn.Module):
    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        channels: int = 12,
        max_order: int = 2,
        kernel_size: int = 7,
        layers: int = 3,
        hidden: int = 48,
        nonlinearity: str = "norm",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        fields = FieldType.uniform(channels, max_order)
        kind = FieldType({0: image_shape[0]})
        self.blocks = nn.ModuleList()
        for _ in range(layers):
            act = self._nonlinearity(nonlinearity, fields)
            conv = SteerableConv2d(kind, act.in_type, kernel_size, padding="same", bias=nonlinearity!="norm")
            self.blocks.append(nn.Sequential(conv, NormBatchNorm(act.in_type), act))
            kind = fields
        self.pool = InvariantPool(fields)
        self.head = nn.Sequential(
            nn.BatchNorm1d(self.pool.num_features) if True else nn.Identity(),
            nn.Dropout(dropout),
            nn.Linear(self.pool.num_features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )

    def _nonlinearity(self, name, fields):
        if name == "gated":
            return GatedNonlinearity(fields)
        if name == "fourier":
            return FourierNonlinearity(fields)
        return NormNonlinearity(fields, bias=-0.5)

    def forward(self, images):
        inside = disk(images.shape[-2], images.shape[-1], images)
        fields = images * inside
        for block in self.blocks:
            fields = block(fields) * inside
        return self.head(self.pool(fields))

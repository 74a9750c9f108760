"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.gauge import (
    GaugeRegressor,
    LinkCovariantNetwork,
    random_frames,
    random_links,
    transform_links,
    wilson_loops,
)
from qml_qdl.geometry.induced import InducedLinear

__all__ = [
    "GaugeRegressor",
    "InducedLinear",
    "LinkCovariantNetwork",
    "random_frames",
    "random_links",
    "transform_links",
    "wilson_loops",
]

"""Data: by name, from files or torch data sets, split, in resumable batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.data.bits import all_bits, bit_index, frequencies
    from qml_qdl.data.dataset import Dataset, encode_labels, stratified_rows
    from qml_qdl.data.dequantisation import Dequantiser
    from qml_qdl.data.files import read_npz
    from qml_qdl.data.flows import motions, random_flows
    from qml_qdl.data.images import read_image_folder
    from qml_qdl.data.loader import ResumableLoader
    from qml_qdl.data.meshes import Mesh, convex_mesh, ellipsoid, icosphere, torus
    from qml_qdl.data.named import load, names
    from qml_qdl.data.rotation import rotate_images
    from qml_qdl.data.sphere import (
        SphereGrid,
        rotate_coefficients,
        spherical_harmonics,
        stereographic,
    )
    from qml_qdl.data.splitting import Split, split
    from qml_qdl.data.synthetic import bars_and_stripes
    from qml_qdl.data.tables import from_pandas, read_csv
    from qml_qdl.data.torch_dataset import from_torch
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Dataset",
    "Dequantiser",
    "Mesh",
    "ResumableLoader",
    "SphereGrid",
    "Split",
    "all_bits",
    "bars_and_stripes",
    "bit_index",
    "convex_mesh",
    "ellipsoid",
    "encode_labels",
    "frequencies",
    "from_pandas",
    "from_torch",
    "icosphere",
    "load",
    "motions",
    "names",
    "random_flows",
    "read_csv",
    "read_image_folder",
    "read_npz",
    "rotate_coefficients",
    "rotate_images",
    "spherical_harmonics",
    "split",
    "stereographic",
    "stratified_rows",
    "torus",
]

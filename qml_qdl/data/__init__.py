"""Data: by name, from files or torch data sets, split, in resumable batches."""

from qml_qdl.data.bits import all_bits, bit_index, frequencies
from qml_qdl.data.dataset import Dataset, encode_labels, stratified_rows
from qml_qdl.data.dequantisation import Dequantiser
from qml_qdl.data.files import read_npz
from qml_qdl.data.images import read_image_folder
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.data.named import load, names
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

__all__ = [
    "Dataset",
    "Dequantiser",
    "ResumableLoader",
    "SphereGrid",
    "Split",
    "all_bits",
    "bars_and_stripes",
    "bit_index",
    "encode_labels",
    "frequencies",
    "from_pandas",
    "from_torch",
    "load",
    "names",
    "read_csv",
    "read_image_folder",
    "read_npz",
    "rotate_coefficients",
    "spherical_harmonics",
    "split",
    "stereographic",
    "stratified_rows",
]

"""Data: named data sets, one's own files, stratified splits, resumable batches."""

from qml_qdl.data.dataset import Dataset, encode_labels, stratified_rows
from qml_qdl.data.files import read_csv, read_npz
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.data.named import load, names
from qml_qdl.data.parts import Split, split
from qml_qdl.data.patterns import bars_and_stripes

__all__ = [
    "Dataset",
    "ResumableLoader",
    "Split",
    "bars_and_stripes",
    "encode_labels",
    "load",
    "names",
    "read_csv",
    "read_npz",
    "split",
    "stratified_rows",
]

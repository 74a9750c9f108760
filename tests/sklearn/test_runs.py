"""What estimators write to folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qml_qdl.errors import RunError
from qml_qdl.sklearn.runs import (
    Lost,
    read_arrays,
    read_parameters,
    write_arrays,
    write_parameters,
)


class Estimator:
    """As much of one as is written."""

    classes_ = np.array(["a", "bc"], dtype=object)
    n_features_in_ = 3
    output_shape_ = (2,)

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return {
            "weights": {0: 1.5, "b": None},
            "shape": (1, np.int64(2)),
            "model": object(),
            "flag": True,
        }


def test_parameters_come_back(tmp_path: Path) -> None:
    assert read_parameters(tmp_path) is None
    write_parameters(Estimator(), tmp_path)
    found = read_parameters(tmp_path)
    assert found is not None
    assert found["parameters"] == {
        "weights": {0: 1.5, "b": None},
        "shape": [1, 2],
        "model": Lost("object"),
        "flag": True,
    }
    assert found["fitted"]["classes_"].tolist() == ["a", "bc"]
    assert found["fitted"]["n_features_in_"] == 3
    assert found["output_shape"] == [2]


def test_arrays_come_back_and_objects_do_not(tmp_path: Path) -> None:
    write_arrays(tmp_path, a=np.arange(3))
    assert read_arrays(tmp_path)["a"].tolist() == [0, 1, 2]
    np.savez(tmp_path / "arrays.npz", a=np.array([object()]))
    with pytest.raises(RunError, match="damaged"):
        read_arrays(tmp_path)
    with pytest.raises(RunError, match=r"arrays\.npz"):
        read_arrays(tmp_path / "nowhere")

"""Fitted estimators in folders: what a run has, and beside it the parameters."""

from __future__ import annotations

import io
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from attrs import frozen

from qml_qdl.circuits.errors import RunError
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.hardware.files import write_atomically
from qml_qdl.sklearn.base import check_fitted
from qml_qdl.training.folders import new_folder
from qml_qdl.training.json_files import read_json, write_json
from qml_qdl.training.run import PREPROCESSING, Run

PARAMETERS = "estimator.json"
"""The file of an estimator's class, parameters and labels."""

ARRAYS = "arrays.npz"
"""The file of the rows that a kernel estimator remembers."""

IN_MEMORY = "rows_in_memory"
"""What the data of a run are called that no file holds."""

_UNREADABLE = (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error)

_ADVICE = "restore it from a copy, or fit and save the estimator again"


def save_run(estimator: Any, folder: str | Path) -> Path:
    """Writes a fitted estimator as a run that `qml-qdl predict` reads, too.

    Args:
        estimator: It has been trained, and has what `Run.keep` asks for.
        folder: A new folder.

    Returns:
        The folder.

    Raises:
        ArgumentTypeError: A parameter is an object that no file can hold.
        RunError: The folder is there, and not empty.
    """
    path = _new(folder)
    Run.keep(
        path,
        estimator.options_,
        estimator.module_,
        estimator.fit_,
        kind=estimator.kind_,
        preprocessing=estimator.preprocessing_,
        fingerprint=estimator.fingerprint_,
    )
    write_parameters(estimator, path)
    return path


class Saved(ABC):
    """An estimator whose fit is some arrays: abstract base of those without a run."""

    # ---- Must be defined: these two, and nothing else. ----

    @abstractmethod
    def arrays(self) -> dict[str, Any]:
        """The arrays of numbers that `restore` needs, by name."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Makes the rest of the fit, when parameters and preprocessing are there.

        Args:
            arrays: What `arrays` returned.

        Raises:
            KeyError: One is missing.
        """

    # ---- Defined here for all. ----

    preprocessing_: Preprocessing

    def save(self, folder: str | Path) -> Path:
        """Keeps the fitted estimator, with its preprocessing, for `load_estimator`.

        Nothing in the folder is pickled. A circuit or a kernel that was given as an
        object is to be given to `load_estimator` again.

        Args:
            folder: A new folder.

        Returns:
            The folder.

        Raises:
            RunError: The folder is there, and not empty.
            UnfittedError: The estimator was not fitted.
        """
        check_fitted(self)
        path = _new(folder)
        fitted = self.preprocessing_.as_config()
        write_json(path / PREPROCESSING, fitted, sealed=True)
        write_arrays(path, **self.arrays())
        write_parameters(self, path)
        return path


def _new(folder: str | Path) -> Path:
    path = Path(folder).resolve()
    return new_folder(path.parent, path.name, "")[0]


def write_parameters(estimator: Any, folder: Path) -> None:
    """Writes an estimator's class, parameters and labels.

    Args:
        estimator: The estimator, fitted.
        folder: Where to.
    """
    fitted = {
        name: _as_plain(getattr(estimator, name))
        for name in ("classes_", "feature_names_in_", "n_features_in_", "seed_")
        if hasattr(estimator, name)
    }
    parameters = {
        name: _encoded(value)
        for name, value in estimator.get_params(deep=False).items()
    }
    shape = getattr(estimator, "output_shape_", None)
    content = {
        "class": type(estimator).__name__,
        "parameters": parameters,
        "fitted": fitted,
        "output_shape": None if shape is None else list(shape),
    }
    write_json(folder / PARAMETERS, content, sealed=True)


def read_parameters(folder: Path) -> dict[str, Any] | None:
    """Reads what `write_parameters` wrote.

    Args:
        folder: The folder.

    Returns:
        Class, parameters and labels; None of a run that no estimator wrote.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / PARAMETERS
    if not path.exists():
        return None
    content = read_json(path, _ADVICE)
    try:
        fitted = {
            name: np.asarray(each["values"], dtype=each["dtype"])
            if isinstance(each, dict)
            else each
            for name, each in content["fitted"].items()
        }
        parameters = {
            name: _decoded(each) for name, each in content["parameters"].items()
        }
        return {**content, "fitted": fitted, "parameters": parameters}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path}: the file is damaged ({error!r}); {_ADVICE}") from error


def write_arrays(folder: Path, **arrays: Any) -> None:
    """Writes arrays of numbers by name.

    Args:
        folder: Where to.
        **arrays: The arrays.
    """
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_atomically(folder / ARRAYS, lambda file: file.write(content.getbuffer()))


def read_arrays(folder: Path) -> dict[str, Any]:
    """Reads what `write_arrays` wrote; nothing in it is executed.

    Args:
        folder: The folder.

    Returns:
        Arrays by name.

    Raises:
        RunError: The file is missing or damaged.
    """
    path = folder / ARRAYS
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as found:
            return dict(found)
    except _UNREADABLE as error:
        raise RunError(f"{path}: the file is damaged ({error}); {_ADVICE}") from error


@frozen
class Lost:
    """What stands for a parameter that no file can hold.

    Args:
        kind: The name of its class.
    """

    kind: str


def _encoded(value: Any) -> Any:
    """A parameter as a file holds it; of an object only what it was."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [_encoded(each) for each in value]
    if isinstance(value, Mapping):
        return {"pairs": [[_encoded(k), _encoded(each)] for k, each in value.items()]}
    if isinstance(value, str | int | float | None):
        return value
    return {"object": type(value).__name__}


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, dict):
        if "object" in value:
            return Lost(str(value["object"]))
        return {_decoded(key): _decoded(each) for key, each in value["pairs"]}
    return value


def _as_plain(value: Any) -> Any:
    """Arrays as lists, with what they are of."""
    if not isinstance(value, np.ndarray):
        return value
    dtype = value.dtype.str if value.dtype != object else f"<U{_longest(value)}"
    return {"values": value.tolist(), "dtype": dtype}


def _longest(words: Any) -> int:
    return max((len(str(word)) for word in words), default=1) or 1

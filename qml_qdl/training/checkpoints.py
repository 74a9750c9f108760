"""Checkpoints: written whole or not at all, and complete enough to go on exactly."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from qml_qdl.circuits.errors import RunError
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.hardware.files import write_atomically

# All that torch.load was seen to raise for files cut short or written by others.
_UNREADABLE = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU; nothing in it is executed.

    Args:
        path: A file that the trainer wrote.

    Returns:
        Its content, with "state_dict".

    Raises:
        RunError: The file is missing, damaged, or no checkpoint.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path}: expected a checkpoint, got no such file") from error
    except _UNREADABLE as error:
        raise RunError(
            f"{path}: expected a checkpoint, got a file that cannot be read "
            f"({type(error).__name__}); if it is damaged, delete it to begin this "
            "training anew"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise RunError(f"{path}: expected a checkpoint, got a file of something else")
    return content


def load_weights(model: torch.nn.Module, path: str | Path) -> None:
    """Loads the weights of a checkpoint into the model that it was made from.

    Args:
        model: The model, changed in place.
        path: A checkpoint of a `Classifier` around such a model.

    Raises:
        RunError: The checkpoint is damaged, or of another model.
    """
    state = read_checkpoint(path)["state_dict"]
    weights = {
        name.removeprefix("model."): value
        for name, value in state.items()
        if name.startswith("model.")
    }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"{path}: expected the weights of {type(model).__name__} with the same "
            f"options, got others ({' '.join(str(error).split())})"
        ) from error


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically and never unpickles code."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,
    ) -> None:
        """Writes to a temporary file beside the path, then renames it."""
        write_atomically(path, lambda file: torch.save(checkpoint, file))

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Reads with `weights_only=True`, whatever is asked for."""
        return read_checkpoint(path)


class ExactResume(Callback):
    """Makes a resumed training go on as if nothing had happened.

    Keeps the state of every global random generator in the checkpoints (Python's,
    NumPy's and torch's, CPU and CUDA), and the loader's place, which the trainer
    forgets in checkpoints of a whole epoch.

    Args:
        loader: What gives the training batches.
    """

    def __init__(self, loader: ResumableLoader) -> None:
        self._loader = loader
        self._loaded: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Returns all states as numbers and tensors."""
        # The global generator is the point here.
        name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
        return {
            "python": random.getstate(),
            "numpy": (
                name,
                torch.from_numpy(np.asarray(keys, dtype=np.int64)),
                int(position),
                int(has_gauss),
                float(gauss),
            ),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
            "loader": self._loader.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remembers the states until training starts.

        Raises:
            RunError: The checkpoint was made with other rows, batches or seed.
        """
        self._loader.load_state_dict(state_dict["loader"])
        self._loaded = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sets the generators, after all that comes before the first step."""
        if self._loaded is None:
            return
        random.setstate(self._loaded["python"])
        name, keys, position, has_gauss, gauss = self._loaded["numpy"]
        state = (name, keys.numpy().astype(np.uint32), position, has_gauss, gauss)
        np.random.set_state(state)  # noqa: NPY002
        torch.set_rng_state(self._loaded["torch"].cpu())
        if len(self._loaded["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self._loaded["cuda"])
        self._loaded = None

"""Checkpoints: written whole or not at all, and complete enough to go on exactly."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from qml_qdl.circuits.errors import RunError
from qml_qdl.hardware.files import made_in_memory, write_atomically
from qml_qdl.training.folders import BEST, LAST, PREVIOUS

logger = logging.getLogger(__name__)

_DAMAGED = "damaged.ckpt"

# All that zipfile and torch.load were seen to raise for files that are cut short,
# changed, or written by others.
_UNREADABLE = (
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    OSError,
    OverflowError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class LostCheckpointError(RunError):
    """A checkpoint that is not there, or damaged."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU; nothing in it is executed.

    The sums that torch writes into every checkpoint, and does not look at, are checked:
    a single bit that is not what was written is noticed.

    Args:
        path: A file that the trainer wrote.

    Returns:
        Its content, with "state_dict".

    Raises:
        LostCheckpointError: The file is missing or damaged.
        RunError: It is no checkpoint.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise LostCheckpointError(
            f"{path}: expected a checkpoint, got no such file"
        ) from error
    except OSError as error:
        raise RunError(f"{path}: the checkpoint cannot be read ({error})") from error
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                if not all(map(_is_plain, archive.infolist())) or archive.testzip():
                    raise zipfile.BadZipFile("a record is not what was written")
            file.seek(0)
            content = torch.load(file, map_location="cpu", weights_only=True)
        except _UNREADABLE as error:
            raise LostCheckpointError(
                f"{path}: expected a checkpoint, got a file that cannot be read "
                f"({type(error).__name__}); if it is damaged, delete it to begin this "
                "training anew"
            ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise RunError(f"{path}: expected a checkpoint, got a file of something else")
    return content


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    """Whether torch reads the bytes of a record that zipfile sums up.

    Of what it takes for a folder it reads nothing and leaves memory as it was, and
    where the sizes differ it reads on.
    """
    is_stored = entry.compress_type == zipfile.ZIP_STORED
    is_folder = bool(entry.external_attr & 0x10)
    return is_stored and entry.compress_size == entry.file_size and not is_folder


def newest_checkpoint(
    folder: Path,
    needed: Iterable[str] = ("global_step", "optimizer_states", "callbacks"),
) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint from which a training goes on: the last, or the one before it.

    A last one that is damaged is set aside, and a line is logged.

    Args:
        folder: The training's folder.
        needed: The entries of a whole one.

    Returns:
        The file and its content; None where there is none.

    Raises:
        RunError: None of them can be read, or one is no whole checkpoint.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    path = last if last.exists() else previous
    if not path.exists():
        return None
    try:
        content = read_checkpoint(path)
    except LostCheckpointError as error:
        if path == previous or not previous.exists():
            raise
        path = previous
        try:
            content = read_checkpoint(previous)
        except LostCheckpointError:
            raise LostCheckpointError(
                f"{last} and {previous}: expected checkpoints, got files that are both "
                "damaged; delete them to begin this training anew"
            ) from error
        # Where it was, it would take the place of the good one.
        os.replace(last, folder / _DAMAGED)
        logger.warning(
            "%s is damaged and was renamed %s; the training goes on from %s",
            *(last, _DAMAGED, previous.name),
        )
    if not set(needed) <= set(content):
        raise RunError(
            f"{path}: expected a whole checkpoint, got weights alone; delete it to "
            "begin this training anew"
        )
    return path, content


def digest(state: Mapping[str, torch.Tensor]) -> str:
    """What tells weights from others.

    Args:
        state: Tensors by name.

    Returns:
        A hexadecimal SHA-256, the same in every process.
    """
    whole = hashlib.sha256()
    for name, value in sorted(state.items()):
        numbers = value.detach().cpu().contiguous()
        whole.update(f"{name} {numbers.dtype} {tuple(numbers.shape)}:".encode())
        whole.update(numbers.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def _best_in(content: dict[str, Any]) -> dict[str, torch.Tensor] | None:
    """The best weights so far in a checkpoint; earlier versions kept none there."""
    states = content.get("callbacks", {}).values()
    return next((state["best"] for state in states if "best" in state), None)


def _save(content: dict[str, Any], path: Path, keep: Path | None = None) -> None:
    write = made_in_memory(lambda file: torch.save(content, file))
    write_atomically(path, write, keep=keep)


def write_weights(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Writes weights alone as a checkpoint.

    Args:
        state: Tensors by their names in a recipe.
        path: Where to.
    """
    _save({"state_dict": dict(state)}, path)


def restore_best(folder: Path, content: dict[str, Any]) -> bool:
    """Makes the file of the best weights agree with a checkpoint.

    Args:
        folder: The training's folder.
        content: The checkpoint from which the training goes on.

    Returns:
        Whether it does; if not, its weights are lost, and the training has to begin
        anew.

    Raises:
        RunError: The file is damaged, and the checkpoint, of an earlier version, has
            no copy of its weights.
    """
    path = folder / BEST
    best = _best_in(content)
    try:
        if best is None:
            states = content["callbacks"].values()
            begun = any(state.get("history") for state in states)
            return not begun or bool(read_checkpoint(path))
        if digest(read_checkpoint(path)["state_dict"]) == digest(best):
            return True
    except LostCheckpointError:
        if best is None and path.exists():
            raise
        if best is None:
            return False
        logger.warning("%s is missing or damaged and was made again from a copy", path)
    write_weights(best, path)
    return True


def load_best(model: torch.nn.Module, folder: Path) -> None:
    """Loads the best weights of a training; lost ones are made again from their copy.

    Args:
        model: The model, changed in place.
        folder: The training's folder.

    Raises:
        LostCheckpointError: They are lost, and so is the copy in the last checkpoint.
        RunError: They are those of another model.
    """
    try:
        load_weights(model, folder / BEST)
    except LostCheckpointError as error:
        try:
            content = read_checkpoint(folder / LAST)
        except LostCheckpointError:
            content = {}
        if _best_in(content) is None:
            error.add_note("a run that is resumed makes it again")
            raise
        restore_best(folder, content)
        load_weights(model, folder / BEST)


def load_weights(model: torch.nn.Module, path: str | Path) -> None:
    """Loads the weights of a checkpoint into the model that it was made from.

    Args:
        model: The model, changed in place.
        path: A checkpoint of a `Recipe` around such a model.

    Raises:
        RunError: The checkpoint is damaged, or of another model.
    """
    load_state(model, read_checkpoint(path)["state_dict"], str(path))


def load_state(
    model: torch.nn.Module, state: Mapping[str, torch.Tensor], source: str
) -> None:
    """Loads the weights of a recipe into the model that it was made from.

    Args:
        model: The model, changed in place.
        state: Tensors by name; those of the model begin with "model.".
        source: What they are of, for messages.

    Raises:
        RunError: They are those of another model.
    """
    weights = {
        name.removeprefix("model."): value
        for name, value in state.items()
        if name.startswith("model.")
    }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"{source}: expected the weights of {type(model).__name__} with the same "
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
        """Writes to a temporary file, then renames it; the last but one is kept."""
        path = Path(path)
        keep = path.with_name(PREVIOUS) if path.name == LAST else None
        _save(checkpoint, path, keep)

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
        loader: What gives the training batches, with `state_dict` and
            `load_state_dict`.
    """

    def __init__(self, loader: Any) -> None:
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

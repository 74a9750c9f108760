"""The folder of a run: what was asked, what came out, and all in between."""

from __future__ import annotations

import hashlib
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from qml_qdl.circuits.errors import ArgumentError, QdlError, RunError
from qml_qdl.data.dataset import Dataset
from qml_qdl.hardware.files import remove_remains, write_atomically
from qml_qdl.training.building import load_data
from qml_qdl.training.checkpoints import (
    BEST,
    LAST,
    LostCheckpointError,
    read_checkpoint,
)
from qml_qdl.training.fitting import Fit
from qml_qdl.training.generation.fitting import GenerativeFit
from qml_qdl.training.jobs import JOURNAL
from qml_qdl.training.kinds import KINDS, generates
from qml_qdl.training.options import RunOptions

FORMAT = 1
CONFIG = "config.json"
_RESULT = "result.json"
_SEAL = "seal"

Kind: TypeAlias = Literal["quantum", "twin", "plain", "classical"]
"""Which of a run's models: the quantum one, its classical twin and, of some kinds, the
plain classical one; or, where there is no circuit at all, the classical one."""

AnyFit: TypeAlias = Fit | GenerativeFit


@attrs.frozen
class Run:
    """A run folder with its options.

    Made by `Run.create` and found again by `Run.open`.

    Args:
        folder: Where everything is.
        options: What was asked.
        fingerprint: Digest of the data set that is trained on.
    """

    folder: Path
    options: RunOptions
    fingerprint: str

    @classmethod
    def create(
        cls,
        options: RunOptions,
        dataset: Dataset,
        *,
        runs_dir: str | Path = "runs",
        name: str | None = None,
    ) -> Run:
        """Creates the folder of a new run and writes its `config.json`.

        Args:
            options: What is asked.
            dataset: The data that the options name.
            runs_dir: The folder of all runs.
            name: The new folder's name; None makes one of data and time.

        Returns:
            The run.

        Raises:
            ArgumentError: The name is no plain folder name.
            RunError: There is such a folder already.
        """
        if name is not None and (not name.strip(". ") or Path(name).name != name):
            raise ArgumentError(
                f"name: expected a plain folder name, got {name!r}; use runs_dir for "
                "the place"
            )
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = Path(runs_dir) / (name or f"{dataset.name}-{stamp}")
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        # A process that was killed here leaves an empty folder, which is no run.
        remove_remains(folder)
        if any(folder.iterdir()):
            raise _taken(folder)
        run = cls(folder, options, dataset.fingerprint())
        config = {
            "format": FORMAT,
            "options": attrs.asdict(options),
            "data_fingerprint": run.fingerprint,
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "versions": {
                package: version(package)
                for package in ("qml-qdl", "pennylane", "torch", "lightning")
            },
        }
        try:
            write_json(folder / CONFIG, config, sealed=True, replace=False)
        except FileExistsError as error:  # by another process, meanwhile
            raise _taken(folder) from error
        except BaseException:
            if made:
                folder.rmdir()
            raise
        return run

    @classmethod
    def open(cls, run: str | Path, *, runs_dir: str | Path = "runs") -> Run:
        """Finds a run by its path, or by its name in the folder of all runs.

        Args:
            run: Path or name.
            runs_dir: The folder of all runs.

        Returns:
            The run.

        Raises:
            RunError: There is none, or its `config.json` is missing or damaged.
        """
        folder = next(
            (place for place in (Path(run), Path(runs_dir) / run) if place.is_dir()),
            None,
        )
        if folder is None:
            raise RunError(
                f"run: expected the folder of a run, got {str(run)!r}, which is "
                f"neither there nor in {runs_dir}"
            )
        for place in (folder, *folder.glob("*-seed*")):
            remove_remains(place)
        path = folder / CONFIG
        advice = "restore it from a copy, or begin another run"
        config = _read_object(path, advice)
        if config.get("format") != FORMAT:
            raise RunError(
                f"{path}: expected format {FORMAT}, got {config.get('format')!r}; use "
                "the version of qml-qdl that wrote it"
            )
        try:
            options = RunOptions.from_dict(config["options"])
            found = cls(folder, options, str(config["data_fingerprint"]))
        except KeyError as error:
            raise RunError(
                f"{path}: expected an entry {error}, got none; the file is damaged"
            ) from error
        except QdlError as error:
            raise RunError(f"{path}: the file is damaged: {error}") from error
        # Last, since what is wrong with an option tells more.
        _check_seal(path, config, advice)
        return found

    def load_data(self) -> Dataset:
        """Loads the run's data set.

        Raises:
            DataError: It cannot be read.
            RunError: It is not the one that the run began with.
        """
        dataset = load_data(self.options.data)
        if dataset.fingerprint() != self.fingerprint:
            raise RunError(
                f"{self.options.data.source}: the data have changed since the run "
                f"{self.folder.name} began; restore them or begin another run"
            )
        return dataset

    def fit_folder(self, kind: Kind, seed: int) -> Path:
        """Returns the folder of one training."""
        return self.folder / f"{kind}-seed{seed}"

    def checkpoint(self, kind: Kind, seed: int) -> Path:
        """Returns the path of the best weights of one training."""
        return self.fit_folder(kind, seed) / BEST

    @property
    def journal(self) -> Path:
        """The path of the journal of jobs; there once a job was sent."""
        return self.folder / JOURNAL

    @property
    def generates(self) -> bool:
        """Whether its models learn to draw samples rather than to classify."""
        return generates(self.options.model.kind)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Which models are trained, the one that was asked for first."""
        kind = self.options.model.kind
        if kind != "auto" and not KINDS[kind].quantum:
            return ("classical",)
        if not self.options.twin:
            return ("quantum",)
        plain = kind != "auto" and KINDS[kind].plain
        return ("quantum", "twin", "plain") if plain else ("quantum", "twin")

    def write_fit(self, kind: Kind, seed: int, fit: AnyFit) -> None:
        """Keeps what a training reached; it counts as finished from now on."""
        content = attrs.asdict(fit)
        if isinstance(fit, Fit):
            content["predictions"] = fit.predictions.tolist()
        write_json(self.fit_folder(kind, seed) / _RESULT, content, sealed=True)

    def is_whole(self, kind: Kind, seed: int) -> bool:
        """Whether what a finished training leaves for later is there: best weights.

        Of a generative model the last checkpoint too, which has samples to be shown.
        """
        folder = self.fit_folder(kind, seed)
        if not (folder / BEST).exists():
            return False
        try:
            return not self.generates or bool(read_checkpoint(folder / LAST))
        except LostCheckpointError:
            return False

    def read_fit(self, kind: Kind, seed: int) -> Fit | None:
        """Returns what the training of a classifier reached, None if unfinished.

        Raises:
            RunError: The result is damaged, or the run has no classifier.
        """
        check_classifies(self)
        fit = self.read_any_fit(kind, seed)
        assert fit is None or isinstance(fit, Fit)
        return fit

    def read_any_fit(self, kind: Kind, seed: int) -> AnyFit | None:
        """Returns what a training reached, None if it has not finished.

        Raises:
            RunError: The result is damaged.
        """
        path = self.fit_folder(kind, seed) / _RESULT
        if not path.exists():
            return None
        advice = "delete it to have the training evaluated again"
        content = read_json(path, advice)
        known = {
            attribute.name
            for attribute in attrs.fields(GenerativeFit if self.generates else Fit)
        }
        if set(content) != known:
            raise RunError(
                f"{path}: expected the entries {sorted(known)}, got {sorted(content)}; "
                f"{advice}"
            )
        if self.generates:
            return GenerativeFit(**content)
        try:
            predictions = np.array(content.pop("predictions"), dtype=np.int64)
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{path}: the file is damaged ({error}); {advice}"
            ) from error
        return Fit(**content, predictions=predictions)

    def best_seed(self, kind: Kind = "quantum") -> int:
        """Returns the seed that is best on the validation part, the first of equals.

        Raises:
            RunError: No training of this kind has finished.
        """
        fits = {seed: self.read_any_fit(kind, seed) for seed in self.options.all_seeds}
        done = {seed: fit for seed, fit in fits.items() if fit is not None}
        if not done:
            raise RunError(
                f"run: no {kind} training of {self.folder} has finished; resume it "
                "first"
            )
        return max(done, key=lambda seed: done[seed].merit)


def check_classifies(run: Run) -> None:
    """Refuses runs of generative models, which have no accuracy.

    Args:
        run: The run.

    Raises:
        RunError: It has one.
    """
    if run.generates:
        raise RunError(
            f"run: expected the run of a classifier, got {run.folder} of "
            f"{run.options.model.kind!r}, which draws samples; see qml-qdl sample"
        )


def _taken(folder: Path) -> RunError:
    return RunError(f"name: {folder} exists already; resume it, or choose another name")


def write_json(
    path: Path, content: dict[str, Any], *, sealed: bool = False, replace: bool = True
) -> None:
    """Writes JSON atomically.

    Args:
        path: Where to.
        content: Lists, numbers and words by name.
        sealed: Whether a sum goes with it by which `read_json` knows it again.
        replace: Whether it may take the place of a file that is there.

    Raises:
        FileExistsError: There is a file, and it may not be replaced.
    """
    if sealed:
        content = {**content, _SEAL: _seal(content)}
    encoded = (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    write_atomically(path, lambda file: file.write(encoded), replace=replace)


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """Reads a JSON object, and checks its seal if it has one.

    Args:
        path: The file.
        advice: What to do if it is damaged.

    Returns:
        Its content, without the seal.

    Raises:
        RunError: The file is missing, damaged, or cannot be read.
    """
    content = _read_object(path, advice)
    _check_seal(path, content, advice)
    return content


def _read_object(path: Path, advice: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: expected a file of a run, got none; is this the folder of a run?"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: the file is damaged ({error}); {advice}") from error
    except OSError as error:
        raise RunError(f"{path}: the file cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: the file is damaged (no JSON object); {advice}")
    return content


def _seal(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_seal(path: Path, content: dict[str, Any], advice: str) -> None:
    """Takes the seal out of a content; earlier versions wrote none."""
    seal = content.pop(_SEAL, None)
    if seal is not None and seal != _seal(content):
        raise RunError(
            f"{path}: the file is damaged (it is not what was written); {advice}, or "
            f"take out its entry {_SEAL!r} if you changed it yourself"
        )

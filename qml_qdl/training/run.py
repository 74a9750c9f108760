"""The folder of a run: what was asked, what came out, and all in between.

What has to be loaded to train is not waited for until a run was found, and is whole.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import attrs

from qml_qdl.circuits.errors import ArgumentError, QdlError, RunError
from qml_qdl.circuits.validation import check_choice, check_type, validate_call
from qml_qdl.hardware.files import write_atomically
from qml_qdl.training.folders import (
    BEST,
    JOURNAL,
    already_taken,
    find_folder,
    new_folder,
)
from qml_qdl.training.json_files import check_seal, read_json, read_object, write_json
from qml_qdl.training.options import RunOptions, write_config
from qml_qdl.training.specs import refuse_within
from qml_qdl.training.versions import (
    FORMAT,
    upgraded_fit,
    upgraded_kinds,
    upgraded_options,
    upgraded_paths,
    upgraded_tables,
)

if TYPE_CHECKING:
    from torch import nn

    from qml_qdl.data.preprocessing import Preprocessing
    from qml_qdl.data.splitting import Split
    from qml_qdl.training.building import Source, Task
    from qml_qdl.training.fitting import Fit

CONFIG = "config.json"
PREPROCESSING = "preprocessing.json"
_YAML = "config.yaml"
_RESULT = "result.json"

ModelKind: TypeAlias = str
"""Which of a run's models: "quantum", its classical "twin" and, of some, the "plain"
classical one; or, where there is no circuit at all, the "classical" one."""


@validate_call
@attrs.frozen
class Run:
    """A run folder with its options.

    Made by `Run.create` and found again by `Run.open`.

    Args:
        folder: Where everything is.
        options: What was asked.
        fingerprint: Digest of the data set that is trained on.
        kinds: Which models are trained, the one that was asked for first.
        shared_rows: How many test rows stand in the training part, too; None where it
            was not counted.
    """

    folder: Path
    options: RunOptions
    fingerprint: str
    kinds: tuple[ModelKind, ...] = ("quantum", "twin")
    shared_rows: int | None = None

    @classmethod
    def create(
        cls,
        options: RunOptions,
        dataset: Source,
        *,
        kinds: tuple[ModelKind, ...] = ("quantum", "twin"),
        split: Split | None = None,
        runs_dir: str | Path = "runs",
        name: str | None = None,
    ) -> Run:
        """Creates the folder of a new run, with `config.json` and `config.yaml`.

        The second one holds the options alone, for `qml-qdl train --config`. What was
        fitted to preprocess rows goes to `preprocessing.json`.

        Args:
            options: What is asked.
            dataset: The data, or the problem, that the options name.
            kinds: Which models are trained; see `Task.kinds`.
            split: Its parts, if they are known.
            runs_dir: The folder of all runs.
            name: The new folder's name; None makes one of data and time.

        Returns:
            The run.

        Raises:
            ArgumentError: The name is no plain folder name.
            RunError: There is such a folder already.
        """
        from qml_qdl.data.splitting import Split
        from qml_qdl.training.building import Source

        check_type("dataset", dataset, get_args(Source))
        check_type("split", split, (Split, NoneType))
        folder, made = new_folder(runs_dir, name, dataset.name)
        shared = None if split is None else split.shared_rows()
        run = cls(folder, options, dataset.fingerprint(), kinds, shared)
        run._begin(None if split is None else split.preprocessing, made)
        return run

    @classmethod
    def keep(
        cls,
        folder: str | Path,
        options: RunOptions,
        model: nn.Module,
        fit: Fit,
        *,
        kind: ModelKind,
        preprocessing: Preprocessing | None,
        fingerprint: str,
    ) -> Run:
        """Keeps a model that was trained in memory as a finished run.

        Args:
            folder: An empty folder.
            options: What was asked, of one seed.
            model: The trained model.
            fit: What its training reached.
            kind: "quantum", or "classical" without a circuit.
            preprocessing: What was fitted to rows.
            fingerprint: Digest of the rows.

        Returns:
            The run.

        Raises:
            ArgumentTypeError: An option is an object that no file can hold.
        """
        from torch import nn

        from qml_qdl.data.preprocessing import Preprocessing
        from qml_qdl.training.checkpoints import write_weights
        from qml_qdl.training.fitting import Fit

        check_type("model", model, nn.Module)
        check_type("fit", fit, Fit)
        check_type("preprocessing", preprocessing, (Preprocessing, NoneType))
        run = cls(Path(folder), options, fingerprint, (kind,))
        run._begin(preprocessing, False)
        state = {f"model.{name}": each for name, each in model.state_dict().items()}
        write_weights(state, run.checkpoint(kind, options.first_seed))
        run.write_fit(kind, options.first_seed, fit)
        return run

    def _begin(self, fitted: Preprocessing | None, made: bool) -> None:
        """Writes what a run begins with, whole or not at all."""
        folder, options = self.folder, self.options
        config = {
            "format": FORMAT,
            "options": options.as_config(),
            "kinds": list(self.kinds),
            "data_fingerprint": self.fingerprint,
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "versions": {
                package: version(package)
                for package in ("qml-qdl", "pennylane", "torch", "lightning")
            },
        }
        if self.shared_rows is not None:
            config["shared_rows"] = self.shared_rows
        text = write_config(options).encode()
        begun = False
        try:
            write_json(folder / CONFIG, config, sealed=True, replace=False)
            begun = True
            if fitted is not None:
                path = folder / PREPROCESSING
                write_json(path, fitted.as_config(), sealed=True)
            write_atomically(folder / _YAML, lambda file: file.write(text))
        except FileExistsError as error:  # by another process, meanwhile
            raise already_taken(folder) from error
        except BaseException:
            if begun:
                (folder / CONFIG).unlink()
                (folder / PREPROCESSING).unlink(missing_ok=True)
            if made:
                with contextlib.suppress(OSError):  # of another process by now
                    folder.rmdir()
            raise

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
        folder = find_folder(run, runs_dir)
        path = folder / CONFIG
        advice = "restore it from a copy, or begin another run"
        config = read_object(path, advice)
        written = config.get("format")
        if written not in (1, FORMAT):
            raise RunError(
                f"{path}: expected format {FORMAT}, got {written!r}; use the version "
                "of qml-qdl that wrote it"
            )
        try:
            values = upgraded_paths(config["options"])
            values = upgraded_options(values) if written == 1 else values
            values = upgraded_tables(values)
            if not isinstance(values, dict):
                raise ArgumentError(f"options: expected a dictionary, got {values!r}")
            refuse_within(folder, values)  # before anything could be imported
            options = RunOptions.from_config(values)
            kinds = (
                upgraded_kinds(options.model.class_path, options.twin)
                if written == 1
                else tuple(map(str, config["kinds"]))
            )
            fingerprint = str(config["data_fingerprint"])
            shared = config.get("shared_rows")
            found = cls(folder, options, fingerprint, kinds, shared)
        except KeyError as error:
            raise RunError(
                f"{path}: expected an entry {error}, got none; the file is damaged"
            ) from error
        except QdlError as error:
            raise RunError(f"{path}: the file is damaged: {error}") from error
        # Last, since what is wrong with an option tells more.
        check_seal(path, config, advice)
        return found

    def load_data(self) -> Any:
        """Loads the run's data set, or makes its problem.

        Returns:
            A `Dataset`, or a `Problem` of `qml_qdl.manybody`.

        Raises:
            DataError: It cannot be read.
            RunError: It is not the one that the run began with.
        """
        from qml_qdl.training.building import load_data

        with _told_before():
            dataset = load_data(self.options.data)
        if dataset.fingerprint() != self.fingerprint:
            raise RunError(
                f"{self.options.data.source}: the data have changed since the run "
                f"{self.folder.name} began; restore them or begin another run"
            )
        return dataset

    def task(self) -> Task:
        """The run's data, recipe and models.

        Raises:
            DataError: The data cannot be read.
            RunError: They are not those that the run began with.
        """
        from qml_qdl.training.building import Task

        return Task.of(self.options, self.load_data(), self.preprocessing())

    def preprocessing(self) -> Preprocessing | None:
        """What was fitted when the run began; None for runs of earlier versions.

        Raises:
            RunError: The file is damaged.
        """
        if not (self.folder / PREPROCESSING).exists():
            return None
        return read_preprocessing(self.folder)

    def fit_folder(self, kind: ModelKind, seed: int) -> Path:
        """Returns the folder of one training."""
        check_choice("kind", kind, self.kinds)
        check_choice("seed", seed, self.options.all_seeds)
        return self.folder / f"{kind}-seed{seed}"

    def checkpoint(self, kind: ModelKind, seed: int) -> Path:
        """Returns the path of the best weights of one training."""
        return self.fit_folder(kind, seed) / BEST

    @property
    def journal(self) -> Path:
        """The path of the journal of jobs; there once a job was sent."""
        return self.folder / JOURNAL

    def write_fit(self, kind: ModelKind, seed: int, fit: Fit) -> None:
        """Keeps what a training reached; it counts as finished from now on."""
        content = attrs.asdict(fit)
        if fit.predictions is not None:
            content["predictions"] = fit.predictions.tolist()
        write_json(self.fit_folder(kind, seed) / _RESULT, content, sealed=True)

    def is_whole(
        self, kind: ModelKind, seed: int, keeps: tuple[str, ...] = (BEST,)
    ) -> bool:
        """Whether what a finished training leaves for later is there.

        Args:
            kind: Which model.
            seed: Which training.
            keeps: The checkpoints that are needed; see `Recipe.keeps`.
        """
        from qml_qdl.training.checkpoints import LostCheckpointError, read_checkpoint

        folder = self.fit_folder(kind, seed)
        if not (folder / BEST).exists():
            return False
        try:
            return all(read_checkpoint(folder / name) for name in keeps if name != BEST)
        except LostCheckpointError:
            return False

    def read_fit(self, kind: ModelKind, seed: int) -> Fit | None:
        """Returns what a training reached, None if it has not finished.

        Raises:
            RunError: The result is damaged.
        """
        path = self.fit_folder(kind, seed) / _RESULT
        if not path.exists():
            return None
        from qml_qdl.training.fitting import Fit
        from qml_qdl.training.recipes.recipe import as_array

        advice = "delete it to have the training evaluated again"
        content = upgraded_fit(read_json(path, advice))
        known = {each.name for each in attrs.fields(Fit)}
        if set(content) != known:
            raise RunError(
                f"{path}: expected the entries {sorted(known)}, got {sorted(content)}; "
                f"{advice}"
            )
        try:
            if content["predictions"] is not None:
                content["predictions"] = as_array(content["predictions"])
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{path}: the file is damaged ({error}); {advice}"
            ) from error
        return Fit(**content)

    def finished(
        self, kind: ModelKind | None, seed: int | None, argument: str = "seed"
    ) -> tuple[ModelKind, int, Fit]:
        """Finds a finished training.

        Args:
            kind: Which model; None for the one that was asked for.
            seed: Which training; None takes the best on the validation part.
            argument: What the caller calls the seed, for messages.

        Returns:
            The model's kind, its seed, and what it reached.

        Raises:
            ArgumentError: There is no such model or seed.
            RunError: The training has not finished.
        """
        kind = self.kinds[0] if kind is None else kind
        check_choice("kind", kind, self.kinds)
        seed = self.best_seed(kind) if seed is None else seed
        check_choice(argument, seed, self.options.all_seeds)
        trained = self.read_fit(kind, seed)
        if trained is None:
            raise RunError(
                f"run: the {kind} training with seed {seed} of {self.folder} has not "
                "finished; resume it first"
            )
        return kind, seed, trained

    def best_seed(self, kind: ModelKind | None = None) -> int:
        """Returns the seed that is best on the validation part, the first of equals.

        Args:
            kind: Which model; None for the one that was asked for.

        Raises:
            RunError: No training of this kind has finished.
        """
        kind = self.kinds[0] if kind is None else kind
        fits = {seed: self.read_fit(kind, seed) for seed in self.options.all_seeds}
        done = {seed: fit for seed, fit in fits.items() if fit is not None}
        if not done:
            raise RunError(
                f"run: no {kind} training of {self.folder} has finished; resume it "
                "first"
            )
        return max(done, key=lambda seed: done[seed].merit)


def read_preprocessing(folder: Path) -> Preprocessing:
    """Reads what was fitted to rows.

    Args:
        folder: The folder that holds it.

    Raises:
        RunError: The file is missing or damaged.
    """
    from qml_qdl.data.preprocessing import Preprocessing

    path = folder / PREPROCESSING
    advice = "restore it from a copy, or delete it to have it fitted again"
    content = read_json(path, advice)
    try:
        return Preprocessing.from_config(content)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: the file is damaged ({error}); {advice}") from error


@contextlib.contextmanager
def _told_before() -> Iterator[None]:
    """What is to be said of data was said when the run began."""
    rooms = [logging.getLogger(f"qml_qdl.{room}") for room in ("data", "manybody")]
    levels = [logger.level for logger in rooms]
    for logger in rooms:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(rooms, levels, strict=True):
            logger.setLevel(level)

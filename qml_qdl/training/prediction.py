"""Predictions of a trained run for new rows, with the run's own preprocessing."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from attrs import field, frozen
from lightning.pytorch import seed_everything

from qml_qdl.circuits.errors import ArgumentError, DataError, TargetError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.dataset import Dataset, as_array
from qml_qdl.data.files import as_pixels, read_inputs
from qml_qdl.data.images import image_files, is_image_file, read_images
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.data.tables import read_rows
from qml_qdl.hardware.files import write_atomically
from qml_qdl.hardware.jobs.client import has_client
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.training.building import Task
from qml_qdl.training.checkpoints import load_best
from qml_qdl.training.recipes.supervised import supervised_recipe
from qml_qdl.training.remote import move
from qml_qdl.training.run import ModelKind, Run

_logger = logging.getLogger(__name__)


@frozen(eq=False)
class Predictions:
    """What a trained model predicts of new rows.

    Args:
        values: The name of a class, or a number in the unit of the data, of each row;
            or the names of classes (rows, places) of a segmentation.
        probabilities: Those of the classes (rows, classes), or (rows, classes, places)
            of a segmentation; None of numbers.
        class_names: The classes, in the order of the probabilities.
        files: The images' files, None of all else.
        kind: "quantum", "twin" or "classical".
        seed: Which of the run's trainings.
        target: Where the circuits ran; None for where they were trained.
        shots: Shots per circuit; None for exact results; "keep" for those of training.
        path: The file that holds them; None where none was written.
        seconds: Wall-clock seconds of predicting.
    """

    values: npt.NDArray[Any] = field(repr=False)
    probabilities: npt.NDArray[np.float32] | None = field(repr=False)
    class_names: tuple[str, ...]
    files: tuple[str, ...] | None = field(repr=False)
    kind: ModelKind
    seed: int
    target: str | None
    shots: int | Literal["keep"] | None
    path: Path | None
    seconds: float

    def __len__(self) -> int:
        return len(self.values)

    def write(self, path: str | Path) -> None:
        """Writes a CSV file: a line for each row, with the probabilities beside.

        Of a segmentation it has a column for each place, and no probabilities.

        Args:
            path: Where to.
        """
        from pandas import DataFrame

        files = {} if self.files is None else {"file": self.files}
        values = {"prediction": self.values}
        if self.values.ndim == 2:
            values = {f"place {k}": column for k, column in enumerate(self.values.T)}
        frame = DataFrame({**files, **values})
        if self.probabilities is not None and self.values.ndim == 1:
            for name, column in zip(
                self.class_names, self.probabilities.T, strict=True
            ):
                frame[f"probability of {name}"] = column
        text = frame.to_csv(index=False).encode()
        write_atomically(path, lambda file: file.write(text))


@validate_call
def predict_rows(
    run: Run,
    rows: Any,
    *,
    target: str | None = None,
    shots: int | Literal["keep"] | None = "keep",
    seed: int | None = None,
    kind: ModelKind | None = None,
    batch_size: int = 256,
    sample_seed: int = 0,
    mitigation: Mitigation | str | None = None,
    out: str | Path | None = None,
) -> Predictions:
    """Predicts the class or the number of new rows with a run's best weights.

    Rows are preprocessed with what was fitted when the run began. Columns of a table
    are found by name, in any order; further ones, such as that of the labels, are not
    read. Words that the training part had not count as none of its words.

    Args:
        run: A run with a finished training; see `Run.open`.
        rows: The path of a table (.csv) or an .npz file, a pandas frame, or an array of
            raw rows with the columns or pixels of training.
        target: Where circuits run; None for where they were trained. Jobs on machines
            are evaluations only.
        shots: Shots per circuit, None for exact results, "keep" as in training.
        seed: Which training; None takes the best on the validation part.
        kind: "quantum", or "twin" for the classical twin, which has no target; None for
            the model that was asked for.
        batch_size: Rows per call of the model.
        sample_seed: Fixes the shots of a simulator.
        mitigation: On Aer and simulated machines: "readout", "zne", "readout+zne" or
            a `Mitigation`.
        out: The CSV file for the predictions; None writes none.

    Returns:
        Predictions, and probabilities of classes.

    Raises:
        ArgumentError: An argument does not fit the run.
        DataError: The rows cannot be read, or are not like those of training.
        RunError: The training has not finished, a file is damaged, or the run has a
            generative model.
        TargetError: The target is unknown, a machine, or cannot run the circuit.

    Example:
        >>> from qml_qdl.training import Run, predict_rows
        >>> predict_rows(Run.open("my-run"), "new.csv").values  # doctest: +SKIP
    """
    check_count("batch_size", batch_size)
    check_count("sample_seed", sample_seed, 0)
    if isinstance(shots, int):
        check_count("shots", shots)
    path = None if out is None else _writable(out, rows)
    kind, seed, _ = run.finished(kind, seed)
    if kind != "quantum" and (target is not None or shots != "keep"):
        raise ArgumentError(
            f"target: the {kind} model runs on torch only, got target={target!r} and "
            f"shots={shots!r}; leave them out"
        )
    if target is not None and has_client(target):
        raise TargetError(
            f"target: new rows are predicted on simulators, got the machine {target!r};"
            " use 'aer:...' with its noise, or evaluate the run there"
        )
    fitted = run.preprocessing()
    task = None if fitted is None else Task.without_data(run.options, fitted)
    task = run.task() if task is None else task
    recipe = supervised_recipe(run, task)
    fitted = task.split.preprocessing
    assert fitted is not None  # as `split` makes it
    files = _images(rows)
    given = fitted.apply(_read(rows, files, run, fitted))
    model = task.build(kind, seed)
    load_best(model, run.fit_folder(kind, seed))
    seed_everything(sample_seed, verbose=False)  # shots follow the global generator
    move(model, target, shots, mitigation=Mitigation.of(mitigation))
    start = time.perf_counter()
    outputs = recipe.outputs(model, given, batch_size=batch_size)
    seconds = time.perf_counter() - start
    decided = recipe.decide(outputs).numpy()
    chances = recipe.probabilities(outputs)
    names = np.array(fitted.class_names, dtype=object)
    found = Predictions(
        values=names[decided] if len(names) else fitted.labels_of(decided),
        probabilities=None if chances is None else chances.numpy(),
        class_names=fitted.class_names,
        files=None if files is None else tuple(map(str, files)),
        kind=kind,
        seed=seed,
        target=target,
        shots=shots,
        path=path,
        seconds=seconds,
    )
    if path is not None:
        found.write(path)
    return found


def _writable(out: str | Path, rows: Any) -> Path:
    path = Path(out)
    if path.suffix != ".csv":
        raise ArgumentError(
            f"out: expected a file that ends with .csv, got {str(path)!r}"
        )
    if isinstance(rows, str | Path) and path.resolve() == Path(rows).resolve():
        raise ArgumentError(
            f"out: expected another file than that of the rows, got {str(path)!r}"
        )
    return path


def _images(rows: Any) -> list[Path] | None:
    """The files of images; None of all else."""
    if not isinstance(rows, str | Path):
        return None
    path = Path(rows)
    return image_files(path) if path.is_dir() or is_image_file(path) else None


def _as_dataset(
    rows: Any, files: list[Path] | None, run: Run, fitted: Preprocessing
) -> Dataset:
    """Raw rows of any source, with zeros for labels."""
    data, name = run.options.data, "rows"
    columns = fitted.columns
    if isinstance(rows, str | Path) and files is None:
        path, name = Path(rows), str(rows)
        if path.suffix.lower() != ".npz":
            return read_rows(path, columns, data.header)
        inputs: Any = read_inputs(path)
    elif hasattr(rows, "columns"):
        return read_rows(rows, columns)
    elif files is not None:
        size, mode = data.image_size, data.color_mode
        inputs = read_images(files, image_size=size, color_mode=mode)
    else:
        inputs = as_pixels(name, as_array(name, rows))
    if any(column.categories for column in columns):
        raise DataError(
            f"{name}: the run has columns of words, got numbers alone; give a table "
            "(.csv) or a pandas frame"
        )
    labels = np.zeros((len(inputs), *fitted.output_shape))
    return Dataset(inputs, labels, (), name, columns)


def _read(
    rows: Any, files: list[Path] | None, run: Run, fitted: Preprocessing
) -> Dataset:
    """New rows as the data of training were before they were preprocessed."""
    dataset = _as_dataset(rows, files, run, fitted)
    if dataset.input_shape != fitted.input_shape:
        raise DataError(
            f"rows: expected rows of shape {fitted.input_shape} as in training, got "
            f"{dataset.input_shape}"
        )
    for given, column in zip(dataset.columns, fitted.columns, strict=False):
        unknown = [x for x in given.categories if x not in column.categories]
        if unknown:
            _logger.warning(
                "column %r: %s not in the training part, and taken for none of its "
                "words",
                *(column.name, ", ".join(map(repr, unknown[:8]))),
            )
    return dataset

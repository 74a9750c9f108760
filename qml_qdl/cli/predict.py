"""`qml-qdl predict`: what a trained model says of new rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from qml_qdl.cli.options import (
    BatchSizeOption,
    ClassifierOption,
    MitigationOption,
    RunArgument,
    RunsDirOption,
    ShotsOption,
    TargetOption,
    TrainingSeedOption,
)

FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="New rows: a CSV file, an .npz file with an array x, an image or a folder "
        "of images.",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        help="The CSV file for the predictions.",
        show_default="predictions.csv in the run's folder",
    ),
]
SampleSeedOption = Annotated[int, typer.Option(help="Fixes simulated shots.", min=0)]


def predict(
    run: RunArgument,
    file: FileArgument,
    out: OutOption = None,
    target: TargetOption = None,
    shots: ShotsOption = None,
    sample_seed: SampleSeedOption = 0,
    seed: TrainingSeedOption = None,
    model: ClassifierOption = "auto",
    batch_size: BatchSizeOption = 256,
    mitigation: MitigationOption = None,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Predict the class or the number of each new row in FILE with RUN's best weights.

    Rows are preprocessed as in training. Columns of a table are found by name; labels
    are not needed. Written are predictions, and probabilities of classes, a line for
    each row in the order of FILE.
    """
    import qml_qdl.training as training
    from qml_qdl.data.named import check_file
    from qml_qdl.training.folders import PREDICTIONS

    opened = training.Run.open(run, runs_dir=runs_dir)
    check_file(file)
    found = training.predict_rows(
        opened,
        file,
        target=target,
        shots="keep" if shots is None else shots or None,
        seed=seed,
        kind=None if model == "auto" else model,
        batch_size=batch_size,
        sample_seed=sample_seed,
        mitigation=mitigation,
        out=opened.folder / PREDICTIONS if out is None else out,
    )
    rows = f"{len(found)} row{'s' if len(found) > 1 else ''}"
    place = "where it was trained" if target is None else f"on {target}"
    print(
        f"{rows} of {file}: {found.path}, {found.kind}, seed {found.seed}, {place}, "
        f"{found.seconds:.1f} s"
    )
    if found.probabilities is None:
        low, high = found.values.min(), found.values.max()
        print(f"numbers from {low:.6g} to {high:.6g}, mean {found.values.mean():.6g}")
    else:
        counts = Counter(found.values.ravel()).most_common()
        print(", ".join(f"{count} {name}" for name, count in counts))

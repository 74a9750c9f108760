"""`qml-qdl train`: train, compare, report; or continue what was interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from qml_qdl.training import Run

INTERRUPTED = 130
_GO_WITH_RESUME = {"resume", "runs_dir", "quiet"}


def _option(panel: str, text: str, **settings: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **settings)


Data = Annotated[
    str,
    _option(
        "Data",
        "digits, iris, wine, breast_cancer or two_moons (nothing is downloaded); "
        "mnist or fashion_mnist (downloaded once from openml.org); or the path of an "
        ".npz file with arrays x and y, or of a CSV file.",
    ),
]
LabelColumn = Annotated[
    str | None,
    _option(
        "Data",
        "Column of labels in a CSV file.",
        show_default="label or target, else the last",
    ),
]
DataHome = Annotated[
    Path | None,
    _option(
        "Data",
        "Folder of downloaded data.",
        show_default="scikit-learn's, ~/scikit_learn_data",
    ),
]
Limit = Annotated[
    int | None,
    _option(
        "Data",
        "Train on this many rows only, each class keeping its share.",
        min=1,
        show_default="all rows",
    ),
]
TestFraction = Annotated[
    float,
    _option("Data", "Share of all rows kept for the test, between 0 and 1."),
]
ValidationFraction = Annotated[
    float,
    _option("Data", "Share of the other rows for validation, between 0 and 1."),
]
SplitSeed = Annotated[
    int,
    _option("Data", "Fixes which row goes where; the same for all seeds.", min=0),
]
Model = Annotated[
    Literal["auto", "quanvolution", "dressed"],
    _option(
        "Model",
        "quanvolution reads images, dressed reads tables; auto looks at the data.",
    ),
]
Channels = Annotated[int, _option("Model", "Feature maps of the quanvolution.", min=1)]
KernelSize = Annotated[
    int, _option("Model", "Side of the quanvolution's square window, in pixels.", min=1)
]
Stride = Annotated[
    int, _option("Model", "Step of the quanvolution's window, in pixels.", min=1)
]
Layers = Annotated[
    int | None,
    _option("Model", "Layers of the circuit.", min=1, show_default="the model's own"),
]
Target = Annotated[
    str | None,
    _option(
        "Model",
        "Where circuits run during training: auto, or a PennyLane device such as "
        "default.qubit or lightning.qubit.",
        show_default="auto",
    ),
]
Epochs = Annotated[
    int, _option("Training", "Passes over the training rows at most.", min=1)
]
BatchSize = Annotated[int, _option("Training", "Rows per step.", min=1)]
LearningRate = Annotated[
    float, _option("Training", "Step size of the optimiser, above 0.")
]
Optimizer = Annotated[
    Literal["adam", "sgd"], _option("Training", "The optimiser; sgd has momentum 0.9.")
]
Patience = Annotated[
    int | None,
    _option(
        "Training",
        "Stop after this many epochs without a lower validation loss.",
        min=1,
        show_default="never stop early",
    ),
]
Accelerator = Annotated[
    Literal["auto", "cpu", "gpu"],
    _option("Training", "Where torch computes; auto takes a GPU if there is one."),
]
CheckpointEvery = Annotated[
    int | None,
    _option(
        "Training",
        "Keep a checkpoint every so many steps too.",
        min=1,
        show_default="once per epoch",
    ),
]
Seeds = Annotated[
    int, _option("Run", "How many trainings, each with a seed of its own.", min=1)
]
Seed = Annotated[int, _option("Run", "The first seed; others follow it.", min=0)]
NoTwin = Annotated[
    bool, typer.Option("--no-twin", help="Leave out the twin.", rich_help_panel="Run")
]
Name = Annotated[
    str | None,
    _option("Run", "Name of the run's folder.", show_default="data and time"),
]
RunsDir = Annotated[Path, _option("Run", "Folder of all runs.")]
Resume = Annotated[
    str | None,
    _option(
        "Run",
        "Continue an interrupted run, given by name or folder, exactly where its last "
        "checkpoint left it. Its own options hold; no others may be given.",
        metavar="RUN",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="Print the report only, without progress.",
        rich_help_panel="Run",
    ),
]


def train(
    context: typer.Context,
    data: Data = "digits",
    label_column: LabelColumn = None,
    data_home: DataHome = None,
    limit: Limit = None,
    test_fraction: TestFraction = 0.3,
    validation_fraction: ValidationFraction = 0.15,
    split_seed: SplitSeed = 0,
    model: Model = "auto",
    channels: Channels = 4,
    kernel_size: KernelSize = 2,
    stride: Stride = 1,
    layers: Layers = None,
    target: Target = None,
    epochs: Epochs = 20,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.01,
    optimizer: Optimizer = "adam",
    patience: Patience = None,
    accelerator: Accelerator = "auto",
    checkpoint_every: CheckpointEvery = None,
    seeds: Seeds = 3,
    seed: Seed = 0,
    no_twin: NoTwin = False,
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
    resume: Resume = None,
    quiet: Quiet = False,
) -> None:
    """Train a hybrid quantum classifier and compare it fairly.

    For each seed the quantum model and its classical twin (same topology, nearest
    number of parameters) are trained on the same split. Logistic regression, the
    nearest neighbour and the majority class stand beside them in the report.

    Everything goes to a folder of its own: options, metrics, checkpoints, report
    and pictures.
    """
    if resume is not None:
        _refuse_others(context)
    from qml_qdl.data.named import canonical_name
    from qml_qdl.training import (
        DataOptions,
        ModelOptions,
        Run,
        RunOptions,
        TrainingOptions,
        begin,
    )

    if resume is not None:
        _finish(Run.open(resume, runs_dir=runs_dir), quiet)
        return
    options = RunOptions(
        data=DataOptions(
            source=canonical_name(data),
            label_column=label_column,
            data_home=None if data_home is None else str(data_home.resolve()),
            test_fraction=test_fraction,
            validation_fraction=validation_fraction,
            split_seed=split_seed,
            limit=limit,
        ),
        model=ModelOptions(
            kind=model,
            channels=channels,
            kernel_size=kernel_size,
            stride=stride,
            layers=layers,
            target=target,
        ),
        training=TrainingOptions(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            patience=patience,
            accelerator=accelerator,
            checkpoint_every=checkpoint_every,
        ),
        seeds=seeds,
        first_seed=seed,
        twin=not no_twin,
    )
    _finish(begin(options, runs_dir=runs_dir, name=name), quiet)


def _refuse_others(context: typer.Context) -> None:
    """Refuses options that would make a resumed run another run."""
    for name in context.params:
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and name not in _GO_WITH_RESUME:
            flag = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(
                f"{flag} cannot change in a run that is resumed; leave it out, or "
                "begin a new run",
                param_hint="--resume",
            )


def _finish(run: Run, quiet: bool) -> None:
    """Does what the run lacks and prints the report."""
    from rich.console import Console

    from qml_qdl.training import carry_on

    tell = None if quiet else print
    progress = not quiet and sys.stdout.isatty()
    again = f"continue with: qml-qdl train --resume {run.folder}"
    try:
        report = carry_on(run, progress=progress, tell=tell)
    except KeyboardInterrupt:
        print(f"qml-qdl train: interrupted; {again}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        raise OSError(f"{error}; {again}") from error
    Console().print(report.table())
    print(f"Everything is in {run.folder}")

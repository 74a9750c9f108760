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
        "digits, iris, wine, breast_cancer, two_moons, bars_and_stripes or log_normal "
        "(nothing is downloaded); mnist or fashion_mnist (downloaded once from "
        "openml.org); or the path of an .npz file with arrays x and y, or of "
        "a CSV file.",
    ),
]
Label = Annotated[
    list[str] | None,
    _option(
        "Data",
        "Keep rows of this class only, by name; give it again for more classes. A "
        "generative model may learn a single one.",
        show_default="all classes",
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
    Literal[
        "auto",
        "quanvolution",
        "dressed",
        "qcnn",
        "equivariant",
        "patch_gan",
        "conv_gan",
        "style_gan",
        "distribution_gan",
        "born_machine",
        "rbm",
        "vae",
    ],
    _option(
        "Model",
        "Classifiers: quanvolution and equivariant read images, dressed reads tables, "
        "qcnn both; auto is quanvolution or dressed, as the data are. Generative "
        "models: patch_gan, conv_gan of images; style_gan of tables; distribution_gan "
        "of whole numbers; born_machine, rbm of bits (images are cut at 0.5); vae of "
        "images or tables.",
    ),
]
Channels = Annotated[
    int, _option("Model", "Feature maps of quanvolution and equivariant.", min=1)
]
KernelSize = Annotated[
    int, _option("Model", "Side of their square window, in pixels.", min=1)
]
Stride = Annotated[int, _option("Model", "Step of their window, in pixels.", min=1)]
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
Hidden = Annotated[
    int | None,
    _option(
        "Model",
        "Hidden units of rbm and vae.",
        min=1,
        show_default="the model's own",
    ),
]
Latent = Annotated[
    int | None, _option("Model", "Latent variables of vae.", min=1, show_default="5")
]
QuantumPart = Annotated[
    Literal["latent", "encoder", "decoder"] | None,
    _option("Model", "Where the circuit of vae is.", show_default="decoder"),
]
Epochs = Annotated[
    int | None,
    _option(
        "Training",
        "Passes over the training rows at most.",
        min=1,
        show_default="20; 375 for patch_gan and conv_gan, 300 for rbm, 200 for "
        "style_gan, 100 for born_machine, 60 for distribution_gan and vae",
    ),
]
BatchSize = Annotated[
    int | None,
    _option(
        "Training",
        "Rows per step.",
        min=1,
        show_default="64; 32 for patch_gan, conv_gan and style_gan, 128 for "
        "born_machine and rbm, 1024 for distribution_gan",
    ),
]
LearningRate = Annotated[
    float | None,
    _option(
        "Training",
        "Step size of the optimiser, above 0; of a game, the generator's.",
        show_default="0.01; 0.3 for born_machine, 0.02 for rbm and vae",
    ),
]
Optimizer = Annotated[
    Literal["adam", "sgd"] | None,
    _option("Training", "The optimiser; sgd has momentum 0.9.", show_default="adam"),
]
Patience = Annotated[
    int | None,
    _option(
        "Training",
        "Stop after this many epochs without a lower validation loss; of a generative "
        "model, whatever its best epoch is chosen by.",
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
    label: Label = None,
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
    hidden: Hidden = None,
    latent: Latent = None,
    quantum_part: QuantumPart = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    optimizer: Optimizer = None,
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
    """Train a quantum classifier or generative model and compare it fairly.

    For each seed the quantum model and its classical twin (same topology, nearest
    number of parameters) are trained on the same split. Trivial rivals stand beside
    them in the report: of a classifier logistic regression, the nearest neighbour and
    the majority class; of a generative model such as Gaussians or independent bits,
    and the training rows themselves as the floor.

    Everything goes to a folder of its own: options, metrics, checkpoints, report
    and pictures.
    """
    if resume is not None:
        _refuse_others(context)
    from attrs import evolve

    from qml_qdl.data.named import canonical_name
    from qml_qdl.training import (
        DataOptions,
        ModelOptions,
        Run,
        RunOptions,
        begin,
        default_training,
    )

    if resume is not None:
        _finish(Run.open(resume, runs_dir=runs_dir), quiet)
        return
    _refuse_unheeded(context, model)
    given: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "optimizer": optimizer,
        "patience": patience,
        "accelerator": accelerator,
        "checkpoint_every": checkpoint_every,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    options = RunOptions(
        data=DataOptions(
            source=canonical_name(data),
            label_column=label_column,
            data_home=None if data_home is None else str(data_home.resolve()),
            test_fraction=test_fraction,
            validation_fraction=validation_fraction,
            split_seed=split_seed,
            limit=limit,
            labels=tuple(label or ()),
        ),
        model=ModelOptions(
            kind=model,
            channels=channels,
            kernel_size=kernel_size,
            stride=stride,
            layers=layers,
            target=target,
            hidden=hidden,
            latent=latent,
            quantum_part=quantum_part,
        ),
        training=evolve(default_training(model), **chosen),
        seeds=seeds,
        first_seed=seed,
        twin=not no_twin,
    )
    _finish(begin(options, runs_dir=runs_dir, name=name), quiet)


def _given(context: typer.Context) -> dict[str, str]:
    """The options that were given, by parameter."""
    return {
        name: f"--{name.replace('_', '-')}"
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    }


def _refuse_unheeded(context: typer.Context, model: str) -> None:
    """Refuses options that the model would ignore, even with their default values."""
    from qml_qdl.circuits.errors import ArgumentError
    from qml_qdl.training.kinds import unheeded

    for name, flag in _given(context).items():
        if name in unheeded(model):
            raise ArgumentError(
                f"{flag}: {model!r} has no such option; leave it out, or use another "
                "model"
            )


def _refuse_others(context: typer.Context) -> None:
    """Refuses options that would make a resumed run another run."""
    for name, flag in _given(context).items():
        if name not in _GO_WITH_RESUME:
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

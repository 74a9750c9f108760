"""`qml-qdl train`: train, compare, report; or continue what was interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from qml_qdl.cli.train_options import (
    Accelerator,
    BatchSize,
    Channels,
    CheckpointEvery,
    Data,
    DataHome,
    Epochs,
    Hidden,
    KernelSize,
    Label,
    LabelColumn,
    Latent,
    Layers,
    LearningRate,
    Limit,
    Model,
    Name,
    NoTwin,
    Optimizer,
    Patience,
    QuantumPart,
    Quiet,
    Resume,
    RunsDir,
    Seed,
    Seeds,
    SplitSeed,
    Stride,
    Target,
    TestFraction,
    ValidationFraction,
)

if TYPE_CHECKING:
    from qml_qdl.training import Run

_GO_WITH_RESUME = {"resume", "runs_dir", "quiet"}


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
    try:
        report = carry_on(run, progress=progress, tell=tell)
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(f"continue with: qml-qdl train --resume {run.folder}")
        raise
    Console().print(report.table())
    print(f"Everything is in {run.folder}")

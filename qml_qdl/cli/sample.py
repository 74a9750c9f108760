"""`qml-qdl sample`: new samples of a trained generative model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from qml_qdl.cli.options import (
    AccountOption,
    MaxQpuSecondsOption,
    RunArgument,
    RunsDirOption,
    ShotsOption,
    TargetOption,
    TrainingSeedOption,
)

CountOption = Annotated[
    int, typer.Option("--count", "-n", help="How many samples.", min=1)
]
SeedOption = Annotated[
    int,
    typer.Option(help="Fixes what is sampled: noise, and simulated shots.", min=0),
]
GeneratorOption = Annotated[
    Literal["auto", "quantum", "twin", "plain", "jastrow", "classical"],
    typer.Option(
        help="The quantum model, its classical twin, the plain VAE, or the Jastrow "
        "state; auto is the run's own model."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        help="The file for the samples, .npz; a picture with the ending .png goes "
        "beside it.",
        show_default="samples.npz in the run's folder",
    ),
]


def sample(
    run: RunArgument,
    count: CountOption = 64,
    seed: SeedOption = 0,
    target: TargetOption = None,
    shots: ShotsOption = None,
    training_seed: TrainingSeedOption = None,
    model: GeneratorOption = "auto",
    account: AccountOption = None,
    max_qpu_seconds: MaxQpuSecondsOption = None,
    out: OutOption = None,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Generate samples from the best weights of RUN, a generative model.

    They are written with a picture; on a machine the same words again pay nothing
    again. How far they are from the test part is printed
    beside the floor: as many rows of the training part, measured in the same way. Of a
    neural quantum state they are configurations as bits, their energy is printed beside
    the exact one.
    """
    import qml_qdl.training as training

    opened = training.Run.open(run, runs_dir=runs_dir)
    sampled = training.sample(
        opened,
        count,
        seed=seed,
        target=target,
        shots="keep" if shots is None else shots or None,
        training_seed=training_seed,
        kind=None if model == "auto" else model,
        account=account,
        max_qpu_seconds=max_qpu_seconds,
        out=out,
    )
    place = "where it was trained" if target is None else f"on {target}"
    counted = "" if shots is None else f", {shots} shots" if shots else ", exact"
    print(
        f"{count} sample{'s' if count > 1 else ''} of {sampled.kind}, training seed "
        f"{sampled.training_seed}, {place}{counted}, seed {seed}: {sampled.path}, "
        f"{sampled.seconds:.1f} s"
    )
    from qml_qdl.training.measures import format_measure

    for name, value in sampled.measures.items():
        floor = sampled.floor.get(name)
        beside = "–" if floor is None else format_measure(name, floor)
        print(f"{name:16} {format_measure(name, value):>8}   floor {beside:>8}")

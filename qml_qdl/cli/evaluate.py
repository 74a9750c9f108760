"""`qml-qdl evaluate`: trained weights on another target."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run, by name or folder.", show_default=False),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="Where circuits run: auto, or a PennyLane device such as lightning.qubit.",
        show_default="where they were trained",
    ),
]
Shots = Annotated[
    int | None,
    typer.Option(
        help="Shots per circuit; 0 for exact results.",
        min=0,
        show_default="as in training",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        help="Take this many test rows only, each class keeping its share.",
        min=1,
        show_default="all test rows",
    ),
]
DrawSeed = Annotated[
    int,
    typer.Option(help="Fixes which rows --limit takes, and simulated shots.", min=0),
]
Seed = Annotated[
    int | None,
    typer.Option(
        help="Which of the run's trainings.",
        min=0,
        show_default="the one with the best validation accuracy",
    ),
]
Model = Annotated[
    Literal["quantum", "twin"],
    typer.Option(help="The quantum model, or its classical twin."),
]
BatchSize = Annotated[
    int,
    typer.Option(
        help="Test rows per call of the model, so per job on a machine.", min=1
    ),
]
RunsDir = Annotated[Path, typer.Option(help="Folder of all runs.")]


def evaluate(
    run: RunName,
    target: Target = None,
    shots: Shots = None,
    limit: Limit = None,
    draw_seed: DrawSeed = 0,
    seed: Seed = None,
    model: Model = "quantum",
    batch_size: BatchSize = 256,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Run the trained weights of RUN elsewhere, on rows of its test part.

    The result is printed beside the accuracy on the same rows at the end of
    training, and added to evaluations.json in the run's folder.
    """
    import qml_qdl.training as training

    try:
        result = training.evaluate(
            training.Run.open(run, runs_dir=runs_dir),
            target=target,
            shots="keep" if shots is None else shots or None,
            limit=limit,
            seed=seed,
            kind=model,
            batch_size=batch_size,
            draw_seed=draw_seed,
        )
    except KeyboardInterrupt:
        print("qml-qdl evaluate: interrupted; nothing was kept", file=sys.stderr)
        raise typer.Exit(130) from None
    place = "where it was trained" if target is None else f"on {target}"
    counted = "" if shots is None else f", {shots} shots" if shots else ", exact"
    print(
        f"{result.kind}, seed {result.seed}, {place}{counted}: "
        f"{result.accuracy:.1%} of {result.rows} test rows "
        f"(95 % interval {result.low:.1%} to {result.high:.1%}), "
        f"{result.seconds:.1f} s"
    )
    print(
        f"at the end of training: {result.trained_accuracy:.1%} of these rows; same "
        f"class for {result.agreement:.1%}"
    )

"""`qml-qdl evaluate`: trained weights on another target."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from qml_qdl.training import Evaluation

RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run, by name or folder.", show_default=False),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="Where circuits run: auto; aer, aer:fake_torino, ibm:ibm_torino and the "
        "like; or a PennyLane device such as lightning.qubit.",
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
ResilienceLevel = Annotated[
    int | None,
    typer.Option(
        help="On ibm:...: error mitigation of IBM's estimator, 0, 1 or 2.",
        min=0,
        max=2,
        show_default="IBM's sampler",
    ),
]
Account = Annotated[
    str | None,
    typer.Option(
        help="Name of an IBM account that Qiskit saved.",
        show_default="that of the environment, or the default one",
    ),
]
MaxQpuSeconds = Annotated[
    float | None,
    typer.Option(
        help="On ibm:...: refuse a job that would take more.",
        min=0,
        show_default="60",
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="On ibm:...: send the jobs and do not wait; qml-qdl jobs wait RUN "
        "finishes the evaluation.",
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
    resilience_level: ResilienceLevel = None,
    account: Account = None,
    max_qpu_seconds: MaxQpuSeconds = None,
    detach: Detach = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Run the trained weights of RUN elsewhere, on rows of its test part.

    The result is printed beside the accuracy on the same rows at the end of
    training, and added to evaluations.json in the run's folder.
    """
    import qml_qdl.training as training
    from qml_qdl.circuits.errors import Detached

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
            resilience_level=resilience_level,
            account=account,
            max_qpu_seconds=max_qpu_seconds,
            detach=detach,
        )
    except KeyboardInterrupt as error:
        kept = "; ".join(getattr(error, "__notes__", ())) or "nothing was kept"
        print(f"qml-qdl evaluate: interrupted; {kept}", file=sys.stderr)
        raise typer.Exit(130) from None
    except Detached as detached:
        print(detached)
        return
    tell(result)


def tell(result: Evaluation) -> None:
    """Prints what an evaluation reached.

    Args:
        result: What it reached.
    """
    place = "where it was trained" if result.target is None else f"on {result.target}"
    counted = "" if result.shots == "keep" else f", {result.shots} shots"
    counted = ", exact" if result.shots is None else counted
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
    if result.qpu_seconds is not None:
        print(f"the jobs took {result.qpu_seconds:.1f} QPU seconds")

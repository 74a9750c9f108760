"""`qml-qdl evaluate`: trained weights on another target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qml_qdl.cli.options import (
    AccountOption,
    BatchSizeOption,
    ClassifierOption,
    LimitOption,
    MaxQpuSecondsOption,
    MitigationOption,
    ResilienceLevelOption,
    RunArgument,
    RunsDirOption,
    ShotsOption,
    TargetOption,
    TrainingSeedOption,
)

if TYPE_CHECKING:
    from qml_qdl.training import Evaluation

SampleSeedOption = Annotated[
    int,
    typer.Option(help="Fixes which rows --limit takes, and simulated shots.", min=0),
]
DetachOption = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="On ibm:...: send the jobs and do not wait; qml-qdl jobs wait RUN "
        "finishes the evaluation.",
    ),
]
AgainOption = Annotated[
    bool,
    typer.Option(
        "--again",
        help="On ibm:...: make a new evaluation, and pay for it, even if the same was "
        "made before.",
    ),
]


def evaluate(
    run: RunArgument,
    target: TargetOption = None,
    shots: ShotsOption = None,
    limit: LimitOption = None,
    sample_seed: SampleSeedOption = 0,
    seed: TrainingSeedOption = None,
    model: ClassifierOption = "auto",
    batch_size: BatchSizeOption = 256,
    resilience_level: ResilienceLevelOption = None,
    mitigation: MitigationOption = None,
    account: AccountOption = None,
    max_qpu_seconds: MaxQpuSecondsOption = None,
    detach: DetachOption = False,
    again: AgainOption = False,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Run the trained weights of RUN elsewhere, on rows of its test part.

    The result is printed beside what was reached on the same rows at the end of
    training, and added to evaluations.json in the run's folder. On a machine the same
    words again find an evaluation that is finished, and pay nothing.
    """
    import qml_qdl.training as training
    from qml_qdl.circuits.errors import Detached

    opened = training.Run.open(run, runs_dir=runs_dir)
    try:
        result = training.evaluate(
            opened,
            target=target,
            shots="keep" if shots is None else shots or None,
            limit=limit,
            seed=seed,
            kind=None if model == "auto" else model,
            batch_size=batch_size,
            sample_seed=sample_seed,
            resilience_level=resilience_level,
            mitigation=mitigation,
            account=account,
            max_qpu_seconds=max_qpu_seconds,
            detach=detach,
            again=again,
        )
    except Detached as detached:
        print(detached)
        return
    tell(result)


def tell(result: Evaluation) -> None:
    """Prints what an evaluation reached.

    Args:
        result: What it reached.
    """
    if result.earlier:
        print(
            f"found the evaluation of {result.made} on {result.target}; nothing was "
            "sent, --again makes a new one"
        )
    place = "where it was trained" if result.target is None else f"on {result.target}"
    counted = "" if result.shots == "keep" else f", {result.shots} shots"
    counted = ", exact" if result.shots is None else counted
    if result.mitigation is not None:
        counted += f", mitigated: {result.mitigation}"
    interval = ""
    if result.low is not None:
        interval = f" (95 % interval {result.low:.1%} to {result.high:.1%})"
    print(
        f"{result.kind}, seed {result.seed}, {place}{counted}: "
        f"{_reached(result.measures)} of {result.rows} test rows{interval}, "
        f"{result.seconds:.1f} s"
    )
    alike = ""
    if result.agreement is not None:
        classes = "accuracy" in result.measures
        alike = f"same class for {result.agreement:.1%}"
        alike = f"; {alike if classes else f'correlation {result.agreement:.4f}'}"
    print(f"at the end of training: {_reached(result.trained)} of these rows{alike}")
    if result.qpu_seconds is not None:
        machines = (result.machines or {}).items()
        shares = " and ".join(f"{name} ({rows:,} rows)" for name, rows in machines)
        on = f" on {shares}" if shares else ""
        print(f"the jobs took {result.qpu_seconds:.1f} QPU seconds{on}")


def _reached(measures: dict[str, float]) -> str:
    """Measures as text; an accuracy alone goes without saying."""
    from qml_qdl.training.measures import format_measure

    if set(measures) == {"accuracy"}:
        return format_measure("accuracy", measures["accuracy"])
    return ", ".join(f"{x} {format_measure(x, value)}" for x, value in measures.items())

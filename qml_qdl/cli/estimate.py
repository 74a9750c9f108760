"""`qml-qdl estimate`: what jobs on a machine would cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qml_qdl.cli.options import (
    AccountOption,
    BatchSizeOption,
    LimitOption,
    MitigationOption,
    ResilienceLevelOption,
    RunArgument,
    RunsDirOption,
)

MachineOption = Annotated[
    str,
    typer.Option(
        help="The machine, such as ibm:ibm_torino or ibm:least_busy; without an "
        "account aer:fake_torino tells the same of a stored machine.",
        show_default=False,
    ),
]
PaidShotsOption = Annotated[int, typer.Option(help="Shots per circuit.", min=1)]


def estimate(
    run: RunArgument,
    target: MachineOption,
    shots: PaidShotsOption = 1024,
    limit: LimitOption = None,
    batch_size: BatchSizeOption = 256,
    resilience_level: ResilienceLevelOption = None,
    mitigation: MitigationOption = None,
    account: AccountOption = None,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Tell what RUN would cost on a machine; nothing is sent.

    Circuits are transpiled for the machine. Seconds follow IBM's published formula;
    the Open plan has ten minutes in 28 days.
    """
    from rich.console import Console
    from rich.table import Table

    import qml_qdl.training as training

    opened = training.Run.open(run, runs_dir=runs_dir)
    estimates = training.estimate(
        opened,
        target=target,
        shots=shots,
        limit=limit,
        batch_size=batch_size,
        resilience_level=resilience_level,
        mitigation=mitigation,
        account=account,
    )
    table = Table(title=f"{run} on {target}, {shots} shots", title_justify="left")
    table.add_column("")
    for each in estimates:
        table.add_column(each.what, justify="right")
    costs = [each.cost for each in estimates]
    table.add_row("jobs", *(f"{cost.jobs:,}" for cost in costs))
    table.add_row("circuits", *(f"{cost.circuits:,}" for cost in costs))
    table.add_row("of them calibrations", *(f"{cost.calibrations:,}" for cost in costs))
    table.add_row("executions", *(f"{cost.executions:,}" for cost in costs))
    table.add_row("two-qubit depth", *(f"{cost.two_qubit_depth:,}" for cost in costs))
    table.add_row("QPU seconds", *(f"{cost.seconds:,.0f}" for cost in costs))
    allowance = costs[0].allowance
    if allowance is not None:
        table.add_row(f"of {allowance.name}", *(f"{cost.share:.0%}" for cost in costs))
    Console().print(table)

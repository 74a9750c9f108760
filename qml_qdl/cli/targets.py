"""`qml-qdl targets`: what can be used here, and if not, why."""

from __future__ import annotations

from typing import Annotated

import typer

from qml_qdl.cli.options import AccountOption

OnlineOption = Annotated[
    bool,
    typer.Option("--online", help="Ask IBM which machines the account may use."),
]


def targets(online: OnlineOption = False, account: AccountOption = None) -> None:
    """List where circuits can run here, what each target can do, or why it cannot.

    Every local target runs a circuit of one wire. IBM is asked nothing unless --online
    is given.
    """
    from rich.console import Console
    from rich.table import Table

    from qml_qdl.circuits.errors import MissingPackageError
    from qml_qdl.hardware.survey import stored_machines, survey_targets

    found = survey_targets(online=online, account=account)
    table = Table()
    for name in ("target", "usable", "results", "states", "batches"):
        table.add_column(name, no_wrap=name == "target")
    table.add_column("own gradients")
    table.add_column("note")
    words = {True: "yes", False: "no", None: "?"}
    said = ""
    for one in found:
        able = ["", "", "", ""]
        if one.traits is not None:
            able = [
                "exact, shots" if one.exact else "shots",
                words[one.traits.state_vector],
                words[one.traits.takes_batches],
                ", ".join(one.gradients),
            ]
        table.add_row(
            one.name,
            words[one.usable],
            *able,
            "as above" if said and one.note == said else one.note,
        )
        said = one.note
    console = Console()
    console.print(table)
    try:
        stored = (name.removeprefix("fake_") for name in stored_machines())
    except MissingPackageError:
        return  # which the table says
    console.print(f"Stored machines, aer:fake_NAME: {', '.join(stored)}")

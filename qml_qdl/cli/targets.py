"""`qml-qdl targets`: what can be used here, and if not, why."""

from __future__ import annotations

from typing import Annotated

import typer

from qml_qdl.cli.options import AccountOption

OnlineOption = Annotated[
    bool,
    typer.Option("--online", help="Ask IBM which machines the account may use."),
]

_TITLES = {True: "Machines:", None: "Not asked:", False: "Not usable here:"}


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
    words = {True: "yes", False: "no"}
    table = Table()
    for name in ("target", "results", "states", "batches", "own gradients"):
        table.add_column(name)
    notes: dict[tuple[bool | None, str], list[str]] = {}
    for one in found:
        if one.traits is not None:
            table.add_row(
                one.name,
                "exact, shots" if one.exact else "shots",
                words[one.traits.state_vector],
                words[one.traits.takes_batches],
                ", ".join(one.gradients),
            )
        if one.note:
            notes.setdefault((one.usable, one.note), []).append(one.name)
    Console().print(table)
    for usable, title in _TITLES.items():
        lines = [
            f"  {', '.join(names)}: {note}"
            for (status, note), names in notes.items()
            if status is usable
        ]
        if lines:
            print("\n".join([title, *lines]))
    try:
        stored = (name.removeprefix("fake_") for name in stored_machines())
    except MissingPackageError:
        return  # which was told above
    print(f"Stored machines, aer:fake_NAME: {', '.join(stored)}")

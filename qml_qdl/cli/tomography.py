"""`qml-qdl tomography`: the state that measurements tell of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qml_qdl.cli.options import (
    NameOption,
    NewRunsDirOption,
    Progress,
    named_values,
)

DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Measurements: an .npz file of qml-qdl measure, or text with a line for "
        "each outcome, such as XZ 01 12.",
        show_default=False,
    ),
]
EstimatorOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="How the state is found: inversion, maximum_likelihood, hedged or neural; "
        "of shots in Z alone histogram, log_linear or mps.",
    ),
]
EstimatorOptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="An option of the model, such as strength=0.5; several are allowed.",
        metavar="NAME=VALUE",
    ),
]
StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        help="The state that it should be, for fidelities: a circuit, as measure "
        "takes it, or an .npz file with an array state.",
        show_default=False,
    ),
]
HamiltonianOption = Annotated[
    str | None,
    typer.Option(
        help="A sum of Pauli words whose energy is wanted, such as 'ZZ + 0.5*XI'.",
        show_default=False,
    ),
]
OrderOption = Annotated[
    str | None,
    typer.Option(
        help="Of text that does not say so: which wire is leftmost, first or last.",
        show_default=False,
    ),
]
BasesFileOption = Annotated[
    str | None,
    typer.Option(
        "--bases",
        help="Of text with outcomes only: a basis for all, or a file with one a line.",
        show_default=False,
    ),
]
RepeatsOption = Annotated[
    int,
    typer.Option(help="Data sets drawn anew for error bars; 0 for no bars.", min=0),
]
RivalsOption = Annotated[
    bool,
    typer.Option(
        "--rivals/--no-rivals", help="Whether all other models stand beside it."
    ),
]
TomographySeedOption = Annotated[
    int, typer.Option(help="Fixes what is left out and drawn anew.", min=0)
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Print the table only, without progress.")
]


def tomography(
    data: DataArgument,
    model: EstimatorOption = "hedged",
    option: EstimatorOptionOption = None,
    state: StateOption = None,
    hamiltonian: HamiltonianOption = None,
    order: OrderOption = None,
    bases: BasesFileOption = None,
    repeats: RepeatsOption = 10,
    rivals: RivalsOption = True,
    seed: TomographySeedOption = 0,
    name: NameOption = None,
    runs_dir: NewRunsDirOption = Path("runs"),
    quiet: QuietOption = False,
) -> None:
    """Find the state behind DATA, with error bars and beside simpler ways.

    Errors of reading that DATA tell of are part of the likelihood. The state, a table
    and pictures go to a folder of their own.
    """
    from rich.console import Console

    from qml_qdl.data.files import existing

    existing(data)  # before what reads it is loaded
    from qml_qdl.tomography import Measurements
    from qml_qdl.training.folders import new_folder
    from qml_qdl.training.tomography import StateTomography, known_state, pauli_sum

    shots = Measurements.read(data, bases=bases, order=order)
    found = StateTomography(
        shots,
        model,
        named_values("--option", option or ()),
        state=None if state is None else known_state(state, shots.num_wires),
        hamiltonian=None if hamiltonian is None else pauli_sum(hamiltonian),
        rivals=rivals,
        repeats=repeats,
        seed=seed,
        tell=None if quiet else Progress(),
    )
    folder, made = new_folder(runs_dir, name, f"tomography-{data.stem}")
    try:
        found.fit()
        found.draw_curves()
        found.write(folder)
    except BaseException:
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise
    Console().print(found.comparison.table())
    for line in found.summary():
        print(line)
    print(f"Everything is in {folder}")

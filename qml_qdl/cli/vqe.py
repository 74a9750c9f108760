"""`qml-qdl vqe`: lowest states of molecules and spins by circuits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from qml_qdl.cli.options import (
    AccountOption,
    MaxQpuSecondsOption,
    NameOption,
    NewRunsDirOption,
    Progress,
    TablesOnlyOption,
    named_values,
    table_of,
)
from qml_qdl.training.registry import HAMILTONIANS, MOLECULES

if TYPE_CHECKING:
    from qml_qdl.manybody import Problem
    from qml_qdl.vqe import Molecule

_SHOWN = 12
"""Operators of adapt that the table has on screen; the file has all."""


def _option(panel: str, text: str, **settings: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **settings)


ProblemArgument = Annotated[
    str,
    typer.Argument(
        metavar="MOLECULE|FILE.xyz|HAMILTONIAN",
        help=f"{', '.join(MOLECULES[:-1])} or {MOLECULES[-1]}; a file of atoms; or "
        f"{', '.join(HAMILTONIANS)}.",
        show_default=False,
    ),
]
AnsatzOption = Annotated[
    Literal[
        "adapt", "uccsd", "givens", "hardware-efficient", "hamiltonian-variational"
    ],
    _option("Circuit", "What the circuit is made of."),
]
LayersOption = Annotated[
    int,
    _option("Circuit", "Layers of the last two ansätze.", min=1),
]
MethodOption = Annotated[
    Literal["bfgs", "natural"],
    _option("Circuit", "How angles descend: quasi-Newton, or natural gradient."),
]
AccuracyOption = Annotated[
    float | None,
    _option(
        "Circuit",
        "How near to the exact energy adapt ends: in mHa of molecules, relative of "
        "spins; with 0 it goes on until no gate is steep.",
        min=0,
        show_default="1.6 of molecules, 1e-4 of spins",
    ),
]
ToleranceOption = Annotated[
    float,
    _option("Circuit", "It ends where no derivative by an angle is larger."),
]
MostOption = Annotated[
    int,
    _option("Circuit", "At most so many operators of adapt, or steps.", min=1),
]
StatesOption = Annotated[
    int,
    _option("Circuit", "How many of the lowest states, by expansion.", min=1),
]
VqeSeedOption = Annotated[
    int, _option("Circuit", "Seed of the first angles and of shots.", min=0)
]
ChargeOption = Annotated[
    int | None,
    _option("Molecule", "Charge.", show_default="that of the name, or 0"),
]
MultiplicityOption = Annotated[
    int | None,
    _option("Molecule", "2S + 1: 1 singlet, 3 triplet.", show_default="1"),
]
BasisOption = Annotated[
    str | None,
    _option("Molecule", "sto-3g, 6-31g, 6-311g or cc-pvdz.", show_default="sto-3g"),
]
ActiveElectronsOption = Annotated[
    int | None, _option("Molecule", "Electrons that move.", show_default="all")
]
ActiveOrbitalsOption = Annotated[
    int | None, _option("Molecule", "Orbitals they may take.", show_default="all")
]
SizeOption = Annotated[
    list[int] | None,
    _option("Spins", "Cells of the lattice, once for each direction.", min=1),
]
ArgumentOption = Annotated[
    list[str] | None,
    _option(
        "Spins",
        "Another argument of the Hamiltonian, such as h=0.5 or lattice=square.",
        metavar="NAME=VALUE",
    ),
]
MeasuringTargetOption = Annotated[
    str | None,
    _option(
        "Shots",
        "Measure the energy that was found here, too: auto, aer, aer:fake_torino, "
        "ibm:ibm_torino and the like.",
        show_default="nowhere",
    ),
]
MeasuringShotsOption = Annotated[
    int, _option("Shots", "Shots for each group of words.", min=1)
]


def vqe(
    problem: ProblemArgument,
    ansatz: AnsatzOption = "adapt",
    layers: LayersOption = 4,
    method: MethodOption = "bfgs",
    accuracy: AccuracyOption = None,
    tolerance: ToleranceOption = 1e-6,
    most: MostOption = 200,
    states: StatesOption = 1,
    seed: VqeSeedOption = 0,
    charge: ChargeOption = None,
    multiplicity: MultiplicityOption = None,
    basis: BasisOption = None,
    active_electrons: ActiveElectronsOption = None,
    active_orbitals: ActiveOrbitalsOption = None,
    size: SizeOption = None,
    argument: ArgumentOption = None,
    target: MeasuringTargetOption = None,
    shots: MeasuringShotsOption = 10_000,
    account: AccountOption = None,
    max_qpu_seconds: MaxQpuSecondsOption = None,
    name: NameOption = None,
    runs_dir: NewRunsDirOption = Path("runs"),
    quiet: TablesOnlyOption = False,
) -> None:
    """Find the lowest state of a molecule, or of spins, by a circuit.

    Energies are exact, beside those of Hartree-Fock, of unitary coupled cluster and of
    diagonalisation; with them stand the shots that a machine would need. Molecules are
    made without a download, and kept. Tables, a picture, and the circuit with its
    angles go to a folder of their own.
    """
    chosen = {
        "charge": charge,
        "multiplicity": multiplicity,
        "basis": basis,
        "active_electrons": active_electrons,
        "active_orbitals": active_orbitals,
    }
    spins = {"size": size, "argument": argument}
    molecule, sought = _sought(problem, _given(chosen), _given(spins))
    from rich.console import Console

    from qml_qdl.hardware.options import TargetOptions
    from qml_qdl.hardware.targets import make_device
    from qml_qdl.training.folders import new_folder
    from qml_qdl.training.vqe import LowestStates

    if target is not None:  # what cannot be used is refused before anything is sought
        told = TargetOptions(
            seed=seed, account=account, max_qpu_seconds=max_qpu_seconds
        )
        make_device(target, range(sought.num_sites), told)
    folder, made = new_folder(runs_dir, name, str(sought))
    try:
        found = LowestStates(sought, molecule, tell=None if quiet else Progress())
        found.solve(
            ansatz,
            accuracy,
            layers=layers,
            method=method,
            tolerance=tolerance,
            most=most,
            seed=seed,
        )
        if states > 1:
            found.expand(states)
        found.count_shots()
        found.write(folder)  # what a machine does not return is not lost with it
        if target is not None:
            found.measure(
                shots,
                target=target,
                seed=seed,
                account=account,
                max_qpu_seconds=max_qpu_seconds,
            )
            found.write(folder)
    except BaseException:
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise
    for title, rows in found.tables(_SHOWN):
        Console().print(table_of(title, rows))
    for line in found.lines:
        print(line)
    print(f"Everything is in {folder}")


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value not in (None, [])}


def _sought(
    name: str, chosen: Mapping[str, Any], spins: Mapping[str, Any]
) -> tuple[Molecule | None, Problem]:
    """The molecule, if it is one, and the problem."""
    from qml_qdl.circuits.errors import ArgumentError
    from qml_qdl.circuits.validation import did_you_mean

    known = (*MOLECULES, *HAMILTONIANS)
    is_file = name.lower().endswith(".xyz")
    if name not in known and not is_file:
        raise ArgumentError(
            f"{name}: expected one of {', '.join(known)}, or a file that ends with "
            f".xyz{did_you_mean(name, known)}"
        )
    strange = chosen if name in HAMILTONIANS else spins
    if strange:
        kind = "of spins" if name in HAMILTONIANS else "a molecule"
        flag = next(iter(strange)).replace("_", "-")
        raise ArgumentError(f"--{flag}: {name} is {kind}, and has none; leave it out")
    if is_file and not Path(name).is_file():
        raise ArgumentError(f"{name}: expected a file, got none")
    from qml_qdl.manybody import Problem
    from qml_qdl.vqe import Molecule

    if name in HAMILTONIANS:
        return None, Problem.named(name, **_arguments(spins))
    if not is_file:
        molecule = Molecule.named(name, **chosen)
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ArgumentError(f"{name}: expected text, got {error}") from error
        try:
            molecule = Molecule.from_xyz(text, name=Path(name).stem, **chosen)
        except ArgumentError as error:
            raise ArgumentError(f"{name}: {error}") from error
    return molecule, molecule.problem()


def _arguments(spins: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Hamiltonian."""
    found = named_values("--argument", spins.get("argument", ()))
    if "size" in spins:
        sizes = list(spins["size"])
        found["size"] = sizes if len(sizes) > 1 else sizes[0]
    return found

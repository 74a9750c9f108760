"""`qml-qdl vqe`: lowest states of molecules and spins by circuits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from qml_qdl.cli.options import AccountOption, MaxQpuSecondsOption
from qml_qdl.cli.train import NameOption, NewRunsDirOption
from qml_qdl.training.registry import HAMILTONIANS

if TYPE_CHECKING:
    from qml_qdl.manybody import Problem
    from qml_qdl.vqe import Molecule, Solution

_SHOWN = 12
"""Operators of adapt that the table has on screen; the file has all."""

_PAUSE = 5.0
"""Seconds between two lines of progress where there is no terminal."""

Rows = list[list[str]]


def _option(panel: str, text: str, **settings: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **settings)


ProblemArgument = Annotated[
    str,
    typer.Argument(
        metavar="MOLECULE|FILE.xyz|HAMILTONIAN",
        help="H2, HeH+, H3+, H4, LiH, HF, BeH2 or H2O; a file of atoms; or "
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
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Print the tables only, without progress.")
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
    quiet: QuietOption = False,
) -> None:
    """Find the lowest state of a molecule, or of spins, by a circuit.

    Energies are exact, beside those of Hartree-Fock, of unitary coupled cluster and of
    diagonalisation; with them stand the shots that a machine would need. Molecules are
    made without a download, and kept. Tables, a picture, and the circuit with its
    angles go to a folder of their own.
    """
    from rich.console import Console

    from qml_qdl.training.run import make_folder

    chosen = {
        "charge": charge,
        "multiplicity": multiplicity,
        "basis": basis,
        "active_electrons": active_electrons,
        "active_orbitals": active_orbitals,
    }
    spins = {"size": size, "argument": argument}
    molecule, sought = _sought(problem, _given(chosen), _given(spins))
    folder, made = make_folder(runs_dir, name, str(sought))
    try:
        found = _Findings(molecule, sought, None if quiet else _Progress())
        found.solve(ansatz, layers, method, accuracy, tolerance, most, seed)
        if states > 1:
            found.expand(states)
        found.count_shots()
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
        Console().print(_table(title, rows))
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
    from qml_qdl.manybody import Problem
    from qml_qdl.vqe import MOLECULES, Molecule

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
    if name in HAMILTONIANS:
        return None, Problem.named(name, **_arguments(spins))
    if not is_file:
        molecule = Molecule.named(name, **chosen)
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ArgumentError(f"{name}: expected a file, got none") from error
        except UnicodeDecodeError as error:
            raise ArgumentError(f"{name}: expected text, got {error}") from error
        try:
            molecule = Molecule.from_xyz(text, name=Path(name).stem, **chosen)
        except ArgumentError as error:
            raise ArgumentError(f"{name}: {error}") from error
    return molecule, molecule.problem()


def _arguments(spins: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Hamiltonian, values read as YAML."""
    import yaml

    from qml_qdl.training.options import read_yaml

    found: dict[str, Any] = {}
    if "size" in spins:
        sizes = list(spins["size"])
        found["size"] = sizes if len(sizes) > 1 else sizes[0]
    for text in spins.get("argument", ()):
        key, equals, value = text.partition("=")
        try:
            found[key.strip()] = read_yaml(value)
        except yaml.YAMLError:
            equals = ""
        if not equals or not key.strip():
            raise typer.BadParameter(
                f"expected NAME=VALUE, such as h=0.5, got {text!r}",
                param_hint="'--argument'",
            )
    return found


class _Progress:
    """What is being done: a line that changes, or lines on stderr in a pipe."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._bar = sys.stderr.isatty()

    def __call__(self, text: str, *, end: bool = False) -> None:
        now = time.monotonic()
        if self._bar:
            print(f"\r\033[K{'' if end else text}", end="", file=sys.stderr, flush=True)
        elif now - self._last >= _PAUSE and not end:
            print(text, file=sys.stderr, flush=True)
            self._last = now


class _Findings:
    """Energies of one problem, as they are found."""

    solution: Solution

    def __init__(
        self, molecule: Molecule | None, sought: Problem, progress: _Progress | None
    ) -> None:
        from qml_qdl.vqe import reference_energy
        from qml_qdl.vqe.adapt import reference_of

        self.molecule, self.sought = molecule, sought
        self._tell: Callable[..., None] = progress or (lambda *_, **__: None)
        exact = sought.exact
        self.exact = None if exact is None else exact.energy
        down = reference_of(sought) if molecule is None else molecule.reference
        self.reference = down
        # Of a triplet the reference is in orbitals of a closed shell.
        closed = molecule is not None and molecule.multiplicity == 1
        self.first = "Hartree-Fock" if closed else "reference"
        self.others = {self.first: (0, reference_energy(sought, down))}
        self.lines: list[str] = []
        self.excited: Rows = []
        self.numbers: dict[str, Any] = {}

    @property
    def unit(self) -> str:
        """What errors are in."""
        return "mHa" if self.molecule is not None else "relative"

    def error(self, energy: float, exact: float | None = None) -> float | None:
        """The error of an energy, None where the exact one is not known.

        Args:
            energy: The energy.
            exact: The exact one; None for that of the lowest state.
        """
        exact = self.exact if exact is None else exact
        if exact is None:
            return None
        if self.molecule is not None:
            return 1e3 * (energy - exact)
        return abs((energy - exact) / exact) if exact else None

    def _shown(self, energy: float, exact: float | None = None) -> str:
        off = self.error(energy, exact)
        if off is None:
            return "–"
        return f"{off:.4f}" if self.molecule is not None else f"{off:.1e}"

    def solve(
        self,
        ansatz: Any,
        layers: int,
        method: Any,
        accuracy: float | None,
        tolerance: float,
        most: int,
        seed: int,
    ) -> None:
        """Finds the lowest state, and that of coupled cluster beside."""
        from qml_qdl.vqe import solve

        started = time.perf_counter()
        until = None
        if ansatz == "adapt" and self.exact is not None and accuracy != 0:
            if self.molecule is not None:
                until = self.exact + 1e-3 * (1.6 if accuracy is None else accuracy)
            else:
                part = 1e-4 if accuracy is None else accuracy
                until = self.exact + part * abs(self.exact)

        def tell(number: int, energy: float) -> None:
            what = "operators" if ansatz == "adapt" else "steps"
            self._tell(
                f"{ansatz}: {number} {what}, error {self._shown(energy)} {self.unit}"
            )

        self.solution = solve(
            self.sought,
            ansatz,
            reference=self.reference,
            layers=layers,
            method=method,
            until=until,
            tolerance=tolerance,
            most=most,
            seed=seed,
            tell=tell,
        )
        self.numbers["seconds"] = time.perf_counter() - started
        if self.molecule is not None and ansatz != "uccsd":
            self._tell("coupled cluster")
            cluster = solve(self.sought, "uccsd", reference=self.reference)
            self.others["UCCSD"] = (len(cluster.angles), cluster.energy)
        self._tell("", end=True)
        reached = until is None or self.solution.energy <= until
        if not self.solution.converged and (until is None or not reached):
            self.lines.append(
                f"not converged after {len(self.solution.history) - 1} "
                f"{'operators' if ansatz == 'adapt' else 'steps'}; raise --most"
            )
        elif until is not None and not reached:
            self.lines.append(
                "no gate of the pool is steep any more, and the accuracy is not "
                "reached; lower --tolerance, or try another ansatz"
            )
        if self.solution.outside:
            self.lines.append(
                f"{self.solution.outside:.1e} of the state is outside of the sector: "
                "its energy mixes those of other sectors"
            )

    def expand(self, states: int) -> None:
        """Finds excited states, beside the exact ones of the sector."""
        from qml_qdl.circuits.errors import ArgumentError
        from qml_qdl.manybody import ground_state
        from qml_qdl.vqe import expand_subspace, make_pool

        sector = self.sought.configurations
        if self.solution.outside or len(self.solution.state) != sector.num_states:
            raise ArgumentError(
                f"--states: {self.solution.ansatz} leaves the sector, where excited "
                "states are sought; use another ansatz"
            )
        pool = make_pool(
            self.sought, "fermionic" if self.molecule else None, self.reference
        )
        found = expand_subspace(self.sought, self.solution.state, pool, states)
        exact = ground_state(self.sought.operator, sector, states).energies
        spins = [None] * states
        if self.molecule is not None:
            spins = self.molecule.spin_squared(found.states).tolist()
        for number, energy in enumerate(found.energies.tolist()):
            spin = spins[number]
            self.excited.append(
                [
                    str(number),
                    f"{energy:.8f}",
                    f"{exact[number]:.8f}",
                    self._shown(energy, exact[number]),
                    *([] if spin is None else [f"{abs(spin):.3f}"]),
                ]
            )
        self.numbers["states"] = {
            "energies": found.energies.tolist(),
            "exact": exact.tolist(),
            "spin_squared": spins,
        }

    def count_shots(self) -> None:
        """Says what a machine would need."""
        from qml_qdl.circuits.errors import MemoryBoundError
        from qml_qdl.vqe import CHEMICAL_ACCURACY, plan_shots

        wanted = CHEMICAL_ACCURACY
        if self.molecule is None:
            wanted = 1e-3 * max(abs(self.solution.energy), 1e-3)
        try:
            plan = plan_shots(self.sought, self.solution.state, wanted)
        except MemoryBoundError:  # a sector may fit where all wires do not
            return
        words = f"{1e3 * wanted:.1f} mHa" if self.molecule else f"{wanted:.2g}"
        self.lines.append(
            f"a standard error of {words} takes {plan.equal:.1e} shots in "
            f"{len(plan.deviations)} groups of words with equal shares, "
            f"{plan.optimal:.1e} with the best"
        )
        self.numbers["shots"] = {
            "error": wanted,
            "groups": len(plan.deviations),
            "equal": plan.equal,
            "optimal": plan.optimal,
        }

    def measure(self, shots: int, **options: Any) -> None:
        """Measures the energy with shots."""
        self._tell(f"measuring on {options['target']}")
        layer = self.solution.layer(shots=shots, **options)
        value, error = (float(each) for each in layer.with_errors())
        self._tell("", end=True)
        off = value - self.solution.energy
        self.lines.append(
            f"measured on {options['target']}, {shots:,} shots for each group: "
            f"{value:.5f} ± {error:.5f}, {off:+.5f} from the energy of the circuit"
        )
        self.numbers["measured"] = {
            "target": str(options["target"]),
            "shots": shots,
            "energy": value,
            "error": error,
        }

    def tables(self, most: int | None = None) -> list[tuple[str, Rows]]:
        """Titles and rows, the first of them headers.

        Args:
            most: Rows for the operators of adapt, evenly; None for all.
        """
        solution = self.solution
        grown = solution.ansatz in ("adapt", "uccsd", "givens")
        what = "operators" if grown else "angles"
        header = ["", what, "energy", f"error ({self.unit})"]
        rows: Rows = [header]

        def add(name: str, count: int | str, energy: float) -> None:
            rows.append([name, str(count), f"{energy:.8f}", self._shown(energy)])

        add(self.first, *self.others[self.first])
        if solution.ansatz == "adapt":
            last = len(solution.history) - 1
            step = 1 if most is None else max(1, -(-last // most))
            for number in range(1, last + 1):
                if number % step == 0 or number in (1, last):
                    add("adapt", number, solution.history[number])
        else:
            add(solution.ansatz, len(solution.angles), solution.energy)
        for name, (count, energy) in self.others.items():
            if name != self.first:
                add(name, count, energy)
        if self.exact is not None:
            add("exact", "–", self.exact)
        sector = self.sought.configurations
        title = (
            f"{self.sought}: {self.sought.num_sites} wires, "
            f"{sector.num_states:,} states in the sector, "
            f"{self.numbers['seconds']:.2f} s"
        )
        found = [(title, rows)]
        if self.excited:
            names = ["state", "energy", "exact", f"error ({self.unit})"]
            spin = ["⟨S²⟩"] if self.molecule else []
            whole = [[*names, *spin], *self.excited]
            found.append(("lowest states of the sector", whole))
        return found

    def write(self, folder: Path) -> None:
        """Writes tables, picture and circuit."""
        from qml_qdl.hardware.files import write_atomically
        from qml_qdl.training.json_files import write_json
        from qml_qdl.training.plots import plot_errors, save_figure

        solution = self.solution
        write_json(
            folder / "result.json",
            {
                "problem": str(self.sought),
                "fingerprint": self.sought.fingerprint(),
                "ansatz": solution.ansatz,
                "reference": list(self.reference),
                "energy": solution.energy,
                "exact": self.exact,
                "others": {name: energy for name, (_, energy) in self.others.items()},
                "history": list(solution.history),
                "operators": [
                    each if isinstance(each, str) else list(each)
                    for each in solution.operators
                ],
                "angles": solution.angles.tolist(),
                "circuit": repr(solution.circuit),
                "converged": solution.converged,
                "outside": solution.outside,
                **self.numbers,
            },
            sealed=True,
        )
        parts = [_markdown(title, rows) for title, rows in self.tables()]
        text = "\n".join([*parts, *(f"- {line}" for line in self.lines), ""])
        write_atomically(folder / "report.md", lambda file: file.write(text.encode()))
        errors = [self.error(energy) for energy in solution.history]
        if None in errors:
            return
        lines = {
            name: self.error(energy) or 0.0
            for name, (_, energy) in self.others.items()
            if name != self.first
        }
        if self.molecule is not None:
            lines["chemical accuracy"] = 1.6
        grown = solution.ansatz == "adapt"
        figure = plot_errors(
            {solution.ansatz: [abs(each or 0.0) for each in errors]},
            lines,
            "operators" if grown else "step",
            f"error of the energy ({self.unit})",
        )
        figure.axes[0].set_title(str(self.sought))
        save_figure(figure, folder / "energies.png")


def _table(title: str, rows: Sequence[Sequence[str]]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*row)
    return table


def _markdown(title: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
    return f"# {title}\n\n{table}\n"

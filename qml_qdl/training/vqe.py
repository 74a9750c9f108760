"""Lowest states by circuits as the command `vqe` finds and reports them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError
from qml_qdl.hardware.files import write_atomically
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.manybody import Problem, ground_state
from qml_qdl.nn.jobs import record_jobs
from qml_qdl.training.json_files import write_json
from qml_qdl.training.plots import plot_errors, save_figure
from qml_qdl.training.report import markdown
from qml_qdl.vqe import (
    CHEMICAL_ACCURACY,
    Molecule,
    Solution,
    expand_subspace,
    make_pool,
    plan_shots,
    reference_energy,
    solve,
)
from qml_qdl.vqe.adapt import reference_of

Rows = list[list[str]]


class LowestStates:
    """Energies of one problem, as they are found.

    Args:
        sought: H and its sector.
        molecule: Whose it is; None for spins.
        tell: Is called with what is being done, and with `end=True` after it.
    """

    solution: Solution

    def __init__(
        self,
        sought: Problem,
        molecule: Molecule | None = None,
        tell: Callable[..., None] | None = None,
    ) -> None:
        self.molecule, self.sought = molecule, sought
        self._tell: Callable[..., None] = tell or (lambda *_, **__: None)
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

    def solve(self, ansatz: Any, accuracy: float | None = None, **options: Any) -> None:
        """Finds the lowest state, and that of coupled cluster beside.

        Args:
            ansatz: The circuit's name.
            accuracy: How near to the exact energy adapt ends, in mHa of molecules,
                relative of spins; None for 1.6 and 1e-4, 0 to go on.
            **options: What else `qml_qdl.vqe.solve` takes.
        """
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
            until=until,
            tell=tell,
            **options,
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
        """Finds excited states, beside the exact ones of the sector.

        Args:
            states: How many of the lowest.

        Raises:
            ArgumentError: The circuit has left the sector.
        """
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
        """Measures the energy with shots.

        A program that measures the same circuit in the same way once more, as after it
        was killed, finds its jobs in the user's journal and pays for none twice.

        Args:
            shots: Shots for each group of words.
            **options: What else `QuantumLayer` takes, with a target.
        """
        self._tell(f"measuring on {options['target']}")
        asked = [self.sought.fingerprint(), repr(self.solution.circuit), shots]
        words = json.dumps([*asked, self.solution.angles.tolist(), str(options)])
        run = f"vqe-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
        layer = self.solution.layer(shots=shots, **options)
        record_jobs(layer, default_place(), run)
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
        """Writes tables, picture and circuit.

        Args:
            folder: Where.
        """
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
        parts = [markdown(title, rows) for title, rows in self.tables()]
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

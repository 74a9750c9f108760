"""Molecules: electrons in orbitals as a problem of spins, by PennyLane's Hartree-Fock.

Orbital k is site k, occupied where its spin is −1 (`|1⟩`); even sites are orbitals of
spin up, odd ones of spin down (Jordan and Wigner's mapping). Energies are in hartree.
"""

from __future__ import annotations

import hashlib
import logging
import math
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from pennylane.qchem import basis_data
from scipy.constants import angstrom, physical_constants

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    did_you_mean,
    validate_call,
)
from qml_qdl.hardware.caches import default_cache_folder
from qml_qdl.hardware.files import made_in_memory, write_atomically
from qml_qdl.manybody import Problem, Sector, SpinOperator
from qml_qdl.manybody.sectors import check_memory

logger = logging.getLogger(__name__)

BOHR_PER_ANGSTROM = angstrom / physical_constants["Bohr radius"][0]
"""1.8897…: coordinates of XYZ files are in ångström, those of `Molecule` in bohr."""

CHEMICAL_ACCURACY = 1.6e-3
"""1 kcal/mol in hartree."""

BASES = tuple(basis_data.basis_sets)
"""The basis sets that PennyLane has without a download."""

_Atoms: TypeAlias = tuple[tuple[str, float, float, float], ...]

_NEAREST = 0.2
"""Nuclei nearer than this, in bohr, are taken for one that is listed twice."""

_CONVERGED = 1e-5
"""The largest element between Hartree-Fock's state and a single excitation, in hartree:
at the minimum they vanish (Brillouin's theorem)."""

_FORMAT = "qml-qdl molecule 1"

_VECTORS = 25
"""Vectors of a sector that diagonalising it needs at once."""

_LISTED: Mapping[str, tuple[int, _Atoms]] = MappingProxyType(
    {
        "H2": (0, (("H", 0, 0, 0), ("H", 0, 0, 0.7414))),
        "HeH+": (1, (("He", 0, 0, 0), ("H", 0, 0, 0.772))),
        "H3+": (
            1,
            (
                ("H", 0, 0, 0),
                ("H", 0, 0, 0.873),
                ("H", 0, 0.873 * math.sqrt(0.75), 0.4365),
            ),
        ),
        "H4": (0, tuple(("H", 0.0, 0.0, float(k)) for k in range(4))),
        "LiH": (0, (("Li", 0, 0, 0), ("H", 0, 0, 3.0139 / BOHR_PER_ANGSTROM))),
        "HF": (0, (("H", 0, 0, 0), ("F", 0, 0, 0.9168))),
        "BeH2": (0, (("Be", 0, 0, 0), ("H", 0, 0, 1.33), ("H", 0, 0, -1.33))),
        "H2O": (0, (("O", 0, 0, 0), ("H", 0, 0.757, 0.587), ("H", 0, -0.757, 0.587))),
    }
)

MOLECULES = tuple(_LISTED)
"""The molecules that have names."""


def _as_symbols(symbols: Any) -> tuple[str, ...]:
    items = as_items(symbols)
    if not items or not all(isinstance(each, str) for each in items):
        raise ArgumentTypeError(
            "symbols: expected one or more elements such as ['Li', 'H'], got "
            f"{symbols!r}"
        )
    return items


def _as_coordinates(coordinates: Any) -> tuple[tuple[float, ...], ...]:
    try:
        rows = np.asarray(coordinates, float)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            "coordinates: expected three numbers for each atom, got "
            f"{str(coordinates)[:60]}"
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 3 or not np.isfinite(rows).all():
        raise ArgumentError(
            "coordinates: expected three finite numbers for each atom, in bohr, got an "
            f"array of shape {rows.shape}"
        )
    return tuple(map(tuple, rows.tolist()))


@validate_call
@frozen(slots=False)
class Molecule:
    """Nuclei, electrons, and the orbitals that electrons may take.

    Orbitals are those of the closed shell's Hartree-Fock state, which PennyLane finds;
    with a multiplicity above 1 electrons are sought in these, too, and the reference is
    no Hartree-Fock state any more.

    Args:
        symbols: The elements.
        coordinates: Where the nuclei are, (atoms, 3), in bohr.
        charge: The charge, in units of the elementary charge.
        multiplicity: 2S + 1: 1 for a singlet, 3 for two unpaired electrons.
        basis: "sto-3g", "6-31g", "6-311g" or "cc-pvdz".
        active_electrons: How many electrons move, the others staying paired in the
            lowest orbitals; None for all.
        active_orbitals: How many orbitals they may take; None for all above.
        name: What it is called; None for its formula.

    Raises:
        ArgumentError: An element is not in the basis, nuclei lie on each other, or
            electrons, multiplicity and active space do not fit.
        ArgumentTypeError: An argument has another type.

    Example:
        >>> molecule = Molecule(["H", "H"], [[0, 0, 0], [0, 0, 1.4]])
        >>> print(molecule, molecule.electrons, molecule.num_wires, molecule.reference)
        H2 (1, 1) 4 (0, 1)
    """

    symbols: Sequence[str] = field(converter=_as_symbols)
    coordinates: Sequence[Sequence[float]] = field(converter=_as_coordinates)
    charge: int = 0
    multiplicity: int = 1
    basis: str = "sto-3g"
    active_electrons: int | None = None
    active_orbitals: int | None = None
    name: str | None = field(default=None, eq=False)

    def __attrs_post_init__(self) -> None:
        check_count("multiplicity", self.multiplicity)
        check_choice("basis", self.basis, BASES)
        known = basis_data.basis_sets[self.basis]
        for symbol in self.symbols:
            if symbol not in known:
                raise ArgumentError(
                    f"symbols: {self.basis} has no {symbol!r}, but {', '.join(known)}"
                    f"{did_you_mean(symbol, known)}"
                )
        if len(self.symbols) != len(self.coordinates):
            raise ArgumentError(
                f"coordinates: expected a row for each of {len(self.symbols)} atoms, "
                f"got {len(self.coordinates)}"
            )
        for (i, first), (j, second) in combinations(enumerate(self.coordinates), 2):
            if math.dist(first, second) < _NEAREST:
                raise ArgumentError(
                    f"coordinates: atoms {i} and {j} are {math.dist(first, second):.3g}"
                    " bohr apart; is one listed twice, or the unit another?"
                )
        self._check_electrons()

    def _check_electrons(self) -> None:
        total = self.total_electrons
        if total < 1:
            raise ArgumentError(
                f"charge: {self.charge} leaves {total} electrons of "
                f"{total + self.charge}; pass a smaller charge"
            )
        if total % 2:
            raise ArgumentError(
                f"charge: {self.charge} leaves {total} electrons, and PennyLane's "
                "Hartree-Fock has closed shells only; pass a charge of "
                f"{self.charge - 1} or {self.charge + 1}"
            )
        if self.multiplicity % 2 == 0 or self.multiplicity > total + 1:
            raise ArgumentError(
                f"multiplicity: of {total} electrons an even number is unpaired, got "
                f"{self.multiplicity}; pass 1, 3, … {total + 1}"
            )
        moving, orbitals = self.active_electrons, self.active_orbitals
        if moving is not None and (moving < 1 or moving > total or moving % 2):
            raise ArgumentError(
                f"active_electrons: expected an even number from 2 to {total}, as the "
                f"others stay paired, got {moving}"
            )
        core = (total - self.num_electrons) // 2
        most = self._all_orbitals - core
        if orbitals is not None and not 1 <= orbitals <= most:
            raise ArgumentError(
                f"active_orbitals: expected 1 to {most}, as {self.basis} has "
                f"{self._all_orbitals} of which {core} stay full, got {orbitals}"
            )
        if self.multiplicity > self.num_electrons + 1:
            raise ArgumentError(
                f"multiplicity: expected at most {self.num_electrons + 1}, as "
                f"{self.num_electrons} electrons move, got {self.multiplicity}"
            )
        ups, _ = self.electrons
        if ups > self.num_wires // 2:
            raise ArgumentError(
                f"active_orbitals: {self.num_wires // 2} orbitals hold no {ups} "
                f"electrons of one spin, of {self.num_electrons} with multiplicity "
                f"{self.multiplicity}; pass at least {ups}"
            )
        if self.num_electrons == self.num_wires:
            raise ArgumentError(
                f"active_orbitals: {self.num_electrons} electrons fill all of "
                f"{self.num_wires // 2} orbitals, so that none can move; pass more, or "
                "a larger basis"
            )

    # ---- Electrons and orbitals. ----

    @property
    def total_electrons(self) -> int:
        """Electrons in all."""
        numbers = basis_data.atomic_numbers
        return sum(int(numbers[each]) for each in self.symbols) - self.charge

    @property
    def num_electrons(self) -> int:
        """Electrons that move."""
        moving = self.active_electrons
        return self.total_electrons if moving is None else moving

    @property
    def electrons(self) -> tuple[int, int]:
        """Moving electrons of spin up and of spin down."""
        unpaired = self.multiplicity - 1
        return (
            (self.num_electrons + unpaired) // 2,
            (self.num_electrons - unpaired) // 2,
        )

    @cached_property
    def _all_orbitals(self) -> int:
        return int(self._as_pennylane().n_orbitals)

    @property
    def num_wires(self) -> int:
        """Spin orbitals that electrons may take, each a wire of a circuit."""
        if self.active_orbitals is not None:
            return 2 * self.active_orbitals
        core = (self.total_electrons - self.num_electrons) // 2
        return 2 * (self._all_orbitals - core)

    @property
    def reference(self) -> tuple[int, ...]:
        """The sites that electrons take in the reference, the lowest of each spin."""
        ups, downs = self.electrons
        return tuple(sorted((*range(0, 2 * ups, 2), *range(1, 2 * downs, 2))))

    @property
    def sums(self) -> tuple[tuple[tuple[int, ...], int], ...]:
        """The sums of spins ±1 that electrons of each spin mean, as `Sector` takes."""
        return _sums(self.num_wires, self.electrons)

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        counts = {each: self.symbols.count(each) for each in self.symbols}
        formula = "".join(f"{k}{n if n > 1 else ''}" for k, n in counts.items())
        size = "" if abs(self.charge) < 2 else str(abs(self.charge))
        return formula + (size + ("+" if self.charge > 0 else "-")) * bool(self.charge)

    # ---- Where it comes from. ----

    @classmethod
    def named(cls, name: str, **options: Any) -> Molecule:
        """A molecule of a name, near its equilibrium.

        Args:
            name: "H2", "HeH+", "H3+", "H4" (a chain, 1 Å apart), "LiH", "HF", "BeH2" or
                "H2O".
            **options: Other arguments of `Molecule`.

        Returns:
            The molecule.

        Raises:
            ArgumentError: There is no such name, or an option does not fit.

        Example:
            >>> Molecule.named("H2O", active_electrons=4, active_orbitals=4).num_wires
            8
        """
        if name not in _LISTED:
            raise ArgumentError(
                f"name: expected one of {', '.join(MOLECULES)}, got {name!r}"
                f"{did_you_mean(name, MOLECULES)}; of others pass an XYZ file"
            )
        charge, atoms = _LISTED[name]
        whole = {"charge": charge, "name": name, **options}
        if whole["charge"] != charge:
            whole["name"] = options.get("name")
        return cls._of_atoms(atoms, whole)

    @classmethod
    def from_xyz(cls, text: str, **options: Any) -> Molecule:
        r"""A molecule from the text of an XYZ file.

        Args:
            text: The number of atoms, a line of comment, then a line for each atom with
                element and coordinates in ångström.
            **options: Other arguments of `Molecule`.

        Returns:
            The molecule.

        Raises:
            ArgumentError: The text is no such file; the message names the line.

        Example:
            >>> molecule = Molecule.from_xyz("2\n\nH 0 0 0\nH 0 0 0.74")
            >>> round(molecule.coordinates[1][2], 4)
            1.3984
        """
        lines = text.strip("\ufeff").rstrip().splitlines()
        first = lines[0].strip() if lines else ""
        if not first.isdecimal():
            raise ArgumentError(
                f"text: expected the number of atoms in the first line, got {first!r}; "
                "line two is a comment, then comes a line for each atom"
            )
        rows = lines[2:]
        if len(rows) != int(first) or not rows:
            raise ArgumentError(
                f"text: expected {first} atoms after line 2, got {len(rows)} lines"
            )
        return cls._of_atoms([_atom(3 + k, row) for k, row in enumerate(rows)], options)

    @classmethod
    def _of_atoms(cls, atoms: Sequence[Any], options: Mapping[str, Any]) -> Molecule:
        places = [[BOHR_PER_ANGSTROM * x for x in atom[1:]] for atom in atoms]
        return cls([atom[0] for atom in atoms], places, **options)

    # ---- Its Hamiltonian. ----

    def _as_pennylane(self) -> Any:
        places = qml.numpy.array(self.coordinates, requires_grad=False)
        return qml.qchem.Molecule(
            list(self.symbols), places, charge=self.charge, basis_name=self.basis
        )

    def fingerprint(self) -> str:
        """A digest (SHA-256, hexadecimal) of all that the Hamiltonian depends on."""
        made = evolve(self, multiplicity=1, name="")
        return hashlib.sha256(
            f"{_FORMAT} {qml.__version__} {made!r}".encode()
        ).hexdigest()

    def problem(self, cache: str | Path | None = "default") -> Problem:
        """The Hamiltonian in the sector of its electrons.

        Making one takes seconds to minutes, so it is kept on disk.

        Args:
            cache: The folder; "default" for the environment's QML_QDL_CACHE or the
                platform's cache folder, None for not keeping it.

        Returns:
            The problem, whose `exact` energy is that of full configuration interaction
            in the active space.

        Raises:
            ArgumentError: Hartree-Fock does not converge.
            MemoryBoundError: The sector's states do not fit into memory.

        Example:
            >>> problem = Molecule.named("H2").problem()
            >>> problem.operator, round(problem.exact.energy, 6)
            (SpinOperator(4 sites, 15 words, 1 flips), -1.13727)
        """
        sector = Sector(self.num_wires, sums=self.sums)
        check_memory(
            f"active_orbitals: {_VECTORS} vectors of {sector.num_configurations:,} "
            "states",
            8 * _VECTORS * sector.num_configurations,
            "pass fewer, and fewer active_electrons",
        )
        folder = default_cache_folder() if cache == "default" else cache
        if folder is None:
            operator = self._built()
        else:
            path = Path(folder).expanduser() / "molecules" / f"{self.fingerprint()}.npz"
            operator = _read(path) or _written(path, self._built())
        return Problem(operator, None, str(self), marshall=False, sums=self.sums)

    def spin_squared(self, states: NDArray[Any]) -> NDArray[np.float64]:
        """`⟨S²⟩` of states: 0 of singlets, 2 of triplets.

        Args:
            states: In the sector of the electrons, (states, k).

        Returns:
            (k,).

        Raises:
            ShapeError: They are of another sector.

        Example:
            >>> molecule = Molecule.named("H2")
            >>> print(molecule.spin_squared(molecule.problem().level.vectors).round(6))
            [0. 2. 0. 0.]
        """
        sector = Sector(self.num_wires, sums=self.sums)
        if np.ndim(states) != 2 or len(states) != sector.num_states:
            raise ShapeError(
                f"states: expected ({sector.num_states}, k), columns of the sector of "
                f"{self}, got an array of shape {np.shape(states)}"
            )
        words = qml.qchem.spin2(self.num_electrons, self.num_wires)
        image = SpinOperator.of(words, self.num_wires).matrix(sector) @ states
        found = (states.conj() * image).sum(axis=0).real
        # It is never below 0, nor −0, but for rounding.
        return np.asarray(np.maximum(found, 0.0) + 0.0)

    def _built(self) -> SpinOperator:
        words, _ = qml.qchem.molecular_hamiltonian(
            self._as_pennylane(),
            method="dhf",
            active_electrons=self.active_electrons,
            active_orbitals=self.active_orbitals,
        )
        operator = SpinOperator.of(words, self.num_wires)
        self._check_converged(operator)
        return operator

    def _check_converged(self, operator: SpinOperator) -> None:
        """Checks Brillouin's theorem on the closed shell."""
        half = self.num_electrons // 2
        sector = Sector(self.num_wires, sums=_sums(self.num_wires, (half, half)))
        bits = np.where(np.arange(self.num_wires) < 2 * half, 1, 0)
        full = int("".join(map(str, bits)), 2)
        place = int(np.searchsorted(sector.states, full))
        row = operator.matrix(sector)[[place]].toarray()[0]
        moved = np.bitwise_count(sector.states ^ np.uint64(full)) == 2
        largest = float(abs(row[moved]).max(initial=0.0))
        if largest > _CONVERGED:
            raise ArgumentError(
                f"coordinates: Hartree-Fock of {self} does not converge: single "
                f"excitations are coupled by {largest:.2g} hartree; bring the nuclei "
                "nearer to equilibrium"
            )


def _sums(
    num_wires: int, electrons: tuple[int, int]
) -> tuple[tuple[tuple[int, ...], int], ...]:
    half = num_wires // 2
    return tuple(
        (tuple(range(spin, num_wires, 2)), half - 2 * count)
        for spin, count in enumerate(electrons)
    )


def _atom(number: int, line: str) -> tuple[str, float, float, float]:
    words = line.split()
    try:
        symbol, x, y, z = words[:4]
        places = float(x), float(y), float(z)
    except ValueError:
        places = (math.nan,) * 3
    if not all(map(math.isfinite, places)):
        raise ArgumentError(
            f"text: expected an element and three coordinates in line {number}, got "
            f"{line.strip()!r}"
        )
    return symbol.capitalize(), *places


def _written(path: Path, operator: SpinOperator) -> SpinOperator:
    """Keeps an operator; if that fails there is a warning."""
    arrays: dict[str, Any] = {
        "format": np.array(_FORMAT),
        "flipped": operator.flipped,
        "signs": operator.signs,
        "coefficients": operator.coefficients,
    }
    try:
        write_atomically(path, made_in_memory(lambda file: np.savez(file, **arrays)))
    except OSError as error:
        logger.warning(
            "molecules: cannot write %s (%s); they are made anew each time. Set "
            "QML_QDL_CACHE to a folder of yours",
            path,
            error,
        )
    return operator


def _read(path: Path) -> SpinOperator | None:
    """An operator that was kept; None where there is none, or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            if str(arrays["format"]) != _FORMAT:
                return None
            flipped, signs = arrays["flipped"], arrays["signs"]
            return SpinOperator(
                tuple(range(flipped.shape[1])), flipped, signs, arrays["coefficients"]
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s); the molecule is made anew", path, error)
        return None

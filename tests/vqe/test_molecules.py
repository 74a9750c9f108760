from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.manybody import Sector
from qml_qdl.vqe import MOLECULES, Molecule, reference_energy
from tests.vqe.problems import problem


def test_energies_of_lithium_hydride() -> None:
    """Hartree-Fock and full configuration interaction of PennyLane's own matrix."""
    molecule = Molecule.named("LiH")
    found = problem("LiH")
    assert found.exact is not None
    assert found.exact.energy == pytest.approx(-7.88240361, abs=1e-8)
    energy = reference_energy(found, molecule.reference)
    assert energy == pytest.approx(-7.86202737, abs=1e-8)
    assert found.configurations.num_states == 225


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "first", "exact"),
    [
        ("BeH2", -15.56009836, -15.59511754),
        ("H2O", -74.96306315, -75.01264713),
    ],
)
def test_energies_of_larger_ones(name: str, first: float, exact: float) -> None:
    found = problem(name)
    assert found.exact is not None
    assert found.exact.energy == pytest.approx(exact, abs=1e-7)
    energy = reference_energy(found, Molecule.named(name).reference)
    assert energy == pytest.approx(first, abs=1e-7)


def test_the_sector_is_that_of_the_number_operators() -> None:
    """All of H beside: its lowest states with the right numbers of each spin."""
    molecule = Molecule.named("H3+")
    whole = qml.matrix(
        problem("H3+").operator.as_pennylane(), wire_order=range(molecule.num_wires)
    )
    energies = np.linalg.eigvalsh(whole)
    bits = (np.arange(64)[:, None] >> np.arange(5, -1, -1)) & 1
    kept = (bits[:, ::2].sum(1) == 1) & (bits[:, 1::2].sum(1) == 1)
    inside = np.linalg.eigvalsh(whole[np.ix_(kept, kept)])
    level = problem("H3+").level
    assert level is not None
    assert np.allclose(level.energies, inside[:4], atol=1e-10)
    # Without the sector others come between them.
    assert not np.allclose(energies[:4], inside[:4], atol=1e-3)


def test_sums_of_electrons_are_brute_force() -> None:
    molecule = Molecule.named("LiH", multiplicity=3)
    assert molecule.electrons == (3, 1)
    sector = Sector(12, sums=molecule.sums)
    wanted = [
        sum(1 << (11 - place) for place in (*ups, *downs))
        for ups in itertools.combinations(range(0, 12, 2), 3)
        for downs in itertools.combinations(range(1, 12, 2), 1)
    ]
    assert sector.states.tolist() == sorted(wanted)
    assert molecule.reference == (0, 1, 2, 4)


def test_spin_squared() -> None:
    molecule = Molecule.named("H3+", multiplicity=3)
    level = molecule.problem().level
    assert level is not None
    assert np.allclose(molecule.spin_squared(level.vectors), 2)
    with pytest.raises(ShapeError, match=r"states: expected \(3, k\)"):
        molecule.spin_squared(np.eye(4))


def test_an_active_space_is_pennylanes() -> None:
    molecule = Molecule.named("LiH", active_electrons=2, active_orbitals=3)
    assert (molecule.num_wires, molecule.electrons) == (6, (1, 1))
    wanted, count = qml.qchem.molecular_hamiltonian(
        qml.qchem.Molecule(
            ["Li", "H"],
            qml.numpy.array([[0.0, 0, 0], [0, 0, 3.0139]], requires_grad=False),
        ),
        active_electrons=2,
        active_orbitals=3,
    )
    found = molecule.problem().operator.as_pennylane()
    order = range(count)
    assert np.allclose(qml.matrix(found, order), qml.matrix(wanted, order), atol=1e-8)


@pytest.mark.parametrize("name", MOLECULES)
def test_names(name: str) -> None:
    molecule = Molecule.named(name)
    assert str(molecule) == name
    plain = Molecule(molecule.symbols, molecule.coordinates, molecule.charge)
    assert str(plain) == {"H2O": "OH2"}.get(name, name)  # atoms as they come


def test_xyz() -> None:
    text = "3\nwater\nO 0 0 0\nH 0 0.757 0.587 extra\n h 0 -0.757 0.587\n\n"
    assert Molecule.from_xyz(text) == Molecule.named("H2O")
    assert Molecule.from_xyz("\ufeff" + text).symbols == ("O", "H", "H")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the number of atoms in the first line, got ''"),
        ("H 0 0 0", "expected the number of atoms in the first line, got 'H 0 0 0'"),
        ("2\n\nH 0 0 0", "expected 2 atoms after line 2, got 1 lines"),
        ("0\n\n", "expected 0 atoms after line 2, got 0 lines"),
        ("1\n\nH 0 0", "three coordinates in line 3, got 'H 0 0'"),
        ("1\n\nH 0 0 x", "three coordinates in line 3"),
        ("1\n\nH 0 0 nan", "three coordinates in line 3"),
        ("1\n\nXx 0 0 0", "symbols: sto-3g has no 'Xx', but H"),
        ("1\n\nFe 0 0 0", "symbols: sto-3g has no 'Fe'"),
    ],
)
def test_malformed_xyz(text: str, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Molecule.from_xyz(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"charge": 10}, "charge: 10 leaves 0 electrons of 10"),
        ({"charge": 1}, "charge: 1 leaves 9 electrons, and PennyLane's"),
        ({"multiplicity": 2}, "multiplicity: of 10 electrons an even number is"),
        ({"multiplicity": 13}, "multiplicity: of 10 electrons an even number is"),
        ({"multiplicity": 0}, "multiplicity: expected at least 1"),
        ({"multiplicity": 7}, "active_orbitals: 7 orbitals hold no 8 electrons"),
        ({"active_electrons": 0}, "active_electrons: expected an even number from 2"),
        ({"active_electrons": 3}, "active_electrons: expected an even number from 2"),
        ({"active_electrons": 12}, "active_electrons: expected an even number from 2"),
        ({"active_orbitals": 8}, "active_orbitals: expected 1 to 7"),
        ({"active_orbitals": 0}, "active_orbitals: expected 1 to 7"),
        ({"active_orbitals": 5}, "active_orbitals: 10 electrons fill all of 5"),
        (
            {"active_electrons": 4, "active_orbitals": 1},
            "active_orbitals: 1 orbitals hold no 2 electrons",
        ),
        (
            {"active_electrons": 2, "multiplicity": 5},
            "multiplicity: expected at most 3, as 2 electrons move",
        ),
        ({"basis": "sto-4g"}, "did you mean 'sto-3g'"),
    ],
)
def test_electrons_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Molecule.named("H2O", **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("symbols", "coordinates", "error", "message"),
    [
        ([], [], ArgumentTypeError, "symbols: expected one or more elements"),
        (["H", 1], [[0, 0, 0]] * 2, ArgumentTypeError, "symbols: expected one or"),
        (
            ["H", "H"],
            [[0, 0, 0]],
            ArgumentError,
            "expected a row for each",
        ),
        (["H", "H"], [[0, 0, 0]] * 2, ArgumentError, "atoms 0 and 1 are 0 bohr apart"),
        (["H"], [[0, 0]], ArgumentError, "expected three finite numbers"),
        (["H"], [[0, 0, np.inf]], ArgumentError, "expected three finite numbers"),
        (["H"], "xyz", ArgumentTypeError, "coordinates: expected three numbers"),
        (["he"], [[0, 0, 0]], ArgumentError, "did you mean 'He'"),
        (["He"], [[0, 0, 0]], ArgumentError, "2 electrons fill all of 1 orbitals"),
    ],
)
def test_bad_atoms(
    symbols: Any, coordinates: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Molecule(symbols, coordinates)


def test_names_that_are_not_known() -> None:
    with pytest.raises(ArgumentError, match="did you mean 'LiH'"):
        Molecule.named("lih")


def test_it_is_kept_on_disk_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    molecule = Molecule.named("H2")
    built = molecule.problem(tmp_path)
    (file,) = (tmp_path / "molecules").iterdir()

    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(qml.qchem, "molecular_hamiltonian", fails)
        again = molecule.problem(tmp_path)
        # Another multiplicity has the same Hamiltonian, in another sector.
        assert Molecule.named("H2", multiplicity=3).problem(tmp_path).sums != again.sums
        with pytest.raises(AssertionError):
            Molecule.named("HeH+").problem(tmp_path)
    assert again.fingerprint() == built.fingerprint()
    for damaged in (file.read_bytes()[:100], b"", b"no archive"):
        file.write_bytes(damaged)
        with caplog.at_level(logging.WARNING):
            found = molecule.problem(tmp_path)
        assert found.fingerprint() == built.fingerprint()
        assert "is damaged" in caplog.text
        caplog.clear()
    assert molecule.problem(None).fingerprint() == built.fingerprint()


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "molecules").write_text("a file is in the way")
    Molecule.named("H2").problem(tmp_path)
    assert "molecules: cannot write" in caplog.text


def test_hartree_fock_that_does_not_converge_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Orbitals that are turned by hand stand for iterations that ran out."""
    import pennylane.qchem.hartree_fock as hf

    whole = hf.scf

    def short(mol: Any, **_: Any) -> Any:
        return whole(mol, n_steps=1)

    monkeypatch.setattr("pennylane.qchem.hartree_fock.scf", short)
    monkeypatch.setattr("pennylane.qchem.hamiltonian.scf", short, raising=False)
    with pytest.raises(ArgumentError, match=r"Hartree-Fock of HeH\+ does not"):
        Molecule.named("HeH+").problem(None)


def test_memory_is_asked_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qml_qdl.manybody.sectors.free_bytes", lambda _: 1000)
    with pytest.raises(
        MemoryBoundError, match=r"need 45,000 bytes, but 1,000 are free; pass fewer"
    ):
        Molecule.named("LiH").problem(None)

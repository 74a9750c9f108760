"""Measurements with what is known of the state they are of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from attrs import frozen
from pennylane.operation import Operator

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data.files import read_arrays
from qml_qdl.manybody.problems import Problem
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.measurements import Measurements


@validate_call
@frozen(eq=False)
class Experiment:
    """Measurements, and what a reconstruction is compared with where it is known.

    Args:
        data: The measurements.
        name: What they are called.
        truth: The state that was measured, before reading; None where nobody knows it.
        hamiltonian: A Hamiltonian whose energy is of interest, of as many wires.

    Raises:
        ShapeError: State or Hamiltonian are of other wires.

    Example:
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> Experiment(bell.sample(["XX", "ZZ"], 50, seed=0), "bell", bell).name
        'bell'
    """

    data: Measurements
    name: str = "measurements"
    truth: DensityMatrix | None = None
    hamiltonian: Operator | None = None

    def __attrs_post_init__(self) -> None:
        size = self.data.num_wires
        if self.truth is not None and self.truth.num_wires != size:
            raise ShapeError(
                f"truth: expected a state of {size} wires, as were measured, got one "
                f"of {self.truth.num_wires}"
            )
        if self.hamiltonian is not None and not (
            set(self.hamiltonian.wires.tolist()) <= set(range(size))
        ):
            raise ShapeError(
                f"hamiltonian: expected one of the wires 0 … {size - 1}, got wires "
                f"{self.hamiltonian.wires.tolist()}"
            )

    @classmethod
    def of_problem(cls, data: Measurements, name: str, problem: Problem) -> Experiment:
        """Measurements of the ground state of a Hamiltonian.

        Args:
            data: The measurements.
            name: What they are called.
            problem: The Hamiltonian; its first site is the first wire.

        Raises:
            DataError: It has too many states to be diagonalised.
            ShapeError: It has another number of sites.
        """
        level = problem.level
        if level is None:
            raise DataError(
                f"state: the ground state of {problem.num_sites} sites is not known "
                "exactly; leave it out"
            )
        sector = problem.configurations
        spins = sector.spins()
        vector = np.zeros(2**problem.num_sites, np.complex128)
        vector[sector.states.astype(np.int64)] = level.amplitudes(spins).numpy()
        operator = problem.operator.as_pennylane()
        return cls(data, name, DensityMatrix(vector), operator)

    def fingerprint(self) -> str:
        """A digest (SHA-256, hexadecimal) of the measurements and of what is known."""
        data = self.data
        digest = hashlib.sha256(repr((data.bases, data.wires)).encode())
        arrays = [data.outcomes, data.of, data.counts, data.confusion]
        arrays.append(None if self.truth is None else self.truth.factor)
        for each in arrays:
            digest.update(
                b"-" if each is None else np.ascontiguousarray(each).tobytes()
            )
        return digest.hexdigest()


@validate_call
def read_state(path: str | Path) -> DensityMatrix:
    """Reads a state from a file.

    Args:
        path: An `.npz` file with an array `state` (amplitudes or a density matrix) or
            `factor`, as `qml-qdl tomography` writes it.

    Returns:
        The state.

    Raises:
        ArgumentError: It holds numbers that are no state.
        DataError: The file cannot be read, or has no such array.

    Example:
        >>> np.savez("bell.npz", state=[1, 0, 0, 1])
        >>> read_state("bell.npz")
        DensityMatrix(wires=2, rank=1)
    """
    arrays = read_arrays(path)
    if "state" in arrays:
        return DensityMatrix(arrays["state"])
    if "factor" in arrays:
        return DensityMatrix.from_factor(arrays["factor"])
    raise DataError(
        f"{path}: expected an array 'state' or 'factor', got {sorted(arrays)}"
    )

"""Variational eigensolvers: molecules and spins by circuits."""

from qml_qdl.vqe.adapt import Adapted, Growth, Pool, adapt, make_pool
from qml_qdl.vqe.descent import Minimum, minimise
from qml_qdl.vqe.energies import Energy, energy_of
from qml_qdl.vqe.molecules import CHEMICAL_ACCURACY, MOLECULES, Molecule
from qml_qdl.vqe.shots import ShotPlan, plan_shots
from qml_qdl.vqe.solver import (
    ANSATZE,
    Solution,
    make_ansatz,
    reference_energy,
    solve,
)
from qml_qdl.vqe.subspace import Expansion, expand_subspace

__all__ = [
    "ANSATZE",
    "CHEMICAL_ACCURACY",
    "MOLECULES",
    "Adapted",
    "Energy",
    "Expansion",
    "Growth",
    "Minimum",
    "Molecule",
    "Pool",
    "ShotPlan",
    "Solution",
    "adapt",
    "energy_of",
    "expand_subspace",
    "make_ansatz",
    "make_pool",
    "minimise",
    "plan_shots",
    "reference_energy",
    "solve",
]

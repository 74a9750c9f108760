"""Variational eigensolvers."""
from qml_qdl.vqe.molecules import Molecule
from qml_qdl.vqe.energies import energy_of

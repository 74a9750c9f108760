"""Many bodies: spins on lattices, their Hamiltonians and exact energies."""
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.hamiltonians import *
from qml_qdl.manybody.sectors import *
from qml_qdl.manybody.operators import *

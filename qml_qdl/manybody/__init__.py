"""Many bodies: spins on lattices, their energies, exact and by neural states."""

from qml_qdl.manybody.dmrg import MatrixProductState, dmrg
from qml_qdl.manybody.dynamics.evolution import Evolution
from qml_qdl.manybody.dynamics.exact import ExactDynamics
from qml_qdl.manybody.dynamics.runge_kutta import Tableau
from qml_qdl.manybody.dynamics.tdvp import TDVP, Velocity
from qml_qdl.manybody.dynamics.trajectory import Moment, Trajectory
from qml_qdl.manybody.entanglement import (
    ScalingLaw,
    SwapEstimate,
    entanglement_spectrum,
    entropy,
    entropy_profile,
    page_entropy,
    quantum_mutual_information,
    scaling_law,
    state_vector,
    swap_entropy,
)
from qml_qdl.manybody.exact import Eigenstates, ground_state
from qml_qdl.manybody.hamiltonians import (
    annni,
    cluster_ising,
    heisenberg,
    j1_j2,
    transverse_ising,
    xxz,
)
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.mean_field import mean_field_energy
from qml_qdl.manybody.monte_carlo import (
    Estimate,
    Step,
    VariationalMonteCarlo,
    expectation,
)
from qml_qdl.manybody.named_states import neural_state
from qml_qdl.manybody.observables import (
    Extrapolation,
    Means,
    StructureFactor,
    correlators,
    fidelity,
    magnetisation,
    structure_factor,
    zero_variance,
)
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.problems import Problem
from qml_qdl.manybody.projectors import Projector
from qml_qdl.manybody.reconfiguration import (
    Descent,
    GradientDescent,
    StochasticReconfiguration,
)
from qml_qdl.manybody.samplers import (
    AutoregressiveSampler,
    Blurred,
    FullSummation,
    Metropolis,
    Sampler,
    Samples,
)
from qml_qdl.manybody.sectors import Sector
from qml_qdl.manybody.solvable import (
    RingQuench,
    bethe_energy,
    free_fermion_energy,
    free_fermion_quench,
)
from qml_qdl.manybody.states.autoregressive import AutoregressiveState
from qml_qdl.manybody.states.circuit import CircuitState
from qml_qdl.manybody.states.combinations import Multiplied, Symmetrized
from qml_qdl.manybody.states.feed_forward import FeedForwardState
from qml_qdl.manybody.states.group_convolutional import GroupConvolutionalState
from qml_qdl.manybody.states.jastrow import JastrowState
from qml_qdl.manybody.states.module import ModuleState
from qml_qdl.manybody.states.rbm import RBMState
from qml_qdl.manybody.states.state import NeuralState, Walkers
from qml_qdl.manybody.states.vector import VectorState
from qml_qdl.manybody.states.vision_transformer import VisionTransformerState

__all__ = [
    "TDVP",
    "AutoregressiveSampler",
    "AutoregressiveState",
    "Blurred",
    "CircuitState",
    "Descent",
    "Eigenstates",
    "Estimate",
    "Evolution",
    "ExactDynamics",
    "Extrapolation",
    "FeedForwardState",
    "FullSummation",
    "GradientDescent",
    "GroupConvolutionalState",
    "JastrowState",
    "Lattice",
    "MatrixProductState",
    "Means",
    "Metropolis",
    "ModuleState",
    "Moment",
    "Multiplied",
    "NeuralState",
    "Problem",
    "Projector",
    "RBMState",
    "RingQuench",
    "Sampler",
    "Samples",
    "ScalingLaw",
    "Sector",
    "SpinOperator",
    "Step",
    "StochasticReconfiguration",
    "StructureFactor",
    "SwapEstimate",
    "Symmetrized",
    "Tableau",
    "Trajectory",
    "VariationalMonteCarlo",
    "VectorState",
    "Velocity",
    "VisionTransformerState",
    "Walkers",
    "annni",
    "bethe_energy",
    "cluster_ising",
    "correlators",
    "dmrg",
    "entanglement_spectrum",
    "entropy",
    "entropy_profile",
    "expectation",
    "fidelity",
    "free_fermion_energy",
    "free_fermion_quench",
    "ground_state",
    "heisenberg",
    "j1_j2",
    "magnetisation",
    "mean_field_energy",
    "neural_state",
    "page_entropy",
    "quantum_mutual_information",
    "scaling_law",
    "state_vector",
    "structure_factor",
    "swap_entropy",
    "transverse_ising",
    "xxz",
    "zero_variance",
]

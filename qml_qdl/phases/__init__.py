"""Phases: what is learnt of them from snapshots and states."""

from qml_qdl.phases.boundary import (
    Boundary,
    binder_crossing,
    binder_cumulant,
    extrapolate,
    fidelity_susceptibility,
    find_boundary,
)
from qml_qdl.phases.confusion import Confusion, learn_by_confusion
from qml_qdl.phases.features import (
    bond_order,
    correlators,
    magnetisation,
    raw_spins,
    string_order,
)
from qml_qdl.phases.learners import Learner, OnFeatures, ShadowKernel, Threshold
from qml_qdl.phases.networks import (
    SnapshotAutoencoder,
    SnapshotCNN,
    SnapshotNetwork,
    SnapshotTransformer,
)
from qml_qdl.phases.preparation import (
    CRITICAL_TEMPERATURE,
    ground_states,
    ising_scan,
    measure_states,
)
from qml_qdl.phases.scan import Scan
from qml_qdl.phases.systems import ClusterIsing, Ising2D, System, make_system

__all__ = [
    "CRITICAL_TEMPERATURE",
    "Boundary",
    "ClusterIsing",
    "Confusion",
    "Ising2D",
    "Learner",
    "OnFeatures",
    "Scan",
    "ShadowKernel",
    "SnapshotAutoencoder",
    "SnapshotCNN",
    "SnapshotNetwork",
    "SnapshotTransformer",
    "System",
    "Threshold",
    "binder_crossing",
    "binder_cumulant",
    "bond_order",
    "correlators",
    "extrapolate",
    "fidelity_susceptibility",
    "find_boundary",
    "ground_states",
    "ising_scan",
    "learn_by_confusion",
    "magnetisation",
    "make_system",
    "measure_states",
    "raw_spins",
    "string_order",
]

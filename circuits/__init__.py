"""Circuits: encodings S(x), processings W(θ), their algebra and readouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.circuits.adjoint import Adjoint
    from qml_qdl.circuits.circuit import Block, Circuit
    from qml_qdl.circuits.composition import Shared, reupload, share
    from qml_qdl.circuits.driven import Driven
    from qml_qdl.circuits.encodings.amplitude import AmplitudeEncoding
    from qml_qdl.circuits.encodings.encoding import (
        AngleEncoding,
        BasisEncoding,
        Encoding,
        HamiltonianEncoding,
        IQPEncoding,
        ZZFeatureMap,
    )
    from qml_qdl.circuits.encodings.linear import ArccosEncoding, Rotations
    from qml_qdl.circuits.errors import (
        ArgumentError,
        ArgumentTypeError,
        QdlError,
        ShapeError,
    )
    from qml_qdl.circuits.fixed_gates import FixedGates
    from qml_qdl.circuits.initializers import INITIALIZERS, initial_weights
    from qml_qdl.circuits.processings.excitations import Excitations, PauliRotations
    from qml_qdl.circuits.processings.hamiltonian_variational import (
        HamiltonianVariational,
    )
    from qml_qdl.circuits.processings.hardware_efficient import (
        HardwareEfficient,
        IsingLayers,
    )
    from qml_qdl.circuits.processings.hur_circuits import HurCircuit
    from qml_qdl.circuits.processings.iqp import IQPCircuit
    from qml_qdl.circuits.processings.pooling import QuantumPool
    from qml_qdl.circuits.processings.processing import (
        BasicEntangler,
        Processing,
        RandomLayers,
        SimplifiedTwoDesign,
        StronglyEntangling,
    )
    from qml_qdl.circuits.processings.qcnn import ConvolutionLayer, qcnn, reverse_mera
    from qml_qdl.circuits.processings.sim_circuits import SimCircuit
    from qml_qdl.circuits.processings.tensor_network import (
        MERA,
        MPS,
        TTN,
        Brickwork,
        TensorNetwork,
    )
    from qml_qdl.circuits.readouts import (
        Entropy,
        Expectation,
        MutualInformation,
        Probabilities,
        Readout,
        Samples,
        State,
        z_words,
    )
    from qml_qdl.circuits.swap_test import Exchange, SwapTest
    from qml_qdl.circuits.symmetry.charges import (
        ChargeConserving,
        ChargeEncoding,
        charge_readout,
        charge_rotations,
        charge_words,
    )
    from qml_qdl.circuits.symmetry.collective import permutation_equivariant
    from qml_qdl.circuits.symmetry.continuous_gauge import (
        PhaseEncoding,
        QuaternionEncoding,
        su2_gauge_circuit,
        u1_gauge_circuit,
    )
    from qml_qdl.circuits.symmetry.equivariance import encoding_error, invariance_error
    from qml_qdl.circuits.symmetry.equivariant import (
        EquivariantProcessing,
        invariant_readout,
    )
    from qml_qdl.circuits.symmetry.gauge import (
        GaugeLattice,
        LinkEncoding,
        gauge_circuit,
    )
    from qml_qdl.circuits.symmetry.groups import WireGroup
    from qml_qdl.circuits.symmetry.induced import (
        CommutantProcessing,
        FeatureField,
        InducedField,
        SpinWeightedField,
    )
    from qml_qdl.circuits.symmetry.inner_products import (
        InnerProductEncoding,
        point_cloud_circuit,
    )
    from qml_qdl.circuits.symmetry.registers import (
        ClebschGordan,
        RegisterExchange,
        SphericalEncoding,
        coupling_readout,
        spin_readout,
        tensor_operators,
    )
    from qml_qdl.circuits.symmetry.spin import (
        DirectionEncoding,
        HeisenbergExchange,
        RotationEncoding,
        Singlets,
        exchange_readout,
    )
    from qml_qdl.circuits.symmetry.twirling import invariant_operators, twirl
    from qml_qdl.circuits.symmetry.wire_action import WireAction
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "INITIALIZERS",
    "MERA",
    "MPS",
    "TTN",
    "Adjoint",
    "AmplitudeEncoding",
    "AngleEncoding",
    "ArccosEncoding",
    "ArgumentError",
    "ArgumentTypeError",
    "BasicEntangler",
    "BasisEncoding",
    "Block",
    "Brickwork",
    "ChargeConserving",
    "ChargeEncoding",
    "Circuit",
    "ClebschGordan",
    "CommutantProcessing",
    "ConvolutionLayer",
    "DirectionEncoding",
    "Driven",
    "Encoding",
    "Entropy",
    "EquivariantProcessing",
    "Exchange",
    "Excitations",
    "Expectation",
    "FeatureField",
    "FixedGates",
    "GaugeLattice",
    "HamiltonianEncoding",
    "HamiltonianVariational",
    "HardwareEfficient",
    "HeisenbergExchange",
    "HurCircuit",
    "IQPCircuit",
    "IQPEncoding",
    "InducedField",
    "InnerProductEncoding",
    "IsingLayers",
    "LinkEncoding",
    "MutualInformation",
    "PauliRotations",
    "PhaseEncoding",
    "Probabilities",
    "Processing",
    "QdlError",
    "QuantumPool",
    "QuaternionEncoding",
    "RandomLayers",
    "Readout",
    "RegisterExchange",
    "RotationEncoding",
    "Rotations",
    "Samples",
    "ShapeError",
    "Shared",
    "SimCircuit",
    "SimplifiedTwoDesign",
    "Singlets",
    "SphericalEncoding",
    "SpinWeightedField",
    "State",
    "StronglyEntangling",
    "SwapTest",
    "TensorNetwork",
    "WireAction",
    "WireGroup",
    "ZZFeatureMap",
    "charge_readout",
    "charge_rotations",
    "charge_words",
    "coupling_readout",
    "encoding_error",
    "exchange_readout",
    "gauge_circuit",
    "initial_weights",
    "invariance_error",
    "invariant_operators",
    "invariant_readout",
    "permutation_equivariant",
    "point_cloud_circuit",
    "qcnn",
    "reupload",
    "reverse_mera",
    "share",
    "spin_readout",
    "su2_gauge_circuit",
    "tensor_operators",
    "twirl",
    "u1_gauge_circuit",
    "z_words",
]

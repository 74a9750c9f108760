"""Instances of all that Qiskit's circuit library has, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
)
from qiskit.circuit import library as lib
from qiskit.quantum_info import (
    Clifford,
    Operator,
    Pauli,
    SparsePauliOp,
    Statevector,
    random_clifford,
    random_unitary,
)
from qiskit.synthesis import LieTrotter, MatrixExponential, QDrift, SuzukiTrotter

from qml_qdl import hardware
from qml_qdl.circuits import Circuit

A, B, C, D = (Parameter(name) for name in "abcd")
V = ParameterVector("v", 3)
HERMITIAN = np.array([[1, 2j], [-2j, 0.5]])
ISING = SparsePauliOp.from_sparse_list(
    [("ZZ", [0, 1], 1.0), ("ZZ", [1, 2], -0.5), ("X", [0], 0.7), ("Y", [2], 0.2)], 3
)
GRAPH = [[0, 1, 1], [1, 0, 0], [1, 0, 0]]


def put(operation: Any, *qubits: int, size: int | None = None) -> QuantumCircuit:
    """An operation on its own, among gates that it does not commute with."""
    size = size or operation.num_qubits
    circuit = QuantumCircuit(size)
    for qubit in range(size):
        circuit.ry(0.4 + qubit, qubit)
    circuit.append(operation, qubits or range(operation.num_qubits))
    if size:
        circuit.sx(0)
    return circuit


def plain(size: int, build: Callable[[QuantumCircuit], Any]) -> QuantumCircuit:
    """A circuit of some qubits, and what is done to it."""
    circuit = QuantumCircuit(size)
    build(circuit)
    return circuit


def touched(gate: Any) -> Any:
    """A gate whose definition somebody has looked at, which stays."""
    assert gate.definition is not None
    return gate


def reference(circuit: QuantumCircuit) -> Any:
    """The unitary in Qiskit's order of bits; evolutions as their product formulas."""
    return Operator(circuit.decompose("*PauliEvolution", reps=2)).data


def unitary(circuit: Circuit, x: Any = None, weights: Any = None) -> Any:
    """The unitary of a circuit of ours, in Qiskit's order of bits."""
    tape = qml.tape.make_qscript(circuit)(x, weights)
    tape = qml.tape.QuantumScript([*map(qml.Identity, circuit.wires), *tape.operations])
    return qml.matrix(tape, wire_order=circuit.wires[::-1])


def numbers(circuit: QuantumCircuit) -> NDArray[np.float64]:
    """Some for its parameters, in their order."""
    return np.linspace(0.3, 1.2, len(circuit.parameters))


def check(circuit: QuantumCircuit, same: QuantumCircuit | None = None) -> Circuit:
    """A circuit comes as the unitary that it is, or that one which is the same is."""
    x = numbers(circuit)
    imported = hardware.from_qiskit(circuit, weights=())
    bound = (same or circuit).assign_parameters(
        dict(zip(circuit.parameters, x, strict=True)), strict=False
    )
    np.testing.assert_allclose(unitary(imported, x), reference(bound), atol=1e-8)
    return imported


def check_export(imported: Circuit, x: Any) -> None:
    """A circuit goes back as the unitary that it is."""
    back = hardware.to_qiskit(imported)
    assert {p.name.partition("[")[0] for p in back.parameters} <= {"x", "θ"}
    found = Operator(back.assign_parameters({p: x[p.index] for p in back.parameters}))
    np.testing.assert_allclose(found.data, unitary(imported, x), atol=1e-8)


def _standard_gates() -> Iterator[tuple[str, Any]]:
    """Every standard gate with symbols, its inverse, powers and controls."""
    for name, gate in lib.get_standard_gate_name_mapping().items():
        if not isinstance(gate, Gate) or not gate.num_qubits:
            continue
        kind = gate.base_class
        symbols = [A, 2 * B, C - D / 2, A * D][: len(gate.params)]
        numbers = [0.4, 1.1, -0.7, 2.0][: len(gate.params)]
        yield name, kind(*symbols)
        yield f"{name} inverse", kind(*symbols).inverse()
        inverse = [InverseModifier(), PowerModifier(2)]
        yield f"{name} twice inverse", AnnotatedOperation(kind(*symbols), inverse)
        yield f"{name} root", kind(*numbers).power(0.5)
        yield (
            f"controlled {name}",
            kind(*symbols).control(1, ctrl_state=0, annotated=True),
        )
        controlled = kind(*numbers).control(1, ctrl_state=0, annotated=False)
        yield f"controlled {name} of numbers", controlled


def _templates() -> Iterator[tuple[str, Callable[[], QuantumCircuit]]]:
    for name in dir(lib):
        if name.startswith(("template_nct", "clifford_", "rzx_")):
            yield name, getattr(lib, name)


GATES: dict[str, Callable[[], Any]] = {
    # generalised gates
    "diagonal": lambda: lib.DiagonalGate([1, 1j, -1, 1]),
    "diagonal controlled": lambda: lib.DiagonalGate([1, 1j]).control(2, ctrl_state=1),
    "gms": lambda: lib.GMS(3, [[0, 0.3, 0.4], [0.3, 0, 0.5], [0.4, 0.5, 0]]).to_gate(),
    "isometry": lambda: lib.Isometry(random_unitary(4, seed=2).data, 0, 0),
    "isometry of a state": lambda: lib.Isometry(
        random_unitary(4, seed=2).data[:, :1], 0, 0
    ),
    "isometry of two states": lambda: lib.Isometry(
        random_unitary(4, seed=2).data[:, :2], 0, 0
    ),
    "isometry inverse": lambda: lib.Isometry(
        random_unitary(4, seed=2).data, 0, 0
    ).inverse(),
    "linear function": lambda: lib.LinearFunction([[1, 1, 0], [0, 1, 1], [0, 0, 1]]),
    "linear function inverse": lambda: lib.LinearFunction([[1, 1], [0, 1]]).inverse(),
    "linear function controlled": lambda: lib.LinearFunction([[1, 1], [0, 1]]).control(
        1, annotated=True
    ),
    "diagonal up to": lambda: lib.MCGupDiag(random_unitary(2, seed=3).data, 2, 0, 0),
    "mcmt x": lambda: lib.MCMTGate(lib.XGate(), 1, 2),
    "mcmt open z": lambda: lib.MCMTGate(lib.ZGate(), 2, 2, ctrl_state=1),
    "mcmt one": lambda: lib.MCMTGate(lib.HGate(), 2, 1),
    "mcmt rotation": lambda: lib.MCMTGate(lib.RYGate(A), 1, 2),
    "mcmt controlled": lambda: lib.MCMTGate(lib.XGate(), 1, 2).control(1),
    "mcmt inverse": lambda: lib.MCMTGate(lib.TGate(), 1, 2).inverse(),
    "pauli": lambda: lib.PauliGate("XYZ"),
    "pauli controlled": lambda: lib.PauliGate("XYZ").control(1, annotated=False),
    "permutation": lambda: lib.PermutationGate([2, 0, 1]),
    "permutation inverse": lambda: lib.PermutationGate([3, 2, 0, 1]).inverse(),
    "permutation controlled": lambda: lib.PermutationGate([2, 0, 1]).control(
        1, annotated=True
    ),
    "permutation defined": lambda: lib.PermutationGate([2, 0, 1]).to_mutable(),
    "rv": lambda: lib.RVGate(0.3, 0.4, 0.5),
    "multiplexed": lambda: lib.UCGate(
        [random_unitary(2, seed=k).data for k in range(4)]
    ),
    "multiplexed inverse": lambda: lib.UCGate(
        [random_unitary(2, seed=k).data for k in range(2)]
    ).inverse(),
    "multiplexed up to a diagonal": lambda: lib.UCGate(
        [random_unitary(2, seed=k).data for k in range(2)], up_to_diagonal=True
    ),
    "multiplexed rx": lambda: lib.UCRXGate([0.1, 0.2, 0.3, 0.4]),
    "multiplexed ry": lambda: lib.UCRYGate([0.1, 0.2]),
    "multiplexed rz": lambda: lib.UCRZGate([0.1, 0.2, 0.3, 0.4]),
    "multiplexed pauli": lambda: lib.UCPauliRotGate([0.1, 0.2], "X"),
    "unitary": lambda: lib.UnitaryGate(random_unitary(8, seed=1)),
    "unitary controlled": lambda: lib.UnitaryGate(random_unitary(4, seed=1)).control(
        1, ctrl_state=0
    ),
    "unitary inverse": lambda: lib.UnitaryGate(random_unitary(4, seed=1)).inverse(),
    "unitary repeated": lambda: lib.UnitaryGate(random_unitary(4, seed=1)).repeat(2),
    "ms": lambda: lib.MSGate(3, 0.3),
    "ms of a symbol": lambda: lib.MSGate(3, A),
    # controls
    "c3x": lib.C3XGate,
    "c4x": lib.C4XGate,
    "c3sx": lib.C3SXGate,
    "mcx": lambda: lib.MCXGate(4, ctrl_state=6),
    "mcx gray": lambda: lib.MCXGrayCode(4),
    "mcx recursive": lambda: lib.MCXRecursive(5),
    "mcx chain": lambda: lib.MCXVChain(3),
    "mcx dirty chain": lambda: lib.MCXVChain(3, dirty_ancillas=True),
    "mcx chain, open": lambda: lib.MCXVChain(3, ctrl_state=2),
    "mcphase": lambda: lib.MCPhaseGate(A, 3),
    "mcphase open": lambda: lib.MCPhaseGate(0.4, 3, ctrl_state=5),
    "mcu1": lambda: lib.MCU1Gate(A, 3),
    "cu controlled": lambda: lib.CUGate(0.1, 0.2, 0.3, 0.4).control(1),
    "cu of symbols controlled": lambda: lib.CUGate(A, B, C, D).control(
        2, ctrl_state=1, annotated=True
    ),
    "cu3 controlled": lambda: lib.CU3Gate(0.1, 0.2, 0.3).control(1),
    "phase controlled": lambda: lib.GlobalPhaseGate(0.3).control(2, ctrl_state=1),
    "phase of a symbol controlled": lambda: lib.GlobalPhaseGate(A).control(1),
    "ry with four controls": lambda: lib.RYGate(0.3).control(4, ctrl_state=5),
    "rz with controls": lambda: lib.RZGate(A).control(2, annotated=False),
    "u with controls": lambda: lib.UGate(0.1, 0.2, 0.3).control(3, annotated=False),
    "swap with controls": lambda: lib.SwapGate().control(2, ctrl_state=2),
    "rxx with a control": lambda: lib.RXXGate(A).control(1, annotated=True),
    "iswap with a control": lambda: lib.iSwapGate().control(1, annotated=False),
    "annotated": lambda: AnnotatedOperation(
        lib.QFTGate(2), [ControlModifier(1, 0), InverseModifier(), PowerModifier(2)]
    ),
    # Pauli words, evolutions, Hamiltonians
    "pauli rotation": lambda: lib.PauliProductRotationGate(Pauli("XYZ"), A),
    "pauli rotation, negative": lambda: lib.PauliProductRotationGate(
        Pauli("-XIZ"), 1.2
    ),
    "pauli rotation of one": lambda: lib.PauliProductRotationGate(Pauli("IYI"), A),
    "pauli rotation controlled": lambda: lib.PauliProductRotationGate(
        Pauli("XY"), A
    ).control(1, annotated=True),
    "evolution": lambda: lib.PauliEvolutionGate(ISING, time=A),
    "evolution of one word": lambda: lib.PauliEvolutionGate(Pauli("XYZ"), time=A),
    "evolution, Lie": lambda: lib.PauliEvolutionGate(
        ISING, time=A, synthesis=LieTrotter(reps=2)
    ),
    "evolution, Suzuki": lambda: lib.PauliEvolutionGate(
        ISING, time=A, synthesis=SuzukiTrotter(order=2, reps=2)
    ),
    "evolution, fourth order": lambda: lib.PauliEvolutionGate(
        ISING, time=0.4, synthesis=SuzukiTrotter(order=4)
    ),
    "evolution, random": lambda: touched(
        lib.PauliEvolutionGate(ISING, time=0.4, synthesis=QDrift(reps=2, seed=1))
    ),
    "evolution, exact": lambda: lib.PauliEvolutionGate(
        ISING, time=0.4, synthesis=MatrixExponential()
    ),
    "evolution, chain": lambda: lib.PauliEvolutionGate(
        ISING,
        time=A,
        synthesis=LieTrotter(cx_structure="fountain", insert_barriers=True),
    ),
    "evolution inverse": lambda: lib.PauliEvolutionGate(ISING, time=A).inverse(),
    "evolution controlled": lambda: lib.PauliEvolutionGate(ISING, time=0.3).control(1),
    "evolution of groups": lambda: lib.PauliEvolutionGate(
        [SparsePauliOp(["XX", "YY"]), SparsePauliOp(["ZZ"])], time=A
    ),
    "evolution of an identity": lambda: lib.PauliEvolutionGate(
        SparsePauliOp(["II", "XZ"]), time=A
    ),
    "hamiltonian": lambda: lib.HamiltonianGate(HERMITIAN, 0.3),
    "hamiltonian of a symbol": lambda: lib.HamiltonianGate(HERMITIAN, A),
    "hamiltonian of three qubits": lambda: lib.HamiltonianGate(
        ISING.to_matrix(), 2 * A
    ),
    "hamiltonian controlled": lambda: lib.HamiltonianGate(HERMITIAN, A).control(
        1, annotated=True
    ),
    "hamiltonian inverse": lambda: lib.HamiltonianGate(HERMITIAN, A).inverse(),
    "hamiltonian power": lambda: lib.HamiltonianGate(HERMITIAN, A).power(
        3, annotated=True
    ),
    # Cliffords
    "clifford": lambda: random_clifford(3, seed=1),
    "clifford of one": lambda: random_clifford(1, seed=2),
    "clifford of four": lambda: random_clifford(4, seed=3),
    "clifford inverse": lambda: random_clifford(2, seed=4).adjoint(),
    "clifford of a gate": lambda: Clifford(lib.CXGate()),
    "clifford annotated": lambda: AnnotatedOperation(
        random_clifford(2, seed=5), [ControlModifier(1), InverseModifier()]
    ),
    "operator": lambda: Operator(random_unitary(4, seed=6)).to_instruction(),
    # data preparation
    "state": lambda: lib.StatePreparation([0.6, 0, 0.48, -0.64]),
    "complex state": lambda: lib.StatePreparation([0.6, 0.8j]),
    "state of a label": lambda: lib.StatePreparation("+-r", inverse=True),
    "state of a number": lambda: lib.StatePreparation(2, 2),
    "state controlled": lambda: lib.StatePreparation([0.6, 0.8]).control(1),
    # basis changes
    "qft": lambda: lib.QFTGate(3),
    "qft inverse": lambda: lib.QFTGate(3).inverse(),
    "qft controlled": lambda: lib.QFTGate(2).control(1),
    # arithmetic
    "half adder": lambda: lib.HalfAdderGate(2),
    "full adder": lambda: lib.FullAdderGate(1),
    "modular adder": lambda: lib.ModularAdderGate(2),
    "modular adder of one": lambda: lib.ModularAdderGate(1),
    "adder inverse": lambda: lib.HalfAdderGate(1).inverse(),
    "adder controlled": lambda: lib.HalfAdderGate(1).control(1, annotated=True),
    "multiplier": lambda: lib.MultiplierGate(1),
    "comparator": lambda: lib.IntegerComparatorGate(2, 2),
    "comparator, less": lambda: lib.IntegerComparatorGate(2, 3, geq=False),
    "reciprocal": lambda: lib.ExactReciprocalGate(2, 0.2),
    "linear amplitude": lambda: lib.LinearAmplitudeFunctionGate(
        2, [0.3, 0.5], [0, 0.1], (0, 1), (0, 1), breakpoints=[0, 0.5]
    ),
    "linear rotations": lambda: lib.LinearPauliRotationsGate(2, 0.3, 0.1),
    "polynomial rotations": lambda: lib.PolynomialPauliRotationsGate(
        2, [0.1, 0.2, 0.3]
    ),
    "piecewise linear": lambda: lib.PiecewiseLinearPauliRotationsGate(
        2, [0, 2], [0.3, 0.1], [0.2, 0.4]
    ),
    "piecewise polynomial": lambda: lib.PiecewisePolynomialPauliRotationsGate(
        2, [0, 2], [[0.3, 0.1], [0.2]]
    ),
    "piecewise chebyshev": lambda: lib.PiecewiseChebyshevGate(
        lambda x: np.sin(x) / 2, 2, 1, [0, 2]
    ),
    "quadratic form": lambda: lib.QuadraticFormGate(2, [[1, 1], [0, 1]], [1, 0], 1),
    # boolean logic
    "and": lambda: lib.AndGate(3, [1, 0, -1]),
    "or": lambda: lib.OrGate(3, [1, -1, 0]),
    "xor": lambda: lib.BitwiseXorGate(3, 5),
    "random xor": lambda: lib.random_bitwise_xor(3, seed=1),
    "inner product": lambda: lib.InnerProductGate(2),
    "phase oracle": lambda: lib.PhaseOracleGate("(a & b) | ~c"),
    "bit flip oracle": lambda: lib.BitFlipOracleGate("(a ^ b) & c"),
    # graphs
    "graph state": lambda: lib.GraphStateGate(GRAPH),
}
if hasattr(lib, "UniformSuperpositionGate"):  # Qiskit 2.4 has none
    GATES["uniform"] = lambda: lib.UniformSuperpositionGate(5, 3)
"""Operations of the library, which are put among gates."""

CIRCUITS: dict[str, Callable[[], QuantumCircuit]] = {
    # n-local
    "two local": lambda: lib.n_local(3, ["ry", "u"], "cu", reps=1),
    "n-local, xx+yy": lambda: lib.n_local(3, "rx", lib.XXPlusYYGate(A, B), reps=2),
    "n-local, circular": lambda: lib.n_local(
        3, ["rz", "rx"], "crx", "circular", insert_barriers=True
    ),
    "efficient": lambda: lib.efficient_su2(3, reps=1),
    "efficient, other gates": lambda: lib.efficient_su2(3, ["rx", "y"], "full", reps=1),
    "real": lambda: lib.real_amplitudes(3, "sca", reps=2),
    "excitation": lambda: lib.excitation_preserving(3, reps=1),
    "excitation, fsim": lambda: lib.excitation_preserving(2, "fsim", reps=1),
    "two design": lambda: lib.pauli_two_design(3, reps=2, seed=1),
    "evolved operators": lambda: lib.evolved_operator_ansatz(
        [SparsePauliOp("XYZ"), SparsePauliOp("ZZI")], reps=2
    ),
    "evolved matrices": lambda: lib.evolved_operator_ansatz(
        [Operator(SparsePauliOp(["XX", "ZI"]))], flatten=False
    ),
    "hamiltonian ansatz": lambda: lib.hamiltonian_variational_ansatz(ISING, reps=1),
    "qaoa": lambda: lib.qaoa_ansatz(SparsePauliOp(["ZZI", "IZZ"]), reps=2),
    "qaoa, nested": lambda: lib.qaoa_ansatz(
        SparsePauliOp(["ZZI", "IZZ"]), flatten=False
    ),
    # feature maps
    "z map": lambda: lib.z_feature_map(3, reps=1),
    "zz map": lambda: lib.zz_feature_map(3),
    "zz map, linear": lambda: lib.zz_feature_map(3, entanglement="linear", reps=1),
    "pauli map": lambda: lib.pauli_feature_map(3, reps=1, paulis=["Z", "XY"]),
    "pauli map, own function": lambda: lib.pauli_feature_map(
        2, reps=1, data_map_func=lambda x: np.prod([t.sin() for t in x])
    ),
    # particular circuits
    "graph": lambda: lib.GraphState(GRAPH),
    "hidden linear function": lambda: lib.hidden_linear_function(GRAPH),
    "fourier checking": lambda: lib.fourier_checking([1, -1, -1, 1], [1, 1, -1, -1]),
    "iqp": lambda: lib.iqp([[6, 5, 3], [5, 4, 5], [3, 5, 1]]),
    "random iqp": lambda: lib.random_iqp(3, seed=1),
    "quantum volume": lambda: lib.quantum_volume(4, seed=1),
    "grover": lambda: lib.grover_operator(put(lib.DiagonalGate([1, -1, -1, 1]))),
    "grover of a state": lambda: lib.grover_operator(Statevector.from_label("111")),
    "grover of an oracle": lambda: lib.grover_operator(
        plain(3, lambda c: c.append(lib.PhaseOracleGate("a & b & c"), [0, 1, 2]))
    ),
    "phase estimation": lambda: lib.phase_estimation(2, plain(1, lambda c: c.p(A, 0))),
    "overlap": lambda: lib.unitary_overlap(
        lib.real_amplitudes(2, reps=1), lib.zz_feature_map(2, reps=1)
    ),
    # what surrounds gates
    "barrier": lambda: plain(
        2, lambda c: (c.h(0), c.barrier(), c.cx(0, 1), c.barrier(0))
    ),
    "delay": lambda: plain(2, lambda c: (c.rx(A, 0), c.delay(100, 0), c.cx(0, 1))),
    "prepare state": lambda: plain(2, lambda c: (c.h(0), c.prepare_state("-r"))),
    "global phase": lambda: QuantumCircuit(1, global_phase=A),
    "empty": lambda: QuantumCircuit(2),
}
"""Circuits of the library, and ways to write circuits."""

STATES: dict[str, Callable[[], QuantumCircuit]] = {
    "initialize": lambda: plain(
        2, lambda c: (c.initialize([0.6, 0, 0, 0.8j]), c.rx(A, 0))
    ),
    "initialize some": lambda: plain(
        2, lambda c: (c.rx(A, 0), c.initialize([0.6, 0.8], 1), c.cx(0, 1))
    ),
    "initialize a label": lambda: plain(2, lambda c: (c.initialize("+1"), c.ry(A, 1))),
    "reset of what is fresh": lambda: plain(2, lambda c: (c.reset([0, 1]), c.ry(A, 1))),
}
"""Circuits that Qiskit has no unitary of, but a state."""

# The classes that stand for circuits are deprecated since Qiskit 2.1, and as good.
OLD: dict[str, Callable[[], QuantumCircuit]] = {
    "And": lambda: lib.AND(2),
    "Or": lambda: lib.OR(2),
    "Xor": lambda: lib.XOR(3, 5),
    "InnerProduct": lambda: lib.InnerProduct(2),
    "PhaseOracle": lambda: lib.PhaseOracle("a & b"),
    "Permutation": lambda: lib.Permutation(3, [2, 0, 1]),
    "Diagonal": lambda: lib.Diagonal([1, -1, 1j, 1]),
    "GR": lambda: lib.GR(2, 0.3, 0.4),
    "GRX": lambda: lib.GRX(2, 0.3),
    "GRY": lambda: lib.GRY(2, 0.3),
    "GRZ": lambda: lib.GRZ(2, 0.3),
    "MCMT": lambda: lib.MCMT(lib.ZGate(), 2, 2),
    "MCMTVChain": lambda: lib.MCMTVChain(lib.ZGate(), 2, 1),
    "QFT": lambda: lib.QFT(3, approximation_degree=1, insert_barriers=True),
    "CDKMRippleCarryAdder": lambda: lib.CDKMRippleCarryAdder(2),
    "DraperQFTAdder": lambda: lib.DraperQFTAdder(2),
    "VBERippleCarryAdder": lambda: lib.VBERippleCarryAdder(2, "fixed"),
    "HRSCumulativeMultiplier": lambda: lib.HRSCumulativeMultiplier(1),
    "RGQFTMultiplier": lambda: lib.RGQFTMultiplier(1),
    "WeightedAdder": lambda: lib.WeightedAdder(2),
    "IntegerComparator": lambda: lib.IntegerComparator(2, 2),
    "ExactReciprocal": lambda: lib.ExactReciprocal(2, 0.3),
    "LinearAmplitudeFunction": lambda: lib.LinearAmplitudeFunction(
        2, 0.3, 0, (0, 1), (0, 1)
    ),
    "LinearPauliRotations": lambda: lib.LinearPauliRotations(2, 0.3),
    "PolynomialPauliRotations": lambda: lib.PolynomialPauliRotations(2, [0.1, 0.2]),
    "PiecewiseLinearPauliRotations": lambda: lib.PiecewiseLinearPauliRotations(
        2, [0, 2], [0.3, 0.1], [0.2, 0.4]
    ),
    "PiecewisePolynomialPauliRotations": lambda: lib.PiecewisePolynomialPauliRotations(
        2, [0, 2], [[0.3, 0.1], [0.2]]
    ),
    "PiecewiseChebyshev": lambda: lib.PiecewiseChebyshev(np.sin, 1, [0, 2], 2),
    "QuadraticForm": lambda: lib.QuadraticForm(2, [[A, 1], [0, 1]], [1, B], 1),
    "GraphState": lambda: lib.GraphState(GRAPH),
    "HiddenLinearFunction": lambda: lib.HiddenLinearFunction(GRAPH),
    "IQP": lambda: lib.IQP([[6, 5], [5, 4]]),
    "QuantumVolume": lambda: lib.QuantumVolume(3, seed=1),
    "FourierChecking": lambda: lib.FourierChecking([1, -1], [1, 1]),
    "PhaseEstimation": lambda: lib.PhaseEstimation(1, plain(1, lambda c: c.p(0.3, 0))),
    "GroverOperator": lambda: lib.GroverOperator(plain(2, lambda c: c.cz(0, 1))),
    "UnitaryOverlap": lambda: lib.UnitaryOverlap(
        lib.real_amplitudes(2, reps=1), lib.real_amplitudes(2, reps=1)
    ),
    "TwoLocal": lambda: lib.TwoLocal(3, "ry", "cz", reps=1),
    "NLocal": lambda: lib.NLocal(
        3, plain(1, lambda c: c.rx(A, 0)), plain(2, lambda c: c.crz(B, 0, 1)), reps=1
    ),
    "EfficientSU2": lambda: lib.EfficientSU2(2, reps=1),
    "RealAmplitudes": lambda: lib.RealAmplitudes(2, reps=1),
    "ExcitationPreserving": lambda: lib.ExcitationPreserving(2, reps=1),
    "PauliTwoDesign": lambda: lib.PauliTwoDesign(2, reps=1, seed=1),
    "EvolvedOperatorAnsatz": lambda: lib.EvolvedOperatorAnsatz(
        [SparsePauliOp("XY"), SparsePauliOp("ZZ")]
    ),
    "QAOAAnsatz": lambda: lib.QAOAAnsatz(SparsePauliOp(["ZZ", "IZ"])),
    "PauliFeatureMap": lambda: lib.PauliFeatureMap(2, reps=1),
    "ZFeatureMap": lambda: lib.ZFeatureMap(2, reps=1),
    "ZZFeatureMap": lambda: lib.ZZFeatureMap(2, reps=1),
}
"""Classes that are circuits, deprecated since Qiskit 2.1."""


def instances() -> dict[str, Callable[[], QuantumCircuit]]:
    """Everything by name."""

    def put_among(make: Callable[[], Any]) -> Callable[[], QuantumCircuit]:
        return lambda: put(make())

    return {
        **{name: put_among(partial(copy, gate)) for name, gate in _standard_gates()},
        **{name: put_among(make) for name, make in GATES.items()},
        **CIRCUITS,
        **OLD,
        **dict(_templates()),
    }

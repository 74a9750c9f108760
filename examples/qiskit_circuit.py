"""A circuit written in Qiskit as a torch layer, and back in Qiskit when it is trained.

It tells three kinds of iris apart, with observables of Qiskit's. In the end Qiskit's
own estimator runs the trained circuit and finds the same.
"""

from __future__ import annotations

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.circuits import Expectation
from qml_qdl.data import load, split
from qml_qdl.hardware import from_qiskit, to_qiskit
from qml_qdl.nn import QuantumLayer, set_target
from qml_qdl.training import TrainingOptions, accuracy, fit, predict

QUBITS, LAYERS = 4, 3
OBSERVABLES = [SparsePauliOp(word) for word in ("IIIZ", "IIZI", "IZII")]


def written_in_qiskit() -> QuantumCircuit:
    """Features x and trained angles w, in turn."""
    x, w = ParameterVector("x", QUBITS), iter(ParameterVector("w", 2 * QUBITS * LAYERS))
    circuit = QuantumCircuit(QUBITS)
    for _ in range(LAYERS):
        for qubit in range(QUBITS):
            circuit.ry(x[qubit], qubit)
            circuit.rz(next(w), qubit)
            circuit.ry(next(w), qubit)
        for qubit in range(QUBITS):
            circuit.cx(qubit, (qubit + 1) % QUBITS)
    return circuit


def main() -> tuple[float, float]:
    """Trains, and returns the test accuracy and how far Qiskit's results are off."""
    torch.manual_seed(0)
    flowers = split(load("iris"), seed=0)

    # The vector x is features; all other parameters are weights.
    circuit = from_qiskit(written_in_qiskit(), inputs="x")
    readout = Expectation([from_qiskit(observable) for observable in OBSERVABLES])
    layer = QuantumLayer(circuit.with_readout(readout))
    model = torch.nn.Sequential(layer, torch.nn.Linear(len(OBSERVABLES), 3))
    options = TrainingOptions(epochs=20, learning_rate=0.05)
    result = fit(model, flowers, options, seed=0)
    print(f"trained in {result.seconds:.1f} s: {result.test_accuracy:.1%} of test rows")

    exported = to_qiskit(circuit)  # its parameters are x and θ
    rows = torch.tensor(flowers.test.inputs, dtype=torch.float64)
    with torch.no_grad():
        ours = layer.double()(rows)
        (weights,) = layer.parameters()
        numbers = [torch.cat([row, weights]).numpy() for row in rows]
    pub = (exported, [[observable] for observable in OBSERVABLES], numbers)
    theirs = StatevectorEstimator().run([pub]).result()[0].data.evs
    difference = float(np.abs(theirs.T - ours.numpy()).max())
    print(f"Qiskit's estimator: {difference:.0e} off, at most")

    set_target(model.float(), "aer:fake_manila", shots=1000)
    part = flowers.test.take(range(15))
    print(
        f"with noise and shots: {accuracy(predict(model, part), part):.1%} of 15 rows"
    )
    return result.test_accuracy, difference


if __name__ == "__main__":
    main()

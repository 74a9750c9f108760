"""A stock PennyLane TorchLayer example: only the name of the layer's class changes.

After training, the same weights move to another simulator, and to shots.
"""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch

from qml_qdl.nn import QuantumLayer, set_target

NUM_WIRES = 2


@qml.qnode(qml.device("default.qubit", wires=NUM_WIRES))
def circuit(inputs: Any, weights: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(NUM_WIRES))
    qml.StronglyEntanglingLayers(weights, wires=range(NUM_WIRES))
    return [qml.expval(qml.Z(wire)) for wire in range(NUM_WIRES)]


def main() -> float:
    """Trains on two interleaved classes and returns the accuracy."""
    torch.manual_seed(0)
    points = torch.rand(100, 2) * 2 - 1
    labels = (points.prod(-1) > 0).long()

    # Was: qml.qnn.TorchLayer(circuit, {"weights": (3, NUM_WIRES, 3)})
    layer = QuantumLayer(circuit, {"weights": (3, NUM_WIRES, 3)})
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), layer, torch.nn.Linear(2, 2))

    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for step in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(points), labels)
        torch.autograd.backward([loss])
        optimiser.step()
        if step % 20 == 0:
            print(f"step {step:2}: loss {loss.item():.3f}")

    for target, shots in (("default.qubit", None), ("lightning.qubit", 1000)):
        set_target(model, target, shots=shots)
        accuracy = float((model(points).argmax(-1) == labels).float().mean())
        print(f"{target}, shots={shots}: accuracy {accuracy:.2f}")
    return accuracy


if __name__ == "__main__":
    main()

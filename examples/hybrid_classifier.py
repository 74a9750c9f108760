"""A hybrid classifier of handwritten digits in a dozen lines, beside its twin."""

from __future__ import annotations

import torch

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.data import load, split
from qml_qdl.nn import QuantumConv2d, set_target
from qml_qdl.training import TrainingOptions, accuracy, fit, predict


def main(epochs: int = 10) -> tuple[float, float]:
    """Trains both networks and returns their accuracies on the test images."""
    torch.manual_seed(0)
    digits = split(load("digits"), seed=0)
    circuit = StronglyEntangling(4, layers=2) @ AngleEncoding(4, scaling=torch.pi)

    quantum = torch.nn.Sequential(
        QuantumConv2d(1, 4, kernel_size=2, circuit=circuit),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 7 * 7, 10),
    )
    classical = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, kernel_size=2),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 7 * 7, 10),
    )
    print(circuit)
    options = TrainingOptions(epochs=epochs, learning_rate=0.02)
    found = []
    for name, model in (("quantum", quantum), ("classical", classical)):
        result = fit(model, digits, options, seed=0)
        print(f"{name}: {result.test_accuracy:.1%} in {result.seconds:.1f} s")
        found.append(result.test_accuracy)

    part = digits.test.take(range(50))
    set_target(quantum, "lightning.qubit", shots=200)
    print(f"50 images, 200 shots: {accuracy(predict(quantum, part), part):.1%}")
    return found[0], found[1]


if __name__ == "__main__":
    main()

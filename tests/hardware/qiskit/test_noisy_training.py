"""Training where the noise is: the loss measured on a noisy machine falls."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch
from sklearn.datasets import make_moons
from torch.nn.functional import binary_cross_entropy_with_logits

from qml_qdl.circuits import AngleEncoding, StronglyEntangling, reupload
from qml_qdl.nn import QuantumLayer

STEPS = 12


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))]
)
def test_noisy_loss_falls_by_a_third(seed: int) -> None:
    torch.manual_seed(seed)
    points, classes = make_moons(24, noise=0.1, random_state=seed)
    inputs = torch.as_tensor(points, dtype=torch.float32)
    labels = torch.as_tensor(classes, dtype=torch.float32)
    device = qml.device(
        "qdl.qiskit", wires=2, backend="aer:fake_torino", seed=seed, cache=None
    )
    circuit = reupload(StronglyEntangling(2), AngleEncoding(2), layers=3)
    layer = QuantumLayer(circuit, target=device, shots=1024)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.2)

    def loss() -> torch.Tensor:
        return binary_cross_entropy_with_logits(4 * layer(inputs)[:, 0], labels)

    with torch.no_grad():
        before = loss().item()
    with qml.Tracker(device) as tracker:
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
    with torch.no_grad():
        after = loss().item()
    assert after < 0.7 * before
    assert tracker.totals["jobs"] == STEPS
    assert tracker.totals["transpilations"] <= 2  # one for each basis, at most

"""What value and gradient of a molecule's energy cost beside PennyLane's simulator."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import Expectation
from qml_qdl.vqe import Molecule, energy_of, make_ansatz


@pytest.mark.parametrize("ansatz", ["uccsd", "givens"])
def test_water_is_not_slower_than_lightning(ansatz: Any) -> None:
    """140 angles on 14 wires, by the adjoint method there; turn by turn."""
    molecule = Molecule.named("H2O")
    problem = molecule.problem()
    circuit, _ = make_ansatz(problem, ansatz, reference=molecule.reference)
    energy = energy_of(problem, circuit)
    whole = circuit.with_readout(Expectation([problem.operator.as_pennylane()]))
    device = qml.device("lightning.qubit", wires=14)
    node = qml.QNode(lambda x: whole(None, x)[0], device, diff_method="adjoint")
    angles = np.random.default_rng(0).normal(0, 0.1, energy.num_angles)
    tensor = qml.numpy.array(angles, requires_grad=True)
    gradient = qml.grad(node)
    steps: tuple[Callable[[], Any], ...] = (
        lambda: energy.value_and_gradient(angles)[1],
        lambda: gradient(tensor),
    )
    assert np.allclose(steps[0](), steps[1](), atol=1e-9)
    seconds: tuple[list[float], ...] = ([], [])
    for _ in range(5):
        for step, found in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step()
            found.append(time.perf_counter() - start)
    own, peer = (statistics.median(found) for found in seconds)
    print(f"{ansatz}: {own * 1e3:.1f} ms, lightning {peer * 1e3:.0f} ms")
    assert own < peer

"""Four wires of a machine's model: one job with its calibration, and its estimates.

    .venv/bin/python -m tests.benchmarks.tomography_machine --sets 10

A data set is 81 bases of 4,096 shots on `aer:fake_torino`, calibrated in the same job.
What is found is compared with the state of the same noise before reading: fidelity and
how far the purity is off, as mean ± sample standard deviation over the data sets.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import evolve

from qml_qdl.tomography import (
    DensityMatrix,
    Estimator,
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
    Measurements,
    exact_state,
    measure,
)

WIRES = 4


def ghz() -> Any:
    """A GHZ state's circuit."""

    @qml.qnode(qml.device("default.qubit", wires=WIRES))
    def circuit() -> Any:
        qml.Hadamard(0)
        for wire in range(WIRES - 1):
            qml.CNOT([wire, wire + 1])
        return qml.probs()

    return circuit


def layers() -> Any:
    """Two layers of turns with random angles, and a chain of CNOT."""
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (2, WIRES, 2))

    @qml.qnode(qml.device("default.qubit", wires=WIRES))
    def circuit() -> Any:
        for layer in angles:
            for wire, (first, second) in enumerate(layer):
                qml.RY(first, wire)
                qml.RZ(second, wire)
            for wire in range(WIRES - 1):
                qml.CNOT([wire, wire + 1])
        return qml.probs()

    return circuit


def without_confusion(data: Measurements) -> Measurements:
    """The same shots as if nothing were known of reading."""
    return evolve(data, confusion=None)


def as_it_is(data: Measurements) -> Measurements:
    """The data."""
    return data


ROWS: dict[str, tuple[Estimator, Callable[[Measurements], Measurements]]] = {
    "inversion, unmitigated": (LinearInversion(), without_confusion),
    "maximum likelihood, unmitigated": (MaximumLikelihood(), without_confusion),
    "inversion": (LinearInversion(), as_it_is),
    "maximum likelihood": (MaximumLikelihood(), as_it_is),
    "hedged, strength .5": (HedgedMaximumLikelihood(strength=0.5), as_it_is),
    "hedged, strength from the data": (HedgedMaximumLikelihood(seed=0), as_it_is),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--shots", type=int, default=4096)
    parser.add_argument("--layout", type=int, nargs=WIRES, default=[81, 80, 92, 99])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, make in (("GHZ", ghz), ("2 layers", layers)):
        device = qml.device(
            "qdl.qiskit",
            wires=WIRES,
            backend="aer:fake_torino",
            initial_layout=options.layout,
        )
        circuit = make()
        truth: DensityMatrix = exact_state(circuit, target=device)
        ideal = exact_state(circuit)
        print(
            f"{name}: purity {truth.purity:.4f}, fidelity {truth.fidelity(ideal):.4f} "
            "with the state without noise",
            flush=True,
        )
        found: dict[str, list[tuple[float, float, float]]] = {row: [] for row in ROWS}
        for number in range(options.sets):
            torch.manual_seed(number)
            data = measure(circuit, "pauli", options.shots, target=device)
            for row, (estimator, prepare) in ROWS.items():
                begin = time.process_time()
                state = estimator.fit(prepare(data)).state
                seconds = time.process_time() - begin
                figures = state.fidelity(truth), state.purity - truth.purity, seconds
                found[row].append(figures)
        for row, several in found.items():
            fidelity, purity, seconds = np.transpose(several)
            print(
                f"{name} | {row} | F {fidelity.mean():.4f} ± "
                f"{fidelity.std(ddof=1):.4f} | purity off {purity.mean():+.4f} ± "
                f"{purity.std(ddof=1):.4f} | {seconds.mean():.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Tomography: a circuit measured on the model of a machine, and the state behind it.

`python examples/tomography.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pennylane as qml
import torch
from attrs import evolve
from rich.console import Console

from qml_qdl.tomography import (
    DensityMatrix,
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
    Measurements,
    PauliShadow,
    compare,
    exact_state,
    measure,
)
from qml_qdl.training.plots import plot_density_matrix, plot_outcomes, save_figure

N = 3
SHOTS = 1024
REPEATS = 3
# Its qubits are given, so that the noise is that of the state it is compared with.
MACHINE = qml.device(
    "qdl.qiskit", wires=N, backend="aer:fake_torino", initial_layout=[81, 80, 92]
)


@qml.qnode(qml.device("default.qubit", wires=N))
def ghz() -> qml.measurements.MeasurementProcess:
    """`|000⟩ + |111⟩`."""
    qml.Hadamard(0)
    for wire in range(N - 1):
        qml.CNOT([wire, wire + 1])
    return qml.expval(qml.Z(0))


def measured() -> Measurements:
    """All 27 bases in one job, with circuits that tell how qubits are misread."""
    torch.manual_seed(0)
    data = measure(ghz, "pauli", SHOTS, target=MACHINE)
    assert data.confusion is not None
    wrong = data.confusion[:, [0, 1], [1, 0]]
    print(f"{data}, misread {wrong.min():.2%} to {wrong.max():.2%}")
    return data


def compared(data: Measurements, truth: DensityMatrix, repeats: int) -> None:
    """Estimators side by side, with errors of reading taken out, and left in."""
    estimators = {
        "inversion": LinearInversion(),
        "likelihood": MaximumLikelihood(),
        "hedged": HedgedMaximumLikelihood(seed=0),
    }
    console = Console(width=88)
    for title, shots in (
        ("errors of reading taken out", data),
        ("left in", evolve(data, confusion=None)),
    ):
        print(f"\n{title}")
        found = compare(shots, estimators, state=truth, repeats=repeats, seed=0)
        console.print(found.table())


def main(folder: str | None = None, repeats: int = REPEATS) -> None:
    """Measures, reconstructs, and compares with the state before reading."""
    truth = exact_state(ghz, target=MACHINE)
    ideal = exact_state(ghz)
    print(
        f"the machine's state: fidelity {truth.fidelity(ideal):.2%} with the GHZ state"
    )
    data = measured()
    compared(data, truth, repeats)
    hedged = HedgedMaximumLikelihood(seed=0).fit(data).state
    for sites in ([0], [0, 1]):
        print(
            f"entropy of {sites}: {hedged.entropy(sites):.3f}, "
            f"of the true state {truth.entropy(sites):.3f}"
        )
    shadow = PauliShadow(data).expectation("XXX")
    print(
        f"XXX by shadows {shadow.value:.3f} ± {shadow.error:.3f}, by the state "
        f"{hedged.expectation('XXX'):.3f}, truly {truth.expectation('XXX'):.3f}"
    )
    if folder is not None:
        place = Path(folder)
        save_figure(plot_density_matrix(hedged, ideal), place / "density_matrix.png")
        shown = {"hedged": hedged, "true": truth}
        few = data.in_bases(["XXX", "YYX", "ZZZ"])
        save_figure(plot_outcomes(few, shown), place / "outcomes.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)

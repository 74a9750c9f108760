"""Tomography by networks: a GHZ state with a phase, mixed with noise, from few shots.

`python examples/neural_tomography.py FOLDER` also writes its picture there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

from qml_qdl.tomography import (
    DensityMatrix,
    Estimator,
    Folds,
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
    Measurements,
    NeuralTomography,
    neural_density,
    pauli_bases,
)

GHZ = DensityMatrix([1, *[0] * 6, 1j]).depolarised(0.05)


def path_of_the_decay(shots: Measurements) -> list[tuple[float, float, float]]:
    """Decays, the loss of shots that were held out, and infidelities."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    model = neural_density(shots, alpha=1, noise=True)
    torch.set_default_dtype(torch.float32)
    folds = Folds(model, shots)
    found = []
    for _ in range(9):
        for _ in range(len(folds)):
            folds.step()
        loss = folds.held_out()
        infidelity = 1 - model.density_matrix().fidelity(GHZ)
        found.append((folds.strength, loss, infidelity))
    return found


def plot(path: list[tuple[float, float, float]]) -> Figure:
    decays, losses, infidelities = zip(*path, strict=True)
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    left = figure.subplots()
    left.semilogx(decays, losses, "o-", label="shots held out")
    left.invert_xaxis()
    left.set_xlabel("decay, from strong to weak")
    left.set_ylabel("negative log-likelihood of a shot")
    right = left.twinx()
    right.semilogy(decays, infidelities, "s--", color="tab:orange", label="infidelity")
    right.set_ylabel("1 − fidelity")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def main(folder: Path | None = None, shots_of_each: int = 12) -> dict[str, float]:
    """Fits all ways to the same shots, and returns their fidelities."""
    shots = GHZ.sample(pauli_bases(3), shots_of_each, seed=0)
    print(shots)
    ways: dict[str, Estimator] = {
        "inversion": LinearInversion(),
        "maximum likelihood": MaximumLikelihood(),
        "hedged": HedgedMaximumLikelihood(),
        "network, positive": NeuralTomography(
            alpha=1, noise=True, amplitudes="positive", folds=2, epochs=6
        ),
        "network and noise": NeuralTomography(alpha=1, noise=True, folds=2, epochs=8),
    }
    fidelities = {}
    for name, way in ways.items():
        state = way.fit(shots).state
        fidelities[name] = state.fidelity(GHZ)
        print(
            f"{name:20} fidelity {fidelities[name]:6.1%}  purity {state.purity:.3f}  "
            f"entropy of a wire {state.entropy(0):.3f}"
        )
    print(
        f"{'exact':20} {'':15}  purity {GHZ.purity:.3f}  "
        f"entropy of a wire {GHZ.entropy(0):.3f}"
    )
    if folder is not None:
        figure = plot(path_of_the_decay(shots))
        figure.savefig(folder / "neural-tomography.png", dpi=120)
    return fidelities


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

"""The critical Ising chain by a MERA of circuits: energy, dimensions, central charge.

`python examples/mera.py FOLDER` also writes its picture there.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pennylane as qml
import torch
from matplotlib.figure import Figure

from qml_qdl.circuits import EquivariantProcessing, Expectation
from qml_qdl.circuits.symmetry.named_groups import spin_flip
from qml_qdl.nn import QuantumLayer
from qml_qdl.renormalisation import ScaleInvariantMERA

TERM = -qml.X(0) @ qml.X(1) - qml.Z(0)
EXACT = -4 / math.pi
DIMENSIONS = [0, 1 / 8, 1, 9 / 8, 9 / 8, 2, 2, 2, 2]
# Real gates that keep the parity ∏ Z, as the term does; |0⟩ has it, too.
GATE = EquivariantProcessing(2, spin_flip(2, "Z"), ["XY", "YX"])


def begin_from(mera: ScaleInvariantMERA, smaller: ScaleInvariantMERA) -> None:
    """The angles of fewer layers of gates; those that are new begin near zero."""
    with torch.no_grad():
        for name, angles in mera.weights.items():
            kept = smaller.weights[name]
            angles.mul_(0.1)[: len(kept)] = kept


def lower(steps: int) -> dict[tuple[int, int], tuple[ScaleInvariantMERA, list[float]]]:
    """Tensors of more and more gates, each from those before, and their energies."""
    found = {}
    print(
        f"{'χ':>2}  {'d':>2}  angles  energy error  {'σ: 1/8':>8}  {'ε: 1':>8}  c: 1/2"
    )
    for bond, depths in ((2, (1,)), (4, (1, 2, 3, 4))):
        smaller = None
        for depth in depths:
            mera = ScaleInvariantMERA.brickwork(
                TERM, bond, depth, gate=GATE, transitional=0
            )
            if smaller is not None:
                begin_from(mera, smaller)
            energies = mera.fit(steps)
            sigma, epsilon = mera.scaling_dimensions(3)[1:].tolist()
            angles = sum(each.numel() for each in mera.parameters())
            print(
                f"{bond:2d}  {depth:2d}  {angles:6d}  {1 - energies[-1] / EXACT:12.1e}"
                f"  {sigma:8.4f}  {epsilon:8.4f}  {mera.central_charge():6.4f}"
            )
            found[bond, depth] = mera, energies
            smaller = mera
    return found


def ring(mera: ScaleInvariantMERA, levels: int) -> float:
    """The energy a qubit of a finite ring, by its circuit on the simulator."""
    circuit = mera.circuit(levels)
    count = len(circuit.wires)
    terms = [qml.map_wires(TERM, {0: k, 1: (k + 1) % count}) for k in range(count)]
    weights = {name: mera.weights[name].detach() for name in circuit.weight_shapes}
    measured = circuit.with_readout(Expectation(terms))
    layer = QuantumLayer(measured, init_method=weights, dtype=torch.float64)
    return float(layer().mean().item())


def plot(
    found: dict[tuple[int, int], tuple[ScaleInvariantMERA, list[float]]],
) -> Figure:
    figure = Figure(figsize=(7.4, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    errors = {key: 1 - each[1][-1] / EXACT for key, each in found.items()}
    left.axhline(errors[2, 1], color="C0", label="χ = 2")
    depths = [depth for bond, depth in found if bond == 4]
    left.semilogy(depths, [errors[4, d] for d in depths], "oC1-", label="χ = 4")
    left.set(xlabel="layers of gates, d", ylabel="relative error of the energy")
    left.set_xticks(depths)
    left.legend()
    for value in set(DIMENSIONS):
        right.axhline(value, color="lightgrey", zorder=0)
    styles: dict[tuple[int, int], Any] = {(2, 1): "sC0", (4, 2): "^C2", (4, 4): "oC1"}
    for (bond, depth), style in styles.items():
        values = found[bond, depth][0].scaling_dimensions(len(DIMENSIONS))
        name = f"χ = {bond}, d = {depth}"
        right.plot(values.numpy(), style, ms=5, label=name, fillstyle="none")
    right.set(xlabel="operator", ylabel="scaling dimension", ylim=(-0.1, 2.3))
    right.set_yticks([0, 1 / 8, 1, 9 / 8, 2], ["0", "1/8", "1", "9/8", "2"])
    right.legend(loc="lower right", fontsize="small")
    return figure


def main(folder: Path | None = None, steps: int = 200) -> dict[str, list[float]]:
    """Runs all of it and returns the energies on the way."""
    found = lower(steps)
    print()
    print("qubits  on the simulator  by the descending map  above −4/π")
    for key, levels in (((2, 1), 1), ((2, 1), 2), ((4, 2), 1)):
        mera = found[key][0]
        mapped = mera.energy(levels).item()
        qubits = len(mera.circuit(levels).wires)
        print(
            f"{qubits:6d}  {ring(mera, levels):16.10f}  {mapped:21.10f}  "
            f"{1 - mapped / EXACT:10.2%}"
        )
    if folder is not None:
        plot(found).savefig(folder / "mera.png", dpi=120)
    return {f"χ = {bond}, d = {d}": each[1] for (bond, d), each in found.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

"""Entanglement: area and volume laws of networks and circuits, exact and by samples.

`python examples/entanglement.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from qml_qdl.circuits import Entropy, HardwareEfficient
from qml_qdl.manybody import (
    Metropolis,
    ModuleState,
    NeuralState,
    RBMState,
    SwapEstimate,
    entropy,
    entropy_profile,
    page_entropy,
    scaling_law,
    swap_entropy,
)
from qml_qdl.nn import QuantumLayer

BITS = math.log(2)
SITES, WIRES = 16, 12
DEPTHS = (1, 2, 4, 8, 16, 24, 32)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Convolutions(nn.Module):
    """Random convolutions on a ring: log ψ is the sum of what the last one sees.

    With a stride of one the windows of neighbours overlap; with a stride as wide as a
    window they do not, and the state is a product of blocks.
    """

    def __init__(self, layers: int, width: int, stride: int, seed: int) -> None:
        super().__init__()
        self.around = width - 1 if stride == 1 else 0
        self.layers = nn.ModuleList()
        channels = 1
        for _ in range(layers):
            layer = nn.Conv1d(channels, 8, width, stride, dtype=torch.float64)
            spread = 2 / math.sqrt(channels * width)
            nn.init.normal_(layer.weight, std=spread, generator=seeded(seed))
            self.layers.append(layer)
            channels = 8
        last = torch.randn(8, generator=seeded(seed + 2), dtype=torch.float64)
        self.last = nn.Parameter(5 / math.sqrt(8) * last)

    def forward(self, spins: Tensor) -> Tensor:
        found = spins[:, None]
        for layer in self.layers:
            ring = torch.cat([found, found[..., : self.around]], dim=-1)
            found = torch.tanh(layer(ring))
        phase = (found.sum(-1) @ self.last)[:, None]
        return torch.cat([torch.zeros_like(phase), phase], dim=1)


def machine(reach: int | None) -> Callable[[int], NeuralState]:
    return lambda seed: RBMState.random(SITES, reach=reach, generator=seeded(seed))


def convolutions(layers: int, width: int, stride: int) -> Callable[[int], NeuralState]:
    return lambda seed: ModuleState(
        Convolutions(layers, width, stride, 10 * seed), SITES
    )


MACHINES = {
    "reach 1": machine(1),
    "reach 2": machine(2),
    "all sites": machine(None),
}
NETWORKS = {
    "2 layers, no overlap": convolutions(2, 2, 2),
    "1 layer, overlap": convolutions(1, 3, 1),
    "2 layers, overlap": convolutions(2, 3, 1),
}


@torch.no_grad()
def profiles(make: Callable[[int], NeuralState], seeds: int) -> Tensor:
    """Von Neumann's entropies of 1 … N/2 neighbours in bits, (seeds, N/2)."""
    return torch.stack([entropy_profile(make(seed)) for seed in range(seeds)]) / BITS


def page() -> Tensor:
    return torch.tensor(
        [page_entropy(k, SITES) / BITS for k in range(1, SITES // 2 + 1)]
    )


def print_laws(title: str, found: Mapping[str, Tensor]) -> None:
    """Lines through the entropies of five sites and more, ± over seeds."""
    print(f"{title:22}  bits a site           offset         half the ring  of Page")
    half = page()[-1]
    for name, values in {**found, "Page": page()[None]}.items():
        law = scaling_law(values, smallest=5)
        own = values[:, -1]
        bars = len(values) > 1
        cells = [
            f"{value:z6.3f}" + (f" ± {error:.3f}" if bars else 8 * " ")
            for value, error in (
                (law.slope, law.slope_error),
                (law.offset, law.offset_error),
                (float(own.mean()), float(own.std()) if bars else 0.0),
            )
        ]
        print(f"{name:22}  {'  '.join(cells)}  {float(own.mean() / half):7.1%}")
    print()


@torch.no_grad()
def by_depth(seeds: int) -> Tensor:
    """Entropies of half the wires in bits, (seeds, depths), of random circuits."""
    rows = []
    for depth in DEPTHS:
        ansatz = HardwareEfficient(
            WIRES, depth, rotations="Rot", entangler="CZ", pattern="brick"
        )
        layer = QuantumLayer(ansatz.with_readout(Entropy()), dtype=torch.float64)
        (weights,) = layer.parameters()
        found = []
        for seed in range(seeds):
            weights.uniform_(0, 2 * math.pi, generator=seeded(seed))
            found.append(layer() / BITS)
        rows.append(torch.cat(found))
    return torch.stack(rows, dim=1)


def entangle(steps: int) -> list[float]:
    """Trains a circuit to the largest entropy of half its wires: what is missing."""
    ansatz = HardwareEfficient(8, 6, rotations="Rot", entangler="CZ", pattern="ring")
    layer = QuantumLayer(
        ansatz.with_readout(Entropy()), dtype=torch.float64, generator=seeded(0)
    )
    adam = torch.optim.Adam(layer.parameters(), lr=0.05)
    missing = []
    for _ in range(steps):
        adam.zero_grad()
        loss = 4 * BITS - layer().sum()
        loss.backward()
        adam.step()
        missing.append(loss.item() / BITS)
    with torch.no_grad():
        return [*missing, (4 * BITS - layer().sum()).item() / BITS]


@torch.no_grad()
def swapped(
    sites: int, sizes: range, chains: int
) -> tuple[list[SwapEstimate], list[float]]:
    """Entropies of order 2 by samples, and exact where amplitudes can be listed."""
    state = RBMState.random(sites, reach=1, generator=seeded(0))
    sampler = Metropolis.flips(sites, chains=chains, generator=seeded(1))
    sampler.sample(state, 20)
    found = [swap_entropy(state, range(size), sampler, sweeps=10) for size in sizes]
    if sites > SITES:
        return found, []
    return found, [float(entropy(state, range(size), 2)) for size in sizes]


def plot_laws(found: Mapping[str, Mapping[str, Tensor]], depths: Tensor) -> Figure:
    """Entropies by size for each family of networks, and by depth for circuits."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    axes = figure.subplots(1, 3)
    sizes = range(1, SITES // 2 + 1)
    for own, (title, family) in zip(axes, found.items(), strict=False):
        for name, values in family.items():
            spread = values.std(0) if len(values) > 1 else torch.zeros(len(sizes))
            own.errorbar(sizes, values.mean(0), spread, fmt="o-", ms=4, label=name)
        own.plot(sizes, page(), "--", color="grey", label="Page")
        own.set(title=title, xlabel="sites of the region", ylabel="entropy (bits)")
        own.legend(fontsize="small")
    own = axes[-1]
    spread = depths.std(0) if len(depths) > 1 else torch.zeros(depths.shape[1])
    own.errorbar(
        DEPTHS, depths.mean(0), spread, fmt="o-", ms=4, label="random circuits"
    )
    own.axhline(page_entropy(WIRES // 2, WIRES) / BITS, ls="--", color="grey")
    own.set(title=f"half of {WIRES} wires", xlabel="layers", ylabel="entropy (bits)")
    own.legend(fontsize="small", loc="lower right")
    return figure


def plot_swaps(found: list[SwapEstimate], exact: list[float]) -> Figure:
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.subplots()
    sizes = range(1, len(found) + 1)
    values, errors = zip(*[(each.entropy, each.error) for each in found], strict=True)
    axes.plot(sizes, exact, "_", ms=16, color="grey", label="exact")
    axes.errorbar(sizes, values, errors, fmt="o", ms=4, label="swapped samples")
    axes.set(xlabel="sites of the region", ylabel="S₂ (nats)")
    axes.legend()
    return figure


def main(
    folder: Path | None = None, steps: int = 200, seeds: int = 5
) -> dict[str, list[float]]:
    """Runs all of it and returns the bits that a circuit lacks while it is trained."""
    found = {
        "Boltzmann machines": {n: profiles(f, seeds) for n, f in MACHINES.items()},
        "convolutions": {n: profiles(f, seeds) for n, f in NETWORKS.items()},
    }
    for title, family in found.items():
        print_laws(f"{title}, N = {SITES}", family)
    depths = by_depth(seeds)
    print("layers of a circuit     bits of half its wires")
    for layers, value in zip(DEPTHS, depths.mean(0), strict=True):
        print(f"{layers:<22}  {float(value):.3f}")
    print(f"{'Page':22}  {page_entropy(WIRES // 2, WIRES) / BITS:.3f}\n")
    missing = {"circuit": entangle(steps)}
    print(
        f"trained to be entangled: {missing['circuit'][-1]:.1e} bits below the most\n"
    )
    estimates, exact = swapped(SITES, range(1, 9), chains=2000)
    for size in (2, 4, 8):
        wanted = f"exact {exact[size - 1]:.4f}"
        print(f"{size} of {SITES} sites: {estimates[size - 1]}, {wanted}")
    (beyond,), _ = swapped(60, range(30, 31), chains=1000)
    print(f"30 of 60 sites: {beyond}")
    if folder is not None:
        pictures = {
            "entanglement.png": plot_laws(found, depths),
            "entanglement-samples.png": plot_swaps(estimates, exact),
        }
        for name, figure in pictures.items():
            figure.savefig(folder / name, dpi=120)
    return missing


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

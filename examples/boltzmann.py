"""Boltzmann machines learn bars and stripes: restricted, deep and quantum.

`python examples/boltzmann.py FOLDER` also writes its pictures there; with `--full` it
trains five seeds to the end, which takes about ten minutes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from qml_qdl.data import all_bits, frequencies
from qml_qdl.data.synthetic import bars_and_stripes
from qml_qdl.models import RBM, DeepBoltzmannMachine, QuantumBoltzmannMachine
from qml_qdl.training.statistics import summarise

SHAPE = (3, 3)
"""Rows and columns of an image; each pixel is a unit."""

SMALL = (2, 3)
"""The same for the quantum machine, whose Hamiltonian is a matrix of size 2ⁿ × 2ⁿ."""

DTYPE = torch.float64


@torch.no_grad()
def probabilities(machine: nn.Module) -> Tensor:
    """The exact probabilities of all images."""
    if isinstance(machine, QuantumBoltzmannMachine):
        found: Tensor = machine()
        return found
    assert isinstance(machine, RBM | DeepBoltzmannMachine)
    units = machine.num_visible if isinstance(machine, RBM) else machine.sizes[0]
    return machine.log_likelihood(all_bits(units, dtype=DTYPE)).exp()


def nll(chances: Tensor, data: Tensor) -> float:
    """Mean negative log-likelihood of the data, in nats."""
    return float(-torch.xlogy(frequencies(data, DTYPE), chances).sum())


def train(
    machine: nn.Module,
    loss: Callable[[], Tensor],
    optimiser: torch.optim.Optimizer,
    data: Tensor,
    steps: int,
    updates: int = 10,
    decay: bool = False,
) -> list[float]:
    """Updates weights; with `decay` the rate falls to a hundredth.

    Returns the exact NLL before the first step and after each, of some updates.
    """
    end = 0.01 if decay else 1.0
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, end, steps * updates)
    losses = [nll(probabilities(machine), data)]
    for _ in range(steps):
        for _ in range(updates):
            optimiser.zero_grad()
            torch.autograd.backward([loss()])
            optimiser.step()
            schedule.step()
        losses.append(nll(probabilities(machine), data))
    return losses


def rate(steps: int) -> float:
    """Where the rate of persistent chains begins: 0.3, in short trainings up to 1.

    Over thousands of updates at 1 the chains fall behind and the NLL swings.
    """
    return max(0.3, min(1.0, 60 / steps))


def exact_rbm(
    data: Tensor, steps: int, seed: int, hidden: int = 10
) -> tuple[RBM, list[float]]:
    """Ten hidden units and the exact gradient."""
    generator = torch.Generator().manual_seed(seed)
    machine = RBM(data.shape[1], hidden, generator=generator, dtype=DTYPE)
    optimiser = torch.optim.Adam(machine.parameters(), lr=0.05)
    return machine, train(
        machine, lambda: machine.nll_loss(data), optimiser, data, steps
    )


def small_rbm(data: Tensor, steps: int, seed: int) -> tuple[RBM, list[float]]:
    """Three hidden units: on six pixels 27 weights, like the quantum machine."""
    return exact_rbm(data, steps, seed, hidden=3)


def persistent_rbm(data: Tensor, steps: int, seed: int) -> tuple[RBM, list[float]]:
    """Twenty hidden units and persistent contrastive divergence.

    Plain gradient descent with a falling rate and five Gibbs steps an update: Adam
    enlarges the noise of the chains where gradients are small.
    """
    generator = torch.Generator().manual_seed(seed)
    machine = RBM(data.shape[1], 20, num_chains=500, generator=generator, dtype=DTYPE)
    optimiser = torch.optim.SGD(machine.parameters(), lr=rate(steps))
    return machine, train(
        machine,
        lambda: machine.contrastive_loss(data, 5, generator),
        optimiser,
        data,
        steps,
        decay=True,
    )


def deep_machine(
    data: Tensor, steps: int, seed: int
) -> tuple[DeepBoltzmannMachine, list[float]]:
    """Layers of 9, 10 and 10 units; mean field for the data, chains for the model."""
    generator = torch.Generator().manual_seed(seed)
    machine = DeepBoltzmannMachine(
        [data.shape[1], 10, 10], num_chains=500, generator=generator, dtype=DTYPE
    )
    optimiser = torch.optim.SGD(machine.parameters(), lr=rate(steps))
    return machine, train(
        machine,
        lambda: machine.contrastive_loss(data, 5, generator),
        optimiser,
        data,
        steps,
        decay=True,
    )


def quantum_machine(
    data: Tensor, steps: int, seed: int
) -> tuple[QuantumBoltzmannMachine, list[float]]:
    """No hidden units, all pixels joined, a transverse field on each; exact."""
    generator = torch.Generator().manual_seed(seed)
    machine = QuantumBoltzmannMachine(data.shape[1], generator=generator, dtype=DTYPE)
    optimiser = torch.optim.Adam(machine.parameters(), lr=0.05)
    return machine, train(
        machine, lambda: machine.nll_loss(data), optimiser, data, steps
    )


def without_field(
    data: Tensor, steps: int, seed: int
) -> tuple[QuantumBoltzmannMachine, list[float]]:
    """The same without the field: a classical machine of all pixels joined."""
    generator = torch.Generator().manual_seed(seed)
    machine = QuantumBoltzmannMachine(
        data.shape[1], transverse_field=0.0, generator=generator, dtype=DTYPE
    )
    machine.transverse_field.requires_grad_(False)
    weights = [machine.bias, machine.weight]
    optimiser = torch.optim.Adam(weights, lr=0.05)
    return machine, train(
        machine, lambda: machine.nll_loss(data), optimiser, data, steps
    )


Training = Callable[[Tensor, int, int], tuple[nn.Module, list[float]]]

TRAININGS: Mapping[tuple[int, int], Mapping[str, Training]] = {
    SHAPE: {
        "RBM, exact gradient": exact_rbm,
        "RBM, persistent chains": persistent_rbm,
        "deep Boltzmann machine": deep_machine,
    },
    SMALL: {
        "quantum Boltzmann machine": quantum_machine,
        "the same without field": without_field,
        "RBM of as many weights": small_rbm,
    },
}
"""Machines and how each is trained, by the images' shape and by name."""


def baselines(data: Tensor) -> dict[str, Tensor]:
    """Distributions that need no training, and the data's own."""
    units = data.shape[1]
    bits, on = all_bits(units, dtype=DTYPE), data.mean(0)
    return {
        "uniform": torch.full((2**units,), 0.5**units, dtype=DTYPE),
        "independent bits": (bits * on + (1 - bits) * (1 - on)).prod(1),
        f"the data: floor, ln {len(data)}": frequencies(data, DTYPE),
    }


def print_table(rows: Mapping[str, Sequence[Tensor]], data: Tensor) -> None:
    """NLL and KL in nats and the probability of a valid image; mean ± deviation."""
    valid = frequencies(data, DTYPE) > 0
    floor = math.log(len(data))
    print(f"{'':26}{'NLL':>16}{'KL':>16}{'valid':>16}")
    for name, found in rows.items():
        losses = [nll(chances, data) for chances in found]
        shares = [float(chances[valid].sum()) for chances in found]
        cells = [
            summarise(losses).text(4),
            summarise(loss - floor for loss in losses).text(4),
            summarise(shares).text(percent=True),
        ]
        print(f"{name:26}" + "".join(f"{cell:>16}" for cell in cells))


def fill_in(machine: RBM, data: Tensor) -> tuple[Tensor, Tensor]:
    """Forgets the bottom row of each image and lets the machine fill them in.

    Returns what was known of each image, with 0.5 elsewhere, and what came out.
    """
    known = torch.arange(data.shape[1]) < data.shape[1] - SHAPE[1]
    seen = torch.where(known, data, torch.full_like(data, 0.5))
    generator = torch.Generator().manual_seed(0)
    return seen, machine.complete(seen, known, 200, generator)


def valid_share(images: Tensor, data: Tensor) -> float:
    """The share of images that are bars or stripes."""
    return float((images[:, None] == data).all(-1).any(-1).double().mean())


def plot_learning(gaps: Mapping[str, Sequence[float]]) -> Figure:
    """How far the exact NLL is above its floor."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, values in gaps.items():
        axes.semilogy(values, label=name)
    axes.set_xlabel("step of ten updates")
    axes.set_ylabel("KL(data ‖ model), nats")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")
    return figure


def plot_fields(machine: RBM) -> Figure:
    """Receptive fields: red pixels switch a hidden unit on, blue ones off."""
    fields = -machine.weight.detach().T
    most = float(fields.abs().max())
    figure = Figure(figsize=(6, 2.8), layout="constrained")
    figure.suptitle("What switches each hidden unit on (red) and off (blue)")
    for axes, field in zip(figure.subplots(2, 5).flat, fields, strict=True):
        image = field.reshape(SHAPE).numpy()
        axes.imshow(image, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.axis("off")
    return figure


def plot_rows(rows: Mapping[str, Tensor]) -> Figure:
    """Rows of images of three columns with their names."""
    columns = min(len(images) for images in rows.values())
    figure = Figure(figsize=(9, 0.8 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=False):
            pixels = image.reshape(-1, SHAPE[1]).numpy()
            axes.imshow(pixels, cmap="Blues", vmin=0, vmax=1.3)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def main(
    folder: Path | None = None, steps: int = 60, seeds: int = 1
) -> dict[str, list[float]]:
    """Runs all of it and returns the exact NLL of the first seed over the steps."""
    losses: dict[str, list[float]] = {}
    gaps: dict[str, list[float]] = {}
    machines: dict[str, nn.Module] = {}
    samples: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    for shape, trainings in TRAININGS.items():
        data = torch.as_tensor(bars_and_stripes(*shape))
        found = {name: [chances] for name, chances in baselines(data).items()}
        for name, training in trainings.items():
            runs = [training(data, steps, seed) for seed in range(seeds)]
            found[name] = [probabilities(machine) for machine, _ in runs]
            machines[name], losses[name] = runs[0]
            gaps[name] = [value - math.log(len(data)) for value in losses[name]]
            sampled = torch.multinomial(found[name][0], 14, True, generator=generator)
            samples[name] = all_bits(data.shape[1], dtype=DTYPE)[sampled]
        print(f"{shape[0]} × {shape[1]} pixels, {len(data)} patterns")
        print_table(found, data)

    data = torch.as_tensor(bars_and_stripes(*SHAPE))
    rbm = machines["RBM, exact gradient"]
    assert isinstance(rbm, RBM)
    seen, filled = fill_in(rbm, data)
    guessed = fill_in(RBM(data.shape[1], 10, generator=generator, dtype=DTYPE), data)[1]
    print(
        f"Missing bottom row filled in: {valid_share(filled, data):.0%} valid by the "
        f"RBM, {valid_share(guessed, data):.0%} by one without training"
    )

    if folder is not None:
        plot_learning(gaps).savefig(folder / "boltzmann-losses.png", dpi=120)
        plot_fields(rbm).savefig(folder / "receptive-fields.png", dpi=150)
        rows = {"data": data, **samples}
        plot_rows(rows).savefig(folder / "boltzmann-samples.png", dpi=120)
        rows = {"known": seen, "filled in": filled}
        plot_rows(rows).savefig(folder / "filled-in.png", dpi=200)
    return losses


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    folder = Path(arguments[0]) if arguments else None
    if "--full" in sys.argv:
        main(folder, steps=600, seeds=5)
    else:
        main(folder)

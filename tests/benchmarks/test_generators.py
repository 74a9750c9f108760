"""What a patch generator's training iteration costs beside PennyLane's own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.models import PatchGenerator, discriminator_loss, generator_loss

BATCH, LAYERS = 32, 6
WORKLOAD = "patch GAN: 32 images of 4 patches, 5 wires, 6 layers"


class PennyLanePatches(nn.Module):
    """The same generator on `default.qubit`, all patches of all images broadcast.

    One tape whose every gate has an angle for each row and patch, and backpropagation:
    faster than a circuit for each patch, which takes about as long four times.

    Args:
        like: Whose weights, patches and wires it has.
    """

    def __init__(self, like: PatchGenerator) -> None:
        super().__init__()
        self.weight = nn.Parameter(like.weight.detach().clone())
        self.grid, self.noise_size = like.grid, like.noise_size
        wires = self.noise_size

        @qml.qnode(qml.device("default.qubit", wires=wires), diff_method="backprop")
        def circuit(noise: Tensor, angles: Tensor) -> Any:
            for wire in range(wires):
                qml.RY(noise[:, wire], wire)
            for layer in range(LAYERS):
                for wire in range(wires):
                    qml.RY(angles[:, layer * wires + wire], wire)
                for wire in range(wires - 1):
                    qml.CZ([wire, wire + 1])
            return qml.probs(wires=range(wires))

        self.circuit = circuit

    def forward(self, noise: Tensor) -> Tensor:
        """Draws images, (rows, 1, 8, 8)."""
        rows, patches = len(noise), len(self.weight)
        probabilities = self.circuit(
            noise.repeat_interleave(patches, dim=0), self.weight.repeat(rows, 1)
        )
        given = probabilities[:, : 2 ** (self.noise_size - 1)]
        pixels = given / given.amax(-1, keepdim=True)
        images: Tensor = pixels.reshape(rows, 1, 8, 8).to(noise)
        return images


def generators() -> dict[str, nn.Module]:
    """Ours and PennyLane's, with equal weights."""
    random = torch.Generator().manual_seed(0)
    ours = PatchGenerator((8, 8), (2, 8), layers=LAYERS, generator=random)
    return {"qml-qdl": ours, "default.qubit": PennyLanePatches(ours)}


def iteration(generator: nn.Module) -> Callable[[], None]:
    """One step of the discriminator and one of the generator."""
    torch.manual_seed(0)
    discriminator = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
    )
    of_g = torch.optim.Adam(generator.parameters(), lr=0.01)
    of_d = torch.optim.Adam(discriminator.parameters(), lr=0.005)
    real = torch.rand(BATCH, 1, 8, 8)
    noise = torch.rand(BATCH, 5)

    def step() -> None:
        fake = generator(noise)
        of_d.zero_grad()
        loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
        torch.autograd.backward([loss])
        of_d.step()
        of_g.zero_grad()
        torch.autograd.backward([generator_loss(discriminator(fake))])
        of_g.step()

    return step


def test_both_draw_the_same_images_and_have_the_same_gradients() -> None:
    found = []
    noise = torch.rand(BATCH, 5, generator=torch.Generator().manual_seed(1))
    mask = torch.rand(8, 8, generator=torch.Generator().manual_seed(2))
    for generator in generators().values():
        images = generator(noise)
        torch.autograd.backward([(images * mask).sum()])
        (weight,) = generator.parameters()
        found.append((images.detach(), weight.grad))
    (ours, own), (theirs, other) = found
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(own, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("peer", ["qml-qdl", "default.qubit"])
def test_training_iteration(benchmark: Any, peer: str) -> None:
    benchmark.extra_info.update(workload=WORKLOAD, peer=peer, kind="step")
    step = iteration(generators()[peer])
    for _ in range(3):
        step()
    benchmark.pedantic(step, rounds=50, iterations=1)


def test_at_least_eight_times_as_fast() -> None:
    """In turns of 20 steps: a busy machine slows both, and caches are as in training.

    Turn by turn of one step, the other's memory would push ours out of the caches.
    """
    steps = {name: iteration(model) for name, model in generators().items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(8):
        for name, step in steps.items():
            for _ in range(20):
                start = time.process_time()
                step()
                seconds[name].append(time.process_time() - start)
    ours, theirs = (statistics.median(found) for found in seconds.values())
    print(f"qml-qdl {ours * 1e3:.2f} ms, default.qubit {theirs * 1e3:.2f} ms")
    assert theirs > 8 * ours

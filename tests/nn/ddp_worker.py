"""One of the processes of test_ddp.py: rank, number of processes, folder, target."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.nn import QuantumConv2d, QuantumLayer


def network(target: str) -> nn.Module:
    circuit = StronglyEntangling(2) @ AngleEncoding(2)
    return nn.Sequential(
        QuantumConv2d(1, 2, (1, 2), target=target),
        nn.Flatten(),
        nn.Linear(4, 2),
        QuantumLayer(circuit, target=target),
    ).double()


def images() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(4, 1, 1, 3, generator=generator, dtype=torch.float64)


def loss_of(model: nn.Module, rows: Tensor) -> Tensor:
    loss: Tensor = (model(rows) - 0.5).square().mean()
    return loss


def main(rank: int, processes: int, folder: Path, target: str) -> None:
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'store'}",
        rank=rank,
        world_size=processes,
    )
    torch.manual_seed(rank)  # so that the weights of the first must be sent
    model = DistributedDataParallel(network(target))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    part = images().chunk(processes)[rank]
    for _ in range(2):
        optimiser.zero_grad()
        torch.autograd.backward([loss_of(model, part)])
        optimiser.step()
    gradients = {name: w.grad for name, w in model.module.named_parameters()}
    torch.save((model.module.state_dict(), gradients), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])

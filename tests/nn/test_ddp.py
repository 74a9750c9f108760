"""Layers train under DistributedDataParallel as in one process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

WORKER = Path(__file__).parent / "ddp_worker.py"


def worker() -> Any:
    spec = importlib.util.spec_from_file_location("ddp_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_process_trains_as_without(tmp_path: Path) -> None:
    """Its hooks see every gradient, and its buckets hold every weight."""
    module = worker()
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        models = []
        for wrap in (torch.nn.parallel.DistributedDataParallel, lambda model: model):
            torch.manual_seed(0)
            model = module.network("default.qubit")
            wrapped = wrap(model)
            optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
            for _ in range(2):
                optimiser.zero_grad()
                module.loss_of(wrapped, module.images()).backward()
                optimiser.step()
            models.append(model)
    finally:
        torch.distributed.destroy_process_group()
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
def test_two_processes_train_as_one(target: str, tmp_path: Path) -> None:
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), "2", str(tmp_path), target],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()

    module = worker()
    torch.manual_seed(0)
    model = module.network(target)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        module.loss_of(model, module.images()).backward()
        optimiser.step()
    gradients = {name: w.grad for name, w in model.named_parameters()}
    assert all(g is not None and g.any() for g in gradients.values())
    for rank in range(2):
        state, found = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(dict(state), dict(model.state_dict()))
        torch.testing.assert_close(found, gradients)

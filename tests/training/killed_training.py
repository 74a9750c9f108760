"""Trains in processes that die by SIGKILL, resumes, and compares with a whole run.

Run as a script by test_resume.py: the imports are paid once, each training is a fork.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils.tensorboard  # as sklearn: each of the forks would load it
from attrs import evolve
from lightning.pytorch import Trainer

from qml_qdl.data import Dataset, Split, split
from qml_qdl.manybody import Problem
from qml_qdl.training import (
    DataOptions,
    Fit,
    RunOptions,
    Spec,
    Task,
    TrainingOptions,
    fit,
)
from qml_qdl.training.recipes.ground_state import DescentSteps


def parts() -> Split:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(120, 3))
    labels = (inputs[:, 0] + 0.5 * generator.normal(size=120) > 0).astype(int)
    return split(Dataset(inputs, labels, ["no", "yes"]), validation_fraction=0.2)


def model() -> torch.nn.Module:
    torch.manual_seed(5)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Dropout(0.4), torch.nn.Linear(4, 2)
    )


class Noise(torch.nn.Module):
    """Samples from Python's and NumPy's generators in each training step."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        import random

        if not self.training:
            return inputs
        return inputs * (random.random() + float(np.random.rand()))  # noqa: NPY002


def images() -> Dataset:
    generator = np.random.default_rng(0)
    pixels = generator.random((100, 1, 2, 4)) ** 2
    return Dataset(pixels, np.arange(100) % 2, "ab")


def train(folder: Path, options: TrainingOptions, resume: bool, kind: str) -> Fit:
    if kind == "classifier":
        noisy = torch.nn.Sequential(Noise(), model())
        return fit(noisy, parts(), options, seed=3, folder=folder, resume=resume)
    spec = Spec(kind, layers=1) if kind == "patch_gan" else Spec(kind)
    if kind == "nqs":
        ring = Problem.named("heisenberg", size=6)
        recipe = Spec("ground_state", samples=20, chains=10, final_samples=100, steps=4)
        options = evolve(options, batch_size=TrainingOptions().batch_size)
        asked = RunOptions(model=Spec(kind, alpha=1), recipe=recipe, training=options)
        return _fitted(Task.of(asked, ring), folder, resume)
    data = DataOptions(validation_fraction=0.2)
    task = Task.of(RunOptions(model=spec, data=data, training=options), images())
    return _fitted(task, folder, resume)


def _fitted(task: Task, folder: Path, resume: bool) -> Fit:
    network = task.build("quantum", 5)
    return fit(
        network,
        task.split,
        recipe=task.learner(network),
        seed=3,
        folder=folder,
        resume=resume,
    )


def outcome(folder: Path, result: Fit) -> dict[str, Any]:
    last = torch.load(folder / "last.ckpt", weights_only=True)
    best = torch.load(folder / "best.ckpt", weights_only=True)
    return {
        "last": {k: v.tolist() for k, v in last["state_dict"].items()},
        "best": {k: v.tolist() for k, v in best["state_dict"].items()},
        "moments": repr(last["optimizer_states"]),
        "step": last["global_step"],
        "epoch": last["epoch"],
        "schedules": repr(last["lr_schedulers"]),
        "grids": repr(last.get("grids")),
        "metrics": (folder / "metrics.csv").read_text(),
        **reached(result),
    }


def reached(result: Fit) -> dict[str, Any]:
    found: dict[str, Any] = {"measures": result.measures}
    if result.predictions is not None:
        found["predictions"] = result.predictions.tolist()
    return found


def die_at(event: str, count: int) -> None:
    """Makes this process kill itself at the n-th step or file replacement."""
    seen = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    if event == "step":
        for each in (torch.optim.Adam, DescentSteps):
            setattr(each, "step", counted(each.step))  # noqa: B010 - for mypy
    elif event == "replace":
        os.replace = counted(os.replace)
    else:
        Trainer.save_checkpoint = counted(Trainer.save_checkpoint)  # type: ignore[method-assign]


def forked(function: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return status


def scenario(
    folder: Path, options: TrainingOptions, kills: list[tuple[str, int]], kind: str
) -> dict[str, Any]:
    for event, count in kills:

        def killed(event: str = event, count: int = count) -> None:
            die_at(event, count)
            train(folder, options, True, kind)

        status = forked(killed)
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError(f"{event} {count}: ended with {status}, not killed")

    def finish() -> None:
        result = train(folder, options, True, kind)
        (folder / "outcome.json").write_text(json.dumps(outcome(folder, result)))

    if forked(finish) != 0:
        raise RuntimeError(f"{folder}: resuming failed")
    left = [path.name for path in folder.rglob(".*")]
    if left:
        raise RuntimeError(f"{folder}: {left} are left")
    content: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
    return content


def killings(steps: int, mode: str, stops: bool) -> list[list[tuple[str, int]]]:
    """Where to die: before a step, a checkpoint, or a file taking its place."""
    several = [("step", steps // 2), ("replace", 2), ("step", 2)]
    if mode == "brief":
        return [several] if stops else [[("replace", 5)]]
    if mode == "few":
        single = [("step", steps // 2 + 1), ("save", 3), ("replace", 4), ("replace", 5)]
        return [several, *([kill] for kill in single)]
    single = [("step", number) for number in range(1, steps + 1)]
    single += [("replace", number) for number in range(1, 9)]
    single += [("save", number) for number in range(1, 6)]
    return [several, *([kill] for kill in single)]


def main(root: Path, mode: str, kind: str = "classifier") -> None:
    torch.set_num_threads(1)
    gc.freeze()  # or each fork copies the memory in which it looks for garbage
    plans: dict[str, tuple[int | None, int | None]] = {
        "epoch-end": (None, None),
        "every-2-steps": (2, None),
        "every-step": (1, None),
        "stops-early": (3, 1),
    }
    if mode == "brief":
        plans = {name: plans[name] for name in ("every-2-steps", "stops-early")}
    if kind != "classifier":
        plans = {name: plans[name] for name in ("epoch-end", "every-step")}
    differing: list[str] = []
    checked = 0
    for name, (every, patience) in plans.items():
        options = TrainingOptions(
            epochs=4,
            batch_size=16,
            learning_rate=0.3 if patience else 0.05,
            accelerator="cpu",
            checkpoint_every=every,
            patience=patience,
        )
        whole = scenario(root / f"{name}-whole", options, [], kind)
        # Of a game: of both players.
        steps = whole["step"]
        for index, kill in enumerate(killings(steps, mode, patience is not None)):
            result = scenario(root / f"{name}-{index}", options, kill, kind)
            checked += 1
            differing += [
                f"{name} killed at {kill}: {key} differs"
                for key in whole
                if result[key] != whole[key]
            ]
    print(f"{checked} interrupted trainings compared")
    if differing:
        sys.exit("\n".join(differing))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

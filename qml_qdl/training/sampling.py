"""Samples of a trained run, where it was trained or on another target."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from attrs import frozen
from lightning.pytorch import seed_everything
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, BudgetError, RunError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.hardware.files import made_in_memory, write_atomically
from qml_qdl.nn.jobs import begin_step, record_jobs
from qml_qdl.training.checkpoints import load_best
from qml_qdl.training.plots import save_figure
from qml_qdl.training.recipes.recipe import Sampling
from qml_qdl.training.remote import move
from qml_qdl.training.run import ModelKind, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@frozen(eq=False)
class Sampled:
    """Samples of a trained model.

    Args:
        samples: (count, …), shaped like the data; of a table standardised as in
            training; of a neural quantum state the bits (1 − s)/2 of its spins s.
        kind: "quantum", "twin", "plain", "jastrow" or "classical".
        training_seed: Which of the run's trainings.
        seed: What fixed the sample.
        target: Where the circuits ran; None for where they were trained.
        shots: Shots per circuit; None for exact results; "keep" for those of training.
        measures: How far they are from the test part, by name; empty for fewer than
            four samples. Of a neural quantum state their energy.
        floor: The same of as many training rows, or of all where there are fewer; or
            the exact energy.
        path: The file that holds them; None where none was written.
        seconds: Wall-clock seconds of sampling.
    """

    samples: Tensor
    kind: ModelKind
    training_seed: int
    seed: int
    target: str | None
    shots: int | Literal["keep"] | None
    measures: dict[str, float]
    floor: dict[str, float]
    path: Path | None
    seconds: float


@validate_call
def sample(
    run: Run,
    count: int = 64,
    *,
    seed: int = 0,
    target: str | None = None,
    shots: int | Literal["keep"] | None = "keep",
    training_seed: int | None = None,
    kind: ModelKind | None = None,
    account: str | None = None,
    max_qpu_seconds: float | None = None,
    out: str | Path | None = None,
) -> Sampled:
    """Generates samples of a run's best weights, and writes them to a file.

    Args:
        run: A finished run of a generative model; see `Run.open`.
        count: How many, ≥ 1.
        seed: Fixes the draw: noise, and the shots of a simulator.
        target: Where circuits run; None for where they were trained.
        shots: Shots per circuit, None for exact results, "keep" as in training.
        training_seed: Which training; None takes the best on the validation part.
        kind: "quantum", "twin" for the classical twin, or "plain" for the plain
            autoencoder beside it; None for the model itself.
        account: The name of the IBM account; None for the default one.
        max_qpu_seconds: A job that would take more is refused; None for 60.
        out: The file for them, `.npz`; its picture gets the ending `.png`. None for
            `samples.npz` in the run's folder.

    Where circuits are jobs of a service, the run's journal knows them: the same words
    again find the same jobs, and pay nothing twice.

    Returns:
        The samples, and their measures beside the floor.

    Raises:
        ArgumentError: An argument does not fit the run.
        BudgetError: A job would take too many QPU seconds.
        JobError: A job failed or was cancelled.
        RunError: The run classifies, has not finished, or a file is damaged.
        TargetError: The target is unknown or cannot run the circuit.
    """
    check_count("count", count)
    check_count("seed", seed, 0)
    if isinstance(shots, int):
        check_count("shots", shots)
    path = run.folder / "samples.npz" if out is None else Path(out)
    if path.suffix != ".npz":
        raise ArgumentError(
            f"out: expected a file that ends with .npz, got {str(path)!r}; its picture "
            "goes beside it"
        )
    task = run.task()
    recipe = task.recipe
    if not issubclass(recipe, Sampling):
        raise RunError(
            f"run: expected the run of a generative model, got {run.folder} of a "
            "classifier; see qml-qdl evaluate"
        )
    kind, training_seed, _ = run.finished(kind, training_seed, "training_seed")
    moves = target is not None or shots != "keep" or account is not None
    if kind != "quantum" and moves:
        raise ArgumentError(
            f"target: the {kind} model runs on torch only, got target={target!r}, "
            f"shots={shots!r} and account={account!r}; leave them out"
        )
    model = task.build(kind, training_seed).eval()
    load_best(model, run.fit_folder(kind, training_seed))
    seed_everything(seed, verbose=False)  # shots follow the global generator
    move(model, target, shots, account=account, max_qpu_seconds=max_qpu_seconds)
    # Where circuits are jobs, the same words find the same jobs again.
    name = f"sample-{kind}-{training_seed}-{seed}-{count}-{target}-{shots}"
    name += "" if account is None else f"-{account}"
    if record_jobs(model, run.journal, name):
        begin_step(model, "samples")
    start = time.perf_counter()
    try:
        generator = torch.Generator().manual_seed(seed)
        samples = recipe.drawn(model, count, generator, task.split).cpu()
    except BudgetError as error:
        fitting = int(count * error.share)
        hint = f"; {fitting} samples (-n {fitting}) would pass" if fitting else ""
        raise BudgetError(f"{error}{hint}", error.share) from error
    seconds = time.perf_counter() - start
    measures, floor = recipe.compared(model, samples, task.split)
    write_samples(path, samples, recipe.picture(samples, task.split))
    return Sampled(
        samples=samples,
        kind=kind,
        training_seed=training_seed,
        seed=seed,
        target=target,
        shots=shots,
        measures=measures,
        floor=floor,
        path=path,
        seconds=seconds,
    )


def write_samples(path: Path, samples: Tensor, picture: Figure) -> None:
    """Writes samples, and a picture of them beside.

    Args:
        path: A file that ends with `.npz`; it gets the array "samples".
        samples: (count, …).
        picture: The picture.
    """
    numbers = samples.numpy()
    write = made_in_memory(lambda file: np.savez_compressed(file, samples=numbers))
    write_atomically(path, write)
    save_figure(picture, path.with_suffix(".png"))

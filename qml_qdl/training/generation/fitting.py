"""Fitting one generative model on one split with the Lightning trainer."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen
from torch import nn

from qml_qdl.nn.jobs import begin_step
from qml_qdl.training.fitting import count_parameters
from qml_qdl.training.generation.family import Family
from qml_qdl.training.loop import claim_folder, run_trainer
from qml_qdl.training.options import TrainingOptions


@frozen(eq=False)
class GenerativeFit:
    """What the training of a generative model reached.

    Args:
        epochs: How many epochs were trained.
        best_epoch: The epoch, from 0, whose weights were kept.
        validation: What that epoch was chosen by, on the validation part; the lower
            the better.
        measures: Measures of the kept weights on the test part, by name.
        parameters: How many numbers were trained; of a game the generator's.
        seconds: Wall-clock seconds of training that led to the last epoch, without
            work that an interruption lost.
        history: One row per epoch.
    """

    epochs: int
    best_epoch: int
    validation: float
    measures: dict[str, float]
    parameters: int
    seconds: float
    history: list[dict[str, float]] = field(repr=False)

    @property
    def merit(self) -> float:
        """What trainings of different seeds are chosen by; the highest is the best."""
        return -self.validation


def fit_generator(
    model: nn.Module,
    family: Family,
    options: TrainingOptions,
    *,
    seed: int,
    folder: Path,
    resume: bool = False,
    progress: bool = False,
    journal: Path | None = None,
) -> GenerativeFit:
    """Trains a generative model; it ends with the weights of its best epoch.

    Args:
        model: What the family built; changed in place.
        family: How it is trained and measured, and its data.
        options: How to train.
        seed: Fixes the order of the rows and everything random in the training.
        folder: Keeps checkpoints, `metrics.csv` and TensorBoard logs.
        resume: Continues a training that the folder holds, exactly where its last
            checkpoint left it.
        progress: Whether a progress bar is shown.
        journal: The journal of a target's jobs; None for one in the folder.

    Returns:
        Measures, parameters, seconds and the history.

    Raises:
        RunError: The folder holds a training and `resume` is False, its checkpoint
            is damaged or does not fit, or the training diverged.
        KeyboardInterrupt: The user pressed Ctrl-C; checkpoints stay.
    """
    parameters = count_parameters(model)
    learner = family.learner(model, options)
    claim_folder(folder, learner, resume=resume, journal=journal)
    recorder = run_trainer(
        learner,
        family.split,
        options,
        seed=seed,
        folder=folder,
        progress=progress,
        log=True,
    )
    model.load_state_dict(learner.model.state_dict())
    begin_step(model, "test")
    return GenerativeFit(
        epochs=len(recorder.history),
        best_epoch=int(recorder.best["epoch"]),
        validation=recorder.best[learner.monitor],
        measures=family.measure(model),
        parameters=parameters,
        seconds=recorder.seconds,
        history=recorder.history,
    )

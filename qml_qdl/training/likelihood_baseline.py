"""The classical model with an exact likelihood that stands beside a generator."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from torch import nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.building import Task
from qml_qdl.training.fitting import fit
from qml_qdl.training.options import default_training
from qml_qdl.training.recipes.generative import Generative
from qml_qdl.training.recipes.recipe import Recipe
from qml_qdl.training.registry import MODELS, RECIPES
from qml_qdl.training.specs import Spec, import_class


def fit_likelihood(task: Task, folder: Path, *, progress: bool) -> list[Baseline]:
    """Trains the autoregressive network, or the normalising flow, of a run's data.

    With the run's first seed and batches; no more epochs than its models have, nor than
    are its own by default. It is measured as they are. A training that the folder holds
    is carried on.

    Args:
        task: The run's data and models.
        folder: The run's folder.
        progress: Whether a progress bar is shown.

    Returns:
        What it reached, or why it could not be trained; nothing where the model itself
        is of this kind, where there is none for such data, and where no twin is asked
        for.
    """
    recipe = task.recipe
    name = recipe.rival if issubclass(recipe, Generative) else None
    if name is None or not task.options.twin or task.options.model.class_path == name:
        return []
    known = MODELS[name]
    if known.reads == "tables" and task.split.train.is_image:
        return []
    assert issubclass(recipe, Generative)
    title = known.title or name
    seed = task.options.first_seed
    own, given = default_training(name), task.options.training
    epochs = min(own.epochs, given.epochs)
    training = evolve(
        own,
        epochs=epochs,
        batch_size=given.batch_size,
        precision=given.precision,
        patience=given.patience,
        accelerator=given.accelerator,
    )
    rival = Task(
        evolve(task.options, model=Spec(name), recipe=None, training=training),
        import_class("recipe", RECIPES[known.recipe or ""], Recipe),  # type: ignore[type-abstract]
        import_class("model", known.class_path, nn.Module),
        recipe.rival_split(task.split),
    )
    try:
        model = rival.build("classical", seed)
        result = fit(
            model,
            rival.split,
            recipe=rival.learner(model),
            seed=seed,
            folder=folder / f"{name}-seed{seed}",
            resume=True,
            progress=progress,
        )
        measures = recipe.measure(model, task.split)
    except QdlError as error:
        return [Baseline(title, {}, note=f"left out: {error}")]
    note = f"trained once, with seed {seed}, for {epochs} epochs"
    return [Baseline(title, measures, result.parameters, result.seconds, note)]

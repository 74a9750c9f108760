"""Pictures of a generative run, from its weights and its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.generative import RBM, QuantumVAE
from qml_qdl.nn import QuantumLayer
from qml_qdl.training.checkpoints import LAST, load_best, read_checkpoint
from qml_qdl.training.generation.drawing import (
    draw_distributions,
    draw_fields,
    draw_histograms,
    draw_rows,
    draw_training,
)
from qml_qdl.training.generation.family import Family
from qml_qdl.training.generation.fitting import GenerativeFit
from qml_qdl.training.generation.measures import SAMPLES, BitYardstick, rows_of
from qml_qdl.training.kinds import KINDS
from qml_qdl.training.pictures import save_circuit, save_figure
from qml_qdl.training.run import Run

PLACES = 9
"""Images of a walk from one place of the latent space to another."""


@torch.no_grad()
def walks(model: nn.Module, shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Images on straight lines through what a model draws from.

    Args:
        model: A variational autoencoder, of which each latent variable goes from −2.5
            to 2.5, the others at zero; or a generator with `draw_noise`, of which
            noise goes from one draw to another.
        shape: (channels, height, width) of an image.

    Returns:
        Rows of images by name; none for other models.
    """
    rows: dict[str, Tensor] = {}
    if isinstance(model, QuantumVAE):
        for variable in range(model.latent_size):
            latent = torch.zeros(PLACES, model.latent_size)
            latent[:, variable] = torch.linspace(-2.5, 2.5, PLACES)
            rows[f"z{variable + 1}"] = model.decode(latent).reshape(-1, *shape)
    elif hasattr(model, "draw_noise"):
        generator = torch.Generator().manual_seed(0)
        drawer: Any = model
        ends = drawer.draw_noise(8, generator).reshape(4, 2, -1)
        places = torch.linspace(0, 1, PLACES)[:, None]
        for number, (begin, end) in enumerate(ends):
            noise = torch.lerp(begin, end, places)
            rows[f"walk {number + 1}"] = drawer(noise).reshape(-1, *shape)
    return rows


@torch.no_grad()
def draw_run(
    run: Run, family: Family, fits: Mapping[Any, Sequence[GenerativeFit]]
) -> None:
    """Saves the pictures of a finished run in its folder.

    Args:
        run: The run.
        family: Its kind of model, with the data.
        fits: Its trainings, one per seed.
    """
    folder, kind = run.folder, run.kinds[0]
    figures = {
        "curves": draw_training(
            {each: [fit.history for fit in fits[each]] for each in fits}
        )
    }
    seed = run.best_seed(kind)
    model = family.build(False, seed)
    load_best(model, run.fit_folder(kind, seed))
    real = rows_of(family.split.test)
    if isinstance(family.yardstick, BitYardstick):
        chances: Any = family
        figures["histograms"] = draw_distributions(
            {
                "real": family.yardstick.seen,
                "generated": chances.probabilities(model),
            }
        )
    else:
        samples = family.draw(model, SAMPLES, torch.Generator().manual_seed(0))
        figures["histograms"] = draw_histograms({"real": real, "generated": samples})
    if family.split.train.is_image:
        grids = read_checkpoint(run.fit_folder(kind, seed) / LAST)["grids"]
        rows = {f"epoch {epoch}": images for epoch, images in grids.items()}
        figures["samples-over-time"] = draw_rows(rows | {"real": real})
        walk = walks(model, family.shape)
        if walk:
            figures["latent-walk"] = draw_rows(walk)
    if isinstance(model, RBM):
        figures["receptive-fields"] = draw_fields(model, family.shape)
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    if KINDS[run.options.model.kind].quantum:
        layers = (each for each in model.modules() if isinstance(each, QuantumLayer))
        save_circuit(next(layers).circuit, folder / "circuit.png")

"""The table of generative models, and their data as they read them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from attrs import evolve

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.parts import Split
from qml_qdl.training.generation.family import Family
from qml_qdl.training.generation.games import (
    ConvGan,
    DistributionGan,
    PatchGan,
    StyleGan,
)
from qml_qdl.training.generation.likelihoods import Boltzmann, Born, Vae
from qml_qdl.training.kinds import KINDS
from qml_qdl.training.options import ModelOptions

FAMILIES: Mapping[str, type[Family]] = MappingProxyType(
    {
        "patch_gan": PatchGan,
        "conv_gan": ConvGan,
        "style_gan": StyleGan,
        "distribution_gan": DistributionGan,
        "born_machine": Born,
        "rbm": Boltzmann,
        "vae": Vae,
    }
)
"""The generative kinds of `qml_qdl.training.kinds.KINDS`."""


def family_of(options: ModelOptions, split: Split) -> Family:
    """What the trainer has to know of a model, for data it can read.

    Args:
        options: Which model.
        split: The data.

    Returns:
        Its family.

    Raises:
        ArgumentError: The model cannot read such data.
    """
    family = FAMILIES[options.kind]
    if KINDS[options.kind].reads == "bits":
        split = evolve(
            split,
            train=as_bits(split.train, options.kind),
            validation=as_bits(split.validation, options.kind),
            test=as_bits(split.test, options.kind),
        )
    return family(options, split)


def as_bits(part: Dataset, kind: str) -> Dataset:
    """Makes zeros and ones of a part: images are cut at 0.5, tables must be bits.

    Args:
        part: A part of the data.
        kind: The model's kind, for the message.

    Returns:
        The part with bits for inputs.

    Raises:
        ArgumentError: A table holds other numbers.
    """
    if part.is_image:
        return evolve(part, inputs=(part.inputs > 0.5).astype(np.float32))
    wrong = part.inputs[(part.inputs != 0) & (part.inputs != 1)]
    if len(wrong):
        raise ArgumentError(
            f"model: {kind!r} reads bits, got {wrong[0]:g} in the table {part.name!r}; "
            "make zeros and ones of it, or use images, which are cut at 0.5"
        )
    return part

"""The kinds of models that a run can train: one table, read by options and builders."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen


@frozen
class ModelKind:
    """What has to be known of a model before one is built.

    Args:
        reads: Which data it reads: "images", "tables", "any" of the two, "bits", or
            "whole numbers".
        generates: Whether it learns to draw samples rather than to classify.
        options: The fields of `ModelOptions` that it heeds, besides `kind`.
        training: The fields of `TrainingOptions` where it differs by default.
        refuses: The fields of `TrainingOptions` that it does not heed.
        quantum: Whether it has circuits, and so a classical twin.
        plain: Whether a plain classical model, without anything in a circuit's place,
            is trained beside the twin.
    """

    reads: str
    generates: bool = False
    options: tuple[str, ...] = ("target",)
    training: Mapping[str, Any] = field(factory=dict)
    refuses: tuple[str, ...] = ()
    quantum: bool = True
    plain: bool = False


_WINDOW = ("channels", "kernel_size", "stride", "layers", "target")
_ADAM = ("optimizer",)

KINDS: Mapping[str, ModelKind] = MappingProxyType(
    {
        "quanvolution": ModelKind("images", options=_WINDOW),
        "dressed": ModelKind("tables", options=("layers", "target")),
        "qcnn": ModelKind("any"),
        "equivariant": ModelKind("images", options=_WINDOW),
        "patch_gan": ModelKind(
            "images",
            generates=True,
            options=("layers", "target"),
            training={"epochs": 375, "batch_size": 32},
            refuses=_ADAM,
        ),
        "conv_gan": ModelKind(
            "images",
            generates=True,
            options=("layers", "target"),
            training={"epochs": 375, "batch_size": 32},
            refuses=_ADAM,
        ),
        "style_gan": ModelKind(
            "tables",
            generates=True,
            options=("layers", "target"),
            training={"epochs": 200, "batch_size": 32},
            refuses=_ADAM,
        ),
        "distribution_gan": ModelKind(
            "whole numbers",
            generates=True,
            options=("layers", "target"),
            training={"epochs": 60, "batch_size": 1024},
            refuses=_ADAM,
        ),
        "born_machine": ModelKind(
            "bits",
            generates=True,
            options=("layers", "target"),
            training={"epochs": 100, "batch_size": 128, "learning_rate": 0.3},
            refuses=_ADAM,
        ),
        "rbm": ModelKind(
            "bits",
            generates=True,
            options=("hidden",),
            training={"epochs": 300, "batch_size": 128, "learning_rate": 0.02},
            quantum=False,
        ),
        "vae": ModelKind(
            "any",
            generates=True,
            options=("layers", "target", "hidden", "latent", "quantum_part"),
            training={"epochs": 60, "batch_size": 64, "learning_rate": 0.02},
            refuses=_ADAM,
            plain=True,
        ),
    }
)
"""Kinds by name; "auto" stands for "quanvolution" or "dressed", as the data are."""

MODELS = ("auto", *KINDS)


def generates(kind: str) -> bool:
    """Whether a kind of model learns to draw samples.

    Args:
        kind: One of `MODELS`.

    Example:
        >>> generates("patch_gan"), generates("auto")
        (True, False)
    """
    return kind != "auto" and KINDS[kind].generates


def unheeded(kind: str) -> set[str]:
    """The options that a kind of model does not heed.

    Args:
        kind: One of `MODELS`.

    Returns:
        Names of fields of `ModelOptions` and `TrainingOptions`.

    Example:
        >>> sorted(unheeded("dressed"))
        ['channels', 'hidden', 'kernel_size', 'latent', 'quantum_part', 'stride']
    """
    meant = ("quanvolution", "dressed") if kind == "auto" else (kind,)
    every = {name for each in KINDS.values() for name in each.options}
    heeded = {name for each in meant for name in KINDS[each].options}
    refused = {name for each in meant for name in KINDS[each].refuses}
    return (every - heeded) | refused

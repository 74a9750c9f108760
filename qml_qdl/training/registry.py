"""The models that a run can train by name: one line each, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen


@frozen
class ModelEntry:
    """What has to be known of a model before its class is imported.

    The class says the rest: the signature of its `from_data`, or else of itself, has
    names, types and defaults of the options, its docstring their help.

    Args:
        class_path: The import path of its class, or of a function that makes it.
        reads: Which data it reads: "images", "tables", "any" of the two, "bits",
            "whole numbers", "Hamiltonians" or "measurements".
        options: The parameters that are options of the command line, too.
        recipe: How it learns, one of `RECIPES`; None for classification or regression,
            as the data are.
        title: What it is called in a report, in which options may be named in braces;
            None for which of a run's models it is.
        training: The fields of `TrainingOptions` that differ by default.
    """

    class_path: str
    reads: str
    options: tuple[str, ...] = ("layers", "target")
    recipe: str | None = None
    title: str | None = None
    training: Mapping[str, Any] = field(factory=dict)


_WINDOW = ("channels", "kernel_size", "stride", "layers", "target")
_VAE = ("layers", "target", "hidden", "latent", "quantum_part")
_IMAGES = {"epochs": 375, "batch_size": 32}
_TABLES = {"epochs": 200, "batch_size": 32}
_FIELDS = {"epochs": 40, "batch_size": 16, "learning_rate": 0.02}
_VALUES = {"epochs": 60, "batch_size": 1024}
_BORN = {"epochs": 100, "batch_size": 128, "learning_rate": 0.3}
_RBM = {"epochs": 300, "batch_size": 128, "learning_rate": 0.02}
_BITS = {"epochs": 100, "batch_size": 64, "learning_rate": 0.005}
_DENSITY = {"epochs": 60, "batch_size": 32}
_BOUND = {"epochs": 60, "batch_size": 64, "learning_rate": 0.02}
_DESCENT = {"epochs": 60, "learning_rate": 0.1, "precision": "64-true"}
_PATH = {"epochs": 12, "patience": 3, "precision": "64-true"}

MODELS: Mapping[str, ModelEntry] = MappingProxyType(
    {
        "quanvolution": ModelEntry(
            "qml_qdl.models.QuanvolutionClassifier", "images", _WINDOW
        ),
        "dressed": ModelEntry("qml_qdl.models.DressedClassifier", "tables"),
        "qcnn": ModelEntry("qml_qdl.models.QCNNClassifier", "any", ("target",)),
        "equivariant": ModelEntry(
            "qml_qdl.models.EquivariantClassifier", "images", _WINDOW
        ),
        "mesh": ModelEntry(
            "qml_qdl.geometry.MeshSegmenter",
            "tables",
            ("layers", "hidden", "target"),
            training=_FIELDS,
        ),
        "steerable": ModelEntry(
            "qml_qdl.geometry.SteerableClassifier",
            "images",
            ("channels", "kernel_size", "layers", "hidden"),
            title="steerable network",
        ),
        "rings": ModelEntry(
            "qml_qdl.geometry.RingClassifier",
            "images",
            ("layers", "circuits", "target"),
            training={"epochs": 60, "batch_size": 50, "learning_rate": 0.02},
        ),
        "sphere": ModelEntry(
            "qml_qdl.geometry.SphereClassifier",
            "images",
            ("lmax", "circuits", "layers", "encoding", "grid", "target"),
            training={"learning_rate": 0.03},
        ),
        "patch_gan": ModelEntry(
            "qml_qdl.models.PatchGenerator",
            "images",
            recipe="adversarial",
            title="patch generator",
            training=_IMAGES,
        ),
        "conv_gan": ModelEntry(
            "qml_qdl.models.ConvGenerator",
            "images",
            recipe="adversarial",
            title="convolutional generator",
            training=_IMAGES,
        ),
        "style_gan": ModelEntry(
            "qml_qdl.models.StyleGenerator",
            "tables",
            recipe="adversarial",
            title="style generator",
            training=_TABLES,
        ),
        "distribution_gan": ModelEntry(
            "qml_qdl.models.DistributionGenerator",
            "whole numbers",
            recipe="adversarial_distribution",
            title="distribution generator",
            training=_VALUES,
        ),
        "born_machine": ModelEntry(
            "qml_qdl.models.BornMachine",
            "bits",
            recipe="likelihood",
            title="Born machine",
            training=_BORN,
        ),
        "rbm": ModelEntry(
            "qml_qdl.models.RBM",
            "bits",
            ("hidden",),
            recipe="contrastive_divergence",
            title="RBM",
            training=_RBM,
        ),
        "vae": ModelEntry(
            "qml_qdl.models.QuantumVAE",
            "any",
            _VAE,
            recipe="evidence_lower_bound",
            title="VAE, quantum {quantum_part}",
            training=_BOUND,
        ),
        "autoregressive": ModelEntry(
            "qml_qdl.models.AutoregressiveNetwork",
            "bits",
            ("layers", "width"),
            recipe="likelihood",
            title="autoregressive network",
            training=_BITS,
        ),
        "flow": ModelEntry(
            "qml_qdl.models.NormalizingFlow",
            "tables",
            ("layers", "hidden", "transform"),
            recipe="density",
            title="normalising flow",
            training=_DENSITY,
        ),
        "nqs": ModelEntry(
            "qml_qdl.manybody.neural_state",
            "Hamiltonians",
            ("state", "alpha", "layers", "width", "symmetry", "amplitudes"),
            recipe="ground_state",
            title="{state}",
            training=_DESCENT,
        ),
        "nqst": ModelEntry(
            "qml_qdl.tomography.neural_density",
            "measurements",
            (
                *("state", "alpha", "layers", "width", "symmetry", "amplitudes"),
                *("ancillas", "noise", "spin_flip", "periodic"),
            ),
            recipe="reconstruction",
            title="{state}",
            training=_PATH,
        ),
    }
)
"""Models by name."""

AUTO: Mapping[str, str] = MappingProxyType(
    {"images": "quanvolution", "tables": "dressed"}
)
"""What "auto" stands for, as the data are."""

HAMILTONIANS = (
    "heisenberg",
    "xxz",
    "transverse_ising",
    "j1_j2",
    "cluster_ising",
    "annni",
)
"""The Hamiltonians that are named as data; see `qml_qdl.manybody`."""

MOLECULES = ("H2", "HeH+", "H3+", "H4", "LiH", "HF", "BeH2", "H2O")
"""The molecules that have names; see `qml_qdl.vqe`."""

RECIPES: Mapping[str, str] = MappingProxyType(
    {
        "classification": "qml_qdl.training.Classification",
        "regression": "qml_qdl.training.Regression",
        "segmentation": "qml_qdl.training.Segmentation",
        "adversarial": "qml_qdl.training.Adversarial",
        "adversarial_distribution": "qml_qdl.training.AdversarialDistribution",
        "likelihood": "qml_qdl.training.Likelihood",
        "density": "qml_qdl.training.DensityEstimation",
        "contrastive_divergence": "qml_qdl.training.ContrastiveDivergence",
        "evidence_lower_bound": "qml_qdl.training.EvidenceLowerBound",
        "ground_state": "qml_qdl.training.GroundState",
        "reconstruction": "qml_qdl.training.StateReconstruction",
    }
)
"""How models learn, by name: import paths of the recipes."""


def candidates(model: str) -> tuple[str, ...]:
    """The names that a name may stand for.

    Args:
        model: A name of `MODELS`, "auto", or an import path.

    Returns:
        Names of `MODELS`; none for an import path.

    Example:
        >>> candidates("auto")
        ('quanvolution', 'dressed')
    """
    if model == "auto":
        return tuple(AUTO.values())
    return (model,) if model in MODELS else ()


def option_names() -> tuple[str, ...]:
    """Every option of any model, in the order of the table."""
    return tuple(
        dict.fromkeys(name for model in MODELS.values() for name in model.options)
    )


def heeded(model: str) -> tuple[str, ...]:
    """The options that a model has on the command line.

    Args:
        model: A name of `MODELS`, or "auto".

    Example:
        >>> heeded("dressed")
        ('layers', 'target')
    """
    found = (MODELS[name].options for name in candidates(model))
    return tuple(dict.fromkeys(name for options in found for name in options))

"""The options of `qml-qdl train`, in the panels that its help shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def _option(panel: str, text: str, **settings: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **settings)


Data = Annotated[
    str,
    _option(
        "Data",
        "digits, iris, wine, breast_cancer, two_moons, bars_and_stripes or log_normal "
        "(nothing is downloaded); mnist or fashion_mnist (downloaded once from "
        "openml.org); or the path of an .npz file with arrays x and y, or of "
        "a CSV file.",
    ),
]
Label = Annotated[
    list[str] | None,
    _option(
        "Data",
        "Keep rows of this class only, by name; give it again for more classes. A "
        "generative model may learn a single one.",
        show_default="all classes",
    ),
]
LabelColumn = Annotated[
    str | None,
    _option(
        "Data",
        "Column of labels in a CSV file.",
        show_default="label or target, else the last",
    ),
]
DataHome = Annotated[
    Path | None,
    _option(
        "Data",
        "Folder of downloaded data.",
        show_default="scikit-learn's, ~/scikit_learn_data",
    ),
]
Limit = Annotated[
    int | None,
    _option(
        "Data",
        "Train on this many rows only, each class keeping its share.",
        min=1,
        show_default="all rows",
    ),
]
TestFraction = Annotated[
    float,
    _option("Data", "Share of all rows kept for the test, between 0 and 1."),
]
ValidationFraction = Annotated[
    float,
    _option("Data", "Share of the other rows for validation, between 0 and 1."),
]
SplitSeed = Annotated[
    int,
    _option("Data", "Fixes which row goes where; the same for all seeds.", min=0),
]
Model = Annotated[
    Literal[
        "auto",
        "quanvolution",
        "dressed",
        "qcnn",
        "equivariant",
        "patch_gan",
        "conv_gan",
        "style_gan",
        "distribution_gan",
        "born_machine",
        "rbm",
        "vae",
    ],
    _option(
        "Model",
        "Classifiers: quanvolution and equivariant read images, dressed reads tables, "
        "qcnn both; auto is quanvolution or dressed, as the data are. Generative "
        "models: patch_gan, conv_gan of images; style_gan of tables; distribution_gan "
        "of whole numbers; born_machine, rbm of bits (images are cut at 0.5); vae of "
        "images or tables.",
    ),
]
Channels = Annotated[
    int, _option("Model", "Feature maps of quanvolution and equivariant.", min=1)
]
KernelSize = Annotated[
    int, _option("Model", "Side of their square window, in pixels.", min=1)
]
Stride = Annotated[int, _option("Model", "Step of their window, in pixels.", min=1)]
Layers = Annotated[
    int | None,
    _option("Model", "Layers of the circuit.", min=1, show_default="the model's own"),
]
Target = Annotated[
    str | None,
    _option(
        "Model",
        "Where circuits run during training: auto, or a PennyLane device such as "
        "default.qubit or lightning.qubit.",
        show_default="auto",
    ),
]
Hidden = Annotated[
    int | None,
    _option(
        "Model",
        "Hidden units of rbm and vae.",
        min=1,
        show_default="the model's own",
    ),
]
Latent = Annotated[
    int | None, _option("Model", "Latent variables of vae.", min=1, show_default="5")
]
QuantumPart = Annotated[
    Literal["latent", "encoder", "decoder"] | None,
    _option("Model", "Where the circuit of vae is.", show_default="decoder"),
]
Epochs = Annotated[
    int | None,
    _option(
        "Training",
        "Passes over the training rows at most.",
        min=1,
        show_default="20; 375 for patch_gan and conv_gan, 300 for rbm, 200 for "
        "style_gan, 100 for born_machine, 60 for distribution_gan and vae",
    ),
]
BatchSize = Annotated[
    int | None,
    _option(
        "Training",
        "Rows per step.",
        min=1,
        show_default="64; 32 for patch_gan, conv_gan and style_gan, 128 for "
        "born_machine and rbm, 1024 for distribution_gan",
    ),
]
LearningRate = Annotated[
    float | None,
    _option(
        "Training",
        "Step size of the optimiser, above 0; of a game, the generator's.",
        show_default="0.01; 0.3 for born_machine, 0.02 for rbm and vae",
    ),
]
Optimizer = Annotated[
    Literal["adam", "sgd"] | None,
    _option("Training", "The optimiser; sgd has momentum 0.9.", show_default="adam"),
]
Patience = Annotated[
    int | None,
    _option(
        "Training",
        "Stop after this many epochs without a lower validation loss; of a generative "
        "model, whatever its best epoch is chosen by.",
        min=1,
        show_default="never stop early",
    ),
]
Accelerator = Annotated[
    Literal["auto", "cpu", "gpu"],
    _option("Training", "Where torch computes; auto takes a GPU if there is one."),
]
CheckpointEvery = Annotated[
    int | None,
    _option(
        "Training",
        "Keep a checkpoint every so many steps too.",
        min=1,
        show_default="once per epoch",
    ),
]
Seeds = Annotated[
    int, _option("Run", "How many trainings, each with a seed of its own.", min=1)
]
Seed = Annotated[int, _option("Run", "The first seed; others follow it.", min=0)]
NoTwin = Annotated[
    bool,
    typer.Option(
        "--no-twin",
        help="Leave out the twin, and the plain VAE beside it.",
        rich_help_panel="Run",
    ),
]
Name = Annotated[
    str | None,
    _option("Run", "Name of the run's folder.", show_default="data and time"),
]
RunsDir = Annotated[Path, _option("Run", "Folder of all runs.")]
Resume = Annotated[
    str | None,
    _option(
        "Run",
        "Continue an interrupted run, given by name or folder, exactly where its last "
        "checkpoint left it. Its own options hold; no others may be given.",
        metavar="RUN",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="Print the report only, without progress.",
        rich_help_panel="Run",
    ),
]

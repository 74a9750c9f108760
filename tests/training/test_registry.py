"""One table of models: what it says is what classes, recipes and options say."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import attrs
import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.cli.train_options import arguments_of
from qml_qdl.data import Dataset
from qml_qdl.manybody import Problem, StochasticReconfiguration, problems
from qml_qdl.tomography import DensityMatrix, Experiment
from qml_qdl.training import (
    MODELS,
    RECIPES,
    DataOptions,
    GroundState,
    Recipe,
    RunOptions,
    Spec,
    Task,
    TrainingOptions,
    begin,
    default_training,
)
from qml_qdl.training.registry import HAMILTONIANS, MOLECULES, option_names
from qml_qdl.training.specs import import_object
from qml_qdl.vqe import molecules

WINDOW = ["channels", "kernel_size", "stride", "layers", "target"]
TABLE: dict[str, dict[str, Any]] = {
    "quanvolution": {"reads": "images", "options": WINDOW},
    "dressed": {"reads": "tables", "options": ["layers", "target"]},
    "qcnn": {"reads": "any", "options": ["target"]},
    "equivariant": {"reads": "images", "options": WINDOW},
    "mesh": {
        "reads": "tables",
        "options": ["layers", "hidden", "target"],
        "training": {"epochs": 40, "batch_size": 16, "learning_rate": 0.02},
        "refuses": [],
    },
    "steerable": {
        "reads": "images",
        "options": ["channels", "kernel_size", "layers", "hidden"],
        "refuses": [],
        "kinds": ("classical",),
    },
    "rings": {
        "reads": "images",
        "options": ["layers", "circuits", "target"],
        "training": {"epochs": 60, "batch_size": 50, "learning_rate": 0.02},
    },
    "sphere": {
        "reads": "images",
        "options": ["lmax", "circuits", "layers", "encoding", "grid", "target"],
        "training": {"learning_rate": 0.03},
    },
    "patch_gan": {
        "reads": "images",
        "options": ["layers", "target"],
        "training": {"epochs": 375, "batch_size": 32},
    },
    "conv_gan": {
        "reads": "images",
        "options": ["layers", "target"],
        "training": {"epochs": 375, "batch_size": 32},
    },
    "style_gan": {
        "reads": "tables",
        "options": ["layers", "target"],
        "training": {"epochs": 200, "batch_size": 32},
    },
    "distribution_gan": {
        "reads": "whole numbers",
        "options": ["layers", "target"],
        "training": {"epochs": 60, "batch_size": 1024},
    },
    "born_machine": {
        "reads": "bits",
        "options": ["layers", "target"],
        "training": {"epochs": 100, "batch_size": 128, "learning_rate": 0.3},
    },
    "rbm": {
        "reads": "bits",
        "options": ["hidden"],
        "training": {"epochs": 300, "batch_size": 128, "learning_rate": 0.02},
        "refuses": [],
        "kinds": ("classical",),
    },
    "vae": {
        "reads": "any",
        "options": ["layers", "target", "hidden", "latent", "quantum_part"],
        "training": {"epochs": 60, "batch_size": 64, "learning_rate": 0.02},
        "kinds": ("quantum", "twin", "plain"),
    },
    "autoregressive": {
        "reads": "bits",
        "options": ["layers", "width"],
        "training": {"epochs": 100, "batch_size": 64, "learning_rate": 0.005},
        "kinds": ("classical",),
    },
    "flow": {
        "reads": "tables",
        "options": ["layers", "hidden", "transform"],
        "training": {"epochs": 60, "batch_size": 32},
        "refuses": [],
        "kinds": ("classical",),
    },
    "nqs": {
        "reads": "Hamiltonians",
        "options": ["state", "alpha", "layers", "width", "symmetry", "amplitudes"],
        "training": {"epochs": 60, "learning_rate": 0.1, "precision": "64-true"},
        "kinds": ("classical", "jastrow"),
    },
    "nqst": {
        "reads": "measurements",
        "options": [
            *("state", "alpha", "layers", "width", "symmetry", "amplitudes"),
            *("ancillas", "noise", "spin_flip", "periodic"),
        ],
        "training": {"epochs": 12, "patience": 3, "precision": "64-true"},
        "kinds": ("classical", "positive"),
    },
}
"""The table of version 0.1, whose runs and command lines go on working."""
DATA: dict[str, Any] = {
    "images": Dataset(np.full((60, 1, 8, 8), 0.5), np.arange(60) % 2, "ab"),
    "tables": Dataset(np.arange(120.0).reshape(60, 2), np.arange(60) % 2, "ab"),
    "whole numbers": Dataset(np.arange(60)[:, None] % 4, np.arange(60) % 2, "ab"),
    "bits": Dataset(np.arange(180).reshape(60, 3) % 2, np.arange(60) % 2, "ab"),
}
DATA["any"] = DATA["images"]
DATA["mesh"] = Dataset(np.zeros((60, 24)), np.tile([0, 1], (60, 6)), "ab")
DATA["Hamiltonians"] = Problem.named("heisenberg", size=4)
DATA["measurements"] = Experiment(
    DensityMatrix([1, 0, 0, 1]).sample(["XY", "ZZ"], 8, seed=0)
)


@pytest.mark.parametrize("name", MODELS)
def test_the_table_of_models_comes_out_as_it_was(name: str) -> None:
    wanted = {"training": {}, "kinds": ("quantum", "twin"), **TABLE[name]}
    model = MODELS[name]
    assert model.reads == wanted["reads"]
    assert list(model.options) == wanted["options"]
    assert dict(model.training) == wanted["training"]
    task = Task.of(RunOptions(model=Spec(name)), DATA.get(name, DATA[model.reads]))
    maker: Any = getattr(task.model_class, "from_data", task.model_class)
    # Names, defaults and help come from the signature and the docstring.
    signature, help_texts = inspect.signature(maker).parameters, arguments_of(maker)
    for option in model.options:
        assert signature[option].default is not inspect.Parameter.empty
        assert help_texts[option].endswith(".") or "None" in help_texts[option]
    classifiers = ("quanvolution", "dressed", "qcnn", "equivariant", "rings", "sphere")
    generates = name not in classifiers
    refuses = wanted.get("refuses", ["optimizer"] if generates else [])
    assert [each for each in ["optimizer"] if each in task.recipe.unheeded] == refuses
    assert task.kinds(task.build("quantum", 0)) == wanted["kinds"]


def test_every_name_is_in_the_table() -> None:
    assert list(MODELS) == list(TABLE)
    assert option_names() == (
        *(*WINDOW, "hidden", "circuits", "lmax", "encoding", "grid"),
        *("latent", "quantum_part"),
        *("width", "transform", "state", "alpha", "symmetry", "amplitudes"),
        *("ancillas", "noise", "spin_flip", "periodic"),
    )
    for path in RECIPES.values():
        assert issubclass(import_object("recipe", path), Recipe)
    training = {each.name for each in attrs.fields(TrainingOptions)}
    for model in MODELS.values():
        assert set(model.training) <= training
        assert model.recipe is None or model.recipe in RECIPES


def test_what_the_registry_says_of_ground_states_is_what_their_room_says() -> None:
    """It is read without that room, which needs torch."""
    assert tuple(problems.HAMILTONIANS) == HAMILTONIANS
    assert molecules.MOLECULES == MOLECULES
    descent = inspect.signature(StochasticReconfiguration).parameters
    recipe = inspect.signature(GroundState).parameters
    training = MODELS["nqs"].training
    assert training["learning_rate"] == descent["learning_rate"].default
    steps = training["epochs"] * recipe["steps"].default
    assert steps == descent["steps"].default


def test_the_registry_is_read_without_torch() -> None:
    code = (
        "import sys; from qml_qdl.training.registry import MODELS; len(MODELS);"
        "import qml_qdl.training.options;"
        "print(sorted({'torch', 'pennylane', 'lightning'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_run_takes_the_training_that_suits_its_model() -> None:
    options = RunOptions(model=Spec("patch_gan"))
    assert options.training == default_training("patch_gan")
    assert options.training.batch_size == 32
    assert RunOptions().training == TrainingOptions()
    with pytest.raises(ArgumentError, match="model: expected one of 'auto'"):
        RunOptions(model=Spec("cnn"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            RunOptions(model=Spec("patch_gan", channels=3)),
            "channels: 'patch_gan' has no such option, got 3; leave it out, or use",
        ),
        (
            RunOptions(model=Spec("dressed", stride=2)),
            "stride: 'dressed' has no such option",
        ),
        (RunOptions(model=Spec("auto", hidden=3)), "hidden: 'auto' has no such option"),
        (
            RunOptions(
                model=Spec("vae"),
                training=TrainingOptions(optimizer="sgd"),
            ),
            "optimizer: 'vae' has no such option, got 'sgd'; leave it out",
        ),
        (
            RunOptions(data=DataOptions(labels=("0",))),
            r"labels: 'quanvolution' tells classes apart and .*, got \['0'\]",
        ),
        (
            RunOptions(model=Spec("style_gan")),
            "'style_gan' reads tables, got 'digits' .* use other data or another model",
        ),
        (
            RunOptions(
                data=DataOptions(source="iris"),
                model=Spec("distribution_gan"),
            ),
            "reads a table of one column of whole numbers",
        ),
        (
            RunOptions(data=DataOptions(source="iris"), model=Spec("rbm")),
            "'rbm' reads bits, got .* in the table 'iris'; make zeros and ones of it",
        ),
        (
            RunOptions(model=Spec("born_machine")),
            "up to 12, got 64; use smaller images, rbm or autoregressive",
        ),
        (
            RunOptions(data=DataOptions(source="iris"), model=Spec("autoregressive")),
            "'autoregressive' reads bits, got .* in the table 'iris'; make zeros and",
        ),
        (
            RunOptions(model=Spec("autoregressive", width=0)),
            "width: expected at least 1, got 0",
        ),
        (
            RunOptions(model=Spec("flow")),
            "'flow' reads tables, got 'digits' .* use other data or another model",
        ),
        (
            RunOptions(
                data=DataOptions(source="iris"), model=Spec("flow", transform="cubic")
            ),
            "transform: expected .*'spline'.* got 'cubic'",
        ),
        (
            RunOptions(data=DataOptions(source="iris"), recipe=Spec("density")),
            r"DensityEstimation trains models with sample\(rows, generator=…\), got",
        ),
        (
            RunOptions(model=Spec("rbm", hidden=17)),
            "hidden: the likelihood is exact up to 16 units on one side, got 64 bits",
        ),
    ],
)
def test_what_does_not_apply_is_refused_before_a_folder_is_made(
    options: RunOptions, message: str, tmp_path: Any
) -> None:
    with pytest.raises((ArgumentError, DataError), match=message):
        begin(options, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()

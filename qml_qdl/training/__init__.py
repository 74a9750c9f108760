"""Training: fit a model, compare it with its twin and baselines, run it elsewhere.

One's own script needs a few lines:

    from qml_qdl.data import load, split
    from qml_qdl.models import QuanvolutionClassifier
    from qml_qdl.training import TrainingOptions, accuracy, fit, predict

    parts = split(load("digits"), seed=0)
    model = QuanvolutionClassifier((1, 8, 8), num_classes=10)
    result = fit(model, parts, TrainingOptions(epochs=10), seed=0, progress=True)
    print(f"{result.test_accuracy:.1%} after {result.seconds:.0f} s")
    print(accuracy(predict(model, parts.validation), parts.validation))

`train` does the whole comparison that `qml-qdl train` does, for any recipe; `sample`
generates samples, as `qml-qdl sample` does. What a name stands for loads when it is
first used, so that the registry and the options can be read without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.training.baselines import Baseline
    from qml_qdl.training.building import Task
    from qml_qdl.training.costs import Estimate, estimate
    from qml_qdl.training.evaluation import Evaluation, evaluate
    from qml_qdl.training.experiment import begin, carry_on, train
    from qml_qdl.training.fitting import Fit, accuracy, fit, predict
    from qml_qdl.training.options import (
        DataOptions,
        RunOptions,
        TrainingOptions,
        default_training,
    )
    from qml_qdl.training.prediction import Predictions, predict_rows
    from qml_qdl.training.recipes.adversarial import (
        Adversarial,
        AdversarialDistribution,
    )
    from qml_qdl.training.recipes.generative import Generative
    from qml_qdl.training.recipes.ground_state import GroundState
    from qml_qdl.training.recipes.likelihood import (
        ContrastiveDivergence,
        DensityEstimation,
        EvidenceLowerBound,
        Likelihood,
    )
    from qml_qdl.training.recipes.recipe import Recipe, count_parameters
    from qml_qdl.training.recipes.reconstruction import StateReconstruction
    from qml_qdl.training.recipes.segmentation import Segmentation
    from qml_qdl.training.recipes.supervised import (
        Classification,
        Regression,
        Supervised,
    )
    from qml_qdl.training.registry import MODELS, RECIPES
    from qml_qdl.training.report import Line, Report
    from qml_qdl.training.run import Run
    from qml_qdl.training.sampling import Sampled, sample
    from qml_qdl.training.specs import Spec
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "MODELS",
    "RECIPES",
    "Adversarial",
    "AdversarialDistribution",
    "Baseline",
    "Classification",
    "ContrastiveDivergence",
    "DataOptions",
    "DensityEstimation",
    "Estimate",
    "Evaluation",
    "EvidenceLowerBound",
    "Fit",
    "Generative",
    "GroundState",
    "Likelihood",
    "Line",
    "Predictions",
    "Recipe",
    "Regression",
    "Report",
    "Run",
    "RunOptions",
    "Sampled",
    "Segmentation",
    "Spec",
    "StateReconstruction",
    "Supervised",
    "Task",
    "TrainingOptions",
    "accuracy",
    "begin",
    "carry_on",
    "count_parameters",
    "default_training",
    "estimate",
    "evaluate",
    "fit",
    "predict",
    "predict_rows",
    "sample",
    "train",
]

"""Training: fit a model, compare it with its twin and rivals, run it elsewhere.

One's own script needs a few lines:

    from qml_qdl.data import load, split
    from qml_qdl.models import QuanvolutionClassifier
    from qml_qdl.training import TrainingOptions, accuracy, fit, predict

    parts = split(load("digits"), seed=0)
    model = QuanvolutionClassifier((1, 8, 8), num_classes=10)
    result = fit(model, parts, TrainingOptions(epochs=10), seed=0, progress=True)
    print(f"{result.test_accuracy:.1%} after {result.seconds:.0f} s")
    print(accuracy(predict(model, parts.validation), parts.validation))

`train` does the whole comparison that `qml-qdl train` does, for models that classify
and for models that draw samples; `sample` draws them, as `qml-qdl sample` does.
"""

from qml_qdl.training.costs import Estimate, estimate
from qml_qdl.training.evaluation import Evaluation, evaluate
from qml_qdl.training.experiment import begin, carry_on, train
from qml_qdl.training.fitting import Fit, accuracy, count_parameters, fit, predict
from qml_qdl.training.generation.fitting import GenerativeFit
from qml_qdl.training.generation.report import GenerativeReport
from qml_qdl.training.generation.sampling import Drawn, sample
from qml_qdl.training.options import (
    DataOptions,
    ModelOptions,
    RunOptions,
    TrainingOptions,
    default_training,
)
from qml_qdl.training.report import Report
from qml_qdl.training.rivals import Rival, fit_rivals
from qml_qdl.training.run import Run

__all__ = [
    "DataOptions",
    "Drawn",
    "Estimate",
    "Evaluation",
    "Fit",
    "GenerativeFit",
    "GenerativeReport",
    "ModelOptions",
    "Report",
    "Rival",
    "Run",
    "RunOptions",
    "TrainingOptions",
    "accuracy",
    "begin",
    "carry_on",
    "count_parameters",
    "default_training",
    "estimate",
    "evaluate",
    "fit",
    "fit_rivals",
    "predict",
    "sample",
    "train",
]

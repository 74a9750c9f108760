"""Training: fit a model, compare it with its twin and rivals, run it elsewhere."""

from qml_qdl.training.evaluation import Evaluation, evaluate
from qml_qdl.training.experiment import begin, carry_on, train
from qml_qdl.training.fitting import Fit, accuracy, count_parameters, fit, predict
from qml_qdl.training.options import (
    DataOptions,
    ModelOptions,
    RunOptions,
    TrainingOptions,
)
from qml_qdl.training.report import Report
from qml_qdl.training.rivals import Rival, fit_rivals
from qml_qdl.training.run import Run

__all__ = [
    "DataOptions",
    "Evaluation",
    "Fit",
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
    "evaluate",
    "fit",
    "fit_rivals",
    "predict",
    "train",
]

"""Training: fit a model, compare it with its twin and rivals, run it elsewhere."""

from qml_qdl.training.fitting import Fit, fit, predict
from qml_qdl.training.options import (
    DataOptions,
    ModelOptions,
    RunOptions,
    TrainingOptions,
)

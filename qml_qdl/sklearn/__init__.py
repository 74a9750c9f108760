"""Estimators for scikit-learn, made of circuits, kernels and models."""

from qml_qdl.sklearn.base import UnfittedError
from qml_qdl.sklearn.kernel_machines import (
    QuantumGaussianProcessClassifier,
    QuantumGaussianProcessRegressor,
    QuantumKernelRidge,
    QuantumSVC,
)
from qml_qdl.sklearn.loading import load_estimator
from qml_qdl.sklearn.supervised import QuantumClassifier, QuantumRegressor

QuantumGaussianProcess = QuantumGaussianProcessRegressor

__all__ = [
    "QuantumClassifier",
    "QuantumGaussianProcess",
    "QuantumGaussianProcessClassifier",
    "QuantumGaussianProcessRegressor",
    "QuantumKernelRidge",
    "QuantumRegressor",
    "QuantumSVC",
    "UnfittedError",
    "load_estimator",
]

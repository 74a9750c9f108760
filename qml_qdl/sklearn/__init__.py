"""Estimators for scikit-learn, made of circuits, kernels and models."""

from qml_qdl.sklearn.base import UnfittedError
from qml_qdl.sklearn.density import QuantumDensity
from qml_qdl.sklearn.kernel_machines import (
    QuantumGaussianProcessClassifier,
    QuantumGaussianProcessRegressor,
    QuantumKernelRidge,
    QuantumSVC,
)
from qml_qdl.sklearn.loading import load_estimator
from qml_qdl.sklearn.supervised import QuantumClassifier, QuantumRegressor
from qml_qdl.sklearn.transformer import QuantumTransformer

QuantumGaussianProcess = QuantumGaussianProcessRegressor
"""A shorter name of `QuantumGaussianProcessRegressor`."""

__all__ = [
    "QuantumClassifier",
    "QuantumDensity",
    "QuantumGaussianProcess",
    "QuantumGaussianProcessClassifier",
    "QuantumGaussianProcessRegressor",
    "QuantumKernelRidge",
    "QuantumRegressor",
    "QuantumSVC",
    "QuantumTransformer",
    "UnfittedError",
    "load_estimator",
]

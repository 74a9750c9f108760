"""Estimators for scikit-learn, made of circuits, kernels and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.sklearn.base import UnfittedError
    from qml_qdl.sklearn.density import QuantumDensity
    from qml_qdl.sklearn.kernel_machines import (
        QuantumGaussianProcess,
        QuantumGaussianProcessClassifier,
        QuantumGaussianProcessRegressor,
        QuantumKernelRidge,
        QuantumSVC,
    )
    from qml_qdl.sklearn.loading import load_estimator
    from qml_qdl.sklearn.supervised import QuantumClassifier, QuantumRegressor
    from qml_qdl.sklearn.transformer import QuantumTransformer
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)

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

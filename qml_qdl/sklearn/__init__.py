"""Estimators for scikit-learn, made of circuits, kernels and models."""

from qml_qdl.sklearn.base import UnfittedError
from qml_qdl.sklearn.loading import load_estimator
from qml_qdl.sklearn.supervised import QuantumClassifier, QuantumRegressor

__all__ = ["QuantumClassifier", "QuantumRegressor", "UnfittedError", "load_estimator"]

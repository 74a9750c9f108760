"""Estimators for scikit-learn, made of circuits, kernels and models."""

__all__: list[str] = []

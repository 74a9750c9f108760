"""Quantum kernels: Gram matrices from circuits, and what is learnt with them."""

__all__: list[str] = []

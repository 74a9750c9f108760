"""Processings W(θ): gates whose angles are trained."""

"""Qiskit backends, from Aer to an IBM machine: one job per step, never paid twice."""

"""Dynamics: neural states that evolve in real and in imaginary time."""

"""Aer: exact states and probabilities, noise, and shots of many rows."""

"""Symmetry: finite groups on wires, and circuits that respect them."""

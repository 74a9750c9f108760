"""PennyLane's gates and Qiskit's: structures as parametrised circuits, and back."""

"""What runs pubs here: Aer, and any other of Qiskit's backends."""

"""The simulator: a batch of circuits of one structure, all rows at once, on torch."""

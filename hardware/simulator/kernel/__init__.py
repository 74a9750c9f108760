"""The native kernel: compiled programs and their gradients, in one call each."""

"""Evolution of states by torch: steps, one after the other, and back."""

"""What each gate does to amplitudes, and what it consists of."""

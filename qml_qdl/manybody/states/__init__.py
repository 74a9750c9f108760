"""Neural quantum states: torch modules that give logarithms of amplitudes."""

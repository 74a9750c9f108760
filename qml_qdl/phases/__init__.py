"""Phases of matter: recognised by order parameters and learnt from measurements."""

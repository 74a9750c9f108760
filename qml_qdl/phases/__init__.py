"""Phases of matter: recognised by order parameters and learnt from measurements."""

__all__: list[str] = []

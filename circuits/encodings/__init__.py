"""Encodings S(x): gates whose angles come from the data."""

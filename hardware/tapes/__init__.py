"""Tapes as pubs, what comes back as results, and gradients by shifted rows."""

"""What some kinds of figures need beside scores, histories and estimates."""

NEED_WEIGHTS = frozenset({"filters", "latents"})
"""Kinds that look into trained models."""

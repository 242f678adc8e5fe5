"""Separation models, one family a file, found by name in the registry."""

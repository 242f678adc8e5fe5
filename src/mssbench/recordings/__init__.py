"""Separation of recordings that belong to no data set: one's own music."""

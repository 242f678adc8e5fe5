"""Figures of a study, each drawn from data alone, with the same bytes for the same data."""

"""A data set of invented songs in MUSDB18's layout, computed from a seed."""

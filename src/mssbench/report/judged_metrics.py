"""Metrics that say of each segment whether a system is right, and the name of their test."""

MCNEMAR = "mcnemar"

RIGHT_FROM = {"HTMD-Net VAD": 100.0}
"""Such a metric -> the value (%) from which a segment is right: all of its frames have the label of
the source. Score tables hold the share of such frames, not which these are, so two systems can be
paired by segments, not by frames."""

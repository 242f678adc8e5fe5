"""Music source separation experiments, from data set to paper table."""

__version__ = "0.1.0"

"""Data sets, songs, renditions and training crops."""

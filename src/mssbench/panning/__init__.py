"""Stereo mixtures whose sources stand at known places, for methods that separate by place."""

"""Sources of which no two share a frame of a spectrogram."""

import numpy as np


def in_turn(images, pause=2048):
    """Return sources one after the other, with pauses (samples): ``(sources, channels, ...)``."""
    count, channels, samples = images.shape
    length = samples + 2 * pause
    result = np.zeros((count, channels, count * length))
    for number, image in enumerate(images):
        begin = number * length + pause
        result[number, :, begin : begin + samples] = image
    return result

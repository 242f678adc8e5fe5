"""Songs as ``.stem.mp4``, encoded by ffmpeg for the tests."""

import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from mssbench.data.songs import Song

RATE = 44100

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def loud_stems(samples, channels=2, seed=0):
    """Five different sines of peak 1.5 with a little noise: (5, channels, samples)."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    pitch = 220.0 * np.arange(1, 1 + 5 * channels).reshape(5, channels, 1)
    stems = 1.5 * np.sin(2 * np.pi * pitch * time) + 1e-3 * rng.standard_normal(pitch.shape)
    return stems.astype(np.float32)


def write_stem_mp4(file, stems, *options):
    """Encode ``stems``, a list of (channels, samples), as AAC streams of one file."""
    inputs, maps = [], []
    for number, audio in enumerate(stems):
        wav = file.with_name(f"{file.stem}-{number}.wav")
        soundfile.write(wav, audio.T, RATE, subtype="FLOAT")
        inputs += ["-i", wav]
        maps += ["-map", f"{number}:a"]
    coding = ["-c:a", "aac", "-b:a", "96k", *options, file]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *maps, *coding], check=True)
    return Song(file.name.removesuffix(".stem.mp4"), "train", file)

import numpy as np
import pytest
import torch

from mssbench.data.loudness import BLOCK, deviation
from mssbench.data.rendition import Rendition
from mssbench.data.songs import STEMS
from mssbench.models.registry import build
from mssbench.separation import SeparationConfig, separate_song
from mssbench.training.crops import RandomCrops
from mssbench.training.levels import Levels


def noise(channels, samples, seed=0):
    return np.random.default_rng(seed).standard_normal((channels, samples)).astype(np.float32)


@pytest.mark.parametrize("samples", [1000, BLOCK + 17])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_level_is_the_deviation_of_the_mean_channel(channels, samples):
    audio = 0.3 * noise(channels, samples) + 0.1
    found = deviation(lambda start, stop: audio[:, start:stop], samples)
    assert found == pytest.approx(audio.mean(axis=0).std(), rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_constant_song_is_left_as_it_is(value):
    audio = np.full((1, 5000), value, np.float32)
    assert deviation(lambda start, stop: audio[:, start:stop], 5000) == 1


def test_each_crop_is_divided_by_its_own_songs_level(tiny_rendition):
    rendition = Rendition.open(tiny_rendition)
    songs = [song for song in rendition.songs if song.subset == "train"]
    crops = RandomCrops(rendition, songs, 800, 6, steps_per_epoch=4, seed=3)
    levels = [rendition.audio(song)[0].mean(axis=0).std() for song in songs]
    numbers, _ = crops.places(2)
    for found, plain, song in zip(
        Levels(crops).normalised(crops.batch(2), 2), crops.batch(2), numbers, strict=True
    ):
        torch.testing.assert_close(found, plain / float(levels[song]), rtol=1e-4, atol=1e-6)


def test_what_a_normalised_model_says_does_not_depend_on_the_recordings_level():
    torch.manual_seed(0)
    model = build("wave_u_net", {"levels": 3, "filters": 2, "output": "single"})
    stems = np.stack([noise(1, 2000, seed) for seed in range(5)])
    config = SeparationConfig(512, 0.0)

    def vocals(gain, normalise):
        blocks = separate_song(model, gain * stems, STEMS, config, normalise=normalise)
        return np.concatenate([block["vocals"] for block in blocks], axis=1)

    np.testing.assert_allclose(vocals(0.01, True), 0.01 * vocals(1, True), atol=1e-7)
    assert not np.allclose(vocals(0.01, False), 0.01 * vocals(1, False), atol=1e-4)

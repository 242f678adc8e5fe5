import argparse
import json

import numpy as np
import pytest
import soundfile
import torch

from mssbench.commands import prepare as prepare_command
from mssbench.commands.separate import check_rendition
from mssbench.data.changes import dataset_digest
from mssbench.data.rendition import Rendition, prepare
from mssbench.data.songs import STEMS, Dataset, find_songs
from mssbench.errors import UserError
from mssbench.training.config import RandomCropsConfig, TrainingConfig, WindowCropsConfig
from mssbench.training.crops import make_crops
from mssbench.training.loop import train
from mssbench.training.resident import ResidentCrops, held_bytes

CPU = torch.device("cpu")
RATE = 16000
# Of what a 16-bit step is, when full scale is 1.
STEP = 1 / 32768


@pytest.fixture
def both(tiny_dataset, tmp_path):
    """The tiny data set, of 16-bit files, at half its rate: stored as float32 and as int16."""
    dataset = Dataset.load(tiny_dataset)
    return [
        prepare(dataset, tmp_path / name, RATE // 2, "mono", sample_format=name)
        for name in ("float32", "int16")
    ]


def dataset_of_one_song(root, stems, subtype="PCM_16"):
    folder = root / "train" / "A - 1"
    folder.mkdir(parents=True)
    for stem, audio in zip(STEMS, stems, strict=True):
        soundfile.write(folder / f"{stem}.wav", audio.T, RATE, subtype=subtype)
    songs = tuple(find_songs(root))
    return Dataset("one", root, songs, {}, dataset_digest(root, songs))


def random_steps(samples, channels=2):
    """Return stems of all the values that 16 bits can have."""
    return np.random.default_rng(0).integers(-32768, 32768, (5, channels, samples), dtype=np.int16)


def test_int16_keeps_each_sample_of_16_bit_files_at_their_own_rate(tmp_path):
    stems = random_steps(5000)
    dataset = dataset_of_one_song(tmp_path / "data", stems)
    made = prepare(dataset, tmp_path / "made", RATE, "stereo", sample_format="int16")
    (song,) = made.songs
    assert np.array_equal(made.stored(song), stems)
    assert made.stored(song).dtype == np.int16
    assert isinstance(made.stored(song), np.memmap)
    audio = made.audio(song)
    assert audio.dtype == np.float32
    assert np.array_equal(audio, stems / 32768)
    assert song.peak == tuple(np.abs(audio).max(axis=(1, 2)))


def test_resampled_audio_is_rounded_to_the_nearest_step(both):
    for song in both[0].songs:
        exact, rounded = (made.audio(made.by_name(song.name)) for made in both)
        assert np.abs(exact - rounded).max() <= STEP / 2
        assert np.abs(exact - rounded).max() > STEP / 4
        sizes = [(made.folder / song.file).stat().st_size for made in both]
        assert sizes[0] - sizes[1] == exact.size * 2


def test_the_format_is_kept_in_the_manifest_and_in_the_digest(both):
    for made, name in zip(both, ("float32", "int16"), strict=True):
        opened = Rendition.open(made.folder / "manifest.json")
        assert opened == made
        assert opened.sample_format == name
        assert opened.digest == made.digest
    assert both[0].digest != both[1].digest


def test_a_manifest_without_a_format_is_one_of_float32(both):
    manifest = both[0].folder / "manifest.json"
    content = json.loads(manifest.read_text())
    assert content.pop("format") == "float32"
    manifest.write_text(json.dumps(content))
    assert Rendition.open(manifest) == both[0]


def test_another_format_makes_all_songs_again(tiny_dataset, both):
    folder, dataset = both[1].folder, Dataset.load(tiny_dataset)
    again = prepare(dataset, folder, RATE // 2, "mono", sample_format="float32")
    assert again.digest == both[0].digest
    assert Rendition.open(folder / "manifest.json").sample_format == "float32"


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24"])
def test_int16_of_files_of_more_than_16_bits_is_refused_before_any_work(tmp_path, subtype):
    stems = np.full((5, 1, 500), 0.1)
    dataset = dataset_of_one_song(tmp_path / "data", stems, subtype)
    message = rf"^song 'A - 1': .*mixture\.wav: holds {subtype}.*choose float32"
    with pytest.raises(UserError, match=message):
        prepare(dataset, tmp_path / "made", RATE, "mono", sample_format="int16")
    assert not list((tmp_path / "made").glob("*.npy"))


def test_int16_that_would_clip_is_refused_with_song_and_peak(tmp_path):
    # A square wave at full scale, which overshoots where its overtones are cut off.
    stems = np.full((5, 1, 4000), 1000, dtype=np.int16)
    stems[3] = 32767 * np.sign(np.sin(2 * np.pi * 300 * np.arange(4000) / RATE))
    dataset = dataset_of_one_song(tmp_path / "data", stems)
    kept = prepare(dataset, tmp_path / "float", RATE // 2, "mono")
    peak = kept.songs[0].peak[3]
    assert peak > 1
    with pytest.raises(UserError) as refused:
        prepare(dataset, tmp_path / "made", RATE // 2, "mono", sample_format="int16")
    assert str(refused.value).startswith("song 'A - 1': the other peaks at ")
    assert f"{peak:.5g}" in str(refused.value)
    assert "choose float32" in str(refused.value)
    assert not list((tmp_path / "made").glob("*.*"))


CROPS = {
    "random": RandomCropsConfig("random", samples=3000, steps_per_epoch=5),
    "windows": WindowCropsConfig("windows", samples=3000),
    "voiced": RandomCropsConfig("random", samples=3000, steps_per_epoch=5, voiced_share=0.7),
}


@pytest.mark.parametrize("kind", CROPS)
def test_crops_of_int16_are_those_of_float32_but_for_the_rounding(both, kind):
    exact, rounded = (make_crops(CROPS[kind], made, made.songs, 4, 0) for made in both)
    held = ResidentCrops(make_crops(CROPS[kind], both[1], both[1].songs, 4, 0), CPU)
    for n in range(4):
        batch = rounded.batch(n)
        assert batch.dtype == torch.float32
        assert (batch - exact.batch(n)).abs().max() <= STEP / 2
        assert torch.equal(held.batch(n), batch)
    assert held_bytes(rounded) == held._held.nbytes == held_bytes(exact) / 2


def test_the_loudest_negative_step_has_a_level(tmp_path):
    # Its absolute value is no int16.
    stems = np.full((5, 1, RATE), -32768, dtype=np.int16)
    dataset = dataset_of_one_song(tmp_path / "data", stems)
    made = prepare(dataset, tmp_path / "made", RATE, "mono", sample_format="int16")
    config = RandomCropsConfig("random", samples=3000, steps_per_epoch=5, voiced_share=1.0)
    assert torch.all(make_crops(config, made, made.songs, 2, 0).batch(0) == -1)


def configuration(**rendition):
    return {
        "dataset": {"name": "tiny"},
        "rendition": {"rate": RATE // 2, "channels": "mono", **rendition},
        "split": {"kind": "random", "train_share": 0.75, "seed": 1},
        "model": {"name": "wave_u_net", "params": {"levels": 3, "filters": 4, "output": "single"}},
        "training": {
            "crops": {"kind": "windows", "samples": 2048},
            "batch_size": 4,
            "optimiser": {"name": "adam", "lr": 1e-3},
            "epochs": 1,
            "patience": 1,
            "loss": {"final": {"kind": "mae", "weight": 1.0}},
        },
        "seed": 0,
    }


def test_training_on_int16_differs_by_the_rounding_alone(both, tmp_path):
    losses = []
    for made, rendition in zip(both, ({}, {"format": "int16"}), strict=True):
        config = TrainingConfig.from_dict(configuration(**rendition))
        losses.append(train(config, made, tmp_path / made.sample_format).history[0]["train_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] != losses[1]


def test_a_rendition_of_another_format_is_refused(both, tmp_path):
    config = TrainingConfig.from_dict(configuration(format="int16"))
    with pytest.raises(UserError, match=r"8000 Hz mono float32, .* asks for 8000 Hz mono int16"):
        train(config, both[0], tmp_path / "checkpoints")
    wanted = {"rate": 8000, "channels": "mono"}
    check_rendition(both[0], wanted, "manifest.json")
    check_rendition(both[1], {**wanted, "format": "int16"}, "manifest.json")
    with pytest.raises(UserError, match="is 8000 Hz mono int16"):
        check_rendition(both[1], wanted, "manifest.json")


def test_the_command_prepares_the_format_that_it_is_asked_for(tiny_dataset, tmp_path):
    parser = argparse.ArgumentParser()
    prepare_command.add_arguments(parser)
    manifest = tmp_path / "made" / "manifest.json"
    options = ["--dataset", tiny_dataset, "--rate", 8000, "--channels", "mono", "--out", manifest]
    arguments = [str(option) for option in [*options, "--format", "int16"]]
    prepare_command.run(parser.parse_args(arguments))
    assert Rendition.open(manifest).sample_format == "int16"

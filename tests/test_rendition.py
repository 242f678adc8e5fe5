import argparse
import hashlib
import json
import os
from collections import namedtuple

import numpy as np
import pytest
import soundfile

from mssbench.commands import prepare as prepare_command
from mssbench.data.changes import dataset_digest
from mssbench.data.reader import read_song
from mssbench.data.rendition import Rendition, prepare
from mssbench.data.resample import (
    BETA,
    ROLLOFF,
    ZERO_CROSSINGS,
    resample,
    resampled_length,
    to_channels,
)
from mssbench.data.songs import STEMS, Dataset, find_songs
from mssbench.errors import UserError

RATE = 44100
NAMES = {"train": ["A - 1", "B - 2"], "test": ["C - 3"]}


def noise(seed, samples, channels=2):
    return np.random.default_rng(seed).standard_normal((5, channels, samples)).astype(np.float32)


def write_song(folder, stems, rate=RATE):
    folder.mkdir(parents=True, exist_ok=True)
    for stem, audio in zip(STEMS, stems, strict=True):
        soundfile.write(folder / f"{stem}.wav", audio.T, rate, subtype="FLOAT")


def dataset_of(root):
    songs = tuple(find_songs(root))
    return Dataset("small", root, songs, {}, dataset_digest(root, songs))


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "data"
    for subset, names in NAMES.items():
        for name in names:
            write_song(root / subset / name, noise(len(name) + ord(name[0]), 4410 + ord(name[0])))
    return dataset_of(root)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "rendition"


def sine(pitch, rate, samples):
    return np.sin(2 * np.pi * pitch * np.arange(samples) / rate + 0.3).astype(np.float32)


def level(signal):
    """RMS in dB of the middle half, away from the ends' transients."""
    middle = signal[len(signal) // 4 : -len(signal) // 4].astype(np.float64)
    return 10 * np.log10(np.mean(middle**2))


@pytest.mark.parametrize("rate", [22050, 16000, 8000])
def test_a_resampled_sine_keeps_pitch_phase_and_level(rate):
    for pitch in (100, 1000, 0.85 * rate / 2):
        resampled = resample(sine(pitch, RATE, 2 * RATE), RATE, rate)
        expected = sine(pitch, rate, 2 * rate)
        assert abs(level(resampled) - level(expected)) < 0.01
        assert level(resampled - expected) < level(expected) - 80


@pytest.mark.parametrize("rate", [22050, 16000, 8000])
def test_aliases_are_suppressed_by_80_db(rate):
    for pitch in np.linspace(1.02 * rate / 2, 0.98 * RATE / 2, 5):
        source = sine(pitch, RATE, 2 * RATE)
        assert level(resample(source, RATE, rate)) < level(source) - 80


@pytest.mark.parametrize("rate", [44000, 22050, 16000, 300])
@pytest.mark.parametrize("samples", [1, 150, 30_011])
def test_resampling_is_the_sum_of_windowed_sincs_to_float32s_precision(rate, samples):
    audio = noise(0, samples)[0, 0]
    resampled = resample(audio, RATE, rate)
    cutoff = ROLLOFF * rate / RATE
    for n in {0, len(resampled) // 2, len(resampled) - 1}:
        crossings = cutoff * (n * RATE / rate - np.arange(samples))
        share = np.sqrt(np.clip(1 - (crossings / ZERO_CROSSINGS) ** 2, 0, None))
        window = np.where(share > 0, np.i0(BETA * share) / np.i0(BETA), 0)
        exact = cutoff * np.sum(audio * np.sinc(crossings) * window)
        assert abs(resampled[n] - exact) < 3e-6


def test_silence_stays_exactly_zero_beyond_the_filters_reach():
    audio = noise(0, 40_000)[0]
    audio[:, 10_000:30_000] = 0
    resampled = resample(audio, RATE, 22050)
    assert not resampled[:, 5_100:14_900].any()
    assert resampled[:, :5_000].all()


def test_the_length_is_exact_where_float32_cannot_count_it():
    samples = 2**24 + 1  # half of it needs 25 bits
    assert resample(np.zeros(samples, np.float32), 2, 1).shape == (2**23 + 1,)
    assert resampled_length(samples, 2, 1) == 2**23 + 1


def test_equal_rates_leave_the_samples_alone():
    audio = noise(0, 1000)
    assert np.array_equal(resample(audio, RATE, RATE), audio)


def test_mono_is_the_mean_and_stereo_of_mono_is_twice_the_same():
    left, right = sine(100, RATE, 500), sine(300, RATE, 500)
    mono = to_channels(np.stack([left, right]), "mono")
    assert np.allclose(mono, [(left + right) / 2], atol=1e-7)
    assert np.array_equal(to_channels(mono, "stereo"), np.concatenate([mono, mono]))
    assert np.array_equal(to_channels(np.stack([left, right]), "stereo"), [left, right])
    with pytest.raises(UserError, match="3 channels"):
        to_channels(np.zeros((3, 10), np.float32), "stereo")


def test_a_crop_of_the_memory_map_is_the_slice_of_the_whole(dataset, folder):
    rendition = prepare(dataset, folder, 22050, "stereo")
    for song, made in zip(dataset.songs, rendition.songs, strict=True):
        whole = resample(read_song(song)[0], RATE, 22050)
        mapped = rendition.audio(made)
        assert isinstance(mapped, np.memmap)
        assert (mapped.dtype, mapped.shape) == (np.float32, (5, 2, made.samples))
        assert np.array_equal(mapped[..., 700:1900], whole[..., 700:1900])
        assert np.array_equal(mapped, whole)


def test_a_manifest_opens_as_what_was_prepared(dataset, folder):
    made = prepare(dataset, folder, 22050, "mono")
    opened = Rendition.open(folder / "manifest.json")
    assert opened == made
    assert opened.digest == json.loads((folder / "manifest.json").read_text())["digest"]
    assert (opened.rate, opened.channels, opened.channel_count) == (22050, "mono", 1)
    assert opened.dataset == {"name": "small", "digest": dataset.digest}
    assert [(song.name, song.subset) for song in opened.songs] == [
        ("C - 3", "test"),
        ("A - 1", "train"),
        ("B - 2", "train"),
    ]
    for song in opened.songs:
        content = (folder / song.file).read_bytes()
        assert song.sha256 == hashlib.sha256(content).hexdigest()
        assert song.peak == tuple(np.abs(opened.audio(song)).max(axis=(1, 2)))
        assert opened.by_name(song.name) is song
    assert max(opened.songs[0].peak) > 1
    with pytest.raises(UserError, match="no song 'X'"):
        opened.by_name("X")


def test_the_digest_follows_the_audio_and_not_the_place(dataset, folder, tmp_path):
    first = prepare(dataset, folder, 22050, "mono")
    assert prepare(dataset, tmp_path / "other", 22050, "mono").digest == first.digest
    assert prepare(dataset, tmp_path / "lower", 16000, "mono").digest != first.digest
    write_song(dataset.songs[0].path, noise(99, 4000))
    changed = prepare(dataset_of(dataset.root), tmp_path / "changed", 22050, "mono")
    assert changed.digest != first.digest
    assert changed.songs[1].sha256 == first.songs[1].sha256


def times(folder):
    return [file.stat().st_mtime_ns for file in sorted(folder.glob("*.npy"))]


def remove(array):
    array.unlink()


def shorten(array):
    os.truncate(array, array.stat().st_size - 4)


def flip_a_bit(array):
    content = bytearray(array.read_bytes())
    content[-10] ^= 1
    array.write_bytes(content)


def lose_the_note(array):
    array.with_suffix(".json").unlink()


def spoil_the_note(array):
    array.with_suffix(".json").write_text("{")


@pytest.mark.parametrize("spoil", [remove, shorten, flip_a_bit, lose_the_note, spoil_the_note])
def test_a_repeated_run_keeps_good_songs_and_makes_bad_ones_again(dataset, folder, spoil):
    made = prepare(dataset, folder, 22050, "mono")
    before = times(folder)
    spoil(folder / "001.npy")
    assert prepare(dataset, folder, 22050, "mono") == made
    after = times(folder)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] != before[1]
    assert made.songs[1].sha256 == hashlib.sha256((folder / "001.npy").read_bytes()).hexdigest()


def test_another_source_rate_or_layout_makes_all_songs_again(dataset, folder):
    prepare(dataset, folder, 22050, "mono")
    os.utime(dataset.songs[0].files[0], ns=(0, 0))
    touched = dataset_of(dataset.root)
    for arguments in ((touched, folder, 22050, "mono"), (touched, folder, 16000, "mono")):
        before = times(folder)
        prepare(*arguments)
        assert not set(times(folder)) & set(before)
    prepare(touched, folder, 16000, "stereo")
    assert Rendition.open(folder / "manifest.json").channels == "stereo"


def test_an_unfinished_run_leaves_no_manifest_and_no_half_file(dataset, folder):
    prepare(dataset, folder, 22050, "mono")
    (folder / ".001.77.partial.npy").write_bytes(b"of a killed run")
    bad = noise(0, 4000)
    bad[1, 0, 50] = np.nan
    write_song(dataset.songs[1].path, bad)
    where = rf"song 'A - 1': .*{STEMS[1]}\.wav: the {STEMS[1]} is NaN .* at sample 50 \(0\.001 s\)"
    with pytest.raises(UserError, match=where):
        prepare(dataset_of(dataset.root), folder, 22050, "mono")
    assert not (folder / "manifest.json").exists()
    assert not list(folder.glob(".*"))


def test_workers_name_the_bad_song_and_keep_the_good_ones_bit_for_bit(dataset, folder, tmp_path):
    alone = prepare(dataset, folder, 22050, "mono")
    bad = noise(0, 4000)
    bad[2, 1, 123] = np.inf
    last = dataset.songs[2]
    write_song(last.path, bad)
    with pytest.raises(UserError) as error:
        prepare(dataset, tmp_path / "parallel", 22050, "mono", workers=2)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"song {last.name!r}: {last.path / 'bass.wav'}: ")
    for song in alone.songs[:2]:
        there = (tmp_path / "parallel" / song.file).read_bytes()
        assert there == (folder / song.file).read_bytes()


@pytest.mark.parametrize("spoil", [remove, shorten])
def test_opening_names_an_array_that_is_missing_or_of_the_wrong_size(dataset, folder, spoil):
    prepare(dataset, folder, 22050, "mono")
    spoil(folder / "001.npy")
    with pytest.raises(UserError, match=r"001\.npy.*'A - 1'.*mssbench prepare"):
        Rendition.open(folder / "manifest.json")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"songs": [{}]}'])
def test_a_file_that_is_no_manifest_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json.*mssbench prepare"):
        Rendition.open(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("rate", "words"), [(48000, "no rendition can give"), (0, "no rendition"), (22051, "filters")]
)
def test_a_rate_that_cannot_be_had_is_refused_before_any_work(dataset, folder, rate, words):
    with pytest.raises(UserError, match=rf"song 'C - 3': {rate} Hz.*{words}"):
        prepare(dataset, folder, rate, "mono")
    assert not list(folder.glob("*.npy"))


def test_one_song_of_a_lower_rate_is_named_before_any_work(dataset, folder):
    last = dataset.songs[2]
    write_song(last.path, noise(0, 4000), rate=16000)
    with pytest.raises(UserError, match=r"song 'B - 2'.*the source has 16000 Hz"):
        prepare(dataset, folder, 22050, "mono")
    assert not list(folder.glob("*.npy"))


def test_a_full_disk_is_told_with_sizes_before_any_work(dataset, folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 100))
    with pytest.raises(UserError, match=r"preparing 3 songs needs .*, but only 100 bytes are free"):
        prepare(dataset, folder, 22050, "mono")
    assert not list(folder.glob("*.npy"))


def prepare_by_command(*arguments):
    parser = argparse.ArgumentParser()
    prepare_command.add_arguments(parser)
    prepare_command.run(parser.parse_args([str(argument) for argument in arguments]))


def test_the_command_makes_a_rendition_beside_its_manifest(dataset, folder, tmp_path):
    dataset.save(tmp_path / "dataset.json")
    common = ("--dataset", tmp_path / "dataset.json", "--rate", 16000, "--channels", "mono")
    prepare_by_command(*common, "--out", folder / "manifest.json")
    assert Rendition.open(folder / "manifest.json").rate == 16000
    with pytest.raises(UserError, match=r"must be called manifest\.json"):
        prepare_by_command(*common, "--out", folder / "other.json")

"""The synthetic data set: what its songs are like and how they come to disk."""

import json
import subprocess

import numpy as np
import pytest
import soundfile

from mssbench.data.reader import read_song
from mssbench.data.songs import SOURCES, STEMS, find_songs
from mssbench.data.synthetic.render import Settings, render_dataset, render_song
from mssbench.errors import UserError

SETTINGS = Settings(train_songs=3, test_songs=1, seconds=8.0, seed=5, rate=16000)


def read_pcm(folder):
    """Return the five files of a song as integers, (5, samples, 2)."""
    return np.stack([soundfile.read(folder / f"{stem}.wav", dtype="int16")[0] for stem in STEMS])


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def level(audio):
    return 10 * np.log10(np.mean(np.square(audio)))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    render_dataset(folder, SETTINGS)
    return folder


@pytest.fixture(scope="module")
def songs():
    return [render_song(SETTINGS, index, "train")[1] for index in range(3)]


def test_data_set_has_the_layout_of_musdb18(root):
    found = find_songs(root)
    assert [song.subset for song in found] == ["test", "train", "train", "train"]
    assert all(" - " in song.name for song in found)
    for song in found:
        for file in song.files:
            info = soundfile.info(file)
            assert (info.samplerate, info.frames, info.channels) == (16000, 128000, 2)
            assert info.subtype == "PCM_16"


def test_bytes_depend_neither_on_workers_nor_on_the_number_of_songs(root, tmp_path):
    fewer = Settings(train_songs=2, test_songs=1, seconds=8.0, seed=5, rate=16000)
    render_dataset(tmp_path, fewer, workers=2)
    again, first = contents(tmp_path), contents(root)
    shared = again.keys() & first.keys() - {"synthetic.json"}
    assert len(shared) == 3 * len(STEMS)
    assert again.keys() == shared | {"synthetic.json"}
    assert all(again[name] == first[name] for name in shared)


def test_files_hold_what_render_song_returns(root):
    name, stems = render_song(SETTINGS, 1, "train")
    assert list(stems) == list(STEMS)
    for stem in STEMS:
        audio, _ = soundfile.read(root / "train" / name / f"{stem}.wav", dtype="float32")
        assert stems[stem].dtype == np.float32
        np.testing.assert_array_equal(stems[stem], audio.T)


def test_another_seed_gives_other_songs():
    name, stems = render_song(SETTINGS, 0, "train")
    other_name, others = render_song(
        Settings(train_songs=3, test_songs=1, seconds=8.0, seed=6, rate=16000), 0, "train"
    )
    assert name != other_name
    assert all(not np.array_equal(stems[stem], others[stem]) for stem in STEMS)


def test_mixture_is_the_exact_sum_of_the_sources(root):
    for song in find_songs(root):
        mixture, *sources = read_pcm(song.path).astype(int)
        np.testing.assert_array_equal(mixture, sum(sources))


def test_nothing_clips_and_peaks_differ_between_songs(songs):
    peaks = [max(np.abs(audio).max() for audio in stems.values()) for stems in songs]
    assert all(0.49 < peak < 0.96 for peak in peaks)
    assert len({round(float(peak), 2) for peak in peaks}) == 3


def test_songs_are_distinct(root):
    mixtures = [read_pcm(song.path)[0].mean(axis=1) for song in find_songs(root)]
    for number, mixture in enumerate(mixtures):
        for other in mixtures[:number]:
            assert abs(np.corrcoef(mixture, other)[0, 1]) < 0.3


@pytest.mark.parametrize("seconds", [6.0, 21.0])
@pytest.mark.parametrize("index", range(4))
def test_voice_rests_for_two_seconds_and_sings_a_third_of_the_song(seconds, index):
    settings = Settings(train_songs=4, test_songs=0, seconds=seconds, rate=16000)
    vocals = render_song(settings, index, "train")[1]["vocals"]
    edges = np.flatnonzero(np.diff(np.pad(np.any(vocals, axis=0), 1, constant_values=True)))
    assert max(np.diff(edges)[::2]) >= 2 * settings.rate
    frames = vocals[:, : vocals.shape[1] // 800 * 800].reshape(2, -1, 800)
    loudness = np.sqrt(np.mean(frames**2, axis=(0, 2)))
    assert np.mean(loudness > 0.03 * loudness.max()) > 0.35


@pytest.mark.parametrize("index", range(3))
def test_voice_and_its_room_are_silent_at_the_end_of_a_long_song(index):
    settings = Settings(train_songs=3, test_songs=0, seconds=30.0, rate=16000)
    stems = render_song(settings, index, "train")[1]
    assert not np.any(stems["vocals"][:, -settings.rate // 2 :])
    assert np.any(stems["mixture"][:, -settings.rate // 2 :])


def test_accompaniment_sounds_in_every_second(songs):
    for stems in songs:
        for source in ("drums", "bass", "other"):
            seconds = stems[source].reshape(2, -1, SETTINGS.rate)
            assert np.all(level_of_seconds(seconds) > -70)


def level_of_seconds(seconds):
    return 10 * np.log10(np.mean(seconds**2, axis=(0, 2)) + 1e-12)


def test_voice_is_somewhat_softer_than_the_rest_while_it_sings(songs):
    for stems in songs:
        vocals = stems["vocals"]
        loudness = np.convolve(np.mean(vocals**2, axis=0), np.ones(800), mode="same")
        sings = loudness > 0.01 * loudness.max()
        rest = sum(stems[source] for source in SOURCES if source != "vocals")
        assert -11 < level(vocals[:, sings]) - level(rest[:, sings]) < -1


def test_voice_and_accompaniment_share_frequencies(songs):
    bands = [(200, 500), (500, 1000), (1000, 2000), (2000, 4000)]
    for stems in songs:
        frequency = np.fft.rfftfreq(128000, 1 / SETTINGS.rate)
        voice, rest = (
            np.abs(np.fft.rfft(audio.mean(axis=0))) ** 2
            for audio in (stems["vocals"], stems["mixture"] - stems["vocals"])
        )
        for low, high in bands:
            band = (frequency >= low) & (frequency < high)
            assert abs(10 * np.log10(voice[band].sum() / rest[band].sum())) < 30


def test_sources_are_placed_in_stereo(songs):
    for stems in songs:
        for stem, (left, right) in stems.items():
            assert not np.array_equal(left, right), stem


def test_finished_songs_are_kept_and_missing_ones_made(root, tmp_path):
    settings = Settings(train_songs=2, test_songs=0, seconds=4.0, rate=16000)
    render_dataset(tmp_path, settings)
    kept, lost = (song.path for song in find_songs(tmp_path))
    before = contents(tmp_path)
    time = (kept / "bass.wav").stat().st_mtime_ns
    for file in lost.iterdir():
        file.unlink()
    lost.rename(lost.with_name(f".{lost.name}.partial"))
    render_dataset(tmp_path, settings)
    assert contents(tmp_path) == before
    assert (kept / "bass.wav").stat().st_mtime_ns == time


def test_songs_of_other_settings_are_replaced(tmp_path):
    render_dataset(tmp_path, Settings(train_songs=2, test_songs=1, seconds=4.0, rate=16000))
    names = {song.name for song in find_songs(tmp_path)}
    render_dataset(tmp_path, Settings(train_songs=1, test_songs=0, seconds=5.0, rate=16000))
    (song,) = find_songs(tmp_path)
    assert song.name in names
    assert soundfile.info(song.files[0]).frames == 80000
    assert not (tmp_path / "test").exists()


def test_folder_with_other_songs_is_refused_and_left_alone(tmp_path):
    stranger = tmp_path / "train" / "Someone - Something"
    stranger.mkdir(parents=True)
    with pytest.raises(UserError, match=r"Someone - Something: .*give an empty folder"):
        render_dataset(tmp_path, SETTINGS)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert stranger.is_dir()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seconds": 3.0}, "seconds is 3; it must lie between 4 and"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"test_seconds": 3.0}, "test_seconds is 3; it must lie between 4 and"),
        ({"train_songs": -1}, "train_songs is -1"),
        ({"test_songs": 10**6}, "test_songs is 1e\\+06; it must lie between 0 and"),
        ({"train_songs": 0, "test_songs": 0}, "at least one"),
        ({"seed": -1}, "seed is -1"),
        ({"rate": 8000}, "rate is 8000; it must lie between 16000 and"),
    ],
)
def test_settings_out_of_bounds_are_named(values, message):
    with pytest.raises(UserError, match=message):
        Settings(**{"train_songs": 1, "test_songs": 1, "seconds": 5.0, **values})


@pytest.fixture(scope="module")
def stem_file(tmp_path_factory):
    """One song at the full rate as a ``.stem.mp4``, and its stems before coding."""
    folder = tmp_path_factory.mktemp("stem_files")
    settings = Settings(train_songs=1, test_songs=0, seconds=5.0)
    render_dataset(folder, settings, stem_files=True)
    (song,) = find_songs(folder)
    name, stems = render_song(settings, 0, "train")
    assert song.name == name
    return song, np.stack([stems[stem] for stem in STEMS])


def test_stem_file_has_five_aac_streams(stem_file):
    song, _ = stem_file
    assert song.path.name.endswith(".stem.mp4")
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(song.path)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    assert [stream["codec_name"] for stream in streams] == ["aac"] * 5
    assert {(stream["channels"], stream["sample_rate"]) for stream in streams} == {(2, "44100")}
    rates = [int(stream["bit_rate"]) for stream in streams]
    assert 200_000 < rates[0] < 300_000


def test_stem_file_sounds_as_the_wav_files(stem_file):
    song, stems = stem_file
    decoded, rate = read_song(song)
    assert rate == 44100
    assert 0 <= decoded.shape[2] - stems.shape[2] <= 1024
    for stem, heard, written in zip(STEMS, decoded, stems, strict=True):
        error = heard[:, : written.shape[1]] - written
        assert level(written) - level(error) > 15, stem


def test_stem_files_are_the_same_bytes_each_time(stem_file, tmp_path):
    song, _ = stem_file
    render_dataset(tmp_path, Settings(train_songs=1, test_songs=0, seconds=5.0), stem_files=True)
    assert (tmp_path / "train" / song.path.name).read_bytes() == song.path.read_bytes()


def test_missing_ffmpeg_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings(train_songs=1, test_songs=0, seconds=4.0, rate=16000)
    with pytest.raises(UserError, match="ffmpeg is not installed"):
        render_dataset(tmp_path / "data", settings, stem_files=True)
    assert not list((tmp_path / "data" / "train").iterdir())

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from stem_files import RATE, loud_stems, needs_ffmpeg, write_stem_mp4

from mssbench.data.reader import read_headers, read_song
from mssbench.data.songs import STEMS, Song
from mssbench.errors import UserError

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "musdb18_sample"


def write_wavs(folder, stems, subtype="FLOAT", rate=RATE):
    folder.mkdir(parents=True)
    for stem, audio in zip(STEMS, stems, strict=True):
        soundfile.write(folder / f"{stem}.wav", audio.T, rate, subtype=subtype)
    return Song(folder.name, "train", folder)


def error_of(song, mono=False):
    with pytest.raises(UserError) as error:
        read_song(song, mono=mono)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_float_wavs_beyond_one_survive_bit_for_bit(tmp_path):
    stems = loud_stems(5000)
    read, rate = read_song(write_wavs(tmp_path / "song", stems))
    assert rate == RATE
    assert read.dtype == np.float32
    assert np.array_equal(read, stems)
    assert np.abs(read).max() > 1.4


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24)])
def test_integer_wavs_keep_all_their_bits(tmp_path, subtype, bits):
    steps = np.random.default_rng(1).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (5, 1, 999))
    stems = steps / 2.0 ** (bits - 1)
    song = write_wavs(tmp_path / "song", stems, subtype)
    assert np.array_equal(read_song(song)[0], stems.astype(np.float32))


def test_wavs_of_unequal_length_are_refused_with_all_lengths(tmp_path):
    song = write_wavs(tmp_path / "song", loud_stems(5000))
    soundfile.write(song.path / "bass.wav", np.zeros((4999, 2)), RATE)
    message = error_of(song)
    assert str(song.path) in message
    assert "mixture 5000, drums 5000, bass 4999, other 5000, vocals 5000" in message


def test_wavs_of_different_rates_or_channels_are_refused(tmp_path):
    song = write_wavs(tmp_path / "song", loud_stems(5000))
    soundfile.write(song.path / "bass.wav", np.zeros((5000, 2)), 48000)
    assert "bass 48000" in error_of(song)
    soundfile.write(song.path / "bass.wav", np.zeros((5000, 1)), RATE)
    assert "bass 1" in error_of(song)


def cut(file, size):
    file.write_bytes(file.read_bytes()[:size])


@pytest.mark.parametrize("size", [0, 20, 6000])
@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_a_truncated_wav_is_named_even_if_all_five_are(tmp_path, size, subtype):
    song = write_wavs(tmp_path / "song", loud_stems(5000) / 2, subtype)
    for file in song.files:
        cut(file, size)
    assert str(song.files[0]) in error_of(song)


def test_a_wav_without_samples_is_named(tmp_path):
    song = write_wavs(tmp_path / "song", np.zeros((5, 2, 0)))
    assert f"{song.files[0]}: empty" in error_of(song)


def test_a_wav_of_unknown_length_from_a_pipe_is_read(tmp_path):
    stems = loud_stems(5000)
    song = write_wavs(tmp_path / "song", stems)
    content = song.files[0].read_bytes()
    where = content.index(b"data") + 4
    song.files[0].write_bytes(content[:where] + b"\xff" * 4 + content[where + 4 :])
    assert np.array_equal(read_song(song)[0], stems)


def test_a_missing_wav_is_named(tmp_path):
    song = write_wavs(tmp_path / "song", loud_stems(100))
    song.files[3].unlink()
    assert str(song.files[3]) in error_of(song)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mono", [False, True])
def test_a_bad_sample_is_named_with_its_place(tmp_path, bad, mono):
    stems = loud_stems(5000)
    stems[4, 1, 4410] = bad
    song = write_wavs(tmp_path / "song", stems)
    message = error_of(song, mono=mono)
    assert str(song.files[4]) in message
    assert "sample 4410 (0.100 s) and 0 more" in message


def test_mono_of_wavs_is_the_mean_of_their_channels(tmp_path):
    stems = loud_stems(5000, channels=3)
    mono, _ = read_song(write_wavs(tmp_path / "song", stems), mono=True)
    assert np.array_equal(mono, stems.mean(axis=1, keepdims=True))


@needs_ffmpeg
def test_stem_mp4_gives_ffmpegs_own_floats_of_each_stream(tmp_path):
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(60_000))
    read, rate = read_song(song)
    assert rate == RATE
    assert read.dtype == np.float32
    assert np.abs(read).max() > 1.2
    for number, stem in enumerate(read):
        command = ["ffmpeg", "-v", "error", "-i", song.path, "-map", f"0:a:{number}"]
        alone = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True)
        assert np.array_equal(stem, np.frombuffer(alone.stdout, "<f4").reshape(-1, 2).T)


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2])
def test_mono_of_a_stem_mp4_is_the_mean_of_its_channels(tmp_path, channels):
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(60_000, channels))
    mono, rate = read_song(song, mono=True)
    assert rate == RATE
    assert np.array_equal(mono, read_song(song)[0].mean(axis=1, keepdims=True))


@needs_ffmpeg
def test_headers_tell_rate_channels_and_length_to_a_frame(tmp_path):
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(30_000, channels=1))
    headers = read_headers(song)
    assert {(header.rate, header.channels) for header in headers} == {(RATE, 1)}
    read, _ = read_song(song)
    assert read.shape[:2] == (5, 1)
    assert all(abs(header.samples - read.shape[2]) < 2048 for header in headers)


@needs_ffmpeg
def test_streams_that_differ_by_a_frame_are_cut_to_the_shortest_with_a_warning(tmp_path, caplog):
    stems = list(loud_stems(30_720))
    stems[2] = stems[2][:, : 30_720 - 1024]
    read, _ = read_song(write_stem_mp4(tmp_path / "song.stem.mp4", stems))
    assert read.shape == (5, 2, 30_720 - 1024)
    assert "cut to the shortest" in caplog.text
    assert "song.stem.mp4" in caplog.text


@needs_ffmpeg
def test_streams_that_differ_by_more_are_refused_with_all_lengths(tmp_path):
    stems = list(loud_stems(30_720))
    stems[2] = stems[2][:, :20_480]
    message = error_of(write_stem_mp4(tmp_path / "song.stem.mp4", stems))
    assert "mixture 30720, drums 30720, bass 20480, other 30720, vocals 30720" in message


@needs_ffmpeg
def test_a_stem_mp4_of_four_streams_is_refused(tmp_path):
    message = error_of(write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(9000)[:4]))
    assert "song.stem.mp4: found 4 audio streams" in message


@needs_ffmpeg
@pytest.mark.parametrize("header", ["first", "last"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
def test_a_truncated_stem_mp4_is_refused(tmp_path, header, share):
    options = ["-movflags", "+faststart"] if header == "first" else []
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(60_000), *options)
    cut(song.path, int(song.path.stat().st_size * share))
    assert "song.stem.mp4" in error_of(song)


@needs_ffmpeg
def test_a_stem_mp4_cut_between_two_packets_is_refused(tmp_path):
    # ffmpeg itself finds nothing wrong with such a file.
    stems = loud_stems(60_000)
    song = write_stem_mp4(tmp_path / "song.stem.mp4", stems, "-movflags", "+faststart")
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=pos,size", "-of", "csv=p=0"]
    listed = subprocess.run([*command, song.path], capture_output=True, text=True, check=True)
    packets = [line.split(",")[:2] for line in listed.stdout.split()]
    ends = sorted(int(size) + int(position) for size, position in packets)
    cut(song.path, ends[len(ends) // 2])
    assert "song.stem.mp4: truncated or damaged" in error_of(song)


@needs_ffmpeg
def test_a_stem_mp4_damaged_inside_is_refused(tmp_path):
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(60_000))
    content = bytearray(song.path.read_bytes())
    middle = content.index(b"mdat") + 4000
    content[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    song.path.write_bytes(content)
    assert "song.stem.mp4: damaged audio" in error_of(song)


def test_without_ffmpeg_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "song.stem.mp4").write_bytes(b"x")
    monkeypatch.setenv("PATH", str(tmp_path))
    message = error_of(Song("song", "train", tmp_path / "song.stem.mp4"))
    assert "sudo apt-get install ffmpeg" in message


@needs_ffmpeg
@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"no MUSDB18 sample at {SAMPLE}")
def test_a_real_song_agrees_with_musdbs_own_reader_to_16_bits():
    import musdb

    (track,) = musdb.DB(root=str(SAMPLE), subsets=["train"])
    read, rate = read_song(Song(track.name, "train", Path(track.path)))
    assert rate == track.rate == RATE
    expected = track.stems.transpose(0, 2, 1)
    assert read.shape == expected.shape
    unclipped = np.abs(read) < 1 - 2**-15
    assert unclipped.mean() > 0.99
    assert np.abs(read - expected)[unclipped].max() <= 2**-15

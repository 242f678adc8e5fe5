import numpy as np
import pytest
from stem_files import RATE, loud_stems, needs_ffmpeg, write_stem_mp4

from mssbench.data import stem_mp4
from mssbench.data.convert import converted
from mssbench.data.mp4_header import audio_headers
from mssbench.data.reader import read_headers, read_song
from mssbench.data.resample import resample, sinc, to_channels
from mssbench.data.resampler import Resampler
from mssbench.errors import UserError


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


@pytest.mark.parametrize("rate", [22050, 16000, 300, 96000])
def test_how_a_signal_is_divided_changes_no_bit_of_what_is_resampled(rate):
    audio = noise(700_000)
    whole = sinc(audio, RATE, rate)
    random, room = np.random.default_rng(1), np.empty(len(whole), np.float32)
    resampler, begin = Resampler(RATE, rate, room), 0
    while begin < len(audio):
        end = begin + int(random.integers(1, 90_000))
        resampler.feed(audio[begin:end])
        begin = end
    assert resampler.finish() == len(whole)
    assert np.array_equal(room, whole)


@pytest.mark.parametrize("samples", [1, 5_000, 243_000, 700_000])
@pytest.mark.parametrize("taken_back", [0, 1, 2047])
def test_samples_that_are_taken_back_leave_no_trace(samples, taken_back):
    audio = noise(samples + taken_back)
    room = np.empty(len(audio), np.float32)
    resampler = Resampler(RATE, 22050, room, slack=2048)
    resampler.feed(audio)
    length = resampler.finish(samples)
    assert np.array_equal(room[:length], sinc(audio[:samples], RATE, 22050))


def test_a_bad_sample_is_noticed_while_resampling():
    audio = noise(300_000)
    for value, is_finite in [(1e30, True), (np.nan, False), (np.inf, False), (-np.inf, False)]:
        audio[299_990] = value
        resampler = Resampler(RATE, 22050, np.empty(150_000, np.float32))
        resampler.feed(audio)
        resampler.finish()
        assert resampler.is_finite == is_finite


def taken(song, channels, rate):
    """What `converted` gives, copied, as each stem is gone with the next."""
    return np.stack([stem.copy() for stem in converted(song, channels, rate)])


def as_a_whole(song, channels, rate):
    stems, source = read_song(song, mono=channels == "mono")
    return np.stack([resample(to_channels(stem, channels), source, rate) for stem in stems])


@needs_ffmpeg
@pytest.mark.parametrize("rate", [22050, 16000, RATE])
@pytest.mark.parametrize("channels", ["mono", "stereo"])
@pytest.mark.parametrize("given", [1, 2])
def test_a_song_resampled_as_it_is_decoded_is_that_resampled_as_a_whole(
    tmp_path, rate, channels, given
):
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(300_000, given))
    assert np.array_equal(taken(song, channels, rate), as_a_whole(song, channels, rate))


@needs_ffmpeg
def test_streams_that_differ_by_a_frame_are_resampled_up_to_the_shortest_ones_end(tmp_path):
    stems = list(loud_stems(30_720))
    stems[2] = stems[2][:, : 30_720 - 1024]
    song = write_stem_mp4(tmp_path / "song.stem.mp4", stems)
    made = taken(song, "stereo", 22050)
    assert made.shape == (5, 2, (30_720 - 1024) // 2)
    assert np.array_equal(made, as_a_whole(song, "stereo", 22050))


@needs_ffmpeg
def test_a_song_holds_nothing_of_the_longer_one_before_it(tmp_path):
    longer = write_stem_mp4(tmp_path / "a.stem.mp4", loud_stems(90_000))
    song = write_stem_mp4(tmp_path / "b.stem.mp4", loud_stems(30_000, seed=1))
    alone = taken(song, "mono", 22050)
    taken(longer, "stereo", 22050)
    assert np.array_equal(taken(song, "mono", 22050), alone)


@needs_ffmpeg
def test_of_a_stream_longer_than_its_header_says_no_more_is_passed_on_than_there_is_room(tmp_path):
    taken(write_stem_mp4(tmp_path / "a.stem.mp4", loud_stems(90_000)), "stereo", 22050)
    song = write_stem_mp4(tmp_path / "b.stem.mp4", loud_stems(60_000, seed=1))
    headers = [header._replace(samples=50_000) for header in read_headers(song)]
    lengths = [0] * 5

    def take(stem, audio):
        lengths[stem] += len(audio)

    with pytest.raises(UserError, match=r"60416 samples .* header says 50000"):
        stem_mp4.decode(song.path, headers, take)
    assert lengths == [stem_mp4.longest(headers)] * 5


@needs_ffmpeg
def test_a_damaged_song_leaves_the_next_one_alone(tmp_path):
    good = write_stem_mp4(tmp_path / "good.stem.mp4", loud_stems(60_000))
    bad = write_stem_mp4(tmp_path / "bad.stem.mp4", loud_stems(60_000, seed=1))
    content = bytearray(bad.path.read_bytes())
    middle = content.index(b"mdat") + 4000
    content[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    bad.path.write_bytes(content)
    before = taken(good, "mono", 22050)
    with pytest.raises(UserError, match=r"bad\.stem\.mp4: damaged audio"):
        taken(bad, "mono", 22050)
    assert np.array_equal(taken(good, "mono", 22050), before)


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("options", [[], ["-movflags", "+faststart"]])
def test_a_plain_header_is_read_as_ffprobe_reads_it_to_a_frame(tmp_path, channels, options):
    stems = loud_stems(90_123, channels)
    song = write_stem_mp4(tmp_path / "song.stem.mp4", stems, *options)
    headers, told = audio_headers(song.path), stem_mp4._probe(song.path)
    assert [header[1:] for header in headers] == [header[1:] for header in told]
    for header, other in zip(headers, told, strict=True):
        assert abs(header.samples - other.samples) <= 1024


@needs_ffmpeg
@pytest.mark.parametrize("coding", [["-c:a", "alac"], ["-movflags", "frag_keyframe+empty_moov"]])
def test_of_a_header_that_is_not_plain_ffprobe_is_asked(tmp_path, coding):
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(30_000), *coding)
    assert audio_headers(song.path) is None
    assert {header[1:] for header in read_headers(song)} == {(RATE, 2)}


@needs_ffmpeg
@pytest.mark.parametrize("size", [0, 7, 40, 400, 2000])
def test_a_cut_or_garbled_header_is_not_plain(tmp_path, size):
    options = ["-movflags", "+faststart"]
    song = write_stem_mp4(tmp_path / "song.stem.mp4", loud_stems(5000), *options)
    content = song.path.read_bytes()
    song.path.write_bytes(content[:size])
    assert audio_headers(song.path) is None
    random = np.random.default_rng(size)
    for _ in range(200):
        garbled = bytearray(content)
        garbled[int(random.integers(8, 4000))] = int(random.integers(256))
        song.path.write_bytes(garbled)
        headers = audio_headers(song.path)  # whatever it says, it does not fail
        assert headers is None or all(header.samples > 0 for header in headers)

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from small_listening import RATE, ROWS, make_study, row

from mssbench.errors import UserError
from mssbench.report.config import parse_config
from mssbench.report.listening.choice import choose_songs, choose_start
from mssbench.report.listening.loudness import high_pass, loudness, shelf
from mssbench.report.listening.page import SCRIPTS, page, part, song_script
from mssbench.report.listening.song import HeardSong, Stem, common_targets, matched
from mssbench.report.listening.sound import encode, with_serial

EVIL = "</script><img src=x onerror=alert(1)> \"quoted\" & 'co'"


def sine(frequency, seconds=5.0, rate=48000, level=1.0):
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def listen(make_rendition, tmp_path):
    return make_study(make_rendition, tmp_path)


def page_data(folder):
    text = (folder / "index.html").read_text()
    return json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S)[1])


def test_loudness_of_the_standards_sine():
    left = np.stack([sine(997), np.zeros(5 * 48000)])
    assert loudness(left, 48000) == pytest.approx(-3.01, abs=0.01)
    assert loudness(left * 0.1, 48000) == pytest.approx(-23.01, abs=0.01)


def test_filters_are_those_of_the_standard_at_48_khz():
    numerator, denominator = shelf(48000)
    assert numerator == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285])
    assert denominator == pytest.approx([1.0, -1.69065929318241, 0.73248077421585])
    assert high_pass(48000)[1] == pytest.approx([1.0, -1.99004745483398, 0.99007225036621])


def test_loudness_is_the_same_at_every_rate_and_for_one_channel_played_by_two():
    both = [np.stack([sine(500, rate=rate)] * 2) for rate in (22050, 44100)]
    assert loudness(both[0], 22050) == pytest.approx(loudness(both[1], 44100), abs=0.1)
    assert loudness(both[0][:1], 22050) == loudness(both[0], 22050)


def test_pauses_do_not_count_and_silence_has_no_loudness():
    tone = np.stack([sine(997)] * 2)
    paused = np.concatenate([tone, np.zeros((2, 10 * 48000))], axis=1)
    assert loudness(paused, 48000) == pytest.approx(loudness(tone, 48000), abs=0.3)
    assert loudness(np.zeros((1, 48000)), 48000) == -np.inf
    assert loudness(tone[:, :4800], 48000) == pytest.approx(loudness(tone, 48000), abs=0.5)


def test_an_estimate_gets_the_loudness_of_the_true_source():
    truth = np.stack([sine(997, level=0.5)] * 2)
    reference = Stem(truth, 48000, loudness(truth, 48000))
    stem = matched(0.1 * truth, 48000, reference)
    assert stem.gain == pytest.approx(20.0)
    amplified = stem.audio * 10 ** (stem.gain / 20)
    assert loudness(amplified, 48000) == pytest.approx(reference.loudness, abs=1e-6)


def test_what_is_nearly_silent_is_raised_by_20_db_at_most_and_silence_not_at_all():
    truth = np.stack([sine(997, level=0.5)] * 2)
    reference = Stem(truth, 48000, loudness(truth, 48000))
    faint = matched(0.01 * truth, 48000, reference)
    assert (faint.gain, faint.limited) == (20.0, True)
    silent = matched(0 * truth, 48000, reference)
    assert (silent.gain, silent.loudness, silent.limited) == (0.0, -np.inf, False)


def test_no_choice_of_stems_clips():
    loud = Stem(np.full((1, 10), -0.9, np.float32), RATE, -1.0, gain=6.0)
    song = HeardSong(
        "song", 0.0, 1.0, ({"mixture": replace(loud, gain=0.0)}, {"a": loud, "b": loud})
    )
    assert song.level * 2 * 0.9 * 10 ** (6 / 20) == pytest.approx(1.0)
    assert replace(song, sources=song.sources[:1]).level == 1.0


def test_the_excerpt_is_where_the_target_is_loud_and_the_seed_decides():
    rng = np.random.default_rng(0)
    target = 0.01 * rng.normal(size=(2, 60 * RATE))
    target[:, 20 * RATE : 40 * RATE] *= 30
    starts = {choose_start(target, 10.0, RATE, seed, "song") for seed in range(20)}
    assert len(starts) > 10
    # Half of the energy, -3 dB, is there from 5 s before the loud part.
    assert 14.9 <= min(starts) < max(starts) <= 35.1
    assert choose_start(target, 10.0, RATE, 1, "song") == choose_start(
        target, 10.0, RATE, 1, "song"
    )
    assert choose_start(target, 10.0, RATE, 1, "song") != choose_start(
        target, 10.0, RATE, 1, "other"
    )
    assert choose_start(target, 90.0, RATE, 0, "song") == 0.0, "a shorter song is heard whole"


def test_songs_are_drawn_from_the_test_songs_alone(make_rendition):
    names = [f"test {number}" for number in range(6)]
    rendition = make_rendition({name: np.zeros((5, 1, 80)) for name in [*names, "other"]})
    drawn = [[song.name for song in choose_songs(rendition, 2, seed)] for seed in range(10)]
    assert all(each == sorted(each) and set(each) < set(names) for each in drawn)
    assert len({tuple(each) for each in drawn}) > 3
    assert [song.name for song in choose_songs(rendition, 9, 0)] == names


def test_sounds_come_back_and_their_bytes_depend_on_the_audio_alone():
    audio = np.stack([sine(440, 1.0, 22050, 0.5), sine(880, 1.0, 22050, 0.25)]).astype(np.float32)
    for kind, error in (("flac", 2**-15), ("ogg", 0.02)):
        made = encode(audio, 22050, kind)
        assert made == encode(audio, 22050, kind)
        with open_sound(made) as sound:
            assert (sound.samplerate, sound.frames) == (22050, 22050)
            np.testing.assert_allclose(sound.read().T, audio, atol=error)


def test_another_serial_number_is_all_that_changes():
    made = encode(np.zeros((1, 30000)), RATE, "ogg")
    other = with_serial(made, 77)
    assert other != made
    assert with_serial(other, 1) == made
    with open_sound(other) as sound:  # libogg refuses pages with a wrong checksum
        assert sound.frames == 30000


def open_sound(content):
    import io

    return soundfile.SoundFile(io.BytesIO(content))


def test_the_page_has_every_song_source_gain_and_score(listen, tmp_path):
    assert listen(tmp_path / "page" / "index.html") == 0
    names = {file.name for file in (tmp_path / "page").iterdir()}
    assert names == {"index.html", "listening.css", "listening.js", "song-0.js", "song-1.js"}
    data = page_data(tmp_path / "page")
    assert data["targets"] == ["vocals", "accompaniment"]
    assert [system["run"] for system in data["systems"]] == ["half-id", "noise-id"]
    assert [song["name"] for song in data["songs"]] == ["test a", "test b"]
    for song in data["songs"]:
        mixture, truth, half, _ = song["sources"]
        assert list(mixture) == ["mixture"]
        assert truth["vocals"]["gain"] == 0
        assert half["vocals"]["gain"] == pytest.approx(6.02, abs=0.01)
        assert song["scores"] == [{t: {"SDR": v} for t in data["targets"]} for v in (7.25, None)]
        assert song["seconds"] == 3.0


def test_the_page_is_the_same_every_time_and_follows_the_seed(listen, tmp_path):
    for folder, seed in (("one", 0), ("two", 0), ("three", 5)):
        assert listen(tmp_path / folder / "index.html", format="ogg", seed=seed) == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    starts = [
        [song["start"] for song in page_data(tmp_path / f)["songs"]] for f in ("one", "three")
    ]
    assert starts[0] != starts[1]


def test_equal_sounds_are_stored_once(listen, tmp_path):
    twice = [row("half"), row("half", "Again") | {"experiment": "again"}]
    assert listen(tmp_path / "page" / "index.html", study_rows=twice) == 0
    for song in page_data(tmp_path / "page")["songs"]:
        assert song["sources"][2] == song["sources"][3]
        assert {clip["sound"] for each in song["sources"] for clip in each.values()} == set(
            range(5)
        )


def test_names_cannot_become_markup_nor_end_the_data():
    text = page(EVIL, {"name": EVIL})
    assert "<img" not in text
    inner = re.search(r'type="application/json">(.*?)</script>', text, re.S)[1]
    assert json.loads(inner) == {"name": EVIL}
    assert "innerHTML" not in "".join(map(part, SCRIPTS)), "names are set as text"
    assert song_script(3, [b"\x00\xff"]) == 'receiveSong(3, [\n"AP8="\n]);\n'


def test_the_page_names_no_other_place():
    for name in (*SCRIPTS, "index.html", "page.css"):
        assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import ", part(name)), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"songs": 0}, "listening.songs is 0; it must be at least 1"),
        ({"format": "mp3"}, "listening.format is 'mp3'; allowed are ogg, flac"),
        ({"song": 1}, "unknown key 'listening.song'; allowed are songs, seconds"),
        ({"targets": ["voice"]}, "unknown target 'voice'; allowed are mixture, drums"),
        ({"targets": ["drums"]}, "no drums of 'test a'"),
        ({"rows": ["hal"]}, "unknown rows 'hal'; allowed are half, noise"),
        ({"study_rows": [*ROWS, row("lost")]}, "no scores of run 'lost-id'"),
    ],
)
def test_what_cannot_be_heard_is_refused(listen, tmp_path, caplog, changes, message):
    assert listen(tmp_path / "page" / "index.html", **changes) == 2
    assert message in caplog.text
    assert not (tmp_path / "page" / "index.html").exists()


def test_the_page_must_have_a_folder_and_systems_something_in_common(listen, tmp_path, caplog):
    assert listen(tmp_path / "page.html") == 2
    assert "a page is called index.html; give FOLDER/index.html" in caplog.text
    files = {}
    for name, target in (("one", "vocals"), ("two", "bass")):
        files[f"{name}-s"] = tmp_path / f"{name}.json"
        content = {"songs": [{"name": "s", "files": {target: "x.wav"}}]}
        files[f"{name}-s"].write_text(json.dumps(content))
    rows = [row("one"), row("two")]
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": rows}
    systems = parse_config(content).experiments()
    assert common_targets(systems, files, ["bass"]) == ["bass"]
    with pytest.raises(UserError, match="no target in common; name targets or other rows"):
        common_targets(systems, files, None)

import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mssbench import cli
from mssbench.commands import data
from mssbench.data.catalogue import CATALOGUE
from mssbench.data.changes import dataset_digest
from mssbench.data.check import check_song, check_songs
from mssbench.data.levels import clipped_runs, peak_level, sum_difference
from mssbench.data.songs import SOURCES, STEMS, Dataset, Song, find_songs
from mssbench.errors import UserError

RATE = 8000
SAMPLES = 4000
OH_NO = "PR - Oh No"

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def mssbench_data(*words):
    data.run(cli.parse(["data", *map(str, words)]))


def make_tracks(seed=0, **changed):
    """Stereo noise of peak 0.1 a source and its sum; ``changed`` replaces or drops tracks."""
    rng = np.random.default_rng(seed)
    sources = {name: rng.uniform(-0.1, 0.1, (2, SAMPLES)) for name in SOURCES}
    tracks = {"mixture": sum(sources.values()), **sources, **changed}
    return {name: audio for name, audio in tracks.items() if audio is not None}


def write_song(folder, tracks, subtype="FLOAT", rates=None):
    folder.mkdir(parents=True)
    for name, audio in tracks.items():
        rate = (rates or {}).get(name, RATE)
        soundfile.write(folder / f"{name}.wav", audio.T, rate, subtype=subtype)
    return Song(folder.name, folder.parent.name, folder)


def kinds(check):
    return [finding.kind for finding in check.findings]


def texts(check):
    return "\n".join(finding.text for finding in check.findings)


def save(songs, path, name="mine"):
    whole = [song for song in songs if all(file.is_file() for file in song.files)]
    digest = dataset_digest(path.parent, whole)
    Dataset(name, path.parent, tuple(songs), {"kind": "test"}, digest).save(path)
    return path


def test_a_good_song_has_no_finding_and_is_measured(tmp_path):
    check = check_song(write_song(tmp_path / "train" / "A - One", make_tracks()))
    assert check.findings == ()
    assert (check.samples, check.rate, check.channels) == (SAMPLES, RATE, (2,) * 5)
    assert (check.silent, check.clipped) == ((), 0)
    assert check.difference < -120
    assert check.relative < -120


@pytest.mark.parametrize("bits", [16, 24])
def test_rounding_to_integers_is_no_difference_between_sum_and_mixture(tmp_path, bits):
    song = write_song(tmp_path / "train" / "A - One", make_tracks(), f"PCM_{bits}")
    check = check_song(song)
    assert check.findings == ()
    # Five tracks, each cut to whole steps: the sum is at most four steps away.
    assert check.difference <= 20 * math.log10(4 * 2 ** (1 - bits)) + 1e-6


@pytest.mark.parametrize("gain", [1e-3, 0.03, 0.5])
def test_the_difference_to_the_sum_is_found_in_the_channel_where_it_is(tmp_path, gain):
    tracks = make_tracks()
    tracks["mixture"][0] *= 1 + gain
    check = check_song(write_song(tmp_path / "train" / "A - One", tracks))
    largest = np.abs(tracks["mixture"][0]).max() * gain / (1 + gain)
    assert check.difference == pytest.approx(20 * math.log10(largest), abs=1e-3)
    assert check.relative == pytest.approx(20 * math.log10(gain / (1 + gain)), abs=1e-2)
    if gain < 0.01:
        assert check.findings == ()
    else:
        assert kinds(check) == ["sum"]
        assert f"left {check.relative:.1f} dB" in texts(check)
        assert re.search(r"right -(\d{3}\.|inf)", texts(check))
        assert not check.findings[0].is_broken


def test_a_lost_part_of_a_source_is_found(tmp_path):
    tracks = make_tracks()
    tracks["bass"][:, 1000:3000] = 0
    assert kinds(check_song(write_song(tmp_path / "train" / "x", tracks))) == ["sum"]


def test_sources_of_a_silent_mixture_differ_without_bound(tmp_path):
    check = check_song(
        write_song(tmp_path / "train" / "x", make_tracks(mixture=np.zeros((2, SAMPLES))))
    )
    assert check.relative == math.inf
    assert kinds(check) == ["silent", "sum"]


def test_a_song_of_zeros_is_silent_and_sums_exactly(tmp_path):
    song = write_song(tmp_path / "train" / "x", dict.fromkeys(STEMS, np.zeros((2, 50))))
    check = check_song(song)
    assert check.silent == STEMS
    assert (check.difference, check.relative) == (-math.inf, -math.inf)


@pytest.mark.parametrize(("peak", "is_silent"), [(0, True), (0.9e-4, True), (1.1e-4, False)])
def test_a_stem_is_silent_up_to_dither(tmp_path, peak, is_silent):
    vocals = np.zeros((2, SAMPLES))
    vocals[1, 7] = -peak
    sources = make_tracks()
    mixture = sum(sources[name] for name in SOURCES[:3])
    tracks = {**sources, "vocals": vocals, "mixture": mixture + vocals}
    check = check_song(write_song(tmp_path / "train" / "x", tracks))
    assert check.silent == (("vocals",) if is_silent else ())
    assert kinds(check) == (["silent"] if is_silent else [])


def test_clipping_is_runs_of_one_value_at_full_scale():
    audio = np.zeros((2, 20), np.float32)
    top, bottom = 1 - 2**-15, -1
    audio[0, 2:4] = top  # too short
    audio[0, 10:13] = bottom
    audio[1, :5] = top
    audio[1, 6:9] = (bottom, top, bottom)  # touches full scale without staying
    audio[1, 17:] = 1.25
    audio[0, 15:19] = 0.99
    assert clipped_runs(audio) == [(0, 5), (10, 3), (17, 3)]


@pytest.mark.parametrize("seed", range(5))
def test_runs_are_what_a_walk_over_the_samples_finds(seed):
    rng = np.random.default_rng(seed)
    audio = rng.choice([0.5, 1, -1], size=(2, 300), p=[0.2, 0.5, 0.3]).astype(np.float32)
    expected = []
    for channel in audio:
        start = 0
        for at in range(1, len(channel) + 1):
            if at == len(channel) or channel[at] != channel[start]:
                if abs(channel[start]) == 1 and at - start >= 3:
                    expected.append((start, at - start))
                start = at
    assert expected
    assert clipped_runs(audio) == sorted(expected)


def test_a_clipped_stem_is_named_with_its_places(tmp_path):
    tracks = make_tracks()
    tracks["drums"][0, 400:410] = 1.0
    tracks["drums"][1, 800:803] = -1.0
    tracks["mixture"] = sum(tracks[name] for name in SOURCES)
    check = check_song(write_song(tmp_path / "train" / "x", tracks))
    assert check.clipped == 13
    assert kinds(check) == ["clipped"]
    assert "drums is clipped in 2 places, first at 0.050 s; the longest is 10 samples" in texts(
        check
    )


def test_loud_noise_beyond_full_scale_is_not_clipped(tmp_path):
    tracks = {name: 20 * audio for name, audio in make_tracks().items()}
    assert check_song(write_song(tmp_path / "train" / "x", tracks)).findings == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_break_a_song_and_are_named_with_their_place(tmp_path, bad):
    tracks = make_tracks()
    tracks["vocals"][1, 800] = tracks["vocals"][0, 900] = bad
    check = check_song(write_song(tmp_path / "train" / "x", tracks))
    assert kinds(check) == ["not finite"]
    assert check.findings[0].is_broken
    assert "vocals is NaN or infinite at sample 800 (0.100 s) and 1 more" in texts(check)
    assert math.isnan(check.difference)


@pytest.mark.parametrize(
    ("changed", "rates", "words"),
    [
        ({"bass": np.full((2, SAMPLES - 1), 0.1)}, {}, "different lengths .*bass 3999"),
        ({"bass": np.full((1, SAMPLES), 0.1)}, {}, "different numbers of channels .*bass 1"),
        ({}, {"other": 44100}, "different sample rates .*other 44100"),
    ],
)
def test_tracks_that_differ_in_kind_break_a_song(tmp_path, changed, rates, words):
    song = write_song(tmp_path / "train" / "x", make_tracks(**changed), rates=rates)
    check = check_song(song)
    assert kinds(check) == ["unequal"]
    assert check.findings[0].is_broken
    assert re.search(words, texts(check))
    assert math.isnan(check.relative)


def test_all_that_is_wrong_with_a_song_is_found_at_once(tmp_path):
    tracks = make_tracks(vocals=np.zeros((1, 77)), drums=None)
    tracks["other"][0, 5] = np.nan
    song = write_song(tmp_path / "train" / "x", tracks)
    cut = song.path / "bass.wav"
    cut.write_bytes(cut.read_bytes()[:5000])
    check = check_song(song)
    assert kinds(check) == ["unreadable", "unreadable", "not finite", "silent"]
    assert "drums.wav: no such file" in texts(check)
    assert "bass.wav: truncated" in texts(check)


def test_a_mono_source_of_dsd100s_layout_is_summed_into_both_channels(tmp_path):
    tracks = make_tracks(bass=np.random.default_rng(5).uniform(-0.1, 0.1, (1, SAMPLES)))
    tracks["mixture"] = sum(tracks[name] for name in SOURCES)
    for name, audio in tracks.items():
        part = "Mixtures" if name == "mixture" else "Sources"
        file = tmp_path / part / "Dev" / "051 - Ada - One" / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, audio.T, RATE, subtype="FLOAT")
    check = check_song(*find_songs(tmp_path))
    assert check.findings == ()
    assert check.relative < -120
    assert check.channels == (2, 2, 1, 2, 2)


def write_stem_mp4(path, tracks):
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs, maps = [], []
    for number, name in enumerate(STEMS):
        wav = path.with_name(f"{name}.wav")
        soundfile.write(wav, tracks[name].T, 44100, subtype="FLOAT")
        inputs += ["-i", wav]
        maps += ["-map", f"{number}:a"]
    coding = ["-c:a", "aac", "-b:a", "256k", path]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *maps, *coding], check=True)
    return Song(path.name.removesuffix(".stem.mp4"), path.parent.name, path)


@needs_ffmpeg
def test_lossy_coding_is_no_finding_but_a_lost_source_or_a_cut_file_is(tmp_path):
    time = np.arange(30_000) / 44100
    tones = [0.1 * np.sin(2 * np.pi * 220 * n * time) for n in (1, 2, 3, 5)]
    sources = {name: np.stack([tone] * 2) for name, tone in zip(SOURCES, tones, strict=True)}
    tracks = {"mixture": sum(sources.values()), **sources}
    song = write_stem_mp4(tmp_path / "train" / "A - One.stem.mp4", tracks)
    good = check_song(song)
    assert good.findings == ()
    assert -math.inf < good.relative < -20
    tracks["bass"] = np.zeros_like(tracks["bass"])
    lost = check_song(write_stem_mp4(tmp_path / "train" / "B - Two.stem.mp4", tracks))
    assert kinds(lost) == ["silent", "sum"]
    song.path.write_bytes(song.path.read_bytes()[:3000])
    assert kinds(check_song(song)) == ["unreadable"]


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_song_does_not_stop_the_others(tmp_path, workers):
    songs = [
        write_song(tmp_path / "train" / f"song {n}", make_tracks(n), "PCM_16") for n in range(3)
    ]
    (songs[1].path / "mixture.wav").write_bytes(b"RIFF, but no audio")
    checks = check_songs(songs, workers)
    assert [check.song for check in checks] == songs
    assert [kinds(check) for check in checks] == [[], ["unreadable"], []]


def test_a_file_that_fails_in_an_unforeseen_way_is_a_finding(tmp_path, monkeypatch):
    songs = [write_song(tmp_path / "train" / f"song {n}", make_tracks(n)) for n in range(2)]
    real = soundfile.read

    def fails(file, **options):
        if "song 0" in str(file):
            raise RuntimeError("no more handles")
        return real(file, **options)

    monkeypatch.setattr(soundfile, "read", fails)
    checks = check_songs(songs)
    assert [kinds(check) for check in checks] == [["unreadable"], []]
    assert "no more handles" in texts(checks[0])


def lines_of(output, word):
    return [line for line in output.splitlines() if line.startswith(word)]


def test_the_command_prints_a_table_and_a_line_for_each_finding(tmp_path, capsys, caplog):
    good = write_song(tmp_path / "train" / "A - One", make_tracks())
    loud = make_tracks()
    loud["mixture"] *= 1.5
    fault = write_song(tmp_path / "train" / "B - Two", loud)
    broken = write_song(tmp_path / "test" / "C - Three", make_tracks(drums=None))
    path = save([broken, good, fault], tmp_path / "dataset.json")
    caplog.set_level("INFO")
    assert cli.main(["data", "check", str(path)]) == cli.USER_ERROR
    printed = capsys.readouterr().out
    rows = {line.split("  ")[-1]: line.split() for line in printed.splitlines()[:4]}
    assert rows["A - One"][:4] == ["train", "0.50", "8000", "2"]
    assert rows["C - Three"][4:6] == ["-", "-"]
    assert float(rows["B - Two"][5]) == pytest.approx(20 * math.log10(1 / 3), abs=0.1)
    assert [line.split(": ")[0] for line in lines_of(printed, "broken")] == [
        "broken  test/C - Three"
    ]
    assert [line.split(": ")[0] for line in lines_of(printed, "fault")] == ["fault   train/B - Two"]
    assert printed.splitlines()[-1] == "3 songs: 1 broken, 1 more with faults, 0 more with remarks"
    assert "check: 3/3 songs" in caplog.text
    error = caplog.records[-1].getMessage()
    assert str(path) in error
    assert "2 of 3 songs are broken or have faults: test/C - Three, train/B - Two;" in error
    assert "\n" not in error


def silent_vocals():
    tracks = make_tracks(vocals=np.zeros((2, SAMPLES)))
    return tracks | {"mixture": sum(tracks[name] for name in SOURCES)}


def clipped_drums():
    tracks = make_tracks()
    tracks["drums"][0, 400:410] = 1.0
    return tracks | {"mixture": sum(tracks[name] for name in SOURCES)}


def test_silence_fails_only_a_strict_check(tmp_path, capsys):
    song = write_song(tmp_path / "train" / "A - One", silent_vocals())
    path = save([song], tmp_path / "dataset.json")
    mssbench_data("check", path)
    assert "0 broken, 0 more with faults, 1 more with remarks" in capsys.readouterr().out
    with pytest.raises(
        UserError, match="1 of 1 songs are broken, have faults or remarks: train/A - One;"
    ):
        mssbench_data("check", path, "--strict")


def test_clipping_and_wrong_sums_fail_every_check(tmp_path):
    wrong = make_tracks()
    wrong["mixture"] *= 1.5
    for name, tracks in (("clipped", clipped_drums()), ("wrong", wrong)):
        song = write_song(tmp_path / "train" / name, tracks)
        with pytest.raises(UserError, match=rf"1 of 1 songs are broken .*: train/{name};"):
            mssbench_data("check", save([song], tmp_path / "dataset.json"))


def test_errata_of_ones_own_name_the_finding_that_they_explain(tmp_path, capsys):
    write_song(tmp_path / "duo" / "train" / "A - One", clipped_drums())
    entry = tmp_path / "duo.yaml"
    with pytest.raises(UserError, match="1 of 1 songs are broken or have faults"):
        entry.write_text("errata: [{song: A - One, what: loud drums}]")
        mssbench_data("check", entry, tmp_path / "duo")
    entry.write_text("errata: [{song: A - One, what: loud drums, shows: clipped}]")
    mssbench_data("check", entry, tmp_path / "duo")
    assert "known   train/A - One: drums is clipped in 1 place" in capsys.readouterr().out


def test_a_folder_is_checked_without_a_link_and_every_song_at_fault_is_listed(tmp_path, capsys):
    root = tmp_path / "copy"
    write_song(root / "train" / "A - One", make_tracks())
    write_song(root / "train" / "B - Two", make_tracks(bass=np.full((2, SAMPLES - 9), 0.1)))
    write_song(root / "train" / "C - Three", make_tracks(drums=None))
    cut = write_song(root / "test" / "D - Four", make_tracks()).path / "other.wav"
    cut.write_bytes(cut.read_bytes()[:5000])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"copy: 3 of 4 songs .*D - Four, train/B - Two, train/C"):
        mssbench_data("check", "musdb18hq", root)
    assert sorted(tmp_path.rglob("*")) == before
    first, second, third = lines_of(capsys.readouterr().out, "broken")
    assert re.search(r"test/D - Four: .*other\.wav: truncated", first)
    assert re.search(r"train/B - Two: .*different lengths .*bass 3991", second)
    assert re.search(r"train/C - Three: .*drums\.wav: no such file", third)


def test_a_folder_of_ones_own_lists_the_songs_whose_stems_differ(tmp_path, capsys):
    root = tmp_path / "duo"
    for number, name in enumerate(("A - One", "B - Two", "C - Three", "D - Four")):
        write_song(root / "train" / name, make_tracks(number, mixture=None))
    (root / "train" / "A - One" / "bass.wav").rename(root / "train" / "A - One" / "piano.wav")
    (root / "train" / "C - Three" / "bass.wav").rename(root / "train" / "C - Three" / "bass.flac")
    words = "check", "duo", root, "--stems", *SOURCES
    with pytest.raises(UserError, match=r"2 of 4 songs .*: train/A - One, train/C - Three;"):
        mssbench_data(*words)
    first, second = lines_of(capsys.readouterr().out, "broken")
    assert "A - One: this song has no bass; it has drums, other, piano" in first
    assert "files of different kinds" in second
    entry = tmp_path / "any.yaml"
    entry.write_text("")
    with pytest.raises(UserError, match=r"2 of 4 songs .*: train/A - One, train/C - Three;"):
        mssbench_data("check", entry, root)
    assert "A - One: other stems than" in lines_of(capsys.readouterr().out, "broken")[0]


@pytest.mark.parametrize("words", [("musdb18hq",), (".",), ("d.json", "--stems", "piano")])
def test_a_folder_needs_a_name_and_a_name_a_folder(words):
    with pytest.raises(UserError, match=r"found no PATH beside it.*data check NAME PATH"):
        mssbench_data("check", *words)


def test_songs_that_have_changed_since_they_were_linked_are_refused(tmp_path, capsys):
    song = write_song(tmp_path / "train" / "A - One", make_tracks())
    path = save([song], tmp_path / "dataset.json")
    mssbench_data("check", path)
    vocals = song.path / "vocals.wav"
    os.utime(vocals, ns=(0, vocals.stat().st_mtime_ns + 1000))
    with pytest.raises(UserError, match=r"dataset\.json: songs in .* have changed since"):
        mssbench_data("check", path)
    vocals.unlink()
    with pytest.raises(UserError, match="1 of 1 songs are broken"):
        mssbench_data("check", path)
    assert "vocals.wav: no such file" in capsys.readouterr().out


def test_a_good_set_passes_a_strict_check_with_workers(tmp_path, capsys):
    songs = [write_song(tmp_path / "train" / f"song {n}", make_tracks(n)) for n in range(2)]
    mssbench_data("check", save(songs, tmp_path / "d.json"), "--strict", "--workers", 2)
    assert "2 songs: 0 broken, 0 more with faults, 0 more with remarks" in capsys.readouterr().out


def test_many_unfit_songs_are_counted_and_the_first_named(tmp_path):
    missing = [Song(f"song {n}", "train", tmp_path / "train" / f"song {n}") for n in range(8)]
    with pytest.raises(UserError, match=r"8 of 8 songs .*train/song 4 and 3 more;"):
        mssbench_data("check", save(missing, tmp_path / "d.json"))


def test_known_errata_are_shown_and_mark_the_finding_they_explain(tmp_path, capsys):
    tracks = make_tracks()
    tracks["mixture"][0] *= 1.5
    oh_no = write_song(tmp_path / "train" / OH_NO, tracks)
    leaf = write_song(tmp_path / "train" / "Leaf - Wicked", make_tracks(1))
    path = save([leaf, oh_no], tmp_path / "dataset.json", "musdb18hq")
    mssbench_data("check", path, "--strict")
    printed = capsys.readouterr().out
    known = lines_of(printed, "known")
    assert len(known) == 3
    assert "guitar is in drums" in known[0]
    assert f"train/{OH_NO}: the sources do not sum to the mixture" in known[1]
    assert "left channel" in known[2]
    assert not lines_of(printed, "fault")


def test_a_known_fault_excuses_no_other_fault_and_no_other_data_set(tmp_path, capsys):
    tracks = make_tracks(vocals=np.zeros((2, SAMPLES)))
    tracks["mixture"][0] *= 1.5
    song = write_song(tmp_path / "train" / OH_NO, tracks)
    with pytest.raises(UserError, match="have faults or remarks"):
        mssbench_data("check", save([song], tmp_path / "d.json", "musdb18hq"), "--strict")
    printed = capsys.readouterr().out
    assert (len(lines_of(printed, "fault")), len(lines_of(printed, "remark"))) == (0, 1)
    with pytest.raises(UserError, match="broken or have faults"):
        mssbench_data("check", save([song], tmp_path / "d.json", "mine"))
    printed = capsys.readouterr().out
    assert (len(lines_of(printed, "fault")), len(lines_of(printed, "remark"))) == (1, 1)


def test_the_list_shows_the_errata_of_both_musdb18s(capsys):
    mssbench_data("list")
    faults = lines_of(capsys.readouterr().out, "  fault:")
    assert sum(OH_NO in fault for fault in faults) == 2
    assert CATALOGUE["musdb18"].errata == CATALOGUE["musdb18hq"].errata
    assert {erratum.song for erratum in CATALOGUE["musdb18"].errata} > {OH_NO, "Leaf - Wicked"}


def test_levels_are_relative_to_a_sample_of_one():
    assert peak_level(np.array([[0.1, -10.0]])) == pytest.approx(20)
    assert peak_level(np.zeros((1, 3))) == -math.inf
    mixture = np.array([[1.0, 1.0], [0.0, 0.0]])
    difference, relative = sum_difference(mixture, [np.array([[0.9, 0.9], [0.0, 0.0]])])
    assert difference == pytest.approx(-20)
    assert relative == pytest.approx([-20, -math.inf])
    assert mixture.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_a_file_that_is_no_dataset_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.json: no such file"):
        mssbench_data("check", tmp_path / "none.json")


def test_zero_workers_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        mssbench_data("check", Path("d.json"), "--workers", 0)
    assert "--workers" in capsys.readouterr().err

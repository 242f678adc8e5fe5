import hashlib
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

import numpy as np
import pytest
import soundfile

from mssbench.cli import parse
from mssbench.commands import data
from mssbench.data import dsd
from mssbench.data.catalogue import CATALOGUE, Archive, Entry
from mssbench.data.dsd100_songs import DEV, TEST, as_dsd100
from mssbench.data.own_entry import find_entry
from mssbench.data.reader import read_headers, read_song
from mssbench.data.rendition import prepare
from mssbench.data.songs import SOURCES, STEMS, Dataset, Song, find_songs
from mssbench.errors import UserError

RATE = 8000
SONGS = {"Dev": ["051 - Ada - One", "052 - Bob - Two"], "Test": ["001 - Cy - Three"]}


def mssbench_data(*words):
    data.run(parse(["data", *map(str, words)]))


def noise(samples, channels, seed):
    return np.random.default_rng(seed).uniform(-0.2, 0.2, (channels, samples)).astype(np.float32)


def write_song(root, folder, name, tracks):
    """Write ``tracks``, stem -> (channels, samples), as one song of the layout."""
    for stem, audio in tracks.items():
        part = "Mixtures" if stem == "mixture" else "Sources"
        file = root / part / folder / name / f"{stem}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, audio.T, RATE, subtype="FLOAT")


def mixed(channels, samples=400):
    """Five tracks whose sources have the numbers of channels given, in the order of SOURCES."""
    sources = {
        source: noise(samples, count, seed)
        for seed, (source, count) in enumerate(zip(SOURCES, channels, strict=True))
    }
    return {"mixture": np.zeros((2, samples), np.float32) + sum(sources.values()), **sources}


@pytest.fixture
def root(tmp_path):
    for folder, names in SONGS.items():
        for name in names:
            write_song(tmp_path / "DSD100", folder, name, mixed([2, 2, 2, 2]))
    return tmp_path / "DSD100"


def test_dev_is_train_and_test_is_test(root):
    (root / "Mixtures" / "Dev" / ".DS_Store").mkdir()
    (root / "dsd100.txt").write_text("not a song")
    assert [(song.subset, song.name) for song in find_songs(root)] == [
        ("test", "001 - Cy - Three"),
        ("train", "051 - Ada - One"),
        ("train", "052 - Bob - Two"),
    ]


def test_the_five_tracks_come_from_both_folders_in_the_order_of_the_stems(root):
    song = find_songs(root)[1]
    stems, rate = read_song(song)
    assert rate == RATE
    assert [file.stem for file in song.files] == list(STEMS)
    for stem, audio in zip(STEMS, stems, strict=True):
        assert np.array_equal(audio, mixed([2, 2, 2, 2])[stem])


def test_one_of_dev_and_test_is_enough(tmp_path):
    write_song(tmp_path, "Test", "001 - Cy - Three", mixed([2, 2, 2, 2]))
    assert [song.subset for song in find_songs(tmp_path)] == ["test"]


def test_the_archives_own_folder_on_top_is_entered(root):
    assert find_songs(root.parent) == find_songs(root)


def test_two_such_folders_are_not_guessed_between(root):
    write_song(root.parent / "MSD100", "Test", "001 - Cy - Three", mixed([2, 2, 2, 2]))
    with pytest.raises(UserError, match=r"2 folders in it hold Mixtures \(DSD100, MSD100\)"):
        find_songs(root.parent)


@pytest.mark.parametrize(
    "lost", ["Sources/Dev/051 - Ada - One/bass.wav", "Mixtures/Test/001 - Cy - Three/mixture.wav"]
)
def test_a_missing_file_is_named_with_its_folder(root, lost):
    (root / lost).unlink()
    with pytest.raises(UserError) as error:
        find_songs(root)
    assert lost in str(error.value)
    assert "\n" not in str(error.value)


def test_a_song_that_only_the_sources_know_is_not_passed_over(root):
    write_song(root, "Dev", "053 - Dee - Four", {"bass": noise(400, 2, 0)})
    with pytest.raises(UserError, match=r"053 - Dee - Four/mixture\.wav.*drums\.wav"):
        find_songs(root)


def test_a_set_without_a_song_and_two_layouts_at_once_are_refused(root, tmp_path):
    (tmp_path / "empty" / "Mixtures" / "Dev").mkdir(parents=True)
    with pytest.raises(UserError, match="empty/Mixtures: no song"):
        find_songs(tmp_path / "empty")
    (root / "train").mkdir()
    with pytest.raises(UserError, match="two layouts"):
        find_songs(root)


@pytest.mark.parametrize("channels", [[1, 2, 2, 2], [2, 1, 1, 2], [1, 1, 1, 1]])
def test_a_mono_source_fills_both_channels_at_its_own_gain(tmp_path, channels):
    tracks = mixed(channels)
    write_song(tmp_path, "Dev", "051 - Ada - One", tracks)
    (song,) = find_songs(tmp_path)
    assert [header.channels for header in read_headers(song)] == [2, *channels]
    stems, _ = read_song(song)
    assert stems.shape == (5, 2, 400)
    for source, audio in zip(STEMS, stems, strict=True):
        assert np.array_equal(audio, np.broadcast_to(tracks[source], (2, 400)))
    assert np.allclose(stems[0], stems[1:].sum(axis=0), atol=1e-6)


def test_a_mono_mixture_with_mono_sources_stays_mono(tmp_path):
    tracks = mixed([1, 1, 1, 1])
    write_song(tmp_path, "Dev", "x", {**tracks, "mixture": tracks["mixture"][:1]})
    assert read_song(*find_songs(tmp_path))[0].shape == (5, 1, 400)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mixture": noise(400, 1, 0)}, "channels .mixture 1, drums 2"),
        ({"bass": noise(400, 3, 0)}, "channels .*bass 3"),
        ({"bass": noise(399, 1, 0)}, "lengths in samples .*bass 399"),
    ],
)
def test_other_differences_between_the_tracks_are_refused(tmp_path, changed, words):
    write_song(tmp_path, "Dev", "x", {**mixed([2, 2, 2, 2]), **changed})
    with pytest.raises(UserError, match=words):
        read_song(*find_songs(tmp_path))


def test_a_mono_stem_beside_a_stereo_mixture_is_refused_in_other_layouts(tmp_path):
    folder = tmp_path / "train" / "x"
    folder.mkdir(parents=True)
    for stem, audio in mixed([1, 2, 2, 2]).items():
        soundfile.write(folder / f"{stem}.wav", audio.T, RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"channels .*drums 1"):
        read_song(*find_songs(tmp_path))


def test_the_rules_of_the_layout_do_not_depend_on_where_it_lies(tmp_path):
    # A copy of MUSDB18-HQ below folders with DSD100's names is still MUSDB18-HQ.
    assert not dsd.is_mixture_folder(tmp_path / "Mixtures" / "Dev" / "train" / "A - One")
    assert dsd.is_mixture_folder(tmp_path / "train" / "Mixtures" / "Dev" / "A - One")


@pytest.mark.parametrize("name", ["dsd100", "msd100"])
def test_a_linked_copy_survives_its_file_and_makes_a_rendition(tmp_path, root, name):
    write_song(root, "Dev", "053 - Dee - Four", mixed([1, 2, 2, 1]))
    mssbench_data("link", name, root.parent, "--out", tmp_path / "dataset.json")
    dataset = Dataset.load(tmp_path / "dataset.json")
    assert dataset.name == name
    assert list(dataset.songs) == find_songs(root)
    rendition = prepare(dataset, tmp_path / "rendition", RATE, "stereo", workers=1)
    made = rendition.audio(rendition.by_name("053 - Dee - Four"))
    assert np.allclose(made[0], made[1:].sum(axis=0), atol=1e-4)


def test_the_catalogue_knows_dsd100s_address_and_checksum():
    (archive,) = CATALOGUE["dsd100"].archives
    assert archive.url == "http://liutkus.net/DSD100.zip"
    assert archive.checksums == ("md5:e8964d97d6f320962647e24ebc6773e3",)
    assert [(CATALOGUE[n].train, CATALOGUE[n].test) for n in ("dsd100", "msd100")] == [(50, 50)] * 2


def test_the_configuration_allows_every_data_set_of_the_catalogue():
    folder = Path(__file__).parents[1] / "workflow/datasets"
    assert [find_entry(name, folder) for name in CATALOGUE] == list(CATALOGUE.values())


def as_musdb18(names):
    """Return the songs of these names, each third of them a test song as in no DSD100."""
    return [
        Song(name, "test" if number % 3 == 0 else "train", Path("/musdb", name))
        for number, name in enumerate(names)
    ]


def test_dsd100s_songs_are_found_by_name_and_assigned_as_dsd100_does():
    found = as_musdb18([*sorted(TEST + DEV), "A Classic Education - NightOwl", "PR - Oh No"])
    songs = as_dsd100(found)
    assert [song.name for song in songs] == [*TEST, *DEV]
    assert [song.subset for song in songs] == ["test"] * 50 + ["train"] * 50
    assert {song.path for song in songs} == {song.path for song in found[:100]}
    # Names that DSD100's folders carry: the numbers up to 050 are Test's, the others Dev's.
    numbered = {
        1: "ANiMAL - Clinic A",
        5: "Angela Thomas Wade - Milk Cow Blues",
        49: "Young Griffo - Facade",
        51: "AM Contra - Heart Peripheral",
        55: "Angels In Amplifiers - I'm Alright",
        81: "Patrick Talbot - Set Me Free",
        94: "Titanium - Haunted Age",
    }
    assert {number: songs[number - 1].name for number in numbered} == numbered


def test_a_copy_without_one_of_dsd100s_songs_is_refused():
    with pytest.raises(UserError, match="2 of DSD100's 100 songs are not there, such as 'ANiMAL"):
        as_dsd100(as_musdb18((TEST + DEV)[2:]))


def test_dsd100_is_linked_from_a_copy_of_musdb18hq(tmp_path):
    for number, song in enumerate(as_musdb18([*sorted(TEST + DEV), "PR - Oh No"])):
        folder = tmp_path / "hq" / song.subset / song.name
        folder.mkdir(parents=True)
        for stem in STEMS:
            soundfile.write(folder / f"{stem}.wav", noise(40, 2, number).T, RATE, "PCM_16")
    words = ("dsd100-from-musdb18hq", tmp_path / "hq", "--out", tmp_path / "dataset.json")
    mssbench_data("link", *words)
    dataset = Dataset.load(tmp_path / "dataset.json")
    assert [song.name for song in dataset.songs if song.subset == "train"] == list(DEV)
    assert all(read_song(song)[0].shape == (5, 2, 40) for song in dataset.songs[::20])


def test_msd100_is_not_downloaded_and_a_copy_is_asked_for(tmp_path, capsys):
    with pytest.raises(UserError, match=r"no address .*mssbench data link msd100 PATH"):
        mssbench_data("download", "msd100", "--root", tmp_path, "--out", tmp_path / "d.json")
    mssbench_data("list")
    listed = capsys.readouterr().out
    assert "mssbench data link msd100 PATH" in listed
    assert "the archive may be gone" in listed
    assert "mssbench data link dsd100-from-musdb18hq PATH" in listed


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server on this machine and the folder of its files."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    served = tmp_path / "served"
    served.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=served))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", served
    server.shutdown()
    thread.join()
    server.server_close()


def entry_of(address, checksum, availability=""):
    archive = Archive(f"{address}/DSD100.zip", 10_000, (f"md5:{checksum}",))
    return Entry("gone", "dsd", 2, 1, "none", "none", (archive,), availability=availability)


@pytest.mark.parametrize("answer", [None, b"<html>this domain is for sale</html>"])
def test_when_an_archive_is_gone_the_message_offers_to_link_a_copy(tmp_path, server, answer):
    address, served = server
    if answer:
        (served / "DSD100.zip").write_bytes(answer)
    entry = entry_of(address, "0" * 32, "the archive may be gone")
    with pytest.raises(UserError) as error:
        data.download(entry, tmp_path / "root")
    assert "the archive may be gone: with a copy at hand" in str(error.value)
    assert "mssbench data link gone PATH" in str(error.value)
    assert f"{address}/DSD100.zip" in str(error.value)
    with pytest.raises(UserError) as error:
        data.download(entry_of(address, "0" * 32), tmp_path / "root")
    assert "link" not in str(error.value)


def test_without_a_copy_of_dsd100_or_msd100_the_songs_of_musdb18hq_are_offered(
    tmp_path, server, capsys
):
    rebuild = "mssbench data link dsd100-from-musdb18hq PATH"
    address, _ = server
    gone = (replace(CATALOGUE["dsd100"].archives[0], url=f"{address}/gone.zip"),)
    for entry in (replace(CATALOGUE["dsd100"], archives=gone), CATALOGUE["msd100"]):
        with pytest.raises(UserError) as error:
            data.download(entry, tmp_path / "root")
        assert f"mssbench data link {entry.name} PATH; or, with a copy of MUSDB18-HQ" in str(
            error.value
        )
        assert str(error.value).endswith(rebuild)
        assert "\n" not in str(error.value)
        assert CATALOGUE[entry.rebuilt_by].select
    mssbench_data("list")
    ways = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  get:")]
    assert sum(rebuild in way for way in ways) == 3


def test_an_archive_with_a_folder_on_top_is_downloaded(tmp_path, root, server):
    address, served = server
    with ZipFile(served / "DSD100.zip", "w") as zipped:
        for file in sorted(root.rglob("*.wav")):
            zipped.write(file, file.relative_to(root.parent))
    checksum = hashlib.md5((served / "DSD100.zip").read_bytes()).hexdigest()
    dataset = data.download(entry_of(address, checksum), tmp_path / "root")
    assert [song.name for song in dataset.songs] == [song.name for song in find_songs(root)]
    dataset.save(tmp_path / "dataset.json")
    for song in Dataset.load(tmp_path / "dataset.json").songs:
        read_song(song)

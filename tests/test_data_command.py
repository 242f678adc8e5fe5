import hashlib
import json
import logging
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from zipfile import ZipFile

import numpy as np
import pytest
import soundfile

from mssbench.cli import parse
from mssbench.commands import data
from mssbench.commands import prepare as prepare_command
from mssbench.data.catalogue import CATALOGUE, Archive, Entry
from mssbench.data.entry_songs import songs_digest
from mssbench.data.songs import STEMS, Dataset
from mssbench.errors import UserError

SONGS = {"train": ["A - One", "B - Two"], "test": ["C - Three"]}


def mssbench_data(*words):
    data.run(parse(["data", *map(str, words)]))


def make_copy(root):
    """Lay out three short songs as MUSDB18-HQ does."""
    noise = np.random.default_rng(3)
    for subset, names in SONGS.items():
        for name in names:
            (root / subset / name).mkdir(parents=True)
            for stem in STEMS:
                audio = noise.uniform(-0.5, 0.5, (200, 2))
                soundfile.write(root / subset / name / f"{stem}.wav", audio, 44100, "PCM_16")
    return root


@pytest.fixture
def copy(tmp_path):
    return make_copy(tmp_path / "copy")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A data set of the catalogue, whose archive a server on this machine gives."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    source, served = make_copy(tmp_path / "source"), tmp_path / "served"
    served.mkdir()
    zip_path = served / "tiny.zip"
    with ZipFile(zip_path, "w") as zipped:
        for file in sorted(source.rglob("*.wav")):
            zipped.write(file, file.relative_to(source))
    requests = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requests.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=served))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    content = zip_path.read_bytes()
    archive = Archive(
        url=f"http://127.0.0.1:{server.server_port}/tiny.zip?download=1",
        bytes=len(content),
        checksums=(f"md5:{hashlib.md5(content).hexdigest()}",),
    )
    entry = Entry("tiny", "wav", 2, 1, "no terms", "nobody", (archive,))
    monkeypatch.setitem(CATALOGUE, "tiny", entry)
    yield SimpleNamespace(root=tmp_path / "root", requests=requests, archive=archive, entry=entry)
    server.shutdown()
    thread.join()
    server.server_close()


def test_list_says_for_each_data_set_size_licence_citation_and_needs(capsys):
    mssbench_data("list")
    table, remarks = capsys.readouterr().out.split("\n\n")
    rows = {row.split()[0]: row for row in table.splitlines()}
    known = [
        "synthetic",
        "musdb18-7s",
        "musdb18",
        "musdb18hq",
        "dsd100",
        "dsd100-from-musdb18hq",
        "msd100",
    ]
    assert list(rows) == ["NAME", *known]
    assert "22.7 GB" in rows["musdb18hq"]
    assert "non-commercial" in rows["musdb18hq"]
    assert "10.5281/zenodo.3338373" in remarks
    assert "56.6 GB of disk" in remarks
    assert "ffmpeg" in remarks


def test_link_records_the_path_and_copies_nothing(copy, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    mssbench_data("link", "musdb18hq", copy, "--out", tmp_path / "dataset.json")
    dataset = Dataset.load(tmp_path / "dataset.json")
    assert (dataset.name, dataset.root) == ("musdb18hq", copy)
    assert dataset.source == {"kind": "link", "path": str(copy)}
    found = {(song.subset, song.name) for song in dataset.songs}
    assert found == {(subset, name) for subset, names in SONGS.items() for name in names}
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "dataset.json"])


def test_link_of_a_part_of_a_data_set_warns(copy, tmp_path, caplog):
    mssbench_data("link", "musdb18hq", copy, "--out", tmp_path / "dataset.json")
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any("2 train songs, musdb18hq has 100" in warning for warning in warnings)
    assert any("1 test songs, musdb18hq has 50" in warning for warning in warnings)


def test_the_digest_follows_the_files(copy, tmp_path):
    digests = []
    for change in (None, None, b"more"):
        if change:
            with (copy / "test/C - Three/bass.wav").open("ab") as file:
                file.write(change)
        mssbench_data("link", "musdb18hq", copy, "--out", tmp_path / "dataset.json")
        digests.append(Dataset.load(tmp_path / "dataset.json").digest)
    assert digests[0] == digests[1] != digests[2]


def test_link_names_the_song_and_the_stem_that_is_missing(copy, tmp_path):
    (copy / "train/B - Two/other.wav").unlink()
    with pytest.raises(UserError, match=r"B - Two.*other\.wav"):
        mssbench_data("link", "musdb18hq", copy, "--out", tmp_path / "dataset.json")
    assert not (tmp_path / "dataset.json").exists()


def prepare(dataset, out):
    words = ("--rate", "44100", "--channels", "mono", "--out", out / "manifest.json")
    prepare_command.run(parse(["prepare", "--dataset", str(dataset), *map(str, words)]))


def test_songs_that_have_changed_since_they_were_linked_are_not_prepared(copy, tmp_path):
    dataset, out = tmp_path / "dataset.json", tmp_path / "rendition"
    mssbench_data("link", "musdb18hq", copy, "--out", dataset)
    soundfile.write(copy / "train/B - Two/vocals.wav", np.zeros((200, 2)), 44100, "PCM_24")
    with pytest.raises(UserError, match=r"have changed since .*again with 'mssbench data link'"):
        prepare(dataset, out)
    assert not out.exists()
    mssbench_data("link", "musdb18hq", copy, "--out", dataset)
    prepare(dataset, out)
    before = (out / "manifest.json").read_bytes()
    (copy / "train/B - Two/vocals.wav").unlink()
    with pytest.raises(UserError, match=r"vocals\.wav: no such file"):
        prepare(dataset, out)
    assert (out / "manifest.json").read_bytes() == before


def test_the_digest_of_the_songs_that_are_there_is_the_one_that_a_link_records(copy, tmp_path):
    chosen, dataset = CATALOGUE["musdb18hq"], tmp_path / "dataset.json"
    mssbench_data("link", "musdb18hq", copy, "--out", dataset)
    linked = Dataset.load(dataset).digest
    assert songs_digest(chosen, copy, dataset) == linked
    (copy / "train/B - Two/other.wav").unlink()
    assert "B - Two: this song has no other.wav" in songs_digest(chosen, copy, dataset)
    copy.rename(tmp_path / "away")
    assert songs_digest(chosen, copy, dataset) == linked
    assert songs_digest(chosen, copy, tmp_path / "none.json") == f"{copy}: no such folder"


@pytest.mark.parametrize("length", [0, 44, 300])
def test_link_names_a_file_that_is_empty_or_cut(copy, tmp_path, length):
    file = copy / "test/C - Three/vocals.wav"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(UserError, match=r"C - Three/vocals\.wav"):
        mssbench_data("link", "musdb18hq", copy, "--out", tmp_path / "dataset.json")
    assert not (tmp_path / "dataset.json").exists()


@pytest.mark.parametrize("action", [("link", "x", "."), ("download", "x", "--root", ".")])
def test_an_unknown_name_lists_the_known_ones(tmp_path, action):
    with pytest.raises(UserError, match="'x'; known are synthetic, musdb18-7s, musdb18, musdb18hq"):
        mssbench_data(*action, "--out", tmp_path / "dataset.json")


def test_a_data_set_without_archive_is_not_downloaded(tmp_path):
    with pytest.raises(UserError, match="mssbench data render"):
        mssbench_data("download", "synthetic", "--root", tmp_path, "--out", tmp_path / "d.json")


def test_download_leads_from_the_catalogue_to_a_dataset_json(tiny, tmp_path):
    mssbench_data("download", "tiny", "--root", tiny.root, "--out", tmp_path / "dataset.json")
    dataset = Dataset.load(tmp_path / "dataset.json")
    assert (dataset.name, dataset.root, len(dataset.songs)) == ("tiny", tiny.root, 3)
    read = json.loads((tmp_path / "dataset.json").read_text())["source"]
    assert read["kind"] == "download"
    assert read["archives"][0]["checksums"] == list(tiny.archive.checksums)


def test_the_digest_of_a_download_is_the_same_wherever_it_is_unpacked(tiny, tmp_path):
    digests = set()
    for name in ("one", "two"):
        mssbench_data("download", "tiny", "--root", tmp_path / name, "--out", tmp_path / "d.json")
        digests.add(Dataset.load(tmp_path / "d.json").digest)
    assert len(digests) == 1


def test_an_archive_may_be_removed_once_it_is_unpacked(tiny, tmp_path):
    words = ("download", "tiny", "--root", tiny.root, "--out", tmp_path / "dataset.json")
    mssbench_data(*words)
    (tiny.root / "tiny.zip").unlink()
    mssbench_data(*words)
    assert len(tiny.requests) == 1


def test_another_archive_under_the_same_name_is_fetched(tiny, tmp_path, monkeypatch):
    words = ("download", "tiny", "--root", tiny.root, "--out", tmp_path / "dataset.json")
    mssbench_data(*words)
    (tiny.root / "tiny.zip").unlink()
    note = tiny.root / "tiny.zip.unpacked.json"
    note.write_text(note.read_text().replace("md5:", "md5:0"))
    mssbench_data(*words)
    assert len(tiny.requests) == 2


def test_a_lost_file_is_unpacked_again(tiny, tmp_path):
    words = ("download", "tiny", "--root", tiny.root, "--out", tmp_path / "dataset.json")
    mssbench_data(*words)
    lost = tiny.root / "test/C - Three/bass.wav"
    lost.unlink()
    mssbench_data(*words)
    assert lost.exists()


def test_songs_that_do_not_belong_to_a_download_are_an_error(tiny, tmp_path):
    make_copy(tiny.root)
    (tiny.root / "test/C - Three").rename(tiny.root / "test/D - Four")
    with pytest.raises(UserError, match="found 2 test songs, tiny has 1"):
        mssbench_data("download", "tiny", "--root", tiny.root, "--out", tmp_path / "d.json")


def test_render_makes_the_songs_and_notes_what_they_were_made_from(tmp_path):
    options = {"train-songs": 1, "test-songs": 0, "seconds": 4, "seed": 5}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    mssbench_data("render", "--root", tmp_path / "root", *words, "--out", tmp_path / "d.json")
    dataset = Dataset.load(tmp_path / "d.json")
    assert (dataset.name, dataset.root) == ("synthetic", tmp_path / "root")
    assert [song.subset for song in dataset.songs] == ["train"]
    assert {soundfile.info(file).duration for s in dataset.songs for file in s.files} == {4.0}
    assert dataset.source == {
        "kind": "render",
        "stem_files": False,
        "train_songs": 1,
        "test_songs": 0,
        "seconds": 4.0,
        "seed": 5,
        "rate": 44100,
        "test_seconds": None,
    }


def test_test_songs_may_be_shorter(tmp_path):
    options = {"train-songs": 1, "test-songs": 1, "seconds": 5, "test-seconds": 4, "seed": 5}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    mssbench_data("render", "--root", tmp_path / "root", *words, "--out", tmp_path / "d.json")
    dataset = Dataset.load(tmp_path / "d.json")
    found = {(s.subset, soundfile.info(file).duration) for s in dataset.songs for file in s.files}
    assert found == {("train", 5.0), ("test", 4.0)}
    assert dataset.source["test_seconds"] == 4.0


@pytest.mark.parametrize("before", [True, False])
def test_the_log_may_be_named_before_or_after_the_action(before):
    words = ["--log", "a.log", "list"] if before else ["list", "--log", "a.log"]
    assert str(parse(["data", *words]).log) == "a.log"
    assert parse(["data", "list"]).log is None

import json
import os
import shutil

import pytest

from mssbench.data.changes import dataset_digest
from mssbench.data.songs import STEMS, Dataset, Song, find_songs
from mssbench.errors import UserError


def wav_song(root, subset, name):
    folder = root / subset / name
    folder.mkdir(parents=True)
    for stem in STEMS:
        (folder / f"{stem}.wav").write_bytes(stem.encode())
    return folder


def mp4_song(root, subset, name):
    file = root / subset / f"{name}.stem.mp4"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"audio")
    return file


@pytest.mark.parametrize("make", [wav_song, mp4_song])
def test_songs_of_both_layouts_come_sorted_by_subset_and_name(tmp_path, make):
    made = [
        make(tmp_path, subset, name)
        for subset, name in (("train", "B - 2. Part"), ("train", "A - 1"), ("test", "C - 3"))
    ]
    (tmp_path / "train" / "README.md").write_text("not a song")
    (tmp_path / "train" / ".hidden").mkdir()
    (tmp_path / "test" / "._C - 3.stem.mp4").write_bytes(b"")
    assert find_songs(tmp_path) == [
        Song("C - 3", "test", made[2]),
        Song("A - 1", "train", made[1]),
        Song("B - 2. Part", "train", made[0]),
    ]


def test_files_come_in_the_order_of_the_stems(tmp_path):
    wav_song(tmp_path, "train", "A - 1")
    (song,) = find_songs(tmp_path)
    assert [file.read_text() for file in song.files] == list(STEMS)


def test_one_subset_is_enough(tmp_path):
    wav_song(tmp_path, "test", "A - 1")
    assert [song.subset for song in find_songs(tmp_path)] == ["test"]


def without_a_stem(root):
    (wav_song(root, "train", "A - 1") / "bass.wav").unlink()
    return str(root / "train" / "A - 1"), "bass.wav"


def without_a_song(root):
    wav_song(root, "train", "A - 1")
    (root / "test").mkdir()
    return str(root / "test"), "no song"


def without_a_subset(root):
    wav_song(root, "somewhere", "A - 1")
    return str(root), "neither a train nor a test folder"


def of_two_layouts(root):
    wav_song(root, "train", "A - 1")
    mp4_song(root, "test", "B - 2")
    return str(root / "train" / "A - 1"), str(root / "test" / "B - 2.stem.mp4")


def with_a_name_twice(root):
    return str(wav_song(root, "train", "A - 1")), str(wav_song(root, "test", "A - 1"))


@pytest.mark.parametrize(
    "spoil",
    [without_a_stem, without_a_song, without_a_subset, of_two_layouts, with_a_name_twice],
)
def test_a_broken_folder_is_named_in_one_line(tmp_path, spoil):
    words = spoil(tmp_path)
    with pytest.raises(UserError) as error:
        find_songs(tmp_path)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


def test_digest_follows_the_files_and_not_the_place(tmp_path):
    root, copy = tmp_path / "here", tmp_path / "there"
    wav_song(root, "train", "A - 1")
    wav_song(root, "test", "B - 2")
    shutil.copytree(root, copy)

    def digest(folder):
        return dataset_digest(folder, find_songs(folder))

    first = digest(root)
    assert digest(copy) == first
    assert dataset_digest(root, find_songs(root)[::-1]) == first
    bass = copy / "train" / "A - 1" / "bass.wav"
    state = bass.stat()
    os.utime(bass, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert digest(copy) != first
    bass.write_bytes(b"longer than before")
    os.utime(bass, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert digest(copy) != first
    (root / "train" / "A - 1").rename(root / "train" / "A - 0")
    assert digest(root) != first


def test_digest_names_a_missing_file(tmp_path):
    folder = wav_song(tmp_path, "train", "A - 1")
    songs = find_songs(tmp_path)
    (folder / "other.wav").unlink()
    with pytest.raises(UserError, match=r"other\.wav"):
        dataset_digest(tmp_path, songs)


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "data"
    wav_song(root, "train", "Ä - 1")
    wav_song(root, "test", "B - 2")
    songs = tuple(find_songs(root))
    return Dataset("small", root, songs, {"link": "x"}, dataset_digest(root, songs))


def test_dataset_survives_its_file_with_relative_paths(dataset, tmp_path):
    dataset.save(tmp_path / "dataset.json")
    assert Dataset.load(tmp_path / "dataset.json") == dataset
    written = json.loads((tmp_path / "dataset.json").read_text())
    assert [song["path"] for song in written["songs"]] == ["test/B - 2", "train/Ä - 1"]


def test_dataset_without_its_folder_is_named(dataset, tmp_path):
    dataset.save(tmp_path / "dataset.json")
    shutil.rmtree(dataset.root)
    with pytest.raises(UserError, match=str(dataset.root)):
        Dataset.load(tmp_path / "dataset.json")


@pytest.mark.parametrize(
    "content",
    [None, "no json", "[]", '{"name": "x"}', '{"root": 3, "songs": []}'],
)
def test_a_file_that_is_no_dataset_is_named(tmp_path, content):
    file = tmp_path / "dataset.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=r"dataset\.json.*mssbench data"):
        Dataset.load(file)


def test_a_subset_of_another_name_is_refused(dataset, tmp_path):
    dataset.save(tmp_path / "dataset.json")
    text = (tmp_path / "dataset.json").read_text().replace('"test"', '"dev"')
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(UserError, match=r"'B - 2' is 'dev'.*train and test"):
        Dataset.load(tmp_path / "dataset.json")

"""A data set that is made in a second and is nowhere downloaded, and a rendition of it."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

# Before torch is imported: tests run side by side, and a thread for each core slows all of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_TRACKING_URI", "off")

RATE = 16000
SONGS = {
    "train": {"Ada - One": 2.0, "Bob - Two": 3.25, "Cy - Three": 2.5, "Dee - Four": 4.0},
    "test": {"Eve - Five": 3.0, "Fay - Six": 2.125},
}


def tiny_stems(seconds, seed):
    """Return drums, bass, other and vocals (4, samples, 2) of a song that a seed decides."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    beat = np.exp(-12 * (time % 0.5))
    pitch = random.uniform(55, 110)
    phase = np.cumsum(6 * pitch * (1 + 0.02 * np.sin(2 * np.pi * 5 * time))) / RATE
    sources = [
        0.3 * beat * random.standard_normal(time.size),
        0.2 * np.sin(2 * np.pi * pitch * time),
        sum(0.05 * np.sin(2 * np.pi * pitch * ratio * time) for ratio in (4, 5, 6)),
        # The voice rests every other second.
        0.2 * np.sin(2 * np.pi * phase) * (time % 2 < 1),
    ]
    pan = random.uniform(0.4, 0.6, size=4)
    return np.stack([np.outer(source, (1 - p, p)) for source, p in zip(sources, pan, strict=True)])


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory) -> Path:
    """Path of the dataset.json of four training and two test songs (16 kHz, stereo, WAV)."""
    from mssbench.data.changes import dataset_digest
    from mssbench.data.songs import SOURCES, Dataset, find_songs

    root = tmp_path_factory.mktemp("tiny")
    songs = [(subset, *song) for subset in SONGS for song in SONGS[subset].items()]
    for seed, (subset, name, seconds) in enumerate(songs):
        stems = tiny_stems(seconds, seed)
        folder = root / subset / name
        folder.mkdir(parents=True)
        for stem, audio in zip(("mixture", *SOURCES), [stems.sum(axis=0), *stems], strict=True):
            soundfile.write(folder / f"{stem}.wav", audio, RATE, subtype="PCM_16")
    found = tuple(find_songs(root))
    path = root / "dataset.json"
    Dataset("tiny", root, found, {"kind": "test"}, dataset_digest(root, found)).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_rendition(tiny_dataset, tmp_path_factory) -> Path:
    """Path of the manifest.json of the tiny data set's 8 kHz mono rendition."""
    from mssbench.data.rendition import prepare
    from mssbench.data.songs import Dataset

    folder = tmp_path_factory.mktemp("8000-mono")
    prepare(Dataset.load(tiny_dataset), folder, 8000, "mono", workers=1)
    return folder / "manifest.json"


@pytest.fixture
def make_rendition(tmp_path):
    """Write arrays (5, channels, samples) as a rendition: ``make_rendition({name: array}, ...)``.

    Names that begin with "test" are test songs, all others training songs.
    """
    import hashlib

    from mssbench.data.rendition import Rendition, RenditionSong

    def make(arrays, rate=8000):
        songs = []
        for number, (name, stems) in enumerate(sorted(arrays.items())):
            file = tmp_path / f"{number:03d}.npy"
            np.save(file, np.asarray(stems, dtype=np.float32))
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            subset = "test" if name.startswith("test") else "train"
            peak = tuple(float(stem.max()) for stem in np.nan_to_num(np.abs(stems)))
            samples = np.shape(stems)[-1]
            songs.append(RenditionSong(name, subset, samples, file.name, digest, peak))
        channels = "mono" if np.shape(stems)[1] == 1 else "stereo"
        made = Rendition(tmp_path, rate, channels, tuple(songs), {"name": "made", "digest": ""})
        made.save()
        return Rendition.open(tmp_path / "manifest.json")

    return make


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory) -> Path:
    """Path of an empty MLflow database. To make one takes seconds, to copy it nothing."""
    from mssbench.tracking.store import create

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    create(file)
    return file


@pytest.fixture(scope="module")
def mlflow_folder(empty_mlflow, tmp_path_factory) -> Path:
    """Path of a folder with a module's own MLflow store."""
    import shutil

    from mssbench.tracking.store import initialise

    # The space stands for all that file names and addresses spell differently.
    folder = tmp_path_factory.mktemp("a store")
    shutil.copy(empty_mlflow, folder)
    initialise(f"sqlite:///{folder}/mlflow.db", ["trainings"], folder / "artifacts")
    return folder


@pytest.fixture(scope="module")
def mlflow_uri(mlflow_folder) -> str:
    """Address of that store."""
    return f"sqlite:///{mlflow_folder}/mlflow.db"


@pytest.fixture(scope="module")
def mlflow_client(mlflow_uri):
    """MLflow's client of that store."""
    from mssbench.tracking.connection import connect

    return connect(mlflow_uri)


@pytest.fixture
def tracked(mlflow_uri, monkeypatch):
    """Have runs tracked in the session's store, without delay."""
    from tracked_store import hurry

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    hurry(monkeypatch)


@pytest.fixture
def runs(mlflow_client):
    """Return the function that finds the runs of a key."""
    from tracked_store import runs_of

    return lambda key: runs_of(mlflow_client, key)


@pytest.fixture
def points(mlflow_client, runs):
    """Return a metric's points, as (step, value), of the only run that has a key."""

    def history(key, metric):
        (run,) = runs(key)
        found = mlflow_client.get_metric_history(run.info.run_id, metric)
        return sorted((point.step, point.value) for point in found)

    return history

import json

import numpy as np
import pytest
from safetensors.torch import save_file

from mssbench.models.registry import build
from mssbench.separation import SeparationConfig, separate_song
from mssbench.tracking import training_key
from mssbench.tracking.model import best_run, log_model, register
from mssbench.tracking.stored import StoredRun

RATE, SEGMENT = 8000, 1024
MODEL = {"name": "wave_u_net", "params": {"levels": 3, "filters": 2, "output": "single"}}
CONFIG = {
    "model": MODEL,
    "rendition": {"rate": RATE, "channels": "mono"},
    "training": {"crops": {"samples": SEGMENT}},
    "seed": 0,
}


@pytest.fixture
def weights(tmp_path):
    """Write the weights of a training, as `mssbench train` does."""

    def write(name):
        model = build(MODEL["name"], MODEL["params"])
        file = tmp_path / name / "model.safetensors"
        file.parent.mkdir()
        state = {key: value.contiguous() for key, value in model.state_dict().items()}
        save_file(state, file, metadata={"config": json.dumps(CONFIG)})
        return model.eval(), file

    return write


def trained_run(mlflow_client, name):
    return StoredRun.create(mlflow_client, "trainings", training_key(name), name, {})


def test_the_stored_model_says_what_the_run_says(mlflow_client, mlflow_uri, weights):
    import mlflow

    model, file = weights("said")
    run = trained_run(mlflow_client, "said")
    identity = log_model(mlflow_client, mlflow_uri, run.id, file)
    file.unlink()
    loaded = mlflow.pyfunc.load_model(f"models:/{identity}")
    songs = 0.1 * np.random.default_rng(0).standard_normal((2, 1, 2500)).astype(np.float32)
    said = loaded.predict(songs)
    cut = SeparationConfig(SEGMENT, 0.25)
    for song, estimates in zip(songs, said, strict=True):
        blocks = list(separate_song(model, song[np.newaxis], ["mixture"], cut))
        for target, estimate in zip(("vocals", "accompaniment"), estimates, strict=True):
            expected = np.concatenate([block[target] for block in blocks], axis=-1)
            np.testing.assert_allclose(estimate, expected, atol=1e-6)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 1, -1)
    assert loaded.metadata.signature.outputs.inputs[0].shape == (-1, 2, 1, -1)
    experiment = mlflow_client.get_run(run.id).info.experiment_id
    assert mlflow_client.get_logged_model(identity).experiment_id == experiment
    assert loaded.input_example.shape[:2] == (1, 1)


def test_a_run_has_one_model_however_often_it_is_stored(mlflow_client, mlflow_uri, weights):
    _, file = weights("once")
    run = trained_run(mlflow_client, "once")
    first, again = (log_model(mlflow_client, mlflow_uri, run.id, file) for _ in range(2))
    assert first == again
    assert len(mlflow_client.get_run(run.id).outputs.model_outputs) == 1


def test_the_best_run_of_a_study_is_in_the_registry_once(mlflow_client, mlflow_uri, weights):
    models = {}
    for name in ("poor", "good"):
        run = trained_run(mlflow_client, name)
        models[name] = (run.id, log_model(mlflow_client, mlflow_uri, run.id, weights(name)[1]))
    for name in ("poor", "good", "good"):
        register(mlflow_client, "a study", *models[name])
    assert mlflow_client.get_model_version_by_alias("a study", "best").run_id == models["good"][0]
    versions = mlflow_client.search_model_versions("name = 'a study'")
    assert sorted(found.run_id for found in versions) == sorted(run for run, _ in models.values())


def test_vocals_decide_which_run_is_best():
    nan = float("nan")
    vocals = {"a": {"test/SDR/vocals": 1.0, "test/SDR/drums": 9.0}, "b": {"test/SDR/vocals": 2.0}}
    assert best_run(vocals) == "b"
    assert (
        best_run(
            {"a": {"test/SDR/piano": 1.0, "test/SDR/violin": 4.0}, "b": {"test/SDR/piano": 2.0}}
        )
        == "a"
    )
    assert best_run({"a": {"test/SDR/vocals": nan}, "b": {"test/SDR/vocals": -5.0}}) == "b"
    assert best_run({"a": {}, "b": {"test/SIR/vocals": 1.0}}) is None
    assert best_run({}) is None

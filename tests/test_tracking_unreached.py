import json
import shutil

import pytest
from tracked_store import STUDY, Switch, hurry, runs_of

from mssbench.cli import main
from mssbench.tracking import start_run
from mssbench.tracking.connection import connect
from mssbench.tracking.journal import journal_file, outbox
from mssbench.tracking.sync import sync


@pytest.fixture(scope="module")
def server(empty_mlflow, tmp_path_factory):
    """A server with an empty store, as one that was away when `init` asked for it."""
    folder = tmp_path_factory.mktemp("served")
    uri = f"sqlite:///{shutil.copy(empty_mlflow, folder)}"
    server = Switch(uri, folder / "artifacts")
    server.client = connect(uri)
    yield server
    server.close()


@pytest.fixture
def init(tmp_path, monkeypatch):
    """Return the function that makes the store at an address, and the mark."""
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(tmp_path / "outbox"))
    hurry(monkeypatch)
    mark = tmp_path / "store.json"

    def run(address):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        return main(["track", "init", "--artifacts", "unused", "--out", str(mark)])

    return run, mark


def test_a_server_that_is_away_costs_no_training(init, server, caplog):
    run, mark = init
    server.mode = "error"
    assert run(server.address) == 0
    assert json.loads(mark.read_text()) == {"uri": server.address, "experiments": []}
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert f"no MLflow server answers at {server.address}" in warning
    assert "mssbench track sync" in warning
    with start_run("first", "first", {}, {}) as tracked:
        tracked.log_epoch(0, {"loss": 1.0})
    assert journal_file(outbox(server.address), "first").exists()
    assert server.client.get_experiment_by_name("trainings") is None
    server.mode = "well"
    # The first that reaches it prepares it, whoever that is.
    with start_run("second", "second", {}, {}) as tracked:
        tracked.log_epoch(0, {"loss": 2.0})
    sync(server.address)
    for key, loss in (("first", 1.0), ("second", 2.0)):
        (stored,) = runs_of(server.client, key)
        assert stored.data.metrics["loss"] == loss
    assert not list(outbox(server.address).iterdir())


@pytest.mark.parametrize(
    "address", ["ftp://host", "http://127.0.0.1:99999", "sqlite:///relative.db"]
)
def test_a_wrong_address_stays_an_error(init, address, tmp_path, caplog):
    run, mark = init
    assert run(address) == 2
    assert not mark.exists()
    words = ["track", "publish", "--config", json.dumps(STUDY), "--scores", "none"]
    out = tmp_path / "published.json"
    assert main([*words, "--rendition", "none", "--out", str(out)]) == 2
    assert not out.exists()
    assert "Traceback" not in caplog.text


def test_a_server_that_never_was_is_no_error(init):
    run, mark = init
    assert run("http://127.0.0.1:9") == 0
    assert mark.exists()

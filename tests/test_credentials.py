import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tracked_store import STUDY, Switch, begun, contents, eventually, hurry

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.masking import masked
from mssbench.tracking import start_run
from mssbench.tracking.connection import client, connect, reach
from mssbench.tracking.store import initialise

TOKEN, PASSWORD = "planted-token-0815", "planted-password"


@pytest.fixture
def planted(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(tmp_path / "outbox"))
    hurry(monkeypatch)
    return monkeypatch


def with_password(address):
    return address.replace("://", f"://someone:{PASSWORD}@")


def secret_free(text):
    return TOKEN not in text and PASSWORD not in text


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://host:5000/api", "http://host:5000/api"),
        ("at http://me:pa@ss@host:5000 (", "at http://***@host:5000 ("),
        ("postgresql+psycopg2://me:word@db/runs", "postgresql+psycopg2://***@db/runs"),
        (
            "mysql://db/runs?user=me&password=word&ssl=1",
            "mysql://db/runs?user=me&password=***&ssl=1",
        ),
        (f"Bearer {TOKEN}.", "Bearer ***."),
        ("sqlite:////a b/c@d.db", "sqlite:////a b/c@d.db"),
    ],
)
def test_passwords_and_tokens_are_masked_and_nothing_else_is(planted, text, expected):
    assert masked(text) == expected


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "abcdefgh")
    monkeypatch.setenv("B_SECRET", "abcdefgh-and-more")
    assert masked("abcdefgh-and-more abcdefgh") == "*** ***"


def test_a_store_that_cannot_be_reached_is_named_without_its_password(planted):
    for address in ("http://127.0.0.1:9", "postgresql://127.0.0.1:9/runs", "ftp://host"):
        with pytest.raises(UserError) as error:
            reach(with_password(address))
        assert secret_free(str(error.value))


def test_a_run_that_waits_for_its_server_keeps_no_secret(planted, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", with_password("http://127.0.0.1:9"))
    with start_run("name", "key", {"url": with_password("http://host")}, {"said": TOKEN}):
        pass
    written = files_below(tmp_path)
    assert written
    assert all(secret_free(path.read_text()) for path in written)
    assert caplog.text
    assert secret_free(caplog.text)


@pytest.fixture
def server(empty_mlflow, tmp_path):
    uri = f"sqlite:///{shutil.copy(empty_mlflow, tmp_path)}"
    initialise(uri, ["trainings"], tmp_path / "artifacts")
    server = Switch(uri, tmp_path / "artifacts")
    server.uri = uri
    yield server
    server.close()


def test_nothing_that_mlflow_gets_holds_a_secret(server, planted, tmp_path, caplog, capsys):
    caplog.set_level(logging.DEBUG, logger="mssbench")
    mark = tmp_path / "store.json"
    planted.setenv("MLFLOW_TRACKING_URI", with_password(server.address))
    words = ["--artifacts", "unused", "--out", str(mark)]
    assert main(["track", "init", *words]) == 0
    client_of_store = connect(server.uri)
    with start_run("name", "key", {"model": {"url": TOKEN}}, {"said": PASSWORD}) as run:
        run.log_epoch(0, {"loss": 1.0})
        eventually(lambda: "loss" in "".join(contents(client_of_store)))
    for action in ("check", "sync"):
        assert main(["track", action]) == 0
    said = capsys.readouterr()
    assert secret_free(said.out + said.err + caplog.text)
    assert "***@127.0.0.1" in mark.read_text()
    stored = contents(client_of_store)
    assert "said" in stored[0]
    assert secret_free(stored[0])
    for path in files_below(tmp_path):
        assert secret_free(path.read_bytes().decode(errors="replace")), path


def test_a_mark_without_its_password_asks_for_the_address(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    mark = tmp_path / "store.json"
    mark.write_text(json.dumps({"uri": "http://***@host:5000", "experiments": []}))
    assert main(["track", "check", "--store", str(mark)]) == 2
    assert "set MLFLOW_TRACKING_URI" in caplog.text


class Dropping(BaseHTTPRequestHandler):
    """Answers that there are no experiments, and drops the connection on all else."""

    def do_POST(self):
        if self.path.endswith("experiments/search"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"experiments": []}')
        else:
            self.connection.close()

    def do_GET(self):
        self.do_POST()

    def log_message(self, *words):
        pass

    def handle(self):
        with contextlib.suppress(OSError, ValueError):
            super().handle()


@pytest.fixture
def dropping():
    """Address of a server that drops connections, with a password in it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dropping)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield with_password(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


PUBLISH = ["publish", "--config", json.dumps(STUDY), "--scores", "none", "--rendition", "none"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check"], 2),
        (["sync"], 2),
        (["init", "--artifacts", "unused", "--out", "store.json"], 0),
        ([*PUBLISH, "--out", "published.json"], 0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_server_that_drops_connections_is_said_in_a_line_without_its_password(
    words, code, dropping, planted, tmp_path
):
    if words[0] == "sync":
        begun(tmp_path / "outbox", "a run").close()
    command = [sys.executable, "-m", "mssbench", "track", *words, "--log", "a.log"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_TRACKING_URI": dropping},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("no MLflow server answers at http://***@127.0.0.1") == 1
    assert (tmp_path / "a.log").read_text() == done.stderr
    for text in (done.stdout, done.stderr, *map(read_all, files_below(tmp_path))):
        assert secret_free(text)


def read_all(path):
    return path.read_bytes().decode(errors="replace")


def test_a_traceback_is_logged_without_secrets(planted, tmp_path):
    """Whatever fails, and wherever it is logged."""
    planted.setenv("MLFLOW_TRACKING_URI", with_password("http://127.0.0.1:9"))
    code = """
import logging, os
from pathlib import Path
from mssbench.cli import start_logging
start_logging(Path("a.log"))
log = logging.getLogger("any")
try:
    raise RuntimeError(os.environ["MLFLOW_TRACKING_URI"])
except RuntimeError:
    log.exception("with %s failed", os.environ["MLFLOW_TRACKING_TOKEN"])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Traceback" in done.stderr
    assert "http://***@127.0.0.1:9" in done.stderr
    assert (tmp_path / "a.log").read_text() == done.stderr
    assert secret_free(done.stderr)


def test_what_mlflow_logs_itself_holds_no_secret(planted, tmp_path):
    client(f"sqlite:///{tmp_path}/none.db")
    record = logging.LogRecord("mlflow", logging.ERROR, "", 0, "said %s", (TOKEN,), None)
    texts = [handler.format(record) for handler in logging.getLogger("mlflow").handlers]
    assert texts
    assert all("said ***" in text for text in texts)

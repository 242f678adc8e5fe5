import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from tracked_store import begun, eventually

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.tracking.connection import connect
from mssbench.tracking.server import address_for_jobs, own_names, prepare_server
from mssbench.tracking.sync import sync


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def serve(empty_mlflow, tmp_path):
    """Return the function that starts a server on a host and says its address and process."""
    (tmp_path / "served").mkdir()
    shutil.copy(empty_mlflow, tmp_path / "served")
    started = []

    def start(host):
        port = free_port()
        words = ["--host", host, "--port", str(port), "--folder", str(tmp_path / "served")]
        command = [sys.executable, "-m", "mssbench", "track", "serve", *words]
        process = subprocess.Popen(
            [*command, "--allow-host", "login01"], stdout=subprocess.PIPE, text=True
        )
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        started.append((address, process))
        return address, process

    yield start
    for address, process in started:
        process.terminate()
        process.communicate()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address)


@pytest.fixture
def served(serve):
    """Address and process of a server."""
    return serve("127.0.0.1")


def status(address, host):
    """Return what a server answers a request that calls it ``host``; None before it answers."""
    request = urllib.request.Request(address, headers={"Host": host})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return None


def test_a_server_takes_runs_and_files_from_those_who_know_its_name(served, tmp_path, monkeypatch):
    address, process = served
    assert process.stdout.readline() == f"For the jobs: export MLFLOW_TRACKING_URI={address}\n"
    assert eventually(lambda: status(address, "login01:5000") or process.poll()) == 200
    assert status(address, "login01") == 200
    assert status(address, "elsewhere:5000") == 403
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(tmp_path / "outbox"))
    (tmp_path / "table.md").write_text("a table")
    journal = begun(tmp_path / "outbox", "run", address)
    journal.append("artifact", path=str(tmp_path / "table.md"), folder="tables")
    journal.close()
    assert sync(address).sent == ["run"]
    client = connect(address)
    (run,) = client.search_runs([client.get_experiment_by_name("trainings").experiment_id])
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/trainings/")
    kept = tmp_path / "served" / "artifacts" / "trainings" / run.info.run_id
    assert (kept / "artifacts" / "tables" / "table.md").read_text() == "a table"


def test_a_server_listens_on_the_loopback_address_of_ipv6(serve):
    address, process = serve("::1")
    assert process.stdout.readline() == f"For the jobs: export MLFLOW_TRACKING_URI={address}\n"
    name = address.removeprefix("http://")
    assert eventually(lambda: status(address, name) or process.poll()) == 200
    assert status(address, "elsewhere:5000") == 403


def test_a_loopback_server_is_known_by_no_other_name():
    assert own_names("127.0.0.1") == ["localhost", "127.0.0.1"]
    assert address_for_jobs("127.0.0.1", 5000) == "http://127.0.0.1:5000"


def test_a_server_for_all_is_known_by_all_names_of_its_host():
    names = own_names("0.0.0.0")
    assert {"localhost", "127.0.0.1", socket.gethostname()} <= set(names)
    assert "0.0.0.0" not in names
    assert address_for_jobs("0.0.0.0", 5000) == f"http://{socket.gethostname()}:5000"


def test_a_server_says_why_it_cannot_start(tmp_path, monkeypatch, caplog):
    words = ["track", "serve", "--folder", str(tmp_path)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main([*words, "--port", str(taken.getsockname()[1])]) == 2
    assert "is taken" in caplog.text
    for port in ("99999", "0", "-1"):
        assert main([*words, "--port", port]) == 2
        assert f"--port is {port}; it must be from 1 to 65535" in caplog.text
    assert main([*words, "--host", "2001:db8::1", "--port", str(free_port())]) == 2
    assert "of 2001:db8::1 cannot be had" in caplog.text
    assert main([*words, "--host", "no.such.host.invalid", "--port", str(free_port())]) == 2
    assert "of no.such.host.invalid cannot be had" in caplog.text
    assert "Traceback" not in caplog.text
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="--database is 'http://host'"):
        prepare_server("http://host", tmp_path, "127.0.0.1", free_port())


def test_a_missing_driver_is_named_and_no_password_is(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="psycopg2 is missing") as error:
        prepare_server("postgresql://me:word-of-mine@db/runs", tmp_path, "127.0.0.1", free_port())
    assert "word-of-mine" not in str(error.value)

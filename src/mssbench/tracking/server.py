"""An MLflow server that the jobs of a cluster share."""

import importlib.util
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil

from mssbench.errors import UserError
from mssbench.masking import masked
from mssbench.tracking.connection import is_server, scheme
from mssbench.tracking.dashboard import check_port, server_command
from mssbench.tracking.experiments import TRAININGS, add_experiment
from mssbench.tracking.failures import telling_failures
from mssbench.tracking.store import opened

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")

# Which package speaks to a database; MLflow brings none of them.
DRIVERS = {"postgresql": "psycopg2", "mysql": "pymysql", "mssql": "pyodbc"}


def prepare_server(
    database: str, artifacts: Path, host: str, port: int, names: Sequence[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """Make the database and its experiment; return the server's command and its environment.

    The files of runs go through the server, to which jobs need no other way. Each request must
    name a host that the server knows, or a page elsewhere could send them from a user's browser.

    Args:
        database: address of a database that the server alone opens.
        artifacts: folder for the runs' files.
        host: address on which to listen.
        port: the port.
        names: further names by which jobs and browsers call this host.

    Raises:
        UserError: the database cannot be made or opened, or the port cannot be had.
    """
    if is_server(database):
        raise UserError(
            f"--database is {masked(database)!r}; it must be sqlite:////absolute/path.db or the "
            "address of a PostgreSQL database"
        )
    driver = DRIVERS.get(scheme(database))
    if driver and "+" not in database.partition("://")[0] and not importlib.util.find_spec(driver):
        raise UserError(
            f"--database is {masked(database)!r}, for which the package {driver} is missing; "
            f"install it, as with 'pip install {driver}'"
        )
    check_port(host, port)
    artifacts.mkdir(parents=True, exist_ok=True)
    with telling_failures(database, "give another --database"):
        add_experiment(opened(database), TRAININGS, f"mlflow-artifacts:/{TRAININGS}")
    known = [*own_names(host), *names]
    environment = {
        "MLFLOW_ARTIFACTS_DESTINATION": str(artifacts.absolute()),
        # They are patterns, in which a bracket stands for itself as a set of one.
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{n},{n.replace('[', '[[]')}:*" for n in known),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{n}:{port}" for n in known),
    }
    command, credentials = server_command(database, host, port)
    return command, environment | credentials


def own_names(host: str) -> list[str]:
    """Return the names and addresses by which a server that listens on ``host`` is reached."""
    local = ["localhost", "[::1]" if host == "::1" else "127.0.0.1"]
    if host in LOOPBACK:
        return local
    names = [host]
    if host in EVERYWHERE:
        cards = psutil.net_if_addrs().values()
        names = [a.address for card in cards for a in card if a.family == socket.AF_INET]
    return list(dict.fromkeys([*local, socket.gethostname(), socket.getfqdn(), *names]))


def address_for_jobs(host: str, port: int) -> str:
    """Return what the jobs' ``MLFLOW_TRACKING_URI`` must be."""
    name = socket.gethostname() if host in EVERYWHERE else host
    return f"http://{in_address(name)}:{port}"


def in_address(name: str) -> str:
    """Return a host as an address has it: IPv6 in brackets."""
    return f"[{name}]" if ":" in name else name

"""MLflow's pages on this machine."""

import errno
import os
import socket
import sys

from mssbench.errors import UserError
from mssbench.masking import masked
from mssbench.tracking.connection import OFF, SETTINGS, connect, is_server

LAST_PORT = 65535


def dashboard_command(uri: str, host: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command that serves the store's pages at ``http://host:port``.

    Returns:
        The command, and what its environment needs.

    Raises:
        UserError: there is no store to show, or the port cannot be had.
    """
    if uri == OFF:
        raise UserError(
            "there is no MLflow store to show: run 'make reproduce' first, or name one with "
            "--store or MLFLOW_TRACKING_URI"
        )
    if is_server(uri):
        raise UserError(
            f"the runs are on the MLflow server {masked(uri)}: open that address instead"
        )
    connect(uri)
    check_port(host, port)
    return server_command(uri, host, port)


def server_command(database: str, host: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command of an MLflow server, and what its environment needs.

    The database's address may hold a password, which a command line would show to everybody.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    return [*command, "--host", host, "--port", str(port)], {"MLFLOW_BACKEND_STORE_URI": database}


def serve(command: list[str], environment: dict[str, str]) -> None:
    """Become ``command``: signals reach it without a go-between."""
    sys.stdout.flush()
    os.execve(command[0], command, SETTINGS | os.environ | environment)


def check_port(host: str, port: int) -> None:
    """Try to listen.

    Raises:
        UserError: there is no such port or address, another process listens there, or it is not
            this machine's to use.
    """
    if not 0 < port <= LAST_PORT:
        raise UserError(f"--port is {port}; it must be from 1 to {LAST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        # Without it, a port counts as taken for a minute after its server has ended.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error})"
            raise UserError(
                f"port {port} of {host} {reason}; choose another with --port and --host"
            ) from None

"""Where MLflow's store is, and how it is reached."""

import logging
import os
from pathlib import Path
from typing import Any

from mssbench.errors import UserError
from mssbench.masking import mask_handlers, masked
from mssbench.tracking.failures import first_line, telling_failures

OFF = "off"
VARIABLE = "MLFLOW_TRACKING_URI"

SERVERS, DATABASES = ("http", "https"), ("sqlite", "postgresql", "mysql", "mssql")

# MLflow reads these when it is imported; a value that the user set wins. Its own retries would
# hold up a job for four minutes when the server is away, and the address that it prints at the end
# of each run has its password in it.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

# What a user may do where MLflow does not work.
WHAT_NEXT = f"mend that, or switch tracking off with {VARIABLE}={OFF}"

# They report each migration and each retry; what went wrong in the end is reported here.
TALKATIVE = (
    "alembic",
    "mlflow.pyfunc",
    "mlflow.store.db.utils",
    "mlflow.utils.environment",
    "urllib3.connectionpool",
)


def address() -> str:
    """Return the store's address, or ``OFF`` where the variable is unset, empty or ``off``."""
    uri = os.environ.get(VARIABLE, "").strip()
    return OFF if uri.lower() in ("", OFF) else uri


def is_server(uri: str) -> bool:
    """Whether ``uri`` names an MLflow server rather than a database."""
    return scheme(uri) in SERVERS


def scheme(uri: str) -> str:
    """Return what stands before ``://``, without the name of a driver.

    Raises:
        UserError: MLflow's store cannot be there.
    """
    kind = uri.partition("://")[0].partition("+")[0] if "://" in uri else ""
    if kind not in SERVERS + DATABASES:
        raise UserError(
            f"{VARIABLE} is {masked(uri)!r}; it must be sqlite:////absolute/path.db, the address "
            "of an MLflow server such as http://host:5000, or off"
        )
    return kind


def database_file(uri: str) -> Path | None:
    """Return the file of an SQLite address, None for one of another kind.

    Raises:
        UserError: the path is relative, so that jobs in other folders would make other stores.
    """
    if scheme(uri) != "sqlite":
        return None
    file = Path(uri.partition("://")[2].partition("?")[0].removeprefix("/"))
    if not file.is_absolute():
        raise UserError(
            f"{VARIABLE} is {masked(uri)!r}, a relative path; write it as sqlite:///{file.absolute()}"
        )
    return file


def client(uri: str) -> Any:
    """Return an MLflow client of ``uri``; a database that does not exist is made on first use."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    # MLflow's loggers write for themselves.
    for name in ("mlflow", "alembic", "sqlalchemy.engine"):
        mask_handlers(logging.getLogger(name))
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def connect(uri: str) -> Any:
    """Return an MLflow client of a store that exists.

    Raises:
        UserError: there is no such file. It is not made here, because of several jobs that make
            it at once most fail.
    """
    file = database_file(uri)
    if file is not None and not file.is_file():
        raise UserError(
            f"there is no MLflow store at {file}: run 'make reproduce' first, or "
            "'mssbench track init'"
        )
    return client(uri)


def reach(uri: str) -> Any:
    """Return an MLflow client of a store that has answered.

    Raises:
        Away: no server answers.
        UserError: there is no store, or it cannot be opened.
    """
    try:
        with telling_failures(uri, WHAT_NEXT):
            connected = connect(uri)
            connected.search_experiments(max_results=1)
    except UserError:
        raise
    except Exception as error:  # as where the package is missing that speaks to a database
        raise UserError(
            f"the MLflow store at {masked(uri)} cannot be opened ({first_line(error)}); {WHAT_NEXT}"
        ) from None
    return connected

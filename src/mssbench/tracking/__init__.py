"""Runs in MLflow: the one package that knows it.

Results never depend on it. The address is the environment variable ``MLFLOW_TRACKING_URI`` alone;
without one nothing is tracked and MLflow is not imported. With one, a job writes a journal, a
thread sends it, and what MLflow does not take is sent later.
"""

from mssbench.tracking.connection import OFF, address
from mssbench.tracking.run import Run, start_run, training_key
from mssbench.tracking.throughput import Throughput

__all__ = ["OFF", "Run", "Throughput", "address", "start_run", "training_key"]

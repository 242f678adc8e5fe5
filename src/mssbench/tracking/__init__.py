"""Runs in MLflow: the one package that knows it.

Results never depend on it. The address is the environment variable ``MLFLOW_TRACKING_URI`` alone;
without one nothing is tracked and MLflow is not imported.
"""

from mssbench.tracking.connection import OFF, address
from mssbench.tracking.run import Run, start_run, training_key

__all__ = ["OFF", "Run", "address", "start_run", "training_key"]

"""The jobs of the workflow, as Snakemake plans them, without running any."""

import contextlib
import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
)

ROOT = Path(__file__).parents[1]
MANY = 10_000
"""Cores, so that Snakemake gives each rule the threads that it asks for."""


RUN = ("train", "separate", "score")
"""The rules of one run each."""


@dataclass(frozen=True)
class Planned:
    """One job of the workflow.

    Attributes:
        name: rule and what the job makes, as in ``train htmd_net-s0-5b4b08cd``.
        rule: its rule.
        threads: the cores that it asks for.
        gpus: the GPUs that it asks for.
        config: its part of the configuration; empty where it has none.
        needs: names of the jobs whose files it reads.
    """

    name: str
    rule: str
    threads: int
    gpus: int
    config: dict[str, Any]
    needs: tuple[str, ...]


def plan(config: dict[str, Any]) -> list[Planned]:
    """Return all jobs of the workflow, in the order in which Snakemake lists them.

    Snakemake's command line tells the graph without wildcards, or the jobs without the graph, so
    that its Python API is asked (seen with 9.27).

    Args:
        config: what replaces lines of ``config.yaml``.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Nothing has been made there, so that all is to be done.
        shutil.copy(ROOT / "config.yaml", folder)
        quiet = OutputSettings(quiet={Quietness.ALL})
        with SnakemakeApi(quiet) as api, contextlib.redirect_stdout(io.StringIO()):
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=MANY),
                config_settings=ConfigSettings(config=config),
                snakefile=ROOT / "Snakefile",
                workdir=Path(folder),
            )
            workflow.dag(DAGSettings()).printd3dag()
            dag = workflow._workflow.dag
            return [planned(job, list(dag.dependencies[job])) for job in dag.jobs]


def planned(job: Any, needs: list[Any]) -> Planned:
    """Return what is asked of one of Snakemake's jobs."""
    return Planned(
        name=name_of(job),
        rule=job.rule.name,
        threads=job.threads,
        gpus=job.resources.get("gpu", 0),
        config=config_of(job, needs),
        needs=tuple(name_of(other) for other in needs),
    )


def config_of(job: Any, needs: list[Any]) -> dict[str, Any]:
    """Return the part of a run's configuration that its job is given."""
    if job.rule.name not in RUN:
        return {}
    config: dict[str, Any] = json.loads(job.params.config)
    if job.rule.name != "score":
        return config
    # A scoring is not told what it scores.
    (separated,) = [other for other in needs if other.rule.name == "separate"]
    return config_of(separated, []) | {"scoring": config}


def name_of(job: Any) -> str:
    """Return the rule and the wildcards that differ between its jobs."""
    told = [value for key, value in job.wildcards.items() if key not in ("dataset", "scale")]
    return " ".join([job.rule.name, *told])

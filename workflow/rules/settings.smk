# The configuration, checked, and the runs that follow from it.
import json
import os
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from mssbench.data.entry_songs import songs_digest
from mssbench.data.own_entry import find_entry
from mssbench.errors import UserError
from mssbench.imported_runs import imported_runs
from mssbench.masking import has_credentials
from mssbench.models.registry import address_of
from mssbench.provenance import source_digest
from mssbench.report.figures.needs import NEED_WEIGHTS
from mssbench.run_parts import (
    pan_options,
    separated_part,
    stretch_options,
    trained_part,
)
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.validation import load_yaml, require_finite, validate

WORKFLOW = Path(workflow.basedir, "workflow")


def read_studies():
    """Return the selected studies by name."""
    validate(
        config, load_yaml(WORKFLOW / "schemas" / "config.schema.yaml"), "config.yaml"
    )
    require_finite(config, "config.yaml")
    studies = Studies(WORKFLOW / "studies", WORKFLOW / "schemas" / "study.schema.yaml")
    chosen = studies.names if config["studies"] == "all" else config["studies"]
    return {name: studies.load(name, config["scale"]) for name in chosen}


def read_dataset():
    """Return the entry of the data set, one of the catalogue or under workflow/datasets."""
    entry = find_entry(config["dataset"], WORKFLOW / "datasets")
    if entry.file and not config["dataset_path"]:
        raise UserError(
            f"dataset_path is null; give the folder of {entry.name}, a data set of your own"
        )
    return entry


def dataset_content():
    """Return what decides the songs; part of every run's identity."""
    own = (
        config["synthetic"][config["scale"]] if config["dataset"] == "synthetic" else {}
    )
    if ENTRY.file and ENTRY.sources:
        own = {"stems": list(ENTRY.sources)}
    return {"name": config["dataset"]} | own


def tracking_address():
    """Return the one address that every job logs to: absolute, whatever the job's folder."""
    address = config["tracking"]
    if has_credentials(address):
        raise WorkflowError(
            "tracking in the configuration holds a password, and jobs, logs and reports show it; "
            "give that address as MLFLOW_TRACKING_URI in the environment instead"
        )
    if address == "off" or "://" in address:
        return address
    return f"sqlite:///{Path(address).absolute()}"


try:
    STUDIES = read_studies()
    ENTRY = read_dataset()
    RUNS = {
        name: expand(study, dataset_content(), config["seeds"])
        for name, study in STUDIES.items()
    }
    OTHERS = {name: imported_runs(study) for name, study in STUDIES.items()}
except UserError as error:
    raise WorkflowError(str(error)) from None

# Runs by what names their weights, their estimates and their scores. Studies may share them. Those of
# a sweep come last, so that their trainings are tagged, whoever shares them.
TRAINED = {
    training.trained: training
    for run in sorted(sum(RUNS.values(), []), key=lambda run: run.sweep is not None)
    for training in run.trainings
}
SEPARATED = {run.separated: run for runs in RUNS.values() for run in runs}
SCORED = {run.id: run for runs in RUNS.values() for run in runs}
IMPORTED = {run.id: run for runs in OTHERS.values() for run in runs}

# One run of each rendition whose sources stand at places of their own.
PANNED = {
    run.rendition: run
    for run in SEPARATED.values()
    if run.config["rendition"].get("panning")
}

# Data set and scale are part of every path, so that a demo never overwrites a paper-scale result.
DATASET, SCALE = config["dataset"], config["scale"]

# An address that the user set wins over the configuration. Jobs inherit it, on a cluster too.
TRACKING = os.environ.setdefault("MLFLOW_TRACKING_URI", tracking_address())
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# What libraries keep aside lies beside the results: jobs inherit this, and the compute nodes of a
# cluster may not have the home directory.
for variable in (
    "XDG_CACHE_HOME",
    "MPLCONFIGDIR",
    "TRITON_CACHE_DIR",
    "CUDA_CACHE_PATH",
):
    kept = Path("results", ".cache", variable.lower()).absolute()
    os.environ.setdefault(variable, str(kept))


wildcard_constraints:
    rendition=r"\d+-(mono|stereo)(-int16)?",
    panned="|".join(PANNED) or "none",
    trained="|".join(TRAINED) or "none",
    separated="|".join(SEPARATED),
    scored="|".join(SCORED),
    imported="|".join(IMPORTED) or "none",
    study="|".join(STUDIES),
    table="[a-z0-9_-]+",
    figure="[a-z0-9_-]+",


def as_json(value):
    """Return ``value`` as JSON in a stable order, the form in which jobs receive it."""
    return json.dumps(value, sort_keys=True)


def model_code(command, run, *others):
    """Return the digest of the source that a command, and others, use for a run's model."""
    source, _ = address_of(run.config["model"]["name"])
    return code_of(command, source, *others)


@cache
def code_of(*modules):
    """Return the digest of modules' source, found once for the many runs that use them."""
    # How a run is tracked is no part of what it computes.
    return source_digest(*modules, without="mssbench.tracking")


@cache
def songs_there():
    """Return the digest of the songs in dataset_path, found once for all that ask for it."""
    linked = f"results/{DATASET}/{SCALE}/source/dataset.json"
    return songs_digest(ENTRY, config["dataset_path"], linked)

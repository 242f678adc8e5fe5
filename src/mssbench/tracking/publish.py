"""A finished study in MLflow: scores, figures, tables and excerpts on each of its runs."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mssbench.data.rendition import Rendition
from mssbench.report.aggregate import aggregate
from mssbench.report.config import ReportConfig, Row
from mssbench.report.scores import gather_windows
from mssbench.scored_songs import HELD_OUT, TEST
from mssbench.sweeps import tags as sweep_tags
from mssbench.tracking.connection import reach
from mssbench.tracking.excerpt import write_excerpt
from mssbench.tracking.masking import masked
from mssbench.tracking.model import best_run, log_model, register
from mssbench.tracking.origin import code_tags, process_tags
from mssbench.tracking.run import EXPERIMENT, training_key
from mssbench.tracking.stored import STATUS, StoredRun
from mssbench.tracking.sync import sync

log = logging.getLogger(__name__)

AGGREGATION = "song-wise median"


def publish(
    uri: str,
    study: ReportConfig,
    *,
    scores: Sequence[Path],
    figures: Sequence[Path],
    tables: Sequence[Path],
    renditions: Iterable[Path],
    estimates: Sequence[Path],
    weights: Sequence[Path] = (),
) -> dict[str, str]:
    """Put a study's results onto its runs; doing it again adds nothing.

    The best trained run's model gets the study's name in the registry.

    Trained runs are those that training has made. Where tracking failed then, and for untrained
    methods, runs are created.

    Args:
        uri: the store's address.
        study: its rows are the runs.
        scores: score tables of the rows, by their column ``run``.
        figures: PNG files, or folders of them.
        tables: Markdown files, or folders of them.
        renditions: manifests of what was separated; excerpts are cut from them.
        estimates: ``<separated>/estimates.json`` of the rows; a row may lack one.
        weights: ``<trained>/model.safetensors`` of the rows; a row may lack one, and then has no
            model in MLflow.

    Returns:
        Row id -> MLflow run id.

    Raises:
        UserError: the store cannot be reached, or a file is not what it should be.
    """
    connected = reach(uri)
    # The trainings' own words come first: the runs that they make are those that are looked for.
    sync(uri)
    medians = medians_of(scores, {row.id for row in study.rows if row.songs == HELD_OUT})
    opened = [Rendition.open(manifest) for manifest in renditions]
    separated = {path.parent.name: path for path in estimates}
    trained = {path.parent.name: path for path in weights}
    files = {"figures": files_in(figures, ".png"), "tables": files_in(tables, ".md")}
    runs, models = {}, {}
    for row, key in zip(study.rows, keys(study.rows), strict=True):
        run = attach(connected, row, key)
        run.log_metrics(medians.get(row.id, {}))
        run.set_tags(tags_of(study, row, run.tags))
        for kind, paths in files.items():
            for path in paths:
                run.log_artifact(path, f"{kind}/{study.study}")
        if row.separated in separated:
            log_excerpt(run, opened, separated[row.separated])
        # Its scores are there, so it has been trained, whatever MLflow was told then.
        if run.status != STATUS["FINISHED"]:
            run.finish("FINISHED")
        runs[row.id] = run.id
        if row.trained in trained and key == training_key(row.trained):
            models[row.id] = log_model(connected, uri, run.id, trained[row.trained])
    best = best_run({row: medians.get(row, {}) for row in models})
    if best is not None:
        register(connected, study.study, runs[best], models[best])
    log.info("Published %d runs of %s to %s", len(runs), study.study, masked(uri))
    return runs


def files_in(paths: Iterable[Path], suffix: str) -> list[Path]:
    """Return the files among ``paths``, and those with ``suffix`` in the folders among them."""
    return [
        file
        for path in paths
        for file in (sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path])
    ]


def keys(rows: Sequence[Row]) -> list[str]:
    """Return the key of the MLflow run of each row: that of its training.

    Where several rows share their weights, and differ in separation or scoring, the first has the
    training's run and each other one of its own.
    """
    names: list[str] = []
    for row in rows:
        own, training = f"score/{row.id}", training_key(row.trained or "")
        names.append(own if row.trained is None or training in names else training)
    return names


def attach(connected: Any, row: Row, key: str) -> StoredRun:
    """Return the MLflow run with ``key``; it is created where there is none."""
    found = StoredRun.find(connected, EXPERIMENT, key)
    tags = {**code_tags(), **process_tags()}
    return found or StoredRun.create(connected, EXPERIMENT, key, row.id, tags)


def tags_of(study: ReportConfig, row: Row, before: Mapping[str, str]) -> dict[str, Any]:
    """Return the tags by which runs are found and grouped.

    Args:
        study: the study.
        row: one of its rows.
        before: the run's tags; it may be in other studies and sweeps, too.
    """
    tags = {
        "study": joined(before.get("study", ""), study.study),
        "dataset": study.dataset,
        "scale": study.scale,
        "experiment": row.experiment,
        "label": row.label,
        "kind": row.kind,
        "scored": row.id,
        **sweep_tags(row.sweep, row.swept),
    }
    if row.sweep is not None:
        tags["sweep"] = joined(before.get("sweep", ""), row.sweep)
    numbers = {"seed": row.seed, "fold": row.fold}
    return tags | {name: number for name, number in numbers.items() if number is not None}


def joined(names: str, name: str) -> str:
    """Return names that are separated by commas, in order, with one more among them."""
    return ", ".join(sorted({each for each in names.split(", ") if each} | {name}))


def medians_of(
    scores: Sequence[Path], held_out: Collection[str] = ()
) -> dict[str, Mapping[str, float]]:
    """Return each run's song-wise medians (dB), named as in ``test/SDR/vocals``.

    Those of the runs in ``held_out``, on songs that no other run has, are ``held_out/...``.
    """
    table, _ = gather_windows(scores)
    targets, metrics = table["target"].unique(), table["metric"].unique()
    medians = aggregate(table, list(targets), list(metrics), [AGGREGATION])
    named: dict[str, dict[str, float]] = {}
    for row in medians.to_dict("records"):
        run = str(row["run"])
        songs = HELD_OUT if run in held_out else TEST
        name = f"{songs}/{row['metric']}/{row['target']}"
        named.setdefault(run, {})[name] = float(row["value"])
    return dict(named)


def log_excerpt(run: StoredRun, renditions: Iterable[Rendition], estimates: Path) -> None:
    """Put an excerpt of the run's estimates onto it."""
    with TemporaryDirectory() as folder:
        run.set_tags({"excerpt": write_excerpt(renditions, estimates, Path(folder))})
        for path in sorted(Path(folder).glob("*.flac")):
            run.log_artifact(path, "excerpt")

"""A finished study in MLflow: an experiment with a run for each row."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mssbench.data.rendition import Rendition
from mssbench.masking import masked
from mssbench.report.aggregate import aggregate
from mssbench.report.config import ReportConfig, Row
from mssbench.report.scores import gather_windows
from mssbench.scored_songs import HELD_OUT, TEST
from mssbench.sweeps import tags as sweep_tags
from mssbench.tracking.connection import reach
from mssbench.tracking.excerpt import write_excerpt
from mssbench.tracking.experiments import TRAININGS, add_study, prepare
from mssbench.tracking.model import best_run, log_model, register
from mssbench.tracking.origin import code_tags, process_tags
from mssbench.tracking.run import training_key
from mssbench.tracking.stored import STATUS, StoredRun
from mssbench.tracking.sync import sync

log = logging.getLogger(__name__)

AGGREGATION = "song-wise median"

# The run of a study that has what is made of all rows.
REPORT = "tables and figures"


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
    """Make, or renew, the study's experiment in MLflow; doing it again adds nothing.

    Each row is a run there, with its scores and an excerpt; one more run has tables and figures.
    The trainings, which several studies may share, stay in the experiment of their own, with the
    curves and the models; a row's run has the configuration of its training and leads to it. The
    best training's model gets the study's name in the registry.

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
    prepare(connected, uri)
    add_study(connected, uri, study.study, description(study))
    medians = medians_of(scores, {row.id for row in study.rows if row.songs == HELD_OUT})
    opened = [Rendition.open(manifest) for manifest in renditions]
    separated = {path.parent.name: path for path in estimates}
    trained = {path.parent.name: path for path in weights}
    runs, models = {}, {}
    for row in study.rows:
        run = attach(connected, study.study, f"score/{row.id}", row.id)
        training = training_of(connected, study, row)
        run.set_tags(tags_of(study, row) | leading_to(training))
        run.log_metrics(medians.get(row.id, {}))
        if training is not None:
            run.log_params(training.params)
        if row.separated in separated:
            log_excerpt(run, opened, separated[row.separated])
        finish(run)
        runs[row.id] = run.id
        if row.trained in trained:
            # Where tracking failed then, there is no run of the training.
            of = (training or run).id
            models[row.id] = of, log_model(connected, uri, of, trained[row.trained])
    best = best_run({row: medians.get(row, {}) for row in models})
    if best is not None:
        register(connected, study.study, *models[best])
    log_report(connected, study, {"figures": (figures, ".png"), "tables": (tables, ".md")})
    log.info("Published %d runs of %s to %s", len(runs), study.study, masked(uri))
    return runs


def description(study: ReportConfig) -> str:
    """Return what MLflow's page says above the runs of a study, in Markdown."""
    return (
        f"**{study.title}** ({study.citation})\n\nA run for each row, with its scores on test "
        f"songs (`test/...`) and an excerpt. Tables and figures: the run `{REPORT}`. Curves and "
        f"models: the experiment `{TRAININGS}`, where each row leads to."
    )


def log_report(
    connected: Any, study: ReportConfig, files: Mapping[str, tuple[Iterable[Path], str]]
) -> None:
    """Put tables and figures onto a run of their own: folder -> (paths, suffix)."""
    run = attach(connected, study.study, REPORT, REPORT)
    run.set_tags(own_tags(study) | {"kind": REPORT})
    for folder, (paths, suffix) in files.items():
        for path in files_in(paths, suffix):
            run.log_artifact(path, folder)
    finish(run)


def finish(run: StoredRun) -> None:
    """Say that a run has ended well, unless that is known."""
    if run.status != STATUS["FINISHED"]:
        run.finish("FINISHED")


def files_in(paths: Iterable[Path], suffix: str) -> list[Path]:
    """Return the files among ``paths``, and those with ``suffix`` in the folders among them."""
    return [
        file
        for path in paths
        for file in (sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path])
    ]


def attach(connected: Any, experiment: str, key: str, name: str) -> StoredRun:
    """Return the MLflow run with ``key``; it is created where there is none."""
    if found := StoredRun.find(connected, experiment, key):
        return found
    return StoredRun.create(connected, experiment, key, name, code_tags() | process_tags())


def training_of(connected: Any, study: ReportConfig, row: Row) -> StoredRun | None:
    """Return the run of a row's training, which is told of the study; None where there is none."""
    key = training_key(row.trained or "")
    training = StoredRun.find(connected, TRAININGS, key) if row.trained else None
    if training is None:
        return None
    names = {"study": study.study, **({"sweep": row.sweep} if row.sweep else {})}
    training.set_tags(
        {tag: joined(training.tags.get(tag, ""), name) for tag, name in names.items()}
    )
    # Its scores are there, so it has been trained, whatever MLflow was told then.
    finish(training)
    return training


def leading_to(training: StoredRun | None) -> dict[str, str]:
    """Return the tags by which a row's run leads to its training."""
    if training is None:
        return {}
    link = f"#/experiments/{training.experiment}/runs/{training.id}"
    return {"training": training.id, "mlflow.note.content": f"[Training, with its curves]({link})"}


def own_tags(study: ReportConfig) -> dict[str, Any]:
    """Return the tags that all runs of a study have."""
    return {"study": study.study, "dataset": study.dataset, "scale": study.scale}


def tags_of(study: ReportConfig, row: Row) -> dict[str, Any]:
    """Return the tags by which runs are found and grouped."""
    tags = {
        **own_tags(study),
        "experiment": row.experiment,
        "label": row.label,
        "kind": row.kind,
        "scored": row.id,
        **sweep_tags(row.sweep, row.swept),
    }
    more = {"trained": row.trained, "sweep": row.sweep, "seed": row.seed, "fold": row.fold}
    return tags | {name: value for name, value in more.items() if value is not None}


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

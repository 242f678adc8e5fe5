"""Whether a study's tables, figures and listening page can be made, before any job starts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mssbench.errors import UserError
from mssbench.figure_checks import check_figure
from mssbench.report.aggregate import AGGREGATIONS
from mssbench.report.judged_metrics import MCNEMAR, RIGHT_FROM
from mssbench.scoring.measures import MEASURES
from mssbench.shown import Rows, Shown, definitions
from mssbench.study import Config, Study

if TYPE_CHECKING:
    from mssbench.runs import Run


def check_shown(study: Study, runs: Sequence["Run"], dataset: Config) -> None:
    """Refuse what a table, a figure or the listening page would refuse after all is trained.

    Args:
        study: it, resolved.
        runs: all of its runs.
        dataset: what decides the data set's content.

    Raises:
        UserError: naming the study's file, the key, what it has and what it may have.
    """
    shown = Shown.of(study, runs, dataset)
    for key, table in definitions(shown, "tables"):
        check_table(shown, key, table)
    for key, figure in definitions(shown, "figures"):
        check_figure(shown, key, figure)
    if study.listening is not None:
        check_listening(shown, study.listening)


def check_table(shown: Shown, key: str, table: Mapping[str, Any]) -> None:
    """Refuse a table that names what there is not."""
    rows = shown.rows(key, table.get("rows"))
    shown.require(f"{key}.targets", table["targets"], rows.targets)
    shown.require_metrics(f"{key}.metrics", table["metrics"], rows)
    shown.require(f"{key}.aggregations", table["aggregations"], AGGREGATIONS)
    for metric in table["metrics"]:
        only = MEASURES[metric].target
        if only and only not in table["targets"]:
            raise UserError(
                f"{shown.study.file}: {key}.metrics has {metric!r}, which is of {only} alone, but "
                f"{key}.targets are {', '.join(table['targets'])}; add {only} or remove it"
            )
    systems = [str(entry["system"]) for entry in shown.study.published if entry.get("system")]
    shown.require(f"{key}.literature", table.get("literature", ()), dict.fromkeys(systems))
    require_quoted(shown, key, table)
    if "rank_by" in table:
        by = table["rank_by"]
        shown.require_metrics(f"{key}.rank_by.metric", [by["metric"]], rows)
        shown.require(f"{key}.rank_by.target", [by["target"]], rows.targets)
        shown.require(f"{key}.rank_by.aggregation", [by["aggregation"]], AGGREGATIONS)
    if "test" in table:
        check_test(shown, key, table["test"], table["metrics"], rows)
    shown.require_one_protocol(key, rows)


def require_quoted(shown: Shown, key: str, table: Mapping[str, Any]) -> None:
    """Refuse systems of the literature that have no value in the table, so that they had no line.

    Raises:
        UserError: naming the first of them.
    """
    for system in table.get("literature", ()):
        entries = [each for each in shown.study.published if each.get("system") == system]
        if not any(
            entry["aggregation"] in (None, *table["aggregations"])
            and any(
                target in table["targets"] and set(metrics).intersection(table["metrics"])
                for target, metrics in entry["values"].items()
            )
            for entry in entries
        ):
            raise UserError(
                f"{shown.study.file}: {key}.literature has {system!r}, of which nothing is "
                "published under the table's targets, metrics and aggregations; remove it"
            )


def check_test(
    shown: Shown, key: str, test: Mapping[str, Any], metrics: Sequence[str], rows: Rows
) -> None:
    """Refuse a test of a table's values that cannot be made."""
    against = test.get("against", "best")
    allowed = ["best", *rows.experiments, *rows.imported]
    if against not in allowed:
        raise UserError(
            f"{shown.study.file}: {key}.test.against is {against!r}; allowed are "
            f"{', '.join(allowed)}"
        )
    if test.get("kind") == MCNEMAR and not set(RIGHT_FROM).intersection(metrics):
        raise UserError(
            f"{shown.study.file}: {key}.test.kind is {MCNEMAR}, of judgements; allowed with "
            f"{', '.join(RIGHT_FROM)} among the metrics, and these are {', '.join(metrics)}"
        )
    if test.get("bold") and against != "best":
        raise UserError(
            f"{shown.study.file}: {key}.test.bold needs the best system compared with all others, "
            f"but against is {against!r}; set it to best or remove bold"
        )


def check_listening(shown: Shown, listening: Mapping[str, Any]) -> None:
    """Refuse a listening page of what there is not."""
    rows = shown.rows("listening", listening.get("rows"))
    heard = [target for run in rows.experiments.values() for target in rows.estimates(run)]
    true = shown.true_targets
    allowed = None if true is None else [t for t in dict.fromkeys(heard) if t in true]
    shown.require("listening.targets", listening.get("targets", ()), allowed)
    shown.require_metrics("listening.metrics", listening.get("metrics", ()), rows)

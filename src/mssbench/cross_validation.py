"""Cross-validation: an experiment with a model for each fold of the training songs.

A split of kind ``folds`` that names no ``fold`` stands for all of them: each is a training of its
own, scored on the songs that it holds out. So each training song is scored once, by the one model
that has never heard it, and tables put the scores together as if they were one run's.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mssbench.data.splits import FOLDS, check_split
from mssbench.errors import UserError
from mssbench.scored_songs import HELD_OUT, TEST

if TYPE_CHECKING:
    from mssbench.runs import Run
    from mssbench.study import Study

Config = dict[str, Any]

HEARD = ("excerpt", "spectrograms", "listening page")
"""What shows estimates of test songs."""

# The kind of figure that compares no scores.
LEARNING_CURVES = "learning_curves"


def folds_of(experiment: Config) -> list[int | None]:
    """Return the folds whose models an experiment stands for; [None] where it is one model.

    Raises:
        UserError: there are fewer than two, or another key of the split is wrong.
    """
    split = experiment.get("split") or {}
    if split.get("kind") != FOLDS or "fold" in split:
        return [None]
    check_split({**split, "fold": 0})
    return list(range(split["folds"]))


def in_fold(experiment: Config, fold: int | None) -> Config:
    """Return one model of a cross-validated experiment; of another one, the experiment itself."""
    if fold is None:
        return experiment
    return experiment | {"split": {**experiment["split"], "fold": fold}}


def initial_fold(own: Mapping[str, Any], source: Mapping[str, Any], where: str) -> int | None:
    """Return the fold of a cross-validated experiment that another one's model begins with.

    Weights must not bring with them what they have learned of songs that are held out.

    Args:
        own: the split of the model that begins.
        source: the split of the experiment that it begins with.
        where: begins messages, as in ``study x, experiment 'y': initial``.

    Returns:
        None where that experiment is one model.

    Raises:
        UserError: it has several models and none is meant, or may know songs that are held out.
    """
    is_one = source.get("kind") != FOLDS or "fold" in source
    if own.get("kind") != FOLDS:
        if is_one:
            return None
        raise UserError(
            f"{where}.experiment has a model for each of {source.get('folds')} folds; name one "
            "that is a single model"
        )
    if {"fold": own["fold"], **source} != own:
        raise UserError(
            f"{where}.experiment has another split, so its weights may know songs that fold "
            f"{own['fold']} holds out; give both the same kind, folds and seed"
        )
    return None if is_one else own["fold"]


def check_rows(study: "Study", runs: list["Run"]) -> None:
    """Refuse tables and figures that could not compare their rows, before any job starts.

    Raises:
        UserError: rows are scored on different songs, or test songs are to be shown of a row that
            has held-out songs alone.
    """
    for where, kind, rows in definitions(study):
        chosen = [run for run in runs if rows is None or {run.experiment, run.sweep} & set(rows)]
        held = [run for run in chosen if run.songs == HELD_OUT]
        others = [run for run in chosen if run.songs != HELD_OUT]
        # Rows that are not named are those of the test songs, where there are any.
        if not held or (rows is None and others):
            continue
        name = held[0].sweep or held[0].experiment
        if kind in HEARD:
            raise UserError(
                f"study {study.name!r}: {where} shows test songs, but {name!r} has estimates of "
                f"held-out songs alone; choose other rows or give it separation.songs {TEST}"
            )
        if others and kind != LEARNING_CURVES:
            other = others[0].sweep or others[0].experiment
            raise UserError(
                f"study {study.name!r}: {where} compares {name!r}, scored on held-out songs, with "
                f"{other!r}, scored on test songs; choose rows with the same separation.songs"
            )


def definitions(study: "Study") -> Iterator[tuple[str, str, list[str] | None]]:
    """Yield the key, the kind and the named rows of all that a study shows."""
    for name, table in study.tables.items():
        yield f"tables.{name}", "table", table.get("rows")
    for name, figure in study.figures.items():
        yield f"figures.{name}", figure["kind"], figure.get("rows")
    if study.listening is not None:
        yield "listening", "listening page", study.listening.get("rows")

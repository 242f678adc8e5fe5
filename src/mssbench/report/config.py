"""What tables and figures need to know of a study: its rows, definitions and published values."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mssbench.errors import UserError
from mssbench.report.aggregate import require
from mssbench.report.schema import SCHEMA
from mssbench.scored_songs import TEST
from mssbench.validation import validate

# The scale at which a study trains as its paper did.
PAPER_SCALE = "paper"


@dataclass(frozen=True)
class Row:
    """One run of a study.

    Attributes:
        experiment: the key of its experiment.
        label: what tables and figures call it.
        seed: None for an untrained method.
        id: its name in score tables.
        kind: ``trained``; ``untrained`` for a method that learns nothing; ``bound`` for a lower
            or upper bound, such as the mixture and what is made from the true sources.
        trained: names its learning history; None for an untrained method.
        separated: names its estimates; the same as ``id`` where the study does not say.
        rendition: the audio it works on, as in ``"22050-mono"``; empty where the study does not
            say.
        loss: what its loss is, as in ``"MAE"``; empty where the study does not say.
        imported: where its scores are imported from; empty of our own.
        sweep: the experiment that sweeps, of which this is one combination.
        swept: dotted key -> value of that combination.
        songs: what it is scored on, ``test`` songs or those ``held_out`` from the training.
        fold: which fold of the training songs is held out; None of no cross-validation.
        pool: names the scores of all folds together; empty where the run has values of its own.
    """

    experiment: str
    label: str
    seed: int | None
    id: str
    kind: str
    trained: str | None
    separated: str
    rendition: str
    loss: str
    imported: str = ""
    sweep: str | None = None
    swept: dict[str, Any] = field(default_factory=dict)
    songs: str = TEST
    fold: int | None = None
    pool: str = ""

    @property
    def turn(self) -> str:
        """Return what tells it from other rows of its experiment: the seed, and ``/fold``."""
        return f"{self.seed}" if self.fold is None else f"{self.seed}/{self.fold}"


@dataclass(frozen=True)
class Published:
    """A value that a source states, in dB.

    Attributes:
        target: of which source.
        metric: which measure.
        aggregation: over windows and songs; None where the source does not state it.
        value: the value.
        source: what states it.
        verified: whether somebody has read the value in the source itself.
        experiment: the experiment that it is of; None of a system that the study does not run.
        system: what tables call that one.
        dataset: the data set on whose test songs it was found; None where the study does not say.
    """

    target: str
    metric: str
    aggregation: str | None
    value: float
    source: str
    verified: bool
    experiment: str | None = None
    system: str = ""
    dataset: str | None = None


@dataclass(frozen=True)
class Experiment:
    """The rows of an experiment: one a seed, of a cross-validation one a seed and fold."""

    name: str
    label: str
    kind: str
    rows: tuple[Row, ...]

    @property
    def is_bound(self) -> bool:
        """Return whether it is no system, but a lower or upper bound of what one can reach."""
        return self.kind == "bound"

    @property
    def is_held_out(self) -> bool:
        """Return whether it is scored on training songs that were held out, not on test songs."""
        return self.rows[0].songs != TEST

    @property
    def scored(self) -> list[str]:
        """Return the names of its values in score tables: one a seed, or a model.

        The folds that a seed's models have held out make one value together.
        """
        return list(dict.fromkeys(row.pool or row.id for row in self.rows))


@dataclass(frozen=True)
class ReportConfig:
    """A study as its tables and figures need it."""

    study: str
    title: str
    citation: str
    dataset: str
    scale: str
    deviations: tuple[str, ...]
    rows: tuple[Row, ...]
    published: tuple[Published, ...]
    tables: dict[str, dict[str, Any]]
    figures: dict[str, dict[str, Any]]
    listening: dict[str, Any]

    def experiments(self, names: Sequence[str] | None = None) -> list[Experiment]:
        """Return the experiments called ``names``: systems, then bounds.

        Both come in the study's order, whatever the order of ``names``. The name of one that sweeps
        stands for all of its combinations. Without names it is all of them, or, where some are
        scored on test songs and some on held-out ones, which compare with nothing, the former.

        Raises:
            UserError: the study has no such experiment.
        """
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.experiment, []).append(row)
        known = {name: {name, rows[0].sweep or name} for name, rows in groups.items()}
        require("rows", names or (), (each for both in known.values() for each in sorted(both)))
        chosen = [
            Experiment(name, rows[0].label, rows[0].kind, tuple(rows))
            for name, rows in groups.items()
            if names is None or known[name].intersection(names)
        ]
        tested = [each for each in chosen if not each.is_held_out]
        if names is None and not all(each.rows[0].imported for each in tested):
            chosen = tested
        return sorted(chosen, key=lambda experiment: experiment.is_bound)


def read_config(text_or_file: str) -> ReportConfig:
    """Read the configuration of a study's tables and figures.

    Args:
        text_or_file: JSON, or the path of a JSON file.

    Raises:
        UserError: the file is missing, is no JSON, or lacks what ``SCHEMA`` asks for.
    """
    text, where = text_or_file, "--config"
    try:
        if not text.lstrip().startswith("{"):
            where = text_or_file
            text = Path(text_or_file).read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError:
        raise UserError(f"{where}: there is no such file; give JSON or a JSON file") from None
    except ValueError as error:
        raise UserError(f"{where} is not valid JSON: {error}") from None
    return parse_config(content, where)


def parse_config(content: dict[str, Any], where: str = "config") -> ReportConfig:
    """Check ``content`` against ``SCHEMA`` and return it; ``where`` it is from begins messages.

    Raises:
        UserError: naming the key that does not fit.
    """
    validate(content, SCHEMA, where)
    rows = [
        Row(
            experiment=row["experiment"],
            label=row["label"],
            seed=row["seed"],
            id=row["id"],
            kind=row["kind"],
            trained=row.get("trained"),
            separated=row.get("separated", row["id"]),
            rendition=row.get("rendition", ""),
            loss=row.get("loss", ""),
            imported=row.get("imported", ""),
            sweep=row.get("sweep"),
            swept=row.get("swept", {}),
            songs=row.get("songs", TEST),
            fold=row.get("fold"),
            pool=row.get("pool") or "",
        )
        for row in content["rows"]
    ]
    published = [
        Published(**{"aggregation": None} | entry) for entry in content.get("published", [])
    ]
    return ReportConfig(
        study=content["study"],
        title=content.get("title", content["study"]),
        citation=content.get("citation") or "",
        dataset=content["dataset"],
        scale=content["scale"],
        deviations=tuple(content.get("deviations", [])),
        rows=tuple(rows),
        published=tuple(published),
        tables=content.get("tables", {}),
        figures=content.get("figures", {}),
        listening=content.get("listening", {}),
    )

"""What the tables, figures and listening page of a study can show: its rows and their scores."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mssbench.data.catalogue import CATALOGUE
from mssbench.data.songs import SOURCES
from mssbench.errors import UserError
from mssbench.models.declared import estimated
from mssbench.models.targets import ACCOMPANIMENT, PAIR, VOCALS
from mssbench.report.scores import Scoring, scoring_of
from mssbench.scored_songs import TEST
from mssbench.scoring.measures import MEASURES, METRICS
from mssbench.scoring.problems import problems, targets
from mssbench.scoring.protocol import Protocol
from mssbench.study import Config, Study

if TYPE_CHECKING:
    from mssbench.runs import Run


@dataclass(frozen=True)
class Rows:
    """Some rows of a study.

    Attributes:
        runs: their runs.
        imported: the names of those whose scores are imported.
        sources: what songs are made of; None where only their files tell.
    """

    runs: Sequence["Run"]
    imported: Sequence[str] = ()
    sources: tuple[str, ...] | None = SOURCES

    @cached_property
    def experiments(self) -> dict[str, "Run"]:
        """Return the first run of each experiment by its name."""
        found: dict[str, Run] = {}
        for run in self.runs:
            found.setdefault(run.experiment, run)
        return found

    @property
    def count(self) -> int:
        """Return how many systems they are."""
        return len(self.experiments) + len(self.imported)

    @property
    def metrics(self) -> list[str]:
        """Return the metrics that any of them has scores of."""
        protocols = [Protocol.from_config(run.config["scoring"]) for run in self.runs]
        own = (metric for protocol in protocols for metric in protocol.metrics)
        return list(dict.fromkeys([*own, *(METRICS if self.imported else ())]))

    @property
    def targets(self) -> list[str] | None:
        """Return the targets that any of them has scores of; None where these cannot be known."""
        if self.imported and self.sources is None:
            return None
        own = (target for run in self.experiments.values() for target in self.scored(run))
        others = (*(self.sources or ()), ACCOMPANIMENT) if self.imported else ()
        return list(dict.fromkeys([*own, *others]))

    def estimates(self, run: "Run") -> list[str]:
        """Return what a run's estimates are of."""
        found = estimated(run.config["model"]["name"], run.config["model"]["params"])
        pair = PAIR if set(PAIR).intersection(found) else ()
        return list(dict.fromkeys([*found, *pair]))

    def scored(self, run: "Run") -> Sequence[str]:
        """Return the targets that a run has scores of."""
        made = self.estimates(run)
        return made if self.sources is None else targets(problems(self.sources, made))


@dataclass(frozen=True)
class Shown:
    """A study whose definitions are checked.

    Attributes:
        study: it.
        runs: all of its runs.
        sources: what songs are made of; None where only their files tell.
    """

    study: Study
    runs: Sequence["Run"]
    sources: tuple[str, ...] | None = field(default=SOURCES)

    @classmethod
    def of(cls, study: Study, runs: Sequence["Run"], dataset: Config) -> "Shown":
        """Return a study with what the songs of a data set are made of."""
        stems = dataset.get("stems")
        known = tuple(stems) if stems else SOURCES if dataset["name"] in CATALOGUE else None
        return cls(study, runs, known)

    @property
    def true_targets(self) -> list[str] | None:
        """Return what songs have a true signal of; None where only their files tell."""
        if self.sources is None:
            return None
        return [*self.sources, *([ACCOMPANIMENT] if VOCALS in self.sources else [])]

    @property
    def default_target(self) -> str | None:
        """Return what excerpts show where the study does not say; None where it is not known."""
        if self.sources is None:
            return None
        return VOCALS if VOCALS in self.sources else self.sources[0]

    def rows(self, key: str, named: Sequence[str] | None) -> Rows:
        """Return the rows that a definition names, or all that it stands for without names.

        Args:
            key: of the definition, as in ``tables.systems``.
            named: its ``rows``.

        Raises:
            UserError: the study has no such row.
        """
        if named is None:
            tested = [run for run in self.runs if run.songs == TEST]
            return Rows(tested or self.runs, list(self.study.imported), self.sources)
        known = self.names
        for name in named:
            if name in self.study.defined and name not in known:
                raise self.fault(f"{key}.rows", name, known, "name it in select.experiments too")
        self.require(f"{key}.rows", named, known)
        own = [run for run in self.runs if {run.experiment, run.sweep}.intersection(named)]
        others = [name for name in self.study.imported if name in named]
        return Rows(own, others, self.sources)

    @property
    def names(self) -> list[str]:
        """Return all that ``rows`` may name."""
        both = (name for run in self.runs for name in (run.sweep, run.experiment) if name)
        return list(dict.fromkeys([*both, *self.study.imported]))

    def require(self, key: str, found: Iterable[str], allowed: Collection[str] | None) -> None:
        """Refuse values of a key that are not allowed; where none is known, any is.

        Raises:
            UserError: naming the first of them.
        """
        for value in found:
            if allowed is not None and value not in allowed:
                raise self.fault(key, value, allowed)

    def require_metrics(self, key: str, found: Iterable[str], rows: Rows) -> None:
        """Refuse metrics that there are not, or that none of the rows is scored with.

        Raises:
            UserError: naming the first of them.
        """
        there = rows.metrics
        for metric in found:
            if metric not in MEASURES:
                raise self.fault(key, metric, MEASURES)
            if there and metric not in there:
                raise UserError(
                    f"{self.study.file}: {key} has {metric!r}, which scoring.measures of its rows "
                    f"does not name (they have {', '.join(there)}): add it there"
                )

    def require_one_protocol(self, key: str, rows: Rows, *, but_windows: bool = False) -> None:
        """Refuse rows whose scores are not made alike.

        Args:
            key: of the definition that shows them.
            rows: the rows.
            but_windows: whether they may differ in the length and distance of windows.

        Raises:
            UserError: naming two that differ.
        """
        first: tuple[str, Scoring] | None = None
        for name, run in rows.experiments.items():
            found = scoring_of(Protocol.from_config(run.config["scoring"]).description())
            first = first or (name, found)
            alike = found.at_windows_of(first[1]) if but_windows else found
            if not alike.agrees(first[1].at_windows_of(first[1]) if but_windows else first[1]):
                raise UserError(
                    f"{self.study.file}: {key}.rows has {first[0]!r}, scored with {first[1]}, and "
                    f"{name!r}, scored with {found}; allowed is one scoring: choose other rows or "
                    "score them alike"
                )

    def fault(self, key: str, found: str, allowed: Iterable[str], do: str = "") -> UserError:
        """Return the error of a value that is not allowed."""
        names = ", ".join(allowed) or "none"
        what = f"{key} has {found!r}; allowed are {names}"
        return UserError(f"{self.study.file}: {what}{f'; {do}' if do else ''}")


def definitions(shown: Shown, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the key and the content of each selected definition of a kind, as ``tables``."""
    found: Mapping[str, Mapping[str, Any]] = getattr(shown.study, kind)
    for name, definition in found.items():
        yield f"{kind}.{name}", definition

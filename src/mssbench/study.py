"""Study files: what a paper did, resolved to the runs that reproduce it.

A study defines experiments, tables and figures in maps and selects from them in lists. An
experiment is resolved in layers, each laid over the one before: the experiment it is ``from``, the
study's ``common``, its own keys and, at demo scale, the demo's ``common`` and own keys. One that
has a ``sweep`` then stands for several.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mssbench.data.catalogue import CATALOGUE
from mssbench.errors import UserError
from mssbench.published import published_values
from mssbench.sweeps import points
from mssbench.validation import load_yaml, require_finite, validate

Config = dict[str, Any]

RESERVED = {
    "all": "in config.yaml, that word means every study",
    "trainings": "in MLflow, that is the experiment of all studies' trainings",
}
"""What a study cannot be called, and why."""


def overlay(below: Config, above: Config) -> Config:
    """Return ``below`` with ``above`` laid over it, map by map; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = overlay(old, value)
        else:
            merged[key] = value
    return merged


@dataclass(frozen=True)
class Study:
    """A study at one scale.

    Attributes:
        name: the file's name without its ending.
        scale: ``demo`` or ``paper``.
        about: title, citation, link, deviations and published values, as the file has them.
        experiments: the selected experiments, resolved, in the study's order; of a sweep all.
        tables: the selected tables.
        figures: the selected figures.
        imported: others' results, as the file has them.
        sources: experiments that are not selected, whose weights others begin with.
        listening: what the listening page holds; None for none.
        file: where it is from, as messages name it.
        defined: the experiments that the file defines, selected or not.
        published: what it says is published, one map an entry.
    """

    name: str
    scale: str
    about: Config
    experiments: dict[str, Config]
    tables: dict[str, Config]
    figures: dict[str, Config]
    imported: dict[str, Config] = field(default_factory=dict)
    sources: dict[str, Config] = field(default_factory=dict)
    listening: Config | None = None
    file: str = ""
    defined: tuple[str, ...] = ()
    published: tuple[Config, ...] = ()


class Studies:
    """The study files of a folder.

    Args:
        folder: holds ``<study>.yaml``.
        schema: the schema that each of them must fit.

    Raises:
        UserError: a file has a name that means something else.
    """

    def __init__(self, folder: Path, schema: Path) -> None:
        self.folder, self.schema = folder, load_yaml(schema)
        self.names = sorted(path.stem for path in folder.glob("*.yaml"))
        for name in RESERVED.keys() & set(self.names):
            raise UserError(f"{folder / name}.yaml: give it another name; {RESERVED[name]}")
        # Each experiment of a study asks for its file, and reading YAML takes its time.
        self._files: dict[str, Config] = {}

    def load(self, name: str, scale: str) -> Study:
        """Read a study and resolve its selection at ``scale``.

        Raises:
            UserError: the study is unknown, does not fit the schema, or names what it does not
                define.
        """
        raw = self._read(name)
        selected = self._select(raw, "experiments", name, lambda n: self._points(name, n, scale))
        experiments = {key: point for found in selected.values() for key, point in found.items()}
        return Study(
            name=name,
            scale=scale,
            about={key: raw.get(key) for key in ("title", "citation", "link")}
            | {
                "deviations": raw.get("deviations", []),
                "published": published_values(
                    raw["published"],
                    list(raw["experiments"]),
                    raw["tables"],
                    str(self._file(name)),
                    raw.get("published_dataset"),
                ),
            },
            experiments=experiments,
            tables=self._select(raw, "tables", name, raw["tables"].__getitem__),
            figures=self._select(raw, "figures", name, raw["figures"].__getitem__),
            imported=raw.get("imported", {}),
            sources=self._sources(raw, name, scale, experiments),
            listening=raw.get("listening"),
            file=str(self._file(name)),
            defined=tuple(raw["experiments"]),
            published=tuple(raw["published"]),
        )

    def experiment(self, study: str, name: str, scale: str) -> Config:
        """Resolve one experiment of a study."""
        raw = self._read(study)
        if name not in raw["experiments"]:
            raise UserError(unknown("experiment", name, raw["experiments"], self._file(study)))
        own = dict(raw["experiments"][name])
        base: Config = {}
        if "from" in own:
            origin_study, origin = own.pop("from").split("/")
            base = self.experiment(origin_study, origin, scale)
        layers = [raw["common"], own]
        if scale == "demo":
            demo = raw["scales"]["demo"]
            layers += [demo.get("common", {}), demo.get("experiments", {}).get(name, {})]
        for layer in layers:
            base = overlay(base, layer)
        return {"label": name, "params": {}} | base

    def _points(self, study: str, name: str, scale: str) -> dict[str, Config]:
        """Resolve an experiment to those that its sweep stands for: by default itself alone."""
        where = f"study {study}, experiment {name!r}"
        found = points(name, self.experiment(study, name, scale), where)
        if list(found) != [name]:
            # Swept values have been laid over what the file's check has seen.
            schema = {"$ref": "#/$defs/experiment", "$defs": self.schema["$defs"]}
            for key, point in found.items():
                plain = {part: value for part, value in point.items() if part != "swept"}
                validate(plain, schema, f"{where}: sweep, {key.removeprefix(f'{name}/')}")
        return found

    def _sources(
        self, raw: Config, study: str, scale: str, experiments: dict[str, Config]
    ) -> dict[str, Config]:
        """Return the experiments that others begin with and that are not among these."""
        found: dict[str, Config] = {}
        pending = list(experiments.items())
        while pending:
            name, experiment = pending.pop()
            if not experiment.get("initial"):
                continue
            where = f"study {study}, experiment {name!r}: initial"
            if "experiment" not in experiment["initial"]:
                raise UserError(f"{where} lacks the key 'experiment', whose weights to begin with")
            wanted = experiment["initial"]["experiment"]
            if wanted in experiments or wanted in found:
                continue
            of = wanted.partition("/")[0]
            if of not in raw["experiments"]:
                where = f"{where}.experiment"
                raise UserError(unknown("experiment", wanted, raw["experiments"], where))
            meant = self._points(study, of, scale)
            if wanted not in meant:
                raise UserError(
                    f"{where}.experiment is {wanted!r}, of a sweep; name one of its experiments, "
                    f"{', '.join(meant)}"
                )
            found[wanted] = meant[wanted]
            pending.append((wanted, meant[wanted]))
        return found

    def _read(self, name: str) -> Config:
        if name not in self.names:
            raise UserError(unknown("study", name, self.names, "config.yaml: studies"))
        if name not in self._files:
            raw = load_yaml(self._file(name))
            validate(raw, self.schema, str(self._file(name)))
            require_finite(raw, str(self._file(name)))
            self._check_datasets(raw, self._file(name))
            self._files[name] = raw
        return self._files[name]

    def _check_datasets(self, raw: Config, file: Path) -> None:
        """Refuse published values of a data set that there is not."""
        own = (path.stem for path in self.folder.parent.glob("datasets/*.yaml"))
        known = [*CATALOGUE, *sorted(own)]
        entries = {f"published.{n}.dataset": each for n, each in enumerate(raw["published"])}
        found = {key: entry.get("dataset") for key, entry in entries.items()}
        found["published_dataset"] = raw.get("published_dataset")
        for key, name in found.items():
            if name is not None and name not in known:
                raise UserError(unknown("data set", name, known, f"{file}: {key}"))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.yaml"

    def _select(
        self, raw: Config, kind: str, study: str, find: Callable[[str], Config]
    ) -> dict[str, Config]:
        for name in raw["select"][kind]:
            if name not in raw[kind]:
                where = f"{self._file(study)}: select.{kind}"
                raise UserError(unknown(kind[:-1], name, raw[kind], where))
        return {name: find(name) for name in raw["select"][kind]}


def unknown(kind: str, name: str, known: Iterable[str], where: str | Path) -> str:
    """Return the message for a name that nothing defines."""
    return f"{where}: unknown {kind} {name!r}; there are {', '.join(known)}"

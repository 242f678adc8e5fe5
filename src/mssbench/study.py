"""Study files: what a paper did, resolved to the runs that reproduce it.

A study defines experiments, tables and figures in maps and selects from them in lists. An
experiment is resolved in layers, each laid over the one before: the experiment it is ``from``, the
study's ``common``, its own keys and, at demo scale, the demo's ``common`` and own keys.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mssbench.errors import UserError
from mssbench.validation import load_yaml, validate

Config = dict[str, Any]


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
        experiments: the selected experiments, resolved, in the study's order.
        tables: the selected tables.
        figures: the selected figures.
        listening: what the listening page holds; None for none.
    """

    name: str
    scale: str
    about: Config
    experiments: dict[str, Config]
    tables: dict[str, Config]
    figures: dict[str, Config]
    listening: Config | None


class Studies:
    """The study files of a folder.

    Args:
        folder: holds ``<study>.yaml``.
        schema: the schema that each of them must fit.
    """

    def __init__(self, folder: Path, schema: Path) -> None:
        self.folder, self.schema = folder, load_yaml(schema)
        self.names = sorted(path.stem for path in folder.glob("*.yaml"))

    def load(self, name: str, scale: str) -> Study:
        """Read a study and resolve its selection at ``scale``.

        Raises:
            UserError: the study is unknown, does not fit the schema, or names what it does not
                define.
        """
        raw = self._read(name)
        return Study(
            name=name,
            scale=scale,
            about={key: raw.get(key) for key in ("title", "citation", "link", "published")}
            | {"deviations": raw.get("deviations", [])},
            experiments=self._select(
                raw, "experiments", name, lambda n: self.experiment(name, n, scale)
            ),
            tables=self._select(raw, "tables", name, raw["tables"].__getitem__),
            figures=self._select(raw, "figures", name, raw["figures"].__getitem__),
            listening=raw.get("listening"),
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

    def _read(self, name: str) -> Config:
        if name not in self.names:
            raise UserError(unknown("study", name, self.names, "config.yaml: studies"))
        raw = load_yaml(self._file(name))
        validate(raw, self.schema, str(self._file(name)))
        return raw

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

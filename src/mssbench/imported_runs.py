"""Others' results that a study compares with its runs: scores alone, in museval's JSON files."""

from dataclasses import dataclass
from pathlib import Path

from mssbench.errors import UserError
from mssbench.provenance import digest
from mssbench.study import Config, Study


@dataclass(frozen=True)
class ImportedRun:
    """A system whose scores others have made.

    Attributes:
        name: its key in the study's map ``imported``.
        label: what tables and figures call it.
        path: folder or archive of museval's JSON files, relative to the working folder.
        kind: ``trained``, or ``bound`` for an untrained lower or upper bound.
        subset: which of the files count, see `mssbench.report.imported.import_scores`.
    """

    name: str
    label: str
    path: Path
    kind: str
    subset: str

    @property
    def id(self) -> str:
        """Names the scores in paths and tables."""
        return f"{self.name}-{digest([str(self.path), self.subset])}"

    @property
    def files(self) -> list[Path]:
        """What the scores are read from: the archive, or the folder's files."""
        return sorted(self.path.rglob("*.json")) if self.path.is_dir() else [self.path]

    @property
    def row(self) -> Config:
        """Return what tables, figures and tracking need to know of it."""
        about = {"experiment": self.name, "label": self.label, "seed": None, "id": self.id}
        return about | {"trained": None, "kind": self.kind, "imported": str(self.path)}


def imported_runs(study: Study) -> list[ImportedRun]:
    """Return a study's imported runs.

    Raises:
        UserError: one is called like an experiment, or its path does not exist.
    """
    found = []
    for name, entry in study.imported.items():
        if name in study.experiments:
            raise UserError(
                f"study {study.name}: imported.{name} and an experiment have one name; rename one"
            )
        path = Path(entry["path"])
        if not path.exists():
            raise UserError(
                f"study {study.name}: imported.{name}.path is {path}; there is no such folder or "
                "archive in the working folder"
            )
        kind, subset = entry["kind"], entry.get("subset", "test")
        found.append(ImportedRun(name, entry.get("label", name), path, kind, subset))
    return found

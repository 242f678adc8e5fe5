"""Where the numbers of a table are from: scores on disk, data and code of each run."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mssbench.report.config import Row
from mssbench.report.sources import Sources, read_json


@dataclass(frozen=True)
class Origin:
    """What is known of a run; empty where it is not.

    Attributes:
        scores: the folder of its scores, relative to the folder of the tables.
        data: digest of the rendition that it works on.
        commit: the commit of the code that trained it; ``-dirty`` follows where files differed.
    """

    scores: str = ""
    data: str = ""
    commit: str = ""


def origins_of(
    rows: Iterable[Row], sources: Sources, renditions: Mapping[str, Path], folder: Path
) -> dict[str, Origin]:
    """Return where the scores of each run are from, by its id.

    Args:
        rows: the runs.
        sources: score tables, of which those in a folder of their run's name are found, and the
            ``run.json`` of trainings.
        renditions: ``manifest.json`` of renditions by name.
        folder: where the tables will be.

    Raises:
        UserError: a file cannot be read.
    """
    folders = {file.parent.name: file.parent for file in sources.scores}
    digests = {
        name: str(read_json("--renditions", renditions, name, "manifest.json").get("digest", ""))
        for name in renditions
    }
    found = {}
    for row in rows:
        commit = ""
        if row.trained is not None and row.trained in sources.runs:
            made = read_json("--runs", sources.runs, row.trained, "run.json")
            commit = made.get("versions", {}).get("commit") or ""
        scores = ""
        if row.id in folders:
            scores = Path(os.path.relpath(folders[row.id], folder)).as_posix()
        found[row.id] = Origin(scores, digests.get(row.rendition, ""), commit)
    return found

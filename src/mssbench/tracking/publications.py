"""Studies that are published now or, where no server answers, later.

What waits is a file of the outbox, ``<study>-<digest>.publication.json``, which names the files
that are published: these must stay where they are until then. A process that publishes holds a lock
on it, so that no two make the same runs.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from mssbench.atomic import write_json
from mssbench.errors import UserError
from mssbench.masking import masked
from mssbench.provenance import digest
from mssbench.report.config import read_config
from mssbench.tracking.connection import OFF, WHAT_NEXT
from mssbench.tracking.failures import Away, telling_failures
from mssbench.tracking.journal import is_at, open_locked, outbox
from mssbench.tracking.sync import Outcome, sync

log = logging.getLogger(__name__)

SUFFIX = ".publication.json"
FILE_KINDS = ("scores", "figures", "tables", "renditions", "estimates", "weights")


@dataclass(frozen=True)
class Publication:
    """What `publish` is given, as absolute paths, and the file that says what became of it.

    Attributes:
        config: the study, as JSON.
        scores: score tables.
        figures: PNG files, or folders of them.
        tables: Markdown files, or folders of them.
        renditions: manifests.
        estimates: ``estimates.json`` files.
        weights: ``model.safetensors`` files.
        out: the mark to write: which row has which run.
    """

    config: str
    scores: tuple[Path, ...]
    figures: tuple[Path, ...]
    tables: tuple[Path, ...]
    renditions: tuple[Path, ...]
    estimates: tuple[Path, ...]
    weights: tuple[Path, ...]
    out: Path

    @classmethod
    def of(cls, config: str, out: Path, **files: list[Path]) -> Self:
        """Return the publication of a study that is given as JSON or as a JSON file.

        Raises:
            UserError: the study is not described as it must be.
        """
        read_config(config)
        text = config if config.lstrip().startswith("{") else Path(config).read_text("utf-8")
        absolute = {kind: tuple(path.absolute() for path in paths) for kind, paths in files.items()}
        return cls(config=text, out=out.absolute(), **absolute)

    @classmethod
    def kept_in(cls, content: dict[str, Any]) -> Self:
        """Return the publication that a file of the outbox holds."""
        files = {kind: tuple(map(Path, content[kind])) for kind in FILE_KINDS}
        return cls(config=content["config"], out=Path(content["out"]), **files)

    @property
    def study(self) -> str:
        """The study's name."""
        return read_config(self.config).study

    def file(self, uri: str) -> Path:
        """Return the file of the outbox in which it waits."""
        name = f"{quote(self.study, safe='')}-{digest(str(self.out))}{SUFFIX}"
        return outbox(uri) / name

    def put(self, uri: str) -> None:
        """Publish it and write its mark.

        Raises:
            Away: no server answers.
            UserError: the store cannot be opened, or a file is not what it should be.
        """
        from mssbench.tracking.publish import publish  # seconds, which few need

        study = read_config(self.config)
        with telling_failures(uri, WHAT_NEXT):
            runs = publish(
                uri,
                study,
                scores=self.scores,
                figures=self.figures,
                tables=self.tables,
                renditions=self.renditions,
                estimates=self.estimates,
                weights=self.weights,
            )
        self.mark(uri, runs)

    def keep(self, uri: str, file: Path) -> None:
        """Write it to ``file`` of the outbox, and a mark without runs."""
        files = {kind: [str(path) for path in getattr(self, kind)] for kind in FILE_KINDS}
        kept = {"address": masked(uri), "config": self.config, **files, "out": str(self.out)}
        write_json(file, kept)
        self.mark(uri, {})

    def mark(self, uri: str, runs: dict[str, str]) -> None:
        """Write the mark: row id -> MLflow run id."""
        write_json(self.out, {"uri": masked(uri), "study": self.study, "runs": runs})


def publish_or_keep(uri: str, publication: Publication) -> None:
    """Publish a study, and what waits besides; where no server answers, keep it for later.

    Args:
        uri: the store's address, or ``OFF``, for which the mark alone is written.
        publication: the study.

    Raises:
        UserError: the store cannot be opened, or a file is not what it should be.
    """
    if uri == OFF:
        publication.mark(uri, {})
        return
    file = publication.file(uri)
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_locked(file, fcntl.LOCK_EX)
    assert descriptor is not None  # it has waited for the lock
    try:
        publication.put(uri)
    except Away as away:
        publication.keep(uri, file)
        log.warning(
            "%s; the results of %s are published later, by 'mssbench track sync' or with the next "
            "study (kept in %s)",
            away.what,
            publication.study,
            file,
        )
        return
    except BaseException:
        remove_empty(file, descriptor)
        raise
    else:
        file.unlink()
    finally:
        os.close(descriptor)
    try:
        send_kept(uri, Outcome())
    except Away as away:
        log.warning("%s; other studies wait on", away.what)


def sync_all(uri: str, *, any_address: bool = False) -> Outcome:
    """Send all that is in a store's outbox: what jobs have recorded, then the studies that wait.

    Args:
        uri: the store's address, or ``OFF``, for which nothing is done.
        any_address: whether to send what was kept for another address too.

    Raises:
        UserError: the store cannot be reached; all stays.
    """
    outcome = sync(uri, any_address=any_address)
    if uri != OFF:
        send_kept(uri, outcome, any_address=any_address)
    return outcome


def send_kept(uri: str, outcome: Outcome, *, any_address: bool = False) -> None:
    """Publish the studies that wait, and add to ``outcome`` what became of them.

    Raises:
        Away: no server answers.
    """
    for file in sorted(outbox(uri).glob(f"*{SUFFIX}")):
        with claimed(file) as content:
            if content is None:
                outcome.busy += file.exists()
            elif content["address"] != masked(uri) and not any_address:
                outcome.elsewhere.add(content["address"])
            else:
                publication = Publication.kept_in(content)
                try:
                    publication.put(uri)
                except Away:
                    raise
                except UserError as error:
                    outcome.failed += 1
                    log.warning(
                        "%s cannot be published, and stays until you remove it: %s", file, error
                    )
                else:
                    file.unlink()
                    outcome.sent.append(publication.study)


@contextmanager
def claimed(file: Path) -> Iterator[dict[str, Any] | None]:
    """Lock a publication that waits and yield what it holds; None where another process has it."""
    descriptor = open_locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        text = "" if descriptor is None else file.read_text("utf-8")
        yield json.loads(text) if text else None
    finally:
        if descriptor is not None:
            remove_empty(file, descriptor)
            os.close(descriptor)


def remove_empty(file: Path, descriptor: int) -> None:
    """Remove a locked file in which nothing waits: that of a process that has failed or died."""
    if is_at(descriptor, file) and not file.stat().st_size:
        file.unlink()

"""``mssbench score --references DIR --estimates DIR``: score folders of audio."""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.commands.options import read_config
from mssbench.commands.score import (
    FOLDERS_ONLY,
    compare_engines,
    failures,
    score_songs,
    write_table,
)
from mssbench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from mssbench.scoring.folder_job import FolderJob
    from mssbench.scoring.folders import Pairs
    from mssbench.scoring.protocol import Protocol

log = logging.getLogger(__name__)

# What ``--out`` gets beside museval's JSON, and where it is by default.
TABLE, OUT = "scores.parquet", Path("scores")
AGGREGATION = "song-wise median"

# How folders are scored unless they are told otherwise: as museval does.
USUAL = {"window": 1.0, "hop": 1.0, "references": "float"}


def score_folders(args: argparse.Namespace) -> None:
    """Score every song, or those that an interrupted run has left, and print medians.

    Raises:
        UserError: an option or a song is at fault; the other songs' scores are written.
    """
    from mssbench.scoring.folders import pair

    if args.rendition:
        raise UserError("--references is a folder and --rendition another source; give one of them")
    if args.out and args.out.suffix == ".parquet":
        raise UserError(f"--out {args.out}: folders are scored to a folder; give one")
    protocol = protocol_of(args)
    pairs = pair(args.references, args.estimates)
    run = args.run or args.estimates.resolve().name
    out = args.out or OUT / run
    jobs, failed = make_jobs(pairs, run, protocol, out, args.kept)
    for remark in (*pairs.remarks, *unlike(jobs)):
        log.warning("%s", remark)
    count = len(jobs) + len(failed)
    failed |= score_songs(jobs, args.workers) if jobs else {}
    scored = {name: job for name, job in jobs.items() if name not in failed}
    if scored:
        table = write_table(list(scored.values()), out / TABLE, final=not failed)
        print(medians(table))
        if args.verify:
            compare_engines(scored, args.verify)
    if failed:
        raise UserError(failures(failed, count))


def protocol_of(args: argparse.Namespace) -> "Protocol":
    """Return how to score: by options over ``--config`` or ``--protocol``, else as museval does.

    Raises:
        UserError: a value is none that is allowed, or there is no such protocol.
    """
    from mssbench.scoring.protocol import Protocol
    from mssbench.scoring.protocols import entries

    if args.protocol is not None and args.protocol not in entries():
        raise UserError(f"--protocol is {args.protocol!r}; allowed are {', '.join(entries())}")
    config: dict[str, Any] = {} if args.protocol else dict(USUAL)
    if args.config:
        config = read_config(args.config)
    elif args.window is not None and args.hop is None:
        config["hop"] = args.window
    given = {name: getattr(args, name) for name in FOLDERS_ONLY}
    config |= {name: value for name, value in given.items() if value is not None}
    return Protocol.from_config(config)


def make_jobs(
    pairs: "Pairs", run: str, protocol: "Protocol", out: Path, kept: Path | None
) -> tuple[dict[str, "FolderJob"], dict[str, str]]:
    """Return the jobs of the songs that can be scored, and why the others cannot."""
    from mssbench.scoring.folder_job import FolderEstimates, FolderJob, FolderReferences

    jobs, faults = {}, dict(pairs.faults)
    for name, (subset, references, estimates) in pairs.files.items():
        source, made = FolderReferences(name, references), FolderEstimates(name, estimates)
        job = FolderJob(run, source, made, protocol, out, kept, subset)
        try:
            _ = job.problems  # refuses estimates that there is nothing to score of
        except UserError as error:
            faults[name] = str(error)
        else:
            jobs[name] = job
    return jobs, faults


def unlike(jobs: Mapping[str, "FolderJob"]) -> list[str]:
    """Return in what the songs' audio is not that of the protocol, naming songs of each kind."""
    songs: dict[str, list[str]] = {}
    for name, job in jobs.items():
        if job.protocol.rate is None and job.protocol.channels is None:
            continue
        try:
            said = job.protocol.unlike(job.rendition.rate, job.rendition.channel_count)
        except UserError:
            continue  # the song's own job says what is wrong with its audio
        if said:
            songs.setdefault(said, []).append(name)
    return [
        f"{len(names)} of {len(jobs)} songs, such as {names[0]!r}: {said}"
        for said, names in songs.items()
    ]


def medians(scores: "pd.DataFrame") -> str:
    """Return the medians as text, a line a target and a column a metric."""
    from mssbench.report.aggregate import aggregate
    from mssbench.scoring.measures import METRICS, measure

    targets, found = (list(dict.fromkeys(scores[key])) for key in ("target", "metric"))
    metrics = [*(name for name in METRICS if name in found)]
    metrics += [name for name in found if name not in METRICS]
    values = aggregate(scores, targets, metrics, [AGGREGATION])
    table = values.pivot(index="target", columns="metric", values="value").loc[targets, metrics]
    songs = scores["track"].nunique()
    others = [f"{name} in {measure(name).unit}" for name in metrics if measure(name).unit != "dB"]
    units = ", ".join((["dB"] if len(others) < len(metrics) else []) + others)
    head = f"Medians over {songs} song{'s'[: songs != 1]} of medians over windows ({units}):"
    return f"{head}\n{table.rename_axis(index=None, columns=None).to_string(float_format='%.2f')}"

"""``mssbench score``: score estimates against references."""

import argparse
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mssbench.commands.options import positive, read_config
from mssbench.errors import UserError
from mssbench.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from mssbench.scoring.job import Job

log = logging.getLogger(__name__)

# Read by the libraries below NumPy when they are loaded, in this process and in its workers. More
# threads a song gain next to nothing, and scores must not depend on their number.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# What a worker needs, imported once for all of them.
PRELOAD = ("museval.metrics", "mssbench.scoring.song", "mssbench.scoring.results")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config",
        required=True,
        metavar="JSON|FILE",
        help="window, hop (s), references and engine",
    )
    parser.add_argument("--run", required=True, help="names what made the estimates in the table")
    parser.add_argument("--rendition", type=Path, required=True, help="a rendition's manifest.json")
    parser.add_argument("--estimates", type=Path, required=True, help="an estimates.json")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the .parquet table to write; each song's museval JSON goes beside it",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        help="songs scored at once, each in a process; four minutes with four sources in stereo "
        "at 44.1 kHz take 5 GB by bss_eval and 10 GB by museval, in mono at 22.05 kHz a quarter "
        "of it (default: 1)",
    )
    parser.add_argument(
        "--verify",
        type=positive,
        metavar="N",
        help="score N songs, drawn with a fixed seed, with both engines, too, and say how far "
        "they are apart (default: none)",
    )


def run(args: argparse.Namespace) -> None:
    """Score every song, or those that an interrupted run has left, and write the table.

    Raises:
        UserError: an option or a song's estimates are at fault; the other songs' scores are kept.
    """
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))

    from mssbench.data.rendition import Rendition
    from mssbench.scoring.estimates import read_estimates
    from mssbench.scoring.job import Job
    from mssbench.scoring.protocol import Protocol
    from mssbench.training.structure import structure

    protocol = structure(Protocol, read_config(args.config), "scoring")
    rendition = Rendition.open(args.rendition)
    songs = read_estimates(args.estimates)
    jobs = {song.name: Job(args.run, rendition, song, protocol, args.out.parent) for song in songs}
    for name, job in jobs.items():
        rendition.by_name(name)
        _ = job.problems  # refuses estimates that there is nothing to score of
    left_out = [s.name for s in rendition.songs if s.subset == "test" and s.name not in jobs]
    if left_out:
        log.warning(
            "%s lacks %d of the rendition's test songs, such as %r: the scores do not cover them",
            args.estimates,
            len(left_out),
            left_out[0],
        )
    score_songs(jobs, args.workers)
    write_table(list(jobs.values()), args.out)
    if args.verify:
        compare_engines(jobs, args.verify)


def score_songs(jobs: dict[str, "Job"], workers: int) -> None:
    """Do the jobs that are not finished.

    Raises:
        UserError: naming the songs that could not be scored, once all others have been.
    """
    from mssbench.workers import work_through

    work = {name: job for name, job in jobs.items() if not job.finished()}
    if len(work) < len(jobs):
        log.info("score: %d of %d songs are ready", len(jobs) - len(work), len(jobs))
    failed: dict[str, str] = {}
    progress = Progress("score", len(jobs), done=len(jobs) - len(work))
    try:
        for name, future in work_through(work, workers, preload=PRELOAD):
            error = future.exception()
            if error is not None:
                failed[name] = str(error) if isinstance(error, UserError) else repr(error)
                if not isinstance(error, UserError):
                    log.error("scoring %r failed", name, exc_info=error)
            progress.advance(note=name)
    finally:
        progress.close()
    if failed:
        reasons = "; ".join(f"{name!r}: {failed[name]}" for name in sorted(failed))
        raise UserError(
            f"{len(failed)} of {len(jobs)} songs could not be scored: {reasons} (the others' "
            "scores are kept: mend this and run the same command again)"
        )


def write_table(jobs: list["Job"], out: Path) -> None:
    """Write the table of all songs, then remove the songs' own."""
    import pandas as pd

    from mssbench.scoring.results import write_scores
    from mssbench.scoring.table import COLUMNS

    tables = [job.table() for job in jobs]
    for job, part in zip(jobs, tables, strict=True):
        if part.attrs["silent"]:
            log.warning(
                "%r: all scores are NaN, since it is silent throughout: %s",
                job.estimates.name,
                ", ".join(part.attrs["silent"]),
            )
    table = pd.concat(tables).sort_values(COLUMNS[:-1], ignore_index=True)
    table.attrs = {"protocol": jobs[0].protocol.description()}
    write_scores(out, table)
    shutil.rmtree(jobs[0].part.parent)
    log.info("%s: %d songs; %s", out, len(jobs), silence(table))


def silence(table: "pd.DataFrame") -> str:
    """Return how many windows have no score."""
    windows = table[table["metric"] == "SDR"]
    return f"{windows['score'].isna().sum()} of {len(windows)} window scores are none (silence)"


def compare_engines(jobs: dict[str, "Job"], count: int) -> None:
    """Score some songs with both engines and tell the largest differences."""
    from mssbench.scoring.verification import CONDITIONED, chosen, verify

    names = chosen(list(jobs), count)
    found = verify([jobs[name] for name in names])
    log.info(
        "bss_eval against museval, %d of %d songs, values below %d dB: largest difference %s",
        len(names),
        len(jobs),
        CONDITIONED,
        ", ".join(f"{metric} {each.largest:.1e} dB" for metric, each in found.items()),
    )
    unlike = [f"{m}: {e.unlike} of {e.values}" for m, e in found.items() if e.unlike]
    if unlike:
        log.warning(
            "values that are NaN or infinite in bss_eval or museval alone: %s (songs %s); "
            "opposite channels and perfect estimates give such",
            ", ".join(unlike),
            ", ".join(names),
        )

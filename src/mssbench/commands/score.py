"""``mssbench score``: score estimates of a rendition's songs, or folders of audio."""

import argparse
import errno
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mssbench.commands.options import choose_device, positive, read_config
from mssbench.errors import UserError
from mssbench.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from mssbench.scoring.job import Job

log = logging.getLogger(__name__)

# Read by the libraries below NumPy when they are loaded, in this process and in its workers. More
# threads a song gain next to nothing, and scores must not depend on their number.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# The errors of a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT)

# What a worker needs, imported once for all of them.
PRELOAD = ("mssbench.scoring.song", "mssbench.scoring.results")
PRELOAD_OF = {
    "bss_eval": "mssbench.scoring.exact_engine",
    "museval": "mssbench.scoring.museval_engine",
}

# Options without which the pipeline's form cannot be, and those that the other form alone has.
NEEDED, FOLDERS_ONLY = (
    ("config", "run", "rendition", "out"),
    ("protocol", "window", "hop", "engine", "device", "measures"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    own = parser.add_argument_group("folders of audio, as <song>/<stem>.wav or <subset>/<song>/...")
    own.add_argument(
        "--references",
        type=Path,
        metavar="DIR",
        help="the true sources; then --estimates is a folder, too",
    )
    own.add_argument(
        "--protocol",
        metavar="NAME",
        help="score by a paper's protocol, an entry of scoring/protocols.yaml, such as sisec_2018; "
        "the options below change single values of it",
    )
    own.add_argument(
        "--window", type=float, help="length of a window in seconds (default: 1, or the protocol's)"
    )
    own.add_argument("--hop", type=float, help="distance of windows in seconds (default: --window)")
    own.add_argument(
        "--engine", choices=["bss_eval", "museval"], help="what computes (default: bss_eval)"
    )
    own.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        help="where bss_eval computes: cuda takes a GPU (default: cpu)",
    )
    own.add_argument(
        "--measures",
        nargs="+",
        metavar="NAME",
        help="what to compute (default: SDR, ISR, SIR, SAR, SI-SDR and song SI-SDR)",
    )
    stage = parser.add_argument_group("a stage of the pipeline")
    stage.add_argument("--rendition", type=Path, help="a rendition's manifest.json")
    parser.add_argument(
        "--config",
        metavar="JSON|FILE",
        help="window, hop (s), references and what else a study's scoring may say; the pipeline "
        "needs it",
    )
    parser.add_argument(
        "--run",
        help="names what made the estimates in the table (default for folders: the folder's name)",
    )
    parser.add_argument(
        "--estimates",
        type=Path,
        required=True,
        metavar="DIR|FILE",
        help="a folder; in the pipeline an estimates.json",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="of folders: the folder for scores.parquet and each song's museval JSON (default: "
        "scores/<run>); in the pipeline: the .parquet table to write, with the JSON beside it",
    )
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="DIR",
        help="keep there what bss_eval needs of the true sources, for the next system that is "
        "scored on them: 80 MB for four minutes with four sources in stereo (default: nowhere)",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        help="songs scored at once, each in a process; four minutes with four sources in stereo "
        "at 44.1 kHz take 1.4 GB by bss_eval (2.3 GB with all measures) and 6 GB by museval, in "
        "mono at 22.05 kHz a quarter of it (default: 1)",
    )
    parser.add_argument(
        "--verify",
        type=positive,
        metavar="N",
        help="score N songs, drawn with a fixed seed, with both engines, too, and say how far "
        "they are apart (default: none)",
    )


def run(args: argparse.Namespace) -> None:
    """Score folders, or the estimates of a rendition's songs.

    Raises:
        UserError: options are missing or do not go together, or see what is called.
    """
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    if args.references is None:
        score_rendition(args)
        return
    from mssbench.commands.score_folders import score_folders

    score_folders(args)


def score_rendition(args: argparse.Namespace) -> None:
    """Score every song, or those that an interrupted run has left, and write the table.

    Raises:
        UserError: an option or a song's estimates are at fault; the other songs' scores are kept.
    """
    missing = [name for name in NEEDED if getattr(args, name) is None]
    if missing:
        raise UserError(
            f"--{missing[0]} is missing; give --references and --estimates, two folders; or "
            f"{', '.join(f'--{name}' for name in NEEDED)} and --estimates"
        )
    given = [name for name in FOLDERS_ONLY if getattr(args, name) is not None]
    if given:
        raise UserError(f"--{given[0]} goes with --references; here --config says how to score")

    from mssbench.data.rendition import Rendition
    from mssbench.scoring.estimates import read_estimates
    from mssbench.scoring.job import Job
    from mssbench.scoring.protocol import Protocol

    protocol = Protocol.from_config(read_config(args.config))
    rendition = Rendition.open(args.rendition)
    if unlike := protocol.unlike(rendition.rate, rendition.channel_count):
        log.warning("%s: %s", args.rendition, unlike)
    songs = read_estimates(args.estimates)
    jobs = {
        song.name: Job(args.run, rendition, song, protocol, args.out.parent, args.kept)
        for song in songs
    }
    for name, job in jobs.items():
        rendition.by_name(name)
        _ = job.problems  # refuses estimates that there is nothing to score of
    tests = [song.name for song in rendition.songs if song.subset == "test"]
    left_out = [name for name in tests if name not in jobs]
    # Estimates of training songs alone, held out from their model, are meant to have none.
    if 0 < len(left_out) < len(tests):
        log.warning(
            "%s lacks %d of the rendition's test songs, such as %r: the scores do not cover them",
            args.estimates,
            len(left_out),
            left_out[0],
        )
    failed = score_songs(jobs, args.workers)
    if failed:
        raise UserError(failures(failed, len(jobs)))
    write_table(list(jobs.values()), args.out)
    if args.verify:
        compare_engines(jobs, args.verify)


def score_songs(jobs: Mapping[str, "Job"], workers: int) -> dict[str, str]:
    """Do the jobs that are not finished, and return why each of the failed ones has.

    Raises:
        UserError: they are to compute on a GPU and there is none, or a worker was killed.
    """
    from mssbench.workers import work_through

    work = {name: job for name, job in jobs.items() if not job.finished()}
    for device in {job.protocol.device for job in work.values()} - {"cpu"}:
        choose_device(device)
    if len(work) < len(jobs):
        log.info("score: %d of %d songs are ready", len(jobs) - len(work), len(jobs))
    engines = {PRELOAD_OF[job.protocol.engine] for job in work.values()}
    failed: dict[str, str] = {}
    progress = Progress("score", len(jobs), done=len(jobs) - len(work))
    try:
        for name, future in work_through(work, workers, preload=(*PRELOAD, *engines)):
            error = future.exception()
            if isinstance(error, OSError) and error.errno in FULL:
                raise error  # no other song would find room
            if error is not None:
                failed[name] = str(error) if isinstance(error, UserError) else repr(error)
                if not isinstance(error, UserError):
                    log.error("scoring %r failed", name, exc_info=error)
            progress.advance(note=name)
    finally:
        progress.close()
    return failed


def failures(failed: Mapping[str, str], count: int) -> str:
    """Return which of ``count`` songs could not be scored, and why."""
    reasons = "; ".join(f"{name!r}: {failed[name]}" for name in sorted(failed))
    return (
        f"{len(failed)} of {count} songs could not be scored: {reasons} (the others' "
        "scores are kept: mend this and run the same command again)"
    )


def write_table(jobs: Sequence["Job"], out: Path, *, final: bool = True) -> "pd.DataFrame":
    """Write and return the table of all songs; if it is final, remove the songs' own."""
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
    if final:
        shutil.rmtree(jobs[0].part.parent)
    log.info("%s: %d songs%s", out, len(jobs), silence(table))
    return table


def silence(table: "pd.DataFrame") -> str:
    """Return how many windows have no SDR, after a semicolon; empty where it is not computed."""
    windows = table[table["metric"] == "SDR"]
    if windows.empty:
        return ""
    return f"; {windows['score'].isna().sum()} of {len(windows)} window scores are none (silence)"


def compare_engines(jobs: Mapping[str, "Job"], count: int) -> None:
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

"""The ``mssbench`` command: one verb a stage, each with named inputs and outputs.

Only the chosen verb's module is imported, because torch, museval and mlflow take seconds each.
"""

import argparse
import errno
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from mssbench.errors import Interrupted, UserError
from mssbench.masking import MaskingFormatter

# Verb -> what it does. Its module is mssbench.commands.<verb>, with a "-" for each "_", and has
# add_arguments(parser) and run(args).
VERBS = {
    "data": "list, download, link, render or check a data set",
    "prepare": "decode, downmix and resample a data set to a rendition",
    "stretch": "add the training songs of a rendition at other tempos",
    "pan": "make stereo mixtures of a mono rendition's sources at known places",
    "train": "train one model",
    "separate": "separate songs of a rendition, or recordings of one's own",
    "score": "score estimates against references: of a rendition, or in two folders",
    "import-scores": "make a score table of museval's JSON files",
    "tables": "make a study's tables from scores",
    "figures": "draw a study's figures",
    "listen": "make a study's listening page",
    "report": "say where the report and the listening pages are, or open them",
    "models": "list the systems and their configurations at paper scale",
    "export": "write a trained run as one file: safetensors, TorchScript or ONNX",
    "track": "look after the MLflow store",
    "cluster": "look at a SLURM cluster, and at the jobs of this folder",
}

# Exit codes: 2 is a mistake of the user's, 75 (EX_TEMPFAIL) asks to be run again.
USER_ERROR, RUN_AGAIN = 2, 75

FULL = {errno.ENOSPC, errno.EDQUOT}

# What a folder or a file is at fault for, beside a full disk.
UNUSABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
}


def verb_module(verb: str) -> ModuleType:
    """Import and return the module of ``verb``."""
    return importlib.import_module(f"mssbench.commands.{verb.replace('-', '_')}")


def start_logging(log_file: Path | None) -> None:
    """Send messages to the screen and, where asked, to a log that outlives retries.

    Snakemake deletes a job's declared log before each attempt. So the declared name is a link to
    a file that carries the attempt's time: the link is renewed, the old attempts' files stay.
    Secrets of the environment are masked, in tracebacks too.

    Args:
        log_file: the declared log, or None for the screen alone.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    # Of the processes that torchrun starts, the first one speaks for all.
    first = os.environ.get("RANK", "0") == "0"
    if log_file is not None and first:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
        attempt = log_file.with_name(f"{log_file.stem}.{stamp}{log_file.suffix}")
        handlers.append(logging.FileHandler(attempt))
        log_file.unlink(missing_ok=True)
        log_file.symlink_to(attempt.name)
    level = logging.INFO if first else logging.ERROR
    for handler in handlers:
        handler.setFormatter(MaskingFormatter())
    logging.basicConfig(level=level, handlers=handlers)
    logging.captureWarnings(True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; only the chosen verb's options are loaded."""
    parser = argparse.ArgumentParser(prog="mssbench", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for verb, what in VERBS.items():
        sub = verbs.add_parser(verb, help=what, description=what[0].upper() + what[1:] + ".")
        if verb == chosen:
            verb_module(verb).add_arguments(sub)
            sub.add_argument("--log", type=Path, help="also write messages to this file")
    return parser.parse_args(words)


def fault_of_files(error: OSError) -> str | None:
    """Return what to tell a user of a disk, a folder or a file; None if it is none of theirs."""
    if error.errno in FULL:
        where = f" at {error.filename}" if error.filename else ""
        return (
            f"the disk is full{where}; free some space and run the same command again: nothing "
            "finished is lost"
        )
    if error.errno in UNUSABLE:
        return f"{error.filename!s:.200}: {error.strerror}; give another path, or mend this one"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: the words after ``mssbench``; the process's own by default.

    Returns:
        The exit code: 0, 2 for a user's mistake, 75 for a stop that the same command continues.
    """
    args = parse(arguments)
    start_logging(args.log)
    log = logging.getLogger("mssbench")
    try:
        verb_module(args.verb).run(args)
    except UserError as error:
        log.error("mssbench %s: error: %s", args.verb, error)  # noqa: TRY400 (no traceback)
        return USER_ERROR
    except Interrupted as stop:
        log.warning("mssbench %s: stopped: %s", args.verb, stop)
        return RUN_AGAIN
    except OSError as error:
        said = fault_of_files(error)
        if said is None:
            log.exception("mssbench %s failed", args.verb)
            return 1
        log.error("mssbench %s: error: %s", args.verb, said)  # noqa: TRY400
        return USER_ERROR
    except Exception:
        log.exception("mssbench %s failed", args.verb)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

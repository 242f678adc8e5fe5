"""BSSEval version 4 by the engine bss_eval against museval: time, memory and difference.

    python benchmarks/scoring.py --quick              a minute: short songs, mono
    python benchmarks/scoring.py --parts speed --cases mono-2 --seconds 60 240 --rounds 5

The two take turns on rendered songs rounded to 16 bit, whose estimates have a leak and noise; times
are medians. Four minutes of stereo with four sources take museval about four minutes a round.
"""

import argparse
import os
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

from scoring_memory import memory
from scoring_others import against_others
from scoring_run import whole_run
from scoring_songs import CASES
from scoring_speed import against_museval, cost

SYSTEMS = (1, 2, 4, 8)

Cases = list[tuple[str, float]]
"""Names of `CASES` and lengths of songs (s)."""


def speed(each: Cases, args: argparse.Namespace) -> Iterator[str]:
    ours = {"threads": args.threads, "device": args.device}
    for case in each:
        yield against_museval(*case, args.rounds, args.systems, **ours)


def costs(each: Cases, args: argparse.Namespace) -> Iterator[str]:
    for case in each:
        for systems in [count for count in SYSTEMS if count <= args.systems]:
            yield cost(*case, args.rounds, systems, device=args.device)


def memories(each: Cases, args: argparse.Namespace) -> Iterator[str]:
    for case in each:
        yield memory(*case, args.threads)


def others(each: Cases, args: argparse.Namespace) -> Iterator[str]:
    for sources in sorted({CASES[name].sources for name, _ in each}):
        for seconds in args.seconds:
            yield from against_others(sources, seconds, args.rounds)


def runs(each: Cases, args: argparse.Namespace) -> Iterator[str]:
    for case in each:
        yield whole_run(*case, args.songs, args.distinct, workers=os.cpu_count() or 1)


PARTS: dict[str, tuple[str, Callable[[Cases, argparse.Namespace], Iterator[str]]]] = {
    "speed": (
        "channels | sources | song (s) | museval (s) | one system (s) | times as fast "
        "| one thread, of CPU | several systems (s) | times as fast | one thread, of CPU "
        "| difference (dB)",
        speed,
    ),
    "cost": (
        "channels | sources | song (s) | systems | references (CPU s) | factorised | each system",
        costs,
    ),
    "memory": (
        "channels | sources | song (s) | before (MiB) | museval's peak | ours | of museval's",
        memories,
    ),
    "others": (
        "package | sources | song (s) | theirs (CPU s) | ours | times as fast "
        "| SIR, SAR: difference (dB)",
        others,
    ),
    "run": (
        "channels | sources | song (s) | songs | processes | time (s) | CPU (s) "
        "| memory of all processes (MiB)",
        runs,
    ),
}


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 240])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", type=int, default=8, help="on the same song")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ours")
    parser.add_argument("--device", default="cpu", help="of ours in speed and cost, such as cuda")
    parser.add_argument("--songs", type=int, default=50, help="of a whole run")
    parser.add_argument("--distinct", type=int, default=5, help="of them; the others are links")
    parser.add_argument("--quick", action="store_true", help="10 s of mono, one round")
    args = parser.parse_args()
    if args.quick:
        args.cases, args.seconds, args.rounds = ["mono-2"], [10], 1
        args.songs = 4
    each = [(name, seconds) for name in args.cases for seconds in args.seconds]
    for part in args.parts:
        header, lines = PARTS[part]
        print(f"\n| {header} |\n" + "|---:" * header.count("|") + "|---:|", flush=True)
        for line in lines(each, args):
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""BSSEval version 4 by the engine bss_eval against museval: time, memory and difference.

    python benchmarks/scoring.py --quick              a minute: short songs, mono
    python benchmarks/scoring.py --parts speed --cases mono-2 --seconds 60 240 --rounds 5

The two take turns on rendered songs rounded to 16 bit, whose estimates have a leak and noise; times
are medians. Four minutes of stereo with four sources take museval about four minutes a round.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

from scoring_memory import memory
from scoring_others import against_others
from scoring_songs import CASES
from scoring_speed import against_museval, cost

PARTS = ("speed", "cost", "memory", "others")
SYSTEMS = (1, 2, 4, 8)


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 240])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", type=int, default=8, help="on the same song")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ours")
    parser.add_argument("--quick", action="store_true", help="10 s of mono, one round")
    args = parser.parse_args()
    if args.quick:
        args.cases, args.seconds, args.rounds = ["mono-2"], [10], 1
    each = [(name, seconds) for name in args.cases for seconds in args.seconds]
    if "speed" in args.parts:
        table(
            "channels | sources | song (s) | museval (s) "
            f"| one system, {args.threads} threads (s) | times as fast | one thread, of CPU "
            f"| {args.systems} systems (s) | times as fast | one thread, of CPU | difference (dB)"
        )
        for name, seconds in each:
            print(
                against_museval(name, seconds, args.rounds, args.systems, args.threads), flush=True
            )
    if "cost" in args.parts:
        table(
            "channels | sources | song (s) | systems | references (CPU s) | factorised "
            "| each system"
        )
        for name, seconds in each:
            for systems in [s for s in SYSTEMS if s <= args.systems]:
                print(cost(name, seconds, args.rounds, systems), flush=True)
    if "memory" in args.parts:
        table("channels | sources | song (s) | before (MiB) | museval's peak | ours | of museval's")
        for name, seconds in each:
            print(memory(name, seconds, args.threads), flush=True)
    if "others" in args.parts:
        table(
            "package | sources | song (s) | theirs (CPU s) | ours | times as fast "
            "| SIR, SAR: difference (dB)"
        )
        for sources in sorted({CASES[name].sources for name in args.cases}):
            for seconds in args.seconds:
                print("\n".join(against_others(sources, seconds, args.rounds)), flush=True)


def table(header: str) -> None:
    """Print the head of a table."""
    print(f"\n| {header} |\n" + "|---:" * header.count("|") + "|---:|", flush=True)


if __name__ == "__main__":
    main()

"""Every system at paper scale: size, cost, reach, memory and speed on this machine.

    python benchmarks/models.py                       the table of all systems
    python benchmarks/models.py --families            one system of each family
    python benchmarks/models.py --only htmd_net demucs/light
    python benchmarks/models.py --against             ours and other implementations, interleaved

Each system is measured in a process of its own, so that its memory is its own. The speeds are
medians, in seconds of audio a second of time ("times real time"); audio of all channels counts
once. Methods that nothing is learned for are in `mssbench models` and take no training step.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROW = Path(__file__).with_name("models_row.py")
COLUMNS = (
    ("system", "system"),
    ("parameters", "parameters"),
    ("rate", "rate (Hz)"),
    ("macs", "GMAC/s of audio"),
    ("field", "receptive field (s)"),
    ("memory", "peak memory of a step (GB)"),
    ("training", "training (x real time)"),
    ("separation", "separation (x real time)"),
)
AGAINST = (
    ("pair", "ours / theirs"),
    ("difference", "difference of the outputs"),
    ("training", "training: theirs / ours"),
    ("separation", "separation: theirs / ours"),
)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", metavar="SYSTEM", help="as in demucs/light or htmd_net"
    )
    parser.add_argument("--families", action="store_true", help="the first system of each family")
    parser.add_argument("--against", action="store_true", help="compare with other packages")
    parser.add_argument("--seconds", type=float, default=4.0, help="of audio (default: 4)")
    parser.add_argument("--rounds", type=int, default=5, help="a median is of so many (default: 5)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    args = parser.parse_args()
    asked = ["--seconds", str(args.seconds), "--rounds", str(args.rounds)]
    asked += ["--threads", str(args.threads)]
    rows: list[dict[str, Any]] = []
    names = listed("--list-pairs" if args.against else "--list")
    if args.families:
        names = list({name.partition("/")[0]: name for name in reversed(names)}.values())[::-1]
    columns = AGAINST if args.against else COLUMNS
    print("| " + " | ".join(title for _, title in columns) + " |")
    print("|---" * len(columns) + "|")
    for name in names:
        if args.only and not any(name == o or name.startswith(f"{o}/") for o in args.only):
            continue
        kind = "--pair" if args.against else "--system"
        done = subprocess.run(
            [sys.executable, ROW, kind, name, *asked], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["killed"]
            print(f"{name}: {said[-1]}", file=sys.stderr)
            continue
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        cells = [str(rows[-1].get(key, "")) for key, _ in columns]
        print("| " + " | ".join(cells) + " |", flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))


def listed(option: str) -> list[str]:
    """Return the names that the measuring script knows."""
    done = subprocess.run([sys.executable, ROW, option], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    main()

"""Peak memory of scoring one system, read from Linux's /proc."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scoring_songs import CASES, estimates_of, song


def memory(name: str, seconds: float, threads: int) -> str:
    """Return the line of a case's memory; each engine runs in a process of its own.

    They are given float32, as `mssbench score` gives it; museval needs float64.
    """
    case, peaks = CASES[name], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "song.npy"
        for step in ("render", "museval", "bss_eval"):
            words = [sys.executable, __file__, step, str(file), name, str(seconds), str(threads)]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            peaks.append(json.loads(done.stdout))
    _, (theirs, before), (ours, _) = peaks
    return (
        f"| {case.layout} | {case.sources} | {seconds:g} | {before:.0f} | {theirs:.0f} "
        f"| {ours:.0f} | {ours / theirs:.2f} |"
    )


def held(field: str) -> float:
    """Return a field of this process's state, such as its greatest memory so far (MiB)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def main() -> None:
    """Do one step; print the peak memory (MiB), and that before scoring."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("step", choices=["render", "museval", "bss_eval"])
    parser.add_argument("file", type=Path)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("seconds", type=float)
    parser.add_argument("threads", type=int)
    args = parser.parse_args()
    case = CASES[args.case]
    if args.step == "render":
        references = song(case, args.seconds)
        np.save(args.file, np.stack([references, estimates_of(references, 0)]))
        print("null")
        return
    from scoring_speed import by_museval, by_ours

    references, estimates = np.load(args.file)
    before = held("VmRSS")
    if args.step == "museval":
        by_museval(references, estimates, case.rate)
    else:
        by_ours(references, [estimates], case.rate, args.threads)
    print(json.dumps((held("VmHWM"), before)))


if __name__ == "__main__":
    main()

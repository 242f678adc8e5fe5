"""Training: steps a second, switches, start-up, checkpoints, tracking, hours of a paper.

    python benchmarks/training.py --quick             some minutes: small sizes, one round
    python benchmarks/training.py --parts paper --only overview/demucs --seconds 60

On a GPU the batches are the papers'; on a CPU the parts `switches` and `paper` take one example a
step, whose time counts in proportion, in seconds of the processor while one thread computes.
Compared programs take turns; times are medians.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import torch
import training_costs
import training_loops
import training_paper
import training_start
import training_switches
from data_songs import wav_songs

RESULTS = Path(__file__).parents[1] / "results"
PARTS = ("loops", "switches", "start", "checkpoint", "tracking", "paper")


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=RESULTS / "benchmarks" / "training")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="a median is of so many (default: 5)")
    parser.add_argument("--size", choices=training_loops.SIZES, default="paper", help="of loops")
    parser.add_argument("--loop-batch", type=int, default=4, help="examples a step of loops")
    parser.add_argument("--loop-crop", type=int, default=16384, help="samples of a crop of loops")
    parser.add_argument("--loop-steps", type=int, default=5, help="steps of a round of loops")
    parser.add_argument("--songs", type=int, default=4, help="to read from, of 30 s")
    parser.add_argument("--batch", type=int, help="of switches and paper (default: 1 on a CPU)")
    parser.add_argument("--crop", type=int, help="of switches (default: the papers')")
    parser.add_argument(
        "--seconds", type=float, help="of steps of a system (default: 60, on a CPU 5)"
    )
    parser.add_argument("--systems", nargs="+", choices=training_switches.SYSTEMS)
    known = (*training_switches.SWITCHES, training_switches.UNFUSED)
    parser.add_argument("--switches", nargs="+", choices=known)
    parser.add_argument(
        "--studies", nargs="+", choices=training_paper.STUDIES, default=training_paper.STUDIES
    )
    parser.add_argument("--only", nargs="+", metavar="STUDY/EXPERIMENT", help="of paper")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    on_cpu = device.type == "cpu"
    if args.quick:
        args.rounds, args.size, args.seconds, args.loop_steps = 1, "small", 0.0, 3
        args.studies = ["overview"]
    batch = args.batch or (1 if on_cpu else None)
    seconds = (5.0 if on_cpu else 60.0) if args.seconds is None else args.seconds
    if {"loops", "start"} & set(args.parts):
        wavs = wav_songs(args.folder, args.songs, 30)
    if "loops" in args.parts:
        work = training_loops.Work(
            args.size, args.loop_batch, args.loop_crop, args.loop_steps, device
        )
        training_loops.measure(args.folder, wavs, work, args.rounds)
    if "switches" in args.parts:
        training_switches.measure(
            args.systems,
            args.switches,
            batch=batch,
            crop=args.crop,
            seconds=seconds,
            device=device,
        )
    if "start" in args.parts:
        training_start.measure(args.folder, wavs, args.rounds, args.device)
    if "checkpoint" in args.parts:
        training_costs.checkpoints(args.folder, args.rounds, device)
    if "tracking" in args.parts:
        training_costs.tracking()
    if "paper" in args.parts:
        training_paper.measure(args.studies, args.only, batch, seconds, device)


if __name__ == "__main__":
    main()

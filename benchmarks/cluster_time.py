"""The time of all studies at paper scale on a cluster, by simulation.

    python benchmarks/cluster_time.py
    python benchmarks/cluster_time.py --gpus 4 16 --cores 128 --gpu-speedup 200 --longest-first

The jobs are those that Snakemake plans, their lengths follow from `cluster_rates.yaml`, and what is
free takes the first job that fits. GPUs hold trainings alone, cores all else, the login node
tables and figures. No GPU has been measured: `--gpu-speedup` is an assumption.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable

from cluster_attempts import Profile
from cluster_jobs import Planned, plan
from cluster_rates import Assumed, Durations
from cluster_schedule import Job, critical_path, simulate, work

HOUR = 3600
LOGIN_CORES = 2
"""`local-cores` of profiles/slurm."""


def main() -> None:
    """Print what there is to do, and how long it takes on clusters of several sizes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--cores", type=int, default=64, help="of compute nodes (default: 64)")
    parser.add_argument(
        "--gpu-speedup",
        type=float,
        default=100.0,
        help="a GPU trains so many times as fast as one measured core (assumed: 100)",
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--studies", nargs="+", help="(default: all)")
    parser.add_argument(
        "--longest-first",
        action="store_true",
        help="begin with what the longest chain hangs on, not in the workflow's order",
    )
    parser.add_argument(
        "--separate-on-gpu",
        action="store_true",
        help="networks separate on a GPU, not on a core as with profiles/slurm",
    )
    args = parser.parse_args()
    # 150 songs whose lengths are known; `cuda` has each training ask for a GPU.
    config = {"dataset": "musdb18", "scale": "paper", "tracking": "off", "device": "cuda"}
    seeds = list(range(args.seeds))
    planned = plan(config | {"studies": args.studies or "all", "seeds": seeds})
    durations = Durations(Assumed(args.gpu_speedup))
    jobs = [timed(job, durations, args.separate_on_gpu) for job in planned]
    print_rules(planned, jobs)
    print_attempts(planned, jobs, durations.assumed.test_songs)
    print_clusters(jobs, args.gpus, args.cores, args.longest_first)
    print_path(jobs)


def timed(job: Planned, durations: Durations, separate_on_gpu: bool = False) -> Job:
    """Return a job with its length and what it holds."""
    seconds = durations.seconds(job)
    if job.rule in durations.rates["login"]:
        takes = {"login": 1}
    elif job.rule == "train":
        takes = {"gpu": job.gpus}
    elif separate_on_gpu and job.rule == "separate" and "training" in job.config:
        takes = {"gpu": 1}
        seconds /= durations.assumed.gpu_speedup
    else:
        takes = {"cores": job.threads}
    return Job(job.name, seconds, takes, job.needs)


def print_rules(planned: list[Planned], jobs: list[Job]) -> None:
    """Print how many jobs each rule has and how long they are."""
    table("rule | jobs | on | hours of all | of the longest")
    by_rule: dict[str, list[tuple[Planned, Job]]] = defaultdict(list)
    for asked, job in zip(planned, jobs, strict=True):
        by_rule[asked.rule].append((asked, job))
    for rule, found in sorted(by_rule.items(), key=lambda item: -hours(j for _, j in item[1])):
        places = {" ".join(f"{n} {pool}" for pool, n in job.takes.items()) for _, job in found}
        longest = max(job.seconds for _, job in found) / HOUR
        total = hours(job for _, job in found)
        where = " or ".join(sorted(places))
        print(f"| {rule} | {len(found)} | {where} | {total:,.1f} | {longest:,.2f} |")


def print_attempts(planned: list[Planned], jobs: list[Job], songs: int) -> None:
    """Print how often profiles/slurm submits the jobs of each rule, of ``songs`` songs each."""
    profile = Profile.read()
    table("rule | jobs | of more than one attempt | attempts of the longest | jobs of too few")
    # What is ended goes on with the song, but for trainings: they save just before.
    pieces = {"train": None, "separate": songs, "score": songs}
    for rule, count in pieces.items():
        lengths = [
            job.seconds for asked, job in zip(planned, jobs, strict=True) if asked.rule == rule
        ]
        found = [profile.needed(rule, s, s / count if count else 0.0) for s in lengths]
        enough = [attempts for attempts in found if attempts is not None]
        more = sum(attempts != 1 for attempts in found)
        few = len(found) - len(enough)
        print(f"| {rule} | {len(found)} | {more} | {max(enough, default=0)} | {few} |")


def print_clusters(jobs: list[Job], gpus: list[int], cores: int, longest_first: bool) -> None:
    """Print how long all takes on so many GPUs, and what it cannot fall below."""
    table(
        "GPUs | days | not below: critical path | GPUs | cores | login node | limited by "
        "| above the limit | GPUs idle"
    )
    for count in gpus:
        pools = {"gpu": count, "cores": cores, "login": LOGIN_CORES}
        took = simulate(jobs, pools, longest_first).seconds
        least = bounds(jobs, pools)
        limit = max(least, key=lambda what: least[what])
        idle = 1 - work(jobs, "gpu") / (count * took)
        days = " | ".join(f"{seconds / HOUR / 24:,.1f}" for seconds in (took, *least.values()))
        above = took / least[limit] - 1
        print(f"| {count} | {days} | {limit} | {above:.1%} | {idle:.1%} |")


def bounds(jobs: list[Job], pools: dict[str, int]) -> dict[str, float]:
    """Return what no schedule ends before (s), by what it follows from."""
    least = {"critical path": sum(job.seconds for job in critical_path(jobs))}
    names = {"gpu": "GPUs", "cores": "cores", "login": "login node"}
    return least | {names[pool]: work(jobs, pool) / count for pool, count in pools.items()}


def print_path(jobs: list[Job]) -> None:
    """Print the jobs of the critical path."""
    table("critical path | hours")
    for job in critical_path(jobs):
        print(f"| {job.name} | {job.seconds / HOUR:,.2f} |")


def hours(jobs: Iterable[Job]) -> float:
    """Return the hours of jobs, one after the other."""
    return sum(job.seconds for job in jobs) / HOUR


def table(header: str) -> None:
    """Print the head of a table, its columns divided by ``|``."""
    print(f"\n| {header} |\n|---|" + "---:|" * header.count("|"))


if __name__ == "__main__":
    main()

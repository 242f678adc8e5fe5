"""Jobs that wait for one another on a machine of so many GPUs and cores: who runs when."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: its own.
        seconds: how long it runs.
        takes: pool -> how much of it the job holds while it runs, as in ``{"cores": 8}``.
        needs: names of the jobs that end before it begins.
    """

    name: str
    seconds: float
    takes: Mapping[str, int]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """When each job runs.

    Attributes:
        begins: name -> second.
        ends: name -> second.
    """

    begins: Mapping[str, float]
    ends: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Return when the last job ends."""
        return max(self.ends.values(), default=0.0)


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs so that each comes after all that it needs.

    Raises:
        ValueError: some wait for one another, or for what is not there.
    """
    waiting = {job.name: job for job in jobs}
    done: dict[str, Job] = {}
    while waiting:
        ready = [job for job in waiting.values() if all(name in done for name in job.needs)]
        if not ready:
            raise ValueError(f"these jobs can never begin: {', '.join(sorted(waiting)[:5])}")
        for job in ready:
            done[job.name] = waiting.pop(job.name)
    return list(done.values())


def critical_path(jobs: Iterable[Job]) -> list[Job]:
    """Return the chain of jobs that takes longest: no machine ends before it does."""
    ordered = in_order(jobs)
    ends: dict[str, float] = {}
    for job in ordered:
        ends[job.name] = job.seconds + max((ends[name] for name in job.needs), default=0.0)
    known = {job.name: job for job in ordered}
    chain: list[Job] = []
    names: Iterable[str] = ends
    while names := tuple(names):
        job = known[max(names, key=lambda name: ends[name])]
        chain.append(job)
        names = job.needs
    return chain[::-1]


def remaining(jobs: Iterable[Job]) -> dict[str, float]:
    """Return the seconds from the begin of each job to the end of the longest chain after it."""
    ordered = in_order(jobs)
    after = dict.fromkeys((job.name for job in ordered), 0.0)
    for job in reversed(ordered):
        for name in job.needs:
            after[name] = max(after[name], job.seconds + after[job.name])
    return {job.name: job.seconds + after[job.name] for job in ordered}


def work(jobs: Iterable[Job], pool: str) -> float:
    """Return the seconds that jobs take of a pool, a job that holds two counting twice."""
    return sum(job.seconds * job.takes.get(pool, 0) for job in jobs)


def simulate(
    jobs: Iterable[Job], pools: Mapping[str, int], longest_first: bool = False
) -> Schedule:
    """Run jobs by list scheduling: whenever something is free, the first job that fits begins.

    Args:
        jobs: the jobs; without ``longest_first`` those that are ready begin in this order.
        pools: pool -> how much there is.
        longest_first: the job that the longest chain hangs on begins first.

    Raises:
        ValueError: a job takes more than there is, or can never begin.
    """
    jobs = list(jobs)
    check(jobs, pools)
    chains = remaining(jobs)
    order = sorted(jobs, key=lambda job: -chains[job.name]) if longest_first else jobs
    rank = {job.name: number for number, job in enumerate(order)}
    free = Counter(pools)
    waiting = {job.name: set(job.needs) for job in jobs}
    ready = [(rank[job.name], job) for job in order if not job.needs]
    running: list[tuple[float, int]] = []
    begins, ends = {}, {}
    now = 0.0
    while ready or running:
        held: list[tuple[int, Job]] = []
        for place, job in ready:
            if any(free[pool] < amount for pool, amount in job.takes.items()):
                held.append((place, job))
                continue
            free.subtract(job.takes)
            begins[job.name], ends[job.name] = now, now + job.seconds
            heapq.heappush(running, (ends[job.name], place))
        now = running[0][0]
        while running and running[0][0] == now:
            done = order[heapq.heappop(running)[1]]
            free.update(done.takes)
            held += [(rank[name], order[rank[name]]) for name in freed(waiting, done.name)]
        ready = sorted(held, key=lambda placed: placed[0])
    return Schedule(begins, ends)


def check(jobs: list[Job], pools: Mapping[str, int]) -> None:
    """Refuse jobs that take more than there is.

    Raises:
        ValueError: which job and pool.
    """
    for job in jobs:
        for pool, amount in job.takes.items():
            if amount > pools.get(pool, 0):
                raise ValueError(f"{job.name} takes {amount} {pool}, of {pools.get(pool, 0)}")


def freed(waiting: dict[str, set[str]], done: str) -> list[str]:
    """Take a job that is done off what others wait for; return those that waited for it last."""
    names = []
    for name, needs in waiting.items():
        if done in needs:
            needs.remove(done)
            if not needs:
                names.append(name)
    return names

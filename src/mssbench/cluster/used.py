"""What the jobs of a folder took of the time, cores and memory that they asked for.

SLURM's accounting knows it. The report of the executor plugin (2.8.0) holds only what ended since
midnight, as ``sacct`` shows no more unless it is asked.
"""

import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from mssbench.aligned import aligned
from mssbench.cluster.left_over import PREFIX
from mssbench.cluster.slurm import require_slurm, said
from mssbench.errors import UserError

FIELDS = (
    *("JobID", "JobName", "State", "Comment", "WorkDir"),
    *("ElapsedRaw", "AllocCPUS", "TotalCPU", "ReqMem", "MaxRSS"),
)

# Of a job, what it asked for; of its steps, what they took. Each is a number with a unit.
MEMORY = re.compile(r"([\d.]+)([KMGT]?)")
MEGABYTES = {"": 2**-20, "K": 2**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20}

# What the plugin writes into a job's comment: the rule, or a group's rules, and the wildcards.
RULE, WILDCARDS = "rule_", "_wildcards_"
NO_COMMENT = "(no comment)"


@dataclass
class Attempt:
    """One start of a job.

    Args:
        rule: the rule, or the group's rules; `NO_COMMENT` where the site does not keep it.
        state: how it ended, or that it has not.
        seconds: by the clock.
        cores: that it was given.
        core_seconds: that it took of them.
        asked: memory (MiB).
        most: memory that it took at most (MiB), as sampled; 0 where nothing was.
    """

    rule: str
    state: str
    seconds: float
    cores: int
    core_seconds: float
    asked: float
    most: float = 0.0


def parse_attempts(text: str, folder: Path) -> list[Attempt]:
    """Return a folder's attempts, of ``sacct --duplicates --parsable2`` with `FIELDS`.

    A job's line is followed by those of its steps. A job that was put back into the queue has a
    line for each time it ran; those that never began are left out.
    """
    found: list[Attempt] = []
    ours = False
    for line in text.splitlines():
        # A comment may hold a bar; nothing else does.
        number, name, state, *comment, place, elapsed, cores, cpu, asked, most = line.split("|")
        if "." not in number:
            ours = name.startswith(PREFIX) and Path(place) == folder and float(elapsed or 0) > 0
            if ours:
                rule = rule_of("|".join(comment))
                used = (float(elapsed), int(cores), parse_seconds(cpu), parse_megabytes(asked))
                found.append(Attempt(rule, state.split()[0], *used))
        elif ours:
            found[-1].most = max(found[-1].most, parse_megabytes(most))
    return found


def rule_of(comment: str) -> str:
    """Return the rule, or the group's rules, of a job's comment."""
    return comment.removeprefix(RULE).partition(WILDCARDS)[0] or NO_COMMENT


def parse_seconds(text: str) -> float:
    """Return the seconds of ``[days-][hours:]minutes:seconds``; none where the text is empty."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part or 0)
    return total + 86_400 * int(days or 0)


def parse_megabytes(text: str) -> float:
    """Return the MiB of ``548190K``, ``8000M`` or ``16Gn``; none where the text is empty."""
    found = MEMORY.match(text)
    return float(found[1]) * MEGABYTES[found[2]] if found else 0.0


def attempts_of(folder: Path, days: int) -> list[Attempt]:
    """Return what the accounting has of a folder's jobs of so many days.

    Raises:
        UserError: there is no SLURM, or no accounting.
    """
    require_slurm()
    since = ("--duplicates", f"--starttime=now-{days}days", "--parsable2", "--noheader")
    text = said("sacct", *since, f"--format={','.join(FIELDS)}", seconds=120)
    if text is None:
        raise UserError("sacct does not answer: this cluster keeps no accounting, or it is down")
    return parse_attempts(text, folder)


def table(attempts: list[Attempt]) -> list[str]:
    """Return the lines of a table with a line for each rule, those that took longest first."""
    rules: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        rules[attempt.rule].append(attempt)
    longest_first = sorted(rules.items(), key=lambda rule: -sum(each.seconds for each in rule[1]))
    head = ("rule", "ended", "hours: median", "longest", "of cores", "GB: most", "asked")
    return aligned([head, *(_row(rule, those) for rule, those in longest_first)], left=2)


def _row(rule: str, attempts: list[Attempt]) -> tuple[str, ...]:
    states = Counter(attempt.state for attempt in attempts)
    hours = [attempt.seconds / 3600 for attempt in attempts]
    held = sum(attempt.seconds * attempt.cores for attempt in attempts)
    most = max(attempt.most for attempt in attempts)
    return (
        rule,
        ", ".join(f"{number} {state}" for state, number in sorted(states.items())),
        f"{statistics.median(hours):.2f}",
        f"{max(hours):.2f}",
        f"{100 * sum(attempt.core_seconds for attempt in attempts) / held:.0f} %",
        f"{most / 1024:.1f}" if most else "?",
        f"{max(attempt.asked for attempt in attempts) / 1024:.1f}",
    )

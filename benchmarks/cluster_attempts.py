"""How often a job is submitted under profiles/slurm until it has ended well."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROFILE = Path(__file__).parents[1] / "profiles" / "slurm" / "config.yaml"
MINUTE = 60


@dataclass(frozen=True)
class Profile:
    """The part of a profile that says how long a job may take.

    Attributes:
        attempts: how often a job is submitted at most.
        runtimes: rule -> minutes, or an expression of ``attempt``.
    """

    attempts: int
    runtimes: dict[str, int | str]

    @classmethod
    def read(cls, path: Path = PROFILE) -> "Profile":
        """Read a profile."""
        content: dict[str, Any] = yaml.safe_load(path.read_text())
        asked = content["set-resources"].items()
        runtimes = {rule: values["runtime"] for rule, values in asked if "runtime" in values}
        return cls(1 + content["retries"], runtimes)

    def limit(self, rule: str, attempt: int) -> float:
        """Return how long (s) an attempt may take, from 1 on."""
        known = {"attempt": attempt, "min": min, "max": max}
        # As Snakemake evaluates it; the file is this project's own.
        return MINUTE * float(eval(str(self.runtimes[rule]), {"__builtins__": {}}, known))

    def needed(self, rule: str, seconds: float, piece: float = 0.0) -> int | None:
        """Return how many attempts a job takes; None where the profile allows too few.

        Args:
            rule: the job's, one that the profile gives a runtime.
            seconds: that the job takes without interruption.
            piece: what an attempt finishes whole or leaves to the next (s), such as a song.
        """
        left = seconds
        for attempt in range(1, self.attempts + 1):
            limit = self.limit(rule, attempt)
            if left <= limit:
                return attempt
            left -= limit // piece * piece if piece else limit
        return None

"""How long each job of the workflow takes, from rates that were measured or are assumed."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from cluster_jobs import Planned
from scoring_songs import CASES
from training_paper import SONG_SECONDS, SONGS, STUDIES, steps_of, systems

from mssbench.models.registry import build
from mssbench.training.config import TrainingConfig

RATES = Path(__file__).with_name("cluster_rates.yaml")
RATE = 44100
"""Hz, of the signals by which untrained methods were measured; others count in proportion."""


@dataclass(frozen=True)
class Assumed:
    """What the simulation cannot know.

    Attributes:
        gpu_speedup: how many times as fast as one core of the measured processor a GPU trains.
        songs: songs of the data set.
        test_songs: those that are separated and scored.
        song_seconds: the mean length of a song (s).
    """

    gpu_speedup: float
    songs: int = SONGS + 50
    test_songs: int = 50
    song_seconds: float = SONG_SECONDS


class Durations:
    """Durations by ``cluster_rates.yaml``.

    Args:
        assumed: what is assumed beside it.
    """

    def __init__(self, assumed: Assumed) -> None:
        self.assumed = assumed
        self.rates = yaml.safe_load(RATES.read_text())
        measured = self.rates["training"]
        self.trained = [
            (config.model, measured[name] / a_step(config))
            for name, config in systems(list(STUDIES), list(measured)).items()
            if name in measured
        ]

    def seconds(self, job: Planned) -> float:
        """Return how long a job runs.

        Raises:
            ValueError: no rate is known.
        """
        by_rule = {"train": self.training, "separate": self.separating, "score": self.scoring}
        if job.rule in by_rule:
            return by_rule[job.rule](job)
        if job.rule in self.rates["songs"]:
            sound = self.assumed.songs * self.assumed.song_seconds
            return sound * float(self.rates["songs"][job.rule]) / job.threads
        if job.rule in self.rates["login"]:
            return float(self.rates["login"][job.rule])
        raise ValueError(f"{RATES.name} has no rate for jobs like {job.name}")

    def training(self, job: Planned) -> float:
        """Return the seconds of all epochs on one GPU: patience would make it less."""
        config = training_config(job.config)
        cpu = steps_of(config) * a_step(config) * self.a_sample(job)
        return cpu / self.assumed.gpu_speedup

    def separating(self, job: Planned) -> float:
        """Return the seconds of separating the test songs on one core."""
        sound, rate = self.sound(job.config), job.config["rendition"]["rate"]
        if "training" not in job.config:
            own = float(self.rates["untrained"][job.config["model"]["name"]])
            return sound * own * rate / RATE
        seconds = sound * rate * self.a_sample(job) / self.rates["separation_times_training"]
        return seconds / (1 - job.config["separation"].get("overlap", 0.0))

    def scoring(self, job: Planned) -> float:
        """Return the seconds of scoring the test songs, a process a song."""
        scoring, rendition = job.config["scoring"], job.config["rendition"]
        channels = scoring.get("channels") or rendition["channels"]
        rate = scoring.get("rate") or rendition["rate"]
        model = job.config["model"]
        case = f"{channels}-{sources_of(model['name'], json.dumps(model['params']))}"
        engine = self.rates["scoring"][scoring.get("engine", "bss_eval")]
        return self.sound(job.config) * engine[case] * rate / CASES[case].rate / job.threads

    def a_sample(self, job: Planned) -> float:
        """Return the CPU seconds of training with one sample of an example.

        Of the same network where that was measured, otherwise of the first of its family.
        """
        name, params = job.config["model"]["name"], job.config["model"]["params"]
        family = [(model, rate) for model, rate in self.trained if model.name == name]
        same = [(model, rate) for model, rate in family if model.params == params]
        for _, rate in (*same, *family):
            return rate
        raise ValueError(f"{RATES.name} has no training of {name}, which {job.name} takes")

    def sound(self, config: dict[str, Any]) -> float:
        """Return the seconds of all test songs of a run: some renditions have excerpts."""
        panning = config["rendition"].get("panning") or {}
        return self.assumed.test_songs * float(panning.get("seconds", self.assumed.song_seconds))


@cache
def sources_of(name: str, params: str) -> int:
    """Return how many sources count as scored of a model: 2 or 4, as were measured.

    Args:
        name: the model's.
        params: its parameters, as JSON.
    """
    with torch.device("meta"):
        return 2 if len(build(name, json.loads(params)).targets) <= 2 else 4


def a_step(config: TrainingConfig) -> int:
    """Return the samples of all examples of a step."""
    return config.training.batch_size * config.training.crops.samples


def training_config(config: dict[str, Any]) -> TrainingConfig:
    """Return a training's part of a run's configuration."""
    known = TrainingConfig.__dataclass_fields__
    return TrainingConfig.from_dict({key: value for key, value in config.items() if key in known})

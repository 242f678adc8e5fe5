"""The runs of a study: each experiment with each seed, named by what decides its results."""

from dataclasses import dataclass

from mssbench.errors import UserError
from mssbench.models.registry import SEPARATORS, address_of, kind_of
from mssbench.provenance import digest
from mssbench.study import Config, Study
from mssbench.training.config import TrainingConfig

# The parts of an experiment that decide its weights, its estimates and its scores.
TRAINED, SEPARATED, SCORED = ("rendition", "split", "training"), ("separation",), ("scoring",)

# Decides the weights where an experiment has it: what it makes is read by the training alone.
STRETCHING = "stretching"

# A longer loss is told by the number of its terms.
MOST_TERMS = 3


@dataclass(frozen=True)
class Run:
    """One experiment with one seed.

    Its three names grow with what they depend on, so that a change of the scoring repeats the
    scoring alone, and studies that share an experiment share its weights.

    Attributes:
        experiment: the key in the study's map of experiments.
        label: what tables and figures call it.
        seed: seed of the initial weights and of the crops; None for an untrained method.
        trained: names the weights; None for an untrained method.
        separated: names the estimates.
        id: names the scores and, being the digest of the full resolved configuration, the run.
        rendition: name of the rendition, as in ``22050-mono``.
        config: the full resolved configuration.
    """

    experiment: str
    label: str
    seed: int | None
    trained: str | None
    separated: str
    id: str
    rendition: str
    config: Config

    @property
    def loss(self) -> str:
        """Return the loss as figures name it, as in ``MAE + 0.5 MSE of intermediate``.

        A probe other than the final estimates is named; empty when untrained.
        """
        terms = self.config.get("training", {}).get("loss", {}).items()
        counted = [(name, term) for name, term in terms if term["weight"]]
        if len(counted) > MOST_TERMS:
            return f"{len(counted)} terms"
        signed = [
            f"{'-' if term['weight'] < 0 else '+'} {told(name, term)}" for name, term in counted
        ]
        return " ".join(signed).removeprefix("+ ")

    @property
    def row(self) -> Config:
        """Return what tables, figures and tracking need to know of the run."""
        return {
            "experiment": self.experiment,
            "label": self.label,
            "seed": self.seed,
            "id": self.id,
            "trained": self.trained,
            "separated": self.separated,
            "rendition": self.rendition,
            "kind": kind_of(self.config["model"]["name"]),
            "loss": self.loss,
        }


def told(name: str, term: Config) -> str:
    """Return a term of a loss without its sign, as in ``0.5 MSE of intermediate``."""
    probe = term.get("probe") or name
    kind = term["kind"].upper().replace("_", "-")
    # A penalty is what the model computes at the probe.
    what = probe if kind == "PENALTY" else kind if probe == "final" else f"{kind} of {probe}"
    factor = abs(term["weight"])
    return what if factor == 1 else f"{factor:g} {what}"


def expand(study: Study, dataset: Config, seeds: list[int]) -> list[Run]:
    """Return the runs of a study: each trained experiment once a seed, each untrained one once.

    Args:
        study: the resolved study.
        dataset: what decides the data set's content; part of every run's identity.
        seeds: the seeds.
    """
    runs = []
    for name, experiment in study.experiments.items():
        if "model" not in experiment:
            raise UserError(f"experiment {name!r} lacks the key 'model', also in common")
        address_of(experiment["model"])  # refuses an unknown name
        for seed in seeds if experiment["model"] in SEPARATORS else [None]:
            runs.append(resolve(name, experiment, dataset, seed))
    return runs


def resolve(name: str, experiment: Config, dataset: Config, seed: int | None) -> Run:
    """Name the weights, the estimates and the scores of one experiment with one seed.

    Raises:
        UserError: the experiment lacks a part.
    """
    first = TRAINED if seed is not None else ("rendition",)
    for part in (*first, *SEPARATED, *SCORED):
        if part not in experiment:
            raise UserError(f"experiment {name!r} lacks the key {part!r}, also in common")
    config: Config = {"dataset": dataset}
    config["model"] = {"name": experiment["model"], "params": experiment["params"]}
    config |= {part: experiment[part] for part in first}
    if seed is not None:
        config["seed"] = seed
        if experiment.get(STRETCHING) is not None:
            config[STRETCHING] = experiment[STRETCHING]
        check_training(name, config)
    stem = experiment["model"] if seed is None else f"{experiment['model']}-s{seed}"
    trained = None if seed is None else f"{stem}-{digest(config)}"
    config |= {part: experiment[part] for part in SEPARATED}
    separated = f"{stem}-{digest(config)}"
    config |= {part: experiment[part] for part in SCORED}
    label, rendition = experiment["label"], rendition_name(experiment["rendition"])
    return Run(name, label, seed, trained, separated, f"{stem}-{digest(config)}", rendition, config)


def rendition_name(rendition: Config) -> str:
    """Return what names a rendition's folder, as in ``22050-mono`` and ``22050-mono-int16``."""
    name = "{rate}-{channels}".format(**rendition)
    stored_as = rendition.get("format", "float32")
    return name if stored_as == "float32" else f"{name}-{stored_as}"


def stretch_options(config: Config) -> str:
    """Return a run's ``stretching`` as options of ``mssbench stretch``."""
    given = {key: value for key, value in config[STRETCHING].items() if value not in (None, [])}
    return " ".join(
        f"--{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in given.items()
    )


def check_training(name: str, config: Config) -> None:
    """Check what a training would refuse, before any job starts.

    Raises:
        UserError: naming the experiment and the key.
    """
    try:
        TrainingConfig.from_dict(config)
    except UserError as error:
        raise UserError(f"experiment {name!r}: {error}") from None


def trained_part(config: Config) -> Config:
    """Return the part of a run's configuration that decides its weights."""
    return {k: v for k, v in config.items() if k not in SEPARATED + SCORED}


def separated_part(config: Config) -> Config:
    """Return the part of a run's configuration that decides its estimates."""
    return {k: v for k, v in config.items() if k not in SCORED}

"""The runs of a study: each experiment with each seed and fold, named by what decides it."""

from dataclasses import dataclass, field
from typing import Any

from mssbench import sweeps
from mssbench.cross_validation import check_rows, folds_of, in_fold, initial_fold
from mssbench.errors import UserError
from mssbench.models.registry import SEPARATORS, address_of, kind_of
from mssbench.provenance import digest, training_name
from mssbench.run_checks import check_model, check_training, naming, scored
from mssbench.run_parts import SCORED, SEPARATED, STRETCHING, TRAINED, rendition_name
from mssbench.scored_songs import HELD_OUT, TEST, scored_songs
from mssbench.shown_checks import check_shown
from mssbench.study import Config, Study

# A longer loss is told by the number of its terms.
MOST_TERMS = 3


@dataclass(frozen=True)
class Run:
    """One experiment with one seed and, where it is cross-validated, one fold.

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
        initial: the run whose weights it begins with.
        sweep: the experiment that sweeps, of which this is one combination.
        swept: dotted key -> value of that combination.
        songs: what it is scored on, ``test`` or ``held_out``.
        pool: names what tables make of the held-out folds of one seed together; None where it is
            a value of its own.
    """

    experiment: str
    label: str
    seed: int | None
    trained: str | None
    separated: str
    id: str
    rendition: str
    config: Config
    initial: "Run | None" = None
    sweep: str | None = None
    swept: dict[str, Any] = field(default_factory=dict)
    songs: str = TEST
    pool: str | None = None

    @property
    def fold(self) -> int | None:
        """Return the fold that is held out; None of another split."""
        return self.config.get("split", {}).get("fold")

    @property
    def trainings(self) -> list["Run"]:
        """Return what must be trained: this run and those that it begins with, one by one."""
        begun = self.initial.trainings if self.initial else []
        return [*begun, *([self] if self.trained else [])]

    @property
    def training_tags(self) -> dict[str, str]:
        """Return the tags by which tracking groups the training with others of its sweep."""
        told = {
            key: value
            for key, value in self.swept.items()
            if key.partition(".")[0] not in SEPARATED + SCORED
        }
        return sweeps.tags(self.sweep, told)

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
        row = {
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
        if self.songs != TEST:
            row |= {"songs": self.songs, "pool": self.pool}
        if self.fold is not None:
            row["fold"] = self.fold
        return row | {"sweep": self.sweep, "swept": self.swept} if self.sweep else row


def told(name: str, term: Config) -> str:
    """Return a term of a loss without its sign, as in ``0.5 MSE of intermediate``."""
    probe = term.get("probe") or name
    kind = term["kind"].upper().replace("_", "-")
    # A penalty is what the model computes at the probe.
    what = probe if kind == "PENALTY" else kind if probe == "final" else f"{kind} of {probe}"
    factor = abs(term["weight"])
    return what if factor == 1 else f"{factor:g} {what}"


def expand(study: Study, dataset: Config, seeds: list[int]) -> list[Run]:
    """Return the runs of a study: each untrained experiment once, each trained one once a seed.

    A cross-validated one is trained once a seed and fold.

    Args:
        study: the resolved study.
        dataset: what decides the data set's content; part of every run's identity.
        seeds: the seeds.

    Raises:
        UserError: an experiment lacks a part, has one that its job would refuse or cannot begin
            with the weights that it names, a sweep does not make different runs, a table asks
            for what none of its rows is scored with, or rows are scored on different songs.
    """
    runs = []
    for name, experiment in study.experiments.items():
        if "model" not in experiment:
            raise UserError(f"experiment {name!r} lacks the key 'model', also in common")
        address_of(experiment["model"])  # refuses an unknown name
        if experiment["model"] not in SEPARATORS:
            runs.append(run_of(study, name, dataset, None))
            continue
        with naming(name):
            folds = folds_of(experiment)
        runs += [run_of(study, name, dataset, seed, fold=fold) for seed in seeds for fold in folds]
    sweeps.check_runs(study.name, runs)
    check_rows(study, runs)
    check_shown(study, runs, dataset)
    return runs


def run_of(
    study: Study,
    name: str,
    dataset: Config,
    seed: int | None,
    above: tuple[str, ...] = (),
    *,
    fold: int | None = None,
) -> Run:
    """Resolve an experiment with one seed, after the one whose weights it begins with.

    Args:
        study: the resolved study.
        name: of one of its experiments or sources.
        dataset: what decides the data set's content.
        seed: the seed; None for an untrained method.
        above: the experiments that begin with this one, the first of them first.
        fold: of a cross-validated experiment, the one that is held out.

    Raises:
        UserError: it cannot begin with what it names.
    """
    known = study.experiments | study.sources
    experiment, way = in_fold(known[name], fold), (*above, name)
    pool = None if fold is None else f"{name}-s{seed}-folds"
    if not experiment.get("initial"):
        return resolve(name, experiment, dataset, seed, pool=pool)
    wanted = experiment["initial"]["experiment"]
    where = f"study {study.name}, experiment {name!r}: initial"
    if seed is None:
        raise UserError(
            f"{where}: model {experiment['model']} is not trained, so it begins with no weights; "
            "remove the key"
        )
    if wanted in way:
        raise UserError(
            f"{where}.experiment is {wanted!r}, which would begin with itself: "
            f"{' -> '.join((*way[way.index(wanted) :], wanted))}; name another"
        )
    if known[wanted].get("model") not in SEPARATORS:
        raise UserError(
            f"{where}.experiment is {wanted!r}, whose model {known[wanted].get('model')} is not "
            "trained and has no weights; name a trained experiment"
        )
    begun = initial_fold(experiment.get("split", {}), known[wanted].get("split", {}), where)
    source = run_of(study, wanted, dataset, seed, way, fold=begun)
    return resolve(name, experiment, dataset, seed, source, pool=pool)


def resolve(
    name: str,
    experiment: Config,
    dataset: Config,
    seed: int | None,
    source: Run | None = None,
    *,
    pool: str | None = None,
) -> Run:
    """Name the weights, the estimates and the scores of one experiment with one seed.

    Args:
        name: of the experiment.
        experiment: it, resolved.
        dataset: what decides the data set's content.
        seed: the seed; None for an untrained method.
        source: the run whose weights it begins with.
        pool: names the values of all folds together, if they are scored on what they hold out.

    Raises:
        UserError: the experiment lacks a part, or has one that its job would refuse.
    """
    first = TRAINED if seed is not None else ("rendition",)
    for part in (*first, *SEPARATED, *SCORED):
        if part not in experiment:
            raise UserError(f"experiment {name!r} lacks the key {part!r}, also in common")
    for key in ("rate", "channels"):
        if key not in experiment["rendition"]:
            raise UserError(f"experiment {name!r} lacks the key 'rendition.{key}', also in common")
    check_model(name, experiment)
    config: Config = {"dataset": dataset}
    config["model"] = {"name": experiment["model"], "params": experiment["params"]}
    config |= {part: experiment[part] for part in first}
    trained, stem = None, experiment["model"]
    if seed is not None:
        config["seed"] = seed
        if experiment.get(STRETCHING) is not None:
            config[STRETCHING] = experiment[STRETCHING]
        if source is not None:
            config["initial"] = {
                "run": source.trained,
                "parts": experiment["initial"].get("parts", []),
            }
        check_training(name, config)
        trained, stem = training_name(config), f"{stem}-s{seed}"
    config |= {part: experiment[part] for part in SEPARATED}
    with naming(name):
        songs = scored_songs(config)
    separated = f"{stem}-{digest(config)}"
    # Spelled out, so that a change of the protocol's entry is a change of the run.
    config["scoring"] = scored(name, experiment["scoring"])
    swept = experiment.get("swept", {})
    return Run(
        experiment=name,
        label=experiment["label"],
        seed=seed,
        trained=trained,
        separated=separated,
        id=f"{stem}-{digest(config)}",
        rendition=rendition_name(experiment["rendition"]),
        config=config,
        initial=source,
        sweep=swept.get("experiment"),
        swept=swept.get("values", {}),
        songs=songs,
        pool=pool if songs == HELD_OUT else None,
    )

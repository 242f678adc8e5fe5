"""The trained models that a figure looks into."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mssbench.errors import UserError
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.excerpt import label_of
from mssbench.report.sources import Sources, named

if TYPE_CHECKING:
    from mssbench.models.base import Model


@dataclass(frozen=True)
class TrainedModel:
    """A model with its weights.

    Attributes:
        label: what figures call it.
        model: it, in evaluation mode on the CPU.
        config: what it was trained with.
    """

    label: str
    model: "Model"
    config: dict[str, Any]


def trained_models(
    definition: Mapping[str, Any],
    config: ReportConfig,
    sources: Sources,
    part: type,
    name: str,
) -> Iterator[TrainedModel]:
    """Yield the models of a figure's rows, each with the weights of its first seed.

    Rows that the definition names must be trained and have the part. If it names none, those of
    all rows that have it are taken.

    Args:
        definition: of the figure; rows (default: all).
        config: the study.
        sources: holds the weights.
        part: a protocol that models with the part fulfil.
        name: what messages call the part.

    Raises:
        UserError: a row is unknown, has no weights, or has not the part; or none has it.
    """
    rows = definition.get("rows")
    found = 0
    for each in config.experiments(rows):
        read = read_model(each, sources)
        if read is not None and isinstance(read.model, part):
            found += 1
            yield read
        elif rows is not None:
            why = "is not trained and" if read is None else f"is a {type(read.model).__name__} and"
            raise UserError(f"figures: row {each.name!r} {why} has no {name}; choose other rows")
    if not found:
        raise UserError(f"figures: no row has {name}; choose another kind of figure")


def read_model(experiment: Experiment, sources: Sources) -> TrainedModel | None:
    """Return an experiment's model, or None if it is not trained.

    Raises:
        UserError: its weights are not given or cannot be read.
    """
    from mssbench.models.weights import load_trained

    trained = experiment.rows[0].trained
    if trained is None:
        return None
    path = named("--weights", sources.weights, trained, "model.safetensors")
    return TrainedModel(label_of(experiment), *load_trained(path))

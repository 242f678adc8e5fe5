"""What of a study is checked before any job starts, though jobs would refuse it too."""

from collections.abc import Iterator
from contextlib import contextmanager

from mssbench.data.catalogue import CATALOGUE
from mssbench.data.splits import check_split
from mssbench.errors import UserError
from mssbench.models.declared import declared
from mssbench.models.registry import SEPARATORS
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.protocols import laid_over
from mssbench.stretching.config import check_kept
from mssbench.study import Config
from mssbench.training.config import TrainingConfig


@contextmanager
def naming(experiment: str) -> Iterator[None]:
    """Let a UserError say which experiment it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"experiment {experiment!r}: {error}") from None


def check_training(name: str, config: Config) -> None:
    """Check what a training would refuse, before any job starts.

    Raises:
        UserError: naming the experiment and the key.
    """
    with naming(name):
        read, dataset = TrainingConfig.from_dict(config), config["dataset"]
        check_split(config["split"], dataset["name"])
        known = CATALOGUE.get(dataset["name"])
        # The stems of a data set of one's own are known where its entry lists them.
        sources = dataset.get("stems") or (known.sources if known else ())
        if read.stretching and sources:
            check_kept(read.stretching.keep, sources, "stretching.keep")


def scored(name: str, scoring: Config) -> Config:
    """Return an experiment's ``scoring`` with the protocol that it names spelled out.

    Raises:
        UserError: naming the experiment and the key that a scoring would refuse.
    """
    with naming(name):
        Protocol.from_config(scoring)
        return laid_over(scoring)


def check_model(name: str, experiment: Config) -> None:
    """Check that a model has the parameters and the output that an experiment names.

    Raises:
        UserError: naming the experiment and the key.
    """
    model = experiment["model"]
    found = declared(model)
    with naming(name):
        for key in experiment["params"]:
            if key not in found.defaults:
                raise UserError(
                    f"params has {key!r}; allowed of model {model} are "
                    f"{', '.join(found.defaults) or 'none at all'}"
                )
        output = experiment["separation"].get("output", "final")
        # A method that is not trained has one output and heeds no other key.
        if model in SEPARATORS and output not in found.outputs:
            raise UserError(
                f"separation.output is {output!r}; allowed of model {model} are "
                f"{', '.join(found.outputs)}"
            )

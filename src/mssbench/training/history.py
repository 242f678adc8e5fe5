"""What a run says of its course: a row each epoch, a line of progress, and why it gave up."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

from torch import Tensor

from mssbench.atomic import atomic_path
from mssbench.errors import UserError
from mssbench.training.config import TrainingConfig
from mssbench.training.state import Row, State


def row_of(
    state: State,
    training: dict[str, float],
    validation: dict[str, float],
    lr: float,
    validation_seconds: float,
) -> Row:
    """Return the row of the epoch that has just ended.

    Its ``seconds`` are all since the run's beginning, ``waiting_seconds`` and
    ``validation_seconds`` the epoch's own. A GPU computes what it was sent while this process
    goes on: `awaited` says what that makes of the waiting. It ends each validation with this
    process waiting for it, which so pays for the last training steps too, ten at most.

    Args:
        state: the state behind it.
        training: its mean losses, the total as ``loss``.
        validation: the same of the validation songs, and the score if it is none of them.
        lr: learning rate of the last step.
        validation_seconds: what validation took; of one that was stopped, the repetition alone.
    """
    row: Row = {
        "epoch": state.epoch,
        "step": state.step,
        "train_loss": training["loss"],
        "valid_loss": validation["loss"],
        "best": state.best_score,
        "seconds": round(state.seconds, 3),
        "waiting_seconds": round(state.waiting_seconds, 3),
        "validation_seconds": round(validation_seconds, 3),
        "bad_steps": int(state.bad[1]),
        "lr": lr,
    }
    for part, values in (("train", training), ("valid", validation)):
        row |= {f"{part}_{probe}": values[probe] for probe in values if probe != "loss"}
    return row


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Write rows of the history as a CSV file, atomically.

    Args:
        path: the file.
        rows: at least one; the columns are those of the first.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def awaited(batches: Iterable[Tensor], state: State) -> Iterator[Tensor]:
    """Yield the batches, adding to the state's waiting the time until each is there.

    That is reading which was not done ahead and the augmentation, as far as this process computes
    it. Beside a GPU it is the time until the batch's copy and augmentation are sent to it: the GPU
    has earlier steps to compute meanwhile, and idles for as long at most.
    """
    begin = perf_counter()
    for batch in batches:
        state.waiting_seconds += perf_counter() - begin
        yield batch
        begin = perf_counter()


def note_of(state: State, epochs: int) -> str:
    """Return what a line of progress says of the training."""
    loss, best = state.means.values()["loss"], state.best_score
    parts = [f"epoch {state.epoch + 1}/{epochs}"]
    parts += ["fine-tuning"] if state.schedule.fine_tuning else []
    parts += [f"loss {loss:.4g}"] if not math.isnan(loss) else []
    valid = state.history[-1]["valid_loss"] if state.history else math.nan
    parts += [f"valid {valid:.4g}"] if not math.isnan(valid) else []
    parts += [f"best {best:.4g}"] if state.best_weights else []
    return ", ".join(parts)


def advice(config: TrainingConfig, lr: float) -> str:
    """Say what to do about losses that are not finite."""
    narrow = " or choose training.precision bf16," if config.training.precision == "fp16" else ""
    return f"lower training.optimiser.lr ({lr:g} here),{narrow} or look for damaged songs"


def diverged(config: TrainingConfig, state: State, batch: int, songs: str) -> UserError:
    """Return the error for steps that were not finite for long.

    Args:
        config: of the run.
        state: the state behind the last of them.
        batch: number of that step's batch.
        songs: what the batch was cut from.
    """
    return UserError(
        f"train {config.model.name}: the loss or its gradient was not finite in the "
        f"{int(state.bad[0])} steps up to step {state.step} (batch {batch}, cut from {songs}); "
        f"{advice(config, state.schedule.lr(state.step - 1))}"
    )

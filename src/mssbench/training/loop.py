"""The training loop: steps, a validation each epoch, early stopping, and continuing.

A run that was stopped or killed at any moment continues from its last checkpoint. On a CPU it
then ends with the very weights and history of a run that was never stopped.
"""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mssbench.augmentation.chain import Chain
from mssbench.augmentation.config import margin
from mssbench.data.rendition import Rendition
from mssbench.data.splits import split_songs
from mssbench.errors import UserError
from mssbench.models.registry import parameter_count
from mssbench.progress import Progress
from mssbench.provenance import source_digest
from mssbench.training.config import TrainingConfig
from mssbench.training.crops import WindowCrops, make_crops, targets
from mssbench.training.feed import Feed, Mixtures, augmented, downmixed
from mssbench.training.fit import build_fitting
from mssbench.training.keeper import Keeper
from mssbench.training.losses import counted, probes_of, total_loss
from mssbench.training.means import Means
from mssbench.training.resident import on_device
from mssbench.training.result import Result, StopReason
from mssbench.training.state import Row, State
from mssbench.training.update import Adam, FiniteSteps

# Reading the losses makes a GPU wait, so they are looked at once in so many steps. A run whose
# steps were not finite for as long has diverged.
STEPS_BETWEEN_LOOKS = 10

log = logging.getLogger(__name__)


def train(
    config: TrainingConfig,
    rendition: Rendition,
    checkpoints: Path,
    device: str = "cpu",
    *,
    on_epoch: Callable[[Row], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    seconds_between_checkpoints: float = 300.0,
) -> Result:
    """Train a model, from its last checkpoint if there is one.

    Seeds torch's global random numbers with the configuration's seed.

    Args:
        config: what to train, on what, and how.
        rendition: the audio.
        checkpoints: folder of this run's checkpoints alone; they are left there.
        device: ``cpu`` or ``cuda``.
        on_epoch: called with each row of the history that is new. A row comes again where a run
            was killed between this call and the checkpoint that follows.
        should_stop: asked before each step; True saves the state and raises `Interrupted`.
        seconds_between_checkpoints: within an epoch; each epoch's end is saved anyway.

    Raises:
        UserError: the configuration does not fit the rendition, the model or the checkpoints, or
            training has diverged.
        Interrupted: ``should_stop`` said so.
    """
    with reproducible(torch.device(device)):
        training = Training(config, rendition, torch.device(device))
        identity = {**config.resolved, "audio": rendition.digest, "code": training.code}
        keeper = Keeper(
            checkpoints, identity, seconds_between_checkpoints, should_stop or (lambda: False)
        )
        return training.run(keeper, on_epoch or (lambda row: None))


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Make torch repeat its results bit for bit on a CPU; a GPU keeps its faster kernels."""
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(device.type == "cpu", warn_only=True)
    # Filling each new tensor with NaN shows faults of kernels and costs a tenth of the time.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


class Training:
    """A model, its crops and its state.

    Args:
        config: what to train, on what, and how.
        rendition: the audio.
        device: where to compute.

    Attributes:
        code: digest of the source that decides the run's course.
    """

    def __init__(self, config: TrainingConfig, rendition: Rendition, device: torch.device) -> None:
        self.config, self.options, self.device = config, config.training, device
        self.stems = rendition.stems
        torch.manual_seed(config.seed)
        self.model = build_fitting(config, rendition).to(device)
        self.code = source_digest(__name__, type(self.model).__module__)
        terms, self.probes = counted(self.options.loss), probes_of(self.options.loss)
        self.state = State(self.model, Adam(self.model, self.options.optimiser.lr), terms)
        self.validation_means = Means(terms, device)
        self.feed, self.validation = self.feeds(rendition)

    def feeds(self, rendition: Rendition) -> tuple[Feed, Feed | None]:
        """Return the batches of training and, if there are such songs, of validation."""
        options, device = self.options, self.device
        crops, batch, seed = options.crops, options.batch_size, self.config.seed
        split = split_songs(rendition, self.config.split)
        normalise = options.normalise == "song"
        longer = margin(options.augmentation, crops.samples)
        places = make_crops(crops, rendition, split.train, batch, seed, margin=longer)
        held = on_device(places, device, options.memory_gb)
        change = augmented(Chain(options.augmentation, seed))
        training = Feed(places, device, change, held=held, normalise=normalise)
        if not split.valid:
            return training, None
        # Validation hears the whole songs in order, whatever the crops, so that epochs compare.
        windows = WindowCrops(rendition, split.valid, crops.samples, batch)
        heard = downmixed(self.model.channels)
        return training, Feed(windows, device, heard, normalise=normalise)

    def run(self, keeper: Keeper, on_epoch: Callable[[Row], None]) -> Result:
        """Train to the end, saving and restoring through ``keeper``."""
        state, name = self.state, self.config.model.name
        keeper.restore(state)
        if state.step == 0:
            self.model.prepare(Mixtures(self.feed, self.stems))
        update = FiniteSteps(self.model, state.optimiser)
        steps = self.options.epochs * self.feed.steps_per_epoch
        progress = Progress(f"train {name}", steps, "steps", done=state.step)
        try:
            while (reason := self.finished()) is None:
                self.finish_steps(update, keeper, progress)
                self.validate(keeper)
                keeper.count_time(state)
                on_epoch(self.end_epoch())
                keeper.save(state)
        finally:
            progress.close()
        if not state.best_weights:
            raise UserError(f"train {name}: no epoch had a finite loss; {self.advice()}")
        log.info(
            "train %s: done after epoch %d (%s), best epoch %d with loss %.4g",
            *(name, state.epoch, reason, state.best_epoch, state.best_score),
        )
        return Result(
            weights=state.best_weights,
            history=state.history,
            best_epoch=state.best_epoch,
            best_score=state.best_score,
            seconds=state.seconds,
            stopped_because=reason,
            parameters=parameter_count(self.model),
        )

    def finished(self) -> StopReason | None:
        """Return why training is over, or None if it is not."""
        if self.state.waited >= self.options.patience:
            return "patience"
        return "epochs" if self.state.epoch >= self.options.epochs else None

    def finish_steps(self, update: FiniteSteps, keeper: Keeper, progress: Progress) -> None:
        """Take the steps that are left of the epoch."""
        state = self.state
        end = (state.epoch + 1) * self.feed.steps_per_epoch
        self.model.train()
        note = self.note()
        for batch in self.feed.batches(state.step, end):
            keeper.save_if_due(state)
            total, parts = self.losses(batch)
            left_out = update.take(total)
            state.count_step(total, parts, len(batch), left_out)
            if state.step % STEPS_BETWEEN_LOOKS == 0:
                self.refuse_divergence()
                note = self.note()
            progress.advance(note=note)

    def losses(self, stems: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its terms for a batch (batch, stems, channels, samples)."""
        mixture, truth = targets(stems, self.stems, self.model.targets)
        return total_loss(self.model.compare(mixture, truth, self.probes), self.options.loss)

    def validate(self, keeper: Keeper) -> None:
        """Compute the validation losses, if there are validation songs."""
        self.validation_means.reset()
        if self.validation is None:
            keeper.save_if_due(self.state)
            return
        self.model.eval()
        steps = self.validation.steps_per_epoch
        with torch.inference_mode():
            for batch in self.validation.batches(0, steps):
                # The state still stands before the validation, which a continued run repeats.
                keeper.save_if_due(self.state)
                self.validation_means.add(*self.losses(batch), len(batch))

    def end_epoch(self) -> Row:
        """Close the epoch and return its row of the history."""
        state = self.state
        state.epoch += 1
        training, validation = state.means.values(), self.validation_means.values()
        state.consider(training["loss"] if self.validation is None else validation["loss"])
        row: Row = {
            "epoch": state.epoch,
            "step": state.step,
            "train_loss": training.pop("loss"),
            "valid_loss": validation.pop("loss"),
            "best": state.best_score,
            "seconds": round(state.seconds, 3),
            "bad_steps": int(state.bad[1]),
        }
        row |= {f"train_{probe}": value for probe, value in training.items()}
        row |= {f"valid_{probe}": value for probe, value in validation.items()}
        state.history.append(row)
        state.begin_epoch()
        return row

    def note(self) -> str:
        """Return what a line of progress says of the training."""
        state = self.state
        loss, best = state.means.values()["loss"], state.best_score
        parts = [f"epoch {state.epoch + 1}/{self.options.epochs}"]
        parts += [f"loss {loss:.4g}"] if not math.isnan(loss) else []
        parts += [f"best {best:.4g}"] if state.best_weights else []
        return ", ".join(parts)

    def refuse_divergence(self) -> None:
        """Raise `UserError` if no step has been finite for long."""
        in_a_row = int(self.state.bad[0])
        if in_a_row >= STEPS_BETWEEN_LOOKS:
            raise UserError(
                f"train {self.config.model.name}: the loss or its gradient was not finite in the "
                f"{in_a_row} steps up to step {self.state.step}; {self.advice()}"
            )

    def advice(self) -> str:
        """Say what to do about losses that are not finite."""
        lr = self.options.optimiser.lr
        return f"lower training.optimiser.lr ({lr:g} here), or look for damaged songs"

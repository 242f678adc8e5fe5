"""The training loop: steps, a validation each epoch, early stopping, and continuing.

A run that was stopped or killed at any moment continues from its last checkpoint. On a CPU it
then ends with the very weights and history of a run that was never stopped.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.models.registry import parameter_count
from mssbench.progress import Progress
from mssbench.provenance import source_digest
from mssbench.training.batch_norm import normalise_together
from mssbench.training.config import TrainingConfig
from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.feed import Mixtures
from mssbench.training.feeds import Feeds
from mssbench.training.fit import build_fitting, check_shares
from mssbench.training.history import advice, awaited, diverged, note_of, row_of
from mssbench.training.initial import begin_with
from mssbench.training.keeper import Keeper
from mssbench.training.losses import counted
from mssbench.training.memory import is_out_of_memory, out_of_memory, telling_out_of_memory
from mssbench.training.objective import Objective
from mssbench.training.precision import reproducible, tf32
from mssbench.training.result import Result, StopReason
from mssbench.training.state import Row, State
from mssbench.training.update import FiniteSteps
from mssbench.training.validation import Validation

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
    initial: Mapping[str, Tensor] | None = None,
    parts: Sequence[str] = (),
    on_epoch: Callable[[Row], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    seconds_between_checkpoints: float = 300.0,
    ranks: Ranks = ALONE,
    accept_code: bool = False,
) -> Result:
    """Train a model, from its last checkpoint if there is one.

    Seeds torch's global random numbers with the configuration's seed.

    Args:
        config: what to train, on what, and how.
        rendition: the audio.
        checkpoints: folder of this run's checkpoints and history alone; they are left there.
        device: ``cpu`` or ``cuda``.
        initial: state of a model to begin with; None begins with random weights.
        parts: dotted names of the modules that take ``initial``; none for the whole model.
        on_epoch: called with each row of the history that is new. A row comes again where a run
            was killed between this call and the checkpoint that follows.
        should_stop: asked before each step; True saves the state and raises `Interrupted`.
        seconds_between_checkpoints: within an epoch, and longer while steps are left out that were
            not finite; each epoch's end is saved anyway.
        ranks: the processes that train together, each of which calls this; all return the same.
            The steps are those of one process up to rounding, but for dropout.
        accept_code: whether to go on from a checkpoint of other code, with a warning. The end may
            then be another than that of a run by either code alone.

    Raises:
        UserError: the configuration does not fit the rendition, the model, the initial weights,
            the checkpoints or the memory, or training has diverged.
        Interrupted: ``should_stop`` said so.
    """
    options = config.training
    told = telling_out_of_memory(options.batch_size, options.crops.samples)
    repeated = reproducible(torch.device(device), strict=options.deterministic)
    with told, repeated, tf32(options.tf32):
        training = Training(config, rendition, torch.device(device), initial, parts, ranks=ranks)
        keeper = Keeper(
            checkpoints,
            {**config.resolved, "audio": rendition.digest, **training.identity},
            seconds_between_checkpoints,
            should_stop or (lambda: False),
            ranks,
            accept_code=accept_code,
        )
        return training.run(keeper, on_epoch or (lambda row: None))


class Training:
    """A model, its crops and its state.

    Args:
        config: what to train, on what, and how.
        rendition: the audio.
        device: where to compute.
        initial: state of a model to begin with.
        parts: of the model, that take it.
        ranks: the processes that train together.

    Attributes:
        identity: what decides the run's course beside its configuration and its audio.
    """

    def __init__(
        self,
        config: TrainingConfig,
        rendition: Rendition,
        device: torch.device,
        initial: Mapping[str, Tensor] | None = None,
        parts: Sequence[str] = (),
        *,
        ranks: Ranks = ALONE,
    ) -> None:
        self.config, self.options, self.ranks = config, config.training, ranks
        check_shares(self.options, ranks.count)
        torch.manual_seed(config.seed)
        model = build_fitting(config, rendition)
        self.identity = {"code": source_digest(__name__, type(model).__module__)}
        if initial is not None:
            self.identity["initial"] = begin_with(model, model.taken(initial), parts)
        elif config.initial is not None:
            raise UserError(
                f"initial.run is {config.initial.run}; give the weights of that run to begin with"
            )
        if ranks.rank:
            # From here on each draws for examples of its own.
            torch.manual_seed(config.seed + (ranks.rank << 32))
        self.model = model.to(device)
        if self.options.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        normalise_together(self.model, ranks, compiled=self.options.compile)
        self.state = State.begin(self.model, self.options, counted(self.options.loss))
        self.objective = Objective(self.model, self.options, rendition.stems)
        self.feeds = Feeds(config, rendition, device, self.model.channels, ranks)
        self.validation = Validation(
            self.state.validated, self.options, rendition, self.feeds, ranks
        )

    def run(self, keeper: Keeper, on_epoch: Callable[[Row], None]) -> Result:
        """Train to the end, saving and restoring through ``keeper``."""
        state, name = self.state, self.config.model.name
        keeper.restore(state)
        feed = self.feeds.training(state.schedule.batch_size)
        if state.step == 0:
            self.model.prepare(Mixtures(feed, self.objective.names))
        update = FiniteSteps(
            self.model,
            state.optimiser,
            clip_norm=self.options.clip_norm,
            scaler=state.scaler,
            ranks=self.ranks,
        )
        left = (self.options.epochs - state.epoch) * feed.steps_per_epoch - state.steps_of_epoch
        progress = Progress(
            *(f"train {name}", state.step + left, "steps"),
            done=state.step,
            shown=self.ranks.is_first,
            rated=True,
        )
        try:
            while (reason := self.finished()) is None:
                self.finish_steps(update, keeper, progress)
                # A validation that is stopped is repeated: the state still stands before it.
                begin = perf_counter()
                validation = self.validate(keeper, progress)
                taken = perf_counter() - begin
                keeper.count_time(state)
                on_epoch(self.end_epoch(validation, taken))
                keeper.end_epoch(state)
        finally:
            progress.close()
        if not state.best_weights:
            reduced = advice(self.config, self.options.optimiser.lr)
            raise UserError(f"train {name}: no epoch had a finite loss; {reduced}")
        log.info(
            "train %s: done after epoch %d (%s), best epoch %d with score %.4g",
            *(name, state.epoch, reason, state.best_epoch, state.best_score),
        )
        return Result(
            weights=state.best_weights,
            last_weights=state.latest_weights(),
            history=state.history,
            best_epoch=state.best_epoch,
            best_score=state.best_score,
            seconds=state.seconds,
            codes=state.codes,
            stopped_because=reason,
            parameters=parameter_count(self.model),
        )

    def validate(self, keeper: Keeper, progress: Progress) -> dict[str, float]:
        """Return what validation found; a long one is seen to go on."""
        parts, note = count(), f"epoch {self.state.epoch + 1}/{self.options.epochs}, validating"

        def between() -> None:
            keeper.save_if_due(self.state)
            progress.remark(f"{note} {next(parts)}/{self.validation.parts}")

        return self.validation.run(between)

    def finished(self) -> StopReason | None:
        """Return why training is over, or None if it is not."""
        if self.state.waited >= self.options.patience:
            return "patience"
        return "epochs" if self.state.epoch >= self.options.epochs else None

    def finish_steps(self, update: FiniteSteps, keeper: Keeper, progress: Progress) -> None:
        """Take the steps that are left of the epoch."""
        state, feed = self.state, self.feeds.training(self.state.schedule.batch_size)
        first = state.epoch * feed.steps_per_epoch
        numbers = range(first + state.steps_of_epoch, first + feed.steps_per_epoch)
        self.model.train()
        note = note_of(state, self.options.epochs)
        batches = awaited(feed.batches(numbers.start, numbers.stop), state)
        for n, batch in zip(numbers, batches, strict=True):
            keeper.save_if_due(state)
            self.step(update, batch, n)
            if state.step % STEPS_BETWEEN_LOOKS == 0:
                if int(state.bad[0]) >= STEPS_BETWEEN_LOOKS:
                    raise diverged(self.config, state, n, self.feeds.songs(n))
                note = note_of(state, self.options.epochs)
            progress.advance(note=note)

    def step(self, update: FiniteSteps, batch: Tensor, n: int) -> None:
        """Take a step on batch ``n``, or a share of it (examples, stems, channels, samples)."""
        feed, options = self.feeds.training(self.state.schedule.batch_size), self.options
        pieces = feed.pieces(n, options.accumulate)
        self.state.set_rate()
        try:
            total, terms, left_out = update.take(self.objective, batch, pieces, feed.weight(n))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            self.state.count_step(total, terms, feed.size(n), left_out)
            return
        with self.ranks.apart():
            raise out_of_memory(
                lambda examples: update.gradients(self.objective, examples, 1),
                *(batch, pieces, options.crops.samples, self.ranks.count),
            )

    def end_epoch(self, validation: dict[str, float], seconds: float) -> Row:
        """Close the epoch with what validation found, in so long; return its row of the history."""
        state, schedule = self.state, self.state.schedule
        state.epoch += 1
        training = state.means.values()
        trained = self.validation.feed is None or self.options.score == "train_loss"
        state.consider(training["loss"] if trained else validation.get("score", validation["loss"]))
        row = row_of(state, training, validation, schedule.lr(state.step - 1), seconds)
        schedule.end_epoch(state.waited)
        if state.waited >= self.options.patience and schedule.begin_fine_tuning():
            log.info("epoch %d was the last before fine-tuning", state.epoch)
            state.waited = 0
        state.history.append(row)
        state.begin_epoch()
        return row

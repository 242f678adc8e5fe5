"""When a training run is saved: at an epoch's end, every few minutes, and when asked to stop."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mssbench.errors import Interrupted, UserError
from mssbench.training import checkpoint
from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.history import write_history
from mssbench.training.state import State

log = logging.getLogger(__name__)


class Keeper:
    """Saves and restores the state of one run, and counts the time spent in it.

    Args:
        folder: of this run's checkpoints alone.
        run: what decides the run's course, as `mssbench.training.checkpoint` compares it.
        seconds: between two checkpoints within an epoch.
        should_stop: tells whether the run is asked to stop.
        ranks: the processes that train together. One asked to stop stops all; the first writes
            and reads for all.
        accept_code: whether the last checkpoint may be of other code.
    """

    def __init__(
        self,
        folder: Path,
        run: dict[str, Any],
        seconds: float,
        should_stop: Callable[[], bool],
        ranks: Ranks = ALONE,
        *,
        accept_code: bool = False,
    ) -> None:
        self.folder, self.run, self.seconds, self.should_stop = folder, run, seconds, should_stop
        self.ranks, self.accept_code = ranks, accept_code
        self._counted = self._saved = time.monotonic()

    def restore(self, state: State) -> None:
        """Load the last checkpoint, if there is one, into ``state``; the state notes the code.

        Raises:
            UserError: it belongs to another run, or accepted code cannot read it.
        """
        saved = self.ranks.from_first(
            lambda: checkpoint.load(self.folder, self.run, accept_code=self.accept_code)
        )
        if saved is not None:
            with self._telling_other_state():
                # Each process's own; the run may have had fewer of them.
                states = saved["random"]
                saved["random"] = states[min(self.ranks.rank, len(states) - 1)]
                state.load_state_dict(saved)
            log.info("continuing after step %d, in epoch %d", state.step, state.epoch + 1)
        code = self.run.get(checkpoint.CODE)
        if code is not None and state.codes[-1:] != [code]:
            state.codes.append(code)

    @contextmanager
    def _telling_other_state(self) -> Iterator[None]:
        """Say in one line that accepted code cannot read what the code before it has saved."""
        try:
            yield
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            if not self.accept_code:
                raise
            raise UserError(
                f"the state in {self.folder} cannot be read by the code that is here, accepted or "
                f"not ({type(error).__name__}: {str(error).partition(chr(10))[0]}); restore the "
                f"code that saved it, or remove {self.folder} to start anew"
            ) from None

    def count_time(self, state: State) -> None:
        """Add the time since the last call, or since the beginning, to the state's."""
        now = time.monotonic()
        state.seconds += now - self._counted
        self._counted = now

    def end_epoch(self, state: State) -> None:
        """Write the history, then a checkpoint."""
        if self.ranks.is_first:
            write_history(self.folder / checkpoint.HISTORY, state.history)
        self.save(state)

    def save(self, state: State) -> None:
        """Write a checkpoint."""
        self.count_time(state)
        saved = state.state_dict()
        saved["random"] = self.ranks.gather(saved["random"])
        if self.ranks.is_first:
            checkpoint.save(self.folder, self.run, saved, bad=state.is_bad)
        self._saved = time.monotonic()

    def save_if_due(self, state: State) -> None:
        """Write a checkpoint if the last one is old or the run is asked to stop.

        An old one stays until the last step was finite: it may be the last good one.

        Raises:
            Interrupted: the run is asked to stop.
        """
        old = time.monotonic() - self._saved >= self.seconds
        stop, due = self.ranks.any(self.should_stop(), old)
        # A GPU is waited for where one is due, not at each step.
        if stop or (due and not state.is_bad):
            self.save(state)
        if stop:
            # All stay until it is written: where one process has ended, torchrun ends the others.
            self.ranks.from_first(lambda: None)
            raise Interrupted(
                f"after step {state.step}, in epoch {state.epoch + 1}; the state is in "
                f"{self.folder}: run the same command again to continue"
            )

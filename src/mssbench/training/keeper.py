"""When a training run is saved: at an epoch's end, every few minutes, and when asked to stop."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mssbench.errors import Interrupted
from mssbench.training import checkpoint
from mssbench.training.state import State

log = logging.getLogger(__name__)


class Keeper:
    """Saves and restores the state of one run, and counts the time spent in it.

    Args:
        folder: of this run's checkpoints alone.
        run: what decides the run's course, as `mssbench.training.checkpoint` compares it.
        seconds: between two checkpoints within an epoch.
        should_stop: tells whether the run is asked to stop.
    """

    def __init__(
        self, folder: Path, run: dict[str, Any], seconds: float, should_stop: Callable[[], bool]
    ) -> None:
        self.folder, self.run, self.seconds, self.should_stop = folder, run, seconds, should_stop
        self._counted = self._saved = time.monotonic()

    def restore(self, state: State) -> None:
        """Load the last checkpoint, if there is one, into ``state``.

        Raises:
            UserError: it belongs to another run.
        """
        saved = checkpoint.load(self.folder, self.run)
        if saved is not None:
            state.load_state_dict(saved)
            log.info("continuing after step %d, in epoch %d", state.step, state.epoch + 1)

    def count_time(self, state: State) -> None:
        """Add the time since the last call, or since the beginning, to the state's."""
        now = time.monotonic()
        state.seconds += now - self._counted
        self._counted = now

    def save(self, state: State) -> None:
        """Write a checkpoint."""
        self.count_time(state)
        checkpoint.save(self.folder, self.run, state.state_dict())
        self._saved = time.monotonic()

    def save_if_due(self, state: State) -> None:
        """Write a checkpoint if the last one is old or the run is asked to stop.

        Raises:
            Interrupted: the run is asked to stop.
        """
        stop = self.should_stop()
        if stop or time.monotonic() - self._saved >= self.seconds:
            self.save(state)
        if stop:
            raise Interrupted(
                f"after step {state.step}, in epoch {state.epoch + 1}; the state is in "
                f"{self.folder}: run the same command again to continue"
            )

"""The thread that brings a running job's journal to MLflow."""

import logging
import threading
from pathlib import Path
from typing import Any

from mssbench.tracking.connection import connect
from mssbench.tracking.delivery import Delivery
from mssbench.tracking.experiments import prepare
from mssbench.tracking.failures import first_line
from mssbench.tracking.journal import Journal
from mssbench.tracking.origin import code_state
from mssbench.tracking.sync import deliver_others

log = logging.getLogger(__name__)

# Seconds. Importing MLflow takes some of one core, which a job that begins has better use for.
BEFORE_THE_FIRST = 10.0
BETWEEN, LONGEST_BETWEEN = 2.0, 60.0
AT_THE_END = 5.0
FOR_OTHERS = 10.0


class Sender(threading.Thread):
    """Sends what a journal gets, every other second, until the job ends.

    The job never waits for it but for `AT_THE_END` seconds at its end. What is not sent by then
    stays in the journal. While MLflow is away it is asked less and less often.

    It also sends, for a short time, what other jobs have left.

    Args:
        uri: the store's address.
        journal: this job's; it is closed at the end.
    """

    def __init__(self, uri: str, journal: Journal) -> None:
        super().__init__(name="tracking", daemon=True)
        self._uri, self._journal = uri, journal
        self._ending = threading.Event()
        self._client: Any = None
        self._delivery: Delivery | None = None
        self._has_helped = self._has_warned = self._is_away = False

    def run(self) -> None:
        """Send until the job ends."""
        self._tell_code()
        pause = BEFORE_THE_FIRST
        while True:
            is_last = self._ending.wait(pause)
            try:
                self._send()
                if not self._has_helped and not is_last:
                    self._has_helped = True
                    self._help()
                pause = BETWEEN
            except Exception as error:  # whatever it is, the job itself is not concerned
                self._warn(error)
                pause = min(2 * max(pause, BETWEEN), LONGEST_BETWEEN)
            if is_last:
                break
        # A journal that may still be written to would stay.
        self._journal.close()
        if self._delivery is not None:
            self._delivery.close()

    def end(self) -> None:
        """Send what is left, for some seconds at most, and close the journal."""
        self._ending.set()
        self.join(AT_THE_END)
        self._journal.close()
        if self._journal.file.exists():
            log.info(
                "What MLflow has not yet taken is kept in %s; the next job sends it, or "
                "'mssbench track sync'",
                self._journal.file,
            )

    def _tell_code(self) -> None:
        tags, changes = code_state()
        try:
            self._journal.append("tags", tags=tags)
            if changes:
                self._journal.append("text", file="changes.diff", text=changes)
        except OSError as error:
            log.debug("The state of the code is not recorded: %s", error)

    def _send(self) -> None:
        if self._client is None:
            client = connect(self._uri)
            prepare(client, self._uri)
            self._client = client
        if self._delivery is None:
            # Another process may have it, for some more seconds: one that helps.
            self._delivery = Delivery.claim(self._journal.file)
        if self._delivery is not None:
            self._delivery.send(self._client)
        if self._is_away:
            self._is_away = False
            log.info("Tracking goes on: MLflow has taken what was recorded")

    def _help(self) -> None:
        folder: Path = self._journal.file.parent
        deliver_others(
            self._client, self._uri, folder, seconds=FOR_OTHERS, should_stop=self._ending.is_set
        )

    def _warn(self, error: Exception) -> None:
        self._is_away = True
        if self._has_warned:
            return
        self._has_warned = True
        log.warning(
            "MLflow cannot be reached, the work goes on (%s); what is tracked is kept in %s and "
            "sent later",
            first_line(error),
            self._journal.file,
        )

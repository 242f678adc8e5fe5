"""When a training is asked to stop: by a signal, or because its time is over."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# What schedulers send before they kill a job, and Ctrl-C.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

log = logging.getLogger(__name__)


@contextmanager
def stop_requests(budget: float | None = None) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether one of `STOP_SIGNALS` has come or the time is over.

    None of the signals kills meanwhile, not even when it comes again: schedulers and shells often
    send one signal to a job twice.

    Args:
        budget: seconds from here on, on a clock that nobody sets; None for no end. However short,
            it lasts beyond the first time that is asked, so that each attempt gets further.
    """
    asked: list[int] = []
    begun, first = time.monotonic(), True

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    def stop() -> bool:
        nonlocal first
        over = budget is not None and time.monotonic() - begun >= budget
        if over and not (first or asked):
            log.info("the budget of %g s is spent", budget)
            asked.append(0)
        first = False
        return bool(asked)

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

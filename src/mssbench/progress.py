"""Progress with an estimate of the time left, on a terminal or in a log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0
# A bar that is drawn anew costs nearly nothing, and a person looks on.
SECONDS_BETWEEN_DRAWINGS = 0.5


def clock(seconds: float) -> str:
    """Return a duration as a person says it: ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
    """Counts finished pieces of work and says how many there are and how long they will take.

    On a terminal it redraws a bar; elsewhere it logs a plain line every few seconds, so that the
    log of a cluster job stays readable.

    Args:
        what: the work, as in ``"render"``; begins each line.
        total: the number of pieces (songs, steps, bytes).
        unit: the name of a piece.
        done: pieces that were finished before, as in a continued run; they do not count for the
            rate.
        shown: whether to say anything; of several processes at one piece of work, one does.
        rated: whether plain lines say how many pieces a second were done since the line before; a
            bar does anyway.
    """

    def __init__(
        self,
        what: str,
        total: int,
        unit: str = "songs",
        done: int = 0,
        *,
        shown: bool = True,
        rated: bool = False,
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.shown, self.rated = shown, rated
        self.done = self._before = self._told = done
        self._start = self._last = time.monotonic()
        self._bar = None
        if shown and sys.stderr.isatty():
            from tqdm import tqdm

            scaled = unit == "bytes"
            self._bar = tqdm(
                desc=what,
                total=total,
                unit="B" if scaled else unit,
                unit_scale=scaled,
                initial=done,
            )

    def advance(self, pieces: int = 1, note: str = "") -> None:
        """Count ``pieces`` more; ``note`` (such as a loss) is shown behind them."""
        self.done += pieces
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(pieces)
            return
        if not self.shown:
            return
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES or self.done == self.total:
            rate = self._rate(now - self._last)
            self._last, self._told = now, self.done
            log.info("%s", self.line(now - self._start, ", ".join(filter(None, (note, rate)))))

    def remark(self, note: str) -> None:
        """Show ``note`` beside the count, which stays, unless there was a line just before.

        It is for work between two pieces, which may take long.
        """
        now = time.monotonic()
        pause = SECONDS_BETWEEN_LINES if self._bar is None else SECONDS_BETWEEN_DRAWINGS
        if not self.shown or now - self._last < pause:
            return
        self._last, self._told = now, self.done
        if self._bar is not None:
            self._bar.set_postfix_str(note)
        else:
            log.info("%s: %s, %s", self.what, self.counts(), note)

    def _rate(self, elapsed: float) -> str:
        """Return the pieces a second since the last line, or nothing if it is not asked for."""
        pieces = self.done - self._told
        return f"{pieces / elapsed:.3g} {self.unit}/s" if self.rated and elapsed > 0 else ""

    def counts(self) -> str:
        """Return how many pieces of how many are done."""
        if self.unit == "bytes":
            return f"{self.done / 1e6:.0f}/{self.total / 1e6:.0f} MB"
        return f"{self.done}/{self.total} {self.unit}"

    def line(self, elapsed: float, note: str = "") -> str:
        """Return the plain line for ``elapsed`` seconds since the start."""
        fresh = self.done - self._before
        left = (self.total - self.done) * elapsed / fresh if fresh else float("nan")
        ending = f"in {clock(elapsed)}" if self.done >= self.total else f"{clock(left)} left"
        return ", ".join(part for part in (f"{self.what}: {self.counts()}", note, ending) if part)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


def track(pieces: Iterable[T], what: str, total: int, unit: str = "songs") -> Iterator[T]:
    """Yield each of ``pieces`` and show how many of ``total`` are done."""
    progress = Progress(what, total, unit)
    try:
        for piece in pieces:
            yield piece
            progress.advance()
    finally:
        progress.close()

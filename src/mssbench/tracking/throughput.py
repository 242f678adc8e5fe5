"""How fast a training went, from the rows of its history."""

from collections.abc import Mapping


class Throughput:
    """Turns the counts of consecutive epochs into rates.

    Args:
        audio_per_step: seconds of audio that a step hears; None where it is not the same in all.
    """

    def __init__(self, audio_per_step: float | None) -> None:
        self._audio = audio_per_step
        self._before: tuple[float, float] | None = None

    def of(self, row: Mapping[str, float]) -> dict[str, float]:
        """Return ``throughput/`` steps and seconds of audio a second, validation included.

        The first epoch of a continued run has none: what went before it is not known.

        Args:
            row: of the history, with ``epoch`` (from 1), ``step`` and ``seconds`` since the start.
        """
        now = (row["step"], row["seconds"])
        before = (0.0, 0.0) if row["epoch"] == 1 else self._before
        self._before = now
        if before is None or now[1] <= before[1]:
            return {}
        rate = (now[0] - before[0]) / (now[1] - before[1])
        rates = {"throughput/steps_per_second": rate}
        if self._audio is not None:
            rates["throughput/audio_seconds_per_second"] = rate * self._audio
        return rates

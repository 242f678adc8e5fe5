"""The stretching that an experiment may ask for, checked before any job starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from mssbench.errors import UserError
from mssbench.stretching.tempos import KNOWN, Tempos
from mssbench.training.structure import Minimum


@dataclass(frozen=True)
class StretchingConfig:
    """Further training songs: the training songs at other tempos and pitches.

    Its keys are the options of ``mssbench stretch``.

    Attributes:
        like: factors and probabilities of RA's paper or of its code.
        factors: tempo factors, above 1 is faster; in place of ``like``.
        probabilities: one a factor, with ``copies``.
        semitones: pitches, above 0 is higher; each copy has one of them.
        keep: sources that keep their pitch.
        copies: so many are drawn for each song; None makes all.
        seed: decides the draw.
    """

    like: Literal["ra_paper", "ra_code"] | None = None
    factors: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None
    semitones: tuple[int, ...] | None = None
    keep: tuple[str, ...] = ()
    copies: Annotated[int, Minimum(1)] | None = None
    seed: Annotated[int, Minimum(0)] = 0

    def tempos(self) -> Tempos:
        """Return the tempos and pitches.

        Raises:
            UserError: keys do not go together or have values that are not allowed; the message
                begins with the key.
        """
        if self.like and self.factors is not None:
            raise UserError("factors: does not go with like; give one of them")
        if not self.like and self.factors is None and self.semitones is None:
            raise UserError("factors: found none; give like, factors or semitones")
        if self.probabilities and (self.factors is None or self.copies is None):
            raise UserError("probabilities: goes with factors and copies only")
        if self.keep and self.semitones is None:
            raise UserError("keep: goes with semitones only")
        factors = (1.0,) if self.factors is None else self.factors
        probabilities = self.probabilities
        if self.like:
            factors, probabilities = KNOWN[self.like].factors, KNOWN[self.like].probabilities
        made = Tempos(factors, probabilities, (0,) if self.semitones is None else self.semitones)
        if self.copies is not None:
            made.check_copies(self.copies)
        return made


def check_kept(keep: Sequence[str], sources: Sequence[str], key: str = "keep") -> None:
    """Check that songs have the sources that are to keep their pitch.

    Args:
        keep: the names of those sources.
        sources: the names of all sources that the songs have.
        key: what the message begins with.

    Raises:
        UserError: a name is not among them.
    """
    for name in keep:
        if name not in sources:
            raise UserError(f"{key}: found {name!r}; the songs have {', '.join(sources)}")

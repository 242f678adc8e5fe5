"""Which tempos and pitches each song gets."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from mssbench.errors import UserError


@dataclass(frozen=True, order=True)
class Change:
    """What is done to a song.

    Args:
        factor: above 1 is faster.
        semitones: above 0 is higher.
    """

    factor: float
    semitones: int = 0


@dataclass(frozen=True)
class Tempos:
    """Tempo factors, how likely each is, and pitches, which are equally likely at every tempo.

    Factor 1 with 0 semitones stands for the song as it is, which is in the rendition already.

    Args:
        factors: above 1 is faster; each once.
        probabilities: one a factor, together 1; None for equal ones.
        semitones: above 0 is higher; each once.

    Raises:
        UserError: one of them is out of range, or their numbers differ; the message begins with
            the argument's name.
    """

    factors: tuple[float, ...] = (1.0,)
    probabilities: tuple[float, ...] | None = None
    semitones: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for factor in self.factors:
            if not (0.25 <= factor <= 4):
                raise UserError(f"factors: found {factor:g}; allowed is 0.25 to 4")
        for semitones in self.semitones:
            if not (-12 <= semitones <= 12):
                raise UserError(f"semitones: found {semitones}; allowed is -12 to 12")
        for name, values in (("factors", self.factors), ("semitones", self.semitones)):
            if not values:
                raise UserError(f"{name}: found none; give at least one")
            if len(set(values)) < len(values):
                raise UserError(f"{name}: found one of them twice; give each once")
        if not self.changes:
            raise UserError(
                "factors: found none but 1, which changes nothing; give others, or semitones"
            )
        if self.probabilities is None:
            return
        if len(self.probabilities) != len(self.factors):
            raise UserError(
                f"probabilities: found {len(self.probabilities)} for {len(self.factors)} "
                "factors; give one a factor"
            )
        total = sum(self.probabilities)
        if not (min(self.probabilities) > 0 and math.isclose(total, 1, abs_tol=1e-6)):
            raise UserError(
                f"probabilities: found a sum of {total:g}, the least "
                f"{min(self.probabilities):g}; each must be above 0 and their sum 1"
            )

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that the factors and semitones make of a song, in ascending order."""
        every = (Change(factor, steps) for factor in self.factors for steps in self.semitones)
        return tuple(sorted(change for change in every if change != Change(1.0)))

    def drawn(self, song: str, copies: int | None, seed: int) -> tuple[Change, ...]:
        """Return what further songs ``song`` gives, in ascending order.

        Args:
            song: its name; what one song gets does not depend on the other songs.
            copies: so many different changes are drawn by their probabilities; a drawn factor 1
                with 0 semitones gives no further song. None takes all.
            seed: decides the draw.

        Raises:
            UserError: more copies than changes.
        """
        if copies is None:
            return self.changes
        self.check_copies(copies)
        name = int.from_bytes(hashlib.sha256(song.encode()).digest()[:8])
        random = np.random.default_rng([seed, name])
        every = [Change(factor, steps) for factor in self.factors for steps in self.semitones]
        chosen = random.choice(len(every), copies, replace=False, p=self._shares())
        return tuple(sorted({every[number] for number in chosen} - {Change(1.0)}))

    def check_copies(self, copies: int) -> None:
        """Refuse to draw more copies than there are different ones.

        Raises:
            UserError: naming the number.
        """
        most = len(self.factors) * len(self.semitones)
        if not 1 <= copies <= most:
            raise UserError(
                f"copies: found {copies}; allowed is 1 to {most}, the number of factors"
                + (" times that of semitones" if len(self.semitones) > 1 else "")
            )

    def _shares(self) -> np.ndarray | None:
        """Return the probability of each factor with each of the semitones."""
        if self.probabilities is None:
            return None
        return np.repeat(self.probabilities, len(self.semitones)) / len(self.semitones)


# Brunner et al., "Monaural music source separation using a ResNet latent separator network"
# (ICTAI 2019), section IV-C; and their code, which draws from another set.
KNOWN = {
    "ra_paper": Tempos((0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0), (0.1, 0.1, 0.4, 0.1, 0.1, 0.1, 0.1)),
    "ra_code": Tempos((0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2)),
}

"""Which tempos each song gets."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from mssbench.errors import UserError


@dataclass(frozen=True)
class Tempos:
    """Tempo factors and how likely each is.

    A factor of 1 stands for the song as it is, which is in the rendition already.

    Args:
        factors: above 1 is faster; each once.
        probabilities: one a factor, together 1; None for equal ones.

    Raises:
        UserError: a factor or the probabilities are out of range, or their numbers differ.
    """

    factors: tuple[float, ...]
    probabilities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for factor in self.factors:
            if not (0.25 <= factor <= 4):
                raise UserError(f"--factors: found {factor:g}; allowed is 0.25 to 4")
        if len(set(self.factors)) < len(self.factors):
            raise UserError("--factors: found one of them twice; give each once")
        if set(self.factors) <= {1.0}:
            raise UserError("--factors: found none but 1, which changes nothing; give others")
        if self.probabilities is None:
            return
        if len(self.probabilities) != len(self.factors):
            raise UserError(
                f"--probabilities: found {len(self.probabilities)} for {len(self.factors)} "
                "factors; give one a factor"
            )
        total = sum(self.probabilities)
        if not (min(self.probabilities) > 0 and math.isclose(total, 1, abs_tol=1e-6)):
            raise UserError(
                f"--probabilities: found a sum of {total:g}, the least "
                f"{min(self.probabilities):g}; each must be above 0 and their sum 1"
            )

    def drawn(self, song: str, copies: int | None, seed: int) -> tuple[float, ...]:
        """Return the factors of the further songs that ``song`` gives, in ascending order.

        Args:
            song: its name; what one song gets does not depend on the other songs.
            copies: so many different factors are drawn by their probabilities; a drawn 1 gives
                no further song. None takes all factors.
            seed: decides the draw.

        Raises:
            UserError: more copies than factors.
        """
        if copies is None:
            return tuple(sorted(set(self.factors) - {1.0}))
        if not 1 <= copies <= len(self.factors):
            raise UserError(
                f"--copies: found {copies}; allowed is 1 to {len(self.factors)}, the number of "
                "factors"
            )
        name = int.from_bytes(hashlib.sha256(song.encode()).digest()[:8])
        random = np.random.default_rng([seed, name])
        drawn = random.choice(self.factors, copies, replace=False, p=self.probabilities)
        return tuple(sorted(set(drawn.tolist()) - {1.0}))


# Brunner et al., "Monaural music source separation using a ResNet latent separator network"
# (ICTAI 2019), section IV-C; and their code, which draws from another set.
KNOWN = {
    "ra_paper": Tempos((0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0), (0.1, 0.1, 0.4, 0.1, 0.1, 0.1, 0.1)),
    "ra_code": Tempos((0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2)),
}

"""The mixture as an estimate: what separating nothing scores."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mssbench.models.base import Untrained, Variant
from mssbench.models.targets import ACCOMPANIMENT, PAIR


class Mixture(Untrained):
    """The mixture, or an equal share of it, as the estimate of every target.

    Args:
        targets: what to give it out as.
        J: number of sources among which the mixture is divided, at least 2: each gets 1 / J of
            it, the accompaniment the J - 1 others' shares. 4 is the MIX of SiSEC 2018 (Stöter,
            Liutkus and Ito, LVA/ICA 2018). None: the whole mixture for every target.

    Raises:
        ValueError: J is below 2.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "mixture": Variant({}),
        "mixture / 4": Variant({"J": 4}),
    }

    def __init__(self, *, targets: tuple[str, ...] = PAIR, J: int | None = None) -> None:
        if J is not None and J < 2:
            raise ValueError(f"J is {J}; it must be at least 2, or null for the whole mixture")
        self.targets = targets
        self.J = J

    def separate(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the estimates, each (channels, samples)."""
        whole = np.asarray(mixture, dtype=np.float32)
        if self.J is None:
            # Both of the pair: what the mixture lacks of the whole mixture would be silence, beside
            # which nothing can be scored.
            both = PAIR if set(PAIR).intersection(self.targets) else ()
            return dict.fromkeys((*self.targets, *both), whole)
        share = whole / np.float32(self.J)
        return {
            target: whole - share if target == ACCOMPANIMENT else share for target in self.targets
        }

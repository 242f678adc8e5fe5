"""Meta-TasNet's penalties on the latents of the true sources.

D. Samuel, A. Ganeshan and J. Naradowsky, "Meta-learning Extractors for Music Source Separation",
ICASSP 2020, section 2.4, and its released code.
"""

from torch import Tensor
from torch.nn.functional import normalize


def dissimilarity(latents: Tensor, active: Tensor) -> Tensor:
    """Return how alike the latents of different instruments are, which is to be small.

    Args:
        latents: of the true sources, (batch, instruments, N, frames).
        active: whether a source is not silent, (batch, instruments).

    Returns:
        The cosine between the magnitudes of two active instruments' latents, the mean over frames
        and pairs; 0 where there is no pair.
    """
    units = normalize(latents.abs(), dim=2) * active[..., None, None]
    # Of all ordered pairs, each instrument with itself is taken away.
    alike = (units.sum(1).square().sum(1) - units.square().sum((1, 2))) / 2
    number = active.sum(1)
    pairs = (number * (number - 1) / 2).sum()
    return alike.sum(0).mean() / pairs.clamp(min=1)


def similarity(latents: Tensor, active: Tensor) -> Tensor:
    """Return how alike the latents of an instrument in different examples are: to be large.

    Args:
        latents: of the true sources, (batch, instruments, N, frames).
        active: whether a source is not silent, (batch, instruments).

    Returns:
        The cosine between an instrument's latents in an example and in the one before, the mean
        over frames and active pairs; 0 where there is no pair.
    """
    units = normalize(latents, dim=2) * active[..., None, None]
    alike = (units * units.roll(1, dims=0)).sum(2)
    pairs = (active & active.roll(1, dims=0)).sum()
    return alike.sum((0, 1)).mean() / pairs.clamp(min=1)


PENALTIES = {"dissimilarity": dissimilarity, "similarity": similarity}

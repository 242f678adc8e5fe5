"""Vectors of a latent space in which a model tells sources apart, and their picture in a plane."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError
from mssbench.report.aggregate import require
from mssbench.report.trained_models import TrainedModel

if TYPE_CHECKING:
    from torch import Tensor

POINTS = 100
VECTORS = ("mean", "frames")
SEED = 0
COMPONENTS = 50  # that vectors of a frame are reduced to
PERPLEXITY = 30.0  # scikit-learn's


@runtime_checkable
class Latent(Protocol):
    """A model that separates in a latent space.

    Attributes:
        targets: the sources.
    """

    targets: tuple[str, ...]

    def latent(self, mixture: "Tensor") -> "Tensor":
        """Map (batch, channels, samples) to latents (batch, targets, channels, bins, frames)."""


@dataclass(frozen=True)
class LatentVectors:
    """Latent vectors of test songs.

    Attributes:
        label: the experiment.
        targets: the sources.
        vectors: (targets, points, values).
        songs: how many songs they are of.
        seconds: length of the segments that they are of.
    """

    label: str
    targets: tuple[str, ...]
    vectors: np.ndarray
    songs: int
    seconds: float


def latent_vectors(
    trained: TrainedModel,
    rendition: Rendition,
    *,
    points: int = POINTS,
    vectors: str = "mean",
    device: str = "cpu",
) -> LatentVectors:
    """Return a vector for each source of each of some segments of the test songs.

    The segments are as long as the excerpts that the model was trained on, and are heard in batches
    of consecutive ones, as in separation: a model may normalise over its batch. Which batches are
    heard is drawn at random, with a fixed seed.

    Args:
        trained: a model that is a `Latent`.
        rendition: the audio that the model was trained on.
        points: vectors a source, at most; each is of another segment, which the paper's network
            takes most of a second of one CPU core to hear.
        vectors: what makes a vector of a segment's latents: ``mean`` over bins and frames, so that
            there are as many values as channels; or ``frames``, all channels and bins of one frame,
            drawn at random.
        device: where the model runs.

    Raises:
        UserError: the reading is unknown, the rendition is another one or has no such test song.
    """
    import torch

    require("vectors", [vectors], VECTORS)
    check_rendition(rendition, trained)
    model: Any = trained.model
    length = trained.config["training"]["crops"]["samples"]
    random = np.random.default_rng(SEED)
    found: list[np.ndarray] = []
    songs: set[str] = set()
    model.to(device)
    for song, segments in batches(rendition, length, trained.config, random):
        with torch.inference_mode():
            latents = model.latent(torch.from_numpy(segments).to(device)).float().cpu().numpy()
        found += list(vectors_of(latents, vectors, random))
        songs.add(song.name)
        if len(found) >= points:
            break
    if not found:
        raise UserError(
            f"{rendition.folder}: no test song is as long as the segments of {trained.label!r}, "
            f"{length} samples; give a rendition of longer songs"
        )
    stacked = np.stack(found[:points], axis=1)
    return LatentVectors(trained.label, model.targets, stacked, len(songs), length / rendition.rate)


def check_rendition(rendition: Rendition, trained: TrainedModel) -> None:
    """Check that a rendition is such as a model was trained on.

    Raises:
        UserError: its rate or channels are others.
    """
    wanted = trained.config["rendition"]
    if (rendition.rate, rendition.channels) != (wanted["rate"], wanted["channels"]):
        raise UserError(
            f"{rendition.folder} is {rendition.rate} Hz {rendition.channels}, but "
            f"{trained.label!r} was trained on {wanted['rate']} Hz {wanted['channels']}; give that "
            "rendition, or choose other rows"
        )


def batches(
    rendition: Rendition, length: int, config: dict[str, Any], random: np.random.Generator
) -> Iterator[tuple[RenditionSong, np.ndarray]]:
    """Yield all batches of consecutive segments of the test songs, in random order.

    Args:
        rendition: the songs.
        length: of a segment (samples); what is left at a song's end is in none.
        config: what the model was trained with; says whether songs are divided by their levels.
        random: draws the order.

    Yields:
        The song, and the segments, float32 (batch, channels, samples).
    """
    from mssbench.data.loudness import deviation
    from mssbench.separation import BATCH

    tests = [song for song in rendition.songs if song.subset == "test"]
    places = [
        (song, first, min(first + BATCH, song.samples // length))
        for song in tests
        for first in range(0, song.samples // length, BATCH)
    ]
    by_song = config["training"].get("normalise") == "song"
    for number in random.permutation(len(places)):
        song, first, last = places[number]
        mixture = rendition.audio(song)[0]

        def read(start: int, stop: int, mixture: np.ndarray = mixture) -> np.ndarray:
            return np.asarray(mixture[:, start:stop])

        level = deviation(read, song.samples) if by_song else 1.0
        part = read(first * length, last * length) / level
        segments = part.reshape(len(part), last - first, length).swapaxes(0, 1)
        yield song, np.ascontiguousarray(segments, dtype=np.float32)


def vectors_of(latents: np.ndarray, vectors: str, random: np.random.Generator) -> np.ndarray:
    """Return one vector for each segment and source: (batch, targets, values).

    Args:
        latents: (batch, targets, channels, bins, frames).
        vectors: ``mean`` or ``frames``; see `latent_vectors`.
        random: draws the frames.
    """
    if vectors == "mean":
        mean: np.ndarray = latents.mean(axis=(3, 4))
        return mean
    frames = random.integers(latents.shape[-1], size=len(latents))
    drawn = latents[np.arange(len(latents)), ..., frames]
    return drawn.reshape(*drawn.shape[:2], -1)


def in_a_plane(vectors: np.ndarray, components: int | None = None) -> np.ndarray:
    """Return places (points, 2) for vectors (points, values), by t-SNE with a fixed seed.

    van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008. Neighbours stay
    neighbours; axes and distances between groups mean nothing.

    Args:
        vectors: at least four.
        components: principal components that they are reduced to first; None for all values.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    few = min(vectors.shape)
    # Threads add up in an order of their own, and t-SNE magnifies what differs.
    with threadpool_limits(1):
        if components is not None and few > components:
            reduced = PCA(components, svd_solver="randomized", random_state=SEED)
            vectors = reduced.fit_transform(vectors)
        projection = TSNE(
            perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
            init="pca" if few > 1 else "random",
            random_state=SEED,
        )
        places: np.ndarray = projection.fit_transform(vectors)
    return places

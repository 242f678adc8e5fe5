"""What is computed of the validation songs behind each epoch: the losses, and the score."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mssbench.data.rendition import Rendition
from mssbench.data.sample_format import decoded
from mssbench.errors import UserError
from mssbench.models.base import Separator
from mssbench.training.config import TrainingOptions
from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.feeds import Feeds
from mssbench.training.levels import level
from mssbench.training.losses import counted
from mssbench.training.means import Means
from mssbench.training.memory import is_out_of_memory, out_of_memory_in_validation
from mssbench.training.objective import Objective
from mssbench.training.score import build_score
from mssbench.training.stems import downmix

Computed = TypeVar("Computed")


class Validation:
    """The validation of a model, shared between the processes that train it.

    The losses look at windows of the songs as long as training's crops, one after the other. So
    does the score, or at whole songs.

    Args:
        model: the model that is validated, on its device.
        options: of the training.
        rendition: the audio.
        feeds: what the model hears.
        ranks: the processes that train together.

    Raises:
        UserError: a score needs validation songs and there are none, or levels that the model
            does not settle.
    """

    def __init__(
        self,
        model: Separator,
        options: TrainingOptions,
        rendition: Rendition,
        feeds: Feeds,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model, self.options, self.ranks, self.feeds = model, options, ranks, feeds
        self.objective = Objective(model, options, rendition.stems)
        self.feed = feeds.validation()
        self.means = Means(counted(options.loss), feeds.device)
        self.score = build_score(options.score, rendition.rate, feeds.device)
        if self.feed is None and self.score:
            raise UserError(
                f"training.score is {options.score!r}, but the split leaves no song for "
                "validation; choose 'loss' or another split"
            )
        if options.score == "median_sdr" and not model.has_levels:
            raise UserError(
                "training.score is 'median_sdr', but the model leaves its estimates' levels open; "
                "choose 'si_sdr'"
            )

    @property
    def parts(self) -> int:
        """Return in how many batches and, by each process, songs a validation is done."""
        if self.feed is None:
            return 0
        songs = len(self.feed.crops.audio) if self.score and self.options.score_on == "songs" else 0
        return self.feed.steps_per_epoch + -(-songs // self.ranks.count)

    def run(self, between: Callable[[], None]) -> dict[str, float]:
        """Return the mean ``loss``, its terms, and the ``score`` if one is wanted.

        All are NaN without validation songs.

        Args:
            between: called before each batch and song, in all processes alike.
        """
        self.means.reset()
        if self.feed is None:
            between()
            return self.means.values()
        self.model.eval()
        whole_songs = self.options.score_on == "songs"
        if self.score:
            self.score.reset()
        with torch.inference_mode():
            self.hear_windows(between, scored=not whole_songs)
            if self.score and whole_songs:
                self.hear_songs(between)
        self.ranks.add_up(self.means.sums)
        values = self.means.values()
        if self.score:
            values["score"] = self.score.value(self.ranks)
        return values

    def hear_windows(self, between: Callable[[], None], scored: bool) -> None:
        """Compute the losses of all windows, and what the score makes of them."""
        feed = self.feed
        assert feed is not None
        for n, batch in enumerate(feed.batches(0, feed.steps_per_epoch)):
            between()
            losses = self.fitting(self.objective, batch)
            self.means.add(*losses, feed.weight(n) * feed.size(n))
            rank, ranks = feed.part(n)
            # A batch that each process computed whole counts once.
            if self.score and scored and (ranks > 1 or self.ranks.is_first):
                songs, _ = feed.crops.share(n, rank, ranks)
                pair = self.fitting(self.objective.estimates, batch)
                self.score.add(*pair, songs.tolist())

    def fitting(self, compute: Callable[[Tensor], Computed], batch: Tensor) -> Computed:
        """Return what is computed of a batch (examples, stems, channels, samples).

        Raises:
            UserError: it does not fit the memory.
        """
        try:
            return compute(batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        options = self.options
        with self.ranks.apart():
            raise out_of_memory_in_validation(
                compute, batch, options.batch_size, options.crops.samples
            )

    def hear_songs(self, between: Callable[[], None]) -> None:
        """Let the score look at whole songs; each process separates every so many of them."""
        feed, ranks = self.feed, self.ranks
        assert feed is not None
        assert self.score is not None
        songs = feed.crops.audio
        with ranks.apart():
            for first in range(0, len(songs), ranks.count):
                between()
                number = first + ranks.rank
                if number < len(songs):
                    # A copy, as torch takes no array that cannot be written to.
                    stems = torch.from_numpy(np.array(decoded(songs[number])))
                    if self.options.normalise == "song":
                        stems = stems / level(songs[number][0])
                    stems = downmix(stems[None], self.model.channels)[0]
                    self.score.add(*self.separated(stems), [number])

    def separated(self, stems: Tensor) -> tuple[Tensor, Tensor]:
        """Return the estimates and the truth of a song, (1, targets, channels, samples).

        Args:
            stems: (stems, channels, samples); the song is heard in windows without overlap, with
                zeros around it where the model loses context.
        """
        estimates = self.objective.estimates
        pairs = [self.fitting(estimates, batch) for batch in self.windows(stems)]
        # (windows, targets, channels, hop), to one row of windows.
        estimate, truth = (
            torch.cat(part).permute(1, 2, 0, 3).flatten(2)[None, ..., : stems.shape[-1]]
            for part in zip(*pairs, strict=True)
        )
        return estimate, truth

    def windows(self, stems: Tensor) -> Iterator[Tensor]:
        """Yield batches (windows, stems, channels, samples) whose outputs tile the song."""
        context, length = self.model.context, self.options.crops.samples
        hop, samples = length - 2 * context, stems.shape[-1]
        behind = -samples % hop + context
        cut = torch.nn.functional.pad(stems, (context, behind)).unfold(-1, length, hop)
        assert self.feed is not None
        for batch in cut.permute(2, 0, 1, 3).split(self.feed.crops.batch_size):
            yield batch.to(self.feed.device)

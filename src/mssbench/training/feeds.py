"""The batches of training, in each of its phases, and of validation."""

import torch

from mssbench.augmentation.chain import Chain
from mssbench.augmentation.config import margin
from mssbench.data.rendition import Rendition
from mssbench.data.splits import split_songs
from mssbench.training.config import TrainingConfig
from mssbench.training.crops import WindowCrops, make_crops
from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.feed import Feed, augmented, downmixed
from mssbench.training.resident import ResidentCrops, held_bytes, on_device

# More names would hide the rest of a message.
NAMES_SHOWN = 4


class Feeds:
    """What a model hears, cut from a rendition as a configuration says.

    Args:
        config: which songs, which crops, and how they are changed.
        rendition: the audio.
        device: where to train.
        channels: audio channels of the model.
        ranks: the processes that train together.
    """

    def __init__(
        self,
        config: TrainingConfig,
        rendition: Rendition,
        device: torch.device,
        channels: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.options, self.seed, self.device = config.training, config.seed, device
        self.rendition, self.channels, self.ranks = rendition, channels, ranks
        self.split = split_songs(rendition, config.split)
        self._feed: Feed | None = None
        self._validation: Feed | None = None

    def training(self, batch_size: int) -> Feed:
        """Return the batches of training; another size takes the place of the one before."""
        if self._feed is None or self.crops.batch_size != batch_size:
            # Two phases' songs would not fit a GPU side by side.
            self._feed = None
            torch.cuda.empty_cache()
            self._feed = self._build(batch_size)
            self._hold_validation()
        return self._feed

    def _build(self, batch_size: int) -> Feed:
        options, seed = self.options, self.seed
        longer = margin(options.augmentation, options.crops.samples)
        self.crops = make_crops(
            options.crops,
            self.rendition,
            self.split.train,
            batch_size,
            seed,
            margin=longer,
            half=options.half_samples,
        )
        held = on_device(
            self.crops, self.device, options.memory_gb, taken=memory_of(self._validation)
        )
        chain = Chain(options.augmentation, seed)
        return Feed(
            self.crops,
            self.device,
            augmented(chain),
            held=held,
            normalise=options.normalise == "song",
            ranks=self.ranks,
            mixing=len(chain.steps) > 0,
        )

    def validation(self) -> Feed | None:
        """Return the batches of validation, or None if no song is for it.

        They are read from the files until the first batches of training: what memory those leave,
        the validation songs may take.
        """
        if not self.split.valid:
            return None
        options = self.options
        # As large as the pieces of a training batch, which are known to fit the memory.
        batch_size = -(-options.batch_size // options.accumulate)
        # Validation hears the whole songs in order, whatever the crops, so that epochs compare.
        windows = WindowCrops(self.rendition, self.split.valid, options.crops.samples, batch_size)
        self._validation = Feed(
            windows,
            self.device,
            downmixed(self.channels),
            normalise=options.normalise == "song",
            ranks=self.ranks,
        )
        return self._validation

    def _hold_validation(self) -> None:
        """Hold the validation songs on the device if they fit beside those of training."""
        feed = self._validation
        if feed is not None and feed.source is feed.crops:
            feed.source = on_device(
                feed.crops,
                self.device,
                self.options.memory_gb,
                taken=memory_of(self._feed),
                name="validation set",
            )

    def songs(self, n: int) -> str:
        """Return the names of the songs that training batch ``n`` is cut from."""
        numbers, _ = self.crops.places(n)
        names = [repr(self.split.train[number].name) for number in sorted(set(numbers.tolist()))]
        more = len(names) - NAMES_SHOWN
        return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def memory_of(feed: Feed | None) -> int:
    """Return how much memory of the device a feed's audio takes (bytes)."""
    if feed is None or not isinstance(feed.source, ResidentCrops):
        return 0
    return held_bytes(feed.crops)

"""Band-limited resampling of one channel, block by block, of a whole signal or as it arrives."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, rfft

# The "kaiser best" window of the resampy library: this many zero crossings a side, the -6 dB point
# as a share of the lower Nyquist frequency, and the window's shape. The pass band ends at 0.9 of
# that frequency, aliases lie below -100 dB.
ZERO_CROSSINGS = 64
ROLLOFF = 0.9475937167399596
BETA = 14.769656459379492

# Where the filter's transition ends, as a share of its cutoff above that: what lies beyond is below
# -140 dB, as float32's own digits are.
TRANSITION = 0.15

# Samples of a block, at the higher rate, unless the filter needs more; and those of all blocks that
# are transformed at once.
SAMPLES_A_BLOCK = 4096
SAMPLES_AT_ONCE = 1 << 18


class Blocks(NamedTuple):
    """How a signal is resampled: in blocks that overlap, each by one Fourier transform and back.

    Args:
        taken: samples of a block.
        made: samples that its transform back gives.
        hop: samples from one block to the next.
        lead: samples of a block before those that only it makes, and behind them.
        kept: which of ``made`` no other block makes.
        reach: how far the filter reaches to each side (samples).
        response: of the filter, float32 of (bins,), from 0 Hz to where it is silent; all of it
            is real, as the filter is symmetric.
        at_once: blocks that are computed at once; together they stay in the processor's cache.
    """

    taken: int
    made: int
    hop: int
    lead: int
    kept: slice
    reach: int
    response: np.ndarray
    at_once: int


@lru_cache(maxsize=8)
def blocks(source: int, rate: int) -> Blocks:
    """Return the blocks that make ``rate`` samples of ``source`` samples.

    A block begins and ends where samples of both rates coincide, and is even at either rate.
    """
    step, made = source // math.gcd(source, rate), rate // math.gcd(source, rate)
    cutoff = ROLLOFF * min(1.0, rate / source)
    reach = math.ceil(ZERO_CROSSINGS / cutoff)
    edge = -(-reach // step)
    steps = max(SAMPLES_A_BLOCK // max(step, made), 4 * edge + 2) // 2 * 2
    taken, inner = steps * step, steps - 2 * edge
    # So fine that what the samples cannot tell apart lies where the filter is silent.
    fine = 4
    times = np.arange(-reach * fine, reach * fine + 1) / fine
    crossings = np.clip(cutoff * times / ZERO_CROSSINGS, -1, 1)
    window = np.i0(BETA * np.sqrt(1 - crossings**2)) / np.i0(BETA)
    taps = cutoff * np.sinc(cutoff * times) * window / fine
    circle = np.zeros(taken * fine)
    circle[: reach * fine + 1], circle[-reach * fine :] = (
        taps[reach * fine :],
        taps[: reach * fine],
    )
    silent = math.ceil(taken * cutoff / 2 * (1 + TRANSITION))
    response = np.fft.rfft(circle).real[: silent + 1] * (made / step)
    return Blocks(
        taken,
        steps * made,
        inner * step,
        edge * step,
        slice(edge * made, (edge + inner) * made),
        reach,
        response.astype(np.float32),
        max(1, SAMPLES_AT_ONCE // taken),
    )


def _filtered(signals: np.ndarray, made: int, response: np.ndarray) -> np.ndarray:
    """Return ``signals`` (blocks, samples) at another rate, (blocks, made), as if they went round.

    Above the lower of both Nyquist frequencies, where the response is not silent at once, a
    spectrum goes on as the mirror of itself and is heard as one.
    """
    spectrum = rfft(signals)
    beyond = len(response) - spectrum.shape[1]
    if beyond > 0:
        mirrored = spectrum[:, -1 - beyond : -1].conj()[:, ::-1]
        spectrum = np.concatenate([spectrum, mirrored], axis=1)
    spectrum = spectrum[:, : len(response)]
    spectrum *= response
    half = made // 2
    beyond = len(response) - half
    if beyond > 0:
        spectrum[:, half + 1 - beyond : half + 1] += spectrum[:, half:].conj()[:, ::-1]
    heard: np.ndarray = irfft(spectrum[:, : half + 1], n=made)
    return heard


class Resampler:
    """Resamples one channel that is given piece by piece, from any rate to any other (Hz).

    The Kaiser-windowed sinc ("kaiser best") hears the whole signal, so that pieces leave no seam,
    and how a signal is divided into pieces changes no bit of the result.

    Args:
        source: rate of the signal (Hz).
        rate: the other rate (Hz), lower or higher.
        room: gets the result, float32 of (samples,); what would lie behind its end is left out.
        slack: so many of the samples that were given last can still be taken back.

    Attributes:
        is_finite: False once a sample was NaN or infinite, which spoils its neighbours.
    """

    def __init__(self, source: int, rate: int, room: np.ndarray, slack: int = 0) -> None:
        common = math.gcd(source, rate)
        self._step, self._made = source // common, rate // common
        self.blocks, self.room = blocks(self._step, self._made), room
        batch = (self.blocks.at_once - 1) * self.blocks.hop + self.blocks.taken
        self._signal = np.zeros(batch + slack, dtype=np.float32)
        self._rows = sliding_window_view(self._signal, self.blocks.taken)[:: self.blocks.hop]
        # The first block begins before the signal does.
        self._held, self._taken, self._written = self.blocks.lead, 0, 0
        self.is_finite = True

    def feed(self, audio: np.ndarray) -> None:
        """Take the signal's next samples, float32 of (samples,)."""
        self._taken += len(audio)
        while len(audio):
            piece = audio[: len(self._signal) - self._held]
            self._signal[self._held : self._held + len(piece)] = piece
            self._held += len(piece)
            audio = audio[len(piece) :]
            if self._held == len(self._signal):
                self._work(self.blocks.at_once)
                self._held -= self.blocks.at_once * self.blocks.hop
                self._signal[: self._held] = self._signal[-self._held :]

    def finish(self, samples: int | None = None) -> int:
        """Write what is left of a signal that ends here, and return how many samples there are.

        Args:
            samples: where it ends; those taken back behind that are at most ``slack``.
        """
        taken_back = self._taken - (self._taken if samples is None else samples)
        self._signal[self._held - taken_back :] = 0
        length = -(-(self._taken - taken_back) * self._made // self._step)
        self.room = self.room[:length]
        while self._written < length:
            kept = self.blocks.kept.stop - self.blocks.kept.start
            left = -(-(length - self._written) // kept)
            self._work(min(left, self.blocks.at_once))
            if left > self.blocks.at_once:
                moved = self.blocks.at_once * self.blocks.hop
                self._signal[:-moved] = self._signal[moved:]
                self._signal[-moved:] = 0
        return length

    def _work(self, count: int) -> None:
        """Resample the first ``count`` blocks of what is held."""
        plan = self.blocks
        with np.errstate(invalid="ignore"):  # of what is not finite, `is_finite` tells
            made = _filtered(self._rows[:count], plan.made, plan.response)[:, plan.kept]
        written = self.room[self._written : self._written + made.size]
        if len(written) == made.size:
            written.reshape(made.shape)[:] = made
        else:
            written[:] = made.reshape(-1)[: len(written)]
        self.is_finite &= bool(np.isfinite(written.sum()))
        self._silence(self._signal[: (count - 1) * plan.hop + plan.taken], written)
        self._written += len(written)

    def _silence(self, signal: np.ndarray, written: np.ndarray) -> None:
        """Make exactly zero what the filter makes of nothing but zeros."""
        reach = self.blocks.reach
        # A long silence has two of these samples in a row; each run of them lies between others.
        quiet = signal[::reach] == 0
        if not (quiet[1:] & quiet[:-1]).any():
            return
        quiet = np.flatnonzero(np.diff(quiet, prepend=False, append=False))
        for first, last in quiet.reshape(-1, 2):
            if last - first < 2:
                continue
            begin = max(0, (first - 1) * reach)
            sounds = begin + np.flatnonzero(signal[begin : last * reach])
            edges = np.concatenate([[begin - 1], sounds, [min(last * reach, len(signal))]])
            for gap in np.flatnonzero(np.diff(edges) > 2 * reach):
                # Within the silence, with the filter's reach before and behind it.
                start = edges[gap] + 1 + reach - self.blocks.lead
                stop = edges[gap + 1] - reach - self.blocks.lead
                begun = max(0, -(-start * self._made // self._step))
                written[begun : max(0, -(-stop * self._made // self._step))] = 0

"""PROJET: separation of a stereo mixture through its projections.

D. FitzGerald, A. Liutkus and R. Badeau, "Projection-based demixing of spatial audio", IEEE/ACM
TASLP 24(9), 2016, and the authors' reference code.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mssbench.models.base import Variant
from mssbench.models.divergence import Divergence, Updates
from mssbench.models.panorama import places
from mssbench.models.projection_model import (
    EPS,
    blocks,
    cost,
    image,
    observed,
    projected_panorama,
    update,
    update_spectrograms,
)
from mssbench.models.spatial import Labels, Spatial
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.models.targets import PAIR
from mssbench.progress import Progress

DELAYED: dict[str, Any] = {"projection_delays": 5, "location_delays": 5, "delay_step": 4.0}
"""Up to 8 samples between the channels, to either side."""


class Projet(Spatial):
    """PROJET: objects at unknown, perhaps several, places each.

    The mixture is projected to M channels, each of which silences one place; what an object has
    there tells where it is. V_m = |projection m|^alpha is modelled as sum_j (K Q)_mj P_j, P and Q
    are found by multiplicative updates, and the objects by soft masks on the projections. The
    outcome depends on the random start, so the best of several is kept, the one with the lowest
    cost. Places Q are learned from at most ``frames`` frames, spread evenly over the song; the
    spectrograms P are then found for every frame with Q held.

    Memory grows with the song: four minutes at 44.1 kHz take about 2 GB with the defaults. A
    GPU is used where there is one.

    Args:
        targets: what to estimate.
        labels: how objects are named: see `Spatial`.
        J: objects.
        M: pan angles of the projections, at least 2.
        L: pan angles of the places, at least 2.
        projection_delays: delays of the projections; 1 for mixtures without delays.
        location_delays: delays of the places; 1 for mixtures without delays.
        delay_step: distance of two delays (samples). Delays lie around 0, so odd numbers of them
            include it.
        updates: ``beta`` for the beta-divergence, ``cauchy_heuristic`` or
            ``cauchy_equalisation``: see `Divergence`; the last two need an alpha of 1.
        alpha: exponent of the spectrograms, above 0.
        beta: of the beta-divergence, from 0 (Itakura-Saito) over 1 (Kullback-Leibler) to 2.
        n_fft: length of a frame (samples).
        hop: distance of two frames (samples).
        start: ``random``: P and Q are, as in the reference code. ``spread``: the panorama is cut
            into J parts, and each object begins at a random angle of its own part, with an even P;
            it ends in poor minima less often.
        iterations: updates of each start, and of P at the end.
        restarts: random starts.
        frames: that Q is learned from, at most; 1300 are 30 s at 44.1 kHz.
        seed: of the first start.

    Raises:
        ValueError: a number is out of its range.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "instantaneous": Variant({}),
        "delayed": Variant(DELAYED),
        "Itakura-Saito": Variant({"alpha": 2.0, "beta": 0.0}),
        "Euclidean": Variant({"beta": 2.0}),
        "Cauchy heuristic": Variant({"updates": "cauchy_heuristic"}),
        "Cauchy equalisation": Variant({"updates": "cauchy_equalisation"}),
        "Cauchy heuristic, delayed": Variant(DELAYED | {"updates": "cauchy_heuristic"}),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = PAIR,
        labels: Labels = "centre",
        J: int = 4,
        M: int = 10,
        L: int = 30,
        projection_delays: int = 1,
        location_delays: int = 1,
        delay_step: float = 1.0,
        updates: Updates = "beta",
        alpha: float = 1.0,
        beta: float = 1.0,
        n_fft: int = 4096,
        hop: int = 1024,
        start: Literal["random", "spread"] = "random",
        iterations: int = 200,
        restarts: int = 6,
        frames: int = 1300,
        seed: int = 1,
    ) -> None:
        super().__init__(targets, labels)
        for name, pans in {"M": M, "L": L}.items():
            if pans < 2:
                raise ValueError(f"{name} is {pans}; it must be at least 2")
        if not alpha > 0:
            raise ValueError(f"alpha is {alpha}; it must be above 0")
        if updates != "beta" and alpha != 1:
            raise ValueError(f"alpha is {alpha}; {updates} needs an alpha of 1")
        if not 0 <= beta <= 2:
            raise ValueError(f"beta is {beta}; it must be from 0 to 2")
        self.J, self.alpha, self.n_fft, self.hop = J, alpha, n_fft, hop
        self.divergence = Divergence(updates, beta)
        N, K = projected_panorama(
            n_fft // 2 + 1, (M, projection_delays), (L, location_delays), delay_step, alpha
        )
        self.N, self.K = N.to(torch.complex64), K.float()
        angles, _ = places(L, location_delays, delay_step)
        self.pans = (angles / angles.max()).float()
        self.start, self.iterations, self.restarts = start, iterations, restarts
        self.frames, self.seed = frames, seed

    def objects(self, mixture: np.ndarray) -> np.ndarray:
        """Return the objects (J, 2, samples) of a mixture (2, samples); they sum to it."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        waves = torch.from_numpy(mixture).to(device)
        X = spectrogram(waves, self.n_fft, self.hop).transpose(0, 1).contiguous()
        scale = X.abs().mean() + EPS
        X /= scale
        N, K = self.N.to(device), self.K.to(device)
        W = K @ self.learn(X, N, K)
        P = self.spectrograms(X, N, W)
        found = np.empty((self.J, *mixture.shape), np.float32)
        spectra = torch.empty_like(X)
        for j in range(self.J):
            for f in self._blocks(X):
                spectra[f] = image(X[f], N[f], W[f], P[f], j) * scale
            wave = waveform(spectra.transpose(0, 1), self.n_fft, self.hop, mixture.shape[-1])
            found[j] = wave.cpu().numpy()
        return found

    def learn(self, X: Tensor, N: Tensor, K: Tensor) -> Tensor:
        """Return the Q (L, J) of the start that comes to the lowest cost."""
        step = -(-X.shape[-1] // self.frames)
        V = observed(X[..., ::step], N, self.alpha)
        progress = Progress("projet, places", self.restarts * self.iterations, "iterations")
        reached = {}
        for seed in range(self.seed, self.seed + self.restarts):
            P, Q = self._start(V, K, torch.Generator().manual_seed(seed))
            for _ in range(self.iterations):
                Q = update(V, K, P, Q, self.divergence)
                progress.advance()
            reached[cost(V, K, P, Q, self.divergence)] = Q
        progress.close()
        return reached[min(reached)]

    def _start(self, V: Tensor, K: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return P and Q to begin with."""
        P = torch.ones(len(V), self.J, V.shape[-1])
        Q = torch.randn(K.shape[-1], self.J, generator=generator).abs()
        if self.start == "random":
            P = torch.randn(P.shape, generator=generator).abs()
        else:
            around = (torch.arange(self.J) + torch.rand(self.J, generator=generator)) / self.J
            apart = 2 * self.J * (self.pans.unsqueeze(-1) - around)
            # A little everywhere: what is 0 stays 0.
            Q = Q * torch.exp(-(apart**2)) + 0.01
        return P.to(V), Q.to(V)

    def spectrograms(self, X: Tensor, N: Tensor, W: Tensor) -> Tensor:
        """Return P (F, J, T) of every frame with the places held; W is K Q (F, M, J)."""
        P = torch.ones_like(X.real[:, :1]).repeat(1, self.J, 1)
        progress = Progress("projet, spectrograms", len(X), "frequencies")
        for f in self._blocks(X):
            V = observed(X[f], N[f], self.alpha)
            for _ in range(self.iterations):
                update_spectrograms(V, W[f], P[f], self.divergence)
            progress.advance(len(V))
        progress.close()
        return P

    def _blocks(self, X: Tensor) -> Iterator[slice]:
        """Yield slices of the frequencies of X (F, 2, T)."""
        return blocks(len(X), self.N.shape[1] * X.shape[-1], X.device)

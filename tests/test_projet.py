"""PROJET: its cost, its masks and what it makes of four sources in the panorama."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from mssbench.errors import UserError
from mssbench.models.divergence import Divergence
from mssbench.models.panorama import pan_delay_image
from mssbench.models.projection_model import (
    cost,
    image,
    observed,
    projected_panorama,
    update,
    update_spectrograms,
)
from mssbench.models.registry import build

RATE = 16000
QUICK = {"n_fft": 256, "hop": 128, "iterations": 5, "restarts": 1}
MONOTONE = [
    Divergence("beta", 1.0),
    Divergence("beta", 0.0),
    Divergence("beta", 0.5),
    Divergence("beta", 2.0),
    Divergence("cauchy_equalisation"),
]


def sparse_sources(seconds=4.0, seed=0):
    """Return three sources of short notes of a few partials, and one of noise bursts (4, n)."""
    rng = np.random.default_rng(seed)
    note = RATE // 2
    time = np.arange(note) / RATE
    sources = np.zeros((4, int(seconds * RATE)))
    for j, source in enumerate(sources):
        for start in range(0, source.size - note + 1, note):
            if rng.random() < 0.5 and source.any():
                continue
            if j == 3:
                sound = rng.standard_normal(note) * np.exp(-12 * time)
            else:
                tones = rng.uniform(150, 6000, size=(4, 1))
                sound = np.sin(2 * np.pi * tones * time).sum(axis=0) * np.hanning(note)
            source[start : start + note] += sound
    return 0.1 * sources / sources.std(axis=1, keepdims=True)


def fan(sources, delays=(0.0, 0.0, 0.0, 0.0)):
    """Return the sources' images, 20 degrees apart around the middle (4, 2, n)."""
    return np.stack(
        [
            pan_delay_image(source, math.radians(degrees), delay)
            for source, degrees, delay in zip(sources, (15, 35, 55, 75), delays, strict=True)
        ]
    )


def mean_snr(images, found):
    """Return the mean SNR (dB) of the images, each paired with one of what was found."""
    errors = np.sum((images[:, None] - found) ** 2, axis=(2, 3))
    levels = 10 * np.log10(np.sum(images**2, axis=(1, 2))[:, None] / errors)
    return levels[linear_sum_assignment(-levels)].mean()


def problem(seed, delays=1, alpha=1.0):
    """Return V, K, P and Q, of double precision, and X and N that they come from."""
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": torch.float64}
    N, K = projected_panorama(17, (5, delays), (7, delays), 1.0, alpha)
    X = torch.complex(torch.randn(17, 2, 12, **options), torch.randn(17, 2, 12, **options))
    P = torch.randn(17, 3, 12, **options).abs()
    Q = torch.randn(7 * delays, 3, **options).abs()
    return observed(X, N, alpha), K, P, Q, X, N


@pytest.mark.parametrize("divergence", MONOTONE, ids=str)
@pytest.mark.parametrize("delays", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_cost_never_rises(divergence, delays, seed):
    V, K, P, Q, _, _ = problem(seed, delays)
    costs = [cost(V, K, P, Q, divergence)]
    for _ in range(40):
        Q = update(V, K, P, Q, divergence)
        costs.append(cost(V, K, P, Q, divergence))
    assert all(b <= a + 1e-9 * abs(a) for a, b in pairwise(costs))
    assert costs[-1] < costs[0] - 0.1 * abs(costs[0])


def test_the_cauchy_heuristic_ends_lower_than_it_began():
    V, K, P, Q, _, _ = problem(0)
    divergence = Divergence("cauchy_heuristic")
    before = cost(V, K, P, Q, divergence)
    for _ in range(20):
        Q = update(V, K, P, Q, divergence)
    assert cost(V, K, P, Q, divergence) < before


@pytest.mark.parametrize("divergence", [*MONOTONE, Divergence("cauchy_heuristic")], ids=str)
def test_what_explains_everything_stays(divergence):
    # A model that equals V is a fixed point of the beta-divergence's updates; that of the Cauchy
    # likelihood has 2 sigma^2 = V^2.
    _, K, P, Q, _, _ = problem(1)
    sigma = K @ Q @ P
    V = sigma if divergence.updates == "beta" else 2**0.5 * sigma
    kept = P.clone()
    updated = update(V, K, P, Q, divergence)
    torch.testing.assert_close(P, kept)
    torch.testing.assert_close(updated, Q)


@pytest.mark.parametrize("divergence", MONOTONE, ids=str)
def test_updates_follow_the_gradient_of_the_cost(divergence):
    V, K, P, Q, _, _ = problem(2)
    W = K @ Q
    P.requires_grad_(True)
    sigma = W @ P
    a, b = divergence.weights(V, sigma)
    exact = W.mT @ (b - a)
    nearby = torch.randn(P.shape, generator=torch.Generator().manual_seed(0)).to(P)
    step = 1e-6
    with torch.no_grad():
        higher, lower = (cost(V, K, P + s * nearby, Q, divergence) for s in (step, -step))
        slope = (exact * nearby).sum()
    assert (higher - lower) / (2 * step) == pytest.approx(slope.item(), rel=1e-4)


def test_blocks_of_frequencies_change_nothing(monkeypatch):
    V, K, P, Q, _, _ = problem(3)
    whole = P.clone()
    together = update(V, K, whole, Q, MONOTONE[0])
    monkeypatch.setattr("mssbench.models.projection_model.CACHED", 4 * V[0].numel())
    apart = update(V, K, P, Q, MONOTONE[0])
    torch.testing.assert_close(P, whole)
    torch.testing.assert_close(apart, together)


@pytest.mark.parametrize("delays", [1, 3])
def test_images_sum_to_the_mixture(delays):
    _, K, P, Q, X, N = problem(4, delays)
    total = sum(image(X, N, K @ Q, P, j) for j in range(3))
    torch.testing.assert_close(total, X)


def test_an_object_that_is_alone_in_a_bin_gets_all_of_it():
    _, K, P, Q, X, N = problem(5)
    P[3, 1:] = 0
    torch.testing.assert_close(image(X, N, K @ Q, P, 0)[3], X[3])
    assert image(X, N, K @ Q, P, 1)[3].abs().max() < 1e-9


def test_known_places_give_the_spectrograms_of_sources_that_never_meet():
    # Object j sounds in frames j, j + 3, ...
    _, K, P, _, _, _ = problem(6)
    truth = P * (torch.arange(12) % 3 == torch.arange(3)[:, None])
    Q = torch.zeros(7, 3, dtype=torch.float64)
    Q[[0, 3, 5], [0, 1, 2]] = 1
    V = K @ Q @ truth
    estimate = torch.ones_like(truth)
    for _ in range(300):
        update_spectrograms(V + 1e-12, K @ Q, estimate, MONOTONE[0])
    assert (estimate - truth).norm() < 1e-2 * truth.norm()


def test_the_seed_decides_the_outcome_and_more_restarts_never_cost_more():
    mixture = fan(sparse_sources(1.0)).sum(axis=0)
    first, again = (build("projet", QUICK).objects(mixture) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = build("projet", {**QUICK, "seed": 2}).objects(mixture)
    assert np.abs(other - first).max() > 1e-3
    # With two starts, the better one of both is kept.
    both = build("projet", {**QUICK, "restarts": 2}).objects(mixture)
    assert any(np.array_equal(both, one) for one in (first, other))


@pytest.mark.parametrize("samples", [1, 1000, 4097])
def test_objects_are_as_long_as_the_mixture_and_sum_to_it(samples):
    mixture = fan(sparse_sources(1.0))[..., :samples].sum(axis=0)
    found = build("projet", {**QUICK, "J": 3, "frames": 10}).objects(mixture)
    assert found.shape == (3, 2, samples)
    np.testing.assert_allclose(found.sum(axis=0), mixture, atol=1e-4)


@pytest.mark.parametrize("start", ["random", "spread"])
def test_starts_differ_by_their_seed_and_leave_no_place_out(start):
    model = build("projet", {**QUICK, "start": start, "location_delays": 3})
    V, K = torch.ones(129, 10, 7), torch.ones(129, 10, 90)
    P, Q = model._start(V, K, torch.Generator().manual_seed(1))
    assert P.shape == (129, 4, 7)
    assert Q.shape == (90, 4)
    assert min(P.min(), Q.min()) > 0
    _, other = model._start(V, K, torch.Generator().manual_seed(2))
    assert not torch.equal(Q, other)
    if start == "spread":
        # Each object has its most within its quarter, from left to right, or just beside it.
        middles = (Q * model.pans[:, None]).sum(0) / Q.sum(0)
        assert torch.equal(middles.argsort(), torch.arange(4))


def test_silence_stays_silent():
    estimates = build("projet", QUICK).separate(np.zeros((2, 3000), np.float32), {})
    assert all(np.abs(wave).max() < 1e-6 for wave in estimates.values())


def test_four_sources_20_degrees_apart_are_separated():
    images = fan(sparse_sources())
    mixture = images.sum(axis=0)
    assert mean_snr(images, np.stack([mixture / 4] * 4)) < 2
    quick = {"n_fft": 1024, "hop": 512, "iterations": 60, "frames": 42}
    model = build("projet", {**quick, "start": "spread", "restarts": 4})
    assert mean_snr(images, model.objects(mixture)) > 10


def test_delays_tell_apart_what_pans_cannot():
    sources = sparse_sources(2.0)[:2]
    images = np.stack(
        [pan_delay_image(s, math.pi / 4, d) for s, d in zip(sources, (-2.0, 2.0), strict=True)]
    )
    plain = {"n_fft": 512, "hop": 256, "iterations": 60, "frames": 30, "restarts": 4}
    plain |= {"J": 2, "M": 5, "L": 5, "start": "spread"}
    grid = {"projection_delays": 5, "location_delays": 5}
    with_delays = build("projet", plain | grid).objects(images.sum(axis=0))
    without = build("projet", plain).objects(images.sum(axis=0))
    assert mean_snr(images, without) < 4
    assert mean_snr(images, with_delays) > 6


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"M": 1}, "M is 1; it must be at least 2"),
        ({"alpha": 0.0}, r"alpha is 0\.0; it must be above 0"),
        ({"alpha": 2.0, "updates": "cauchy_heuristic"}, "cauchy_heuristic needs an alpha of 1"),
        ({"beta": 3.0}, r"beta is 3\.0; it must be from 0 to 2"),
    ],
)
def test_numbers_out_of_range_are_named(params, message):
    with pytest.raises(UserError, match=message):
        build("projet", params)

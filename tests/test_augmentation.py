import itertools

import numpy as np
import pytest
import torch

from mssbench.augmentation.chain import MODULES, Chain, build, generator
from mssbench.augmentation.config import (
    KINDS,
    FlipSignConfig,
    GainConfig,
    RandomChannelConfig,
    RemixConfig,
    RemixGroupsConfig,
    RemixHalfConfig,
    ShiftConfig,
    SwapChannelsConfig,
)
from mssbench.augmentation.flip_sign import flip_sign
from mssbench.augmentation.gain import gain
from mssbench.augmentation.random_channel import random_channel
from mssbench.augmentation.remix import remix, remix_groups, remix_half
from mssbench.augmentation.shift import shift
from mssbench.augmentation.swap_channels import swap_channels

MONO_OR_STEREO = [1, 2]
ANY_CHANNELS = [
    GainConfig("gain", 0.25, 1.25),
    FlipSignConfig("flip_sign"),
    ShiftConfig("shift", 5),
    RemixConfig("remix"),
    RemixGroupsConfig("remix_groups", 4),
    RemixHalfConfig("remix_half"),
]
STEREO = [SwapChannelsConfig("swap_channels"), RandomChannelConfig("random_channel")]


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(batch=8, channels=2, samples=12):
    return torch.randn(batch, 4, channels, samples, generator=random(99))


def numbered(batch, channels=1):
    """Return sources of one sample that tell example, source and channel: 100 e + 10 s + c."""
    example, source = 100 * torch.arange(batch), 10 * torch.arange(4)
    told = example[:, None, None] + source[:, None] + torch.arange(channels)
    return told.float().unsqueeze(-1)


def donors(mixed):
    """Return which examples the sources of `numbered` ones came from, (batch, sources)."""
    assert torch.equal(mixed[:, :, 0, 0] % 100, 10.0 * torch.arange(4).expand(len(mixed), 4))
    return (mixed[:, :, 0, 0] // 100).long()


def assert_shares(counts, draws):
    """Check that outcomes are equally frequent, within five standard deviations."""
    share = 1 / len(counts)
    spread = (share * (1 - share) / draws) ** 0.5
    assert [count / draws for count in counts] == pytest.approx(
        [share] * len(counts), abs=5 * spread
    )


def assert_uniform(values, low, high):
    """Check sorted draws against the uniform distribution (Kolmogorov and Smirnov, level 1 %)."""
    ranks = (np.sort(values) - low) / (high - low)
    steps = np.arange(len(ranks) + 1) / len(ranks)
    distance = max(np.abs(ranks - steps[1:]).max(), np.abs(ranks - steps[:-1]).max())
    assert distance < 1.63 / len(ranks) ** 0.5


def assert_each_pattern_is_equally_likely(chosen):
    """Check that of each example's four choices, (batch, 4) bool, none depends on another."""
    patterns = (chosen * torch.tensor([1, 2, 4, 8])).sum(dim=1)
    assert_shares(torch.bincount(patterns, minlength=16).tolist(), len(chosen))


@pytest.mark.parametrize("channels", MONO_OR_STEREO)
@pytest.mark.parametrize(("low", "high"), [(0.7, 1.0), (0.25, 1.25)])
def test_gains_are_uniform_in_their_range_for_each_source_and_example(channels, low, high):
    gained = gain(torch.ones(1000, 4, channels, 3), low, high, random())
    gains = gained[:, :, :1, :1]
    assert torch.equal(gained, gains.expand_as(gained))
    assert low - 1e-6 <= gains.min() < gains.max() <= high
    for source in range(4):
        assert_uniform(gains[:, source].flatten().numpy(), low, high)
    correlations = np.corrcoef(gains.reshape(1000, 4).T) - np.eye(4)
    assert np.abs(correlations).max() < 5 / 1000**0.5


@pytest.mark.parametrize("channels", MONO_OR_STEREO)
def test_signs_flip_half_the_time_for_each_source_on_its_own(channels):
    sources = noise(4000, channels, samples=2)
    flipped = flip_sign(sources, random())
    signs = flipped / sources
    assert torch.equal(signs, signs[:, :, :1, :1].expand_as(signs))
    assert_each_pattern_is_equally_likely(signs[:, :, 0, 0] < 0)
    assert torch.equal(flipped.abs(), sources.abs())


def test_channels_are_swapped_half_the_time_for_each_source_on_its_own():
    sources = noise(4000, samples=2)
    result = swap_channels(sources, random())
    swapped = (result == sources.flip(2)).all(dim=(2, 3))
    assert torch.equal(swapped, ~(result == sources).all(dim=(2, 3)))
    assert_each_pattern_is_equally_likely(swapped)


def test_either_channel_is_taken_half_the_time_for_each_source_on_its_own():
    sources = noise(4000, samples=2)
    mono = random_channel(sources, random())
    assert mono.shape == (4000, 4, 1, 2)
    right = (mono[:, :, 0] == sources[:, :, 1]).all(dim=2)
    assert torch.equal(right, ~(mono[:, :, 0] == sources[:, :, 0]).all(dim=2))
    assert_each_pattern_is_equally_likely(right)


@pytest.mark.parametrize("function", [swap_channels, random_channel])
def test_what_needs_two_channels_refuses_one(function):
    with pytest.raises(ValueError, match="2 channels"):
        function(noise(channels=1), random())


@pytest.mark.parametrize("channels", MONO_OR_STEREO)
def test_each_source_is_cut_at_its_own_place_and_all_places_are_equally_likely(channels):
    positions = torch.arange(10.0).expand(4000, 4, channels, 10)
    cut = shift(positions, 3, random())
    firsts = cut[:, :, :1, :1]
    assert cut.shape == (4000, 4, channels, 7)
    assert torch.equal(cut, (firsts + torch.arange(7)).expand_as(cut))
    for source in range(4):
        counts = torch.bincount(firsts[:, source].flatten().long(), minlength=4)
        assert_shares(counts.tolist(), 4000)
    pairs = (4 * firsts[:, 0] + firsts[:, 3]).flatten().long()
    assert_shares(torch.bincount(pairs, minlength=16).tolist(), 4000)


def test_a_shift_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="5 samples"):
        shift(noise(samples=5), 5, random())


@pytest.mark.parametrize("channels", MONO_OR_STEREO)
def test_remix_permutes_each_source_over_the_batch_on_its_own(channels):
    counts = {order: np.zeros(4) for order in itertools.permutations(range(3))}
    same = 0
    draws = 3000
    numbers, generated = numbered(3, channels), random()
    for _ in range(draws):
        mixed = remix(numbers, generated)
        orders = donors(mixed).T.tolist()
        for source, order in enumerate(orders):
            counts[tuple(order)][source] += 1
        same += orders[0] == orders[3]
    for source in range(4):
        assert_shares([count[source] for count in counts.values()], draws)
    assert same / draws == pytest.approx(1 / 6, abs=5 * (5 / 36 / draws) ** 0.5)
    # The channels of a source stay together.
    assert torch.equal(mixed - mixed[:, :, :1], numbers - numbers[:, :, :1])


@pytest.mark.parametrize(("batch", "groups"), [(8, [4, 4]), (10, [4, 4, 2]), (3, [3])])
def test_remix_in_groups_permutes_within_them_and_the_rest_is_one(batch, groups):
    mixed = [donors(remix_groups(numbered(batch), 4, random(seed))) for seed in range(200)]
    drawn = torch.stack(mixed)
    first = 0
    for size in groups:
        members = list(range(first, first + size))
        part = drawn[:, first : first + size]
        assert torch.equal(part.sort(dim=1).values, torch.tensor(members)[:, None].expand_as(part))
        # Every member comes to every place.
        assert all(
            sorted(set(part[:, place, source].tolist())) == members
            for place in range(size)
            for source in range(4)
        )
        first += size


@pytest.mark.parametrize(
    ("batch", "half"), [(8, 4), (12, 6), (7, 4), (4, 2), (3, 2), (2, 1), (1, 1)]
)
def test_half_of_the_batch_gets_source_j_from_example_i_plus_j(batch, half):
    mixed = donors(remix_half(numbered(batch))).tolist()
    for i in range(half):
        assert mixed[i] == [(i + j) % half for j in range(4)]
    assert mixed[half:] == [[i] * 4 for i in range(half, batch)]


@pytest.mark.parametrize(
    ("kind", "channels"),
    [
        *itertools.product(["flip_sign", "remix", "remix_groups", "remix_half"], MONO_OR_STEREO),
        ("swap_channels", 2),
    ],
)
def test_each_sources_energy_in_the_batch_is_kept(kind, channels):
    sources = noise(channels=channels).double()
    (config,) = [c for c in [*ANY_CHANNELS, *STEREO] if c.kind == kind]
    energies = [
        batch.square().sum(dim=(2, 3)).sort(dim=0).values
        for batch in (sources, build(config)(sources, random(1)))
    ]
    torch.testing.assert_close(*energies)


@pytest.mark.parametrize("config", [*ANY_CHANNELS, *STEREO], ids=lambda config: config.kind)
def test_a_module_does_what_its_function_does_and_leaves_its_input(config):
    functions = {
        "gain": lambda sources: gain(sources, 0.25, 1.25, random(5)),
        "flip_sign": lambda sources: flip_sign(sources, random(5)),
        "swap_channels": lambda sources: swap_channels(sources, random(5)),
        "shift": lambda sources: shift(sources, 5, random(5)),
        "remix": lambda sources: remix(sources, random(5)),
        "remix_groups": lambda sources: remix_groups(sources, 4, random(5)),
        "remix_half": remix_half,
        "random_channel": lambda sources: random_channel(sources, random(5)),
    }
    sources, untouched = noise(), noise()
    changed = build(config)(sources, random(5))
    assert torch.equal(changed, functions[config.kind](sources))
    assert torch.equal(sources, untouched)
    assert changed.dtype == torch.float32
    assert changed.shape != sources.shape or not torch.equal(changed, sources)


def test_every_kind_has_a_module():
    assert set(KINDS) == set(MODULES)
    # Tempo is tested in a file of its own.
    assert {config.kind for config in [*ANY_CHANNELS, *STEREO]} | {"tempo"} == set(MODULES)


@pytest.mark.parametrize("channels", MONO_OR_STEREO)
def test_what_batch_n_becomes_depends_on_seed_and_n_alone(channels):
    configs = [*ANY_CHANNELS, *(STEREO if channels == 2 else [])]
    sources = noise(channels=channels)
    in_order = [Chain(configs, seed=3)(sources, n) for n in range(6)]
    backwards = Chain(configs, seed=3)
    for n in reversed(range(6)):
        torch.rand(7)
        assert torch.equal(backwards(sources, n), in_order[n])
    for one, other in itertools.combinations(in_order, 2):
        assert not torch.equal(one, other)
    assert not torch.equal(Chain(configs, seed=4)(sources, 0), in_order[0])


def test_augmentation_leaves_torchs_random_numbers_alone():
    before = torch.get_rng_state()
    Chain([*ANY_CHANNELS, *STEREO], seed=0)(noise(), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_two_of_a_kind_draw_anew():
    ones = torch.ones(8, 4, 1, 1)
    twice = Chain([GainConfig("gain", 0.5, 1.5)] * 2, seed=0)(ones, 0)
    once = Chain([GainConfig("gain", 0.5, 1.5)], seed=0)(ones, 0)
    assert not torch.allclose(twice, once.square())


def test_the_list_is_done_in_its_order():
    sources = noise()
    louder, mixed = GainConfig("gain", 0.5, 1.5), RemixConfig("remix")
    expected = remix(gain(sources, 0.5, 1.5, generator(7, 2, 0)), generator(7, 2, 1))
    assert torch.equal(Chain([louder, mixed], seed=7)(sources, 2), expected)
    expected = gain(remix(sources, generator(7, 2, 0)), 0.5, 1.5, generator(7, 2, 1))
    assert torch.equal(Chain([mixed, louder], seed=7)(sources, 2), expected)


def test_every_order_of_stereo_augmentations_works():
    for configs in itertools.permutations([*STEREO[:1], *ANY_CHANNELS[:4]]):
        assert Chain(configs, seed=0)(noise(), 0).shape == (8, 4, 2, 7)


def test_batches_of_many_runs_draw_different_numbers():
    draws = {
        torch.rand(2, generator=generator(seed, n, position)).sum().item()
        for seed in range(5)
        for n in range(100)
        for position in range(3)
    }
    assert len(draws) == 5 * 100 * 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("config", [*ANY_CHANNELS, *STEREO], ids=lambda config: config.kind)
def test_a_gpu_makes_the_same_examples(config):
    sources = noise()
    here, there = build(config)(sources, random()), build(config)(sources.cuda(), random())
    assert there.is_cuda
    assert torch.equal(there.cpu(), here)

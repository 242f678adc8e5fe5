import math
from collections import Counter

import pytest
import torch

from mssbench.augmentation.chain import Chain, generator
from mssbench.augmentation.config import (
    GainConfig,
    RemixConfig,
    ShiftConfig,
    TempoConfig,
    check,
    margin,
)
from mssbench.augmentation.remix import Remix, remix
from mssbench.augmentation.tempo import Tempo, tempo
from mssbench.errors import UserError
from mssbench.stretching.phase_vocoder import stretch
from mssbench.stretching.tempos import KNOWN
from mssbench.training.config import RandomCropsConfig
from mssbench.training.crops import make_crops
from mssbench.training.stems import with_mixture
from mssbench.training.structure import structure

MONO_OR_STEREO = pytest.mark.parametrize("channels", [1, 2])
FACTORS = (0.75, 1.0, 1.5)
RA = TempoConfig("tempo", like="ra_paper")


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(batch, channels, samples, seed=99):
    return torch.randn(batch, 4, channels, samples, generator=random(seed))


def swelling(batch, channels, samples):
    """Return a tone in all sources that grows evenly from silence: how fast tells the tempo."""
    time = torch.arange(samples) / samples
    return (time * torch.sin(0.3 * samples * time)).expand(batch, 4, channels, -1).clone()


def growth(signal):
    """Return how much louder the second half of a signal is than the first."""
    first, second = signal.abs().chunk(2, dim=-1)
    return second.mean(dim=-1) - first.mean(dim=-1)


@MONO_OR_STEREO
def test_all_sources_and_channels_of_an_example_have_one_of_the_factors(channels):
    made = tempo(swelling(24, channels, 12000), FACTORS, None, random(), n_fft=256, hop=64)
    assert made.shape == (24, 4, channels, 8000)
    per_factor = growth(swelling(1, 1, 12000)[..., :8000])
    found = growth(made) / per_factor
    factors = torch.tensor(FACTORS)
    nearest = factors[(found[:, 0, 0, None] - factors).abs().argmin(dim=1)]
    assert set(nearest.tolist()) == set(FACTORS)
    assert torch.allclose(found, nearest[:, None, None].expand_as(found), rtol=0.17)


def test_factors_are_drawn_with_their_probabilities_at_places_that_are_uniform():
    law = KNOWN["ra_paper"]
    reach, length = max(law.factors), 40
    ramp = torch.arange(reach * length).expand(3000, 1, 1, -1)
    sources = (ramp + 1.0).contiguous()
    made = tempo(sources, law.factors, law.probabilities, random(3), n_fft=16, hop=4)
    # Only examples of factor 1 are cut out exactly; their first sample is their place.
    untouched = (made[:, 0, 0].diff(dim=1) == 1).all(dim=1)
    assert float(untouched.double().mean()) == pytest.approx(0.4, abs=5 * (0.24 / 3000) ** 0.5)
    places = Counter((made[untouched, 0, 0, 0] - 1).int().tolist())
    assert min(places) == 0
    assert max(places) == length
    share = 1 / (length + 1)
    spread = (share * (1 - share) / int(untouched.sum())) ** 0.5
    assert all(abs(n / int(untouched.sum()) - share) < 5 * spread for n in places.values())


@MONO_OR_STEREO
def test_an_example_is_the_vocoder_of_a_piece_of_the_crop(channels):
    sources = noise(1, channels, 6000)
    made = tempo(sources, (1.5,), None, random(), n_fft=256, hop=64)
    # The piece is the whole crop: there is one place.
    assert torch.equal(made, stretch(sources, 1.5, 256, 64)[..., :4000])


@MONO_OR_STEREO
def test_what_an_example_becomes_does_not_depend_on_the_other_songs(channels):
    sources, others = noise(6, channels, 6000), noise(6, channels, 6000, seed=5)
    others[2] = sources[2]
    first, second = (
        tempo(x, FACTORS, None, random(), n_fft=256, hop=64) for x in (sources, others)
    )
    assert torch.allclose(first[2], second[2], atol=1e-5)
    assert not torch.allclose(first[1], second[1], atol=1e-2)


@MONO_OR_STEREO
def test_rank_shares_are_together_the_single_batch_and_the_mixture_is_the_sum(
    make_rendition, channels
):
    rendition = make_rendition({"A - 1": with_mixture(noise(1, channels, 9000))[0].numpy()})
    configs = [
        GainConfig("gain", 0.5, 1.0),
        TempoConfig("tempo", factors=FACTORS, n_fft=256, hop=64),
    ]
    crops = make_crops(
        RandomCropsConfig("random", 2000, 10),
        rendition,
        rendition.songs,
        5,
        0,
        margin=margin(configs, 2000),
    )
    for n in range(3):
        shares = torch.cat([crops.batch(n, rank, 2) for rank in range(2)])
        augmented = Chain(configs, seed=1)(shares[:, 1:], n)
        single = Chain(configs, seed=1)(crops.batch(n)[:, 1:], n)
        assert torch.equal(augmented, single)
        stems = with_mixture(single)
        assert stems.shape == (5, 5, channels, 2000)
        assert torch.equal(stems[:, 0], stems[:, 1:].sum(dim=1))


@pytest.mark.parametrize("samples", [1, 5, 20, 16384, 36001])
@pytest.mark.parametrize("law", ["ra_paper", "ra_code"])
def test_crops_that_are_longer_by_the_margin_give_the_asked_length(samples, law):
    configs = [
        ShiftConfig("shift", 7),
        TempoConfig("tempo", like=law, n_fft=256, hop=64),
        ShiftConfig("shift", 5),
    ]
    longer = samples + margin(configs, samples)
    assert longer == math.ceil(round((samples + 5) * 100 * max(KNOWN[law].factors)) / 100) + 7
    assert Chain(configs, seed=0)(noise(1, 1, longer), 0).shape[-1] == samples


def test_twice_the_length_suffices_for_the_papers_factors():
    assert margin([RA], 36000) == 36000
    assert margin([TempoConfig("tempo", factors=(0.5, 0.8))], 36000) == 0
    with pytest.raises(ValueError, match="depends on the length"):
        margin([RA])


def test_batch_n_depends_on_seed_and_n_alone():
    sources = noise(4, 2, 4000)
    chain = Chain([RA], seed=3)
    in_order = [chain(sources, n) for n in range(3)]
    for n in reversed(range(3)):
        torch.rand(7)
        assert torch.equal(Chain([RA], seed=3)(sources, n), in_order[n])
    assert not torch.equal(in_order[0], in_order[1])
    assert not torch.equal(Chain([RA], seed=4)(sources, 0), in_order[0])


def test_the_module_is_the_function_and_leaves_its_input():
    sources, untouched = noise(3, 1, 4000), noise(3, 1, 4000)
    made = Tempo(FACTORS, (0.2, 0.2, 0.6), 256, 64)(sources, random())
    assert torch.equal(made, tempo(sources, FACTORS, (0.2, 0.2, 0.6), random(), n_fft=256, hop=64))
    assert torch.equal(sources, untouched)


def test_crops_too_short_for_any_sample_are_refused():
    with pytest.raises(ValueError, match="leave nothing"):
        tempo(noise(1, 1, 1), (2.0,), None, random())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "neither of like and factors"),
        ({"like": "ra_code", "factors": [1.1]}, "both of like and factors"),
        ({"like": "ra_code", "probabilities": [1.0]}, "probabilities: goes with factors"),
        ({"factors": [9.0]}, "factors: found 9; allowed is 0.25 to 4"),
        ({"factors": [0.9, 1.1], "probabilities": [0.5, 0.6]}, "sum of 1.1"),
        ({"factors": [0.9], "hop": 300}, "hop: found 300"),
    ],
)
def test_wrong_keys_are_named(keys, message):
    config = structure(TempoConfig, {"kind": "tempo", **keys})
    with pytest.raises(UserError, match=message) as error:
        check([config], "mono", 4)
    assert str(error.value).startswith("training.augmentation[0].")


@MONO_OR_STEREO
def test_remix_leaves_whole_batches_alone_as_often_as_asked(channels):
    sources = noise(4, channels, 3)
    alone, mixed = 0, Remix(0.3)
    for n in range(1000):
        made, full = mixed(sources, generator(0, n, 0)), remix(sources, generator(0, n, 0))
        assert torch.equal(made, sources) or torch.equal(made, full)
        alone += torch.equal(made, sources)
    # Of 24 ** 4 permutations one changes nothing.
    assert alone / 1000 == pytest.approx(0.7, abs=5 * (0.21 / 1000) ** 0.5)
    assert RemixConfig("remix").probability == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_nearly_the_same_examples():
    sources = noise(6, 2, 4000)
    here, there = (Chain([RA], seed=0)(x, 0) for x in (sources, sources.cuda()))
    assert torch.allclose(there.cpu(), here, atol=1e-3)

import pytest
import torch

from mssbench.models.conv_tasnet import ConvTasNet, ConvTasNet3x9
from mssbench.models.conv_tasnet_music import ConvTasNetMusic
from mssbench.models.demucs import Demucs
from mssbench.models.filter_bands import BANDWIDTHS, CENTRES, LearnedFilters, bands_of
from mssbench.models.htmd_net import HTMDNet
from mssbench.models.meta_tasnet import MetaTasNet
from mssbench.models.multiband import MultiBand

RATE = 8000
SIZES = {"N": 16, "B": 8, "H": 8, "X": 2, "R": 1}


def tone(hertz, taps):
    """Return a sinusoid of ``hertz`` under a Hann window, completed to 256 taps."""
    time = torch.arange(taps) / RATE
    wave = torch.hann_window(taps) * torch.cos(2 * torch.pi * hertz * time)
    return torch.nn.functional.pad(wave, (0, 256 - taps))


def read(filters, **reading):
    return bands_of(filters, RATE, **reading)


@pytest.mark.parametrize("centre", CENTRES)
def test_a_tone_has_its_frequency_as_centre(centre):
    filters = torch.stack([tone(hertz, 128) for hertz in (700, 1500, 3100)])[:, None]
    found = read(filters, centre=centre).centre
    torch.testing.assert_close(found, torch.tensor([700.0, 1500, 3100]).double(), atol=3, rtol=0)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_a_window_twice_as_long_halves_the_bandwidth(bandwidth):
    filters = torch.stack([tone(2000, 64), tone(2000, 128)])[:, None]
    short, long = read(filters, bandwidth=bandwidth).bandwidth
    assert (short / long).item() == pytest.approx(2, rel=0.03)


def test_bandwidths_of_a_hann_window_are_those_of_the_textbook():
    filters = tone(2000, 128)[None, None]
    bin_width = RATE / 128
    found = {name: read(filters, bandwidth=name).bandwidth.item() for name in BANDWIDTHS}
    # Harris, "On the use of windows for harmonic analysis", 1978: noise and -3 dB bandwidth.
    assert found["noise"] == pytest.approx(1.5 * bin_width, rel=0.01)
    assert found["half_power"] == pytest.approx(1.44 * bin_width, rel=0.03)
    # The second moment of a power spectrum is the energy of the window's slope.
    slope = 2 * bin_width / 3**0.5
    assert found["deviation"] == pytest.approx(slope, rel=0.02)


def test_a_short_low_pass_filter_is_as_wide_as_it_is_above_zero():
    filters = torch.ones(1, 1, 20)
    centre, width = read(filters, bandwidth="noise")
    assert centre.item() == 0
    assert width.item() == pytest.approx(RATE / 40)
    half = read(filters, bandwidth="half_power").bandwidth.item()
    assert half == pytest.approx(0.886 * RATE / 40, rel=0.02)


def test_level_sign_and_delay_leave_the_band_as_it_is():
    filters = tone(1200, 64)[None, None]
    for reading in [{"centre": name} for name in CENTRES] + [{"bandwidth": b} for b in BANDWIDTHS]:
        expected = read(filters, **reading)
        for changed in (filters * 3, -filters, filters.roll(50, -1)):
            torch.testing.assert_close(read(changed, **reading), expected)


def test_a_channel_that_is_silent_does_not_count():
    mono = tone(1200, 64)[None, None]
    stereo = torch.cat((mono, torch.zeros_like(mono)), dim=1)
    torch.testing.assert_close(read(stereo), read(mono))


@pytest.mark.parametrize(
    ("model", "groups"),
    [
        (lambda: ConvTasNet(**SIZES, L=16, Sc=8), [("", 16, 16, 8000)]),
        (lambda: ConvTasNet3x9(**SIZES, L=16), [("", 16, 16, 8000)]),
        (lambda: ConvTasNetMusic(**SIZES, L=20), [("", 16, 20, 8000)]),
        (
            lambda: HTMDNet(**SIZES, filters=2, levels=3, units=4),
            [("", 16, 16, 8000)],
        ),
        (lambda: MultiBand(**SIZES, bands=1), [("", 16, 20, 8000)]),
        (
            lambda: MultiBand(**SIZES, bands=2, full_band=True),
            [("band 1", 8, 20, 8000), ("band 2", 8, 20, 8000)],
        ),
        (
            lambda: MultiBand(**{**SIZES, "N": 64}, bands=2, encoder="strong"),
            [(f"{20 * 2**i} taps", 16, 20 * 2**i, 8000) for i in range(6)],
        ),
    ],
)
def test_models_give_their_encoders_filters(model, groups):
    made = model()
    assert isinstance(made, LearnedFilters)
    found = [
        (g.name, len(g.filters), g.filters.shape[-1], g.rate) for g in made.filter_groups(8000)
    ]
    assert found == groups


@pytest.mark.parametrize("encoder", ["plain", "strong"])
def test_stages_give_their_filters_at_their_own_rates(encoder):
    model = MetaTasNet(N=16, B=16, H=16, X=2, R=1, stages=2, encoder=encoder)
    groups = model.filter_groups(model.rate)
    assert {group.name.partition(",")[0]: group.rate for group in groups} == {
        "8 kHz": 8000,
        "16 kHz": 16000,
    }
    assert len({group.name for group in groups}) == len(groups)


def test_bands_are_the_channels_that_their_estimators_hear():
    model = MultiBand(**SIZES, bands=4)
    parts = [group.filters for group in model.filter_groups(8000)]
    assert torch.equal(torch.cat(parts), model.front_end.encoder.weight)


def test_a_model_without_such_an_encoder_is_none_of_these():
    assert not isinstance(Demucs(channels=1, C=4, L=2), LearnedFilters)

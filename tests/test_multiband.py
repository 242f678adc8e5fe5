"""Multi-band masking: published sizes, bands that do not hear each other, and front ends."""

import pytest
import torch

from mssbench.models.conv_tasnet_music import ConvTasNetMusic
from mssbench.models.filter_bands import bands_of
from mssbench.models.multiband import MultiBand
from mssbench.models.registry import parameter_count
from mssbench.training.initial import begin_with
from mssbench.training.losses import mae, negative_si_sdr

SMALL = {"N": 16, "L": 8, "B": 6, "H": 12, "X": 2, "R": 2}
KINDS = [
    {},
    {"bands": 4, "channels": 1},
    {"full_band": True},
    {"encoder": "strong"},
    {"encoder": "strong", "bands": 1, "channels": 1, "targets": ("vocals",)},
]


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make(**params):
    torch.manual_seed(0)
    # Six lengths need more channels than the other kinds: the longest filters get N / 64.
    wide = {"N": 64} if params.get("encoder") == "strong" else {}
    return MultiBand(**{**SMALL, **wide, **params})


@pytest.mark.parametrize(
    ("variant", "trainable", "all_weights"),
    [
        ("M1", 6_595_120, 6_595_120),
        ("M2", 6_582_880, 6_582_880),
        ("M3", 10_044_560, 10_044_560),
        ("M3 poster", 12_972_640, 12_972_640),
        ("M4", 6_705_856, 6_705_856),
        ("M5", 6_562_400, 6_582_880),
        ("M6", 6_562_400, 6_582_880),
        ("S1", 7_323_440, 7_323_440),
        ("S2", 7_311_200, 7_311_200),
    ],
)
def test_every_variant_has_its_published_size(variant, trainable, all_weights):
    with torch.device("meta"):
        model = MultiBand(**MultiBand.variants[variant].params)
    assert parameter_count(model) == trainable
    assert sum(weights.numel() for weights in model.parameters()) == all_weights
    fixed = sum(values.numel() for values in model.buffers())
    assert fixed == (1024 if variant.startswith("S") else 0)


@pytest.mark.parametrize("params", KINDS)
@pytest.mark.parametrize("samples", [1, 9, 64, 333])
def test_estimates_are_as_long_as_a_mixture_of_any_length(params, samples):
    model = make(**params)
    for batch in (1, 2):
        final = model(noise(batch, model.channels, samples))["final"]
        assert final.shape == (batch, len(model.targets), model.channels, samples)
        assert final.isfinite().all()


@pytest.mark.parametrize("params", KINDS)
def test_every_parameter_receives_a_gradient(params):
    model = make(**params)
    final = model(noise(2, model.channels, 2000))["final"]
    mae(final, noise(*final.shape, seed=2)).backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_one_band_is_the_conv_tasnet_for_music():
    ours, theirs = make(bands=1), ConvTasNetMusic(**SMALL, targets=("accompaniment", "vocals"))
    theirs.front_end.load_state_dict(ours.front_end.state_dict())
    theirs.masks.load_state_dict(ours.bands[0].state_dict())
    mixture = noise(2, 2, 100)
    torch.testing.assert_close(ours(mixture)["final"], theirs(mixture)["final"])


def test_a_band_is_masked_by_what_it_holds_alone():
    encoded = noise(1, 16, 30).requires_grad_()
    make(bands=4).masks(encoded)[:, :, 4:8].sum().backward()
    heard = encoded.grad[0].abs().sum(-1).nonzero().flatten().tolist()
    assert heard == [4, 5, 6, 7]


def test_a_full_band_lets_every_mask_hear_every_band():
    encoded = noise(1, 16, 30).requires_grad_()
    make(bands=4, full_band=True).masks(encoded)[:, :, 4:8].sum().backward()
    assert encoded.grad[0].abs().sum(-1).all()


def test_masks_of_bands_are_not_negative_and_those_with_a_full_band_may_be():
    encoded = noise(2, 16, 30)
    assert make().masks(encoded).min() == 0
    assert make(full_band=True).masks(encoded).min() < 0


def tone(hertz, rate=8000, taps=64):
    time = torch.arange(taps) / rate
    return torch.hann_window(taps) * torch.cos(2 * torch.pi * hertz * time)


def test_the_band_of_a_windowed_tone_lies_around_it():
    short = torch.cat((tone(1000, taps=32), torch.zeros(32)))
    filters = torch.stack([tone(1000), tone(2500), short])[:, None]
    centre, bandwidth = bands_of(filters, rate=8000)
    torch.testing.assert_close(centre, torch.tensor([1000.0, 2500, 1000]).double(), atol=8, rtol=0)
    # A Hann window lets the noise of 1.5 bins of its length through.
    expected = torch.tensor([187.5, 187.5, 375.0]).double()
    torch.testing.assert_close(bandwidth, expected, rtol=0.02, atol=0)


def begin(model, trained):
    """Let a model begin with the front end of another, as a training does."""
    begin_with(model, model.taken(trained.state_dict()), ["front_end"])


def test_a_frozen_front_end_is_taken_as_it_is_and_does_not_learn():
    trained, frozen = make(bands=1), make(front_end="frozen")
    begin(frozen, trained)
    assert torch.equal(frozen.front_end.encoder.weight, trained.front_end.encoder.weight)
    frozen(noise(1, 2, 100))["final"].sum().backward()
    assert all(weights.grad is None for weights in frozen.front_end.parameters())
    assert all(weights.grad is not None for weights in frozen.bands.parameters())


def test_a_sorted_front_end_has_rising_centre_frequencies_and_decodes_the_same():
    trained, model = make(bands=1), make(front_end="sorted")
    before, _ = bands_of(trained.front_end.encoder.weight, 22050)
    begin(model, trained)
    after, _ = bands_of(model.front_end.encoder.weight, 22050)
    assert not torch.equal(before, after)
    assert torch.equal(before.sort().values, after)
    mixture = noise(1, 2, 100)
    decoded = [
        m.front_end.decode(m.front_end.encode(mixture)[:, None], 100) for m in (trained, model)
    ]
    torch.testing.assert_close(*decoded)


def test_a_front_end_that_is_sorted_is_taken_as_it_is():
    first, second = make(front_end="sorted"), make(front_end="sorted")
    begin(first, make(bands=1))
    begin(second, first)
    for name, weights in first.front_end.state_dict().items():
        assert torch.equal(weights, second.front_end.state_dict()[name])


def test_a_strong_front_end_is_taken_with_its_mixers_and_spectrogram():
    trained, frozen = make(encoder="strong", bands=1), make(encoder="strong", front_end="frozen")
    with torch.no_grad():
        for weights in trained.parameters():
            weights.add_(1)
    begin(frozen, trained)
    for name, weights in trained.front_end.state_dict().items():
        assert torch.equal(weights, frozen.front_end.state_dict()[name]), name
    assert not any(weights.requires_grad for weights in frozen.front_end.parameters())


def test_strong_filters_of_all_lengths_are_centred_on_the_same_samples():
    front = make(encoder="strong").front_end
    impulse = torch.zeros(1, 2, 800)
    impulse[..., 404] = 1
    for layer in front.encoder.filters:
        frames = layer(impulse).abs().sum((0, 1)).nonzero().flatten()
        assert layer(impulse).shape[-1] == 200
        centre = frames.double().mean().item() * front.hop + (front.hop - 1) / 2
        assert abs(centre - 404) <= front.hop


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"bands": 3}, "N is 16; it must be a multiple of bands, 3"),
        ({"L": 7}, "L is 7; it must be even"),
        ({"L": 7, "encoder": "strong"}, "L is 7; it must be even"),
        ({"encoder": "strong", "front_end": "sorted"}, "front_end is sorted"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params, fault):
    with pytest.raises(ValueError, match=fault):
        make(**params)


@pytest.mark.parametrize("encoder", ["plain", "strong"])
def test_one_batch_can_be_learned_by_heart(encoder):
    model = make(channels=1, encoder=encoder)
    time = torch.arange(600) / 8000
    sources = torch.stack([torch.sin(6.28 * 440 * time), torch.sin(6.28 * 1870 * time)])[
        None, :, None
    ]
    mixture = sources.sum(1)
    before = negative_si_sdr(mixture[:, None].expand_as(sources), sources)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        loss = negative_si_sdr(model(mixture)["final"], sources)
        if loss < before - 10:
            return
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pytest.fail(f"the loss fell from {before} to {loss} dB only")

"""Conv-TasNet: published sizes, other implementations, its blocks and what it hears."""

import pytest
import torch

from mssbench.errors import UserError
from mssbench.models.conv_tasnet import ConvTasNet
from mssbench.models.conv_tasnet_music import ConvTasNetMusic
from mssbench.models.framing import analysed, synthesised
from mssbench.models.registry import parameter_count
from mssbench.training.losses import negative_si_sdr

SMALL = {"N": 16, "L": 8, "B": 6, "H": 12, "X": 3, "R": 2}
MODELS = [
    (ConvTasNet, {**SMALL, "Sc": 5}),
    (ConvTasNet, {**SMALL, "Sc": 5, "norm": "cLN", "mask": "relu", "channels": 2}),
    (ConvTasNetMusic, SMALL),
    (ConvTasNetMusic, {**SMALL, "channels": 1, "targets": ("vocals",)}),
]


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make(cls, **params):
    torch.manual_seed(0)
    return cls(**params)


@pytest.mark.parametrize(
    ("cls", "params", "count"),
    [
        (ConvTasNet, {}, 4_984_881),
        (ConvTasNet, {"last_residual": True}, 5_050_545),
        (ConvTasNetMusic, {}, 10_977_872),
    ],
)
def test_the_defaults_have_the_published_sizes(cls, params, count):
    with torch.device("meta"):
        assert parameter_count(cls(**params)) == count


VARIANTS = {
    ConvTasNet: {
        "best": 5_050_545,
        "causal": 5_050_545,
        "N128 L40 B128 H256 Sc128 P3 X7 R2": 1_472_157,
        "N256 L40 B128 H256 Sc128 P3 X7 R2": 1_532_061,
        "N512 L40 B128 H256 Sc128 P3 X7 R2": 1_651_869,
        "N512 L40 B128 H256 Sc256 P3 X7 R2": 2_243_485,
        "N512 L40 B128 H512 Sc128 P3 X7 R2": 3_060_381,
        "N512 L40 B128 H512 Sc512 P3 X7 R2": 6_211_485,
        "N512 L40 B256 H256 Sc256 P3 X7 R2": 3_228_445,
        "N512 L40 B256 H512 Sc256 P3 X7 R2": 6_013_213,
        "N512 L40 B256 H512 Sc512 P3 X7 R2": 8_113_949,
        "N512 L40 B128 H512 Sc128 P3 X6 R4": 5_075_121,
        "N512 L40 B128 H512 Sc128 P3 X4 R6": 5_075_121,
        "N512 L40 B128 H512 Sc128 P3 X8 R3": 5_075_121,
        "N512 L32 B128 H512 Sc128 P3 X8 R3": 5_066_929,
        "best, without what nothing reads": 4_984_881,
    },
    ConvTasNetMusic: {"X8": 8_852_032, "X10": 10_977_872},
}


@pytest.mark.parametrize("cls", VARIANTS)
def test_every_variant_has_its_published_size(cls):
    with torch.device("meta"):
        found = {key: parameter_count(cls(**v.params)) for key, v in cls.variants.items()}
    assert found == VARIANTS[cls]


@pytest.mark.parametrize(("cls", "params"), MODELS)
@pytest.mark.parametrize("samples", [1, 7, 64, 333])
def test_estimates_are_as_long_as_a_mixture_of_any_length(cls, params, samples):
    model = make(cls, **params)
    for batch in (1, 3):
        final = model(noise(batch, model.channels, samples))["final"]
        assert final.shape == (batch, len(model.targets), model.channels, samples)
        assert final.isfinite().all()


@pytest.mark.parametrize(("cls", "params"), MODELS)
def test_every_parameter_receives_a_gradient(cls, params):
    model = make(cls, **params)
    final = model(noise(2, model.channels, 400))["final"]
    negative_si_sdr(final, noise(*final.shape, seed=2)).backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_the_residual_path_of_the_last_block_is_never_read():
    with_path = make(ConvTasNet, **SMALL, Sc=5, last_residual=True)
    without = make(ConvTasNet, **SMALL, Sc=5)
    state = with_path.state_dict()
    last = f"blocks.{len(with_path.blocks) - 1}.output."
    state |= {last + key: state[last + key][-5:] for key in ("weight", "bias")}
    without.load_state_dict(state)
    mixture = noise(1, 1, 100)
    torch.testing.assert_close(with_path(mixture)["final"], without(mixture)["final"])


def heard_by(model, at, samples=400):
    """Return the first and the last sample of the mixture that decide the estimates at ``at``."""
    mixture = noise(1, model.channels, samples).requires_grad_()
    model(mixture)["final"][..., at].sum().backward()
    heard = mixture.grad[0].abs().sum(0).nonzero().flatten()
    return heard[0].item(), heard[-1].item()


def test_a_causal_model_hears_less_than_one_filter_ahead():
    first, last = heard_by(make(ConvTasNet, **SMALL, Sc=5, norm="cLN"), at=200)
    assert first == 0
    assert 200 < last < 200 + SMALL["L"]


def test_a_model_with_global_norms_hears_the_whole_excerpt():
    assert heard_by(make(ConvTasNet, **SMALL, Sc=5), at=200) == (0, 399)


def test_the_blocks_reach_as_far_as_their_dilations():
    model = make(ConvTasNetMusic, **SMALL)
    for block in model.masks.blocks:
        block.norm1 = block.norm2 = torch.nn.Identity()
        block.forward = lambda state, _, block=block: block.layered(state)
    encoded = noise(1, 16, 101).requires_grad_()
    model.masks(encoded)[..., 50].sum().backward()
    heard = encoded.grad[0].abs().sum(0).nonzero().flatten().tolist()
    # 2 stacks of 3 blocks with dilations 1, 2 and 4: 2 (1 + 2 + 4) frames to either side.
    assert heard == list(range(50 - 14, 50 + 15))


def test_masks_of_the_original_lie_between_0_and_1_and_those_for_music_above_0():
    original, music = make(ConvTasNet, **SMALL, Sc=5), make(ConvTasNetMusic, **SMALL)
    masks = original.masks(original.skips(50 * noise(2, 16, 40)))
    assert masks.shape == (2, 2, 16, 40)
    assert 0 <= masks.min() < masks.max() <= 1
    masks = music.masks(50 * noise(2, 16, 40))
    assert masks.shape == (2, 4, 16, 40)
    assert masks.min() == 0 < masks.max()


def test_initial_weights_for_music_are_xavier_normal_even_in_the_norms():
    model = ConvTasNetMusic(N=128, B=128, H=400, X=1, R=1)
    block = model.masks.blocks[0]
    assert block.expand.weight.std().item() == pytest.approx((2 / 528) ** 0.5, rel=0.03)
    assert block.norm1.weight.std().item() == pytest.approx((2 / 401) ** 0.5, rel=0.2)
    decoder = model.front_end.decoder.weight
    assert decoder.std().item() == pytest.approx((2 / (128 + 2 * 20)) ** 0.5, rel=0.05)
    assert block.activation1.weight.item() == 0.25


@pytest.mark.parametrize("cls", [ConvTasNet, ConvTasNetMusic])
@pytest.mark.parametrize(("letter", "value", "fault"), [("L", 7, "even"), ("P", 2, "odd")])
def test_filters_of_unsuitable_lengths_are_refused(cls, letter, value, fault):
    with pytest.raises(ValueError, match=f"{letter} is {value}; it must be {fault}"):
        cls(**{**SMALL, letter: value})


@pytest.mark.parametrize("frames", [1, 7, 1000])
def test_masking_part_by_part_is_masking_as_a_whole(monkeypatch, frames):
    monkeypatch.setattr("mssbench.models.framing.PART", frames)
    model = make(ConvTasNet, **SMALL, Sc=5, channels=2)
    mixture = noise(2, 2, 333)
    whole = model(mixture)["final"]
    with torch.inference_mode():
        torch.testing.assert_close(model(mixture)["final"], whole.detach())


@pytest.mark.parametrize("padding", [0, 4])
def test_matrix_products_are_the_layers_of_the_front_end(monkeypatch, padding):
    torch.manual_seed(0)
    encoder = torch.nn.Conv1d(2, 6, 8, stride=4, padding=padding, bias=False)
    decoder = torch.nn.ConvTranspose1d(6, 2, 8, stride=4, padding=padding, bias=False)
    mixture = noise(3, 2, 40).requires_grad_()

    def through():
        signal = synthesised([analysed(mixture, encoder).unsqueeze(1)], decoder)
        of = [mixture, encoder.weight, decoder.weight]
        return signal, *torch.autograd.grad(signal.square().sum(), of)

    products = through()
    monkeypatch.setattr("mssbench.models.framing.by_rows", lambda _: False)
    for ours, theirs in zip(products, through(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_an_empty_mixture_is_refused():
    with pytest.raises(UserError, match="0 samples"):
        make(ConvTasNet, **SMALL)(noise(1, 1, 0))


def give_weights(ours, theirs):
    """Copy the weights of torchaudio's Conv-TasNet."""
    masks = theirs.mask_generator
    pairs = [
        (ours.encoder, theirs.encoder),
        (ours.bottleneck[0], masks.input_norm),
        (ours.bottleneck[1], masks.input_conv),
        (ours.mask[0], masks.output_prelu),
        (ours.mask[1], masks.output_conv),
        (ours.decoder, theirs.decoder),
    ]
    for block, other in zip(ours.blocks, masks.conv_layers, strict=True):
        mine = block.expand, block.activation1, block.norm1
        mine += block.depthwise, block.activation2, block.norm2
        pairs += zip(mine, other.conv_layers, strict=True)
        paths = [path for path in (other.res_out, other.skip_out) if path is not None]
        for key in ("weight", "bias"):
            both = torch.cat([getattr(path, key) for path in paths]).detach()
            getattr(block.output, key).data.copy_(both)
    for mine, other in pairs:
        mine.load_state_dict(other.state_dict())


@pytest.mark.parametrize("samples", [400, 403])
def test_output_and_gradients_are_those_of_torchaudio(samples):
    torchaudio = pytest.importorskip("torchaudio")
    theirs = torchaudio.models.ConvTasNet(2, 8, 16, 3, 6, 12, 3, 2, "sigmoid")
    ours = ConvTasNet(**SMALL, Sc=6)
    give_weights(ours, theirs)
    mixture = noise(3, 1, samples)
    expected = theirs(mixture)
    final = ours(mixture)["final"].squeeze(2)
    torch.testing.assert_close(final, expected, rtol=0, atol=1e-5)
    expected.square().sum().backward()
    final.square().sum().backward()
    torch.testing.assert_close(ours.encoder.weight.grad, theirs.encoder.weight.grad)
    slope = theirs.mask_generator.conv_layers[1].conv_layers[4].weight.grad
    torch.testing.assert_close(ours.blocks[1].activation2.weight.grad, slope)


def test_output_is_that_of_asteroid():
    # It is imported with all that it trains with, which may be missing.
    asteroid = pytest.importorskip("asteroid.models", exc_type=ImportError)
    names = {"n_filters": 16, "kernel_size": 8, "stride": 4, "bn_chan": 6, "hid_chan": 12}
    more = {"skip_chan": 5, "n_blocks": 3, "n_repeats": 2, "mask_act": "sigmoid"}
    theirs = asteroid.ConvTasNet(2, **names, **more)
    for gain in [value for key, value in theirs.named_parameters() if "gamma" in key]:
        torch.nn.init.normal_(gain)
    ours = ConvTasNet(**SMALL, Sc=5, last_residual=True)
    # Both have the same arrays in the same order, but for the two paths out of a block.
    given = [value.detach() for _, value in theirs.named_parameters()]
    for key, weights in ours.named_parameters():
        value = given.pop(0)
        if ".output." in key:
            value = torch.cat((value, given.pop(1 if key.endswith("weight") else 0)))
        weights.data.copy_(value.reshape(weights.shape))
    mixture = noise(2, 1, 400)
    # It leaves the padding to its caller.
    expected = theirs(torch.nn.functional.pad(mixture, (4, 4)))[..., 4:-4]
    torch.testing.assert_close(ours(mixture)["final"].squeeze(2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("cls", "params"), MODELS[::2])
def test_one_batch_can_be_learned_by_heart(cls, params):
    model = make(cls, **{**params, "channels": 1, "targets": ("accompaniment", "vocals")})
    time = torch.arange(600) / 8000
    tones = [torch.sin(6.28 * hertz * time) for hertz in (440, 1870)]
    sources = torch.stack(tones)[None, :, None]
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

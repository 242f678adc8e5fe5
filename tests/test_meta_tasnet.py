"""Meta-TasNet: published sizes, generated weights, its losses, and levels found afterwards."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv1d, cosine_similarity

from mssbench.errors import UserError
from mssbench.models.latent_penalties import dissimilarity, similarity
from mssbench.models.meta_tasnet import MetaTasNet
from mssbench.models.meta_tasnet_masks import ActiveNorm, Block, Mix
from mssbench.models.registry import parameter_count
from mssbench.models.rescaling import least_squares_gains, rescaled
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {"N": 16, "L": 20, "B": 8, "H": 8, "X": 2, "R": 1, "stages": 2}
KINDS = [{}, {"weights": "independent"}, {"encoder": "plain"}, {"stages": 1}]


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make(**params):
    torch.manual_seed(0)
    return MetaTasNet(**{**SMALL, **params})


def paper_loss(stages):
    terms = {}
    for i in range(1, stages + 1):
        estimates = "final" if i == stages else f"stage_{i}"
        terms[estimates] = LossTerm("si_snr", 4)
        terms[f"reconstruction_{i}"] = LossTerm("si_snr", 0.05)
        terms[f"dissimilarity_{i}"] = LossTerm("penalty", 3)
        terms[f"similarity_{i}"] = LossTerm("penalty", -2)
    return terms


@pytest.mark.parametrize(
    ("variant", "trainable", "fixed"),
    [
        ("Meta-TasNet", 45_531_260, 14_342),
        ("two stages", 23_261_800, 6_148),
        ("one stage", 10_061_812, 2_050),
        ("independent", 34_673_054, 14_342),
        ("plain encoder", 33_282_966, 0),
    ],
)
def test_every_variant_has_its_published_size(variant, trainable, fixed):
    with torch.device("meta"):
        model = MetaTasNet(**MetaTasNet.variants[variant].params)
    assert parameter_count(model) == trainable
    assert sum(values.numel() for values in model.buffers()) == fixed
    assert model.rate == MetaTasNet.variants[variant].rate


def test_the_parts_of_the_first_stage_have_the_sizes_of_the_released_code():
    with torch.device("meta"):
        stage = MetaTasNet(stages=1).stages[0]
    sizes = [parameter_count(part) for part in (stage.encoder, stage.decoder, stage.masks)]
    # The embeddings are counted with the masks, as are the PReLUs.
    assert sizes == [599_450, 182_600, 9_279_730 + 32]


@pytest.mark.parametrize("params", KINDS)
@pytest.mark.parametrize("samples", [1, 77, 2000])
def test_estimates_are_as_long_as_a_mixture_of_any_length(params, samples):
    model = make(**params)
    for batch in (1, 2):
        outputs = model(noise(batch, 1, samples))
        assert outputs["final"].shape == (batch, 4, 1, samples)
        assert outputs["final"].isfinite().all()
        assert set(outputs) == set(model.estimates)


def test_a_stereo_mixture_is_refused():
    with pytest.raises(UserError, match="2 channels"):
        make()(noise(1, 2, 100))


@pytest.mark.parametrize("params", KINDS)
def test_every_probe_compares_like_with_like(params):
    model = make(**params)
    compared = model.compare(noise(2, 1, 1001), noise(2, 4, 1, 1001, seed=2), model.probes)
    assert tuple(compared) == model.probes
    for estimate, truth in compared.values():
        assert estimate.shape == truth.shape
        assert estimate.isfinite().all()


@pytest.mark.parametrize("params", KINDS)
def test_every_parameter_but_the_last_residual_receives_a_gradient(params):
    model = make(**params)
    sources = noise(2, 4, 1, 4000)
    spec = paper_loss(len(model.stages))
    loss, _ = total_loss(model.compare(sources.sum(1), sources, tuple(spec)), spec)
    loss.backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    unread = [
        key
        for key, _ in model.named_parameters()
        for i in range(len(model.stages))
        if key.startswith(f"stages.{i}.masks.blocks.1.residual.")
    ]
    assert unread
    assert without == unread


def test_masks_of_all_instruments_sum_to_one():
    masks = make().stages[1].masks(5 * noise(2, 4, 48, 30))
    assert masks.shape == (2, 4, 32, 30)
    torch.testing.assert_close(masks.sum(1), torch.ones(2, 32, 30))
    assert masks.min() >= 0


def test_instruments_do_not_hear_each_other_in_a_block():
    block = Block(4, 8, 8, P=3, dilation=2, E1=None, E2=1)
    frames = noise(1, 4, 8, 20).requires_grad_()
    for output in block(frames, None):
        (gradient,) = torch.autograd.grad(output[:, 2].square().sum(), frames, retain_graph=True)
        assert gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist() == [2]


def test_a_mix_is_a_grouped_convolution():
    layer = Mix(4, 6, 5, None, 1)
    sequence = noise(2, 4, 6, 9)
    weights = layer.weights.values.flatten(0, 1)[..., None]
    expected = conv1d(sequence.flatten(1, 2), weights, groups=4).view(2, 4, 5, 9)
    torch.testing.assert_close(layer(sequence, None), expected)


def test_norms_take_eight_groups_of_each_instrument():
    normed = ActiveNorm(3, 16, None, 1)(noise(2, 3, 16, 50).exp(), None)
    groups = normed.reshape(2, 3, 8, -1)
    torch.testing.assert_close(groups.mean(-1), torch.zeros(2, 3, 8), rtol=0, atol=1e-5)
    torch.testing.assert_close(groups.var(-1, correction=0), torch.ones(2, 3, 8))


def test_independent_weights_of_the_generated_values_give_the_same_estimates():
    generated, independent = make(), make(weights="independent")
    state = {}
    for key, value in generated.state_dict().items():
        if "generator" not in key and "embeddings" not in key:
            state[key] = value
    for name, module in generated.named_modules():
        if name.endswith((".weights", ".affine", ".taps")):
            stage = generated.stages[int(name.split(".")[1])]
            state[f"{name}.values"] = module(stage.masks.embeddings.weight).detach()
    independent.load_state_dict(state)
    mixture = noise(1, 1, 800)
    torch.testing.assert_close(independent(mixture)["final"], generated(mixture)["final"])


def test_instruments_of_one_embedding_share_the_mixture_evenly():
    model = make(stages=1)
    model.stages[0].masks.embeddings.weight.data[:] = 0.5
    final = model(noise(1, 1, 800))["final"]
    torch.testing.assert_close(final, final[:, :1].expand_as(final))


def tone(rate, seconds=0.5):
    return torch.sin(2 * torch.pi * 440 * torch.arange(int(rate * seconds)) / rate)


def test_the_stages_hear_the_mixture_at_their_rates():
    model = make(stages=3)
    assert model.rate == 32000
    for stage, rate in enumerate((8000, 16000, 32000)):
        heard = model.at_stage(tone(32000)[None, None], stage)[0, 0]
        assert heard.shape == tone(rate).shape
        torch.testing.assert_close(heard[100:-100], tone(rate)[100:-100], rtol=0, atol=2e-3)


def test_statistics_standardise_the_spectrograms_and_are_kept_with_the_weights():
    model, other = make(), make()
    batches = [3 * noise(2, 1, 8000), noise(1, 1, 6000, seed=2)]
    model.prepare(batches)
    for i, stage in enumerate(model.stages):
        layer = stage.encoder.spectrogram
        levels = torch.cat(
            [layer.levels(model.at_stage(b, i)).transpose(0, 1).flatten(1) for b in batches], 1
        )
        torch.testing.assert_close(layer.mean, levels.mean(1, keepdim=True))
        torch.testing.assert_close(layer.deviation, levels.std(1, keepdim=True))
    other.load_state_dict(model.state_dict())
    mixture = noise(1, 1, 900)
    assert torch.equal(other(mixture)["final"], model(mixture)["final"])
    assert not torch.allclose(make()(mixture)["final"], model(mixture)["final"])


def test_dissimilarity_is_the_mean_cosine_of_magnitudes_over_active_pairs():
    latents = noise(2, 4, 6, 5)
    active = torch.tensor([[True, True, False, True], [True, False, False, False]])
    pairs = [(0, 1), (0, 3), (1, 3)]
    magnitudes = latents[0].abs()
    cosines = [cosine_similarity(magnitudes[i], magnitudes[j], dim=0).mean() for i, j in pairs]
    torch.testing.assert_close(dissimilarity(latents, active), torch.stack(cosines).mean())
    assert dissimilarity(latents, torch.zeros_like(active)) == 0


def test_similarity_is_the_mean_cosine_to_the_same_instrument_one_example_before():
    latents = noise(3, 2, 6, 5)
    active = torch.tensor([[True, True], [True, False], [True, True]])
    pairs = [(0, 2, 0), (1, 0, 0), (2, 1, 0), (0, 2, 1)]
    cosines = [cosine_similarity(latents[b, i], latents[a, i], dim=0).mean() for b, a, i in pairs]
    torch.testing.assert_close(similarity(latents, active), torch.stack(cosines).mean())
    assert similarity(latents, torch.zeros_like(active)) == 0


def test_silent_sources_take_no_part_in_the_penalties():
    sources = noise(2, 4, 1, 800)
    sources[:, 2] = 0
    _, active = make().true_latents(sources, 0)
    assert active.tolist() == [[True, True, False, True]] * 2


@pytest.mark.parametrize("channels", [1, 2])
def test_gains_are_those_of_a_least_squares_fit(channels):
    generator = np.random.default_rng(0)
    estimates = generator.standard_normal((4, channels, 500)).astype(np.float32)
    true = generator.uniform(0.5, 2, (4, channels))
    mixture = np.einsum("sc,sct->ct", true, estimates) + generator.standard_normal((channels, 500))
    gains = least_squares_gains(mixture, estimates)
    for channel in range(channels):
        expected = np.linalg.lstsq(estimates[:, channel].T, mixture[channel], rcond=None)[0]
        np.testing.assert_allclose(gains[:, channel], expected, rtol=1e-5)
    fitted = rescaled(mixture, estimates)
    assert fitted.dtype == np.float32
    np.testing.assert_allclose(fitted, gains[..., None] * estimates, rtol=1e-5)


def test_a_silent_estimate_stays_silent_and_leaves_the_others_alone():
    generator = np.random.default_rng(0)
    sources = generator.standard_normal((3, 1, 500))
    estimates = np.stack((sources[0] / 3, np.zeros((1, 500)), sources[1] * 5))
    gains = least_squares_gains(sources[0] + sources[1], estimates)
    np.testing.assert_allclose(gains[:, 0], [3, 0, 0.2], atol=1e-9)


@pytest.mark.parametrize(
    ("params", "fault"),
    [({"N": 12}, "N is 12; it must be a multiple of 8"), ({"L": 5}, "L must be even")],
)
def test_parameters_that_do_not_fit_are_refused(params, fault):
    with pytest.raises(ValueError, match=fault):
        make(**params)


def test_one_batch_can_be_learned_by_heart():
    model = make(targets=("accompaniment", "vocals"))
    time = torch.arange(1600) / model.rate
    tones = [torch.sin(6.28 * hertz * time) for hertz in (440, 1870)]
    sources = torch.stack(tones)[None, :, None]
    mixture = sources.sum(1)
    before = negative_si_sdr(mixture[:, None].expand_as(sources), sources)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(300):
        loss = negative_si_sdr(model(mixture)["final"], sources)
        if loss < before - 10:
            return
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pytest.fail(f"the loss fell from {before} to {loss} dB only")

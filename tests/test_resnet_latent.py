import pytest
import torch
from torch import nn

from mssbench.models.registry import parameter_count
from mssbench.models.resnet_latent import ResNetLatent, masks
from mssbench.models.resnet_layers import Doubling, ResidualBlock, halving
from mssbench.models.spectrogram import spectrogram
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {"n_fft": 64, "hop": 16, "nf": 4, "res_blocks": 1}


def small(**params):
    torch.manual_seed(0)
    return ResNetLatent(**{**SMALL, **params})


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def settle(model):
    """Give running statistics values of a batch, so that evaluation has something to use."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    model.train()(noise(4, model.channels, 900, seed=5))
    return model.eval()


def test_parts_and_variants_have_the_papers_parameter_counts():
    counts = {}
    for name, variant in ResNetLatent.variants.items():
        # Not on the meta device, where truncated normals take seconds to prepare.
        model = ResNetLatent(**variant.params)
        counts[name] = parameter_count(model)
        assert variant.rate == 44100
        assert parameter_count(model.encoder) == 1_486_208
        assert parameter_count(model.separator) == 7_084_032
        assert parameter_count(model.decoders[0]) == 605_608
    assert counts == {"RA shared decoder": 9_175_848, "RA separate decoders": 10_992_672}


def test_140_frames_have_latents_of_127_by_35():
    model = ResNetLatent(nf=4, res_blocks=1)
    latents = model.latent(noise(2, 1, 139 * 256))
    assert latents.shape == (2, 4, 4, 127, 35)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1, 15, 16, 100, 1001])
def test_estimates_are_as_long_as_the_mixture(channels, samples):
    model = small(channels=channels).eval()
    for batch in (1, 3):
        estimates = model(noise(batch, channels, samples))["final"]
        assert estimates.shape == (batch, 4, channels, samples)
        assert estimates.isfinite().all()


@pytest.mark.parametrize("shared", [True, False])
def test_every_parameter_receives_a_gradient(shared):
    model = small(shared_decoder=shared)
    estimate, truth = model.compare(noise(2, 1, 600), noise(2, 4, 1, 600), ("spectra",))["spectra"]
    (estimate - truth).square().mean().backward()
    assert [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_halving_convolution_pads_as_tensorflow_does():
    layer = halving(1, 1)
    nn.init.ones_(layer[1].weight)
    image = torch.zeros(1, 1, 40, 20, requires_grad=True)
    halved = layer(image)
    assert halved.shape == (1, 1, 20, 10)
    halved[0, 0, 7, 4].backward()
    bins, frames = image.grad[0, 0].nonzero().unbind(1)
    assert sorted(set(bins.tolist())) == list(range(14 - 5, 14 + 7))
    assert sorted(set(frames.tolist())) == [8, 9, 10]


def test_a_doubling_convolution_is_the_transpose_of_a_halving_one():
    # So TensorFlow defines its transposed convolutions.
    down, up = halving(3, 5), Doubling(5, 3)
    up.weight = down[1].weight
    image, halved = noise(1, 3, 24, 16), noise(1, 5, 12, 8, seed=2)
    torch.testing.assert_close((down(image) * halved).sum(), (image * up(halved)).sum())


def test_a_residual_block_adds_to_its_input_and_rectifies_nothing_behind_that():
    block = ResidualBlock(3, batch_statistics=True)
    latent = noise(2, 3, 6, 5)
    nn.init.zeros_(block.body[-1].weight)
    nn.init.constant_(block.body[-1].bias, -0.5)
    torch.testing.assert_close(block(latent), latent - 0.5)


def test_filters_start_truncated_normal():
    weights = small(nf=16).separator[0].body[1].weight.detach()
    assert weights.abs().max() <= 0.04
    # Cut at two sigma, a normal distribution keeps 0.88 of its sigma.
    assert weights.std().item() == pytest.approx(0.88 * 0.02, rel=0.02)


def test_batch_statistics_hold_in_evaluation_too():
    model = small()
    mixture = noise(3, 1, 500)
    trained = model.train()(mixture)["final"]
    evaluated = model.eval()(mixture)["final"]
    torch.testing.assert_close(evaluated, trained)
    assert not torch.allclose(model(mixture[:1])["final"], evaluated[:1])


def test_with_running_statistics_an_item_does_not_depend_on_the_others():
    model = settle(small(batch_statistics=False))
    mixture = noise(3, 1, 500)
    evaluated = model(mixture)["final"]
    torch.testing.assert_close(model(mixture[:1])["final"], evaluated[:1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(model.train()(mixture)["final"], evaluated)


def test_a_shared_decoder_treats_slices_alike():
    model = settle(small(batch_statistics=False))
    spectra = model.analyse(noise(1, 1, 500))
    estimates = model.separate(spectra)
    # Exchange the slices of the first and the last source.
    order = torch.tensor([3, 1, 2, 0])

    def exchanged(_, inputs, output):
        return output.unflatten(1, (4, -1))[:, order].flatten(1, 2)

    model.separator.register_forward_hook(exchanged)
    torch.testing.assert_close(model.separate(spectra), estimates[:, order])


def test_a_decoder_of_its_own_learns_from_its_target_alone():
    model = small(shared_decoder=False)
    model(noise(2, 1, 500))["final"][:, 1].square().mean().backward()
    taught = [all(p.grad.any() for p in decoder.parameters()) for decoder in model.decoders]
    assert taught == [False, True, False, False]
    assert all(p.grad.any() for p in model.encoder.parameters())


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_masked_estimates_share_the_mixture_out_in_evaluation_only(exponent):
    mixture = noise(2, 1, 801)
    plain, masked = small().eval(), small(mask_exponent=exponent).eval()
    shares = masked(mixture)["final"]
    torch.testing.assert_close(shares.sum(1), mixture, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(plain(mixture)["final"].sum(1), mixture, atol=1e-2)
    torch.testing.assert_close(masked.train()(mixture)["final"], plain(mixture)["final"])


@pytest.mark.parametrize(("exponent", "share"), [(1.0, 5 / 6), (2.0, 25 / 26)])
def test_masks_compare_magnitudes_to_the_exponent(exponent, share):
    estimates = torch.tensor([3 + 4j, 1j]).reshape(1, 2, 1, 1, 1)
    assert masks(estimates, exponent).flatten().tolist() == pytest.approx([share, 1 - share])


def test_the_losses_are_those_of_the_paper_and_of_the_code():
    model = small()
    sources = noise(2, 4, 1, 600)
    mixture = sources.sum(2).sum(1, keepdim=True)
    spectra = model.analyse(mixture)
    estimates = model.separate(spectra)
    real, imaginary = (part.unsqueeze(2) for part in estimates.unbind(2))
    truth = spectrogram(nn.functional.pad(sources, (0, 8)), 64, 16)
    errors = (real - truth.real).square() + (imaginary - truth.imag).square()
    paper = errors.sum() / 2 / (truth[0, 0].numel() * 2)
    total = estimates.sum(1)
    gap = (total[:, 0] - spectra.real[:, 0]).square() + (total[:, 1] - spectra.imag[:, 0]).square()
    code = paper + 0.5**2 * gap.mean() / 2
    terms = {"spectra": LossTerm("mse", 4.0)}
    compared = model.compare(mixture, sources, ("spectra",))
    torch.testing.assert_close(total_loss(compared, terms)[0], paper)
    terms["sum"] = LossTerm("mse", 0.25)
    compared = model.compare(mixture, sources, ("spectra", "sum"))
    torch.testing.assert_close(total_loss(compared, terms)[0], code)


def test_waveforms_compared_are_those_returned():
    model = small(channels=2)
    mixture, sources = noise(2, 2, 601), noise(2, 4, 2, 601)
    estimate, truth = model.compare(mixture, sources, model.probes)["final"]
    torch.testing.assert_close(estimate, model(mixture)["final"])
    assert truth is sources


def test_spectra_keep_what_a_mask_would_change():
    # Losses look at the network in evaluation, too, when songs validate it.
    mixture, sources = noise(1, 1, 600), noise(1, 4, 1, 600)
    estimates = [
        small(mask_exponent=exponent).eval().compare(mixture, sources, ("spectra",))["spectra"][0]
        for exponent in (None, 1.0)
    ]
    torch.testing.assert_close(*estimates)


def test_the_middle_of_an_excerpt_is_that_of_the_song():
    model = settle(small(batch_statistics=False))
    song = noise(1, 1, 16 * 400)
    # Excerpts that begin at a multiple of four frames fall on the same grid.
    excerpt = model(song[..., 16 * 100 : 16 * 300])["final"]
    whole = model(song)["final"][..., 16 * 100 : 16 * 300]
    middle = slice(16 * 60, -16 * 60)
    torch.testing.assert_close(excerpt[..., middle], whole[..., middle], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"targets": ("a", "b", "c")}, "nf is 4; .* 3 targets"),
        ({"n_fft": 100}, "n_fft is 100; .* 8"),
        ({"n_fft": 24}, "n_fft is 24; .* 32"),
        ({"mask_exponent": 0.0}, "mask_exponent is 0.0; .* above 0"),
    ],
)
def test_what_cannot_be_built_is_named(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params)


def test_one_batch_is_learned():
    time = torch.arange(2000) / 4000
    low, high = (2 * torch.pi * f * time for f in (200, 900))
    sources = torch.stack((low.sin() * time, high.sin() * (0.6 - time)))[None, :, None]
    mixture = sources.sum(1)
    torch.manual_seed(0)
    model = ResNetLatent(targets=("low", "high"), n_fft=64, hop=32, nf=4, res_blocks=1)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(50):
        optimiser.zero_grad()
        estimate, truth = model.compare(mixture, sources, ("spectra",))["spectra"]
        (estimate - truth).square().mean().backward()
        optimiser.step()
    with torch.no_grad():
        learned = -negative_si_sdr(model(mixture)["final"], sources)
    untouched = -negative_si_sdr(mixture.unsqueeze(1).expand_as(sources), sources)
    assert learned > untouched + 10

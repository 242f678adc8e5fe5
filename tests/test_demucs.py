"""Demucs: its sizes, its lengths, and the released code."""

import pytest
import torch
from torch import nn

from mssbench.errors import UserError
from mssbench.models import row_convolutions
from mssbench.models.demucs import Demucs, rescale
from mssbench.models.registry import parameter_count
from mssbench.models.row_convolutions import RowConv1d, RowConvTranspose1d
from mssbench.training.losses import mae, negative_si_sdr

SMALL = {"C": 4, "L": 3}


def small(**params):
    torch.manual_seed(0)
    return Demucs(**{**SMALL, **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def unscaled_count(name):
    """Return a variant's values; nothing is there to be rescaled on the meta device."""
    with torch.device("meta"):
        return parameter_count(Demucs(**{**Demucs.variants[name].params, "rescaled": None}))


@pytest.mark.parametrize(("name", "count"), [("Demucs", 648_548_208), ("light", 265_679_496)])
def test_parameter_counts_are_those_of_the_released_models(name, count):
    assert unscaled_count(name) == count


def test_every_switch_of_the_ablation_takes_its_own_weights_away():
    widths = [100 * 2**level for level in range(6)]
    whole, top = unscaled_count("Demucs"), widths[-1]
    # Two layers in two directions, with two biases each; the linear map has one.
    lstm = sum(2 * 4 * top * (inputs + top + 2) for inputs in (top, 2 * top)) + 2 * top**2 + top
    assert whole - unscaled_count("no LSTM") == lstm
    inner = sum(w * (w + 1) + w * (3 * w + 1) for w in widths)
    assert whole - unscaled_count("no GLU") == inner
    assert whole - unscaled_count("no rewrite") == 2 * inner
    assert whole - unscaled_count("context 1") == sum(2 * w * 2 * w for w in widths)


@pytest.mark.parametrize("name", Demucs.variants)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1, 97, 500])
def test_estimates_are_as_long_as_the_mixture(name, channels, samples):
    model = small(**{**Demucs.variants[name].params, **SMALL, "channels": channels})
    final = model(noise(1, channels, samples))["final"]
    assert final.shape == (1, 4, channels, samples)
    assert final.isfinite().all()


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("samples", [1, 31, 96, 97, 98, 99, 100])
def test_the_fitting_length_leaves_nothing_over_and_gives_enough(kernel, samples):
    model = small(kernel=kernel)
    length = model.fitting_length(samples)
    frames = length
    for _ in range(3):
        assert (frames - 8) % 4 == 0
        frames = (frames - 8) // 4 + 1
    given = model.network(noise(1, 2, length)).shape[-1]
    assert samples <= given
    # What the decoder's inner convolutions lose at 1, 2 and 3 halvings of the rate by 4.
    assert length - given == (kernel - 1) * (4 + 16 + 64)


def test_at_full_depth_5460_samples_are_lost_at_each_side():
    model = Demucs(C=1, lstm=False)
    length = model.fitting_length(441_000)
    assert length - model.network(noise(1, 2, length)).shape[-1] == 2 * 5460


def test_skips_are_added_and_trimmed_at_both_ends():
    model = small(L=1, lstm=False)
    reached = []
    model.decoder[0].register_forward_pre_hook(lambda _, given: reached.append(given[0]))
    mixture = noise(1, 2, 96)
    model.network(mixture)
    torch.testing.assert_close(reached[0], 2 * model.encoder[0](mixture))


def test_rescaling_moves_the_deviation_halfway_on_a_logarithmic_scale():
    layer = nn.Conv1d(30, 40, 5)
    weights, biases = layer.weight.detach().clone(), layer.bias.detach().clone()
    rescale(layer, 0.1)
    factor = (weights.std() / 0.1) ** 0.5
    torch.testing.assert_close(layer.weight.std(), (weights.std() * 0.1) ** 0.5)
    torch.testing.assert_close(layer.bias, biases / factor)


def test_only_convolutions_are_rescaled():
    plain, scaled = small(rescaled=None), small()
    for (key, before), after in zip(plain.named_parameters(), scaled.parameters(), strict=True):
        assert torch.equal(before, after) == key.startswith("lstm"), key


def plain_network():
    """Return a network that gives back what it hears, sample by sample."""
    model = Demucs(channels=1, targets=("all",), C=8, L=1, K=4, kernel=1, lstm=False, rewrite=False)
    encoder, decoder = model.encoder[0][0], model.decoder[0][0]
    nn.init.zeros_(encoder.bias)
    nn.init.zeros_(decoder.bias)
    # What is above zero and what is below; the skip doubles both.
    both = torch.cat((torch.eye(4), -torch.eye(4))).unsqueeze(1)
    encoder.weight.data, decoder.weight.data = both.clone(), both / 2
    return model.eval()


def test_a_network_of_plain_paths_gives_the_mixture():
    mixture = noise(2, 1, 101)
    torch.testing.assert_close(plain_network()(mixture)["final"].squeeze(1), mixture)


def test_standardised_networks_follow_the_level_of_the_mixture():
    model = small(standardise=True)
    mixture = noise(1, 2, 200)
    quiet = 0.01 * mixture + 0.3
    expected = 0.01 * model(mixture)["final"] + 0.3
    torch.testing.assert_close(model(quiet)["final"], expected, rtol=0, atol=2e-5)
    assert model(torch.zeros(1, 2, 200))["final"].isfinite().all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"S": 9}, "S is 9; it must be at most K, which is 8"),
        ({"rescaled": 0.0}, "rescaled is 0; it must be above 0"),
    ],
)
def test_values_that_cannot_be_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params)


def test_a_mono_mixture_is_refused_by_a_stereo_model():
    with pytest.raises(UserError, match="1 channels"):
        small()(noise(1, 1, 64))


@pytest.mark.parametrize("name", Demucs.variants)
def test_every_parameter_receives_a_gradient(name):
    model = small(**{**Demucs.variants[name].params, **SMALL})
    final = model(noise(2, 2, 400))["final"]
    mae(final, noise(*final.shape)).backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_one_batch_can_be_learned():
    model = small(C=16, channels=1, targets=("low", "high"))
    time = torch.arange(2000) / 8000
    sources = torch.stack([0.4 * torch.sin(2 * torch.pi * f * time) for f in (230, 1700)])
    sources = sources[None, :, None]
    mixture = sources.sum(1)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(100):
        optimiser.zero_grad()
        estimate = model(mixture)["final"]
        mae(estimate, sources).backward()
        optimiser.step()
    before = negative_si_sdr(mixture.unsqueeze(1).expand_as(sources), sources)
    assert before - negative_si_sdr(estimate, sources) > 10


SWITCHES = [{}, {"kernel": 1}, {"glu": False}, {"lstm": False}, {"rewrite": False}]


@pytest.mark.parametrize("params", SWITCHES)
@pytest.mark.parametrize("samples", [50, 1001, 1500])
def test_the_released_code_gives_the_same_with_the_same_weights(params, samples):
    released = pytest.importorskip("demucs.model", reason="demucs 2.0 is not installed")
    ours = small(**params)
    theirs = released.Demucs(
        sources=list(ours.targets),
        channels=4,
        depth=3,
        resample=False,
        rewrite=params.get("rewrite", True),
        glu=params.get("glu", True),
        lstm_layers=2 if params.get("lstm", True) else 0,
        context=params.get("kernel", 3),
    )
    theirs.load_state_dict(ours.state_dict())
    mixture = noise(2, 2, samples)
    missing = theirs.valid_length(samples) - samples
    network = theirs(nn.functional.pad(mixture, (missing // 2, missing - missing // 2)))
    begin = (network.shape[-1] - samples) // 2
    expected = network[..., begin : begin + samples]
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(ours(mixture)["final"], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kind", "taps", "hop"), [(0, 8, 4), (0, 3, 1), (0, 1, 1), (1, 8, 4)])
def test_short_sequences_are_convolved_as_long_ones(monkeypatch, kind, taps, hop, bias):
    torch.manual_seed(0)
    layer = (RowConv1d, RowConvTranspose1d)[kind](48, 40, taps, hop, bias=bias)
    signal = noise(1, 48, 19).requires_grad_()
    asked = []

    def through(short):
        monkeypatch.setattr(
            row_convolutions, "is_short", lambda *given: asked.append(given) or short
        )
        output = layer(signal)
        of = [signal, *layer.parameters()]
        return output, *torch.autograd.grad(output.square().sum(), of)

    for ours, theirs in zip(through(True), through(False), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert len(asked) == 2


def test_a_sequence_is_short_as_long_as_a_layer_is_wide():
    weights = torch.empty(100, 3)
    assert row_convolutions.is_short(noise(1, 3, 49), 1, weights)
    assert row_convolutions.is_short(noise(1, 3, 98), 2, weights)
    assert not row_convolutions.is_short(noise(1, 3, 50), 1, weights)
    assert not row_convolutions.is_short(noise(2, 3, 49), 1, weights)


def test_initial_weights_deviate_as_in_the_released_code():
    released = pytest.importorskip("demucs.model", reason="demucs 2.0 is not installed")
    theirs = released.Demucs(sources=list("abcd"), channels=4, depth=3).state_dict()
    for key, weights in small().state_dict().items():
        if weights.numel() >= 100:
            assert weights.std().item() == pytest.approx(theirs[key].std().item(), rel=0.2), key

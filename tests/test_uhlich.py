import math

import pytest
import torch
from torch import nn

from mssbench.models.registry import parameter_count
from mssbench.models.uhlich import BidirectionalLSTMSeparator, FeedForward
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {
    FeedForward: {"C": 2, "K": 3, "n_fft": 64, "hop": 32},
    BidirectionalLSTMSeparator: {"units": 7, "n_fft": 64, "hop": 16},
}
LOSS = {"magnitudes": LossTerm("mse", 1.0)}


def small(cls, **params):
    torch.manual_seed(0)
    return cls(**{**SMALL[cls], **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("cls", "name", "count"),
    [
        (FeedForward, "FNN", 4 * 2_897_424),
        (BidirectionalLSTMSeparator, "BLSTM", 4 * 34_518_098),
        (BidirectionalLSTMSeparator, "BLSTM 250", 4 * 13_761_098),
    ],
)
def test_parameter_counts_are_those_of_the_definition(cls, name, count):
    with torch.device("meta"):
        model = cls(**cls.variants[name].params)
    assert parameter_count(model) == count


@pytest.mark.parametrize("cls", SMALL)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("samples", [320, 321, 1001, 5])
def test_estimates_are_as_long_as_the_mixture(cls, channels, batch, samples):
    estimates = small(cls, channels=channels)(noise(batch, channels, samples))["final"]
    assert estimates.shape == (batch, 4, channels, samples)
    assert estimates.isfinite().all()


@pytest.mark.parametrize("cls", SMALL)
def test_every_parameter_receives_a_gradient(cls):
    model = small(cls, channels=2)
    loss, _ = total_loss(model.compare(noise(4, 2, 2000), noise(4, 4, 2, 2000), LOSS), LOSS)
    loss.backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("cls", SMALL)
def test_each_target_has_a_network_of_its_own(cls):
    model = small(cls, channels=1, targets=("vocals", "accompaniment"))
    model(noise(2, 1, 1000))["final"][:, 1].square().sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.networks[0].parameters())
    assert all(p.grad is not None and p.grad.any() for p in model.networks[1].parameters())


@pytest.mark.parametrize("cls", SMALL)
def test_magnitudes_are_not_negative(cls):
    model = small(cls, channels=1)
    estimates = model.estimate(noise(2, 1, 33, 9).abs())
    assert 0 == estimates.min() < estimates.max()


def reached(model, frames, changed):
    """Return which frames of the estimates a change of one frame of the mixture reaches."""
    before = noise(1, 1, 33, frames).abs()
    after = before.clone()
    after[..., changed] += 1
    with torch.no_grad():
        differs = (model.estimate(before) != model.estimate(after)).any(dim=(0, 1, 2, 3))
    return differs.nonzero().flatten().tolist()


def test_the_feed_forward_network_sees_its_context_and_no_more():
    model = small(FeedForward)
    assert reached(model, 21, 10) == list(range(8, 13))
    assert reached(model, 21, 0) == [0, 1, 2]


def test_the_recurrent_network_sees_all_frames():
    model = small(BidirectionalLSTMSeparator, channels=1)
    assert reached(model, 12, 6) == list(range(12))


def test_the_feed_forward_networks_estimates_are_as_loud_as_the_mixture():
    model = small(FeedForward)
    magnitudes = noise(1, 1, 33, 9).abs()
    torch.testing.assert_close(
        model.estimate(1000 * magnitudes), 1000 * model.estimate(magnitudes), rtol=1e-4, atol=1e-3
    )
    assert not model.estimate(torch.zeros(1, 1, 33, 9)).any()


def test_plain_layers_give_the_frame_in_the_middle_of_the_context():
    model = small(FeedForward, K=2, channels=2)
    width = 2 * 33
    for network in model.networks:
        for first, layer in zip((True, False), network, strict=True):
            nn.init.zeros_(layer[0].weight)
            # Of the five frames of context, the third is the one to estimate.
            columns = torch.arange(width) + (2 * width if first else 0)
            layer[0].weight.data[torch.arange(width), columns] = 1
    magnitudes = noise(3, 2, 33, 8).abs()
    torch.testing.assert_close(
        model.estimate(magnitudes), magnitudes[:, None].expand(-1, 4, -1, -1, -1)
    )


def test_dropout_between_the_lstm_layers_is_for_training_alone():
    model = small(BidirectionalLSTMSeparator, channels=1, dropout=0.5)
    mixture = noise(1, 1, 500)
    assert not torch.equal(model(mixture)["final"], model(mixture)["final"])
    model.eval()
    assert torch.equal(model(mixture)["final"], model(mixture)["final"])


@pytest.mark.parametrize("cls", SMALL)
def test_a_batch_can_be_learned_by_heart(cls):
    time = torch.arange(2048) / 8192
    sources = torch.stack([torch.sin(2 * math.pi * f * time) for f in (440, 2000)]).view(
        1, 2, 1, -1
    )
    mixture = sources.sum(1)
    model = small(cls, channels=1, targets=("accompaniment", "vocals"), n_fft=128, hop=32)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        loss, _ = total_loss(model.compare(mixture, sources, LOSS), LOSS)
        loss.backward()
        optimiser.step()
    before = negative_si_sdr(mixture[:, None].expand_as(sources), sources)
    after = negative_si_sdr(model(mixture)["final"], sources)
    assert (before - after).item() > 10

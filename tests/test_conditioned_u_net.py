import math

import pytest
import torch
from torch import nn

from mssbench.models.conditioned_u_net import ConditionedUNet
from mssbench.models.registry import parameter_count
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {"levels": 4, "filters": 4, "n_fft": 128, "hop": 64, "control": (4, 6, 8)}
TAKEN_AWAY = tuple(f"{way}.{level}.bias" for way in (".down", ".up") for level in range(4))
LOSS = {"magnitudes": LossTerm("mae", 1.0)}


def small(**params):
    torch.manual_seed(0)
    return ConditionedUNet(**{**SMALL, **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "control", "count", "millions"),
    [("simple", 21_532, 9_844_847, "9.845"), ("complex", 2_336_560, 12_159_875, "12.160")],
)
def test_parameter_counts_are_those_of_the_released_code(name, control, count, millions):
    with torch.device("meta"):
        model = ConditionedUNet(**ConditionedUNet.variants[name].params)
    assert parameter_count(model.network) == 9_823_315
    assert parameter_count(model.control) == control
    assert parameter_count(model) == count
    assert f"{count / 1e6:.3f}" == millions


@pytest.mark.parametrize("samples", [64 * 9, 64 * 9 + 1, 1001, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_estimates_are_as_long_as_the_mixture(samples, batch):
    estimates = small()(noise(batch, 1, samples))["final"]
    assert estimates.shape == (batch, 4, 1, samples)
    assert estimates.isfinite().all()


@pytest.mark.parametrize("film", ["simple", "complex"])
@pytest.mark.parametrize("trained", ["all", "one"])
def test_every_parameter_receives_a_gradient(film, trained):
    model = small(film=film, trained=trained)
    # Far from 0, so that no ReLU of the control network is closed for all four sources.
    for layer in model.control.layers:
        nn.init.uniform_(layer.bias, 0.5, 1.0)
    mixture, sources = noise(6, 1, 2000), noise(6, 4, 1, 2000)
    loss, _ = total_loss(model.compare(mixture, sources, LOSS), LOSS)
    loss.backward()
    # The normalisations take away what the convolutions' biases add.
    learning = [(key, p) for key, p in model.named_parameters() if not key.endswith(TAKEN_AWAY)]
    assert [key for key, p in learning if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(("film", "shares"), [("simple", [1] * 4), ("complex", [4, 8, 16, 32])])
def test_every_level_is_modulated_after_its_normalisation(film, shares):
    model = small(film=film).eval()
    assert model.shares == shares
    # Gains of 0 leave the biases alone: what the mixture is no longer reaches the mask.
    nn.init.zeros_(model.control.gain.weight)
    magnitudes = noise(2, 1, 65, 16).abs()
    masks = model.masks(magnitudes, torch.tensor([1, 1]))
    torch.testing.assert_close(masks[0], masks[1])
    # Gains of 1 and biases of 0 make it a plain U-Net, deaf to what is wanted.
    nn.init.ones_(model.control.gain.bias)
    nn.init.zeros_(model.control.bias.weight)
    same = magnitudes[:1].repeat(2, 1, 1, 1)
    masks = model.masks(same, torch.tensor([0, 3]))
    torch.testing.assert_close(masks[0], masks[1])
    torch.testing.assert_close(masks[:, :, :-1], model.network(same[:, :, :-1]))


def test_a_level_has_gains_and_biases_of_its_own():
    model = small(film="complex").eval()
    seen = []

    def network(image, modulate):
        seen.extend(modulate(level, torch.ones(1, n, 1, 1)) for level, n in enumerate(model.shares))
        return image

    model.network.forward = network
    model.masks(noise(1, 1, 65, 16).abs(), torch.tensor([2]))
    gains, biases = model.control(torch.eye(4)[2:3])
    torch.testing.assert_close(torch.cat(seen, dim=1).flatten(), (gains + biases).flatten())


def test_the_vector_tells_the_sources_apart():
    model = small(film="complex").eval()
    for layer in model.control.layers:
        nn.init.uniform_(layer.weight)  # the small ones it starts with hardly tell them apart
    magnitudes = noise(2, 1, 65, 16).abs()
    estimates = model.estimate(magnitudes)
    for source in range(4):
        mask = model.masks(magnitudes, torch.tensor([source, source]))
        torch.testing.assert_close(estimates[:, source], mask * magnitudes)
    assert not torch.allclose(estimates[:, 0], estimates[:, 1])


def test_masks_lie_between_0_and_1_and_the_topmost_bin_has_that_of_the_one_below():
    masks = small().masks(50 * noise(3, 1, 65, 11).abs(), torch.tensor([0, 1, 2]))
    assert masks.shape == (3, 1, 65, 11)
    assert 0 <= masks.min() < masks.max() <= 1
    assert torch.equal(masks[:, :, -1], masks[:, :, -2])


def test_one_source_an_example_is_drawn_while_training():
    model = small(trained="one")
    mixture = noise(64, 1, 500)
    # Source j is j + 1 times the same noise, so the truth tells which one was drawn.
    sources = torch.arange(1.0, 5.0).view(1, 4, 1, 1) * mixture[:, None]
    torch.manual_seed(3)
    estimates, truths = model.compare(mixture, sources, ["magnitudes"])["magnitudes"]
    assert estimates.shape == truths.shape == (64, 1, 1, 65, 9)
    drawn = (truths.sum((1, 2, 3, 4)) / model.magnitudes(mixture).sum((1, 2, 3))).round()
    assert drawn.unique().tolist() == [1, 2, 3, 4]
    torch.manual_seed(3)
    _, again = model.compare(mixture, sources, ["magnitudes"])["magnitudes"]
    assert torch.equal(truths, again)
    _, other = model.compare(mixture, sources, ["magnitudes"])["magnitudes"]
    assert not torch.equal(truths, other)
    # Validation looks at all of them, and so does whoever separates.
    assert model(mixture)["final"].shape == sources.shape
    assert model.eval().compare(mixture, sources, ["final"])["final"][0].shape == sources.shape


def test_dropout_is_for_training_alone():
    mixture = noise(2, 1, 1000)
    model = small()
    assert not torch.equal(model(mixture)["final"], model(mixture)["final"])
    model.eval()
    assert torch.equal(model(mixture)["final"], model(mixture)["final"])


def test_weights_start_as_in_the_released_code():
    model = small(filters=16)
    for layer in (*model.network.down[1:], *model.network.up[:-1], model.control.gain):
        assert layer.weight.mean().item() == pytest.approx(0, abs=0.01)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.3)
        assert not layer.bias.any()
    assert model.network.down_norms[0].momentum == pytest.approx(0.1)


@pytest.mark.parametrize("film", ["simple", "complex"])
def test_a_batch_can_be_learned_by_heart(film):
    time = torch.arange(2048) / 8192
    sources = torch.stack([torch.sin(2 * math.pi * f * time) for f in (440, 2000)]).view(
        1, 2, 1, -1
    )
    mixture = sources.sum(1)
    model = small(targets=("bass", "vocals"), film=film, control=(16, 64, 256), filters=8)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.5, 0.999))
    for _ in range(100):
        optimiser.zero_grad()
        loss, _ = total_loss(model.compare(mixture, sources, LOSS), LOSS)
        loss.backward()
        optimiser.step()
    before = negative_si_sdr(mixture[:, None].expand_as(sources), sources)
    after = negative_si_sdr(model.eval()(mixture)["final"], sources)
    assert (before - after).item() > 10

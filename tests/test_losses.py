import math

import pytest
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from mssbench.training.config import LossTerm
from mssbench.training.losses import (
    mae,
    mse,
    negative_si_sdr,
    negative_si_snr,
    probes_of,
    total_loss,
)
from mssbench.training.means import Means

SINE = torch.sin(torch.arange(1000) * 2 * math.pi / 100)
COSINE = torch.cos(torch.arange(1000) * 2 * math.pi / 100)


def test_mae_and_mse_are_means_over_all_elements():
    estimate = torch.tensor([[1.0, -1.0], [0.0, 3.0]])
    target = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert mae(estimate, target) == pytest.approx((1 + 2 + 0 + 3) / 4)
    assert mse(estimate, target) == pytest.approx((1 + 4 + 0 + 9) / 4)


@pytest.mark.parametrize("share", [1.0, 0.1, 0.001])
def test_si_sdr_is_the_energy_ratio_of_orthogonal_parts(share):
    # Sine and cosine have the same energy and are orthogonal.
    assert negative_si_sdr(SINE + share * COSINE, SINE) == pytest.approx(
        20 * math.log10(share), abs=1e-3
    )


@pytest.mark.parametrize("scale", [0.1, -2.0, 5.0])
def test_si_sdr_does_not_hear_the_level_of_the_estimate(scale):
    estimate = SINE + 0.3 * COSINE
    expected = negative_si_sdr(estimate, SINE).item()
    assert negative_si_sdr(scale * estimate, SINE) == pytest.approx(expected, abs=1e-4)


def test_si_sdr_is_the_mean_over_signals():
    estimates = torch.stack([SINE + 0.1 * COSINE, SINE + 0.001 * COSINE])
    assert negative_si_sdr(estimates, torch.stack([SINE, SINE])) == pytest.approx(-40, abs=0.01)


def test_si_sdr_is_finite_and_teaches_silence_where_the_target_is_silent():
    estimate = SINE.clone().requires_grad_()
    loss = negative_si_sdr(estimate, torch.zeros_like(SINE))
    loss.backward()
    assert loss.isfinite()
    assert estimate.grad.isfinite().all()
    with torch.no_grad():
        quieter = negative_si_sdr(estimate - 100 * estimate.grad, torch.zeros_like(SINE))
    assert quieter < loss
    assert negative_si_sdr(torch.zeros(10), torch.zeros(10)) == pytest.approx(0)


def compared():
    truth = torch.zeros(2, 1, 1, 4)
    return {
        "final": (torch.full_like(truth, 0.5), truth),
        "intermediate": (torch.full_like(truth, 0.2), truth),
    }


def test_the_total_is_the_weighted_sum_and_the_parts_carry_no_weight():
    spec = {"final": LossTerm("mae", 1.0), "intermediate": LossTerm("mse", 0.5)}
    total, parts = total_loss(compared(), spec)
    assert {probe: value.item() for probe, value in parts.items()} == {
        "final": pytest.approx(0.5),
        "intermediate": pytest.approx(0.04),
    }
    assert total.item() == pytest.approx(0.5 + 0.5 * 0.04)


def test_a_probe_of_weight_zero_does_not_count():
    spec = {"final": LossTerm("mae", 2.0), "intermediate": LossTerm("mse", 0.0)}
    total, parts = total_loss(compared(), spec)
    assert list(parts) == ["final"]
    assert total.item() == pytest.approx(1.0)


def test_several_terms_may_look_at_one_probe_and_reward_what_is_unlike():
    spec = {"final": LossTerm("mae", 1.0), "unlike": LossTerm("mse", -0.1, "final")}
    assert probes_of(spec) == ("final",)
    assert total_loss(compared(), spec)[0].item() == pytest.approx(0.5 - 0.1 * 0.25)


@pytest.mark.parametrize("batch", [1, 4])
def test_si_sdr_and_si_snr_are_those_of_torchmetrics(batch):
    random = torch.Generator().manual_seed(batch)
    target = torch.randn(batch, 2, 1, 1000, generator=random)
    estimate = target + 0.3 * torch.randn(target.shape, generator=random)
    expected = -scale_invariant_signal_distortion_ratio(estimate, target).mean()
    torch.testing.assert_close(negative_si_sdr(estimate, target), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(negative_si_snr(estimate, target), expected, rtol=0, atol=1e-4)


def test_si_snr_passes_over_silent_targets():
    target = torch.stack([SINE, torch.zeros_like(SINE)])
    estimate = target + 0.1 * torch.randn(target.shape, generator=torch.manual_seed(0))
    alone = negative_si_snr(estimate[:1], target[:1])
    assert negative_si_snr(estimate, target).item() == pytest.approx(alone.item())
    assert negative_si_snr(3 * estimate, target).item() == pytest.approx(alone.item(), abs=1e-4)
    assert negative_si_snr(estimate[1:], target[1:]) == 0


def test_a_penalty_is_the_mean_of_what_the_model_computes():
    value = torch.tensor([1.0, 3.0])
    total, _ = total_loss({"final": (value, torch.zeros(2))}, {"final": LossTerm("penalty", 0.5)})
    assert total.item() == pytest.approx(1.0)


def test_an_output_of_another_shape_is_not_broadcast():
    with pytest.raises(ValueError, match="final"):
        total_loss(
            {"final": (torch.zeros(2, 4), torch.zeros(2, 1))}, {"final": LossTerm("mae", 1.0)}
        )


def test_means_weigh_batches_by_their_items_and_skip_what_is_left_out():
    means = Means(("final",), torch.device("cpu"))
    no, yes = torch.tensor(False), torch.tensor(True)
    means.add(torch.tensor(1.0), {"final": torch.tensor(2.0)}, 8, skip=no)
    means.add(torch.tensor(math.nan), {"final": torch.tensor(math.inf)}, 8, skip=yes)
    means.add(torch.tensor(4.0), {"final": torch.tensor(5.0)}, 4)
    assert means.values() == {"loss": pytest.approx(2.0), "final": pytest.approx(3.0)}
    means.reset()
    assert math.isnan(means.values()["loss"])

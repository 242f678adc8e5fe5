"""The block of Conv-TasNet, its fast form for the CPU, and its normalisations."""

import pytest
import torch

from mssbench.models.dilated_block import DilatedBlock
from mssbench.models.normalisation import CumulativeNorm, FrameNorm, GlobalNorm


def noise(*shape, seed=1, **kinds):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), **kinds)


def make(cls, **params):
    torch.manual_seed(0)
    return cls(**params)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("frames", "dilation", "taps"), [(23, 2, 3), (9, 3, 5), (3, 8, 3)])
def test_a_fused_block_is_its_layers_one_after_the_other(monkeypatch, bias, frames, dilation, taps):
    # So small that the channels are worked on in parts, the last one smaller.
    monkeypatch.setattr("mssbench.models.fused_block.TILE", 4 * frames)
    block = make(DilatedBlock, B=4, H=6, outputs=7, P=taps, dilation=dilation, bias=bias).double()
    for weights in block.parameters():
        torch.nn.init.normal_(weights)
    for activation in (block.activation1, block.activation2):
        torch.nn.init.uniform_(activation.weight, 0.1, 2)
    torch.nn.init.zeros_(block.norm1.weight[:1].detach())
    sequence = noise(2, 4, frames, dtype=torch.double).requires_grad_()
    of = [sequence, *block.parameters()]
    fused, layered = block.fused(sequence), block.layered(sequence)
    torch.testing.assert_close(fused, layered)
    gradient = noise(*fused.shape, dtype=torch.double)
    for ours, theirs in zip(
        torch.autograd.grad(fused, of, gradient),
        torch.autograd.grad(layered, of, gradient),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
    with torch.inference_mode():
        spare = sequence.new_empty(6, frames)
        torch.testing.assert_close(block.fused(sequence, spare), layered.detach())


@pytest.mark.parametrize("slope", [0.0, -0.5])
def test_a_block_may_learn_slopes_that_cannot_be_undone(slope):
    block = make(DilatedBlock, B=4, H=6, outputs=4, P=3, dilation=1, bias=True)
    torch.nn.init.constant_(block.activation2.weight, slope)
    sequence = noise(1, 4, 9)
    block(sequence).square().sum().backward()
    torch.testing.assert_close(block(sequence), block.layered(sequence))
    assert all(weights.grad.isfinite().all() for weights in block.parameters())


def test_a_fused_block_leaves_frozen_weights_alone():
    block = make(DilatedBlock, B=4, H=6, outputs=4, P=3, dilation=1, bias=True)
    block.requires_grad_(False)
    sequence = noise(1, 4, 9).requires_grad_()
    block(sequence).sum().backward()
    assert sequence.grad.any()
    assert all(weights.grad is None for weights in block.parameters())


def test_global_norm_uses_one_mean_and_variance_an_example():
    sequence = 3 + 2 * noise(2, 4, 50)
    normed = GlobalNorm(4)(sequence)
    torch.testing.assert_close(normed.mean((1, 2)), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(normed.var((1, 2), correction=0), torch.ones(2))


def test_frame_norm_uses_one_mean_and_variance_a_frame():
    normed = FrameNorm(4)(3 + 2 * noise(2, 4, 50))
    torch.testing.assert_close(normed.mean(1), torch.zeros(2, 50), rtol=0, atol=1e-5)
    torch.testing.assert_close(normed.var(1, correction=0), torch.ones(2, 50))


def test_cumulative_norm_of_a_frame_is_the_global_norm_of_what_came_until_then():
    sequence = 3 + 2 * noise(2, 4, 50)
    normed = CumulativeNorm(4)(sequence)
    for frame in (0, 1, 17, 49):
        expected = GlobalNorm(4)(sequence[..., : frame + 1])[..., -1]
        torch.testing.assert_close(normed[..., frame], expected, rtol=1e-4, atol=1e-4)

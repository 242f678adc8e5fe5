"""The block of Conv-TasNet, its fast form for the CPU, and its normalisations."""

import pytest
import torch

from mssbench.models.dilated_block import DilatedBlock, spare_memory
from mssbench.models.normalisation import CumulativeNorm, FrameNorm, GlobalNorm


def noise(*shape, seed=1, **kinds):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), **kinds)


def make(cls, **params):
    torch.manual_seed(0)
    return cls(**params)


def drawn(block):
    """Give a block weights that are far from those it begins with."""
    for weights in block.parameters():
        torch.nn.init.normal_(weights)
    for activation in (block.activation1, block.activation2):
        torch.nn.init.uniform_(activation.weight, 0.1, 2)
    torch.nn.init.zeros_(block.norm1.weight[:1].detach())
    return block


@pytest.mark.parametrize(("channels", "outputs"), [(9, 9), (4, 4), (9, 5)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "shape",
    [(23, 2, 3, 4), (23, 5, 3, 4), (9, 3, 5, 2), (3, 8, 3, 1), (1, 1, 3, 1), (9, 1, 1, 4)],
)
def test_a_fused_block_is_its_layers_one_after_the_other(
    monkeypatch, channels, outputs, bias, shape
):
    frames, dilation, taps, tile = shape
    # So small that the frames are worked on in parts, the last one smaller.
    monkeypatch.setattr("mssbench.models.fused_parts.TILE", 6 * tile)
    sizes = {"B": 4, "H": 6, "outputs": outputs, "P": taps, "dilation": dilation}
    block = drawn(make(DilatedBlock, **sizes, bias=bias).double())
    state = noise(2, frames, channels, dtype=torch.double).requires_grad_()
    of = [state, *block.parameters()]
    fused, layered = block.fused(state), block.layered(state)
    torch.testing.assert_close(fused, layered)
    gradient = noise(*fused.shape, dtype=torch.double)
    for ours, theirs in zip(
        torch.autograd.grad(fused, of, gradient),
        torch.autograd.grad(layered, of, gradient),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
    with torch.inference_mode():
        spare = spare_memory(state, 6)
        torch.testing.assert_close(block.fused(state, spare), layered.detach())


@pytest.mark.parametrize("onednn", [True, False])
def test_a_fused_block_in_single_precision_differs_by_rounding_alone(monkeypatch, onednn):
    if not onednn:
        monkeypatch.setattr("mssbench.models.products.POINTWISE", None)
    monkeypatch.setattr("mssbench.models.fused_parts.TILE", 32 * 100)
    block = drawn(make(DilatedBlock, B=16, H=32, outputs=24, P=3, dilation=4, bias=True))
    state = noise(1, 333, 24).requires_grad_()
    gradient = noise(1, 333, 24, seed=3)
    fused = block.fused(state)
    ours = torch.autograd.grad(fused, [state, *block.parameters()], gradient)
    block.double()
    exact = state.detach().double().requires_grad_()
    layered = block.layered(exact)
    theirs = torch.autograd.grad(layered, [exact, *block.parameters()], gradient.double())
    for own, other in zip((fused, *ours), (layered, *theirs), strict=True):
        assert (own - other).abs().max() < 1e-5 * other.abs().max()


@pytest.mark.parametrize("slope", [0.0, -0.5])
def test_a_block_may_learn_slopes_that_cannot_be_undone(slope):
    block = make(DilatedBlock, B=4, H=6, outputs=4, P=3, dilation=1, bias=True)
    torch.nn.init.constant_(block.activation2.weight, slope)
    state = noise(1, 9, 4)
    block(state).square().sum().backward()
    torch.testing.assert_close(block(state), block.layered(state))
    assert all(weights.grad.isfinite().all() for weights in block.parameters())


def test_a_fused_block_leaves_frozen_weights_alone():
    block = make(DilatedBlock, B=4, H=6, outputs=4, P=3, dilation=1, bias=True)
    block.requires_grad_(False)
    state = noise(1, 9, 4).requires_grad_()
    block(state).sum().backward()
    assert state.grad.any()
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

import logging

import numpy as np
import pytest
import torch

from mssbench.training.config import RandomCropsConfig, WindowCropsConfig
from mssbench.training.crops import make_crops
from mssbench.training.resident import (
    ResidentCrops,
    allowed_bytes,
    batches,
    held_bytes,
    on_device,
)

CPU = torch.device("cpu")
CONFIGS = {
    "random": RandomCropsConfig("random", samples=100, steps_per_epoch=5),
    "windows": WindowCropsConfig("windows", samples=100),
    "voiced": RandomCropsConfig("random", samples=100, steps_per_epoch=5, voiced_share=0.5),
}


@pytest.fixture(params=["mono", "stereo"])
def rendition(request, make_rendition):
    """Noise throughout, so that any sample from elsewhere shows; the last song is a short one."""
    random = np.random.default_rng(0)
    channels = {"mono": 1, "stereo": 2}[request.param]
    lengths = {"a": 900, "b": 1230, "c": 70}
    return make_rendition(
        {name: random.standard_normal((5, channels, n)) for name, n in lengths.items()}
    )


def crops(rendition, kind="random", margin=0, batch_size=4, half=False):
    songs = rendition.songs
    return make_crops(CONFIGS[kind], rendition, songs, batch_size, seed=0, margin=margin, half=half)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("margin", [0, 30])
@pytest.mark.parametrize("half", [False, True])
def test_held_batches_equal_those_read_from_the_files(rendition, kind, margin, half):
    read = crops(rendition, kind, margin, half=half)
    held = ResidentCrops(crops(rendition, kind, margin, half=half), CPU)
    assert held.steps_per_epoch == read.steps_per_epoch
    for n in range(2 * read.steps_per_epoch):
        batch, expected = held.batch(n), read.batch(n)
        assert (batch.dtype, batch.is_contiguous()) == (torch.float32, True)
        assert torch.equal(batch, expected)


def test_halves_take_half_of_the_memory_and_are_the_nearest_16_bit_numbers(rendition):
    whole, half = crops(rendition), crops(rendition, half=True)
    assert 2 * held_bytes(half) == held_bytes(whole)
    assert torch.equal(half.batch(0), whole.batch(0).half().float())
    assert not torch.equal(half.batch(0), whole.batch(0))


def test_a_held_song_shorter_than_the_crop_ends_in_zeros(make_rendition):
    arrays = {"a": np.ones((5, 1, 70)), "b": np.full((5, 1, 300), 2)}
    made = crops(make_rendition(arrays), batch_size=50)
    batch = ResidentCrops(made, CPU).batch(0)
    short = batch[batch[:, 0, 0, 0] == 1]
    assert len(short) > 0
    assert torch.equal(short[..., :70], torch.ones_like(short[..., :70]))
    assert short[..., 70:].abs().sum() == 0


def test_the_ranks_shares_of_held_crops_make_the_batch(rendition):
    held = ResidentCrops(crops(rendition, "windows", batch_size=5), CPU)
    for n in range(held.steps_per_epoch):
        shares = [held.batch(n, rank, 2) for rank in (0, 1)]
        assert torch.equal(torch.cat(shares), held.batch(n))


def test_changing_a_held_batch_leaves_the_next_ones_alone(rendition):
    held = ResidentCrops(crops(rendition), CPU)
    held.batch(0).zero_()
    assert torch.equal(held.batch(0), crops(rendition).batch(0))


def test_batches_come_in_order_however_they_are_held(rendition):
    read, held = crops(rendition), ResidentCrops(crops(rendition), CPU)
    for given in (read, held):
        found = list(batches(given, 2, 6, CPU))
        assert len(found) == 4
        for n, batch in enumerate(found, start=2):
            assert torch.equal(batch, crops(rendition).batch(n))


def test_the_memory_needed_is_what_is_then_held(rendition):
    made = crops(rendition, margin=30)
    held = ResidentCrops(made, CPU)
    assert held_bytes(made) == held._held.nbytes


@pytest.mark.parametrize(("spare", "kind"), [(0, ResidentCrops), (-1, type(None))])
def test_crops_are_held_only_if_they_fit_the_budget(rendition, caplog, spare, kind):
    made = crops(rendition)
    with caplog.at_level(logging.INFO):
        chosen = on_device(made, CPU, (held_bytes(made) + spare + 0.5) / 1e9)
    (line,) = caplog.messages
    if kind is ResidentCrops:
        assert isinstance(chosen, ResidentCrops)
        assert "is held in memory" in line
    else:
        assert chosen is made
        assert "read from its files" in line
        assert "training.memory_gb" in line


def test_without_a_budget_a_cpu_reads_from_the_files_and_says_nothing(rendition, caplog):
    made = crops(rendition)
    with caplog.at_level(logging.INFO):
        assert on_device(made, CPU, None) is made
    assert caplog.messages == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_holds_the_crops_within_half_of_its_free_memory(rendition):
    gpu = torch.device("cuda")
    free, _ = torch.cuda.mem_get_info(gpu)
    assert allowed_bytes(gpu, None) == pytest.approx(free / 2, rel=0.2)
    assert allowed_bytes(gpu, 1e9) == pytest.approx(free, rel=0.2)
    held = on_device(crops(rendition), gpu, None)
    assert isinstance(held, ResidentCrops)
    for n in range(5):
        assert torch.equal(held.batch(n).cpu(), crops(rendition).batch(n))

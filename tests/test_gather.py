import numpy as np
import pytest
import torch

from mssbench.training.gather import PIECE, gather, rows_of
from mssbench.training.rooms import KEPT, Rooms


def mapped(folder, name, array):
    np.save(folder / f"{name}.npy", array)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [1, 100, 2 * PIECE + 1])
def test_a_batch_is_the_excerpts_of_mapped_songs_bit_for_bit(tmp_path, dtype, channels, length):
    random = np.random.default_rng(0)
    songs = [
        mapped(tmp_path, n, random.integers(-(2**15), 2**15, (3, channels, size)).astype(dtype))
        for n, size in enumerate((length + 50, length, max(1, length - 7)))
    ]
    starts = [31, 0, 0]
    room = np.full((3, 3 * channels, length), np.nan, dtype=np.float32)
    gather(room, [rows_of(song) for song in songs], starts)
    scale = 2.0**-15 if dtype == np.int16 else 1
    for crop, song, start in zip(room, songs, starts, strict=True):
        excerpt = scale * song.reshape(-1, song.shape[-1])[:, start : start + length]
        assert np.array_equal(crop[:, : excerpt.shape[1]], excerpt)
        assert not crop[:, excerpt.shape[1] :].any()


def test_memory_is_used_again_only_when_nothing_made_of_it_is_left():
    rooms = Rooms((2, 5))
    room = rooms.take(4)
    batch = torch.from_numpy(room)
    rooms.keep(room)
    address = batch.data_ptr()
    part = batch[1:, 0]  # as a loss may keep
    del room, batch
    other = rooms.take(4)
    assert other.ctypes.data != address
    del part
    again = rooms.take(4)
    assert (again.shape, again.ctypes.data) == ((4, 2, 5), address)


def test_memory_of_another_size_is_not_given():
    rooms = Rooms((2, 5))
    rooms.keep(rooms.take(4))
    assert rooms.take(3).shape == (3, 2, 5)


def test_no_more_memory_is_kept_than_for_the_batches_that_are_held_at_once():
    rooms = Rooms((1,))
    for _ in range(2 * KEPT):
        rooms.keep(np.empty((1, 1), np.float32))
    assert len(rooms._given) == KEPT

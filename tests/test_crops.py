import numpy as np
import pytest
import torch

from mssbench.data.prefetch import prefetch
from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.training.config import RandomCropsConfig, WindowCropsConfig
from mssbench.training.crops import WindowCrops, make_crops
from mssbench.training.read_ahead import read_ahead
from mssbench.training.stems import downmix, targets, with_mixture
from mssbench.training.voiced import voiced_segments

LENGTHS = {"a": 500, "b": 230, "c": 70}
RANDOM = RandomCropsConfig("random", samples=100, steps_per_epoch=5)
BY_SONG = RandomCropsConfig("random", samples=100, steps_per_epoch=5, draw="songs")
OVERLAPPING = WindowCropsConfig("windows", samples=100, stride=30)
WINDOWS = WindowCropsConfig("windows", samples=100)


@pytest.fixture
def rendition(make_rendition):
    """Songs whose samples tell song, position (from 1) and stem, so that each is told apart."""
    arrays = {}
    for number, (name, length) in enumerate(LENGTHS.items()):
        position = 1000 * number + 1 + np.arange(length)
        arrays[name] = np.stack([position + 10000 * stem for stem in range(5)])[:, None]
    return make_rendition(arrays)


def crops(rendition, config=RANDOM, batch_size=4, seed=0):
    return make_crops(config, rendition, rendition.songs, batch_size, seed)


def windows_of_epoch(made, epoch):
    steps = made.steps_per_epoch
    return torch.cat([made.batch(n) for n in range(epoch * steps, (epoch + 1) * steps)])


@pytest.mark.parametrize("config", [RANDOM, BY_SONG, WINDOWS, OVERLAPPING])
def test_a_batch_depends_on_seed_and_number_alone(rendition, config):
    in_order = [crops(rendition, config).batch(n) for n in range(12)]
    backwards = crops(rendition, config)
    for n in reversed(range(12)):
        assert torch.equal(backwards.batch(n), in_order[n])


@pytest.mark.parametrize("config", [RANDOM, WINDOWS])
def test_batches_differ_between_seeds_and_numbers(rendition, config):
    one, other = crops(rendition, config), crops(rendition, config, seed=1)
    assert not torch.equal(one.batch(0), other.batch(0))
    assert not torch.equal(one.batch(0), one.batch(one.steps_per_epoch))
    assert not torch.equal(one.batch(0), one.batch(1))


def test_random_crops_are_excerpts_of_one_song(rendition):
    made = crops(rendition)
    for n in range(50):
        for crop in made.batch(n):
            mixture = crop[0, 0]
            number = int(mixture[0]) // 1000
            length = list(LENGTHS.values())[number]
            held = min(100, length)
            assert mixture[held - 1] <= 1000 * number + length
            assert torch.equal(mixture[:held], mixture[0] + torch.arange(held))
            for stem in range(5):
                assert torch.equal(crop[stem, 0, :held], mixture[:held] + 10000 * stem)


def test_random_crops_reach_both_ends_of_a_song(rendition):
    made = make_crops(RANDOM, rendition, [rendition.by_name("b")], 1000, 0)
    firsts = made.batch(0)[:, 0, 0, 0]
    assert (firsts.min(), firsts.max()) == (1001, 1001 + 230 - 100)


def test_songs_are_drawn_by_their_length(make_rendition):
    # So short that one sample more or less would show.
    lengths = {"a": 3, "b": 2, "c": 1}
    arrays = {name: np.full((5, 1, n), n) for name, n in lengths.items()}
    rendition = make_rendition(arrays)
    config = RandomCropsConfig("random", samples=1, steps_per_epoch=1)
    drawn = crops(rendition, config, batch_size=6000).batch(0)[:, 0, 0, 0].long()
    # Four standard deviations of a share of 6000 draws.
    assert torch.bincount(drawn)[1:] / 6000 == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=0.025)


def test_songs_may_be_drawn_alike_whatever_their_length(make_rendition):
    arrays = {name: np.full((5, 1, n), n) for name, n in {"a": 30, "b": 2, "c": 1}.items()}
    config = RandomCropsConfig("random", samples=1, steps_per_epoch=1, draw="songs")
    drawn = crops(make_rendition(arrays), config, batch_size=6000).batch(0)[:, 0, 0, 0].long()
    shares = torch.bincount(drawn)[[30, 2, 1]] / 6000
    assert shares == pytest.approx([1 / 3] * 3, abs=0.025)


def test_within_a_drawn_song_every_place_is_equally_likely(rendition):
    firsts = crops(rendition, BY_SONG, batch_size=20000).batch(0)[:, 0, 0, 0]
    starts = firsts[(firsts > 1000) & (firsts < 2000)].long() - 1001
    counts = torch.bincount(starts, minlength=131)
    assert len(counts) == 131
    expected = len(starts) / 131
    assert ((counts - expected) ** 2 / expected).sum() < 131 + 5 * (2 * 131) ** 0.5


@pytest.mark.parametrize(
    ("stride", "starts"),
    [
        (None, {1: [0, 100, 200, 300, 400], 2: [0, 100, 200], 3: [0]}),
        (100, {1: [0, 100, 200, 300, 400], 2: [0, 100, 200], 3: [0]}),
        (60, {1: [0, 60, 120, 180, 240, 300, 360, 420], 2: [0, 60, 120, 180], 3: [0]}),
        (130, {1: [0, 130, 260, 390], 2: [0, 130], 3: [0]}),
        (300, {1: [0, 300], 2: [0], 3: [0]}),
    ],
)
def test_windows_begin_at_each_stride_until_one_reaches_the_end(rendition, stride, starts):
    config = WindowCropsConfig("windows", samples=100, stride=stride)
    heard = windows_of_epoch(crops(rendition, config), 1)[:, 0, 0, 0].long().tolist()
    assert sorted(heard) == [1000 * (song - 1) + 1 + s for song in starts for s in starts[song]]


def test_a_song_shorter_than_the_crop_ends_in_zeros(rendition):
    crop = make_crops(RANDOM, rendition, [rendition.by_name("c")], 1, 0).batch(0)[0]
    assert torch.equal(crop[0, 0, :70], 2001.0 + torch.arange(70))
    assert crop[..., 70:].abs().sum() == 0


def test_windows_cover_each_sample_once_an_epoch(rendition):
    every = np.concatenate([rendition.audio(song)[0, 0] for song in rendition.songs])
    made = crops(rendition, WINDOWS)
    for epoch in range(3):
        heard = windows_of_epoch(made, epoch)[:, 0, 0].flatten()
        assert sorted(heard[heard != 0].tolist()) == sorted(every.tolist())


def test_windows_are_shuffled_anew_each_epoch(rendition):
    made = crops(rendition, WINDOWS)
    first, second = windows_of_epoch(made, 0), windows_of_epoch(made, 1)
    assert not torch.equal(first, second)


def test_the_last_batch_of_an_epoch_holds_what_is_left(rendition):
    made = crops(rendition, WINDOWS)
    # 5 + 3 + 1 windows.
    assert made.steps_per_epoch == 3
    assert [len(made.batch(n)) for n in range(4)] == [4, 4, 1, 4]


def test_windows_without_a_seed_keep_the_order_of_the_songs(rendition):
    made = WindowCrops(rendition, rendition.songs, 100, 4)
    starts = windows_of_epoch(made, 0)[:, 0, 0, 0].tolist()
    assert starts == [1, 101, 201, 301, 401, 1001, 1101, 1201, 2001]
    assert torch.equal(windows_of_epoch(made, 0), windows_of_epoch(made, 1))


def test_reading_ahead_gives_the_same_batches_in_order(rendition):
    made = crops(rendition)
    ahead = list(read_ahead(crops(rendition), 3, 9))
    assert len(ahead) == 6
    for n, batch in enumerate(ahead, start=3):
        assert torch.equal(batch, made.batch(n))
    assert list(read_ahead(made, 3, 3)) == []


@pytest.mark.parametrize("config", [RANDOM, WINDOWS])
@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_the_ranks_shares_make_the_batch_of_one_process(rendition, config, ranks):
    # Each rank has crops of its own, and the last batch of an epoch of windows holds one alone.
    each = [crops(rendition, config) for _ in range(ranks)]
    for n in range(7):
        whole = crops(rendition, config).batch(n)
        shares = [made.batch(n, rank, ranks) for rank, made in enumerate(each)]
        assert torch.equal(torch.cat(shares), whole)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(("rank", "ranks"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_that_there_is_not_is_refused(rendition, rank, ranks):
    with pytest.raises(ValueError, match="rank"):
        crops(rendition).batch(0, rank, ranks)


def test_windows_with_a_margin_reach_into_the_next_ones(rendition):
    plain = windows_of_epoch(crops(rendition, WINDOWS), 0)
    made = make_crops(WINDOWS, rendition, rendition.songs, 4, 0, margin=30)
    wider = windows_of_epoch(made, 0)
    assert wider.shape == (9, 5, 1, 130)
    assert torch.equal(wider[..., :100], plain)
    # Song a's last window ends with the song.
    for first, next_one in [(1, 101), (101, 201), (301, 401), (401, 0), (1001, 1101)]:
        (window,) = [window[0, 0] for window in wider if window[0, 0, 0] == first]
        rest = next_one + torch.arange(30.0) if next_one else torch.zeros(30)
        assert torch.equal(window[100:], rest)


def test_random_crops_with_a_margin_are_longer_and_reach_both_ends(rendition):
    song = [rendition.by_name("b")]
    batch = make_crops(RANDOM, rendition, song, 1000, 0, margin=30).batch(0)
    assert batch.shape == (1000, 5, 1, 130)
    assert (batch[:, 0, 0, 0].min(), batch[:, 0, 0, -1].max()) == (1001, 1230)


def singing(lengths_of_phrases, loud=1.0, rate=8000):
    """Return stems (5, 2, samples) that begin with a second of rest and rest after each phrase."""
    vocals = [np.full(rate, 0.01 * loud)]
    for seconds in lengths_of_phrases:
        vocals += [np.full(round(seconds * rate), loud), np.full(rate, 0.01 * loud)]
    vocals = np.concatenate(vocals)
    # Stems count samples, but for the vocals; the right channel is the left one's negative.
    stems = np.stack([np.arange(len(vocals))] * 4 + [vocals])[:, None]
    return np.concatenate([stems, -stems], axis=1)


def test_voiced_segments_are_runs_of_chunks_above_a_tenth_of_the_loudest():
    rate, chunk = 8000, 400
    vocals = singing([0.5, 0.25])[4]
    assert voiced_segments(vocals, chunk).tolist() == [[8000, 12000], [20000, 22000]]
    vocals[:, 30000 - 400 :] = 0.5
    expected = [[8000, 12000], [20000, 22000], [29600, 30000]]
    assert voiced_segments(vocals, chunk).tolist() == expected
    # A chunk that is not whole does not count; nor does a silent song.
    assert voiced_segments(vocals[:, :-1], chunk).tolist() == expected[:2]
    assert len(voiced_segments(np.zeros((1, rate)), chunk)) == 0


VOICED = {"samples": 1000, "steps_per_epoch": 5}


def test_voiced_crops_lie_in_voiced_segments_and_all_places_are_equally_likely(make_rendition):
    songs = {"a": singing([0.5, 0.1, 1.0]), "b": singing([0.25], loud=0.3)}
    rendition = make_rendition(songs)
    config = RandomCropsConfig("random", **VOICED, voiced_share=1.0)
    batch = crops(rendition, config, batch_size=6000).batch(0)
    voices = batch[:, 4, 0]
    assert torch.equal(voices, voices[:, :1].expand_as(voices))
    # The places of crops of 1000 samples in phrases of 4000, 8000 and, in the other song, 2000.
    counts = {(1.0, 8000): 3001, (1.0, 28800): 7001, (0.3, 8000): 1001}
    assert voices.unique().tolist() == pytest.approx([0.3, 1.0])
    for (loud, start), places in counts.items():
        firsts = batch[(voices[:, 0] - loud).abs() < 1e-6][:, 0, 0, 0]
        firsts = firsts[(firsts >= start) & (firsts < start + places)]
        assert len(firsts) / 6000 == pytest.approx(places / 11003, abs=0.03)
        # Both ends of the phrase are reached, but for a hundredth of the places.
        assert firsts.min() - start < 0.01 * places + 5
        assert start + places - firsts.max() < 0.01 * places + 5


def test_voiced_crops_of_songs_drawn_alike_take_song_segment_and_place_in_turn(make_rendition):
    songs = {"a": singing([0.5, 0.1, 1.0]), "b": singing([0.25], loud=0.3), "c": 0 * singing([0.5])}
    config = RandomCropsConfig("random", **VOICED, voiced_share=1.0, draw="songs")
    batch = crops(make_rendition(songs), config, batch_size=6000).batch(0)
    voices, firsts = batch[:, 4, 0], batch[:, 0, 0, 0]
    assert torch.equal(voices, voices[:, :1].expand_as(voices))
    # Of one song the phrases of 4000 and 8000 samples alike, of the other the one of 2000.
    for loud, start, places, share in (
        (1, 8000, 3001, 1 / 4),
        (1, 28800, 7001, 1 / 4),
        (0.3, 8000, 1001, 1 / 2),
    ):
        of_song = firsts[(voices[:, 0] - loud).abs() < 1e-6]
        inside = of_song[(of_song >= start) & (of_song < start + places)]
        assert len(inside) / 6000 == pytest.approx(share, abs=0.03)
        assert (inside - start).mean() == pytest.approx(places / 2, rel=0.05)


def test_the_voiced_share_is_the_share_of_crops_that_are_moved_there(make_rendition):
    rendition = make_rendition({"a": singing([0.25])})
    plain, half = (
        crops(rendition, RandomCropsConfig("random", **VOICED, voiced_share=p), 2000).batch(1)
        for p in (0.0, 0.5)
    )
    moved = (plain[:, 0, 0, 0] != half[:, 0, 0, 0]).float().mean()
    assert moved == pytest.approx(0.5, abs=0.05)
    voiced = (half[:, 4, 0] == 1).all(dim=1).float().mean()
    # And of those that stay, the 1001 of 17001 places that are voiced anyway.
    assert voiced == pytest.approx(0.5 + 0.5 * 1001 / 17001, abs=0.05)


def test_voiced_crops_of_songs_that_are_never_sung_that_long_are_refused(make_rendition):
    rendition = make_rendition({"a": singing([0.1]), "b": 0 * singing([0.1])})
    with pytest.raises(UserError, match=r"voiced_share.*0\.125 s in a row"):
        crops(rendition, RandomCropsConfig("random", **VOICED, voiced_share=0.5))


def test_no_song_to_cut_from_is_refused(rendition):
    with pytest.raises(UserError, match="no song"):
        make_crops(WINDOWS, rendition, [], 4, 0)


def test_crops_of_a_stereo_rendition_keep_both_channels(make_rendition):
    stems = np.random.default_rng(0).standard_normal((5, 2, 40)).astype(np.float32)
    rendition = make_rendition({"a": stems})
    batch = WindowCrops(rendition, rendition.songs, 20, 2).batch(0)
    assert batch.shape == (2, 5, 2, 20)
    assert np.array_equal(batch[1].numpy(), stems[..., 20:])


def test_the_mixture_of_new_sources_is_their_sum():
    sources = torch.randn(3, 4, 2, 16)
    stems = with_mixture(sources)
    torch.testing.assert_close(stems[:, 0], sources[:, 0] + sources[:, 1:].sum(dim=1))
    assert torch.equal(stems[:, 1:], sources)


def test_a_model_of_one_channel_hears_the_average_of_two():
    stems = torch.randn(3, 5, 2, 16)
    torch.testing.assert_close(downmix(stems, 1)[:, :, 0], (stems[:, :, 0] + stems[:, :, 1]) / 2)
    assert downmix(stems, 2) is stems
    assert downmix(stems[:, :, :1], 1).shape == (3, 5, 1, 16)


def test_targets_are_taken_by_name_and_the_accompaniment_is_all_but_the_vocals():
    stems = torch.randn(3, 5, 2, 16)
    mixture, truth = targets(stems, STEMS, ("vocals", "accompaniment", "drums"))
    assert torch.equal(mixture, stems[:, 0])
    assert torch.equal(truth[:, 0], stems[:, 4])
    assert torch.equal(truth[:, 1], stems[:, 0] - stems[:, 4])
    assert torch.equal(truth[:, 2], stems[:, 1])


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (1000, 5000), (7999, 9000), (9000, 9100)])
def test_a_part_that_is_asked_for_ahead_reads_the_same(tmp_path, start, stop):
    array = np.arange(2 * 3 * 8000, dtype=np.int16).reshape(2, 3, 8000)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    prefetch(mapped, start, stop)
    np.testing.assert_array_equal(mapped[..., start:stop], array[..., start:stop])
    prefetch(array, start, stop)  # not a mapped file: nothing to be told

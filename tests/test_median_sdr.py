import math

import numpy as np
import pytest
import torch
from small_runs import U_NET, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.data.splits import split_songs
from mssbench.errors import UserError
from mssbench.models.registry import build
from mssbench.separation import SeparationConfig, separate_song
from mssbench.training.config import TrainingConfig
from mssbench.training.distributed import ALONE
from mssbench.training.feeds import Feeds
from mssbench.training.score import MedianSdr
from mssbench.training.validation import Validation

RATE = 100
CPU = torch.device("cpu")
# Loses context at each side of its output.
VALID_U_NET = {
    "name": "wave_u_net",
    "params": {"levels": 3, "filters": 4, "output": "single", "output_samples": 2000},
}


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def noisy(truth, *levels):
    """Return estimates whose windows of 100 samples have these SDRs (dB)."""
    gains = torch.tensor([10 ** (-level / 20) for level in levels]).repeat_interleave(RATE)
    return truth + truth * gains[: truth.shape[-1]]


def test_the_median_is_over_seconds_then_over_songs_of_their_targets_mean():
    torch.manual_seed(0)
    truth = torch.randn(3, 2, 1, 3 * RATE)
    first = torch.stack([noisy(truth[0, 0], 1, 2, 30), noisy(truth[0, 1], 6, 5, 4)])
    second = torch.stack([noisy(truth[1, 0], 9, 9, 9), noisy(truth[1, 1], 11, 11, 11)])
    third = noisy(truth[2], 20, 20, 20)
    score = MedianSdr(RATE)
    score.add(torch.stack([first, second]), truth[:2], [0, 1])
    # Songs: (2 + 5) / 2, (9 + 11) / 2, 20.
    score.add(third[None], truth[2:], [2])
    assert score.value() == pytest.approx(10, abs=1e-3)
    score.reset()
    score.add(first[None], truth[:1], [0])
    assert score.value() == pytest.approx(3.5, abs=1e-3)


def test_windows_of_one_song_come_together_from_several_items():
    torch.manual_seed(1)
    truth = torch.randn(1, 1, 1, 5 * RATE)
    whole, parts = MedianSdr(RATE), MedianSdr(RATE)
    estimate = noisy(truth, 3, 1, 4, 1, 5)
    whole.add(estimate, truth, [7])
    for n in range(5):
        window = slice(n * RATE, (n + 1) * RATE)
        parts.add(estimate[..., window], truth[..., window], [7])
    assert parts.value() == whole.value() == pytest.approx(3, abs=1e-3)


def test_silent_windows_do_not_count_and_a_short_item_is_one_window():
    torch.manual_seed(2)
    truth = torch.randn(1, 1, 2, 3 * RATE)
    truth[..., RATE:] = 0
    score = MedianSdr(RATE)
    score.add(noisy(truth, 8, 0, 0) + 1e-9, truth, [0])
    assert score.value() == pytest.approx(8, abs=1e-3)
    score.reset()
    score.add(truth[..., RATE:] + 1, truth[..., RATE:], [0])
    assert math.isnan(score.value())
    short = truth[..., : RATE // 2]
    score.add(noisy(short, 6), short, [1])
    assert score.value() == pytest.approx(6, abs=1e-3)


def test_channels_are_one_signal():
    truth = torch.ones(1, 1, 2, RATE)
    estimate = truth.clone()
    estimate[0, 0, 1] = 0
    score = MedianSdr(RATE)
    score.add(estimate, truth, [0])
    assert score.value() == pytest.approx(10 * math.log10(2))


@pytest.mark.parametrize("score", ["si_sdr", "median_sdr"])
@pytest.mark.parametrize("score_on", ["windows", "songs"])
def test_the_highest_score_decides(rendition, tmp_path, score, score_on):
    # So large a step that the score goes up and down.
    config = configuration(
        U_NET, epochs=4, patience=4, score=score, optimiser={"name": "adam", "lr": 0.05}
    )
    config["training"]["score_on"] = score_on
    result = run(config, rendition, tmp_path)
    scores = [row["valid_score"] for row in result.history]
    assert all(map(math.isfinite, scores))
    assert result.best_score == max(scores) == result.history[-1]["best"]
    assert result.best_epoch == 1 + scores.index(max(scores))


def validation_of(model, rendition, **training):
    """Return the validation of an untrained model."""
    torch.manual_seed(0)
    built = build(model["name"], model["params"])
    samples = getattr(built, "input_samples", None) or 2048
    crops = {"kind": "windows", "samples": samples}
    config = TrainingConfig.from_dict(configuration(model, crops=crops, **training))
    feeds = Feeds(config, rendition, CPU, built.channels)
    return Validation(built, config.training, rendition, feeds, ALONE), config


@pytest.mark.parametrize("normalise", ["none", "song"])
@pytest.mark.parametrize("model", [U_NET, VALID_U_NET], ids=["same", "valid"])
def test_a_whole_song_is_separated_as_the_separation_does_it(rendition, model, normalise):
    validation, config = validation_of(
        model, rendition, score="median_sdr", score_on="songs", normalise=normalise
    )
    asked = []
    values = validation.run(lambda: asked.append(1))
    (song,) = split_songs(rendition, config.split).valid
    stems = rendition.audio(song)
    cut = SeparationConfig(config.training.crops.samples, 0.0)
    blocks = separate_song(
        validation.model, stems, rendition.stems, cut, normalise=normalise == "song"
    )
    target = validation.model.targets[0]
    joined = np.concatenate([block[target] for block in blocks], axis=-1)
    estimate = torch.from_numpy(joined)
    truth = torch.from_numpy(np.array(stems[rendition.stems.index(target)]))
    score = MedianSdr(rendition.rate)
    score.add(estimate[None, None], truth[None, None], [0])
    assert values["score"] == pytest.approx(score.value(), abs=1e-3)
    assert len(asked) == validation.feed.steps_per_epoch + 1


def test_a_score_in_db_needs_songs_for_validation(rendition, tmp_path):
    config = configuration(U_NET, score="median_sdr", split={"kind": "all"})
    with pytest.raises(UserError, match=r"training\.score is 'median_sdr'.*'loss'"):
        run(config, rendition, tmp_path)


def test_a_model_without_levels_is_not_scored_by_them(rendition, tmp_path):
    params = {"stages": 1, "first_rate": rendition.rate, "N": 8, "B": 8, "H": 8, "X": 2}
    config = configuration(
        {"name": "meta_tasnet", "params": params},
        loss={"final": {"kind": "si_snr", "weight": 1}},
        score="median_sdr",
    )
    with pytest.raises(UserError, match=r"levels open; choose 'si_sdr'"):
        run(config, rendition, tmp_path)

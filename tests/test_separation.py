import json
import tracemalloc
from logging import ERROR

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from mssbench import cli
from mssbench.data.rendition import Rendition
from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.models.base import Separator, Untrained
from mssbench.models.registry import build
from mssbench.overlap_add import OverlapAdd
from mssbench.separation import (
    SeparationConfig,
    separate_song,
    separate_stream,
    targets_of,
)

SEGMENT = 64


class Scale(Separator):
    """Gives a share of its input for each target, without the context at both sides."""

    multiple = 1

    def __init__(self, targets=("vocals",), shares=(1.0,), channels=1, context=0):
        super().__init__()
        self.targets, self.shares, self.channels, self.context = targets, shares, channels, context
        self.heard = []

    def forward(self, mixture):
        self.heard.append(mixture)
        kept = mixture[..., self.context : mixture.shape[-1] - self.context]
        return {"final": torch.stack([share * kept for share in self.shares], dim=1)}


class Numbered(Separator):
    """Gives a constant a segment: how many segments came before."""

    targets, channels, multiple = ("vocals",), 1, 1

    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, mixture):
        numbers = torch.arange(self.count, self.count + len(mixture), dtype=torch.float32)
        self.count += len(mixture)
        return {"final": numbers[:, None, None, None].expand(-1, 1, *mixture.shape[1:])}


def noise(samples, channels=1, seed=0):
    return np.random.default_rng(seed).standard_normal((channels, samples)).astype(np.float32)


def separate(model, mixture, segment=SEGMENT, overlap=0.0, *, batch=3, context=0):
    blocks = list(
        separate_stream(
            model,
            lambda start, stop: mixture[:, start:stop],
            mixture.shape[1],
            SeparationConfig(segment, overlap, context),
            batch=batch,
        )
    )
    return {t: np.concatenate([block[t] for block in blocks], axis=1) for t in blocks[0]}


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 128, 321, 1000])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("context", [0, 5])
def test_identity_gives_the_mixture_back(samples, overlap, context):
    mixture = noise(samples, channels=2)
    estimates = separate(Scale(channels=2, context=context), mixture, overlap=overlap)
    assert np.array_equal(estimates["vocals"], mixture)
    assert estimates["vocals"].dtype == np.float32


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_a_model_of_one_channel_separates_the_channels_of_a_stereo_song_one_by_one(overlap):
    mixture = noise(321, channels=2)
    model = Scale(targets=("vocals", "drums"), shares=(0.25, 0.5), context=5)
    both = separate(model, mixture, overlap=overlap)
    assert all(batch.shape[1] == 1 for batch in model.heard)
    for channel in range(2):
        alone = separate(model, mixture[channel : channel + 1], overlap=overlap)
        assert both.keys() == alone.keys()
        for target, estimate in alone.items():
            assert np.array_equal(both[target][channel], estimate[0])


@given(
    samples=st.integers(1, 300),
    segment=st.integers(1, 80),
    overlap=st.floats(0, 0.99),
    batch=st.integers(1, 9),
)
@settings(max_examples=60, deadline=None)
def test_identity_holds_for_any_cut(samples, segment, overlap, batch):
    mixture = noise(samples)
    estimates = separate(Scale(), mixture, segment, overlap, batch=batch)
    assert np.array_equal(estimates["vocals"], mixture)


def test_without_overlap_each_segment_keeps_its_own_output():
    vocals = separate(Numbered(), noise(5 * SEGMENT - 7))["vocals"][0]
    assert np.array_equal(vocals, np.repeat(np.arange(5), SEGMENT)[: 5 * SEGMENT - 7])


def test_overlapping_segments_fade_from_one_to_the_next():
    vocals = separate(Numbered(), noise(4 * SEGMENT), overlap=0.5)["vocals"][0]
    half = SEGMENT // 2
    fade = np.arange(1, half + 1) / (half + 1)
    expected = np.concatenate([np.zeros(half), *(n + fade for n in range(6)), np.full(half, 6)])
    np.testing.assert_allclose(vocals, expected, atol=1e-6)


def test_result_does_not_depend_on_the_batch():
    mixture = noise(1000)
    first, second = (
        separate(Numbered(), mixture, overlap=0.25, batch=batch)["vocals"] for batch in (1, 7)
    )
    assert np.array_equal(first, second)


def test_model_with_context_hears_the_neighbouring_samples_and_zeros_around_the_song():
    mixture = noise(100)
    model = Scale(context=10)
    separate(model, mixture, batch=8)
    (heard,) = model.heard
    padded = np.pad(mixture[0], (10, 64))
    assert heard.shape == (3, 1, SEGMENT)
    for number, segment in enumerate(heard[:, 0].numpy()):
        assert np.array_equal(segment, padded[number * 44 : number * 44 + SEGMENT])


def test_end_is_heard_with_zeros_behind_it():
    mixture = noise(SEGMENT + 3)
    model = Scale()
    separate(model, mixture)
    (heard,) = model.heard
    assert np.array_equal(heard[1, 0, :3], mixture[0, SEGMENT:])
    assert not heard[1, 0, 3:].any()


def test_weights_add_up_to_one_where_three_segments_meet():
    joined = OverlapAdd(length=12, hop=3)
    parts = [joined.add(np.ones((2, 12))) for _ in range(5)] + [joined.rest()]
    assert np.array_equal(np.concatenate(parts, axis=-1), np.ones((2, 24)))


@pytest.mark.parametrize(
    ("given", "other"), [("vocals", "accompaniment"), ("accompaniment", "vocals")]
)
def test_missing_one_of_the_pair_completes_the_mixture(given, other):
    mixture = noise(200)
    model = Scale(targets=(given,), shares=(0.3,))
    estimates = separate(model, mixture, overlap=0.5)
    assert set(estimates) == set(targets_of(model)) == {given, other}
    assert np.array_equal(estimates[other], mixture - estimates[given])
    np.testing.assert_allclose(estimates[given] + estimates[other], mixture, atol=1e-6)


def test_given_pair_and_other_targets_are_left_alone():
    mixture = noise(100)
    model = Scale(targets=("accompaniment", "drums", "vocals"), shares=(0.5, 0.25, 2.0))
    estimates = separate(model, mixture)
    assert targets_of(model) == ("vocals", "accompaniment", "drums")
    for target, share in zip(model.targets, model.shares, strict=True):
        assert np.array_equal(estimates[target], np.float32(share) * mixture)


def test_targets_without_the_pair_get_no_complement():
    model = Scale(targets=("drums",))
    assert targets_of(model) == ("drums",)
    assert set(separate(model, noise(100))) == {"drums"}


def test_memory_does_not_grow_with_the_song():
    model, reads = Scale(), []

    def read(start, stop):
        reads.append(stop - start)
        return np.zeros((1, stop - start), np.float32)

    def forward(mixture):
        return {"final": mixture[:, None]}

    model.forward = forward
    peaks = []
    for samples in (10 * 4096, 300 * 4096):
        tracemalloc.start()
        for block in separate_stream(model, read, samples, SeparationConfig(4096, 0.5), batch=2):
            assert block["vocals"].shape[1] <= 3 * 4096
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(reads) <= 2 * 4096
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < 300 * 4096 * 4 / 2


def test_model_is_evaluated_and_gradients_stay_the_callers_business():
    model = Scale()
    model.norm = nn.Dropout(0.5)
    model.train()
    config = SeparationConfig(64, 0.0)
    for _ in separate_stream(model, lambda a, b: np.ones((1, b - a), np.float32), 200, config):
        assert not model.norm.training
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
    assert not model.heard[0].requires_grad


@pytest.mark.parametrize(
    ("name", "params", "context"),
    [
        ("wave_u_net", {"levels": 3, "filters": 4, "output": "single"}, 256),
        ("conv_tasnet_3x9", {"N": 8, "L": 16, "B": 4, "H": 8, "X": 3, "R": 2}, 400),
    ],
)
@pytest.mark.parametrize("overlap", [0.0, 0.3])
@pytest.mark.parametrize("samples", [5000, 4096, 1300])
def test_with_its_context_a_model_says_the_same_of_a_segment_as_of_the_song(
    name, params, context, overlap, samples
):
    torch.manual_seed(0)
    model = build(name, params).eval()
    mixture = noise(samples)
    whole = -(-samples // model.multiple) * model.multiple
    song = np.pad(mixture, ((0, 0), (0, whole - samples)))
    with torch.inference_mode():
        expected = model(torch.from_numpy(song)[None])["final"][0, 0, :, :samples].numpy()
    found = separate(model, mixture, 2 * context + 256, overlap, context=context)["vocals"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_estimates_without_levels_get_those_that_make_up_the_song():
    class Free(Separator):
        targets, channels, has_levels = ("vocals", "drums"), 1, False

        def forward(self, mixture):
            low = torch.cumsum(mixture, -1) / 20
            return {"final": torch.stack([7 * (mixture - low), -0.3 * low], dim=1)}

    song = np.stack([noise(1000)] * 5)
    blocks = list(separate_song(Free(), song, STEMS, SeparationConfig(100, 0.0)))
    found = {t: np.concatenate([block[t] for block in blocks], axis=1) for t in blocks[0]}
    np.testing.assert_allclose(found["vocals"] + found["drums"], song[0], atol=1e-4)
    np.testing.assert_allclose(found["accompaniment"], found["drums"], atol=1e-4)


def test_segment_that_the_model_cannot_take_is_refused():
    model = Scale(context=32)
    with pytest.raises(UserError, match=r"separation\.segment is 64; Scale needs more than the 64"):
        separate(model, noise(100))
    model = Scale()
    model.multiple = 48
    with pytest.raises(UserError, match=r"is 64; Scale takes multiples of 48 samples, such as 96"):
        separate(model, noise(100))


def test_any_output_that_is_an_estimate_can_be_kept():
    torch.manual_seed(0)
    model = build("htmd_net", {"N": 8, "L": 16, "B": 8, "H": 8, "X": 2, "levels": 2, "filters": 2})
    mixture = 0.1 * np.random.default_rng(0).normal(size=(1, 1, 256)).astype(np.float32)
    with torch.inference_mode():
        outputs = model.eval()(torch.from_numpy(mixture[0][None]))
    for name in ("final", "intermediate"):
        config = SeparationConfig(segment=256, overlap=0.0, output=name)
        (made,) = separate_song(model, mixture, ("mixture",), config)
        np.testing.assert_allclose(made["vocals"], outputs[name][0, 0].numpy(), atol=1e-7)


def test_an_output_that_the_model_has_not_is_refused():
    config = SeparationConfig(segment=SEGMENT, overlap=0.0, output="intermediate")
    with pytest.raises(UserError, match="output is 'intermediate'; Scale has final"):
        list(separate_song(Scale(), np.zeros((1, 1, 256)), ("mixture",), config))


def test_overlap_of_one_is_refused():
    with pytest.raises(UserError, match=r"separation\.overlap is 1; it must be below 1"):
        SeparationConfig(64, 1.0)


def test_baseline_is_given_the_whole_song():
    class Oracle(Untrained):
        targets = ("vocals",)
        needs_sources = True

        def separate(self, mixture, sources):
            return {"vocals": np.asarray(sources["vocals"])}

    stems = np.stack([noise(500, seed=seed) for seed in range(5)])
    (block,) = separate_song(Oracle(), stems, STEMS, SeparationConfig(64, 0.0))
    assert np.array_equal(block["vocals"], stems[4])
    assert np.array_equal(block["accompaniment"], stems[0] - stems[4])


CONFIG = {
    "rendition": {"rate": 8000, "channels": "mono"},
    "model": {"name": "wave_u_net", "params": {"levels": 3, "filters": 2, "output": "single"}},
    "seed": 0,
    "separation": {"segment": 2048, "overlap": 0.25},
}
BOUND = {key: CONFIG[key] for key in ("rendition", "separation")} | {
    "model": {"name": "mixture", "params": {}}
}


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    model = build(**CONFIG["model"])
    path = tmp_path / "model.safetensors"
    trained = {key: value for key, value in CONFIG.items() if key != "separation"}
    save_file(model.state_dict(), path, metadata={"config": json.dumps(trained)})
    return path


def command(rendition, out, config, weights=None):
    words = ["separate", "--config", json.dumps(config), "--rendition", str(rendition)]
    words += ["--out", str(out), "--device", "cpu"]
    return cli.main(words + (["--weights", str(weights)] if weights else []))


@pytest.fixture
def refusal(tiny_rendition, tmp_path, caplog):
    """Run the command in vain and return its only error."""

    def run(config, weights=None):
        caplog.clear()
        out = tmp_path / "refused" / "estimates.json"
        assert command(tiny_rendition, out, config, weights) == 2
        assert not out.exists()
        (error,) = [record.getMessage() for record in caplog.records if record.levelno >= ERROR]
        return error

    return run


def test_command_writes_every_test_song_and_no_other(tiny_rendition, tmp_path, weights):
    out = tmp_path / "run" / "estimates.json"
    assert command(tiny_rendition, out, CONFIG, weights) == 0
    rendition = Rendition.open(tiny_rendition)
    expected = {song.name: song.samples for song in rendition.songs if song.subset == "test"}
    written = json.loads(out.read_text())
    assert {song["name"]: song["samples"] for song in written["songs"]} == expected
    assert written["targets"] == ["vocals", "accompaniment"]
    assert written["seconds"] > 0
    assert {path.name for path in out.parent.iterdir()} == {*expected, "estimates.json"}
    for song in written["songs"]:
        mixture = rendition.audio(rendition.by_name(song["name"]))[0]
        estimates = {}
        for target, file in song["files"].items():
            assert soundfile.info(out.parent / file).subtype == "FLOAT"
            audio, rate = soundfile.read(out.parent / file, dtype="float32", always_2d=True)
            assert rate == 8000
            estimates[target] = audio.T
        torch.manual_seed(0)
        alone = separate(build(**CONFIG["model"]), mixture, 2048, 0.25)
        np.testing.assert_allclose(estimates["vocals"], alone["vocals"], atol=1e-6)
        assert np.abs(estimates["vocals"]).max() > 0
        assert np.array_equal(estimates["accompaniment"], mixture - estimates["vocals"])


def test_command_runs_a_baseline_without_weights(tiny_rendition, tmp_path):
    out = tmp_path / "estimates.json"
    assert command(tiny_rendition, out, BOUND) == 0
    rendition = Rendition.open(tiny_rendition)
    for song in json.loads(out.read_text())["songs"]:
        audio, _ = soundfile.read(tmp_path / song["files"]["vocals"], dtype="float32")
        assert np.array_equal(audio, rendition.audio(rendition.by_name(song["name"]))[0, 0])


def with_params(**params):
    model = {"name": "wave_u_net", "params": CONFIG["model"]["params"] | params}
    return CONFIG | {"model": model}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (with_params(filters=3), "model.params.filters was 2, is 3"),
        (CONFIG | {"seed": 1, "split": {"kind": "all"}}, "seed was 0, is 1; split was absent, is"),
        (CONFIG | {"rendition": {"rate": 8000, "channels": "stereo"}}, "is 8000 Hz mono"),
        (CONFIG | {"separation": {"segment": 2047, "overlap": 0.0}}, "multiples of 8 samples"),
        (CONFIG | {"separation": {"segment": 2048}}, "'separation.overlap' is missing"),
        ({"model": {}, "rendition": {}}, "lacks the key 'separation'"),
        (BOUND, "model mixture is not trained; give no weights"),
    ],
)
def test_what_does_not_fit_is_one_line(refusal, weights, config, message):
    assert message in refusal(config, weights)


def test_missing_or_damaged_weights_are_named(refusal, weights):
    assert "needs its trained weights" in refusal(CONFIG)
    gone = weights.with_name("gone.safetensors")
    assert "gone.safetensors: there is no such file" in refusal(CONFIG, gone)
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "not a whole .safetensors file" in refusal(CONFIG, weights)


def test_weights_of_changed_code_are_refused(refusal, weights):
    trained = {key: value for key, value in CONFIG.items() if key != "separation"}
    save_file({"other": torch.zeros(1)}, weights, metadata={"config": json.dumps(trained)})
    assert "its arrays are not those of wave_u_net" in refusal(CONFIG, weights)
    save_file({"other": torch.zeros(1)}, weights)
    assert "does not say what it was trained with" in refusal(CONFIG, weights)

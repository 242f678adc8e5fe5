import json
import subprocess

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from mssbench import cli
from mssbench.data.resample import sinc
from mssbench.errors import UserError
from mssbench.models.registry import build
from mssbench.recordings.audio_file import AudioFile
from mssbench.recordings.resampling import Resampled
from mssbench.recordings.separating import separate_recording
from mssbench.recordings.trained import load_run
from mssbench.separation import SeparationConfig

CUT = SeparationConfig(1024, 0.25)
CONFIG = {
    "model": {
        "name": "wave_u_net",
        "params": {"levels": 3, "filters": 2, "output": "single"},
    },
    "rendition": {"rate": 8000, "channels": "mono"},
    "training": {"crops": {"kind": "random", "samples": 1024, "steps_per_epoch": 1}},
    "seed": 0,
}


def noise(channels, samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, samples))


def write(path, audio, rate):
    soundfile.write(path, audio.T, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = build(CONFIG["model"]["name"], CONFIG["model"]["params"])
    folder = tmp_path / "run"
    folder.mkdir()
    save_file(
        model.state_dict(), folder / "model.safetensors", metadata={"config": json.dumps(CONFIG)}
    )
    return folder


def separated(folder):
    return {file.stem: soundfile.read(file, always_2d=True) for file in folder.glob("*.wav")}


@pytest.mark.parametrize(("source", "rate"), [(44100, 22050), (22050, 44100), (48000, 22050)])
@pytest.mark.parametrize("size", [1000, 4097])
def test_pieces_of_a_resampled_signal_are_those_of_the_whole(source, rate, size):
    audio = noise(2, 30011).astype(np.float32)
    whole = sinc(audio, source, rate)
    view = Resampled(lambda start, stop: audio[:, start:stop], audio.shape[1], source, rate)
    assert view.samples == whole.shape[1]
    starts = range(0, view.samples, size)
    pieces = [view.read(start, min(start + size, view.samples)) for start in starts]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "rate", "shape"),
    [
        ("a.wav", 8000, (1, 5001)),
        ("b.flac", 44100, (2, 30011)),
        ("c.wav", 22050, (6, 9000)),
        ("d.ogg", 48000, (2, 48000)),
        ("e.wav", 8000, (2, 3)),
    ],
)
def test_estimates_have_the_recordings_rate_channels_and_length(run, tmp_path, name, rate, shape):
    song = write(tmp_path / name, noise(*shape), rate)
    words = ["separate", str(song), "--run", str(run), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    estimates = separated(tmp_path / "out" / song.stem)
    assert set(estimates) == {"vocals", "accompaniment"}
    for audio, found_rate in estimates.values():
        assert audio.shape == shape[::-1]
        assert found_rate == rate
        assert np.isfinite(audio).all()
    assert list((tmp_path / "out" / song.stem).glob(".*")) == []


def test_a_compressed_file_is_decoded_by_ffmpeg(run, tmp_path):
    wav = write(tmp_path / "x.wav", noise(2, 44100), 44100)
    song = tmp_path / "song.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-c:a", "aac", song], check=True)
    assert cli.main(["separate", str(song), "--run", str(run), "--out", str(tmp_path / "o")]) == 0
    audio, rate = separated(tmp_path / "o" / "song")["vocals"]
    assert rate == 44100
    assert abs(len(audio) - 44100) <= 2048


@pytest.mark.parametrize(
    "options",
    [
        ["--shifts", "2"],
        ["--soft-mask", "2"],
        ["--wiener", "1", "--rescale"],
        ["--threshold"],
        ["--shifts", "1", "--rescale", "--soft-mask", "1", "--wiener", "2", "--threshold"],
    ],
)
def test_estimates_are_post_processed_where_asked(run, tmp_path, options):
    song = write(tmp_path / "song.wav", 0.1 * noise(2, 9000), 16000)
    for out, more in (("plain", []), ("processed", options)):
        words = ["separate", str(song), "--run", str(run), "--out", str(tmp_path / out)]
        assert cli.main([*words, *more]) == 0
    plain, processed = (separated(tmp_path / out / "song") for out in ("plain", "processed"))
    for target, (audio, rate) in processed.items():
        assert (audio.shape, rate) == ((9000, 2), 16000)
        assert np.isfinite(audio).all()
        assert not np.array_equal(audio, plain[target][0])


@pytest.mark.parametrize("rate", [8000, 44100])
def test_estimates_add_up_where_asked(run, tmp_path, rate):
    audio = noise(2, 30000)
    song = write(tmp_path / "song.wav", audio, rate)
    words = ["separate", str(song), "--run", str(run), "--out", str(tmp_path / "o"), "--exact-sum"]
    assert cli.main(words) == 0
    total = sum(wave for wave, _ in separated(tmp_path / "o" / "song").values())
    np.testing.assert_allclose(total, audio.T, atol=1e-6)


def test_no_more_of_a_long_recording_is_held_than_of_a_short_one(run, tmp_path, monkeypatch):
    model, _ = load_run(str(run))
    read, held = AudioFile.read, []

    def spy(self, start, stop):
        held[-1] = max(held[-1], stop - start)
        return read(self, start, stop)

    monkeypatch.setattr(AudioFile, "read", spy)
    for seconds in (40, 80):
        held.append(0)
        song = write(tmp_path / f"{seconds}.wav", noise(1, seconds * 16000), 16000)
        separate_recording(model, 8000, CUT, song, tmp_path / f"out{seconds}")
    assert held[0] == held[1] < 40 * 8000


def test_a_model_hears_each_channel_of_another_number_alone(run, tmp_path):
    model, _ = load_run(str(run))
    audio = noise(3, 8000)
    files = separate_recording(
        model, 8000, CUT, write(tmp_path / "all.wav", audio, 8000), tmp_path / "all"
    )
    together, _ = soundfile.read(files["vocals"])
    for channel in range(3):
        song = write(tmp_path / f"{channel}.wav", audio[[channel]], 8000)
        files = separate_recording(model, 8000, CUT, song, tmp_path / str(channel))
        alone, _ = soundfile.read(files["vocals"])
        np.testing.assert_allclose(together[:, channel], alone, atol=1e-6)


def test_a_run_is_found_by_folder_file_and_name(run, tmp_path, monkeypatch):
    home = tmp_path / "results" / "synthetic" / "demo" / "train" / "wave_u_net-s0-abc"
    home.mkdir(parents=True)
    (run / "model.safetensors").rename(home / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    for name in (home, home / "model.safetensors", "wave_u_net-s0-abc"):
        assert load_run(str(name))[1] == CONFIG
    with pytest.raises(UserError, match=r"no such run.*wave_u_net-s0-abc"):
        load_run("other")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    with pytest.raises(UserError, match="no store is known"):
        load_run(32 * "a")
    with pytest.raises(UserError, match="must be told the true sources"):
        load_run("ideal_ratio_mask")


def test_a_mistake_is_told_in_a_line(run, tmp_path, capsys, caplog):
    song = write(tmp_path / "song.wav", noise(1, 100), 8000)
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    (tmp_path / "sub").mkdir()
    twin = write(tmp_path / "sub" / "song.wav", noise(1, 100), 8000)
    wrong = [
        ([song], "give recordings and --run"),
        (["--run", run], "give recordings and --run"),
        ([tmp_path / "none.wav", "--run", run], "there is no such file"),
        ([text, "--run", run], "neither libsndfile nor ffmpeg can read"),
        ([song, twin, "--run", run], "two recordings are called 'song'"),
        ([song, "--weights", run, "--run", run], "without --config"),
        ([song, "--run", run, "--segment", 1001], "takes multiples of 8"),
        ([song, "--run", run, "--overlap", 1.5], "must be below 1"),
        ([song, "--run", run, "--wiener", 0], "separation.wiener.iterations is 0"),
        ([song, "--run", run, "--shifts", -1], "separation.shifts is -1; it must be at least 0"),
        ([song, "--run", run, "--output", "intermediate"], "is intermediate; WaveUNet has final"),
        ([song, "--run", text], "a file of weights ends in .safetensors"),
        ([song, "--run", "adress"], "has 1 channels; a spatial method needs 2: give a stereo"),
        ([song, "--run", "none"], "untrained method (adress, duet, ica, mixture, projet)"),
    ]
    for words, message in wrong:
        caplog.clear()
        out = ["--out", str(tmp_path / "out")]
        assert cli.main(["separate", *map(str, words), *out]) == 2
        assert message in caplog.text


@pytest.mark.parametrize("samples", [30011, 500])
def test_without_options_a_recording_is_heard_as_a_whole(run, tmp_path, samples):
    audio = noise(1, samples).astype(np.float32)
    song = write(tmp_path / "song.wav", audio, 8000)
    out = tmp_path / "out"
    assert cli.main(["separate", str(song), "--run", str(run), "--out", str(out)]) == 0
    model, _ = load_run(str(run))
    whole = np.pad(audio, ((0, 0), (0, -samples % model.multiple)))
    with torch.inference_mode():
        expected = model(torch.from_numpy(whole)[None])["final"][0, 0].numpy()[:, :samples]
    (found, _) = separated(out / "song")["vocals"]
    np.testing.assert_allclose(found.T, expected, atol=1e-4 * np.abs(expected).max())


def test_what_cannot_be_separated_is_named_and_leaves_no_folder(run, tmp_path, caplog):
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    song = write(tmp_path / "song.wav", noise(1, 100), 8000)
    out = tmp_path / "new" / "out"
    assert cli.main(["separate", str(text), "--run", str(run), "--out", str(out)]) == 2
    assert not out.parent.exists()
    words = ["separate", str(text), str(song), "--run", str(run), "--out", str(out)]
    assert cli.main(words) == 2
    assert [path.name for path in out.iterdir()] == ["song"]
    assert set(separated(out / "song")) == {"vocals", "accompaniment"}
    assert f"1 of 2 recordings could not be separated, for the reasons above: {text}" in caplog.text
    assert "neither libsndfile nor ffmpeg can read" in caplog.text


def test_another_output_of_the_model_is_written_where_asked(tmp_path):
    small = {"N": 8, "L": 16, "B": 8, "H": 8, "X": 2, "levels": 2, "filters": 2}
    torch.manual_seed(0)
    model = build("htmd_net", small).eval()
    config = CONFIG | {"model": {"name": "htmd_net", "params": small}}
    weights = tmp_path / "model.safetensors"
    save_file(model.state_dict(), weights, metadata={"config": json.dumps(config)})
    audio = noise(1, 1024).astype(np.float32)
    song = write(tmp_path / "song.wav", audio, 8000)
    with torch.inference_mode():
        outputs = model(torch.from_numpy(audio)[None])
    for name in ("final", "intermediate"):
        words = ["--run", str(weights), "--out", str(tmp_path / name), "--output", name]
        assert cli.main(["separate", str(song), *words]) == 0
        (found, _) = separated(tmp_path / name / "song")["vocals"]
        np.testing.assert_allclose(found.T, outputs[name][0, 0].numpy(), atol=1e-6)

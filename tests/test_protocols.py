import json
import logging

import museval
import numpy as np
import pytest
import soundfile

from mssbench import cli
from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.scoring.problems import PAIR, Problem
from mssbench.scoring.protocol import DEFAULT, METRICS, Protocol
from mssbench.scoring.protocols import entries, laid_over
from mssbench.scoring.results import read_scores
from mssbench.scoring.song import score_song

RATE = 4000
CONFIG = {"window": 0.5, "hop": 0.5, "references": "pcm16"}


def song(seconds=3.25, channels=1):
    random = np.random.default_rng(0)
    truth = 0.1 * random.standard_normal((2, channels, round(seconds * RATE)))
    guess = truth + 0.3 * truth[::-1] + 0.02 * random.standard_normal(truth.shape)
    # Filters of the whole song differ from those of a part.
    guess[0, :, 2 * RATE :] += 0.5 * np.roll(truth[1], 3, axis=-1)[:, 2 * RATE :]
    return truth, guess


def scored(truth, guess, **protocol):
    pair, estimates = (dict(zip(PAIR, signals, strict=True)) for signals in (truth, guess))
    how = Protocol(**{"window": 1.0, "hop": 1.0, "references": "float", **protocol})
    found = score_song("song", [Problem(PAIR, PAIR)], pair, estimates, rate=RATE, protocol=how)
    return np.stack([[found.windows[target][metric] for target in PAIR] for metric in METRICS])


@pytest.mark.parametrize(
    ("name", "audio", "frames", "framewise"),
    [
        ("htmd_net", (22050, "mono"), (22050, 22050), True),
        ("sisec_2018", (44100, "stereo"), (44100, 44100), False),
        ("multi_band", (22050, "stereo"), (44100, 44100), False),
        ("resnet_latent_30s", (44100, "mono"), (1323000, 661500), False),
        ("resnet_latent_1s", (44100, "mono"), (44100, 44100), False),
        ("sisec_2016", (44100, "stereo"), (1323000, 661500), True),
        ("wave_u_net_pytorch", (44100, "stereo"), (88200, 66150), False),
    ],
)
def test_entries_have_the_papers_windows(name, audio, frames, framewise):
    protocol = Protocol.from_config({"protocol": name})
    assert (protocol.rate, protocol.channels) == audio
    assert protocol.samples(audio[0]) == frames
    assert protocol.framewise_filters == framewise
    assert protocol.unlike(audio[0], 1 if audio[1] == "mono" else 2) == ""
    assert protocol.description()["changed"] == []
    told = protocol.unlike(8000, 3)
    assert f"{name} is for audio of {audio[0]} Hz {audio[1]}, this is of 8000 Hz 3 ch" in told


def test_there_is_no_entry_that_no_test_knows():
    assert len(entries()) == 7


def test_keys_beside_a_protocol_override_its_values_and_are_told():
    config = {"protocol": "sisec_2016", "hop": 30.0, "engine": "bss_eval", "measures": ["uSDR"]}
    protocol = Protocol.from_config(config)
    assert (protocol.window, protocol.hop, protocol.version) == (30, 30, 3)
    assert protocol.description()["changed"] == ["hop"]
    assert protocol.metrics == ("uSDR",)
    assert Protocol.from_config(laid_over(config)) == protocol


def test_scoring_without_a_protocol_is_what_it_says():
    assert laid_over(CONFIG) == CONFIG
    protocol = Protocol.from_config(CONFIG)
    assert (protocol.metrics, protocol.framewise_filters) == (DEFAULT, False)
    assert "protocol" not in protocol.description()
    assert protocol.unlike(8000, 7) == ""


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"protocol": "sisec"}, "scoring.protocol is 'sisec'; allowed are htmd_net, sisec_2018, "),
        ({"protocol": ["htmd_net"]}, r"scoring.protocol is \['htmd_net'\]; allowed are htmd_net"),
        (CONFIG | {"version": 2}, "scoring.version is 2; allowed are 3, 4"),
        (CONFIG | {"isolated": 1}, "scoring.isolated is 1; it must be true or false"),
        (CONFIG | {"measures": ["SI-SDR", "sdr"]}, "measures has 'sdr'; allowed are SDR, ISR"),
        (CONFIG | {"measures": []}, "scoring.measures is empty; allowed are SDR"),
        (CONFIG | {"measures": "SDR"}, "scoring.measures is 'SDR'; it must be a list"),
    ],
)
def test_wrong_scoring_is_one_line_that_names_the_key(config, message):
    with pytest.raises(UserError, match=message) as caught:
        Protocol.from_config(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ["museval", "bss_eval"])
@pytest.mark.parametrize("channels", [1, 2])
def test_isolated_windows_are_scored_as_songs_of_their_own(engine, channels):
    truth, guess = song(channels=channels)
    guess[0, :, RATE : RATE + RATE] = 0
    found = scored(truth, guess, engine=engine, isolated=True)
    for number in (0, 2):
        part = slice(number * RATE, (number + 1) * RATE)
        alone = museval.evaluate(*(s[..., part].swapaxes(1, 2) for s in (truth, guess)))
        np.testing.assert_allclose(found[..., number], np.array(alone)[..., 0], atol=1e-6)
    assert np.isnan(found[..., 1]).all()
    together = scored(truth, guess, engine=engine)
    assert np.abs(together - found)[1:, :, [0, 2]].min() > 1e-3
    np.testing.assert_allclose(together[0], found[0], atol=1e-9)


@pytest.mark.parametrize("engine", ["museval", "bss_eval"])
def test_version_3_is_musevals_with_filters_of_each_window(engine):
    truth, guess = song()
    found = scored(truth, guess, engine=engine, version=3, hop=0.5)
    expected = museval.metrics.bss_eval(
        truth.swapaxes(1, 2),
        guess.swapaxes(1, 2),
        window=RATE,
        hop=RATE // 2,
        framewise_filters=True,
    )
    np.testing.assert_allclose(found, np.stack(expected[:4]), atol=1e-6)
    description = Protocol(1.0, 0.5, "float", engine, version=3).description()
    assert description["version"].startswith("BSSEval v3 (")


@pytest.fixture
def score(tiny_rendition, tmp_path, caplog):
    """Returns a function that scores estimates of the two test songs, mono at 8 kHz."""
    caplog.set_level(logging.INFO)
    rendition = Rendition.open(tiny_rendition)
    entries_ = []
    for each in rendition.songs:
        if each.subset == "test":
            mixture, vocals = (rendition.audio(each)[i] for i in (0, 4))
            for target, wave in (("vocals", vocals), ("accompaniment", mixture - vocals)):
                file = tmp_path / each.name / f"{target}.wav"
                file.parent.mkdir(exist_ok=True)
                soundfile.write(file, (wave + 0.2 * mixture).T, 8000, subtype="FLOAT")
            files = {target: f"{each.name}/{target}.wav" for target in PAIR}
            entries_.append({"name": each.name, "files": files})
    (tmp_path / "estimates.json").write_text(json.dumps({"songs": entries_}))

    def run(out, **config):
        caplog.clear()
        arguments = ["--rendition", tiny_rendition, "--estimates", tmp_path / "estimates.json"]
        arguments += ["--config", json.dumps(config), "--run", "run", "--out", out]
        assert cli.main(["score", *map(str, arguments)]) == 0
        return read_scores(out)

    return run


def test_scores_by_a_protocol_for_other_audio_come_with_a_warning(score, tmp_path, caplog):
    table = score(tmp_path / "out" / "scores.parquet", protocol="htmd_net", engine="bss_eval")
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "the protocol htmd_net is for audio of 22050 Hz, this is of 8000 Hz" in warning
    protocol = table.attrs["protocol"]
    assert (protocol["protocol"], protocol["isolated"], protocol["rate"]) == (
        "htmd_net",
        True,
        22050,
    )
    found = table.groupby("target")["metric"].agg(set)
    assert {"HTMD-Net PES", "HTMD-Net VAD"} == found["vocals"] - found["accompaniment"]
    accuracies = table[table["metric"] == "HTMD-Net VAD"]["score"]
    assert accuracies.between(0, 100).all()


def test_scores_without_bsseval_leave_no_museval_json(score, tmp_path, caplog):
    out = tmp_path / "out" / "scores.parquet"
    score(out, **CONFIG, engine="bss_eval")
    assert len(list(out.parent.glob("*.json"))) == 2
    table = score(out, **CONFIG, engine="bss_eval", measures=["uSDR", "SI-SAR"])
    assert set(table["metric"]) == {"uSDR", "SI-SAR"}
    assert table.attrs["protocol"]["measures"] == ["uSDR", "SI-SAR"]
    assert not list(out.parent.glob("*.json"))
    assert table[table["metric"] == "uSDR"]["window_start"].isna().all()

"""Folders scored by a paper's protocol."""

import json
import logging

import pytest
from audio_folders import Folders, audio_of, write

from mssbench import __version__, cli
from mssbench.scoring.protocols import entries


@pytest.fixture
def folders(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    return Folders(tmp_path, caplog).write(["vocals", "accompaniment"])


@pytest.mark.parametrize("way", ["--protocol", "--config"])
def test_a_protocol_is_exact_scoring_with_a_warning_of_unlike_audio(folders, way):
    value = {"--protocol": "sisec_2018", "--config": json.dumps({"protocol": "sisec_2018"})}[way]
    assert folders.score(way, value) == 0
    protocol = folders.table.attrs["protocol"]
    assert protocol["version"] == f"BSSEval v4 (mssbench {__version__})"
    assert (protocol["protocol"], protocol["changed"]) == ("sisec_2018", [])
    assert (protocol["window"], protocol["references"]) == (1, "pcm16")
    (said,) = folders.messages(logging.WARNING)
    assert said == (
        "2 of 2 songs, such as 'Ada - One': the protocol sisec_2018 is for audio of 44100 Hz "
        "stereo, this is of 4000 Hz mono: the scores are not comparable with others of that "
        "protocol"
    )


def test_audio_like_the_protocols_is_scored_without_a_warning(folders, caplog):
    for number, song in enumerate(["Ada - One", "Bob - Two"]):
        true, made = audio_of(number)
        for stem in ("bass", "drums", "vocals"):
            write(folders.true / "test" / song / f"{stem}.wav", true[stem], rate=22050)
        made["accompaniment"] = made["bass"] + made["drums"]
        for stem in ("vocals", "accompaniment"):
            write(folders.made / song / f"{stem}.wav", made[stem], rate=22050, subtype="FLOAT")
    assert folders.score("--protocol", "htmd_net") == 0
    assert folders.messages(logging.WARNING) == []


def test_options_change_single_values_of_a_protocol(folders):
    assert folders.score("--protocol", "multi_band", "--window", 0.5, "--measures", "SDR") == 0
    protocol = folders.table.attrs["protocol"]
    assert protocol["changed"] == ["window", "hop"]
    assert (protocol["window"], protocol["hop"]) == (0.5, 0.5)


def test_unknown_protocol_is_refused_with_the_names(folders):
    assert folders.score("--protocol", "sisec") == 2
    assert folders.error.endswith(f"--protocol is 'sisec'; allowed are {', '.join(entries())}")


def test_a_stage_of_the_pipeline_takes_no_protocol_beside_its_configuration(folders):
    words = ["--config", "{}", "--run", "x", "--rendition", "x", "--out", "x", "--estimates", "x"]
    assert cli.main(["score", *words, "--protocol", "sisec_2018"]) == 2
    assert "--protocol goes with --references; here --config says how to score" in folders.error


def test_units_are_those_of_the_measures(folders, capsys):
    assert folders.score("--measures", "SI-SDR", "HTMD-Net VAD", "--window", 1) == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert head.endswith("of medians over windows (dB, HTMD-Net VAD in %):")
    (said,) = [m for m in folders.messages(logging.INFO) if "scores.parquet" in m]
    assert said.endswith("scores.parquet: 2 songs")
    assert folders.score("--measures", "SDR") == 0
    assert "(dB):" in capsys.readouterr().out.splitlines()[0]
    (said,) = [m for m in folders.messages(logging.INFO) if "scores.parquet" in m]
    assert "of 12 window scores are none (silence)" in said

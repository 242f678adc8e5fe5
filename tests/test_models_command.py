import json
from contextlib import redirect_stdout
from io import StringIO

import pytest

from mssbench import cli

# Trainable values that the papers, their code or our own count of it say, by model and variant.
COUNTS = {
    ("conv_tasnet", "best"): 5_050_545,
    ("conv_tasnet", "best, without what nothing reads"): 4_984_881,
    ("conv_tasnet_music", "X8"): 8_852_032,
    ("conv_tasnet_music", "X10"): 10_977_872,
    ("multiband", "M1"): 6_595_120,
    ("multiband", "M2"): 6_582_880,
    ("multiband", "M3"): 10_044_560,
    ("multiband", "M3 poster"): 12_972_640,
    ("multiband", "M4"): 6_705_856,
    ("multiband", "M5"): 6_562_400,
    ("multiband", "M6"): 6_562_400,
    ("multiband", "S1"): 7_323_440,
    ("multiband", "S2"): 7_311_200,
    ("meta_tasnet", "Meta-TasNet"): 45_531_260,
    ("meta_tasnet", "two stages"): 23_261_800,
    ("meta_tasnet", "one stage"): 10_061_812,
    ("meta_tasnet", "independent"): 34_673_054,
    ("resnet_latent", "RA shared decoder"): 9_175_848,
    ("resnet_latent", "RA separate decoders"): 10_992_672,
    ("mm_dense_net", "MMDenseNet"): 4 * 335_368,
    ("wavenet", "multi-instrument"): 3_277_763,
    ("wavenet", "singing voice"): 3_277_249,
    ("deep_conv_sep", "50/50"): 578_682,
    ("deep_conv_sep", "50/30"): 357_562,
    ("demucs", "light"): 265_679_496,
    ("demucs", "Demucs"): 648_548_208,
}
# Channels, context, multiple, reach and domain.
NEEDS = {
    ("wave_u_net", "M1"): (1, 0, 4096, 69_622, "waveform"),
    ("wave_u_net", "M4"): (2, 65_527, 1, 4095, "waveform"),
    ("wavenet", "singing voice"): (1, 4092, 1, 3, "waveform"),
    ("conv_tasnet_3x9", ""): (1, 0, 8, 12_296, "waveform"),
    ("htmd_net", "HTMD-Net"): (1, 0, 2048, None, "waveform"),
    ("mm_dense_net", "MMDenseNet"): (2, 0, 1, 107_520, "magnitudes"),
    ("resnet_latent", "RA shared decoder"): (1, 0, 1, None, "spectrogram"),
    ("adress", ""): (2, 0, 1, None, "spectrogram"),
    ("ica", ""): (2, 0, 1, None, "waveform"),
    ("projet", "delayed"): (2, 0, 1, None, "spectrogram"),
    ("mixture", "mixture / 4"): (None, 0, 1, None, "waveform"),
    ("ideal_ratio_mask", "IRM2"): (None, 0, 1, None, "spectrogram"),
}


@pytest.fixture(scope="module")
def rows():
    out = StringIO()
    with redirect_stdout(out):
        assert cli.main(["models", "--json"]) == 0
    return {(row["model"], row["variant"]): row for row in json.loads(out.getvalue())}


def test_every_variant_is_told_with_its_size_and_what_it_needs(rows):
    assert {key: rows[key]["parameters"] for key in COUNTS} == COUNTS
    keys = ("channels", "context", "multiple", "reach", "domain")
    assert {key: tuple(rows[key][k] for k in keys) for key in NEEDS} == NEEDS
    assert {"IBM1", "IBM2"} == {variant for model, variant in rows if model == "ideal_binary_mask"}
    assert rows["wavenet", "singing voice, wider"]["rate"] == 16_000
    assert rows["mixture", "mixture / 4"]["rate"] is None


def test_no_model_is_told_twice(rows):
    told = [json.dumps(row | {"variant": ""}, sort_keys=True) for row in rows.values()]
    assert len(told) == len(set(told))


def test_the_table_has_a_line_a_variant(capsys, rows, monkeypatch):
    monkeypatch.setattr("mssbench.commands.models.described", lambda: list(rows.values()))
    assert cli.main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(rows)
    (line,) = [line for line in lines if "M3 poster" in line]
    assert line.split() == [
        *("multiband", "M3", "poster", "12,972,640", "22050", "2"),
        *("accompaniment,", "vocals"),
    ]

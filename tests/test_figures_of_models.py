"""The command with figures that look into trained models."""

import json

import pytest
import torch
from figure_data import row

from mssbench.cli import main
from mssbench.models.registry import build
from mssbench.models.weights import write_weights
from mssbench.report.figures.kinds import KINDS
from mssbench.report.figures.needs import NEED_WEIGHTS

SEGMENT = 800
SPECTRAL = {"name": "resnet_latent", "params": {"n_fft": 64, "hop": 16, "nf": 4, "res_blocks": 1}}
BANDS = {
    "name": "multiband",
    "params": {"channels": 1, "N": 16, "L": 20, "B": 8, "H": 8, "X": 2, "R": 1},
}
U_NET = {"name": "wave_u_net", "params": {"levels": 3, "filters": 2, "output": "single"}}
MODELS = {"latent": SPECTRAL, "banded": BANDS, "plain": U_NET}
ROWS = [*(row(name, 0) for name in MODELS), row("mixture", None)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of each model as a training writes them, as drawn at random."""
    folder, files = tmp_path_factory.mktemp("train"), {}
    for name, model in MODELS.items():
        torch.manual_seed(0)
        config = {
            "model": model,
            "rendition": {"rate": 8000, "channels": "mono"},
            "training": {"crops": {"samples": SEGMENT}},
        }
        files[name] = folder / f"{name}-s0" / "model.safetensors"
        files[name].parent.mkdir()
        state = build(model["name"], model["params"]).state_dict()
        write_weights(files[name], state, json.dumps(config))
    return files


@pytest.fixture
def everything(weights, tiny_rendition):
    """Options that give all weights and songs."""
    return ["--weights", *map(str, weights.values()), "--rendition", str(tiny_rendition)]


def draw(out, figure, *options):
    study = {"study": "s", "dataset": "synthetic", "scale": "demo", "rows": ROWS}
    text = json.dumps(study | {"figures": {"figure": {"title": "t", **figure}}})
    status = main(["figures", "--config", text, "--device", "cpu", "--out", str(out), *options])
    return status, {file.suffix: file.read_bytes() for file in out.glob("figure.*")}


def test_the_same_weights_and_songs_give_the_same_latents_twice(weights, tiny_rendition, tmp_path):
    options = ["--weights", str(weights["latent"]), "--rendition", str(tiny_rendition)]
    figure = {"kind": "latents", "rows": ["latent"], "points": 20}
    status, first = draw(tmp_path / "first", figure, *options)
    assert status == 0
    assert set(first) == {".svg", ".png"}
    assert draw(tmp_path / "again", figure, *options)[1] == first
    assert draw(tmp_path / "other", figure | {"vectors": "frames"}, *options)[1] != first


def test_without_rows_all_models_that_have_filters_are_drawn(weights, tmp_path):
    named = [f"{name}-s0={path}" for name, path in weights.items()]
    status, every = draw(tmp_path / "every", {"kind": "filters"}, "--weights", *named)
    assert status == 0
    chosen = {"kind": "filters", "rows": ["banded"]}
    assert draw(tmp_path / "one", chosen, "--weights", named[1])[1] == every
    other = chosen | {"centre": "centroid"}
    assert draw(tmp_path / "other", other, "--weights", named[1])[1] != every


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        (
            {"kind": "latents", "rows": ["banded"]},
            "row 'banded' is a MultiBand and has no latents; choose other rows",
        ),
        (
            {"kind": "filters", "rows": ["latent"]},
            "row 'latent' is a ResNetLatent and has no learned filters",
        ),
        ({"kind": "filters", "rows": ["mixture"]}, "row 'mixture' is not trained and has no learn"),
        ({"kind": "filters", "rows": ["absent"]}, "unknown rows 'absent'"),
        ({"kind": "filters", "centre": "middle"}, "unknown centre 'middle'; allowed are peak, cen"),
        ({"kind": "filters", "bandwidth": "3dB"}, "unknown bandwidth '3dB'; allowed are noise, h"),
        ({"kind": "latents", "vectors": "sum"}, "unknown vectors 'sum'; allowed are mean, frames"),
        (
            {"kind": "latents", "points": 1},
            "points is 1, which does not fit: a whole number of at least 2",
        ),
        ({"kind": "filters", "points": 9}, "unknown keys of filters 'points'; allowed are title"),
    ],
)
def test_what_cannot_be_drawn_is_named_in_one_line(figure, message, everything, tmp_path, caplog):
    status, made = draw(tmp_path, figure, *everything)
    assert (status, made) == (2, {})
    assert message in caplog.text
    assert len(caplog.records[-1].getMessage().splitlines()) == 1


def test_missing_weights_and_songs_are_named(weights, tmp_path, caplog):
    filters, latents = {"kind": "filters"}, {"kind": "latents", "rows": ["latent"]}
    assert draw(tmp_path, filters)[0] == 2
    assert "--weights: there is none called 'latent-s0', but none; give the model" in caplog.text
    assert draw(tmp_path, latents, "--weights", str(weights["latent"]))[0] == 2
    assert "--rendition is missing" in caplog.text
    absent = f"latent-s0={tmp_path / 'absent.safetensors'}"
    assert draw(tmp_path, latents, "--weights", absent, "--rendition", "x.json")[0] == 2
    assert draw(tmp_path, filters, "--weights", absent)[0] == 2
    assert "absent.safetensors: there is no such file" in caplog.text


def test_kinds_that_need_weights_are_kinds():
    assert set(KINDS) >= NEED_WEIGHTS

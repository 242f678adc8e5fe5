import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_models import SMALL

from mssbench import cli
from mssbench.models.registry import SEPARATORS, build

SPECTRAL = (
    "bidirectional_lstm",
    "conditioned_u_net",
    "deep_conv_sep",
    "dense_net",
    "feed_forward",
    "m_dense_net",
    "meta_tasnet",
    "mm_dense_net",
    "resnet_latent",
    "spectrogram_u_net",
)
SAMPLES = 640
# Parts that only other configurations have.
OTHERS = {
    "meta_tasnet, plain": ("meta_tasnet", {"encoder": "plain"}),
    "multiband, full band": ("multiband", {"full_band": True}),
}
WAVES = {name: (name, {}) for name in SMALL if name not in SPECTRAL} | OTHERS


@pytest.fixture
def make_run(tmp_path):
    def make(name, params=None):
        torch.manual_seed(0)
        params = SMALL[name] | (params or {})
        model = build(name, params).eval()
        config = {
            "model": {"name": name, "params": params},
            "rendition": {"rate": 8000, "channels": "mono"},
            "training": {"crops": {"samples": SAMPLES}},
        }
        file = tmp_path / f"{name}.safetensors"
        save_file(model.state_dict(), file, metadata={"config": json.dumps(config)})
        return model, file

    return make


def export(file, out):
    return cli.main(["export", "--run", str(file), "--out", str(out)])


def noise():
    return torch.randn(1, 1, SAMPLES, generator=torch.Generator().manual_seed(5))


def test_every_trained_model_is_tried():
    assert SMALL.keys() == SEPARATORS.keys()


@pytest.mark.parametrize("name", SMALL)
def test_torchscript_says_what_the_model_says(make_run, tmp_path, name):
    model, file = make_run(name)
    out = tmp_path / "model.pt"
    assert export(file, out) == 0
    notes = dict.fromkeys(("rate", "targets", "samples"), "")
    program = torch.jit.load(out, _extra_files=notes)
    torch.testing.assert_close(program(noise()), model(noise())["final"])
    assert {key: bytes(v).decode() for key, v in notes.items()} == {
        "rate": "8000",
        "targets": ",".join(model.targets),
        "samples": str(SAMPLES),
    }


@pytest.mark.parametrize(("name", "params"), WAVES.values(), ids=WAVES)
def test_onnx_says_what_the_model_says(make_run, tmp_path, name, params):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, file = make_run(name, params)
    out = tmp_path / "model.onnx"
    assert export(file, out) == 0
    session = runtime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"mixture": noise().numpy()})
    torch.testing.assert_close(
        torch.from_numpy(found), model(noise())["final"].detach(), atol=1e-5, rtol=1e-4
    )
    assert session.get_modelmeta().custom_metadata_map["rate"] == "8000"


@pytest.mark.parametrize(
    ("name", "params"),
    [*((n, {}) for n in SPECTRAL), ("multiband", {"encoder": "strong", "N": 64})],
)
def test_a_spectrogram_cannot_become_onnx(make_run, tmp_path, caplog, name, params):
    model, file = make_run(name, params)
    out = tmp_path / "model.onnx"
    assert export(file, out) == 2
    assert f"{type(model).__name__} has a spectrogram, which ONNX has not: write" in caplog.text
    assert "\n" not in caplog.messages[-1]
    assert not out.exists()


def test_what_torch_prints_of_a_program_that_fails_is_not_shown(
    make_run, tmp_path, caplog, capfd, monkeypatch
):
    pytest.importorskip("onnx")
    _, file = make_run("feed_forward")
    monkeypatch.setattr("mssbench.models.export.has_spectrogram", lambda model: False)
    assert export(file, tmp_path / "model.onnx") == 2
    assert "FeedForward cannot become ONNX" in caplog.text
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", SMALL)
def test_an_exported_file_separates_like_its_run(make_run, tmp_path, name):
    _, file = make_run(name)
    out = tmp_path / "exported.safetensors"
    assert export(file, out) == 0
    with safe_open(file, "pt") as one, safe_open(out, "pt") as other:
        assert json.loads(one.metadata()["config"]) == json.loads(other.metadata()["config"])
        assert all(torch.equal(one.get_tensor(k), other.get_tensor(k)) for k in one.keys())  # noqa: SIM118


def test_a_mistake_is_told_in_a_line_and_leaves_no_file(make_run, tmp_path, caplog):
    _, file = make_run("wave_u_net")
    for run, out, message in [
        (file, tmp_path / "model.zip", "must be one of .safetensors, .pt, .onnx"),
        ("mixture", tmp_path / "model.pt", "nothing to export"),
        (tmp_path / "none", tmp_path / "model.pt", "there is no such run"),
    ]:
        caplog.clear()
        assert export(run, out) == 2
        assert message in caplog.text
        assert not out.exists()

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mssbench import cli
from mssbench.models.registry import build

SMALL = {
    "htmd_net": {
        **dict.fromkeys(("N", "B", "H"), 8),
        "X": 2,
        "filters": 2,
        "levels": 3,
        "units": 4,
    },
    "conv_tasnet_3x9": {"N": 8, "B": 4, "H": 8, "X": 2},
    "wave_u_net": {"levels": 3, "filters": 2},
    "conv_tasnet": {"N": 16, "L": 8, "B": 6, "H": 12, "Sc": 5, "X": 3, "R": 2},
    "conv_tasnet_music": {
        "channels": 1,
        **{"N": 16, "L": 8, "B": 6, "H": 12, "X": 3, "R": 2},
    },
}


@pytest.fixture
def make_run(tmp_path):
    def make(name):
        torch.manual_seed(0)
        model = build(name, SMALL[name]).eval()
        config = {
            "model": {"name": name, "params": SMALL[name]},
            "rendition": {"rate": 8000, "channels": "mono"},
            "training": {"crops": {"samples": 512}},
        }
        file = tmp_path / f"{name}.safetensors"
        save_file(model.state_dict(), file, metadata={"config": json.dumps(config)})
        return model, file

    return make


def export(file, out):
    return cli.main(["export", "--run", str(file), "--out", str(out)])


def noise():
    return torch.randn(1, 1, 512, generator=torch.Generator().manual_seed(5))


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
        "samples": "512",
    }


@pytest.mark.parametrize("name", SMALL)
def test_onnx_says_what_the_model_says(make_run, tmp_path, name):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, file = make_run(name)
    out = tmp_path / "model.onnx"
    assert export(file, out) == 0
    session = runtime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"mixture": noise().numpy()})
    torch.testing.assert_close(
        torch.from_numpy(found), model(noise())["final"].detach(), atol=1e-5, rtol=1e-4
    )
    assert session.get_modelmeta().custom_metadata_map["rate"] == "8000"


def test_an_exported_file_separates_like_its_run(make_run, tmp_path):
    _, file = make_run("wave_u_net")
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

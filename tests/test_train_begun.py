"""The names of trainings that begin with other weights."""

import json

import pytest
import test_train_command
from safetensors.torch import load_file, save_file
from test_train_command import assert_same, words

from mssbench.cli import USER_ERROR, main
from mssbench.training.initial import read_initial

TRAINING = test_train_command.CONFIG["training"]
CONFIG = {**test_train_command.CONFIG, "training": {**TRAINING, "epochs": 1}}


@pytest.fixture(scope="module")
def whole(tiny_rendition, tmp_path_factory):
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(words(tiny_rendition, folder, CONFIG)) == 0
    return folder


def test_weights_of_unknown_origin_are_named_by_what_they_hold(whole, tmp_path):
    weights = load_file(whole / "model.safetensors")
    for number, scale in enumerate((1, 1, 2)):
        other = {name: values * scale for name, values in weights.items()}
        save_file(other, tmp_path / f"{number}.safetensors")
    names = [read_initial(tmp_path / f"{number}.safetensors")[1] for number in range(3)]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("weights-")


def test_a_configuration_that_says_what_it_begins_with_is_held_to_it(
    whole, tiny_rendition, tmp_path, caplog
):
    run, parts = json.loads((whole / "run.json").read_text())["id"], ["masking.encoder"]
    file = str(whole / "model.safetensors")

    def refused(initial, *options):
        caplog.clear()
        arguments = words(tiny_rendition, tmp_path, {**CONFIG, "initial": initial})
        assert main([*arguments, *options]) == USER_ERROR
        return caplog.text

    assert f"initial.run is {run}; give the weights of that run" in refused({"run": run})
    said = refused({"run": "net-s0-0"}, "--initial", file)
    assert f"weights are of {run}, initial.run of the configuration is net-s0-0" in said
    said = refused({"run": run, "parts": parts}, "--initial", file, "--parts", "masking")
    assert "given parts are masking, initial.parts of the configuration is masking.encoder" in said
    assert "unknown key 'initial.part'" in refused({"run": run, "part": []})
    config = {**CONFIG, "initial": {"run": run, "parts": parts}}
    stated = words(tiny_rendition, tmp_path / "stated", config, initial=file)
    given = words(tiny_rendition, tmp_path / "given", CONFIG, initial=file)
    assert main(stated) == main([*given, "--parts", *parts]) == 0
    assert_same(tmp_path / "stated", tmp_path / "given")
    names = [
        json.loads((tmp_path / name / "run.json").read_text())["id"] for name in ("stated", "given")
    ]
    assert names[0] == names[1]

import json

import pandas
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_runs import TASNET, configuration
from test_average import loss_of
from test_train_command import words

from mssbench.cli import main
from mssbench.data.rendition import Rendition
from mssbench.models.registry import build
from mssbench.training.config import TrainingConfig
from mssbench.training.loop import Training


@pytest.mark.parametrize("average", [None, {"decay": 0.9}], ids=["plain", "average"])
def test_the_last_weights_lie_beside_the_best_and_are_those_of_the_last_row(
    tiny_rendition, tmp_path, average
):
    # So large a step that training gets worse again.
    optimiser = {"name": "adam", "lr": 0.05}
    config = configuration(TASNET, epochs=5, patience=5, optimiser=optimiser, average=average)
    assert main(words(tiny_rendition, tmp_path, config)) == 0
    described = json.loads((tmp_path / "run.json").read_text())
    assert described["best_epoch"] < described["epochs"] == 5
    rendition = Rendition.open(tiny_rendition)
    training = Training(TrainingConfig.from_dict(config), rendition, torch.device("cpu"))
    losses = pandas.read_csv(tmp_path / "history.csv")["valid_loss"].tolist()
    metadata = []
    for name, epoch in (("model", described["best_epoch"]), ("last", 5)):
        file = tmp_path / f"{name}.safetensors"
        model = build(TASNET["name"], TASNET["params"])
        model.load_state_dict(load_file(file))
        found = loss_of(model, training, rendition, config)
        assert found == pytest.approx(losses[epoch - 1], rel=1e-5)
        with safe_open(file, "pt") as opened:
            metadata.append(opened.metadata()["config"])
    assert losses[-1] != pytest.approx(min(losses), rel=1e-2)
    assert metadata[0] == metadata[1]
    assert json.loads(metadata[1]) == described["config"]

"""The command as a scheduler sees it: killed, asked to stop, continued."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time

import pandas
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_runs import read_history

from mssbench.cli import RUN_AGAIN, USER_ERROR, main
from mssbench.provenance import digest
from mssbench.tracking.origin import PACKAGE, git_commit
from mssbench.training.stopping import STOP_SIGNALS

CONFIG = {
    "dataset": {"name": "tiny"},
    "rendition": {"rate": 8000, "channels": "mono"},
    "split": {"kind": "random", "train_share": 0.75, "seed": 1},
    "model": {
        "name": "conv_tasnet_3x9",
        "params": {"N": 16, "B": 8, "H": 16, "X": 2, "R": 1},
    },
    "training": {
        "crops": {"kind": "random", "samples": 2048, "steps_per_epoch": 20},
        "batch_size": 4,
        "optimiser": {"name": "adam", "lr": 0.003},
        "epochs": 8,
        "patience": 8,
        "loss": {"final": {"kind": "mae", "weight": 1.0}},
    },
    "seed": 0,
}
LOADED = """
import sys
from mssbench.cli import main
assert main(sys.argv[1:]) == 0
print(*{name.partition(".")[0] for name in sys.modules}, "torch._dynamo" in sys.modules)
"""
OUTPUTS = ("model.safetensors", "last.safetensors", "history.csv", "run.json")


def words(rendition, folder, config=CONFIG, **options):
    """Return the command line that trains into ``folder``."""
    given = {
        "config": json.dumps(config) if isinstance(config, dict) else config,
        "rendition": rendition,
        "checkpoints": folder / "checkpoints",
        "out-weights": folder / "model.safetensors",
        "out-last": folder / "last.safetensors",
        "out-history": folder / "history.csv",
        "out-run": folder / "run.json",
        "device": "cpu",
        **options,
    }
    return ["train", *(str(word) for name, x in given.items() for word in (f"--{name}", x))]


def start(arguments):
    """Run the command in a process of its own and return its number.

    A fork of this process has torch imported already, which takes seconds.
    """
    child = os.fork()
    if child == 0:
        code = 70
        try:
            # Those of pytest would keep the command from adding its own.
            logging.getLogger().handlers.clear()
            code = main(arguments)
        finally:
            os._exit(code)
    return child


def end_of(child):
    """Wait for a process; return its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wait_until(condition, child):
    """Wait for ``condition``; return False if the process ended before."""
    while not condition():
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        time.sleep(0.001)
    return True


def contents(folder):
    weights = load_file(folder / "model.safetensors")
    history = read_history(folder)
    return weights, history


def assert_same(one, other):
    (weights, history), (expected, expected_history) = contents(one), contents(other)
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(weights[name], values), name
    pandas.testing.assert_frame_equal(history, expected_history, check_exact=True)


@pytest.fixture(scope="module")
def whole(tiny_rendition, tmp_path_factory):
    """Folder of a run that nothing disturbed."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    assert main(words(tiny_rendition, folder)) == 0
    return folder


def test_the_outputs_describe_the_run(whole):
    assert sorted(path.name for path in whole.iterdir()) == sorted(OUTPUTS)
    described = json.loads((whole / "run.json").read_text())
    assert described["config"] == CONFIG
    assert described["id"].endswith(f"-s{CONFIG['seed']}-{digest(CONFIG)}")
    assert described["stopped_because"] == "epochs"
    assert described["device"] == "cpu"
    assert described["versions"]["torch"] == torch.__version__
    assert described["versions"]["commit"] == git_commit(PACKAGE)
    history = pandas.read_csv(whole / "history.csv")
    assert history["epoch"].tolist() == list(range(1, 9))
    assert history["step"].tolist() == list(range(20, 161, 20))
    assert history["valid_loss"].idxmin() + 1 == described["best_epoch"]
    assert history["valid_loss"].min() == described["best_score"]
    with safe_open(whole / "model.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"]) == CONFIG
        names = [name for name in file.keys() if ".running_" not in name]  # noqa: SIM118
        counted = [file.get_tensor(n).numel() for n in names if not n.endswith("batches_tracked")]
        assert sum(counted) == described["parameters"]


def test_the_weights_fit_the_model(whole):
    from mssbench.models.registry import build

    model = build(CONFIG["model"]["name"], CONFIG["model"]["params"])
    model.load_state_dict(load_file(whole / "model.safetensors"))


def test_a_run_killed_at_any_moment_ends_like_one_that_was_not(whole, tiny_rendition, tmp_path):
    arguments = words(tiny_rendition, tmp_path, **{"checkpoint-seconds": 0})
    checkpoints, chance = tmp_path / "checkpoints", random.Random(1)
    for _ in range(6):
        child = start(arguments)
        known = set(checkpoints.glob("checkpoint-*"))
        assert wait_until(lambda known=known: set(checkpoints.glob("checkpoint-*")) - known, child)
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        assert end_of(child) == -signal.SIGKILL
    assert end_of(start(arguments)) == 0
    assert_same(tmp_path, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(OUTPUTS)


def test_a_kill_while_a_checkpoint_is_written_loses_nothing(whole, tiny_rendition, tmp_path):
    arguments = words(tiny_rendition, tmp_path, **{"checkpoint-seconds": 0})
    checkpoints = tmp_path / "checkpoints"

    def half_written():
        return any(checkpoints.glob("checkpoint-*")) and any(checkpoints.glob(".checkpoint-*"))

    # The kill comes a moment after the look, when the file may have become whole.
    for _ in range(20):
        child = start(arguments)
        assert wait_until(half_written, child)
        os.kill(child, signal.SIGKILL)
        end_of(child)
        if any(checkpoints.glob(".checkpoint-*")):
            break
    assert any(checkpoints.glob(".checkpoint-*"))
    assert end_of(start(arguments)) == 0
    assert_same(tmp_path, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(OUTPUTS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_and_asks_to_be_run_again(whole, tiny_rendition, tmp_path, number):
    log, checkpoints = tmp_path / "logs" / "train.log", tmp_path / "checkpoints"
    child = start(words(tiny_rendition, tmp_path, log=log))
    # The end of the first epoch is saved; what comes after it is not, until the signal.
    assert wait_until(lambda: any(checkpoints.glob("checkpoint-*")), child)
    os.kill(child, number)
    os.kill(child, number)
    assert end_of(child) == RUN_AGAIN
    assert len(list(checkpoints.glob("checkpoint-*"))) == 2
    assert "stopped: after step" in log.read_text()
    assert str(checkpoints) in log.read_text()
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
    assert end_of(start(words(tiny_rendition, tmp_path))) == 0
    assert_same(tmp_path, whole)


def test_checkpoints_of_another_configuration_are_refused(tiny_rendition, tmp_path):
    log, checkpoints = tmp_path / "train.log", tmp_path / "checkpoints"
    child = start(words(tiny_rendition, tmp_path))
    assert wait_until(lambda: any(checkpoints.glob("checkpoint-*")), child)
    os.kill(child, signal.SIGKILL)
    end_of(child)
    other = {**CONFIG, "training": {**CONFIG["training"], "batch_size": 2}}
    assert end_of(start(words(tiny_rendition, tmp_path, other, log=log))) == USER_ERROR
    assert "training.batch_size is 4 there and 2 here" in log.read_text()
    assert str(checkpoints) in log.read_text()


def test_the_configuration_may_be_a_file(tiny_rendition, tmp_path, caplog):
    wrong = json.dumps({**CONFIG, "seed": -1})
    for name in ("config.json", "config.yaml"):
        (tmp_path / name).write_text(wrong)
        assert main(words(tiny_rendition, tmp_path, tmp_path / name)) == USER_ERROR
        assert "seed is -1" in caplog.text
        caplog.clear()


@pytest.mark.parametrize(
    ("config", "words_of"),
    [("missing.json", "no such file"), ("missing.yaml", "no such file"), ("{", "not valid JSON")],
)
def test_a_configuration_that_cannot_be_read_is_refused(
    tiny_rendition, tmp_path, caplog, config, words_of
):
    assert main(words(tiny_rendition, tmp_path, config)) == USER_ERROR
    assert words_of in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_is_refused_where_there_is_none(tiny_rendition, tmp_path, caplog):
    assert main(words(tiny_rendition, tmp_path, device="cuda")) == USER_ERROR
    assert "no GPU" in caplog.text


def test_a_run_may_begin_with_the_weights_of_another(whole, tiny_rendition, tmp_path):
    # Too small a step to change a float32 weight.
    still = {"name": "adam", "lr": 1e-30}
    config = {**CONFIG, "training": {**CONFIG["training"], "optimiser": still, "epochs": 1}}
    arguments = words(tiny_rendition, tmp_path, config, initial=whole / "model.safetensors")
    assert main([*arguments, "--parts", "masking.encoder", "masking.decoder"]) == 0
    weights, _ = contents(tmp_path)
    expected, _ = contents(whole)
    for part, same in (("encoder", True), ("decoder", True), ("bottleneck", False)):
        names = [n for n in weights if n.startswith(f"masking.{part}") and weights[n].dim() > 2]
        assert names
        assert all(torch.equal(weights[name], expected[name]) == same for name in names)
    described = json.loads((tmp_path / "run.json").read_text())
    parts = ["masking.encoder", "masking.decoder"]
    source = json.loads((whole / "run.json").read_text())
    assert source["initial"] is None
    initial = {"run": source["id"], "parts": parts}
    assert described["initial"] == {"file": "model.safetensors", **initial}
    # The weights, their description and their name say what they began with.
    assert described["config"] == {**config, "initial": initial}
    assert described["id"].endswith(digest({**config, "initial": initial}))
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"]) == described["config"]


@pytest.mark.parametrize(
    ("options", "words_of"),
    [
        (["--parts", "masking"], "give them with --initial"),
        (["--initial", "missing.safetensors"], "no such file"),
        (["--initial", "{whole}", "--parts", "encoder"], "no part 'encoder'; it has masking"),
    ],
)
def test_initial_weights_that_do_not_fit_are_refused(
    whole, tiny_rendition, caplog, options, words_of
):
    given = [option.format(whole=whole / "model.safetensors") for option in options]
    assert main([*words(tiny_rendition, whole / "refused"), *given]) == USER_ERROR
    assert words_of in caplog.text


def test_the_signal_handlers_of_the_caller_are_put_back(tiny_rendition, tmp_path):
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    assert main(words(tiny_rendition, tmp_path, {"seed": 0})) == USER_ERROR
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def test_a_training_does_not_wait_for_what_it_does_not_use(tiny_rendition, tmp_path):
    # A package of these, or torch's compiler, takes longer to load than a short run's steps.
    config = CONFIG | {"training": CONFIG["training"] | {"epochs": 1}}
    arguments = words(tiny_rendition, tmp_path, config)
    environment = os.environ | {"MLFLOW_TRACKING_URI": "off"}
    program = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    *packages, compiler = done.stdout.split()
    assert compiler == "False"
    unused = {"jsonschema", "matplotlib", "mlflow", "museval", "pandas", "scipy", "sympy"}
    assert not unused & set(packages)

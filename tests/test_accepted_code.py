"""A training that other code goes on with: refused, unless it is accepted."""

import json

import pytest
import torch
from small_runs import U_NET, configuration
from test_train_command import words

from mssbench.cli import RUN_AGAIN, USER_ERROR, main
from mssbench.training.state import State

CONFIG = configuration(U_NET, epochs=1)
OTHER = configuration(U_NET, epochs=1, batch_size=2)


@pytest.fixture
def train(tiny_rendition, tmp_path, monkeypatch, caplog):
    """Train with code of a digest; return the exit code and what was said."""
    torch.set_num_threads(1)

    def call(code, *more, config=CONFIG):
        monkeypatch.setattr("mssbench.training.loop.source_digest", lambda *modules: code)
        caplog.clear()
        return main([*words(tiny_rendition, tmp_path, config), *more]), caplog.text

    return call


# Short enough that an attempt takes one step.
SHORT = ("--budget", "1e-9")


def test_other_code_is_refused_and_the_way_out_is_named(train):
    assert train("old", *SHORT)[0] == RUN_AGAIN
    ended, said = train("new")
    assert ended == USER_ERROR
    assert "code is 'old' there and 'new' here" in said
    assert "--accept-code (accept_code: true in config.yaml)" in said


def test_accepted_code_goes_on_with_a_warning_and_all_digests_are_kept(train, tmp_path):
    assert train("one", *SHORT)[0] == RUN_AGAIN
    ended, said = train("two", *SHORT, "--accept-code")
    assert ended == RUN_AGAIN
    assert "code is 'one' there and 'two' here" in said
    assert "stopped: after step 2," in said
    # From here on the checkpoint is of the accepted code.
    ended, said = train("two", *SHORT)
    assert ended == RUN_AGAIN
    assert "'one'" not in said
    assert train("three", "--accept-code")[0] == 0
    assert json.loads((tmp_path / "run.json").read_text())["code"] == ["one", "two", "three"]


def test_a_run_by_one_code_names_it_alone(train, tmp_path):
    assert train("one", *SHORT, "--accept-code")[0] == RUN_AGAIN
    ended, said = train("one", "--accept-code")
    assert ended == 0
    assert "other code" not in said
    assert json.loads((tmp_path / "run.json").read_text())["code"] == ["one"]


def test_another_configuration_is_refused_even_so(train):
    assert train("old", *SHORT)[0] == RUN_AGAIN
    for code in ("old", "new"):
        ended, said = train(code, "--accept-code", config=OTHER)
        assert ended == USER_ERROR
        assert "training.batch_size is 4 there and 2 here" in said
        assert "config.yaml" not in said


def test_a_state_that_accepted_code_cannot_read_is_one_line(train, monkeypatch):
    assert train("old", *SHORT)[0] == RUN_AGAIN
    monkeypatch.setattr(State, "NUMBERS", (*State.NUMBERS, "shoe_size"))
    ended, said = train("new", "--accept-code")
    assert ended == USER_ERROR
    assert "cannot be read by the code that is here" in said
    assert "shoe_size" in said
    assert "Traceback" not in said

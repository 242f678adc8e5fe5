"""The runs of cross-validated experiments, and what cannot be compared with them."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import save_file
from torch import zeros

from mssbench.errors import UserError
from mssbench.run_parts import trained_part
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.study import overlay as laid_over
from mssbench.training.initial import require_same_fold

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "workflow" / "schemas" / "study.schema.yaml"
DATASET = {"name": "synthetic", "seed": 0}
MINIATURE = yaml.safe_load((ROOT / "tests" / "miniature" / "folds.yaml").read_text())
NET = MINIATURE["experiments"]["net"]


def runs_of(tmp_path, changes=None, seeds=(0,)):
    """Return the runs of the miniature study with ``changes`` laid over it."""
    study = laid_over(MINIATURE, changes or {})
    (tmp_path / "folds.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return expand(Studies(tmp_path, SCHEMA).load("folds", "paper"), DATASET, list(seeds))


def with_experiment(experiment):
    selected = [*MINIATURE["select"]["experiments"], "more"]
    return {"experiments": {"more": experiment}, "select": {"experiments": selected}}


def of(runs, experiment):
    return [run for run in runs if run.experiment == experiment]


def test_an_experiment_is_a_model_a_fold_and_seed(tmp_path):
    found = of(runs_of(tmp_path, seeds=(3, 4)), "net")
    assert [(run.seed, run.fold) for run in found] == [(3, 0), (3, 1), (4, 0), (4, 1)]
    assert {run.label for run in found} == {"Net"}
    for name in ("trained", "separated", "id"):
        assert len({getattr(run, name) for run in found}) == 4
    assert {run.songs for run in found} == {"held_out"}
    assert [run.pool for run in found] == ["net-s3-folds"] * 2 + ["net-s4-folds"] * 2
    assert found[1].config["split"] == {"kind": "folds", "folds": 2, "seed": 1, "fold": 1}


def test_which_songs_are_scored_decides_no_weights(tmp_path):
    runs = runs_of(tmp_path)
    held, tested = of(runs, "net"), of(runs, "net-test")
    assert [run.trained for run in held] == [run.trained for run in tested]
    assert not {run.separated for run in held} & {run.separated for run in tested}
    assert {(run.songs, run.pool) for run in tested} == {("test", None)}
    assert [run.row["fold"] for run in tested] == [0, 1]


def test_a_fold_that_is_named_is_one_model_and_that_of_the_whole(tmp_path):
    runs = runs_of(tmp_path, with_experiment({**NET, "label": "Fold 1", "split": {"fold": 1}}))
    (alone,) = of(runs, "more")
    assert alone.id == of(runs, "net")[1].id
    assert (alone.songs, alone.pool) == ("held_out", None)


def test_folds_may_be_swept(tmp_path):
    swept = {**NET, "label": "Swept", "sweep": {"split.folds": [2, 3]}}
    runs = runs_of(tmp_path, with_experiment(swept))
    assert [run.fold for run in runs if run.sweep] == [0, 1, 0, 1, 2]
    assert len({run.pool for run in runs if run.sweep}) == 2


def test_a_model_begins_with_the_one_that_held_out_the_same_songs(tmp_path):
    more = {**NET, "label": "More", "initial": {"experiment": "net"}, "training": {"epochs": 2}}
    runs = runs_of(tmp_path, with_experiment(more), seeds=(0, 1))
    expected = [run.trained for run in of(runs, "net")]
    assert [run.initial.trained for run in of(runs, "more")] == expected
    assert len(set(expected)) == 4


ALL = {"kind": "all"}


@pytest.mark.parametrize(
    ("own", "source", "message"),
    [
        ({"folds": 3}, {}, "'more': initial.experiment has another split, so its weights may know"),
        ({"seed": 2}, {}, "another split"),
        ({}, {"fold": 0}, "songs that fold 1 holds out"),
    ],
)
def test_no_model_begins_with_weights_that_may_know_its_songs(tmp_path, own, source, message):
    more = {**NET, "label": "More", "split": own, "initial": {"experiment": "base"}}
    changes = with_experiment(more)
    changes["experiments"]["base"] = {**NET, "label": "Base", "split": source}
    with pytest.raises(UserError, match=message) as caught:
        runs_of(tmp_path, changes)
    assert "\n" not in str(caught.value)


def test_a_single_model_does_not_begin_with_several(tmp_path):
    study = copy.deepcopy(MINIATURE)
    for name in ("net", "net-test"):
        study["experiments"][name]["split"] = study["common"]["split"]
    study["common"]["split"] = ALL
    study["experiments"]["more"] = {**NET, "label": "More", "initial": {"experiment": "net"}}
    study["select"]["experiments"].append("more")
    (tmp_path / "folds.yaml").write_text(yaml.safe_dump(study))
    with pytest.raises(UserError, match="has a model for each of 2 folds; name one that is a"):
        expand(Studies(tmp_path, SCHEMA).load("folds", "paper"), DATASET, [0])


def test_weights_by_hand_are_of_the_same_fold(tmp_path):
    file, split = tmp_path / "model.safetensors", {"kind": "folds", "folds": 2, "fold": 0}
    for known in ({"split": {**split, "fold": 1}}, {"split": ALL}, {}):
        save_file({"x": zeros(1)}, file, {"config": json.dumps(known)})
        with pytest.raises(UserError, match=r"may know songs that the training's, .* holds out"):
            require_same_fold(file, split)
        require_same_fold(file, ALL)


ROWS = ["net", "mixture"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"common": {"split": {"folds": 1}}}, "common.split.folds is 1.*from 2 to 200"),
        ({"common": {"split": {"fold": 2}}}, "'net': split.fold: found 2; of 2 folds"),
        ({"common": {"split": {"train_share": 0.5}}}, "'net': split: kind folds takes folds, fold"),
        (
            {"experiments": {"net-test": {"separation": {"songs": "train"}}}},
            "songs is 'train'; allowed are test, held_out",
        ),
        (
            {"tables": {"tests": {"rows": ROWS}}},
            "tables.tests compares 'net', scored on held-out songs, with 'mixture', scored on test",
        ),
        ({"figures": {"boxes": {"rows": ROWS}}}, "figures.boxes compares 'net'"),
        (
            {"figures": {"excerpt": {"rows": ["net"]}}},
            "figures.excerpt shows test songs, but 'net'",
        ),
        ({"listening": {"rows": ROWS}}, "listening shows test songs, but 'net' has estimates of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_any_job(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        runs_of(tmp_path, changes)
    assert "\n" not in str(caught.value)


def test_a_study_of_held_out_songs_alone_shows_no_excerpt(tmp_path):
    study = dict(MINIATURE, tables={"folds": MINIATURE["tables"]["folds"]})
    study["select"] = {
        "experiments": ["net", "train-mixture"],
        "tables": ["folds"],
        "figures": ["excerpt"],
    }
    (tmp_path / "folds.yaml").write_text(yaml.safe_dump(study))
    with pytest.raises(UserError, match=r"figures\.excerpt shows test songs"):
        expand(Studies(tmp_path, SCHEMA).load("folds", "paper"), DATASET, [0])


def test_the_fold_is_part_of_what_decides_the_weights(tmp_path):
    one, other = of(runs_of(tmp_path), "net")
    differing = {
        key for key, value in trained_part(one.config).items() if value != other.config[key]
    }
    assert differing == {"split"}

"""Sweeps of a study, and weights that experiments begin with."""

from pathlib import Path

import pytest
import yaml

from mssbench.errors import UserError
from mssbench.run_parts import separated_part, trained_part
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.sweeps import points, short_names, tags

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "workflow" / "schemas" / "study.schema.yaml"
DATASET = {"name": "synthetic", "seed": 0}
MINIATURE = yaml.safe_load((ROOT / "tests" / "miniature" / "begun.yaml").read_text())


def runs_of(tmp_path, experiments=None, select=None, seeds=(0,), scale="paper"):
    """Return the runs, by experiment, of the miniature study with other experiments."""
    study = dict(MINIATURE)
    study["experiments"] = {**study["experiments"], **(experiments or {})}
    chosen = select or [*study["select"]["experiments"], *(experiments or {})]
    study["select"] = {**study["select"], "experiments": list(dict.fromkeys(chosen))}
    (tmp_path / "begun.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    found = expand(Studies(tmp_path, SCHEMA).load("begun", scale), DATASET, list(seeds))
    return {(run.experiment, run.seed): run for run in found}


def swept(sweep, label="Net", **rest):
    model = {"model": "wave_u_net", "params": {"levels": 3, "filters": 2, "output": "single"}}
    return {"net": {"label": label, **model, **rest, "sweep": sweep}}


def test_all_combinations_are_made_and_named_by_their_values(tmp_path):
    sweep = {"training.optimiser.lr": [1e-3, 1e-4], "params.filters": [2, 3, 4]}
    found = runs_of(tmp_path, swept(sweep), ["net"])
    assert [run.label for run in found.values()] == [
        f"Net, lr {lr}, filters {filters}" for lr in ("0.001", "0.0001") for filters in (2, 3, 4)
    ]
    run = found["net/lr=0.0001,filters=3", 0]
    assert run.config["training"]["optimiser"] == {"name": "adam", "lr": 1e-4}
    assert run.config["model"]["params"] == {"levels": 3, "filters": 3, "output": "single"}
    assert run.row["sweep"] == "net"
    assert run.row["swept"] == {"training.optimiser.lr": 1e-4, "params.filters": 3}
    assert len({run.trained for run in found.values()}) == 6


def test_a_combination_is_the_run_that_says_so_itself(tmp_path):
    plain = swept({}, training={"optimiser": {"lr": 0.01}})
    found = runs_of(
        tmp_path, {"plain": plain["net"], **swept({"training.optimiser.lr": [0.01]}, "N")}
    )
    assert found["plain", 0].id == found["net/lr=0.01", 0].id
    assert "sweep" not in found["plain", 0].row


def test_a_sweep_of_the_separation_trains_once(tmp_path):
    found = runs_of(tmp_path, swept({"separation.shifts": [0, 1, 10]}), ["net"])
    assert len({run.trained for run in found.values()}) == 1
    assert len({run.separated for run in found.values()}) == 3
    (training,) = {str(run.training_tags) for run in found.values()}
    assert training == str({"sweep": "net"})


def test_each_swept_key_is_a_tag(tmp_path):
    run = runs_of(tmp_path, swept({"training.optimiser.lr": [1e-3]}), ["net"])["net/lr=0.001", 0]
    expected = {"sweep": "net", "sweep.training.optimiser.lr": "0.001"}
    assert run.training_tags == tags(run.sweep, run.swept) == expected
    assert tags(None, {}) == {}


def test_a_parameter_that_the_experiment_leaves_at_its_default_may_be_swept(tmp_path):
    found = runs_of(tmp_path, swept({"params.down_kernel": [5, 7]}), ["net"])
    assert [run.config["model"]["params"]["down_kernel"] for run in found.values()] == [5, 7]


def test_keys_of_one_last_part_are_told_apart():
    keys = ["training.loss.final.weight", "training.loss.middle.weight", "params.N"]
    assert list(short_names(keys).values()) == ["final.weight", "middle.weight", "N"]


def test_swept_maps_and_lists_take_the_place_of_others():
    experiment = {"label": "x", "params": {"k": [1]}, "training": {"augmentation": [{"kind": "a"}]}}
    sweep = {"params.k": [[2, 3]], "training.augmentation": [[]]}
    ((name, point),) = points("x", {**experiment, "sweep": sweep}, "here").items()
    assert name == "x/k=[2, 3],augmentation=[]"
    assert (point["params"], point["training"]) == ({"k": [2, 3]}, {"augmentation": []})
    assert experiment["params"] == {"k": [1]}


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (swept({"training.optimiser.rl": [1]}), r"'net/rl=1': unknown key 'training.optimiser.rl'"),
        (swept({"params.width": [1]}), r"'net': sweep.params.width.*no parameter 'width'.*levels"),
        (swept({"trainin.lr": [1]}), r"'net': sweep.trainin.lr: there is no such key.*training"),
        (swept({"label": ["a"]}), r"sweep.label: there is no such key"),
        (swept({"split.kind.x": [1]}), r"split.kind is 'random', no map of keys"),
        (swept({"separation.overlp": [0]}), r"overlp=0: unknown key 'overlp' in separation"),
        (swept({"separation.overlap": [0, 1]}), r"overlap=1: separation.overlap is 1, which"),
        (swept({"params.filters": []}), r"net.sweep.params.filters is \[\].*at least one value"),
        (swept({"params.filters": [2, 2]}), r"'net': sweep gives two runs the label 'Net, filters"),
        (swept({"params.filters": list(range(1, 202))}), r"makes 201 runs, at most 200"),
        (swept({"training.optimiser.lr": ["1e-3"]}), r"write 1.0e-3"),
        (
            {
                **swept({"params.filters": [2]}),
                "b": {**swept({})["net"], "label": "Net, filters 2"},
            },
            r"label 'Net, filters 2' is that of 'net/filters=2', too",
        ),
        (
            {"m": {"label": "M", "model": "mixture", "sweep": {"training.epochs": [1, 2]}}},
            r"'m': sweep makes 'm/epochs=1' and 'm/epochs=2', which are the same run",
        ),
    ],
)
def test_a_sweep_that_cannot_be_is_one_line(tmp_path, experiment, message):
    with pytest.raises(UserError, match=message) as caught:
        runs_of(tmp_path, experiment)
    assert "\n" not in str(caught.value)


def test_seeds_count_as_runs(tmp_path):
    sweep = swept({"params.filters": list(range(1, 102))})
    with pytest.raises(UserError, match=r"study begun, experiment 'net': sweep makes 202 runs"):
        runs_of(tmp_path, sweep, ["net"], seeds=(0, 1))


def test_an_experiment_begins_with_anothers_weights_of_its_seed(tmp_path):
    found = runs_of(tmp_path, seeds=(0, 1))
    for seed in (0, 1):
        source, begun = found["m2", seed], found["m6", seed]
        assert begun.initial.trained == source.trained
        assert begun.config["initial"] == {"run": source.trained, "parts": ["front_end"]}
        assert [run.trained for run in begun.trainings] == [source.trained, begun.trained]
        assert "initial" in trained_part(begun.config).keys() & separated_part(begun.config).keys()
    assert found["m2", 0].initial is None


def test_the_source_is_part_of_the_name_and_so_is_what_is_taken(tmp_path):
    def name(**changes):
        return runs_of(tmp_path, changes, ["m6"])["m6", 0].trained

    m2, m6 = (MINIATURE["experiments"][key] for key in ("m2", "m6"))
    names = [
        name(),
        name(m6={**m6, "initial": None}),
        name(m6={**m6, "initial": {"experiment": "m2"}}),
        name(m2={**m2, "training": {"epochs": 1}}),
    ]
    assert len(set(names)) == 4
    assert name(m2={**m2, "label": "other"}) == names[0]


def test_a_source_need_not_be_selected(tmp_path):
    found = runs_of(tmp_path, select=["m6"])
    assert list(found) == [("m6", 0)]
    assert len(found["m6", 0].trainings) == 2


def test_a_chain_is_trained_from_its_beginning(tmp_path):
    m6 = MINIATURE["experiments"]["m6"]
    again = {**m6, "label": "again", "initial": {"experiment": "m6"}}
    run = runs_of(tmp_path, {"again": again}, ["again"])["again", 0]
    assert [each.experiment for each in run.trainings] == ["m2", "m6", "again"]
    assert run.config["initial"]["parts"] == []


def test_one_combination_of_a_sweep_may_be_begun_with_and_sources_may_be_swept(tmp_path):
    m2, m6 = (MINIATURE["experiments"][key] for key in ("m2", "m6"))
    source = {**m2, "sweep": {"training.optimiser.lr": [0.1, 0.01]}}
    begun = {**m6, "sweep": {"initial.experiment": ["m2/lr=0.1", "m2/lr=0.01"]}}
    found = runs_of(tmp_path, {"m2": source, "m6": begun}, ["m6"])
    sources = [run.initial.experiment for run in found.values()]
    assert sources == ["m2/lr=0.1", "m2/lr=0.01"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"m6": {"experiment": "m9"}}, "unknown experiment 'm9'; there are m2, m6"),
        ({"m6": {"experiment": "mixture"}}, "'mixture', whose model mixture is not trained"),
        ({"m6": {"parts": ["front_end"]}}, "lacks the key 'experiment'"),
        ({"m6": {"experiment": "m6"}}, "begin with itself: m6 -> m6"),
        ({"m2": {"experiment": "m6"}}, "begin with itself: m2 -> m6 -> m2"),
        ({"mixture": {"experiment": "m2"}}, "model mixture is not trained, so it begins with no"),
        ({"m6": {"experiment": "m2", "part": []}}, "unknown key 'part' in .*initial"),
    ],
)
def test_weights_that_cannot_be_begun_with_are_refused_in_one_line(tmp_path, changes, message):
    experiments = {
        name: {**MINIATURE["experiments"][name], "initial": initial}
        for name, initial in changes.items()
    }
    (name,) = changes
    with pytest.raises(UserError, match=message) as caught:
        runs_of(tmp_path, experiments)
    for word in ("begun", name, "initial"):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sweep_as_a_whole_cannot_be_begun_with(tmp_path):
    source = {**MINIATURE["experiments"]["m2"], "sweep": {"training.epochs": [1, 2]}}
    with pytest.raises(
        UserError, match=r"'m2', of a sweep; name one of .* m2/epochs=1, m2/epochs=2"
    ):
        runs_of(tmp_path, {"m2": source}, ["m6"])

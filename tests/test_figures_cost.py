import json

import numpy as np
import pandas as pd
import pytest
from figure_data import PROTOCOL, ROWS, check_bytes, config, remark_of, row, scores, write_runs

from mssbench.errors import UserError
from mssbench.report.costs import Cost, cost_of, pareto
from mssbench.report.figures.cost import FREE, brief, draw_cost, ticks
from mssbench.report.sources import Sources

NONE = frozenset()
COSTS = {"poor": Cost(1e4, NONE), "good": Cost(2e5, NONE)}


def system(name, rows=ROWS):
    (found,) = config(rows).experiments([name])
    return found


def markers(panel):
    """Return the points of the systems: place, height and whether they are filled."""
    return [
        (*line.get_xydata()[0], line.get_markerfacecolor() != "white")
        for line in panel.get_lines()
        if line.get_marker() == "o"
    ]


def test_cost_plots_have_the_bytes_that_their_data_decide(tmp_path):
    other = COSTS | {"poor": Cost(3e4, NONE)}
    check_bytes(
        lambda: draw_cost({}, config(), COSTS, scores(), PROTOCOL),
        lambda: draw_cost({}, config(), other, scores(), PROTOCOL),
        tmp_path,
    )


def test_parameters_and_training_seconds_are_means_over_seeds(tmp_path):
    sources = Sources(runs=write_runs(tmp_path))
    assert cost_of(system("good"), "parameters", sources) == Cost(2500.0, NONE)
    assert cost_of(system("good"), "training", sources) == Cost(10.0, frozenset({"cpu"}))


def test_what_learns_nothing_has_no_parameters_but_a_time_to_separate(tmp_path):
    duet = row("duet", None, kind="untrained")
    path = tmp_path / "estimates.json"
    path.write_text(json.dumps({"realtime_factor": 0.03, "device": "cuda"}))
    sources = Sources(estimates={"duet-sNone": path})
    assert cost_of(system("duet", [duet]), "parameters", sources) == Cost(None, NONE)
    found = cost_of(system("duet", [duet]), "separation", sources)
    assert found == Cost(0.03, frozenset({"cuda"}))


def test_missing_costs_are_refused_by_file(tmp_path):
    files = write_runs(tmp_path)
    with pytest.raises(UserError, match=r"--runs: there is none called 'good-s0', but poor-s0"):
        cost_of(system("good"), "parameters", Sources(runs={"poor-s0": files["poor-s0"]}))
    files["poor-s0"].write_text("{}")
    with pytest.raises(UserError, match=r"run\.json: it lacks 'parameters'"):
        cost_of(system("poor"), "parameters", Sources(runs=files))
    files["poor-s0"].write_text("no")
    with pytest.raises(UserError, match=r"run\.json is not valid JSON"):
        cost_of(system("poor"), "parameters", Sources(runs=files))


def test_the_pareto_front_is_what_nothing_beats():
    points = [(1, 5.0), (2, 4.0), (2, 7.0), (3, 7.0), (4, 9.0), (0, 1.0), (4, 9.0)]
    assert pareto(points) == [5, 0, 2, 4, 6]
    assert pareto([(1, 1.0)]) == [0]


def test_no_point_of_a_pareto_front_beats_another_and_all_others_are_beaten():
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.integers(0, 12, size=(40, 2)).tolist()]
    front = pareto(points)

    def beaten(point):
        return any(c <= point[0] and q >= point[1] and (c, q) != point for c, q in points)

    assert [beaten(points[place]) for place in front] == [False] * len(front)
    assert all(beaten(points[place]) for place in set(range(40)) - set(front))


def test_points_stand_at_cost_and_median_and_the_front_is_filled():
    rows = [row("poor", 0), row("good", 0), row("third", 0)]
    data = scores()
    third = data[data["run"] == "poor-s0"].assign(run="third-s0")
    third["score"] -= 1
    data = pd.concat([data, third], ignore_index=True)
    costs = COSTS | {"third": Cost(1e5, NONE)}
    (panel,) = draw_cost({}, config(rows), costs, data, PROTOCOL).axes
    found = markers(panel)
    assert [(place, filled) for place, _, filled in found] == [
        (1e4, True),
        (2e5, True),
        (1e5, False),
    ]
    sdr = data[(data["metric"] == "SDR") & (data["target"] == "vocals")]
    medians = sdr.groupby(["run", "track"])["score"].median().groupby("run").median()
    expected = [medians[f"{name}-s0"] for name in ("poor", "good", "third")]
    assert [height for _, height, _ in found] == pytest.approx(expected)


def test_bounds_are_left_out_and_systems_named():
    (panel,) = draw_cost({}, config(), COSTS, scores(), PROTOCOL).axes
    assert sorted(text.get_text() for text in panel.texts) == ["Good", "Poor"]
    assert panel.get_xlabel() == "trainable parameters"
    with pytest.raises(UserError, match="at least one row that is no bound"):
        draw_cost({"rows": ["mixture"]}, config(), {}, scores(), PROTOCOL)


def test_what_costs_nothing_stands_apart_on_the_left():
    rows = [row("poor", 0), row("good", None, kind="untrained", id="good-s0")]
    costs = {"poor": Cost(1e4, NONE), "good": Cost(None, NONE)}
    (panel,) = draw_cost({}, config(rows), costs, scores(), PROTOCOL).axes
    poor, good = markers(panel)
    assert good[0] < poor[0]
    assert panel.get_xticklabels()[0].get_text() == FREE
    assert panel.get_xticks()[0] == good[0]
    assert (poor[2], good[2]) == (False, True), "as good, and free"
    (panel,) = draw_cost({"rows": ["good"]}, config(rows), costs, scores(), PROTOCOL).axes
    assert [label.get_text() for label in panel.get_xticklabels()] == [FREE]


def test_times_name_the_device():
    costs = {name: Cost(3.0, frozenset({"cpu"})) for name in COSTS}
    figure = draw_cost({"cost": "training"}, config(), costs, scores(), PROTOCOL)
    assert "Times on cpu." in remark_of(figure)
    assert figure.axes[0].get_xlabel() == "time to train (s)"


def test_systems_without_a_value_are_counted_and_all_without_one_refused():
    data = scores()
    data.loc[data["run"] == "poor-s0", "score"] = np.nan
    figure = draw_cost({}, config(), COSTS, data, PROTOCOL)
    assert len(markers(figure.axes[0])) == 1
    assert "1 system without a finite value" in remark_of(figure)
    with pytest.raises(UserError, match="no row has a finite SDR of vocals"):
        draw_cost({}, config(), COSTS, data.assign(score=np.nan), PROTOCOL)


def test_a_logarithmic_axis_has_marks_between_its_ends():
    assert ticks(5.0, 70.0) == ([10.0, 20.0, 50.0], ["10", "20", "50"])
    assert ticks(2e3, 3e7)[1] == ["10k", "100k", "1M", "10M"]
    # What costs nearly the same still has marks to read it by.
    assert ticks(0.0281, 0.0337)[1] == ["0.029", "0.03", "0.031", "0.032", "0.033"]
    assert ticks(8.2e5, 1.18e6)[1] == ["900k", "1M", "1.1M"]
    assert ticks(0.004, 0.3)[1] == ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (2000.0, "2000"), (20000.0, "20k"), (1e6, "1M"), (2.5e7, "25M")],
)
def test_large_numbers_are_brief(value, text):
    assert brief(value) == text

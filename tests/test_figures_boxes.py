import numpy as np
import pytest
from figure_data import PROTOCOL, ROWS, check_bytes, config, remark_of, row, scores

from mssbench.errors import UserError
from mssbench.report.figures.boxes import draw_boxes

BOXES = {"title": "Boxes", "kind": "boxes", "targets": ["vocals", "accompaniment"]}


def test_box_plots_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(
        lambda: draw_boxes({}, config(), scores(), PROTOCOL),
        lambda: draw_boxes({}, config(), scores(1), PROTOCOL),
        tmp_path,
    )


def test_box_plots_name_systems_targets_metrics_and_units():
    figure = draw_boxes(BOXES | {"metrics": ["SDR", "SIR"]}, config(), scores(), PROTOCOL)
    panels = figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == ["Vocals", "", "Accompaniment", ""]
    assert [panel.get_xlabel() for panel in panels[2:]] == ["SDR (dB)", "SIR (dB)"]
    remark = figure.get_supxlabel()
    for fact in ("7 songs", "median over windows", "averaged over seeds", "BSSEval v4", "demo"):
        assert fact in remark
    assert "Not comparable" in remark


def test_box_plots_order_learned_systems_by_vocals_sdr_and_set_bounds_apart():
    figure = draw_boxes({"metrics": ["SIR"]}, config(), scores(), PROTOCOL)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["Good", "Poor", "Mixture"]
    low, high = panel.get_ylim()
    assert low > high, "the first system stands at the top"
    good, poor, mixture = (tuple(box.get_edgecolor()) for box in panel.patches)
    assert good == poor != mixture
    places = panel.get_yticks()
    assert places[2] - places[1] > places[1] - places[0]


def test_points_of_box_plots_are_song_medians_averaged_over_seeds():
    data = scores()
    figure = draw_boxes({"rows": ["good"]}, config(), data, PROTOCOL)
    points = np.sort(np.asarray(figure.axes[0].collections[0].get_offsets())[:, 0])
    sdr = data[(data["metric"] == "SDR") & (data["target"] == "vocals")]
    medians = sdr[sdr["run"].str.startswith("good")].groupby(["run", "track"])["score"].median()
    assert points == pytest.approx(np.sort(medians.groupby("track").mean()))


def test_box_plots_say_how_many_songs_they_cannot_draw():
    data = scores()
    data.loc[(data["run"] == "poor-s0") & (data["track"] == "song 3"), "score"] = np.nan
    figure = draw_boxes({"rows": ["poor"]}, config(), data, PROTOCOL)
    assert len(figure.axes[0].collections[0].get_offsets()) == 6
    assert "1 value without a finite median" in figure.get_supxlabel().replace("\n", " ")
    everything = data.assign(score=np.nan)
    draw_boxes({"rows": ["poor"]}, config(), everything, PROTOCOL)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"rows": ["bad"]}, "unknown rows 'bad'"),
        ({"targets": ["drums"]}, "unknown targets 'drums'; allowed are vocals, accompaniment"),
        ({"metrics": ["SAR"]}, "unknown metrics 'SAR'; allowed are SDR, SIR"),
    ],
)
def test_unknown_names_in_box_plots_are_refused(definition, message):
    with pytest.raises(UserError, match=message):
        draw_boxes(definition, config(), scores(), PROTOCOL)


def test_what_learns_nothing_stands_among_the_systems_and_has_its_own_colour():
    rows = [row("poor", 0), row("good", None, kind="untrained"), row("mixture", None)]
    data = scores()
    data["run"] = data["run"].replace("good-s0", "good-sNone")
    figure = draw_boxes({}, config(rows), data, PROTOCOL)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["Good", "Poor", "Mixture"]
    colours = {tuple(box.get_edgecolor()) for box in panel.patches}
    assert len(colours) == 3
    assert "blue: learned; orange: nothing learned; grey: bounds" in remark_of(figure)


def test_box_plots_without_vocals_are_ordered_by_what_they_show():
    data = scores()
    data = data[data["target"] != "vocals"]
    definition = {"targets": ["accompaniment"], "metrics": ["SIR"]}
    (panel,) = draw_boxes(definition, config(ROWS), data, PROTOCOL).axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["Good", "Poor", "Mixture"]

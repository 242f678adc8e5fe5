import numpy as np
import pytest
from figure_data import PROTOCOL, check_bytes, config, remark_of, scores

from mssbench.errors import UserError
from mssbench.report.figures.scatter import NAMED, draw_scatter, short

PAIR = {"rows": ["poor", "good"]}


def points(panel):
    return np.asarray(panel.collections[0].get_offsets())


def test_scatter_plots_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(
        lambda: draw_scatter(PAIR, config(), scores(), PROTOCOL),
        lambda: draw_scatter(PAIR, config(), scores(1), PROTOCOL),
        tmp_path,
    )


def test_points_are_the_songs_of_both_systems():
    data = scores()
    (panel,) = draw_scatter(PAIR, config(), data, PROTOCOL).axes
    sdr = data[(data["metric"] == "SDR") & (data["target"] == "vocals")]
    medians = sdr.groupby(["run", "track"])["score"].median().unstack("run")
    good = medians[["good-s0", "good-s1"]].mean(axis=1)
    assert points(panel)[:, 0] == pytest.approx(medians["poor-s0"].to_numpy())
    assert points(panel)[:, 1] == pytest.approx(good.to_numpy())
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("Poor", "Good")


def test_the_order_of_the_rows_decides_the_axes():
    (panel,) = draw_scatter({"rows": ["good", "poor"]}, config(), scores(), PROTOCOL).axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("Good", "Poor")


def test_the_line_joins_equal_values_across_the_whole_panel():
    (panel,) = draw_scatter(PAIR, config(), scores(), PROTOCOL).axes
    line = panel.get_lines()[0]
    assert np.array_equal(line.get_xdata(), line.get_ydata())
    assert tuple(line.get_xdata()) == panel.get_xlim() == panel.get_ylim()
    low, high = panel.get_xlim()
    assert (points(panel) > low).all()
    assert (points(panel) < high).all()


def test_the_remark_counts_songs_and_states_difference_interval_p_and_effect():
    remark = remark_of(draw_scatter(PAIR, config(), scores(), PROTOCOL))
    assert "7 of 7 common songs above the line" in remark
    assert "95 % interval over songs" in remark
    assert "p = 0.016" in remark, "2 / 2^7"
    assert "rank-biserial effect 1.00" in remark


def test_songs_without_a_value_of_both_are_left_out_and_too_few_are_not_tested():
    data = scores()
    data.loc[(data["run"] == "poor-s0") & (data["track"] < "song 2"), "score"] = np.nan
    figure = draw_scatter(PAIR, config(), data, PROTOCOL)
    assert len(points(figure.axes[0])) == 5
    assert "5 of 5 common songs" in remark_of(figure)
    assert "no test with fewer than 6 songs" in remark_of(figure)


def test_the_songs_furthest_from_the_line_are_named():
    data = scores()
    data.loc[(data["run"] == "poor-s0") & (data["track"] == "song 4"), "score"] -= 10
    (panel,) = draw_scatter(PAIR, config(), data, PROTOCOL).axes
    names = [text.get_text() for text in panel.texts]
    assert len(names) == NAMED
    assert "song 4" in names


def test_long_names_are_cut():
    assert short("Ada - One") == "Ada - One"
    assert len(short("A very long artist - And an even longer title")) <= 26


def test_each_target_has_a_panel():
    definition = PAIR | {"targets": ["vocals", "accompaniment"], "metric": "SIR"}
    figure = draw_scatter(definition, config(), scores(), PROTOCOL)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == ["Vocals, SIR (dB)", "Accompaniment, SIR (dB)"]
    assert "Accompaniment: 7 of 7" in remark_of(figure)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({}, "rows are not given; a scatter plot needs two"),
        ({"rows": ["good"]}, "rows are good; a scatter plot needs two"),
        ({"rows": ["good", "good"]}, "a scatter plot needs two"),
        ({"rows": ["good", "bad"]}, "unknown rows 'bad'"),
        (PAIR | {"targets": ["drums"]}, "unknown targets 'drums'"),
    ],
)
def test_scatter_plots_of_other_than_two_systems_are_refused(definition, message):
    with pytest.raises(UserError, match=message):
        draw_scatter(definition, config(), scores(), PROTOCOL)


@pytest.mark.parametrize(
    ("silent", "reason"),
    [(["poor-s0"], "one of them"), (["poor-s0", "good-s0", "good-s1"], "either")],
)
def test_a_target_without_a_common_song_has_an_empty_panel_that_says_why(silent, reason):
    data = scores()
    data.loc[data["run"].isin(silent) & (data["target"] == "vocals"), "score"] = np.nan
    definition = PAIR | {"targets": ["vocals", "accompaniment"]}
    figure = draw_scatter(definition, config(), data, PROTOCOL)
    empty, full = figure.axes
    assert [text.get_text().replace("\n", " ") for text in empty.texts] == [
        f"no song has a finite value of {reason}"
    ]
    assert (list(empty.collections), list(empty.get_lines())) == ([], [])
    assert empty.get_title(loc="left") == "Vocals, SDR (dB)"
    assert len(points(full)) == 7
    assert "Vocals: no common song with a finite value." in remark_of(figure)


def test_songs_of_which_each_system_has_another_are_no_common_ones():
    data = scores()
    early = data["track"] < "song 3"
    data.loc[np.where(data["run"] == "poor-s0", early, ~early), "score"] = np.nan
    (panel,) = draw_scatter(PAIR, config(), data, PROTOCOL).axes
    assert panel.texts[0].get_text().replace("\n", " ") == (
        "no song has a finite value of both together"
    )

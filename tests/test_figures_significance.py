import numpy as np
import pandas as pd
import pytest
from figure_data import PROTOCOL, ROWS, check_bytes, config, remark_of, row, scores

from mssbench.errors import UserError
from mssbench.report.figures.significance import MARKS, draw_significance, mark, number
from mssbench.report.figures.style import with_minus

SIGNS = {sign for _, sign in MARKS}


def texts(figure):
    """Return the texts of the cells by (row, column)."""
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text()
        for text in figure.axes[0].texts
    }


def many(count=23, songs=20):
    rng = np.random.default_rng(0)
    rows = [row(f"system-{place}", 0) for place in range(count)]
    song = rng.normal(size=songs)
    parts = [
        pd.DataFrame(
            {
                "run": each["id"],
                "track": [f"song {place}" for place in range(songs)],
                "target": "vocals",
                "metric": "SDR",
                "window_start": 0.0,
                "score": song + 0.3 * place + 0.2 * rng.normal(size=songs),
            }
        )
        for place, each in enumerate(rows)
    ]
    return rows, pd.concat(parts, ignore_index=True)


def test_heat_maps_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(
        lambda: draw_significance({}, config(), scores(), PROTOCOL),
        lambda: draw_significance({}, config(), scores(1), PROTOCOL),
        tmp_path,
    )


def test_heat_maps_order_systems_like_box_plots_and_number_the_columns():
    (panel, _) = draw_significance({}, config(), scores(), PROTOCOL).axes
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == ["Good  1", "Poor  2", "Mixture  3"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "2", "3"]


def test_cells_hold_the_median_difference_over_songs():
    data = scores()
    figure = draw_significance({}, config(), data, PROTOCOL)
    sdr = data[(data["metric"] == "SDR") & (data["target"] == "vocals")]
    medians = sdr.groupby(["run", "track"])["score"].median().unstack("run")
    good = medians[["good-s0", "good-s1"]].mean(axis=1)
    difference = (good - medians["poor-s0"]).median()
    colours = np.asarray(figure.axes[0].images[0].get_array())
    assert colours[0, 1] == pytest.approx(difference)
    assert colours[1, 0] == pytest.approx(-difference)
    assert texts(figure)[0, 1] == number(difference)


def test_marks_need_enough_songs_and_the_remark_says_so():
    figure = draw_significance({}, config(), scores(), PROTOCOL)
    # 2 / 2^7 for each of three pairs of seven songs, corrected by 3 and 2 and 1 to the largest.
    assert texts(figure)[1, 0] == mark(3 * 2 / 2**7)
    assert "7 common songs, corrected for 3 pairs (Holm)" in remark_of(figure)
    data = scores()
    few = data[data["track"] < "song 5"]
    figure = draw_significance({}, config(), few, PROTOCOL)
    assert not SIGNS & set(texts(figure).values())
    assert "there are 5 common songs, and a test needs 6" in remark_of(figure)


def test_marks_say_how_small_p_is():
    assert mark(0.2) == mark(0.05) == mark(None) == ""
    assert mark(0.049) == mark(0.01) != mark(0.0099)
    assert mark(0.0) == mark(0.0099) != ""


def test_systems_on_other_songs_share_none_and_the_cells_are_empty():
    data = scores()
    poor = data["run"] == "poor-s0"
    data.loc[poor, "track"] = "other " + data.loc[poor, "track"]
    figure = draw_significance({}, config(), data, PROTOCOL)
    found = texts(figure)
    assert (0, 1) not in found
    assert (0, 2) in found


def test_conovers_comparisons_mark_too_and_are_named():
    figure = draw_significance({"test": "conover"}, config(), scores(), PROTOCOL)
    assert "Conover's comparisons over 7 common songs" in remark_of(figure)
    assert texts(figure)[1, 0] in SIGNS


def test_where_no_system_differs_conovers_comparisons_are_not_shown():
    rows, data = many(count=4)
    data["score"] = np.random.default_rng(3).normal(size=len(data))
    figure = draw_significance({"test": "conover"}, config(rows), data, PROTOCOL)
    assert "Friedman's test finds no system that differs" in remark_of(figure)
    assert not SIGNS & set(texts(figure).values())


def test_many_systems_fit_the_page_and_their_numbers_the_cells():
    rows, data = many()
    figure = draw_significance({}, config(rows), data, PROTOCOL)
    assert figure.get_figwidth() <= 7.0 + 1e-9
    figure.draw_without_rendering()
    panel = figure.axes[0]
    cell = panel.get_window_extent().width / len(rows)
    assert cell * 72 / figure.dpi > 12
    widths = [text.get_window_extent().width for text in panel.texts if text.get_text()]
    assert max(widths) < cell


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04, "0.0"),
        (-0.04, "0.0"),
        (-1.26, with_minus("-1.3")),
        (9.94, "9.9"),
        (-12.4, with_minus("-12")),
    ],
)
def test_numbers_are_brief(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"test": "t"}, "unknown tests 't'; allowed are wilcoxon, conover"),
        ({"target": "drums"}, "unknown targets 'drums'; allowed are vocals, accompaniment"),
        ({"metric": "SAR"}, "unknown metrics 'SAR'"),
        ({"rows": ["bad"]}, "unknown rows 'bad'"),
    ],
)
def test_unknown_names_in_heat_maps_are_refused(definition, message):
    with pytest.raises(UserError, match=message):
        draw_significance(definition, config(ROWS), scores(), PROTOCOL)

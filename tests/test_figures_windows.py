from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from figure_data import HOW, check_bytes, config, remark_of, row
from matplotlib.text import Text

from mssbench.errors import UserError
from mssbench.report.figures.windows import MOST_INTERVALS, draw_windows
from mssbench.report.scores import Scoring, gather_windows
from mssbench.scoring.results import write_scores

LENGTHS = (1.0, 5.0, 30.0)


def study(systems=2, lengths=LENGTHS, seed=0):
    """Return rows, scores and protocols of systems that are scored at several window lengths."""
    rng = np.random.default_rng(seed)
    rows, parts, protocols = [], [], {}
    for system in range(systems):
        for length in reversed(lengths):
            name = f"system{system}-{length:g}"
            shared = {"label": f"System {system}", "separated": f"estimates-{system}"}
            rows.append(row(name, 0, id=name, **shared))
            protocols[name] = Scoring(**HOW | {"window": length, "hop": length})
            parts.append(
                pd.DataFrame(
                    {
                        "run": name,
                        "track": np.repeat([f"song {song}" for song in range(8)], 3),
                        "target": "vocals",
                        "metric": "SDR",
                        "window_start": np.tile(length * np.arange(3), 8),
                        "score": system + np.log(length) + rng.normal(size=24),
                    }
                )
            )
    return rows, pd.concat(parts, ignore_index=True), protocols


def lines(figure):
    return [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 1]


def test_window_plots_have_the_bytes_that_their_data_decide(tmp_path):
    def draw(seed):
        rows, data, protocols = study(seed=seed)
        return draw_windows({}, config(rows), data, protocols)

    check_bytes(lambda: draw(0), lambda: draw(1), tmp_path)


def test_a_line_joins_the_medians_of_one_systems_estimates_by_window_length():
    rows, data, protocols = study()
    figure = draw_windows({}, config(rows), data, protocols)
    medians = data.groupby(["run", "track"])["score"].median().groupby("run").median()
    found = lines(figure)
    assert len(found) == 2
    for system, line in enumerate(found):
        assert tuple(line.get_xdata()) == LENGTHS
        expected = [medians[f"system{system}-{length:g}"] for length in LENGTHS]
        assert line.get_ydata() == pytest.approx(expected)
    assert [text.get_text() for text in figure.axes[0].texts] == ["System 0", "System 1"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["1", "5", "30"]


def test_bands_hold_the_lines_and_go_where_there_are_many():
    rows, data, protocols = study()
    figure = draw_windows({}, config(rows), data, protocols)
    bands = figure.axes[0].collections
    assert len(bands) == 2
    for line, band in zip(lines(figure), bands, strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() <= line.get_ydata().min() <= line.get_ydata().max() <= heights.max()
    assert "95 % intervals over songs" in remark_of(figure)
    rows, data, protocols = study(MOST_INTERVALS + 1)
    figure = draw_windows({}, config(rows), data, protocols)
    assert not figure.axes[0].collections
    assert "intervals" not in remark_of(figure)


def test_many_systems_are_told_apart_and_their_names_do_not_overlap():
    rows, data, protocols = study(23, lengths=(1.0, 30.0))
    data["score"] = np.random.default_rng(0).normal(size=len(data))
    figure = draw_windows({}, config(rows), data, protocols)
    looks = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines(figure)]
    assert len(set(looks)) == 23
    figure.draw_without_rendering()
    # Without the line that ties a name to its point.
    boxes = sorted(
        (Text.get_window_extent(text) for text in figure.axes[0].texts), key=lambda box: box.y0
    )
    assert len(boxes) == 23
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))


def test_systems_with_one_window_length_are_left_out():
    rows, data, protocols = study(2)
    rows = [each for each in rows if each["id"] not in ("system1-1", "system1-5")]
    figure = draw_windows({}, config(rows), data, protocols)
    assert [text.get_text() for text in figure.axes[0].texts] == ["System 0"]
    with pytest.raises(UserError, match="no row is scored with two window lengths"):
        draw_windows({"rows": ["system1-30"]}, config(rows), data, protocols)


def test_lengths_without_a_value_are_left_out():
    rows, data, protocols = study(1)
    data.loc[data["run"] == "system0-5", "score"] = np.nan
    (line,) = lines(draw_windows({}, config(rows), data, protocols))
    assert tuple(line.get_xdata()) == (1.0, 30.0)


def test_scores_may_differ_in_windows_but_in_nothing_else(tmp_path):
    _, data, protocols = study(1)
    files = []
    for name, table in data.groupby("run"):
        files.append(tmp_path / f"{name}.parquet")
        how = HOW | {"window": protocols[name].window, "hop": protocols[name].hop}
        table.attrs = {"protocol": how}
        write_scores(files[-1], table)
    found, how = gather_windows(files)
    assert len(found) == len(data)
    assert how == protocols
    assert set(gather_windows(files, ["system0-5"])[1]) == {"system0-5"}
    table = data[data["run"] == "system0-1"].assign(run="other")
    table.attrs = {"protocol": HOW | {"references": "float"}}
    write_scores(tmp_path / "other.parquet", table)
    with pytest.raises(UserError, match="may differ in window and hop alone"):
        gather_windows([*files, tmp_path / "other.parquet"])

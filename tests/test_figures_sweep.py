from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from figure_data import PROTOCOL, check_bytes, config, remark_of, row

from mssbench.errors import UserError
from mssbench.report.figures.sweep import draw_sweep

KEY = "rendition.panning.spacing"
ANGLES = (30, 10, 20)


def study(seed=0, values=ANGLES):
    """Return rows and scores of two systems whose SDR is noise about a level."""
    rng = np.random.default_rng(seed)
    rows, parts = [], []
    for system in ("a", "b"):
        for value in values:
            name = f"{system}/spacing={value}"
            swept = {"sweep": system, "swept": {KEY: value}}
            rows.append(row(name, 0, id=name, label=f"System {system}, spacing {value}", **swept))
            for target in ("vocals", "drums"):
                parts.append(
                    pd.DataFrame(
                        {
                            "run": name,
                            "track": [f"song {song}" for song in range(6)],
                            "target": target,
                            "metric": "SDR",
                            "window_start": 0.0,
                            "score": rng.normal(size=6)
                            + (ANGLES.index(value) if value in ANGLES else 0),
                        }
                    )
                )
    return rows, pd.concat(parts, ignore_index=True)


def drawn(study, **definition):
    rows, scores = study
    return draw_sweep({"key": KEY} | definition, config(rows), scores, PROTOCOL)


def test_sweeps_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(lambda: drawn(study(0)), lambda: drawn(study(1)), tmp_path)


def test_a_line_joins_the_medians_over_sources_and_songs_in_ascending_order():
    rows, scores = study()
    figure = drawn((rows, scores))
    medians = scores.groupby("run")["score"].median()
    for system, line in zip("ab", figure.axes[0].containers, strict=True):
        xs, ys = line.lines[0].get_data()
        assert np.allclose(xs, [10, 20, 30], atol=1)
        assert ys == pytest.approx([medians[f"{system}/spacing={x}"] for x in (10, 20, 30)])
    assert "medians over drums, vocals of 6 songs" in remark_of(figure)


def test_the_legend_names_systems_without_their_values():
    figure = drawn(study())
    names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert names == ["System a", "System b"]


def test_bars_are_the_quartiles():
    rows, scores = study()
    figure = drawn((rows, scores), rows=["a"])
    (_, _, (bars,)) = figure.axes[0].containers[0].lines
    low, high = bars.get_segments()[0][:, 1]
    own = scores[scores["run"] == "a/spacing=10"]["score"]
    assert [low, high] == pytest.approx(np.quantile(own, [0.25, 0.75]).tolist())


def test_a_key_that_nothing_sweeps_is_refused():
    rows, scores = study()
    with pytest.raises(UserError, match=r"no row sweeps 'params\.N'"):
        draw_sweep({"key": "params.N"}, config(rows), scores, PROTOCOL)
    with pytest.raises(UserError, match="needs a key"):
        draw_sweep({}, config(rows), scores, PROTOCOL)


def test_values_that_are_no_numbers_are_refused():
    rows, scores = study(values=("wide", "narrow"))
    with pytest.raises(UserError, match=r"= 'wide'; it must be a number"):
        drawn((rows, scores))


def test_the_axes_names_of_panels_side_by_side_neither_touch_nor_leave_the_page():
    rows, scores = study()
    three = pd.concat([scores.assign(metric=metric) for metric in ("SDR", "SIR", "ISR")])
    name = "angle between neighbours (degrees)"
    figure = drawn((rows, three), metrics=["SDR", "SIR", "ISR"], name=name)
    figure.canvas.draw()
    boxes = [panel.xaxis.label.get_window_extent() for panel in figure.axes]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert boxes[0].x0 > 0
    assert boxes[-1].x1 < figure.bbox.x1

import numpy as np
import pandas as pd
import pytest
from figure_data import ROWS, check_bytes, config, row, write_histories

from mssbench.errors import UserError
from mssbench.report.figures.learning_curves import draw_learning_curves
from mssbench.report.figures.style import COLOURS

CURVES = {"title": "Curves", "kind": "learning_curves"}


@pytest.fixture
def histories(tmp_path):
    return write_histories(tmp_path)


def test_learning_curves_have_the_bytes_that_their_data_decide(histories, tmp_path):
    swapped = histories | {"good-s1": histories["poor-s0"]}
    check_bytes(
        lambda: draw_learning_curves(CURVES, config(), histories),
        lambda: draw_learning_curves(CURVES, config(), swapped),
        tmp_path,
    )


def marks(panel):
    return sorted(
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in panel.get_lines()
        if line.get_marker() == "o"
    )


def test_learning_curves_mark_the_best_epoch_of_each_seed(histories):
    poor, good = draw_learning_curves(CURVES, config(), histories).axes
    assert marks(poor) == [(4.0, 0.02)]
    assert marks(good) == [(5.0, 0.02), (6.0, 0.02)]


def test_without_validation_the_best_epoch_is_that_of_the_training_loss(histories):
    table = pd.read_csv(histories["poor-s0"]).assign(valid_loss=np.nan)
    table["best"] = table["train_loss"].cummin()
    table.to_csv(histories["poor-s0"], index=False)
    figure = draw_learning_curves({"rows": ["poor"]}, config(), histories)
    assert marks(figure.axes[0]) == [(6.0, pytest.approx(0.1 / 6))]


def test_the_epoch_whose_score_was_best_is_marked_whatever_its_loss(histories):
    table = pd.read_csv(histories["poor-s0"])
    table["best"] = [1.0, 3.0, 3.0, 3.0, 3.0, 3.0]  # SI-SDR, dB
    table.to_csv(histories["poor-s0"], index=False)
    figure = draw_learning_curves({"rows": ["poor"]}, config(), histories)
    assert marks(figure.axes[0]) == [(2.0, pytest.approx(0.022))]


def test_learning_curves_share_a_panel_only_where_losses_are_alike(histories):
    def titles(**losses):
        rows = [row(r["experiment"], r["seed"], loss=losses[r["experiment"]]) for r in ROWS[1:]]
        figure = draw_learning_curves(CURVES, config(rows), histories)
        return [(panel.get_title(loc="left"), panel.get_ylabel()) for panel in figure.axes]

    assert titles(poor="MAE", good="MAE") == [("", "loss: MAE")]
    assert titles(poor="MAE", good="MSE") == [("Poor", "loss: MAE"), ("Good", "loss: MSE")]
    assert titles(poor="", good="") == [("Poor", "loss"), ("Good", "loss")]


def test_bands_of_learning_curves_span_the_seeds(histories):
    poor, good = draw_learning_curves(CURVES, config(), histories).axes
    assert len(poor.collections) == 0
    training, validation = good.collections
    heights = validation.get_paths()[0].vertices[:, 1]
    both = [pd.read_csv(histories[name])["valid_loss"][:8] for name in ("good-s0", "good-s1")]
    assert heights.max() == max(losses.max() for losses in both)
    assert training.get_paths()[0].vertices[:, 0].max() == 8, "the last epoch of both"
    assert max(line.get_xdata().max() for line in good.get_lines()) == 10, "the last of one"
    assert good.get_xlabel() == "epoch"


def test_lines_of_learning_curves_are_means_over_seeds(histories):
    _, good = draw_learning_curves(CURVES, config(), histories).axes
    both = [pd.read_csv(histories[name])["valid_loss"][:8] for name in ("good-s0", "good-s1")]
    validation = next(line for line in good.get_lines() if line.get_linestyle() == "-")
    assert validation.get_ydata() == pytest.approx((both[0] + both[1]) / 2)


def test_learning_curves_need_a_history_of_every_trained_row(histories):
    del histories["good-s1"]
    with pytest.raises(UserError, match=r"none called 'good-s1', but good-s0, poor-s0"):
        draw_learning_curves(CURVES, config(), histories)
    with pytest.raises(UserError, match="at least one trained row"):
        draw_learning_curves({"rows": ["mixture"]}, config(), histories)


def test_a_file_that_is_no_history_is_refused_by_name(histories):
    histories["poor-s0"].write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"history\.csv is no history"):
        draw_learning_curves(CURVES, config(), histories)


def test_no_panel_has_two_systems_of_one_colour(histories):
    names = [f"system-{number}" for number in range(len(COLOURS) + 2)]
    rows = [row(name, 0, trained="poor-s0", loss="MAE") for name in names]
    panels = draw_learning_curves(CURVES, config(rows), histories).axes
    drawn = [{line.get_color() for line in panel.get_lines()} for panel in panels]
    assert [len(colours) for colours in drawn] == [len(COLOURS), 2]


def test_labels_stay_on_the_page_and_panels_keep_their_width(histories):
    def system(name, loss):
        return row(
            name, 0, trained="poor-s0", loss=loss, label=f"Net of 30 horizontal filters {name}"
        )

    rows = [system(f"{loss}{copy}", loss) for loss in "abcde" for copy in range(2)]
    figure = draw_learning_curves(CURVES, config(rows), histories)
    figure.draw_without_rendering()
    page = figure.bbox
    panels = [panel for panel in figure.axes if panel.get_legend()]
    assert len(panels) == 5
    for panel in panels:
        legend = panel.get_legend().get_window_extent()
        assert page.x0 <= legend.x0 < legend.x1 <= page.x1
        assert panel.get_window_extent().width > 0.3 * page.width

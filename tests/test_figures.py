import json

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import soundfile

from mssbench.cli import main
from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.report.config import parse_config
from mssbench.report.excerpt import cut_excerpt, default_target, loudest, reference
from mssbench.report.figures.boxes import draw_boxes
from mssbench.report.figures.excerpt import draw_excerpt
from mssbench.report.figures.learning_curves import draw_learning_curves
from mssbench.report.figures.style import save, style
from mssbench.report.scores import Scoring
from mssbench.scoring.results import write_scores

RATE = 8000
HOW = {
    "version": "BSSEval v4",
    "window": 1.0,
    "hop": 1.0,
    "references": "pcm16",
    "si_sdr": "Le Roux et al. 2019",
}
BOXES = {"title": "Boxes", "kind": "boxes", "targets": ["vocals", "accompaniment"]}
CURVES = {"title": "Curves", "kind": "learning_curves"}
EXCERPT = {"title": "Excerpt", "kind": "excerpt", "seconds": 1.0}


def row(experiment, seed, **changes):
    kind = "bound" if seed is None else "trained"
    name = f"{experiment}-s{seed}"
    return {
        "experiment": experiment,
        "label": experiment.title(),
        "seed": seed,
        "id": name,
        "trained": None if seed is None else name,
        "separated": name,
        "kind": kind,
    } | changes


ROWS = [row("mixture", None), row("poor", 0), row("good", 0), row("good", 1)]
MEANS = {"mixture-sNone": 9.0, "poor-s0": 1.0, "good-s0": 4.0, "good-s1": 6.0}


def config(rows=ROWS, **changes):
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": rows}
    return parse_config(content | changes)


def scores(seed=0):
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "run": run,
                "track": np.repeat([f"song {song}" for song in range(7)], 5),
                "target": target,
                "metric": metric,
                "window_start": np.tile(np.arange(5.0), 7),
                "score": mean + rng.normal(size=35),
            }
        )
        for run, mean in MEANS.items()
        for target in ("vocals", "accompaniment")
        for metric in ("SDR", "SIR")
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def histories(tmp_path):
    """Three histories of 6, 8 and 10 epochs; the best ones are 4, 5 and 6."""
    files = {}
    for number, name in enumerate(("poor-s0", "good-s0", "good-s1")):
        epochs = np.arange(1, 7 + 2 * number)
        valid = 0.02 + 0.001 * np.abs(epochs - 4 - number)
        table = pd.DataFrame({"epoch": epochs, "train_loss": 0.1 / epochs, "valid_loss": valid})
        table["best"] = table["valid_loss"].cummin()
        files[name] = tmp_path / "train" / name / "history.csv"
        files[name].parent.mkdir(parents=True)
        table.to_csv(files[name], index=False)
    return files


@pytest.fixture
def separated(make_rendition, tmp_path):
    """A rendition whose first test song is loudest from 2 s to 3 s, and estimates of two rows."""
    rng = np.random.default_rng(0)

    def stems(seconds, loud_from):
        audio = 0.1 * rng.normal(size=(4, 1, int(seconds * RATE)))
        audio[3, :, int(loud_from * RATE) : int((loud_from + 1) * RATE)] *= 3
        return np.concatenate([audio.sum(axis=0, keepdims=True), audio])

    songs = {"a train": stems(3, 0), "test b": stems(4, 2), "test c": stems(4, 1)}
    rendition = make_rendition(songs, RATE)
    estimates = {}
    for name in ("poor-s0", "good-s0"):
        folder = tmp_path / "separate" / name
        folder.mkdir(parents=True)
        entries = []
        for song in ("test b", "test c"):
            audio = songs[song][4, 0] + 0.05 * rng.normal(size=songs[song].shape[-1])
            soundfile.write(folder / f"{song}.wav", audio, RATE, subtype="FLOAT")
            entries.append({"name": song, "files": {"vocals": f"{song}.wav"}})
        estimates[name] = folder / "estimates.json"
        estimates[name].write_text(json.dumps({"songs": entries}))
    return rendition, estimates


def excerpt_of(separated, **changes):
    rendition, estimates = separated
    definition = EXCERPT | {"rows": ["poor", "good"]} | changes
    return cut_excerpt(definition, config(), rendition, estimates)


def files_of(draw, folder):
    """Draw and save a figure; return the bytes of its files."""
    with style():
        save(draw(), folder, "figure", "A title")
    return {file.suffix: file.read_bytes() for file in sorted(folder.iterdir())}


def check_bytes(draw, other, tmp_path):
    """The same data give the same files, other data other ones, whatever the user's settings."""
    first = files_of(draw, tmp_path / "first")
    assert set(first) == {".svg", ".png"}
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": None, "axes.facecolor": "red"}):
        assert files_of(draw, tmp_path / "again") == first
    changed = files_of(other, tmp_path / "other")
    assert all(changed[suffix] != first[suffix] for suffix in first)


def test_box_plots_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(
        lambda: draw_boxes({}, config(), scores(), Scoring(**HOW)),
        lambda: draw_boxes({}, config(), scores(1), Scoring(**HOW)),
        tmp_path,
    )


def test_learning_curves_have_the_bytes_that_their_data_decide(histories, tmp_path):
    swapped = histories | {"good-s1": histories["poor-s0"]}
    check_bytes(
        lambda: draw_learning_curves(CURVES, config(), histories),
        lambda: draw_learning_curves(CURVES, config(), swapped),
        tmp_path,
    )


def test_excerpts_have_the_bytes_that_their_data_decide(separated, tmp_path):
    check_bytes(
        lambda: draw_excerpt(excerpt_of(separated, rows=["poor"]), config()),
        lambda: draw_excerpt(excerpt_of(separated, rows=["poor"], start=0.5), config()),
        tmp_path,
    )


def test_box_plots_name_systems_targets_metrics_and_units():
    figure = draw_boxes(BOXES | {"metrics": ["SDR", "SIR"]}, config(), scores(), Scoring(**HOW))
    panels = figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == ["Vocals", "", "Accompaniment", ""]
    assert [panel.get_xlabel() for panel in panels[2:]] == ["SDR (dB)", "SIR (dB)"]
    remark = figure.get_supxlabel()
    for fact in ("7 songs", "median over windows", "averaged over seeds", "BSSEval v4", "demo"):
        assert fact in remark
    assert "Not comparable" in remark


def test_box_plots_order_learned_systems_by_vocals_sdr_and_set_bounds_apart():
    figure = draw_boxes({"metrics": ["SIR"]}, config(), scores(), Scoring(**HOW))
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
    figure = draw_boxes({"rows": ["good"]}, config(), data, Scoring(**HOW))
    points = np.sort(np.asarray(figure.axes[0].collections[0].get_offsets())[:, 0])
    sdr = data[(data["metric"] == "SDR") & (data["target"] == "vocals")]
    medians = sdr[sdr["run"].str.startswith("good")].groupby(["run", "track"])["score"].median()
    assert points == pytest.approx(np.sort(medians.groupby("track").mean()))


def test_box_plots_say_how_many_songs_they_cannot_draw():
    data = scores()
    data.loc[(data["run"] == "poor-s0") & (data["track"] == "song 3"), "score"] = np.nan
    figure = draw_boxes({"rows": ["poor"]}, config(), data, Scoring(**HOW))
    assert len(figure.axes[0].collections[0].get_offsets()) == 6
    assert "1 value without a finite median" in figure.get_supxlabel().replace("\n", " ")
    everything = data.assign(score=np.nan)
    draw_boxes({"rows": ["poor"]}, config(), everything, Scoring(**HOW))


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
        draw_boxes(definition, config(), scores(), Scoring(**HOW))


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


def test_the_excerpt_is_the_loudest_part_of_the_first_test_song(separated):
    rendition, _ = separated
    excerpt = excerpt_of(separated)
    assert (excerpt.song, excerpt.start) == ("test b", 2.0)
    truth, *estimates = excerpt.signals
    stems = rendition.audio(rendition.by_name("test b"))
    np.testing.assert_array_equal(truth.samples, stems[4, 0, 2 * RATE : 3 * RATE])
    for estimate in estimates:
        assert np.std(estimate.samples - truth.samples) == pytest.approx(0.05, rel=0.1)


def test_the_excerpt_can_be_chosen(separated):
    excerpt = excerpt_of(separated, song="test c", start=0.25, seconds=0.5)
    assert (excerpt.song, excerpt.start) == ("test c", 0.25)
    assert {len(signal.samples) for signal in excerpt.signals} == {RATE // 2}


def test_an_excerpt_longer_than_the_song_is_the_whole_song(separated):
    excerpt = excerpt_of(separated, seconds=60.0)
    assert excerpt.start == 0.0
    assert {len(signal.samples) for signal in excerpt.signals} == {4 * RATE}


def test_excerpts_name_signals_seeds_song_and_units(separated):
    figure = draw_excerpt(excerpt_of(separated), config())
    panels = figure.axes
    titles = [panel.get_title(loc="left") for panel in panels]
    assert [title for title in titles if title] == ["True vocals", "Poor", "Good (seed 0)"]
    labels = {panel.get_ylabel() for panel in panels} | {panel.get_xlabel() for panel in panels}
    assert {"amplitude (full scale = 1)", "frequency (kHz)", "time in the song (s)"} <= labels
    assert any("(dB)" in label for label in labels)
    assert "test b" in figure.get_supxlabel()


def test_a_silent_excerpt_can_be_drawn(separated):
    excerpt = excerpt_of(separated)
    for signal in excerpt.signals:
        signal.samples[:] = 0
    draw_excerpt(excerpt, config()).draw_without_rendering()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "voice"}, "unknown target 'voice'; allowed are mixture, drums"),
        ({"target": "drums"}, "no drums of 'test b'"),
        ({"song": "test d"}, "no song 'test d'"),
        ({"start": 9.0}, r"start is 9 s, but 'test b' lasts 4\.0 s"),
        ({"rows": ["mixture"]}, "none called 'mixture-sNone', but good-s0, poor-s0"),
    ],
)
def test_excerpts_that_cannot_be_cut_are_refused(separated, changes, message):
    with pytest.raises(UserError, match=message):
        excerpt_of(separated, **changes)


def test_the_loudest_part_is_the_one_with_the_greatest_energy():
    audio = np.zeros((2, 1000), np.float32)
    audio[1, 420:520] = -0.5
    assert loudest(audio, length=100, step=10) == 420
    audio[0, 100] = 6.0
    assert loudest(audio, length=100, step=10) == 10, "the earliest part that holds the peak"
    assert loudest(audio, length=5000, step=10) == 0


def test_the_true_accompaniment_is_the_mixture_without_vocals():
    stems = np.arange(10.0).reshape(5, 1, 2)
    np.testing.assert_array_equal(reference(stems, STEMS, "accompaniment"), stems[0] - stems[4])
    names = ("mixture", "vocals", "accompaniment")
    np.testing.assert_array_equal(reference(stems, names, "accompaniment"), stems[2])


def test_without_vocals_the_first_source_is_shown_and_there_is_no_accompaniment():
    assert default_target(STEMS) == "vocals"
    names = ("mixture", "piano", "violin")
    assert default_target(names) == "piano"
    with pytest.raises(UserError, match=r"'accompaniment'; allowed are mixture, piano, violin$"):
        reference(np.zeros((3, 1, 2)), names, "accompaniment")


def test_the_command_draws_every_figure(histories, separated, tmp_path):
    rendition, estimates = separated
    table = scores()
    table.attrs["protocol"] = HOW
    write_scores(tmp_path / "scores.parquet", table)
    settings = tmp_path / "study.json"
    figures = {
        "boxes": BOXES | {"targets": ["vocals"]},
        "curves": CURVES,
        "part": EXCERPT | {"rows": ["good"]},
    }
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": ROWS}
    settings.write_text(json.dumps(content | {"figures": figures}))
    named = [f"poor-s0={histories.pop('poor-s0')}", *map(str, histories.values())]
    command = ["figures", "--config", str(settings), "--scores", str(tmp_path / "scores.parquet")]
    command += ["--histories", *named, "--estimates", *map(str, estimates.values())]
    command += ["--rendition", str(rendition.folder / "manifest.json")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {f"{name}.{suffix}" for name in figures for suffix in ("svg", "png")}


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"title": "t", "kind": "pie"}, "unknown kinds of figures 'pie'; allowed are boxes"),
        (
            BOXES | {"metric": "SDR"},
            "unknown keys of boxes 'metric'; allowed are title, kind, rows",
        ),
        (EXCERPT, "--rendition is missing"),
        (BOXES, "no score table is given"),
    ],
)
def test_the_command_reports_what_is_missing(figure, message, tmp_path, caplog):
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": ROWS}
    text = json.dumps(content | {"figures": {"figure": figure}})
    assert main(["figures", "--config", text, "--out", str(tmp_path)]) == 2
    assert message in caplog.text
    assert not list(tmp_path.glob("figure.*"))

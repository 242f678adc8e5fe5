import csv
import io
import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.report.config import parse_config
from mssbench.report.formats import to_csv, to_html, to_latex, to_markdown
from mssbench.report.scores import Scoring, gather_scores
from mssbench.report.tables import make_table
from mssbench.scoring.results import write_scores

HOW = {
    "version": "BSSEval v4 (museval 0.4.1)",
    "window": 1.0,
    "hop": 1.0,
    "references": "pcm16",
    "si_sdr": "Le Roux et al. 2019",
}
SONG_WISE, SEGMENT_WISE, MEAN = "song-wise median", "segment-wise median", "segment-wise mean"
DEFINITION = {
    "title": "Vocals",
    "targets": ["vocals"],
    "metrics": ["SDR"],
    "aggregations": [SONG_WISE],
}


def row(experiment, seed=0, kind="trained", label=None):
    return {
        "experiment": experiment,
        "label": label or experiment,
        "seed": seed,
        "id": f"{experiment}-s{seed}",
        "trained": None if kind == "bound" else f"{experiment}-s{seed}",
        "separated": f"{experiment}-s{seed}",
        "rendition": "22050-mono",
        "kind": kind,
    }


ROWS = [row("mixture", None, "bound"), row("good", 0), row("good", 1), row("poor", 0)]


def config(rows=ROWS, **changes):
    content = {
        "study": "study",
        "title": "A study",
        "citation": "Somebody, 2021",
        "dataset": "synthetic",
        "scale": "demo",
        "rows": rows,
    }
    return content | changes


def scores_of(run, songs, metric="SDR", whole=False):
    parts = [
        pd.DataFrame(
            {
                "run": run,
                "track": song,
                "target": "vocals",
                "metric": metric,
                "window_start": np.full(len(values), np.nan)
                if whole
                else np.arange(len(values)) * 1.0,
                "score": np.array(values, float),
            }
        )
        for song, values in songs.items()
    ]
    return pd.concat(parts, ignore_index=True)


NAN = float("nan")
SCORES = pd.concat(
    [
        scores_of("mixture-sNone", {"a": [-5, -5], "b": [-7, -7]}),
        scores_of("good-s0", {"a": [4, 4], "b": [6, 6]}),
        scores_of("good-s1", {"a": [6, NAN], "b": [10, 8]}),
        scores_of("poor-s0", {"a": [1, 1], "b": [2, 2]}),
    ],
    ignore_index=True,
)


def table(definition=None, scores=SCORES, sources=None, origins=None, **changes):
    return make_table(
        "main",
        DEFINITION | (definition or {}),
        parse_config(config(**changes)),
        scores,
        Scoring(**HOW),
        sources=sources,
        origins=origins,
    )


def markdown_rows(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def csv_rows(made):
    return list(csv.DictReader(io.StringIO(to_csv(made))))


def published(value=5.0, **changes):
    entry = {
        "experiment": "good",
        "target": "vocals",
        "metric": "SDR",
        "aggregation": SONG_WISE,
        "value": value,
        "source": "A paper, Table 2",
        "verified": True,
    }
    return entry | changes


def test_seeds_become_mean_and_sample_standard_deviation():
    # Song-wise medians of the two seeds: 5 and (6 + 9) / 2 = 7.5.
    cells = markdown_rows(to_markdown(table()))
    good = next(cells for cells in cells if cells[0] == "good")
    assert good[1] == f"**6.25 ± {2.5 / math.sqrt(2):.2f}**"
    record = next(record for record in csv_rows(table()) if record["experiment"] == "good")
    assert float(record["value (dB)"]) == 6.25
    assert float(record["sd over seeds (dB)"]) == pytest.approx(2.5 / math.sqrt(2), abs=1e-5)
    assert record["n_seeds"] == "2"


def test_one_seed_has_no_standard_deviation():
    made = table({"rows": ["poor"]})
    assert markdown_rows(to_markdown(made))[2][1] == "1.50"
    assert csv_rows(made)[0]["sd over seeds (dB)"] == ""
    assert "One seed." in to_markdown(made)


def test_rows_stand_in_the_order_of_the_study_with_bounds_last():
    made = table({"rows": ["mixture", "poor", "good"]})
    names = [cells[0] for cells in markdown_rows(to_markdown(made))]
    assert names == ["System", "---", "good", "poor", "*mixture*"]
    latex = to_latex(made)
    assert latex.index("good &") < latex.index("poor &") < latex.index(r"\emph{mixture} &")
    between = latex[latex.index("poor &") : latex.index(r"\emph{mixture} &")]
    assert r"\addlinespace" in between


def test_the_best_learned_value_is_bold_even_where_a_bound_is_higher():
    high = SCORES.assign(score=SCORES["score"].where(SCORES["run"] != "mixture-sNone", 90.0))
    made = table(scores=high)
    assert re.findall(r"\\textbf\{(\S+)", to_latex(made)) == ["6.25"]
    assert to_markdown(made).count("**6.25") == 1


def test_values_that_print_alike_are_all_bold_and_a_single_one_is_not():
    nearly = pd.concat(
        [scores_of("poor-s0", {"a": [3.001]}), scores_of("good-s0", {"a": [3.0]})],
        ignore_index=True,
    )
    rows = [row("good"), row("poor")]
    assert to_latex(table(scores=nearly, rows=rows)).count(r"\textbf") == 2
    assert r"\textbf" not in to_latex(table({"rows": ["good"]}, scores=nearly, rows=rows))


def test_nan_windows_are_counted_in_every_format():
    made = table()
    cells = {cells[0]: cells[-1] for cells in markdown_rows(to_markdown(made))}
    assert (cells["good"], cells["poor"]) == ("1 / 8", "0 / 4")
    assert "& 1 / 8 \\\\" in to_latex(made)
    record = next(record for record in csv_rows(made) if record["experiment"] == "good")
    assert (record["n_windows"], record["n_nan"], record["n_songs"]) == ("8", "1", "2")


def test_songs_without_any_value_are_named_in_a_note():
    silent = pd.concat([SCORES, scores_of("poor-s0", {"c": [NAN, NAN]})], ignore_index=True)
    made = table(scores=silent)
    assert "poor: 1 song over all seeds without any value of SDR" in to_markdown(made)
    assert {r["experiment"]: r["n_nan_songs"] for r in csv_rows(made)}["poor"] == "1"
    assert "without any value" not in to_markdown(table())


def test_every_file_states_how_its_values_were_made():
    made = table({"aggregations": [SONG_WISE, MEAN]})
    for text in (to_markdown(made), to_latex(made)):
        for fact in ("synthetic", "demo", "2 songs", "museval 0.4.1", "1 s, hop 1 s", "16 bit"):
            assert fact in text
        for fact in (f"Vocals, {SONG_WISE}", f"Vocals, {MEAN}", "mono 22.05 kHz", "2 seeds", "dB"):
            assert fact in text
    record = csv_rows(made)[0]
    assert record["metric_version"] == HOW["version"]
    assert (record["window_s"], record["hop_s"], record["references"]) == ("1", "1", "pcm16")
    assert (record["dataset"], record["scale"]) == ("synthetic", "demo")
    assert [r["aggregation"] for r in csv_rows(made)] == [SONG_WISE] * 3 + [MEAN] * 3


NOT = "Not comparable with published values"
SMALL = "training at paper scale."


@pytest.mark.parametrize(
    ("dataset", "scale", "stated", "said"),
    [
        # The published values that stand there decide.
        ("dsd100", "paper", ["dsd100"], ""),
        ("musdb18", "paper", ["musdb18"], ""),
        ("musdb18hq", "paper", ["musdb18"], ""),
        ("musdb18", "paper", ["musdb18hq"], ""),
        ("musdb18", "paper", ["dsd100"], f"{NOT}, which need the test songs of dsd100."),
        ("dsd100", "paper", ["musdb18"], f"{NOT}, which need the test songs of musdb18."),
        ("musdb18", "paper", [None], f"{NOT}, which need the test songs of a data set that the st"),
        (
            "musdb18hq",
            "paper",
            ["dsd100", "musdb18"],
            f"{NOT} of dsd100, which need its test songs; those of musdb18 are of the same songs",
        ),
        ("dsd100", "demo", ["dsd100"], f"{NOT}, which need {SMALL}"),
        (
            "synthetic",
            "demo",
            ["dsd100"],
            f"{NOT}, which need the test songs of dsd100 and {SMALL}",
        ),
        # No value is published.
        ("dsd100", "paper", [], ""),
        ("musdb18", "demo", [], f"{NOT}, which need the songs of a paper and {SMALL}"),
        ("synthetic", "paper", [], f"{NOT}, which need the songs of a paper and {SMALL}"),
        ("musdb18-7s", "paper", [], f"{NOT}, which need the songs of a paper and {SMALL}"),
    ],
)
def test_the_caption_says_where_values_are_not_comparable(dataset, scale, stated, said):
    entries = [
        published(metric=metric, dataset=name)
        for metric, name in zip(("SDR", "SIR"), stated, strict=False)
    ]
    scores = pd.concat([SCORES, SCORES.assign(metric="SIR")])
    asked = {"metrics": ["SDR", "SIR"]}
    made = table(asked, scores, published=entries, dataset=dataset, scale=scale)
    for text in (to_markdown(made), to_latex(made)):
        assert said in text
        assert (NOT in text) is bool(said)


def test_only_the_published_values_that_stand_in_a_table_count():
    entries = [published(dataset="dsd100"), published(metric="SIR", dataset="musdb18")]
    text = to_markdown(table(published=entries, dataset="dsd100", scale="paper"))
    assert NOT not in text
    assert "A paper, Table 2 (of dsd100)." in text


def test_the_caption_warns_of_audio_that_other_papers_do_not_use():
    warning = "mono 22.05 kHz audio are not comparable with those of stereo 44.1 kHz audio"
    assert warning in to_markdown(table(dataset="musdb18", scale="paper"))
    usual = [entry | {"rendition": "44100-stereo"} for entry in ROWS]
    assert "audio are not comparable" not in to_markdown(table(rows=usual))
    stored_as_int16 = [entry | {"rendition": "44100-stereo-int16"} for entry in ROWS]
    assert to_markdown(table(rows=stored_as_int16)) == to_markdown(table(rows=usual))


def test_published_values_stand_beside_ours_with_difference_and_source():
    made = table(published=[published(5.0)])
    header, _, good, poor, _ = markdown_rows(to_markdown(made))
    assert header[1:3] == ["SDR (dB)", "SDR published (difference)"]
    assert (good[2], poor[2]) == ("5.00 [a] (+1.25)", "")
    assert "- [a] A paper, Table 2.\n" in to_markdown(made)
    assert r"5.00\textsuperscript{a} (+1.25)" in to_latex(made)
    assert r"\cmidrule(lr){2-3}" in to_latex(made)
    record = csv_rows(made)[0]
    assert (record["published (dB)"], record["difference (dB)"]) == ("5.00000", "1.25000")
    assert "published" not in to_markdown(table(dataset="musdb18", scale="paper"))


def test_a_published_value_stands_alone_where_ours_is_none():
    silent = SCORES.assign(score=SCORES["score"].where(~SCORES["run"].str.startswith("good")))
    assert "| 5.00 [a] |" in to_markdown(table(scores=silent, published=[published(5.0)]))


def test_a_published_value_stands_only_at_its_own_aggregation():
    made = table({"aggregations": [SONG_WISE, SEGMENT_WISE]}, published=[published(5.0)])
    assert [r["published (dB)"] for r in csv_rows(made)] == ["5.00000", "", "", "", "", ""]
    elsewhere = table(published=[published(5.0, aggregation=MEAN)])
    assert "published (difference)" not in to_markdown(elsewhere)


def test_doubts_about_a_published_value_are_stated():
    doubtful = published(5.0, aggregation=None, verified=False)
    made = table({"aggregations": [SEGMENT_WISE, SONG_WISE]}, published=[doubtful])
    text = to_markdown(made)
    assert "aggregation not stated" in text
    assert "not verified" in text
    values = {r["aggregation"]: r["published (dB)"] for r in reversed(csv_rows(made))}
    assert values == {SEGMENT_WISE: "5.00000", SONG_WISE: ""}
    assert "not verified" not in to_markdown(table(published=[published(5.0)]))


def test_two_published_values_for_one_cell_are_refused():
    both = [published(5.0), published(6.0, aggregation=None)]
    with pytest.raises(UserError, match=r"has two values, 5\.0 and 6\.0 dB"):
        table(published=both)


def quoted(value=3.0, **changes):
    entry = published(value, system="Another", **changes)
    del entry["experiment"]
    return entry


def test_the_literature_stands_below_the_rows_with_published_values_alone():
    values = [quoted(3.0), quoted(-1.0, metric="SIR", source="B"), published(5.0)]
    asked = {"literature": ["Another"], "metrics": ["SDR", "SIR"]}
    both = pd.concat([SCORES, SCORES.assign(metric="SIR")], ignore_index=True)
    made = table(asked, both, published=values)
    header, _, *rows = markdown_rows(to_markdown(made))
    assert [row[0] for row in rows] == ["good", "poor", "*mixture*", "Another"]
    assert dict(zip(header, rows[-1], strict=True)) == {
        "System": "Another",
        "SDR (dB)": "",
        "SDR published (difference)": "3.00 [a]",
        "SIR (dB)": "",
        "SIR published (difference)": "-1.00 [b]",
        "NaN / windows": "",
    }
    assert "Not run here, quoted from the sources above: Another." in to_markdown(made)
    last = to_latex(made).split(r"\addlinespace")[-1]
    assert r"Another &  & 3.00\textsuperscript{a} &" in last
    assert '<tr class="literature"><th class="system" scope="row">Another</th>' in to_html(made)
    sdr, sir = (row for row in csv_rows(made) if row["kind"] == "literature")
    assert (sdr["system"], sdr["published (dB)"], sdr["value (dB)"]) == ("Another", "3.00000", "")
    assert (sir["metric"], sir["published_source"]) == ("SIR", "B.")


def test_the_literature_stands_where_a_table_lists_it_and_it_has_values():
    made = table({"literature": ["Another"]}, published=[quoted(aggregation=MEAN)])
    assert "Another" not in to_markdown(made)
    assert "Another" not in to_markdown(table(published=[quoted()]))


def test_an_unknown_system_of_the_literature_is_named():
    with pytest.raises(UserError, match="unknown literature 'Nobody'; allowed are Another"):
        table({"literature": ["Nobody"]}, published=[quoted()])


def test_latex_escapes_what_it_would_read_as_commands():
    rows = [row("good", label=r"A&B 50% $x_1^2 #{~}\ <±>"), row("poor")]
    latex = to_latex(table({"title": "R&D_1"}, rows=rows))
    assert (
        r"A\&B 50\% \$x\_1\textasciicircum{}2 \#\{\textasciitilde{}\}\textbackslash{} "
        r"\textless{}$\pm$\textgreater{} &"
    ) in latex
    assert r"\caption{R\&D\_1." in latex


def test_markdown_escapes_what_it_would_read_as_layout():
    made = table(rows=[row("good", label="a|b*c_d"), row("poor")])
    assert r"| a\|b\*c\_d |" in to_markdown(made)


def test_every_line_of_the_latex_table_fills_all_columns():
    scores = pd.concat(
        [SCORES, SCORES.assign(metric="SIR", score=SCORES["score"] + 9)], ignore_index=True
    )
    latex = to_latex(table({"metrics": ["SDR", "SIR"]}, scores, published=[published()]))
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", latex)[1])
    body = latex.split(r"\toprule")[1].split(r"\bottomrule")[0]
    for line in body.splitlines():
        if line.endswith(r"\\"):
            spans = [int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            assert line.count("&") + 1 + sum(spans) == columns, line


def test_whole_song_metrics_have_honest_names_and_no_windows():
    songs = [
        scores_of(
            run, {"a": [value], "b": [value + 2], "c": [value + 7]}, "song SI-SDR", whole=True
        )
        for run, value in (("mixture-sNone", -5), ("good-s0", 4), ("good-s1", 4), ("poor-s0", 1))
    ]
    scores = pd.concat([SCORES, *songs], ignore_index=True)
    made = table(
        {"metrics": ["song SI-SDR"], "aggregations": [SONG_WISE, SEGMENT_WISE, MEAN]},
        scores,
        published=[published(2.5, experiment="poor", metric="song SI-SDR")],
    )
    records = [record for record in csv_rows(made) if record["experiment"] == "poor"]
    assert [(r["aggregation"], r["value (dB)"]) for r in records] == [
        ("median over songs", "3.00000"),
        ("mean over songs", "4.00000"),
    ]
    assert [r["published (dB)"] for r in records] == ["2.50000", ""]
    assert {(r["n_songs"], r["n_windows"], r["window_s"]) for r in records} == {("3", "", "")}
    assert {r["metric_version"] for r in records} == {HOW["si_sdr"]}
    assert "song SI-SDR has one value a song" in to_markdown(made)


def test_infinite_and_missing_values_are_shown_as_such():
    scores = pd.concat(
        [
            scores_of("good-s0", {"a": [math.inf, math.inf]}),
            scores_of("poor-s0", {"a": [NAN, NAN]}),
            scores_of("poor-s0", {"a": [-0.001, -0.001]}, "SIR"),
        ],
        ignore_index=True,
    )
    made = table({"metrics": ["SDR", "SIR"]}, scores, rows=[row("good"), row("poor")])
    good, poor = markdown_rows(to_markdown(made))[2:]
    assert good[1:3] == ["∞", ""]
    assert poor[1:3] == ["NaN", "0.00"]
    assert r"$\infty$" in to_latex(made)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"rows": ["bad"]}, "unknown rows 'bad'; allowed are mixture, good, poor"),
        ({"metrics": ["SNR"]}, "unknown metrics 'SNR'"),
        ({"targets": ["drums"]}, "unknown targets 'drums'"),
        ({"aggregations": ["median"]}, "unknown aggregations 'median'"),
    ],
)
def test_unknown_names_in_a_definition_are_refused(definition, message):
    with pytest.raises(UserError, match=message):
        table(definition)


def test_a_row_without_scores_is_refused_by_name():
    with pytest.raises(UserError, match=r"no scores of run 'poor-s0', but of good-s0"):
        table(scores=SCORES[SCORES["run"].str.startswith(("good", "mix"))])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [{"experiment": "good"}]}, r"rows\.0 lacks the key"),
        ({"rows": [row("good", kind="oracle")]}, r"'oracle'; .* trained, untrained, bound"),
        ({"tables": {"main": {"title": "t"}}}, r"tables\.main lacks the key 'targets'"),
        ({"published": [{"note": "n"}]}, "unknown key 'note' in published"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_with_its_key(change, message):
    with pytest.raises(UserError, match=message):
        parse_config(config(**change))


def write(folder, **how):
    """Write each run's scores to a folder of its own, as the pipeline does."""
    files = []
    for run, part in SCORES.groupby("run"):
        file = folder / str(run) / "scores.parquet"
        table = part.reset_index(drop=True)
        table.attrs["protocol"] = HOW | how
        write_scores(file, table)
        files.append(file)
    return files


def test_the_command_writes_four_files_a_table_with_the_same_bytes_again(tmp_path):
    files = [str(file) for file in write(tmp_path / "score")]
    settings = tmp_path / "study.json"
    settings.write_text(json.dumps(config(tables={"main": DEFINITION})))
    for out, order in (("one", files), ("two", files[::-1])):
        command = ["tables", "--config", str(settings), "--scores", *order]
        assert main([*command, "--out", str(tmp_path / out)]) == 0
    names = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert names == ["main.csv", "main.html", "main.md", "main.tex"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_command_reports_a_mistake_without_a_traceback(tmp_path, caplog):
    files = [str(file) for file in write(tmp_path)]
    command = ["tables", "--scores", *files, "--out", str(tmp_path)]
    assert main([*command, "--config", json.dumps(config())]) == 2
    assert main([*command, "--config", str(tmp_path / "none.json")]) == 2
    assert "defines no table" in caplog.text
    assert "none.json: there is no such file" in caplog.text
    assert "Traceback" not in caplog.text


def test_score_tables_of_different_protocols_are_not_mixed(tmp_path):
    one, two = write(tmp_path / "1")[0], write(tmp_path / "2", window=2.0)[1]
    with pytest.raises(UserError, match=r"windows of 2 s.*windows of 1 s"):
        gather_scores([one, two])


def test_a_run_in_two_score_tables_is_refused(tmp_path):
    one, two = write(tmp_path / "1")[0], write(tmp_path / "2")[0]
    with pytest.raises(UserError, match="is also in"):
        gather_scores([one, two])
    scores, how = gather_scores([one, one])
    assert len(scores) == 4
    assert how == Scoring(**HOW)

"""Tables as HTML, and the way from a value to its run."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from test_tables import (
    DEFINITION,
    HOW,
    SCORES,
    SEGMENT_WISE,
    SONG_WISE,
    config,
    published,
    row,
    table,
)

from mssbench.cli import main
from mssbench.report.formats import to_html, to_latex, to_markdown
from mssbench.report.origins import Origin
from mssbench.scoring.results import write_scores

VOID = {"meta"}


class Page(HTMLParser):
    """The cells of a page's rows as (class, text), its links, and whether all tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.links, self.texts = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([attrs.get("class", ""), ""])
        if "href" in attrs or "src" in attrs:
            self.links.append((attrs.get("href"), attrs.get("title")))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1][1] += data


def test_the_page_shows_the_values_of_the_markdown_table():
    made = table(
        {"aggregations": [SONG_WISE, SEGMENT_WISE]}, published=[published(5.0)], title="A & <b>"
    )
    page = Page(to_html(made))
    names = [text for _, text in page.rows[0]]
    assert names == ["System", "SDR (dB)", "SDR published (difference)", "NaN / windows"]
    good = next(cells for cells in page.rows if cells[0][1] == "good")
    assert good[1][0] == "value best"
    assert good[1][1].startswith("6.25 ± 1.77")
    assert good[2] == ["published", "5.00a (+1.25)"]
    assert [text for cells in page.rows for kind, text in cells if not kind] == [
        f"Vocals, {SONG_WISE}",
        f"Vocals, {SEGMENT_WISE}",
    ]
    told = "".join(page.texts)
    for sentence in ("A paper, Table 2.", "Not comparable with published values", "2 songs"):
        assert sentence in told
        assert sentence in to_markdown(made)


def test_text_of_the_study_is_no_markup():
    evil = '<script>alert(1)</script> & "quotes"'
    rows = [row("good", label=evil), row("poor")]
    made = table({"title": evil}, rows=rows, published=[published(source=evil)], title=evil)
    page = to_html(made)
    assert "<script" not in page
    assert evil in "".join(Page(page).texts)


def test_negative_and_missing_values_are_shown_as_such():
    poor = next(cells for cells in Page(to_html(table())).rows if cells[0][1] == "mixture")
    assert poor[1] == ["value", "\N{MINUS SIGN}6.00"]


def test_each_value_leads_to_the_scores_of_its_seeds():
    origins = {
        "good-s0": Origin("../../score/good s0", "da7a", "c0ffee"),
        "good-s1": Origin("../../score/good-s1", "da7a", "beef"),
        "poor-s0": Origin("../../score/poor-s0"),
    }
    made = table(origins=origins)
    page = Page(to_html(made))
    assert page.links == [
        ("../../score/good%20s0/", "run good-s0, seed 0, data da7a, commit c0ffee"),
        ("../../score/good-s1/", "run good-s1, seed 1, data da7a, commit beef"),
        ("../../score/poor-s0/", "run poor-s0, seed 0"),
    ]
    assert 'title="run mixture-sNone"' in to_html(made)
    assert "score/" not in to_markdown(made) + to_latex(made)


@pytest.fixture
def files(tmp_path):
    """The score tables, run.json and manifest of a study, as the pipeline lays them out."""
    manifest = tmp_path / "rendition" / "22050-mono" / "manifest.json"
    made = {"scores": [], "runs": [], "renditions": [manifest]}
    for run, of_run in SCORES.groupby("run"):
        made["scores"].append(tmp_path / "score" / str(run) / "scores.parquet")
        part = of_run.reset_index(drop=True)
        part.attrs["protocol"] = HOW
        write_scores(made["scores"][-1], part)
        made["runs"].append(tmp_path / "train" / str(run) / "run.json")
        versions = {"commit": None if run == "poor-s0" else f"commit of {run}"}
        made["runs"][-1].parent.mkdir(parents=True)
        made["runs"][-1].write_text(json.dumps({"versions": versions}))
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"digest": "da7a"}))
    return {f"--{kind}": [str(path) for path in paths] for kind, paths in made.items()}


def rows_of(folder, options):
    settings = json.dumps(config(tables={"main": DEFINITION}))
    words = [word for option, paths in options.items() for word in (option, *paths)]
    assert main(["tables", "--config", settings, *words, "--out", str(folder)]) == 0
    text = (folder / "main.csv").read_text()
    return {entry["experiment"]: entry for entry in csv.DictReader(io.StringIO(text))}


def test_the_command_finds_scores_data_and_commit_of_each_run(files, tmp_path):
    out = tmp_path / "studies" / "study" / "tables"
    good = rows_of(out, files)["good"]
    assert (good["runs"], good["seeds"], good["data"]) == ("good-s0 good-s1", "0 1", "da7a")
    assert good["commit"] == "commit of good-s0 commit of good-s1"
    for folder in good["scores"].split():
        assert (out / folder / "scores.parquet").exists()
    assert "../../../score/good-s1/" in (out / "main.html").read_text()


def test_what_is_not_known_of_a_run_is_empty(files, tmp_path):
    assert rows_of(tmp_path / "a", files)["poor"]["commit"] == ""
    alone = {"--scores": files["--scores"]}
    found = rows_of(tmp_path / "b", alone)["good"]
    assert (found["data"], found["commit"], found["runs"]) == ("", "", "good-s0 good-s1")


def test_a_file_that_is_broken_is_named(files, tmp_path, caplog):
    (tmp_path / "train" / "good-s0" / "run.json").write_text("{")
    settings = json.dumps(config(tables={"main": DEFINITION}))
    words = [word for option, paths in files.items() for word in (option, *paths)]
    assert main(["tables", "--config", settings, *words, "--out", str(tmp_path / "t")]) == 2
    assert "good-s0/run.json is not valid JSON" in caplog.text

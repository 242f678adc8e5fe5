"""A study that scores at several lengths of windows: its tables, and what is published of it."""

import json

import pytest
from test_tables import DEFINITION, HOW, SCORES, config, write

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.report.imported import UNSTATED
from mssbench.report.scores import gather_scores, gather_windows
from mssbench.scoring.results import read_scores, write_scores
from mssbench.tracking.publish import medians_of

PROTOCOL = {"protocol": "sisec", "changed": [], "rate": None, "channels": None}


@pytest.fixture
def files(tmp_path):
    """Score tables of all rows; poor is scored in windows of 2 s."""
    found = write(tmp_path / "score")
    score_otherwise(found[3], window=2.0, hop=2.0)
    assert "poor-s0" in str(found[3])
    return found


def score_otherwise(file, **how):
    table = read_scores(file)
    table.attrs["protocol"] = table.attrs["protocol"] | how
    write_scores(file, table)


def tables(files, out, **definitions):
    settings = json.dumps(config(tables=definitions))
    words = ["tables", "--config", settings, "--scores", *map(str, files), "--out", str(out)]
    return main(words)


def test_each_table_is_made_of_its_own_rows_scores(files, tmp_path):
    one = DEFINITION | {"rows": ["good", "mixture"]}
    assert tables(files, tmp_path / "t", one=one, two=DEFINITION | {"rows": ["poor"]}) == 0
    assert "windows of 1 s" in (tmp_path / "t" / "one.md").read_text()
    assert "windows of 2 s" in (tmp_path / "t" / "two.md").read_text()


def test_a_table_of_several_lengths_is_refused_and_says_what_to_do(files, tmp_path, caplog):
    assert tables(files, tmp_path / "t", both=DEFINITION) == 2
    assert "windows of 2 s" in caplog.text
    assert "score the runs alike or choose rows" in caplog.text


def test_every_run_is_published_at_its_own_length(files):
    found = medians_of(files)
    assert found["good-s0"] == {"test/SDR/vocals": 5.0}
    assert found["poor-s0"] == {"test/SDR/vocals": 1.5}
    assert len(found) == SCORES["run"].nunique()


def test_imported_scores_may_differ_in_windows_too(files):
    score_otherwise(files[0], references=UNSTATED, version="as imported")
    _, protocols = gather_windows(files)
    assert protocols["poor-s0"].window == 2.0
    # What is imported says nothing of references, so whichever comes first judges nothing.
    assert set(gather_windows(files[::-1])[1]) == set(protocols)


def test_windows_that_a_protocol_does_not_have_are_no_further_departure(files):
    for file in files:
        score_otherwise(file, **PROTOCOL)
    score_otherwise(files[3], changed=["window", "hop"])
    assert gather_windows(files)[1]["poor-s0"].changed == ("window", "hop")
    score_otherwise(files[3], changed=["window", "references"], references="float")
    with pytest.raises(UserError, match="may differ in window and hop alone"):
        gather_windows(files)


def test_one_table_still_needs_one_protocol(files):
    with pytest.raises(UserError, match="a table needs one protocol"):
        gather_scores(files)
    assert gather_scores(files, ["poor-s0"])[1].window == 2.0 != HOW["window"]

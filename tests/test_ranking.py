"""Tables that rank their rows."""

import csv
import io

import pandas as pd
import pytest
from test_tables import DEFINITION, HOW, NAN, SEGMENT_WISE, SONG_WISE, config, row, scores_of

from mssbench.errors import UserError
from mssbench.report.config import parse_config
from mssbench.report.formats import to_csv, to_latex, to_markdown
from mssbench.report.scores import Scoring
from mssbench.report.tables import make_table

BY = {"metric": "SDR", "target": "vocals", "aggregation": SONG_WISE}
ROWS = [
    row("mixture", None, "bound"),
    *(row(name, seed) for name in ("low", "high", "same", "silent") for seed in (0, 1)),
]
VALUES = {"low": (1, 2), "high": (9, 3), "same": (6, 6), "silent": (NAN, NAN)}
SCORES = pd.concat(
    [
        scores_of("mixture-sNone", {"a": [99]}),
        *(
            scores_of(f"{name}-s{seed}", {"a": [value, value, value - 60]})
            for name, values in VALUES.items()
            for seed, value in enumerate(values)
        ),
    ],
    ignore_index=True,
)


def table(study=ROWS, **definition):
    made = {**DEFINITION, "rank_by": BY, **definition}
    return make_table("main", made, parse_config(config(study)), SCORES, Scoring(**HOW))


def cells(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_rows_come_by_their_mean_over_seeds_and_equal_ones_share_a_rank():
    lines = cells(to_markdown(table()))
    assert lines[0][:2] == ["Rank", "System"]
    assert [line[:2] for line in lines[2:]] == [
        ["1", "high"],
        ["1", "same"],
        ["3", "low"],
        ["", "silent"],
        ["", "*mixture*"],
    ]


def test_what_ranks_need_not_be_what_is_shown():
    made = table(aggregations=[SEGMENT_WISE, "segment-wise mean"])
    for block in made.blocks:
        assert [line.experiment.name for line in block.lines][:3] == ["high", "same", "low"]
    assert "Rank: by the song-wise median of SDR (vocals), mean over seeds" in to_markdown(made)


def test_ranks_are_in_every_format_and_in_no_table_that_does_not_rank():
    records = list(csv.DictReader(io.StringIO(to_csv(table()))))
    assert [record["rank"] for record in records] == ["1", "1", "3", "", ""]
    latex = to_latex(table())
    assert "{rlrr}" in latex
    assert "Rank & System & SDR (dB) & NaN / windows" in latex
    assert "3 & low &" in latex
    made = make_table("main", DEFINITION, parse_config(config(ROWS)), SCORES, Scoring(**HOW))
    for text in (to_csv(made), to_latex(made), to_markdown(made)):
        assert "rank" not in text.lower()


def test_the_name_of_a_sweep_stands_for_its_runs():
    rows = [{**row(name, 0), "sweep": "net", "swept": {"params.N": 1}} for name in ("low", "high")]
    made = table([*rows, row("same")], rows=["net"])
    assert [line.experiment.name for line in made.blocks[0].lines] == ["high", "low"]
    with pytest.raises(UserError, match="unknown rows 'nut'; allowed are low, net, high, same"):
        table([*rows, row("same")], rows=["nut"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "SDRR"}, "rank_by: unknown metrics 'SDRR'; allowed are SDR"),
        ({"target": "bass"}, "rank_by: unknown targets 'bass'; allowed are vocals"),
        ({"aggregation": "mean"}, "rank_by: unknown aggregations 'mean'"),
    ],
)
def test_a_ranking_by_nothing_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        table(rank_by=BY | change)


def test_a_ranking_that_lacks_a_key_is_refused():
    tables = {"main": {**DEFINITION, "rank_by": {"metric": "SDR"}}}
    with pytest.raises(UserError, match=r"tables.main.rank_by lacks the key 'target'"):
        parse_config(config(ROWS, tables=tables))

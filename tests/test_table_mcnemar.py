"""McNemar's test in tables: systems paired by the segments that each judges rightly or wrongly."""

import csv
import io

import pandas as pd
import pytest
from scipy.stats import binomtest
from test_tables import NAN, SEGMENT_WISE, row, scores_of, table

from mssbench.report.aggregate import SPREADS
from mssbench.report.formats import to_csv, to_html, to_markdown

VAD, PES = "HTMD-Net VAD", "HTMD-Net PES"
RIGHT, WRONG = 100.0, 88.9
ROWS = [row("mixture", None, "bound"), *(row(name) for name in ("good", "near", "poor"))]
# Segments of two songs: poor errs where good does, and in 20 more; near errs in one more.
GOOD = [RIGHT] * 36 + [WRONG] * 4
NEAR = [RIGHT] * 35 + [WRONG] * 5
POOR = [RIGHT] * 16 + [WRONG] * 24


def of(run, values, metric=VAD):
    return scores_of(run, {"a": values[:30], "b": values[30:]}, metric)


def scores(poor=POOR):
    parts = [of("mixture-sNone", [0.0] * 40), of("good-s0", GOOD), of("near-s0", NEAR)]
    return pd.concat([*parts, of("poor-s0", poor)], ignore_index=True)


def made(found=None, rows=ROWS, test=None, **definition):
    asked = {"metrics": [VAD], "aggregations": ["segment-wise mean"], "test": {"kind": "mcnemar"}}
    asked["test"] |= test or {}
    return table(asked | definition, scores() if found is None else found, rows=rows)


def records(of_table):
    return {r["experiment"]: r for r in csv.DictReader(io.StringIO(to_csv(of_table)))}


def test_a_system_that_is_wrong_in_more_segments_than_the_best_is_marked():
    found = records(made())
    # Three pairs, of which this p is the smallest but one: good and near against poor.
    p = [binomtest(0, 20).pvalue, binomtest(0, 19).pvalue, binomtest(0, 1).pvalue]
    assert float(found["poor"]["p"]) == pytest.approx(3 * p[0], rel=1e-3)
    assert float(found["near"]["p"]) == 1.0
    assert (found["poor"]["test"], found["poor"]["compared_with"]) == ("mcnemar", "good")
    assert (found["poor"]["n_common_segments"], found["poor"]["n_common_songs"]) == ("40", "2")
    assert float(found["poor"]["effect"]) == -1.0
    assert found["good"]["p"] == found["mixture"]["p"] == ""
    poor, near = (
        next(line for line in to_markdown(made()).splitlines() if line.startswith(f"| {name} "))
        for name in ("poor", "near")
    )
    assert "*" in poor
    assert "*" not in near
    assert "<sup>*</sup>" in to_html(made())


def test_a_named_reference_is_corrected_for_its_pairs_alone():
    found = records(made(test={"against": "near"}))
    assert float(found["poor"]["p"]) == pytest.approx(2 * binomtest(0, 19).pvalue, rel=1e-3)


def test_the_notes_say_what_is_paired_and_that_p_is_too_small():
    text = to_markdown(made())
    assert "McNemar's tests of whether a segment is right" in text
    assert "40 common segments" in text
    assert "segments of a song are no independent pairs, so p is too small" in text
    assert "corrected for all pairs of systems (Holm)" in text


def test_segments_without_a_value_of_both_are_left_out():
    found = records(made(scores([NAN, *POOR[1:]])))
    assert (found["poor"]["n_common_segments"], found["near"]["n_common_segments"]) == ("39", "40")
    nothing = made(scores([NAN] * 40))
    assert records(nothing)["poor"]["n_common_segments"] == ""


def test_with_several_seeds_most_of_them_decide():
    rows = [row("good"), *(row("poor", seed) for seed in (0, 1, 2))]
    parts = [of("good-s0", GOOD), of("poor-s0", POOR), of("poor-s1", GOOD), of("poor-s2", GOOD)]
    found = records(made(pd.concat(parts, ignore_index=True), rows))
    # Two of three seeds are right where good is.
    assert float(found["poor"]["p"]) == 1.0
    parts[2] = of("poor-s1", POOR)
    found = records(made(pd.concat(parts, ignore_index=True), rows))
    assert float(found["poor"]["p"]) == pytest.approx(binomtest(0, 20).pvalue, rel=1e-3)


def test_metrics_that_judge_nothing_have_no_test_and_a_note_says_so():
    energies = [of(f"{name}-s0", [-30.0 - n] * 40, PES) for n, name in enumerate(("good", "near"))]
    energies += [of("poor-s0", [-10.0] * 40, PES), of("mixture-sNone", [-5.0] * 40, PES)]
    both = made(pd.concat([scores(), *energies], ignore_index=True), metrics=[PES, VAD])
    text = to_markdown(both)
    assert f"No test of {PES} (vocals): McNemar's test is of judgements, which {VAD} has" in text
    found = [r for r in csv.DictReader(io.StringIO(to_csv(both))) if r["metric"] == PES]
    assert {r["p"] for r in found} == {""}


def test_measures_of_spread_have_no_test():
    aggregations = [SEGMENT_WISE, SPREADS[0]]
    blocks = made(aggregations=aggregations).blocks
    tested = [[line.cells[VAD].outcome is not None for line in b.lines] for b in blocks]
    assert any(tested[0])
    assert not any(tested[1])

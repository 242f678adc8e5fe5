"""Significance marks in tables: paired over songs, corrected, and silent where there is no test."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from test_tables import NAN, SEGMENT_WISE, SONG_WISE, row, scores_of, table

from mssbench.errors import UserError
from mssbench.report.formats import to_csv, to_html, to_latex, to_markdown
from mssbench.report.statistics.comparisons import compare
from mssbench.report.statistics.holm import holm
from mssbench.report.statistics.wilcoxon import wilcoxon

NAMES = ("good", "near", "poor", "worst")
ROWS = [row("mixture", None, "bound"), *(row(name) for name in NAMES)]
RNG = np.random.default_rng(1)
EASE = RNG.normal(size=12)  # of songs: some are hard for all systems
SHIFTS = {"mixture": 30, "good": 5.0, "near": 4.99, "poor": 2.0, "worst": 0.0}


def scores(songs=12, metric="SDR", sign=1):
    found = []
    for name, shift in SHIFTS.items():
        noise = 0.2 * RNG.normal(size=(songs, 3))
        if name == "near":  # better than good on one half of the songs
            noise += np.where(np.arange(songs) % 2, 1, -1)[:, None]
        values = sign * (shift + EASE[:songs, None] + noise)
        run = f"{name}-s{None if name == 'mixture' else 0}"
        found.append(scores_of(run, {f"{n:02}": v for n, v in enumerate(values)}, metric))
    return pd.concat(found, ignore_index=True)


SCORES = scores()


def made(of=SCORES, rows=ROWS, test=None, **definition):
    return table({"test": test or {}, **definition}, of, rows=rows)


def marks(of_table, block=0):
    """Return what each line's SDR is marked with."""
    return {
        line.experiment.name: ("B" if cell.bold else "")
        + ("*" if cell.outcome is not None and cell.outcome.differs else "")
        for line in of_table.blocks[block].lines
        for cell in line.cells.values()
    }


def records(of_table):
    return {r["experiment"]: r for r in csv.DictReader(io.StringIO(to_csv(of_table)))}


@pytest.mark.parametrize("kind", ["wilcoxon", "conover"])
def test_what_is_worse_than_the_best_on_every_song_is_marked(kind):
    best = max(("good", "near"), key=lambda name: float(records(made())[name]["value (dB)"]))
    near = {"good", "near"} - {best}
    found = marks(made(test={"kind": kind}))
    assert found == {"mixture": "", best: "B", near.pop(): "", "poor": "*", "worst": "*"}


def test_bounds_are_neither_marked_nor_the_best():
    assert {r["compared_with"] for r in records(made()).values()} <= {"", "good", "near"}
    assert records(made())["mixture"]["p"] == ""


def test_the_best_is_compared_by_p_values_of_all_pairs():
    medians = {
        name: SCORES[SCORES["run"] == f"{name}-s0"].groupby("track")["score"].median().to_numpy()
        for name in NAMES
    }
    pairs = [(a, b) for n, a in enumerate(NAMES) for b in NAMES[n + 1 :]]
    corrected = holm([wilcoxon(medians[a], medians[b]).p for a, b in pairs])
    expected = {frozenset(pair): p for pair, p in zip(pairs, corrected, strict=True)}
    rows = records(made())
    for name, entry in rows.items():
        if entry["p"]:
            p = expected[frozenset((name, entry["compared_with"]))]
            assert float(entry["p"]) == pytest.approx(p, rel=1e-3)
            assert entry["n_common_songs"] == "12"


def test_a_named_reference_is_corrected_for_its_pairs_alone():
    shown = made(test={"against": "poor"})
    # Good and worst differ from poor on all 12 songs: 2/2^12 is tripled, as there are 3 pairs.
    found = records(shown)
    assert float(found["worst"]["p"]) == pytest.approx(3 * 2 / 2**12, rel=1e-3)
    assert (float(found["worst"]["effect"]), float(found["good"]["effect"])) == (-1, 1)
    assert found["poor"]["p"] == ""
    assert marks(shown)["good"].endswith("*")
    assert r"\* differs from poor, p \< 0.05" in to_markdown(shown)
    assert "corrected for the pairs with it" in to_markdown(shown)
    bound = made(test={"against": "mixture"})
    assert {name for name, mark in marks(bound).items() if "*" in mark} == set(NAMES)


def test_only_a_best_value_from_which_all_others_differ_is_bold_where_the_table_says_so():
    only = {"test": {"alpha": 0.01, "bold": True}}
    assert "B" not in "".join(marks(made(**only)).values())
    clear = [each for each in ROWS if each["experiment"] != "near"]
    shown = made(rows=clear, of=SCORES[SCORES["run"] != "near-s0"], **only)
    assert marks(shown) == {"mixture": "", "good": "B", "poor": "*", "worst": "*"}
    assert r"where all other systems' differ from it, p \< 0.01" in to_markdown(shown)
    assert marks(made(**only | {"test": {"alpha": 1e-4, "bold": True}}))["good"] == ""


def test_of_a_measure_of_silence_the_lowest_is_the_best():
    shown = made(scores(metric="HTMD-Net PES", sign=-1), metrics=["HTMD-Net PES"])
    assert marks(shown)["poor"] == "*"
    assert {r["compared_with"] for r in records(shown).values()} & {"good", "near"}


def test_marks_are_in_every_format_and_the_note_says_how_many_songs():
    shown = made()
    value = f"{float(records(shown)['poor']['value (dB)']):.2f}"
    assert f"| {value}\\* |" in to_markdown(shown)
    assert rf"{value}\textsuperscript{{*}} &" in to_latex(shown)
    assert f"{value}<sup>*</sup>" in to_html(shown)
    for page in (to_markdown(shown), to_latex(shown), to_html(shown)):
        assert "Wilcoxon signed-rank tests" in page
        assert "12 common songs" in page
        assert "Holm" in page
    assert "Conover" in to_markdown(made(test={"kind": "conover"}))
    assert "differs" not in to_markdown(table(scores=SCORES, rows=ROWS))


def test_songs_that_a_system_lacks_are_common_to_none_of_its_pairs():
    lost = (SCORES["run"] == "poor-s0") & SCORES["track"].isin(["00", "01"])
    shown = made(SCORES.assign(score=SCORES["score"].where(~lost, NAN)))
    assert records(shown)["poor"]["n_common_songs"] == "10"
    assert "10 to 12 common songs" in to_markdown(shown)


@pytest.mark.parametrize("kind", ["wilcoxon", "conover"])
def test_few_songs_have_no_marks_and_a_note_that_says_why(kind):
    few = SCORES[SCORES["track"] < "05"]
    shown = made(few, test={"kind": kind, "bold": True})
    assert set(marks(shown).values()) == {""}
    text = to_markdown(shown)
    assert "No test of SDR (vocals): there are 5 common songs, and a test needs 6." in text
    assert "Wilcoxon" not in text


def test_other_reasons_for_no_test_are_told_too():
    two = [ROWS[1], ROWS[3]]
    text = to_markdown(made(rows=two, test={"kind": "conover"}))
    assert "there are 2 systems, and Conover's comparisons need 3." in text
    assert "there are no two systems to compare" in to_markdown(made(rows=[ROWS[1]]))
    alike = SCORES.assign(score=np.random.default_rng(3).normal(size=len(SCORES)))
    text = to_markdown(made(alike, test={"kind": "conover"}))
    assert "over 12 common songs, Friedman's test finds no system that differs" in text


def test_a_mean_is_tested_by_means_and_a_spread_by_nothing():
    # Of each song poor's median is far below good's, its mean far above.
    skewed = pd.concat(
        [
            scores_of("good-s0", {f"{n}": [5, 5, 5] for n in range(8)}),
            scores_of("poor-s0", {f"{n}": [0, 0, 100] for n in range(8)}),
        ],
        ignore_index=True,
    )
    kinds = [SONG_WISE, SEGMENT_WISE, "mean of song means", "segment-wise MAD"]
    shown = made(skewed, [row("good"), row("poor")], aggregations=kinds)
    assert [marks(shown, block)["poor"] for block in range(4)] == ["*", "*", "B", ""]
    assert marks(shown, 2)["good"] == "*"
    assert "each song's median" in to_markdown(shown)
    assert "each song's mean" in to_markdown(shown)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({"against": "bad"}, "test.against is 'bad'; allowed are best, good, near"),
        ({"against": "poor", "bold": True}, "test.bold needs the best system"),
    ],
)
def test_a_test_against_nothing_is_refused(test, message):
    with pytest.raises(UserError, match=message):
        made(test=test)


def test_pairs_with_one_system_are_those_of_all_pairs_but_for_their_correction():
    values = pd.DataFrame({name: RNG.normal(size=9) for name in NAMES})
    whole = {(each.first, each.second): each for each in compare(values)}
    some = compare(values, against="poor")
    assert {(each.first, each.second) for each in some} == {p for p in whole if "poor" in p}
    for each in some:
        other = whole[each.first, each.second]
        assert (each.difference, each.effect) == (other.difference, other.effect)
        assert each.p <= other.p

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from mssbench.report.statistics.comparisons import compare
from mssbench.report.statistics.effect_size import rank_biserial
from mssbench.report.statistics.friedman import friedman
from mssbench.report.statistics.holm import holm
from mssbench.report.statistics.mcnemar import mcnemar
from mssbench.report.statistics.pairs import pair
from mssbench.report.statistics.wilcoxon import EXACT_UP_TO, wilcoxon

NAN = float("nan")


def two_systems(songs=12, seed=0, shift=0.5):
    rng = np.random.default_rng(seed)
    second = rng.normal(size=songs)
    return second + shift + rng.normal(size=songs), second


def test_pairs_are_the_songs_that_both_have_a_value_for():
    pairs = pair([1.0, NAN, 3.0, 5.0, NAN], [0.5, 2.0, NAN, 1.0, NAN])
    assert pairs.differences.tolist() == [0.5, 4.0]
    assert (pairs.songs, pairs.left_out, pairs.median) == (2, 3, 2.25)
    assert pair([NAN], [1.0]).median is None
    with pytest.raises(ValueError, match="same songs"):
        pair([1.0, 2.0], [1.0])


def test_equal_infinite_values_do_not_differ():
    inf = float("inf")
    assert pair([inf, inf, -inf], [inf, 1.0, -inf]).differences.tolist() == [0.0, inf, 0.0]


@pytest.mark.parametrize("songs", [6, 9, 30])
def test_signed_rank_tests_without_ties_are_scipys_exact_ones(songs):
    first, second = two_systems(songs)
    expected = scipy.stats.wilcoxon(first, second, method="exact")
    found = wilcoxon(first, second)
    assert (found.statistic, found.p) == (expected.statistic, pytest.approx(expected.pvalue))
    assert found.songs == songs


def test_signed_rank_tests_with_ties_are_those_of_all_signs():
    differences = np.array([1.0, 1.0, -1.0, 2.0, 2.0, 3.0, -2.0, 0.0])
    found = wilcoxon(differences, np.zeros(8))
    # Without the zero, 1 has the mean rank 2, 2 the mean rank 5, and 3 the rank 7.
    ranks = np.array([2.0, 2, 2, 5, 5, 7, 5])
    assert found.statistic == 7.0
    sums = [ranks @ signs for signs in itertools.product((0, 1), repeat=7)]
    share = np.mean([min(each, ranks.sum() - each) <= 7.0 for each in sums])
    assert found.p == pytest.approx(share)


def test_signed_rank_tests_of_many_songs_are_scipys_normal_ones():
    first, second = two_systems(EXACT_UP_TO + 50, shift=0.1)
    expected = scipy.stats.wilcoxon(first, second, method="asymptotic", correction=False)
    assert wilcoxon(first, second).p == pytest.approx(expected.pvalue)


def test_exact_and_normal_signed_rank_tests_agree_where_one_follows_the_other():
    first, second = two_systems(EXACT_UP_TO, shift=0.1)
    normal = scipy.stats.wilcoxon(first, second, method="asymptotic", correction=False)
    assert wilcoxon(first, second).p == pytest.approx(normal.pvalue, abs=1e-3)


def test_six_songs_on_which_one_is_better_have_the_least_p_there_is():
    assert wilcoxon(np.arange(1.0, 7), np.zeros(6)).p == 2 / 2**6


def test_signed_rank_tests_and_effects_are_symmetric():
    first, second = two_systems()
    assert wilcoxon(first, second).p == wilcoxon(second, first).p
    assert rank_biserial(first, second).value == -rank_biserial(second, first).value


def test_identical_systems_have_p_one_and_no_effect():
    values = np.random.default_rng(0).normal(size=8)
    assert wilcoxon(values, values).p == 1.0
    assert rank_biserial(values, values).value == 0.0


def test_fewer_than_six_common_songs_have_no_test():
    first, second = two_systems(8)
    first[:2], second[2] = NAN, NAN
    found = wilcoxon(first, second)
    assert (found.songs, found.left_out, found.p) == (5, 3, None)
    nothing = wilcoxon(np.full(9, NAN), second[:1].repeat(9))
    assert (nothing.songs, nothing.p) == (0, None)


def test_effects_are_the_rank_sums_balance():
    # Ranks 1, 2 and 3 for, 4 against: (6 - 4) / 10.
    assert rank_biserial([1.0, 2, 3, -4], np.zeros(4)).value == pytest.approx(0.2)
    assert rank_biserial([1.0, 2, 3], np.zeros(3)).value == 1.0
    assert rank_biserial([NAN], [1.0]).value is None


def test_holm_multiplies_by_the_tests_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni():
    p = np.random.default_rng(0).uniform(size=40) ** 3
    corrected = np.array(holm(p.tolist()))
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(40 * p, 1)).all()


def test_tests_that_were_not_made_count_for_nothing():
    assert holm([None, 0.02, None, 0.04]) == [None, pytest.approx(0.04), None, pytest.approx(0.04)]
    with pytest.raises(ValueError, match="0 to 1"):
        holm([1.5])


def test_friedman_is_scipys_with_ties_too():
    values = np.random.default_rng(0).integers(0, 4, size=(15, 4)).astype(float)
    expected = scipy.stats.friedmanchisquare(*values.T)
    found = friedman(values)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.mean_ranks == pytest.approx(scipy.stats.rankdata(values, axis=1).mean(axis=0))


def test_conovers_comparisons_match_a_hand_computed_example():
    # Ranks (1, 2, 3) on four songs and (2, 1, 3) on two: sums 8, 10, 18 over six songs.
    values = np.array([[1.0, 2, 3]] * 4 + [[2.0, 1, 3]] * 2)
    found = friedman(values)
    assert found.statistic == pytest.approx(12 / (6 * 3 * 4) * (64 + 100 + 324) - 3 * 6 * 4)
    # A = 6 x 14 = 84, so the error is sqrt(2 (6 x 84 - 488) / (5 x 2)) with 10 degrees of freedom.
    error = np.sqrt(2 * (504 - 488) / 10)
    for (one, other), distance in {(0, 1): 2, (0, 2): 10, (1, 2): 8}.items():
        expected = 2 * scipy.stats.t.sf(distance / error, 10)
        assert found.pairs[one, other] == found.pairs[other, one] == pytest.approx(expected)
    assert (np.diag(found.pairs) == 1).all()


def test_systems_that_always_tie_or_always_rank_alike_are_the_extremes():
    same = friedman(np.ones((8, 3)))
    assert (same.statistic, same.p) == (0.0, 1.0)
    assert (same.pairs == 1).all()
    ordered = friedman(np.tile([1.0, 2, 3], (8, 1)))
    assert ordered.statistic == pytest.approx(8 * 2)
    assert ordered.pairs[0, 1] == 0.0


def test_friedman_takes_the_songs_that_all_have_and_needs_six_and_three_systems():
    values = np.random.default_rng(0).normal(size=(10, 3))
    values[0, 1], values[4, 2] = NAN, NAN
    complete = np.delete(values, [0, 4], axis=0)
    assert friedman(values).p == friedman(complete).p
    assert (friedman(values).songs, friedman(values).left_out) == (8, 2)
    assert friedman(values[:7]).p is None
    assert friedman(values[:, :2]).p is None
    nothing = friedman(np.full((4, 3), NAN))
    assert (nothing.songs, nothing.pairs) == (0, None)


def test_mcnemar_is_the_binomial_test_of_pairs_that_differ():
    first = [1] * 10 + [0] + [1] * 20 + [NAN]
    second = [0] * 10 + [1] + [1] * 20 + [1]
    found = mcnemar(first, second)
    assert (found.pairs, found.left_out) == (31, 1)
    assert (found.only_first, found.only_second) == (10, 1)
    assert found.p == pytest.approx(2 * (1 + 11) / 2**11)
    assert mcnemar(second, first).p == found.p


def test_mcnemar_of_equal_judgements_is_one_and_of_none_is_nothing():
    judgements = np.array([True, False, True])
    assert mcnemar(judgements, judgements).p == 1.0
    assert mcnemar([NAN], [1]).p is None
    with pytest.raises(ValueError, match="0 or 1"):
        mcnemar([2], [1])


def systems(songs=20):
    rng = np.random.default_rng(0)
    song = rng.normal(size=songs)
    shifts = {"good": 1.0, "alike": 1.02, "poor": 0.0}
    values = {name: song + shift + 0.3 * rng.normal(size=songs) for name, shift in shifts.items()}
    return pd.DataFrame(values)


@pytest.mark.parametrize("test", ["wilcoxon", "conover"])
def test_every_pair_is_compared_once_and_corrected_for_all(test):
    values = systems()
    found = {(each.first, each.second): each for each in compare(values, test)}
    assert list(found) == [("good", "alike"), ("good", "poor"), ("alike", "poor")]
    assert found["good", "poor"].p < 0.01
    assert found["good", "alike"].p > 0.05
    difference = (values["good"] - values["poor"]).median()
    assert found["good", "poor"].difference == pytest.approx(difference)
    assert found["good", "poor"].effect > 0.9
    if test == "wilcoxon":
        raw = [wilcoxon(values[one], values[other]).p for one, other in found]
    else:
        raw = [friedman(values).pairs[one, other] for one, other in ((0, 1), (0, 2), (1, 2))]
    assert [each.p for each in found.values()] == pytest.approx(holm(raw))


def test_pairs_with_too_few_common_songs_are_not_tested_and_do_not_count():
    values = systems()
    values.loc[3:, "alike"] = NAN
    first, second, third = compare(values)
    assert (first.songs, first.p, third.p) == (3, None, None)
    assert second.p == wilcoxon(values["good"], values["poor"]).p
    values["alike"] = NAN
    assert compare(values)[0].difference is None


def test_conovers_comparisons_are_not_made_where_no_system_differs():
    noise = pd.DataFrame(np.random.default_rng(1).normal(size=(12, 3)), columns=list("abc"))
    assert friedman(noise).p > 0.05
    assert [each.p for each in compare(noise, "conover")] == [None] * 3

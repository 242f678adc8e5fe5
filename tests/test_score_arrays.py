import museval
import numpy as np
import pytest

from mssbench.scoring import bss_eval, score
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.table import score_table

RATE = 4000
NAMES = ("piano", "violin", "vocals")


def arrays(channels=1, seconds=2.5, seed=0):
    random = np.random.default_rng(seed)
    true = 0.1 * random.standard_normal((len(NAMES), channels, round(seconds * RATE)))
    made = true + 0.3 * true[::-1] + 0.02 * random.standard_normal(true.shape)
    return dict(zip(NAMES, true, strict=True)), dict(zip(NAMES, made, strict=True))


def musevals(true, made, names, window=RATE, hop=RATE):
    true, made = (np.stack([arrays[name].T for name in names]) for arrays in (true, made))
    return museval.metrics.bss_eval(true, made, window=window, hop=hop)[:4]


@pytest.mark.parametrize(("channels", "engine"), [(1, "museval"), (2, "bss_eval")])
def test_scores_are_musevals_of_all_that_is_estimated(channels, engine):
    true, made = arrays(channels)
    found = score(true, made, RATE, window=0.5, hop=0.25, engine=engine)
    expected = musevals(true, made, NAMES, RATE // 2, RATE // 4)
    for number, target in enumerate(NAMES):
        for metric, values in zip(METRICS, expected, strict=True):
            np.testing.assert_allclose(found.windows[target][metric], values[number], atol=1e-6)


def test_accompaniment_is_the_sum_of_what_is_not_vocals():
    true, made = arrays()
    made = {"vocals": made["vocals"], "accompaniment": made["piano"] + made["violin"]}
    whole = true | {"accompaniment": true["piano"] + true["violin"]}
    expected = musevals(whole, made, ["vocals", "accompaniment"])
    for given in (true, whole, {"vocals": true["vocals"], "mixture": sum(true.values())}):
        found = score(given, made, RATE)
        for number, target in enumerate(made):
            for metric, values in zip(METRICS, expected, strict=True):
                np.testing.assert_allclose(found.windows[target][metric], values[number], atol=1e-6)


def test_mono_may_be_one_dimensional():
    true, made = arrays(channels=1)
    flat = [{name: array[0] for name, array in each.items()} for each in (true, made)]
    one, other = score(true, made, RATE), score(*flat, RATE)
    np.testing.assert_array_equal(one.windows["piano"]["SIR"], other.windows["piano"]["SIR"])


def test_references_can_be_rounded_to_16_bit():
    true, made = arrays()
    rounded = {name: np.round(array * 2**15) / 2**15 for name, array in true.items()}
    one, other = score(true, made, RATE, grid="pcm16"), score(rounded, made, RATE)
    for target in NAMES:
        np.testing.assert_array_equal(one.windows[target]["SAR"], other.windows[target]["SAR"])


def test_result_becomes_a_table():
    table = score_table("mine", score(*arrays(), RATE, name="Ada - One"))
    assert set(table["track"]) == {"Ada - One"}
    assert set(table["target"]) == set(NAMES)
    assert len(table[table["metric"] == "SDR"]) == 2 * len(NAMES)


def without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda true, made: (true, {n: a[:, 1:] for n, a in made.items()}), r"9999\).*10000\)"),
        (lambda true, made: (true, made | {"piano": made["piano"][:1]}), "channels and samples"),
        (lambda true, made: (true, made | {"piano": made["piano"] * np.nan}), "are no numbers"),
        (lambda true, made: (true, made | {"piano": np.zeros((1, 2, 3))}), "it must be"),
        (lambda true, made: (without(true, "piano"), made), "no reference of piano; there are"),
        (lambda true, made: (true, {"piano": made["piano"]}), "scores need vocals and"),
        (lambda true, made: (without(true, "mixture"), {}), "estimates of nothing"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        score(*change(*arrays(channels=2)), RATE)


@pytest.mark.parametrize("what", [{"window": 0}, {"hop": -1}, {"rate": 0}])
def test_windows_and_rate_are_positive(what):
    with pytest.raises(ValueError, match="give numbers above 0"):
        score(*arrays(), **{"rate": RATE} | what)


def test_bss_eval_has_musevals_signature_and_values():
    random = np.random.default_rng(0)
    references = random.standard_normal((2, 9000, 2))
    estimates = references + 0.3 * references[::-1] + 0.1 * random.standard_normal((2, 9000, 2))
    found = bss_eval(references, estimates, 3000, 1500, compute_permutation=True)
    expected = museval.metrics.bss_eval(references, estimates, 3000, 1500, compute_permutation=True)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)

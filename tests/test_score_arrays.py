import logging

import museval
import numpy as np
import pytest

from mssbench.scoring import bss_eval, score, score_systems
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.references import References
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
    with pytest.raises(ValueError, match=r"must be above 0|give a number above 0"):
        score(*arrays(), **{"rate": RATE} | what)


def test_bss_eval_has_musevals_signature_and_values():
    random = np.random.default_rng(0)
    references = random.standard_normal((2, 9000, 2))
    estimates = references + 0.3 * references[::-1] + 0.1 * random.standard_normal((2, 9000, 2))
    found = bss_eval(references, estimates, 3000, 1500, compute_permutation=True)
    expected = museval.metrics.bss_eval(references, estimates, 3000, 1500, compute_permutation=True)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"engine": "bsseval"}, "^engine is 'bsseval'; allowed are bss_eval, museval$"),
        ({"grid": "pcm8"}, "^grid is 'pcm8'; allowed are pcm16, float$"),
        ({"measures": ["uSDR", "sdr"]}, "^measures has 'sdr'; allowed are SDR, ISR"),
        ({"measures": "uSDR"}, "^measures is 'uSDR'; it must be a list$"),
        ({"protocol": "sisec"}, "^protocol is 'sisec'; allowed are htmd_net, sisec_2018"),
        ({"window": np.inf}, "^window is inf; it must be a finite number$"),
        ({"windows": 1}, "^there is no option 'windows'; allowed are window, hop, grid"),
        ({"mixture": np.zeros((1, 9))}, r"mixture \(1, 9\)"),
    ],
)
def test_options_that_are_not_allowed_are_refused_in_one_line(how, message):
    with pytest.raises(ValueError, match=message) as caught:
        score(*arrays(), RATE, **how)
    assert "\n" not in str(caught.value)


def test_samples_before_channels_are_refused_with_both_shapes():
    true, made = arrays(channels=2)
    swapped = {name: array.T for name, array in made.items()}
    with pytest.raises(ValueError, match=r"estimate of piano: shape \(10000, 2\).*\(2, 10000\)$"):
        score(true, swapped, RATE)


def test_measures_of_songs_and_over_the_mixture_are_computed():
    true, made = arrays()
    wanted = ["uSDR", "SDRi", "PES", "HTMD-Net VAD"]
    mixture = sum(true.values()) + 0.05
    found = score(true, made, 8000, measures=wanted, mixture=mixture)
    assert set(found.windows["piano"]) == {"SDRi", "PES"}
    assert set(found.windows["vocals"]) == {"SDRi", "PES", "HTMD-Net VAD"}
    source, error = true["piano"], true["piano"] - made["piano"]
    expected = 10 * np.log10(((source**2).sum() + 1e-7) / ((error**2).sum() + 1e-7))
    assert found.song["piano"]["uSDR"] == pytest.approx(expected)
    part = slice(0, 8000)
    gains = [((source - e)[:, part] ** 2).sum() for e in (mixture, made["piano"])]
    assert found.windows["piano"]["SDRi"][0] == pytest.approx(10 * np.log10(gains[0] / gains[1]))
    given = score(true | {"mixture": mixture}, made, 8000, measures=wanted)
    assert given.windows["piano"]["SDRi"][0] == found.windows["piano"]["SDRi"][0]
    summed = score(true, made, 8000, measures=wanted).windows["piano"]["SDRi"][0]
    assert summed != found.windows["piano"]["SDRi"][0]


def test_a_protocol_gives_what_is_not_said(caplog):
    true, made = arrays(channels=2)
    with caplog.at_level(logging.WARNING):
        found = score(true, made, RATE, protocol="wave_u_net_pytorch", hop=0.25)
    assert (found.window, found.hop) == (2.0, 0.25)
    assert "wave_u_net_pytorch is for audio of 44100 Hz, this is of 4000 Hz" in caplog.text
    expected = score(true, made, RATE, window=2, hop=0.25, grid="pcm16")
    np.testing.assert_array_equal(found.windows["piano"]["SIR"], expected.windows["piano"]["SIR"])


@pytest.mark.parametrize("engine", ["bss_eval", "museval"])
def test_systems_together_have_the_scores_of_each_alone(engine):
    true, made = arrays()
    other = {name: 0.5 * array + 0.01 * np.roll(array, 2) for name, array in made.items()}
    quiet = made | {"violin": made["violin"] * (np.arange(10000) >= 5000)}
    systems = {"one": made, "two": other, "three": quiet}
    how = {"engine": engine, "measures": ["SDR", "SI-SDR", "uSDR"]}
    together = score_systems(true, systems, RATE, **how)
    assert list(together) == list(systems)
    for system, estimates in systems.items():
        alone = score(true, estimates, RATE, **how)
        for target in NAMES:
            assert together[system].song[target] == alone.song[target]
            for metric, values in alone.windows[target].items():
                found = together[system].windows[target][metric]
                np.testing.assert_allclose(found, values, rtol=0, atol=1e-9)
    sdrs = [together[system].windows["piano"]["SDR"] for system in systems]
    assert np.isnan(sdrs[2]).tolist() == [True, False]
    assert np.isfinite(sdrs[:2]).all()
    assert (abs(sdrs[0] - sdrs[1]) > 0.1).all()


def test_references_are_gone_through_once_for_all_systems(monkeypatch):
    made_of = []
    original = References.__init__

    def counted(self, *signals, **how):
        made_of.append(signals[0].shape)
        original(self, *signals, **how)

    monkeypatch.setattr(References, "__init__", counted)
    true, made = arrays()
    score_systems(true, {"one": made, "two": made}, RATE)
    assert made_of == [(3, 1, 10000)]


def test_systems_of_other_targets_are_refused():
    true, made = arrays()
    with pytest.raises(ValueError, match=r"one has estimates of .*, two of piano, violin; systems"):
        score_systems(true, {"one": made, "two": without(made, "vocals")}, RATE)
    with pytest.raises(ValueError, match="there are no systems"):
        score_systems(true, {}, RATE)
    with pytest.raises(ValueError, match="two: estimate of piano"):
        score_systems(true, {"one": made, "two": made | {"piano": made["piano"][:, 1:]}}, RATE)

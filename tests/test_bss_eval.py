import inspect

import numpy as np
import pytest
from museval.metrics import bss_eval as museval

from mssbench.errors import UserError
from mssbench.scoring.bsseval import bss_eval, evaluate
from mssbench.scoring.framing import frames
from mssbench.scoring.references import References

METRICS = ("SDR", "ISR", "SIR", "SAR")


def sources(J=2, samples=9000, C=1, *, seed=0, leak=0.3, noise=0.02):
    """References on the grid of 16 bit with spectra of their own, and estimates of them."""
    random = np.random.default_rng(seed)
    references = 0.1 * random.standard_normal((J, samples, C))
    references[:, 1:] += np.linspace(0.1, 0.9, J)[:, None, None] * references[:, :-1]
    references = np.round(references * 32768) / 32768
    estimates = references + leak * np.roll(references, 1, axis=0)
    return references, estimates + noise * random.standard_normal(references.shape)


def museval_of(references, estimates, window, hop, **how):
    with np.errstate(divide="ignore", invalid="ignore"):
        return museval(references, estimates, window, hop, **how)


def assert_alike(found, expected):
    for metric, own, other in zip(METRICS, found, expected, strict=False):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6, err_msg=metric)
    np.testing.assert_array_equal(found[4], expected[4])


def test_parameters_are_musevals_and_others_go_by_keyword():
    own, expected = (inspect.signature(each).parameters for each in (bss_eval, museval))
    shared = list(own.values())[: len(expected)]
    assert [(p.name, p.default, p.kind) for p in shared] == [
        (p.name, p.default, p.kind) for p in expected.values()
    ]
    extras = list(own.values())[len(expected) :]
    assert {p.kind for p in extras} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("framewise", [False, True])
def test_all_arguments_may_be_given_by_place(framewise):
    references, estimates = sources(2, 6000)
    places = (2000, 1500, True, 9, framewise, False)
    assert_alike(bss_eval(references, estimates, *places), museval(references, estimates, *places))


def test_bsseval_for_sources_is_refused():
    with pytest.raises(
        ValueError, match=r"only False, .* call museval\.metrics\.bss_eval"
    ) as caught:
        bss_eval(*sources(), bsseval_sources_version=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("framewise", [False, True])
@pytest.mark.parametrize(
    ("J", "C", "samples", "window", "hop"),
    [
        (2, 1, 9000, 3000, 3000),  # whole windows
        (2, 1, 9700, 3000, 1500),  # half of each window in the next, and a tail
        (2, 2, 6700, 3000, 3000),
        (2, 1, 9000, 2000, 3500),  # gaps
        (2, 1, 9700, 2999.5, 1499.75),
        (2, 1, 2500, 3000, 3000),  # shorter than a window
        (2, 1, 4000, np.inf, np.inf),
        (3, 1, 6700, 3000, 3000),
    ],
)
def test_metrics_are_musevals(J, C, samples, window, hop, framewise):  # noqa: PLR0917
    references, estimates = sources(J, samples, C)
    # Version 3 solves for filters in each window, and museval is slow at that.
    how = {"framewise_filters": framewise, "filters_len": 100 if framewise else 512}
    found = bss_eval(references, estimates, window, hop, **how)
    assert_alike(found, museval_of(references, estimates, window, hop, **how))
    assert np.isfinite(found[:4]).all()


@pytest.mark.parametrize("framewise", [False, True])
def test_permutation_is_musevals(framewise):
    references, estimates = sources(3, 6000)
    estimates = estimates[[1, 2, 0]]
    how = {"compute_permutation": True, "framewise_filters": framewise, "filters_len": 9}
    found = bss_eval(references, estimates, 2000, 2000, **how)
    assert (found.permutation == [[2], [0], [1]]).all()
    assert_alike(found, museval_of(references, estimates, 2000, 2000, **how))


@pytest.mark.parametrize("framewise", [False, True])
def test_silence_in_a_window_keeps_the_order_as_in_museval(framewise):
    references, estimates = sources(2, 6000)
    estimates = estimates[::-1].copy()
    estimates[0, 2000:4000] = 0
    how = {"compute_permutation": True, "framewise_filters": framewise, "filters_len": 9}
    found = bss_eval(references, estimates, 2000, 2000, **how)
    assert np.isnan(found.SAR).tolist() == [[False, True, False]] * 2
    assert found.permutation[0].tolist() == ([1, 0, 1] if framewise else [0])
    assert_alike(found, museval_of(references, estimates, 2000, 2000, **how))


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("leak", [0, 0.3])
def test_ratios_of_many_decibels_are_musevals(leak, noise):
    references, estimates = sources(leak=leak, noise=noise)
    found = bss_eval(references, estimates, 3000, 3000)
    assert found.SAR.min() > 20
    assert_alike(found, museval_of(references, estimates, 3000, 3000))


@pytest.mark.parametrize("level", [1e-8, 1e-4, 1, 30])
def test_estimates_of_any_level_are_scored_as_museval_does(level):
    references, estimates = sources()
    found = bss_eval(references, level * estimates, 3000, 3000)
    assert_alike(found, museval_of(references, level * estimates, 3000, 3000))


@pytest.mark.parametrize("level", [1e-13, 1e-6, 1e6])
def test_projections_do_not_hang_on_the_level_of_the_estimates(level):
    references, estimates = sources()
    found = bss_eval(references, level * estimates, 3000, 3000)
    expected = bss_eval(references, estimates, 3000, 3000)
    np.testing.assert_allclose(found.SIR, expected.SIR, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.SAR, expected.SAR, rtol=0, atol=1e-6)


def test_equal_channels_are_scored_as_museval_does():
    references, estimates = sources(samples=6000)
    references, estimates = (np.repeat(signals, 2, axis=2) for signals in (references, estimates))
    assert_alike(
        bss_eval(references, estimates, 3000, 3000), museval_of(references, estimates, 3000, 3000)
    )


def test_opposite_channels_are_no_silence():
    references, estimates = sources(C=2, samples=6000)
    turned = references * [1, -1], estimates * [1, -1]
    references[0, :, 1] = references[0, :, 0]
    turned[0][0, :, 1] = -references[0, :, 0]
    with pytest.raises(ValueError, match="non-silent"):
        museval_of(*turned, 3000, 3000)
    assert_alike(bss_eval(*turned, 3000, 3000), bss_eval(references, estimates, 3000, 3000))


@pytest.mark.parametrize("framewise", [False, True])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_silent_throughout_leaves_nan_alone(which, framewise):
    signals = sources()
    signals[which][1] = 0
    found = bss_eval(*signals, 3000, 3000, framewise_filters=framewise)
    assert all(values.shape == (2, 3) and np.isnan(values).all() for values in found[:4])


def test_perfect_estimate_has_infinite_sdr():
    references, _ = sources()
    found = bss_eval(references, references.copy(), 3000, 3000)
    assert np.isposinf(found.SDR).all()
    assert (found.SAR > 200).all()


@pytest.mark.parametrize("where", [10, 8999])  # in a window, behind the last
@pytest.mark.parametrize("which", [0, 1])
def test_samples_that_are_no_numbers_are_refused(which, where):
    signals = sources()
    signals[which][1, where] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        bss_eval(*signals, 4000, 4000)


def test_shapes_and_windows_that_do_not_fit_are_refused():
    references, estimates = sources()
    with pytest.raises(ValueError, match="must be alike"):
        bss_eval(references, estimates[:, 1:], 3000, 3000)
    with pytest.raises(ValueError, match="references are"):
        bss_eval(references[:, :0], estimates[:, :0], 3000, 3000)
    with pytest.raises(ValueError, match="window is 0"):
        frames(10, 0, 1)
    with pytest.raises(ValueError, match="hop is infinite, and the window of 3000 samples is not"):
        bss_eval(references, estimates, 3000, np.inf)


def prepared(references, window=3000, hop=3000, **how):
    return References(references.swapaxes(1, 2), window, hop, **how)


@pytest.mark.parametrize("hop", [3000, 1500])
def test_systems_together_have_the_scores_of_each_alone(hop):
    references, first = sources()
    systems = [first, 0.5 * first, sources(seed=3)[1]]
    together = evaluate(prepared(references, hop=hop), [s.swapaxes(1, 2) for s in systems])
    for system, scores in zip(systems, together, strict=True):
        for own, alone in zip(scores, bss_eval(references, system, 3000, hop), strict=True):
            np.testing.assert_allclose(own, alone, rtol=0, atol=1e-10)


@pytest.mark.parametrize("framewise", [False, True])
def test_kept_references_give_the_same_scores(framewise, tmp_path):
    references, estimates = sources()
    made = prepared(references, filters=64, framewise_filters=framewise)
    made.save(tmp_path / "song.npz")
    kept = References.load(tmp_path / "song.npz", made.signals)
    system = estimates.swapaxes(1, 2)
    for own, other in zip(evaluate(kept, [system])[0], evaluate(made, [system])[0], strict=True):
        np.testing.assert_array_equal(own, other)


def test_kept_references_of_other_audio_are_refused(tmp_path):
    references, _ = sources()
    path = tmp_path / "song.npz"
    prepared(references).save(path)
    with pytest.raises(UserError, match="of other references"):
        References.load(path, 1.001 * references.swapaxes(1, 2))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(UserError, match="has no references' correlations"):
        References.load(path, references.swapaxes(1, 2))

"""FastICA: independent noises come out of any mixture of two, as images that sum to it."""

import warnings

import numpy as np
import pytest

from mssbench.errors import UserError
from mssbench.models.ica import decorrelated, fast_ica
from mssbench.models.registry import build

MIXING = np.array([[0.9, 0.3], [0.4, 0.8]])


def sparse_noises(samples=40000, seed=0):
    """Return two independent signals whose histograms are peaked, as music's are."""
    return 0.1 * np.random.default_rng(seed).laplace(size=(2, samples))


def images(sources, mixing=MIXING):
    """Return what each source leaves in the two channels (sources, 2, samples)."""
    return (mixing.T[:, :, None] * sources[:, None]).astype(np.float32)


def sdr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def agreement(unmixing, other):
    """Return the matrix of |cosines| between the rows of two unmixing matrices."""
    a, b = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (unmixing, other))
    return np.abs(a @ b.T)


@pytest.mark.parametrize("nonlinearity", ["tanh", "cube"])
def test_two_sparse_sources_are_found_at_their_places(nonlinearity):
    truth = images(sparse_noises())
    found = build("ica", {"nonlinearity": nonlinearity}).objects(truth.sum(axis=0))
    assert found.shape == truth.shape
    assert found.dtype == np.float32
    levels = [max(sdr(image, estimate) for estimate in found) for image in truth]
    assert min(levels) > 25


def test_images_sum_to_the_mixture_without_its_mean():
    mixture = images(sparse_noises()).sum(axis=0) + np.float32([[0.2], [-0.1]])
    found = build("ica", {}).objects(mixture)
    mean = mixture.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.sum(axis=0), mixture - mean, atol=1e-5)


def test_components_have_variance_one_and_are_uncorrelated():
    mixture = images(sparse_noises()).sum(axis=0)
    unmixing, mixing = fast_ica(mixture, "tanh", 200, 1e-4, 1)
    np.testing.assert_allclose(np.cov(unmixing @ mixture, bias=True), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(mixing @ unmixing, np.eye(2), atol=1e-9)


def test_the_scale_of_the_mixture_is_kept():
    mixture = images(sparse_noises()).sum(axis=0)
    model = build("ica", {})
    np.testing.assert_allclose(model.objects(3 * mixture), 3 * model.objects(mixture), atol=1e-4)


def test_the_seed_decides_no_more_than_the_order():
    mixture = images(sparse_noises()).sum(axis=0)
    first = fast_ica(mixture, "tanh", 200, 1e-8, 1)[0]
    second = fast_ica(mixture, "tanh", 200, 1e-8, 2)[0]
    np.testing.assert_allclose(agreement(first, second).max(axis=1), 1, atol=1e-6)


def test_equal_channels_hold_one_object_and_silence_none():
    wave = sparse_noises()[:1].astype(np.float32)
    equal = np.repeat(wave, 2, axis=0)
    model = build("ica", {})
    found = model.objects(equal)
    np.testing.assert_allclose(found, [equal - equal.mean()], atol=1e-5)
    silent = np.zeros((2, 1000), np.float32)
    assert model.objects(silent).shape == (0, 2, 1000)
    assert not model.separate(silent, {})["vocals"].any()


def test_too_few_iterations_are_said(caplog):
    mixture = images(sparse_noises()).sum(axis=0)
    build("ica", {"iterations": 1, "tolerance": 1e-12}).objects(mixture)
    assert "no convergence in 1 iterations" in caplog.text


def test_a_tolerance_of_nothing_is_refused():
    with pytest.raises(UserError, match="tolerance is 0; it must be above 0"):
        build("ica", {"tolerance": 0})


def test_decorrelated_rows_are_orthonormal_and_near():
    W = np.array([[2.0, 0.3], [-0.1, 0.5]])
    result = decorrelated(W)
    np.testing.assert_allclose(result @ result.T, np.eye(2), atol=1e-12)
    powers, axes = np.linalg.eigh(W @ W.T)
    np.testing.assert_allclose(result, axes / np.sqrt(powers) @ axes.T @ W, atol=1e-12)


@pytest.mark.parametrize(("nonlinearity", "fun"), [("tanh", "logcosh"), ("cube", "cube")])
def test_the_components_are_those_of_scikit_learn(nonlinearity, fun):
    decomposition = pytest.importorskip("sklearn.decomposition")
    mixture = images(sparse_noises()).sum(axis=0).astype(np.float64)
    other = decomposition.FastICA(
        whiten="unit-variance", fun=fun, tol=1e-10, max_iter=500, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other.fit(mixture.T)
    ours, mixing = fast_ica(mixture, nonlinearity, 500, 1e-10, 1)
    match = agreement(ours, other.components_)
    np.testing.assert_allclose(match.max(axis=1), 1, atol=1e-5)
    order = match.argmax(axis=1)
    assert sorted(order) == [0, 1]
    np.testing.assert_allclose(
        mixing.T[:, :, None] * ours[:, None],
        other.mixing_.T[order][:, :, None] * other.components_[order][:, None],
        atol=1e-5,
    )

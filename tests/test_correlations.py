import numpy as np
import pytest
from cut_signals import cutting

from mssbench.scoring.correlations import correlate, song_correlations, window_correlations
from mssbench.scoring.energies import filtered_energies, filtered_energy
from mssbench.scoring.framing import frames
from mssbench.scoring.projection import Projection, gram


@pytest.mark.parametrize("samples", [3, 600, 5000, 90000])
def test_correlations_are_sums_over_the_part(samples):
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, samples)), random.standard_normal((3, samples))
    part, L = slice(samples // 3, samples - samples // 5), 20
    found = correlate(cutting(x), cutting(y), L, part)
    x, y = x[:, part], y[:, part]
    for p, q, lag in np.ndindex(2, 3, L):
        expected = x[p, : max(0, x.shape[1] - lag)] @ y[q, lag:]
        assert found[p, q, lag] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("window", "L"), [(1000, 64), (40, 64), (7, 64), (1000, 1)])
def test_windows_and_their_borders_add_up_to_the_song(window, L):
    signals = np.random.default_rng(0).standard_normal((2, 3456))
    windows = frames(3456, window, window)

    cut = cutting(signals)
    parts = window_correlations(cut, cut, L, windows)
    found = song_correlations(cut, cut, windows, parts, 3456)
    np.testing.assert_allclose(found, correlate(cut, cut, L, slice(0, 3456)), atol=1e-9)


def test_quadratic_forms_are_the_energies_of_filtered_signals():
    random = np.random.default_rng(0)
    signals, filters = random.standard_normal((3, 500)), random.standard_normal((4, 3, 2, 30))

    cut = cutting(signals)
    windows = [slice(0, 200), slice(100, 500)]
    energies, sizes = filtered_energies(filters, window_correlations(cut, cut, 30, windows))
    for (row, column), energy in np.ndenumerate(energies):
        part = signals[:, windows[row]]
        made = [
            sum(np.convolve(part[p], filters[column, p, c]) for p in range(3)) for c in range(2)
        ]
        assert energy == pytest.approx(np.square(made).sum())
        assert filtered_energy(filters[column], part) == pytest.approx(energy)
        assert 0 < energy <= 10 * sizes[row, column]


def test_gram_matrix_has_the_inner_products_of_delayed_signals():
    signals = np.random.default_rng(0).standard_normal((2, 50))
    delayed = np.array([np.pad(s, (k, 4 - k)) for s in signals for k in range(5)])
    found = gram(correlate(cutting(signals), cutting(signals), 5, slice(0, 50)))
    np.testing.assert_allclose(found, delayed @ delayed.T, atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "right", "expected"),
    [
        ([[4, 2], [2, 4]], [8, 10], [1, 2]),
        ([[4, 4], [4, 4]], [8, 8], [1, 1]),  # singular: near the least solution
        ([[4, 4 + 1e-13], [4 + 1e-13, 4]], [8, 8], [1, 1]),  # indefinite by rounding
    ],
)
def test_filters_solve_the_normal_equations(matrix, right, expected):
    correlations = np.array(matrix, float)[..., None]
    found = Projection(correlations).filters(np.array(right, float)[:, None, None])[:, 0, 0]
    np.testing.assert_allclose(matrix @ found, right, atol=1e-10)
    np.testing.assert_allclose(found, expected, atol=0.05)

import numpy as np
import pytest
from figure_data import check_bytes, config, remark_of, row
from matplotlib.colors import to_hex

from mssbench.report.figures.latents import SOURCES, colours_of, draw_latents
from mssbench.report.figures.style import COLOURS
from mssbench.report.latent_vectors import LatentVectors

TARGETS = ("vocals", "drums", "bass", "other")
STUDY = config([row("shared", 0, rendition="44100-mono"), row("separate", 0)])


def vectors(label="Shared", seed=0, points=12, targets=TARGETS, apart=10.0):
    random = np.random.default_rng(seed)
    values = random.normal(size=(len(targets), points, 6))
    values += apart * np.arange(len(targets))[:, None, None]
    return LatentVectors(label, targets, values, 3, 0.8069)


def places_of(panel):
    """Return the places of each source's points by their colour."""
    (drawn,) = panel.collections
    colours = np.array([to_hex(colour) for colour in drawn.get_facecolors()])
    places = drawn.get_offsets().data
    return {colour.upper(): places[colours == colour] for colour in np.unique(colours)}


def test_latents_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(
        lambda: draw_latents([vectors(seed=0)], "mean", STUDY),
        lambda: draw_latents([vectors(seed=1)], "mean", STUDY),
        tmp_path,
    )


def test_sources_that_the_model_tells_apart_are_groups_of_one_colour():
    figure = draw_latents([vectors(points=20)], "mean", STUDY)
    groups = places_of(figure.axes[0])
    assert set(groups) == {SOURCES[target] for target in TARGETS}
    centres = {colour: places.mean(axis=0) for colour, places in groups.items()}
    for colour, places in groups.items():
        assert len(places) == 20
        for place in places:
            nearest = min(centres, key=lambda c: np.linalg.norm(place - centres[c]))
            assert nearest == colour


def test_each_model_has_a_panel_and_all_share_one_legend():
    found = [vectors("Shared"), vectors("Separate", 1), vectors("Pair", targets=("vocals", "rest"))]
    figure = draw_latents(found, "mean", STUDY)
    panels = [panel.get_title(loc="left") for panel in figure.axes]
    assert panels == ["Shared", "Separate", "Pair"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*TARGETS, "rest"]


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_there_is_a_panel_a_model_and_no_empty_one(count):
    figure = draw_latents([vectors(str(n), n, 4) for n in range(count)], "mean", STUDY)
    assert len(figure.axes) == count


def test_the_remark_says_what_a_vector_is_and_of_what():
    mean = remark_of(draw_latents([vectors()], "mean", STUDY))
    assert "12 points a source from 3 test songs" in mean
    assert "the mean over bins and frames of a segment of 0.81 s" in mean
    assert "data set synthetic, demo scale, mono 44.1 kHz" in mean
    frames = remark_of(draw_latents([vectors()], "frames", STUDY))
    assert "a frame of a segment of 0.81 s, reduced to 50 principal components" in frames


def test_sources_of_ones_own_have_colours_beside_those_of_the_papers():
    colours = colours_of(["piano", "vocals", "violin"])
    assert list(colours) == ["vocals", "piano", "violin"]
    assert len(set(colours.values())) == 3
    assert colours["vocals"] == SOURCES["vocals"]
    assert set(colours.values()) <= set(COLOURS)

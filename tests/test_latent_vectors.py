import numpy as np
import pytest
import torch

from mssbench.errors import UserError
from mssbench.models.resnet_latent import ResNetLatent
from mssbench.report.latent_vectors import Latent, in_a_plane, latent_vectors
from mssbench.report.trained_models import TrainedModel

RATE, SEGMENT = 8000, 800
CONFIG = {
    "rendition": {"rate": RATE, "channels": "mono"},
    "training": {"crops": {"kind": "random", "samples": SEGMENT}},
}


class Levels:
    """Latents that say what was heard: the segment's last sample, beside the source's number."""

    targets = ("vocals", "drums")

    def __init__(self):
        self.heard = []

    def to(self, device):
        return self

    def latent(self, mixture):
        self.heard.append(mixture.numpy().copy())
        level = mixture[:, :, -1:, None].expand(-1, 1, 2, 3)
        frames = torch.arange(3.0).expand_as(level)
        return torch.stack([torch.cat((level, j + frames), 1) for j in (0, 10)], dim=1)


def trained(model, **training):
    config = {**CONFIG, "training": {**CONFIG["training"], **training}}
    return TrainedModel("Model", model, config)


@pytest.fixture
def rendition(make_rendition):
    """Songs that rise by one from segment to segment, and lie a hundred apart."""
    counts = {"a train": 40, "test b": 21, "test c": 9}
    songs = {}
    for place, (name, count) in enumerate(counts.items()):
        steps = 100 * place + np.repeat(np.arange(count), SEGMENT)
        songs[name] = np.broadcast_to(steps, (5, 1, count * SEGMENT))
    return make_rendition(songs, RATE)


def test_every_whole_segment_of_the_test_songs_makes_a_vector_a_source(rendition):
    found = latent_vectors(trained(Levels()), rendition, points=1000)
    assert found.vectors.shape == (2, 30, 2)
    assert found.targets == ("vocals", "drums")
    assert (found.songs, found.seconds) == (2, 0.1)
    levels = found.vectors[0, :, 0]
    assert sorted(levels) == [*range(100, 121), *range(200, 209)]
    np.testing.assert_array_equal(found.vectors[1, :, 0], levels)
    assert set(found.vectors[0, :, 1]) == {1.0}, "the mean of the frames"
    assert set(found.vectors[1, :, 1]) == {11.0}


def test_a_batch_is_of_consecutive_segments_as_in_separation(rendition):
    model = Levels()
    latent_vectors(trained(model), rendition, points=1000)
    assert sorted(len(batch) for batch in model.heard) == [1, 5, 8, 8, 8]
    for batch in model.heard:
        assert batch.dtype == np.float32
        assert batch.shape[1:] == (1, SEGMENT)
        assert set(np.diff(batch[:, 0, -1])) <= {1.0}
        assert (batch == batch[:, :, :1]).all(), "no segment reaches into the next"


def test_no_more_is_heard_than_there_are_points_and_the_choice_is_fixed(rendition):
    models = Levels(), Levels()
    first, again = (latent_vectors(trained(each), rendition, points=10) for each in models)
    assert first.vectors.shape[1] == 10
    assert sum(map(len, models[0].heard)) <= 16
    np.testing.assert_array_equal(first.vectors, again.vectors)


def test_frames_are_vectors_of_all_channels_and_bins_of_one_frame(rendition):
    found = latent_vectors(trained(Levels()), rendition, points=1000, vectors="frames")
    assert found.vectors.shape == (2, 30, 4)
    frames = found.vectors[0, :, 2:]
    assert set(frames.ravel()) == {0.0, 1.0, 2.0}
    assert (frames[:, 0] == frames[:, 1]).all(), "both bins are of one frame"
    np.testing.assert_array_equal(found.vectors[1, :, 2:], frames + 10)


def test_songs_are_divided_by_their_level_where_the_training_does_so(rendition):
    plain, normalised = (
        latent_vectors(trained(Levels(), normalise=by), rendition, points=1000)
        for by in ("none", "song")
    )
    of_c = plain.vectors[0, :, 0] >= 200
    ratio = plain.vectors[0, of_c, 0] / normalised.vectors[0, of_c, 0]
    assert ratio == pytest.approx(np.full(9, np.arange(9).std()), rel=1e-5)


def test_the_latent_separator_has_such_latents(rendition):
    torch.manual_seed(0)
    model = ResNetLatent(n_fft=64, hop=16, nf=4, res_blocks=1).eval()
    assert isinstance(model, Latent)
    mean = latent_vectors(trained(model), rendition, points=16)
    assert mean.vectors.shape == (4, 16, 4)
    frames = latent_vectors(trained(model), rendition, points=16, vectors="frames")
    bins = model.latent(torch.zeros(1, 1, SEGMENT)).shape[3]
    assert frames.vectors.shape == (4, 16, 4 * bins)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"rendition": {"rate": 44100, "channels": "mono"}}, {}, "trained on 44100 Hz mono; give"),
        ({"rendition": {"rate": 8000, "channels": "stereo"}}, {}, "is 8000 Hz mono, but 'Model'"),
        ({"training": {"crops": {"samples": 10**6}}}, {}, "no test song is as long as the segm"),
        ({}, {"vectors": "median"}, "unknown vectors 'median'; allowed are mean, frames"),
    ],
)
def test_what_does_not_fit_is_named(rendition, changes, options, message):
    with pytest.raises(UserError, match=message):
        latent_vectors(TrainedModel("Model", Levels(), CONFIG | changes), rendition, **options)


def clouds(points, values, apart, seed=0):
    random = np.random.default_rng(seed)
    centres = apart * random.normal(size=(3, 1, values))
    return (centres + random.normal(size=(3, points, values))).reshape(-1, values)


def alike(places, points):
    """Return the share of points whose nearest neighbour is of the same cloud."""
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    number = np.arange(len(places)) // points
    return (number[distances.argmin(axis=1)] == number).mean()


@pytest.mark.parametrize("components", [None, 5])
def test_clouds_that_lie_apart_stay_apart_in_the_plane_and_others_mix(components):
    far, near = (in_a_plane(clouds(30, 20, apart), components) for apart in (5.0, 0.0))
    assert far.shape == (90, 2)
    assert alike(far, 30) == 1
    assert alike(near, 30) < 0.6


def test_the_same_vectors_have_the_same_places():
    vectors = clouds(20, 20, 2.0)
    np.testing.assert_array_equal(in_a_plane(vectors), in_a_plane(vectors))


@pytest.mark.parametrize("shape", [(4, 3), (8, 1), (40, 2)])
def test_few_vectors_and_few_values_have_places_too(shape):
    places = in_a_plane(np.random.default_rng(0).normal(size=shape))
    assert places.shape == (shape[0], 2)
    assert np.isfinite(places).all()

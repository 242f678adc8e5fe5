"""Segments with enough context say what the whole song does, wherever they are cut."""

import numpy as np
import pytest
import torch
from small_models import SMALL

from mssbench.models.registry import SEPARATORS, build
from mssbench.separation import SeparationConfig, separate_stream

# Configurations whose estimates depend on a part of the song, beside or in place of the small one.
FINITE = {
    "conditioned_u_net": {},
    "conv_tasnet_3x9": {},
    "deep_conv_sep": {},
    "demucs": {"lstm": False},
    "dense_net": {},
    "feed_forward": {},
    "m_dense_net": {},
    "mm_dense_net": {},
    "resnet_latent": {"batch_statistics": False},
    "spectrogram_u_net": {},
    "wave_u_net": {},
    "wavenet": {},
}
OTHERS = [
    ("demucs", {"lstm": False, "rewrite": False}),
    ("mm_dense_net", {"final_kernel": (3, 3), "block_output": "all", "compression": 0.25}),
    ("resnet_latent", {"batch_statistics": False, "mask_exponent": 1.0}),
    ("wave_u_net", {"output": "difference", "output_samples": 40}),
    ("wavenet", {"targets": ("vocals",), "remainder": None}),
]
INFINITE = [
    *((name, {}) for name in sorted(SEPARATORS.keys() - FINITE.keys())),
    ("demucs", {}),
    ("demucs", {"lstm": False, "standardise": True}),
    ("mm_dense_net", {"wiener_iterations": 1}),
    ("resnet_latent", {}),
]
SAMPLES = 7001


def small(name, params):
    torch.manual_seed(0)
    model = build(name, SMALL[name] | params).eval()
    for norm in model.modules():
        if isinstance(norm, torch.nn.modules.batchnorm._BatchNorm) and norm.track_running_stats:
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.01, 0.2)
    return model


def noise(samples=SAMPLES, channels=1):
    return np.random.default_rng(0).standard_normal((channels, samples)).astype(np.float32)


def of_the_song(model, mixture):
    """Return what the model says of a song at once; one that loses context hears zeros around."""
    # Beside those that it loses as many as its outermost estimates depend on.
    more = model.grid * -(-model.reach // model.grid) if model.context else 0
    around = model.context + more
    behind = -mixture.shape[1] % model.multiple
    song = np.pad(mixture, ((0, 0), (around, around + behind)))
    with torch.inference_mode():
        estimates = model(torch.from_numpy(song)[None])["final"][0].numpy()
    return estimates[..., more : more + mixture.shape[1]]


def in_segments(model, mixture, segment, overlap, context):
    config = SeparationConfig(segment, overlap, context)
    blocks = list(
        separate_stream(model, lambda a, b: mixture[:, a:b], mixture.shape[1], config, batch=3)
    )
    return np.stack([np.concatenate([block[t] for block in blocks], axis=1) for t in model.targets])


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize(("name", "params"), [*FINITE.items(), *OTHERS])
@pytest.mark.parametrize(("samples", "overlap"), [(SAMPLES, 0.0), (5632, 0.3)])
def test_segments_off_the_grid_say_what_the_song_does(name, params, overlap, samples):
    model = small(name, params)
    mixture = noise(samples)
    expected = of_the_song(model, mixture)
    context = model.reach + -model.reach % model.multiple
    kept = 137 * model.multiple if model.multiple > 1 else 1001
    segment = 2 * (model.context + context) + kept
    found = in_segments(model, mixture, segment, overlap, context)
    assert difference(found, expected) < 1e-4


@pytest.mark.parametrize(("name", "params"), FINITE.items())
def test_without_context_they_do_not(name, params):
    model = small(name, params)
    segment = 2 * model.context + 128 * model.multiple
    without = in_segments(model, noise(), segment, 0.0, 0)
    assert difference(without, of_the_song(model, noise())) > 1e-3


@pytest.mark.parametrize(("name", "params"), FINITE.items())
def test_a_song_shorter_than_a_segment_is_heard_at_once(name, params):
    model = small(name, params)
    mixture = noise(777)
    found = in_segments(model, mixture, 16384 + 2 * model.context, 0.0, 2048)
    assert difference(found, of_the_song(model, mixture)) < 1e-5


@pytest.mark.parametrize(("name", "params"), INFINITE)
def test_models_that_hear_all_of_a_song_say_so(name, params):
    assert small(name, params).reach is None

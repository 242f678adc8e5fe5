import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mssbench.cli import main
from mssbench.data.rendition import Rendition, prepare
from mssbench.data.songs import Dataset
from mssbench.errors import UserError
from mssbench.panning.fan import Fan, pan_and_delay
from mssbench.panning.songs import pan_songs
from mssbench.run_parts import pan_options, rendition_name


@given(st.floats(0, 90), st.integers(0, 2**31))
def test_an_image_has_the_energy_of_its_source(angle, seed):
    source = np.random.default_rng(seed).standard_normal(100)
    assert np.square(pan_and_delay(source, angle, 0)).sum() == pytest.approx(source @ source)


@pytest.mark.parametrize("delay", [-3, 0, 4])
def test_the_delay_is_between_the_channels(delay):
    source = np.zeros(20)
    source[5] = 1
    left, right = pan_and_delay(source, 45, delay)
    assert np.argmax(right) - np.argmax(left) == delay
    assert max(np.argmax(right), np.argmax(left)) == 5 + abs(delay)


def test_thirty_degrees_spread_four_sources_from_left_to_right():
    assert [angle for angle, _ in Fan(30).places(4)] == [0, 30, 60, 90]
    left, right = pan_and_delay(np.ones(4), 90, 0)
    assert np.allclose(left, 0) and np.allclose(right, 1)


def test_places_are_symmetric_about_the_centre():
    places = Fan(20, delay=9).places(4)
    assert [angle - 45 for angle, _ in places] == [-30, -10, 10, 30]
    assert [delay for _, delay in places] == [-9, -3, 3, 9]


def test_one_source_stands_in_the_middle():
    assert Fan(30, delay=5).places(1) == [(45, 0)]


def test_a_fan_wider_than_the_panorama_is_refused():
    with pytest.raises(UserError, match=r"spacing is 31 degrees.* at most 30"):
        Fan(31).places(4)


def test_the_excerpt_is_the_middle():
    assert Fan(10, seconds=2).excerpt(100, 10) == slice(40, 60)
    assert Fan(10, seconds=20).excerpt(100, 10) == slice(0, 100)


def test_the_name_tells_fans_apart():
    fans = Fan(10), Fan(7.5), Fan(10, 4), Fan(10, 4, 30), Fan(10, 0, 30)
    assert len({fan.name for fan in fans}) == len(fans)


@pytest.fixture
def mono(tiny_rendition):
    return Rendition.open(tiny_rendition)


def test_a_mixture_is_the_sum_of_images_at_their_places(mono, tmp_path):
    fan = Fan(20, delay=3, seconds=0.5)
    made = pan_songs(mono, tmp_path, fan)
    song = made.songs[0]
    mixture, *images = made.audio(song)
    assert np.allclose(mixture, np.sum(images, axis=0), atol=1e-6)
    taken = fan.excerpt(mono.songs[0].samples, 8000)
    source = mono.audio(mono.songs[0])[1, 0, taken]
    assert np.array_equal(images[0], pan_and_delay(np.array(source), *fan.places(4)[0]))
    assert song.samples == 4000 and made.channels == "stereo"
    assert Rendition.open(tmp_path / "manifest.json").digest == made.digest


def test_a_second_run_makes_nothing_again(mono, tmp_path):
    fan = Fan(10)
    pan_songs(mono, tmp_path, fan)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.npy")}
    pan_songs(mono, tmp_path, fan)
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.npy")}
    pan_songs(mono, tmp_path, Fan(20))
    assert all(file.stat().st_mtime_ns > before[file] for file in before)


def test_a_stereo_rendition_is_refused(tiny_dataset, tmp_path):
    stereo = prepare(Dataset.load(tiny_dataset), tmp_path / "stereo", 8000, "stereo")
    with pytest.raises(UserError, match=r"stereo.*come from a mono"):
        pan_songs(stereo, tmp_path / "panned", Fan(10))


def test_the_verbs_options_make_the_studys_rendition(mono, tiny_rendition, tmp_path):
    rendition = {
        "rate": 8000,
        "channels": "stereo",
        "panning": {"spacing": 15, "delay": 2, "seconds": 0.5},
    }
    assert rendition_name(rendition) == "8000-stereo-fan15-delay2-0.5s"
    options = pan_options({"rendition": rendition}).split()
    out = tmp_path / "manifest.json"
    assert main(["pan", "--rendition", str(tiny_rendition), "--out", str(out), *options]) == 0
    direct = pan_songs(mono, tmp_path / "direct", Fan(15, 2, 0.5))
    assert Rendition.open(out).digest == direct.digest


def test_panning_of_a_mono_rendition_is_refused():
    with pytest.raises(UserError, match=r"rendition\.panning makes stereo"):
        rendition_name({"rate": 8000, "channels": "mono", "panning": {"spacing": 10}})

"""The listening page in a real browser, opened from disk."""

import csv
import json
import time

import pytest
from browser import PROGRAM, chromium
from small_listening import RATE, ROWS, make_study

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no chromium on the PATH")

EVIL = '</script><b>Half</b> & "co"'

# Play the page offline, so that each sample is known: at each time (s) choose a source.
RENDER = """(async () => {
  const context = new OfflineAudioContext(2, %d * data.rate, data.rate);
  Object.assign(player, { context, output: new GainNode(context) });
  player.output.connect(context.destination);
  const change = (source) => () => { choose(source); context.resume(); };
  for (const [at, source] of %s) context.suspend(at).then(change(source));
  player.start(0);
  const heard = (await context.startRendering()).getChannelData(1);
  const truth = player.buffers[song().sources[TRUTH].vocals.sound].getChannelData(1);
  // The sound begins 0.01 s after the call, and fades in.
  const [begin, fade] = [Math.round(0.01 * data.rate), Math.round(0.1 * data.rate)];
  const errors = [];
  for (let second = 0; second < %d; second += 1) {
    let worst = 0;
    for (let at = second * data.rate + fade; at < (second + 1) * data.rate - begin; at += 1) {
      const expected = song().level * truth[at %% truth.length];
      worst = Math.max(worst, Math.abs(heard[at + begin] - expected));
    }
    errors.push(worst);
  }
  return errors;
})()"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser, make_rendition, tmp_path):
    """The open page of two systems; whatever went wrong on it fails the test."""
    listen = make_study(make_rendition, tmp_path)
    rows = [ROWS[0] | {"label": EVIL}, ROWS[1]]
    assert listen(tmp_path / "page" / "index.html", study_rows=rows) == 0
    browser.faults.clear()
    browser.open((tmp_path / "page" / "index.html").as_uri())
    wait(browser, "state.ready")
    yield browser
    assert browser.faults == []
    browser.run("test.saved = test.records.length")  # or the page asks before it closes


def wait(browser, condition):
    """Wait until a JavaScript expression is true."""
    deadline = time.monotonic() + 60
    while not browser.run(f"Boolean({condition})"):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def status(browser):
    return browser.run("find('status').textContent")


def test_names_are_shown_as_text(page):
    label = "document.querySelector('#source-2 label span')"
    assert page.run(f"{label}.textContent") == EVIL
    assert page.run(f"{label}.children.length") == 0
    assert page.run("find('source-2').querySelectorAll('.number')[1].textContent") == "7.3"
    assert page.run("find('source-3').querySelectorAll('.number')[1].textContent") == "\u2013"


def test_switching_keeps_the_sample_and_the_loudness(page):
    page.run("choose(TRUTH)")
    # "half" is the true source at half its level, brought back to the same loudness.
    errors = page.run(RENDER % (4, [[0.75, 2], [1.75, 1], [2.5, 2]], 4))
    assert max(errors) < 1e-3, "switched and looped without a gap"


def test_a_single_sample_out_of_step_would_be_heard(page):
    page.run("choose(TRUTH)")
    page.run("player.buffers[song().sources[2].vocals.sound].getChannelData(1).copyWithin(1, 0)")
    assert page.run(RENDER % (3, [[1, 2], [2, 1]], 3))[1] > 0.01


def test_another_sound_is_another_sound(page):
    page.run("choose(TRUTH)")
    errors = page.run(RENDER % (3, [[1, 3], [2, 1]], 3))
    assert errors[0] < 1e-3
    assert errors[1] > 0.1


def test_it_plays_in_time_and_obeys_keys(page):
    assert status(page) == "Heard: Mixture"
    page.press(" ", "Space")
    wait(page, "player.playing && player.position > 0.2")
    now, began, at = page.run("[player.context.currentTime, player.began, player.position]")
    assert at == pytest.approx(now - began)
    page.press("1", "Digit1")
    assert status(page) == f"Heard: {EVIL}: vocals, +6.0 dB"
    assert page.run("player.playing && player.context.currentTime") >= now, "it goes on"
    page.press("x")
    assert status(page) == "Heard: Mixture"
    page.press("0", "Digit0")
    assert status(page) == "Heard: True sources: vocals"
    page.press("@", "Digit2", 8)
    assert status(page) == "Heard: True sources: accompaniment"
    page.press("2", "Digit2")
    page.press("g")
    assert status(page) == "Heard: noise: accompaniment"
    page.press(" ", "Space")
    at = page.run("player.position")
    assert not page.run("player.playing")
    page.press("Home")
    assert (page.run("player.position"), at > 0.2) == (0, True)
    page.press("ArrowRight")
    assert page.run("player.position") == 1


def test_solo_and_mute_choose_what_is_heard_together(page):
    def gains():
        return page.run("player.levels.map((gain) => gain > 0)")

    def click(kind, at):
        page.run(f"document.querySelector('[data-kind={kind}][data-target=\"{at}\"]').click()")

    page.run("choose(TRUTH)")
    sounds = page.run("data.targets.map((target) => song().sources[TRUTH][target].sound)")
    assert [at for at, on in enumerate(gains()) if on] == [sounds[0]]
    click("solo", 0)
    assert [at for at, on in enumerate(gains()) if on] == sorted(sounds)
    click("mute", 0)
    assert [at for at, on in enumerate(gains()) if on] == [sounds[1]]
    click("mute", 1)
    assert not any(gains())
    click("solo", 0)
    assert [at for at, on in enumerate(gains()) if on] == [sounds[0]]


def test_without_loop_it_ends_and_a_part_can_be_looped(page):
    page.run("repeat(true, [1, 1.5]); player.play()")
    wait(page, "player.playing && player.context.currentTime - player.began > 1.7")
    assert all(1 <= page.run("player.position") < 1.5 for _ in range(5))
    page.press("Escape")
    assert page.run("player.region") == [0, 3]
    page.press("l")
    page.run("player.seek(2.8)")
    wait(page, "!player.playing")
    assert page.run("[player.position, find('play').textContent]") == [0, "Play"]


def test_another_song_is_loaded_when_it_is_chosen(page):
    before = page.run("player.mix(levels(MIXTURE))[1000]")
    page.run("find('song').value = 1; find('song').dispatchEvent(new Event('change'))")
    wait(page, "state.ready && state.song === 1")
    assert page.run("player.mix(levels(MIXTURE))[1000]") != before
    assert page.run("player.seconds") == 3
    assert page.run("player.buffers.map((buffer) => buffer.length)") == [3 * RATE] * 7


def test_a_song_whose_file_is_missing_is_named(page, tmp_path):
    (tmp_path / "page" / "song-1.js").unlink()
    page.run("find('song').value = 1; find('song').dispatchEvent(new Event('change'))")
    wait(page, "find('status').textContent.includes('song-1.js is missing beside this page')")
    page.press(" ", "Space")
    page.press("1", "Digit1")
    page.run("find('song').value = 0; find('song').dispatchEvent(new Event('change'))")
    wait(page, "state.ready && player.seconds === 3")
    assert any("song-1.js" in str(fault) for fault in page.faults)
    page.faults.clear()


def test_blind_judgements_are_saved_to_a_file(page, tmp_path):
    page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.run("switchBlind()")
    page.run("find('listener').value = 'she said \"no\", twice'")
    expected = []
    for choice in ("a", "equal", "b"):
        page.press("b")
        assert (status(page), "half" in page.run("find('question').textContent")) == (
            "Heard: B",
            False,
        )
        pair = page.run("[test.pair.a.label, test.pair.b.label]")
        assert sorted(pair) == sorted([EVIL, "noise"])
        expected.append((choice, {"a": pair[0], "b": pair[1], "equal": "equal"}[choice]))
        page.run(f"document.querySelector('[data-choice={choice}]').click()")
    for kind in ("csv", "json"):
        page.run(f"find('save-{kind}').click()")
        file = tmp_path / f"study-preferences.{kind}"
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline, "no file"
            page.run("1")
        text = file.read_text()
        records = list(csv.DictReader(text.splitlines())) if kind == "csv" else json.loads(text)
        assert [(each["choice"], each["preferred"]) for each in records] == expected
        assert {each["listener"] for each in records} == {'she said "no", twice'}
        assert {(each["song"], each["targets"]) for each in records} == {("test a", "vocals")}
    assert "0 not saved" in page.run("find('judged').textContent")

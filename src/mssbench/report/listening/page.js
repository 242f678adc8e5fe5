// The page itself: what is chosen on it, and what follows from that.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (name) => document.getElementById(name);
const player = new Player(data.rate);
const test = new BlindTest();
const sources = [
  { label: "Mixture", kind: "song", key: "m" },
  { label: "True sources", kind: "song", key: "0" },
  ...data.systems.map((system, at) => ({ ...system, key: at < 9 ? String(at + 1) : "" })),
];
const [MIXTURE, TRUTH, FIRST_SYSTEM] = [0, 1, 2];
const KINDS = { song: "Song", trained: "Systems", bound: "Untrained methods and bounds" };
const state = {
  song: 0,
  source: MIXTURE, // what is heard
  before: TRUTH, // what was heard before that
  solo: new Set([0]), // targets
  mute: new Set(),
  letter: "a", // what is heard in a blind test
  blind: false,
  ready: false, // the song is loaded
};
const received = new Map(); // song -> what takes its sounds
const spectra = new Map(); // what is heard -> its spectrogram

/** Called by a song's script. */
function receiveSong(number, texts) {
  received.get(number)(texts);
}

/** Return a new element with text, which is never read as HTML. */
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

const song = () => data.songs[state.song];
const signed = (value) => `${value.toFixed(1) < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;

/** Return the places of the sources that are heard. */
function heard() {
  const all = data.targets.map((_, at) => at);
  return all.filter((at) => (state.solo.size ? state.solo.has(at) : !state.mute.has(at)));
}

const heardNames = () => heard().map((at) => data.targets[at]).join(" + ") || "nothing";

/** Return what a source plays: its clips of what is heard; the mixture is one whole. */
function clips(source) {
  const own = song().sources[source];
  if (source === MIXTURE) return [own.mixture];
  return heard().map((at) => own[data.targets[at]]).filter(Boolean);
}

/** Return the gain of each of the song's sounds when a source is heard. */
function levels(source) {
  const gains = player.buffers.map(() => 0);
  const matched = state.blind || find("matched").checked;
  for (const clip of clips(source)) {
    gains[clip.sound] += song().level * clip.scale * (matched ? 10 ** (clip.gain / 20) : 1);
  }
  return gains;
}

/** Load a song's sounds by running its script, and go on playing if it played. */
async function openSong(number) {
  const playing = player.playing;
  Object.assign(state, { song: number, ready: false });
  player.load([]);
  spectra.clear();
  find("status").textContent = "Loading the song ...";
  const script = element("script", "", { src: `song-${number}.js` });
  const texts = await new Promise((resolve, reject) => {
    received.set(number, resolve);
    script.onerror = () => reject(new Error(`song-${number}.js is missing beside this page`));
    document.head.append(script);
  });
  script.remove();
  const buffers = await player.decode(texts, song().seconds);
  if (state.song !== number) return; // another was chosen meanwhile
  player.load(buffers);
  find("seek").max = player.seconds;
  showRegion();
  state.ready = true;
  if (state.blind) askNext();
  update();
  if (playing) player.play();
}

function choose(source) {
  if (!sources[source] || source === state.source) return;
  Object.assign(state, { before: state.source, source });
  update();
}

/** Bring sound, buttons, scores and pictures to what is chosen. */
function update() {
  if (!state.ready) return;
  player.hear(levels(state.source));
  document.querySelectorAll("#targets [data-target]").forEach((button) => {
    button.setAttribute("aria-pressed", state[button.dataset.kind].has(Number(button.dataset.target)));
  });
  if (state.blind) updateBlind();
  else {
    updateSources();
    const [first] = clips(state.source);
    const gain = state.source > TRUTH && first && find("matched").checked ? `, ${signed(first.gain)} dB` : "";
    const what = state.source === MIXTURE ? "" : `: ${heardNames()}`;
    find("status").textContent = `Heard: ${sources[state.source].label}${what}${gain}`;
    drawPictures();
  }
}

function gainText(clip) {
  if (!clip) return "–";
  return clip.loudness === "-inf" ? "silent" : signed(clip.gain) + (clip.limited ? "*" : "");
}

function scoreText(value) {
  return typeof value === "number" ? value.toFixed(1).replace("-", "−") : value ?? "–";
}

function updateSources() {
  const target = data.targets[heard()[0]];
  sources.forEach((source, at) => {
    const row = find(`source-${at}`);
    row.classList.toggle("chosen", at === state.source);
    row.querySelector("input").checked = at === state.source;
    if (at < FIRST_SYSTEM) return;
    const clip = song().sources[at][target];
    const scores = song().scores[at - FIRST_SYSTEM][target] || {};
    const texts = [gainText(clip), ...data.metrics.map((metric) => scoreText(scores[metric]))];
    row.querySelectorAll(".number").forEach((cell, place) => { cell.textContent = texts[place]; });
  });
  find("scores-note").textContent = !target ? "" :
    `Gain (dB) brings ${target} to the loudness of the true ${target} (ITU-R BS.1770), by 20 dB at ` +
    `most (*). Scores (dB) of ${target} in this song: medians over windows; ${data.protocol}.`;
}

/** Draw the true sources above what is heard. */
function drawPictures() {
  const mixture = spectrumOf(MIXTURE);
  const loudest = mixture.power.reduce((most, value) => Math.max(most, value), 1e-12);
  const signals = [TRUTH, state.source].map((source) => player.mix(levels(source)));
  const peakOf = (samples) => samples.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const peak = Math.max(...signals.map(peakOf));
  [TRUTH, state.source].forEach((source, place) => {
    const figure = find("pictures").querySelectorAll("figure")[place];
    const name = source === MIXTURE ? "Mixture" : `${sources[source].label}: ${heardNames()}`;
    figure.querySelector("figcaption").textContent = name;
    drawWaveform(figure.querySelector(".wave"), signals[place], peak);
    drawSpectrogram(figure.querySelector(".spectrum"), spectrumOf(source), loudest);
    figure.querySelector(".top").textContent = `0 to ${(Math.min(TOP, data.rate / 2) / 1000).toFixed(0)} kHz`;
  });
}

function spectrumOf(source) {
  const gains = levels(source);
  const key = gains.join();
  if (!spectra.has(key)) spectra.set(key, spectrogram(player.mix(gains), data.rate));
  return spectra.get(key);
}

/** Ask for a judgement of two systems that both estimate what is heard. */
function askNext() {
  const able = data.systems.filter((_, at) => clips(at + FIRST_SYSTEM).length === heard().length && heard().length);
  const chosen = (name) => able.filter((system) => ["", system.run].includes(find(name).value));
  test.ask(pairsOf(chosen("blind-first"), chosen("blind-second")));
  hearLetter("a");
}

function hearLetter(letter) {
  const fixed = { truth: TRUTH, mixture: MIXTURE };
  if (letter in fixed || test.pair) {
    state.source = fixed[letter] ?? data.systems.indexOf(test.pair[letter]) + FIRST_SYSTEM;
  }
  state.letter = letter;
  update();
}

function updateBlind() {
  for (const letter of ["a", "b", "truth", "mixture"]) {
    find(`hear-${letter}`).setAttribute("aria-pressed", state.letter === letter);
  }
  document.querySelectorAll("[data-choice]").forEach((button) => { button.disabled = !test.pair; });
  const which = { a: "A", b: "B", truth: "the true source", mixture: "the mixture" }[state.letter];
  const question = `Which sounds better, A or B? (${heardNames()})`;
  find("question").textContent = test.pair ? question : "No two systems estimate this.";
  find("status").textContent = `Heard: ${which}`;
  find("judged").textContent = `${test.records.length} judged, ${test.records.length - test.saved} not saved`;
}

function judge(choice) {
  const about = { study: data.study, listener: find("listener").value, song: song().name, targets: heardNames() };
  test.judge(choice, about);
  hearLetter("a");
}

function save(kind, type) {
  download(`${data.study}-preferences.${kind}`, type, test[kind]);
  test.saved = test.records.length;
  updateBlind();
}

function switchBlind() {
  state.blind = !state.blind;
  find("blind-switch").setAttribute("aria-pressed", state.blind);
  find("blind").hidden = !state.blind;
  document.querySelectorAll(".open").forEach((part) => { part.hidden = state.blind; });
  if (!state.blind) state.source = MIXTURE;
  else if (state.ready) askNext();
  update();
}

// The page's controls: mouse, keyboard and what moves with the sound.

function build() {
  find("about").textContent = `${data.data}, ${data.songs.length} song${data.songs.length === 1 ? "" : "s"}.`;
  find("warning").textContent = data.warning;
  data.songs.forEach(({ name, start, seconds }, at) => {
    const part = `${start.toFixed(1)} s to ${(start + seconds).toFixed(1)} s`;
    find("song").append(element("option", `${name} (${part})`, { value: at }));
  });
  data.targets.forEach((target, at) => {
    const line = element("span", target);
    for (const kind of ["solo", "mute"]) {
      const label = { "data-target": at, "data-kind": kind, type: "button", "aria-label": `${kind} ${target}` };
      const button = line.appendChild(element("button", kind, label));
      button.onclick = () => pressTarget(kind, at);
    }
    find("targets").append(line);
  });
  const head = find("sources").createTHead().insertRow();
  ["Heard", "Gain", ...data.metrics].forEach((name) => head.append(element("th", name, { scope: "col" })));
  let kind = null;
  sources.forEach((source, at) => {
    if (source.kind !== kind) {
      const body = find("sources").createTBody();
      const columns = data.metrics.length + 2;
      body.insertRow().append(element("th", KINDS[source.kind], { colspan: columns, scope: "rowgroup" }));
      kind = source.kind;
    }
    const row = find("sources").tBodies[find("sources").tBodies.length - 1].insertRow();
    row.id = `source-${at}`;
    const label = row.appendChild(element("td")).appendChild(element("label"));
    const radio = element("input", "", { type: "radio", name: "source", value: at });
    radio.onchange = () => choose(at);
    label.append(radio, element("kbd", source.key), element("span", source.label));
    for (let cell = 0; cell <= data.metrics.length; cell += 1) row.append(element("td", "", { class: "number" }));
  });
  for (const name of ["blind-first", "blind-second"]) {
    find(name).append(element("option", "any system", { value: "" }));
    data.systems.forEach(({ label, run }) => find(name).append(element("option", label, { value: run })));
    find(name).onchange = askNext;
  }
}

/** Press the solo or mute button of a source. In a blind test one source is heard alone. */
function pressTarget(kind, at, alone = state.blind) {
  const chosen = state[kind];
  if (alone) {
    state.mute.clear();
    state.solo = new Set([at]);
  } else if (!chosen.delete(at)) chosen.add(at);
  if (state.blind) askNext();
  update();
}

/** Load a song; where its file is missing or the browser lacks its format, say so. */
async function showSong(number) {
  try {
    await openSong(number);
  } catch (error) {
    find("status").textContent = `This song cannot be played: ${error.message}`;
    console.error(error);
  }
  showPlaying();
}

async function togglePlay() {
  if (player.playing) player.pause();
  else await player.play();
  showPlaying();
}

function showPlaying() {
  find("play").textContent = player.playing ? "Pause" : "Play";
}

/** Let the cursor, the slider and the clock follow the sound. */
function follow() {
  const at = player.position;
  const share = player.seconds ? at / player.seconds : 0;
  document.querySelectorAll(".cursor").forEach((line) => { line.style.left = `${100 * share}%`; });
  if (document.activeElement !== find("seek") || player.playing) find("seek").value = at;
  find("time").textContent = `${at.toFixed(1)} s of ${player.seconds.toFixed(1)} s`;
  requestAnimationFrame(follow);
}

function showRegion() {
  const [begin, end] = player.region;
  document.querySelectorAll(".region").forEach((part) => {
    part.hidden = begin === 0 && end === player.seconds;
    part.style.left = `${(100 * begin) / player.seconds}%`;
    part.style.width = `${(100 * (end - begin)) / player.seconds}%`;
  });
}

function repeat(looping, region) {
  find("loop").checked = looping;
  player.repeat(looping, region);
  showRegion();
}

/** A click on a picture goes there; a drag loops the part. */
function connectPicture(picture) {
  const timeOf = (event) => {
    const { left, width } = picture.getBoundingClientRect();
    return player.seconds * Math.min(Math.max((event.clientX - left) / width, 0), 1);
  };
  let from = null;
  picture.onpointerdown = (event) => {
    from = timeOf(event);
    picture.setPointerCapture(event.pointerId);
  };
  picture.onpointerup = (event) => {
    const times = [from, timeOf(event)].sort((one, two) => one - two);
    if (times[1] - times[0] < 0.1) player.seek(times[1]);
    else repeat(true, times);
  };
}

/** Do what a key stands for; return false where it stands for nothing. */
function press(event) {
  const key = event.key.toLowerCase();
  const digit = /^Digit([0-9])$/.exec(event.code)?.[1];
  const letters = { a: "a", b: "b", r: "truth", m: "mixture" };
  if (key === " ") togglePlay();
  else if (key === "arrowleft") player.seek(player.position - 1);
  else if (key === "arrowright") player.seek(player.position + 1);
  else if (key === "home") player.seek(0);
  else if (key === "escape") repeat(player.looping);
  else if (key === "l") find("loop").click();
  else if (digit && event.shiftKey) data.targets[digit - 1] && pressTarget("solo", digit - 1, true);
  else if (state.blind) {
    if (!(key in letters)) return false;
    hearLetter(letters[key]);
  } else if (digit) choose(Number(digit) + TRUTH);
  else if (key === "m") choose(MIXTURE);
  else if (key === "x") choose(state.before);
  else if (key === "g") find("matched").click();
  else if (key === "arrowup") choose(state.source - 1);
  else if (key === "arrowdown") choose(state.source + 1);
  else return false;
  return true;
}

function connect() {
  find("song").onchange = () => showSong(Number(find("song").value));
  find("play").onclick = togglePlay;
  find("seek").oninput = () => player.seek(Number(find("seek").value));
  find("loop").onchange = () => repeat(find("loop").checked);
  find("matched").onchange = update;
  find("volume").oninput = () => player.setVolume(Number(find("volume").value) ** 2);
  find("blind-switch").onclick = switchBlind;
  for (const letter of ["a", "b", "truth", "mixture"]) find(`hear-${letter}`).onclick = () => hearLetter(letter);
  document.querySelectorAll("[data-choice]").forEach((button) => {
    button.onclick = () => judge(button.dataset.choice);
  });
  find("save-csv").onclick = () => save("csv", "text/csv");
  find("save-json").onclick = () => save("json", "application/json");
  document.querySelectorAll(".picture").forEach(connectPicture);
  player.onstop = showPlaying;
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    // What an element does with a key itself stays its own.
    const own = [
      [/^/, "select, [type=text]"],
      [/^ $/, "button, summary, [type=checkbox]"],
      [/^Arrow(Up|Down)$/, "[type=radio]"],
      [/^(Arrow|Home)/, "[type=range]"],
    ];
    if (own.some(([key, elements]) => key.test(event.key) && target.matches(elements))) return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (press(event)) event.preventDefault();
  });
  addEventListener("beforeunload", (event) => {
    if (test.saved < test.records.length) event.preventDefault();
  });
  addEventListener("resize", update);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
}

build();
connect();
showSong(0);
follow();

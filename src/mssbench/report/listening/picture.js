// The waveform and the spectrogram of a signal, drawn as the study's figures are.

const FRAME = 0.046; // seconds of a spectrogram's window, about
const FLOOR = -70; // dB
const TOP = 10000; // Hz
const MAGMA = ["#000004", "#1c1044", "#4f127b", "#812581", "#b5367a", "#e55064", "#fb8761", "#fec287", "#fcfdbf"];

/** Return the colour map as 256 pixels of an image's bytes. */
function colourMap() {
  const stops = MAGMA.map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    const between = (low, i) => Math.round(low + (place - below) * (stops[below + 1][i] - low));
    const [red, green, blue] = stops[below].map(between);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // red is the first byte
  });
}

/** Replace a complex signal, whose length is a power of two, by its Fourier transform. */
function transform(real, imaginary) {
  const size = real.length;
  for (let at = 1, other = 0; at < size; at += 1) {
    let bit = size >> 1;
    for (; other & bit; bit >>= 1) other ^= bit;
    other ^= bit;
    if (at < other) {
      [real[at], real[other]] = [real[other], real[at]];
      [imaginary[at], imaginary[other]] = [imaginary[other], imaginary[at]];
    }
  }
  for (let half = 1; half < size; half *= 2) {
    for (let step = 0; step < half; step += 1) {
      const cosine = Math.cos((-Math.PI * step) / half);
      const sine = Math.sin((-Math.PI * step) / half);
      for (let at = step; at < size; at += 2 * half) {
        const upper = at + half;
        const re = real[upper] * cosine - imaginary[upper] * sine;
        const im = real[upper] * sine + imaginary[upper] * cosine;
        real[upper] = real[at] - re;
        imaginary[upper] = imaginary[at] - im;
        real[at] += re;
        imaginary[at] += im;
      }
    }
  }
}

/** Return the power of Hann windows: {frames, bins, power}, frame after frame, low bins first. */
function spectrogram(samples, rate) {
  const size = 2 ** Math.round(Math.log2(FRAME * rate));
  const hop = size / 2;
  const bins = Math.min(size / 2, Math.round((TOP / rate) * size));
  const frames = Math.ceil(samples.length / hop);
  const hann = Float64Array.from({ length: size }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / size));
  const power = new Float32Array(frames * bins);
  for (let frame = 0; frame < frames; frame += 1) {
    const begin = frame * hop - size / 2;
    const real = hann.map((weight, at) => weight * (samples[begin + at] || 0));
    const imaginary = new Float64Array(size);
    transform(real, imaginary);
    for (let bin = 0; bin < bins; bin += 1) power[frame * bins + bin] = real[bin] ** 2 + imaginary[bin] ** 2;
  }
  return { frames, bins, power };
}

function drawSpectrogram(canvas, { frames, bins, power }, loudest) {
  canvas.width = frames;
  canvas.height = bins;
  const picture = new ImageData(frames, bins);
  const pixels = new Uint32Array(picture.data.buffer);
  const colours = colourMap();
  for (let frame = 0; frame < frames; frame += 1) {
    for (let bin = 0; bin < bins; bin += 1) {
      const level = 10 * Math.log10(power[frame * bins + bin] / loudest + 1e-12);
      const share = Math.min(Math.max(1 - level / FLOOR, 0), 1);
      pixels[(bins - 1 - bin) * frames + frame] = colours[Math.round(255 * share)];
    }
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Draw the range of the samples in each column of pixels; ``peak`` fills the height. */
function drawWaveform(canvas, samples, peak) {
  const width = (canvas.width = Math.round(canvas.clientWidth * devicePixelRatio) || 800);
  const height = (canvas.height = Math.round(canvas.clientHeight * devicePixelRatio) || 60);
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(canvas).color;
  for (let column = 0; column < width; column += 1) {
    let [low, high] = [0, 0];
    const end = ((column + 1) * samples.length) / width;
    for (let at = Math.floor((column * samples.length) / width); at < end; at += 1) {
      if (samples[at] < low) low = samples[at];
      if (samples[at] > high) high = samples[at];
    }
    const top = (0.5 - high / peak / 2) * height;
    pen.fillRect(column, top, 1, Math.max(1, ((high - low) / peak / 2) * height));
  }
}

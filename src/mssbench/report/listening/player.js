"use strict";

// Seconds. How fast a gain follows, which is short of a click, and how long a sound takes to end.
const FADE = 0.004;
const ENDING = 0.03;

/** Return the bytes that a base64 text stands for. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

/** Return a buffer of exactly so many frames: buffers of unequal length would drift in a loop. */
function fit(buffer, frames) {
  if (buffer.length === frames) return buffer;
  const { numberOfChannels, sampleRate } = buffer;
  const fitted = new AudioBuffer({ length: frames, numberOfChannels, sampleRate });
  for (let channel = 0; channel < numberOfChannels; channel += 1) {
    fitted.copyToChannel(buffer.getChannelData(channel).subarray(0, frames), channel);
  }
  return fitted;
}

/**
 * Plays all sounds of a song at once, each behind a gain. They start at the same sample and are
 * never stopped alone, so another choice of sounds is another set of gains, without a gap.
 */
class Player {
  constructor(rate) {
    this.rate = rate;
    this.context = null; // made by the first play: browsers refuse sound before a click
    this.buffers = [];
    this.levels = []; // gain of each sound, 0 where it is not heard
    this.voices = null; // while it plays
    this.began = 0; // the context's time at which position 0 was, or would have been
    this.offset = 0; // where it stands while it does not play (s)
    this.looping = true;
    this.region = [0, 0]; // what is looped (s)
    this.volume = 1;
    this.onstop = () => {};
  }

  get playing() {
    return this.voices !== null;
  }

  get seconds() {
    return this.buffers.length ? this.buffers[0].duration : 0;
  }

  /** Return the position (s). */
  get position() {
    if (!this.playing) return this.offset;
    const at = Math.max(0, this.context.currentTime - this.began);
    const [begin, end] = this.region;
    if (this.looping && at >= end) return begin + ((at - begin) % (end - begin));
    return Math.min(at, this.seconds);
  }

  /** Decode base64 texts of audio files; what they play replaces what there was. */
  async decode(texts, seconds) {
    const frames = Math.round(seconds * this.rate);
    const decoder = new OfflineAudioContext(1, 1, this.rate);
    return Promise.all(
      texts.map(async (text) => fit(await decoder.decodeAudioData(bytesOf(text)), frames)),
    );
  }

  /** Take the decoded sounds of a song, and stand at its begin. */
  load(buffers) {
    this.pause();
    this.buffers = buffers;
    this.levels = [];
    this.offset = 0;
    this.region = [0, this.seconds];
  }

  async play() {
    if (this.context === null) {
      this.context = new AudioContext({ sampleRate: this.rate });
      this.output = new GainNode(this.context, { gain: this.volume });
      this.output.connect(this.context.destination);
    }
    await this.context.resume();
    if (!this.playing && this.buffers.length) this.start(this.offset);
  }

  start(position) {
    const [begin, end] = this.looping ? this.region : [0, this.seconds];
    const from = position >= begin && position < end ? position : begin;
    const when = this.context.currentTime + 0.01;
    this.voices = this.buffers.map((buffer, number) => {
      const loop = { loop: this.looping, loopStart: begin, loopEnd: end };
      const source = new AudioBufferSourceNode(this.context, { buffer, ...loop });
      const gain = new GainNode(this.context, { gain: 0 });
      gain.gain.setTargetAtTime(this.levels[number] || 0, when, FADE);
      source.connect(gain).connect(this.output);
      source.start(when, from);
      return { source, gain };
    });
    this.began = when - from;
    const { voices } = this;
    voices[0].source.onended = () => {
      if (this.voices !== voices) return; // it was stopped, not at its end
      this.stop();
      this.offset = 0;
      this.onstop();
    };
  }

  stop() {
    const now = this.context.currentTime;
    for (const { source, gain } of this.voices) {
      gain.gain.setTargetAtTime(0, now, FADE);
      source.stop(now + ENDING);
    }
    this.voices = null;
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.position;
    this.stop();
  }

  /** Go to a position (s), playing or not. */
  seek(position) {
    this.offset = Math.min(Math.max(position, 0), this.seconds);
    if (!this.playing) return;
    this.stop();
    this.start(this.offset);
  }

  /** Loop a part, or nothing; what plays goes on within it. */
  repeat(looping, region = [0, this.seconds]) {
    const at = this.position;
    this.looping = looping;
    this.region = region;
    this.seek(at);
  }

  /** Hear the sounds at these gains from now on. */
  hear(levels) {
    this.levels = levels;
    if (!this.playing) return;
    this.voices.forEach(({ gain }, number) => {
      gain.gain.setTargetAtTime(levels[number] || 0, this.context.currentTime, FADE);
    });
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.context) this.output.gain.setTargetAtTime(volume, this.context.currentTime, FADE);
  }

  /** Return what is heard at some gains as one channel. */
  mix(levels) {
    const sum = new Float32Array(this.buffers[0].length);
    this.buffers.forEach((buffer, number) => {
      if (!levels[number]) return;
      const factor = levels[number] / buffer.numberOfChannels;
      for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
        const samples = buffer.getChannelData(channel);
        for (let at = 0; at < sum.length; at += 1) sum[at] += factor * samples[at];
      }
    });
    return sum;
  }
}

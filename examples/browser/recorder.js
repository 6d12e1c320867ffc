"use strict";
// Runs in the browser's audio thread: turns what the microphone gives into 16 kHz, 16 bit, in frames of 100 ms.

const TARGET_HZ = 16000;
const FRAME = 1600;
const HALF_WIDTH = 16; // of the low-pass filter, in samples of the lower rate

// Brings sound down to 16 kHz: a windowed sinc whose cut-off is a little below the new limit, taken wherever a new sample lies.
class Downsampler {
  constructor(rateHz) {
    this.step = rateHz / TARGET_HZ;
    const widest = Math.max(1, this.step);
    this.cutoff = 0.92 / widest;
    this.reach = Math.ceil(HALF_WIDTH * widest);
    this.held = new Float32Array(this.reach); // what lies before the first sample is silence
    this.at = this.reach;
  }

  push(samples) {
    if (this.step === 1) return samples;
    const all = new Float32Array(this.held.length + samples.length);
    all.set(this.held);
    all.set(samples, this.held.length);
    const made = [];
    for (; this.at + this.reach < all.length; this.at += this.step) made.push(this.sample(all, this.at));
    const keep = Math.max(0, Math.floor(this.at) - this.reach);
    this.held = all.slice(keep);
    this.at -= keep;
    return Float32Array.from(made);
  }

  sample(all, at) {
    let sum = 0;
    const first = Math.max(0, Math.ceil(at - this.reach)), last = Math.min(all.length - 1, Math.floor(at + this.reach));
    for (let i = first; i <= last; i += 1) {
      const x = i - at;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / this.reach);
      const angle = Math.PI * x * this.cutoff;
      sum += all[i] * window * this.cutoff * (x === 0 ? 1 : Math.sin(angle) / angle);
    }
    return sum;
  }
}

// Little-endian whatever the machine.
function toS16le(samples) {
  const bytes = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((value, i) => bytes.setInt16(2 * i, Math.round(Math.max(-1, Math.min(1, value)) * 32767), true));
  return bytes.buffer;
}

if (typeof registerProcessor === "function") {
  registerProcessor("recorder", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.downsampler = new Downsampler(sampleRate);
      this.frame = new Float32Array(FRAME);
      this.filled = 0;
    }

    process([channels]) {
      if (channels.length === 0) return true;
      for (const value of this.downsampler.push(channels[0])) {
        this.frame[this.filled++] = value;
        if (this.filled === FRAME) this.send();
      }
      return true;
    }

    send() {
      let power = 0;
      for (const value of this.frame) power += value * value;
      const pcm = toS16le(this.frame);
      this.port.postMessage({ pcm, dbfs: 10 * Math.log10(power / FRAME + 1e-10) }, [pcm]);
      this.filled = 0;
    }
  });
}

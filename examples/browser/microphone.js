"use strict";
// The browser as microphone: asks, records, sends, and shows what is heard. docs/websocket.md describes the conversation.

const MAX_UNSENT_BYTES = 64000; // 2 s of sound; what the network does not take by then is left out, and said
const WORTH_MS = 120000; // how long a reading is shown as current
const FAREWELL_MS = 60000;
const MIC = {
  channelCount: 1,
  echoCancellation: false, // these are made for calls and change how a voice sounds
  noiseSuppression: false,
  autoGainControl: false,
};

const form = document.getElementById("server");
const connectionState = document.getElementById("connection");
const announcer = new Announcer(document.getElementById("announcer"));
const remember = rememberForTheSession(form, ["url", "name", "token"]);
const given = new URLSearchParams(location.search).get("url");
if (given) form.elements.url.value = given;
let recording = null;

function tell(text, state) {
  set(connectionState, text);
  connectionState.dataset.state = state;
}

// The microphone, open from `open` to `close`; `onFrame` gets 100 ms at a time.
class Microphone {
  async open(onFrame) {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: MIC });
    try {
      this.context = new AudioContext({ sampleRate: 16000 });
      this.source = this.context.createMediaStreamSource(this.stream);
    } catch {
      await this.context?.close(); // some browsers keep to the device's rate; the recorder brings it down then
      this.context = new AudioContext();
      this.source = this.context.createMediaStreamSource(this.stream);
    }
    await this.context.audioWorklet.addModule("recorder.js");
    this.node = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => onFrame(data);
    this.source.connect(this.node);
    await this.context.resume();
  }

  close() {
    if (this.node) this.node.port.onmessage = null;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
  }
}

// From Start to Stop: one microphone, and one connection after another.
class Recording {
  constructor({ url, name, token }) {
    this.url = url;
    this.hello = { type: "hello", sample_rate_hz: 16000, encoding: "s16le", channels: 1 };
    if (name) this.hello.name = name;
    if (token) this.hello.token = token;
    this.view = new StreamView(name || "this microphone", { announce: (words) => announcer.say(words) });
    document.getElementById("streams").replaceChildren(this.view.root);
    this.unsentMs = 0;
    this.failures = 0;
    this.state = "recording"; // then "finishing", then "over"
    this.microphone = new Microphone();
  }

  async start() {
    await this.microphone.open((frame) => this.#send(frame));
    if (this.state !== "recording") {
      this.microphone.close();
      return;
    }
    showLight(`recording: sound is sent to ${this.url}`);
    this.microphone.stream.getAudioTracks()[0].addEventListener("ended", () => this.fail("The microphone is gone."));
    this.#connect();
  }

  // Stops recording at once; the last reading is still waited for.
  stop() {
    this.microphone.close();
    showLight(null);
    showLevel(-60);
    if (this.state !== "recording") return;
    this.state = "finishing";
    clearTimeout(this.retry);
    if (this.ready) {
      this.socket.send(JSON.stringify({ type: "end" }));
      tell("waiting for the last reading", "warning");
      this.farewell = setTimeout(() => this.abandon(), FAREWELL_MS);
    } else {
      this.abandon();
    }
  }

  abandon() {
    this.state = "over";
    clearTimeout(this.retry);
    clearTimeout(this.farewell);
    this.socket?.close();
    tell("not connected", "");
  }

  fail(words) {
    this.stop();
    this.abandon();
    showStopped();
    set(document.getElementById("problem"), words);
  }

  #connect() {
    tell(this.failures ? "no connection; trying again" : "connecting …", this.failures ? "bad" : "");
    const socket = (this.socket = new WebSocket(this.url));
    this.ready = false;
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify(this.hello));
      tell("connected; the monitor is getting ready", "warning");
    });
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    socket.addEventListener("close", (event) => this.#closed(event));
  }

  #closed({ code, reason }) {
    this.ready = false;
    if (this.state === "over") return;
    if (this.state === "finishing") return this.abandon();
    if (reason.startsWith("unauthorized")) return this.fail("The monitor refused: the token is wrong, or missing.");
    if (code === 1008 || code === 1002 || code === 1009) return this.fail(`The monitor refused: ${reason || code}`);
    this.failures += 1;
    tell(`${reason || "no connection"}; trying again`, "bad");
    this.retry = setTimeout(() => this.#connect(), Readings.pauseMs(this.failures));
  }

  #send({ pcm, dbfs }) {
    showLevel(dbfs);
    if (!this.ready) return;
    if (this.socket.bufferedAmount > MAX_UNSENT_BYTES) this.#missed(pcm.byteLength / 32);
    else this.socket.send(pcm);
  }

  #missed(ms) {
    this.unsentMs += ms;
    set(document.getElementById("loss"), `${(this.unsentMs / 1000).toFixed(1)} s of sound did not get through.`);
  }

  #take(message) {
    switch (message.type) {
      case "ready":
        this.ready = true;
        this.failures = 0;
        tell("connected", "good");
        break;
      case "utterance.start":
        if (!this.view.current) this.view.say("someone is speaking");
        break;
      case "measurement":
        this.#show(message.reading);
        break;
      case "utterance.end":
        this.#end(message);
        break;
      case "drop":
        if (message.reason === "overflow") this.#missed(message.audio_end_ms - message.audio_start_ms);
        break;
    }
  }

  #show(reading) {
    if (!Readings.isDistribution(reading?.distribution)) return false;
    this.view.say(null);
    const atMs = Date.now();
    this.view.show({
      distribution: reading.distribution, smoothed: reading.smoothed, weak: Readings.weakness(reading), final: reading.final, atMs,
      validUntilMs: atMs + WORTH_MS,
    });
    return true;
  }

  #end({ reading, reason, audio_start_ms: startMs, audio_end_ms: endMs }) {
    if (!this.#show(reading)) this.view.say(Readings.reason(reason));
    if (startMs === null) return;
    const now = Date.now();
    this.view.add({ startMs: now - (endMs - startMs), endMs: now, distribution: reading?.distribution ?? null, weak: reading ? Readings.weakness(reading) : "", reason });
  }
}

function showLight(words) {
  const light = document.getElementById("light");
  light.classList.toggle("on", words !== null);
  set(light, words ?? "not recording");
  document.title = words === null ? "Microphone for emotion-monitor" : "● Recording – emotion-monitor";
}

function showLevel(dbfs) {
  const level = document.getElementById("level");
  const shown = Math.round(Math.max(-60, Math.min(0, dbfs)));
  level.firstElementChild.style.width = `${((shown + 60) / 60) * 100}%`;
  level.setAttribute("aria-valuenow", String(shown));
  level.setAttribute("aria-valuetext", `${shown} decibels`);
}

function showStopped() {
  document.getElementById("start").hidden = false;
  document.getElementById("stop").hidden = true;
}

function problem() {
  const { url, plaintext, consent } = form.elements;
  if (!navigator.mediaDevices?.getUserMedia) {
    return "This browser gives the microphone only to pages from https:// or from this machine (http://127.0.0.1:8000/…).";
  }
  if (!/^wss?:\/\/[^/\s]+/.test(url.value.trim())) return "The address begins with ws:// or wss://, for example ws://127.0.0.1:8765.";
  if (isExposed(url.value) && !plaintext.checked) return "This connection is not encrypted: use wss://, or say that this is all right.";
  if (!consent.checked) return "Please say first that everyone who can be heard agrees.";
  return "";
}

async function start(event) {
  event.preventDefault();
  const wrong = problem();
  set(document.getElementById("problem"), wrong);
  set(document.getElementById("loss"), "");
  if (wrong) return;
  remember();
  recording?.abandon();
  document.getElementById("start").hidden = true;
  document.getElementById("stop").hidden = false;
  document.getElementById("stop").focus();
  const { url, name, token } = form.elements;
  const begun = (recording = new Recording({ url: url.value.trim(), name: name.value.trim(), token: token.value }));
  try {
    await begun.start();
  } catch (error) {
    begun.fail(error.name === "NotAllowedError" ? "The browser was not allowed to use the microphone." : `The microphone cannot be used: ${error.message}`);
  }
}

function stop() {
  recording?.stop();
  showStopped();
  document.getElementById("start").focus();
}

form.addEventListener("submit", start);
document.getElementById("stop").addEventListener("click", stop);
const showExposed = () => { document.getElementById("exposed").hidden = !isExposed(form.elements.url.value); };
form.elements.url.addEventListener("input", showExposed);
addEventListener("pagehide", () => recording?.abandon());
setInterval(() => recording?.view.paint(), 500);
showExposed();

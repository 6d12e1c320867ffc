"use strict";
// Readings from an MQTT broker over a WebSocket, one card per stream.

const REFRESH_MS = 500;
const CONNECT_MS = 5000;

const form = document.getElementById("broker");
const connectionState = document.getElementById("connection");
const announcer = new Announcer(document.getElementById("announcer"));
const remember = rememberForTheSession(form, ["url", "user", "password", "base"]);
for (const name of ["url", "base"]) {
  const given = new URLSearchParams(location.search).get(name); // never a password: addresses are logged
  if (given) form.elements[name].value = given;
}

// What is known of the nodes below a base topic.
class Nodes {
  constructor(base) {
    this.base = base;
    this.availability = new Map();
    this.streams = new Map(); // "node/stream" to {node, stream, view, state}
    this.seen = new Readings.Seen();
    this.clocks = new Map(); // node to how far our clock is ahead of its own
  }

  get topics() {
    return ["availability", "health", "+/utterance", "+/state"].map((rest) => `${this.base}/+/${rest}`);
  }

  take(topic, payload, retained) {
    if (!topic.startsWith(`${this.base}/`)) return;
    const [node, ...rest] = topic.slice(this.base.length + 1).split("/");
    if (rest.length === 1 && rest[0] === "availability") {
      this.availability.set(node, payload);
      this.#showConditions();
      return;
    }
    const event = Readings.decode(payload);
    if (event?.kind === "health" && rest.length === 1) this.#health(node, event);
    if (rest.length !== 2) return;
    if (event?.kind === "state") this.#state(node, event, retained);
    if (event?.kind === "utterance") this.#utterance(node, event);
  }

  paint() {
    for (const { view } of this.streams.values()) view.paint();
    const said = [...this.clocks].filter(([, clock]) => clock.ms !== 0).map(([node, { ms }]) =>
      `This device's clock is ${Math.round(Math.abs(ms) / 1000)} s ${ms > 0 ? "ahead of" : "behind"} that of ${node}; this is allowed for.`);
    const clocks = document.getElementById("clocks");
    clocks.hidden = said.length === 0;
    set(clocks, said.join(" "));
  }

  #clock(node) {
    if (!this.clocks.has(node)) this.clocks.set(node, new Readings.ClockDifference());
    return this.clocks.get(node);
  }

  // While there is no connection nobody knows whether the nodes are there; what they said last is told again on the next one.
  disconnected() {
    this.availability.clear();
    this.#showConditions();
  }

  // The topic has the name of a source that has one; only the event says which of its runs this is.
  #stream(node, { stream, source, name }) {
    const key = `${node}/${stream}`;
    if (!this.streams.has(key)) {
      const clock = this.#clock(node);
      const view = new StreamView(`${node} · ${name ?? source}`, {
        announce: (words) => announcer.say(`${node}: ${words}`),
        now: () => Date.now() - clock.ms,
      });
      this.streams.set(key, { node, stream, view, state: "listening" });
      document.getElementById("streams").append(view.root);
      this.#showConditions();
    }
    return this.streams.get(key).view;
  }

  #state(node, event, retained) {
    if (!retained) this.#clock(node).push(Date.parse(event.at), Date.now());
    this.#stream(node, event).show({
      distribution: event.distribution,
      smoothed: event.smoothed,
      weak: Readings.weakness(event),
      final: event.final !== false,
      atMs: Date.parse(event.at),
      validUntilMs: Date.parse(event.valid_until),
    });
  }

  #utterance(node, event) {
    if (event.final === false || !this.seen.isNew(event.id)) return;
    const startMs = Date.parse(event.started_at);
    this.#stream(node, event).add({
      startMs,
      endMs: startMs + (event.end_s - event.start_s) * 1000,
      distribution: event.distribution,
      weak: Readings.weakness(event),
      reason: event.reason,
    });
  }

  // A node says which streams it has; those that it has forgotten are gone, with an earlier run for example.
  #health(node, event) {
    if (!Array.isArray(event.streams)) return;
    const known = new Map(event.streams.map((stream) => [stream.stream, stream.state]));
    for (const [key, one] of this.streams) {
      if (one.node !== node) continue;
      if (known.has(one.stream)) {
        one.state = known.get(one.stream);
      } else {
        one.view.root.remove();
        this.streams.delete(key);
      }
    }
    this.#showConditions();
  }

  #showConditions() {
    document.getElementById("empty").hidden = this.streams.size > 0;
    for (const { node, state, view } of this.streams.values()) {
      const availability = this.availability.get(node) ?? "unknown";
      if (availability === "online" && state !== "listening") {
        view.setCondition(`online, ${state}`, state === "failed" ? "bad" : "warning");
      } else {
        const marks = { online: "good", degraded: "warning", offline: "bad" };
        view.setCondition(availability, marks[availability] ?? "");
      }
    }
  }
}

// One connection at a time, tried again and again until the user disconnects.
class Broker {
  constructor({ url, user, password }, nodes) {
    this.options = { url, user, password };
    this.nodes = nodes;
    this.version = 5;
    this.failures = 0;
    this.unanswered = new Set(); // versions of MQTT in which our greeting got no answer; some brokers refuse a login so
    this.#connect();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.client?.end(true);
  }

  #connect() {
    const { url, user, password } = this.options;
    let refusal = "";
    let opened = false, answered = false, connected = false;
    if (this.failures === 0) tell("connecting …", "");
    // mqtt.js could reconnect by itself, but always in the same way: brokers without MQTT 5 need another one.
    const client = (this.client = mqtt.connect(url, {
      username: user || undefined,
      password: user ? password : undefined,
      clientId: `emotion-page-${crypto.getRandomValues(new Uint32Array(2)).join("")}`.slice(0, 23),
      protocolVersion: this.version,
      clean: true,
      keepalive: 15,
      connectTimeout: CONNECT_MS,
      reconnectPeriod: 0,
      timerVariant: "native", // the others need workers made of blobs
    }));
    client.stream.socket.addEventListener("open", () => { opened = true; });
    client.on("packetreceive", () => { answered = true; });
    client.on("connect", () => {
      connected = true;
      this.unanswered.clear();
      tellProblem("");
      this.failures = 0;
      this.everConnected = true;
      client.subscribe(this.nodes.topics, { qos: 1 }, (error, granted) => {
        if (this.stopped || this.client !== client) return;
        const denied = error || granted?.some(({ qos }) => qos >= 128);
        tell(denied ? "connected, but some topics may not be read" : `connected (MQTT ${this.version === 5 ? "5" : "3.1.1"})`,
          denied ? "warning" : "good");
      });
      document.getElementById("settings").open = false;
    });
    client.on("message", (topic, payload, packet) => this.nodes.take(topic, new TextDecoder().decode(payload), packet.retain));
    client.on("error", (error) => { refusal = error.message; });
    client.on("close", () => {
      if (this.stopped || this.client !== client) return;
      client.end(true);
      this.client = null;
      this.nodes.disconnected();
      if (opened && !answered) this.unanswered.add(this.version);
      else this.unanswered.clear();
      const refused = /not auth|bad user/i.test(refusal);
      const silent = this.unanswered.size === (this.everConnected ? 1 : 2);
      if (!this.everConnected) this.version = this.version === 5 ? 4 : 5;
      const wait = Readings.pauseMs(connected ? 0 : this.failures);
      this.failures += 1;
      const why = refused ? "wrong user or password" : silent ? "no answer; is the password right?" : refusal;
      tell(`${connected ? "connection lost" : "no connection"}${why ? `: ${why}` : ""}; trying again`, "bad");
      tellProblem(refused ? "The user or the password is wrong." : silent ?
        "The broker is there but does not answer. The embedded one does so when the user or the password is wrong." : "");
      this.timer = setTimeout(() => this.#connect(), wait);
    });
  }
}

let broker = null;
let nodes = null;

function tell(text, state) {
  set(connectionState, text);
  connectionState.dataset.state = state;
}

function tellProblem(words) {
  const problem = document.getElementById("broker-error");
  if (words && problem.textContent !== words) document.getElementById("settings").open = true;
  set(problem, words);
}

function showExposed() {
  document.getElementById("exposed").hidden = !isExposed(form.elements.url.value);
}

function problem() {
  const { url, base, plaintext } = form.elements;
  if (!/^wss?:\/\/[^/\s]+/.test(url.value.trim())) return "The address begins with ws:// or wss://, for example ws://127.0.0.1:9001.";
  if (!base.value.trim() || /[+#]/.test(base.value)) return "The base topic has no + or #.";
  if (isExposed(url.value) && !plaintext.checked) return "This connection is not encrypted: use wss://, or say that this is all right.";
  return "";
}

function disconnect() {
  broker?.stop();
  broker = null;
  nodes?.disconnected();
  tell("not connected", "");
  document.getElementById("disconnect").hidden = true;
  document.getElementById("connect").textContent = "Connect";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const wrong = problem();
  tellProblem(wrong);
  if (wrong) return;
  disconnect();
  remember();
  document.getElementById("streams").replaceChildren();
  document.getElementById("empty").hidden = false;
  nodes = new Nodes(form.elements.base.value.trim().replace(/\/+$/, ""));
  broker = new Broker({ url: form.elements.url.value.trim(), user: form.elements.user.value, password: form.elements.password.value }, nodes);
  document.getElementById("disconnect").hidden = false;
  document.getElementById("connect").textContent = "Connect again";
});
form.elements.url.addEventListener("input", showExposed);
document.getElementById("disconnect").addEventListener("click", disconnect);
setInterval(() => nodes?.paint(), REFRESH_MS);
showExposed();

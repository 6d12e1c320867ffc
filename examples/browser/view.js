"use strict";
// Shows one stream of readings: words, four bars, the last minutes, a table. Built of elements and text only, never of HTML.

const HISTORY_MS = 5 * 60 * 1000;
const TABLE_ROWS = 20;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

class StreamView {
  // `title` names the stream for people; `announce` is told, in a few words, what a screen reader should say; `now` is the
  // time in milliseconds on the clock that readings are stamped with.
  constructor(title, { announce = () => {}, now = Date.now } = {}) {
    this.announce = announce;
    this.now = now;
    this.current = null; // {distribution, smoothed, weak, final, atMs, validUntilMs}
    this.utterances = []; // oldest first: {startMs, endMs, distribution, weak, reason}
    this.title = element("h2", {}, title);
    this.condition = element("span", { class: "status" }, "");
    this.condition.hidden = true;
    this.words = element("p", { class: "verdict" }, "nothing heard yet");
    this.detail = element("p", { class: "quiet detail" }, "A reading follows each utterance.");
    this.note = element("p", { class: "note" });
    this.bars = Object.fromEntries(EMOTIONS.map((name) => [name, this.#bar(name)]));
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.svg.setAttribute("class", "history");
    this.svg.setAttribute("role", "img");
    this.rows = element("tbody");
    this.root = element("section", { class: "card" },
      element("div", { class: "top" }, this.title, this.condition),
      this.words, this.detail,
      element("div", { class: "bars" }, ...EMOTIONS.map((name) => this.bars[name].row)),
      this.note,
      this.svg,
      element("div", { class: "axis", "aria-hidden": "true" }, element("span", {}, "5 min ago"), element("span", {}, "now")),
      this.#table(title));
    this.root.setAttribute("aria-label", title);
    this.paint();
  }

  #bar(name) {
    const fill = element("div", { class: "fill", "data-emotion": name });
    const mean = element("div", { class: "mean" });
    const value = element("span", { class: "value", "aria-hidden": "true" }, "–");
    const track = element("div", { class: "track", role: "meter", "aria-label": name, "aria-valuemin": "0", "aria-valuemax": "100",
      "aria-valuenow": "0", "aria-valuetext": "not known" }, fill, mean);
    const row = element("div", { class: "bar" }, element("span", { class: "name", "aria-hidden": "true" }, name), track, value);
    return { row, track, fill, mean, value };
  }

  #table(title) {
    const head = ["Time", "Heard", ...EMOTIONS.map((name) => name[0].toUpperCase() + name.slice(1)), "Length"];
    return element("details", {}, element("summary", {}, `Last ${TABLE_ROWS} utterances as a table`),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Last utterances of ${title}` },
        element("table", {},
          element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), this.rows)));
  }

  // The latest reading, interim ones included; after `validUntilMs` it is worth nothing.
  show({ distribution, smoothed, weak, final, atMs, validUntilMs }) {
    if (this.current && atMs < this.current.atMs) return;
    this.current = { distribution, smoothed, weak, final, atMs, validUntilMs };
    for (const name of EMOTIONS) {
      const { track, fill, mean, value } = this.bars[name];
      const percent = Math.round(distribution[name] * 100);
      fill.style.width = `${distribution[name] * 100}%`;
      value.textContent = `${percent} %`;
      track.setAttribute("aria-valuenow", String(percent));
      track.setAttribute("aria-valuetext", `${percent} percent`);
      mean.classList.toggle("known", Readings.isDistribution(smoothed));
      if (Readings.isDistribution(smoothed)) mean.style.left = `${smoothed[name] * 100}%`;
    }
    this.paint();
    if (final) this.announce(Readings.verdict(distribution, weak));
  }

  // A finished utterance, for the history; `distribution` is null for one without a reading.
  add({ startMs, endMs, distribution, weak, reason }) {
    this.utterances.push({ startMs, endMs, distribution, weak, reason });
    this.utterances.sort((a, b) => a.startMs - b.startMs);
    this.utterances = this.utterances.slice(-500);
    this.#paintTable();
    this.paint();
  }

  // Why there is no reading just now, in place of the words; or null.
  say(words) {
    this.instead = words;
    this.paint();
  }

  // How the stream or its node does: a word, and good, warning or bad.
  setCondition(word, state) {
    this.condition.hidden = !word;
    if (this.condition.textContent !== word) this.condition.textContent = word;
    this.condition.dataset.state = state;
  }

  paint() {
    const nowMs = this.now();
    const reading = this.current;
    if (reading) {
      const stale = nowMs > reading.validUntilMs;
      this.root.classList.toggle("stale", stale);
      const verdict = Readings.verdict(reading.distribution, reading.weak);
      const words = stale ? `was ${verdict}` : reading.final ? verdict : `so far ${verdict}`;
      set(this.words, this.instead ?? words);
      const sure = Readings.agreement(reading.distribution, reading.weak);
      const parts = [sure, `entropy ${Readings.entropy(reading.distribution).toFixed(2)}`, Readings.age((nowMs - reading.atMs) / 1000)];
      if (!reading.final && !stale) parts.unshift("still speaking");
      set(this.detail, parts.join(" · "));
      set(this.note, stale ? "This reading is too old to be worth anything." : "");
    } else if (this.instead) {
      set(this.words, this.instead);
    }
    this.#paintHistory(nowMs);
  }

  #paintHistory(nowMs) {
    const from = nowMs - HISTORY_MS;
    const shown = this.utterances.filter((one) => one.endMs > from && one.startMs < nowMs);
    const columns = shown.flatMap((one) => {
      const left = Math.max(0, ((one.startMs - from) / HISTORY_MS) * 100);
      const width = Math.max(0.4, ((Math.min(one.endMs, nowMs) - from) / HISTORY_MS) * 100 - left);
      if (!one.distribution) return [rectangle(left, 97, width, 3, "none-read", "no reading")];
      let bottom = 100;
      return EMOTIONS.map((name) => {
        const height = one.distribution[name] * 100;
        bottom -= height;
        return rectangle(left, bottom, width, height, name, `${name} ${Math.round(height)} %`);
      });
    });
    this.svg.replaceChildren(...columns);
    const last = shown.findLast((one) => one.distribution);
    const latest = last ? `; the latest: ${Readings.verdict(last.distribution, last.weak)}` : "";
    const label = `Last 5 minutes: ${shown.length} utterance${shown.length === 1 ? "" : "s"}${latest}`;
    if (this.svg.getAttribute("aria-label") !== label) this.svg.setAttribute("aria-label", label);
  }

  #paintTable() {
    this.rows.replaceChildren(...this.utterances.slice(-TABLE_ROWS).reverse().map((one) => {
      const shares = EMOTIONS.map((name) => (one.distribution ? `${Math.round(one.distribution[name] * 100)} %` : "–"));
      const heard = one.distribution ? Readings.verdict(one.distribution, one.weak) : Readings.reason(one.reason);
      const length = `${((one.endMs - one.startMs) / 1000).toFixed(1)} s`;
      const cells = [new Date(one.startMs).toLocaleTimeString(), heard, ...shares, length];
      return element("tr", {}, ...cells.map((text) => element("td", {}, text)));
    }));
  }
}

function set(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function rectangle(x, y, width, height, emotion, title) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of Object.entries({ x, y, width, height })) made.setAttribute(key, `${value.toFixed(3)}%`);
  made.setAttribute("data-emotion", emotion);
  const words = document.createElementNS("http://www.w3.org/2000/svg", "title");
  words.textContent = title;
  made.append(words);
  return made;
}

// Says something politely through a live region, at most every few seconds, the newest last.
class Announcer {
  constructor(region, everyMs = 3000) {
    this.region = region;
    this.everyMs = everyMs;
    this.waiting = null;
    this.timer = null;
  }

  say(text) {
    this.waiting = text;
    if (this.timer !== null) return;
    this.#speak();
    this.timer = setInterval(() => this.#speak(), this.everyMs);
  }

  #speak() {
    if (this.waiting === null) {
      clearInterval(this.timer);
      this.timer = null;
      return;
    }
    this.region.textContent = this.waiting;
    this.waiting = null;
  }
}

// Fields of a form, remembered until the tab is closed and nowhere else.
function rememberForTheSession(form, names) {
  for (const name of names) {
    const kept = sessionStorage.getItem(`emotion-monitor ${name}`);
    if (kept !== null) form.elements[name].value = kept;
  }
  return () => names.forEach((name) => sessionStorage.setItem(`emotion-monitor ${name}`, form.elements[name].value));
}

// Whether others could listen in on the way to a ws:// address.
function isExposed(url) {
  try {
    const { protocol, hostname } = new URL(url);
    return protocol === "ws:" && !/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  } catch {
    return false;
  }
}

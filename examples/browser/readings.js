"use strict";
// What readings mean, without a page: decoding, words, staleness, repeats. Nothing here touches the document.

const EMOTIONS = ["anger", "happiness", "sadness", "neutral"];

const Readings = (() => {
  // Words and thresholds are those of core/verdict.py, which says why.
  const UNCLEAR_ENTROPY = 0.95, MIXED_MARGIN = 0.15, TIE_MARGIN = 0.05, LEANING_SHARE = 0.5, NOTED_SHARE = 0.2;
  const CLEAR_ENTROPY = 0.6, PLAIN_ENTROPY = 0.35, KNOWN_WEIGHT = 0.5;

  // Why sound got no reading, in words.
  const REASONS = {
    too_short: "too short to be read", overload: "not read: too much speech at once", too_late: "not read: it waited too long",
    lost: "not read: the reading was lost", shutdown: "not read: the monitor was stopped",
  };

  const entropy = (distribution) =>
    EMOTIONS.reduce((sum, name) => sum - (distribution[name] > 0 ? distribution[name] * Math.log(distribution[name]) : 0), 0) /
    Math.log(EMOTIONS.length);

  const ranked = (distribution) => EMOTIONS.map((name) => [name, distribution[name]]).sort((a, b) => b[1] - a[1]);

  const either = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0]);

  // Why the percentages of an event are not worth more for the voice that it is of; empty: they are calibrated for it.
  const weakness = ({ model, calibration = model?.calibration ?? null, adaptation }) =>
    calibration === null ? "uncalibrated: only a rough guide" :
    adaptation && adaptation.weight < KNOWN_WEIGHT ? "getting to know this voice" : "";

  // How far one emotion stands out.
  function clarity(distribution, weak = "") {
    const [[, share], [, runnerUp]] = ranked(distribution);
    if (entropy(distribution) >= UNCLEAR_ENTROPY) return "unclear";
    if (share - runnerUp < MIXED_MARGIN) return "mixed";
    if (share < LEANING_SHARE) return "leaning";
    return !weak && runnerUp < NOTED_SHARE && entropy(distribution) < CLEAR_ENTROPY ? "clear" : "mostly";
  }

  // A reading in a few words: clear, mostly, leaning, mixed, or no clear emotion.
  function verdict(distribution, weak = "") {
    const order = ranked(distribution);
    const [[first, share], [second, runnerUp]] = order;
    switch (clarity(distribution, weak)) {
      case "unclear": return "no clear emotion heard";
      case "mixed": return `mixed: ${either(order.filter(([, p]) => share - p < MIXED_MARGIN).map(([name]) => name))}`;
      case "leaning": return `leaning to ${first}`;
      case "mostly": return `mostly ${first}${runnerUp >= NOTED_SHARE ? `, some ${second}` : ""}`;
      default: return `clear: ${first}`;
    }
  }

  // Whether listeners would agree on the first emotion; where nobody can know, why not.
  function agreement(distribution, weak = "") {
    if (weak) return weak;
    const [[, share], [, runnerUp]] = ranked(distribution);
    switch (clarity(distribution)) {
      case "unclear": return "all four possible";
      case "mixed": return `${share - runnerUp < TIE_MARGIN ? "a tie" : "nearly tied"}: many would disagree`;
      case "leaning": return "fewer than half would agree";
      case "mostly": return "half or more would agree";
      default: return entropy(distribution) < PLAIN_ENTROPY ? "few would disagree" : "most would agree";
    }
  }

  const reason = (code) => REASONS[code] ?? `no reading: ${String(code).replaceAll("_", " ")}`;

  // Whether a value is a distribution over the four emotions.
  const isDistribution = (value) =>
    value !== null && typeof value === "object" &&
    EMOTIONS.every((name) => Number.isFinite(value[name]) && value[name] >= 0) &&
    Math.abs(EMOTIONS.reduce((sum, name) => sum + value[name], 0) - 1) < 1e-3;

  // An event from JSON, or null for what is no event of the first version; unknown fields are left alone.
  function decode(text) {
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      return null;
    }
    const kind = /^emotion-monitor\/([a-z]+)\/1$/.exec(event?.schema ?? "")?.[1];
    if (!kind) return null;
    if (kind === "state" && !(isDistribution(event.distribution) && isTime(event.at) && isTime(event.valid_until))) return null;
    if (kind === "utterance" && !(typeof event.id === "string" && isTime(event.started_at))) return null;
    if (kind === "utterance" && event.distribution !== null && !isDistribution(event.distribution)) return null;
    return { ...event, kind };
  }

  const isTime = (value) => typeof value === "string" && Number.isFinite(Date.parse(value));

  const age = (seconds) =>
    seconds < 1 ? "just now" : seconds < 60 ? `${Math.floor(seconds)} s ago` : seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` :
    `${Math.floor(seconds / 3600)} h ago`;

  // Remembers ids, the newest `most` of them: an event may be delivered more than once.
  class Seen {
    #ids = new Set();
    constructor(most = 5000) { this.most = most; }
    isNew(id) {
      if (this.#ids.has(id)) return false;
      this.#ids.add(id);
      if (this.#ids.size > this.most) this.#ids.delete(this.#ids.values().next().value);
      return true;
    }
  }

  // How far our clock is ahead of another, from messages that have just been sent: the least that any of the last ones says,
  // for being on the way only adds to it. What being on the way may explain is no difference; nothing comes before it is sent.
  class ClockDifference {
    #samples = [];
    push(sentMs, nowMs) { this.#samples = [...this.#samples, nowMs - sentMs].slice(-10); }
    get ms() {
      if (this.#samples.length === 0) return 0;
      const least = Math.min(...this.#samples);
      return least < -2000 || (least > 5000 && this.#samples.length >= 3) ? least : 0;
    }
  }

  // Waiting times between attempts: doubling, with jitter, up to half a minute.
  const pauseMs = (failures) => Math.min(30000, 500 * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2);

  return { verdict, agreement, weakness, reason, entropy, ranked, decode, isDistribution, age, Seen, ClockDifference, pauseMs };
})();

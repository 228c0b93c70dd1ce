/**
 * One connection that brings events: server-sent events read with fetch, so that every status can be seen and nothing
 * ends for good. It comes back by itself, for ever; where a proxy holds events back, it asks for them instead.
 */

const SILENT_MS = 40_000; // a beat comes every 15 s: after this the connection is dead, whatever it says
const FIRST_MS = 20_000; // nothing at all by then: something in between holds events back
const LONGEST_MS = 30_000;

/**
 * @typedef {{name: string, id: string, data: any}} Happening
 * @typedef {"connecting"|"live"|"waiting"} StreamState
 */

/**
 * Open a stream. It remembers the position of the last event that had one.
 * @param {{
 *   url: (after: string) => string,
 *   pollUrl?: (after: string, wait: number) => string,
 *   after?: string,
 *   event: (happening: Happening) => void,
 *   state?: (state: StreamState) => void,
 *   expired?: () => Promise<void>,
 * }} options
 */
export function openStream({ url, pollUrl, after = "", event, state = () => {}, expired }) {
  let position = after;
  let ended = false;
  let failures = 0;
  let polling = false;
  /** @type {AbortController|null} */
  let current = null;
  /** @type {(() => void)|null} */
  let hurry = null;

  const take = (/** @type {Happening} */ happening) => {
    failures = 0;
    if (happening.id) position = happening.id;
    event(happening);
  };

  async function listen() {
    current = new AbortController();
    const response = await fetch(url(position), { signal: current.signal, headers: { Accept: "text/event-stream" }, cache: "no-store" });
    if (response.status === 401 && expired) return void (await expired());
    if (!response.ok || !response.body) throw new Refused(Number(response.headers.get("Retry-After")));
    let heard = false;
    let watch = setTimeout(() => { polling = Boolean(pollUrl); current?.abort(); }, FIRST_MS);
    const parse = parser((happening) => {
      if (!heard) state("live");
      heard = true;
      take(happening);
    });
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watch);
        watch = setTimeout(() => current?.abort(), SILENT_MS);
        parse(decoder.decode(value, { stream: true }));
      }
    } finally {
      clearTimeout(watch);
    }
  }

  async function poll() {
    current = new AbortController();
    const response = await fetch(/** @type {any} */ (pollUrl)(position, 20), { signal: current.signal, cache: "no-store" });
    if (response.status === 401 && expired) return void (await expired());
    if (!response.ok) throw new Refused(Number(response.headers.get("Retry-After")));
    const { items, next, resync } = await response.json();
    state("live");
    failures = 0;
    if (resync) take({ name: "resync", id: next, data: { why: resync } });
    for (const item of items ?? []) take(item);
    if (next) position = next;
  }

  async function run() {
    while (!ended) {
      let pause = 300;
      try {
        if (failures === 0) state("connecting");
        await (polling ? poll() : listen());
        if (polling) continue;
        pause = 300 + Math.random() * 700; // ended properly: a process that stops
      } catch (error) {
        pause = Math.min(LONGEST_MS, 1000 * 2 ** failures) * (0.7 + Math.random() * 0.6);
        if (error instanceof Refused && error.retryAfter) pause = Math.max(pause, error.retryAfter * 1000);
        failures += 1;
      }
      if (ended) return;
      state("waiting");
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, pause);
        hurry = () => { clearTimeout(timer); resolve(undefined); };
      });
      hurry = null;
    }
  }

  const now = () => { failures = Math.min(failures, 1); hurry?.(); };
  const seen = () => document.hidden || now();
  window.addEventListener("online", now);
  document.addEventListener("visibilitychange", seen);
  run();

  return {
    get position() { return position; },
    set position(value) { position = value; },
    close() {
      ended = true;
      current?.abort();
      hurry?.();
      window.removeEventListener("online", now);
      document.removeEventListener("visibilitychange", seen);
    },
  };
}

class Refused extends Error {
  /** @param {number} retryAfter seconds */
  constructor(retryAfter) {
    super("refused");
    this.retryAfter = retryAfter;
  }
}

/** Lines of an event stream to events. @param {(happening: Happening) => void} found @returns {(text: string) => void} */
export function parser(found) {
  let rest = "";
  let name = "";
  let id = "";
  /** @type {string[]} */
  let data = [];
  return (text) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = /** @type {string} */ (lines.pop());
    for (const line of lines) {
      if (line === "") {
        if (data.length) found({ name: name || "message", id, data: parsed(data.join("\n")) });
        name = "";
        id = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      else if (field === "id") id = value;
      else if (field === "data") data.push(value);
    }
  };
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
